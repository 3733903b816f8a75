"""A handler that blocks the event loop is named in a warning, and does no lasting harm."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import pytest
from attrs import evolve
from tests.integration.support import SHORT, Leaks, client_for, info_of, media_ready, until
from typing_extensions import override

from rtms_client import (
    AudioFrame,
    AudioParams,
    NetworkOptions,
    RTMSClient,
    RTMSStream,
    webhooks,
)
from rtms_client.enums import MediaType, MessageType
from rtms_client.events import SessionEvent
from rtms_client.stream import StreamObserver
from rtms_client.testing import FakeRTMSServer, Timing

QUICK: Final = evolve(SHORT, blocked_s=0.05)
EPOCH_MS: Final = 1790000000000
PATIENCE_S: Final = 20.0


class Warnings(logging.Handler):
    """Collects what is said of blocked loops, and lets those that block go on."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.warned = threading.Event()
        self.over = threading.Event()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Take note."""
        text = record.getMessage()
        if "has not come round" in text:
            assert record.levelno == logging.WARNING
            self.texts.append(text)
            self.warned.set()
        else:
            assert "the event loop goes on" in text
            self.over.set()

    def transcribe_slowly(self) -> None:
        """Block until the warning is there."""
        assert self.warned.wait(PATIENCE_S)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Warnings]:
    """Return what listens to the log of clients."""
    caplog.set_level(logging.INFO, "rtms_client.client")
    handler, logger = Warnings(), logging.getLogger("rtms_client.client")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def watchers() -> list[threading.Thread]:
    """Return the threads that watch a loop."""
    return [one for one in threading.enumerate() if one.name == "rtms watchdog"]


def as_callback(client: RTMSClient, warnings: Warnings) -> str:
    """Let a callback block."""

    async def caption(_: AudioFrame, __: RTMSStream) -> None:
        warnings.transcribe_slowly()

    client.on_audio(caption)
    return r"rtms first callback tests\.\S+\.caption"


def as_handler(client: RTMSClient, warnings: Warnings) -> str:
    """Let a handler of streams block, far below an iterator."""

    async def minutes(stream: RTMSStream) -> None:
        async for _ in stream.audio():
            warnings.transcribe_slowly()

    client.on_stream(minutes)
    return r"rtms client first handler tests\.\S+\.minutes"


def as_observer(client: RTMSClient, warnings: Warnings) -> str:
    """Let an observer block, which the library calls while it reads."""

    class Slow(StreamObserver):
        @override
        def event(self, event: SessionEvent) -> None:
            warnings.transcribe_slowly()

    client.observe(lambda _: Slow())
    return "a callback"


@pytest.mark.parametrize("block", [as_callback, as_handler, as_observer])
async def test_named_in_a_warning(
    block: Callable[[RTMSClient, Warnings], str], warnings: Warnings
) -> None:
    """The warning has the handler, the line and the streams, once; then the loop goes on."""
    async with FakeRTMSServer(rtms_stream_id="first") as server:
        client = client_for(server, audio=AudioParams(), timeouts=QUICK)
        who = block(client, warnings)
        async with client:
            client.notify(webhooks.parse(server.started_webhook()))
            await until(lambda: server.stream.takers(MediaType.AUDIO))
            await server.stream.send_audio(bytes(640))
            await until(warnings.over.is_set)
            counts = client.statistics()
    place = rf"{re.escape(__file__)}:\d+ in Warnings\.transcribe_slowly"
    line = (
        rf"the event loop has not come round for more than 0\.05 s: {who} is at {place}; "
        r"meanwhile no keep-alive is answered \(first\); put work that blocks into a plain "
        r"callback or asyncio\.to_thread\(\)"
    )
    found = re.fullmatch(line, warnings.texts[0])
    assert found is not None, warnings.texts
    assert counts.blocked == len(warnings.texts)
    assert counts.blocked_at is not None


async def test_many_streams(warnings: Warnings) -> None:
    """A hundred streams share one thread, are counted in the warning, and leave nothing behind."""
    async with FakeRTMSServer(tls=False) as server:
        leaks = Leaks()
        network = NetworkOptions(allowed_hosts=("localhost",), proxy=False, allow_plaintext=True)
        client = client_for(server, audio=AudioParams(), timeouts=QUICK, network=network)
        async with client, AsyncExitStack() as stack:
            for number in range(100):
                stream = server.add_stream(rtms_stream_id=f"stream-{number}")
                await stack.enter_async_context(client.stream(info_of(server, stream)))
                assert len(watchers()) == 1
            warnings.warned.clear()
            asyncio.get_running_loop().call_soon(warnings.transcribe_slowly)
            await until(warnings.over.is_set)
        assert watchers() == []
        await leaks.none()
    named = "stream-0, stream-1, stream-2, stream-3, stream-4 and 95 more"
    assert f"({named})" in warnings.texts[-1]


async def test_ordinary_life(warnings: Warnings) -> None:
    """Nothing is said of a loop that goes round, and of callbacks that block in their threads."""
    calls: list[int] = []

    def in_thread(frame: AudioFrame, _: RTMSStream) -> None:
        time.sleep(0.02)
        calls.append(frame.sequence)

    async with FakeRTMSServer() as server:
        client = client_for(server, audio=AudioParams(), timeouts=evolve(SHORT, blocked_s=0.5))
        client.on_audio(in_thread)
        async with client.stream(info_of(server)) as stream:
            await media_ready(server, stream)
            for number in range(75):
                await server.stream.send_audio(bytes(640), timestamp_ms=EPOCH_MS + number)
            await until(lambda: len(calls) == 75)
    assert warnings.texts == []
    assert client.statistics().blocked == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_others_survive_a_block_of_five_seconds(warnings: Warnings) -> None:
    """Other streams of the loop keep their connections, get every frame, and answer."""
    frames: list[int] = []
    blocks: list[float] = []

    async def selfish(_: AudioFrame, stream: RTMSStream) -> None:
        if stream.info.stream_id == "first" and not blocks:
            blocks.append(time.monotonic())
            time.sleep(5)  # noqa: ASYNC251  # the point of the test
            blocks.append(time.monotonic())

    async def hear(frame: AudioFrame, stream: RTMSStream) -> None:
        if stream.info.stream_id == "other":
            frames.append(frame.timestamp_ms - EPOCH_MS)

    timing = Timing(keep_alive_s=4.0, keep_alive_grace_s=10)
    async with FakeRTMSServer(timing=timing, rtms_stream_id="first") as server:
        other = server.add_stream(rtms_stream_id="other")
        client = client_for(server, audio=AudioParams())
        client.on_audio(selfish)
        client.on_audio(hear)
        portal = client.in_background().start()
        try:
            for stream in (server.stream, other):
                portal.notify(webhooks.parse(server.started_webhook(stream)))
                await until(partial(stream.takers, MediaType.AUDIO))
            await server.stream.send_audio(bytes(640), timestamp_ms=EPOCH_MS)
            for number in range(300):
                await other.send_audio(bytes(640), timestamp_ms=EPOCH_MS + number)
                await asyncio.sleep(0.02)
            await until(lambda: len(frames) == 300)
            answers = len(server.received(MessageType.KEEP_ALIVE_RESP))
            await server.wait_for(MessageType.KEEP_ALIVE_RESP, count=answers + 4)
        finally:
            await asyncio.to_thread(portal.close)
    assert frames == list(range(300))
    assert server.violations == []
    [text] = warnings.texts
    assert re.search(r" callback \S+\.selfish is at .* in \S+\.selfish; .*\(first, other\)", text)
    joins = (MessageType.SIGNALING_HAND_SHAKE_REQ, MessageType.DATA_HAND_SHAKE_REQ)
    assert [len(server.received(join)) for join in joins] == [2, 2]
