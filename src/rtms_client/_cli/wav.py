"""WAV files that can be written at any place: silence where nothing was, sums where something was.

The header is kept up to date while the file grows, so that it can be played at any moment.
"""

import array
import struct
import sys
from operator import add
from pathlib import Path
from typing import Final

__all__ = ["Track", "WavFile", "add_samples"]

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_SAMPLE_BYTES: Final = 2
_MAX_DATA: Final = 0xFFFFFFFF - _HEADER.size
_LOWEST, _HIGHEST = -0x8000, 0x7FFF


class WavFile:
    """One WAV file of signed 16-bit samples.

    Positions and lengths count sample frames: one sample of each channel.

    Args:
        path: The file; an existing one is replaced.
        rate_hz: Sample frames per second.
        channels: Number of channels, interleaved.
    """

    def __init__(self, path: Path, *, rate_hz: int, channels: int = 1) -> None:
        self.path, self.rate_hz, self.channels = path, rate_hz, channels
        self.length = 0
        self._frame_bytes = _SAMPLE_BYTES * channels
        self._file = path.open("w+b")
        self._write_header()
        self._file.flush()

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds."""
        return self.length * 1000 // self.rate_hz

    def fits(self, end: int) -> bool:
        """Tell whether the format can hold a file of this length; the limit is 4 GiB."""
        return end * self._frame_bytes <= _MAX_DATA

    def write(self, position: int, data: bytes) -> None:
        """Put samples at a position; what lies between the end and it becomes silence."""
        self._file.seek(_HEADER.size + position * self._frame_bytes)
        self._file.write(data)
        self.length = max(self.length, position + len(data) // self._frame_bytes)

    def mix(self, position: int, data: bytes) -> None:
        """Add samples to those at a position; what is too loud stays at the limit."""
        if position < self.length:
            self._file.seek(_HEADER.size + position * self._frame_bytes)
            below = self._file.read(len(data))
            data = add_samples(below, data[: len(below)]) + data[len(below) :]
        self.write(position, data)

    def pad(self, length: int) -> None:
        """Add silence at the end until the file has a length."""
        if length > self.length and self.fits(length):
            self.length = length
            self._file.truncate(_HEADER.size + length * self._frame_bytes)

    def flush(self) -> None:
        """Make all that was written playable, even if the process is killed."""
        self._file.flush()
        self._write_header()
        self._file.flush()

    def close(self) -> None:
        """Complete the file; may be called more than once."""
        if not self._file.closed:
            self._write_header()
            self._file.close()

    def _write_header(self) -> None:
        size = self.length * self._frame_bytes
        self._file.seek(0)
        self._file.write(
            _HEADER.pack(
                b"RIFF",
                _HEADER.size - 8 + size,
                b"WAVE",
                b"fmt ",
                16,  # bytes of the format that follows
                1,  # PCM
                self.channels,
                self.rate_hz,
                self.rate_hz * self._frame_bytes,
                self._frame_bytes,
                8 * _SAMPLE_BYTES,
                b"data",
                size,
            )
        )


class Track:
    """Where the packets of one speaker belong.

    Small jitter of the time stamps is not made audible: a packet that begins within the tolerance
    of the end of the one before follows it without a seam. What was there already is cut off.

    Args:
        rate_hz: Sample frames per second.
        frame_bytes: Bytes of a sample frame.

    Attributes:
        repeated: Sample frames that came again.
    """

    TOLERANCE_MS: Final = 10

    def __init__(self, *, rate_hz: int, frame_bytes: int) -> None:
        self.repeated = 0
        self._rate_hz, self._frame_bytes = rate_hz, frame_bytes
        self._tolerance = rate_hz * self.TOLERANCE_MS // 1000
        self._end = 0

    def place(self, at_ms: int, data: bytes) -> tuple[int, bytes]:
        """Return position and samples to write; no samples when all of them came again."""
        length = len(data) // self._frame_bytes
        position = at_ms * self._rate_hz // 1000
        if abs(position - self._end) <= self._tolerance:
            position = self._end
        again = min(max(self._end - position, 0), length)
        self.repeated += again
        position += again
        self._end = max(self._end, position + length - again)
        return position, data[again * self._frame_bytes : length * self._frame_bytes]


def add_samples(low: bytes, high: bytes) -> bytes:
    """Add 16-bit little-endian samples, as many of each, limited to the range of 16 bits."""
    if low.count(0) == len(low):  # silence: the common case, and a hundred times as fast
        return high
    sums = list(map(add, _samples(low), _samples(high)))
    if min(sums) < _LOWEST or max(sums) > _HIGHEST:
        sums = [max(_LOWEST, min(_HIGHEST, value)) for value in sums]
    total = array.array("h", sums)
    if sys.byteorder == "big":  # pragma: no cover
        total.byteswap()
    return total.tobytes()


def _samples(data: bytes) -> "array.array[int]":
    samples = array.array("h", data)
    if sys.byteorder == "big":  # pragma: no cover
        samples.byteswap()
    return samples
