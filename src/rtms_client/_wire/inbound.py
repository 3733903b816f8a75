"""Control messages of the server as typed values: handshake answers, states, replies, events.

Each reader applies the readings of the protocol notes ("accept" columns). Media are read by
`rtms_client._wire.media`.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import attrs

from rtms_client import events as ev
from rtms_client._wire import fields as f
from rtms_client._wire.codec import Message
from rtms_client.enums import (
    ContactCenterEventType,
    EventType,
    MediaType,
    MessageType,
    Product,
    SessionState,
    StatusCode,
    StopReason,
    StreamState,
)
from rtms_client.exceptions import RemoteProtocolError

__all__ = [
    "HandshakeAnswer",
    "MediaAnswer",
    "Reply",
    "SignalingAnswer",
    "keep_alive_echo",
    "media_answer",
    "message_type",
    "reply",
    "session_event",
    "session_state",
    "signaling_answer",
    "stream_state",
]

_REASON_LIMIT: Final = 200
_SCHEME_LENGTH: Final = 6
_SHARE_KEYS: Final = ("deskshare", "sharescreen", "share")  # messages notes, 2.2
_URL_KEYS: Final[Mapping[str, MediaType]] = {
    "audio": MediaType.AUDIO,
    "video": MediaType.VIDEO,
    **dict.fromkeys(_SHARE_KEYS, MediaType.SHARE),
    "transcript": MediaType.TRANSCRIPT,
    "chat": MediaType.CHAT,
    "all": MediaType.ALL,
}


def message_type(message: Message) -> MessageType:
    """Read the type of a message.

    Raises:
        RemoteProtocolError: There is none.
    """
    kind = f.member(MessageType, message.get("msg_type"))
    if kind is None:
        raise RemoteProtocolError("an integer msg_type", "a message without one")
    return kind


def _timestamp(*sources: Mapping[str, object]) -> int | None:
    """Read ``timestamp`` or ``event_ts`` (protocol notes, row 14)."""
    keys = ("timestamp", "event_ts")
    return f.first(f.milliseconds, *((source, key) for source in sources for key in keys))


def _status(message: Message) -> StatusCode | None:
    """Read ``status_code``, or ``status`` of older servers (messages notes, 11.3)."""
    return f.first(
        lambda value: f.member(StatusCode, value), (message, "status_code"), (message, "status")
    )


def _reason(message: Message) -> str:
    """Read the server's words, bounded because they end up in errors."""
    return (f.text(message.get("reason")) or "")[:_REASON_LIMIT]


# --- handshakes ----------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class HandshakeAnswer:
    """What messages 2 and 4 have in common."""

    status: StatusCode | None
    reason: str
    protocol_version: int | None


@attrs.frozen(kw_only=True)
class SignalingAnswer(HandshakeAnswer):
    """Message 2 (messages notes, 2.2)."""

    media_urls: Mapping[MediaType, str]
    """URLs by medium; only WebSocket URLs are kept."""


@attrs.frozen(kw_only=True)
class MediaAnswer(HandshakeAnswer):
    """Message 4 (messages notes, 2.4)."""

    encrypted: bool
    params: Mapping[str, object]
    """``media_params`` as sent."""


def signaling_answer(message: Message) -> SignalingAnswer:
    """Read message 2."""
    return SignalingAnswer(
        status=_status(message),
        reason=_reason(message),
        protocol_version=f.integer(message.get("protocol_version")),
        media_urls=_media_urls(f.mapping(message.get("media_server")).get("server_urls")),
    )


def _media_urls(value: object) -> dict[MediaType, str]:
    """Read ``server_urls``: an object, or the plain text of old servers, which serves all media."""
    urls = {"all": value} if isinstance(value, str) else f.mapping(value)
    return {
        _URL_KEYS[key]: url
        for key, url in urls.items()
        if key in _URL_KEYS
        and isinstance(url, str)
        and url[:_SCHEME_LENGTH].lower().startswith(("wss://", "ws://"))
    }


def media_answer(message: Message) -> MediaAnswer:
    """Read message 4; the name of the encryption flag is documented twice (row 8)."""
    encrypted = f.first(f.boolean, (message, "payload_encrypted"), (message, "payload_encryption"))
    return MediaAnswer(
        status=_status(message),
        reason=_reason(message),
        protocol_version=f.integer(message.get("protocol_version")),
        encrypted=bool(encrypted),
        params=f.mapping(message.get("media_params")),
    )


def keep_alive_echo(message: Message) -> dict[str, object]:
    """Return what an answer to message 12 must echo, unchanged (rows 38 and 41)."""
    return {
        key: value
        for key in ("timestamp", "sequence")
        if isinstance(value := message.get(key), int | float)
        or (isinstance(value, str) and f.identifier(value))
    }


# --- states and replies --------------------------------------------------------------------------


