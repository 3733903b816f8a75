"""Lanes: bounds, policies, and the exact gaps that they leave."""

from typing import Any

import pytest

from rtms_client import (
    AudioFrame,
    BufferLimits,
    Gap,
    MediaCodec,
    MediaType,
    OverflowPolicy,
    Resolution,
    TranscriptSegment,
    Unrecognized,
    VideoFrame,
)
from rtms_client._runtime.lanes import Lane, Put, key_name
from rtms_client.config import AudioFormat, PictureFormat, TranscriptFormat
from rtms_client.events import FirstPacket, GapCause
from rtms_client.frames import Item

AUDIO = AudioFormat()
H264 = PictureFormat(fps=25, codec=MediaCodec.H264, resolution=Resolution.HD)
JPG = PictureFormat(fps=5, codec=MediaCodec.JPG, resolution=Resolution.HD)
KEY, DELTA = b"\0\0\0\1\x65", b"\0\0\0\1\x41"


def audio(number: int, *, user_id: int | None = 7, size: int = 10) -> AudioFrame:
    """Make an audio frame."""
    return AudioFrame(
        sequence=number,
        data=bytes(size),
        timestamp_ms=1000 * number,
        user_id=user_id,
        format=AUDIO,
    )


def video(number: int, *, key: bool = False) -> VideoFrame:
    """Make an H.264 frame of 5 bytes."""
    return VideoFrame(
        sequence=number,
        data=KEY if key else DELTA,
        timestamp_ms=1000 * number,
        user_id=7,
        format=H264,
    )


def lane(
    items: int = 4,
    size: int = 1000,
    policy: OverflowPolicy = OverflowPolicy.DROP_OLDEST,
    key: MediaType | None = MediaType.AUDIO,
) -> Lane:
    """Make a lane."""
    return Lane(key, BufferLimits(max_items=items, max_bytes=size, policy=policy))


def fill(into: Lane, *items: Any, size: int = 10) -> list[Put]:  # noqa: ANN401  # any items
    """Put items that took so many bytes each."""
    return [into.put(item, size) for item in items]


def drain(source: Lane) -> list[Item]:
    """Take everything."""
    found = []
    while (item := source.pop()) is not None:
        found.append(item)
    return found


def shape(items: list[Item]) -> list[str]:
    """Show items as text: a number, ``!`` for a discontinuity, ``gap`` with its number of items."""
    return [
        f"gap {item.items}"
        if isinstance(item, Gap)
        else f"{item.sequence}{'!' * getattr(item, 'discontinuity', False)}"
        for item in items
    ]


def test_order() -> None:
    """A lane with room is a queue."""
    one = lane()
    assert fill(one, *map(audio, (1, 2, 3, 4))) == [Put.TAKEN] * 4
    assert len(one) == 4
    assert one.bytes == 40
    assert one.first() == 1
    assert shape(drain(one)) == ["1", "2", "3", "4"]
    assert one.bytes == 0
    assert one.first() is None


@pytest.mark.parametrize(
    ("full", "count"),
    [
        pytest.param(lane(), 2, id="items"),
        pytest.param(lane(items=1), 2, id="a gap, and an item held behind it"),
        pytest.param(lane(size=5), 1, id="a gap only"),
    ],
)
def test_whether_anything_waits(full: Lane, count: int) -> None:
    """A lane tells beforehand whether there is something to pop, be it a gap."""
    fill(full, audio(1), audio(2))
    told = []
    while full.holds_anything():
        told.append(full.pop())
    assert None not in told
    assert len(told) == count
    assert full.pop() is None


def test_drop_oldest() -> None:
    """The oldest items make room; the gap in front of the rest says exactly what is missing."""
    one = lane(items=3)
    fill(one, audio(1, user_id=7), audio(2, user_id=8), audio(3), audio(4), audio(5))
    assert one.first() == 1
    gap, *rest = drain(one)
    assert gap == Gap(
        sequence=1,
        media=MediaType.AUDIO,
        cause=GapCause.DROPPED,
        items=2,
        size=20,
        user_ids=(7, 8),
        from_ms=1000,
        to_ms=2000,
        consumer="nobody",
    )
    assert isinstance(gap, Gap)
    assert gap.duration_ms == 1000
    assert shape(rest) == ["3!", "4", "5"]
    assert one.dropped == 2


