"""Hooks: user code that the core asks in the middle of its work, and that must not break it."""

import inspect
from typing import cast

from rtms_client._runtime.log import Log
from rtms_client.protocol.reconnect import ReconnectAttempt, ReconnectHook

__all__ = ["guarded"]


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
