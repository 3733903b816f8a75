"""The documented scenarios of failover (lifecycle notes, section 10), one by one."""

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
from rtms_client.enums import StopReason
from rtms_client.protocol import Open

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

NEW = "wss://new.zoom.us/s"


@pytest.fixture
def wire(join: Join) -> Wire:
    """Return a stream of audio and transcript, whose media flow."""
    wire = live(join, "audio", "transcript")
    wire.media("audio", 1790000000000)
    wire.forget()
    return wire


# --- 1: a started webhook for a live stream ------------------------------------------------------


def test_1_moved(wire: Wire) -> None:
    """Everything is dropped and redone at the new URL, at once."""
    wire.session.moved([NEW], wire.now)
    assert wire.session.actions[-1] == Open(4, "signaling", NEW)
    assert wire.brief() == [
        "close audio 1000",
        "close transcript 1000",
        "close signaling 1000",
        "open signaling",
    ]
    assert told(wire) == ["interrupted everything ConnectionLost 1012"]
    assert wire.phase() == "RECONNECTING_SIGNALING"
    wire.now += 0.5
    for endpoint in ("signaling", "audio", "transcript"):
        accept(wire, endpoint)
    assert wire.phase() == "STREAMING"
    assert told(wire) == ["resumed everything after 0.5 and 1"]


@pytest.mark.parametrize("moment", ["waiting", "opening", "handshaking", "ready", "one medium"])
def test_1_moved_in_the_middle_of_another_reconnect(wire: Wire, moment: str) -> None:
    """A move replaces whatever was planned or under way; one return ends it all."""
    lose(wire, "signaling")
    old = [wire.number(endpoint) for endpoint in ("signaling", "audio", "transcript")]
    if moment != "waiting":
        sleep(wire, 3.0)
        old.append(wire.number("signaling"))
    if moment in {"handshaking", "ready", "one medium"}:
        wire.opened("signaling")
    if moment in {"ready", "one medium"}:
        wire.accept_signaling()
        old += [wire.number("audio"), wire.number("transcript")]
    if moment == "one medium":
        accept(wire, "audio")
    wire.forget()
    wire.session.moved([NEW], wire.now)
    assert wire.session.actions[-1] == Open(max(old) + 1, "signaling", NEW)
    again = moment in {"ready", "one medium"}
    assert told(wire) == (["interrupted everything ConnectionLost 1012"] if again else [])
    wire.do()
    for number in old:
        late_news(wire, number)
    assert wire.do() == []
    for endpoint in ("signaling", "audio", "transcript"):
        accept(wire, endpoint)
    assert [line.rpartition(" after")[0] for line in told(wire)] == ["resumed everything"]


def late_news(wire: Wire, number: int) -> None:
    """Tell everything about a connection that can be told late."""
    session = wire.session
    session.opened(number, wire.now)
    session.receive(number, b'{"msg_type":2,"status_code":0}', wire.now)
    session.receive(number, b'{"msg_type":8,"state":4}', wire.now)
    session.lost(number, 1006, "", wire.now)
    session.failed(number, ex.ConnectFailed("any", "wss://zoom.us", "no"), wire.now)


def test_1_moved_while_the_stream_is_opened(join: Join) -> None:
    """A stream that moves before anything was there was not interrupted."""
    wire = join("audio", reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    wire.forget()
    wire.session.moved([NEW], wire.now)
    assert wire.brief() == ["close signaling 1000", "open signaling"]
    accept(wire, "signaling")
    accept(wire, "audio")
    assert wire.phase() == "STREAMING"
    assert told(wire) == []


def test_1_moved_while_a_medium_is_away(wire: Wire) -> None:
    """The medium comes back with everything else."""
    lose(wire, "audio")
    wire.session.moved([NEW], wire.now)
    wire.forget()
    for endpoint in ("signaling", "audio", "transcript"):
        accept(wire, endpoint)
    assert told(wire) == ["resumed everything after 0 and 1"]


def test_1_moved_server_does_not_answer(wire: Wire) -> None:
    """When the new server cannot be reached, the waits go on as after any failure."""
    wire.session.moved([NEW], wire.now)
    wire.forget()
    fail(wire, "signaling")
    assert told(wire) == ["try 2 of everything in 6 ConnectFailed"]
    assert sleep(wire, 6.0) == ["6 open signaling"]


def test_1_moved_twice(wire: Wire) -> None:
    """Of two moves the last one counts."""
    wire.session.moved([NEW], wire.now)
    wire.forget()
    wire.session.moved(["wss://newer.zoom.us/s"], wire.now)
    assert wire.do()[-1] == Open(5, "signaling", "wss://newer.zoom.us/s")


def test_1_later_losses_lead_to_the_new_server(wire: Wire) -> None:
    """The new URL stays."""
    wire.session.moved([NEW], wire.now)
    for endpoint in ("signaling", "audio", "transcript"):
        accept(wire, endpoint)
    lose(wire, "signaling")
    wire.do()
    wire.wait(3.0 + 3.0)
    assert wire.do() == [Open(7, "signaling", NEW)]


def test_1_moved_to_a_forbidden_host(wire: Wire) -> None:
    """A webhook cannot lead anywhere, and a bad one breaks nothing."""
    with pytest.raises(ex.HostNotAllowed):
        wire.session.moved(["wss://example.com/s"], wire.now)
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], "STREAMING")


