"""Read notifications from a queue, and print what is said in every meeting.

    pip install rtms_client boto3
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=... QUEUE_URL=...
    python examples/web/queue_worker.py

Run one worker for each queue, because a stream has one owner. On SIGTERM it takes no more messages
and drains the streams.
"""

import asyncio
import os
import signal
import sys

import notification_queue
from rtms_client import NetworkOptions, RTMSClient, RTMSStream, TranscriptParams, webhooks
from rtms_client.exceptions import InvalidParameters

network = NetworkOptions()
if ca_file := os.environ.get("FAKE_CA_FILE"):  # a fake server on this machine
    network = NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False)
client = RTMSClient.from_env(transcript=TranscriptParams(), network=network)


@client.on_stream
async def follow(stream: RTMSStream) -> None:
    """Print the captions of one meeting."""
    async for segment in stream.transcript():
        print(f"{stream.info.stream_id} {segment.user_name}: {segment.text}", flush=True)


async def pass_on(queue: notification_queue.Queue, stop: asyncio.Event) -> None:
    """Give the client what the queue has; what comes twice it recognises."""
    while not stop.is_set():
        for message in await asyncio.to_thread(queue.receive):
            try:
                client.notify(webhooks.from_json(message.text))
            except InvalidParameters as error:  # it would come again for ever
                print("dropped a message:", error, file=sys.stderr)
            await asyncio.to_thread(queue.delete, message)


async def main() -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with client:
        await pass_on(notification_queue.connect(), stop)
        print("draining", flush=True)
        await client.drain(float(os.environ.get("DRAIN_S", "10")))


if __name__ == "__main__":
    asyncio.run(main())
