"""What an application registers at its client besides callbacks for media."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from rtms_client._runtime.dispatch import callback_name, is_async
from rtms_client.exceptions import InvalidParameters, StreamRefused
from rtms_client.stream import RTMSStream
from rtms_client.webhooks import Notification, RTMSStarted

__all__ = ["EndHook", "HookMethods", "Hooks", "NotificationHook", "RefusedHook", "StreamHandler"]

StreamHandler: TypeAlias = Callable[[RTMSStream], Awaitable[None]]
"""Handles one stream; a coroutine function."""
EndHook: TypeAlias = Callable[[RTMSStream, Exception | None], object]
"""Hears of the end of a stream, and of its error; may be a coroutine function."""
RefusedHook: TypeAlias = Callable[[RTMSStarted, StreamRefused], object]
"""Hears of a stream that is not joined; may be a coroutine function."""
NotificationHook: TypeAlias = Callable[[Notification], object]
"""Hears of a notification that is about no stream; may be a coroutine function."""

StreamHandlerT = TypeVar("StreamHandlerT", bound=StreamHandler)
EndHookT = TypeVar("EndHookT", bound=EndHook)
RefusedHookT = TypeVar("RefusedHookT", bound=RefusedHook)
NotificationHookT = TypeVar("NotificationHookT", bound=NotificationHook)


class Hooks:
    """Everything that was registered, in order."""

    __slots__ = ("end", "notification", "refused", "stream")

    def __init__(self) -> None:
        self.stream: list[StreamHandler] = []
        self.end: list[EndHook] = []
        self.refused: list[RefusedHook] = []
        self.notification: list[NotificationHook] = []


class HookMethods:
    """Decorators for what happens to the streams that `notify` joins.

    They return the function unchanged. Except for handlers of streams, plain functions are taken
    too, which run in a thread.
    """

    _hooks: Hooks

    def on_stream(self, handler: StreamHandlerT) -> StreamHandlerT:
        """Handle each stream that a notification starts, in a task of its own.

        The handler gets the open stream. It may go on after the end of the stream. When all
        handlers of a stream have returned, the stream is closed, unless callbacks use it; a
        handler that raises disturbs no other stream, nor the other handlers.

        Raises:
            InvalidParameters: The handler is no coroutine function.
        """
        if not is_async(handler):
            raise InvalidParameters(
                "on_stream",
                f"expected a coroutine function, got {callback_name(handler)}",
                "write it with `async def`; plain functions can be callbacks such as on_audio",
            )
        self._hooks.stream.append(handler)
        return handler

    def on_stream_end(self, hook: EndHookT) -> EndHookT:
        """Call at the end of each stream that a notification started, with its error.

        The error is `None` after a normal end, else why the stream failed, could not be joined, or
        what a handler raised. Handlers that take long may still be running.
        """
        self._hooks.end.append(hook)
        return hook

    def on_refused(self, hook: RefusedHookT) -> RefusedHookT:
        """Call for each stream that a notification announced and that is not joined."""
        self._hooks.refused.append(hook)
        return hook

    def on_notification(self, hook: NotificationHookT) -> NotificationHookT:
        """Call for each notification that is about no stream, such as a concurrency limit."""
        self._hooks.notification.append(hook)
        return hook