def test_drop_newest() -> None:
    """What arrives is dropped while there is no room; the gap comes behind what was there."""
    one = lane(items=2, policy=OverflowPolicy.DROP_NEWEST)
    outcomes = fill(one, *map(audio, (1, 2, 3, 4)))
    assert outcomes == [Put.TAKEN, Put.TAKEN, Put.DROPPED, Put.TAKEN]
    assert shape([one.pop() or audio(0), one.pop() or audio(0)]) == ["1", "2"]
    assert one.first() == 3
    fill(one, audio(5))
    assert shape(drain(one)) == ["gap 2", "5!"]


def test_gap_at_the_end() -> None:
    """A gap that nothing follows is delivered all the same."""
    one = lane(items=1, policy=OverflowPolicy.DROP_NEWEST)
    fill(one, *map(audio, (1, 2, 3)))
    assert shape(drain(one)) == ["1", "gap 2"]


def test_close() -> None:
    """A full lane with the policy to close takes nothing and drops nothing."""
    one = lane(items=2, policy=OverflowPolicy.CLOSE)
    assert fill(one, *map(audio, (1, 2, 3))) == [Put.TAKEN, Put.TAKEN, Put.REFUSED]
    assert one.dropped == 0
    assert shape(drain(one)) == ["1", "2"]


def test_bytes_count() -> None:
    """The bound in bytes holds as well as the one in items."""
    one = lane(items=100, size=35)
    fill(one, *map(audio, (1, 2, 3, 4)))
    assert one.bytes == 30
    assert one.high_bytes == 30
    assert shape(drain(one)) == ["gap 1", "2!", "3", "4"]


def test_item_that_never_fits() -> None:
    """An item above the bound is dropped alone; the others stay."""
    one = lane(size=35)
    fill(one, audio(1), audio(2))
    assert one.put(audio(3), 36) is Put.DROPPED
    fill(one, audio(4))
    assert shape(drain(one)) == ["1", "2", "gap 1", "4!"]


def test_first_item_that_never_fits() -> None:
    """An item above the bound of an empty lane leaves just a gap."""
    one = lane(size=35)
    assert one.put(audio(1), 36) is Put.DROPPED
    assert one.first() == 1
    assert shape(drain(one)) == ["gap 1"]


@pytest.mark.parametrize("policy", [OverflowPolicy.DROP_OLDEST, OverflowPolicy.DROP_NEWEST])
@pytest.mark.parametrize("taken_between", [1, 2, 3])
def test_bounds_hold_with_gaps_in_between(policy: OverflowPolicy, taken_between: int) -> None:
    """A gap in the middle of a lane counts as an item, so the bound is never exceeded."""
    one = lane(items=4, policy=policy)
    delivered = dropped = 0
    for number in range(1, 200):
        one.put(audio(number), 10)
        assert len(one) <= 4
        if number % 5 == 0:
            for _ in range(taken_between):
                item = one.pop()
                delivered += isinstance(item, AudioFrame)
                dropped += (item.items or 0) if isinstance(item, Gap) else 0
    assert one.high_items <= 4
    for item in drain(one):
        delivered += isinstance(item, AudioFrame)
        dropped += (item.items or 0) if isinstance(item, Gap) else 0
    assert dropped == one.dropped
    assert delivered + dropped == 199


def test_smallest_lane() -> None:
    """A lane of one item still counts and announces what it drops."""
    one = lane(items=1, policy=OverflowPolicy.DROP_NEWEST)
    fill(one, audio(1), audio(2))
    assert shape([one.pop() or audio(0)]) == ["1"]
    fill(one, audio(3))
    assert len(one) == 1
    assert shape(drain(one)) == ["gap 1", "3!"]


def test_one_gap_for_drops_in_a_row() -> None:
    """Dropping goes on in the same gap until the consumer has read it."""
    one = lane(items=2)
    fill(one, *map(audio, range(1, 8)))
    assert shape(drain(one)) == ["gap 5", "6!", "7"]
    fill(one, *map(audio, range(8, 11)))
    assert shape(drain(one)) == ["gap 1", "9!", "10"]


