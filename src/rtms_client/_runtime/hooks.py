"""Hooks: user code that is called in the middle of the work, and that must not break it."""

import asyncio
import inspect
from collections.abc import Callable
from typing import cast

from rtms_client._runtime.log import Log
from rtms_client.events import SessionEvent
from rtms_client.exceptions import RTMSError
from rtms_client.protocol.reconnect import ReconnectAttempt, ReconnectHook
from rtms_client.protocol.restart import DECLINED, RestartHook, RestartRequest

__all__ = ["Observers", "RestartCaller", "StreamObserver", "guarded", "is_own_cancellation"]


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


def is_own_cancellation() -> bool:
    """Tell whether the running task is being cancelled, and not what user code awaited in it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class RestartCaller:
    """Calls the hook of the application that starts a stream again.

    Args:
        hook: The hook.
        log: Where its failures go.
    """

    def __init__(self, hook: RestartHook | None, log: Log) -> None:
        self._hook = hook
        self._log = log

    async def ask(self, request: RestartRequest) -> str | None:
        """Call the hook; return why it failed, without foreign texts, which may hold secrets."""
        if self._hook is None:
            return DECLINED
        self._log.warning("starting it again, try %d", request.attempt)
        try:
            declined = await self._hook(request) is False
        except asyncio.CancelledError:
            if is_own_cancellation():
                raise
            return "the hook was cancelled"
        except Exception as error:  # noqa: BLE001  # user code may raise anything
            self._log.error("restart hook raised", exc_info=True)
            text = f"the hook raised {type(error).__name__}"
            return f"{text}: {error}" if isinstance(error, RTMSError) else text
        return DECLINED if declined else None


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
