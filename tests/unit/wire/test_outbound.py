"""Every message that the client sends, against the documented example."""

from __future__ import annotations

import pytest

from rtms_client._wire import outbound
from rtms_client._wire.codec import JsonCodec
from rtms_client.config import AudioParams, ChatParams, ShareParams, TranscriptParams, VideoParams
from rtms_client.enums import (
    AudioChannel,
    ContactCenterEventType,
    DataOption,
    EventType,
    Language,
    MediaCodec,
    MediaType,
    Resolution,
)

STREAM_ID = "11111111-2222-3333-4444-555555555555"
SIGNATURE = "300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9"
IDENTITY = outbound.Identity(
    id_key="meeting_uuid",
    product_id="aBcDeFgHiJkLmNoPqRsTuA==",
    stream_id=STREAM_ID,
    signature=SIGNATURE,
)


def test_identity_hides_the_signature() -> None:
    """A signature does not expire, so it is as good as a secret."""
    assert SIGNATURE not in repr(IDENTITY)


def test_signaling_handshake() -> None:
    """Message 1 is the documented example."""
    assert outbound.signaling_handshake(IDENTITY, buffer_data=True) == {
        "msg_type": 1,
        "protocol_version": 1,
        "sequence": 1,
        "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
        "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
        "signature": "300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9",
        "buffer_data": True,
    }


def test_signaling_handshake_with_other_choices() -> None:
    """Key of the id, version and initial buffer are choices; there is never a second id key."""
    identity = outbound.Identity(
        id_key="session_id", product_id="p", stream_id="s", signature="00", protocol_version=2
    )
    assert outbound.signaling_handshake(identity, buffer_data=False) == {
        "msg_type": 1,
        "protocol_version": 2,
        "sequence": 1,
        "session_id": "p",
        "rtms_stream_id": "s",
        "signature": "00",
        "buffer_data": False,
    }


def test_media_handshake() -> None:
    """Message 3 is the documented example."""
    params = {MediaType.AUDIO: AudioParams()}
    assert outbound.media_handshake(IDENTITY, MediaType.AUDIO, params) == {
        "msg_type": 3,
        "protocol_version": 1,
        "sequence": 0,
        "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
        "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
        "signature": "300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9",
        "media_type": 1,
        "payload_encryption": False,
        "media_params": {
            "audio": {
                "content_type": 2,
                "sample_rate": 1,
                "channel": 1,
                "codec": 1,
                "data_opt": 2,
                "send_rate": 20,
            }
        },
    }


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            AudioParams(
                codec=MediaCodec.OPUS,
                sample_rate=48000,
                channel=AudioChannel.STEREO,
                data_opt=DataOption.AUDIO_MIXED_STREAM,
            ),
            {
                "audio": {
                    "content_type": 2,
                    "sample_rate": 3,
                    "channel": 2,
                    "codec": 4,
                    "data_opt": 1,
                    "send_rate": 20,
                }
            },
        ),
        (
            VideoParams(fps=25, data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM),
            {
                "video": {
                    "content_type": 3,
                    "codec": 7,
                    "resolution": 2,
                    "fps": 25,
                    "data_opt": 4,
                }
            },
        ),
        (
            ShareParams(resolution=Resolution.QHD),
            {"deskshare": {"content_type": 3, "codec": 5, "resolution": 4, "fps": 1}},
        ),
        (
            TranscriptParams(language=Language.ARABIC, language_identification=False),
            {"transcript": {"content_type": 5, "src_language": 0, "enable_lid": False}},
        ),
        (ChatParams(), {"chat": {"content_type": 5}}),
    ],
    ids=["audio", "video", "share", "transcript", "chat"],
)
def test_media_params(params: outbound.MediaParams, expected: dict[str, object]) -> None:
    """Each medium has its own key, and all its numbers are plain integers."""
    message = outbound.media_handshake(IDENTITY, MediaType.ALL, {MediaType.ALL: params})
    assert message["media_params"] == expected
    assert message["media_type"] == 32


def test_all_media_share_one_handshake() -> None:
    """One connection for everything names the parameters of each medium."""
    message = outbound.media_handshake(
        IDENTITY,
        MediaType.ALL,
        {MediaType.AUDIO: AudioParams(), MediaType.CHAT: ChatParams()},
    )
    assert (
        JsonCodec()
        .encode(message)
        .endswith(
            b'"media_type":32,"payload_encryption":false,"media_params":{"audio":{"content_type":2,'
            b'"sample_rate":1,"channel":1,"codec":1,"data_opt":2,"send_rate":20},'
            b'"chat":{"content_type":5}}}'
        )
    )


def test_event_subscription() -> None:
    """Message 5 is the documented example (row 15)."""
    events = [
        EventType.ACTIVE_SPEAKER_CHANGE,
        EventType.PARTICIPANT_JOIN,
        EventType.PARTICIPANT_LEAVE,
    ]
    assert outbound.event_subscription(events, subscribe=True) == {
        "msg_type": 5,
        "events": [
            {"event_type": 2, "subscribe": True},
            {"event_type": 3, "subscribe": True},
            {"event_type": 4, "subscribe": True},
        ],
    }


def test_event_subscription_of_raw_codes() -> None:
    """Numbers of Contact Center and raw codes of version 2 are passed on; both can be given up."""
    code = {"event_code": "phone.hold"}
    assert outbound.event_subscription(
        [ContactCenterEventType.USER_HOLD, code], subscribe=False
    ) == {
        "msg_type": 5,
        "events": [
            {"event_type": 12, "subscribe": False},
            {"event_code": "phone.hold", "subscribe": False},
        ],
    }


def test_client_ready() -> None:
    """Message 7 is the documented example."""
    assert outbound.client_ready(STREAM_ID) == {
        "msg_type": 7,
        "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
    }


def test_keep_alive_answer() -> None:
    """Message 13 is the documented example: what the request held, unchanged."""
    assert outbound.keep_alive_answer({"timestamp": 1790000000000}) == {
        "msg_type": 13,
        "timestamp": 1790000000000,
    }


def test_session_state_request() -> None:
    """Message 10 is the documented example."""
    assert outbound.session_state_request("sess-1") == {
        "msg_type": 10,
        "rtms_session_id": "sess-1",
    }


def test_stream_state_request() -> None:
    """Message 19 is the documented example."""
    assert outbound.stream_state_request(STREAM_ID) == {
        "msg_type": 19,
        "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
    }


def test_close_request() -> None:
    """Message 21 is the documented example."""
    assert outbound.close_request(STREAM_ID) == {
        "msg_type": 21,
        "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
    }


def test_video_subscription() -> None:
    """Message 28 is the documented example; the id is an integer (row 9)."""
    message = outbound.video_subscription(16778240, subscribe=True, timestamp_ms=1790000000000)
    assert message == {
        "msg_type": 28,
        "user_id": 16778240,
        "subscribe": True,
        "timestamp": 1790000000000,
    }


def test_enums_leave_as_integers() -> None:
    """Never a name, never a member whose text could change: plain integers (row 40)."""
    message = outbound.media_handshake(IDENTITY, MediaType.VIDEO, {MediaType.VIDEO: VideoParams()})
    assert type(message["msg_type"]) is int
    assert type(message["media_type"]) is int
    assert (
        JsonCodec()
        .encode(message)
        .endswith(
            b'"media_params":{"video":{"content_type":3,"codec":5,"resolution":2,"fps":5,"data_opt":3}}}'
        )
    )
