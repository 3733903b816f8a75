"""Bounded buffers between reading and user code.

Every consumer (an iterator or a callback) has a `Mailbox` with one `Lane` for each medium that it
reads. What nobody reads yet waits in lanes of its own and goes to the first consumer that comes, so
nothing is lost between connecting and the first ``async for``, or between two loops.
"""

import asyncio
import enum
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Final, TypeAlias

import attrs

from rtms_client.config import BufferLimits, OverflowPolicy
from rtms_client.enums import MediaType
from rtms_client.events import Gap, GapCause
from rtms_client.exceptions import BufferOverflow, InvalidState, RTMSError
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    Item,
    MediaFrame,
    ShareFrame,
    TranscriptSegment,
    UserId,
    VideoFrame,
)

__all__ = [
    "MEDIA_FRAMES",
    "BufferStatistics",
    "EndOfStream",
    "Hub",
    "Lane",
    "LaneKey",
    "Mailbox",
    "key_name",
]

LaneKey: TypeAlias = MediaType | None
"""Which lane an item belongs to: its medium, or `None` for events."""

_KEYS: Final[Mapping[type[Item], MediaType]] = {
    AudioFrame: MediaType.AUDIO,
    VideoFrame: MediaType.VIDEO,
    ShareFrame: MediaType.SHARE,
    TranscriptSegment: MediaType.TRANSCRIPT,
    ChatMessage: MediaType.CHAT,
}
MEDIA_FRAMES: Final = frozenset(_KEYS)
"""The types of items that are no events."""
_GAP_USERS: Final = 64
_CUT_USERS: Final = 4096
_TURN_S: Final = 0.005
"""How long a consumer may go on without waiting before the event loop has its turn again."""


def key_name(key: LaneKey) -> str:
    """Return the name of a lane for texts."""
    return "events" if key is None or key.name is None else key.name.lower()


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
    high_water_items: int
    high_water_bytes: int
    lag_ms: int
    """From the oldest to the newest item waiting by their time stamps, in milliseconds: how far the
    consumer is behind."""
    dropped: int
    """Items dropped by the policy so far."""


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
        "_cut",
        "_dropping",
        "_held",
        "_items",
        "_needs_key_frame",
        "bytes",
        "dropped",
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
        self.bytes = self.dropped = self.high_items = self.high_bytes = 0
        self._held: tuple[Item, int] | None = None  # next item; not dropped, for a gap was told
        self._before: _Missing | None = None  # gap behind that, in front of the first item
        self._items: deque[tuple[Item, int]] = deque()
        self._after: _Missing | None = None  # gap behind the last item; only if there is one
        self._cut: set[UserId | None] = set()  # whose next item is marked as a discontinuity
        self._dropping = False
        self._needs_key_frame = False

    @property
    def consumer(self) -> str:
        """Who reads it; ``nobody`` while it waits for a consumer."""
        return "nobody" if self.mailbox is None else self.mailbox.consumer

    def __len__(self) -> int:
        """Return the number of items waiting."""
        return len(self._items) + (self._held is not None)

    def put(self, item: Item, size: int) -> Put:
        """Add an item that took so many bytes on the wire."""
        if self._needs_key_frame and not _starts_anew(item):
            return self._miss(item)
        dropped = Put.TAKEN
        if not self._fits(size):
            policy = self.limits.policy
            if policy is OverflowPolicy.CLOSE:
                return Put.REFUSED
            if policy is OverflowPolicy.DROP_NEWEST or size > self.limits.max_bytes:
                return self._miss(item)
            dropped = self._make_room(size)
            if not self._fits(size) or not (self._items or _starts_anew(item)):
                self._miss(item)
                return dropped
        if self._after is not None:
            self._items.append((self._after.gap(self.key, self.consumer), 0))
            self._after = None
        self._needs_key_frame = False
        self._items.append((item, size))
        self.bytes += size
        self.high_items = max(self.high_items, len(self))
        self.high_bytes = max(self.high_bytes, self.bytes)
        return dropped

    def _fits(self, size: int) -> bool:
        """Tell whether there is room for an item, and for the gap that comes in front of it."""
        more = 1 if self._after is None else 2
        limits = self.limits
        return len(self) + more <= limits.max_items and self.bytes + size <= limits.max_bytes

    def _make_room(self, size: int) -> Put:
        """Drop the oldest items, and what cannot be decoded without them."""
        begins = not self._dropping
        while self._items and not self._fits(size):
            self._drop_first()
        while self._items and not _starts_anew(self._items[0][0]):
            self._drop_first()
        self._dropping = True
        return Put.DROPPED if begins else Put.TAKEN

    def _drop_first(self) -> None:
        item, size = self._items.popleft()
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

    @property
    def lag_ms(self) -> int:
        """From the oldest to the newest item waiting, in milliseconds."""
        try:
            oldest, newest = self._held or self._items[0], self._items[-1]
        except IndexError:  # empty, perhaps only just: another thread may ask
            return 0
        first, last = (getattr(item, "timestamp_ms", None) for item, _ in (oldest, newest))
        return 0 if first is None or last is None else max(0, last - first)

    def first(self) -> int | None:
        """Return the sequence number of what `pop` would return; `None` when there is nothing."""
        if self._held is not None:
            return self._held[0].sequence
        if self._before is not None:
            return self._before.first
        return self._items[0][0].sequence if self._items else None

    def pop(self) -> Item | None:
        """Remove and return the first item or gap; `None` when there is nothing."""
        if self._held is not None:
            (item, size), self._held = self._held, None
        elif self._before is not None:
            gap, self._before = self._before.gap(self.key, self.consumer), None
            return self._announced(gap)
        elif self._items:
            item, size = self._take_first()
        else:
            return None
        self.bytes -= size
        if self._dropping and self._is_half_empty():
            self._dropping = False  # the consumer caught up: the next drop is a new episode
        if isinstance(item, Gap) and item.cause is GapCause.DROPPED:
            return self._announced(item)
        return self._marked(item) if self._cut else item

    def _take_first(self) -> tuple[Item, int]:
        first = self._items.popleft()
        if not self._items:
            self._before = self._after
            self._after = None
        return first

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


