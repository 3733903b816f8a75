"""The server's side of a conversation: what it answers on signaling and on media sockets."""

import abc
import asyncio
import contextlib
import hmac
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from typing_extensions import override

from rtms_client.enums import (
    DataOption,
    EventType,
    MediaType,
    MessageType,
    Product,
    StatusCode,
    StopReason,
    StreamState,
)
from rtms_client.signatures import handshake_signature

from ._meeting import SessionEvent
from ._server_checks import (
    PARAMS_DEFAULTS,
    PARAMS_KEYS,
    Refused,
    check_media_type,
    grant_params,
)
from ._server_connection import FakeConnection
from ._server_json import as_list, as_object
from ._server_log import ViolationKind
from ._server_wire import Message, media_name

if TYPE_CHECKING:
    from ._server_stream import FakeStream

__all__ = ["KeepAlive", "MediaHandler", "SignalingHandler"]

_ID_KEYS: Final = frozenset(product.value for product in Product)
_COMMON_KEYS: Final = _ID_KEYS | {
    "msg_type",
    "protocol_version",
    "sequence",
    "rtms_stream_id",
    "signature",
}
_SIGNALING_KEYS: Final = _COMMON_KEYS | {"buffer_data"}
_MEDIA_KEYS: Final = _COMMON_KEYS | {"media_type", "payload_encryption", "media_params"}
_AUTOMATIC: Final = (EventType.FIRST_PACKET_TIMESTAMP, EventType.MEDIA_CONNECTION_INTERRUPTED)

_MEDIA_BY_PARAMS: Final = {key: medium for medium, key in PARAMS_KEYS.items()}
_FIRST_MEDIUM_S: Final = 0.05

Streams: TypeAlias = Mapping[str, "FakeStream"]


class KeepAlive:
    """Asks for signs of life on one socket, and checks the answers.

    Args:
        connection: The socket.
    """

    def __init__(self, connection: FakeConnection) -> None:
        self._connection = connection
        self._unanswered: deque[tuple[Message, float]] = deque()

    async def run(self, stream: "FakeStream") -> None:
        """Send requests until the socket is closed or the client has missed too many."""
        timing = stream.settings.timing
        now = asyncio.get_running_loop().time
        sequence = 0
        while True:
            await asyncio.sleep(timing.keep_alive_s)
            if not self._connection.keep_alives:
                continue
            if len(self._unanswered) >= timing.missed_keep_alives:
                stream.unanswered(self._connection)
                return
            if self._unanswered and now() - self._unanswered[0][1] > timing.keep_alive_grace_s:
                detail = f"{len(self._unanswered)} unanswered"
                self._connection.violate(ViolationKind.KEEP_ALIVE_MISSING, detail)
            sequence += 1
            request = stream.wire.keep_alive(sequence)
            self._unanswered.append((_echo(request), now()))
            self._connection.put(stream.wire.encode(request))

    def answered(self, message: Message) -> None:
        """Compare an answer with what was asked."""
        answer = _echo(message)
        if any(asked == answer for asked, _ in self._unanswered):
            while self._unanswered.popleft()[0] != answer:
                pass
        elif self._unanswered:
            expected, _ = self._unanswered.popleft()
            self._connection.violate(
                ViolationKind.KEEP_ALIVE_ALTERED, f"expected {expected}, got {answer}"
            )
        else:
            self._connection.violate(ViolationKind.KEEP_ALIVE_UNASKED, f"{answer}")


def _echo(message: Message) -> Message:
    return {key: message[key] for key in ("timestamp", "sequence") if key in message}


class _Gone(Exception):
    """The client left before it was answered."""


