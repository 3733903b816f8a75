"""The wire format under arbitrary JSON: whole messages, single fields, payloads."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtms_client._wire import fields as f
from rtms_client._wire import inbound
from rtms_client._wire.codec import JsonCodec, json_object
from rtms_client._wire.media import MEDIA_OF_MESSAGE, Flaws, Format, granted_format, media_frame
from rtms_client.config import AudioParams, ChatParams, ShareParams, TranscriptParams, VideoParams
from rtms_client.enums import MediaType, MessageType, OpenIntEnum, Product, StatusCode
from rtms_client.exceptions import RemoteProtocolError
from rtms_client.frames import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtms_client.frames import Item

CODEC = JsonCodec()
EXAMPLES = settings(max_examples=15)
KEYS = st.sampled_from(
    [
        *("msg_type", "status_code", "reason", "state", "user_id", "user_name", "timestamp"),
        *("content", "data", "event", "event_type", "participants", "media_params", "server_urls"),
        *("audio", "video", "deskshare", "codec", "fps", "sample_rate", "length", "channel_id"),
        *("chat_session", "type", "id", "sender", "files", "file_id", "language", "start_time"),
    ]
)


def json_values(text: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """Return a strategy for anything that JSON can hold."""
    numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        st.none() | st.booleans() | numbers | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | text, inner, max_size=4),
        max_leaves=12,
    )


JSON = json_values(st.text(st.characters(), max_size=12))  # lone surrogates included
MESSAGES = st.dictionaries(KEYS, JSON, max_size=6)
FORMATS: dict[MediaType, Format] = {
    MediaType.AUDIO: AudioParams(),
    MediaType.VIDEO: VideoParams(),
    MediaType.SHARE: ShareParams(),
    MediaType.TRANSCRIPT: TranscriptParams(),
    MediaType.CHAT: ChatParams(),
}


@EXAMPLES
@given(message=st.dictionaries(st.text(), json_values(st.text(max_size=12)), max_size=5))
def test_codec_round_trip(message: dict[str, object]) -> None:
    """What is written is read again as it was."""
    assert CODEC.decode(CODEC.encode(message)) == message


@EXAMPLES
@given(data=st.binary(max_size=64))
@example(b"{}")
@example(b"\xff")
def test_bytes_are_a_message_or_a_documented_error(data: bytes) -> None:
    """No other exception comes out of the codec."""
    try:
        message = CODEC.decode(data)
    except RemoteProtocolError:
        return
    assert type(message) is dict


@EXAMPLES
@given(message=MESSAGES, cut=st.integers(min_value=1))
def test_truncated_message_is_an_error(message: dict[str, object], cut: int) -> None:
    """No beginning of a message is a message."""
    data = CODEC.encode(message)
    with pytest.raises(RemoteProtocolError):
        CODEC.decode(data[: len(data) - 1 - cut % len(data)])


@EXAMPLES
@given(value=JSON)
def test_object_inside_text(value: object) -> None:
    """Any text holds an object or does not."""
    found = json_object(json.dumps(value))
    assert found == (value if isinstance(value, dict) else None)


@EXAMPLES
@given(value=JSON)
def test_readers_never_raise(value: object) -> None:
    """Readers give a value of their type and size, or nothing."""
    number = f.integer(value)
    assert number is None or abs(number) < 2**64
    text = f.text(value)
    assert text is None or type(text.encode()) is bytes
    for limited in (f.name(value), f.identifier(value)):
        assert limited is None or 0 < len(limited) <= 1024
    user_id = f.user_id(value)
    assert user_id is None or isinstance(user_id, int | str)
    member = f.member(StatusCode, value)
    assert member is None or isinstance(member, OpenIntEnum)
    assert f.milliseconds(value) is None or number is not None
    assert f.boolean(value) in {None, True, False}
    assert f.mapping(value) is value or f.mapping(value) == {}
    assert f.sequence(value) is value or f.sequence(value) == ()


@EXAMPLES
@given(message=MESSAGES)
def test_answers_never_raise(message: dict[str, Any]) -> None:
    """Handshake answers, replies and keep-alives can be read whatever they hold."""
    assert all(
        url.lower().startswith(("ws://", "wss://"))
        for url in inbound.signaling_answer(message).media_urls.values()
    )
    assert len(inbound.media_answer(message).reason) <= 200
    for kind in (11, 20, 22, 29):
        assert inbound.reply(MessageType(kind), message).kind == kind
    CODEC.encode(inbound.keep_alive_echo(message))


@EXAMPLES
@given(message=MESSAGES, product=st.sampled_from(Product), number=st.integers(-1, 35))
@example({}, Product.MEETING, 1)
def test_events_are_items_or_documented_errors(
    message: dict[str, Any], product: Product, number: int
) -> None:
    """Events, states and media are items with their number, or not understood."""
    event = {**message, "event": {"event_type": number, **message}}
    readers: list[Callable[[], Item]] = [
        lambda: inbound.session_event(event, product, 7),
        lambda: inbound.session_event(message, product, 7),
        lambda: inbound.stream_state(message, 7),
        lambda: inbound.session_state(message, 7),
    ]
    for read in readers:
        try:
            item = read()
        except RemoteProtocolError:
            continue
        assert item.sequence == 7


@EXAMPLES
@given(message=MESSAGES, content=MESSAGES | JSON, kind=st.sampled_from(sorted(MEDIA_OF_MESSAGE)))
@example({"timestamp": 1790000000000}, {"data": "AA!"}, 14)
@example({}, {"data": "AA!"}, 14)
def test_media_are_frames_or_documented_errors(
    message: dict[str, Any], content: object, kind: int
) -> None:
    """A media message is a frame with its number, or not understood, and then without flaws."""
    flaws = Flaws()
    message = {**message, "msg_type": kind, "content": content}
    try:
        frame = media_frame(MessageType(kind), message, 7, FORMATS[MEDIA_OF_MESSAGE[kind]], flaws)
    except RemoteProtocolError:
        assert flaws == Flaws()
    else:
        assert frame.sequence == 7
        assert frame.size >= 0


@EXAMPLES
@given(params=MESSAGES, medium=st.sampled_from(sorted(FORMATS)))
def test_granted_parameters_never_raise(params: dict[str, Any], medium: MediaType) -> None:
    """Whatever the server grants can be described."""
    granted = granted_format(FORMATS[medium], medium, params)
    assert type(granted) in type(FORMATS[medium]).__mro__


@EXAMPLES
@given(
    data=st.binary(max_size=200), junk=st.text(alphabet=" \n-_!é", max_size=4), at=st.integers(0)
)
def test_base64_round_trip(data: bytes, junk: str, at: int) -> None:
    """Payloads arrive bit by bit, with junk in them and without padding too."""
    encoded = base64.b64encode(data).decode()
    at %= len(encoded) + 1
    for text in (encoded, encoded.rstrip("="), encoded[:at] + junk + encoded[at:]):
        message: dict[str, object] = {"content": {"data": text, "timestamp": 1790000000000}}
        frame = media_frame(MessageType.MEDIA_DATA_AUDIO, message, 1, AudioParams(), Flaws())
        assert isinstance(frame, AudioFrame)
        assert frame.data == data