def test_a_gap_swallows_older_gaps() -> None:
    """When everything around a gap is dropped too, one gap stands for all of it."""
    one = lane(items=4, size=40)
    fill(one, *map(audio, (1, 2)))
    one.put(audio(3), 41)
    fill(one, *map(audio, (4, 5)))
    assert len(one) == 4
    one.put(audio(6), 40)
    items = drain(one)
    assert shape(items) == ["gap 5", "6!"]
    assert isinstance(items[0], Gap)
    assert (items[0].sequence, items[0].from_ms, items[0].to_ms) == (1, 1000, 5000)
    assert one.dropped == 5


def test_a_gap_swallows_the_gap_behind_it() -> None:
    """A gap behind items that are all dropped becomes part of the gap in front."""
    one = lane(items=3, size=40)
    fill(one, *map(audio, (1, 2)))
    one.put(audio(3), 41)
    one.put(audio(4), 40)
    assert shape(drain(one)) == ["gap 3", "4!"]


@pytest.mark.parametrize("size", [40, 100_000])
def test_consumer_that_takes_its_time_with_gaps(size: int) -> None:
    """A consumer as slow with gaps as with frames gets frames, too, not only gaps."""
    one = lane(items=4, size=size)
    taken: list[Item] = []
    for number in range(1, 401):
        fill(one, audio(number))
        if number % 2 == 0:
            taken.append(one.pop() or audio(0))
    assert [item.sequence for item in taken] == sorted({item.sequence for item in taken})
    assert sum(isinstance(item, AudioFrame) for item in taken) >= 100
    missing = sum((item.items or 0) for item in taken + drain(one) if isinstance(item, Gap))
    assert missing == one.dropped
    assert one.high_items <= 4


def test_smallest_lane_of_a_consumer_that_takes_its_time() -> None:
    """The item that follows a gap is kept even when it is the only one that there is room for."""
    one = lane(items=1)
    fill(one, audio(1), audio(2))
    assert shape([one.pop() or audio(0)]) == ["gap 1"]
    fill(one, audio(3), audio(4))
    assert one.first() == 2
    assert shape(drain(one)) == ["2!", "gap 2"]


def test_episodes() -> None:
    """An episode of dropping begins once, and again only after the consumer caught up."""
    one = lane(items=4)
    assert fill(one, *map(audio, range(1, 9))).count(Put.DROPPED) == 1
    one.pop()  # the gap
    one.pop()
    assert fill(one, *map(audio, range(9, 13))).count(Put.DROPPED) == 0
    drain(one)
    assert fill(one, *map(audio, range(13, 21))).count(Put.DROPPED) == 1


def test_episodes_of_a_lane_that_is_bounded_by_bytes() -> None:
    """A consumer that is steadily too slow is one episode also when bytes are what runs out."""
    one = lane(items=1000, size=100)
    begun = 0
    for number in range(1, 100):
        begun += fill(one, audio(number)).count(Put.DROPPED)
        if number % 2:
            one.pop()
    assert one.dropped > 30
    assert begun == 1


def test_discontinuity_of_each_speaker() -> None:
    """After a gap the next frame of each speaker in it is marked, and no other."""
    one = lane(items=3)
    fill(one, audio(1, user_id=7), audio(2, user_id=8))
    fill(one, audio(3, user_id=9), audio(4, user_id=7), audio(5, user_id=8))
    assert shape(drain(one)) == ["gap 2", "3", "4!", "5!"]


def test_discontinuity_without_a_speaker() -> None:
    """When nobody knows who is missing, the next frame is marked."""
    one = lane(items=2)
    fill(one, audio(1, user_id=None), audio(2), audio(3))
    assert shape(drain(one)) == ["gap 1", "2!", "3"]


def test_video_drops_up_to_the_next_key_frame() -> None:
    """H.264 that cannot be decoded without what was dropped goes with it."""
    one = lane(items=4, key=MediaType.VIDEO)
    fill(one, video(1, key=True), video(2), video(3, key=True), video(4), video(5))
    assert shape(drain(one)) == ["gap 2", "3!", "4", "5"]
    assert one.dropped == 2


def test_video_without_a_key_frame_in_the_lane() -> None:
    """Without a key frame everything is dropped until one comes."""
    one = lane(items=3, key=MediaType.VIDEO)
    fill(one, video(1, key=True), video(2), video(3), video(4), video(5))
    assert len(one) == 0
    fill(one, video(6), video(7, key=True), video(8))
    assert shape(drain(one)) == ["gap 6", "7!", "8"]


