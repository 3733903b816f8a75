"""Where the packets of one speaker belong, in whatever order they come."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

__all__ = ["Track"]


class Track:
    """Gives every sample its place once.

    Small jitter of the time stamps is not made audible: a packet that begins within the tolerance
    of the end of an earlier one follows it without a seam, and one that ends within the tolerance
    of the begin of a later one leads up to it. What was there already is cut off. Packets may come
    late, after a replay for example; only what lies before the last `MAX_STRETCHES` stretches of
    speech has no place any more, because nobody remembers whether it was there.

    Args:
        rate_hz: Sample frames per second.
        frame_bytes: Bytes of a sample frame.

    Attributes:
        repeated: Sample frames that came again.
        late: Sample frames that came too late.
    """

    TOLERANCE_MS: Final = 10
    MAX_STRETCHES: Final = 4096

    def __init__(self, *, rate_hz: int, frame_bytes: int) -> None:
        self.repeated = self.late = 0
        self._rate_hz, self._frame_bytes = rate_hz, frame_bytes
        self._tolerance = rate_hz * self.TOLERANCE_MS // 1000
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._floor = 0

    def place(self, at_ms: int, data: bytes) -> list[tuple[int, bytes]]:
        """Return positions with the samples to write there; none when all came before."""
        length = len(data) // self._frame_bytes
        if not length:
            return []
        start = self._aligned(at_ms * self._rate_hz // 1000, length)
        end = start + length
        if start < self._floor:
            self.late += length
            return []
        pieces = [
            (low, data[(low - start) * self._frame_bytes : (high - start) * self._frame_bytes])
            for low, high in self._free(start, end)
        ]
        self.repeated += length - sum(len(piece) for _, piece in pieces) // self._frame_bytes
        self._cover(start, end)
        return pieces

    def _aligned(self, start: int, length: int) -> int:
        """Take the jitter out of a position."""
        after = bisect_right(self._starts, start)
        if after and abs(start - self._ends[after - 1]) <= self._tolerance:
            return self._ends[after - 1]
        if after < len(self._starts):
            before = self._starts[after] - length
            if abs(start - before) <= self._tolerance and before >= 0:
                return before
        return start

    def _free(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range where nothing is."""
        index = max(bisect_right(self._starts, start) - 1, 0)
        while start < end:
            if index == len(self._starts) or self._starts[index] >= end:
                yield start, end
                return
            if start < self._starts[index]:
                yield start, self._starts[index]
            start = max(start, self._ends[index])
            index += 1

    def _cover(self, start: int, end: int) -> None:
        """Remember that a range is taken, joined with its neighbours."""
        first = bisect_right(self._starts, start)
        if first and self._ends[first - 1] >= start:
            first -= 1
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]
        if len(self._starts) > self.MAX_STRETCHES:
            del self._starts[0]
            self._floor = self._ends.pop(0)
