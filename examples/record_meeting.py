"""Record one meeting: who said what as sound, text and movie, and a summary of who spoke.

    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    pip install 'rtms_client[video]'
    python examples/record_meeting.py started.json recording

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from rtms_client import (
    AudioParams,
    BufferLimits,
    Buffers,
    NetworkOptions,
    RTMSClient,
    RTMSError,
    RTMSStream,
    ShareParams,
    TranscriptParams,
    VideoParams,
    parse_started,
)
from rtms_client.media import Recorder, Speakers

# Room for a slow disk: a recording should rather take memory than have holes.
BUFFERS = Buffers(
    audio=BufferLimits(max_items=50_000, max_bytes=64 * 1024 * 1024),
    video=BufferLimits(max_items=10_000, max_bytes=64 * 1024 * 1024),
)


async def follow(stream: RTMSStream, speakers: Speakers) -> None:
    """Learn who speaks; a stream may be read by several at once."""
    async for item in stream:
        speakers.add(item)


async def record(client: RTMSClient, event: bytes, folder: Path) -> None:
    """Write a stream until it ends, and say what there is."""
    speakers = Speakers()
    with Recorder(folder, replace=True, captions=(".vtt", ".srt"), movie="mp4") as recorder:
        async with client.stream(parse_started(event)) as stream:
            await asyncio.gather(recorder.record(stream), follow(stream, speakers))
    if recorder.revoked:
        recorder.discard()
        print("the permission was revoked; everything is deleted")
        return
    for file in recorder.files():
        print(f"{file.path.name}: {file.what}")
    for who in speakers.attendees.values():
        print(f"{who.user_name or who.user_id} spoke for {who.talk_ms / 1000:.1f} s")


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Record a meeting as sound, text and movie.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("folder", type=Path, help="where the files go; a recording is replaced")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(
            audio=AudioParams(send_rate_ms=100),  # few large packets: nobody waits for them
            video=VideoParams(fps=15),
            share=ShareParams(),
            transcript=TranscriptParams(),
            network=network,
            buffers=BUFFERS,
        )
        asyncio.run(record(client, options.event.read_bytes(), options.folder))
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
