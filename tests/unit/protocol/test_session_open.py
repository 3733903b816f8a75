"""A stream that is open: keep-alives, events, subscriptions, requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rtms_client import events as ev
from rtms_client import exceptions as ex
from rtms_client._wire.inbound import Reply
from rtms_client.enums import (
    ContactCenterEventType,
    EventType,
    MediaType,
    MessageType,
    SessionState,
    StatusCode,
    StreamState,
)
from rtms_client.protocol import Answer, EventSubscription, Send

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

    from rtms_client.config import VideoParams

NOW = 1790000000000


# --- keep-alives ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (
            b'{"msg_type":12,"timestamp":1790000000000}',
            b'{"msg_type":13,"timestamp":1790000000000}',
        ),
        (
            b'{"sequence":7,"timestamp":1790000000000,"msg_type":12}',
            b'{"msg_type":13,"timestamp":1790000000000,"sequence":7}',
        ),
        (b'{"msg_type":12,"protocol_version":1,"status_code":0}', b'{"msg_type":13}'),
        (b'{"msg_type":"12","timestamp":1e999}', None),
        (b'{"msg_type":12,"timestamp":NaN}', None),
        (b'{"msg_type":12,"timestamp":1.5}', b'{"msg_type":13,"timestamp":1.5}'),
        (
            b'{"msg_type":12,"timestamp":99999999999999999999}',
            b'{"msg_type":13,"timestamp":99999999999999999999}',
        ),
        (b'{"msg_type":12,"timestamp":"\\ud800"}', b'{"msg_type":13,"timestamp":"\\ud800"}'),
    ],
    ids=["time", "both", "neither", "infinite", "nan", "fraction", "huge", "surrogate"],
)
@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_keep_alive_is_answered_on_its_socket(
    join: Join, endpoint: str, request_: bytes, answer: bytes | None
) -> None:
    """The answer echoes what the request held; what is no JSON is no request."""
    wire = join().stream()
    number = wire.number(endpoint)
    wire.session.receive(number, request_, wire.now)
    assert wire.do() == ([] if answer is None else [Send(number, endpoint, answer)])
    assert wire.session.intake.statistics.keep_alives == (answer is not None)


def test_row_45_keep_alive_before_the_handshake_is_answered(join: Join) -> None:
    """Servers may ask before they answer the handshake; on either kind of socket."""
    wire = join()
    wire.session.start(wire.now)
    wire.opened("signaling")
    wire.do()
    wire.hear("signaling", {"msg_type": 12})
    assert wire.brief() == ["signaling sends 13"]
    assert wire.phase() == "CONNECTING_SIGNALING"
    wire.accept_signaling()
    wire.opened("audio")
    wire.do()
    wire.hear("audio", {"msg_type": 12})
    assert wire.brief() == ["audio sends 13"]
    assert wire.phase() == "CONNECTING_MEDIA"


def test_keep_alive_of_presumed_media(join: Join) -> None:
    """A socket whose handshake was never answered is kept alive like any other."""
    wire = join().connect()
    wire.opened("audio")
    wire.media("audio")
    wire.do()
    wire.hear("audio", {"msg_type": 12, "timestamp": 1})
    assert wire.brief() == ["audio sends 13"]


def test_keep_alive_is_the_first_action(join: Join) -> None:
    """Nothing that comes with a keep-alive can delay its answer."""
    wire = join().stream()
    wire.hear("audio", {"msg_type": 12})
    wire.session.control.request_stream_state(wire.now)
    assert wire.brief() == ["audio sends 13", "signaling sends 19"]


# --- events --------------------------------------------------------------------------------------


def test_events_add_up(join: Join) -> None:
    """Events are delivered in order, and the roster follows."""
    wire = join().stream()
    for event in (
        {"event_type": 1, "timestamp": NOW},
        {"event_type": 3, "participants": [{"user_id": 1, "user_name": "Ada"}, {"user_id": "2"}]},
        {"event_type": 2, "user_id": 1},
        {"event_type": 5, "user_id": 2, "user_name": "Grace"},
        {"event_type": 4, "participants": [{"user_id": 2}]},
        {"event_type": 6},
    ):
        wire.hear("signaling", {"msg_type": 6, "event": event})
    items = wire.items()
    assert [type(item) for item in items] == [
        ev.FirstPacket,
        ev.ParticipantJoined,
        ev.ActiveSpeakerChanged,
        ev.SharingStarted,
        ev.ParticipantLeft,
        ev.SharingStopped,
    ]
    assert [item.sequence for item in items] == [1, 2, 3, 4, 5, 6]
    roster = wire.session.intake.roster
    ada = ev.Participant(user_id=1, user_name="Ada")
    assert roster.participants == {1: ada}
    assert roster.active_speaker == ada
    assert roster.sharer is None
    assert roster.started_ms == NOW


def test_unknown_event_is_passed_on(join: Join) -> None:
    """An event of a later version is delivered raw, with its number in the text."""
    wire = join().stream()
    message = {"msg_type": 6, "event": {"event_type": 55, "x": 1}}
    wire.hear("signaling", {**message})
    assert wire.items() == [
        ev.Unrecognized(
            sequence=1,
            problem="expected a known event_type, got event_type 55",
            message_type=MessageType.EVENT_UPDATE,
            raw=message,
        )
    ]


@pytest.mark.parametrize("number", [0, 1, 2, 5, 6])
@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_row_42_states_on_any_socket(join: Join, endpoint: str, number: int) -> None:
    """States of the stream are read wherever they come; these do not end it."""
    wire = join().stream()
    wire.hear(endpoint, {"msg_type": 8, "state": number, "reason": 13})
    state = next(item for item in wire.items() if isinstance(item, ev.StreamStateChanged))
    assert state.state == StreamState(number)
    assert wire.phase() == "STREAMING"
    assert wire.do() == []


def test_states_before_the_handshake_is_answered(join: Join) -> None:
    """States and events are not lost only because the server is in a hurry."""
    wire = join()
    wire.session.start(wire.now)
    wire.opened("signaling")
    wire.do()
    wire.hear("signaling", {"msg_type": 6, "event": {"event_type": 1, "timestamp": NOW}})
    wire.hear("signaling", {"msg_type": 8, "state": 1})
    wire.hear("signaling", {"msg_type": 9, "state": 1, "rtms_session_id": "s"})
    assert [item.sequence for item in wire.items()] == [1, 2, 3]
    assert wire.do() == []


# --- subscriptions -------------------------------------------------------------------------------


def subscriptions(wire: Wire) -> list[object]:
    """Return the events of all subscriptions that were sent."""
    messages = [json.loads(action.data) for action in wire.do() if isinstance(action, Send)]
    return [message["events"] for message in messages if message["msg_type"] == 5]


def test_subscription_is_sent_at_once(join: Join) -> None:
    """While signaling is open, changes go out immediately."""
    wire = join().stream()
    events: list[EventSubscription] = [
        EventType.PARTICIPANT_JOIN,
        ContactCenterEventType.USER_HOLD,
        {"event_code": 9},
    ]
    wire.session.control.subscribe_events(events, subscribe=True)
    wire.session.control.subscribe_events(iter(events[:1]), subscribe=False)
    assert subscriptions(wire) == [
        [
            {"event_type": 3, "subscribe": True},
            {"event_type": 12, "subscribe": True},
            {"event_code": 9, "subscribe": True},
        ],
        [{"event_type": 3, "subscribe": False}],
    ]


def test_subscription_before_signaling_is_open(join: Join) -> None:
    """What is asked early is remembered, and sent in one message when signaling is ready."""
    wire = join(events=(EventType.PARTICIPANT_JOIN, EventType.PARTICIPANT_LEAVE))
    control = wire.session.control
    control.subscribe_events([EventType.SHARING_START], subscribe=True)
    wire.session.start(wire.now)
    control.subscribe_events([EventType.PARTICIPANT_JOIN], subscribe=False)
    wire.opened("signaling")
    control.subscribe_events([EventType.SHARING_START], subscribe=True)
    wire.accept_signaling()
    assert subscriptions(wire) == [
        [{"event_type": 4, "subscribe": True}, {"event_type": 5, "subscribe": True}]
    ]


def test_subscribing_to_nothing_sends_nothing(join: Join) -> None:
    """An empty list of events is no message."""
    wire = join().stream()
    wire.session.control.subscribe_events([], subscribe=True)
    assert wire.do() == []


@pytest.mark.parametrize("number", [1, 7])
def test_row_16_automatic_events_are_refused(join: Join, number: int) -> None:
    """Events that come unasked are not subscribed, and what was subscribed stays."""
    wire = join().stream()
    with pytest.raises(ex.InvalidParameters, match="comes unasked"):
        wire.session.control.subscribe_events(
            [EventType.SHARING_START, EventType(number)], subscribe=True
        )
    assert wire.do() == []


def test_subscription_after_the_end(join: Join) -> None:
    """Nobody listens any more."""
    wire = join().stream()
    wire.session.abort()
    with pytest.raises(ex.InvalidState, match="cannot subscribe to events in state CLOSED"):
        wire.session.control.subscribe_events([EventType.SHARING_START], subscribe=True)


# --- requests ------------------------------------------------------------------------------------


def answers(wire: Wire) -> list[Answer]:
    """Take the actions, and return the answers among them."""
    return [action for action in wire.do() if isinstance(action, Answer)]


def test_stream_state(join: Join) -> None:
    """The state of the stream is asked for on signaling and answered by its reply."""
    wire = join().stream()
    token = wire.session.control.request_stream_state(wire.now)
    request = b'{"msg_type":19,"rtms_stream_id":"11111111-2222-3333-4444-555555555555"}'
    assert wire.do() == [Send(1, "signaling", request)]
    wire.hear("signaling", {"msg_type": 20, "state": 1, "timestamp": 1790000000})
    reply = Reply(kind=MessageType.STREAM_STATE_RESP, state=StreamState.ACTIVE, timestamp_ms=NOW)
    assert wire.do() == [Answer(token, reply)]


def test_session_state(join: Join) -> None:
    """The newest session is asked for, unless one is named."""
    wire = join().stream()
    control = wire.session.control
    wire.hear("signaling", {"msg_type": 9, "rtms_session_id": "old", "state": 2})
    wire.hear("signaling", {"msg_type": 9, "rtms_session_id": "new", "state": 2})
    newest = control.request_session_state(None, wire.now)
    named = control.request_session_state("old", wire.now)
    assert wire.do() == [
        Send(1, "signaling", b'{"msg_type":10,"rtms_session_id":"new"}'),
        Send(1, "signaling", b'{"msg_type":10,"rtms_session_id":"old"}'),
    ]
    wire.hear("signaling", {"msg_type": 11, "rtms_session_id": "old", "state": 3})
    wire.hear("signaling", {"msg_type": 11, "rtms_session_id": "new", "state": 4})
    found = answers(wire)
    assert [answer.token for answer in found] == [named, newest]
    assert [getattr(answer.outcome, "state", None) for answer in found] == [
        SessionState.PAUSED,
        SessionState.RESUMED,
    ]


def test_session_state_without_session(join: Join) -> None:
    """Where no session is known, one must be named."""
    wire = join().stream()
    with pytest.raises(ex.InvalidState, match="pass a session id, or wait"):
        wire.session.control.request_session_state(None, wire.now)
    assert wire.do() == []


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"status_code": 40}, StatusCode.INVALID_RTMS_SESSION_ID),
        ({"status_code": 40, "state": 0}, StatusCode.INVALID_RTMS_SESSION_ID),
        ({"status_code": 4711, "state": 2}, StatusCode(4711)),
        ({}, None),
    ],
    ids=str,
)
def test_refused_request(join: Join, reply: dict[str, object], status: StatusCode | None) -> None:
    """A bad status is a refusal, state or not; so is an answer with neither."""
    wire = join().stream()
    wire.session.control.request_session_state("x", wire.now)
    wire.do()
    wire.hear("signaling", {"msg_type": 11, **reply})
    (answer,) = answers(wire)
    assert isinstance(answer.outcome, ex.RequestFailed)
    assert (answer.outcome.request, answer.outcome.status) == ("session state", status)


@pytest.mark.parametrize(
    "reply", [{"state": 2}, {"status_code": 0}, {"status_code": 0, "state": 2}]
)
def test_accepted_request(join: Join, reply: dict[str, object]) -> None:
    """A state needs no status, a good status no state."""
    wire = join().stream()
    wire.session.control.request_session_state("x", wire.now)
    wire.do()
    wire.hear("signaling", {"msg_type": 11, **reply})
    (answer,) = answers(wire)
    assert isinstance(answer.outcome, Reply)


@pytest.mark.parametrize("kind", [11, 20, 22, 29])
def test_reply_that_nobody_asked_for(join: Join, kind: int) -> None:
    """An unexpected reply is reported, and answers nothing."""
    wire = join().stream()
    wire.hear("signaling", {"msg_type": kind, "status_code": 0, "state": 1})
    name = MessageType(kind).name
    assert wire.problems() == [
        f"expected an answer to a request, got type {name} that nobody asked for"
    ]
    assert wire.do() == []


def test_late_reply_is_reported(join: Join) -> None:
    """After its time-out a request is over; the reply that still comes is nobody's."""
    wire = join().stream()
    token = wire.session.control.request_stream_state(wire.now)
    wire.do()
    wire.wait(5.0)
    (answer,) = answers(wire)
    assert answer.token == token
    assert isinstance(answer.outcome, ex.AnswerTimeout)
    assert answer.outcome.args == ("signaling", "an answer to stream state", 5.0)
    wire.hear("signaling", {"msg_type": 20, "state": 1})
    assert len(wire.problems()) == 1


