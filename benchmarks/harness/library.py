"""The receiving process of this library; see `harness.turns.SIDES`."""

import asyncio
import importlib
import os
import sys
from typing import Any, Final

from rtms_client import (
    AudioFrame,
    AudioParams,
    MediaCodec,
    NetworkOptions,
    Resolution,
    RTMSClient,
    RTMSStream,
    StreamInfo,
    TranscriptParams,
    TranscriptSegment,
    VideoFrame,
    VideoParams,
)

from .load import AUDIO, TRANSCRIPT, VIDEO, Job, join_all, load
from .meters import Meter, hear, meter, report

_PARAMS: Final[Any] = {
    AUDIO: AudioParams(),
    VIDEO: VideoParams(codec=MediaCodec.H264, fps=25, resolution=Resolution.HD),
    TRANSCRIPT: TranscriptParams(),
}


def _client(job: Job) -> RTMSClient:
    network = NetworkOptions(
        allowed_hosts=("localhost",),
        ca_file=job.ca_file,
        proxy=False,
        allow_plaintext=job.url.startswith("ws:"),
    )
    media = {medium: _PARAMS[medium] for medium in job.media}
    return RTMSClient("id", "secret", network=network, **media)


def _info(job: Job, number: int) -> StreamInfo:
    return StreamInfo(
        product_id="meeting", stream_id=f"library-{os.getpid()}-{number}", server_urls=(job.url,)
    )


async def _iterate(medium: str, stream: RTMSStream, what: Meter, done: asyncio.Event) -> None:
    if medium == AUDIO:
        async for frame in stream.audio():
            if what.take(frame.data, frame.timestamp_ms):
                done.set()
    elif medium == VIDEO:
        async for picture in stream.video():
            if what.take(picture.data, picture.timestamp_ms):
                done.set()
    else:
        async for segment in stream.transcript():
            if hear(what, segment.text, segment.timestamp_ms):
                done.set()


def _call_on_loop(job: Job, client: RTMSClient, what: Meter, done: asyncio.Event) -> None:
    """Register coroutine functions as callbacks."""

    async def take(frame: AudioFrame | VideoFrame, _: RTMSStream) -> None:
        if what.take(frame.data, frame.timestamp_ms):
            done.set()

    async def take_text(segment: TranscriptSegment, _: RTMSStream) -> None:
        if hear(what, segment.text, segment.timestamp_ms):
            done.set()

    for medium in job.media:
        getattr(client, f"on_{medium}")(take_text if medium == TRANSCRIPT else take)


def _call_in_thread(job: Job, client: RTMSClient, what: Meter, done: asyncio.Event) -> None:
    """Register plain functions as callbacks."""
    loop = asyncio.get_running_loop()

    def take(frame: AudioFrame | VideoFrame, _: RTMSStream) -> None:
        if what.take(frame.data, frame.timestamp_ms):
            loop.call_soon_threadsafe(done.set)

    def take_text(segment: TranscriptSegment, _: RTMSStream) -> None:
        if hear(what, segment.text, segment.timestamp_ms):
            loop.call_soon_threadsafe(done.set)

    for medium in job.media:
        getattr(client, f"on_{medium}")(take_text if medium == TRANSCRIPT else take)


_CALLS: Final = {"async": _call_on_loop, "plain": _call_in_thread}


async def _run(job: Job, what: Meter) -> None:
    client = _client(job)
    done = asyncio.Event()
    iterating: list[asyncio.Task[None]] = []
    call = _CALLS.get(job.variant)
    if call is not None:
        call(job, client, what, done)

    async def join(number: int) -> RTMSStream:
        stream = client.stream(_info(job, number))
        await stream.open()
        if call is None and not job.idle:
            coroutines = [_iterate(medium, stream, what, done) for medium in job.media]
            iterating.extend(map(asyncio.create_task, coroutines))
        return stream

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
    run = importlib.import_module("uvloop").run if job.variant == "uvloop" else asyncio.run
    run(_run(job, meter(job)))


if __name__ == "__main__":
    main()
