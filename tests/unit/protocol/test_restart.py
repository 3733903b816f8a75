"""A stream that the server ended and that is started again goes on as the same stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import pytest
from tests.unit.protocol.failover_support import accept, fail, live, lose, refuse, sleep, told

from rtms_client.config import RestartPolicy, StreamInfo
from rtms_client.enums import Product, StopReason
from rtms_client.events import Gap
from rtms_client.exceptions import (
    HostNotAllowed,
    InvalidState,
    StreamLost,
    StreamNotFound,
    StreamStopped,
)
from rtms_client.frames import AudioFrame
from rtms_client.protocol.outputs import AskRestart, Send
from rtms_client.protocol.restart import DECLINED, RestartRequest, Restarts

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

NOW = 1790000000000
POLICY = RestartPolicy(first_delay_s=1, base_s=5, jitter=0, wait_s=20, budget_s=100)
NEW = StreamInfo(
    product=Product.WEBINAR,
    product_id="wBcDeFgHiJkLmNoPqRsTuA==",
    stream_id="the new stream",
    server_urls=("wss://new.zoom.us/s",),
)


@pytest.fixture
def wire(join: Join) -> Wire:
    """Return a stream of audio and transcript whose media flow, and that may be started again."""
    wire = live(join, "audio", "transcript", restart=POLICY)
    wire.media("audio", NOW)
    wire.forget()
    return wire


def die(wire: Wire, reason: StopReason = StopReason.KEEP_ALIVE_TIMEOUT) -> None:
    """Let the server end the stream."""
    wire.session.stopped(reason, wire.now)


def asked(wire: Wire) -> RestartRequest:
    """Return what the application is asked to start again."""
    (action,) = wire.do()
    assert isinstance(action, AskRestart)
    return action.request


def answer(wire: Wire, attempt: int, problem: str | None = None) -> None:
    """Tell what became of a try."""
    wire.session.restart_answered(attempt, problem, wire.now)


def restart(wire: Wire, info: StreamInfo = NEW) -> None:
    """Let the started webhook of the new stream come."""
    wire.session.restarted(info, lambda product_id: f"signature of {product_id}", wire.now)


# --- death ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [*range(10, 20), 24])
def test_a_technical_end_is_restarted(wire: Wire, number: int) -> None:
    """Reasons 10 to 19 and 24: the application is told, and asked to start it again."""
    die(wire, StopReason(number))
    assert wire.phase() == "RESTARTING"
    assert told(wire) == ["interrupted everything StreamStopped"]
    assert sleep(wire, 1.0) == [
        "0 close audio 1000",
        "0 close transcript 1000",
        "0 close signaling 1000",
        "1 ask for restart 1",
    ]


@pytest.mark.parametrize("number", [1, 6, 8, 20, 23, 25])
def test_any_other_end_is_final(wire: Wire, number: int) -> None:
    """The meeting ended, the permission was revoked, and so on."""
    die(wire, StopReason(number))
    assert wire.phase() == "CLOSED"


def test_without_a_hook_every_end_is_final(join: Join) -> None:
    """By default nobody starts anything."""
    wire = live(join, "audio")
    die(wire)
    assert isinstance(wire.session.error, StreamStopped)
    assert wire.phase() == "CLOSED"


def test_terminated_on_signaling_is_a_death_too(wire: Wire) -> None:
    """TERMINATED usually comes before the webhook."""
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 19})
    assert wire.phase() == "RESTARTING"
    die(wire, StopReason.AWAIT_RECONNECTION_TIMEOUT)
    assert told(wire) == ["StreamStateChanged", "interrupted everything StreamStopped"]


def test_what_is_known_is_passed_on(wire: Wire) -> None:
    """The request holds the stream, the reason, the error and the number of the try."""
    info = wire.session.info
    die(wire)
    wire.do()
    wire.wait(1.0)
    request = asked(wire)
    assert (request.info, request.attempt) == (info, 1)
    assert request.stop_reason == StopReason.KEEP_ALIVE_TIMEOUT
    assert isinstance(request.error, StreamStopped)


def test_a_stream_that_could_not_be_brought_back_is_restarted(wire: Wire) -> None:
    """Signaling was lost for longer than the window: the server ends the stream by itself."""
    lose(wire, "signaling")
    while wire.phase() != "RESTARTING":
        sleep(wire, 1.0)
        wire.brief()
        if wire.session._connections.signaling is not None:  # noqa: SLF001  # a try is under way
            fail(wire, "signaling")
    wire.forget()
    wire.wait(1.0)
    request = asked(wire)
    assert isinstance(request.error, StreamLost)
    assert request.stop_reason is None


def test_a_stream_that_is_unknown_after_an_interruption_is_restarted(wire: Wire) -> None:
    """Status 2 behind an interruption: the stream is gone."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.opened("signaling")
    refuse(wire, "signaling", 2)
    assert wire.phase() == "RESTARTING"


