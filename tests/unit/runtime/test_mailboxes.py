"""Mailboxes and the hub: who gets what, in which order, and until when."""

import asyncio
import gc

import pytest

from rtms_client import (
    AudioFrame,
    BufferLimits,
    ConnectionLost,
    Gap,
    MediaType,
    OverflowPolicy,
    TranscriptSegment,
)
from rtms_client._runtime.buffers import EndOfStream, Hub, Lane, Mailbox
from rtms_client.config import AudioFormat, TranscriptFormat
from rtms_client.events import FirstPacket, GapCause
from rtms_client.exceptions import BufferOverflow, InvalidState
from rtms_client.frames import Item
from rtms_client.stream import ItemIterator

AUDIO, TRANSCRIPT = MediaType.AUDIO, MediaType.TRANSCRIPT


def audio(number: int) -> AudioFrame:
    """Make an audio frame of user 7."""
    return AudioFrame(
        sequence=number, data=b"1234", timestamp_ms=number, user_id=7, format=AudioFormat()
    )


def text(number: int) -> TranscriptSegment:
    """Make a transcript segment."""
    return TranscriptSegment(
        sequence=number, text="text", timestamp_ms=number, format=TranscriptFormat()
    )


def event(number: int) -> FirstPacket:
    """Make an event."""
    return FirstPacket(sequence=number, timestamp_ms=number)


class Bench:
    """A hub with lanes for audio, transcript and events."""

    def __init__(
        self, items: int = 100, policy: OverflowPolicy = OverflowPolicy.DROP_OLDEST
    ) -> None:
        self.dropping: list[Lane] = []
        limits = BufferLimits(max_items=items, max_bytes=10 * items, policy=policy)
        self.hub = Hub(dict.fromkeys((AUDIO, TRANSCRIPT, None), limits), self.dropping.append)
        self.hub.opened = True

    def publish(self, *items: Item) -> list[BufferOverflow | None]:
        """Publish items of 10 bytes each."""
        return [self.hub.publish(item, 10) for item in items]

    def merged(self) -> Mailbox:
        """Make a consumer of everything."""
        return self.hub.subscribe("merged", self.hub.keys())


def mailboxes() -> int:
    """Count the mailboxes that there are."""
    return sum(type(thing) is Mailbox for thing in gc.get_objects())


def sequences(mailbox: Mailbox) -> list[int]:
    """Take everything and give the sequence numbers."""
    return [item.sequence for item in take(mailbox)]


def take(mailbox: Mailbox) -> list[Item]:
    """Take everything that is there."""
    found = []
    while (item := mailbox.pop()) is not None:
        found.append(item)
    return found


async def next_of(mailbox: Mailbox) -> Item:
    """Wait for the next item."""
    while (item := mailbox.take()) is None:
        await mailbox.ready()
    return item


def test_merged_in_the_order_of_arrival() -> None:
    """A consumer of everything gets it in the order of arrival."""
    bench = Bench()
    mailbox = bench.merged()
    bench.publish(event(1), audio(2), text(3), audio(4), event(5), text(6))
    assert sequences(mailbox) == [1, 2, 3, 4, 5, 6]


def test_every_consumer_gets_everything() -> None:
    """Several consumers of one medium do not take anything from each other."""
    bench = Bench()
    first, second = (bench.hub.subscribe(name, [AUDIO]) for name in ("first", "second"))
    merged = bench.merged()
    bench.publish(audio(1), text(2), audio(3))
    assert sequences(first) == [1, 3]
    assert sequences(second) == [1, 3]
    assert sequences(merged) == [1, 2, 3]


def test_what_waits_goes_to_the_first_consumer() -> None:
    """What nobody read yet is kept, and goes to the first consumer that comes."""
    bench = Bench()
    bench.publish(audio(1), text(2), audio(3))
    assert sequences(bench.hub.subscribe("first", [AUDIO])) == [1, 3]
    assert sequences(bench.hub.subscribe("second", [AUDIO])) == []
    assert sequences(bench.merged()) == [2]