def _stop_reason(message: Message) -> StopReason | None:
    """Read ``reason`` or ``stop_reason`` (row 11); free text is no reason."""
    return f.first(
        lambda value: f.member(StopReason, value), (message, "reason"), (message, "stop_reason")
    )


def stream_state(message: Message, sequence: int) -> ev.StreamStateChanged:
    """Read message 8.

    Raises:
        RemoteProtocolError: There is no state.
    """
    return ev.StreamStateChanged(
        sequence=sequence,
        timestamp_ms=_timestamp(message),
        state=_state(StreamState, message),
        reason=_stop_reason(message),
    )


def session_state(message: Message, sequence: int) -> ev.SessionStateChanged:
    """Read message 9.

    Raises:
        RemoteProtocolError: There is no state.
    """
    return ev.SessionStateChanged(
        sequence=sequence,
        timestamp_ms=_timestamp(message),
        session_id=_session_id(message),
        state=_state(SessionState, message),
        reason=_stop_reason(message),
    )


def _session_id(message: Message) -> str | None:
    return f.first(f.identifier, (message, "rtms_session_id"), (message, "session_id"))


_S = TypeVar("_S", StreamState, SessionState)


def _state(kind: type[_S], message: Message) -> _S:
    state = f.member(kind, message.get("state"))
    if state is None:
        raise RemoteProtocolError("a state", "a state message without one")
    return state


@attrs.frozen(kw_only=True)
class Reply:
    """Answer to a request (messages 11, 20, 22 and 29).

    The server does not say which request it answers: pair by kind, id and order (messages notes,
    6.4).
    """

    kind: MessageType
    status: StatusCode | None = None
    reason: str = ""
    state: int | None = None
    session_id: str | None = None
    user_id: int | str | None = None
    subscribed: bool | None = None
    timestamp_ms: int | None = None


def reply(kind: MessageType, message: Message) -> Reply:
    """Read message 11, 20, 22 or 29."""
    states: Mapping[MessageType, type[StreamState | SessionState]] = {
        MessageType.STREAM_STATE_RESP: StreamState,
        MessageType.SESSION_STATE_RESP: SessionState,
    }
    state_kind = states.get(kind)
    return Reply(
        kind=kind,
        status=_status(message),
        reason=_reason(message),
        state=None if state_kind is None else f.member(state_kind, message.get("state")),
        session_id=_session_id(message),
        user_id=f.user_id(message.get("user_id")),
        subscribed=f.boolean(message.get("subscribe")),
        timestamp_ms=_timestamp(message),
    )


# --- events --------------------------------------------------------------------------------------

_Reader = Callable[[Mapping[str, object], int, int | None], ev.SessionEvent]


def session_event(message: Message, product: Product, sequence: int) -> ev.SessionEvent:
    """Read message 6; numbers 8 to 14 depend on the product (row 32).

    Raises:
        RemoteProtocolError: There is no event type, or one that this version does not know.
    """
    event = f.mapping(message.get("event")) or message
    number = f.first(_event_number(product), (event, "event_type"), (message, "event_type"))
    if number is None:
        raise RemoteProtocolError("an event_type", _without_event_type(event))
    timestamp_ms = _timestamp(event, message)
    reader = _READERS.get(number)
    if product == Product.CONTACT_CENTER and number not in _GENERIC:
        return _contact_center(number, event, sequence, timestamp_ms)
    if reader is None:
        raise RemoteProtocolError("a known event_type", f"event_type {number}")
    return reader(event, sequence, timestamp_ms)


def _event_number(product: Product) -> Callable[[object], int | None]:
    """Return a reader for ``event_type``, which beta servers may send as a name (row 40)."""
    kinds: tuple[type[EventType | ContactCenterEventType], ...] = (EventType,)
    if product == Product.CONTACT_CENTER:
        kinds = (ContactCenterEventType, EventType)
    return lambda value: next(
        (int(found) for kind in kinds if (found := f.member(kind, value)) is not None), None
    )


_GENERIC: Final = frozenset(
    {EventType.FIRST_PACKET_TIMESTAMP, EventType.MEDIA_CONNECTION_INTERRUPTED}
)


def _without_event_type(event: Mapping[str, object]) -> str:
    code = f.identifier(event.get("event_code"))
    return "none" if code is None else f"only event_code {code}, whose meaning is not known"


def _contact_center(
    number: int, event: Mapping[str, object], sequence: int, timestamp_ms: int | None
) -> ev.ContactCenterEvent:
    """Read an event of Contact Center; one sample misspells the key (messages notes, 5.4)."""
    person = f.mapping(event.get("participant_info", event.get("paticipant_info")))
    return ev.ContactCenterEvent(
        sequence=sequence,
        timestamp_ms=timestamp_ms,
        event_type=ContactCenterEventType(number),
        channel_id=f.identifier(person.get("channel_id")),
        participant_mode=f.name(person.get("participant_mode")),
        details=dict(event),
    )


