"""The thread that runs calls."""

import functools
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Final

import pytest
from typing_extensions import override

from rtms_client._runtime import worker as module
from rtms_client._runtime.worker import Worker

_PATIENCE_S = 10.0


def _until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@contextmanager
def working() -> Iterator[Worker]:
    """Have a worker, and see its thread end."""
    before = threading.active_count()
    worker = Worker("work")
    try:
        yield worker
    finally:
        worker.end()
    _until(lambda: threading.active_count() <= before)


class _Calls:
    """Gives calls to a worker, each once the one before has ended."""

    def __init__(self, worker: Worker) -> None:
        self.threads: set[int] = set()
        self._worker = worker
        self._done: SimpleQueue[int] = SimpleQueue()

    def run(self, number: int) -> None:
        """Give a call, and wait for it."""
        self._worker.give(functools.partial(self._call, number))
        assert self._done.get(timeout=_PATIENCE_S) == number

    def _call(self, number: int) -> None:
        self.threads.add(threading.get_ident())
        self._done.put(number)


def test_calls_run_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is run, by the same thread, which ends at once when it is told to."""
    monkeypatch.setattr(module, "_SHIFT_S", 60.0)
    with working() as worker:
        calls = _Calls(worker)
        for number in range(1000):
            calls.run(number)
    assert len(calls.threads) == 1
    assert threading.get_ident() not in calls.threads


@pytest.mark.parametrize("shift_s", [0.0, 0.0001, 0.001])
def test_calls_around_the_end_of_a_shift(
    monkeypatch: pytest.MonkeyPatch, *, shift_s: float
) -> None:
    """No call is forgotten because it came when a shift ended."""
    monkeypatch.setattr(module, "_SHIFT_S", shift_s)
    with working() as worker:
        calls = _Calls(worker)
        for number in range(300):
            calls.run(number)
            time.sleep(0.00001 * number)
    assert len(calls.threads) == 1


class _LateCall(SimpleQueue[Callable[[], None]]):
    """A queue into which something comes just after it was found empty."""

    def __init__(self, comes: Callable[[], None]) -> None:
        super().__init__()
        self._comes = comes

    @override
    def get(self, block: bool = True, timeout: float | None = None) -> Callable[[], None]:
        try:
            return super().get(block, timeout)
        except Empty:
            comes, self._comes = self._comes, lambda: None
            comes()
            raise


def test_call_that_comes_as_a_shift_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given before anybody could know that the shift is over is run all the same."""
    monkeypatch.setattr(module, "_SHIFT_S", 0.01)
    late = threading.Event()
    with working() as worker:
        worker._calls = _LateCall(lambda: worker.give(late.set))  # noqa: SLF001
        worker.give(lambda: None)
        assert late.wait(_PATIENCE_S)


def test_idle_thread_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call was about can be forgotten as soon as it has ended."""
    monkeypatch.setattr(module, "_SHIFT_S", 60.0)
    with working() as worker:
        thing = threading.Event()
        held = weakref.ref(thing)
        worker.give(thing.set)
        assert thing.wait(_PATIENCE_S)
        del thing
        _until(lambda: held() is None)


def test_worker_that_got_nothing() -> None:
    """Without a call there is no thread."""
    before = threading.active_count()
    with working():
        assert threading.active_count() == before


_PROGRAM: Final = """
import sys, threading, time
from rtms_client._runtime.worker import Worker

worker = Worker("work")

def give():
    while True:
        worker.give(lambda: None)
        time.sleep(0.01)

worker.give(lambda: print("called", flush=True))
time.sleep(0.1)
if sys.argv[1] == "busy":
    threading.Thread(target=give, daemon=True).start()
    time.sleep(0.1)
"""


@pytest.mark.parametrize("how", ["idle", "busy"])
def test_worker_that_nobody_ends(how: str) -> None:
    """A worker that nobody ended lets the interpreter end, whatever it still gets to do."""
    done = subprocess.run(  # noqa: S603  # the program above
        [sys.executable, "-c", _PROGRAM, how],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.split() == ["called"]
