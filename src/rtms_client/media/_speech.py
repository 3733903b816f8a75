"""What the helpers want to know of audio packets: whose they are, how long, and their samples."""

import array
import sys
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from rtms_client.enums import MediaCodec
from rtms_client.exceptions import InvalidParameters
from rtms_client.frames import AudioFrame, UserId

from ._extras import load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Speaker", "duration_ms", "samples", "speaker_key", "to_array"]

_SAMPLE_BYTES: Final = 2
Speaker: TypeAlias = tuple[str | None, UserId | None]
"""Channel and user: call parties have a channel each, everybody else none."""


def speaker_key(frame: AudioFrame) -> Speaker | None:
    """Return whom a packet is of; `None` when it holds everybody."""
    key = (frame.channel_id, frame.user_id)
    return None if key in {(None, 0), (None, None)} else key


def duration_ms(frame: AudioFrame) -> int:
    """Return how long a packet lasts, in milliseconds."""
    sound = frame.format
    if sound.codec != MediaCodec.L16 or not sound.sample_rate_hz:
        return sound.send_rate_ms
    return len(frame.data) * 1000 // (_SAMPLE_BYTES * sound.channels * sound.sample_rate_hz)


def samples(frame: AudioFrame) -> "memoryview[int]":
    """Return the samples of a packet as integers, interleaved when stereo; nothing is copied.

    On big-endian machines they are a copy. An odd byte at the end is left out.

    Args:
        frame: A packet of L16 audio.

    Raises:
        InvalidParameters: The packet is coded; see `AudioDecoder`.
    """
    if frame.format.codec != MediaCodec.L16:
        raise InvalidParameters(
            "frame", f"got {frame.format.codec.name}, which is coded", "decode it: AudioDecoder"
        )
    whole = memoryview(frame.data)[: len(frame.data) // _SAMPLE_BYTES * _SAMPLE_BYTES]
    if sys.byteorder == "big":  # pragma: no cover  # no machine of ours
        swapped = array.array("h", whole)
        swapped.byteswap()
        return memoryview(swapped)
    return whole.cast("h")


def to_array(frame: AudioFrame) -> "NDArray[np.int16]":
    """Return the samples of a packet as a NumPy array, one row for each sample frame.

    The array shares the memory of the packet, so it cannot be written to; ``copy()`` it for that.

    Args:
        frame: A packet of L16 audio.

    Raises:
        InvalidParameters: The packet is coded; see `AudioDecoder`.
        MissingExtra: NumPy is not installed.
    """
    numpy = load("numpy", "rtms_client.media.to_array", "numpy")
    flat = samples(frame)
    channels = frame.format.channels
    whole = flat[: len(flat) // channels * channels]
    return cast("NDArray[np.int16]", numpy.frombuffer(whole, "<i2").reshape(-1, channels))
