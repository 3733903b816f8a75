"""Media messages (14 to 18) as frames, and the granted parameters of message 4 as formats."""

import binascii
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar, assert_never

import attrs

from rtms_client._wire import fields as f
from rtms_client._wire.codec import Message, json_object
from rtms_client.config import (
    AudioFormat,
    ChatParams,
    PictureFormat,
    TranscriptFormat,
)
from rtms_client.enums import (
    AudioChannel,
    ChatOperation,
    ChatSessionType,
    ContentType,
    DataAttribute,
    DataOption,
    Language,
    MediaCodec,
    MediaType,
    MessageType,
    OpenIntEnum,
    Resolution,
    SampleRate,
)
from rtms_client.exceptions import RemoteProtocolError
from rtms_client.frames import (
    AudioFrame,
    ChatFile,
    ChatMessage,
    ChatParty,
    MediaFrame,
    ShareFrame,
    TranscriptSegment,
    UserId,
    VideoFrame,
)

__all__ = [
    "MEDIA_OF_MESSAGE",
    "Flaws",
    "Format",
    "granted_format",
    "media_frame",
    "strict_base64",
    "unknown_keys",
    "user_of",
]

Format: TypeAlias = AudioFormat | PictureFormat | TranscriptFormat | ChatParams

MEDIA_OF_MESSAGE: Final[Mapping[int, MediaType]] = {
    MessageType.MEDIA_DATA_AUDIO: MediaType.AUDIO,
    MessageType.MEDIA_DATA_VIDEO: MediaType.VIDEO,
    MessageType.MEDIA_DATA_SHARE: MediaType.SHARE,
    MessageType.MEDIA_DATA_TRANSCRIPT: MediaType.TRANSCRIPT,
    MessageType.MEDIA_DATA_CHAT: MediaType.CHAT,
}
"""Which medium a message carries."""


@attrs.define
class Flaws:
    """Counts of frames that were delivered although something about them was wrong."""

    length_mismatch: int = 0
    """The decoded size is not what ``length`` says."""
    bad_base64: int = 0
    """Junk or missing padding in base64; what could be decoded was delivered."""


_MEDIA_KEYS: Final = frozenset(
    {
        "user_id",
        "user_name",
        "userId",
        "userName",
        "channel_id",
        "data",
        "text",
        "length",
        "timestamp",
        "start_time",
        "end_time",
        "language",
        "attribute",
        "is_final",
    }
)


def media_frame(
    kind: MessageType, message: Message, sequence: int, granted: Format, flaws: Flaws
) -> MediaFrame:
    """Read message 14, 15, 16, 17 or 18 (messages notes, 8 and 9).

    Args:
        kind: Type of the message, one of `MEDIA_OF_MESSAGE`.
        message: The message.
        sequence: Number to give to the frame.
        granted: Format of the medium.
        flaws: Where to count defects that do not prevent delivery.

    Raises:
        RemoteProtocolError: There is no usable payload or time stamp.
    """
    content = _content(message)
    match granted:
        case AudioFormat():
            return _audio(content, sequence, granted, flaws)
        case PictureFormat():
            frame = VideoFrame if kind == MessageType.MEDIA_DATA_VIDEO else ShareFrame
            return _picture(frame, content, sequence, granted, flaws)
        case TranscriptFormat():
            return _transcript(content, sequence, granted)
        case ChatParams():
            return _chat(content, sequence)
        case _:
            assert_never(granted)


_ENVELOPE_KEYS: Final = frozenset({"msg_type", "content"})


def _content(message: Message) -> Message:
    """Return what the message says, wherever it stands (messages notes, 8)."""
    content = message.get("content")
    if type(content) is not dict or len(message) > len(_ENVELOPE_KEYS):
        return _merged(message)
    return content  # pyright: ignore[reportUnknownVariableType]  # a cast costs time in each frame


def _merged(message: Message) -> Message:
    """Bring together what stands inside ``content`` and beside it.

    Servers of the beta send the payload as text and everything else beside it.
    """
    beside, content = f.rest(message, _ENVELOPE_KEYS), message.get("content")
    if content is None:
        return beside
    if not isinstance(content, dict):
        return {**beside, "data": content}
    inside = f.mapping(message["content"])
    return {**beside, **{key: value for key, value in inside.items() if value is not None}}


strict_base64: Final[Callable[[str | bytes], bytes]] = functools.partial(
    binascii.a2b_base64, strict_mode=True
)
"""Decodes base64; raises `ValueError` where anything is wrong with it."""


def _payload(content: Mapping[str, object], flaws: Flaws) -> bytes:
    """Decode ``data``; lenient, but every defect is counted (messages notes, 8 and 11.6).

    To be called when nothing else can fail any more: flaws are counts of delivered frames.
    """
    encoded = content.get("data")
    if type(encoded) is not str:
        raise RemoteProtocolError("base64 in content.data", f"a {type(encoded).__name__}")
    try:
        data = strict_base64(encoded)
    except ValueError:
        flaws.bad_base64 += 1
        data = _repair_base64(encoded)
    length = content.get("length")
    if length is not None and length != len(data):
        flaws.length_mismatch += 1
    return data


