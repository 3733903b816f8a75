"""The end in every phase of a reconnect, and the phases on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.protocol.failover_support import (
    DOCUMENTED,
    event_7,
    fail,
    live,
    lose,
    refuse,
    sleep,
    told,
)

from rtms_client import exceptions as ex

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.protocol.conftest import Join, Wire

# Each moment continues the one before it; with the phase in which it leaves the stream.
MOMENTS = {
    "signaling waits": "RECONNECTING_SIGNALING",
    "signaling opens": "RECONNECTING_SIGNALING",
    "signaling is asked": "RECONNECTING_SIGNALING",
    "media open": "RECONNECTING_MEDIA",
    "media are asked": "RECONNECTING_MEDIA",
    "one medium is there": "RECONNECTING_MEDIA",
    "all is there": "STREAMING",
    "a medium waits": "RECONNECTING_MEDIA",
    "a medium opens": "RECONNECTING_MEDIA",
    "a medium is asked": "RECONNECTING_MEDIA",
    "a medium is presumed": "STREAMING",
}


def open_media(wire: Wire) -> None:
    """Let all media connections come about."""
    wire.opened("audio")
    wire.opened("transcript")


def bring_to(join: Join, moment: str) -> Wire:
    """Bring a stream into a moment of a reconnect, and look away from the way."""
    wire = live(join, "audio", "transcript")
    steps: list[Callable[[], object]] = [
        lambda: lose(wire, "signaling"),
        lambda: wire.wait(3.0),
        lambda: wire.opened("signaling"),
        wire.accept_signaling,
        lambda: open_media(wire),
        lambda: wire.accept_media("transcript"),
        lambda: wire.accept_media("audio"),
        lambda: lose(wire, "audio"),
        lambda: wire.wait(6.0),
        lambda: wire.opened("audio"),
        lambda: wire.media("audio"),
    ]
    for step in steps[: [*MOMENTS].index(moment) + 1]:
        step()
    wire.forget()
    return wire


@pytest.mark.parametrize("moment", MOMENTS)
def test_phases(join: Join, moment: str) -> None:
    """Each moment of a reconnect has its phase."""
    assert bring_to(join, moment).phase() == MOMENTS[moment]


@pytest.mark.parametrize("moment", MOMENTS)
def test_abort(join: Join, moment: str) -> None:
    """To abort is at once, and closes what is open."""
    wire = bring_to(join, moment)
    error = ex.InternalError("test")
    wire.session.abort(error)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is error
    assert all(line.startswith("close") for line in wire.brief())
    assert_over(wire)


@pytest.mark.parametrize("moment", MOMENTS)
def test_close(join: Join, moment: str) -> None:
    """To close is graceful where signaling is there, and at once where it is not."""
    wire = bring_to(join, moment)
    wire.session.close(wire.now)
    if MOMENTS[moment] == "RECONNECTING_SIGNALING":
        assert wire.phase() == "CLOSED"
    else:
        assert wire.brief() == ["signaling sends 21"]
        assert wire.phase() == "CLOSING"
        wire.session.close(wire.now)
        wire.hear("signaling", {"msg_type": 22, "status_code": 0})
    assert wire.session.error is None
    assert_over(wire)


@pytest.mark.parametrize("moment", MOMENTS)
def test_close_without_an_answer(join: Join, moment: str) -> None:
    """A server that does not answer is waited for 5 s, whatever is under way."""
    wire = bring_to(join, moment)
    wire.session.close(wire.now)
    log = sleep(wire, 5.0)
    assert not any("open" in line for line in log)
    assert wire.session.error is None
    assert_over(wire)


def assert_over(wire: Wire) -> None:
    """Assert that a stream has ended and does nothing any more."""
    assert wire.phase() == "CLOSED"
    wire.forget()
    assert sleep(wire, 3600.0) == []
    assert wire.session.next_deadline() is None
    for number in range(1, 9):
        wire.session.opened(number, wire.now)
        wire.session.receive(number, b'{"msg_type":14,"content":{}}', wire.now)
        wire.session.lost(number, 1006, "", wire.now)
    wire.session.interrupted([], wire.now)
    wire.session.moved(["wss://new.zoom.us/s"], wire.now)
    wire.session.close(wire.now)
    wire.session.abort()
    assert wire.brief() == []
    assert wire.items() == []


# --- what comes in while a stream is being closed ------------------------------------------------


def closing(join: Join, moment: str) -> Wire:
    """Return a stream that was closed in a moment of a reconnect."""
    wire = bring_to(join, moment)
    wire.session.close(wire.now)
    wire.forget()
    return wire


def test_medium_is_refused(join: Join) -> None:
    """A refusal is of no interest any more."""
    wire = closing(join, "a medium is asked")
    refuse(wire, "audio", 45)
    assert wire.brief() == ["close audio 1000"]
    assert (told(wire), wire.phase()) == ([], "CLOSING")


def test_presumed_medium_is_refused(join: Join) -> None:
    """Also when media had come."""
    wire = closing(join, "a medium is presumed")
    refuse(wire, "audio", 45)
    assert (told(wire), wire.phase()) == ([], "CLOSING")


def test_medium_is_accepted(join: Join) -> None:
    """A medium that comes about is not acknowledged any more."""
    wire = closing(join, "a medium is asked")
    wire.accept_media("audio")
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], "CLOSING")


def test_medium_breaks(join: Join) -> None:
    """One of two media that closes is a part of the end; the answer may still come."""
    wire = closing(join, "all is there")
    lose(wire, "audio")
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], "CLOSING")
    lose(wire, "transcript")
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_medium_does_not_come_about(join: Join) -> None:
    """A try that fails is not followed by another."""
    wire = closing(join, "a medium opens")
    fail(wire, "audio")
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], "CLOSING")


@pytest.mark.parametrize("named", [None, 1])
def test_medium_is_interrupted(join: Join, named: int | None) -> None:
    """What the server lost is not missed."""
    wire = closing(join, "all is there")
    event_7(wire, named)
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], "CLOSING")


def test_signaling_breaks(join: Join) -> None:
    """Without signaling there is no answer to wait for."""
    wire = closing(join, "all is there")
    lose(wire, "signaling")
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_webhooks(join: Join) -> None:
    """Webhooks do not bring back what is being closed."""
    wire = closing(join, "all is there")
    wire.session.interrupted([], wire.now)
    wire.session.moved(["wss://new.zoom.us/s"], wire.now)
    assert (wire.brief(), told(wire), wire.phase()) == ([], [], "CLOSING")


def test_close_while_the_stream_is_opened(join: Join) -> None:
    """A stream that waits for its first try ends at once."""
    wire = join(reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    fail(wire, "signaling")
    wire.session.close(wire.now)
    assert wire.session.error is None
    assert_over(wire)
