"""WAV files: every byte of the header, every sample at its place."""

import io
import wave
from pathlib import Path

import av
from tests.unit.cli.items import pcm, samples

from rtms_client.media._wav import WavFile, add_samples


def read(path: Path) -> tuple[int, int, list[int]]:
    """Return channels, rate and samples, read by the standard library."""
    with wave.open(io.BytesIO(path.read_bytes())) as file:
        assert file.getsampwidth() == 2
        return file.getnchannels(), file.getframerate(), samples(file.readframes(10**6))


def test_header(tmp_path: Path) -> None:
    """The header is the canonical one, with room for the sizes of RF64."""
    file = WavFile(tmp_path / "a.wav", rate_hz=16_000, channels=2)
    file.write(0, pcm(1, 2, 3, 4))
    file.close()
    assert (tmp_path / "a.wav").read_bytes() == (
        b"RIFF\x50\x00\x00\x00WAVE"
        b"JUNK\x1c\x00\x00\x00" + bytes(28) + b""
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


def test_beyond_four_gibibytes(tmp_path: Path) -> None:
    """A file that WAV cannot express becomes RF64, which players read to its end."""
    file = WavFile(tmp_path / "a.wav", rate_hz=48_000, channels=2)
    last = (0xFFFFFFFF - 72) // 4
    file.pad(last)
    file.flush()
    with file.path.open("rb") as head:
        assert head.read(16) == b"RIFF\xfc\xff\xff\xffWAVEJUNK"
    file.write(last, pcm(7, 8))
    file.close()
    with file.path.open("rb") as head:
        assert head.read(44) == (
            b"RF64\xff\xff\xff\xffWAVE"
            b"ds64\x1c\x00\x00\x00"
            b"\x00\x00\x00\x00\x01\x00\x00\x00"
            b"\xb8\xff\xff\xff\x00\x00\x00\x00"
            b"\xee\xff\xff\x3f\x00\x00\x00\x00"
        )
    with av.open(str(file.path)) as container:
        [stream] = container.streams.audio
        assert stream.duration == 1_073_741_806
        container.seek(stream.duration - 4800, stream=stream)
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    assert packets[-1][-4:] == pcm(7, 8)


def test_nothing_is_written_without_news(tmp_path: Path) -> None:
    """A flush of a file that did not grow leaves it alone."""
    file = WavFile(tmp_path / "a.wav", rate_hz=8000)
    file.path.write_bytes(b"")
    file.flush()
    assert file.path.read_bytes() == b""
    file.write(0, pcm(1))
    file.close()
    assert read(file.path)[2] == [1]


def test_silence_is_replaced_without_arithmetic() -> None:
    """Adding to silence returns the very same samples."""
    data = pcm(1, 2)
    assert add_samples(bytes(4), data) is data
    assert add_samples(b"", b"") == b""