@pytest.mark.parametrize("phase", ["IDLE", "CLOSING", "CLOSED"])
def test_1_moved_before_or_after_its_life(join: Join, phase: str) -> None:
    """A move of a stream that does not live is void."""
    wire = join(reconnect=DOCUMENTED)
    if phase != "IDLE":
        wire.stream()
        wire.session.close(wire.now)
    if phase == "CLOSED":
        wire.session.abort()
    wire.forget()
    wire.session.moved([NEW], wire.now)
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], phase)


def test_1_moved_after_the_end_was_announced(wire: Wire) -> None:
    """A started webhook says that the stream lives, whatever the old server said."""
    wire.hear("signaling", {"msg_type": 8, "state": 3, "reason": 6})
    wire.hear("signaling", {"msg_type": 9, "rtms_session_id": "a", "state": 5})
    wire.session.moved([NEW], wire.now)
    wire.forget()
    fail(wire, "signaling")
    assert told(wire) == ["try 2 of everything in 6 ConnectFailed"]


# --- 2: an interrupted webhook -------------------------------------------------------------------


def test_2_interrupted(wire: Wire) -> None:
    """Signaling and all media are redone, first try after 3 s."""
    wire.session.interrupted([], wire.now)
    assert wire.brief() == ["close signaling 1000", "close audio 1000", "close transcript 1000"]
    assert told(wire) == [
        "interrupted everything ConnectionLost 1006",
        "try 1 of everything in 3 ConnectionLost 1006",
    ]
    wire.wait(3.0)
    assert wire.do() == [Open(4, "signaling", "wss://rtms.zoom.us:443/s")]


def test_2_interrupted_with_urls(wire: Wire) -> None:
    """URLs of the webhook replace the known ones."""
    wire.session.interrupted([NEW], wire.now)
    wire.do()
    wire.wait(3.0)
    assert wire.do() == [Open(4, "signaling", NEW)]


def test_2_interrupted_after_the_loss(wire: Wire) -> None:
    """A webhook that confirms a loss restarts nothing, however often it comes."""
    lose(wire, "signaling")
    wire.forget()
    for _ in range(3):
        wire.now += 0.5
        wire.session.interrupted([NEW], wire.now)
    assert told(wire) == []
    assert sleep(wire, 1.5) == ["1.5 open signaling"]


def test_2_interrupted_while_a_try_is_under_way(wire: Wire) -> None:
    """A try that is under way goes on."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.forget()
    wire.session.interrupted([], wire.now)
    assert (wire.brief(), told(wire)) == ([], [])


def test_2_late_webhook(wire: Wire) -> None:
    """A webhook about a loss that was repaired is put to the proof, and breaks nothing."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    for endpoint in ("signaling", "audio", "transcript"):
        accept(wire, endpoint)
    wire.forget()
    wire.now += 1.0
    wire.session.interrupted([], wire.now)
    assert wire.brief() == ["signaling sends 19"]
    wire.now += 1.0
    wire.hear("signaling", {"msg_type": 20, "state": 1})
    assert [line for line in sleep(wire, 40.0) if "close" in line or "open" in line] == []
    assert told(wire) == []
    assert wire.phase() == "STREAMING"


