"""Where the packets of a speaker go."""

import random

import pytest
from tests.unit.cli.items import pcm, samples

from rtms_client.media._track import Track


def test_packets_follow_each_other() -> None:
    """Packets go where their time says."""
    track = Track(rate_hz=1000, frame_bytes=2)
    assert track.place(100, pcm(1, count=20)) == [(100, pcm(1, count=20))]
    assert track.place(120, pcm(2, count=20)) == [(120, pcm(2, count=20))]
    assert track.place(200, pcm(3, count=20)) == [(200, pcm(3, count=20))]


@pytest.mark.parametrize("at_ms", [110, 119, 121, 130])
def test_jitter_makes_no_seam(at_ms: int) -> None:
    """A packet up to 10 ms too early or too late follows the one before."""
    track = Track(rate_hz=1000, frame_bytes=2)
    track.place(100, pcm(1, count=20))
    assert track.place(at_ms, pcm(2, count=20)) == [(120, pcm(2, count=20))]
    assert track.repeated == 0


def test_what_comes_again_is_cut_off() -> None:
    """Audio that was there already is neither written nor mixed twice."""
    track = Track(rate_hz=1000, frame_bytes=2)
    track.place(100, pcm(1, count=40))
    assert track.place(100, pcm(1, count=20)) == []
    assert track.place(125, pcm(7, count=20)) == [(140, pcm(7, count=5))]
    assert track.repeated == 35


def test_half_a_sample_is_left_out() -> None:
    """A packet of odd length cannot shift what follows."""
    track = Track(rate_hz=1000, frame_bytes=2)
    assert track.place(0, b"\1\0\2") == [(0, b"\1\0")]
    assert track.place(1, b"\3\0") == [(1, b"\3\0")]


def test_nothing_has_no_place() -> None:
    """A packet without samples leaves no trace."""
    track = Track(rate_hz=1000, frame_bytes=2)
    assert track.place(5, b"") == []
    assert track.place(5, b"\0") == []
    assert track.place(0, pcm(1, count=20)) == [(0, pcm(1, count=20))]


def test_late_packets_fill_their_hole() -> None:
    """Packets may come in any order; each sample is placed once."""
    track = Track(rate_hz=1000, frame_bytes=2)
    track.place(100, pcm(1, count=20))
    track.place(160, pcm(4, count=20))
    track.place(220, pcm(6, count=20))
    assert track.place(131, pcm(*range(100))) == [
        (131, pcm(*range(29))),
        (180, pcm(*range(49, 89))),
    ]
    assert track.repeated == 31
    assert track.place(120, pcm(3, count=11)) == [(120, pcm(3, count=11))]
    assert track.place(0, pcm(3, count=20)) == [(0, pcm(3, count=20))]
    assert track.place(100, pcm(3, count=140)) == []


def test_jitter_before_a_later_packet() -> None:
    """What comes late ends where the later packet begins."""
    track = Track(rate_hz=1000, frame_bytes=2)
    track.place(100, pcm(1, count=20))
    assert track.place(75, pcm(2, count=20)) == [(80, pcm(2, count=20))]
    track = Track(rate_hz=1000, frame_bytes=2)
    track.place(15, pcm(1, count=20))
    assert track.place(0, pcm(2, count=20)) == [(0, pcm(2, count=15))]


@pytest.mark.parametrize("seed", range(5))
def test_any_order(seed: int) -> None:
    """However packets are shuffled and repeated, every sample is where its time says."""
    dice = random.Random(seed)
    packets = [(20 * number, pcm(*range(number, number + 20))) for number in range(200)]
    chosen = dice.sample(packets, 150)
    track = Track(rate_hz=1000, frame_bytes=2)
    found = [0] * 4020
    for at_ms, data in [*chosen, *dice.sample(chosen, 50)]:
        for position, piece in track.place(at_ms, data):
            for index, value in enumerate(samples(piece), position):
                found[index] += value
    expected = [0] * 4020
    for at_ms, data in chosen:
        expected[at_ms : at_ms + 20] = samples(data)
    assert found == expected
    assert track.repeated == 1000


def test_memory_is_bounded() -> None:
    """What comes before all that is remembered has no place, and is counted."""
    track = Track(rate_hz=1000, frame_bytes=2)
    for number in range(4100):
        track.place(40 * number, pcm(1, count=20))
    assert track.place(100, pcm(1, count=20)) == []
    assert track.late == 20
    assert track.place(180, pcm(2, count=20)) == [(180, pcm(2, count=20))]
