"""A thread that works off one batch after the other, and stays awake for the next one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from rtms_client.frames import Item

__all__ = ["Worker"]

_LINGER_S: Final = 1.0

_Batch: TypeAlias = list[Item]


class Worker:
    """A thread for one function; it begins with the first batch.

    After a batch it looks out for the next one for a moment, which saves most of what an executor
    does for each call; then it goes back to its executor, which lets an interpreter end that nobody
    told the worker about.

    Args:
        name: Of the thread.
        work: Called with each batch; raises nothing.
    """

    def __init__(self, name: str, work: Callable[[_Batch], None]) -> None:
        self._work = work
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._looks_out = False

    def give(self, batch: _Batch) -> None:
        """Let the thread work off a batch; by one thread at a time."""
        self._batches.put(batch)
        if not self._looks_out:
            self._looks_out = True
            self._executor.submit(self._run)

    def end(self) -> None:
        """Let the thread end after the batch that it is at, without waiting for it."""
        self._batches.put(None)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        """Work in the thread until nothing has come for a while."""
        get, work = self._batches.get, self._work
        while self._looks_out:
            try:
                while (batch := get(timeout=_LINGER_S)) is not None:
                    work(batch)
            except Empty:
                pass
            self._looks_out = False
            if not self._batches.empty():
                self._looks_out = True  # it came while nobody could know