class _Handler(abc.ABC):
    """What both kinds of sockets have in common: authentication and keep-alives."""

    request: MessageType
    answer: MessageType
    keys: frozenset[str]

    def __init__(self, connection: FakeConnection, streams: Streams, default: "FakeStream") -> None:
        self.connection = connection
        self.stream: FakeStream | None = None
        self._streams = streams
        self._default = default  # errors are told before the stream is known
        self._keep_alive = KeepAlive(connection)
        self._keep_alive_task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Converse until the connection ends."""
        self.connection.binary = self._default.settings.variations.binary_frames
        if self._default.settings.variations.early_keep_alives:
            self._start_keep_alive(self._default)
        try:
            async for message in self.connection.messages():
                if self.stream is None:
                    if not await self._handshake(message):
                        return
                else:
                    await self._receive(self.stream, message)
        finally:
            if self._keep_alive_task is not None:
                self._keep_alive_task.cancel()
                await asyncio.wait([self._keep_alive_task])
            if self.stream is not None:
                self.stream.gone(self.connection)

    def _start_keep_alive(self, stream: "FakeStream") -> None:
        if self._keep_alive_task is None:
            name = f"keep-alive {self.connection!r}"
            self._keep_alive_task = asyncio.create_task(self._keep_alive.run(stream), name=name)

    async def _handshake(self, message: Message) -> bool:
        """Answer the first message; tell whether the conversation goes on."""
        if message.get("msg_type") == MessageType.KEEP_ALIVE_RESP:
            self._keep_alive.answered(message)
            return True
        try:
            stream = self._authenticate(message)
            await self._accept(stream, message)
        except Refused as refused:
            await self._refuse(message, refused)
            return False
        except _Gone:
            return False
        self.stream = stream
        if stream.settings.variations.unknown_message:
            self.connection.put(stream.wire.encode({"msg_type": 99, "content": {"a": 1}}))
        self._start_keep_alive(stream)
        return True

    async def _refuse(self, message: Message, refused: Refused) -> None:
        stream = self._find(message) or self._default
        delay_s = self._answer_delay_s(stream)
        if delay_s and await self.connection.wait_closed(timeout_s=delay_s):
            return
        answer = stream.wire.handshake_answer(self.answer, refused.status, refused.reason)
        self.connection.put(stream.wire.encode(answer))
        await self.connection.close(reason=refused.reason)

    async def _delay(self, stream: "FakeStream") -> None:
        delay_s = self._answer_delay_s(stream)
        if delay_s and await self.connection.wait_closed(timeout_s=delay_s):
            raise _Gone

    def _find(self, message: Message) -> "FakeStream | None":
        stream_id = message.get("rtms_stream_id")
        return self._streams.get(stream_id) if isinstance(stream_id, str) else None

    def _authenticate(self, message: Message) -> "FakeStream":
        """Find the stream of a handshake and verify its signature."""
        if message.get("msg_type") != self.request:
            detail = f"type {message.get('msg_type')} before the handshake"
            self.connection.violate(ViolationKind.UNEXPECTED_MESSAGE, detail)
            raise Refused(StatusCode.INVALID_MESSAGE_TYPE, "a handshake must come first")
        self._look_for_unknown_keys(message)
        if message.get("protocol_version") != 1:
            raise Refused(StatusCode.INVALID_PAYLOAD, "protocol_version must be 1")
        if not isinstance(message.get("signature"), str):
            raise Refused(StatusCode.INVALID_PAYLOAD, "signature must be a string")
        stream = self._find(message)
        if stream is None or stream.ended:
            raise Refused(StatusCode.INVALID_RTMS_STREAM_ID, "no such stream")
        self._verify(stream, message)
        return stream

    def _look_for_unknown_keys(self, message: Message) -> None:
        for key in message.keys() - self.keys:
            self.connection.violate(ViolationKind.UNKNOWN_KEY, f"{key} in a handshake")
        for key in _ID_KEYS & message.keys():
            if not message[key]:
                self.connection.violate(ViolationKind.BAD_REQUEST, f"{key} is empty")

    def _verify(self, stream: "FakeStream", message: Message) -> None:
        settings = stream.settings
        allowed = {
            "either": ("meeting_uuid", settings.product.value),
            "product": (settings.product.value,),
            "meeting_uuid": ("meeting_uuid",),
        }[settings.id_keys]
        given = [str(message[key]) for key in allowed if message.get(key)]
        if not given:
            raise Refused(settings.id_key_status, f"no id under {' or '.join(allowed)}")
        expected = handshake_signature(
            settings.client_id,
            settings.client_secret,
            settings.product_id,
            settings.rtms_stream_id,
        )
        genuine = hmac.compare_digest(expected.encode(), message["signature"].encode())
        if given[0] != settings.product_id or not genuine:
            raise Refused(StatusCode.INVALID_SIGNATURE, "invalid signature")

    @abc.abstractmethod
    def _answer_delay_s(self, stream: "FakeStream") -> float:
        """Tell how long the client waits for the answer to its handshake."""

    @abc.abstractmethod
    async def _accept(self, stream: "FakeStream", message: Message) -> None:
        """Check the rest of a handshake and answer it."""

    async def _receive(self, stream: "FakeStream", message: Message) -> None:
        if message.get("msg_type") == MessageType.KEEP_ALIVE_RESP:
            self._keep_alive.answered(message)
        elif stream.ended:
            detail = f"type {message.get('msg_type')}"
            self.connection.violate(ViolationKind.AFTER_END, detail)
        else:
            await self._act(stream, message)

    async def _act(self, stream: "FakeStream", message: Message) -> None:  # noqa: ARG002
        detail = f"type {message.get('msg_type')!r} on {self.connection.kind}"
        self.connection.violate(ViolationKind.UNEXPECTED_MESSAGE, detail)


class MediaHandler(_Handler):
    """The server's side of one media socket."""

    request = MessageType.DATA_HAND_SHAKE_REQ
    answer = MessageType.DATA_HAND_SHAKE_RESP
    keys = _MEDIA_KEYS

    @override
    def _answer_delay_s(self, stream: "FakeStream") -> float:
        return stream.settings.timing.media_answer_s

    @override
    async def _accept(self, stream: "FakeStream", message: Message) -> None:
        if stream.signaling is None:
            raise Refused(StatusCode.INVALID_MESSAGE_TYPE, "signaling comes first")
        asked = message.get("media_type")
        self._look_for_names(message)
        media = check_media_type(asked, stream.settings)
        kind = "all" if asked == MediaType.ALL else media_name(media)
        self._look_for_other_media(message, media)
        self._make_way(stream, media, unified=asked == MediaType.ALL)
        self.connection.granted = grant_params(message.get("media_params"), media, stream.settings)
        self.connection.kind = kind
        self.connection.media = media
        await self._delay(stream)
        stream.media_opened(self.connection)
        await self._answer(stream)

    async def _answer(self, stream: "FakeStream") -> None:
        variations = stream.settings.variations
        if variations.media_before_answer or variations.media_without_answer:
            stream.acknowledge([self.connection])
        if variations.media_without_answer:
            return
        if variations.media_before_answer:
            with contextlib.suppress(TimeoutError):  # a silent medium does not delay the answer
                async with asyncio.timeout(_FIRST_MEDIUM_S):
                    await self.connection.carries_media.wait()
        accepted = stream.wire.media_accepted(self.connection.granted)
        self.connection.put(stream.wire.encode(accepted))

    def _look_for_names(self, message: Message) -> None:
        values = [message.get("media_type")]
        for part in (as_object(message.get("media_params")) or {}).values():
            values += (as_object(part) or {"": part}).values()
        for value in values:
            if isinstance(value, str):
                self.connection.violate(ViolationKind.ENUM_NAME, value)

    def _look_for_other_media(self, message: Message, media: MediaType) -> None:
        for key, part in (as_object(message.get("media_params")) or {}).items():
            medium = _MEDIA_BY_PARAMS.get(key)
            if medium is None or medium not in media:
                detail = f"media_params.{key} on a socket for {media_name(media)}"
                self.connection.violate(ViolationKind.UNKNOWN_KEY, detail)
            else:
                for name in (as_object(part) or {}).keys() - PARAMS_DEFAULTS[medium].keys():
                    detail = f"media_params.{key}.{name}"
                    self.connection.violate(ViolationKind.UNKNOWN_KEY, detail)

    @staticmethod
    def _make_way(stream: "FakeStream", media: MediaType, *, unified: bool) -> None:
        """Refuse a second connection for the same media, or drop the first."""
        rivals = [
            other for other in stream.media if unified or other.kind == "all" or other.media & media
        ]
        if stream.settings.duplicates == "replace":
            for other in rivals:
                stream.replace_media(other)
        elif any(other.kind == "all" for other in rivals):
            raise Refused(
                StatusCode.MEDIA_DATA_ALL_CONNECTION_EXIST, "a connection for all media exists"
            )
        elif rivals:
            raise Refused(
                StatusCode.DUPLICATE_MEDIA_DATA_CONNECTION, "a connection for this media exists"
            )


