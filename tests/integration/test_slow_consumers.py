"""Consumers that never read, sleep, block or raise disturb neither keep-alives nor each other."""

import asyncio
import logging
import re
import statistics
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import pytest
from tests.integration.support import client_for, collect, info_of, stream_of, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    BufferLimits,
    Buffers,
    ItemIterator,
    RTMSStream,
    TranscriptParams,
)
from rtms_client._runtime.buffers import BufferStatistics
from rtms_client.enums import MediaType, MessageType
from rtms_client.testing import FakeRTMSServer, Timing

KEEP_ALIVES: Final = 30
SMALL: Final = Buffers(audio=BufferLimits(max_items=50, max_bytes=20_000))
FRAME: Final = bytes(100)

Burden = Callable[[AudioFrame, RTMSStream], Awaitable[None] | None]


def answer_times(server: FakeRTMSServer) -> list[float]:
    """Return how long each keep-alive waited for its answer, in seconds."""
    asked: dict[tuple[int, object], float] = {}
    times = []
    for entry in server.log:
        assert entry.message is not None
        key = entry.connection_id, entry.message.get("sequence")
        if entry.msg_type == MessageType.KEEP_ALIVE_REQ:
            asked[key] = entry.at_s
        elif entry.msg_type == MessageType.KEEP_ALIVE_RESP:
            times.append(entry.at_s - asked[key])
    return times


def assert_prompt(server: FakeRTMSServer) -> None:
    """Check that keep-alives were answered at once; a busy machine may delay some of them."""
    times = answer_times(server)
    assert len(times) >= KEEP_ALIVES
    assert statistics.median(times) < 0.1
    assert max(times) < 10
    assert server.violations == []


def buffer_of(stream: RTMSStream, consumer: str, medium: str = "audio") -> BufferStatistics:
    """Return the statistics of one buffer."""
    [found] = [
        one
        for one in stream.statistics().buffers
        if one.medium == medium and consumer in one.consumer
    ]
    return found


def assert_within(buffers: Iterable[BufferStatistics]) -> None:
    """Check that no audio buffer ever held more than its limits."""
    for one in buffers:
        if one.medium == "audio":
            assert one.high_water_items <= 50
            assert one.high_water_bytes <= 20_000


async def speak(server: FakeRTMSServer, frames: int) -> None:
    """Send so many frames of audio, and as many segments of transcript, while time passes."""
    for number in range(frames):
        await server.stream.send_audio(FRAME, timestamp_ms=1790000000000 + 20 * number)
        await server.stream.send_transcript(
            f"segment {number}", timestamp_ms=1790000000000 + number
        )
        await asyncio.sleep(0.001)


class Burdens:
    """Callbacks that are no good, and what they did."""

    def __init__(self) -> None:
        self.calls = 0
        self.release = threading.Event()

    async def sleeps(self, _: AudioFrame, __: RTMSStream) -> None:
        """Sleep for two minutes."""
        self.calls += 1
        await asyncio.sleep(120)

    def blocks(self, _: AudioFrame, __: RTMSStream) -> None:
        """Block the thread until the test is over."""
        self.calls += 1
        self.release.wait(60)

    async def raises(self, _: AudioFrame, __: RTMSStream) -> None:
        """Raise each time."""
        self.calls += 1
        raise ValueError("no good")

    def raises_in_thread(self, _: AudioFrame, __: RTMSStream) -> None:
        """Raise each time, in a thread."""
        self.calls += 1
        raise ValueError("no good")

    def computes(self, _: AudioFrame, __: RTMSStream) -> None:
        """Keep a processor busy."""
        self.calls += 1
        sum(number * number for number in range(1_000))


@pytest.mark.parametrize(
    "burden", ["sleeps", "blocks", "raises", "raises_in_thread", "computes", "nobody reads"]
)
async def test_others_are_unharmed(burden: str, caplog: pytest.LogCaptureFixture) -> None:
    """Keep-alives are answered, other consumers get everything, and memory stays in its bounds."""
    caplog.set_level(logging.WARNING)
    burdens = Burdens()
    heard: list[AudioFrame] = []

    async def hear(frame: AudioFrame, _: RTMSStream) -> None:
        heard.append(frame)

    timing = Timing(keep_alive_s=0.02, missed_keep_alives=10_000, keep_alive_grace_s=10)
    async with FakeRTMSServer(timing=timing) as server:
        client = client_for(
            server, audio=AudioParams(), transcript=TranscriptParams(), buffers=SMALL
        )
        stream = client.stream(info_of(server))
        frames, segments = stream.audio(), stream.transcript()
        idle = stream.audio() if burden == "nobody reads" else None
        if idle is None:
            stream.on_audio(getattr(burdens, burden))
        stream.on_audio(hear)
        async with stream:
            await until(lambda: len([one for one in server.stream.media if one.ready]) == 2)
            reading = asyncio.gather(collect(frames, 400), collect(segments, 400))
            await speak(server, 400)
            read, said = await reading
            await until(lambda: len(heard) == 400)
            await server.wait_for(MessageType.KEEP_ALIVE_RESP, count=KEEP_ALIVES)
            assert_prompt(server)
            assert_within(stream.statistics().buffers)
            burdens.release.set()
    assert [frame.timestamp_ms for frame in read] == [
        1790000000000 + 20 * number for number in range(400)
    ]
    assert [frame.sequence for frame in heard] == [frame.sequence for frame in read]
    assert [segment.text for segment in said] == [f"segment {number}" for number in range(400)]