def test_what_is_left_goes_to_the_next_consumer() -> None:
    """A consumer that stops leaves what it had not read, and nothing is missing in between."""
    bench = Bench()
    first = bench.hub.subscribe("first", [AUDIO])
    bench.publish(audio(1), audio(2))
    assert first.pop() == audio(1)
    bench.hub.release(first)
    bench.publish(audio(3))
    assert sequences(bench.hub.subscribe("second", [AUDIO])) == [2, 3]


def test_a_mark_survives_the_change_of_consumers() -> None:
    """A gap that one consumer was told of marks the next frame, whoever gets it."""
    bench = Bench(items=2)
    first = bench.hub.subscribe("first", [AUDIO, None])
    bench.publish(audio(1), audio(2), audio(3))
    assert isinstance(first.pop(), Gap)
    bench.hub.release(first)
    second = bench.hub.subscribe("second", [AUDIO])
    frames = take(second)
    assert [frame.sequence for frame in frames] == [2, 3]
    assert [getattr(frame, "discontinuity", None) for frame in frames] == [True, False]


def test_what_others_read_is_not_kept() -> None:
    """A consumer that stops while others go on leaves nothing behind."""
    bench = Bench()
    first, second = (bench.hub.subscribe(name, [AUDIO]) for name in ("first", "second"))
    bench.publish(audio(1))
    bench.hub.release(first)
    bench.publish(audio(2))
    assert sequences(second) == [1, 2]
    assert [one.consumer for one in bench.hub.statistics() if one.medium == "audio"] == ["second"]
    assert sequences(bench.hub.subscribe("third", [AUDIO])) == []


def test_gap_in_place_for_a_consumer_of_everything() -> None:
    """A consumer that also gets events meets a gap where the items are missing."""
    bench = Bench(items=2)
    mailbox = bench.merged()
    bench.publish(event(1), audio(2), audio(3), text(4), audio(5))
    items = take(mailbox)
    assert [item.sequence for item in items] == [1, 2, 3, 4, 5]
    assert items[1] == Gap(
        sequence=2,
        media=AUDIO,
        cause=GapCause.DROPPED,
        items=1,
        size=4,
        user_ids=(7,),
        from_ms=2,
        to_ms=2,
        consumer="merged",
    )


def test_gap_of_a_consumer_of_frames_goes_to_the_events() -> None:
    """A consumer of frames gets frames only; whoever reads events hears of the gap."""
    bench = Bench(items=2)
    frames = bench.hub.subscribe("frames", [AUDIO])
    events = bench.hub.subscribe("events", [None])
    merged = bench.merged()
    bench.publish(audio(1), audio(2), audio(3))
    assert [(item.sequence, type(item)) for item in take(frames)] == [
        (2, AudioFrame),
        (3, AudioFrame),
    ]
    [gap] = take(events)
    assert isinstance(gap, Gap)
    assert (gap.consumer, gap.media, gap.items) == ("frames", AUDIO, 1)
    own = [item for item in take(merged) if isinstance(item, Gap)]
    assert [gap.consumer for gap in own] == ["merged"]


def test_gap_is_kept_for_a_later_consumer_of_events() -> None:
    """When nobody reads events yet, the gap waits for whoever will."""
    bench = Bench(items=2)
    frames = bench.hub.subscribe("frames", [AUDIO])
    bench.publish(audio(1), audio(2), audio(3))
    take(frames)
    [gap] = take(bench.hub.subscribe("events", [None]))
    assert isinstance(gap, Gap)


def test_gap_wakes_the_consumer_of_events() -> None:
    """A consumer that waits for events is woken by the gap of another one."""

    async def main() -> None:
        bench = Bench(items=2)
        frames = bench.hub.subscribe("frames", [AUDIO])
        events = bench.hub.subscribe("events", [None])
        waiting = asyncio.create_task(next_of(events))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        bench.publish(audio(1), audio(2), audio(3))
        take(frames)
        assert isinstance(await waiting, Gap)

    asyncio.run(main())


