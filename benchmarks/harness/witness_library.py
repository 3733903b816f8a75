"""The receiving process of this library, for faults: everything in one loop, with all defaults."""

import asyncio
import json
import sys

from rtms_client import (
    AudioFrame,
    AudioParams,
    Gap,
    MediaType,
    NetworkOptions,
    RTMSClient,
    RTMSError,
    StreamInfo,
    StreamInterrupted,
    StreamResumed,
    VideoFrame,
    VideoParams,
)
from rtms_client.events import MediaInterrupted, ReconnectScheduled, StreamItem, Unrecognized

from .witness import Scene, Sight


def _name(media: MediaType | None) -> str:
    return "signaling" if media is None or media.name is None else media.name.lower()


def _take(item: StreamItem, sight: Sight) -> None:
    match item:
        case AudioFrame(data=data):
            sight.see("audio", data)
        case VideoFrame(data=data):
            sight.see("video", data)
        case StreamInterrupted(media=media):
            sight.hear(f"{_name(media)} interrupted")
        case ReconnectScheduled():
            sight.hear("try planned")
        case StreamResumed(media=media):
            sight.hear(f"{_name(media)} resumed")
        case Gap(media=media):
            sight.hear(f"gap of {_name(media)}")
        case MediaInterrupted():
            sight.hear("event 7")
        case Unrecognized():
            sight.hear("message not understood")
        case _:
            pass


async def _watch(scene: Scene, sight: Sight) -> None:
    client = RTMSClient(
        scene.client_id,
        scene.secret,
        audio=AudioParams(),
        video=VideoParams(fps=25),
        network=NetworkOptions(allowed_hosts=("localhost",), ca_file=scene.ca_file, proxy=False),
    )
    info = StreamInfo(
        product_id=scene.product_id, stream_id=scene.stream_id, server_urls=(scene.url,)
    )
    try:
        async with asyncio.timeout(scene.seconds), client.stream(info) as stream:
            async for item in stream:
                _take(item, sight)
        sight.hear("end")
    except TimeoutError:
        pass
    except RTMSError as error:
        sight.hear(f"end with {type(error).__name__}")


def main() -> None:
    """Watch the scene of the command line."""
    sight = Sight()
    asyncio.run(_watch(Scene(**json.loads(sys.argv[1])), sight))
    sight.report()


if __name__ == "__main__":
    main()
