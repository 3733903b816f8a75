"""When tries are made, for how long, and with whose consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.protocol.failover_support import (
    DOCUMENTED,
    accept,
    event_7,
    fail,
    keep_alive,
    live,
    lose,
    refuse,
    sleep,
    told,
)

from rtms_client import exceptions as ex
from rtms_client.config import ReconnectPolicy, Timeouts
from rtms_client.protocol import Open

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

    from rtms_client.protocol.reconnect import ReconnectAttempt

SIGNALS_ONLY = ReconnectPolicy(first_delay_s=3.0, base_s=6.0, jitter=0.0, on_signals_only=True)


@pytest.fixture
def wire(join: Join) -> Wire:
    """Return a stream of audio and transcript, whose media flow."""
    wire = live(join, "audio", "transcript")
    wire.media("audio", 1790000000000)
    wire.forget()
    return wire


def fail_all(wire: Wire, seconds: float) -> list[float]:
    """Let every try fail at once; return when they were begun."""
    started, end, tries = wire.now, wire.now + seconds, []
    while True:
        for action in wire.do():
            if isinstance(action, Open):
                tries.append(wire.now - started)
                fail(wire, action.endpoint)
        deadline = wire.session.next_deadline()
        if deadline is None or deadline > end:
            wire.now = end
            return tries
        wire.now = deadline
        wire.session.timer(wire.now)


# --- windows -------------------------------------------------------------------------------------


def test_signaling_window(wire: Wire) -> None:
    """Tries fall at 3, 9, 21 and 45 s; after 60 s the stream is lost, with its history."""
    lose(wire, "signaling")
    assert fail_all(wire, 59.9) == [3.0, 9.0, 21.0, 45.0]
    assert wire.phase() == "RECONNECTING_SIGNALING"
    assert fail_all(wire, 3600.0) == []
    error = wire.session.error
    assert isinstance(error, ex.StreamLost)
    assert (error.endpoint, error.after_s) == ("signaling", 60.0)
    assert [when for when, _ in error.history] == [0.0, 3.0, 9.0, 21.0, 45.0]
    assert error.history[0][1].startswith("signaling connection closed with 1006")
    assert error.history[4][1].startswith("any: expected a WebSocket connection to wss://media")
    assert isinstance(error.__cause__, ex.ConnectFailed)


def test_media_window(wire: Wire) -> None:
    """A medium has 65 s; then it is given up, and the others go on."""
    lose(wire, "audio")
    assert fail_all(wire, 64.9) == [3.0, 9.0, 21.0, 45.0]
    wire.forget()
    assert fail_all(wire, 0.1) == []
    assert told(wire) == ["unavailable audio None"]
    assert wire.phase() == "STREAMING"
    assert fail_all(wire, 3600.0 - 66.0) == []


def test_last_medium_window(join: Join) -> None:
    """When the last medium is given up, the stream ends with its history."""
    wire = live(join)
    lose(wire, "audio")
    fail_all(wire, 65.0)
    error = wire.session.error
    assert isinstance(error, ex.StreamLost)
    assert (error.endpoint, error.after_s) == ("audio", 65.0)
    assert [when for when, _ in error.history] == [0.0, 3.0, 9.0, 21.0, 45.0]


def test_server_that_was_never_reached(join: Join) -> None:
    """A server that cannot be reached is given up soon, and the error says that it never was."""
    wire = join(reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    wire.do()
    fail(wire, "signaling")
    assert fail_all(wire, 20.0) == [3.0, 9.0]
    error = wire.session.error
    assert isinstance(error, ex.StreamLost)
    assert not error.was_there
    assert str(error).startswith(
        "signaling: expected a connection, never had one, gave up after 20.0 s; check server URL"
    )


def test_server_that_answered_once_has_a_window(join: Join) -> None:
    """A server that answered, if only to refuse, is tried for as long as it may count on us."""
    wire = join(reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    wire.opened("signaling")
    refuse(wire, "signaling", 8)
    wire.do()
    assert fail_all(wire, 60.0) == [1.5, 4.5, 10.5, 22.5, 46.5]
    error = wire.session.error
    assert isinstance(error, ex.StreamLost)
    assert not error.was_there


def test_server_that_was_there(wire: Wire) -> None:
    """The error of a connection that was there once speaks of its return."""
    lose(wire, "signaling")
    fail_all(wire, 60.0)
    assert isinstance(wire.session.error, ex.StreamLost)
    assert wire.session.error.was_there


def test_try_under_way_at_the_end_of_the_window(wire: Wire) -> None:
    """A try that was begun in time may succeed afterwards."""
    lose(wire, "signaling")
    assert fail_all(wire, 44.9) == [3.0, 9.0, 21.0]
    wire.wait(0.1)
    wire.forget()
    assert sleep(wire, 9.0) == []
    wire.opened("signaling")
    assert sleep(wire, 9.0) == ["0 signaling sends 1"]
    wire.accept_signaling()
    accept(wire, "audio")
    accept(wire, "transcript")
    assert told(wire) == ["resumed everything after 63 and 4"]


def test_try_that_fails_behind_the_window(wire: Wire) -> None:
    """A try that was begun in time and fails behind the window was the last."""
    lose(wire, "signaling")
    fail_all(wire, 44.9)
    wire.wait(0.1)
    wire.now += 9.0
    wire.opened("signaling")
    wire.forget()
    assert sleep(wire, 10.0) == ["10 close signaling 1001"]
    assert isinstance(wire.session.error, ex.StreamLost)
    assert wire.session.error.after_s == 64.0


def test_windows_are_not_extended(wire: Wire) -> None:
    """Losses, refusals and webhooks inside a window do not make it longer."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    accept(wire, "signaling")  # the media stay away
    wire.now += 10.0
    lose(wire, "signaling")
    sleep(wire, 6.0)
    wire.opened("signaling")
    refuse(wire, "signaling", 45)
    wire.session.interrupted([], wire.now)
    wire.forget()
    fail_all(wire, 100.0 + 60.0 - wire.now)
    assert isinstance(wire.session.error, ex.StreamLost)
    assert wire.session.error.after_s == 60.0


