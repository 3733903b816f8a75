"""Batches: what crosses to a thread in one hop, and what comes back of it."""

import pytest

from rtms_client import AudioFrame, BufferLimits, ConnectionLost, Gap, InvalidState, MediaType
from rtms_client._runtime.buffers import Hub
from rtms_client.config import AudioFormat
from rtms_client.events import FirstPacket, GapCause
from rtms_client.frames import Item
from rtms_client.stream import ItemIterator

AUDIO = MediaType.AUDIO


def audio(number: int, size: int = 4) -> AudioFrame:
    """Make an audio frame of user 7."""
    return AudioFrame(
        sequence=number, data=bytes(size), timestamp_ms=number, user_id=7, format=AudioFormat()
    )


def hub_of(items: int = 10_000) -> Hub:
    """Make a hub with lanes for audio and events."""
    limits = BufferLimits(max_items=items, max_bytes=100_000_000)
    hub = Hub({AUDIO: limits, None: limits}, lambda _: None)
    hub.opened = True
    return hub


def frames_of(hub: Hub) -> ItemIterator[AudioFrame]:
    """Read audio."""
    return ItemIterator(hub, hub.subscribe("iterator audio", [AUDIO]))


def everything_of(hub: Hub) -> ItemIterator[Item]:
    """Read everything."""
    return ItemIterator(hub, hub.subscribe("iterator all", hub.keys()))


def numbers(items: list[Item] | list[AudioFrame]) -> list[int]:
    """Tell the items by their numbers."""
    return [item.sequence for item in items]


def test_take() -> None:
    """What waits comes in order, across media; then nothing, without waiting."""
    hub = hub_of()
    items = everything_of(hub)
    for item in (audio(1), FirstPacket(sequence=2, timestamp_ms=2), audio(3)):
        hub.publish(item, 4)
    assert numbers(items.take()) == [1, 2, 3]
    assert items.take() == []


async def test_batch_is_bounded() -> None:
    """At most 2,048 items, or about 1 MiB of media, cross at a time."""
    hub = hub_of()
    frames = frames_of(hub)
    for number in range(3000):
        hub.publish(audio(number), 4)
    assert len(await frames.batch()) == 2048
    assert len(await frames.batch()) == 952
    for number in range(10):
        hub.publish(audio(number, 300_000), 300_000)
    assert len(frames.take()) == 4


async def test_batch_of_a_stream_that_was_never_opened() -> None:
    """Nothing can come, so waiting is refused at once; what waits is returned."""
    hub = hub_of()
    hub.opened = False
    frames = frames_of(hub)
    with pytest.raises(InvalidState, match="open the stream first"):
        await frames.batch()
    hub.publish(audio(1), 4)
    assert numbers(await frames.batch()) == [1]


async def test_batch_at_the_end() -> None:
    """The rest, then empty lists after a normal end; the error after another one."""
    hub, broken = hub_of(), hub_of()
    frames, others = frames_of(hub), frames_of(broken)
    hub.publish(audio(1), 4)
    hub.end(None)
    broken.end(ConnectionLost("audio", 1006, ""))
    assert numbers(await frames.batch()) == [1]
    assert await frames.batch() == frames.take() == []
    with pytest.raises(ConnectionLost):
        await others.batch()
    with pytest.raises(ConnectionLost):
        others.take()


async def test_closed() -> None:
    """A closed iterator has nothing, and takes nothing back."""
    hub = hub_of()
    frames = frames_of(hub)
    hub.publish(audio(1), 4)
    frames.close()
    frames.close()
    frames.give_back([audio(0)])
    assert await frames.batch() == frames.take() == []
    assert numbers(frames_of(hub).take()) == [1]


def test_given_back_comes_next() -> None:
    """Also to the next consumer, in the old order, and in the statistics."""
    hub = hub_of()
    items = everything_of(hub)
    for item in (audio(1), FirstPacket(sequence=2, timestamp_ms=2), audio(3), audio(4)):
        hub.publish(item, 4)
    taken = items.take()
    hub.publish(audio(5), 4)
    items.give_back(taken[1:])
    assert {one.medium: (one.items, one.bytes) for one in hub.statistics()} == {
        "audio": (3, 12),
        "events": (1, 0),
    }
    items.close()
    assert numbers(frames_of(hub).take()) == [3, 4, 5]
    assert numbers(everything_of(hub).take()) == [2]


def test_given_back_in_front_of_a_gap() -> None:
    """What was dropped meanwhile stays where it was lost."""
    hub = hub_of(items=4)
    items = everything_of(hub)
    for number in range(1, 4):
        hub.publish(audio(number), 4)
    taken = items.take()
    for number in range(4, 10):
        hub.publish(audio(number), 4)
    items.give_back(taken[2:])
    found = items.take()
    gap = found[1]
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.items) == (GapCause.DROPPED, 2)
    assert [item.sequence for item in (found[0], *found[2:])] == [3, 6, 7, 8, 9]
    marked = [item for item in found if isinstance(item, AudioFrame) and item.discontinuity]
    assert numbers(marked) == [6]


def test_gap_that_is_given_back() -> None:
    """A consumer that stops right behind a gap leaves it to the next one."""
    hub = hub_of(items=4)
    items = everything_of(hub)
    for number in range(1, 10):
        hub.publish(audio(number), 4)
    gap, *rest = items.take()
    assert isinstance(gap, Gap)
    items.give_back([gap, *rest])
    assert items.take() == [gap, *rest]


async def test_given_back_while_an_item_is_held() -> None:
    """The item behind a gap is held for its reader; it keeps its place."""
    hub = hub_of(items=4)
    items = everything_of(hub)
    for number in range(1, 10):
        hub.publish(audio(number), 4)
    gap = await anext(items)
    items.give_back([gap])
    found = items.take()
    assert found[0] == gap
    assert numbers(found[1:]) == [6, 7, 8, 9]


def test_gap_told_to_the_events() -> None:
    """One that came to a consumer of events goes back to the events."""
    hub = hub_of(items=4)
    frames, events = frames_of(hub), ItemIterator[Item](hub, hub.subscribe("events", [None]))
    for number in range(1, 10):
        hub.publish(audio(number), 4)
    frames.take()
    [gap] = events.take()
    assert isinstance(gap, Gap)
    events.give_back([gap])
    assert events.take() == [gap]
