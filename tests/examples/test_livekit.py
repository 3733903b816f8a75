"""The source for LiveKit, with its real classes and without its server."""

import asyncio
import base64
from typing import Any

import pytest
from tests.examples.support import load
from tests.integration.support import client_for

from rtms_client import AudioFrame, AudioParams, parse_started
from rtms_client.config import AudioFormat
from rtms_client.enums import MessageType
from rtms_client.testing import FakeRTMSServer, sample_meeting

pytestmark = pytest.mark.slow
rtc = pytest.importorskip("livekit.rtc", reason="the group integrations is not installed")


@pytest.fixture
def example() -> Any:  # noqa: ANN401  # a module that no type checker knows
    """Return the example as a module."""
    return load("livekit_source")


class Room:
    """Listens to the tracks that are published."""

    def __init__(self) -> None:
        self.heard: dict[str, bytearray] = {}
        self._listening: list[asyncio.Task[None]] = []

    async def publish(self, track: Any) -> None:  # noqa: ANN401  # likewise
        """Take a track."""
        stream = rtc.AudioStream.from_track(track=track, sample_rate=16_000, num_channels=1)
        heard = self.heard[track.name] = bytearray()
        self._listening.append(asyncio.create_task(self._listen(stream, heard)))

    async def _listen(self, stream: Any, heard: bytearray) -> None:  # noqa: ANN401  # likewise
        try:
            async for event in stream:
                heard += bytes(event.frame.data)
        finally:
            await stream.aclose()

    async def leave(self) -> None:
        """Listen no more."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)


def blocks(pcm: bytearray) -> list[bytes]:
    """Cut sound into 10 ms, as LiveKit does, without those in which nothing is heard."""
    cut = [bytes(pcm[at : at + 320]) for at in range(0, len(pcm), 320)]
    return [one for one in cut if any(one)]


async def test_each_participant_is_heard(example: Any) -> None:  # noqa: ANN401  # likewise
    """What people say comes out of a track of their own, sample by sample, in its order."""
    room = Room()
    async with FakeRTMSServer(sample_meeting(seconds=6), keep_media=True) as server:
        too_late_s = await example.forward(
            client_for(server, audio=AudioParams()),
            parse_started(server.started_webhook()),
            room.publish,
        )
        sent: dict[str, bytearray] = {}
        for entry in server.sent(MessageType.MEDIA_DATA_AUDIO):
            assert entry.message is not None
            content = entry.message["content"]
            sent.setdefault(content["user_name"], bytearray()).extend(
                base64.b64decode(content["data"])
            )
    await room.leave()
    assert sorted(room.heard) == sorted(sent) == ["Ada", "Grace"]
    missing = 0
    for name, pcm in sent.items():
        heard, left = blocks(room.heard[name]), iter(blocks(pcm))
        assert all(one in left for one in heard)
        missing += len(blocks(pcm)) - len(heard)
    assert missing <= too_late_s * 100


async def test_what_is_late_is_left_out(example: Any) -> None:  # noqa: ANN401  # likewise
    """A burst does not make everything after it late."""
    room = Room()
    voices = example.Voices(room.publish)
    packet = AudioFrame(data=b"\1\2" * 320, timestamp_ms=0, user_id=7, format=AudioFormat())
    for _ in range(500):  # ten seconds at once
        await voices.say(packet)
    await voices.close()
    await room.leave()
    assert list(room.heard) == ["participant 7"]
    assert voices.too_late_s > 1