def test_2_webhook_after_a_repair_about_a_dead_connection(wire: Wire) -> None:
    """A connection that gives no sign after the webhook is given up soon."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    for endpoint in ("signaling", "audio", "transcript"):
        accept(wire, endpoint)
    wire.forget()
    wire.session.interrupted([], wire.now)
    assert sleep(wire, 5.0)[-3:] == [
        "5 close signaling 1001",
        "5 close audio 1000",
        "5 close transcript 1000",
    ]
    assert told(wire)[0] == "interrupted everything ConnectionSilent 1006"


def test_2_webhook_with_other_urls_after_a_repair(wire: Wire) -> None:
    """A webhook that leads elsewhere is followed."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    for endpoint in ("signaling", "audio", "transcript"):
        accept(wire, endpoint)
    wire.forget()
    wire.session.interrupted([NEW], wire.now)
    assert wire.phase() == "RECONNECTING_SIGNALING"


def test_2_webhooks_do_not_feed_themselves(wire: Wire) -> None:
    """A server that reports every loss a second late does not cause the next one."""
    lose(wire, "signaling")
    losses = 0
    for _ in range(10):
        sleep(wire, 3.0)
        if wire.phase() == "RECONNECTING_SIGNALING":
            losses += 1
            for endpoint in ("signaling", "audio", "transcript"):
                accept(wire, endpoint)
        wire.now += 1.0
        wire.session.interrupted([], wire.now)
        wire.now += 0.1
        keep_alive(wire, "signaling", "audio", "transcript")
    assert losses == 1


def test_2_interrupted_to_a_forbidden_host(wire: Wire) -> None:
    """A bad webhook breaks nothing."""
    with pytest.raises(ex.HostNotAllowed):
        wire.session.interrupted(["wss://example.com/s"], wire.now)
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], "STREAMING")


@pytest.mark.parametrize("phase", ["IDLE", "CLOSING", "CLOSED"])
def test_2_interrupted_before_or_after_its_life(join: Join, phase: str) -> None:
    """A webhook about a stream that does not live is void."""
    wire = join(reconnect=DOCUMENTED)
    if phase != "IDLE":
        wire.stream()
        wire.session.close(wire.now)
    if phase == "CLOSED":
        wire.session.abort()
    wire.forget()
    wire.session.interrupted([], wire.now)
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], phase)


