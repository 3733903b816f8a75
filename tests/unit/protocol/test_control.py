"""Requests and subscriptions across interruptions; what they ask otherwise is tested elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.protocol.failover_support import accept, live, lose, sleep

from rtms_client import exceptions as ex
from rtms_client.enums import EventType, MediaType
from rtms_client.protocol import Answer, Send

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

    from rtms_client.config import VideoParams


@pytest.fixture
def wire(join: Join, individual: dict[MediaType, VideoParams]) -> Wire:
    """Return a stream with the video of one participant at a time."""
    return live(join, "audio", params=individual)


def outcomes(wire: Wire) -> list[tuple[int, object]]:
    """Take the answers to requests."""
    return [(one.token, one.outcome) for one in wire.do() if isinstance(one, Answer)]


def test_requests_under_way(wire: Wire) -> None:
    """When signaling breaks, every request that waits is answered with what happened."""
    control = wire.session.control
    tokens = [
        control.request_stream_state(wire.now),
        control.request_session_state("a", wire.now),
        control.subscribe_video(1, subscribe=True, timestamp_ms=0, now=wire.now),
    ]
    wire.do()
    lose(wire, "signaling")
    found = outcomes(wire)
    assert [token for token, _ in found] == tokens
    assert [str(error) for _, error in found] == [
        f"cannot get {what} in state RECONNECTING_SIGNALING; the connection that was asked is gone"
        for what in ("stream state", "session state", "video subscription")
    ]


def test_requests_under_way_at_a_move(wire: Wire) -> None:
    """The same holds when the stream moves."""
    wire.session.control.request_stream_state(wire.now)
    wire.do()
    wire.session.moved(["wss://new.zoom.us/s"], wire.now)
    assert len(outcomes(wire)) == 1


def test_requests_while_a_medium_is_away(wire: Wire) -> None:
    """A lost medium leaves requests alone."""
    wire.session.control.request_stream_state(wire.now)
    lose(wire, "audio")
    assert outcomes(wire) == []
    wire.hear("signaling", {"msg_type": 20, "state": 1})
    assert len(outcomes(wire)) == 1


@pytest.mark.parametrize("moment", ["waiting", "opening", "handshaking"])
def test_request_without_signaling(wire: Wire, moment: str) -> None:
    """While signaling is not ready nothing can be asked, and nothing is noted."""
    lose(wire, "signaling")
    state = "NOT CONNECTED"
    if moment != "waiting":
        sleep(wire, 3.0)
        state = "CONNECTING"
    if moment == "handshaking":
        wire.opened("signaling")
        state = "HANDSHAKING"
    with pytest.raises(ex.InvalidState, match=f"in state {state}; possible while signaling"):
        wire.session.control.request_stream_state(wire.now)
    with pytest.raises(ex.InvalidState):
        wire.session.control.subscribe_video(1, subscribe=True, timestamp_ms=0, now=wire.now)
    assert wire.session.control.deadlines() == []


def test_refused_choice_is_no_choice(wire: Wire) -> None:
    """A choice that could not be sent is not made later."""
    lose(wire, "signaling")
    with pytest.raises(ex.InvalidState):
        wire.session.control.subscribe_video(1, subscribe=True, timestamp_ms=0, now=wire.now)
    sleep(wire, 3.0)
    for endpoint in ("signaling", "audio", "video"):
        accept(wire, endpoint)
    assert "signaling sends 28" not in wire.brief()


def test_reply_of_the_old_connection(wire: Wire) -> None:
    """A request that is answered after a reconnect was never answered: its token is used up."""
    wire.session.control.request_stream_state(wire.now)
    lose(wire, "signaling")
    sleep(wire, 3.0)
    for endpoint in ("signaling", "audio", "video"):
        accept(wire, endpoint)
    wire.forget()
    wire.hear("signaling", {"msg_type": 20, "state": 1})
    assert wire.problems() == [
        "expected an answer to a request, got type STREAM_STATE_RESP that nobody asked for"
    ]


def test_choice_is_answered_after_the_return(wire: Wire) -> None:
    """The repeated choice gets an answer of its own, that nobody waits for."""
    token = wire.session.control.subscribe_video(5, subscribe=True, timestamp_ms=0, now=wire.now)
    lose(wire, "video")
    sleep(wire, 3.0)
    accept(wire, "video")
    wire.do()
    for _ in range(2):
        wire.hear("signaling", {"msg_type": 29, "user_id": 5, "status_code": 0})
    assert [number for number, _ in outcomes(wire)] == [token, token + 1]
    assert wire.problems() == []


def test_refused_choice_is_not_repeated(wire: Wire) -> None:
    """A choice that the server refused is forgotten; the refusal of an older one is not its own."""
    for user_id in (5, 6):
        wire.session.control.subscribe_video(user_id, subscribe=True, timestamp_ms=0, now=wire.now)
    wire.hear("signaling", {"msg_type": 29, "user_id": 5, "status_code": 4})
    lose(wire, "video")
    sleep(wire, 3.0)
    wire.do()
    accept(wire, "video")
    assert wire.brief()[-1] == "signaling sends 28"
    wire.hear("signaling", {"msg_type": 29, "user_id": 6, "status_code": 4})
    wire.hear("signaling", {"msg_type": 29, "user_id": 6, "status_code": 4})
    lose(wire, "video")
    sleep(wire, 3.0)
    wire.do()
    accept(wire, "video")
    assert "signaling sends 28" not in wire.brief()


def test_last_choice_counts(wire: Wire) -> None:
    """Of two choices the last one is repeated."""
    for user_id in (5, 6):
        wire.session.control.subscribe_video(user_id, subscribe=True, timestamp_ms=0, now=wire.now)
    lose(wire, "video")
    sleep(wire, 3.0)
    wire.opened("video")
    wire.do()
    wire.accept_media("video")
    choice = b'{"msg_type":28,"user_id":6,"subscribe":true,"timestamp":3000}'
    assert wire.do()[1] == Send(1, "signaling", choice)


def test_subscriptions_after_the_end(wire: Wire) -> None:
    """A stream that is over takes no subscriptions; one that is interrupted does."""
    control = wire.session.control
    lose(wire, "signaling")
    control.subscribe_events([EventType.SHARING_START], subscribe=True)
    wire.session.abort()
    with pytest.raises(ex.InvalidState, match="the stream is over"):
        control.subscribe_events([EventType.SHARING_START], subscribe=True)
