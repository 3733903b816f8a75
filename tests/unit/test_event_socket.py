"""The event WebSocket without sockets: every input, at times that the test chooses."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtms_client import NetworkOptions, ReconnectPolicy
from rtms_client.event_socket import EventSocketOptions
from rtms_client.event_socket._machine import (
    TRANSITIONS,
    Cause,
    EventSocketMachine,
    FetchToken,
    State,
)
from rtms_client.exceptions import (
    CertificateRejected,
    ConnectFailed,
    ConnectionLost,
    ConnectionSilent,
    ConnectTimeout,
    EventSocketLost,
    InvalidParameters,
    RTMSError,
    TokenUnavailable,
)
from rtms_client.protocol.outputs import Close, Open, Send

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtms_client.webhooks import Notification

HEARTBEAT: Final = b'{"module":"heartbeat"}'
URL: Final = "wss://ws.zoom.us/ws"
PLAIN: Final = EventSocketOptions(
    retry=ReconnectPolicy(first_delay_s=1, base_s=5, cap_s=60, jitter=0, attempts=3)
)
REFUSED: Final = ConnectFailed("event socket", "ws.zoom.us", "HTTP status 401")


def machine(options: EventSocketOptions = PLAIN) -> EventSocketMachine:
    """Make a machine that left nothing to chance."""
    return EventSocketMachine("sub 1", URL, NetworkOptions(), options, lambda: 0.5)


def taken(core: EventSocketMachine) -> list[object]:
    """Take what the shell must do."""
    actions, core.actions = core.actions, []
    return [*actions]


def opened(options: EventSocketOptions = PLAIN) -> EventSocketMachine:
    """Make a machine whose first connection opened at second 2."""
    core = machine(options)
    core.start(0)
    core.token(1, "t-1", 1)
    core.opened(1, 2)
    taken(core)
    return core


def message(event: object, **fields: object) -> bytes:
    """Wrap an event as Zoom does."""
    return json.dumps({"module": "message", "content": json.dumps(event), **fields}).encode()


def started(stream_id: str = "s-1", event_ts: int | None = 1790000000000) -> dict[str, Any]:
    """Make a started event."""
    return {
        "event": "meeting.rtms_started",
        "event_ts": event_ts,
        "payload": {
            "meeting_uuid": "m",
            "rtms_stream_id": stream_id,
            "server_urls": "wss://rtms.zoom.us",
        },
    }


def live(core: EventSocketMachine) -> int | None:
    """Tell which connection delivers, without a type checker remembering it."""
    return core.live


def told(core: EventSocketMachine) -> list[Notification]:
    """Take the notifications."""
    found, core.notifications = core.notifications, []
    return [one for one, _ in found]


# --- connecting ----------------------------------------------------------------------------------


def test_first_connection() -> None:
    """A token, a connection with it in the URL, and a heartbeat at once."""
    core = machine()
    assert core.next_deadline() is None
    core.start(0)
    assert taken(core) == [FetchToken(1)]
    assert core.next_deadline() == 30
    core.token(1, "t/1&x", 1)
    assert taken(core) == [
        Open(
            1,
            "event socket",
            "wss://ws.zoom.us/ws?subscriptionId=sub%201&access_token=t%2F1%26x",
        )
    ]
    assert core.next_deadline() == 11
    core.opened(1, 2)
    assert taken(core) == [Send(1, "event socket", HEARTBEAT)]
    assert (core.state, core.live, core.next_deadline()) == (State.OPEN, 1, 32)


def test_heartbeats() -> None:
    """Every 30 s another one."""
    core = opened()
    core.timer(31.9)
    assert taken(core) == []
    core.timer(32)
    assert taken(core) == [Send(1, "event socket", HEARTBEAT)]
    assert core.next_deadline() == 62


@pytest.mark.parametrize("useless", ["", None, 7, b"token"], ids=repr)
def test_useless_token(useless: object) -> None:
    """What is no token is tried again, and never sent."""
    core = machine()
    core.start(0)
    core.token(1, useless, 1)
    assert taken(core) == [FetchToken(1)]
    assert (core.state, core.next_deadline()) == (State.WAITING, 2)
    assert core.problems == [str(TokenUnavailable(f"an unusable {type(useless).__name__}"))]


def test_slow_token() -> None:
    """The application's function has a time-out."""
    core = machine()
    core.start(0)
    taken(core)
    core.timer(30)
    assert taken(core) == [Close(1, 1000, "")]
    assert core.state is State.WAITING
    core.token(1, "late", 30.5)
    assert core.state is State.WAITING


