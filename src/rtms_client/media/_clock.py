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
_REPORTS: Final = (MediaInterrupted, SessionStateChanged, StreamStateChanged)
"""Their time stamps say when they were sent, which may be long after the last medium."""


class SessionClock:
    """Turns time stamps of the server into times since the start of the session.

    The start is what the server says in `FirstPacket`, else the first medium. Media that are older
    by no more than the server buffers move the start, as long as nothing has been placed.

    Args:
        start_ms: Start of the session, if it is known: Unix time in milliseconds.

    Attributes:
        start_ms: Start of the session, Unix time in milliseconds; `None` while unknown.
        length_ms: From the start to the newest time stamp, in milliseconds.
    """

    def __init__(self, start_ms: int | None = None) -> None:
        self.start_ms = start_ms
        self.length_ms: int = 0
        self._given = start_ms is not None
        self._placed = False
        self._doubted_ms: int | None = None
        """Of the last item, when it was too far ahead."""

    def place(self, item: StreamItem) -> int | None:
        """Return when an item belongs, in milliseconds since the start.

        `None` when it has no time, or one that cannot be true: before the start, or more than an
        hour after everything else. Only when the next item agrees, there was silence for so long
        (a day at most), and that item has a place.
        """
        timestamp_ms: int | None = getattr(item, "timestamp_ms", None)
        if timestamp_ms is None:
            return None
        if isinstance(item, FirstPacket) and self.start_ms is None:
            self.start_ms = timestamp_ms
        first = not self._placed
        if isinstance(item, MediaFrame) and first:
            self._placed = True
            early_ms = 0 if self.start_ms is None or self._given else self.start_ms - timestamp_ms
            if self.start_ms is None or 0 < early_ms <= _BUFFERED_MS:
                self.start_ms = timestamp_ms
        if self.start_ms is None:
            return None
        at_ms = timestamp_ms - self.start_ms
        if at_ms < 0 or not (first or self._follows(at_ms)):
            return None
        if not isinstance(item, _REPORTS):
            self.length_ms = max(self.length_ms, at_ms)
        return at_ms

    def _follows(self, at_ms: int) -> bool:
        """Tell whether a time can come after those before."""
        doubted_ms, self._doubted_ms = self._doubted_ms, None
        ahead_ms = at_ms - self.length_ms
        if ahead_ms <= _LEAP_MS:
            return True
        self._doubted_ms = at_ms
        agrees = doubted_ms is not None and abs(at_ms - doubted_ms) <= _AGREE_MS
        return agrees and ahead_ms <= _SILENCE_MS
