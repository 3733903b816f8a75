"""Pictures for tests: H.264 of a real encoder, stills of Pillow, and what is in them."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

from rtms_client.media._h264 import black_picture

COLORS = {"red": (255, 0, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}


def still(color: str, kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a still of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, COLORS[color]).save(file, kind)
    return file.getvalue()


def encode(
    brightness: list[int], size: tuple[int, int] = (64, 48), pixels: str = "yuv420p", **x264: str
) -> list[bytes]:
    """Return access units, one for each grey picture of so much brightness; the first is a key."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base = pixels, Fraction(1, 25)
    encoder.options = {"tune": "zerolatency", "preset": "ultrafast", **x264}
    found: list[bytes] = []
    for number, value in enumerate(brightness):
        frame: Any = av.VideoFrame(*size, pixels)
        for plane, level in zip(frame.planes, (value, 128, 128), strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        frame.pts = number
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return [*found, *(bytes(packet) for packet in encoder.encode(None))]


def watch(path: Path) -> list[tuple[int, int, int, int]]:
    """Return time in milliseconds, width, height and brightness of each picture of a movie."""
    seen: list[tuple[int, int, int, int]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            light = bytes(frame.planes[0])[0]
            seen.append((round(frame.time * 1000), frame.width, frame.height, light))
    return seen


def black(size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a black key frame."""
    return black_picture(*size)
