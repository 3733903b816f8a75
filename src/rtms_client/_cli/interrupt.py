"""Ctrl-C and SIGTERM as cancellation of one task, so that everything is closed in order."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Generator
from types import FrameType
from typing import Final

__all__ = ["Interruption", "interruptible"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether the user wants the command to end.

    Args:
        task: What a signal cancels.
    """

    def __init__(self, task: "asyncio.Task[object]") -> None:
        self.wanted = False
        self._task = task

    def ask(self) -> None:
        """Cancel the task."""
        self.wanted = True
        self._task.cancel()

    def accept(self, error: asyncio.CancelledError) -> None:
        """Go on after a cancellation that a signal caused; any other one goes on as it is.

        Raises:
            asyncio.CancelledError: It was not a signal.
        """
        if not self.wanted:
            raise error
        self._task.uncancel()


@contextlib.contextmanager
def interruptible() -> Generator[Interruption, None, None]:
    """Turn signals into cancellation of the current task.

    The first one lets the task close everything gracefully, each further one cuts short what takes
    long. What is ignored stays ignored. Outside the main thread, where Python allows no handlers,
    nothing changes.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # a coroutine always runs in a task
    interruption = Interruption(task)

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(interruption.ask)

    former = {number: signal.getsignal(number) for number in _SIGNALS}
    changed = [number for number in _SIGNALS if former[number] is not signal.SIG_IGN]
    with contextlib.ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for number in changed:
                signal.signal(number, handle)
                stack.callback(signal.signal, number, former[number])
        yield interruption