def test_drops_are_told_once_per_consumer() -> None:
    """Each consumer that begins to drop is reported once."""
    bench = Bench(items=2)
    bench.hub.subscribe("idle", [AUDIO])
    busy = bench.hub.subscribe("busy", [AUDIO])
    for number in range(1, 10):
        bench.publish(audio(number))
        take(busy)
    assert [lane.consumer for lane in bench.dropping] == ["idle"]


def test_overflow() -> None:
    """A full lane with the policy to close asks for the end of the stream."""
    bench = Bench(items=2, policy=OverflowPolicy.CLOSE)
    assert bench.publish(audio(1), text(2), audio(3)) == [None, None, None]
    [overflow] = bench.publish(audio(4))
    assert isinstance(overflow, BufferOverflow)
    assert (overflow.medium, overflow.items, overflow.size) == ("audio", 2, 20)
    assert "audio: expected the consumer to keep up, got 2 items (20 bytes) waiting" in str(
        overflow
    )
    bench.publish(audio(5))
    assert len(bench.dropping) == 1  # told once


def test_statistics() -> None:
    """Every buffer tells what it holds, held at most, and dropped."""
    bench = Bench(items=2)
    mailbox = bench.hub.subscribe("frames", [AUDIO])
    bench.publish(audio(1), audio(2), audio(3), event(4))
    mailbox.pop()
    shown = [
        (one.medium, one.consumer, one.items, one.bytes, one.high_water_items, one.dropped)
        for one in bench.hub.statistics()
    ]
    assert shown == [
        ("audio", "frames", 1, 10, 2, 1),
        ("transcript", "nobody", 0, 0, 0, 0),
        ("events", "nobody", 2, 10, 2, 0),
    ]


def test_statistics_of_consumers_that_are_gone() -> None:
    """What a consumer had dropped stays counted after it is closed."""
    bench = Bench(items=2)
    first, _second = (bench.hub.subscribe(name, [AUDIO]) for name in ("first", "second"))
    bench.publish(audio(1), audio(2), audio(3))
    bench.hub.release(first)
    shown = [
        (one.medium, one.consumer, one.dropped, one.episodes) for one in bench.hub.statistics()
    ]
    assert shown == [
        ("audio", "second", 1, 1),
        ("transcript", "nobody", 0, 0),
        ("events", "nobody", 0, 0),
        ("audio", "closed", 1, 1),
    ]


async def test_waiting() -> None:
    """A consumer that waits is woken by the next item."""
    bench = Bench()
    mailbox = bench.hub.subscribe("frames", [AUDIO])
    waiting = asyncio.create_task(next_of(mailbox))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bench.publish(text(1), audio(2), audio(3))
    assert await waiting == audio(2)
    assert await next_of(mailbox) == audio(3)


async def test_end() -> None:
    """What was received is delivered before the end, also to those who come later."""
    bench = Bench()
    mailbox = bench.hub.subscribe("frames", [AUDIO])
    bench.publish(audio(1), text(2))
    bench.hub.end(None)
    assert await next_of(mailbox) == audio(1)
    with pytest.raises(EndOfStream):
        await next_of(mailbox)
    late = bench.hub.subscribe("late", [TRANSCRIPT])
    assert await next_of(late) == text(2)
    with pytest.raises(EndOfStream):
        await next_of(late)


async def test_abnormal_end() -> None:
    """Each consumer gets the error as an object of its own, with its cause."""
    bench = Bench()
    first, second = (bench.hub.subscribe(name, [AUDIO]) for name in ("first", "second"))
    waiting = asyncio.create_task(next_of(first))
    await asyncio.sleep(0)
    error = ConnectionLost("signaling", 1006, "gone")
    error.__cause__ = OSError("cable")
    bench.hub.end(error)
    raised = []
    for get in (waiting, next_of(second)):
        with pytest.raises(ConnectionLost) as caught:
            await get
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert [str(one) for one in raised] == [str(error)] * 2
    assert [one.__cause__ for one in raised] == [error.__cause__] * 2


