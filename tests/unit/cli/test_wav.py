"""WAV files: every byte of the header, every sample at its place."""

import io
import wave
from pathlib import Path

import pytest
from tests.unit.cli.items import pcm, samples

from rtms_client._cli.wav import Track, WavFile, add_samples


def read(path: Path) -> tuple[int, int, list[int]]:
    """Return channels, rate and samples, read by the standard library."""
    with wave.open(io.BytesIO(path.read_bytes())) as file:
        assert file.getsampwidth() == 2
        return file.getnchannels(), file.getframerate(), samples(file.readframes(10**6))


def test_header(tmp_path: Path) -> None:
    """The header is the canonical one of 44 bytes."""
    file = WavFile(tmp_path / "a.wav", rate_hz=16_000, channels=2)
    file.write(0, pcm(1, 2, 3, 4))
    file.close()
    assert (tmp_path / "a.wav").read_bytes() == (
        b"RIFF\x2c\x00\x00\x00WAVE"
        b"fmt \x10\x00\x00\x00\x01\x00\x02\x00\x80\x3e\x00\x00\x00\xfa\x00\x00\x04\x00\x10\x00"
        b"data\x08\x00\x00\x00\x01\x00\x02\x00\x03\x00\x04\x00"
    )


def test_silence_between(tmp_path: Path) -> None:
    """What nobody wrote is silence, in the middle and at the end."""
    file = WavFile(tmp_path / "a.wav", rate_hz=8000)
    file.write(2, pcm(5, 6))
    file.write(6, pcm(7))
    file.pad(9)
    file.pad(3)
    file.close()
    assert read(file.path) == (1, 8000, [0, 0, 5, 6, 0, 0, 7, 0, 0])
    assert file.length == 9


def test_mixing(tmp_path: Path) -> None:
    """Samples add up where others are, before, across and behind the end."""
    file = WavFile(tmp_path / "a.wav", rate_hz=8000)
    file.mix(1, pcm(10, 20, 30))
    file.mix(0, pcm(1, 1))
    file.mix(3, pcm(-5, -6))
    file.mix(7, pcm(9))
    file.close()
    assert read(file.path)[2] == [1, 11, 20, 25, -6, 0, 0, 9]


def test_what_is_too_loud_stays_at_the_limit(tmp_path: Path) -> None:
    """The sum is limited to 16 bits instead of wrapping around."""
    file = WavFile(tmp_path / "a.wav", rate_hz=8000)
    file.mix(0, pcm(32767, -32768, 30000, 1))
    file.mix(0, pcm(1, -1, -30000, 2))
    file.close()
    assert read(file.path)[2] == [32767, -32768, 0, 3]


def test_playable_while_it_grows(tmp_path: Path) -> None:
    """From the first moment, and after each flush, the file is complete although it is open."""
    file = WavFile(tmp_path / "a.wav", rate_hz=8000)
    assert read(file.path) == (1, 8000, [])
    file.write(0, pcm(1, 2))
    file.flush()
    assert read(file.path)[2] == [1, 2]
    file.write(2, pcm(3))
    file.close()
    file.close()
    assert read(file.path)[2] == [1, 2, 3]


def test_duration(tmp_path: Path) -> None:
    """The duration is in milliseconds."""
    file = WavFile(tmp_path / "a.wav", rate_hz=8000)
    file.write(0, pcm(0, count=12))
    assert file.duration_ms == 1
    file.close()


def test_four_gibibytes_are_the_limit(tmp_path: Path) -> None:
    """A file that the format cannot express is never begun."""
    file = WavFile(tmp_path / "a.wav", rate_hz=8000)
    assert file.fits(2_147_483_625)
    assert not file.fits(2_147_483_626)
    file.pad(2_147_483_626)
    file.close()
    assert read(file.path)[2] == []


def test_packets_follow_each_other() -> None:
    """Packets go where their time says."""
    track = Track(rate_hz=1000, frame_bytes=2)
    assert track.place(100, pcm(1, count=20)) == (100, pcm(1, count=20))
    assert track.place(120, pcm(2, count=20)) == (120, pcm(2, count=20))
    assert track.place(200, pcm(3, count=20)) == (200, pcm(3, count=20))


@pytest.mark.parametrize("at_ms", [110, 119, 121, 130])
def test_jitter_makes_no_seam(at_ms: int) -> None:
    """A packet up to 10 ms too early or too late follows the one before."""
    track = Track(rate_hz=1000, frame_bytes=2)
    track.place(100, pcm(1, count=20))
    assert track.place(at_ms, pcm(2, count=20)) == (120, pcm(2, count=20))
    assert track.repeated == 0


def test_what_comes_again_is_cut_off() -> None:
    """Audio that was there already is neither written nor mixed twice."""
    track = Track(rate_hz=1000, frame_bytes=2)
    track.place(100, pcm(1, count=40))
    assert track.place(100, pcm(1, count=20)) == (120, b"")
    assert track.place(125, pcm(7, count=20)) == (140, pcm(7, count=5))
    assert track.repeated == 35


def test_half_a_sample_is_left_out() -> None:
    """A packet of odd length cannot shift what follows."""
    track = Track(rate_hz=1000, frame_bytes=2)
    assert track.place(0, b"\1\0\2") == (0, b"\1\0")
    assert track.place(1, b"\3\0") == (1, b"\3\0")


def test_silence_is_replaced_without_arithmetic() -> None:
    """Adding to silence returns the very same samples."""
    data = pcm(1, 2)
    assert add_samples(bytes(4), data) is data
    assert add_samples(b"", b"") == b""
