"""Follow any number of streams with callbacks: captions, chat, and who speaks how much.

    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/callbacks.py started.json [another.json ...]

Each file is the body of a webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.
"""

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path

from rtms_client import (
    AudioFrame,
    AudioParams,
    ChatMessage,
    ChatParams,
    NetworkOptions,
    ParticipantJoined,
    RTMSClient,
    RTMSError,
    RTMSStream,
    SessionEvent,
    Timeouts,
    TranscriptParams,
    TranscriptSegment,
    parse_started,
)


def make_client(network: NetworkOptions) -> tuple[RTMSClient, Counter[str]]:
    """Make a client with callbacks, and the counter of speech that they fill."""
    client = RTMSClient.from_env(
        audio=AudioParams(),
        transcript=TranscriptParams(),
        chat=ChatParams(),
        network=network,
        timeouts=Timeouts(drain_s=10),  # after the end, let the callbacks finish
    )
    speech_ms: Counter[str] = Counter()

    @client.on_audio
    async def count(frame: AudioFrame, _stream: RTMSStream) -> None:
        speech_ms[frame.user_name or "somebody"] += frame.format.send_rate_ms

    @client.on_transcript
    async def show_caption(segment: TranscriptSegment, _stream: RTMSStream) -> None:
        print(f"{segment.user_name}: {segment.text}", flush=True)

    @client.on_chat
    async def show_chat(message: ChatMessage, _stream: RTMSStream) -> None:
        name = message.sender.user_name if message.sender else None
        print(f"{name or 'somebody'} writes: {message.text}", flush=True)

    @client.on_event
    async def greet(event: SessionEvent, stream: RTMSStream) -> None:
        if isinstance(event, ParticipantJoined):
            print(f"{len(stream.participants)} in the meeting", flush=True)

    return client, speech_ms


async def follow(client: RTMSClient, event: bytes) -> None:
    """Stay in one stream until it ends."""
    started = parse_started(event)
    try:
        async with client.stream(started) as stream:
            await stream.wait_ended()
    except RTMSError as error:
        print(f"{started.stream.stream_id}: {error}", file=sys.stderr)


async def follow_all(network: NetworkOptions, events: list[bytes]) -> None:
    """Follow all streams at the same time; one that fails leaves the others alone."""
    client, speech_ms = make_client(network)
    async with asyncio.TaskGroup() as tasks:
        for event in events:
            tasks.create_task(follow(client, event))
    for name, milliseconds in speech_ms.most_common():
        print(f"{name} spoke for {milliseconds / 1000:.1f} s")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Follow streams with callbacks.")
    parser.add_argument("events", type=Path, nargs="+", help="bodies of started webhooks")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    asyncio.run(follow_all(network, [path.read_bytes() for path in options.events]))


if __name__ == "__main__":
    main()
