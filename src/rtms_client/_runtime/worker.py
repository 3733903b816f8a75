"""A thread that runs one call after the other, and is awake for the next one."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final, TypeAlias

__all__ = ["Worker"]

_SHIFT_S: Final = 0.5

_Call: TypeAlias = Callable[[], None]


class Worker:
    """A thread for calls of one kind; it begins with the first one.

    The thread takes calls out of a queue of its own, which saves most of what an executor does for
    each. After half a second it goes back to its executor, whether or not there is more to do: at
    the end of the interpreter, which may come before anybody ends the worker, it stays there.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._on_shift = self._over = False

    def give(self, call: _Call) -> None:
        """Let the thread call something that raises nothing.

        To be called again only when that call ends or has ended: at most one waits.

        Raises:
            RuntimeError: There is no thread to be had, or the interpreter ends.
        """
        self._calls.put(call)
        if not self._on_shift:
            self._on_shift = True
            self._executor.submit(self._run)

    def end(self) -> None:
        """Let the thread end after the call that it is at, without waiting for it."""
        self._over = True
        self._calls.put(lambda: None)  # to wake it
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        """Work in the thread for a shift."""
        end = monotonic() + _SHIFT_S
        while not self._over and (left_s := end - monotonic()) > 0:
            try:
                call = self._calls.get(timeout=left_s)
            except Empty:
                break
            call()
            del call  # who waits holds nothing
        self._on_shift = False
        # Who gave a call before could not see that, and whoever gives one now begins a new shift.
        with contextlib.suppress(Empty):
            self._calls.get_nowait()()
