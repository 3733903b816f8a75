"""Connections that break and come back: what is reopened, repeated, announced and given up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import pytest

from rtms_client import events as ev
from rtms_client import exceptions as ex
from rtms_client.config import ReconnectPolicy, StreamInfo, Timeouts
from rtms_client.enums import EventType, MediaType, Product
from rtms_client.protocol import Open, Send

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire


POLICY = ReconnectPolicy(jitter=0.0)
PATIENT = Timeouts(silence_s=1000.0)


@pytest.fixture
def streaming(join: Join) -> Wire:
    """Return a stream of audio and video that reconnects."""
    return join("audio", "video", reconnect=POLICY, timeouts=PATIENT).stream()


def brief_items(wire: Wire) -> list[str]:
    """Take the items, and return them in short."""
    found = []
    for item in wire.items():
        medium: MediaType | None = getattr(item, "media", None)
        found.append(f"{type(item).__name__} {medium.name if medium else '-'}")
    return found


def lose(wire: Wire, endpoint: str, code: int = 1006) -> None:
    """Let a connection break."""
    wire.session.lost(wire.number(endpoint), code, "", wire.now)


def fail(wire: Wire, endpoint: str) -> None:
    """Let a try fail."""
    error = ex.ConnectFailed(endpoint, "zoom.us:443", "refused")
    wire.session.failed(wire.number(endpoint), error, wire.now)


# --- a medium ------------------------------------------------------------------------------------


def test_lost_medium_comes_back_alone(streaming: Wire) -> None:
    """Only its own socket is reopened; the other medium goes on meanwhile."""
    wire = streaming
    wire.media("audio")
    wire.items()
    lose(wire, "audio")
    assert wire.phase() == "RECONNECTING_MEDIA"
    assert wire.do() == []
    lost = ex.ConnectionLost("audio", 1006, "")
    interrupted, scheduled = wire.items()
    assert isinstance(interrupted, ev.StreamInterrupted)
    assert (interrupted.media, str(interrupted.cause)) == (MediaType.AUDIO, str(lost))
    assert isinstance(scheduled, ev.ReconnectScheduled)
    assert (scheduled.attempt, scheduled.delay_s) == (1, 0.25)
    assert wire.session.next_deadline() == wire.now + 0.25
    wire.media("video")
    wire.wait(0.25)
    assert wire.do() == [Open(4, "audio", "wss://media.zoom.us/audio")]
    wire.opened("audio")
    wire.accept_media("audio")
    assert wire.brief() == ["audio sends 3", "signaling sends 7"]
    assert wire.phase() == "STREAMING"
    wire.media("audio", timestamp=1790000001000)
    frame, resumed, gap, audio = wire.items()
    assert type(frame).__name__ == "VideoFrame"
    assert isinstance(resumed, ev.StreamResumed)
    assert (resumed.media, resumed.attempts, resumed.after_s) == (MediaType.AUDIO, 1, 0.25)
    assert isinstance(gap, ev.Gap)
    assert (gap.from_ms, gap.to_ms) == (1790000000020, 1790000001000)
    assert [item.sequence for item in (frame, resumed, gap, audio)] == [4, 5, 6, 7]
    statistics = wire.session.intake.statistics
    assert (statistics.interruptions, statistics.reconnects) == (1, 1)
    assert statistics.reconnect_attempts == 1


def test_waits_start_over_after_media_flowed(streaming: Wire) -> None:
    """A handshake alone proves nothing; media do."""
    wire = streaming
    for expected in (0.25, 3.0):
        wire.forget()
        lose(wire, "audio")
        assert wire.session.next_deadline() == wire.now + expected
        wire.wait(expected)
        wire.opened("audio")
        wire.accept_media("audio")
    wire.media("audio")
    lose(wire, "audio")
    assert wire.session.next_deadline() == wire.now + 0.25


def test_medium_is_given_up_at_the_end_of_its_window(streaming: Wire) -> None:
    """The documented tries, then the medium is reported as gone and the others go on."""
    wire = streaming
    lose(wire, "audio")
    begun, tries = wire.now, []
    while wire.phase() == "RECONNECTING_MEDIA":
        deadline = wire.session.next_deadline()
        assert deadline is not None
        wire.wait(deadline - wire.now)
        if wire.brief() == ["open audio"]:
            tries.append(wire.now - begun)
            fail(wire, "audio")
    assert tries == [0.25, 3.25, 9.25, 21.25, 45.25]
    assert wire.now - begun == 65.0
    assert wire.phase() == "STREAMING"
    last = wire.items()[-1]
    assert isinstance(last, ev.MediaUnavailable)
    assert (last.media, last.status) == (MediaType.AUDIO, None)
    assert "gave up after 65.0 s" in last.reason
    assert wire.session.granted.audio is None


def test_last_medium_given_up_is_the_end(join: Join) -> None:
    """Without any medium there is no stream; the error holds the history."""
    wire = join(reconnect=attrs.evolve(POLICY, attempts=1), timeouts=PATIENT).stream()
    lose(wire, "audio")
    wire.wait(0.25)
    fail(wire, "audio")
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.StreamLost)
    assert [when for when, _ in wire.session.error.history] == [0.0, 0.25]
    assert wire.session.error.endpoint == "audio"


@pytest.mark.parametrize("status", [3, 9, 17])
def test_medium_refused_at_its_return(streaming: Wire, status: int) -> None:
    """A refusal that is final gives the medium up at once, under its own error."""
    wire = streaming
    lose(wire, "audio")
    wire.wait(0.25)
    wire.opened("audio")
    wire.forget()
    wire.hear("audio", {"msg_type": 4, "status_code": status})
    assert wire.brief() == ["close audio 1000"]
    (gone,) = wire.items()
    assert isinstance(gone, ev.MediaUnavailable)
    assert gone.status == status
    assert wire.phase() == "STREAMING"


def test_stream_gone_at_the_return_of_a_medium(streaming: Wire) -> None:
    """Status 2 after an interruption says that the whole stream is over."""
    wire = streaming
    lose(wire, "audio")
    wire.wait(0.25)
    wire.opened("audio")
    wire.hear("audio", {"msg_type": 4, "status_code": 2})
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.StreamNotFound)


def test_medium_refused_as_duplicate(streaming: Wire) -> None:
    """The server has not noticed the loss yet: try again after 1.5, 3 and 6 seconds."""
    wire = streaming
    lose(wire, "audio")
    wire.wait(0.25)
    for delay in (1.5, 3.0, 6.0):
        wire.opened("audio")
        wire.hear("audio", {"msg_type": 4, "status_code": 16})
        assert wire.session.next_deadline() == wire.now + delay
        wire.wait(delay)
    assert wire.phase() == "RECONNECTING_MEDIA"


def test_first_connection_of_a_medium_is_retried(join: Join) -> None:
    """What never was there was not interrupted; the stream begins with the others."""
    wire = join("audio", "video", reconnect=POLICY).connect()
    wire.opened("video")
    wire.accept_media("video")
    wire.forget()
    fail(wire, "audio")
    assert brief_items(wire) == ["ReconnectScheduled AUDIO"]
    assert wire.phase() == "RECONNECTING_MEDIA"
    wire.wait(0.25)
    wire.opened("audio")
    wire.accept_media("audio")
    assert wire.phase() == "STREAMING"
    assert wire.items() == []


def test_unified_connection_comes_back(join: Join) -> None:
    """The connection for all media takes all of them along."""
    wire = join("audio", "chat", unified=True, reconnect=POLICY)
    wire.connect({"all": "wss://media.zoom.us/all"})
    wire.opened("all")
    wire.accept_media("all")
    wire.forget()
    lose(wire, "all")
    assert brief_items(wire) == ["StreamInterrupted ALL", "ReconnectScheduled ALL"]
    wire.wait(0.25)
    assert wire.brief() == ["open all"]


# --- signaling -----------------------------------------------------------------------------------


def test_lost_signaling_takes_everything_along(join: Join) -> None:
    """All is closed and redone: handshake, subscriptions, media, acknowledgements."""
    wire = join(
        "audio",
        "video",
        reconnect=POLICY,
        events=(EventType.PARTICIPANT_JOIN,),
    ).stream()
    token = wire.session.control.request_stream_state(wire.now)
    wire.do()
    lose(wire, "signaling", 1000)
    assert wire.brief() == [
        "close audio 1000",
        "close video 1000",
        f"answer {token} InvalidState",
    ]
    assert wire.phase() == "RECONNECTING_SIGNALING"
    assert brief_items(wire) == ["StreamInterrupted -", "ReconnectScheduled -"]
    wire.wait(0.25)
    assert wire.brief() == ["open signaling"]
    wire.opened("signaling")
    wire.accept_signaling()
    assert wire.brief() == [
        "signaling sends 1",
        "signaling sends 5",
        "open audio",
        "open video",
    ]
    assert wire.phase() == "RECONNECTING_MEDIA"
    assert wire.items() == []
    for medium in ("audio", "video"):
        wire.opened(medium)
        wire.accept_media(medium)
    assert wire.phase() == "STREAMING"
    assert brief_items(wire) == ["StreamResumed -"]
    assert wire.brief() == [
        "audio sends 3",
        "signaling sends 7",
        "video sends 3",
        "signaling sends 7",
    ]


def test_new_media_urls_are_used(streaming: Wire) -> None:
    """What the new answer says replaces what the old one said."""
    wire = streaming
    lose(wire, "signaling")
    wire.wait(0.25)
    wire.opened("signaling")
    wire.do()
    wire.accept_signaling({"audio": "wss://other.zoom.us/a", "video": "wss://other.zoom.us/v"})
    assert [action.url for action in wire.do() if isinstance(action, Open)] == [
        "wss://other.zoom.us/a",
        "wss://other.zoom.us/v",
    ]


def test_signaling_is_given_up_at_the_end_of_its_window(streaming: Wire) -> None:
    """After 60 seconds from the first loss the server has given us up, and so do we."""
    wire = streaming
    lose(wire, "signaling")
    wire.do()
    begun, tries = wire.now, []
    while wire.phase() == "RECONNECTING_SIGNALING":
        deadline = wire.session.next_deadline()
        assert deadline is not None
        wire.wait(deadline - wire.now)
        if wire.brief() == ["open signaling"]:
            tries.append(wire.now - begun)
            fail(wire, "signaling")
    assert tries == [0.25, 3.25, 9.25, 21.25, 45.25]
    assert wire.now - begun == 60.0
    assert isinstance(wire.session.error, ex.StreamLost)
    assert len(wire.session.error.history) == 6


def test_row_27_documented_tries(join: Join) -> None:
    """With the documented policy the tries fall at about 3, 9, 21 and 45 seconds."""
    policy = attrs.evolve(ReconnectPolicy.documented(), jitter=0.0)
    wire = join(reconnect=policy).stream()
    lose(wire, "signaling")
    wire.do()
    begun, tries = wire.now, []
    while wire.phase() == "RECONNECTING_SIGNALING":
        deadline = wire.session.next_deadline()
        assert deadline is not None
        wire.wait(deadline - wire.now)
        if wire.brief() == ["open signaling"]:
            tries.append(wire.now - begun)
            fail(wire, "signaling")
    assert tries == [3.0, 9.0, 21.0, 45.0]


@pytest.mark.parametrize(("status", "kind"), [(2, ex.StreamNotFound), (3, ex.AuthenticationFailed)])
def test_signaling_refused_at_its_return(
    streaming: Wire, status: int, kind: type[ex.RTMSError]
) -> None:
    """A stream that is gone, or a signature that is wrong, will not be accepted later."""
    wire = streaming
    lose(wire, "signaling")
    wire.wait(0.25)
    wire.opened("signaling")
    wire.forget()
    wire.hear("signaling", {"msg_type": 2, "status_code": status})
    assert wire.brief() == ["close signaling 1000"]
    assert type(wire.session.error) is kind


def test_first_signaling_connection_is_retried(join: Join) -> None:
    """A server that cannot be reached is tried again; nothing was interrupted by that."""
    wire = join(reconnect=POLICY)
    wire.session.start(wire.now)
    wire.do()
    fail(wire, "signaling")
    assert wire.phase() == "CONNECTING_SIGNALING"
    wire.wait(0.25)
    assert wire.brief() == ["open signaling"]
    wire.opened("signaling")
    wire.accept_signaling()
    wire.opened("audio")
    wire.accept_media("audio")
    assert brief_items(wire) == ["ReconnectScheduled -"]
    assert wire.phase() == "STREAMING"


def test_row_1_other_key_after_a_duplicate(join: Join, info: StreamInfo) -> None:
    """A refusal that is not about the id leaves the other ways to name the stream untried."""
    wire = join(reconnect=POLICY, info=attrs.evolve(info, product=Product.PHONE))
    wire.session.start(wire.now)
    wire.opened("signaling")
    wire.hear("signaling", {"msg_type": 2, "status_code": 8})
    wire.wait(1.5)
    wire.opened("signaling")
    wire.forget()
    wire.hear("signaling", {"msg_type": 2, "status_code": 3})
    assert wire.brief() == ["close signaling 1000", "open signaling"]
    wire.opened("signaling")
    (action,) = wire.do()
    assert isinstance(action, Send)
    assert "call_id" in json.loads(action.data)


def test_media_flow_before_all_are_back(streaming: Wire) -> None:
    """The resumption is announced when all are there, although one medium flowed before."""
    wire = streaming
    lose(wire, "signaling")
    wire.wait(0.25)
    wire.opened("signaling")
    wire.accept_signaling()
    wire.opened("audio")
    wire.accept_media("audio")
    wire.forget()
    wire.media("audio")
    wire.items()
    wire.opened("video")
    wire.accept_media("video")
    assert brief_items(wire) == ["StreamResumed -"]
    lose(wire, "signaling")
    wire.wait(0.25)
    assert wire.brief()[-1] == "open signaling"


def test_medium_lost_while_signaling_returns(streaming: Wire) -> None:
    """The story of the medium is part of the story of signaling: one window for both."""
    wire = streaming
    lose(wire, "signaling")
    wire.wait(0.25)
    wire.opened("signaling")
    wire.accept_signaling()
    wire.opened("video")
    wire.accept_media("video")
    wire.forget()
    fail(wire, "audio")
    assert brief_items(wire) == ["ReconnectScheduled AUDIO"]
    assert wire.phase() == "RECONNECTING_MEDIA"
    wire.wait(0.25)
    wire.opened("audio")
    wire.accept_media("audio")
    assert wire.phase() == "STREAMING"
    assert brief_items(wire) == ["StreamResumed -"]
