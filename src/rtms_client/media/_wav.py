"""WAV files that can be written at any place: silence where nothing was, sums where something was.

The header is kept up to date while the file grows, so that it can be played at any moment. A file
that outgrows the 4 GiB of WAV becomes RF64 (EBU Tech 3306); its header has room for that from the
beginning.
"""

import array
import struct
import sys
from operator import add
from pathlib import Path
from typing import Final

from ._files import write_all

__all__ = ["WavFile", "add_samples"]

_HEADER: Final = struct.Struct("<4sI4s 4sIQQQI 4sIHHIIHH 4sI")
_SAMPLE_BYTES: Final = 2
_MAX_SIZE: Final = 0xFFFFFFFF  # of WAV; RF64 writes it where its own sizes stand elsewhere
_LOWEST, _HIGHEST = -0x8000, 0x7FFF


class WavFile:
    """One WAV file of signed 16-bit samples; not buffered, so nothing is lost with the process.

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
        self._file = path.open("w+b", buffering=0)
        self._stated = -1
        self.flush()

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds."""
        return self.length * 1000 // self.rate_hz

    def write(self, position: int, data: bytes) -> None:
        """Put samples at a position; what lies between the end and it becomes silence."""
        self._file.seek(_HEADER.size + position * self._frame_bytes)
        write_all(self._file, data)
        self.length = max(self.length, position + len(data) // self._frame_bytes)

    def read(self, position: int, count: int) -> bytes:
        """Return samples; silence where the file has none yet."""
        size = count * self._frame_bytes
        self._file.seek(_HEADER.size + position * self._frame_bytes)
        return self._file.read(size).ljust(size, b"\x00")

    def mix(self, position: int, data: bytes) -> None:
        """Add samples to those at a position; what is too loud stays at the limit."""
        if position < self.length:
            below = self.read(position, len(data) // self._frame_bytes)
            data = add_samples(below, data)
        self.write(position, data)

    def pad(self, length: int) -> None:
        """Add silence at the end until the file has a length."""
        if length > self.length:
            self.length = length
            self._file.truncate(_HEADER.size + length * self._frame_bytes)

    def flush(self) -> None:
        """Make all that was written playable, even if the process is killed."""
        if self._stated != self.length:
            self._file.seek(0)
            write_all(self._file, self._header())
            self._stated = self.length

    def close(self) -> None:
        """Complete the file; may be called more than once."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def _header(self) -> bytes:
        size = self.length * self._frame_bytes
        whole = _HEADER.size - 8 + size
        long = whole > _MAX_SIZE
        return _HEADER.pack(
            b"RF64" if long else b"RIFF",
            _MAX_SIZE if long else whole,
            b"WAVE",
            b"ds64" if long else b"JUNK",
            28,  # bytes of the sizes that follow
            whole if long else 0,
            size if long else 0,
            self.length if long else 0,
            0,
            b"fmt ",
            16,  # bytes of the format that follows
            1,  # PCM
            self.channels,
            self.rate_hz,
            self.rate_hz * self._frame_bytes,
            self._frame_bytes,
            8 * _SAMPLE_BYTES,
            b"data",
            _MAX_SIZE if long else size,
        )


def add_samples(low: bytes, high: bytes) -> bytes:
    """Add 16-bit little-endian samples, as many of each, limited to the range of 16 bits."""
    if low.count(0) == len(low):  # silence: the common case, and a hundred times as fast
        return high
    sums = list(map(add, _samples(low), _samples(high)))
    if min(sums) < _LOWEST or max(sums) > _HIGHEST:
        sums = [max(_LOWEST, min(_HIGHEST, value)) for value in sums]
    total = array.array("h", sums)
    if sys.byteorder == "big":  # pragma: no cover  # no machine of ours
        total.byteswap()
    return total.tobytes()


def _samples(data: bytes) -> "array.array[int]":
    samples = array.array("h", data)
    if sys.byteorder == "big":  # pragma: no cover  # no machine of ours
        samples.byteswap()
    return samples