def test_a_stream_that_never_existed_is_not_restarted(join: Join) -> None:
    """Status 2 at the first try: a webhook that came too late."""
    wire = live(join, "audio", restart=POLICY)
    fresh = join("audio", restart=POLICY)
    fresh.session.start(fresh.now)
    fresh.opened("signaling")
    refuse(fresh, "signaling", 2)
    assert fresh.phase() == "CLOSED"
    assert isinstance(fresh.session.error, StreamNotFound)
    assert wire.phase() == "STREAMING"


def test_a_death_before_media_flowed_is_restarted(join: Join) -> None:
    """The server ends the stream while it is being joined."""
    wire = join("audio", restart=POLICY)
    wire.session.start(wire.now)
    die(wire)
    assert wire.phase() == "RESTARTING"


# --- life after death ----------------------------------------------------------------------------


def test_the_new_stream_is_joined_as_the_same(wire: Wire) -> None:
    """New servers, id and signature; everything is asked for again."""
    die(wire)
    sleep(wire, 1.0)
    answer(wire, 1)
    restart(wire)
    assert wire.phase() == "RECONNECTING_SIGNALING"
    assert wire.brief() == ["open signaling"]
    wire.opened("signaling")
    (hello,) = [json.loads(action.data) for action in wire.do() if isinstance(action, Send)]
    assert hello["meeting_uuid"] == NEW.product_id
    assert hello["rtms_stream_id"] == NEW.stream_id
    assert hello["signature"] == f"signature of {NEW.product_id}"
    wire.accept_signaling()
    for medium in ("audio", "transcript"):
        accept(wire, medium)
    assert wire.brief()[-1] == "signaling sends 7"
    assert wire.phase() == "STREAMING"


def revive(wire: Wire, *, after_s: float = 4.0) -> None:
    """Let a dead stream be started again, and its media flow."""
    sleep(wire, 1.0)
    answer(wire, 1)
    sleep(wire, after_s - 1.0)
    restart(wire)
    accept(wire, "signaling")
    for medium in ("audio", "transcript"):
        accept(wire, medium)


def test_the_story(wire: Wire) -> None:
    """Interrupted, resumed, and a gap of what nobody sent; numbers go on."""
    die(wire)
    revive(wire)
    wire.media("audio", NOW + 4020)
    items = wire.items()
    assert [item.sequence for item in items] == [2, 3, 4, 5]
    wire.session.intake.items.extend(items)
    assert told(wire) == [
        "interrupted everything StreamStopped",
        "resumed everything after 4 and 1",
        f"gap audio lost {NOW} {NOW + 4020} [1]",
        "AudioFrame",
    ]
    statistics = wire.session.intake.statistics
    assert (statistics.interruptions, statistics.reconnects, statistics.restarts) == (1, 1, 1)


