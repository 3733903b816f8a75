"""What is over, remembered for a bounded time and in a bounded number."""

from typing import Final, Generic, TypeVar

__all__ = ["Memory"]

T = TypeVar("T")

_LIMIT: Final = 20_000
_AGE_S: Final = 90 * 60.0  # Zoom delivers again for 85 minutes (webhook notes, 5)


class Memory(Generic[T]):
    """A mapping that forgets the oldest entries.

    Args:
        limit: Entries at most.
        age_s: How long to remember, in seconds.
    """

    __slots__ = ("_age_s", "_entries", "_limit")

    def __init__(self, *, limit: int = _LIMIT, age_s: float = _AGE_S) -> None:
        self._limit = limit
        self._age_s = age_s
        self._entries: dict[str, tuple[float, T]] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, now: float) -> T | None:
        """Return what is remembered; `None` for nothing."""
        self._forget(now)
        found = self._entries.get(key)
        return None if found is None else found[1]

    def put(self, key: str, value: T, now: float) -> None:
        """Remember something from now on."""
        self._entries.pop(key, None)
        self._entries[key] = now, value
        self._forget(now)

    def discard(self, key: str) -> None:
        """Forget something."""
        self._entries.pop(key, None)

    def _forget(self, now: float) -> None:
        while self._entries:
            oldest = next(iter(self._entries))
            if len(self._entries) <= self._limit and self._entries[oldest][0] > now - self._age_s:
                return
            del self._entries[oldest]
