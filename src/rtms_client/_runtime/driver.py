"""Pumps one stream: carries out what the core asks for and tells it what happened.

The driver decides nothing. It is the only place that arms timers, and it waits neither for user
code nor for one connection because of another.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias, cast

from rtms_client._runtime.buffers import MEDIA_FRAMES, Hub, key_name
from rtms_client._runtime.log import Log
from rtms_client._runtime.scope import TaskScope
from rtms_client._transport import Connector, Transport
from rtms_client._wire.inbound import Reply
from rtms_client.config import StreamInfo
from rtms_client.enums import StopReason
from rtms_client.events import (
    MediaUnavailable,
    ParametersChanged,
    ReconnectScheduled,
    SessionEvent,
    StreamInterrupted,
    StreamResumed,
    Unrecognized,
)
from rtms_client.exceptions import BufferOverflow, RTMSError
from rtms_client.exceptions._base import quoted
from rtms_client.protocol import Answer, AskRestart, Close, Open, Phase, Send, StreamSession
from rtms_client.protocol.addresses import origin
from rtms_client.protocol.restart import RestartRequest

__all__ = ["Driver"]

_Notable: TypeAlias = (
    StreamInterrupted
    | ReconnectScheduled
    | StreamResumed
    | ParametersChanged
    | MediaUnavailable
    | Unrecognized
)
_LOGGED_TYPES: Final = 100
_READY: Final = frozenset({Phase.STREAMING, Phase.RECONNECTING_MEDIA, Phase.CLOSED})


class _Link:
    """Hears from one connection.

    Attributes:
        messages_received: Takes messages; keep-alives are answered before this returns.
        ping_received: Takes note of a ping; the timer finds out by itself that there is more time.
        connection_lost: Takes note of the end of the connection.
    """

    __slots__ = ("connection_lost", "messages_received", "ping_received")

    def __init__(self, driver: "Driver", number: int, endpoint: str) -> None:
        self.messages_received = functools.partial(driver.messages_received, number, endpoint)
        self.ping_received = functools.partial(driver.ping_received, number)
        self.connection_lost = functools.partial(driver.connection_lost, number, endpoint)


class Driver:
    """Couples a session with connections, buffers and the clock.

    Args:
        session: The core.
        connector: Opens connections.
        hub: Where items go.
        scope: Owns all tasks.
        log: Carries the stream id.
        observe: Called with every event.
        restart: Called to have a dead stream started again; returns why that failed.

    Attributes:
        ready: Done when the stream is streaming, or has ended.
        ended: Done when the stream has ended.
    """

    def __init__(
        self,
        session: StreamSession,
        connector: Connector,
        hub: Hub,
        scope: TaskScope,
        log: Log,
        *,
        observe: Callable[[SessionEvent], None],
        restart: Callable[[RestartRequest], Awaitable[str | None]],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._session = session
        self._connector = connector
        self._hub = hub
        self._scope = scope
        self._log = log
        self._logs = log.logger.isEnabledFor
        self._observe = observe
        self._restart = restart
        self._now = loop.time
        self._call_at = loop.call_at
        self._timer: asyncio.TimerHandle | None = None
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._transports: dict[int, Transport] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._answers: dict[int, asyncio.Future[Reply]] = {}
        self._unknown_types: set[int | None] = set()

    # --- what the application wants --------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect.

        Raises:
            RTMSError: The stream cannot even be tried.
        """
        try:
            self._session.start(self._now())
        finally:
            self.settle()

    def close(self) -> None:
        """Begin to end the stream gracefully."""
        self._session.close(self._now())
        self.settle()

    def moved(self, server_urls: Iterable[str]) -> None:
        """Move to other servers at once.

        Raises:
            HostNotAllowed: No URL may be opened; the stream stays where it is.
        """
        self._session.moved(server_urls, self._now())
        self.settle()

    def interrupted(self, server_urls: Iterable[str]) -> None:
        """Take note of an interrupted webhook."""
        self._session.interrupted(server_urls, self._now())
        self.settle()

    def stopped(self, reason: StopReason | None) -> None:
        """Take note of a stopped webhook."""
        self._session.stopped(reason, self._now())
        self.settle()

    def restarted(self, info: StreamInfo, sign: Callable[[str], str], secret: str) -> None:
        """Go on with the stream that this one was started again as.

        Raises:
            HostNotAllowed: No URL may be opened.
        """
        self._session.restarted(info, sign, self._now(), (secret,))
        self.settle()

    def abort(self, error: RTMSError | None) -> None:
        """End the stream at once."""
        self._session.abort(error)
        self.settle()

    async def request(self, ask: Callable[[float], int]) -> Reply:
        """Send a request and wait for its answer; cancelling forgets the answer.

        Args:
            ask: Makes the request on the session, given the present time; returns its token.

        Raises:
            RTMSError: It was refused, not answered in time, or not possible.
        """
        token = ask(self._now())
        self._session.changed = True  # the request has a deadline of its own
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        try:
            self.settle()
            return await answer
        finally:
            del self._answers[token]

    async def wait_ready(self) -> None:
        """Wait until the stream is streaming.

        Raises:
            RTMSError: It ended before.
        """
        await asyncio.shield(self.ready)
        self._raise_error()

    async def wait_ended(self) -> None:
        """Wait for the end of the stream.

        Raises:
            RTMSError: It ended abnormally.
        """
        await asyncio.shield(self.ended)
        self._raise_error()

    def _raise_error(self) -> None:
        if self._session.error is not None:
            raise self._session.error

    # --- what happens ----------------------------------------------------------------------------

    def messages_received(self, connection: int, endpoint: str, messages: list[bytes]) -> None:
        """Pass messages to the core and carry out what follows, in order."""
        if self._logs(logging.DEBUG):
            for data in messages:
                self._log.debug("< %s %d bytes", endpoint, len(data))
        session, now = self._session, self._now()
        try:
            at = 0
            while at < len(messages):
                frames, sizes = session.receive_media(connection, messages, now, at)
                if frames:
                    self._overflown(self._hub.publish_all(frames, sizes))
                    at += len(frames)
                else:
                    session.receive(connection, messages[at], now)
                    self.settle(len(messages[at]))
                    at += 1
        except Exception as error:  # noqa: BLE001  # a fault of ours must not unwind into the parser
            self._scope.report(error)

    def ping_received(self, connection: int) -> None:
        """Tell the core of a sign of life."""
        self._session.heard(connection, self._now())

    def connection_lost(self, connection: int, endpoint: str, code: int, reason: str) -> None:
        """Tell the core that a connection ended."""
        self._log.info("%s connection closed with %d %s", endpoint, code, quoted(reason))
        try:
            self._session.lost(connection, code, reason, self._now())
            self._close(Close(connection, code, ""))
            self.settle()
        except Exception as error:  # noqa: BLE001  # likewise
            self._scope.report(error)

    async def _open(self, action: Open) -> None:
        """Open a connection; the action `Close` cancels this."""
        try:
            transport = await self._connector(action.endpoint, action.url)
        except RTMSError as error:
            self._log.info("%s", error)
            self._opening.pop(action.connection, None)
            self._session.failed(action.connection, error, self._now())
            self.settle()
            return
        self._log.info("%s connection to %s open", action.endpoint, origin(action.url))
        self._opening.pop(action.connection, None)
        self._transports[action.connection] = transport
        self._session.opened(action.connection, self._now())
        self.settle()
        transport.start(_Link(self, action.connection, action.endpoint))

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self._session.timer(self._now())
            self.settle()
        except Exception as error:  # noqa: BLE001  # without the timer nothing would ever end
            self._scope.report(error)

    # --- carrying out ----------------------------------------------------------------------------

    def settle(self, size: int = 0) -> None:
        """Carry out the actions, deliver the items, look for the next deadline.

        Args:
            size: Bytes on the wire of the message that the items come from.
        """
        session = self._session
        if session.actions:
            self._act()
        items = session.intake.items
        if items:
            session.intake.items = []
            for item in items:
                if type(item) not in MEDIA_FRAMES:
                    self._note(cast("SessionEvent", item))
                self._overflown(self._hub.publish(item, size))
        if session.changed:
            session.changed = False
            self._rearm()
            self._note_phase()

    def _overflown(self, overflow: BufferOverflow | None) -> None:
        """End the stream if a buffer is full and its policy says so."""
        if overflow is not None and self._session.phase is not Phase.CLOSED:
            self._session.abort(overflow)
            self._act()

    def _act(self) -> None:
        actions = self._session.actions.copy()
        self._session.actions.clear()
        for action in actions:
            match action:
                case Send(connection=number, data=data):
                    self._log.debug("> %s %d bytes", action.endpoint, len(data))
                    self._transports[number].send(data)
                case Open(connection=number, endpoint=endpoint):
                    self._opening[number] = self._scope.start(
                        self._open(action), f"open {endpoint}"
                    )
                case Close():
                    self._close(action)
                case AskRestart(request=request):
                    self._scope.start(self._ask_restart(request), "ask for a restart")
                case _:
                    self._answer(action)

    async def _ask_restart(self, request: RestartRequest) -> None:
        problem = await self._restart(request)
        self._session.restart_answered(request.attempt, problem, self._now())
        self.settle()

    def _answer(self, action: Answer) -> None:
        answer = self._answers.get(action.token)
        if answer is None or answer.done():
            return
        if isinstance(action.outcome, RTMSError):
            answer.set_exception(action.outcome)
        else:
            answer.set_result(action.outcome)

    def _close(self, action: Close) -> None:
        """Close a connection in a task of its own, or stop opening it."""
        if opening := self._opening.pop(action.connection, None):
            opening.cancel()
        if transport := self._transports.pop(action.connection, None):
            name = f"close {action.connection}"
            closing = self._scope.start(self._shut(transport, action), name)
            self._closing.add(closing)
            closing.add_done_callback(functools.partial(self._closed, transport))

    async def _shut(self, transport: Transport, action: Close) -> None:
        """Close a connection; tell the core what came of it if it wants to know."""
        try:
            await transport.close(action.code, action.reason, drain=action.drain)
        finally:  # also when that is cut short
            if action.drain:
                self._session.drained(action.connection, complete=transport.complete)
                self.settle()

    def _closed(self, transport: Transport, closing: asyncio.Task[None]) -> None:
        # A task that is cancelled before its first step does nothing at all.
        transport.abort()
        self._closing.discard(closing)
        self._note_end()

    def _note(self, event: SessionEvent) -> None:
        if isinstance(event, _Notable):
            self._warn(event)
        self._observe(event)

    def _warn(self, item: _Notable) -> None:
        match item:
            case StreamInterrupted(cause=cause):
                self._log.warning("interrupted: %s", cause)
            case ReconnectScheduled(media=media, attempt=attempt, delay_s=delay_s):
                name = key_name(media) if media else "signaling"
                self._log.info("%s: try %d in %.2f s", name, attempt, delay_s)
            case StreamResumed(attempts=attempts, after_s=after_s):
                self._log.warning("resumed after %.2f s, tries: %d", after_s, attempts)
            case ParametersChanged(media=media, differences=differences):
                self._log.warning(
                    "%s: the server granted other parameters: %s",
                    media.name,
                    ", ".join(differences),
                )
            case MediaUnavailable(media=media, reason=reason):
                self._log.warning("%s will not come: %s", media.name, reason)
            case _:
                kind = item.message_type
                if kind not in self._unknown_types and len(self._unknown_types) < _LOGGED_TYPES:
                    self._unknown_types.add(kind)
                    text = "message not understood (logged once per type): %s"
                    self._log.warning(text, item.problem)

    def _rearm(self) -> None:
        """Make the timer fire at the next deadline; early is fine, late is not."""
        deadline = self._session.next_deadline()
        if self._timer is not None:
            if deadline is not None and self._timer.when() <= deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._call_at(deadline, self._on_timer)

    def _note_phase(self) -> None:
        phase = self._session.phase
        if phase in _READY and not self.ready.done():
            self.ready.set_result(None)
        self._note_end()

    def _note_end(self) -> None:
        """Tell the consumers of the end when nothing can come any more.

        What the server sent before it saw our close frame is still read.
        """
        over = self._session.phase is Phase.CLOSED and not self._closing
        if over and not self.ended.done():
            self._log.info("stream ended: %s", self._session.error or "normally")
            self._hub.end(self._session.error)
            self.ended.set_result(None)
