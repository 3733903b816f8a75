"""The feed of a speech recogniser: utterances, and what happens when it is too slow."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.examples.support import load
from tests.integration.support import client_for, info_of, media_ready, until

from rtms_client import AudioParams, BufferLimits, Buffers, RTMSStream
from rtms_client.enums import MessageType
from rtms_client.testing import ADA, GRACE, FakeRTMSServer, Person, Timing

PACKET = bytes(640)
START_MS = 1790000000000


class Counter:
    """A recogniser that counts packets, and can be held up."""

    def __init__(self, go_on: threading.Event) -> None:
        self.busy = False
        self._go_on = go_on
        self._packets = 0

    def feed(self, pcm: bytes) -> None:
        """Count a packet, when it may."""
        self.busy = True
        self._go_on.wait()
        self._packets += len(pcm) // len(PACKET)

    def finish(self) -> str:
        """Return how many there were."""
        packets, self._packets = self._packets, 0
        return str(packets)


@pytest.fixture
def example() -> Any:  # noqa: ANN401  # a module that no type checker knows
    """Return the example as a module."""
    return load("speech_to_text")


async def speak(server: FakeRTMSServer, who: Person, at_ms: int, packets: int) -> None:
    """Send some audio."""
    for number in range(packets):
        await server.stream.send_audio(
            PACKET, person=who, timestamp_ms=START_MS + at_ms + 20 * number
        )


async def heard(
    example: Any,  # noqa: ANN401  # likewise
    stream: RTMSStream,
    recogniser: Callable[[], Counter],
) -> list[tuple[str, int, str]]:
    """Return what was recognised until the end of the stream."""
    return [
        (said.user_name, said.start_ms - START_MS, said.text)
        async for said in example.transcribe(stream, recogniser)
    ]


async def test_utterances(example: Any) -> None:  # noqa: ANN401  # likewise
    """Speakers are kept apart, and a pause ends an utterance."""
    go_on = threading.Event()
    go_on.set()
    async with FakeRTMSServer() as server:
        client = client_for(server, audio=AudioParams())
        async with client.stream(info_of(server)) as stream:
            await media_ready(server, stream)
            await speak(server, ADA, 0, 5)
            await speak(server, GRACE, 100, 3)
            await speak(server, ADA, 2000, 2)
            await server.stream.terminate()
            assert await heard(example, stream, lambda: Counter(go_on)) == [
                ("Ada", 0, "5"),
                ("Grace", 100, "3"),
                ("Ada", 2000, "2"),
            ]


async def test_recogniser_that_is_too_slow(example: Any) -> None:  # noqa: ANN401  # likewise
    """While it is busy the buffer fills and drops, keep-alives go on, and an utterance is cut."""
    go_on = threading.Event()
    small = Buffers(audio=BufferLimits(max_items=20, max_bytes=1_000_000))
    async with FakeRTMSServer(timing=Timing(keep_alive_s=0.02)) as server:
        client = client_for(server, audio=AudioParams(), buffers=small)
        async with client.stream(info_of(server)) as stream:
            await media_ready(server, stream)
            counter = Counter(go_on)
            hearing = asyncio.create_task(heard(example, stream, lambda: counter))
            await speak(server, ADA, 0, 1)
            await until(lambda: counter.busy)
            await speak(server, ADA, 20, 99)
            await server.wait_for(MessageType.KEEP_ALIVE_RESP, count=10)
            await until(lambda: sum(one.dropped for one in stream.statistics().buffers) > 50)
            go_on.set()
            await server.stream.terminate()
            utterances = await hearing
            dropped = sum(one.dropped for one in stream.statistics().buffers)
        assert server.violations == []
    assert len(utterances) == 2
    assert sum(int(text) for _, _, text in utterances) == 100 - dropped
