"""Print live captions of one stream.

    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/captions.py started.json

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from rtms_client import NetworkOptions, RTMSClient, RTMSError, TranscriptParams, parse_started


async def captions(client: RTMSClient, event: bytes) -> None:
    """Print what people say, with the time since the start of the session."""
    async with client.stream(parse_started(event)) as stream:
        async for segment in stream.transcript():
            seconds = (segment.timestamp_ms - (stream.started_ms or segment.timestamp_ms)) / 1000
            print(f"{seconds:7.1f}  {segment.user_name or 'somebody'}: {segment.text}", flush=True)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Print live captions of one stream.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(transcript=TranscriptParams(), network=network)
        asyncio.run(captions(client, options.event.read_bytes()))
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
