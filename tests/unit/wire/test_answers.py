"""Handshake answers, states and replies of the server as typed values."""

from __future__ import annotations

import pytest

from rtms_client import events as ev
from rtms_client._wire import inbound
from rtms_client.enums import (
    MediaType,
    MessageType,
    SessionState,
    StatusCode,
    StopReason,
    StreamState,
)
from rtms_client.exceptions import RemoteProtocolError

STREAM_ID = "11111111-2222-3333-4444-555555555555"


# --- message type --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12, MessageType.KEEP_ALIVE_REQ),
        ("12", MessageType.KEEP_ALIVE_REQ),
        (12.0, MessageType.KEEP_ALIVE_REQ),
        ("KEEP_ALIVE_REQ", MessageType.KEEP_ALIVE_REQ),
        (0, MessageType.UNDEFINED),
        (99, MessageType(99)),
        (-1, MessageType(-1)),
    ],
    ids=ascii,
)
def test_message_type(value: object, expected: MessageType) -> None:
    """Integers, decimal text and names are types; unknown ones too (messages notes, 11.2)."""
    assert inbound.message_type({"msg_type": value}) == expected


@pytest.mark.parametrize("message", [{}, {"msg_type": None}, {"msg_type": True}, {"msg_type": "x"}])
def test_message_without_type(message: dict[str, object]) -> None:
    """What has no type is not understood."""
    with pytest.raises(RemoteProtocolError) as caught:
        inbound.message_type(message)
    assert str(caught.value) == "expected an integer msg_type, got a message without one"


# --- signaling handshake -------------------------------------------------------------------------


def test_signaling_answer() -> None:
    """Message 2 is the documented example."""
    assert inbound.signaling_answer(
        {
            "msg_type": 2,
            "protocol_version": 1,
            "sequence": 0,
            "status_code": 0,
            "reason": "",
            "media_server": {
                "server_urls": {
                    "audio": "wss://media.example.test:443/a",
                    "video": "wss://media.example.test:443/v",
                    "transcript": "wss://media.example.test:443/t",
                    "all": "wss://media.example.test:443/all",
                }
            },
        }
    ) == inbound.SignalingAnswer(
        status=StatusCode.OK,
        reason="",
        protocol_version=1,
        media_urls={
            MediaType.AUDIO: "wss://media.example.test:443/a",
            MediaType.VIDEO: "wss://media.example.test:443/v",
            MediaType.TRANSCRIPT: "wss://media.example.test:443/t",
            MediaType.ALL: "wss://media.example.test:443/all",
        },
    )


def test_refused_signaling_answer() -> None:
    """Message 2 of a failure is the documented example."""
    assert inbound.signaling_answer(
        {
            "msg_type": 2,
            "protocol_version": 1,
            "sequence": 0,
            "status_code": 3,
            "reason": "invalid signature",
        }
    ) == inbound.SignalingAnswer(
        status=StatusCode.INVALID_SIGNATURE,
        reason="invalid signature",
        protocol_version=1,
        media_urls={},
    )


@pytest.mark.parametrize(
    "media_server",
    [
        None,
        {},
        [],
        {"server_urls": None},
        {"server_urls": []},
        {"server_urls": {}},
        {"server_urls": {"audio": None, "video": 7, "chat": "https://media.zoom.us"}},
        {"server_urls": {"srt": "srt://media.zoom.us", "datacenter": "wss://media.zoom.us"}},
        {"server_urls": "https://media.zoom.us"},
        {"datacenter_region": "SJC", "srtp_keys": {"audio": "k"}},
    ],
    ids=str,
)
def test_answer_without_usable_urls(media_server: object) -> None:
    """Whatever else stands there, only WebSocket URLs of known media are kept."""
    message: dict[str, object] = {"status_code": 0, "media_server": media_server}
    assert inbound.signaling_answer(message).media_urls == {}