class EndOfStream(Exception):
    """Everything was delivered and nothing will follow."""


class Mailbox:
    """What one consumer reads: one or several lanes, merged in the order of arrival.

    Args:
        consumer: Who reads, for statistics and logs.
        lanes: The lanes; their number is small.
        announce: Where gaps go when the consumer reads frames only; `None` to deliver them.
    """

    __slots__ = ("_announce", "_error", "_turn_ends", "_waiter", "consumer", "ended", "lanes")

    def __init__(
        self, consumer: str, lanes: list[Lane], announce: Callable[[Gap], None] | None = None
    ) -> None:
        self.consumer: str = consumer
        self.lanes: list[Lane] = lanes
        self._announce = announce
        self.ended: bool = False
        self._error: RTMSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._turn_ends = 0.0
        for lane in lanes:
            lane.mailbox = self

    def pop(self) -> Item | None:
        """Remove and return the item that arrived first; `None` when there is nothing."""
        item = self._pop_first()
        while self._announce is not None and isinstance(item, Gap):
            self._announce(item)
            item = self._pop_first()
        return item

    def _pop_first(self) -> Item | None:
        if len(self.lanes) == 1:
            return self.lanes[0].pop()
        best: Lane | None = None
        best_sequence = 0
        for lane in self.lanes:
            sequence = lane.first()
            if sequence is not None and (best is None or sequence < best_sequence):
                best, best_sequence = lane, sequence
        return None if best is None else best.pop()

    async def get(self) -> Item:
        """Return the next item; cancelling loses nothing.

        Raises:
            EndOfStream: The stream ended normally and everything was delivered.
            RTMSError: The stream ended with this error and everything was delivered.
            InvalidState: Somebody else waits already.
        """
        if monotonic() > self._turn_ends:  # a consumer that never waits must not starve the reading
            await asyncio.sleep(0)
            self._turn_ends = monotonic() + _TURN_S
        while (item := self.pop()) is None:
            if self.ended:
                raise EndOfStream if self._error is None else _fresh(self._error)
            await self._wait()
        return item

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise InvalidState(
                "wait for an item twice at the same time",
                f"{self.consumer} is waiting",
                "make an iterator for each task",
            )
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        self._turn_ends = monotonic() + _TURN_S

    def wake(self) -> None:
        """Let the consumer look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self, error: RTMSError | None) -> None:
        """Note that nothing more will come."""
        self.ended = True
        self._error = error
        self.wake()


def _fresh(error: RTMSError) -> RTMSError:
    """Copy an error, so that several consumers do not pile their tracebacks on one object."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy


