"""Bounded buffers between reading and user code.

Every consumer (an iterator or a callback) has a `Mailbox` with one `Lane` for each medium that it
reads. What nobody reads yet waits in lanes of its own and goes to the first consumer that comes, so
nothing is lost between connecting and the first ``async for``, or between two loops.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Final
from weakref import ref

from rtms_client._runtime.lanes import (
    BufferStatistics,
    Lane,
    LaneKey,
    Put,
    key_name,
    not_asked_for,
)
from rtms_client._runtime.whereabouts import of_task, of_thread
from rtms_client.config import BufferLimits
from rtms_client.enums import MediaType
from rtms_client.events import Gap, GapCause
from rtms_client.exceptions import BufferOverflow, InvalidState, RTMSError
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    Item,
    ShareFrame,
    TranscriptSegment,
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
    "not_asked_for",
]

_KEYS: Final[Mapping[type[Item], MediaType]] = {
    AudioFrame: MediaType.AUDIO,
    VideoFrame: MediaType.VIDEO,
    ShareFrame: MediaType.SHARE,
    TranscriptSegment: MediaType.TRANSCRIPT,
    ChatMessage: MediaType.CHAT,
}
MEDIA_FRAMES: Final = frozenset(_KEYS)
"""The types of items that are no events."""
_BATCH: Final = 2048  # one turn of the event loop brings some hundred frames
_BATCH_BYTES: Final = 1024 * 1024
_TURN_S: Final = 0.005
"""How long a consumer may go on without waiting before the event loop has its turn again."""


class EndOfStream(Exception):
    """Everything was delivered and nothing will follow."""


def _pop_nothing(_: float) -> None:
    """Return nothing; a mailbox that was given back must not refer to itself."""


class Mailbox:
    """What one consumer reads: one or several lanes, merged in the order of arrival.

    Args:
        consumer: Who reads, for statistics and logs.
        lanes: The lanes; their number is small.
        announce: Where gaps go when the consumer reads frames only; `None` to deliver them.

    Attributes:
        ended: Whether nothing more will come.
        thread_ident: The thread that works on items, when it is not the reading task.
        waits: Whether the consumer waits to be woken.
    """

    __slots__ = (
        "_announce",
        "_error",
        "_next",
        "_reader",
        "_turn_ends",
        "_waiter",
        "_woken",
        "consumer",
        "ended",
        "lanes",
        "thread_ident",
        "waits",
    )

    def __init__(
        self, consumer: str, lanes: list[Lane], announce: Callable[[Gap], None] | None = None
    ) -> None:
        self.consumer: str = consumer
        self.lanes: list[Lane]
        self._next: Callable[[float], Item | None]
        self._announce = announce
        self.ended: bool = False
        self.thread_ident: int | None = None
        self._error: RTMSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.waits: bool = False
        self._woken: Callable[[], None] | None = None
        self._turn_ends = 0.0
        self._reader: ref[asyncio.Task[Any]] | None = None
        self.read(lanes)
        for lane in lanes:
            lane.mailbox = self

    def read(self, lanes: list[Lane]) -> None:
        """Take items from these lanes from now on."""
        self.lanes = lanes
        match lanes:
            case []:
                self._next = _pop_nothing
            case [lane]:
                self._next = lane.pop
            case _:
                self._next = self._pop_first

    def pop(self, now: float = 0.0) -> Item | None:
        """Remove and return the item that arrived first; `None` when there is nothing."""
        item = self._next(now)
        return item if type(item) is not Gap else self._unless_announced(item, now)

    def _unless_announced(self, item: Item | None, now: float) -> Item | None:
        """Return a gap, or what comes next when it is told elsewhere."""
        while type(item) is Gap and self._announce is not None:
            self._announce(item)
            item = self._next(now)
        return item

    def holds_anything(self) -> bool:
        """Tell whether an item or a gap waits; may be called from any thread."""
        return any(lane.holds_anything() for lane in self.lanes)

    def whereabouts(self) -> str | None:
        """Return where the consumer is: file, line and function; `None` when nobody knows."""
        if self.thread_ident is not None:
            return of_thread(self.thread_ident)
        task = None if self._reader is None else self._reader()
        return None if task is None else of_task(task)

    def _pop_first(self, now: float) -> Item | None:
        best: Lane | None = None
        best_sequence = 0
        for lane in self.lanes:
            sequence = lane.first()
            if sequence is not None and (best is None or sequence < best_sequence):
                best, best_sequence = lane, sequence
        return None if best is None else best.pop(now)

    def take(self) -> Item | None:
        """Remove and return an item that is there; `None` when it is time to wait for `ready`."""
        now = monotonic()
        if now > self._turn_ends:
            return None
        item = self._next(now)
        return item if type(item) is not Gap else self._unless_announced(item, now)

    def listen(self, woken: Callable[[], None] | None) -> None:
        """Let the present task be the consumer, without waiting.

        Args:
            woken: Called, in the event loop, to wake the consumer; `None` to wake it no more.
        """
        self._woken = woken
        self._note_reader()

    def _note_reader(self) -> None:
        task = asyncio.current_task()
        self._reader = None if task is None else ref(task)

    async def ready(self) -> None:
        """Wait until `take`, which just returned nothing, is worth another try.

        Raises:
            EndOfStream: The stream ended normally and everything was delivered.
            RTMSError: The stream ended with this error and everything was delivered.
            InvalidState: Somebody else waits already.
        """
        if monotonic() > self._turn_ends:  # a consumer that never waits must not starve the reading
            self._note_reader()
            await asyncio.sleep(0)
        elif self.ended:
            raise EndOfStream if self._error is None else _fresh(self._error)
        elif self._waiter is not None:
            raise InvalidState(
                "wait for an item twice at the same time",
                f"{self.consumer} is waiting",
                "make an iterator for each task",
            )
        else:
            self._waiter = asyncio.get_running_loop().create_future()
            self.waits = True
            try:
                await self._waiter
            finally:
                self._waiter = None
                self.waits = False
        self._turn_ends = monotonic() + _TURN_S

    def batch(self, *items: Item) -> list[Item]:
        """Remove and return what waits, up to a bound, behind items that were removed before.

        For threads: one hop for all is what makes them fast.
        """
        found, size, now = [*items], 0, monotonic()
        while len(found) < _BATCH and size < _BATCH_BYTES:
            item = self.pop(now)
            if item is None:
                break
            found.append(item)
            size += getattr(item, "size", 0)
        return found

    def give_back(self, items: Iterable[Item]) -> None:
        """Let items that were removed last be the next ones again."""
        now = monotonic()
        for item in reversed([*items]):
            key = _KEYS.get(type(item))
            if isinstance(item, Gap) and item.cause is GapCause.DROPPED:
                key = item.media
            # A gap of a medium may have been told to somebody who reads events only.
            lanes = [one for one in self.lanes if one.key == key] or self.lanes
            lanes[0].give_back(item, now)

    def raise_error(self) -> None:
        """Raise why nothing more will come.

        Raises:
            RTMSError: The stream ended abnormally.
        """
        if self.ended and self._error is not None:
            raise _fresh(self._error)

    def wake(self) -> None:
        """Let the consumer look again, if it waits."""
        if not self.waits:
            return
        self.waits = False
        if self._woken is not None:
            self._woken()
        elif self._waiter is not None and not self._waiter.done():
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
        on_drop: Called when a lane is full and its policy applies, once per episode.

    Attributes:
        opened: Whether anything can come.
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
        self._past_episodes: Counter[LaneKey] = Counter()
        self.opened: bool = False
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
                self._past_episodes[lane.key] += lane.episodes
        mailbox.read([])
        mailbox.end(None)

    def publish(self, item: Item, size: int) -> BufferOverflow | None:
        """Hand an item to every consumer of its lane; never waits.

        Args:
            item: What arrived.
            size: Bytes it took on the wire.

        Returns:
            The error to end the stream with, if a lane says so.
        """
        return self.publish_all((item,), (size,))

    def publish_all(self, items: Sequence[Item], sizes: Sequence[int]) -> BufferOverflow | None:
        """Hand items of one lane to every consumer of it; never waits.

        Args:
            items: What arrived, in order.
            sizes: Bytes that each took on the wire.

        Returns:
            The error to end the stream with, if a lane says so; it takes nothing more.
        """
        overflow = None
        now = monotonic()
        for lane in self._lanes[_KEYS.get(type(items[0]))]:
            if not lane.put_all(items, sizes, now):
                overflow = self._put_each(lane, zip(items, sizes, strict=True), now) or overflow
            mailbox = lane.mailbox
            if mailbox is not None and mailbox.waits:
                mailbox.wake()
        return overflow

    def _put_each(
        self, lane: Lane, items: Iterable[tuple[Item, int]], now: float
    ) -> BufferOverflow | None:
        """Add items to a lane that may be full."""
        for item, size in items:
            outcome = lane.put(item, size, now)
            if outcome is Put.TAKEN:
                continue
            if outcome is Put.DROPPED or not lane.episodes:
                lane.full()
                self._on_drop(lane)
            if outcome is Put.REFUSED:
                return BufferOverflow(key_name(lane.key), len(lane), lane.bytes)
        return None

    def _announce(self, gap: Gap) -> None:
        """Tell whoever reads only events of a gap that a consumer of frames met."""
        for lane in self._lanes.get(None, ()):
            if lane.mailbox is None or len(lane.mailbox.lanes) == 1:
                lane.put(gap, 0, monotonic())
                if lane.mailbox is not None:
                    lane.mailbox.wake()

    def end(self, error: RTMSError | None) -> None:
        """Note that nothing more will come."""
        self._ended = True
        self._error = error
        self.give_up(error)

    def give_up(self, error: BaseException | None) -> None:
        """Let present consumers wait no more, and see ours of the errors."""
        self.opened = False
        for lanes in self._lanes.values():
            for lane in lanes:
                if lane.mailbox is not None:
                    lane.mailbox.end(error if isinstance(error, RTMSError) else None)

    def statistics(self) -> tuple[BufferStatistics, ...]:
        """Describe every buffer; what closed ones had dropped stays in the books.

        May be called from any thread: what another one could change is copied before it is walked.
        """
        now = monotonic()
        past = (
            BufferStatistics(
                medium=key_name(key),
                consumer="closed",
                items=0,
                bytes=0,
                lag_ms=0,
                longest_wait_ms=0,
                high_water_items=0,
                high_water_bytes=0,
                dropped=dropped,
                episodes=self._past_episodes[key],
                blocked_at=None,
            )
            for key, dropped in dict(self._past).items()
            if dropped
        )
        present = (lane.statistics(now) for lanes in self._lanes.values() for lane in tuple(lanes))
        return (*present, *past)