def test_media_url_may_be_upper_case() -> None:
    """The scheme of a URL has no case."""
    message: dict[str, object] = {"media_server": {"server_urls": {"audio": "WSS://M.ZOOM.US/A"}}}
    assert inbound.signaling_answer(message).media_urls == {MediaType.AUDIO: "WSS://M.ZOOM.US/A"}


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"status_code": 0}, StatusCode.OK),
        ({"status_code": "3"}, StatusCode.INVALID_SIGNATURE),
        ({"status_code": "STATUS_INVALID_SIGNATURE"}, StatusCode.INVALID_SIGNATURE),
        ({"status_code": 4711}, StatusCode(4711)),
        ({"status": 0}, StatusCode.OK),
        ({"status_code": None, "status": 8}, StatusCode.DUPLICATE_SIGNAL_REQUEST),
        ({"status_code": 9, "status": 0}, StatusCode.MEDIA_TYPE_AUDIO_NOT_SUPPORT),
        ({"status_code": "fine"}, None),
        ({"status_code": False}, None),
        ({}, None),
    ],
    ids=str,
)
def test_status(message: dict[str, object], status: StatusCode | None) -> None:
    """The documented key wins over the legacy one; without either there is no status."""
    assert inbound.signaling_answer(message).status == status
    assert inbound.media_answer(message).status == status


def test_reason_is_bounded() -> None:
    """The server's words end up in errors, so they are cut; what is no text is dropped."""
    assert inbound.signaling_answer({"reason": "x" * 1000}).reason == "x" * 200
    assert inbound.signaling_answer({"reason": {"code": 1}}).reason == ""
    assert inbound.signaling_answer({"reason": "\ud800"}).reason == "\ufffd"


# --- media handshake -----------------------------------------------------------------------------


def test_media_answer() -> None:
    """Message 4 is the documented example."""
    params = {
        "content_type": 2,
        "sample_rate": 1,
        "channel": 1,
        "codec": 1,
        "data_opt": 2,
        "send_rate": 20,
    }
    assert inbound.media_answer(
        {
            "msg_type": 4,
            "protocol_version": 1,
            "status_code": 0,
            "reason": "",
            "sequence": 0,
            "payload_encrypted": False,
            "media_params": {"audio": params},
        }
    ) == inbound.MediaAnswer(
        status=StatusCode.OK,
        reason="",
        protocol_version=1,
        encrypted=False,
        params={"audio": params},
    )


@pytest.mark.parametrize("value", [None, [], "audio", 7], ids=repr)
def test_media_answer_with_malformed_params(value: object) -> None:
    """Parameters that are no object were not echoed."""
    assert inbound.media_answer({"status_code": 0, "media_params": value}).params == {}


# --- keep-alive ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "echo"),
    [
        ({"timestamp": 1790000000000}, {"timestamp": 1790000000000}),
        ({"timestamp": "1790000000000"}, {"timestamp": "1790000000000"}),
        ({"timestamp": 1790000000.5}, {"timestamp": 1790000000.5}),
        ({"timestamp": 10**30}, {"timestamp": 10**30}),
        ({"sequence": 7, "timestamp": 1}, {"timestamp": 1, "sequence": 7}),
        ({"sequence": 0}, {"sequence": 0}),
        ({"protocol_version": 1, "status_code": 0}, {}),
        ({"timestamp": None, "sequence": {}}, {}),
        ({"timestamp": [1], "sequence": ""}, {}),
        ({"timestamp": "x" * 300}, {}),
    ],
    ids=["ms", "text", "float", "huge", "both", "zero", "neither", "null", "list", "long"],
)
def test_keep_alive_echo(message: dict[str, object], echo: dict[str, object]) -> None:
    """What the request holds is echoed unchanged, if it is a number or a short text."""
    found = inbound.keep_alive_echo({"msg_type": 12, **message})
    assert found == echo
    assert list(map(type, found.values())) == list(map(type, echo.values()))


# --- states --------------------------------------------------------------------------------------


def test_stream_state() -> None:
    """Message 8 is the documented example."""
    assert inbound.stream_state(
        {"msg_type": 8, "state": 2, "reason": 14, "timestamp": 1790000010000}, 7
    ) == ev.StreamStateChanged(
        sequence=7,
        timestamp_ms=1790000010000,
        state=StreamState.INTERRUPTED,
        reason=StopReason.DATA_CONNECTION_INTERRUPTED,
    )


def test_session_state() -> None:
    """Message 9 is the documented example."""
    assert inbound.session_state(
        {
            "msg_type": 9,
            "rtms_session_id": "sess-1",
            "state": 5,
            "stop_reason": 6,
            "timestamp": 1790000020000,
        },
        8,
    ) == ev.SessionStateChanged(
        sequence=8,
        timestamp_ms=1790000020000,
        session_id="sess-1",
        state=SessionState.STOPPED,
        reason=StopReason.MEETING_ENDED,
    )


