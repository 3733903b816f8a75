"""Tells which user code keeps an event loop from everything else, while it does so.

A blocked loop can tell nothing itself before it goes on, and then the place is gone: so a thread
asks the loop for a sign of life, and looks where the loop stands if there is none. All streams of a
loop share this thread. It costs two wake-ups per question, one here and one in the loop.
"""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeAlias

import attrs

from rtms_client._runtime.whereabouts import depth_of, of_thread

__all__ = ["Blocked", "WentOn", "watch"]

_JOIN_S: Final = 1.0


@attrs.frozen
class Blocked:
    """The loop stands still."""

    task: str
    """Name of the task that runs; ``a callback`` if it is none."""
    place: str
    """File, line and function of the user."""
    limit_s: float
    """It does so for at least so long."""


@attrs.frozen
class WentOn:
    """The loop goes on."""

    after_s: float
    """How long it kept a question waiting."""


_Listener: TypeAlias = Callable[[Blocked | WentOn], None]
_Key: TypeAlias = tuple[asyncio.AbstractEventLoop, float]

_dogs: Final[dict[_Key, "_Watchdog"]] = {}


def watch(limit_s: float, listener: _Listener) -> Callable[[], None]:
    """Watch the running loop.

    Args:
        limit_s: How long an answer may take. The questions are as far apart, so that what blocks
            for twice as long is always found.
        listener: Told in another thread, once when the loop blocks and once when it goes on.

    Returns:
        What ends the watch; to be called in the loop. With the last watch the thread ends.
    """
    key = asyncio.get_running_loop(), limit_s
    dog = _dogs.get(key)
    if dog is None:
        dog = _dogs[key] = _Watchdog(key)
    dog.listeners.append(listener)

    def end() -> None:
        dog.listeners.remove(listener)
        if not dog.listeners:
            dog.end()

    return end


class _Watchdog:
    """Watches one event loop until nobody listens any more."""

    def __init__(self, key: _Key) -> None:
        self.listeners: list[_Listener] = []
        self._key = key
        self._loop, self._limit_s = key
        self._ident = threading.get_ident()
        self._depth = 0
        self._over = threading.Event()
        self._told = False
        self._ask()
        self._thread = threading.Thread(target=self._run, name="rtms watchdog", daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread to be had: streams work without
            self._thread.start()

    def end(self) -> None:
        """End the thread."""
        self._forget()
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)  # at once, but for a log that is slow to write

    def _forget(self) -> None:
        if _dogs.get(self._key) is self:
            del _dogs[self._key]

    def _ask(self) -> None:
        """Ask for a sign of life."""
        self._answered = False
        self._asked = monotonic()
        self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        """Give it, in the loop, and note how deep whatever the loop calls begins."""
        self._depth = depth_of(inspect.currentframe()) - 1
        self._answered = True
        if self._told:
            self._told = False
            self._tell(WentOn(monotonic() - self._asked))

    def _run(self) -> None:
        """Be the thread."""
        pause_s = min(self._limit_s, threading.TIMEOUT_MAX)
        with contextlib.suppress(RuntimeError):  # the loop was closed just now
            while not self._over.wait(pause_s) and not self._loop.is_closed():
                if self._answered:
                    self._ask()
                elif not self._told:
                    self._look()
        self._forget()  # if the loop was closed with streams that nobody closed

    def _look(self) -> None:
        """Tell who blocks the loop; nobody does if it is only short of processor time."""
        place = of_thread(self._ident, self._depth)
        if place is not None:
            task = asyncio.current_task(self._loop)
            self._told = True
            self._tell(Blocked(task.get_name() if task else "a callback", place, self._limit_s))

    def _tell(self, news: Blocked | WentOn) -> None:
        for listener in tuple(self.listeners):
            listener(news)
