"""What the application sees of interruptions: events, gaps, counters, and nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.protocol.failover_support import (
    accept,
    event_7,
    fail,
    live,
    lose,
    refuse,
    sleep,
    told,
)

from rtms_client.enums import MediaType
from rtms_client.frames import AudioFrame, TranscriptSegment

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

NOW = 1790000000000


@pytest.fixture
def wire(join: Join) -> Wire:
    """Return a stream of audio and transcript, whose media flow."""
    return live(join, "audio", "transcript")


def speak(wire: Wire, first: int, last: int, *users: int) -> None:
    """Let the server send packets of 20 ms, from one time to another."""
    for timestamp in range(NOW + first, NOW + last + 1, 20):
        for user in users:
            wire.media("audio", timestamp, user_id=user, data="AAAA")


def come_back(wire: Wire, *endpoints: str) -> None:
    """Let the first try succeed."""
    sleep(wire, 3.0)
    for endpoint in endpoints:
        accept(wire, endpoint)


# --- the whole story -----------------------------------------------------------------------------


def test_story_of_a_medium(wire: Wire) -> None:
    """Interruption, tries, resumption, gap, and the frame behind it, marked."""
    speak(wire, 0, 40, 1)
    wire.forget()
    lose(wire, "audio")
    sleep(wire, 3.0)
    fail(wire, "audio")
    sleep(wire, 6.0)
    accept(wire, "audio")
    wire.media("audio", NOW + 9060)
    items = wire.items()
    wire.session.intake.items = [*items]
    assert told(wire) == [
        "interrupted audio ConnectionLost 1006",
        "try 1 of audio in 3 ConnectionLost 1006",
        "try 2 of audio in 6 ConnectFailed",
        "resumed audio after 9 and 2",
        f"gap audio lost {NOW + 40} {NOW + 9060} [1]",
        "AudioFrame",
    ]
    assert [item.sequence for item in items] == [4, 5, 6, 7, 8, 9]
    assert isinstance(items[-1], AudioFrame)
    assert items[-1].discontinuity


def test_story_of_everything(wire: Wire) -> None:
    """A loss of signaling is one interruption, one resumption, and a gap for each medium."""
    speak(wire, 0, 0, 1)
    wire.media("transcript", NOW, user_id=2, data="a")
    wire.forget()
    lose(wire, "signaling")
    come_back(wire, "signaling", "audio", "transcript")
    wire.media("transcript", NOW + 5000, user_id=2, data="b")
    speak(wire, 6000, 6000, 1)
    assert told(wire) == [
        "interrupted everything ConnectionLost 1006",
        "try 1 of everything in 3 ConnectionLost 1006",
        "resumed everything after 3 and 1",
        f"gap transcript lost {NOW} {NOW + 5000} [2]",
        "TranscriptSegment",
        f"gap audio lost {NOW} {NOW + 6000} [1]",
        "AudioFrame",
    ]


def test_media_before_everything_is_back(wire: Wire) -> None:
    """The resumption is told when all is there, although one medium flows before."""
    speak(wire, 0, 0, 1)
    wire.forget()
    lose(wire, "signaling")
    come_back(wire, "signaling", "audio")
    speak(wire, 20, 40, 1)
    wire.now += 1.0
    accept(wire, "transcript")
    assert told(wire)[2:] == ["AudioFrame", "AudioFrame", "resumed everything after 4 and 1"]
    assert wire.session.intake.statistics.reconnects == 1


def test_first_connection_after_several_tries(join: Join) -> None:
    """Nothing was interrupted, so nothing is resumed."""
    wire = join("audio", reconnect=live(join).session.options.reconnect)
    wire.session.start(wire.now)
    fail(wire, "signaling")
    come_back(wire, "signaling", "audio")
    assert told(wire) == ["try 1 of everything in 3 ConnectFailed"]


def test_first_connection_of_a_medium_after_several_tries(join: Join) -> None:
    """The same holds for a medium, also when another one was interrupted meanwhile."""
    wire = live(join, "audio", "transcript")
    lose(wire, "signaling")
    come_back(wire, "signaling", "audio", "transcript")
    wire.forget()
    wire = join("audio", "transcript", reconnect=wire.session.options.reconnect)
    wire.connect()
    accept(wire, "audio")
    fail(wire, "transcript")
    lose(wire, "audio")
    sleep(wire, 3.0)
    accept(wire, "audio")
    accept(wire, "transcript")
    assert [line for line in told(wire) if "resumed" in line] == ["resumed audio after 3 and 1"]


def test_every_loss_is_told_once(wire: Wire) -> None:
    """Event, closed connection and webhook about one loss are one interruption."""
    event_7(wire, 1)
    lose(wire, "audio")
    event_7(wire, 1)
    event_7(wire)
    assert [line for line in told(wire) if "interrupted" in line] == [
        "interrupted audio ConnectionLost 1006"
    ]


# --- gaps ----------------------------------------------------------------------------------------


def test_gap_of_several_speakers(wire: Wire) -> None:
    """The gap names those who spoke, and reaches from the first who stopped."""
    speak(wire, 0, 0, 1, 2, 3)
    speak(wire, 20, 20, 1)
    wire.forget()
    lose(wire, "audio")
    come_back(wire, "audio")
    speak(wire, 3000, 3020, 2, 1)
    assert told(wire)[3:] == [f"gap audio lost {NOW} {NOW + 3000} [1, 2, 3]", *["AudioFrame"] * 4]


def test_replay_without_gap(wire: Wire) -> None:
    """When the server sends again what was missed, nothing is missing and nothing comes twice."""
    speak(wire, 0, 100, 1, 2)
    wire.forget()
    lose(wire, "audio")
    come_back(wire, "audio")
    speak(wire, 0, 3000, 1, 2)
    assert told(wire)[3:] == ["AudioFrame"] * (145 * 2)
    assert wire.session.intake.statistics.duplicates == 12
    assert wire.session.intake.statistics.frames[MediaType.AUDIO] == 302


def test_replay_behind_the_live_audio(wire: Wire) -> None:
    """What is sent again after live packets is delivered, once, and announced as a gap before."""
    speak(wire, 0, 100, 1)
    wire.forget()
    lose(wire, "audio")
    come_back(wire, "audio")
    speak(wire, 3000, 3040, 1)
    speak(wire, 0, 3100, 1)
    lines = told(wire)[3:]
    assert lines[0] == f"gap audio lost {NOW + 100} {NOW + 3000} [1]"
    assert lines[1:] == ["AudioFrame"] * 150
    assert wire.session.intake.statistics.duplicates == 9


@pytest.mark.parametrize("medium", ["video", "share", "transcript", "chat"])
def test_replay_of_other_media(join: Join, medium: str) -> None:
    """What came before is not delivered again, for any medium."""
    wire = live(join, medium)
    wire.media(medium, NOW)
    wire.forget()
    lose(wire, medium)
    come_back(wire, medium)
    wire.media(medium, NOW)
    assert told(wire)[3:] == []
    wire.media(medium, NOW + 40)
    users = [] if medium == "chat" else [1]
    assert told(wire)[0] == f"gap {medium} lost {NOW} {NOW + 40} {users}"
    assert wire.session.intake.statistics.duplicates == 1


def test_medium_that_never_comes_back(wire: Wire) -> None:
    """At the end of the stream its gap has no end."""
    speak(wire, 0, 0, 7)
    wire.forget()
    lose(wire, "audio")
    sleep(wire, 65.0)
    told(wire)
    wire.session.close(wire.now)
    wire.hear("signaling", {"msg_type": 22, "status_code": 0})
    assert told(wire) == [f"gap audio lost {NOW} None [7]"]


def test_end_in_the_middle_of_an_interruption(wire: Wire) -> None:
    """A stream that ends while it is interrupted announces what is missing."""
    speak(wire, 0, 0, 7)
    wire.forget()
    lose(wire, "signaling")
    wire.session.stopped(None, wire.now)
    assert told(wire)[2:] == [f"gap audio lost {NOW} None [7]", "gap transcript lost None None []"]


def test_refused_medium_has_no_gap(join: Join) -> None:
    """What was never there cannot be missing."""
    wire = join("audio", "transcript", reconnect=live(join).session.options.reconnect)
    wire.connect()
    accept(wire, "transcript")
    wire.opened("audio")
    refuse(wire, "audio", 9)
    lose(wire, "signaling")
    wire.forget()
    wire.session.stopped(None, wire.now)
    assert told(wire) == ["gap transcript lost None None []"]


def test_medium_that_was_not_there_yet_has_no_gap(join: Join) -> None:
    """A medium that came about only after the loss begins without a gap."""
    wire = join("audio", "transcript", reconnect=live(join).session.options.reconnect)
    wire.connect()
    accept(wire, "transcript")
    lose(wire, "signaling")
    come_back(wire, "signaling", "audio", "transcript")
    wire.forget()
    speak(wire, 0, 0, 1)
    assert told(wire) == ["AudioFrame"]


def test_shared_connection_has_a_gap_for_each_medium(join: Join) -> None:
    """The connection for all media takes all of them along."""
    reconnect = live(join).session.options.reconnect
    wire = join("audio", "transcript", unified=True, reconnect=reconnect)
    wire.connect({"all": "wss://m.zoom.us/all"})
    accept(wire, "all")
    wire.forget()
    lose(wire, "all")
    come_back(wire, "all")
    wire.hear("all", {"msg_type": 14, "content": {"user_id": 1, "data": "AA==", "timestamp": NOW}})
    wire.session.abort()
    assert told(wire) == [
        "interrupted all ConnectionLost 1006",
        "try 1 of all in 3 ConnectionLost 1006",
        "resumed all after 3 and 1",
        f"gap audio lost None {NOW} []",
        "AudioFrame",
        "gap transcript lost None None []",
    ]


def test_coarse_clock_across_an_interruption(wire: Wire) -> None:
    """Different packets with one time stamp all come, before and after."""
    for data in ("AAAA", "BBBB"):
        wire.media("audio", NOW, data=data)
    lose(wire, "audio")
    come_back(wire, "audio")
    for data in ("AAAA", "BBBB", "CCCC"):
        wire.media("audio", NOW, data=data)
    frames = [item for item in wire.items() if isinstance(item, AudioFrame)]
    assert [frame.data for frame in frames] == [b"\0\0\0", b"\x04\x10\x41", b"\x08\x20\x82"]


def test_reordered_frames_are_delivered(wire: Wire) -> None:
    """Frames in another order than their time stamps are no duplicates."""
    for offset in (0, 40, 20, 100, 60, 80):
        wire.media("audio", NOW + offset)
        wire.media("transcript", NOW + offset, data=str(offset))
    items = wire.items()
    assert [one.timestamp_ms - NOW for one in items if isinstance(one, AudioFrame)] == [
        0,
        40,
        20,
        100,
        60,
        80,
    ]
    assert len([one for one in items if isinstance(one, TranscriptSegment)]) == 6


# --- pauses --------------------------------------------------------------------------------------


def state(wire: Wire, number: int, timestamp: int | None) -> None:
    """Let the server report a state of the stream."""
    time = {} if timestamp is None else {"timestamp": timestamp}
    wire.hear("signaling", {"msg_type": 8, "state": number, **time})


@pytest.mark.parametrize("resumed", [1, 6])
def test_pause(wire: Wire, resumed: int) -> None:
    """A pause is a state with a gap for all media, and no loss."""
    state(wire, 5, NOW)
    paused = [wire.session.intake.paused]
    assert wire.phase() == "STREAMING"
    state(wire, resumed, NOW + 7000)
    assert [*paused, wire.session.intake.paused] == [True, False]
    assert told(wire) == [
        "StreamStateChanged",
        "StreamStateChanged",
        f"gap everything paused {NOW} {NOW + 7000} []",
    ]
    assert wire.brief() == []


def test_pause_that_is_told_twice(wire: Wire) -> None:
    """A pause begins when it is told first, and ends once."""
    state(wire, 5, NOW)
    state(wire, 5, NOW + 1000)
    state(wire, 6, NOW + 7000)
    state(wire, 6, NOW + 8000)
    assert [line for line in told(wire) if "gap" in line] == [
        f"gap everything paused {NOW} {NOW + 7000} []"
    ]


def test_pause_without_times(wire: Wire) -> None:
    """A server that does not say when leaves the extent open."""
    state(wire, 5, None)
    state(wire, 6, None)
    assert told(wire)[2] == "gap everything paused None None []"


def test_active_without_a_pause(wire: Wire) -> None:
    """ACTIVE alone resumes nothing."""
    state(wire, 1, NOW)
    assert told(wire) == ["StreamStateChanged"]


# --- counters ------------------------------------------------------------------------------------


def test_statistics(wire: Wire) -> None:
    """The counters of a stream that was interrupted twice add up."""
    speak(wire, 0, 100, 1)
    lose(wire, "audio")
    come_back(wire, "audio")
    speak(wire, 60, 200, 1)
    lose(wire, "signaling")
    come_back(wire, "signaling", "audio", "transcript")
    speak(wire, 300, 400, 1)
    statistics = wire.session.intake.statistics
    assert statistics.interruptions == 2
    assert statistics.reconnects == 2
    assert statistics.duplicates == 3
    assert statistics.frames == {MediaType.AUDIO: 17, MediaType.TRANSCRIPT: 0}
    assert statistics.messages == 3 + 20 + 1 + 3
    assert statistics.unrecognized == 0
    sequences = [item.sequence for item in wire.items()]
    assert sequences == list(range(1, len(sequences) + 1))
