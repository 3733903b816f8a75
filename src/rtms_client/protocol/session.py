"""One stream: couples the signaling connection with its media connections.

The session is told what happens and what the application wants, each with the present time. It
answers with actions for the shell, items for the application, its next deadline and, at the end, an
outcome. A whole stream, reconnects included, replays from a list of (time, input).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from rtms_client import events as ev
from rtms_client._wire import inbound, outbound
from rtms_client._wire.cipher import PayloadCipher
from rtms_client._wire.codec import Codec, JsonCodec, Message
from rtms_client._wire.media import MEDIA_OF_MESSAGE
from rtms_client._wire.shapes import Shapes
from rtms_client.codes import Retry, explain_stop
from rtms_client.config import ReconnectPolicy, StreamInfo
from rtms_client.enums import MediaType, MessageType, StatusCode, StopReason, StreamState
from rtms_client.exceptions import (
    ConnectionLost,
    HandshakeRejected,
    MediaNotAvailable,
    ParametersDowngraded,
    RemoteProtocolError,
    RTMSError,
    StreamLost,
    StreamNotFound,
    StreamStopped,
)
from rtms_client.protocol.addresses import check_url, signaling_url
from rtms_client.protocol.connections import Connections
from rtms_client.protocol.control import Control
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.links import Link, LinkInput, LinkState
from rtms_client.protocol.machine import Machine
from rtms_client.protocol.options import SessionOptions, candidates
from rtms_client.protocol.outputs import Action, Granted
from rtms_client.protocol.phases import SESSION_TABLE, Phase, SessionInput
from rtms_client.protocol.reconnect import Recoveries, concerns, polite, suspicious
from rtms_client.protocol.requests import REPLIES

__all__ = ["StreamSession"]

_Handler: TypeAlias = Callable[[Link, MessageType, Message, float], None]
_METADATA: Final = range(MessageType.META_DATA_AUDIO, MessageType.META_DATA_CHAT + 1)
_V2: Final = 2
_ABNORMAL = 1006  # RFC 6455, section 7.4.1
_GRACE_S: Final = 1.0  # between the close of a medium and TERMINATED


def _refuse(link: Link, kind: MessageType, _: Message, __: float) -> None:
    """Refuse a message that does not belong on this connection, or is of an unknown type."""
    raise RemoteProtocolError(f"a message for the {link.endpoint} connection", f"type {kind.name}")


class StreamSession:
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

    def __init__(
        self,
        info: StreamInfo,
        options: SessionOptions,
        *,
        codec: Codec | None = None,
        cipher: PayloadCipher | None = None,
    ) -> None:
        self.info = info
        self.options = options
        self.actions: list[Action] = []
        self.error: RTMSError | None = None
        self.stop_reason: StopReason | None = None
        self.changed: bool = False
        self._codec: Codec = codec or JsonCodec()
        self._encrypted_is_readable = cipher is not None
        self._connections = Connections(self.actions, self._codec, options.timeouts)
        shapes = Shapes(self._codec, options.decode_base64) if codec is None else None
        self.intake: Intake = Intake(info.product, options.params, cipher, shapes)
        self.control: Control = Control(info, options, self._connections, self.intake, self.actions)
        self._recoveries = Recoveries(
            options.reconnect or ReconnectPolicy(), options.on_reconnect, options.dice, self.intake
        )
        self._machine: Machine[Phase, SessionInput] = Machine("stream", SESSION_TABLE, Phase.IDLE)
        self._candidates = candidates(info, options.id_key)
        self._identity = self._candidates.pop(0).identity(info, options)
        self._server_urls = info.server_urls
        self._media_urls: dict[MediaType, str] = {}
        self._protocol_version: int | None = None
        self._verdict: tuple[float, RTMSError | None] | None = None  # the end, if nothing comes
        self._ending = False
        """Whether the server said that the stream ends."""
        self._refusals: dict[MediaType, RTMSError] = {}
        """Media that will not come, and why."""
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

    # --- facts -----------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where the stream stands."""
        return self._machine.state

    @property
    def granted(self) -> Granted:
        """What the server gave so far."""
        settled = [link for link in self._connections.media() if link.settled]
        return Granted.of(
            {
                medium: granted
                for medium, granted in self.intake.formats.items()
                if any(link.carries(medium) for link in settled)
            },
            self._protocol_version,
            certain=all(link.machine.state is LinkState.READY for link in settled),
        )

    def next_deadline(self) -> float | None:
        """Return when `timer` must be called, at the latest; `None` for never."""
        deadlines = self._connections.deadlines()
        deadlines += self.control.deadlines()
        deadlines += self._recoveries.deadlines()
        deadlines += [] if self._verdict is None else [self._verdict[0]]
        return min(deadlines, default=None)

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
        self._server_urls = urls
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
        urls = tuple(server_urls) or self._server_urls
        signaling_url(urls, self.options.network)
        if not self._machine.accepts(SessionInput.SIGNALING_LOST):
            return
        self.changed = True
        known, self._server_urls = self._server_urls, urls
        link = self._connections.signaling
        if link is not None and link.settled:
            if urls == known and self._recoveries.noticed(None, now):  # the webhook may be late
                self._connections.doubt(link, now, self.options.timeouts.request_s)
                self.control.request_stream_state(now)
                return
            self._connections.close(link)
            self._broken(link, ConnectionLost("signaling", _ABNORMAL, "webhook"), now, ready=True)
        self._recoveries.signalled(None, now)

    def stopped(self, reason: StopReason | None) -> None:
        """End the stream: a stopped webhook (scenarios 4 and 5)."""
        self._ending = True
        self.stop_reason = reason or self.stop_reason
        self._end(self._stop_error())

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
        if link.media is None:
            early = self.options.buffer_data
            message = outbound.signaling_handshake(self._identity, buffer_data=early)
        else:
            message = outbound.media_handshake(self._identity, link.media, self._carried(link))
        self._connections.send(link, message)

    def receive(self, connection: int, data: bytes, now: float) -> None:
        """Take one message; whatever it holds ends as an item or as the end of the stream."""
        link = self._connections.get(connection) or self._connections.late(connection)
        if link is None:
            return
        link.heard = now
        statistics = self.intake.statistics
        statistics.messages += 1
        statistics.bytes += len(data)
        calm = link.machine.state is LinkState.READY and not self._recoveries
        if calm and self.intake.common_media(data, link.media):
            return
        message: Message | None = None
        kind: MessageType | None = None
        try:
            message = self._codec.decode(data)
            kind = inbound.message_type(message)
            handlers = self._signaling_handlers if link.media is None else self._media_handlers
            if self.phase is not Phase.CLOSED or kind in MEDIA_OF_MESSAGE:
                handlers.get(kind, _refuse)(link, kind, message, now)
        except RemoteProtocolError as error:
            self.intake.unrecognized(str(error), data if message is None else message, kind)
        except RecursionError:  # what was shallow enough to be read may be too deep to be used
            self.intake.unrecognized("expected JSON that is not nested so deeply", data, kind)

    def lost(self, connection: int, code: int, reason: str, now: float) -> None:
        """Take note that an open connection closed without our doing."""
        if link := self._connections.get(connection):
            self._gone(link, LinkInput.LOST, ConnectionLost(link.endpoint, code, reason), now)

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
                self._connections.open(recovery.media, self._media_urls[recovery.media], now)
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
            self._end(self._stop_error())
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
        self._candidates.clear()
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
            error = HandshakeRejected.for_status(link.endpoint, answer.status, answer.reason)
            again = suspicious(error) and link.media in self._recoveries.absent()
            mute = self._connections.close_mute_signaling(link) if again else None
            if mute is not None:
                lost = ConnectionLost("signaling", _ABNORMAL, f"{link.endpoint} was refused")
                self._broken(mute, lost, now, ready=True)
            elif self.phase is not Phase.CLOSING:
                self._broken(link, error, now, ready=ready)
            return
        awaited = link.machine.state is LinkState.HANDSHAKING
        link.machine.feed(LinkInput.ACCEPTED)
        self._compare(link, answer)
        if awaited:
            self._settle(link, now)

    def _on_reply(self, link: Link, kind: MessageType, message: Message, _: float) -> None:
        link.machine.feed(LinkInput.REPLY)
        if kind == MessageType.STREAM_CLOSE_RESP and self.phase is Phase.CLOSING:
            self._end(None)
        else:
            self.control.reply(kind, message)

    # --- the steps of a stream -------------------------------------------------------------------

    def _identity_refused(self, link: Link, answer: inbound.SignalingAnswer, now: float) -> None:
        """Try the next way to name the stream, if the refusal makes it worth a try."""
        for index, candidate in enumerate(self._candidates):
            if answer.status in candidate.after:
                del self._candidates[: index + 1]
                self._identity = candidate.identity(self.info, self.options)
                self._open_signaling(now)
                return
        error = HandshakeRejected.for_status("signaling", answer.status, answer.reason)
        self._broken(link, error, now, ready=False)

    def _open_signaling(self, now: float) -> None:
        url = signaling_url(self._server_urls, self.options.network)
        self._connections.open(None, url, now)
        self.changed = True

    def _open_media(self, urls: Mapping[MediaType, str], now: float) -> None:
        """Open one connection per medium, or one for all (lifecycle notes, section 4)."""
        shared = urls.get(MediaType.ALL)
        if self.options.unified and shared is not None:
            wanted = {MediaType.ALL: shared}
        else:
            wanted = {medium: urls.get(medium, shared or "") for medium in self.options.params}
        wanted = {medium: url for medium, url in wanted.items() if medium not in self._refusals}
        try:
            for medium, url in wanted.items():
                if url:
                    self._media_urls[medium] = check_url(url, self.options.network)
                    self._connections.open(medium, url, now)
        except RTMSError as error:
            self._end(error)
            return
        for medium, url in wanted.items():
            if not url:
                self._unavailable(medium, MediaNotAvailable(Link.name_of(medium), None, ""))
        self.changed = True
        self._check_media(now)

    def _settle(self, link: Link, now: float) -> None:
        """Acknowledge a media connection on signaling (lifecycle notes, section 5)."""
        link.deadline = None
        self.changed = True
        signaling = self._connections.signaling
        if signaling is not None and signaling.machine.accepts(LinkInput.REQUEST):
            self._connections.send(signaling, outbound.client_ready(self.info.stream_id))
            if link.carries(MediaType.VIDEO):
                self.control.restore_video(now)
        self._recoveries.connected(link.media, now)
        self._check_media(now)

    def _check_media(self, now: float) -> None:
        """Move on when no media connection is under way any more."""
        links = self._connections.media()
        absent = self._recoveries.absent()
        if self._refusals and (self.options.strict or not (links or absent)):
            self._end(min(self._refusals.values(), key=lambda why: not isinstance(why, StreamLost)))
        if self.phase not in {Phase.CONNECTING_MEDIA, Phase.RECONNECTING_MEDIA}:
            return
        if any(not link.settled and link.media not in absent for link in links):
            return
        first = self.phase is Phase.CONNECTING_MEDIA and any(link.settled for link in links)
        if absent and not first:
            return
        self._machine.feed(SessionInput.MEDIA_READY)
        self._recoveries.whole(now)
        if absent:
            self._machine.feed(SessionInput.MEDIA_LOST)
        self.changed = True

    def _compare(self, link: Link, answer: inbound.MediaAnswer) -> None:
        """Keep the granted parameters and make differences visible (messages notes, 2.4)."""
        encrypted = answer.encrypted and not self._encrypted_is_readable
        if encrypted and (answer.protocol_version or 1) >= _V2:
            self._end(RemoteProtocolError("readable media", "encrypted media and no cipher"))
            return
        for medium, requested in self._carried(link).items():
            changes = self.intake.granted(medium, requested, answer.params, encrypted=encrypted)
            if changes and self.options.strict:
                self._end(ParametersDowngraded(Link.name_of(medium), changes))
                return

    def _unavailable(self, media: MediaType, error: RTMSError) -> None:
        """Announce that a medium will not come."""
        concerned = list(self.options.params) if media == MediaType.ALL else [media]
        self._refusals.update(dict.fromkeys([media, *concerned], error))
        for medium in concerned:
            self.intake.unavailable(medium, error)

    def _media_interrupted(self, news: MediaType | None, now: float) -> None:
        """Reopen what the server says it lost (scenario 3); often it does not say which."""
        if self.phase is Phase.CLOSING:
            return
        self._recoveries.signalled(news, now)
        for link in self._connections.media():
            if not (link.settled and concerns(news, link.media)):
                continue
            if news is None or self._recoveries.noticed(link.media, now):
                self._connections.doubt(link, now)
            elif self._connections.get(link.number) is not None:
                self._connections.close(link)
                lost = ConnectionLost(link.endpoint, _ABNORMAL, "interrupted, says the server")
                self._broken(link, lost, now, ready=True)
        self.changed = True

    def _gone(self, link: Link, cause: LinkInput, error: RTMSError, now: float) -> None:
        """Give up a connection that broke."""
        ready = link.settled
        link.machine.feed(cause)
        if cause is LinkInput.EXPIRED:
            self._connections.close(link, expired=True)
        else:
            self._connections.forget(link)
        self._broken(link, error, now, ready=ready)

    def _drop_media(self) -> None:
        """Close all media connections; what was in use has a gap from here on."""
        for link in self._connections.media():
            if link.settled:
                self.intake.interrupt(self._carried(link))
            self._connections.close(link)

    def _carried(self, link: Link) -> dict[MediaType, outbound.MediaParams]:
        return {one: how for one, how in self.options.params.items() if link.carries(one)}

    def _broken(self, link: Link, error: RTMSError, now: float, *, ready: bool) -> None:
        """Plan the next try, or give up: the medium, or with signaling the stream."""
        self.changed = True
        media = link.media
        if self._ending or self.intake.roster.all_sessions_stopped or self.phase is Phase.CLOSING:
            if media is None or not self._connections.media():  # else more may come
                self._end(self._stop_error())
            return
        if self.options.reconnect is None:
            self._not_again(link, error, now, ready=ready)
            return
        if media is None:
            self._drop_media()
            self.control.fail(over=False)
            self._machine.feed(SessionInput.SIGNALING_LOST)
        else:
            self._machine.feed(SessionInput.MEDIA_LOST)
        if ready:
            self.intake.interrupt(self._carried(link))
        final = self._recoveries.broken(media, error, now, established=ready)
        if final is not None:
            self._given_up(media, final, now)
        elif media is not None:  # the others need not wait for it
            self._check_media(now)

    def _not_again(self, link: Link, error: RTMSError, now: float, *, ready: bool) -> None:
        """Give up for want of a policy; after a polite close TERMINATED may be on its way."""
        if isinstance(error, HandshakeRejected):
            self._given_up(link.media, error, now)
        elif link.media is None or not (ready and polite(error)):
            self._end(error)
        elif self._verdict is None:
            self._verdict = now + _GRACE_S, error

    def _given_up(self, media: MediaType | None, error: RTMSError, now: float) -> None:
        """Go on without a medium; it is the end when none is left or in strict mode."""
        gone = isinstance(error, StreamNotFound) and self.intake.statistics.interruptions
        if media is None or gone:
            self._end(error)
        else:
            self._unavailable(media, error)
            self._check_media(now)

    def _stop_error(self) -> RTMSError | None:
        """Return the error for an end that the server announced, if it was no normal end."""
        reason = self.stop_reason = self.stop_reason or self.intake.roster.stop_reason
        if reason is None or self.phase is Phase.CLOSING:
            return None
        return StreamStopped(reason) if explain_stop(reason).retry is Retry.RESTART else None

    def _end(self, error: RTMSError | None) -> None:
        """Close everything; a no-op after the end."""
        if self.phase is Phase.CLOSED:
            return
        self._machine.feed(SessionInput.END)
        self.error = error
        self.changed = True
        self._verdict = None
        self.control.fail(over=True)
        self.intake.finish()
        self._recoveries.clear()
        self._connections.close_all(late=self._ending)
