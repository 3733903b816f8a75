"""How a stream ends: by the server, by us, by what breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtms_client import events as ev
from rtms_client import exceptions as ex
from rtms_client.enums import MediaType, StopReason
from rtms_client.protocol import Answer, Close, Send

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

# Stop reasons after which RTMS must be started anew; after all others the end is normal.
TECHNICAL = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 24}


def bring_to(wire: Wire, phase: str) -> Wire:
    """Bring a stream into a phase, and look away from what happened on the way."""
    steps = ["IDLE", "CONNECTING_SIGNALING", "CONNECTING_MEDIA", "STREAMING"]
    reached = steps.index(phase)
    if reached > 0:
        wire.session.start(wire.now)
    if reached > 1:
        wire.opened("signaling")
        wire.accept_signaling()
    if reached > 2:
        wire.opened("audio")
        wire.accept_media("audio")
    assert wire.phase() == phase
    wire.forget()
    return wire


# --- by the server -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [*range(27), 4711])
@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_terminated(join: Join, endpoint: str, reason: int) -> None:
    """TERMINATED ends the stream at once; technical reasons are errors, the others are not."""
    wire = bring_to(join(), "STREAMING")
    wire.hear(endpoint, {"msg_type": 8, "state": 4, "reason": reason})
    assert wire.brief() == ["close audio 1000", "close signaling 1000"]
    assert wire.phase() == "CLOSED"
    if reason in TECHNICAL:
        assert isinstance(wire.session.error, ex.StreamStopped)
        assert wire.session.error.stop_reason == reason
    else:
        assert wire.session.error is None
    assert wire.session.stop_reason == (StopReason(reason) if reason else None)
    (event,) = wire.items()
    assert isinstance(event, ev.StreamStateChanged)


@pytest.mark.parametrize("phase", ["CONNECTING_SIGNALING", "CONNECTING_MEDIA", "STREAMING"])
def test_terminated_in_every_phase(join: Join, phase: str) -> None:
    """A stream may be over before it began."""
    wire = bring_to(join(), phase)
    if phase == "CONNECTING_SIGNALING":
        wire.opened("signaling")
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 6})
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None
    assert wire.session.stop_reason == StopReason.MEETING_ENDED


def test_terminating_is_not_the_end(join: Join) -> None:
    """More may come after the announcement; the close that follows is then a normal end."""
    wire = bring_to(join(), "STREAMING")
    wire.hear("signaling", {"msg_type": 8, "state": 3, "reason": 6})
    wire.media("audio")
    assert wire.phase() == "STREAMING"
    assert [type(item).__name__ for item in wire.items()] == ["StreamStateChanged", "AudioFrame"]
    assert wire.do() == []
    wire.session.lost(wire.number("audio"), 1006, "", wire.now)
    assert wire.brief() == ["close signaling 1000"]
    assert wire.session.error is None
    assert wire.session.stop_reason == StopReason.MEETING_ENDED


def test_announced_technical_end(join: Join) -> None:
    """The announcement holds the reason when the end itself does not."""
    wire = bring_to(join(), "STREAMING")
    wire.hear("signaling", {"msg_type": 8, "state": 3, "reason": 24})
    wire.hear("signaling", {"msg_type": 8, "state": 4})
    assert isinstance(wire.session.error, ex.StreamStopped)
    assert wire.session.stop_reason == StopReason.KEEP_ALIVE_TIMEOUT


@pytest.mark.parametrize(
    ("reason", "kind"), [(6, None), (13, ex.StreamStopped), (None, None)], ids=str
)
def test_stopped_session_and_close(
    join: Join, reason: int | None, kind: type[ex.RTMSError] | None
) -> None:
    """After the last session stopped, a close is the end it announced, for its reason."""
    wire = bring_to(join(), "STREAMING")
    wire.hear("signaling", {"msg_type": 9, "rtms_session_id": "a", "state": 2})
    wire.hear(
        "signaling", {"msg_type": 9, "rtms_session_id": "a", "state": 5, "stop_reason": reason}
    )
    assert wire.phase() == "STREAMING"
    wire.session.lost(wire.number("signaling"), 1000, "", wire.now)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None if kind is None else isinstance(wire.session.error, kind)
    assert wire.session.stop_reason == reason


def test_one_of_two_sessions_stopped(join: Join) -> None:
    """While another session goes on, a close is a loss."""
    wire = bring_to(join(), "STREAMING")
    wire.hear("signaling", {"msg_type": 9, "rtms_session_id": "a", "state": 2})
    wire.hear("signaling", {"msg_type": 9, "rtms_session_id": "b", "state": 5, "stop_reason": 6})
    wire.session.lost(wire.number("signaling"), 1000, "", wire.now)
    assert isinstance(wire.session.error, ex.ConnectionLost)
    assert wire.session.stop_reason is None


def test_row_30_close_code_1000_is_no_end(join: Join) -> None:
    """A normal close without announcement is a loss like any other."""
    wire = bring_to(join(), "STREAMING")
    wire.session.lost(wire.number("signaling"), 1000, "bye", wire.now)
    assert isinstance(wire.session.error, ex.ConnectionLost)
    assert wire.session.error.args == ("signaling", 1000, "bye")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(None, None), (StopReason.USER_LEFT, None), (StopReason.EXIT_SIGNAL, ex.StreamStopped)],
    ids=str,
)
@pytest.mark.parametrize("phase", ["IDLE", "CONNECTING_SIGNALING", "STREAMING"])
def test_stopped_webhook(
    join: Join, phase: str, reason: StopReason | None, kind: type[ex.RTMSError] | None
) -> None:
    """The stopped webhook is as good as TERMINATED."""
    wire = bring_to(join(), phase)
    wire.session.stopped(reason, wire.now)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None if kind is None else isinstance(wire.session.error, kind)
    assert wire.session.stop_reason == reason


# --- by us ---------------------------------------------------------------------------------------


def test_graceful_close(join: Join) -> None:
    """We ask, the server agrees, the connections are closed, media first."""
    wire = bring_to(join(), "STREAMING")
    wire.session.close(wire.now)
    request = b'{"msg_type":21,"rtms_stream_id":"11111111-2222-3333-4444-555555555555"}'
    assert wire.do() == [Send(1, "signaling", request)]
    assert wire.phase() == "CLOSING"
    wire.media("audio")
    wire.hear("audio", {"msg_type": 12})
    wire.hear("signaling", {"msg_type": 12})
    assert wire.brief() == ["audio sends 13", "signaling sends 13"]
    assert len(wire.items()) == 1
    wire.hear("signaling", {"msg_type": 22, "status_code": 0, "reason": "OK"})
    assert wire.do() == [Close(2, 1000, ""), Close(1, 1000, "")]
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None
    assert wire.session.stop_reason is None


@pytest.mark.parametrize("answer", [{"status_code": 4}, {}, {"status_code": 0, "reason": ""}])
def test_refused_close_is_a_close(join: Join, answer: dict[str, object]) -> None:
    """Whatever the server answers, we are leaving (messages notes, 6.5)."""
    wire = bring_to(join(), "STREAMING")
    wire.session.close(wire.now)
    wire.hear("signaling", {"msg_type": 22, **answer})
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_unanswered_close(join: Join) -> None:
    """A server that does not answer does not keep us."""
    wire = bring_to(join(), "STREAMING")
    wire.session.close(wire.now)
    wire.do()
    assert wire.session.next_deadline() == wire.now + 5.0
    wire.wait(4.999)
    assert wire.phase() == "CLOSING"
    wire.wait(0.001)
    assert wire.brief() == ["close audio 1000", "close signaling 1000"]
    assert wire.session.error is None


@pytest.mark.parametrize("phase", ["IDLE", "CONNECTING_SIGNALING"])
def test_close_before_signaling_is_ready(join: Join, phase: str) -> None:
    """There is nobody to ask, so the end is at once."""
    wire = bring_to(join(), phase)
    wire.session.close(wire.now)
    assert wire.brief() == ([] if phase == "IDLE" else ["close signaling 1000"])
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_close_while_media_connect(join: Join) -> None:
    """What is being opened is left alone until the server agreed, then closed."""
    wire = bring_to(join(), "CONNECTING_MEDIA")
    wire.session.close(wire.now)
    assert wire.brief() == ["signaling sends 21"]
    wire.hear("signaling", {"msg_type": 22, "status_code": 0})
    assert wire.brief() == ["close audio 1000", "close signaling 1000"]


def test_close_twice(join: Join) -> None:
    """Closing again asks for nothing new, in any phase."""
    wire = bring_to(join(), "STREAMING")
    wire.session.close(wire.now)
    wire.do()
    wire.session.close(wire.now)
    assert wire.do() == []
    wire.session.abort()
    wire.do()
    wire.session.close(wire.now)
    assert wire.do() == []


@pytest.mark.parametrize("status", [0, 9])
def test_media_handshake_ends_while_closing(join: Join, status: int) -> None:
    """Neither success nor refusal of a medium changes that we are leaving, without error."""
    wire = bring_to(join("audio", "video"), "CONNECTING_MEDIA")
    wire.opened("audio")
    wire.session.close(wire.now)
    wire.do()
    wire.hear("audio", {"msg_type": 4, "status_code": status})
    assert wire.brief() == ([] if status == 0 else ["close audio 1000"])
    assert wire.phase() == "CLOSING"
    wire.hear("signaling", {"msg_type": 22})
    assert wire.session.error is None
    assert wire.items() == []


def test_medium_interrupted_while_closing(join: Join) -> None:
    """What the server lost is not missed any more."""
    wire = bring_to(join(), "STREAMING")
    wire.session.close(wire.now)
    wire.do()
    wire.hear("signaling", {"msg_type": 6, "event": {"event_type": 7, "media_type": 1}})
    assert wire.phase() == "CLOSING"
    wire.hear("signaling", {"msg_type": 22})
    assert wire.session.error is None


@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_connection_lost_while_closing(join: Join, endpoint: str) -> None:
    """A server that closes instead of answering has answered."""
    wire = bring_to(join(), "STREAMING")
    wire.session.close(wire.now)
    wire.session.lost(wire.number(endpoint), 1006, "", wire.now)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_terminated_while_closing(join: Join) -> None:
    """The end we asked for is no error, whatever reason the server gives."""
    wire = bring_to(join(), "STREAMING")
    wire.session.close(wire.now)
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 15})
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None
    assert wire.session.stop_reason == StopReason.SIGNAL_CONNECTION_CLOSED_ABNORMALLY


@pytest.mark.parametrize("error", [None, ex.BufferOverflow("audio", 1, 1)], ids=["none", "error"])
@pytest.mark.parametrize("phase", ["IDLE", "CONNECTING_SIGNALING", "CONNECTING_MEDIA", "STREAMING"])
def test_abort(join: Join, phase: str, error: ex.RTMSError | None) -> None:
    """The application may end a stream at once, with an error or without."""
    wire = bring_to(join(), phase)
    wire.session.abort(error)
    closed = {"IDLE": [], "CONNECTING_SIGNALING": ["close signaling 1000"]}
    assert wire.brief() == closed.get(phase, ["close audio 1000", "close signaling 1000"])
    assert wire.session.error is error
    wire.session.abort(ex.InternalError("KeyError"))
    assert wire.session.error is error


# --- by what breaks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "endpoint", "others"),
    [
        ("CONNECTING_SIGNALING", "signaling", []),
        ("CONNECTING_MEDIA", "signaling", ["close audio 1000"]),
        ("CONNECTING_MEDIA", "audio", ["close signaling 1000"]),
        ("STREAMING", "signaling", ["close audio 1000"]),
        ("STREAMING", "audio", ["close signaling 1000"]),
    ],
)
@pytest.mark.parametrize("failed", [False, True], ids=["lost", "failed"])
def test_broken_connection(
    join: Join,
    phase: str,
    endpoint: str,
    others: list[str],
    failed: bool,  # noqa: FBT001  # data
) -> None:
    """Without a policy for reconnecting, every loss is the end, with the error that caused it."""
    wire = bring_to(join(), phase)
    error: ex.RTMSError
    if failed:
        error = ex.ConnectFailed(endpoint, "rtms.zoom.us:443", "refused")
        wire.session.failed(wire.number(endpoint), error, wire.now)
    else:
        error = ex.ConnectionLost(endpoint, 1006, "reset")
        wire.session.lost(wire.number(endpoint), 1006, "reset", wire.now)
    assert wire.brief() == others
    assert wire.phase() == "CLOSED"
    assert (type(wire.session.error), str(wire.session.error)) == (type(error), str(error))


# --- after the end -------------------------------------------------------------------------------


def test_requests_are_answered_at_the_end(join: Join) -> None:
    """Nobody waits for ever: open requests fail, and nothing else is done for them."""
    wire = bring_to(join(), "STREAMING")
    token = wire.session.control.request_stream_state(wire.now)
    wire.do()
    wire.session.abort()
    answer, *closes = wire.do()
    assert isinstance(answer, Answer)
    assert answer.token == token
    assert isinstance(answer.outcome, ex.InvalidState)
    assert str(answer.outcome) == (
        "cannot get stream state in state CLOSED; the connection that was asked is gone"
    )
    assert [type(action) for action in closes] == [Close, Close]


def test_nothing_happens_after_the_end(join: Join) -> None:
    """Whatever is still reported or asked, the stream stays as it ended."""
    wire = bring_to(join(), "STREAMING")
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 24})
    error = wire.session.error
    wire.forget()
    session, now = wire.session, wire.now
    for number in (1, 2, 3):
        session.opened(number, now)
        session.receive(number, b'{"msg_type":12}', now)
        session.lost(number, 1006, "", now)
        session.failed(number, ex.RTMSError(), now)
    session.timer(now + 1000)
    session.close(now)
    session.abort(ex.RTMSError())
    session.stopped(StopReason.USER_LEFT, now)
    session.moved(("wss://other.zoom.us",), now)
    session.interrupted((), now)
    assert (wire.do(), wire.items()) == ([], [])
    assert session.error is error
    assert session.next_deadline() is None
    assert wire.phase() == "CLOSED"
    with pytest.raises(ex.InvalidState):
        session.start(now)


def test_media_are_not_lost_at_the_end(join: Join) -> None:
    """What arrived before the end is there after it."""
    wire = bring_to(join(), "STREAMING")
    wire.media("audio")
    wire.hear("signaling", {"msg_type": 8, "state": 4})
    assert [type(item).__name__ for item in wire.items()] == ["AudioFrame", "StreamStateChanged"]
    assert wire.session.intake.statistics.frames == {MediaType.AUDIO: 1}


@pytest.mark.parametrize("complete", [True, False])
def test_what_does_not_come_before_the_end_is_a_gap(join: Join, *, complete: bool) -> None:
    """Media are drained at the end of the stream; where that fails, a gap says so."""
    wire = bring_to(join(), "STREAMING")
    wire.media("audio", 1790000000020)
    wire.hear("signaling", {"msg_type": 8, "state": 4})
    assert wire.do() == [Close(2, 1000, "", drain=True), Close(1, 1000, "")]
    wire.media("audio", 1790000000040)
    wire.items()
    wire.session.drained(2, complete=complete)
    gap = ev.Gap(
        media=MediaType.AUDIO,
        cause=ev.GapCause.LOST,
        user_ids=(1,),
        from_ms=1790000000040,
        to_ms=None,
        sequence=wire.session.intake.number() - 1,
    )
    assert wire.items() == ([] if complete else [gap])
    wire.session.drained(2, complete=False)
    wire.media("audio", 1790000000060)
    assert wire.items() == []
