"""Time: every wait has an end, and the session always names the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtms_client import exceptions as ex
from rtms_client.config import Timeouts

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join

TIMES = Timeouts(connect_s=1.0, handshake_s=2.0, silence_s=4.0, request_s=8.0, close_s=16.0)


def test_deadlines_of_a_whole_stream(join: Join) -> None:
    """From beginning to end, the next deadline is the nearest of what is awaited."""
    wire = join("audio", "video", timeouts=TIMES)
    session = wire.session
    assert session.next_deadline() is None
    session.start(wire.now)
    assert session.next_deadline() == 101.0  # signaling must be open
    wire.now = 100.5
    wire.opened("signaling")
    assert session.next_deadline() == 102.5  # message 2
    wire.now = 101.0
    wire.accept_signaling()
    assert session.next_deadline() == 102.0  # media must be open
    wire.now = 101.5
    wire.opened("audio")
    assert session.next_deadline() == 102.0  # video must be open
    wire.opened("video")
    assert session.next_deadline() == 103.5  # message 4
    wire.now = 102.0
    wire.accept_media("audio")
    assert session.next_deadline() == 103.5  # message 4 on video
    wire.accept_media("video")
    assert session.next_deadline() == 105.0  # silence on signaling


def test_pings_are_signs_of_life(join: Join) -> None:
    """A ping on a connection counts like a message; one on a connection that is gone is void."""
    wire = join("audio", timeouts=TIMES).stream()
    number = wire.number("audio")
    wire.now = 103.0
    wire.hear("signaling", {"msg_type": 12})
    assert wire.session.next_deadline() == 104.0  # silence on audio
    wire.session.heard(number, wire.now)
    assert wire.session.next_deadline() == 107.0
    wire.session.abort()
    wire.session.heard(number, wire.now)
    assert wire.session.next_deadline() is None


def test_deadlines_while_streaming(join: Join) -> None:
    """The quietest connection is due first, unless a request or the close is due before."""
    wire = join("audio", "video", timeouts=TIMES).stream()
    session = wire.session
    wire.now = 102.0
    wire.hear("audio", {"msg_type": 12})
    wire.hear("video", {"msg_type": 12})
    assert session.next_deadline() == 104.0  # silence on signaling
    wire.now = 103.0
    wire.hear("signaling", {"msg_type": 12})
    assert session.next_deadline() == 106.0  # silence on audio and video
    wire.now = 104.0
    wire.media("audio")
    wire.media("video")
    session.control.request_stream_state(wire.now)
    assert session.next_deadline() == 107.0  # silence on signaling
    wire.now = 106.9
    for endpoint in ("signaling", "audio", "video"):
        wire.hear(endpoint, {"msg_type": 12})
    wire.now = 110.8
    for endpoint in ("signaling", "audio", "video"):
        wire.hear(endpoint, {"msg_type": 12})
    assert session.next_deadline() == 112.0  # the request
    wire.session.close(wire.now)
    assert session.next_deadline() == 112.0  # still the request
    wire.session.timer(112.0)
    assert session.next_deadline() == 114.8  # silence
    wire.hear("signaling", {"msg_type": 22})
    assert session.next_deadline() is None


@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_connection_does_not_come_about(join: Join, endpoint: str) -> None:
    """TCP, TLS and upgrade together have one time-out."""
    wire = join(timeouts=TIMES)
    wire.session.start(wire.now)
    if endpoint == "audio":
        wire.opened("signaling")
        wire.accept_signaling()
    wire.forget()
    wire.wait(0.999)
    assert wire.do() == []
    wire.wait(0.001)
    assert wire.brief()[0] == f"close {endpoint} 1001"
    assert isinstance(wire.session.error, ex.ConnectTimeout)
    host = "rtms.zoom.us:443" if endpoint == "signaling" else "media.zoom.us"
    assert wire.session.error.args == (endpoint, f"wss://{host}", "no connection within 1 s")


@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_handshake_is_not_answered(join: Join, endpoint: str) -> None:
    """A server that takes the handshake must answer it; keep-alives are no answer."""
    wire = join(timeouts=TIMES)
    wire.session.start(wire.now)
    wire.opened("signaling")
    if endpoint == "audio":
        wire.accept_signaling()
        wire.opened("audio")
    wire.wait(1.9)
    wire.hear(endpoint, {"msg_type": 12})
    wire.forget()
    wire.wait(0.1)
    assert wire.brief()[0] == f"close {endpoint} 1001"
    assert isinstance(wire.session.error, ex.AnswerTimeout)
    assert wire.session.error.args == (endpoint, "an answer to the handshake", 2.0)


@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_connection_falls_silent(join: Join, endpoint: str) -> None:
    """Any message counts as a sign of life, junk too; without one the connection is dead."""
    wire = join(timeouts=TIMES).stream()
    other = "audio" if endpoint == "signaling" else "signaling"
    wire.wait(3.0)
    wire.session.receive(wire.number(endpoint), b"junk", wire.now)
    wire.hear(other, {"msg_type": 12})
    wire.wait(3.999)
    assert wire.phase() == "STREAMING"
    wire.hear(other, {"msg_type": 12})
    wire.forget()
    wire.wait(0.001)
    assert wire.brief() == [f"close {endpoint} 1001", f"close {other} 1000"]
    assert isinstance(wire.session.error, ex.ConnectionSilent)
    assert wire.session.error.args == (endpoint, 4.0)


def test_presumed_media_fall_silent(join: Join) -> None:
    """A connection that was never answered is watched like the others."""
    wire = join(timeouts=TIMES).connect()
    wire.opened("audio")
    wire.media("audio")
    wire.wait(3.0)
    wire.hear("signaling", {"msg_type": 12})
    wire.wait(1.0)
    assert isinstance(wire.session.error, ex.ConnectionSilent)


def test_closing_connection_falls_silent(join: Join) -> None:
    """Silence while closing is the end, without error."""
    wire = join(timeouts=TIMES).stream()
    wire.session.close(wire.now)
    wire.wait(4.0)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_everything_is_late_at_once(join: Join) -> None:
    """A process that slept ends each connection once, and the first one is the cause."""
    wire = join("audio", "video").stream()
    token = wire.session.control.request_stream_state(wire.now)
    wire.do()
    wire.wait(3600.0)
    assert wire.brief() == [
        f"answer {token} AnswerTimeout",
        "close signaling 1001",
        "close audio 1000",
        "close video 1000",
    ]
    assert isinstance(wire.session.error, ex.ConnectionSilent)


def test_timer_too_early_does_nothing(join: Join) -> None:
    """A timer that fires early, or again, changes nothing."""
    wire = join().stream()
    for _ in range(3):
        wire.wait(1.0)
    assert wire.do() == []
    assert wire.phase() == "STREAMING"


def test_defaults_are_those_of_the_notes(join: Join) -> None:
    """Ten seconds for the handshakes, 65 seconds of silence."""
    wire = join()
    wire.session.start(wire.now)
    assert wire.session.next_deadline() == 110.0
    wire.opened("signaling")
    wire.accept_signaling()
    wire.opened("audio")
    wire.accept_media("audio")
    assert wire.session.next_deadline() == 165.0


def test_change_is_told(join: Join) -> None:
    """Whenever the next deadline may be earlier, the shell is told."""
    wire = join(timeouts=Timeouts(connect_s=1.0, handshake_s=9.0, silence_s=0.5))
    session = wire.session

    def told() -> bool:
        before, session.changed = session.changed, False
        return before

    assert not told()
    session.start(wire.now)
    assert told()
    wire.opened("signaling")
    assert told()
    wire.accept_signaling()
    assert told()
    wire.opened("audio")
    assert told()
    wire.accept_media("audio")
    assert told()
    wire.media("audio")
    assert not told()
    wire.wait(0.1)
    assert told()
    session.close(wire.now)
    assert told()
    session.abort()
    assert told()