@pytest.mark.parametrize("burden", ["sleeps", "blocks"])
async def test_slow_callback_is_warned_of_once(
    burden: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that does not keep up loses old frames, with one warning and exact counts."""
    caplog.set_level(logging.WARNING)
    burdens = Burdens()
    async with FakeRTMSServer() as server:
        stream = stream_of(server, audio=AudioParams(), buffers=SMALL)
        stream.on_audio(getattr(burdens, burden))
        async with stream:
            await until(lambda: server.stream.takers(MediaType.AUDIO))
            await server.stream.send_audio(FRAME, timestamp_ms=1789999999980)
            await until(lambda: burdens.calls == 1)
            for number in range(500):
                await server.stream.send_audio(FRAME, timestamp_ms=1790000000000 + 20 * number)
            await until(lambda: stream.statistics().core.frames[MediaType.AUDIO] == 501)
            found = buffer_of(stream, burden)
            burdens.release.set()
            [warning] = [one for one in caplog.records if "too slow" in one.getMessage()]
            assert "buffer is full (50 items, " in warning.getMessage()
            assert "policy drop_oldest applies" in warning.getMessage()
            assert burden in warning.getMessage()
            assert found.blocked_at is not None
            assert re.fullmatch(
                rf".*test_slow_consumers\.py:\d+ in Burdens\.{burden}", found.blocked_at
            )
            assert warning.getMessage().endswith(f"it is at {found.blocked_at}")
            assert (found.items, found.dropped, found.episodes) == (50, 450, 1)


async def test_lag(caplog: pytest.LogCaptureFixture) -> None:
    """Statistics tell how long the oldest item has been waiting, and the longest wait so far."""
    caplog.set_level(logging.WARNING)
    async with (
        FakeRTMSServer() as server,
        stream_of(server, audio=AudioParams(), buffers=SMALL) as stream,
    ):
        await until(lambda: server.stream.takers(MediaType.AUDIO))
        frames = stream.audio()
        for number in range(3):
            await server.stream.send_audio(FRAME, timestamp_ms=1790000000000 + 20 * number)
        await until(lambda: buffer_of(stream, "iterator").lag_ms >= 50)
        assert buffer_of(stream, "iterator").longest_wait_ms >= 50
        await collect(frames, 3)
        found = buffer_of(stream, "iterator")
        assert (found.items, found.lag_ms) == (0, 0)
        assert found.longest_wait_ms >= 50
        assert (found.high_water_items, found.episodes, found.blocked_at) == (3, 0, None)
    assert caplog.records == []


async def test_loop_that_does_not_keep_up() -> None:
    """Of a loop, too, the place is told where it is busy with something else than reading."""
    done = asyncio.Event()

    async def transcribe(frames: ItemIterator[AudioFrame]) -> None:
        async for _ in frames:
            await done.wait()

    async with (
        FakeRTMSServer() as server,
        stream_of(server, audio=AudioParams(), buffers=SMALL) as stream,
    ):
        reading = asyncio.create_task(transcribe(stream.audio()))
        await until(lambda: server.stream.takers(MediaType.AUDIO))
        for number in range(100):
            await server.stream.send_audio(FRAME, timestamp_ms=1790000000000 + 20 * number)
        await until(lambda: buffer_of(stream, "iterator").episodes)
        place = buffer_of(stream, "iterator").blocked_at
        assert place is not None
        assert re.fullmatch(r".*test_slow_consumers\.py:\d+ in .*transcribe", place)
        done.set()
    await reading


@pytest.mark.parametrize("burden", ["raises", "raises_in_thread"])
async def test_failures_are_logged_ever_more_rarely(
    burden: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that always raises is counted each time, and logged at 1, 2, 4, 8 and so on."""
    burdens = Burdens()
    async with FakeRTMSServer() as server:
        stream = stream_of(server, audio=AudioParams())
        stream.on_audio(getattr(burdens, burden))
        async with stream:
            await until(lambda: server.stream.takers(MediaType.AUDIO))
            for number in range(100):
                await server.stream.send_audio(FRAME, timestamp_ms=1790000000000 + 20 * number)
            await until(lambda: burdens.calls == 100)
    [(name, errors)] = stream.statistics().callback_errors.items()
    assert name.endswith(f"Burdens.{burden}")
    assert errors == 100
    failures = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(failures) == 7
    assert failures[0].endswith("raised (1 times so far); the stream goes on")
    assert failures[-1].endswith("raised (64 times so far); the stream goes on")