def test_slow_connection() -> None:
    """So has the connection, and what comes later is ignored."""
    core = machine()
    core.start(0)
    core.token(1, "t", 0)
    taken(core)
    core.timer(10)
    assert taken(core) == [Close(1, 1000, "")]
    problem = ConnectTimeout("event socket", "wss://ws.zoom.us", "nothing within 10 s")
    assert core.problems == [str(problem)]
    core.opened(1, 11)
    core.failed(1, REFUSED, 11)
    assert (core.state, core.live) == (State.WAITING, None)


def test_waits_grow_and_end() -> None:
    """Tries at 1, 5 and 10 s after each failure, then one error with the last failure."""
    core = machine()
    core.start(0)
    now = 0.0
    waits = []
    for number in (1, 2, 3):
        core.token(number, "t", now)
        core.failed(number, REFUSED, now)
        deadline = core.next_deadline()
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
        core.timer(now)
    assert waits == [1, 5, 10]
    core.failed(4, REFUSED, now)
    assert core.state is State.CLOSED
    assert isinstance(core.error, EventSocketLost)
    assert core.error.args == (3, 16, str(REFUSED))
    assert core.error.__cause__ is REFUSED
    assert core.next_deadline() is None


def test_untrusted_server_is_not_tried_again() -> None:
    """No wait makes a certificate good."""
    core = machine()
    core.start(0)
    error = CertificateRejected("event socket", "ws.zoom.us", "self-signed")
    core.token(1, "t", 0)
    core.failed(1, error, 1)
    assert (core.state, core.error) == (State.CLOSED, error)


def test_endless_tries() -> None:
    """On request it never gives up."""
    core = machine(EventSocketOptions(retry=attrs.evolve(PLAIN.retry, attempts=None)))
    core.start(0)
    for number in range(1, 200):
        core.failed(number, REFUSED, 0)
        core.timer(core.next_deadline() or 0)
    assert core.state is State.FETCHING_TOKEN


# --- losing and renewing -------------------------------------------------------------------------


def test_loss() -> None:
    """A broken connection comes back with a fresh token."""
    core = opened()
    core.lost(1, 1006, 50)
    assert taken(core) == [Close(1, 1000, "")]
    assert (core.state, core.live, core.next_deadline()) == (State.WAITING, None, 51)
    assert core.problems == [str(ConnectionLost("event socket", 1006, ""))]
    core.timer(51)
    assert taken(core) == [FetchToken(2)]
    core.token(2, "t-2", 52)
    core.opened(2, 53)
    assert live(core) == 2


def test_renewal() -> None:
    """The old connection delivers until the new one is open, and until the server closes it."""
    core = opened()
    core.timer(3002)
    assert FetchToken(2) in taken(core)
    core.token(2, "t-2", 3003)
    core.receive(1, message(started()), 3003)
    assert len(told(core)) == 1
    taken(core)
    core.opened(2, 3004)
    assert taken(core) == [Send(2, "event socket", HEARTBEAT)]
    core.receive(1, message(started("on its way")), 3004)
    assert len(told(core)) == 1
    core.lost(1, 1000, 3004)
    assert taken(core) == [Close(1, 1000, "")]
    assert (core.state, core.live, core.next_deadline()) == (State.OPEN, 2, 3034)


def test_renewal_that_the_server_does_not_notice() -> None:
    """The old connection is closed after 5 s, or at the next renewal."""
    core = opened(attrs.evolve(PLAIN, renew_after_s=3))
    for number, now in ((2, 5.0), (3, 8.0)):
        core.timer(now)
        core.token(number, "t", now)
        core.opened(number, now)
    assert Close(1, 1000, "") in taken(core)
    core.timer(12.9)
    assert Close(2, 1000, "") not in taken(core)
    core.timer(13)
    assert Close(2, 1000, "") in taken(core)


def test_failed_renewal_is_tried_for_as_long_as_the_old_one_lives() -> None:
    """Giving up would lose what still comes."""
    core = opened()
    core.timer(3002)
    for number in range(2, 30):
        core.failed(number, REFUSED, 3002)
        core.timer(3002 + 61)
    assert live(core) == 1
    core.lost(1, 1006, 4000)
    assert live(core) is None
    assert core.state is State.FETCHING_TOKEN
    assert Close(1, 1000, "") in taken(core)


def test_loss_while_renewing() -> None:
    """The new connection goes on; only it counts."""
    core = opened()
    core.timer(3002)
    core.token(2, "t", 3002)
    core.lost(1, 1006, 3003)
    assert (core.state, core.live) == (State.CONNECTING, None)
    core.opened(2, 3004)
    assert live(core) == 2