def test_2_interrupted_while_the_stream_is_opened(join: Join) -> None:
    """A first connection that is under way goes on."""
    wire = join(reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    wire.forget()
    wire.session.interrupted([], wire.now)
    assert (wire.brief(), wire.phase()) == ([], "CONNECTING_SIGNALING")


# --- 3: media interrupted ------------------------------------------------------------------------


def test_3_named_medium(wire: Wire) -> None:
    """What event 7 names is closed and reopened, the others are left alone."""
    event_7(wire, 1)
    assert wire.brief() == ["close audio 1000"]
    assert told(wire) == [
        "interrupted audio ConnectionLost 1006",
        "try 1 of audio in 3 ConnectionLost 1006",
    ]
    wire.media("transcript")
    wire.wait(3.0)
    assert wire.do() == [Open(4, "audio", "wss://media.zoom.us/audio")]


@pytest.mark.parametrize("media", [9, 32, 63], ids=["audio and transcript", "all", "every bit"])
def test_3_several_media(wire: Wire, media: int) -> None:
    """Event 7 may name several media."""
    event_7(wire, media)
    assert wire.brief() == ["close audio 1000", "close transcript 1000"]


def test_3_medium_of_a_shared_connection(join: Join) -> None:
    """The connection for all media is concerned by each of them."""
    wire = join("audio", "transcript", unified=True, reconnect=DOCUMENTED)
    wire.connect({"all": "wss://m.zoom.us/all"})
    accept(wire, "all")
    wire.forget()
    event_7(wire, 8)
    assert wire.brief() == ["close all 1000"]


def test_3_medium_that_was_not_asked_for(wire: Wire) -> None:
    """A medium that we do not have cannot be lost."""
    event_7(wire, 2)
    assert (wire.brief(), told(wire)) == ([], [])


@pytest.mark.parametrize(
    "message",
    [
        {"msg_type": 6, "event": {"event_type": 7, "timestamp": 1}},
        {"msg_type": 8, "state": 2, "reason": 14},
    ],
    ids=["event 7", "state INTERRUPTED with 14"],
)
def test_3_unnamed_medium(wire: Wire, message: dict[str, object]) -> None:
    """Where no medium is named, each has 15 s to give a sign; only the dead one is reopened."""
    wire.hear("signaling", message)
    assert wire.brief() == []
    wire.now += 10.0
    keep_alive(wire, "signaling", "transcript")
    told(wire)
    assert sleep(wire, 5.0)[-1] == "5 close audio 1001"
    assert told(wire) == [
        "interrupted audio ConnectionSilent 1006",
        "try 1 of audio in 3 ConnectionSilent 1006",
    ]
    assert sleep(wire, 3.0) == ["3 open audio"]


def test_3_event_after_the_loss(wire: Wire) -> None:
    """An event that confirms a loss restarts nothing."""
    lose(wire, "audio")
    wire.forget()
    wire.now += 1.0
    event_7(wire, 1)
    assert told(wire) == []
    assert sleep(wire, 2.0) == ["2 open audio"]


def test_3_late_event(wire: Wire) -> None:
    """An event about a loss that was repaired does not break the new connection."""
    lose(wire, "audio")
    sleep(wire, 3.0)
    accept(wire, "audio")
    wire.forget()
    event_7(wire, 1)
    assert wire.brief() == []
    wire.now += 5.0
    wire.media("audio", 1790000008000)
    assert sleep(wire, 60.0) == []
    assert [line for line in told(wire) if "interrupted" in line] == []


def test_3_events_do_not_feed_themselves(wire: Wire) -> None:
    """A server that reports every loss after its repair does not cause the next one."""
    lose(wire, "audio")
    losses = 0
    for _ in range(10):
        sleep(wire, 3.0)
        if wire.phase() == "RECONNECTING_MEDIA":
            losses += 1
            accept(wire, "audio")
        event_7(wire, 1)
        wire.now += 0.1
        keep_alive(wire, "signaling", "audio", "transcript")
    assert losses == 1


def test_3_dead_connection_after_a_late_event(wire: Wire) -> None:
    """A new connection that gives no sign after the event is given up after 15 s."""
    lose(wire, "audio")
    sleep(wire, 3.0)
    accept(wire, "audio")
    wire.forget()
    event_7(wire, 1)
    assert sleep(wire, 15.0) == ["15 close audio 1001"]


def test_3_event_while_a_try_is_under_way(wire: Wire) -> None:
    """A try that is under way goes on."""
    lose(wire, "audio")
    sleep(wire, 3.0)
    wire.opened("audio")
    wire.forget()
    event_7(wire, 1)
    assert wire.brief() == []
    wire.accept_media("audio")
    assert wire.phase() == "STREAMING"


def test_3_silence_is_shorter_than_doubt(join: Join) -> None:
    """Doubt never grants more time than the watchdog."""
    wire = join("audio", reconnect=DOCUMENTED).stream()
    wire.now += 60.0
    keep_alive(wire, "signaling")
    wire.forget()
    event_7(wire)
    assert sleep(wire, 6.0) == ["5 close audio 1001"]


def test_3_event_in_strict_mode_with_a_veto(join: Join) -> None:
    """When the first of two lost media ends the stream, the second is past."""
    wire = live(join, "audio", "transcript", strict=True, on_reconnect=lambda _: False)
    event_7(wire, 9)
    assert wire.phase() == "CLOSED"
    assert wire.brief() == ["close audio 1000", "close transcript 1000", "close signaling 1000"]


# --- 3b: signaling interrupted, says the server --------------------------------------------------


def test_3b_nothing_yet(wire: Wire) -> None:
    """State INTERRUPTED with reason 13 reopens nothing: webhook or socket decide."""
    wire.hear("signaling", {"msg_type": 8, "state": 2, "reason": 13})
    assert wire.brief() == []
    assert told(wire) == ["StreamStateChanged"]
    lose(wire, "signaling", 1000)
    assert told(wire)[0] == "interrupted everything ConnectionLost 1000"


def test_3b_then_the_webhook(wire: Wire) -> None:
    """The webhook that follows is scenario 2."""
    wire.hear("signaling", {"msg_type": 8, "state": 2, "reason": 13})
    wire.session.interrupted([], wire.now)
    assert wire.phase() == "RECONNECTING_SIGNALING"


# --- 4 and 5: a stopped webhook ------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["streaming", "waiting", "opening", "handshaking", "media"])
@pytest.mark.parametrize("reason", [10, 19, 24, 6, 20, None], ids=str)
def test_4_and_5_stopped(wire: Wire, moment: str, reason: int | None) -> None:
    """The stream is over in every phase; technical reasons are errors, the others are not."""
    if moment != "streaming":
        lose(wire, "signaling")
    if moment not in {"streaming", "waiting"}:
        sleep(wire, 3.0)
    if moment in {"handshaking", "media"}:
        wire.opened("signaling")
    if moment == "media":
        wire.accept_signaling()
    wire.forget()
    wire.session.stopped(None if reason is None else StopReason(reason), wire.now)
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.StreamStopped) is (reason in {10, 19, 24})
    assert wire.session.next_deadline() is None
    wire.forget()
    assert sleep(wire, 3600.0) == []


