"""What a frame costs from the bytes of a read to the consumer, counted instead of timed."""

import asyncio
import base64
import cProfile
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.integration.support import client_for, info_of, media_ready

import rtms_client
from rtms_client import (
    AudioFrame,
    AudioParams,
    ItemIterator,
    NetworkOptions,
    VideoFrame,
    VideoParams,
)
from rtms_client._transport.channel import Channel
from rtms_client.testing import FakeRTMSServer

_PACKAGE: Final = str(Path(rtms_client.__file__).parent)
_FAKE: Final = str(Path(rtms_client.__file__).parent / "testing")
_PARAMS: Final = {"audio": AudioParams(), "video": VideoParams()}
_WARM_UP: Final = 20
_FRAMES: Final = 100
_SIZES: Final = {"audio": 640, "video": 20_000}
_BLOCKS: Final = {"audio": 5.5, "video": 7.5}
_CALLS_AT_ONCE: Final = {"audio": 9, "video": 12}
_KINDS: Final = {"audio": 14, "video": 15}


def _wire(medium: str, number: int) -> bytes:
    """Write one media message in one WebSocket frame."""
    payload = bytes([number % 256]) * _SIZES[medium]
    content = {
        "user_id": 16778240,
        "user_name": "Ada",
        "data": base64.b64encode(payload).decode(),
        "length": len(payload),
        "timestamp": 1_790_000_000_000 + 20 * number,
    }
    message = {"msg_type": _KINDS[medium], "content": content}
    text = json.dumps(message, separators=(",", ":")).encode()
    return b"\x81\x7e" + len(text).to_bytes(2, "big") + text


class _Belt:
    """Puts frames into the channel as the event loop does, and takes them from the iterator."""

    def __init__(
        self, medium: str, channel: Channel, frames: ItemIterator[AudioFrame | VideoFrame]
    ) -> None:
        self.channel = channel
        self.frames = frames
        self.wires = [_wire(medium, number) for number in range(_WARM_UP + _FRAMES)]

    def put(self, wire: bytes) -> None:
        """Let one read of the socket bring a frame."""
        self.channel.get_buffer(-1)[: len(wire)] = wire
        self.channel.buffer_updated(len(wire))

    async def run(self, wires: list[bytes]) -> list[AudioFrame | VideoFrame]:
        """Let frames pass one by one."""
        passed = []
        for wire in wires:
            self.put(wire)
            passed.append(await anext(self.frames))
        return passed

    async def run_at_once(self, wires: list[bytes]) -> list[AudioFrame | VideoFrame]:
        """Let a read of the socket bring as many frames as fit."""
        fit = len(self.channel.get_buffer(-1)) // len(wires[0])
        for at in range(0, len(wires), fit):
            self.put(b"".join(wires[at : at + fit]))
        return [await anext(self.frames) for _ in wires]

    async def run_waiting(self, wires: list[bytes]) -> None:
        """Let frames pass one by one to a consumer that waits for each."""

        async def consume() -> None:
            for _ in wires:
                await anext(self.frames)

        consumer = asyncio.create_task(consume())
        await asyncio.sleep(0)
        for wire in wires:
            self.put(wire)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await consumer


@asynccontextmanager
async def _belt(medium: str, *, speedups: bool) -> AsyncIterator[_Belt]:
    """Open a stream, and warm it up."""
    async with FakeRTMSServer(tls=False) as server:
        network = NetworkOptions(
            allowed_hosts=("localhost",), proxy=False, allow_plaintext=True, speedups=speedups
        )
        client = client_for(server, network=network, **{medium: _PARAMS[medium]})
        known = {id(thing) for thing in gc.get_objects() if type(thing) is Channel}
        async with client.stream(info_of(server)) as stream:
            await media_ready(server, stream)
            channels = [
                thing
                for thing in gc.get_objects()
                if type(thing) is Channel and id(thing) not in known
            ]
            [channel] = [
                channel
                for channel in channels
                if medium in channel._protocol.uri.path  # noqa: SLF001  # nothing public shows it
            ]
            belt = _Belt(medium, channel, getattr(stream, medium)())
            await belt.run(belt.wires[:_WARM_UP])
            yield belt


def _calls(profile: cProfile.Profile) -> float:
    """Return how many functions of the library were called for a frame."""
    names = [
        (entry.callcount, getattr(entry.code, "co_filename", "")) for entry in profile.getstats()
    ]
    calls = [
        count for count, name in names if name.startswith(_PACKAGE) and not name.startswith(_FAKE)
    ]
    return sum(calls) / _FRAMES


BOTH: Final = pytest.mark.parametrize("medium", ["audio", "video"])
EITHER: Final = pytest.mark.parametrize("speedups", [False, True], ids=["plain", "fast"])


@BOTH
@EITHER
async def test_calls(medium: str, *, speedups: bool) -> None:
    """So many functions of the library are called for a frame that the consumer need not await."""
    async with _belt(medium, speedups=speedups) as belt:
        with cProfile.Profile(builtins=False) as profile:
            passed = await belt.run(belt.wires[_WARM_UP:])
        assert len(passed) == _FRAMES
        assert 19 < _calls(profile) <= 23


@BOTH
@EITHER
async def test_calls_for_one_of_many(medium: str, *, speedups: bool) -> None:
    """Frames that one read brings share what must be done only once."""
    async with _belt(medium, speedups=speedups) as belt:
        with cProfile.Profile(builtins=False) as profile:
            passed = await belt.run_at_once(belt.wires[_WARM_UP:])
        assert len(passed) == _FRAMES

        assert 6 < _calls(profile) <= _CALLS_AT_ONCE[medium]


async def test_messages_of_one_read() -> None:
    """What one read brings takes time in proportion to it, whatever it is."""
    async with _belt("audio", speedups=False) as belt:
        receiver = belt.channel._receiver  # noqa: SLF001  # what the network would call
        assert receiver is not None

        def cpu_s(count: int) -> float:
            begin = time.process_time()
            receiver.messages_received([b"0"] * count)
            return time.process_time() - begin

        cpu_s(1000)
        few = cpu_s(4000)
        assert cpu_s(40_000) < 20 * few


@BOTH
@EITHER
async def test_calls_for_a_consumer_that_waits(medium: str, *, speedups: bool) -> None:
    """Waking a consumer for each frame costs a few calls more."""
    async with _belt(medium, speedups=speedups) as belt:
        with cProfile.Profile(builtins=False) as profile:
            await belt.run_waiting(belt.wires[_WARM_UP:])
        assert 24 < _calls(profile) <= 29


@BOTH
@EITHER
async def test_blocks(medium: str, *, speedups: bool) -> None:
    """A frame that is kept is a few blocks of memory: itself, its payload, times and numbers."""
    async with _belt(medium, speedups=speedups) as belt:
        gc.collect()
        before = sys.getallocatedblocks()
        passed = await belt.run(belt.wires[_WARM_UP:])
        blocks = sys.getallocatedblocks() - before
        assert len(passed) == _FRAMES
        assert blocks / _FRAMES <= _BLOCKS[medium]


@EITHER
async def test_copies(*, speedups: bool) -> None:
    """At its peak a picture takes what arrived, the message, its text and the payload: no more."""
    async with _belt("video", speedups=speedups) as belt:
        tracemalloc.start()
        try:
            await belt.run(belt.wires[_WARM_UP:-1])
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            await belt.run(belt.wires[-1:])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (peak - before) / len(belt.wires[-1]) <= 3
