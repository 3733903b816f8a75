"""The receiving process of a bare loop: websockets, json and base64, and nothing else."""

import asyncio
import base64
import contextlib
import json
import os
import ssl
import sys
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from .load import AUDIO, Job, load
from .meters import Meter, meter, report

_MAX_BYTES: Final = 16 * 1024 * 1024


async def _join(
    job: Job, number: int, context: ssl.SSLContext | None, stack: contextlib.AsyncExitStack
) -> tuple[ClientConnection, ClientConnection]:
    """Do the handshakes of RTMS; returns the signaling and the media connection."""
    identity = {"meeting_uuid": "meeting", "rtms_stream_id": f"bare-{os.getpid()}-{number}"}

    async def opened(url: str) -> ClientConnection:
        return await stack.enter_async_context(
            connect(url, ssl=context, compression=None, max_size=_MAX_BYTES, proxy=None)
        )

    signaling = await opened(job.url)
    await signaling.send(json.dumps({"msg_type": 1, **identity}))
    answer: dict[str, Any] = json.loads(await signaling.recv())
    media = await opened(answer["media_server"]["server_urls"][job.medium])
    kind = 1 if job.medium == AUDIO else 2
    request = {"msg_type": 3, **identity, "media_type": kind, "media_params": {}}
    await media.send(json.dumps(request))
    await media.recv()
    await signaling.send(json.dumps({"msg_type": 7, **identity}))
    return signaling, media


async def _receive(media: ClientConnection, what: Meter) -> None:
    async for text in media:
        message = json.loads(text)
        if message["msg_type"] in {14, 15}:
            content = message["content"]
            if what.take(base64.b64decode(content["data"]), content["timestamp"]):
                return


async def _run(job: Job, what: Meter) -> None:
    context = None
    if job.url.startswith("wss:"):
        context = ssl.create_default_context(cafile=job.ca_file)
    async with contextlib.AsyncExitStack() as stack:

        async def open_streams(first: int, count: int) -> list[ClientConnection]:
            numbers = range(first, first + count)
            return [(await _join(job, number, context, stack))[1] for number in numbers]

        if job.idle:
            await open_streams(0, job.warm_streams)
            await asyncio.sleep(job.seconds)
            what.joined()
            await open_streams(job.warm_streams, job.streams)
            await asyncio.sleep(job.seconds)
        else:
            streams = await open_streams(0, job.streams)
            what.joined()
            await asyncio.gather(*(_receive(media, what) for media in streams))
        report(what)
        await _close(stack)


async def _close(stack: contextlib.AsyncExitStack) -> None:
    """Let nothing that comes after the measurement delay the end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await stack.aclose()


def main() -> None:
    """Do the job of the command line."""
    job = load(Job, sys.argv[1])
    asyncio.run(_run(job, meter(job)))


if __name__ == "__main__":
    main()