def test_quiet_stream_that_breaks_at_the_end_of_its_window(join: Join) -> None:
    """A connection that came back gets a try when it breaks, also if nobody spoke meanwhile."""
    wire = live(join)
    lose(wire, "signaling")
    sleep(wire, 3.0)
    accept(wire, "signaling")
    accept(wire, "audio")
    wire.forget()
    wire.now += 57.5
    lose(wire, "signaling")
    assert told(wire)[1] == "try 1 of everything in 3 ConnectionLost 1006"


def test_waits_start_over_with_media(wire: Wire) -> None:
    """After media flowed a loss begins anew; a handshake alone proves nothing."""
    waits: list[str] = []
    for flows in (1, 0, 0, 1, 0):
        lose(wire, "audio")
        waits += [line for line in told(wire) if line.startswith("try")]
        deadline = wire.session.next_deadline()
        assert deadline is not None
        wire.wait(deadline - wire.now)
        accept(wire, "audio")
        for _ in range(flows):
            wire.media("audio", int(1790000000000 + 1000 * wire.now))
    assert [line.split(" in ")[1].split()[0] for line in waits] == ["3", "3", "6", "12", "3"]


def test_number_of_tries(join: Join) -> None:
    """The policy may limit the tries."""
    policy = ReconnectPolicy(first_delay_s=3.0, base_s=6.0, jitter=0.0, attempts=2)
    wire = live(join, reconnect=policy)
    lose(wire, "signaling")
    assert fail_all(wire, 60.0) == [3.0, 9.0]
    assert isinstance(wire.session.error, ex.StreamLost)
    assert wire.session.error.after_s == 9.0


def test_prompt_by_default(join: Join) -> None:
    """Without another choice the first try is made within a quarter of a second, by chance."""
    wire = live(join, reconnect=ReconnectPolicy(), dice=lambda: 0.5)
    lose(wire, "signaling")
    assert fail_all(wire, 60.0) == [0.125, 1.625, 4.625, 10.625, 22.625, 37.625, 52.625]


def test_never(join: Join) -> None:
    """Without a policy every loss is the end, and nothing is announced."""
    wire = live(join, "audio", "transcript", reconnect=None)
    lose(wire, "audio")
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.ConnectionLost)
    assert told(wire) == []


