"""The sending process of the benchmark programs, as far as their verdicts rest on it."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from websockets.sync.client import connect

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LOAD = {"flows": [{"medium": "audio"}], "tls": False, "keep_alive_s": 0.02}


@pytest.fixture
def sender() -> Iterator["subprocess.Popen[str]"]:
    """A sender that asks for signs of life all the time."""
    with subprocess.Popen(  # noqa: S603  # this interpreter, a module of ours, no shell
        [sys.executable, "-m", "harness.sender", json.dumps(LOAD)],
        cwd=BENCHMARKS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        yield process
        process.stdin.close()
        assert process.wait(10) == 0


def test_keep_alives_of_one_receiver(sender: "subprocess.Popen[str]") -> None:
    """Keep-alives are counted up to the end of the receiver that was asked, and not beyond it."""
    lines = _lines(sender.stdout)
    url = json.loads(lines.get(timeout=10))["url"]
    with connect(url, proxy=None) as mute:
        mute.send(json.dumps({"msg_type": 1, "rtms_stream_id": "one"}))
        for _ in range(4):
            mute.recv(10)
        _ask(sender)
        with pytest.raises(queue.Empty):
            lines.get(timeout=0.3)
    assert json.loads(lines.get(timeout=10))["missed"] > 2
    _ask(sender)
    assert json.loads(lines.get(timeout=10)) == {"asked": 0, "missed": 0, "slowest_ms": 0}


def _lines(stream: IO[str] | None) -> "queue.Queue[str]":
    """Read lines in a thread, so that waiting for one can end."""
    assert stream is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: [*map(lines.put, stream)], daemon=True).start()
    return lines


def _ask(sender: "subprocess.Popen[str]") -> None:
    assert sender.stdin is not None
    sender.stdin.write("\n")
    sender.stdin.flush()