async def test_waiting_twice() -> None:
    """Two tasks cannot wait on one iterator; the first one is not disturbed."""
    bench = Bench()
    mailbox = bench.hub.subscribe("frames", [AUDIO])
    first = asyncio.create_task(next_of(mailbox))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(InvalidState, match="make an iterator for each task"):
        await next_of(mailbox)
    bench.publish(audio(1))
    assert await first == audio(1)


async def test_release_ends_the_waiting() -> None:
    """Closing an iterator ends the loop that waits on it."""
    bench = Bench()
    mailbox = bench.hub.subscribe("frames", [AUDIO])
    iterator: ItemIterator[AudioFrame] = ItemIterator(bench.hub, mailbox)
    waiting = asyncio.ensure_future(anext(iterator, None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await iterator.aclose()
    await iterator.aclose()
    assert await waiting is None
    assert await anext(iterator, None) is None


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("arrives", range(4))
async def test_cancelling_loses_nothing(arrives: int, turns: int) -> None:
    """However often waiting is cancelled, and however close to an arrival, each item comes once."""
    bench = Bench(items=10_000)
    mailbox = bench.hub.subscribe("frames", [AUDIO])
    found: list[int] = []
    for number in range(1, 201):
        task = asyncio.create_task(next_of(mailbox))
        for turn in range(4):
            if turn == arrives:
                bench.publish(audio(number))
            if turn == turns:
                task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        found += [] if task.cancelled() else [task.result().sequence]
    found += sequences(mailbox)
    assert found == list(range(1, 201))


async def test_timeouts_lose_nothing() -> None:
    """The same with `asyncio.wait_for` and `asyncio.timeout` around each step."""
    bench = Bench(items=10_000)
    iterator: ItemIterator[AudioFrame] = ItemIterator(
        bench.hub, bench.hub.subscribe("frames", [AUDIO])
    )
    found: list[int] = []
    loop = asyncio.get_running_loop()
    for number in range(1, 301):
        loop.call_later(0.0005, bench.publish, audio(number))
        try:
            if number % 2:
                found.append((await asyncio.wait_for(anext(iterator), 0.0005)).sequence)
            else:
                async with asyncio.timeout(0.0005):
                    found.append((await anext(iterator)).sequence)
        except TimeoutError:
            continue
    while len(found) < 300:
        found.append((await anext(iterator)).sequence)
    assert found == list(range(1, 301))


async def test_consumer_that_never_waits_lets_others_run() -> None:
    """A consumer with an endless supply gives the event loop its turn."""
    bench = Bench(items=1_000_000)
    mailbox = bench.hub.subscribe("frames", [AUDIO])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    loop = asyncio.get_running_loop()
    end = loop.time() + 0.1
    while loop.time() < end:
        bench.publish(audio(1))
        await next_of(mailbox)
    task.cancel()
    assert turns >= 5


def test_forgotten_iterator() -> None:
    """An iterator that is forgotten gives back what it had not read."""
    bench = Bench()
    iterator: ItemIterator[AudioFrame] = ItemIterator(
        bench.hub, bench.hub.subscribe("forgotten", [AUDIO])
    )
    bench.publish(audio(1))
    del iterator
    gc.collect()
    assert [one.consumer for one in bench.hub.statistics()] == ["nobody"] * 3
    assert sequences(bench.hub.subscribe("next", [AUDIO])) == [1]


async def test_given_back_is_gone() -> None:
    """Nothing is left of a mailbox that was given back, without help of the garbage collector."""
    bench = Bench()
    gc.collect()
    before = mailboxes()
    gc.disable()
    try:
        for keys in ((), (AUDIO,), (AUDIO, None)):
            bench.hub.release(bench.hub.subscribe("short", keys))
        assert mailboxes() == before
    finally:
        gc.enable()