def test_two_owners_of_a_subscription() -> None:
    """Zoom closes the older connection: whoever is always cut off gives up at last."""
    core = machine()
    core.start(0)
    now = 0.0
    for number in range(1, 5):
        core.token(number, "t", now)
        core.opened(number, now)
        core.lost(number, 1000, now + 1)
        now = core.next_deadline() or 0
        core.timer(now)
    assert isinstance(core.error, EventSocketLost)


def test_connection_that_lasted_starts_the_waits_over() -> None:
    """A failure of long ago does not count."""
    core = machine()
    core.start(0)
    now = 0.0
    for number in range(1, 20):
        core.token(number, "t", now)
        core.opened(number, now)
        core.lost(number, 1000, now + 30)
        assert core.next_deadline() == now + 31
        now += 31
        core.timer(now)
    assert core.error is None


def test_notification_starts_the_waits_over() -> None:
    """A connection on which something came was a good one."""
    core = machine()
    core.start(0)
    for number in range(1, 20):
        core.token(number, "t", 0)
        core.opened(number, 0)
        core.receive(number, message(started(f"s-{number}")), 0)
        core.lost(number, 1000, 0)
        assert core.next_deadline() == 1
        core.timer(1)
    assert core.error is None


def test_silence_after_answers() -> None:
    """A server that answered heartbeats and stops is dead."""
    core = opened()
    for now in (3, 32):
        core.receive(1, b'{"module": "heartbeat"}', now)
    for now in (62, 92, 122):
        core.timer(now)
    core.timer(126.9)
    assert live(core) == 1
    core.timer(127)
    assert live(core) is None
    assert core.problems == [str(ConnectionSilent("event socket", 95))]


def test_silence_of_a_server_that_never_answered() -> None:
    """It is not documented that heartbeats are answered; a confirmation is no answer."""
    core = opened()
    core.receive(1, b'{"module": "build_connection"}', 3)
    for now in range(32, 2000, 30):
        core.timer(now)
    assert live(core) == 1


def test_close() -> None:
    """Nothing is open, due or reported afterwards."""
    core = opened()
    core.timer(3002)
    taken(core)
    core.close()
    core.close()
    assert sorted(taken(core), key=repr) == [Close(1, 1000, ""), Close(2, 1000, "")]
    assert (core.state, core.error, core.next_deadline()) == (State.CLOSED, None, None)
    core.receive(1, message(started()), 3003)
    core.lost(1, 1006, 3003)
    core.timer(1e9)
    assert (taken(core), told(core)) == ([], [])


def test_close_before_start() -> None:
    """There is nothing to close."""
    core = machine()
    core.close()
    assert (taken(core), core.state) == ([], State.CLOSED)


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        message(started()),
        message(started(), header={"x": 1}),
        json.dumps({"module": "message", "content": started()}).encode(),
        json.dumps(started()).encode(),
    ],
    ids=["text", "more fields", "object", "bare"],
)
def test_shapes(data: bytes) -> None:
    """An event comes as text, as an object, or without wrapper (webhook notes, section 8)."""
    core = opened()
    core.receive(1, data, 3)
    assert [one.event for one in told(core)] == ["meeting.rtms_started"]
    assert core.statistics.notifications == 1


@pytest.mark.parametrize(
    "data",
    [
        b'{"module": "heartbeat", "success": true}',
        b'{"module": "build_connection", "content": "{}"}',
        b'{"module": 7}',
        b'{"success": true}',
        b"{}",
    ],
)
def test_other_messages(data: bytes) -> None:
    """What is no event is ignored."""
    core = opened()
    core.receive(1, data, 3)
    assert (told(core), core.problems, core.statistics.messages) == ([], [], 1)


@pytest.mark.parametrize(
    "data",
    [
        b"canary",
        b"\xff",
        b"",
        b"[]",
        b'{"module": "message"}',
        b'{"module": "message", "content": ["canary"]}',
        b'{"module": "message", "content": "canary"}',
        b'{"module": "message", "content": "[]"}',
        b'{"module": "message", "content": {"event": 7}}',
        b'{"event": "meeting.rtms_started", "payload": {"canary": 1}}',
        b'{"event": 1, "event": 2}',
        b"[" * 10_000,
    ],
    ids=repr,
)
def test_unreadable(data: bytes) -> None:
    """It is counted and logged without its content, and the connection stays."""
    core = opened()
    core.receive(1, data, 3)
    assert (told(core), core.statistics.unreadable, core.live) == ([], 1, 1)
    [problem] = core.problems
    assert "canary" not in problem