@pytest.mark.parametrize("number", range(7))
def test_every_stream_state(number: int) -> None:
    """Each documented state is read, without reason and time too."""
    event = inbound.stream_state({"state": number}, 1)
    assert event == ev.StreamStateChanged(sequence=1, state=StreamState(number))


@pytest.mark.parametrize("number", range(6))
def test_every_session_state(number: int) -> None:
    """Each documented state is read, without id, reason and time too."""
    event = inbound.session_state({"state": number}, 1)
    assert event == ev.SessionStateChanged(sequence=1, state=SessionState(number))


def test_same_number_differs_by_kind() -> None:
    """Four is the end of a stream, and the resumption of a session."""
    assert inbound.stream_state({"state": 4}, 1).state.name == "TERMINATED"
    assert inbound.session_state({"state": 4}, 1).state.name == "RESUMED"


def test_unknown_state_survives() -> None:
    """A state of a later version is passed on."""
    assert inbound.stream_state({"state": 17}, 1).state == 17


@pytest.mark.parametrize("state", [None, "running", True, 1.5, {}], ids=repr)
def test_message_without_state(state: object) -> None:
    """A state message without a state is not understood."""
    with pytest.raises(RemoteProtocolError, match="expected a state, got a state message without"):
        inbound.stream_state({"msg_type": 8, "state": state}, 1)
    with pytest.raises(RemoteProtocolError, match="expected a state, got a state message without"):
        inbound.session_state({"msg_type": 9, "state": state}, 1)


# --- replies -------------------------------------------------------------------------------------


def test_session_state_reply() -> None:
    """Message 11 is the documented example."""
    message: dict[str, object] = {
        "msg_type": 11,
        "rtms_session_id": "sess-1",
        "state": 2,
        "timestamp": 1790000000000,
    }
    reply = inbound.reply(MessageType.SESSION_STATE_RESP, message)
    assert reply == inbound.Reply(
        kind=MessageType.SESSION_STATE_RESP,
        state=SessionState.STARTED,
        session_id="sess-1",
        timestamp_ms=1790000000000,
    )
    assert type(reply.state) is SessionState


def test_stream_state_reply() -> None:
    """Message 20 is the documented example, whose time is in seconds."""
    message: dict[str, object] = {
        "msg_type": 20,
        "rtms_stream_id": STREAM_ID,
        "state": 1,
        "timestamp": 1790000000,
    }
    reply = inbound.reply(MessageType.STREAM_STATE_RESP, message)
    assert reply == inbound.Reply(
        kind=MessageType.STREAM_STATE_RESP,
        state=StreamState.ACTIVE,
        timestamp_ms=1790000000000,
    )
    assert type(reply.state) is StreamState


def test_close_reply() -> None:
    """Message 22 is the documented example."""
    message: dict[str, object] = {
        "msg_type": 22,
        "rtms_stream_id": STREAM_ID,
        "status_code": 0,
        "reason": "OK",
        "timestamp": 1790000000000,
    }
    assert inbound.reply(MessageType.STREAM_CLOSE_RESP, message) == inbound.Reply(
        kind=MessageType.STREAM_CLOSE_RESP,
        status=StatusCode.OK,
        reason="OK",
        timestamp_ms=1790000000000,
    )


def test_video_reply() -> None:
    """Message 29 is the documented example; it may also say what it answers."""
    message: dict[str, object] = {
        "msg_type": 29,
        "user_id": 16778240,
        "status_code": 0,
        "reason": "OK",
        "timestamp": 1790000000050,
    }
    expected = inbound.Reply(
        kind=MessageType.VIDEO_SUBSCRIPTION_RESP,
        status=StatusCode.OK,
        reason="OK",
        user_id=16778240,
        timestamp_ms=1790000000050,
    )
    assert inbound.reply(MessageType.VIDEO_SUBSCRIPTION_RESP, message) == expected
    answered = inbound.reply(MessageType.VIDEO_SUBSCRIPTION_RESP, {**message, "subscribe": False})
    assert answered.subscribed is False


def test_state_of_other_replies_is_ignored() -> None:
    """Only the two state replies have a state."""
    assert inbound.reply(MessageType.STREAM_CLOSE_RESP, {"state": 4}).state is None