@pytest.mark.parametrize("phase", ["idle", "connecting", "handshaking", "closing", "closed"])
def test_request_while_signaling_is_not_ready(join: Join, phase: str) -> None:
    """Requests need an open signaling connection; the error names its state."""
    wire = join()
    if phase != "idle":
        wire.session.start(wire.now)
    if phase in {"handshaking", "closing"}:
        wire.opened("signaling")
    if phase == "closing":
        wire.accept_signaling()
        wire.session.close(wire.now)
    if phase == "closed":
        wire.session.abort()
    wire.do()
    state = "NOT CONNECTED" if phase in {"idle", "closed"} else phase.upper()
    for ask in (
        wire.session.control.request_stream_state,
        lambda now: wire.session.control.request_session_state("x", now),
    ):
        with pytest.raises(ex.InvalidState, match=f"in state {state}; possible while signaling"):
            ask(wire.now)
    assert wire.do() == []


# --- individual video ----------------------------------------------------------------------------

Params = dict[MediaType, "VideoParams"]


def watch(wire: Wire, user_id: int, *, subscribe: bool = True) -> int:
    """Ask for the video of a participant."""
    return wire.session.control.subscribe_video(
        user_id, subscribe=subscribe, timestamp_ms=NOW, now=wire.now
    )


def test_individual_video(join: Join, individual: Params) -> None:
    """One participant's video is asked for, and the answer is announced."""
    wire = join("video", params=individual).stream()
    token = watch(wire, 16778240)
    assert wire.do() == [
        Send(
            1,
            "signaling",
            b'{"msg_type":28,"user_id":16778240,"subscribe":true,"timestamp":1790000000000}',
        )
    ]
    wire.hear(
        "signaling",
        {"msg_type": 29, "user_id": 16778240, "status_code": 0, "timestamp": 1790000000050},
    )
    (answer,) = answers(wire)
    assert answer.token == token
    assert isinstance(answer.outcome, Reply)
    assert wire.items() == [
        ev.VideoSubscriptionChanged(
            sequence=1,
            timestamp_ms=1790000000050,
            user_id=16778240,
            subscribed=True,
            status=StatusCode.OK,
        )
    ]


