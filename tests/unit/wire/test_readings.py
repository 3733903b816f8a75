"""Where Zoom's sources disagree: one named test for each reading that concerns parsing.

The rows are those of the table of contradictions in the protocol notes. Rows about chat, events and
granted parameters are tested beside their readers, rows about behaviour with the session.
"""

from __future__ import annotations

import pytest

from rtms_client import events as ev
from rtms_client._wire import inbound
from rtms_client._wire.codec import JsonCodec
from rtms_client._wire.media import Flaws, media_frame
from rtms_client.config import AudioFormat, TranscriptFormat
from rtms_client.enums import (
    ContactCenterEventType,
    MediaType,
    MessageType,
    Product,
    StatusCode,
    StopReason,
)
from rtms_client.frames import AudioFrame, MediaFrame, TranscriptSegment

NOW = 1790000000000


def audio(message: dict[str, object]) -> MediaFrame:
    """Read an audio message."""
    return media_frame(MessageType.MEDIA_DATA_AUDIO, message, 1, AudioFormat(), Flaws())


def transcript(message: dict[str, object]) -> MediaFrame:
    """Read a transcript message."""
    return media_frame(MessageType.MEDIA_DATA_TRANSCRIPT, message, 1, TranscriptFormat(), Flaws())


def event(body: dict[str, object], product: Product = Product.MEETING) -> ev.SessionEvent:
    """Read an event."""
    return inbound.session_event({"msg_type": 6, "event": body}, product, 1)


@pytest.mark.parametrize("sequence", [{"sequence": 1}, {"sequence": 0}, {"sequence": 10**9}, {}])
def test_row_3_any_sequence_is_accepted(sequence: dict[str, object]) -> None:
    """The number of an answer says nothing about the request."""
    answer = inbound.signaling_answer({"msg_type": 2, "status_code": 0, **sequence})
    assert answer.status == StatusCode.OK


@pytest.mark.parametrize("key", ["deskshare", "sharescreen", "share"])
def test_row_6_url_of_screen_share(key: str) -> None:
    """Screen share has three names among the URLs."""
    message: dict[str, object] = {"media_server": {"server_urls": {key: "wss://m.zoom.us/s"}}}
    assert inbound.signaling_answer(message).media_urls == {MediaType.SHARE: "wss://m.zoom.us/s"}


def test_row_6_plain_text_serves_all_media() -> None:
    """Old servers sent one URL as plain text."""
    message: dict[str, object] = {"media_server": {"server_urls": "wss://m.zoom.us/all"}}
    assert inbound.signaling_answer(message).media_urls == {MediaType.ALL: "wss://m.zoom.us/all"}


@pytest.mark.parametrize(
    ("flags", "encrypted"),
    [
        ({"payload_encrypted": True}, True),
        ({"payload_encryption": True}, True),
        ({"payload_encrypted": False, "payload_encryption": True}, False),
        ({"payload_encrypted": None, "payload_encryption": True}, True),
        ({"payload_encrypted": 1}, True),
        ({"payload_encrypted": "yes"}, False),
        ({}, False),
    ],
    ids=str,
)
def test_row_8_both_names_of_the_encryption_flag(
    flags: dict[str, object],
    encrypted: bool,  # noqa: FBT001  # data
) -> None:
    """The name in the example wins over the name in the table; both are read."""
    assert inbound.media_answer({"status_code": 0, **flags}).encrypted is encrypted


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (16778240, 16778240),
        ("16778240", 16778240),
        (1790000000000, 1790000000000),
        ("contact-id", "contact-id"),
    ],
    ids=ascii,
)
def test_row_9_user_id_as_number_or_text(value: object, expected: int | str) -> None:
    """Digits are an integer in media, events and replies alike; other text stays."""
    content = {"user_id": value, "data": "", "timestamp": NOW}
    frame = audio({"msg_type": 14, "content": content})
    assert isinstance(frame, AudioFrame)
    assert frame.user_id == expected
    assert event({"event_type": 2, "user_id": value}) == ev.ActiveSpeakerChanged(
        sequence=1, user_id=expected
    )
    reply = inbound.reply(MessageType.VIDEO_SUBSCRIPTION_RESP, {"user_id": value})
    assert reply.user_id == expected