@pytest.mark.parametrize("code", [1000, 1001])
def test_never_waits_for_the_last_word(join: Join, code: int) -> None:
    """A medium closed as at the end of a stream may overtake TERMINATED: a normal end."""
    wire = live(join, "audio", "transcript", reconnect=None)
    lose(wire, "audio", code)
    lose(wire, "transcript", code)
    assert wire.phase() == "STREAMING"
    sleep(wire, 0.9)
    wire.hear("signaling", {"msg_type": 8, "state": 4, "reason": 6, "timestamp": 1})
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_never_does_not_wait_for_long(join: Join) -> None:
    """Without TERMINATED the first loss is the error, a second later; the others flow till then."""
    wire = live(join, "audio", "transcript", reconnect=None)
    lose(wire, "audio", 1000)
    sleep(wire, 0.5)
    wire.media("transcript")
    assert told(wire) == ["TranscriptSegment"]
    lose(wire, "transcript", 1000)
    sleep(wire, 0.4)
    assert wire.phase() == "STREAMING"
    sleep(wire, 0.1)
    assert wire.phase() == "CLOSED"
    assert str(wire.session.error).startswith("audio connection closed with 1000")


def test_never_waits_for_a_medium_that_was_not_there(join: Join) -> None:
    """A medium closed before it was there ends the stream at once, and so does signaling."""
    wire = join("audio", reconnect=None).connect()
    wire.opened("audio")
    lose(wire, "audio", 1000)
    assert wire.phase() == "CLOSED"
    wire = live(join, "audio", reconnect=None)
    lose(wire, "signaling", 1000)
    assert wire.phase() == "CLOSED"


def test_closing_ends_the_wait(join: Join) -> None:
    """Closing while the last word is awaited is a normal end."""
    wire = live(join, "audio", reconnect=None)
    lose(wire, "audio", 1000)
    wire.session.close(wire.now)
    wire.hear("signaling", {"msg_type": 22})
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


# --- the application -----------------------------------------------------------------------------


def test_hook(join: Join) -> None:
    """The application is asked before each try, changes a wait and gives up."""
    asked: list[ReconnectAttempt] = []

    def decide(attempt: ReconnectAttempt) -> float | bool | None:
        asked.append(attempt)
        return [None, 0.5, False][attempt.number - 1]

    wire = live(join, on_reconnect=decide)
    lose(wire, "signaling")
    assert fail_all(wire, 60.0) == [3.0, 3.5]
    assert [(one.media, one.number, one.delay_s) for one in asked] == [
        (None, 1, 3.0),
        (None, 2, 6.0),
        (None, 3, 12.0),
    ]
    assert isinstance(asked[0].cause, ex.ConnectionLost)
    assert isinstance(asked[1].cause, ex.ConnectFailed)
    assert isinstance(wire.session.error, ex.StreamLost)
    assert wire.session.error.after_s == 3.5


def test_hook_gives_up_a_medium(join: Join) -> None:
    """To give up a medium leaves the others."""
    wire = live(join, "audio", "transcript", on_reconnect=lambda _: False)
    lose(wire, "audio")
    assert told(wire) == ["interrupted audio ConnectionLost 1006", "unavailable audio None"]
    assert wire.phase() == "STREAMING"


def test_hook_gives_up_at_once(join: Join) -> None:
    """Where nothing was tried, the loss itself is the error."""
    wire = live(join, on_reconnect=lambda _: False)
    lose(wire, "signaling")
    assert isinstance(wire.session.error, ex.ConnectionLost)


def test_impatient_hook_is_no_busy_loop(join: Join) -> None:
    """Waits of nothing lead to one try after another, as fast as the network answers."""
    wire = live(join, on_reconnect=lambda _: 0.0)
    lose(wire, "signaling")
    for _ in range(100):
        wire.wait(0.0)
        fail(wire, "signaling")
        wire.forget()
    deadline = wire.session.next_deadline()
    assert deadline == wire.now


# --- the server's word ---------------------------------------------------------------------------


def test_signals_only_for_signaling(join: Join) -> None:
    """On request a closed signaling connection waits for the webhook."""
    wire = live(join, reconnect=SIGNALS_ONLY)
    lose(wire, "signaling")
    assert told(wire) == ["interrupted everything ConnectionLost 1006"]
    assert sleep(wire, 30.0) == ["0 close audio 1000"]
    wire.session.interrupted([], wire.now)
    assert told(wire) == ["try 1 of everything in 3 ConnectionLost 1006"]
    assert sleep(wire, 3.0) == ["3 open signaling"]


def test_signals_only_without_a_webhook(join: Join) -> None:
    """A webhook that never comes is the end after the window."""
    wire = live(join, reconnect=SIGNALS_ONLY)
    lose(wire, "signaling")
    sleep(wire, 60.0)
    assert isinstance(wire.session.error, ex.StreamLost)
    assert wire.session.error.after_s == 60.0


