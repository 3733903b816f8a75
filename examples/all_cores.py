"""Follow streams on all cores: one process for each core, streams shared out by their ids.

    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/all_cores.py started.json [another.json ...]

Each file is the body of a webhook ``meeting.rtms_started``; your application puts what
``webhooks.receive`` returned into `Shards.notify` instead. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.
"""

import argparse
import asyncio
import multiprocessing
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from rtms_client import NetworkOptions, RTMSClient, RTMSStream, TranscriptParams, webhooks
from rtms_client.webhooks import Notification

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

DRAIN_S = 60


class Shards:
    """One process for each core.

    Args:
        count: How many processes.
        ca_file: Authority of the fake server, if it is to be joined.
    """

    def __init__(self, count: int, ca_file: Path | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.queues: list[Queue[str | None]] = [context.Queue() for _ in range(count)]
        self.processes = [
            context.Process(target=work, args=(queue, ca_file)) for queue in self.queues
        ]
        for process in self.processes:
            process.start()

    def notify(self, notification: Notification) -> None:
        """Hand a notification to the process that has its stream; all others ignore it."""
        stream_id: str | None = getattr(notification, "stream_id", None)
        if stream_id is not None:
            shard = zlib.crc32(stream_id.encode()) % len(self.queues)  # hash() is another each time
            self.queues[shard].put(notification.to_json())

    def close(self) -> None:
        """Let the streams end, and the processes."""
        for queue in self.queues:
            queue.put(None)
        for process in self.processes:
            process.join()


def work(queue: "Queue[str | None]", ca_file: Path | None) -> None:
    """Be one of the processes."""
    network = NetworkOptions()
    if ca_file:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False)
    asyncio.run(follow(queue, network))


async def follow(queue: "Queue[str | None]", network: NetworkOptions) -> None:
    """Pass on notifications until there are no more."""
    client = RTMSClient.from_env(transcript=TranscriptParams(), network=network)
    client.on_stream(show)
    async with client:
        while (text := await asyncio.to_thread(queue.get)) is not None:
            client.notify(webhooks.from_json(text))
        await client.drain(DRAIN_S)


async def show(stream: RTMSStream) -> None:
    """Print captions, and which process received them."""
    async for segment in stream.transcript():
        # In one piece with its line end, because the processes share the output.
        line = f"[{os.getpid()}] {segment.user_name}: {segment.text}\n"
        print(line, end="", flush=True)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Follow streams on all cores.")
    parser.add_argument("events", type=Path, nargs="+", help="bodies of started webhooks")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    shards = Shards(options.processes, options.fake)
    for path in options.events:
        shards.notify(webhooks.parse(path.read_bytes()))
    shards.close()


if __name__ == "__main__":
    main()
