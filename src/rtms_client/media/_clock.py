"""The time of a session: every item's place on one axis that begins with the session."""

from typing import Final

from rtms_client.events import (
    FirstPacket,
    MediaInterrupted,
    SessionStateChanged,
    StreamItem,
    StreamStateChanged,
)
from rtms_client.frames import MediaFrame

__all__ = ["SessionClock"]

_BUFFERED_MS: Final = 60_000  # audio from before the connection is at most so old
_LEAP_MS: Final = 3_600_000
_SILENCE_MS: Final = 24 * 3_600_000  # nobody speaks, nothing happens: a break of a long session
_AGREE_MS: Final = 60_000
_FINAL: Final = 10
"""So many do not share a mistake, and too much is placed by then to move the start."""
_REPORTS: Final = (MediaInterrupted, SessionStateChanged, StreamStateChanged)
"""Their time stamps say when they were sent, which may be long after the last medium."""


class SessionClock:
    """Turns time stamps of the server into times since the start of the session.

    The start is what the server says in `FirstPacket`, else the first medium. Media that are older
    by no more than the server buffers move the start, as long as no medium has been placed. A start
    that was a mistake is given up: when more items in a row contradict it, and agree with each
    other, than agreed with it. Ten that agree make it final.

    Args:
        start_ms: Start of the session, if it is known: Unix time in milliseconds. It is final.

    Attributes:
        start_ms: Start of the session, Unix time in milliseconds; `None` while unknown.
        length_ms: From the start to the newest time stamp, in milliseconds.
    """

    def __init__(self, start_ms: int | None = None) -> None:
        self.start_ms = start_ms
        self.length_ms: int = 0
        self._placed = False
        """Whether a medium has a place."""
        self._support = 0 if start_ms is None else _FINAL
        """How many media agree with the start, and first packets."""
        self._doubts = self._doubted_ms = 0
        """How many items in a row contradict it, and agree with each other; the earliest time."""

    def place(self, item: StreamItem) -> int | None:
        """Return when an item belongs, in milliseconds since the start.

        `None` when it has no time, or one that cannot be true: before the start, or more than an
        hour after everything else. Only when the next item agrees, there was silence for so long
        (a day at most), and that item has a place. The first medium may be a day after the start.
        """
        timestamp_ms: int | None = getattr(item, "timestamp_ms", None)
        if timestamp_ms is None:
            return None
        is_medium = isinstance(item, MediaFrame)
        supports = is_medium or isinstance(item, FirstPacket)
        if self.start_ms is None:
            if not supports:
                return None
            self.start_ms = timestamp_ms
        start_ms = self._start_for(self.start_ms, timestamp_ms, is_medium=is_medium)
        if start_ms is None:
            return None
        self.start_ms, at_ms = start_ms, timestamp_ms - start_ms
        self._doubts = 0
        self._placed |= is_medium
        self._support += supports
        if not isinstance(item, _REPORTS):
            self.length_ms = max(self.length_ms, at_ms)
        return at_ms

    def _start_for(self, start_ms: int, timestamp_ms: int, *, is_medium: bool) -> int | None:
        """Return the start from which an item counts; `None` when its time cannot be true."""
        at_ms, leap_ms = timestamp_ms - start_ms, _LEAP_MS
        if is_medium and not self._placed:
            leap_ms = _SILENCE_MS
            if -_BUFFERED_MS <= at_ms < 0 and self._support < _FINAL:
                return timestamp_ms
        if 0 <= at_ms <= self.length_ms + leap_ms:
            return start_ms
        if not self._doubts or abs(timestamp_ms - self._doubted_ms) > _AGREE_MS:
            self._doubts, self._doubted_ms = 1, timestamp_ms
            return None
        self._doubts, self._doubted_ms = self._doubts + 1, min(self._doubted_ms, timestamp_ms)
        if is_medium and self._support < min(self._doubts, _FINAL):
            self._support, self.length_ms = self._doubts - 1, 0
            return self._doubted_ms
        return start_ms if 0 <= at_ms <= self.length_ms + _SILENCE_MS else None