@pytest.mark.parametrize("complete", [True, False])
def test_media_that_were_under_way_come_before_the_gap(wire: Wire, *, complete: bool) -> None:
    """What the server sent before the end is still delivered, and hides no gap."""
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 19})
    wire.media("audio", NOW + 20)
    wire.session.drained(wire.number("audio"), complete=complete)
    revive(wire)
    wire.media("audio", NOW + 4020)
    assert told(wire) == [
        "StreamStateChanged",
        "interrupted everything StreamStopped",
        "AudioFrame",
        "resumed everything after 4 and 1",
        f"gap audio lost {NOW + 20} {NOW + 4020} [1]",
        "AudioFrame",
    ]


def test_what_the_old_stream_says_after_that_is_void(wire: Wire) -> None:
    """Neither its media nor its keep-alives disturb the new one."""
    old = {name: wire.number(name) for name in ("audio", "signaling")}
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 19})
    revive(wire)
    wire.forget()
    for number in old.values():
        wire.session.receive(number, b'{"msg_type":12,"timestamp":1}', wire.now)
    frame = b'{"msg_type":14,"content":{"user_id":1,"data":"AAAA","timestamp":1790000000020}}'
    wire.session.receive(old["audio"], frame, wire.now)
    assert (wire.do(), wire.items()) == ([], [])


def test_subscriptions_are_restored(join: Join) -> None:
    """Events that were subscribed while the old stream lived."""
    wire = live(join, "audio", restart=POLICY, events=({"event_code": 1},))
    die(wire)
    sleep(wire, 1.0)
    restart(wire)
    accept(wire, "signaling")
    assert "signaling sends 5" in wire.brief()


def test_sessions_of_the_old_stream_say_nothing_of_the_new_one(wire: Wire) -> None:
    """All old sessions stopped: a later loss of the new stream is a loss, not the end."""
    wire.hear("signaling", {"msg_type": 9, "rtms_session_id": "a", "state": 5, "stop_reason": 24})
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 24})
    revive(wire)
    lose(wire, "signaling")
    assert wire.phase() == "RECONNECTING_SIGNALING"


def test_a_pause_of_the_old_stream_is_over(wire: Wire) -> None:
    """The new stream is not paused, and its own pauses begin when it says so."""
    wire.hear("signaling", {"msg_type": 8, "state": 5, "timestamp": NOW})
    die(wire)
    revive(wire)
    wire.forget()
    wire.hear("signaling", {"msg_type": 8, "state": 5, "timestamp": NOW + 9000})
    wire.hear("signaling", {"msg_type": 8, "state": 6, "timestamp": NOW + 9500})
    gap = wire.items()[-1]
    assert isinstance(gap, Gap)
    assert (gap.from_ms, gap.to_ms) == (NOW + 9000, NOW + 9500)


def test_a_medium_that_was_refused_is_asked_for_again(join: Join) -> None:
    """The new stream may give what the old one did not."""
    wire = join("audio", "transcript", restart=POLICY).connect()
    accept(wire, "audio")
    wire.opened("transcript")
    refuse(wire, "transcript", 9)
    die(wire)
    sleep(wire, 1.0)
    restart(wire)
    accept(wire, "signaling")
    assert "open transcript" in wire.brief()


def test_a_stream_may_die_again(wire: Wire) -> None:
    """Media flowed in between, so the tries start over."""
    for _ in range(5):
        die(wire)
        revive(wire)
        wire.media("audio", int(NOW + wire.now * 1000))
    die(wire)
    wire.do()
    wire.wait(1.0)
    assert asked(wire).attempt == 1


def test_a_stream_that_dies_again_and_again_is_given_up(wire: Wire) -> None:
    """No media came in between: after three tries it is over, and the error tells them all."""
    for attempt in range(1, 4):
        die(wire)
        sleep(wire, 10.0)
        answer(wire, attempt)
        restart(wire)
        accept(wire, "signaling")
    die(wire)
    assert wire.phase() == "CLOSED"
    error = wire.session.error
    assert isinstance(error, StreamStopped)
    assert [what.count("KEEP_ALIVE_TIMEOUT") for _, what in error.history] == [1, 1, 1]
    assert str(error).count("KEEP_ALIVE_TIMEOUT") == 2
    assert ", 3 times: " in str(error)


