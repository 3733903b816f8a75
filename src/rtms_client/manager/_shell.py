"""Carries out what the registry decides: joins, moves and leaves streams, and runs their handlers.

Everything happens on the event loop of the client; `StreamManager.notify` brings notifications
there from any thread.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, cast

import attrs

from rtms_client._runtime.dispatch import callback_name, is_async
from rtms_client._runtime.hooks import is_own_cancellation
from rtms_client._runtime.log import Log, stream_log
from rtms_client._runtime.scope import TaskScope, sparing_caller
from rtms_client._runtime.watchdog import Blocked, WentOn, watch
from rtms_client.config import StreamInfo, Timeouts
from rtms_client.exceptions import (
    InvalidParameters,
    InvalidState,
    RTMSError,
    StreamNotFound,
    StreamStopped,
)
from rtms_client.manager._arbiters import Arbiter
from rtms_client.manager._hooks import Hooks, StreamHandler
from rtms_client.manager._registry import (
    Adopt,
    Decision,
    End,
    Interrupt,
    Move,
    Refuse,
    Registry,
    Start,
    Stop,
    Tell,
)
from rtms_client.manager._statistics import ClientStatistics
from rtms_client.protocol import Phase
from rtms_client.stream import RTMSStream
from rtms_client.webhooks import Notification, RTMSStarted

__all__ = ["StreamManager"]

_log: Final = logging.getLogger("rtms_client.client")
_OVER: Final = (StreamStopped, StreamNotFound)
_CUT_S: Final = 0.7
"""What cancelling everything may take at the end of a graceful close."""
_NAMED: Final = 5
"""How many streams one line of the log names."""


@attrs.define(eq=False)
class _Served:
    """A stream that a notification started."""

    info: StreamInfo
    log: Log
    stream: RTMSStream | None = None
    """`None` until its task has begun."""
    unwanted: bool = False
    """Whether it ended before its task began."""
    running: int = 0
    """Handlers that have not returned."""
    idle: asyncio.Event = attrs.field(factory=asyncio.Event)
    failure: Exception | None = None
    """What a handler raised first."""


class StreamManager:
    """The streams of one client.

    Args:
        make: Makes a stream.
        hooks: What the application registered.
        timeouts: How long a graceful end may take.
        arbiter: Chooses among the streams of one meeting.
        max_streams: Streams at most.

    Raises:
        InvalidParameters: There may be no stream at all.

    Attributes:
        streams: The open streams by id, also those that the application joined by itself.
        statistics: Counters.
    """

    def __init__(
        self,
        make: Callable[[StreamInfo], RTMSStream],
        hooks: Hooks,
        timeouts: Timeouts,
        arbiter: Arbiter,
        max_streams: int | None,
    ) -> None:
        if max_streams is not None and max_streams < 1:
            raise InvalidParameters(
                "max_streams", f"expected 1 or more, got {max_streams}", "None is no limit"
            )
        self.streams: dict[str, RTMSStream] = {}
        self.statistics: ClientStatistics = ClientStatistics()
        self._make = make
        self._hooks = hooks
        self._timeouts = timeouts
        self._registry = Registry(_guarded(arbiter), max_streams)
        self._scope = TaskScope("rtms client", self._task_failed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end_watch: Callable[[], None] | None = None
        self._served: dict[str, _Served] = {}
        self._again: dict[str, StreamInfo] = {}
        """Streams that were started again before we had left them."""

    def bind(self) -> None:
        """Begin to take notifications, on the running event loop.

        Raises:
            InvalidState: It does so already.
        """
        if self._loop is not None:
            raise InvalidState("open the client twice", "OPEN", "use one `async with client` only")
        self._loop = asyncio.get_running_loop()
        self._registry.draining = False

    # --- the owner of streams --------------------------------------------------------------------

    def enter(self, stream: RTMSStream) -> None:
        """Take note of a stream that is about to be joined.

        Raises:
            InvalidState: It is open elsewhere.
            StreamRefused: There is no room for it.
        """
        stream_id = stream.info.stream_id
        if stream_id in self.streams:
            raise InvalidState(
                "open a stream twice", "open", "a stream has one owner: use client.streams[...]"
            )
        self._registry.admit(stream.info)
        self.streams[stream_id] = stream
        if self._end_watch is None:
            self._end_watch = watch(self._timeouts.blocked_s, self._loop_blocked)

    def leave(self, stream: RTMSStream) -> None:
        """Take note that nothing of a stream is left."""
        stream_id = stream.info.stream_id
        del self.streams[stream_id]
        if not self.streams and self._end_watch is not None:
            self._end_watch()
            self._end_watch = None
        over = isinstance(stream.error, _OVER) if stream.error else stream.state is Phase.CLOSED
        self._left(stream_id, over=over)

    def renamed(self, stream: RTMSStream, info: StreamInfo) -> None:
        """Take note that a stream goes on under another id.

        Raises:
            InvalidState: There is another stream with this id.
        """
        old_id = stream.info.stream_id
        if info.stream_id in self.streams:
            raise InvalidState("start a stream again", "open", "the new stream is joined already")
        self.streams[info.stream_id] = self.streams.pop(old_id)
        self.statistics.restarted += 1
        self._registry.adopted(old_id, info, self._now())
        served = self._served.pop(old_id, None)
        if served is not None:
            self._served[info.stream_id] = served

    def _left(self, stream_id: str, *, over: bool) -> None:
        self._registry.left(stream_id, self._now(), over=over)
        self._served.pop(stream_id, None)
        again = self._again.pop(stream_id, None)
        if again is not None and not over and self._loop is not None:
            with contextlib.suppress(RTMSError):  # there is no room for it any more
                self._registry.admit(again)
                self._start(again)

    # --- notifications ---------------------------------------------------------------------------

    def notify(self, notification: Notification) -> None:
        """Take a notification; returns at once, from any thread.

        Raises:
            InvalidParameters: It is none.
            InvalidState: The client is not open.
        """
        if not isinstance(cast("object", notification), Notification):
            raise InvalidParameters(
                "notify",
                f"expected a notification, got {type(notification).__name__}",
                "pass what webhooks.receive() or webhooks.parse() returned",
            )
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(self._take, notification)
                return
        raise InvalidState(
            "take a notification",
            "NOT OPEN",
            "call notify() inside of `async with client`, or of client.in_background()",
        )

    def _take(self, notification: Notification) -> None:
        if self._loop is None:
            _log.info("%s came while the client was closing; not taken", notification.event)
            return
        self.statistics.notifications += 1
        restarting: list[str] = []
        if isinstance(notification, RTMSStarted):
            restarting = [key for key, one in self.streams.items() if one.state is Phase.RESTARTING]
        try:
            for decision in self._registry.decide(notification, self._now(), restarting):
                self._carry_out(decision, notification)
        except RTMSError as error:
            _log.warning("%s changes nothing: %s", type(notification).__name__, error)

    def _carry_out(self, decision: Decision, notification: Notification) -> None:
        counts = self.statistics
        match decision:
            case Start(started=started):
                self._start(started.stream)
            case Move(stream_id=stream_id, info=info):
                counts.moved += 1
                self._move(stream_id, info)
            case Interrupt(stream_id=stream_id, server_urls=urls):
                counts.interrupted += 1
                self._interrupt(stream_id, urls)
            case Stop(stream_id=stream_id):
                counts.stopped += 1
                self._stop(decision)
            case Adopt(stream_id=stream_id, info=info):
                self.streams[stream_id].restarted(info)
            case End(stream_id=stream_id):
                self._leave(stream_id)
            case Refuse(started=started, error=error):
                counts.refused += 1
                _log.warning("%s", error)
                self._tell(self._hooks.refused, started, error)
            case Tell():
                self._pass_on(notification)
            case _:
                counts.ignored += 1
                _log.info("%s ignored: %s", type(notification).__name__, decision.why.value)

    def _start(self, info: StreamInfo) -> None:
        self.statistics.started += 1
        served = self._served[info.stream_id] = _Served(info, stream_log(info.stream_id))
        self._scope.start(self._serve(served), f"{info.stream_id} serve")

    def _move(self, stream_id: str, info: StreamInfo) -> None:
        stream = self._begun(stream_id)
        if stream is None:
            self._served[stream_id].info = info
        elif stream.state is Phase.CLOSED:
            self._again[stream_id] = info
        else:
            stream.moved(info)

    def _interrupt(self, stream_id: str, urls: tuple[str, ...]) -> None:
        stream = self._begun(stream_id)
        if stream is None or stream.state is Phase.IDLE:
            if urls:
                info = self._registry.live[stream_id]
                self._move(stream_id, info)
        elif stream.state is not Phase.CLOSED:
            stream.interrupted(urls)

    def _stop(self, stop: Stop) -> None:
        stream = self._begun(stop.stream_id)
        if stream is None:
            self._served[stop.stream_id].unwanted = True
        elif stream.state is Phase.IDLE:
            stream.leave()
        else:
            stream.stopped(stop.reason)

    def _leave(self, stream_id: str) -> None:
        """Leave a stream for another one of the same meeting."""
        stream = self._begun(stream_id)
        if stream is None:
            self._served[stream_id].unwanted = True
        else:
            self._scope.start(stream.close(), f"{stream_id} leave")

    def _begun(self, stream_id: str) -> RTMSStream | None:
        """Return a live stream; `None` as long as its task has not begun."""
        return self.streams.get(stream_id)

    def _pass_on(self, notification: Notification) -> None:
        if not self._hooks.notification:
            _log.info("%s is about no stream; ignored", notification.event)
        self._tell(self._hooks.notification, notification)

    # --- one stream ------------------------------------------------------------------------------

    async def _serve(self, served: _Served) -> None:
        """Join a stream, run its handlers, leave it."""
        if served.unwanted:
            self._left(served.info.stream_id, over=True)
            return
        stream = served.stream = self._make(served.info)
        failure: Exception | None = None
        try:
            await stream.open()
            if stream.state is not Phase.CLOSED:  # it may have been stopped meanwhile
                self._handle_all(served, stream)
            await stream.wait_ended()
        except Exception as error:  # noqa: BLE001  # a session_factory is user code
            failure = error
        finally:
            await stream.close()
        if served.running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeouts.drain_s):
                    await served.idle.wait()
        self._ended(served, stream, failure or served.failure)

    def _handle_all(self, served: _Served, stream: RTMSStream) -> None:
        for handler in self._hooks.stream:
            served.running += 1
            name = f"{stream.info.stream_id} handler {callback_name(handler)}"
            self._scope.start(self._handle(handler, served, stream), name)

    async def _handle(self, handler: StreamHandler, served: _Served, stream: RTMSStream) -> None:
        try:
            await handler(stream)
        except asyncio.CancelledError as error:
            if is_own_cancellation():
                raise
            self._handler_failed(handler, served, RuntimeError(repr(error)))
        except Exception as error:  # noqa: BLE001  # user code may raise anything
            if not _tells(error, stream.error):  # iterators raise it, and it is told anyway
                self._handler_failed(handler, served, error)
        finally:
            served.running -= 1
            if not served.running:
                served.idle.set()
                if not stream.has_callbacks:
                    stream.leave()

    def _handler_failed(self, handler: StreamHandler, served: _Served, error: Exception) -> None:
        self.statistics.handler_errors += 1
        served.failure = served.failure or error
        name = callback_name(handler)
        served.log.error("handler %s raised; other streams go on", name, exc_info=error)

    def _ended(self, served: _Served, stream: RTMSStream, error: Exception | None) -> None:
        if error is not None:
            self.statistics.failed += 1
            text = str(error) if isinstance(error, RTMSError) else type(error).__name__
            served.log.warning("stream failed: %s", text)
        self._tell(self._hooks.end, stream, error)

    # --- hooks -----------------------------------------------------------------------------------

    def _tell(self, hooks: Iterable[Callable[..., object]], *facts: object) -> None:
        for hook in hooks:
            self._scope.start(self._call(hook, *facts), f"hook {callback_name(hook)}")

    async def _call(self, hook: Callable[..., object], *facts: object) -> None:
        """Call a hook, on the event loop or in a thread."""
        try:
            if is_async(hook):
                await cast("Awaitable[object]", hook(*facts))
            else:
                await asyncio.to_thread(hook, *facts)
        except Exception:  # noqa: BLE001  # user code may raise anything
            self.statistics.handler_errors += 1
            _log.error("hook %s raised", callback_name(hook), exc_info=True)

    # --- the end ---------------------------------------------------------------------------------

    async def drain(self, deadline_s: float) -> None:
        """Join no more streams and let those there end; close what is left in time.

        Args:
            deadline_s: When this returns at the latest, in seconds from now.
        """
        end = self._now() + deadline_s
        self._registry.draining = True
        graceful_s = self._timeouts.close_s + self._timeouts.drain_s + _CUT_S
        patience_s = deadline_s - min(graceful_s, deadline_s / 2)
        for stream_id, stream in self.streams.items():
            if stream_id not in self._served:  # what the application joined by itself
                self._scope.start(_until_end(stream), f"{stream_id} drain")
        await self._scope.wait(patience_s)
        await self._cut(end - self._now())

    async def close(self) -> None:
        """Close all streams gracefully, at the same time, and take no more notifications."""
        self._loop = None
        graceful_s = self._timeouts.close_s + self._timeouts.drain_s
        await self._cut(graceful_s + self._timeouts.drain_s + 2 * _CUT_S)

    async def _cut(self, within_s: float) -> None:
        """Close all streams, then cancel what does not end, handlers included."""
        with sparing_caller():  # a callback of one of the streams, perhaps
            await self._cut_others(within_s)

    async def _cut_others(self, within_s: float) -> None:
        end = self._now() + within_s
        cut_s = min(_CUT_S, within_s / 2)
        try:
            closing = [
                self._scope.start(stream.close(), f"{stream_id} close")
                for stream_id, stream in self.streams.items()
            ]
            if closing:
                await asyncio.wait(closing, timeout=within_s - cut_s)
            left_s = max(0.0, end - cut_s - self._now())
            await self._scope.wait(min(left_s, self._timeouts.drain_s))
        finally:
            for name in await self._scope.aclose(cut_s):
                _log.warning("%s does not end although it was cancelled; left alone", name)

    def _loop_blocked(self, news: Blocked | WentOn) -> None:
        """Tell of a handler that blocks the event loop; called in a thread, for the loop cannot."""
        if isinstance(news, WentOn):
            _log.info("the event loop goes on after %.1f s", news.after_s)
            return
        self.statistics.blocked += 1
        self.statistics.blocked_at = news.place
        streams = tuple(self.streams)
        more = f" and {len(streams) - _NAMED} more" if len(streams) > _NAMED else ""
        _log.warning(
            "the event loop has not come round for more than %g s: %s is at %s; meanwhile no "
            "keep-alive is answered (%s%s); put work that blocks into a plain callback or "
            "asyncio.to_thread()",
            news.limit_s,
            news.task,
            news.place,
            ", ".join(streams[:_NAMED]),
            more,
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    @staticmethod
    def _task_failed(error: BaseException) -> None:
        _log.error("internal error", exc_info=error)


async def _until_end(stream: RTMSStream) -> None:
    with contextlib.suppress(RTMSError):
        await stream.wait_ended()


def _tells(error: Exception, end: RTMSError | None) -> bool:
    """Tell whether an error is the end of a stream, or a copy of it as each consumer gets one."""
    return end is not None and type(error) is type(end) and error.args == end.args


def _guarded(arbiter: Arbiter) -> Arbiter:
    """Wrap the arbiter of the application: one that raises keeps all."""

    def choose(streams: Sequence[StreamInfo]) -> Iterable[StreamInfo]:
        try:
            return [one for one in arbiter(streams) if one in streams]
        except Exception:  # noqa: BLE001  # user code may raise anything
            _log.error("the arbiter raised; all streams are kept", exc_info=True)
            return streams

    return choose
