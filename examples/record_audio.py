"""Record one stream: a WAV file for each speaker, all of them on the same clock.

    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/record_audio.py started.json recording

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.
"""

import argparse
import asyncio
import sys
import wave
from pathlib import Path

from rtms_client import (
    AudioFrame,
    AudioParams,
    NetworkOptions,
    RTMSClient,
    RTMSError,
    parse_started,
)

SAMPLE_BYTES = 2  # L16 is 16 bits a sample


class Track:
    """The WAV file of one speaker; silence stands where the server sent nothing."""

    def __init__(self, path: Path, frame: AudioFrame, start_ms: int) -> None:
        self.start_ms = start_ms
        self.rate = frame.format.sample_rate_hz
        self.frame_bytes = SAMPLE_BYTES * frame.format.channels
        self.file = wave.open(str(path), "wb")  # noqa: SIM115  # `record` closes it, however the stream ends
        self.file.setnchannels(frame.format.channels)
        self.file.setsampwidth(SAMPLE_BYTES)
        self.file.setframerate(self.rate)

    def write(self, frame: AudioFrame) -> None:
        """Put a frame at its place in time."""
        place = (frame.timestamp_ms - self.start_ms) * self.rate // 1000
        missing = place - self.file.getnframes()
        self.file.writeframesraw(b"\0" * (max(missing, 0) * self.frame_bytes) + frame.data)


async def record(client: RTMSClient, event: bytes, folder: Path) -> None:
    """Write the audio of a stream until it ends."""
    tracks: dict[object, Track] = {}
    start_ms = None
    try:
        async with client.stream(parse_started(event)) as stream:
            async for frame in stream.audio():
                start_ms = start_ms or frame.timestamp_ms
                if frame.user_id not in tracks:
                    path = folder / f"{frame.user_id}.wav"
                    print(f"{path}: {frame.user_name or 'somebody'}")
                    tracks[frame.user_id] = Track(path, frame, start_ms)
                tracks[frame.user_id].write(frame)
    finally:
        for track in tracks.values():
            track.file.close()


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Record a WAV file for each speaker.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(audio=AudioParams(), network=network)
        asyncio.run(record(client, options.event.read_bytes(), options.folder))
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
