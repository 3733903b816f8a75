"""Places on the axis of a session."""

import pytest
from tests.unit.cli.items import START, T0, audio, caption

from rtms_client.enums import MediaType, StreamState
from rtms_client.events import (
    ActiveSpeakerChanged,
    FirstPacket,
    MediaUnavailable,
    ParticipantJoined,
    SharingStopped,
    StreamStateChanged,
)
from rtms_client.media import SessionClock


def test_the_first_packet_is_zero() -> None:
    """Everything is counted from the start that the server gives."""
    clock = SessionClock()
    assert clock.place(START) == 0
    assert clock.place(audio(600)) == 600
    assert clock.place(caption(250)) == 250
    assert (clock.start_ms, clock.length_ms) == (T0, 600)


def test_a_second_first_packet_changes_nothing() -> None:
    """After a reconnection the axis stays."""
    clock = SessionClock()
    clock.place(START)
    assert clock.place(FirstPacket(timestamp_ms=T0 + 5000)) == 5000
    assert clock.start_ms == T0


def test_without_a_first_packet_the_first_medium_is_zero() -> None:
    """Events alone do not start the axis."""
    clock = SessionClock()
    assert clock.place(SharingStopped(timestamp_ms=T0)) is None
    assert clock.place(audio(100)) == 0
    assert clock.place(audio(120)) == 20


def test_buffered_audio_moves_the_start() -> None:
    """Audio from before the connection is not lost, but only what a server can have buffered."""
    clock = SessionClock()
    clock.place(START)
    assert clock.place(audio(-30_000)) == 0
    assert clock.place(audio(0)) == 30_000

    clock = SessionClock()
    clock.place(START)
    assert clock.place(audio(-60_001)) is None
    assert clock.place(audio(-1)) == 0
    assert clock.place(audio(-2)) is None
    assert clock.start_ms == T0 - 1


def test_joining_late_is_no_leap() -> None:
    """The first medium may come any time after the start."""
    clock = SessionClock()
    clock.place(START)
    assert clock.place(audio(7_200_000)) == 7_200_000


def test_impossible_times_have_no_place() -> None:
    """A time stamp more than an hour ahead of everything else is wrong."""
    clock = SessionClock()
    clock.place(START)
    clock.place(audio(0))
    assert clock.place(audio(3_600_001)) is None
    assert clock.place(audio(3_600_000)) == 3_600_000
    assert clock.length_ms == 3_600_000


def test_items_without_time() -> None:
    """Items without a time stamp have no place."""
    clock = SessionClock()
    clock.place(START)
    assert clock.place(MediaUnavailable(media=MediaType.CHAT)) is None
    assert clock.place(ParticipantJoined(participants=())) is None


def test_reports_do_not_make_the_session_longer() -> None:
    """The state of the stream comes when everything is over."""
    clock = SessionClock()
    clock.place(START)
    over = StreamStateChanged(state=StreamState.TERMINATED, timestamp_ms=T0 + 5000)
    assert clock.place(over) == 5000
    assert clock.length_ms == 0


def test_a_given_start_stays() -> None:
    """Who knows the start says so, and nothing moves it."""
    clock = SessionClock(T0 + 100)
    assert clock.place(START) is None
    assert clock.place(audio(0)) is None
    assert clock.place(audio(150)) == 50
    assert clock.start_ms == T0 + 100


def test_a_long_silence_is_no_leap() -> None:
    """After a break of hours the second item proves the first one right, and has its place."""
    clock = SessionClock()
    clock.place(START)
    clock.place(audio(0))
    assert clock.place(audio(7_200_000)) is None
    assert clock.place(audio(7_200_020)) == 7_200_020
    assert clock.place(audio(7_200_040)) == 7_200_040
    assert clock.length_ms == 7_200_040


def test_only_neighbours_prove_each_other_right() -> None:
    """Wrong times that differ, that come alone, or that are days ahead stay wrong."""
    clock = SessionClock()
    clock.place(START)
    clock.place(audio(0))
    assert clock.place(audio(7_200_000)) is None
    assert clock.place(audio(7_260_001)) is None
    assert clock.place(audio(20)) == 20
    assert clock.place(audio(7_260_001)) is None
    assert clock.place(audio(86_400_021)) is None
    assert clock.place(audio(86_400_021)) is None
    assert clock.place(audio(86_400_020)) == 86_400_020


YEARS = 5 * 365 * 86_400_000


@pytest.mark.parametrize(
    ("first", "wrong_ms"),
    [
        *((first, ms) for first in ("packet", "medium") for ms in (-T0, -90_000_000, YEARS)),
        *(("packet", 1_800_000), ("medium", 1_800_000), ("medium", -18_000_000)),
    ],
)
def test_a_wrong_start_is_given_up(first: str, wrong_ms: int) -> None:
    """When two media agree that the first time stamp was wrong, only the first of them is lost."""
    clock = SessionClock()
    wrong = FirstPacket(timestamp_ms=T0 + wrong_ms) if first == "packet" else audio(wrong_ms)
    assert clock.place(wrong) == 0
    assert [clock.place(audio(at_ms)) for at_ms in (20, 0, 40)] == [None, 0, 40]
    assert (clock.start_ms, clock.length_ms) == (T0, 40)


@pytest.mark.parametrize("wrong_ms", [-T0, YEARS])
def test_a_wrong_first_medium_is_left_out(wrong_ms: int) -> None:
    """The start that the server gave, and the next medium, are two against one."""
    clock = SessionClock()
    clock.place(START)
    assert clock.place(audio(wrong_ms)) is None
    assert [clock.place(audio(at_ms)) for at_ms in (0, 20)] == [0, 20]
    assert (clock.start_ms, clock.length_ms) == (T0, 20)


def test_the_first_of_two_media_are_wrong() -> None:
    """Each connection may begin with the same mistake; what follows outvotes them."""
    clock = SessionClock()
    clock.place(START)
    assert [clock.place(one) for one in (audio(-T0), caption(-T0))] == [None, 0]
    assert [clock.place(audio(at_ms)) for at_ms in (0, 20, 40, 60)] == [None, None, 40, 60]
    assert (clock.start_ms, clock.length_ms) == (T0, 60)


def test_events_alone_do_not_move_the_start() -> None:
    """They can agree with a medium, though."""
    clock = SessionClock()
    clock.place(START)
    for at_ms in (YEARS, YEARS + 20):
        assert clock.place(ActiveSpeakerChanged(timestamp_ms=T0 + at_ms)) is None
    assert clock.start_ms == T0
    assert clock.place(audio(YEARS + 40)) == 40


def test_ten_make_the_start_final() -> None:
    """What comes later cannot be laid over what is there."""
    for agreed, moved in ((9, True), (10, False)):
        clock = SessionClock()
        for at_ms in range(agreed):
            clock.place(audio(at_ms))
        places = [clock.place(audio(YEARS + at_ms)) for at_ms in range(20)]
        assert (places[agreed:] == [*range(agreed, 20)]) is moved
        assert (clock.start_ms == T0) is not moved
