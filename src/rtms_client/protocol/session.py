"""One stream: couples the signaling connection with its media connections.

The session is told what happens (`opened`, `receive`, `lost`, `failed`, `timer`) and what the
application wants (`start`, `close`, requests), each with the present time. It answers with actions
for the shell, items for the application, its next deadline and, at the end, an outcome. A whole
stream replays from a list of (time, input).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from rtms_client import events as ev
from rtms_client._wire import inbound, outbound
from rtms_client._wire.cipher import PayloadCipher
from rtms_client._wire.codec import Codec, JsonCodec, Message
from rtms_client._wire.media import MEDIA_OF_MESSAGE, granted_format
from rtms_client.codes import Retry, explain_stop
from rtms_client.config import StreamInfo, VideoParams, differences
from rtms_client.enums import (
    DataOption,
    MediaType,
    MessageType,
    StatusCode,
    StopReason,
    StreamState,
)
from rtms_client.exceptions import (
    AnswerTimeout,
    ConnectionLost,
    HandshakeRejected,
    InvalidState,
    MediaNotAvailable,
    ParametersDowngraded,
    RemoteProtocolError,
    RequestFailed,
    RTMSError,
    StreamStopped,
)
from rtms_client.protocol.addresses import check_url, signaling_url
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.links import Link, LinkInput, LinkState
from rtms_client.protocol.machine import Machine
from rtms_client.protocol.options import (
    Candidate,
    EventSubscription,
    SessionOptions,
    candidates,
    check_subscriptions,
    default_events,
)
from rtms_client.protocol.outputs import Action, Answer, Close, Granted, Open, Send
from rtms_client.protocol.phases import SESSION_TABLE, Phase, SessionInput
from rtms_client.protocol.requests import Request, Requests

__all__ = ["StreamSession"]

_Handler: TypeAlias = Callable[[Link, MessageType, Message, float], None]
_METADATA: Final = range(MessageType.META_DATA_AUDIO, MessageType.META_DATA_CHAT + 1)
_REPLIES: Final = (
    MessageType.SESSION_STATE_RESP,
    MessageType.STREAM_STATE_RESP,
    MessageType.STREAM_CLOSE_RESP,
    MessageType.VIDEO_SUBSCRIPTION_RESP,
)
_V2: Final = 2
_NORMAL, _GOING_AWAY = 1000, 1001  # RFC 6455, section 7.4.1


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
        actions: What the shell has to do, in order; the shell empties the list.
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
        self.changed = False
        self.intake = Intake(info.product, options.params, cipher)
        self._codec: Codec = codec or JsonCodec()
        self._encrypted_is_readable = cipher is not None
        self._machine: Machine[Phase, SessionInput] = Machine("stream", SESSION_TABLE, Phase.IDLE)
        self._candidates = candidates(info, options.id_key)
        self._identity = self._identify(self._candidates.pop(0))
        self._signaling: Link | None = None
        self._links: dict[int, Link] = {}
        self._last_link = 0
        self._protocol_version: int | None = None
        self._subscriptions = list(
            default_events(info.product, options.params)
            if options.events is None
            else check_subscriptions(options.events)
        )
        self._requests = Requests()
        self._closing_deadline: float | None = None
        self._ending = False
        """Whether the server said that the stream ends."""
        self._refusal: RTMSError | None = None
        """First refusal of a medium: the reason, if none is left."""
        both: Mapping[int, _Handler] = {
            MessageType.STREAM_STATE_UPDATE: self._on_stream_state,
            MessageType.SESSION_STATE_UPDATE: self._on_session_state,
            MessageType.KEEP_ALIVE_REQ: self._on_keep_alive,
        }
        self._signaling_handlers: Mapping[int, _Handler] = {
            **both,
            MessageType.SIGNALING_HAND_SHAKE_RESP: self._on_signaling_answer,
            MessageType.EVENT_UPDATE: self._on_event,
            **dict.fromkeys(_REPLIES, self._on_reply),
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
        settled = [link for link in self._media_links() if link.settled]
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
        deadlines = [link.expires(self.options.timeouts) for link in self._links.values()]
        deadlines += self._requests.deadlines()
        if self._closing_deadline is not None:
            deadlines.append(self._closing_deadline)
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
        link = self._signaling
        if self._machine.accepts(SessionInput.CLOSE) and link is not None:
            self._machine.feed(SessionInput.CLOSE)
            link.machine.feed(LinkInput.CLOSE)
            self._closing_deadline = now + self.options.timeouts.close_s
            self.changed = True
            self._send(link, outbound.close_request(self.info.stream_id))
        elif self.phase is not Phase.CLOSING:
            self._end(None)

    def abort(self, error: RTMSError | None = None) -> None:
        """End the stream at once; a no-op when it has ended."""
        self._end(error)

    def subscribe_events(self, events: Iterable[EventSubscription], *, subscribe: bool) -> None:
        """Change the subscribed events, now or as soon as signaling is ready.

        Raises:
            InvalidParameters: An event comes unasked and must not be subscribed.
            InvalidState: The stream is over.
        """
        changed = check_subscriptions(events)
        if self.phase in {Phase.CLOSING, Phase.CLOSED}:
            raise InvalidState("subscribe to events", self.phase.name, "the stream is over")
        self._subscriptions = [event for event in self._subscriptions if event not in changed]
        if subscribe:
            self._subscriptions += changed
        if self._signaling is not None and self._signaling.machine.accepts(LinkInput.REQUEST):
            self._send(self._signaling, outbound.event_subscription(changed, subscribe=subscribe))

    def subscribe_video(
        self, user_id: int, *, subscribe: bool, timestamp_ms: int, now: float
    ) -> int:
        """Ask for the video of one participant; returns the token of the answer.

        Raises:
            InvalidState: Video is not in individual mode, or signaling is not ready.
        """
        params = self.options.params.get(MediaType.VIDEO)
        if (
            not isinstance(params, VideoParams)
            or params.data_opt != DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM
        ):
            raise InvalidState(
                "subscribe to the video of a participant",
                self.phase.name,
                "ask for VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)",
            )
        return self._request(
            outbound.video_subscription(user_id, subscribe=subscribe, timestamp_ms=timestamp_ms),
            MessageType.VIDEO_SUBSCRIPTION_RESP,
            "video subscription",
            now,
            user_id=user_id,
            subscribe=subscribe,
        )

    def request_stream_state(self, now: float) -> int:
        """Ask for the state of the stream; returns the token of the answer.

        Raises:
            InvalidState: Signaling is not ready.
        """
        return self._request(
            outbound.stream_state_request(self.info.stream_id),
            MessageType.STREAM_STATE_RESP,
            "stream state",
            now,
        )

    def request_session_state(self, session_id: str | None, now: float) -> int:
        """Ask for the state of a session, by default the newest; returns the token of the answer.

        Raises:
            InvalidState: Signaling is not ready, or no session is known.
        """
        known = session_id or next(reversed(self.intake.roster.sessions), None)
        if known is None:
            raise InvalidState(
                "ask for the session state",
                self.phase.name,
                "pass a session id, or wait for a SessionStateChanged event",
            )
        return self._request(
            outbound.session_state_request(known),
            MessageType.SESSION_STATE_RESP,
            "session state",
            now,
        )

    # --- what happens ----------------------------------------------------------------------------

    def opened(self, connection: int, now: float) -> None:
        """Take note that a connection is open, and send its handshake."""
        link = self._links.get(connection)
        if link is None:
            return
        link.heard = now
        link.deadline = now + self.options.timeouts.handshake_s
        self.changed = True
        link.machine.feed(LinkInput.OPENED)
        if link.media is None:
            message = outbound.signaling_handshake(
                self._identity, buffer_data=self.options.buffer_data
            )
        else:
            params = {
                medium: params
                for medium, params in self.options.params.items()
                if link.carries(medium)
            }
            message = outbound.media_handshake(self._identity, link.media, params)
        self._send(link, message)

    def receive(self, connection: int, data: bytes, now: float) -> None:
        """Take one message; whatever it holds ends as an item or as the end of the stream."""
        link = self._links.get(connection)
        if link is None:
            return
        link.heard = now
        statistics = self.intake.statistics
        statistics.messages += 1
        statistics.bytes += len(data)
        try:
            message = self._codec.decode(data)
        except RemoteProtocolError as error:
            self.intake.unrecognized(str(error), data)
            return
        kind: MessageType | None = None
        try:
            kind = inbound.message_type(message)
            handlers = self._signaling_handlers if link.media is None else self._media_handlers
            handlers.get(kind, _refuse)(link, kind, message, now)
        except RemoteProtocolError as error:
            self.intake.unrecognized(str(error), message, kind)

    def lost(self, connection: int, code: int, reason: str) -> None:
        """Take note that an open connection closed without our doing."""
        link = self._links.get(connection)
        if link is not None:
            self._gone(link, LinkInput.LOST, ConnectionLost(link.endpoint, code, reason))

    def failed(self, connection: int, error: RTMSError) -> None:
        """Take note that a connection did not come about."""
        link = self._links.get(connection)
        if link is not None:
            self._gone(link, LinkInput.LOST, error)

    def timer(self, now: float) -> None:
        """Take note of the time; does nothing before `next_deadline`."""
        self.changed = True
        for request in self._requests.take_expired(now):
            timeout = AnswerTimeout(
                "signaling", f"an answer to {request.description}", self.options.timeouts.request_s
            )
            self.actions.append(Answer(request.token, timeout))
        if self._closing_deadline is not None and self._closing_deadline <= now:
            self._end(None)
        timeouts = self.options.timeouts
        for link in list(self._links.values()):
            if link.number in self._links and link.expires(timeouts) <= now:
                self.actions.append(Close(link.number, _GOING_AWAY, "time-out"))
                self._gone(link, LinkInput.EXPIRED, link.expiry(timeouts))

    # --- handlers of messages --------------------------------------------------------------------

    def _on_keep_alive(self, link: Link, _: MessageType, message: Message, __: float) -> None:
        """Answer on the same socket, before anything else (messages notes, 4.2)."""
        link.machine.feed(LinkInput.KEEP_ALIVE)
        self._send(link, outbound.keep_alive_answer(inbound.keep_alive_echo(message)))
        self.intake.statistics.keep_alives += 1

    def _on_media(self, link: Link, kind: MessageType, message: Message, _: float) -> None:
        """Take media; before message 4 they stand for its acceptance (protocol notes, row 43)."""
        awaited = link.machine.state is LinkState.HANDSHAKING
        link.machine.feed(LinkInput.MEDIA)
        if awaited:
            self._settle(link)
        if link.carries(MEDIA_OF_MESSAGE[kind]):
            self.intake.media(kind, message)
        else:
            self.intake.statistics.unrequested += 1

    def _on_metadata(self, link: Link, kind: MessageType, message: Message, _: float) -> None:
        link.machine.feed(LinkInput.NOTICE)
        self.intake.metadata(kind, message)

    def _on_event(self, link: Link, _: MessageType, message: Message, __: float) -> None:
        link.machine.feed(LinkInput.NOTICE)
        self.intake.event(message)

    def _on_session_state(self, link: Link, _: MessageType, message: Message, __: float) -> None:
        link.machine.feed(LinkInput.NOTICE)
        self.intake.session_state(message)

    def _on_stream_state(self, link: Link, _: MessageType, message: Message, __: float) -> None:
        """Take a state of the stream; only TERMINATED ends it (lifecycle notes, section 9)."""
        link.machine.feed(LinkInput.NOTICE)
        event = self.intake.stream_state(message)
        if event.state in {StreamState.TERMINATING, StreamState.TERMINATED}:
            self._ending = True
            self.stop_reason = event.reason or self.stop_reason
        if event.state == StreamState.TERMINATED:
            self._end(self._stop_error())

    def _on_signaling_answer(
        self, link: Link, _: MessageType, message: Message, now: float
    ) -> None:
        answer = inbound.signaling_answer(message)
        if answer.status != StatusCode.OK:
            link.machine.feed(LinkInput.REJECTED)
            self._drop(link)
            self._identity_refused(answer, now)
            return
        link.machine.feed(LinkInput.ACCEPTED)
        link.deadline = None
        self._protocol_version = answer.protocol_version
        self._machine.feed(SessionInput.SIGNALING_READY)
        if self._subscriptions:
            self._send(link, outbound.event_subscription(self._subscriptions, subscribe=True))
        self._open_media(answer.media_urls, now)

    def _on_media_answer(self, link: Link, _: MessageType, message: Message, __: float) -> None:
        answer = inbound.media_answer(message)
        if answer.status != StatusCode.OK:
            link.machine.feed(LinkInput.REJECTED)
            self._drop(link)
            error = HandshakeRejected.for_status(link.endpoint, answer.status, answer.reason)
            self._refused(link.media or MediaType(0), error)
            return
        awaited = link.machine.state is LinkState.HANDSHAKING
        link.machine.feed(LinkInput.ACCEPTED)
        self._compare(link, answer)
        if awaited:
            self._settle(link)

    def _on_reply(self, link: Link, kind: MessageType, message: Message, _: float) -> None:
        link.machine.feed(LinkInput.REPLY)
        reply = inbound.reply(kind, message)
        if kind == MessageType.STREAM_CLOSE_RESP and self.phase is Phase.CLOSING:
            self._end(None)
            return
        request = self._requests.take(reply)
        if request is None:
            raise RemoteProtocolError(
                "an answer to a request", f"type {kind.name} that nobody asked for"
            )
        self.actions.append(Answer(request.token, self._outcome(request, reply)))

    def _outcome(self, request: Request, reply: inbound.Reply) -> inbound.Reply | RTMSError:
        """Tell a good answer from a refusal, and announce changes of the individual video."""
        video = reply.kind == MessageType.VIDEO_SUBSCRIPTION_RESP
        good = (
            {StatusCode.OK, StatusCode.DUPLICATE_VIDEO_SUBSCRIPTION} if video else {StatusCode.OK}
        )
        refused = reply.status not in good and (video or reply.state is None)
        if video:
            asked = request.subscribe if reply.subscribed is None else reply.subscribed
            self.intake.add(
                ev.VideoSubscriptionChanged(
                    sequence=self.intake.number(),
                    timestamp_ms=reply.timestamp_ms,
                    user_id=request.user_id,
                    subscribed=asked and not refused,
                    status=reply.status,
                )
            )
        if refused:
            return RequestFailed(request.description, reply.status, reply.reason)
        return reply

    # --- the steps of a stream -------------------------------------------------------------------

    def _identify(self, candidate: Candidate) -> outbound.Identity:
        return outbound.Identity(
            id_key=candidate.id_key,
            product_id=candidate.product_id,
            stream_id=self.info.stream_id,
            signature=self.options.sign(candidate.product_id),
            protocol_version=self.options.protocol_version,
        )

    def _identity_refused(self, answer: inbound.SignalingAnswer, now: float) -> None:
        """Try the next way to name the stream, if the refusal makes it worth a try."""
        while self._candidates:
            candidate = self._candidates.pop(0)
            if answer.status in candidate.after:
                self._identity = self._identify(candidate)
                self._open_signaling(now)
                return
        self._end(HandshakeRejected.for_status("signaling", answer.status, answer.reason))

    def _open_signaling(self, now: float) -> None:
        url = signaling_url(self.info.server_urls, self.options.network)
        self._signaling = self._open(None, url, now)

    def _open_media(self, urls: Mapping[MediaType, str], now: float) -> None:
        """Open one connection per medium, or one for all (lifecycle notes, section 4)."""
        shared = urls.get(MediaType.ALL)
        if self.options.unified and shared is not None:
            wanted = {MediaType.ALL: shared}
        else:
            wanted = {medium: urls.get(medium, shared or "") for medium in self.options.params}
        for medium, url in wanted.items():
            if self.phase is Phase.CLOSED:  # strict mode ends with the first refusal
                return
            if not url:
                self._refused(medium, MediaNotAvailable((medium.name or "").lower(), None, ""))
                continue
            try:
                self._open(medium, check_url(url, self.options.network), now)
            except RTMSError as error:
                self._end(error)
        self._check_media()

    def _open(self, media: MediaType | None, url: str, now: float) -> Link:
        self._last_link += 1
        link = Link(self._last_link, media, url)
        link.machine.feed(LinkInput.CONNECT)
        link.deadline = now + self.options.timeouts.connect_s
        self._links[link.number] = link
        self.changed = True
        self.actions.append(Open(link.number, link.endpoint, url))
        return link

    def _settle(self, link: Link) -> None:
        """Acknowledge a media connection on signaling (lifecycle notes, section 5)."""
        link.deadline = None
        if self._signaling is not None:
            self._send(self._signaling, outbound.client_ready(self.info.stream_id))
        self._check_media()

    def _check_media(self) -> None:
        """Move on when every media connection is settled or refused."""
        links = self._media_links()
        if not links and self._refusal is not None:
            self._end(self._refusal)
        elif self.phase is Phase.CONNECTING_MEDIA and all(link.settled for link in links):
            self._machine.feed(SessionInput.MEDIA_READY)
            self.changed = True

    def _compare(self, link: Link, answer: inbound.MediaAnswer) -> None:
        """Keep the granted parameters and make differences visible (messages notes, 2.4)."""
        encrypted = answer.encrypted and not self._encrypted_is_readable
        if encrypted and (answer.protocol_version or 1) >= _V2:
            self._end(RemoteProtocolError("readable media", "encrypted media and no cipher"))
            return
        for medium, requested in self.options.params.items():
            if not link.carries(medium):
                continue
            granted = granted_format(requested, medium, answer.params)
            changes = differences(requested, granted)
            if encrypted:  # version 1 servers say so and send plain base64 (messages notes, 2.4)
                changes += ("payload_encrypted: False → True",)
            self.intake.formats[medium] = granted
            if changes:
                self.intake.add(
                    ev.ParametersChanged(
                        sequence=self.intake.number(), media=medium, differences=changes
                    )
                )
                if self.options.strict:
                    self._end(ParametersDowngraded((medium.name or "").lower(), changes))
                    return

    def _refused(self, media: MediaType, error: HandshakeRejected) -> None:
        """Go on without a medium; it is the end when none is left or in strict mode."""
        self._refusal = self._refusal or error
        concerned = list(self.options.params) if media == MediaType.ALL else [media]
        for medium in concerned:
            self.intake.add(
                ev.MediaUnavailable(
                    sequence=self.intake.number(),
                    media=medium,
                    status=error.status,
                    reason=str(error),
                )
            )
        if self.options.strict:
            self._end(error)
        else:
            self._check_media()

    def _gone(self, link: Link, cause: LinkInput, error: RTMSError) -> None:
        """Forget a connection that broke; after the end was announced that is a normal end."""
        link.machine.feed(cause)
        del self._links[link.number]
        announced = self._ending or self.intake.roster.all_sessions_stopped
        self._end(self._stop_error() if announced or self.phase is Phase.CLOSING else error)

    def _drop(self, link: Link) -> None:
        """Close a connection that the server refused."""
        del self._links[link.number]
        self.actions.append(Close(link.number, _NORMAL, ""))

    def _stop_error(self) -> RTMSError | None:
        """Return the error for an end that the server announced, if it was no normal end."""
        reason = self.stop_reason
        if reason is None or self.phase is Phase.CLOSING:
            return None
        return StreamStopped(reason) if explain_stop(reason).retry is Retry.RESTART else None

    def _end(self, error: RTMSError | None) -> None:
        """Close everything, media first (lifecycle notes, section 9); a no-op after the end."""
        if self.phase is Phase.CLOSED:
            return
        self._machine.feed(SessionInput.END)
        self.error = error
        self._closing_deadline = None
        self.changed = True
        for request in self._requests.take_all():
            over = InvalidState(f"get {request.description}", self.phase.name, "the stream is over")
            self.actions.append(Answer(request.token, over))
        for link in sorted(self._links.values(), key=lambda link: link.media is None):
            self.actions.append(Close(link.number, _NORMAL, ""))
        self._links.clear()
        self._signaling = None

    # --- small tools -----------------------------------------------------------------------------

    def _media_links(self) -> list[Link]:
        return [link for link in self._links.values() if link.media is not None]

    def _send(self, link: Link, message: Message) -> None:
        self.actions.append(Send(link.number, link.endpoint, self._codec.encode(message)))

    def _request(
        self,
        message: Message,
        reply_kind: MessageType,
        description: str,
        now: float,
        *,
        user_id: int | None = None,
        subscribe: bool = True,
    ) -> int:
        """Send a request on signaling and note that its answer is awaited."""
        link = self._signaling
        if link is None or not link.machine.accepts(LinkInput.REQUEST):
            raise InvalidState(
                f"ask for {description}", self.phase.name, "possible while the stream is open"
            )
        link.machine.feed(LinkInput.REQUEST)
        self._send(link, message)
        self.changed = True
        return self._requests.add(
            reply_kind,
            description,
            now + self.options.timeouts.request_s,
            user_id=user_id,
            subscribe=subscribe,
        ).token