@pytest.mark.parametrize("number", [3, 4, 8, 9])
def test_row_10_single_participant_in_the_event(number: int) -> None:
    """Without a list the event itself is about the one participant."""
    found = event({"event_type": number, "timestamp": NOW, "user_id": "7", "user_name": "Ada"})
    assert isinstance(
        found, ev.ParticipantJoined | ev.ParticipantLeft | ev.VideoStarted | ev.VideoStopped
    )
    assert found.participants == (ev.Participant(user_id=7, user_name="Ada"),)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"reason": 13}, StopReason.SIGNAL_CONNECTION_INTERRUPTED),
        ({"stop_reason": 13}, StopReason.SIGNAL_CONNECTION_INTERRUPTED),
        ({"reason": "the host said so", "stop_reason": 1}, StopReason.HOST_TRIGGERED),
        ({"reason": 0, "stop_reason": 6}, StopReason.UNDEFINED),
        ({"reason": None}, None),
        ({}, None),
    ],
    ids=str,
)
def test_row_11_both_names_of_the_reason(
    fields: dict[str, object], reason: StopReason | None
) -> None:
    """Messages 8 and 9 name the reason either way."""
    assert inbound.stream_state({"msg_type": 8, "state": 4, **fields}, 1).reason == reason
    assert inbound.session_state({"msg_type": 9, "state": 5, **fields}, 1).reason == reason


def test_row_12_both_names_of_the_session_id() -> None:
    """The documented name wins; the old one is read in states and replies."""
    old: dict[str, object] = {"state": 2, "session_id": "old"}
    both = {**old, "rtms_session_id": "new"}
    assert inbound.session_state(old, 1).session_id == "old"
    assert inbound.session_state(both, 1).session_id == "new"
    assert inbound.reply(MessageType.SESSION_STATE_RESP, old).session_id == "old"


@pytest.mark.parametrize(
    ("timestamp", "expected"), [(1790000000, 1790000000000), (1790000000000, 1790000000000)]
)
def test_row_13_seconds_or_milliseconds(timestamp: int, expected: int) -> None:
    """The unit of a time stamp follows from its size."""
    message: dict[str, object] = {"msg_type": 20, "state": 1, "timestamp": timestamp}
    assert inbound.reply(MessageType.STREAM_STATE_RESP, message).timestamp_ms == expected


@pytest.mark.parametrize("key", ["timestamp", "event_ts"])
def test_row_14_both_names_of_the_event_time(key: str) -> None:
    """Contact Center names the time of an event otherwise than meetings do."""
    assert event({"event_type": 1, key: NOW}) == ev.FirstPacket(sequence=1, timestamp_ms=NOW)


def test_row_17_content_as_bare_string() -> None:
    """The payload may be the whole content; everything else stands beside it, nothing is extra."""
    frame = audio(
        {
            "msg_type": 14,
            "content": "AAAAAA==",
            "user_id": 16778240,
            "user_name": "Ada",
            "channel_id": 5,
            "length": 4,
            "timestamp": NOW,
        }
    )
    assert frame == AudioFrame(
        sequence=1,
        data=b"\0\0\0\0",
        timestamp_ms=NOW,
        user_id=16778240,
        user_name="Ada",
        channel_id="5",
        format=AudioFormat(),
    )
    assert isinstance(frame, AudioFrame)
    assert frame.extra == {}


def test_row_17_transcript_as_bare_string() -> None:
    """Text may be the whole content too."""
    assert transcript(
        {
            "msg_type": 17,
            "content": "Hello.",
            "user_name": "Ada",
            "timestamp": NOW,
            "end_time": NOW + 100,
        }
    ) == TranscriptSegment(
        sequence=1,
        text="Hello.",
        timestamp_ms=NOW,
        user_name="Ada",
        end_ms=NOW + 100,
        format=TranscriptFormat(),
    )


def test_row_17_missing_fields_are_found_beside_the_content() -> None:
    """What an object lacks, or holds as null, is looked for at the top level."""
    assert audio(
        {
            "msg_type": 14,
            "user_id": 1,
            "user_name": "outer",
            "channel_id": "ch-1",
            "timestamp": NOW,
            "content": {"data": "AAAA", "user_name": "inner", "timestamp": None},
        }
    ) == AudioFrame(
        sequence=1,
        data=b"\0\0\0",
        timestamp_ms=NOW,
        user_id=1,
        user_name="inner",
        channel_id="ch-1",
        format=AudioFormat(),
    )


