"""Hooks: user code that is called in the middle of the work, and that must not break it."""

import inspect
from collections.abc import Callable
from typing import cast

from rtms_client._runtime.log import Log
from rtms_client.events import SessionEvent
from rtms_client.protocol.reconnect import ReconnectAttempt, ReconnectHook

__all__ = ["Observers", "StreamObserver", "guarded"]


def guarded(hook: ReconnectHook | None, log: Log) -> ReconnectHook | None:
    """Wrap the hook of the application: one that raises, or answers nonsense, agrees."""
    if hook is None:
        return None

    def ask(attempt: ReconnectAttempt) -> float | None:
        try:
            answer = cast("object", hook(attempt))
        except Exception:
            log.exception("on_reconnect raised; going on as planned")
            return None
        if answer is None or answer is False:
            return answer
        if isinstance(answer, int | float) and answer is not True:
            return answer
        if inspect.iscoroutine(answer):
            answer.close()
        log.error(
            "on_reconnect: expected None, False or a number of seconds, got %s; going on as "
            "planned; it must be a plain function",
            type(answer).__name__,
        )
        return None

    return ask


class StreamObserver:
    """Told what happens to one stream; subclass it and override what you need.

    The methods are called on the event loop in the middle of the work, so they must be quick and
    must not block. What they raise is logged and disturbs nothing.
    """

    def joined(self) -> None:
        """Take note that the handshakes succeeded."""

    def event(self, event: SessionEvent) -> None:
        """Take note of an event, before any consumer has it.

        A buffer that begins to drop is a `Gap` with the cause ``DROPPED`` and the `consumer` whose
        buffer it is; how much it will drop is not known yet.
        """

    def closed(self) -> None:
        """Take note of the end, also of a stream that could not be joined; counters are final."""


class Observers:
    """The observers of one stream.

    Args:
        log: Where their failures go.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._all: list[StreamObserver] = []

    def add(self, make: Callable[[], StreamObserver]) -> None:
        """Add an observer, which the application makes."""
        self._guard(lambda: self._all.append(make()))

    def tell(self, what: Callable[[StreamObserver], None]) -> None:
        """Call something of each observer."""
        for one in self._all:
            self._guard(lambda: what(one))  # noqa: B023  # called at once

    def event(self, event: SessionEvent) -> None:
        """Tell each observer of an event."""
        self.tell(lambda one: one.event(event))

    def _guard(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001  # user code may raise anything
            self._log.exception("an observer raised; the stream goes on")
