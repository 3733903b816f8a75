"""The queue between ``lambda_handler.py`` and ``queue_worker.py``.

Two kinds are here, chosen by the address: ``https://sqs...`` is Amazon SQS, which needs boto3, and
anything else is a folder on this machine, to try the programs without an account. Any queue that
delivers at least once will do in their place.
"""

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

WAIT_S: Final = 2
"""How long `Queue.receive` waits, which delays the answer to SIGTERM."""


@dataclass(frozen=True)
class Message:
    """One notification in a queue."""

    text: str
    receipt: str


class Queue(Protocol):
    """What the programs need of a queue; all of it blocks."""

    def put(self, text: str) -> None:
        """Add a message; when this returns, the queue keeps it."""
        ...

    def receive(self) -> Sequence[Message]:
        """Return up to ten messages, or none after `WAIT_S`."""
        ...

    def delete(self, message: Message) -> None:
        """Remove a message; what was received and is not deleted will come again."""
        ...


class SQS:
    """A queue of Amazon SQS."""

    def __init__(self, url: str) -> None:
        # Imported here, because a folder does without it. It has no types.
        self._sqs: Any = import_module("boto3").client("sqs")
        self._url = url

    def put(self, text: str) -> None:
        """Send a message."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=text)

    def receive(self) -> Sequence[Message]:
        """Poll for messages."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_S
        )
        return [Message(one["Body"], one["ReceiptHandle"]) for one in answer.get("Messages", [])]

    def delete(self, message: Message) -> None:
        """Say that a message is done with."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)


class Folder:
    """A queue of files, for one reader."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._path.mkdir(parents=True, exist_ok=True)

    def put(self, text: str) -> None:
        """Write a file, which the reader sees when it is complete."""
        path = self._path / f"{time.time_ns()}-{uuid.uuid4().hex}.part"
        path.write_text(text, "utf-8")
        path.rename(path.with_suffix(".json"))

    def receive(self) -> Sequence[Message]:
        """Read the oldest files."""
        deadline = time.monotonic() + WAIT_S
        while not (found := sorted(self._path.glob("*.json"))) and time.monotonic() < deadline:
            time.sleep(0.05)  # no system tells in the same way that a file has come
        return [Message(path.read_text("utf-8"), path.name) for path in found[:10]]

    def delete(self, message: Message) -> None:
        """Delete a file."""
        (self._path / message.receipt).unlink(missing_ok=True)


def connect() -> Queue:
    """Open the queue that the environment names."""
    url = os.environ["QUEUE_URL"]
    return SQS(url) if url.startswith("https://") else Folder(url)