def test_row_17_payload_beside_missing_content() -> None:
    """Without any content the payload may stand at the top level."""
    frame = audio({"msg_type": 14, "data": "AAAA", "timestamp": NOW})
    assert isinstance(frame, AudioFrame)
    assert frame.data == b"\0\0\0"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"data": "a"}, "a"),
        ({"text": "b"}, "b"),
        ({"data": "a", "text": "b"}, "a"),
        ({"data": "", "text": "b"}, ""),
        ({"data": None, "text": "b", "is_final": True}, "b"),
    ],
    ids=str,
)
def test_row_18_both_names_of_the_transcript_text(content: dict[str, object], text: str) -> None:
    """The documented name wins; ``is_final`` is ignored."""
    found = transcript({"msg_type": 17, "content": {"timestamp": NOW, **content}})
    assert found == TranscriptSegment(
        sequence=1, text=text, timestamp_ms=NOW, format=TranscriptFormat()
    )


@pytest.mark.parametrize("number", range(8, 15))
def test_row_32_events_depend_on_the_product(number: int) -> None:
    """Numbers 8 to 14 mean one thing in meetings, another in Contact Center."""
    assert not isinstance(event({"event_type": number}), ev.ContactCenterEvent)
    found = event({"event_type": number}, Product.CONTACT_CENTER)
    assert isinstance(found, ev.ContactCenterEvent)
    assert found.event_type == ContactCenterEventType(number)


def test_row_34_unconfirmed_fields_are_ignored() -> None:
    """Fields that only single notes mention change nothing."""
    answer = inbound.signaling_answer(
        {
            "msg_type": 2,
            "status_code": 0,
            "signature": "00",
            "client_id": "x",
            "media_server_url": "wss://other.zoom.us",
            "media_server": {"server_urls": {"audio": "wss://m.zoom.us/a"}},
        }
    )
    assert answer.media_urls == {MediaType.AUDIO: "wss://m.zoom.us/a"}


def test_row_38_sequence_of_a_keep_alive_is_echoed() -> None:
    """Zoom's own SDK answers only requests with both, so both are echoed."""
    echo = inbound.keep_alive_echo({"msg_type": 12, "timestamp": NOW, "sequence": 3})
    assert echo == {"timestamp": NOW, "sequence": 3}


def test_row_39_frame_type_means_nothing() -> None:
    """Text and binary frames arrive as the same bytes, so they are the same message."""
    assert JsonCodec().decode(b'{"msg_type":12}') == {"msg_type": 12}


@pytest.mark.parametrize("name", ["STOP_BC_USER_LEFT", "USER_LEFT"])
def test_row_40_stop_reason_as_name(name: str) -> None:
    """The mock server of the beta sends names."""
    state = inbound.stream_state({"msg_type": 8, "state": "TERMINATED", "reason": name}, 1)
    assert (state.state, state.reason) == (4, StopReason.USER_LEFT)


def test_row_40_status_code_as_name() -> None:
    """A status code may be a name as well."""
    assert inbound.signaling_answer({"status_code": "STATUS_OK"}).status == StatusCode.OK


def test_row_41_keep_alive_without_timestamp() -> None:
    """A keep-alive without time is answered without time."""
    assert inbound.keep_alive_echo({"msg_type": 12, "protocol_version": 1, "status_code": 0}) == {}


@pytest.mark.parametrize("session", [{}, {"session_id": None}, {"rtms_session_id": ""}], ids=str)
def test_row_44_session_id_may_be_absent(session: dict[str, object]) -> None:
    """A session state without id is a session state."""
    found = inbound.session_state({"msg_type": 9, "state": 2, **session}, 1)
    assert found.session_id is None


def test_row_44_extra_keys_are_tolerated() -> None:
    """Keys of the mock server change nothing."""
    extra: dict[str, object] = {"ui_state": 1, "is_broadcast": True, "srtp_keys": {"audio": "k"}}
    state = inbound.stream_state({"msg_type": 8, "state": 1, **extra}, 1)
    assert state.state == 1


def test_row_45_missing_status_is_no_success() -> None:
    """An answer without any status code is a failure."""
    assert inbound.signaling_answer({"msg_type": 2, "reason": "bad"}).status is None