class Hub:
    """All buffers of one stream.

    Args:
        limits: Bounds by lane; also says which lanes exist.
        on_drop: Called when a lane begins to drop.
    """

    def __init__(
        self, limits: Mapping[LaneKey, BufferLimits], on_drop: Callable[[Lane], None]
    ) -> None:
        self._limits = limits
        self._on_drop = on_drop
        self._lanes: dict[LaneKey, list[Lane]] = {
            key: [Lane(key, limit)] for key, limit in limits.items()
        }
        self._past: Counter[LaneKey] = Counter()
        self._ended = False
        self._error: RTMSError | None = None

    def keys(self) -> tuple[LaneKey, ...]:
        """Return the lanes that exist."""
        return tuple(self._limits)

    def has(self, key: LaneKey) -> bool:
        """Tell whether a lane exists."""
        return key in self._limits

    def subscribe(self, consumer: str, keys: Iterable[LaneKey]) -> Mailbox:
        """Make a mailbox; it starts with what waits for a consumer, else with the next item."""
        lanes = [self._vacant(key) for key in keys]
        frames_only = all(lane.key is not None for lane in lanes)
        mailbox = Mailbox(consumer, lanes, self._announce if frames_only else None)
        if self._ended:
            mailbox.end(self._error)
        return mailbox

    def _vacant(self, key: LaneKey) -> Lane:
        lanes = self._lanes[key]
        for lane in lanes:
            if lane.mailbox is None:
                return lane
        lanes.append(Lane(key, self._limits[key]))
        return lanes[-1]

    def release(self, mailbox: Mailbox) -> None:
        """Give a mailbox back; what it held of a medium that nobody else reads is kept."""
        for lane in mailbox.lanes:
            lane.mailbox = None
            lanes = self._lanes[lane.key]
            if len(lanes) > 1:
                lanes.remove(lane)
                self._past[lane.key] += lane.dropped
        mailbox.lanes = []
        mailbox.end(None)

    def publish(self, item: Item, size: int) -> BufferOverflow | None:
        """Hand an item to every consumer of its lane; never waits.

        Args:
            item: What arrived.
            size: Bytes it took on the wire.

        Returns:
            The error to end the stream with, if a lane says so.
        """
        key = _KEYS.get(type(item))
        overflow = None
        for lane in self._lanes[key]:
            outcome = lane.put(item, size)
            if outcome is Put.DROPPED:
                self._on_drop(lane)
            elif outcome is Put.REFUSED:
                overflow = BufferOverflow(key_name(key), len(lane), lane.bytes)
            if lane.mailbox is not None:
                lane.mailbox.wake()
        return overflow

    def _announce(self, gap: Gap) -> None:
        """Tell whoever reads only events of a gap that a consumer of frames met."""
        for lane in self._lanes.get(None, ()):
            if lane.mailbox is None or len(lane.mailbox.lanes) == 1:
                lane.put(gap, 0)
                if lane.mailbox is not None:
                    lane.mailbox.wake()

    def end(self, error: RTMSError | None) -> None:
        """Note that nothing more will come."""
        self._ended = True
        self._error = error
        for lanes in self._lanes.values():
            for lane in lanes:
                if lane.mailbox is not None:
                    lane.mailbox.end(error)

    def statistics(self) -> tuple[BufferStatistics, ...]:
        """Describe every buffer; what closed ones had dropped stays in the books.

        May be called from any thread: what another one could change is copied before it is walked.
        """
        past = (
            BufferStatistics(
                medium=key_name(key),
                consumer="closed",
                items=0,
                bytes=0,
                high_water_items=0,
                high_water_bytes=0,
                lag_ms=0,
                dropped=dropped,
            )
            for key, dropped in dict(self._past).items()
            if dropped
        )
        present = (
            BufferStatistics(
                medium=key_name(key),
                consumer=lane.consumer,
                items=len(lane),
                bytes=lane.bytes,
                high_water_items=lane.high_items,
                high_water_bytes=lane.high_bytes,
                lag_ms=lane.lag_ms,
                dropped=lane.dropped,
            )
            for key, lanes in self._lanes.items()
            for lane in tuple(lanes)
        )
        return (*present, *past)
