"""What was missed in an interruption, as far as the time stamps around it tell.

Nobody can know what a server sent into a dead connection. A gap therefore spans from the last item
that came to the first one after the interruption, and may hold less than that, or nothing. Servers
are taken to go on in the order of time, whether or not they send again what was missed.
"""

from collections.abc import Iterable
from typing import Final

from rtms_client._wire.shapes import CommonFrame
from rtms_client.enums import MediaType
from rtms_client.events import Gap, GapCause
from rtms_client.frames import AudioFrame, MediaFrame, UserId

__all__ = ["Gaps"]

_USERS: Final = 4096
_RECENTLY_MS: Final = 2000


class Gaps:
    """Finds the gaps of one medium.

    Args:
        medium: The medium.

    Attributes:
        interrupted: Whether there may be a gap in front of the next frame.
    """

    __slots__ = ("_last", "_medium", "interrupted")

    def __init__(self, medium: MediaType) -> None:
        self._medium = medium
        self._last: dict[UserId | None, int] = {}
        """Last time stamp by user."""
        self.interrupted: bool = False

    def interrupt(self) -> None:
        """Take note that the connection broke."""
        self.interrupted = True

    def take(self, frame: MediaFrame) -> Gap | None:
        """Take note of a frame; return the gap in front of it, if there may be one."""
        gap = self._before(frame) if self.interrupted else None
        self._note(getattr(frame, "user_id", None), frame.timestamp_ms)
        return gap

    def follow(self, frames: Iterable[CommonFrame]) -> None:
        """Take note of frames that nothing can be missing in front of."""
        last = self._last
        for frame in frames:
            user, timestamp = frame.user_id, frame.timestamp_ms
            if user not in last:
                self._note(user, timestamp)
            elif timestamp > last[user]:
                last[user] = timestamp

    def _note(self, user: UserId | None, timestamp: int) -> None:
        self._last[user] = max(timestamp, self._last.get(user, 0))
        if len(self._last) > _USERS:
            del self._last[next(iter(self._last))]

    def unfinished(self) -> Gap | None:
        """Return the gap of an interruption that nothing followed, once."""
        gap = self._gap(None) if self.interrupted else None
        self.interrupted = False  # what is late all the same lies inside this gap
        return gap

    def _before(self, frame: MediaFrame) -> Gap | None:
        """Return the gap in front of the first frame after an interruption."""
        gap = self._gap(frame.timestamp_ms)
        self.interrupted = False
        if isinstance(frame, AudioFrame) and gap.from_ms is not None:  # only audio has a fixed step
            follows = frame.timestamp_ms <= gap.from_ms + max(frame.format.send_rate_ms, 1)
            return None if follows else gap
        return gap

    def _gap(self, until_ms: int | None) -> Gap:
        """Make a gap of all who were heard shortly before the interruption."""
        newest = max(self._last.values(), default=0)
        recent = {who: ms for who, ms in self._last.items() if ms >= newest - _RECENTLY_MS}
        start_ms = min(recent.values(), default=None)
        known = [ms for ms in (start_ms, until_ms) if ms is not None]
        return Gap(
            media=self._medium,
            cause=GapCause.LOST,
            user_ids=tuple(who for who in recent if who is not None),
            from_ms=None if start_ms is None else min(known),
            to_ms=None if until_ms is None else max(known),
        )
