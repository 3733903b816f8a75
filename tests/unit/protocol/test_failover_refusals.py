"""Which failures are final, on which connection, at first and after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.protocol.failover_support import (
    DOCUMENTED,
    accept,
    fail,
    keep_alive,
    live,
    lose,
    refuse,
    sleep,
    told,
)

from rtms_client import exceptions as ex
from rtms_client.config import StreamInfo, Timeouts
from rtms_client.enums import Product

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

FINAL = [1, 3, 4, 5, 6, 7, 14, *range(17, 44), 46]
FAULTY = [1, 4, 5, 6, 40, 41, 42]  # of the final ones, those about the message itself
UNAVAILABLE = [9, 10, 11, 12, 13]
BRIEFLY = [8, 15, 16]
SERVER = [45, 47]
OUT_OF_PLACE = [44]  # says that a video is subscribed already
UNKNOWN = [48, 99, 4711]

NETWORK = [
    ex.ConnectFailed("any", "wss://zoom.us", "no route"),
    ex.ConnectTimeout("any", "wss://zoom.us", "no connection within 10 s"),
    ex.AnswerTimeout("any", "an answer to the handshake", 10.0),
]
HOPELESS = [
    ex.CertificateRejected("any", "wss://zoom.us", "certificate has expired"),
    ex.HostNotAllowed("wss://example.com", "expected a host of zoom.us"),
]


def opening(join: Join, *media: str) -> Wire:
    """Return a stream whose signaling connection is about to be answered for the first time."""
    wire = join(*media, reconnect=DOCUMENTED, timeouts=Timeouts(silence_s=3600.0))
    wire.session.start(wire.now)
    wire.opened("signaling")
    wire.forget()
    return wire


def reopening(join: Join, endpoint: str) -> Wire:
    """Return a stream whose connection is about to be answered after an interruption."""
    wire = live(join, "audio", "transcript")
    lose(wire, endpoint)
    sleep(wire, 3.0)
    wire.opened(endpoint)
    wire.forget()
    return wire


def sleep_until_try(wire: Wire) -> None:
    """Let time pass until the next try begins."""
    deadline = wire.session.next_deadline()
    assert deadline is not None
    sleep(wire, deadline - wire.now)


def opening_media(join: Join) -> Wire:
    """Return a stream whose audio is about to be answered for the first time."""
    wire = opening(join, "audio", "transcript")
    wire.accept_signaling()
    accept(wire, "transcript")
    wire.opened("audio")
    wire.forget()
    return wire


# --- signaling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*FINAL, 2, *UNAVAILABLE, *OUT_OF_PLACE, None])
def test_final_at_first(join: Join, status: int | None) -> None:
    """The first refusal is the error of the stream."""
    wire = opening(join)
    refuse(wire, "signaling", status)
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.HandshakeRejected)
    assert wire.session.error.status == status
    assert told(wire) == []


@pytest.mark.parametrize("status", [*FINAL, 2, *UNAVAILABLE, *OUT_OF_PLACE, None])
def test_final_after_an_interruption(join: Join, status: int | None) -> None:
    """A refusal after an interruption ends the stream as well; 2 says that it is gone."""
    wire = reopening(join, "signaling")
    refuse(wire, "signaling", status)
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.HandshakeRejected)
    assert wire.session.error.status == status
    assert isinstance(wire.session.error, ex.StreamNotFound) is (status == 2)


@pytest.mark.parametrize("status", SERVER)
def test_server_fault_at_first(join: Join, status: int) -> None:
    """A fault of the server is tried again, also when the stream is opened."""
    wire = opening(join)
    refuse(wire, "signaling", status)
    assert wire.phase() == "CONNECTING_SIGNALING"
    assert told(wire) == ["try 1 of everything in 3 ServerFault"]
    assert sleep(wire, 3.0) == ["0 close signaling 1000", "3 open signaling"]


@pytest.mark.parametrize("status", SERVER)
def test_server_fault_after_an_interruption(join: Join, status: int) -> None:
    """A fault of the server goes on with the waits."""
    wire = reopening(join, "signaling")
    refuse(wire, "signaling", status)
    assert wire.phase() == "RECONNECTING_SIGNALING"
    assert told(wire) == ["try 2 of everything in 6 ServerFault"]


@pytest.mark.parametrize("status", BRIEFLY)
def test_duplicate_at_first(join: Join, status: int) -> None:
    """The server may not have noticed that an earlier process is gone."""
    wire = opening(join)
    tries: list[str] = []
    for _ in range(5):
        refuse(wire, "signaling", status)
        tries += told(wire)
        sleep_until_try(wire)
        wire.opened("signaling")
    assert tries == [
        "try 1 of everything in 1.5 DuplicateConnection",
        "try 2 of everything in 3 DuplicateConnection",
        "try 3 of everything in 6 DuplicateConnection",
        "try 4 of everything in 3 DuplicateConnection",
        "try 5 of everything in 6 DuplicateConnection",
    ]


@pytest.mark.parametrize("status", BRIEFLY)
def test_duplicate_after_an_interruption(join: Join, status: int) -> None:
    """The server may not have noticed the loss: three short waits, then the normal ones go on."""
    wire = reopening(join, "signaling")
    tries: list[str] = []
    for _ in range(5):
        refuse(wire, "signaling", status)
        tries += told(wire)
        sleep_until_try(wire)
        wire.opened("signaling")
    assert tries == [
        "try 2 of everything in 1.5 DuplicateConnection",
        "try 3 of everything in 3 DuplicateConnection",
        "try 4 of everything in 6 DuplicateConnection",
        "try 5 of everything in 6 DuplicateConnection",
        "try 6 of everything in 12 DuplicateConnection",
    ]


@pytest.mark.parametrize("status", UNKNOWN)
def test_unknown_at_first(join: Join, status: int) -> None:
    """An unknown refusal is tried once more."""
    wire = opening(join)
    refuse(wire, "signaling", status)
    assert told(wire) == ["try 1 of everything in 3 HandshakeRejected"]
    sleep(wire, 3.0)
    wire.opened("signaling")
    refuse(wire, "signaling", status)
    assert isinstance(wire.session.error, ex.StreamLost)
    assert isinstance(wire.session.error.__cause__, ex.HandshakeRejected)


@pytest.mark.parametrize("status", UNKNOWN)
def test_unknown_after_an_interruption(join: Join, status: int) -> None:
    """After an interruption too."""
    wire = reopening(join, "signaling")
    refuse(wire, "signaling", status)
    assert told(wire) == ["try 2 of everything in 6 HandshakeRejected"]
    sleep(wire, 6.0)
    wire.opened("signaling")
    refuse(wire, "signaling", status)
    assert isinstance(wire.session.error, ex.StreamLost)
    assert [when for when, _ in wire.session.error.history] == [0.0, 3.0, 9.0]


@pytest.mark.parametrize("error", NETWORK, ids=lambda error: type(error).__name__)
def test_network_at_first(join: Join, error: ex.RTMSError) -> None:
    """What the network does passes."""
    wire = join(reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    fail(wire, "signaling", error)
    assert told(wire) == [f"try 1 of everything in 3 {type(error).__name__}"]


@pytest.mark.parametrize("error", HOPELESS, ids=lambda error: type(error).__name__)
def test_hopeless_at_first(join: Join, error: ex.RTMSError) -> None:
    """A certificate that is not trusted will not be trusted in three seconds."""
    wire = join(reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    fail(wire, "signaling", error)
    assert wire.session.error is error


@pytest.mark.parametrize("error", HOPELESS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_hopeless_after_an_interruption(join: Join, endpoint: str, error: ex.RTMSError) -> None:
    """A certificate that changed for the worse ends what it concerns."""
    wire = live(join)
    lose(wire, endpoint)
    sleep(wire, 3.0)
    fail(wire, endpoint, error)
    assert wire.session.error is error


@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_time_outs_at_first(join: Join, endpoint: str) -> None:
    """A connection that does not come about, or is not answered, is given up and tried again."""
    wire = join(reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    if endpoint == "audio":
        accept(wire, "signaling")
    wire.forget()
    name = "everything" if endpoint == "signaling" else endpoint
    assert sleep(wire, 10.0) == [f"10 close {endpoint} 1001"]
    assert told(wire) == [f"try 1 of {name} in 3 ConnectTimeout"]
    assert sleep(wire, 3.0) == [f"3 open {endpoint}"]
    wire.opened(endpoint)
    assert sleep(wire, 10.0)[-1] == f"10 close {endpoint} 1001"
    assert told(wire) == [f"try 2 of {name} in 6 AnswerTimeout"]


def test_close_instead_of_an_answer(join: Join) -> None:
    """A connection that closes before it is answered is tried again."""
    wire = opening(join)
    lose(wire, "signaling", 1000)
    assert told(wire) == ["try 1 of everything in 3 ConnectionLost 1000"]


# --- media ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*FINAL, *UNAVAILABLE, *OUT_OF_PLACE])
def test_final_for_a_medium_at_first(join: Join, status: int) -> None:
    """A refused medium is left out, the others go on."""
    wire = opening_media(join)
    refuse(wire, "audio", status)
    assert wire.phase() == "STREAMING"
    assert told(wire) == [f"unavailable audio {status}"]
    assert sleep(wire, 60.0) == ["0 close audio 1000"]


@pytest.mark.parametrize("status", [*FINAL[1:], *UNAVAILABLE, *OUT_OF_PLACE])
def test_final_for_a_medium_after_an_interruption(join: Join, status: int) -> None:
    """A medium that is refused after an interruption is given up, the others go on."""
    wire = reopening(join, "audio")
    keep_alive(wire, "signaling")
    wire.forget()
    refuse(wire, "audio", status)
    assert wire.phase() == "STREAMING"
    assert told(wire) == [f"unavailable audio {status}"]
    assert sleep(wire, 60.0) == ["0 close audio 1000"]


def test_medium_that_comes_too_early_after_an_interruption(join: Join) -> None:
    """A handshake called unexpected, though it was not before, is tried once more."""
    wire = reopening(join, "audio")
    keep_alive(wire, "signaling")
    wire.forget()
    refuse(wire, "audio", 1)
    assert told(wire) == ["try 2 of audio in 6 HandshakeRejected"]
    sleep(wire, 6.0)
    keep_alive(wire, "signaling")
    wire.opened("audio")
    wire.forget()
    refuse(wire, "audio", 1)
    assert told(wire) == ["unavailable audio 1"]
    assert wire.phase() == "STREAMING"


@pytest.mark.parametrize("status", FAULTY[1:])
def test_medium_called_faulty_while_signaling_is_mute(join: Join, status: int) -> None:
    """A handshake that was good before may be refused because signaling is gone: all is redone."""
    wire = reopening(join, "audio")
    refuse(wire, "audio", status)
    assert wire.phase() == "RECONNECTING_SIGNALING"
    assert told(wire) == [
        "interrupted everything ConnectionLost 1006",
        "try 1 of everything in 3 ConnectionLost 1006",
    ]
    sleep(wire, 3.0)
    accept(wire, "signaling")
    wire.opened("audio")
    wire.forget()
    refuse(wire, "audio", status)
    assert told(wire) == [f"unavailable audio {status}"]


def test_stream_unknown_to_a_media_server_at_first(join: Join) -> None:
    """At first, status 2 is about the medium."""
    wire = opening_media(join)
    refuse(wire, "audio", 2)
    assert wire.phase() == "STREAMING"
    assert told(wire) == ["unavailable audio 2"]


def test_stream_gone_after_an_interruption(join: Join) -> None:
    """After an interruption, status 2 says that there is no stream any more."""
    wire = reopening(join, "audio")
    refuse(wire, "audio", 2)
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.StreamNotFound)


@pytest.mark.parametrize(
    ("status", "wait"), [*((one, 1.5) for one in BRIEFLY), *((one, 3) for one in [*SERVER, 99])]
)
def test_medium_is_tried_again_at_first(join: Join, status: int, wait: float) -> None:
    """The stream begins with what there is, and the medium follows."""
    wire = opening_media(join)
    refuse(wire, "audio", status)
    assert wire.phase() == "RECONNECTING_MEDIA"
    assert sleep(wire, wait) == ["0 close audio 1000", f"{wait:g} open audio"]
    accept(wire, "audio")
    assert wire.phase() == "STREAMING"
    assert [line.partition(" of ")[0] for line in told(wire)] == ["try 1"]


@pytest.mark.parametrize(
    ("status", "wait"), [*((one, 1.5) for one in BRIEFLY), *((one, 6) for one in [*SERVER, 99])]
)
def test_medium_is_tried_again_after_an_interruption(join: Join, status: int, wait: float) -> None:
    """A medium has the same waits as signaling."""
    wire = reopening(join, "audio")
    refuse(wire, "audio", status)
    assert wire.phase() == "RECONNECTING_MEDIA"
    assert sleep(wire, wait)[-1] == f"{wait:g} open audio"


@pytest.mark.parametrize("error", NETWORK, ids=lambda error: type(error).__name__)
def test_network_of_a_medium(join: Join, error: ex.RTMSError) -> None:
    """A medium that cannot be reached is tried again."""
    wire = opening_media(join)
    fail(wire, "audio", error)
    assert told(wire) == [f"try 1 of audio in 3 {type(error).__name__}"]


def test_refusal_after_media_flowed(join: Join) -> None:
    """Media before message 4 stand for its acceptance; a refusal after all is a loss."""
    wire = opening_media(join)
    wire.media("audio", 1790000000000)
    refuse(wire, "audio", 45)
    assert told(wire) == [
        "AudioFrame",
        "interrupted audio ServerFault",
        "try 1 of audio in 3 ServerFault",
    ]


def test_last_medium_is_lost(join: Join) -> None:
    """When nothing is left, the error tells what was lost, not what was never there."""
    wire = opening_media(join)
    refuse(wire, "audio", 9)
    lose(wire, "transcript")
    sleep(wire, 65.0)
    assert isinstance(wire.session.error, ex.StreamLost)
    assert wire.session.error.endpoint == "transcript"


def test_all_media_lost_at_once(join: Join) -> None:
    """Every medium is told before the stream ends."""
    wire = live(join, "audio", "transcript")
    lose(wire, "audio")
    lose(wire, "transcript")
    sleep(wire, 65.0)
    lines = told(wire)
    assert "unavailable audio None" in lines
    assert lines[-3:] == [
        "unavailable transcript None",
        "gap audio lost None None []",
        "gap transcript lost None None []",
    ]
    assert wire.phase() == "CLOSED"


# --- names of the stream -------------------------------------------------------------------------


def webinar(alternate_id: str | None = None) -> StreamInfo:
    """Return a stream of another product than meetings."""
    return StreamInfo(
        product=Product.WEBINAR,
        product_id="w",
        stream_id="s",
        server_urls=("wss://zoom.us/s",),
        alternate_id=alternate_id,
    )


def test_no_other_name_after_an_interruption(join: Join) -> None:
    """A name that was accepted is right: a refusal later says that the stream is gone."""
    wire = live(join, info=webinar("v"))
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.opened("signaling")
    refuse(wire, "signaling", 2)
    assert isinstance(wire.session.error, ex.StreamNotFound)


def test_other_name_after_a_busy_server(join: Join) -> None:
    """A refusal that has nothing to do with the name leaves the other names to be tried."""
    wire = join(info=webinar(), reconnect=DOCUMENTED)
    wire.session.start(wire.now)
    wire.opened("signaling")
    refuse(wire, "signaling", 8)
    sleep(wire, 1.5)
    wire.opened("signaling")
    wire.forget()
    refuse(wire, "signaling", 3)
    assert wire.brief() == ["close signaling 1000", "open signaling"]
