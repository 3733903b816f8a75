"""What the integration tests share: clients for fake servers, collectors, and a look for leaks."""

import asyncio
import gc
import json
import os
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from typing_extensions import override

from rtms_client import (
    NetworkOptions,
    RTMSClient,
    RTMSStarted,
    RTMSStream,
    StreamInfo,
    Timeouts,
    parse_started,
)
from rtms_client.testing import FakeConnection, FakeRTMSServer, FakeStream, FaultHook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtms_client.testing._server_connection import Frame

T = TypeVar("T")

CLIENT_ID: Final = "test-client-id"
CLIENT_SECRET: Final = "test-client-secret"
SHORT: Final = Timeouts(connect_s=10, handshake_s=10, request_s=10, close_s=10, drain_s=0.5)
"""Time-outs that a healthy test never meets."""
_DEADLINE_S: Final = 30.0
_BUSY_S: Final = 4.0


def network(server: FakeRTMSServer, **options: Any) -> NetworkOptions:  # noqa: ANN401  # passed on
    """Return options that reach a fake server and nothing else."""
    options.setdefault("ssl_context", server.ssl_context())
    return NetworkOptions(**{"allowed_hosts": ("localhost",), "proxy": False, **options})


def client_for(server: FakeRTMSServer, **options: Any) -> RTMSClient:  # noqa: ANN401  # passed on
    """Return a client for a fake server."""
    options.setdefault("network", network(server))
    options.setdefault("timeouts", SHORT)
    options.setdefault("reconnect", None)
    return RTMSClient(CLIENT_ID, CLIENT_SECRET, **options)


def info_of(server: FakeRTMSServer, stream: FakeStream | None = None) -> StreamInfo:
    """Return what the started webhook of a stream says."""
    started: RTMSStarted = parse_started(server.started_webhook(stream))
    return started.stream


def stream_of(server: FakeRTMSServer, **options: Any) -> RTMSStream:  # noqa: ANN401  # passed on
    """Return a stream of a new client, not yet opened."""
    return client_for(server, **options).stream(info_of(server))


@asynccontextmanager
async def joined(server: FakeRTMSServer, **options: Any) -> AsyncIterator[RTMSStream]:  # noqa: ANN401  # passed on
    """Join the stream of a fake server and wait until all media may flow."""
    async with stream_of(server, **options) as stream:
        await media_ready(server, stream)
        yield stream


async def media_ready(server: FakeRTMSServer, stream: RTMSStream) -> None:
    """Wait until the server saw the acknowledgement of every media connection."""
    media = [
        medium
        for medium in ("audio", "video", "share", "transcript", "chat")
        if getattr(stream.granted, medium) is not None
    ]
    await until(
        lambda: (
            len([one for one in server.stream.media if one.ready]) == len(media)
            or any(one.kind == "all" and one.ready for one in server.stream.media)
        )
    )


async def until(condition: Callable[[], object], *, timeout_s: float = _DEADLINE_S) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: It never did.
    """
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # any condition, so nothing sets an event
            await asyncio.sleep(0.001)


async def collect(items: AsyncIterable[T], count: int | None = None) -> list[T]:
    """Read all items, or the first so many."""
    found: list[T] = []
    async for item in items:
        found.append(item)
        if len(found) == count:
            break
    return found


async def first_of(items: AsyncIterable[object], kind: type[T]) -> T:
    """Read until an item of some kind comes, and give it.

    Raises:
        AssertionError: None came until the end.
    """
    found: object = None
    async for item in items:  # pragma: no branch  # the end is what the assertion is for
        found = item
        if isinstance(found, kind):
            break
    assert isinstance(found, kind), f"no {kind.__name__} came"
    return found


def open_files() -> set[tuple[str, str]]:
    """Return the file descriptors of this process with what they stand for."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add((entry.name, os.readlink(entry)))  # noqa: PTH115  # sockets are no paths
        except FileNotFoundError:  # the one that listed the folder
            continue
    return found


def _threads() -> set[threading.Thread]:
    """Return the threads, except those of the event loop's own executor, which look up names."""
    return {one for one in threading.enumerate() if not one.name.startswith("asyncio_")}


class Leaks:
    """Knows what exists at one moment, and tells what came to it since."""

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks()
        self._files = open_files()
        self._threads = _threads()

    def found(self) -> list[object]:
        """Return what is new: tasks of a client, threads, and file descriptors of either side."""
        tasks = asyncio.all_tasks() - self._tasks
        return [
            *(task for task in tasks if task.get_name().startswith("rtms ")),
            *(_threads() - self._threads),
            *(open_files() - self._files),
        ]

    async def none(self, *, within_s: float = 10.0, collect: bool = True) -> None:
        """Wait until nothing new is left, while the server is still there.

        Args:
            within_s: How long to wait, in seconds.
            collect: Whether to make everything that was forgotten open complain now, which takes
                its time.

        Raises:
            AssertionError: Something is.
        """
        deadline = time.monotonic() + within_s
        while left := self.found():
            assert time.monotonic() < deadline, f"left after {within_s} s: {left}"
            await asyncio.sleep(0.001)
        if collect:
            gc.collect()


@contextmanager
def at_most(seconds: float) -> "Iterator[None]":
    """Check that a block does not take longer, apart from what a busy machine needs.

    The time-outs of `SHORT` are longer than both together: waiting for one of them is noticed.

    Raises:
        AssertionError: It did.
    """
    started = time.monotonic()
    yield
    taken = time.monotonic() - started
    assert taken <= seconds + _BUSY_S, f"took {taken:.2f} s instead of {seconds} s at most"


class Tampering(FaultHook):
    """Changes what a fake server sends, apart from media.

    Args:
        change: Gets the parsed message, returns what is sent instead, or `None` for nothing.
    """

    def __init__(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        self._change = change

    @override
    async def accepted(self, connection: FakeConnection) -> None:
        """Let every connection in."""

    @override
    async def sending(self, connection: FakeConnection, frame: "Frame") -> "Sequence[Frame]":
        payload, text, medium = frame
        if medium is not None:
            return [frame]
        changed = self._change(json.loads(payload))
        return [] if changed is None else [(json.dumps(changed).encode(), text, None)]

    @override
    async def received(self, connection: FakeConnection, data: str | bytes) -> bool:
        return True


def answering(msg_type: int, **fields: object) -> Tampering:
    """Change fields of one type of message."""
    return Tampering(
        lambda message: message | fields if message["msg_type"] == msg_type else message
    )
