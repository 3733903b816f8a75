"""Items as a stream delivers them, with as few words as possible; zero of the session is `T0`."""

from typing import Any, Final

from rtms_client.config import AudioFormat, PictureFormat, TranscriptFormat
from rtms_client.enums import MediaCodec, Resolution
from rtms_client.events import FirstPacket
from rtms_client.frames import AudioFrame, ShareFrame, TranscriptSegment, VideoFrame

T0: Final = 1_790_000_000_000
ADA, GRACE = 16778240, 16779264
NAMES: Final = {ADA: "Ada", GRACE: "Grace"}
START: Final = FirstPacket(sequence=1, timestamp_ms=T0)
L16: Final = AudioFormat()
JPG: Final = PictureFormat(fps=1, codec=MediaCodec.JPG, resolution=Resolution.HD)
PNG: Final = PictureFormat(fps=1, codec=MediaCodec.PNG, resolution=Resolution.HD)
H264: Final = PictureFormat(fps=15, codec=MediaCodec.H264, resolution=Resolution.HD)
KEY: Final = b"\0\0\0\1\x65key"
DELTA: Final = b"\0\0\0\1\x41delta"


def pcm(*values: int, count: int = 1) -> bytes:
    """Return samples, little-endian."""
    return b"".join(value.to_bytes(2, "little", signed=True) for value in values) * count


def samples(data: bytes) -> list[int]:
    """Return the numbers of little-endian samples."""
    return [
        int.from_bytes(data[at : at + 2], "little", signed=True) for at in range(0, len(data), 2)
    ]


def audio(at_ms: int, data: bytes = pcm(1000, count=320), **fields: Any) -> AudioFrame:  # noqa: ANN401  # passed on
    """Return 20 ms of audio of Ada."""
    user_id = fields.setdefault("user_id", ADA)
    fields.setdefault("user_name", NAMES.get(user_id))
    fields.setdefault("format", L16)
    return AudioFrame(data=data, timestamp_ms=T0 + at_ms, **fields)


def video(at_ms: int = 0, data: bytes = KEY, **fields: Any) -> VideoFrame:  # noqa: ANN401  # passed on
    """Return a camera picture of Ada."""
    user_id = fields.setdefault("user_id", ADA)
    fields.setdefault("user_name", NAMES.get(user_id))
    fields.setdefault("format", H264)
    return VideoFrame(data=data, timestamp_ms=T0 + at_ms, **fields)


def share(at_ms: int = 0, data: bytes = b"jpeg", **fields: Any) -> ShareFrame:  # noqa: ANN401  # passed on
    """Return a picture of Ada's screen."""
    fields.setdefault("format", JPG)
    return ShareFrame(data=data, timestamp_ms=T0 + at_ms, user_id=ADA, user_name="Ada", **fields)


def caption(at_ms: int, text: str = "Hello", **fields: Any) -> TranscriptSegment:  # noqa: ANN401  # passed on
    """Return a caption of Ada."""
    user_id = fields.setdefault("user_id", ADA)
    fields.setdefault("user_name", NAMES.get(user_id))
    return TranscriptSegment(
        text=text, timestamp_ms=T0 + at_ms, format=TranscriptFormat(), **fields
    )