# --- plain losses --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 4321])
@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_plain_loss(wire: Wire, endpoint: str, code: int) -> None:
    """A socket that closes is reopened, whatever the code: 1000 is no end either."""
    lose(wire, endpoint, code)
    name = "everything" if endpoint == "signaling" else endpoint
    assert told(wire) == [
        f"interrupted {name} ConnectionLost {code}",
        f"try 1 of {name} in 3 ConnectionLost {code}",
    ]
    assert sleep(wire, 3.0)[-1] == f"3 open {endpoint}"


@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_silence(join: Join, endpoint: str) -> None:
    """A connection on which nothing comes for 65 s is dead."""
    wire = join("audio", "transcript", reconnect=DOCUMENTED).stream()
    others = {"signaling", "audio", "transcript"} - {endpoint}
    for _ in range(6):
        assert sleep(wire, 10.0) == []
        keep_alive(wire, *others)
        wire.forget()
    assert sleep(wire, 5.0)[0] == f"5 close {endpoint} 1001"
    assert told(wire)[0].endswith("ConnectionSilent 1006")


def test_lost_medium_disturbs_no_other(wire: Wire) -> None:
    """The others go on while one is away."""
    lose(wire, "audio")
    assert wire.phase() == "RECONNECTING_MEDIA"
    wire.forget()
    for second in range(60):
        wire.media("transcript", 1790000000000 + 1000 * second, data=str(second))
    assert wire.brief() == []
    assert len(wire.items()) == 60


def test_two_media_are_independent(wire: Wire) -> None:
    """Each medium has its own waits, and a stream streams when both are back."""
    lose(wire, "audio")
    assert sleep(wire, 1.0) == []
    lose(wire, "transcript")
    assert sleep(wire, 3.0) == ["2 open audio", "3 open transcript"]
    fail(wire, "audio")
    accept(wire, "transcript")
    assert wire.phase() == "RECONNECTING_MEDIA"
    wire.do()
    assert sleep(wire, 6.0) == ["6 open audio"]
    accept(wire, "audio")
    assert wire.phase() == "STREAMING"
    assert [line for line in told(wire) if "resumed" in line] == [
        "resumed transcript after 3 and 1",
        "resumed audio after 10 and 2",
    ]


def test_signaling_breaks_while_a_medium_is_away(wire: Wire) -> None:
    """Then everything is redone, the medium too."""
    lose(wire, "audio")
    sleep(wire, 1.0)
    lose(wire, "signaling")
    assert sleep(wire, 3.0) == ["0 close transcript 1000", "3 open signaling"]
    wire.opened("signaling")
    wire.forget()
    wire.accept_signaling()
    assert wire.brief() == ["open audio", "open transcript"]


def test_medium_refused_while_signaling_returns(wire: Wire) -> None:
    """A medium that does not come back at once is tried on its own."""
    lose(wire, "signaling")
    sleep(wire, 3.0)
    accept(wire, "signaling")
    accept(wire, "transcript")
    wire.opened("audio")
    wire.forget()
    refuse(wire, "audio", 16)
    assert wire.phase() == "RECONNECTING_MEDIA"
    assert sleep(wire, 1.5) == ["0 close audio 1000", "1.5 open audio"]
    accept(wire, "audio")
    assert wire.phase() == "STREAMING"
    assert told(wire) == [
        "try 1 of audio in 1.5 DuplicateConnection",
        "resumed everything after 4.5 and 1",
    ]


def test_medium_closes_after_terminating(wire: Wire) -> None:
    """While a stream ends its connections go one by one; what others still bring is delivered."""
    wire.hear("signaling", {"msg_type": 8, "state": 3, "reason": 6})
    lose(wire, "transcript", 1000)
    wire.media("audio", 1790000000020)
    assert wire.phase() == "STREAMING"
    lose(wire, "audio", 1000)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None
    assert told(wire) == ["StreamStateChanged", "AudioFrame"]
