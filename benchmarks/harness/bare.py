"""The receiving process of a bare loop: websockets, json and base64, and nothing else."""

import asyncio
import base64
import json
import os
import ssl
import sys
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from .load import MEDIA_TYPES, Job, join_all, load
from .meters import Meter, hear, meter, report

_MAX_BYTES: Final = 16 * 1024 * 1024


async def _join(job: Job, number: int, context: ssl.SSLContext | None) -> list[ClientConnection]:
    """Do the handshakes of RTMS; returns the connections, signaling first."""
    identity = {"meeting_uuid": "meeting", "rtms_stream_id": f"bare-{os.getpid()}-{number}"}

    async def opened(url: str) -> ClientConnection:
        return await connect(url, ssl=context, compression=None, max_size=_MAX_BYTES, proxy=None)

    signaling = await opened(job.url)
    await signaling.send(json.dumps({"msg_type": 1, **identity}))
    answer: dict[str, Any] = json.loads(await signaling.recv())
    connections = [signaling]
    for medium in job.media:
        media = await opened(answer["media_server"]["server_urls"][medium])
        request = {"msg_type": 3, "media_type": MEDIA_TYPES[medium], "media_params": {}}
        await media.send(json.dumps({**request, **identity}))
        await media.recv()
        connections.append(media)
    await signaling.send(json.dumps({"msg_type": 7, **identity}))
    return connections


async def _receive(media: ClientConnection, what: Meter, done: asyncio.Event) -> None:
    async for text in media:
        message = json.loads(text)
        kind = message["msg_type"]
        if kind in {14, 15}:
            content = message["content"]
            if what.take(base64.b64decode(content["data"]), content["timestamp"]):
                done.set()
        elif kind == 17:
            content = message["content"]
            if hear(what, content["data"], content["timestamp"]):
                done.set()


async def _run(job: Job, what: Meter) -> None:
    context = None
    if job.url.startswith("wss:"):
        context = ssl.create_default_context(cafile=job.ca_file)
    done = asyncio.Event()
    receiving: list[asyncio.Task[None]] = []

    async def join(number: int) -> list[ClientConnection]:
        connections = await _join(job, number, context)
        if not job.idle:
            coroutines = [_receive(media, what, done) for media in connections[1:]]
            receiving.extend(map(asyncio.create_task, coroutines))
        return connections

    if job.idle:
        kept = await join_all(join, 0, job.warm_streams)
        await asyncio.sleep(job.seconds)
        what.joined()
        kept += await join_all(join, job.warm_streams, job.streams)
        await asyncio.sleep(job.seconds)
    else:
        kept = await join_all(join, 0, job.streams)
        what.joined()
        await done.wait()
    assert kept
    report(what)
    os._exit(0)


def main() -> None:
    """Do the job of the command line."""
    job = load(Job, sys.argv[1])
    asyncio.run(_run(job, meter(job)))


if __name__ == "__main__":
    main()
