"""Media as delivered: facts, key frames, and what is never shown."""

from __future__ import annotations

import pickle

import attrs
import pytest

from rtms_client.config import AudioFormat, ChatParams, PictureFormat, TranscriptFormat
from rtms_client.enums import MediaCodec, Resolution
from rtms_client.frames import (
    AudioFrame,
    ChatFile,
    ChatMessage,
    ChatParty,
    Item,
    MediaFrame,
    ShareFrame,
    TranscriptSegment,
    VideoFrame,
)

H264 = PictureFormat(fps=25, codec=MediaCodec.H264, resolution=Resolution.HD)
JPG = PictureFormat(fps=5, codec=MediaCodec.JPG, resolution=Resolution.HD)
NAME, TEXT, MEDIA = "Ada Canary", "spoken canary", b"media canary"

FRAMES: tuple[MediaFrame, ...] = (
    AudioFrame(
        sequence=1,
        data=MEDIA,
        timestamp_ms=1790000000020,
        user_id=16778240,
        user_name=NAME,
        format=AudioFormat(),
        extra={"unknown": TEXT},
    ),
    VideoFrame(sequence=2, data=MEDIA, timestamp_ms=1790000000200, user_name=NAME, format=JPG),
    ShareFrame(sequence=3, data=MEDIA, timestamp_ms=1790000001000, user_name=NAME, format=JPG),
    TranscriptSegment(
        sequence=4,
        text=TEXT,
        timestamp_ms=1790000000100,
        user_name=NAME,
        format=TranscriptFormat(),
        extra={"unknown": TEXT},
    ),
    ChatMessage(
        sequence=5,
        text=TEXT,
        timestamp_ms=1790000000000,
        sender=ChatParty(user_id=1, user_name=NAME),
        files=(ChatFile(file_id="f-1", file_name=NAME),),
        raw={"data": TEXT},
    ),
)
KINDS = [type(frame).__name__ for frame in FRAMES]


@pytest.mark.parametrize("frame", FRAMES, ids=KINDS)
def test_representation_gives_nothing_away(frame: MediaFrame) -> None:
    """A logged frame shows neither media nor text nor names."""
    assert "canary" not in repr(frame).lower()


def test_representation_shows_the_size_of_media() -> None:
    """Instead of the bytes there is their number."""
    assert "data=<12 bytes>" in repr(FRAMES[0])


@pytest.mark.parametrize(
    ("frame", "size"), list(zip(FRAMES, (12, 12, 12, 13, 13), strict=True)), ids=KINDS
)
def test_size_is_that_of_the_payload(frame: MediaFrame, size: int) -> None:
    """Buffers are bounded by the size of media in bytes and of text in characters."""
    assert frame.size == size


@pytest.mark.parametrize("frame", FRAMES, ids=KINDS)
def test_frames_are_values(frame: MediaFrame) -> None:
    """Frames are frozen, can be keys, and cross process boundaries."""
    for name in attrs.fields_dict(type(frame)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(frame, name, None)
    copied = pickle.loads(pickle.dumps(frame))  # noqa: S301  # our own
    assert {frame: "found"}[copied] == "found"
    assert isinstance(frame, Item)


def test_chat_needs_no_parameters() -> None:
    """Chat has no format: there is nothing to negotiate."""
    assert not attrs.fields(ChatParams)
    assert "format" not in attrs.fields_dict(ChatMessage)


# --- key frames ----------------------------------------------------------------------------------

START, LONG_START = b"\x00\x00\x01", b"\x00\x00\x00\x01"
SPS, PPS, SEI, IDR, DELTA = b"\x67", b"\x68", b"\x06", b"\x65", b"\x41"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LONG_START + SPS + LONG_START + PPS + START + IDR + b"\x88", True),
        (START + IDR, True),
        (LONG_START + SEI + b"\x05\x01" + START + IDR, True),
        (START + DELTA + b"\x9a", False),
        (START + b"\x42\x00", False),
        (START + SEI + START + DELTA + START + IDR, False),
        (START + SPS + START + PPS, False),
        (b"\x00\x00\x00" + IDR, False),
        (START, False),
        (b"", False),
        (IDR, False),
    ],
    ids=[
        "parameter sets, then IDR",
        "IDR alone",
        "SEI, then IDR",
        "delta",
        "data partition",
        "the first slice decides",
        "parameter sets alone",
        "no start code",
        "start code at the end",
        "empty",
        "not Annex B",
    ],
)
@pytest.mark.parametrize("kind", [VideoFrame, ShareFrame])
def test_h264_key_frame(kind: type[VideoFrame | ShareFrame], data: bytes, expected: bool) -> None:  # noqa: FBT001  # data
    """A decoder can start where the first slice is an IDR slice."""
    assert kind(data=data, timestamp_ms=0, format=H264).is_key_frame is expected


@pytest.mark.parametrize("codec", [MediaCodec.JPG, MediaCodec.PNG])
def test_still_is_always_a_key_frame(codec: MediaCodec) -> None:
    """A picture that stands alone needs no other."""
    granted = attrs.evolve(JPG, codec=codec)
    assert VideoFrame(data=b"", timestamp_ms=0, format=granted).is_key_frame