_PARTICIPANT_KEYS: Final = frozenset({"user_id", "user_name", "userId", "userName"})


def _participant(value: object) -> ev.Participant | None:
    source = f.mapping(value)
    user_id, user_name = f.person(source)
    if user_id is None:
        return None
    return ev.Participant(
        user_id=user_id, user_name=user_name, extra=f.rest(source, _PARTICIPANT_KEYS)
    )


_EVENT_KEYS: Final = frozenset(
    {"msg_type", "event", "event_type", "event_code", "timestamp", "event_ts", "participants"}
)


def _participants(event: Mapping[str, object]) -> tuple[ev.Participant, ...]:
    """Read ``participants``, or the event itself as the single one (messages notes, 5.3)."""
    values = f.sequence(event.get("participants")) or [f.rest(event, _EVENT_KEYS)]
    return tuple(found for value in values if (found := _participant(value)) is not None)


def _people(
    kind: type[ev.ParticipantJoined | ev.ParticipantLeft | ev.VideoStarted | ev.VideoStopped],
) -> _Reader:
    def read(
        event: Mapping[str, object], sequence: int, timestamp_ms: int | None
    ) -> ev.SessionEvent:
        return kind(sequence=sequence, timestamp_ms=timestamp_ms, participants=_participants(event))

    return read


def _one_person(kind: type[ev.ActiveSpeakerChanged | ev.SharingStarted]) -> _Reader:
    def read(
        event: Mapping[str, object], sequence: int, timestamp_ms: int | None
    ) -> ev.SessionEvent:
        user_id, user_name = f.person(event)
        return kind(
            sequence=sequence, timestamp_ms=timestamp_ms, user_id=user_id, user_name=user_name
        )

    return read


def _first_packet(
    _: Mapping[str, object], sequence: int, timestamp_ms: int | None
) -> ev.FirstPacket:
    return ev.FirstPacket(sequence=sequence, timestamp_ms=timestamp_ms)


def _sharing_stopped(
    _: Mapping[str, object], sequence: int, timestamp_ms: int | None
) -> ev.SharingStopped:
    return ev.SharingStopped(sequence=sequence, timestamp_ms=timestamp_ms)


def _interrupted(
    event: Mapping[str, object], sequence: int, timestamp_ms: int | None
) -> ev.MediaInterrupted:
    media = (f.integer(event.get("media_type")) or 0) & _MEDIA_BITS
    return ev.MediaInterrupted(
        sequence=sequence,
        timestamp_ms=timestamp_ms,
        media=MediaType(media) if media else None,
    )


_MEDIA_BITS: Final = 63  # Python keeps every combination it ever made: a peer could fill our memory


def _chat_group(number: EventType, list_key: str) -> _Reader:
    def read(
        event: Mapping[str, object], sequence: int, timestamp_ms: int | None
    ) -> ev.SessionEvent:
        return ev.ChatGroupChanged(
            sequence=sequence,
            timestamp_ms=timestamp_ms,
            event_type=number,
            changes=tuple(
                change for item in f.sequence(event.get(list_key)) if (change := f.mapping(item))
            ),
        )

    return read


_READERS: Final[Mapping[int, _Reader]] = {
    EventType.FIRST_PACKET_TIMESTAMP: _first_packet,
    EventType.ACTIVE_SPEAKER_CHANGE: _one_person(ev.ActiveSpeakerChanged),
    EventType.PARTICIPANT_JOIN: _people(ev.ParticipantJoined),
    EventType.PARTICIPANT_LEAVE: _people(ev.ParticipantLeft),
    EventType.SHARING_START: _one_person(ev.SharingStarted),
    EventType.SHARING_STOP: _sharing_stopped,
    EventType.MEDIA_CONNECTION_INTERRUPTED: _interrupted,
    EventType.PARTICIPANT_VIDEO_ON: _people(ev.VideoStarted),
    EventType.PARTICIPANT_VIDEO_OFF: _people(ev.VideoStopped),
    EventType.CHAT_GROUP_CREATE: _chat_group(EventType.CHAT_GROUP_CREATE, "chat_groups"),
    EventType.CHAT_GROUP_DELETE: _chat_group(EventType.CHAT_GROUP_DELETE, "chat_groups"),
    EventType.CHAT_GROUP_MEMBERS_ADD: _chat_group(
        EventType.CHAT_GROUP_MEMBERS_ADD, "members_update_list"
    ),
    EventType.CHAT_GROUP_MEMBERS_DELETE: _chat_group(
        EventType.CHAT_GROUP_MEMBERS_DELETE, "members_update_list"
    ),
    EventType.CHAT_GROUP_MEMBER_STATUS_UPDATE: _chat_group(
        EventType.CHAT_GROUP_MEMBER_STATUS_UPDATE, "member_status_update_list"
    ),
}