@pytest.mark.parametrize(
    ("asked", "reply", "expected"),
    [
        (True, {"status_code": 0}, (True, Reply)),
        (True, {"status_code": 44}, (True, Reply)),
        (False, {"status_code": 0}, (False, Reply)),
        (False, {"status_code": 0, "subscribe": False}, (False, Reply)),
        (True, {"status_code": 0, "subscribe": False}, (False, Reply)),
        (True, {"status_code": 10}, (False, ex.RequestFailed)),
        (True, {}, (False, ex.RequestFailed)),
    ],
    ids=str,
)
def test_answers_about_individual_video(
    join: Join,
    individual: Params,
    asked: bool,  # noqa: FBT001  # data
    reply: dict[str, object],
    expected: tuple[bool, type],
) -> None:
    """The reply need not say what it answers; 44 says that it was so already."""
    wire = join("video", params=individual).stream()
    watch(wire, 7, subscribe=asked)
    wire.hear("signaling", {"msg_type": 29, "user_id": "7", **reply})
    (event,) = wire.items()
    assert isinstance(event, ev.VideoSubscriptionChanged)
    (answer,) = answers(wire)
    assert (event.user_id, event.subscribed, type(answer.outcome)) == (7, *expected)


def test_answers_are_paired_by_participant(join: Join, individual: Params) -> None:
    """Replies in another order reach the request about the same participant."""
    wire = join("video", params=individual).stream()
    first, second = watch(wire, 7), watch(wire, 8)
    wire.hear("signaling", {"msg_type": 29, "user_id": 8, "status_code": 0})
    wire.hear("signaling", {"msg_type": 29, "user_id": 9, "status_code": 0})
    wire.hear("signaling", {"msg_type": 29, "user_id": 7, "status_code": 0})
    assert [answer.token for answer in answers(wire)] == [second, first]
    assert len(wire.problems()) == 1


@pytest.mark.parametrize("media", ["audio", "video"])
def test_individual_video_must_be_asked_for(join: Join, media: str) -> None:
    """Without the option there is nobody to choose; the error says what to ask for."""
    wire = join(media).stream()
    with pytest.raises(ex.InvalidState, match="VIDEO_SINGLE_INDIVIDUAL_STREAM"):
        watch(wire, 7)
    assert wire.do() == []