_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_JUNK: Final = bytes(set(range(256)) - set(_ALPHABET))


def _repair_base64(encoded: str) -> bytes:
    """Decode base64 that has junk in it or lacks padding, as far as it goes."""
    digits = encoded.encode("ascii", "ignore").translate(None, _JUNK)
    usable = len(digits) - (len(digits) % 4 == 1)  # one digit alone holds less than a byte
    return binascii.a2b_base64(digits[:usable] + b"=" * (-usable % 4))


def _timestamp(content: Mapping[str, object]) -> int:
    timestamp = content.get("timestamp")
    if type(timestamp) is int and _PLAIN_TIMES[0] <= timestamp < _PLAIN_TIMES[1]:
        return timestamp
    found = f.first(f.milliseconds, (content, "timestamp"), (content, "start_time"))
    if found is None:
        raise RemoteProtocolError("an integer timestamp", "a media message without one")
    return found


_PLAIN_TIMES: Final = (10**11, 10**15)
_PLAIN_ID: Final = 2**63
_PLAIN_NAME: Final = 64


def user_of(content: Mapping[str, object]) -> tuple[UserId | None, str | None]:
    """Read id and name of the user; the other spellings are a last resort (messages notes, 8)."""
    user_id = content.get("user_id")
    user_name = content.get("user_name")
    if (  # the common case, without a call
        type(user_id) is int
        and type(user_name) is str
        and 0 < user_id < _PLAIN_ID
        and 0 < len(user_name) <= _PLAIN_NAME
        and user_name.isascii()
    ):
        return user_id, user_name
    found_id, found_name = f.person(content)
    return found_id, None if found_id == 0 else found_name  # 0 is mixed audio, which has no name


def unknown_keys(content: Mapping[str, object]) -> dict[str, object]:
    """Return what this version does not know; the check is cheaper than an empty copy."""
    return {} if content.keys() <= _MEDIA_KEYS else f.rest(content, _MEDIA_KEYS)


def _audio(
    content: Mapping[str, object], sequence: int, granted: AudioFormat, flaws: Flaws
) -> AudioFrame:
    user_id, user_name = user_of(content)
    channel_id = content.get("channel_id")
    return AudioFrame(
        sequence=sequence,
        timestamp_ms=_timestamp(content),
        data=_payload(content, flaws),
        user_id=user_id,
        user_name=user_name,
        channel_id=None if channel_id is None else f.identifier(channel_id),
        format=granted,
        extra=unknown_keys(content),
    )


def _picture(
    frame: type[VideoFrame | ShareFrame],
    content: Mapping[str, object],
    sequence: int,
    granted: PictureFormat,
    flaws: Flaws,
) -> VideoFrame | ShareFrame:
    user_id, user_name = user_of(content)
    return frame(
        sequence=sequence,
        timestamp_ms=_timestamp(content),
        data=_payload(content, flaws),
        user_id=user_id,
        user_name=user_name,
        format=granted,
        extra=unknown_keys(content),
    )


def _transcript(
    content: Mapping[str, object], sequence: int, granted: TranscriptFormat
) -> TranscriptSegment:
    text = f.first(f.text, (content, "data"), (content, "text"))
    if text is None:
        raise RemoteProtocolError("text in content.data", "a transcript without text")
    user_id, user_name = user_of(content)
    start, end = f.integer(content.get("start_time")), f.integer(content.get("end_time"))
    return TranscriptSegment(
        sequence=sequence,
        text=text,
        timestamp_ms=_timestamp(content),
        user_id=user_id,
        user_name=user_name,
        channel_id=f.identifier(content.get("channel_id")),
        start_ms=start,
        end_ms=end,
        relative_times=any(time is not None and time < _PLAIN_TIMES[0] for time in (start, end)),
        language=f.member(Language, content.get("language")),
        attribute=f.member(DataAttribute, content.get("attribute")),
        format=granted,
        extra=unknown_keys(content),
    )


# --- chat ----------------------------------------------------------------------------------------

_CHAT_KEYS: Final = frozenset({"chat_session", "operation_type", "message_id", "sender", "data"})


