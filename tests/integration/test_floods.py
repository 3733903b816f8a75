"""As fast as possible, with default buffers: everything arrives, or what does not is announced."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any, Final

import pytest
from tests.integration.support import SHORT, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    BufferLimits,
    Buffers,
    Gap,
    MediaType,
    NetworkOptions,
    Product,
    RTMSClient,
    RTMSStream,
    StreamInfo,
    VideoFrame,
    VideoParams,
)
from rtms_client.frames import Item, MediaFrame
from rtms_client.testing import bulk_payload

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_SERVER: Final = """
import asyncio, sys
from rtms_client.testing import ADA, GRACE, FakeRTMSServer, bulk_audio, bulk_video

async def main():
    kind, frames, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    options = {"people": (ADA, GRACE)} if kind == "audio" else {}
    make = bulk_audio if kind == "audio" else bulk_video
    script = make(frames=frames, size=size, terminate=False, **options)
    async with FakeRTMSServer(script, pace=None, epoch_ms=1790000000000) as server:
        print(server.signaling_url, server.ca_file, flush=True)
        await server.stream.played.wait()
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def flood(kind: str, frames: int, size: int, **options: Any) -> AsyncIterator[RTMSStream]:  # noqa: ANN401  # passed on
    """Play a flood in a process of its own, and give a stream of it that is not open yet."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SERVER,
        kind,
        str(frames),
        str(size),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    url, ca_file = (await process.stdout.readline()).decode().split()
    client = RTMSClient(
        "test-client-id",
        "test-client-secret",
        network=NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False),
        timeouts=SHORT,
        reconnect=None,
        **options,
    )
    yield client.stream(
        StreamInfo(
            product=Product.MEETING,
            product_id="aBcDeFgHiJkLmNoPqRsTuA==",
            stream_id="11111111-2222-3333-4444-555555555555",
            server_urls=[url],
        )
    )
    process.stdin.close()
    assert await process.wait() == 0


class Account:
    """Checks every item of one consumer of bulk media.

    Args:
        media: The medium.
        size: Bytes of each frame.
        mark: Bytes in front of the known content.
    """

    def __init__(self, media: MediaType, size: int, mark: int = 0) -> None:
        self.frames = 0
        self.missing = 0
        """Frames that were jumped over."""
        self.announced = 0
        """Frames that gaps speak of."""
        self.marked = 0
        """Frames with a discontinuity."""
        self._media, self._size, self._mark = media, size, mark
        self._next = 0
        self._sequence = 0

    def take(self, item: Item) -> None:
        """Take the next item.

        Raises:
            AssertionError: It is out of order, came before, or is not what was sent.
        """
        assert item.sequence > self._sequence
        self._sequence = item.sequence
        if isinstance(item, Gap):
            assert item.media == self._media
            self.announced += item.items or 0
        elif isinstance(item, AudioFrame | VideoFrame):
            self._take_frame(item)

    def _take_frame(self, frame: MediaFrame) -> None:
        assert isinstance(frame, AudioFrame | VideoFrame)
        content = frame.data[self._mark :]
        index = int(content[2:16], 16)
        assert index >= self._next, "came twice"
        assert content == bulk_payload(self._media, index, self._size - self._mark)
        self.missing += index - self._next
        self.marked += frame.discontinuity
        self.frames += 1
        self._next = index + 1


async def attend(stream: RTMSStream, medium: MediaType, frames: int, *tasks: Any) -> int:  # noqa: ANN401
    """Open the stream, let so many frames come and be consumed; give how many were dropped."""
    running = [asyncio.create_task(task) for task in tasks]
    async with stream:
        await until(lambda: stream.statistics().core.frames[medium] >= frames, timeout_s=100)
        await until(lambda: not waiting(stream), timeout_s=100)
        statistics = stream.statistics()
        assert statistics.core.frames[medium] == frames
        assert statistics.core.duplicates == 0
        limits = {"audio": (20_000, 64 * 2**20), "video": (600, 64 * 2**20)}
        for one in statistics.buffers:
            most, most_bytes = limits.get(one.medium, (50_000, 16 * 2**20))
            assert one.high_water_items <= most
            assert one.high_water_bytes <= most_bytes
    await asyncio.gather(*running)
    return sum(one.dropped for one in statistics.buffers if one.medium != "events")


def waiting(stream: RTMSStream) -> int:
    """Return how many frames no consumer has taken yet."""
    return sum(one.items for one in stream.statistics().buffers if one.medium != "events")


def books_balance(account: Account, frames: int, *, gaps: int) -> None:
    """Check that what was sent was delivered, or announced as dropped."""
    assert account.frames + account.missing == frames
    assert account.missing == gaps


async def read(items: Any, account: Account) -> None:  # noqa: ANN401  # any iterator
    """Read to the end."""
    async for item in items:
        account.take(item)


async def test_audio() -> None:
    """200,000 audio frames reach an iterator and the merged one, bit by bit."""
    single, merged = Account(MediaType.AUDIO, 640), Account(MediaType.AUDIO, 640)
    async with flood("audio", 200_000, 640, audio=AudioParams()) as stream:
        dropped = await attend(
            stream,
            MediaType.AUDIO,
            200_000,
            read(stream.audio(), single),
            read(aiter(stream), merged),
        )
    books_balance(merged, 200_000, gaps=merged.announced)
    books_balance(single, 200_000, gaps=dropped - merged.announced)


async def test_audio_callbacks() -> None:
    """50,000 audio frames reach an asynchronous and a plain callback, bit by bit."""
    later, plain = Account(MediaType.AUDIO, 640), Account(MediaType.AUDIO, 640)

    async def take_later(frame: AudioFrame, _: RTMSStream) -> None:
        later.take(frame)

    async with flood("audio", 50_000, 640, audio=AudioParams()) as stream:
        stream.on_audio(take_later)
        stream.on_audio(lambda frame, _: plain.take(frame))
        events = Account(MediaType.AUDIO, 640)
        dropped = await attend(stream, MediaType.AUDIO, 50_000, read_gaps(stream, events))
    assert set(stream.statistics().callback_errors.values()) == {0}
    assert later.frames + later.missing == 50_000
    assert plain.frames + plain.missing == 50_000
    assert dropped == later.missing + plain.missing == events.announced


async def read_gaps(stream: RTMSStream, account: Account) -> None:
    """Add up the gaps that a consumer of events hears of."""
    async for event in stream.events():
        account.announced += (event.items or 0) if isinstance(event, Gap) else 0


async def test_video() -> None:
    """20,000 H.264 frames of 20 kB reach an iterator, bit by bit, or up to the next key frame."""
    account, events = Account(MediaType.VIDEO, 20_000, 5), Account(MediaType.VIDEO, 20_000, 5)
    async with flood("video", 20_000, 20_000, video=VideoParams(fps=25)) as stream:
        dropped = await attend(
            stream,
            MediaType.VIDEO,
            20_000,
            read(stream.video(), account),
            read_gaps(stream, events),
        )
    books_balance(account, 20_000, gaps=dropped)
    assert dropped == events.announced


async def test_consumer_that_is_too_slow() -> None:
    """Of 50,000 frames a slow consumer gets some, in order, and exact gaps instead of the rest."""
    buffers = Buffers(audio=BufferLimits(max_items=500, max_bytes=2**20))
    account = Account(MediaType.AUDIO, 640)
    gaps: list[Gap] = []

    async def dawdle(stream: RTMSStream) -> None:
        index = 0
        async for item in stream:
            account.take(item)
            if isinstance(item, Gap):
                index += item.items or 0
                gaps.append(item)
                await asyncio.sleep(0.001)
            elif isinstance(item, AudioFrame):
                assert int(item.data[2:16], 16) == index, "a gap says exactly what is missing"
                index += 1
                if index % 20 == 0:
                    await asyncio.sleep(0.005)

    async with flood("audio", 50_000, 640, audio=AudioParams(), buffers=buffers) as stream:
        dropped = await attend(stream, MediaType.AUDIO, 50_000, dawdle(stream))
    assert dropped > 0
    books_balance(account, 50_000, gaps=dropped)
    assert account.announced == dropped
    assert sum(gap.items or 0 for gap in gaps) == dropped
    assert sum((gap.items or 0) * 640 for gap in gaps) == sum(gap.size or 0 for gap in gaps)
    assert account.marked >= len(gaps)
    for one, other in pairwise(gaps):
        assert one.sequence < other.sequence
