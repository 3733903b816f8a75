"""What the server sent is what every kind of consumer gets: all of it, in order, once."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import attrs
import pytest
from tests.integration.support import client_for, collect, info_of, until

from rtms_client import (
    AudioChannel,
    AudioParams,
    ChatParams,
    DataOption,
    MediaCodec,
    MediaType,
    RTMSStream,
    SampleRate,
    ShareParams,
    StreamInfo,
    TranscriptParams,
    VideoParams,
)
from rtms_client.enums import ContentType, Product
from rtms_client.frames import Item, MediaFrame, ShareFrame, VideoFrame
from rtms_client.testing import (
    ADA,
    GRACE,
    FakeRTMSServer,
    MeetingScript,
    Speech,
    bulk_audio,
    bulk_captions,
    bulk_chat,
    bulk_payload,
    bulk_video,
)

EPOCH_MS: Final = 1790000000000
L16_ROWS: Final = [
    (ContentType.RAW_AUDIO, MediaCodec.L16, rate, channel, send_rate)
    for rate in SampleRate
    for channel in AudioChannel
    for send_rate in (20, 100, 1000)
]
CODED_ROWS: Final = [
    (content, codec, rate, channel, 20)
    for content in (ContentType.RTP, ContentType.RAW_AUDIO)
    for codec, rate, channel in (
        (MediaCodec.OPUS, SampleRate.SR_48K, AudioChannel.MONO),
        (MediaCodec.OPUS, SampleRate.SR_48K, AudioChannel.STEREO),
        (MediaCodec.G711, SampleRate.SR_8K, AudioChannel.MONO),
        (MediaCodec.G722, SampleRate.SR_16K, AudioChannel.MONO),
    )
]
Row = tuple[ContentType, MediaCodec, SampleRate, AudioChannel, int]
both_layouts = pytest.mark.parametrize("unified", [False, True], ids=["split", "unified"])


def row_name(row: Row) -> str:
    """Name a row of the matrix."""
    content, codec, rate, channel, send_rate = row
    return f"{content.name}-{codec.name}-{rate.name}-{channel.name}-{send_rate}"


async def deliver(
    name: str,
    params: object,
    script: MeetingScript,
    count: int,
    *,
    unified: bool = False,
    product: Product = Product.MEETING,
) -> list[Any]:
    """Play a meeting for one medium; give the items that every consumer gets, so many.

    Raises:
        AssertionError: The consumers did not get the same, or not in order.
    """
    found: dict[str, list[Item]] = {"asynchronous callback": [], "plain callback": []}

    async def take(item: Item, _: RTMSStream) -> None:
        found["asynchronous callback"].append(item)

    async with FakeRTMSServer(script, pace=None, epoch_ms=EPOCH_MS, product=product) as server:
        client = client_for(server, unified=unified, **{name: params})
        stream = client.stream(info_of(server))
        register = getattr(stream, f"on_{name}")
        register(take)
        register(lambda item, _: found["plain callback"].append(item))
        merged, single, more = aiter(stream), getattr(stream, name)(), getattr(stream, name)()
        async with stream:
            await server.stream.played.wait()
            await until(lambda: sum(stream.statistics().core.frames.values()) == count)
            await until(lambda: all(len(items) == count for items in found.values()))
        found["iterator"], found["second iterator"] = await collect(single), await collect(more)
        everything = await collect(merged)
    found["merged"] = [item for item in everything if isinstance(item, MediaFrame)]
    assert_increasing(everything)
    found |= await deliver_to_threads(name, params, script, count, unified=unified, product=product)
    for consumer, items in found.items():
        assert unnumbered(items) == unnumbered(found["iterator"]), consumer
    assert_increasing(found["iterator"])
    assert server.violations == []
    return found["iterator"]


async def deliver_to_threads(
    name: str,
    params: object,
    script: MeetingScript,
    count: int,
    *,
    unified: bool,
    product: Product,
) -> dict[str, list[Item]]:
    """Play the meeting again, for a client in the background; give what plain loops get.

    Raises:
        AssertionError: They did not get it in order.
    """
    async with FakeRTMSServer(script, pace=None, epoch_ms=EPOCH_MS, product=product) as server:
        client = client_for(server, unified=unified, **{name: params})

        def consume(info: StreamInfo) -> tuple[list[Item], list[Item]]:
            with client.in_background() as portal:
                stream = portal.stream(info)
                merged, single = iter(stream), getattr(stream, name)()
                with stream:
                    first = [next(single) for _ in range(count // 2)]
                    portal.call(
                        until, lambda: sum(stream.statistics().core.frames.values()) == count
                    )
            return [*first, *single], [*merged]

        single, everything = await asyncio.to_thread(consume, info_of(server))
    assert_increasing(single)
    assert_increasing(everything)
    assert server.violations == []
    return {
        "plain iterator": single,
        "plain merged": [item for item in everything if isinstance(item, MediaFrame)],
    }


def unnumbered(items: Iterable[Item]) -> list[Item]:
    """Leave out the sequence numbers, which depend on what came in between."""
    return [attrs.evolve(item, sequence=0) for item in items]


def assert_increasing(items: Iterable[Item]) -> None:
    """Check that sequence numbers grow strictly."""
    assert all(one.sequence < other.sequence for one, other in pairwise(items))


@both_layouts
@pytest.mark.parametrize("row", [*L16_ROWS, *CODED_ROWS], ids=row_name)
async def test_every_row_of_the_audio_matrix(row: Row, unified: bool) -> None:  # noqa: FBT001
    """Audio of every supported combination arrives bit by bit, with its format."""
    content, codec, rate, channel, send_rate = row
    params = AudioParams(
        content_type=content,
        codec=codec,
        sample_rate=rate,
        channel=channel,
        send_rate_ms=send_rate,
    )
    script = bulk_audio(
        frames=40, size=333, people=(ADA, GRACE), interval_ms=send_rate, terminate=False
    )
    frames = await deliver("audio", params, script, 40, unified=unified)
    assert [frame.data for frame in frames] == [
        bulk_payload(MediaType.AUDIO, index, 333) for index in range(40)
    ]
    assert [(frame.user_id, frame.user_name) for frame in frames] == [
        (16778240, "Ada"),
        (16779264, "Grace"),
    ] * 20
    assert [frame.timestamp_ms for frame in frames] == [
        EPOCH_MS + index // 2 * send_rate for index in range(40)
    ]
    assert {
        (
            frame.format.content_type,
            frame.format.codec,
            frame.format.sample_rate,
            frame.format.channel,
            frame.format.send_rate_ms,
        )
        for frame in frames
    } == {row}


async def test_mixed_audio() -> None:
    """Mixed audio comes from user 0 without a name."""
    params = AudioParams(data_opt=DataOption.AUDIO_MIXED_STREAM)
    frames = await deliver("audio", params, bulk_audio(frames=10, terminate=False), 10)
    assert [(frame.user_id, frame.user_name) for frame in frames] == [(0, None)] * 10


async def test_speech_of_two_people_at_once() -> None:
    """Speech that overlaps arrives whole for each speaker."""
    ada = bytes(range(256)) * 25
    grace = bytes(reversed(range(256))) * 25
    script = MeetingScript(
        [
            Speech(at_ms=0, person=ADA, pcm=ada),
            Speech(at_ms=60, person=GRACE, pcm=grace),
        ]
    )
    frames = await deliver("audio", AudioParams(), script, 20)
    assert b"".join(frame.data for frame in frames if frame.user_id == 16778240) == ada
    assert b"".join(frame.data for frame in frames if frame.user_id == 16779264) == grace


async def test_call_parties() -> None:
    """In Contact Center each party has a channel of its own."""
    script = bulk_audio(frames=4, people=(ADA, GRACE), terminate=False)
    frames = await deliver("audio", AudioParams(), script, 4, product=Product.CONTACT_CENTER)
    assert [frame.channel_id for frame in frames] == ["16778240", "16779264"] * 2


PICTURES: Final = {
    MediaCodec.JPG: (b"\xff\xd8\xff\xe0", 5, 200),
    MediaCodec.PNG: (b"\x89PNG\r\n\x1a\n", 5, 200),
    MediaCodec.H264: (b"\0\0\0\1", 25, 40),
}


@both_layouts
@pytest.mark.parametrize("codec", PICTURES, ids=lambda codec: codec.name)
async def test_video(codec: MediaCodec, unified: bool) -> None:  # noqa: FBT001
    """Camera pictures of every codec arrive bit by bit; key frames are recognised."""
    start, fps, interval_ms = PICTURES[codec]
    frames = await deliver(
        "video",
        VideoParams(codec=codec, fps=fps),
        bulk_video(frames=45, size=2000, codec=codec, interval_ms=interval_ms, terminate=False),
        45,
        unified=unified,
    )
    assert len(frames) == 45
    for index, frame in enumerate(frames):
        assert type(frame) is VideoFrame
        assert len(frame.data) == 2000
        assert frame.data.startswith(start)
        assert frame.data.endswith(_filling(MediaType.VIDEO, index, codec))
        assert frame.timestamp_ms == EPOCH_MS + index * interval_ms
        assert (frame.user_id, frame.user_name) == (16778240, "Ada")
        assert frame.is_key_frame is (codec != MediaCodec.H264 or index in {0, 30})
        assert frame.format.codec == codec


SHARES: Final = {MediaCodec.JPG: (1, 1000), MediaCodec.PNG: (1, 1000), MediaCodec.H264: (25, 40)}


@both_layouts
@pytest.mark.parametrize("codec", SHARES, ids=lambda codec: codec.name)
async def test_share(codec: MediaCodec, unified: bool) -> None:  # noqa: FBT001
    """Pictures of a shared screen of every codec arrive bit by bit."""
    fps, interval_ms = SHARES[codec]
    script = bulk_video(
        frames=35,
        size=2000,
        codec=codec,
        media=MediaType.SHARE,
        interval_ms=interval_ms,
        terminate=False,
    )
    frames = await deliver("share", ShareParams(codec=codec, fps=fps), script, 35, unified=unified)
    assert len(frames) == 35
    for index, frame in enumerate(frames):
        assert type(frame) is ShareFrame
        assert len(frame.data) == 2000
        assert frame.data.endswith(_filling(MediaType.SHARE, index, codec))
        assert frame.timestamp_ms == EPOCH_MS + index * interval_ms


def _filling(media: MediaType, index: int, codec: MediaCodec) -> bytes:
    """Return the bytes of a bulk picture behind the mark of its codec."""
    mark = {MediaCodec.JPG: 4, MediaCodec.PNG: 8, MediaCodec.H264: 5}[codec]
    return bulk_payload(media, index, 2000 - mark)


@both_layouts
async def test_transcript(unified: bool) -> None:  # noqa: FBT001
    """Every transcript segment arrives, with its times."""
    segments = await deliver(
        "transcript",
        TranscriptParams(),
        bulk_captions(segments=50, terminate=False),
        50,
        unified=unified,
    )
    assert [segment.text for segment in segments] == [f"segment {index}" for index in range(50)]
    assert [segment.timestamp_ms for segment in segments] == [
        EPOCH_MS + 500 * index for index in range(50)
    ]


@both_layouts
async def test_chat(unified: bool) -> None:  # noqa: FBT001
    """Every chat message arrives, with its id."""
    messages = await deliver(
        "chat", ChatParams(), bulk_chat(messages=50, terminate=False), 50, unified=unified
    )
    assert [message.text for message in messages] == [f"message {index}" for index in range(50)]
    assert [message.message_id for message in messages] == [f"m-{index}" for index in range(50)]