def test_a_loss_while_the_new_stream_is_joined_is_retried(wire: Wire) -> None:
    """The new server does not answer at once: the policy of reconnection applies."""
    die(wire)
    sleep(wire, 1.0)
    restart(wire)
    fail(wire, "signaling")
    assert wire.phase() == "RECONNECTING_SIGNALING"
    assert "6 open signaling" in sleep(wire, 6.0)


# --- tries that fail -----------------------------------------------------------------------------


def test_a_failed_try_is_repeated(wire: Wire) -> None:
    """The hook raised: again after 5 and 10 seconds, then the end, with the whole history."""
    die(wire)
    sleep(wire, 1.0)
    answer(wire, 1, "the hook raised ConnectError")
    assert sleep(wire, 5.0) == ["5 ask for restart 2"]
    answer(wire, 2, "the hook raised ConnectError")
    assert sleep(wire, 10.0) == ["10 ask for restart 3"]
    answer(wire, 3, "the hook raised ConnectError")
    assert wire.phase() == "CLOSED"
    error = wire.session.error
    assert isinstance(error, StreamStopped)
    assert error.history == (
        (1.0, "try 1: the hook raised ConnectError"),
        (6.0, "try 2: the hook raised ConnectError"),
        (16.0, "try 3: the hook raised ConnectError"),
    )
    assert str(error).endswith("+16.0 s try 3: the hook raised ConnectError)")


def test_a_start_that_no_webhook_follows_is_a_failed_try(wire: Wire) -> None:
    """Twenty seconds after the hook returned, it is called again."""
    die(wire)
    sleep(wire, 1.0)
    answer(wire, 1)
    assert sleep(wire, 25.0) == ["25 ask for restart 2"]


def test_a_hook_that_never_returns_is_bounded(wire: Wire) -> None:
    """After the budget of 100 seconds it is over."""
    die(wire)
    sleep(wire, 99.0)
    assert wire.phase() == "RESTARTING"
    sleep(wire, 1.0)
    assert wire.phase() == "CLOSED"
    assert "time for starting it again is over" in str(wire.session.error)


def test_no_try_falls_behind_the_budget(join: Join) -> None:
    """The second try would come too late: it is over with the first."""
    wire = live(join, "audio", restart=attrs.evolve(POLICY, budget_s=5))
    die(wire)
    sleep(wire, 1.0)
    answer(wire, 1, "no")
    assert wire.phase() == "CLOSED"


def test_a_hook_may_decline(wire: Wire) -> None:
    """It returned False: nothing more is tried."""
    die(wire)
    sleep(wire, 1.0)
    answer(wire, 1, DECLINED)
    assert wire.phase() == "CLOSED"
    assert "the hook declined" in str(wire.session.error)


def test_a_lost_stream_tells_both_histories(wire: Wire) -> None:
    """`StreamLost` holds what was tried to reconnect, and what was tried to restart."""
    lose(wire, "signaling")
    while wire.phase() != "RESTARTING":
        sleep(wire, 1.0)
        wire.brief()
        if wire.session._connections.signaling is not None:  # noqa: SLF001  # a try is under way
            fail(wire, "signaling")
    sleep(wire, 1.0)
    answer(wire, 1, DECLINED)
    error = wire.session.error
    assert isinstance(error, StreamLost)
    assert "connection refused" in str(error)
    assert error.history[-1][1] == "try 1: the hook declined"