@pytest.mark.parametrize("named", [None, 1, 32])
def test_signals_only_event_after_the_loss(join: Join, named: int | None) -> None:
    """A closed medium waits for the event, which may name it or not."""
    wire = live(join, reconnect=SIGNALS_ONLY)
    lose(wire, "audio")
    assert sleep(wire, 5.0) == []
    event_7(wire, named)
    assert sleep(wire, 3.0) == ["3 open audio"]


def test_signals_only_event_before_the_loss(join: Join) -> None:
    """The event may come before the connection closes."""
    wire = live(join, reconnect=SIGNALS_ONLY)
    event_7(wire)
    wire.media("audio")
    lose(wire, "audio")
    assert sleep(wire, 3.0) == ["3 open audio"]


def test_signals_only_event_instead_of_a_loss(join: Join) -> None:
    """A medium that the event names is reopened, although its connection seems to live."""
    wire = live(join, reconnect=SIGNALS_ONLY)
    event_7(wire, 1)
    assert sleep(wire, 3.0) == ["0 close audio 1000", "3 open audio"]


def test_signals_only_about_another_medium(join: Join) -> None:
    """An event about another medium says nothing."""
    wire = live(join, "audio", "transcript", reconnect=SIGNALS_ONLY)
    lose(wire, "audio")
    event_7(wire, 8)
    assert sleep(wire, 3.0) == ["0 close transcript 1000", "3 open transcript"]


def test_signals_only_does_not_concern_silence(join: Join) -> None:
    """What we gave up ourselves needs no signal."""
    wire = live(join, reconnect=SIGNALS_ONLY, timeouts=Timeouts(silence_s=65.0))
    wire.now += 30.0
    keep_alive(wire, "signaling")
    wire.forget()
    assert sleep(wire, 38.0) == ["35 close audio 1001", "38 open audio"]


def test_signals_only_does_not_concern_the_first_connection(join: Join) -> None:
    """Nobody sends a webhook about a stream that was never joined."""
    wire = join(reconnect=SIGNALS_ONLY)
    wire.session.start(wire.now)
    wire.opened("signaling")
    wire.forget()
    lose(wire, "signaling")
    assert sleep(wire, 3.0) == ["3 open signaling"]


def test_signals_only_follows_a_move(join: Join) -> None:
    """A moved stream is a signal."""
    wire = live(join, reconnect=SIGNALS_ONLY)
    lose(wire, "signaling")
    wire.forget()
    wire.session.moved(["wss://new.zoom.us/s"], wire.now)
    assert wire.brief() == ["open signaling"]


# --- deadlines -----------------------------------------------------------------------------------


def wake(wire: Wire, until: float) -> int:
    """Call the timer at each deadline; return how often that was."""
    calls = 0
    while (deadline := wire.session.next_deadline() or until) < until:
        wire.now = deadline
        wire.session.timer(wire.now)
        after = wire.session.next_deadline()
        assert after is None or after > wire.now
        calls += 1
    wire.now = until
    return calls


def test_quiet_hour(join: Join) -> None:
    """A healthy stream never wakes up: every message moves the watchdogs."""
    wire = join("audio", "transcript", reconnect=DOCUMENTED).stream()
    for _ in range(360):
        assert wake(wire, wire.now + 10.0) == 0
        keep_alive(wire, "signaling", "audio", "transcript")
    assert wire.phase() == "STREAMING"


def test_bad_hour(join: Join) -> None:
    """A stream that breaks every minute wakes up a few times for each loss."""
    wire = join("audio", "transcript", reconnect=DOCUMENTED).stream()
    calls = 0
    for minute in range(60):
        lose(wire, "signaling")
        calls += wake(wire, wire.now + 3.5)
        fail(wire, "signaling")
        calls += wake(wire, wire.now + 6.5)
        for endpoint in ("signaling", "audio", "transcript"):
            accept(wire, endpoint)
        wire.media("audio", 1790000000000 + 60_000 * minute)
        calls += wake(wire, wire.now + 50.0)
    assert wire.phase() == "STREAMING"
    assert calls == 120


def test_hopeless_hour(join: Join) -> None:
    """A stream whose server is gone wakes up until it is given up, and never again."""
    wire = join("audio", "transcript", reconnect=DOCUMENTED).stream()
    lose(wire, "signaling")
    assert wake(wire, wire.now + 3600.0) == 7
    assert wire.phase() == "CLOSED"