def test_video_drop_newest() -> None:
    """After dropping the newest frame nothing is taken before the next key frame."""
    one = lane(items=2, key=MediaType.VIDEO, policy=OverflowPolicy.DROP_NEWEST)
    fill(one, video(1, key=True), video(2), video(3))
    assert shape([one.pop() or video(0), one.pop() or video(0)]) == ["1", "2"]
    fill(one, video(4), video(5, key=True))
    assert shape(drain(one)) == ["gap 2", "5!"]


def test_pictures_are_all_key_frames() -> None:
    """JPEG frames stand alone, so no more than needed is dropped."""
    one = lane(items=2, key=MediaType.VIDEO)
    for number in (1, 2, 3):
        frame = VideoFrame(sequence=number, data=b"\xff\xd8", timestamp_ms=0, format=JPG)
        one.put(frame, 10)
    assert shape(drain(one)) == ["gap 1", "2!", "3"]


def test_text_and_events() -> None:
    """Text is marked too; events, which cannot be marked, just follow their gap."""
    text = lane(items=1, key=MediaType.TRANSCRIPT)
    for number in (1, 2):
        segment = TranscriptSegment(
            sequence=number, text="ab", timestamp_ms=number, format=TranscriptFormat()
        )
        text.put(segment, 10)
    gap, segment_2 = drain(text)
    assert isinstance(gap, Gap)
    assert gap.size == 2
    assert isinstance(segment_2, TranscriptSegment)
    assert segment_2.discontinuity
    events = lane(items=1, key=None)
    fill(events, Unrecognized(sequence=1, problem="?"), FirstPacket(sequence=2, timestamp_ms=5))
    gap, first = drain(events)
    assert isinstance(gap, Gap)
    assert (gap.media, gap.items, gap.from_ms) == (None, 1, None)
    assert first == FirstPacket(sequence=2, timestamp_ms=5)


def test_many_speakers_in_one_gap() -> None:
    """A gap names no more speakers than anybody could read."""
    one = lane(items=1)
    fill(one, *(audio(number, user_id=number) for number in range(1, 102)))
    gap = one.pop()
    assert isinstance(gap, Gap)
    assert gap.items == 100
    assert gap.user_ids == tuple(range(1, 65))


def test_interruptions_are_no_drops() -> None:
    """A gap of the connection passes through a lane like any event."""
    one = lane(key=None)
    lost = Gap(sequence=1, media=MediaType.AUDIO, cause=GapCause.LOST)
    fill(one, lost)
    assert drain(one) == [lost]


def test_names() -> None:
    """Lanes are named for logs and statistics."""
    assert key_name(None) == "events"
    assert key_name(MediaType.SHARE) == "share"


def test_speakers_who_never_return_are_not_remembered_forever() -> None:
    """When too many are to be marked, the next frame is marked instead, whoever speaks."""
    one = lane(items=1)
    last = []
    for episode in range(70):
        fill(one, *(audio(1, user_id=100 * episode + user) for user in range(65)))
        last.append(shape(drain(one))[-1])
    assert last.count("1!") == 1


def test_lag() -> None:
    """The lag is how long the oldest item has been waiting, the one held behind a gap included."""
    one = lane(items=3)
    assert one.lag_s(100.0) == 0.0
    for number in (1, 2, 3, 4):  # the first is dropped
        one.put(audio(number), 10, 10.0 * number)
    assert one.lag_s(100.0) == 80.0
    assert isinstance(one.pop(100.0), Gap)
    assert one.lag_s(100.0) == 80.0
    one.pop(100.0)
    assert one.lag_s(100.0) == 70.0
    assert one.lag_s(29.0) == 0.0  # a clock that was read before


def test_longest_wait() -> None:
    """The longest wait is that of an item that was taken, dropped, or still waits."""
    one = lane(items=2)
    one.put(audio(1), 10, 1.0)
    one.pop(1.5)
    assert one.statistics(9.0).longest_wait_ms == 500
    one.put(audio(2), 10, 9.0)
    assert one.statistics(9.75).longest_wait_ms == 750
    one.put(audio(3), 10, 9.75)
    one.put(audio(4), 10, 11.0)  # drops the second
    assert (one.dropped, one.statistics(11.0).longest_wait_ms) == (1, 2000)
    assert one.statistics(11.0).lag_ms == 1250