def test_duplicates() -> None:
    """The same event is told once, also over another connection."""
    core = opened()
    core.receive(1, message(started()), 3)
    core.timer(3002)
    core.token(2, "t", 3002)
    core.opened(2, 3002)
    core.receive(2, json.dumps(started()).encode(), 3003)
    assert (len(told(core)), core.statistics.duplicates) == (1, 1)


def test_move_is_no_duplicate() -> None:
    """The stream started again, elsewhere or later."""
    core = opened()
    other = started()
    other["payload"]["server_urls"] = "wss://other.zoom.us"
    for event in (started(), other, started(event_ts=1790000000001)):
        core.receive(1, message(event), 3)
    assert len(told(core)) == 3


def test_without_time_nothing_is_a_duplicate() -> None:
    """Losing an event would be worse than having it twice."""
    core = opened()
    for _ in range(2):
        core.receive(1, message(started(event_ts=None)), 3)
    assert len(told(core)) == 2


def test_memory_of_duplicates_is_bounded() -> None:
    """Only the newest 4,096 are remembered."""
    core = opened()
    for number in (*range(4097), 0, 4096):
        core.receive(1, message(started(f"s-{number}")), 3)
    assert core.statistics.notifications == 4098
    assert core.statistics.duplicates == 1


def test_sizes() -> None:
    """Each notification comes with the size of its message, for the buffer."""
    core = opened()
    data = message(started())
    core.receive(1, data, 3)
    assert core.notifications[0][1] == len(data)


def test_old_connection_is_not_heard() -> None:
    """What comes after the switch is not believed to be new."""
    core = opened()
    core.receive(7, message(started()), 3)
    assert told(core) == []


# --- rules ---------------------------------------------------------------------------------------


def test_table_is_complete() -> None:
    """Every state can be left, but for the last one, and everything may end at any time."""
    assert set(TRANSITIONS) == set(State)
    for state, row in TRANSITIONS.items():
        assert (row.get(Cause.END) is State.CLOSED) == (state is not State.CLOSED)


@pytest.mark.parametrize("url", ["wss://ws.zoom.us/ws?x=1", "wss://ws.zoom.us/ws?"])
def test_url_with_query(url: str) -> None:
    """The query is ours."""
    with pytest.raises(InvalidParameters, match="expected a URL without query"):
        EventSocketMachine("s", url, NetworkOptions(), PLAIN, random.random)


INPUTS: Final[dict[str, Callable[[EventSocketMachine, int, float], None]]] = {
    "token": lambda core, number, now: core.token(number, "t", now),
    "bad token": lambda core, number, now: core.token(number, None, now),
    "opened": EventSocketMachine.opened,
    "failed": lambda core, number, now: core.failed(number, REFUSED, now),
    "lost": lambda core, number, now: core.lost(number, 1006, now),
    "timer": lambda core, _, now: core.timer(now),
    "event": lambda core, number, now: core.receive(number, message(started()), now),
    "noise": lambda core, number, now: core.receive(number, b"?", now),
}


@example([("token", 0, 1.0), ("opened", 0, 1.0), ("lost", 0, 1.0)], 1)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*INPUTS]), st.sampled_from([0, 0, 0, -1, 1]), st.floats(0, 4000)
        ),
        max_size=60,
    ),
    st.integers(0, 4),
)
def test_any_order(steps: list[tuple[str, int, float]], attempts: int) -> None:
    """Whatever happens in whatever order: two open connections at most, and always a deadline."""
    core = machine(attrs.evolve(PLAIN, retry=attrs.evolve(PLAIN.retry, attempts=attempts)))
    core.start(0)
    now = 0.0
    newest, alive = 1, set[int]()
    for what, offset, after_s in steps:
        now += after_s
        INPUTS[what](core, newest + offset, now)
        actions = core.actions.copy()
        core.actions.clear()
        for action in actions:
            if isinstance(action, FetchToken):
                newest = action.connection
            elif isinstance(action, Send):
                alive.add(action.connection)
            elif isinstance(action, Close):
                alive.discard(action.connection)
        assert (core.live is None) or core.live in alive
        assert len(alive - {core.live}) <= 1
        assert (core.state is State.CLOSED) == (core.next_deadline() is None)
        assert isinstance(core.error, RTMSError | None)
    core.close()
    closed = {action.connection for action in core.actions if isinstance(action, Close)}
    assert closed >= alive
