"""Let the participants of a Zoom meeting be heard in a LiveKit room.

    pip install livekit
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    export LIVEKIT_URL=wss://... LIVEKIT_TOKEN=...
    python examples/livekit_source.py started.json

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``. The token is one of LiveKit
that allows to publish.

Each participant gets a track, named after them, so agents in the room know who speaks. RTMS only
listens: what an agent says must go back to the meeting some other way.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from livekit import rtc

from rtms_client import (
    AudioFrame,
    AudioParams,
    NetworkOptions,
    RTMSClient,
    RTMSError,
    RTMSStarted,
    parse_started,
)

LATEST_S = 1.0  # what a room would hear later than this is left out

Publish: TypeAlias = Callable[[rtc.LocalAudioTrack], Awaitable[object]]


class Voices:
    """Gives each participant a track.

    A room is live: `rtc.AudioSource` plays in real time, so audio that comes in a burst, after a
    reconnection for example, would make everything after it late. What does not fit is counted.

    Args:
        publish: Called once with each new track.
    """

    def __init__(self, publish: Publish) -> None:
        self.too_late_s = 0.0
        self._publish = publish
        self._sources: dict[object, rtc.AudioSource] = {}

    async def say(self, frame: AudioFrame) -> None:
        """Play a packet in the track of its speaker."""
        rate_hz, channels = frame.format.sample_rate_hz, frame.format.channels
        source = self._sources.get(frame.user_id)
        if source is None:
            source = rtc.AudioSource(rate_hz, channels, queue_size_ms=int(2000 * LATEST_S))
            self._sources[frame.user_id] = source
            name = frame.user_name or f"participant {frame.user_id}"
            await self._publish(rtc.LocalAudioTrack.create_audio_track(name, source))
        samples = len(frame.data) // (2 * channels)
        if source.queued_duration > LATEST_S:
            self.too_late_s += samples / rate_hz
            return
        await source.capture_frame(rtc.AudioFrame(frame.data, rate_hz, channels, samples))

    async def close(self) -> None:
        """Wait for what still plays, and release everything."""
        for source in self._sources.values():
            await source.wait_for_playout()
            await source.aclose()


async def forward(client: RTMSClient, started: RTMSStarted, publish: Publish) -> float:
    """Forward the audio of a meeting until it ends; returns how many seconds came too late."""
    voices = Voices(publish)
    try:
        async with client.stream(started) as stream:
            async for frame in stream.audio():
                await voices.say(frame)
    finally:
        await voices.close()
    return voices.too_late_s


async def run(client: RTMSClient, started: RTMSStarted) -> float:
    """Join the room, and forward."""
    room = rtc.Room()
    await room.connect(os.environ["LIVEKIT_URL"], os.environ["LIVEKIT_TOKEN"])
    microphone = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    try:
        return await forward(
            client,
            started,
            lambda track: room.local_participant.publish_track(track, microphone),
        )
    finally:
        await room.disconnect()


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Forward a meeting to a LiveKit room.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(audio=AudioParams(), network=network)
        too_late_s = asyncio.run(run(client, parse_started(options.event.read_bytes())))
    except (RTMSError, rtc.ConnectError, KeyError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{too_late_s:.1f} s came too late", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