def test_a_stream_that_is_unknown_keeps_its_error(wire: Wire) -> None:
    """`StreamNotFound` has no history."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.opened("signaling")
    refuse(wire, "signaling", 2)
    sleep(wire, 1.0)
    answer(wire, 1, DECLINED)
    assert isinstance(wire.session.error, StreamNotFound)


def test_an_unfinished_gap_is_told_at_the_end(wire: Wire) -> None:
    """Nobody knows how much is missing, but that something may be."""
    die(wire)
    sleep(wire, 1.0)
    answer(wire, 1, DECLINED)
    assert told(wire) == [
        "interrupted everything StreamStopped",
        f"gap audio lost {NOW} None [1]",
        "gap transcript lost None None []",
    ]


def test_media_on_their_way_outlive_a_restart_that_fails(wire: Wire) -> None:
    """What the server sent before the end is delivered until its connection is drained."""
    die(wire)
    sleep(wire, 1.0)
    answer(wire, 1, DECLINED)
    wire.items()
    wire.media("audio", NOW + 20)
    assert [type(item) for item in wire.items()] == [AudioFrame]
    wire.session.drained(wire.number("audio"), complete=False)
    [gap] = wire.items()
    assert isinstance(gap, Gap)


def test_an_answer_that_comes_too_late_is_void(wire: Wire) -> None:
    """The webhook was faster than the answer to the REST call."""
    die(wire)
    sleep(wire, 1.0)
    restart(wire)
    answer(wire, 1, "time-out")
    assert wire.phase() == "RECONNECTING_SIGNALING"


# --- what comes meanwhile ------------------------------------------------------------------------


def test_a_normal_end_meanwhile_is_the_end(wire: Wire) -> None:
    """The meeting is over: nothing to start again, and the error says what was lost."""
    die(wire)
    wire.session.stopped(StopReason.MEETING_ENDED, wire.now)
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, StreamStopped)


def test_a_stop_without_a_reason_meanwhile_changes_nothing(wire: Wire) -> None:
    """The webhook of the stream that died."""
    die(wire)
    wire.session.stopped(None, wire.now)
    assert wire.phase() == "RESTARTING"


def test_closing_meanwhile_is_the_end(wire: Wire) -> None:
    """The application leaves: no error, nothing more to do."""
    die(wire)
    wire.do()
    wire.session.close(wire.now)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None
    assert wire.session.next_deadline() is None


def test_moves_and_interruptions_meanwhile_change_nothing(wire: Wire) -> None:
    """They are about the stream that died."""
    die(wire)
    wire.do()
    wire.session.moved(("wss://other.zoom.us",), wire.now)
    wire.session.interrupted((), wire.now)
    assert (wire.phase(), wire.do()) == ("RESTARTING", [])


def test_a_stream_that_lives_cannot_be_restarted(wire: Wire) -> None:
    """The new stream would be another one."""
    with pytest.raises(InvalidState, match="start again"):
        restart(wire)


def test_a_server_that_may_not_be_opened(wire: Wire) -> None:
    """Nothing changes: another webhook may still come."""
    die(wire)
    with pytest.raises(HostNotAllowed):
        restart(wire, attrs.evolve(NEW, server_urls=("wss://evil.test",)))
    assert wire.phase() == "RESTARTING"


def test_requests_go_to_the_new_stream(wire: Wire) -> None:
    """The state is asked of the stream that lives."""
    die(wire)
    revive(wire)
    wire.do()
    wire.session.control.request_stream_state(wire.now)
    (request,) = wire.do()
    assert isinstance(request, Send)
    assert json.loads(request.data)["rtms_stream_id"] == NEW.stream_id


def test_frames_behind_a_restart_are_of_the_same_type(wire: Wire) -> None:
    """What is granted anew applies."""
    die(wire)
    revive(wire)
    wire.items()
    wire.media("audio", NOW + 4020)
    assert isinstance(wire.items()[-1], AudioFrame)


def test_the_history_is_bounded() -> None:
    """Of a thousand tries the first are told, in the order in which they failed."""
    policy = RestartPolicy(attempts=1000, base_s=1, cap_s=1, jitter=0, budget_s=10_000)
    restarts = Restarts(policy, lambda: 0.0)
    assert restarts.died(StreamStopped(StopReason.KEEP_ALIVE_TIMEOUT), 0, 0.0)
    for number in range(1, 1001):
        request = restarts.begin(NEW, None, float(number))
        assert request is not None
        assert restarts.answered(number, "no room", float(number)) is (number < 1000)
    error = restarts.failure()
    assert isinstance(error, StreamStopped)
    assert [what for _, what in error.history] == [f"try {n}: no room" for n in range(1, 100)]
