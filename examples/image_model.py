"""Show what is on the shared screen to a model: here one that notices a new slide.

    pip install 'rtms_client[video]'
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/image_model.py started.json

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.

Each participant has a decoder, which waits for a key frame after a gap. The model is a function of
an ``av.VideoFrame``, whose ``to_ndarray`` makes an array for OpenCV or a network. For cameras
instead of the screen, ask for `VideoParams` and loop over ``stream.video()``.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rtms_client import (
    NetworkOptions,
    RTMSClient,
    RTMSError,
    ShareParams,
    parse_started,
)
from rtms_client.media import VideoDecoder

if TYPE_CHECKING:
    import av

WIDTH, HEIGHT = 64, 36
A_LOT = 0.04  # share of full brightness by which the picture must change on average


class NewSlide:
    """A model without any weights: is this picture quite another one than before?"""

    def __init__(self) -> None:
        self._before: bytes | None = None

    def __call__(self, picture: "av.VideoFrame") -> bool:
        """Look at a picture."""
        small = picture.reformat(WIDTH, HEIGHT, "gray")
        pixels = bytes(small.planes[0])
        before, self._before = self._before, pixels
        if before is None:
            return True
        change = sum(abs(a - b) for a, b in zip(before, pixels, strict=True))
        return change > A_LOT * 255 * len(pixels)


async def run(client: RTMSClient, event: bytes) -> None:
    """Print when the slide changes."""
    decoders: dict[int | str | None, VideoDecoder] = {}
    new_slide = NewSlide()
    async with client.stream(parse_started(event)) as stream:
        async for frame in stream.share():
            decoder = decoders.setdefault(frame.user_id, VideoDecoder())
            for picture in await asyncio.to_thread(decoder.decode, frame):
                if await asyncio.to_thread(new_slide, picture):
                    at_s = (frame.timestamp_ms - (stream.started_ms or frame.timestamp_ms)) / 1000
                    print(f"{at_s:7.1f} s  new slide, {picture.width}x{picture.height}", flush=True)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Notice new slides on the shared screen.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        VideoDecoder()  # says before the meeting what is not installed
        client = RTMSClient.from_env(share=ShareParams(), network=network)
        asyncio.run(run(client, options.event.read_bytes()))
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
