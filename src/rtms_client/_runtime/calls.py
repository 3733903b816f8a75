"""Calls from another thread into an event loop, which an interrupt of that thread cannot jam."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar, cast

from rtms_client._runtime.scope import TaskScope

__all__ = ["Call", "Outcome"]

T = TypeVar("T")

_LOOK_UP_S: Final = 0.5


class Outcome(Generic[T]):
    """What an event loop hands to one thread that waits for it.

    No `concurrent.futures.Future`: Ctrl-C strikes between any two instructions of who waits, also
    where that leaves the lock of a future locked; then the loop, which needs it, hangs. Here the
    loop never waits, and who waits takes a plain lock, as a whole or not at all.

    Attributes:
        done: Whether it is there.
    """

    def __init__(self) -> None:
        self.done: bool = False
        self._result: T | None = None
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self) -> T:
        """Wait for the outcome, and return or raise it; after an interrupt one may wait again.

        Raises:
            CancelledError: The call was cancelled.
        """
        # A signal that comes just before the lock is waited for is seen when that ends.
        while not self.done and not self._lock.acquire(timeout=_LOOK_UP_S):
            pass
        if self._error is None:
            return cast("T", self._result)
        try:
            raise self._error
        finally:
            del self  # the traceback of the error would hold who holds the error

    def finish(self, result: T | None = None, error: BaseException | None = None) -> None:
        """Hand it over; a no-op the second time."""
        if not self.done:
            self._result, self._error = result, error
            self.done = True
            self._lock.release()


class Call(Outcome[T]):
    """The run of a coroutine function in the event loop.

    `begin` and `cancel` are for the loop's thread. What is cancelled before it began never has an
    outcome.

    Args:
        function: What to run.
        args: Its arguments.
    """

    def __init__(self, function: Callable[..., Coroutine[Any, Any, T]], *args: object) -> None:
        super().__init__()
        self._function = function
        self._args = args
        self._begun = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, scope: TaskScope, running: "set[Call[Any]]") -> None:
        """Run the function; a no-op the second time.

        Args:
            scope: Owns its task.
            running: Where the call stands until it ends.
        """
        if self._begun:
            return
        self._begun = True
        running.add(self)
        self._task = scope.start(self._run(), "call")
        self._task.add_done_callback(lambda _: running.discard(self))

    async def _run(self) -> None:
        try:
            try:
                result = await self._function(*self._args)
            finally:  # who waits may forget, at once, what these belong to
                del self._function, self._args
        except asyncio.CancelledError as error:
            self.finish(error=error)
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is the caller's
            self.finish(error=error)
        else:
            self.finish(result)
        finally:
            del self  # as in `wait`

    def cancel(self) -> None:
        """Cancel the function, or let it never begin."""
        self._begun = True
        if self._task is not None:
            self._task.cancel()