class SignalingHandler(_Handler):
    """The server's side of one signaling socket.

    Args:
        media_urls: Makes the URLs of the media sockets of a stream, by documented key.
    """

    request = MessageType.SIGNALING_HAND_SHAKE_REQ
    answer = MessageType.SIGNALING_HAND_SHAKE_RESP
    keys = _SIGNALING_KEYS

    def __init__(
        self,
        connection: FakeConnection,
        streams: Streams,
        default: "FakeStream",
        *,
        media_urls: Callable[["FakeStream"], Mapping[str, str]],
    ) -> None:
        super().__init__(connection, streams, default)
        self._media_urls = media_urls
        self._actions: Mapping[int, Callable[[FakeStream, Message], Awaitable[None]]] = {
            MessageType.EVENT_SUBSCRIPTION: self._subscribe,
            MessageType.CLIENT_READY_ACK: self._ready,
            MessageType.SESSION_STATE_REQ: self._tell_session_state,
            MessageType.STREAM_STATE_REQ: self._tell_stream_state,
            MessageType.STREAM_CLOSE_REQ: self._close_stream,
            MessageType.VIDEO_SUBSCRIPTION_REQ: self._choose_video,
        }

    @override
    def _answer_delay_s(self, stream: "FakeStream") -> float:
        return stream.settings.timing.signaling_answer_s

    @override
    async def _accept(self, stream: "FakeStream", message: Message) -> None:
        buffer_data = message.get("buffer_data", True)
        if type(buffer_data) is not bool:
            raise Refused(StatusCode.INVALID_PAYLOAD, "buffer_data must be a boolean")
        if stream.signaling is not None:
            if stream.settings.duplicates == "refuse":
                raise Refused(StatusCode.DUPLICATE_SIGNAL_REQUEST, "duplicate signal request")
            stream.replace_signaling(stream.signaling)
        await self._delay(stream)
        if stream.state == StreamState.INACTIVE and not buffer_data:
            stream.delivery.forget()
        stream.signaling_opened(self.connection)
        urls = self._media_urls(stream)
        self.connection.put(stream.wire.encode(stream.wire.signaling_accepted(urls)))
        stream.publish(SessionEvent(at_ms=0, event_type=EventType.FIRST_PACKET_TIMESTAMP))
        if stream.settings.variations.unknown_event:
            event = {"event_type": 55, "timestamp": stream.now_ms()}
            self.connection.put(stream.wire.encode({"msg_type": 6, "event": event}))

    @override
    async def _act(self, stream: "FakeStream", message: Message) -> None:
        msg_type = message.get("msg_type")
        action = self._actions.get(msg_type) if type(msg_type) is int else None
        if action is None:
            await super()._act(stream, message)
        elif message.get("rtms_stream_id", stream.settings.rtms_stream_id) != (
            stream.settings.rtms_stream_id
        ):
            self.connection.violate(ViolationKind.WRONG_STREAM, f"in message {msg_type}")
        else:
            await action(stream, message)

    async def _subscribe(self, stream: "FakeStream", message: Message) -> None:
        events = as_list(message.get("events"))
        if not events:
            self.connection.violate(ViolationKind.BAD_EVENT_SUBSCRIPTION, "events must be a list")
            return
        for event in events:
            self._subscribe_one(stream, event)

    def _subscribe_one(self, stream: "FakeStream", event: object) -> None:
        violate = self.connection.violate
        fields = as_object(event) or {}
        event_type, subscribe = fields.get("event_type"), fields.get("subscribe")
        if isinstance(event_type, str):
            violate(ViolationKind.ENUM_NAME, event_type)
        elif type(event_type) is not int or type(subscribe) is not bool:
            violate(ViolationKind.BAD_EVENT_SUBSCRIPTION, f"{event}")
        elif event_type in _AUTOMATIC:
            violate(ViolationKind.FORBIDDEN_SUBSCRIPTION, f"event {event_type}")
        elif subscribe:
            stream.subscribe(event_type)
        else:
            stream.subscriptions.discard(event_type)

    async def _ready(self, stream: "FakeStream", message: Message) -> None:
        if "rtms_stream_id" not in message:
            self.connection.violate(ViolationKind.BAD_REQUEST, "no rtms_stream_id in message 7")
        if not stream.media:
            self.connection.violate(ViolationKind.READY_TOO_EARLY, "no media connection")
        stream.acknowledge(stream.media)

    async def _tell_session_state(self, stream: "FakeStream", message: Message) -> None:
        session_id = message.get("rtms_session_id")
        known = session_id == stream.settings.session_id
        answer = stream.wire.session_state_answer(
            session_id, stream.session_state if known else None
        )
        self.connection.put(stream.wire.encode(answer))

    async def _tell_stream_state(self, stream: "FakeStream", message: Message) -> None:
        if "rtms_stream_id" not in message:
            self.connection.violate(ViolationKind.BAD_REQUEST, "no rtms_stream_id in message 19")
        self.connection.put(stream.wire.encode(stream.wire.stream_state_answer(stream.state)))

    async def _close_stream(self, stream: "FakeStream", message: Message) -> None:
        if "rtms_stream_id" not in message:
            self.connection.violate(ViolationKind.BAD_REQUEST, "no rtms_stream_id in message 21")
        if stream.settings.variations.answer_close:
            answer = stream.wire.close_answer(StatusCode.OK, "OK")
            self.connection.put(stream.wire.encode(answer))
            await stream.terminate(StopReason.RECEIVER_REQUEST_CLOSE, announce=False)

    async def _choose_video(self, stream: "FakeStream", message: Message) -> None:
        user_id, subscribe = message.get("user_id"), message.get("subscribe")
        status, reason = StatusCode.OK, "OK"
        if type(user_id) is not int or type(subscribe) is not bool:
            self.connection.violate(ViolationKind.BAD_REQUEST, "message 28 needs int and bool")
            status, reason = StatusCode.INVALID_PAYLOAD, "user_id must be an integer"
        elif not _individual(stream):
            status, reason = StatusCode.INVALID_MEDIA_VIDEO_DATA_OPT, "video data_opt is not 4"
        elif subscribe and stream.video_user == user_id:
            status, reason = StatusCode.DUPLICATE_VIDEO_SUBSCRIPTION, "already subscribed"
        elif subscribe:
            stream.video_user = user_id
        elif stream.video_user == user_id:
            stream.video_user = None
        answer = stream.wire.video_subscription_answer(user_id, status, reason)
        self.connection.put(stream.wire.encode(answer))


def _individual(stream: "FakeStream") -> bool:
    """Tell whether participants can be chosen; not yet known without a video connection."""
    options = [
        other.granted["video"]["data_opt"] for other in stream.media if "video" in other.granted
    ]
    return all(option == DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM for option in options)
