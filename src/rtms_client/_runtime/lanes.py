"""Lanes: the bounded buffer of one medium of one consumer, with its policy and its gaps."""

import enum
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from rtms_client.config import BufferLimits, OverflowPolicy
from rtms_client.enums import MediaType
from rtms_client.events import Gap, GapCause
from rtms_client.exceptions import InvalidState
from rtms_client.frames import AudioFrame, Item, MediaFrame, ShareFrame, UserId, VideoFrame

if TYPE_CHECKING:
    from rtms_client._runtime.buffers import Mailbox

__all__ = ["BufferStatistics", "Lane", "LaneKey", "Put", "key_name", "not_asked_for"]

LaneKey: TypeAlias = MediaType | None
"""Which lane an item belongs to: its medium, or `None` for events."""

_GAP_USERS: Final = 64
_CUT_USERS: Final = 4096


def key_name(key: LaneKey) -> str:
    """Return the name of a lane for texts."""
    return "events" if key is None or key.name is None else key.name.lower()


def not_asked_for(medium: str, state: str) -> InvalidState:
    """Make the error of who wants a medium that will not come, because the client did not ask."""
    return InvalidState(
        f"deliver {medium}",
        state,
        f"pass RTMSClient({medium}={medium.capitalize()}Params())",
        f"{medium} was not asked for",
    )


@attrs.frozen(kw_only=True)
class BufferStatistics:
    """One buffer of one consumer."""

    medium: str
    consumer: str
    """Who reads it; ``nobody`` while it waits for a consumer, ``closed`` for all that are gone."""
    items: int
    """Items waiting now."""
    bytes: int
    """Bytes waiting now, as received."""
    lag_ms: int
    """How long the oldest of them has been waiting, in milliseconds: how far the consumer is
    behind. What a plain function has in hand is not waiting any more."""
    longest_wait_ms: int
    """Longest wait of any item that was taken or dropped so far, or still waits."""
    high_water_items: int
    """Most items that were waiting at any time."""
    high_water_bytes: int
    """Most bytes that were waiting at any time."""
    dropped: int
    """Items dropped by the policy so far."""
    episodes: int
    """How often the buffer got full; it must be half empty before it can be full anew."""
    blocked_at: str | None
    """Where the consumer was when the buffer last got full: file, line and function. `None` when it
    never was full, or nobody knows."""


@attrs.define
class _Missing:
    """A gap that is still growing."""

    first: int = 0
    items: int = 0
    size: int = 0
    users: dict[UserId, None] = attrs.field(factory=dict[UserId, None])
    from_ms: int | None = None
    to_ms: int | None = None

    def add(self, item: Item) -> None:
        """Count one more missing item, or all that an earlier gap stands for."""
        self.first = self.first or item.sequence
        if isinstance(item, Gap):
            self._span(item.from_ms, item.to_ms, item.user_ids)
            self.items += item.items or 0
            self.size += item.size or 0
            return
        timestamp = getattr(item, "timestamp_ms", None)
        user_id = getattr(item, "user_id", None)
        self._span(timestamp, timestamp, () if user_id is None else (user_id,))
        self.items += 1
        self.size += getattr(item, "size", 0)

    def _span(self, from_ms: int | None, to_ms: int | None, users: Iterable[UserId]) -> None:
        """Widen the extent."""
        starts = [time for time in (self.from_ms, from_ms) if time is not None]
        ends = [time for time in (self.to_ms, to_ms) if time is not None]
        self.from_ms = min(starts, default=None)
        self.to_ms = max(ends, default=None)
        for user in users:
            if len(self.users) < _GAP_USERS:
                self.users[user] = None

    def gap(self, key: LaneKey, consumer: str) -> Gap:
        """Return the gap as the consumer sees it."""
        return Gap(
            sequence=self.first,
            media=key,
            cause=GapCause.DROPPED,
            items=self.items,
            size=self.size,
            user_ids=tuple(self.users),
            from_ms=self.from_ms,
            to_ms=self.to_ms,
            consumer=consumer,
        )


_Entry: TypeAlias = tuple[Item, int, float]
"""What waits: an item, its bytes, and when it arrived."""


class Put(enum.Enum):
    """What became of an item."""

    TAKEN = enum.auto()
    DROPPED = enum.auto()
    """Taken or not, something was dropped, and this begins an episode of dropping."""
    REFUSED = enum.auto()
    """The buffer is full and its policy is to close the stream."""