def _chat(content: Mapping[str, object], sequence: int) -> ChatMessage:
    """Read a chat message in any of its four forms (messages notes, 9.2)."""
    merged = _merge_chat(content)
    session = f.mapping(merged.get("chat_session"))
    return ChatMessage(
        sequence=sequence,
        text=f.text(merged.get("data")) or "",
        timestamp_ms=_timestamp(merged),
        sender=_party(merged.get("sender")) or _party(merged),
        receiver=_party(merged.get("receiver")),
        session_type=f.member(ChatSessionType, session.get("type")),
        session_id=f.identifier(session.get("id")),
        operation=f.member(ChatOperation, merged.get("operation_type")),
        message_id=f.identifier(merged.get("message_id")),
        parent_message_id=f.identifier(merged.get("parent_message_id")),
        files=tuple(
            file for value in f.sequence(merged.get("files")) if (file := _file(value)) is not None
        ),
        deleted_file_ids=tuple(
            file_id
            for value in f.sequence(merged.get("delete_file_id_list"))
            if (file_id := f.identifier(value)) is not None
        ),
        raw=merged,
    )


def _merge_chat(content: Mapping[str, object]) -> Mapping[str, object]:
    """Merge the fields inside ``data`` over the content, if ``data`` holds such fields.

    A participant may type text that is valid JSON; the key test keeps such text as text.
    """
    data = content.get("data")
    inner = f.mapping(data)
    if isinstance(data, str) and data.lstrip().startswith("{"):
        inner = json_object(data) or {}
    if inner.keys() & _CHAT_KEYS:
        return {**content, "data": "", **inner}
    return content


def _party(value: object) -> ChatParty | None:
    user_id, user_name = user_of(f.mapping(value))
    if user_id is None and user_name is None:
        return None
    return ChatParty(user_id=user_id, user_name=user_name)


def _file(value: object) -> ChatFile | None:
    source = f.mapping(value)
    file_id = f.identifier(source.get("file_id"))
    if file_id is None:
        return None
    return ChatFile(
        file_id=file_id,
        file_name=f.name(source.get("file_name")),
        file_size=f.integer(source.get("file_size")),
    )


# --- granted parameters --------------------------------------------------------------------------

_E = TypeVar("_E", bound=OpenIntEnum)


def _granted_member(kind: type[_E]) -> Callable[[object], _E | None]:
    return lambda value: f.member(kind, value)


_Reader: TypeAlias = Callable[[object], object]
_AUDIO_FIELDS: Final[Mapping[str, tuple[str, _Reader]]] = {
    "content_type": ("content_type", _granted_member(ContentType)),
    "sample_rate": ("sample_rate", _granted_member(SampleRate)),
    "channel": ("channel", _granted_member(AudioChannel)),
    "codec": ("codec", _granted_member(MediaCodec)),
    "data_opt": ("data_opt", _granted_member(DataOption)),
    "send_rate": ("send_rate_ms", f.integer),
}
_PICTURE_FIELDS: Final[Mapping[str, tuple[str, _Reader]]] = {
    "content_type": ("content_type", _granted_member(ContentType)),
    "codec": ("codec", _granted_member(MediaCodec)),
    "resolution": ("resolution", _granted_member(Resolution)),
    "fps": ("fps", f.integer),
}
_VIDEO_FIELDS: Final[Mapping[str, tuple[str, _Reader]]] = {
    **_PICTURE_FIELDS,
    "data_opt": ("data_opt", _granted_member(DataOption)),
}
_TRANSCRIPT_FIELDS: Final[Mapping[str, tuple[str, _Reader]]] = {
    "content_type": ("content_type", _granted_member(ContentType)),
    "src_language": ("language", _granted_member(Language)),
    "enable_lid": ("language_identification", f.boolean),
}


def granted_format(requested: Format, media: MediaType, params: Mapping[str, object]) -> Format:
    """Lay the granted parameters over the requested ones (messages notes, 2.4).

    Keys that the server does not echo keep their requested value: absent means "not echoed", not
    "refused".
    """
    match requested:
        case AudioFormat():
            return AudioFormat(
                **_overlay(AudioFormat, requested, params, ("audio",), _AUDIO_FIELDS)
            )
        case PictureFormat():
            video = media == MediaType.VIDEO
            keys = ("video",) if video else ("deskshare", "sharescreen", "share")
            known = _VIDEO_FIELDS if video else _PICTURE_FIELDS
            return PictureFormat(**_overlay(PictureFormat, requested, params, keys, known))
        case TranscriptFormat():
            return TranscriptFormat(
                **_overlay(TranscriptFormat, requested, params, ("transcript",), _TRANSCRIPT_FIELDS)
            )
        case ChatParams():
            return requested
        case _:
            assert_never(requested)


def _overlay(
    kind: type[Format],
    requested: Format,
    params: Mapping[str, object],
    keys: tuple[str, ...],
    known: Mapping[str, tuple[str, _Reader]],
) -> dict[str, Any]:
    """Return the arguments for a format: what is granted where given, else what was requested."""
    granted = f.mapping(next((params[key] for key in keys if key in params), None))
    values = {field: getattr(requested, field) for field in attrs.fields_dict(kind)}
    for key, (field, read) in known.items():
        if key in granted and (value := read(granted[key])) is not None:
            values[field] = value
    return values
