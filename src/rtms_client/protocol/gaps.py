"""What was missed in an interruption, as far as the time stamps around it tell.

Nobody can know what a server sent into a dead connection. A gap therefore spans from the last item
that came to the first one after the interruption, and may hold less than that, or nothing.
"""

from typing import Final

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
    """

    __slots__ = ("_awaited", "_interrupted", "_last", "_medium", "_spanned")

    def __init__(self, medium: MediaType) -> None:
        self._medium = medium
        self._last: dict[UserId | None, int] = {}
        """Last time stamp by user."""
        self._interrupted = False
        self._awaited: set[UserId | None] = set()
        """Users who were heard before the interruption, but not since."""
        self._spanned = 0
        """Up to which time the gap of the interruption was announced."""

    def interrupt(self) -> None:
        """Take note that the connection broke."""
        self._interrupted = True

    def take(self, frame: MediaFrame) -> Gap | None:
        """Take note of a frame; return the gap in front of it, if there may be one."""
        user: UserId | None = getattr(frame, "user_id", None)
        gap = None
        if self._interrupted:
            gap = self._first_since(frame)
        elif self._awaited and user in self._awaited:
            self._awaited.discard(user)
            gap = self._of_user(user, frame)
        self._last[user] = max(frame.timestamp_ms, self._last.get(user, 0))
        if len(self._last) > _USERS:
            del self._last[next(iter(self._last))]
        return gap

    def _first_since(self, frame: MediaFrame) -> Gap | None:
        """Return the gap of the whole medium, at its first frame after the interruption."""
        user: UserId | None = getattr(frame, "user_id", None)
        self._interrupted = False
        self._awaited = set(self._last) - {user}
        self._spanned = frame.timestamp_ms
        if not self._last:
            return self._gap(None, frame.timestamp_ms, ())
        newest = max(self._last.values())
        recent = {who: ms for who, ms in self._last.items() if ms >= newest - _RECENTLY_MS}
        if recent.keys() == {user} and _follows(recent[user], frame):
            return None
        return self._gap(
            min(recent.values()),
            frame.timestamp_ms,
            tuple(who for who in recent if who is not None),
        )

    def _of_user(self, user: UserId | None, frame: MediaFrame) -> Gap | None:
        """Return the gap of one user that reaches further than that of the medium."""
        start = self._last[user]
        if frame.timestamp_ms <= self._spanned or _follows(start, frame):
            return None
        return self._gap(start, frame.timestamp_ms, () if user is None else (user,))

    def unfinished(self) -> Gap | None:
        """Return the gap of an interruption that nothing followed."""
        if not self._interrupted:
            return None
        self._interrupted = False
        return self._gap(max(self._last.values(), default=None), None, ())

    def _gap(self, from_ms: int | None, to_ms: int | None, users: tuple[UserId, ...]) -> Gap:
        return Gap(
            media=self._medium, cause=GapCause.LOST, user_ids=users, from_ms=from_ms, to_ms=to_ms
        )


def _follows(last_ms: int, frame: MediaFrame) -> bool:
    """Tell whether a frame follows the last one without a gap; only audio has a fixed step."""
    return isinstance(frame, AudioFrame) and frame.timestamp_ms <= last_ms + max(
        frame.format.send_rate_ms, 1
    )