class Lane:
    """The bounded buffer of one medium of one consumer.

    Args:
        key: The medium, or `None` for events.
        limits: Bounds and policy.
    """

    __slots__ = (
        "_after",
        "_before",
        "_calm",
        "_cut",
        "_dropping",
        "_held",
        "_items",
        "_longest_s",
        "_needs_key_frame",
        "blocked_at",
        "bytes",
        "dropped",
        "episodes",
        "high_bytes",
        "high_items",
        "key",
        "limits",
        "mailbox",
    )

    def __init__(self, key: LaneKey, limits: BufferLimits) -> None:
        self.key = key
        self.limits = limits
        self.mailbox: Mailbox | None = None
        self.bytes = self.dropped = self.high_items = self.high_bytes = self.episodes = 0
        self.blocked_at: str | None = None
        self._longest_s = 0.0
        self._held: _Entry | None = None  # next item; not dropped, for a gap was told
        self._before: _Missing | None = None  # gap behind that, in front of the first item
        self._items: deque[_Entry] = deque()
        self._after: _Missing | None = None  # gap behind the last item; only if there is one
        self._cut: set[UserId | None] = set()  # whose next item is marked as a discontinuity
        self._dropping = False
        self._needs_key_frame = False
        self._calm = True  # nothing is missing, held or to be marked

    @property
    def consumer(self) -> str:
        """Who reads it; ``nobody`` while it waits for a consumer."""
        return "nobody" if self.mailbox is None else self.mailbox.consumer

    def __len__(self) -> int:
        """Return the number of items waiting."""
        return len(self._items) + (self._held is not None)

    def put(self, item: Item, size: int, now: float = 0.0) -> Put:
        """Add an item that took so many bytes on the wire."""
        return Put.TAKEN if self.put_all((item,), (size,), now) else self._put(item, size, now)

    def put_all(self, items: Sequence[Item], sizes: Iterable[int], now: float) -> bool:
        """Add items, if there is room for all of them and nothing is missing; else do nothing."""
        count, total = len(self._items) + len(items), self.bytes + sum(sizes)
        limits = self.limits
        if not self._calm or count > limits.max_items or total > limits.max_bytes:
            return False
        self._items.extend(zip(items, sizes, repeat(now)))
        self.bytes = total
        if count > self.high_items:  # noqa: PLR1730  # for each frame, and max() is slower
            self.high_items = count
        if total > self.high_bytes:  # noqa: PLR1730  # likewise
            self.high_bytes = total
        return True

    def _put(self, item: Item, size: int, now: float) -> Put:
        self._calm = False
        if self._needs_key_frame and not _starts_anew(item):
            return self._miss(item)
        dropped = Put.TAKEN
        if not self._fits(size):
            policy = self.limits.policy
            if policy is OverflowPolicy.CLOSE:
                return Put.REFUSED
            if policy is OverflowPolicy.DROP_NEWEST or size > self.limits.max_bytes:
                return self._miss(item)
            dropped = self._make_room(size, now)
            if not self._fits(size) or not (self._items or _starts_anew(item)):
                self._miss(item)
                return dropped
        if self._after is not None:
            self._items.append((self._after.gap(self.key, self.consumer), 0, now))
            self._after = None
        self._needs_key_frame = False
        self._items.append((item, size, now))
        self.bytes += size
        self.high_items = max(self.high_items, len(self))
        self.high_bytes = max(self.high_bytes, self.bytes)
        return dropped

    def _fits(self, size: int) -> bool:
        """Tell whether there is room for an item, and for the gap that comes in front of it."""
        more = 1 if self._after is None else 2
        limits = self.limits
        return len(self) + more <= limits.max_items and self.bytes + size <= limits.max_bytes

    def _make_room(self, size: int, now: float) -> Put:
        """Drop the oldest items, and what cannot be decoded without them."""
        begins = not self._dropping
        while self._items and not self._fits(size):
            self._drop_first(now)
        while self._items and not _starts_anew(self._items[0][0]):
            self._drop_first(now)
        self._dropping = True
        return Put.DROPPED if begins else Put.TAKEN

    def _drop_first(self, now: float) -> None:
        item, size, since = self._items.popleft()
        self._longest_s = max(self._longest_s, now - since)
        self.bytes -= size
        self._before = self._before or _Missing()
        self._before.add(item)
        self.dropped += not isinstance(item, Gap)
        if not self._items and self._after is not None:
            self._before.add(self._after.gap(self.key, self.consumer))
            self._after = None

    def _miss(self, item: Item) -> Put:
        """Drop the newest item; after that, H.264 can only go on with a key frame."""
        if self._items:
            self._after = self._after or _Missing()
            self._after.add(item)
        else:
            self._before = self._before or _Missing()
            self._before.add(item)
        self.dropped += 1
        self._needs_key_frame = True
        begins, self._dropping = not self._dropping, True
        return Put.DROPPED if begins else Put.TAKEN

    def holds_anything(self) -> bool:
        """Tell whether an item or a gap waits; may be called from any thread."""
        return bool(self._items) or self._held is not None or self._before is not None

    def first(self) -> int | None:
        """Return the sequence number of what `pop` would return; `None` when there is nothing."""
        if self._held is not None:
            return self._held[0].sequence
        if self._before is not None:
            return self._before.first
        return self._items[0][0].sequence if self._items else None

    def pop(self, now: float = 0.0) -> Item | None:
        """Remove and return the first item or gap; `None` when there is nothing."""
        if not self._calm:
            return self._pop(now)
        if not self._items:
            return None
        item, size, since = self._items.popleft()
        if now - since > self._longest_s:  # noqa: PLR1730  # for each item, and max() is slower
            self._longest_s = now - since
        self.bytes -= size
        return item

    def _pop(self, now: float) -> Item | None:
        if self._held is not None:
            (item, size, since), self._held = self._held, None
        elif self._before is not None:
            return self._announced(self._take_gap())
        elif self._items:
            item, size, since = self._take_first()
        else:
            self._calm = not (self._cut or self._dropping or self._needs_key_frame)
            return None
        self._longest_s = max(self._longest_s, now - since)
        self.bytes -= size
        if self._dropping and self._is_half_empty():
            self._dropping = False  # the consumer caught up: the next drop is a new episode
        if isinstance(item, Gap) and item.cause is GapCause.DROPPED:
            return self._announced(item)
        return self._marked(item) if self._cut else item

    def _take_gap(self) -> Gap:
        """Remove and return the gap in front."""
        before, self._before = self._before or _Missing(), None
        return before.gap(self.key, self.consumer)

    def _take_first(self) -> _Entry:
        first = self._items.popleft()
        if not self._items:
            self._before = self._after
            self._after = None
        return first

    def give_back(self, item: Item, now: float) -> None:
        """Put an item that was popped in front of what waits, over the bounds if need be."""
        self._calm = False
        if self._before is not None:
            self._items.appendleft((self._before.gap(self.key, self.consumer), 0, now))
            self._before = None
        if self._held is not None:
            self._items.appendleft(self._held)
            self._held = None
        size: int = getattr(item, "size", 0)
        self._items.appendleft((item, size, now))
        self.bytes += size

    def lag_s(self, now: float) -> float:
        """Return how long the oldest item has been waiting; 0 when none is."""
        try:
            _, _, since = self._held or self._items[0]
        except IndexError:  # empty, perhaps only just: another thread may ask
            return 0.0
        return max(0.0, now - since)

    def statistics(self, now: float) -> BufferStatistics:
        """Describe the lane."""
        lag_s = self.lag_s(now)
        return BufferStatistics(
            medium=key_name(self.key),
            consumer=self.consumer,
            items=len(self),
            bytes=self.bytes,
            lag_ms=round(1000 * lag_s),
            longest_wait_ms=round(1000 * max(self._longest_s, lag_s)),
            high_water_items=self.high_items,
            high_water_bytes=self.high_bytes,
            dropped=self.dropped,
            episodes=self.episodes,
            blocked_at=self.blocked_at,
        )

    def full(self) -> None:
        """Take note that the consumer is too slow, and where it is."""
        self.episodes += 1
        self.blocked_at = None if self.mailbox is None else self.mailbox.whereabouts()

    def _is_half_empty(self) -> bool:
        limits = self.limits
        return len(self) <= limits.max_items // 2 and self.bytes <= limits.max_bytes // 2

    def _announced(self, gap: Gap) -> Gap:
        """Remember whose next item follows the gap.

        The next item is held: were it dropped while the consumer deals with the gap, a consumer
        that is too slow would get nothing but gaps.
        """
        self._cut.update(gap.user_ids or (None,))
        if len(self._cut) > _CUT_USERS:
            self._cut = {None}
        if self._items:
            self._held = self._take_first()
        return gap

    def _marked(self, item: Item) -> Item:
        """Mark the first item after a gap: of each speaker in audio, else simply the first."""
        if isinstance(item, AudioFrame) and item.user_id not in self._cut and None not in self._cut:
            return item
        if isinstance(item, AudioFrame):
            self._cut -= {item.user_id, None}
        else:
            self._cut.clear()
        if isinstance(item, MediaFrame):
            return attrs.evolve(item, discontinuity=True)
        return item


def _starts_anew(item: Item) -> bool:
    """Tell whether an item is of use without the items before it."""
    return not isinstance(item, VideoFrame | ShareFrame) or item.is_key_frame
