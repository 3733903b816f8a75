"""One stream: couples the signaling connection with its media connections.

The session is told what happens and what the application wants, each with the present time. It
answers with actions for the shell, items for the application, its next deadline and, at the end, an
outcome. A whole stream, reconnects included, replays from a list of (time, input).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from rtms_client import events as ev
from rtms_client._wire import inbound, outbound
from rtms_client._wire.cipher import PayloadCipher
from rtms_client._wire.codec import Codec, Message
from rtms_client._wire.media import MEDIA_OF_MESSAGE
from rtms_client._wire.shapes import CommonFrame
from rtms_client.config import StreamInfo
from rtms_client.enums import MessageType, StatusCode, StopReason, StreamState
from rtms_client.exceptions import (
    ConnectionLost,
    HandshakeRejected,
    InvalidState,
    RemoteProtocolError,
    RTMSError,
)
from rtms_client.protocol.addresses import signaling_url
from rtms_client.protocol.handshakes import carried, compare, handshake
from rtms_client.protocol.links import Link, LinkInput, LinkState
from rtms_client.protocol.options import SessionOptions
from rtms_client.protocol.phases import Phase, SessionInput
from rtms_client.protocol.reconnect import suspicious
from rtms_client.protocol.requests import REPLIES
from rtms_client.protocol.steps import SessionSteps
from rtms_client.protocol.target import Target

__all__ = ["StreamSession"]

_Handler: TypeAlias = Callable[[Link, MessageType, Message, float], None]
_METADATA: Final = range(MessageType.META_DATA_AUDIO, MessageType.META_DATA_CHAT + 1)
_ABNORMAL = 1006  # RFC 6455, section 7.4.1


def _refuse(link: Link, kind: MessageType, _: Message, __: float) -> None:
    """Refuse a message that does not belong on this connection, or is of an unknown type."""
    raise RemoteProtocolError(f"a message for the {link.endpoint} connection", f"type {kind.name}")


class StreamSession(SessionSteps):
    """The state of one stream, without any input or output of its own.

    Args:
        info: The stream to join.
        options: How to join it.
        codec: Format of the messages.
        cipher: Decryption of payloads, for servers that encrypt them.

    Attributes:
        actions: What the shell has to do, in order; the shell clears the list.
        intake: What arrived for the application.
        control: What the application asks of the server.
        error: Why the stream ended; `None` while it lives and after a normal end.
        stop_reason: The server's reason for the end; `None` when it gave none.
        changed: Whether `phase` or `next_deadline` may have changed; the shell resets it.
    """

    options: SessionOptions
    changed: bool

    def __init__(
        self,
        info: StreamInfo,
        options: SessionOptions,
        *,
        codec: Codec | None = None,
        cipher: PayloadCipher | None = None,
    ) -> None:
        super().__init__(info, options, codec=codec, cipher=cipher)
        both: Mapping[int, _Handler] = {
            MessageType.STREAM_STATE_UPDATE: self._on_stream_state,
            MessageType.SESSION_STATE_UPDATE: self._on_session_state,
            MessageType.KEEP_ALIVE_REQ: self._on_keep_alive,
        }
        self._signaling_handlers: Mapping[int, _Handler] = {
            **both,
            MessageType.SIGNALING_HAND_SHAKE_RESP: self._on_signaling_answer,
            MessageType.EVENT_UPDATE: self._on_event,
            **dict.fromkeys(REPLIES, self._on_reply),
        }
        self._media_handlers: Mapping[int, _Handler] = {
            **both,
            MessageType.DATA_HAND_SHAKE_RESP: self._on_media_answer,
            **dict.fromkeys(MEDIA_OF_MESSAGE, self._on_media),
            **dict.fromkeys(_METADATA, self._on_metadata),
        }

    # --- what the application wants --------------------------------------------------------------

    def start(self, now: float) -> None:
        """Open the signaling connection.

        Raises:
            InvalidState: The session was started before.
            HostNotAllowed: No server URL may be opened.
        """
        self._machine.feed(SessionInput.START)
        try:
            self._open_signaling(now)
        except RTMSError as error:
            self._end(error)
            raise

    def close(self, now: float) -> None:
        """End the stream: gracefully where signaling is ready, else at once; may be repeated."""
        link = self._connections.signaling
        if self._machine.accepts(SessionInput.CLOSE) and link is not None:
            self._machine.feed(SessionInput.CLOSE)
            link.machine.feed(LinkInput.CLOSE)
            self._verdict = now + self.options.timeouts.close_s, None
            self._recoveries.clear()
            self.changed = True
            self._connections.send(link, outbound.close_request(self.info.stream_id))
        elif self.phase is not Phase.CLOSING:
            self._end(None)

    def abort(self, error: RTMSError | None = None) -> None:
        """End the stream at once; a no-op when it has ended."""
        self._end(error)

    # --- what webhooks say -----------------------------------------------------------------------

    def moved(self, server_urls: Iterable[str], now: float) -> None:
        """Move to other servers at once: a started webhook for a live stream (scenario 1).

        Raises:
            HostNotAllowed: No URL may be opened; the stream stays where it is.
        """
        urls = tuple(server_urls)
        signaling_url(urls, self.options.network)
        if not self._machine.accepts(SessionInput.SIGNALING_LOST):
            return
        self._target.server_urls = urls
        self._ending = False
        if self.intake.roster.all_sessions_stopped:
            self.intake.roster.sessions.clear()  # the server says that the stream lives
        link = self._connections.signaling
        established = link is not None and link.settled
        self._machine.feed(SessionInput.SIGNALING_LOST)
        self._drop_media()
        self._connections.close_all()
        self.control.fail(over=False)
        self._recoveries.restart(now, established=established)
        self._open_signaling(now)

    def interrupted(self, server_urls: Iterable[str], now: float) -> None:
        """Reconnect everything: an interrupted webhook (scenario 2).

        Args:
            server_urls: URLs of the webhook; empty to keep the known ones.
            now: The present time.

        Raises:
            HostNotAllowed: No URL of the webhook may be opened; nothing changes.
        """
        urls = tuple(server_urls) or self._target.server_urls
        signaling_url(urls, self.options.network)
        if not self._machine.accepts(SessionInput.SIGNALING_LOST):
            return
        self.changed = True
        known, self._target.server_urls = self._target.server_urls, urls
        link = self._connections.signaling
        if link is not None and link.settled:
            if urls == known and self._recoveries.noticed(None, now):  # the webhook may be late
                self._connections.doubt(link, now, self.options.timeouts.request_s)
                self.control.request_stream_state(now)
                return
            self._connections.close(link)
            self._broken(link, ConnectionLost("signaling", _ABNORMAL, "webhook"), now, ready=True)
        self._recoveries.signalled(None, now)

    def stopped(self, reason: StopReason | None, now: float) -> None:
        """End the stream, or have it started again: a stopped webhook (scenarios 4 and 5)."""
        self._ending = True
        self.stop_reason = reason or self.stop_reason
        error = self._stop_error()
        if self.phase is not Phase.RESTARTING:
            self._die(error, now)
        elif error is None and reason is not None:  # nobody starts again what ended for good
            self._end(self._restarts.failure())

    def restart_answered(self, attempt: int, problem: str | None, now: float) -> None:
        """Take note of what became of a try to start the stream again.

        Args:
            attempt: Number of the try.
            problem: Why it failed; `None` when Zoom accepted it.
            now: The present time.
        """
        self.changed = True
        if not self._restarts.answered(attempt, problem, now):
            self._end(self._restarts.failure())

    def restarted(
        self,
        info: StreamInfo,
        sign: Callable[[str], str],
        now: float,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Go on with another stream: the started webhook of one that was started again.

        Args:
            info: The new stream.
            sign: Makes its signature.
            now: The present time.
            secrets: What an observer of the session must not write down.

        Raises:
            InvalidState: This stream did not die.
            HostNotAllowed: No URL may be opened; nothing changes.
        """
        cause = self._restarts.error
        if cause is None:
            raise InvalidState("start again", self.phase.name, "it takes a stream that has died")
        signaling_url(info.server_urls, self.options.network)
        self._machine.feed(SessionInput.RESTARTED)
        self.info = info
        self.options = attrs.evolve(self.options, sign=sign, secrets=secrets)
        self._target = Target(info, self.options)
        self._ending = False
        self.stop_reason = None
        self.intake.begin_anew()
        self.intake.statistics.restarts += 1
        self.control.restarted(info)
        self._refusals.clear()
        self._connections.forget_late()
        self._recoveries.restarted(cause, self._restarts.since, now)
        self._restarts.restarted()
        self._open_signaling(now)

    # --- what happens ----------------------------------------------------------------------------

    def opened(self, connection: int, now: float) -> None:
        """Take note that a connection is open, and send its handshake."""
        link = self._connections.get(connection)
        if link is None:
            return
        link.machine.feed(LinkInput.OPENED)
        link.heard = now
        link.deadline = now + self.options.timeouts.handshake_s
        self.changed = True
        self._connections.send(link, handshake(self._target.identity, self.options, link))

    def receive(self, connection: int, data: bytes, now: float) -> None:
        """Take one message; whatever it holds ends as an item or as the end of the stream."""
        live = self._connections.get(connection)
        link = live or self._connections.late(connection)
        if link is None:
            return
        link.heard = now
        self.intake.statistics.messages += 1
        self.intake.statistics.bytes += len(data)
        message: Message | None = None
        kind: MessageType | None = None
        try:
            message = self._codec.decode(data)
            kind = inbound.message_type(message)
            handlers = self._signaling_handlers if link.media is None else self._media_handlers
            if live is not None or kind in MEDIA_OF_MESSAGE:
                handlers.get(kind, _refuse)(link, kind, message, now)
        except RemoteProtocolError as error:
            self.intake.unrecognized(str(error), data if message is None else message, kind)
        except RecursionError:  # what was shallow enough to be read may be too deep to be used
            self.intake.unrecognized("expected JSON that is not nested so deeply", data, kind)

    def receive_media(
        self, connection: int, messages: Sequence[bytes], now: float, start: int
    ) -> tuple[list[CommonFrame], list[int]]:
        """Take messages as long as they are common ones of one medium: a short way of `receive`.

        Args:
            connection: Where they came.
            messages: The messages, in order.
            now: The present time.
            start: Index of the first message to take.

        Returns:
            The frames of the messages from there on, one for each, instead of items, and the sizes
            of these messages; whatever follows is for `receive`.
        """
        link = self._connections.get(connection)
        if link is None or link.machine.state is not LinkState.READY or self._recoveries:
            return [], []
        link.heard = now
        return self.intake.common_media(messages, start, link.media)

    def heard(self, connection: int, now: float) -> None:
        """Take note of a sign of life that is no message: a ping."""
        self._connections.heard(connection, now)

    def lost(self, connection: int, code: int, reason: str, now: float) -> None:
        """Take note that an open connection closed without our doing."""
        if link := self._connections.get(connection):
            self._gone(link, LinkInput.LOST, ConnectionLost(link.endpoint, code, reason), now)

    def drained(self, connection: int, *, complete: bool) -> None:
        """Take note that nothing more comes from a connection that was closed to be drained.

        Args:
            connection: The connection.
            complete: Whether all came that the server had sent; else there is a gap.
        """
        link = self._connections.drained(connection)
        if link is not None and not complete:
            self.intake.interrupt(carried(link, self.options))
            if self.phase is Phase.CLOSED:
                self.intake.finish()

    def failed(self, connection: int, error: RTMSError, now: float) -> None:
        """Take note that a connection did not come about."""
        if link := self._connections.get(connection):
            self._gone(link, LinkInput.LOST, error, now)

    def timer(self, now: float) -> None:
        """Take note of the time; does nothing before `next_deadline`."""
        self.changed = True
        self.control.expire(now)
        if self._verdict is not None and self._verdict[0] <= now:
            self._end(self._verdict[1])
        for link in self._connections.expired(now):
            if self._connections.get(link.number) is not None:  # an earlier one may take it along
                self._gone(link, LinkInput.EXPIRED, self._connections.expiry(link), now)
        for recovery in self._recoveries.due(now):
            if recovery.media is None:
                self._open_signaling(now)
            else:
                self._connections.open(recovery.media, self._target.media_urls[recovery.media], now)
        self._have_restarted(now)
        while (over := self._recoveries.overdue(now)) is not None:
            self._given_up(*over, now)

    # --- handlers of messages --------------------------------------------------------------------

    def _on_keep_alive(self, link: Link, _: MessageType, message: Message, __: float) -> None:
        """Answer on the same socket, before anything else (messages notes, 4.2)."""
        link.machine.feed(LinkInput.KEEP_ALIVE)
        echo = inbound.keep_alive_echo(message)
        self._connections.send(link, outbound.keep_alive_answer(echo))
        self.intake.statistics.keep_alives += 1

    def _on_media(self, link: Link, kind: MessageType, message: Message, now: float) -> None:
        """Take media; before message 4 they stand for its acceptance (protocol notes, row 43)."""
        awaited = link.machine.state is LinkState.HANDSHAKING
        link.machine.feed(LinkInput.MEDIA)
        if awaited:
            self._settle(link, now)
        if self._recoveries:
            self._recoveries.flowed(link.media)
        if link.carries(MEDIA_OF_MESSAGE[kind]):
            self.intake.media(kind, message)
        else:
            self.intake.statistics.unrequested += 1

    def _on_metadata(self, link: Link, kind: MessageType, message: Message, _: float) -> None:
        link.machine.feed(LinkInput.NOTICE)
        self.intake.metadata(kind, message)

    def _on_event(self, link: Link, _: MessageType, message: Message, now: float) -> None:
        link.machine.feed(LinkInput.NOTICE)
        event = self.intake.event(message)
        if isinstance(event, ev.MediaInterrupted):
            self._media_interrupted(event.media, now)

    def _on_session_state(self, link: Link, _: MessageType, message: Message, __: float) -> None:
        link.machine.feed(LinkInput.NOTICE)
        self.intake.session_state(message)

    def _on_stream_state(self, link: Link, _: MessageType, message: Message, now: float) -> None:
        """Take a state of the stream; only TERMINATED ends it (lifecycle notes, section 9)."""
        link.machine.feed(LinkInput.NOTICE)
        event = self.intake.stream_state(message)
        if event.state in {StreamState.TERMINATING, StreamState.TERMINATED}:
            self._ending = True
            self.stop_reason = event.reason or self.stop_reason
        if event.state == StreamState.TERMINATED:
            self._die(self._stop_error(), now)
        elif (
            event.state == StreamState.INTERRUPTED
            and event.reason == StopReason.DATA_CONNECTION_INTERRUPTED
        ):
            self._media_interrupted(None, now)

    def _on_signaling_answer(
        self, link: Link, _: MessageType, message: Message, now: float
    ) -> None:
        answer = inbound.signaling_answer(message)
        if answer.status != StatusCode.OK:
            link.machine.feed(LinkInput.REJECTED)
            self._connections.close(link)
            self._identity_refused(link, answer, now)
            return
        link.machine.feed(LinkInput.ACCEPTED)
        link.deadline = None
        self._target.accepted()
        self._protocol_version = answer.protocol_version
        self._machine.feed(SessionInput.SIGNALING_READY)
        self._recoveries.connected(None, now)
        self.control.restore_events()
        self._open_media(answer.media_urls, now)

    def _on_media_answer(self, link: Link, _: MessageType, message: Message, now: float) -> None:
        answer = inbound.media_answer(message)
        if answer.status != StatusCode.OK:
            ready = link.settled
            link.machine.feed(LinkInput.REJECTED)
            self._connections.close(link)
            refused = HandshakeRejected.for_status(link.endpoint, answer.status, answer.reason)
            again = suspicious(refused) and link.media in self._recoveries.absent()
            mute = self._connections.close_mute_signaling(link) if again else None
            if mute is not None:
                lost = ConnectionLost("signaling", _ABNORMAL, f"{link.endpoint} was refused")
                self._broken(mute, lost, now, ready=True)
            elif self.phase is not Phase.CLOSING:
                self._broken(link, refused, now, ready=ready)
            return
        awaited = link.machine.state is LinkState.HANDSHAKING
        link.machine.feed(LinkInput.ACCEPTED)
        readable = self._encrypted_is_readable
        error = compare(link, answer, self.options, self.intake, readable=readable)
        if error is not None:
            self._end(error)
        if awaited:
            self._settle(link, now)

    def _on_reply(self, link: Link, kind: MessageType, message: Message, _: float) -> None:
        link.machine.feed(LinkInput.REPLY)
        if kind == MessageType.STREAM_CLOSE_RESP and self.phase is Phase.CLOSING:
            self._end(None)
        else:
            self.control.reply(kind, message)
