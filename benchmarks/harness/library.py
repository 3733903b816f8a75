"""The receiving process of this library; see `harness.turns.SIDES`."""

import asyncio
import contextlib
import importlib
import os
import sys
from typing import TypeAlias

from rtms_client import (
    AudioFrame,
    AudioParams,
    MediaCodec,
    NetworkOptions,
    Resolution,
    RTMSClient,
    RTMSStream,
    StreamInfo,
    VideoFrame,
    VideoParams,
)

from .load import AUDIO, Job, load
from .meters import Meter, meter, report

_Frame: TypeAlias = AudioFrame | VideoFrame


def _client(job: Job) -> RTMSClient:
    network = NetworkOptions(
        allowed_hosts=("localhost",),
        ca_file=job.ca_file,
        proxy=False,
        allow_plaintext=job.url.startswith("ws:"),
    )
    if job.medium == AUDIO:
        return RTMSClient("id", "secret", audio=AudioParams(), network=network)
    video = VideoParams(codec=MediaCodec.H264, fps=25, resolution=Resolution.HD)
    return RTMSClient("id", "secret", video=video, network=network)


def _info(job: Job, number: int) -> StreamInfo:
    return StreamInfo(
        product_id="meeting", stream_id=f"library-{os.getpid()}-{number}", server_urls=(job.url,)
    )


async def _iterate(job: Job, stream: RTMSStream, what: Meter) -> None:
    if job.medium == AUDIO:
        async for frame in stream.audio():
            if what.take(frame.data, frame.timestamp_ms):
                return
    else:
        async for picture in stream.video():
            if what.take(picture.data, picture.timestamp_ms):
                return


def _call(job: Job, client: RTMSClient, what: Meter) -> asyncio.Event:
    """Register a callback; returns the event that it sets at the end."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def on_loop(frame: _Frame, _: RTMSStream) -> None:
        if what.take(frame.data, frame.timestamp_ms):
            done.set()

    def in_thread(frame: _Frame, _: RTMSStream) -> None:
        if what.take(frame.data, frame.timestamp_ms):
            loop.call_soon_threadsafe(done.set)

    register = client.on_audio if job.medium == AUDIO else client.on_video
    if job.variant == "async":
        register(on_loop)
    else:
        register(in_thread)
    return done


async def _run(job: Job, what: Meter) -> None:
    client = _client(job)
    async with contextlib.AsyncExitStack() as stack:

        async def open_streams(first: int, count: int) -> list[RTMSStream]:
            return [
                await stack.enter_async_context(client.stream(_info(job, number)))
                for number in range(first, first + count)
            ]

        if job.idle:
            await open_streams(0, job.warm_streams)
            await asyncio.sleep(job.seconds)
            what.joined()
            await open_streams(job.warm_streams, job.streams)
            await asyncio.sleep(job.seconds)
            report(what)
            return
        done = None if job.variant in {"iterator", "uvloop"} else _call(job, client, what)
        streams = await open_streams(0, job.streams)
        what.joined()
        if done is None:
            await asyncio.gather(*(_iterate(job, stream, what) for stream in streams))
        else:
            await done.wait()
        report(what)


def main() -> None:
    """Do the job of the command line."""
    job = load(Job, sys.argv[1])
    run = importlib.import_module("uvloop").run if job.variant == "uvloop" else asyncio.run
    run(_run(job, meter(job)))


if __name__ == "__main__":
    main()
