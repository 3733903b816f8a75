"""The thread that works off batches."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import pytest

from rtms_client._runtime import worker as module
from rtms_client._runtime.worker import Worker

_PATIENCE_S = 10.0


class _Work:
    """Takes notes of batches, of the thread that works on them, and of when it is done."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.done: SimpleQueue[object] = SimpleQueue()

    def __call__(self, batch: object) -> None:
        """Take note."""
        self.threads.add(threading.get_ident())
        self.done.put(batch)

    def next(self) -> object:
        """Wait for the next batch that was worked off."""
        return self.done.get(timeout=_PATIENCE_S)


@contextmanager
def working() -> Iterator[tuple[Worker, _Work]]:
    """Have a worker, and see its thread end."""
    before = threading.active_count()
    work = _Work()
    worker = Worker("work", work)
    yield worker, work
    worker.end()
    end = time.monotonic() + _PATIENCE_S
    while threading.active_count() > before:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_batches_come_in_order_in_one_thread() -> None:
    """Every batch is worked off, one after the other, by the same thread."""
    with working() as (worker, work):
        batches: list[Any] = [[number] for number in range(1000)]
        for batch in batches:
            worker.give(batch)
        assert [work.next() for _ in batches] == batches
    assert len(work.threads) == 1
    assert threading.get_ident() not in work.threads


def test_batch_after_a_long_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that looks out no longer is the one that works off what comes after all."""
    monkeypatch.setattr(module, "_LINGER_S", 0.001)
    with working() as (worker, work):
        for number in range(20):
            batch: list[Any] = [number]
            worker.give(batch)
            assert work.next() == batch
            time.sleep(0.0001 * number)  # around the time that it looks out
    assert len(work.threads) == 1


def test_worker_that_got_nothing() -> None:
    """Without a batch there is no thread."""
    before = threading.active_count()
    with working():
        assert threading.active_count() == before


def test_forgotten_worker_lets_the_program_end() -> None:
    """A worker that nobody ended holds the end of the interpreter up for a moment only."""
    program = (
        "from rtms_client._runtime.worker import Worker\n"
        "worker = Worker('work', print)\n"
        "worker.give(['worked off'])\n"
    )
    done = subprocess.run(  # noqa: S603  # the program above
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "['worked off']\n"
