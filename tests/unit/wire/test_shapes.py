"""The short way for common media messages, against what the full parser makes of them."""

from __future__ import annotations

import base64
import json
import tracemalloc
from typing import Any

import pytest
from typing_extensions import override

from rtms_client._wire.codec import JsonCodec
from rtms_client._wire.media import Flaws, Format, media_frame, strict_base64
from rtms_client._wire.shapes import CommonFrame, Shapes
from rtms_client.config import AudioFormat, PictureFormat
from rtms_client.enums import MediaCodec, MediaType, MessageType, Resolution
from rtms_client.frames import AudioFrame, ShareFrame, VideoFrame

PICTURES = PictureFormat(fps=5, codec=MediaCodec.JPG, resolution=Resolution.HD)
FORMATS: dict[MediaType, Format] = {
    MediaType.AUDIO: AudioFormat(),
    MediaType.VIDEO: PICTURES,
    MediaType.SHARE: PICTURES,
}
COMMON = (
    b'{"msg_type":14,"content":{"user_id":16778240,"user_name":"Ada",'
    b'"data":"AAAAAA==","length":4,"timestamp":1790000000020}}'
)


class CountingCodec(JsonCodec):
    """The full parser, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    @override
    def decode(self, data: bytes) -> dict[str, object]:
        """Count and read."""
        self.asked += 1
        return super().decode(data)


def read(message: bytes, shapes: Shapes | None = None) -> CommonFrame | None:
    """Read a message by its shape."""
    found = (shapes or Shapes(JsonCodec(), strict_base64)).read(message, 7, FORMATS)
    return found and found[1]


def in_full(message: bytes) -> tuple[object, Flaws]:
    """Read a message with the full parser."""
    flaws = Flaws()
    parsed = JsonCodec().decode(message)
    kind = MessageType(parsed["msg_type"])  # type: ignore[arg-type]  # an int in all examples
    formats = {14: FORMATS[MediaType.AUDIO], 15: PICTURES, 16: PICTURES}
    return media_frame(kind, parsed, 7, formats[kind], flaws), flaws


def test_audio() -> None:
    """A common message of audio is a frame of audio."""
    assert Shapes(JsonCodec(), strict_base64).read(COMMON, 7, FORMATS) == (
        MediaType.AUDIO,
        AudioFrame(
            sequence=7,
            data=bytes(4),
            timestamp_ms=1790000000020,
            user_id=16778240,
            user_name="Ada",
            format=AudioFormat(),
        ),
    )


def test_what_repeats_is_parsed_once() -> None:
    """The full parser sees a shape twice when it is new, and never again."""
    codec = CountingCodec()
    shapes = Shapes(codec, strict_base64)
    for index in range(50):
        payload = base64.b64encode(bytes(index))
        message = COMMON.replace(b"AAAAAA==", payload).replace(b":4,", b":%d," % index)
        frame = read(message.replace(b"20}", b"%02d}" % index), shapes)
        assert frame is not None
        assert (frame.data, frame.timestamp_ms) == (bytes(index), 1790000000000 + index)
    assert codec.asked == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b""),
        (b":14", b":15"),
        (b":14", b":16"),
        (b'"user_name":"Ada",', b""),
        (b"16778240", b"0"),
        (b"16778240", b'"16778240"'),
        (b'"Ada"', b'"\\u0041\\"data\\":\\""'),
        (b'"Ada"', '"Größe"'.encode()),
        (b',"length":4', b""),
        (b'"length":4', b'"length": 4'),
        (b'"length":4', b'"length":4.0'),
        (b'"length":4', b'"length":null'),
        (b'"data":', b'"data": '),
        (b'"timestamp":', b'"timestamp": '),
        (b"}}", b' , "extra":1.5, "x":null} }'),
        (b'"data"', b'"channel_id":"ch-1","data"'),
        (b'"data"', b'"channel_id":12,"data"'),
        (b'"msg_type":14,', b""),
        (b"AAAAAA==", b""),
        (b'{"user_id"', b'{"length":4,"user_id"'),
    ],
)
def test_equal(old: bytes, new: bytes) -> None:
    """Whatever is read by its shape is what the full parser makes of it, without a flaw."""
    message = COMMON.replace(old, new)
    if b"msg_type" not in message:
        message = message[:-1] + b',"msg_type":14}'
    if not new and old.startswith(b"AAAA"):
        message = message.replace(b":4", b":0")
    frame = read(message)
    assert (frame, Flaws()) == in_full(message)
    assert type(frame) in {AudioFrame, VideoFrame, ShareFrame}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"AAAAAA==", b"AAAA\\u0041A=="),
        (b"AAAAAA==", b"AAAAAA"),
        (b"AAAAAA==", b"AAAA AA=="),
        (b'"AAAAAA=="', b"17"),
        (b'"AAAAAA=="', b'  "AAAAAA=="'),
        (b":4,", b":5,"),
        (b":4,", b":44,"),
        (b":4,", b':"4",'),
        (b"1790000000020", b"179000000002"),
        (b"1790000000020", b"17900000000200"),
        (b"1790000000020", b"0790000000020"),
        (b"1790000000020", b"1790000000020.5"),
        (b"1790000000020", b'"1790000000020"'),
        (b"1790000000020}}", b"1790000"),
        (b'"timestamp":1790000000020', b'"timestamp":1790000000020,"timestamp":1'),
        (b'"timestamp":1790000000020', b'"timestamp":1790000000020,"data":"!1"'),
        (b'"timestamp"', b'"start_time"'),
        (b'"data"', b'"text"'),
        (b'"data"', b'"inner":{"data":"AAAA"},"data"'),
        (b'"user_name":"Ada"', b'"user_name":{"a":[]},"x":[1]'),
        (b":14", b":17"),
        (b":14", b":18"),
        (b":14", b":6"),
        (b'"msg_type":14,', b""),
        (b'"content":{', b'"x":1,"content":{'),
        (b'"content":{', b'"content":[{'),
        (b"}}", b"}}x"),
        (b"Ada", b"\xff"),
        (b'"Ada"', b'"Ada","x":' + b"[" * 100_000),
    ],
)
def test_unusual(old: bytes, new: bytes) -> None:
    """What is unusual is left to the full parser, each time."""
    shapes = Shapes(JsonCodec(), strict_base64)
    message = COMMON.replace(old, new, 1)
    assert message != COMMON
    assert read(COMMON, shapes) is not None
    assert read(message, shapes) is None
    assert read(message, shapes) is None


@pytest.mark.parametrize("payload", [b"AAAA*A==", b"AAAAAAA="])
def test_unusual_among_many(payload: bytes) -> None:
    """A message as long as those before it may still be unusual."""
    shapes = Shapes(JsonCodec(), strict_base64)
    assert [read(COMMON, shapes) for _ in range(3)].count(None) == 0
    assert read(COMMON.replace(b"AAAAAA==", payload), shapes) is None
    assert read(COMMON, shapes) is not None


def test_medium_that_was_not_requested() -> None:
    """A medium without a format is left to the full parser."""
    shapes = Shapes(JsonCodec(), strict_base64)
    assert shapes.read(COMMON, 1, {MediaType.VIDEO: PICTURES}) is None


def test_unknown_keys_are_not_shared() -> None:
    """What the application does to the unknown keys of one frame does not show in the next."""
    shapes = Shapes(JsonCodec(), strict_base64)
    message = COMMON.replace(b'"data"', b'"mood":"good","data"')
    first, second = read(message, shapes), read(message, shapes)
    assert first is not None
    assert second is not None
    assert first.extra == {"mood": "good"}
    assert first.extra is not second.extra


def test_bounded() -> None:
    """However many shapes a server invents, few are kept; those that came first go first."""
    codec = CountingCodec()
    shapes = Shapes(codec, strict_base64)
    for number in range(1000):
        assert read(COMMON.replace(b"Ada", b"%d" % number), shapes) is not None
    asked = codec.asked
    assert read(COMMON.replace(b"Ada", b"999"), shapes) is not None
    assert codec.asked == asked
    assert read(COMMON.replace(b"Ada", b"0"), shapes) is not None
    assert codec.asked > asked


def test_long_texts_are_not_kept() -> None:
    """What stands around the payload, whatever it is, cannot fill our memory."""
    shapes = Shapes(JsonCodec(), strict_base64)
    tracemalloc.start()
    for number in range(50):
        extra = b'"user_name":"Ada","new":"%d%s"' % (number, bytes([65]) * 100_000)
        assert read(COMMON.replace(b'"user_name":"Ada"', extra), shapes) is None
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000


def test_frames_are_like_any_other() -> None:
    """A frame that was read by its shape is frozen, and equal to one built in the ordinary way."""
    frame: Any = read(COMMON)
    ordinary, _ = in_full(json.dumps(json.loads(COMMON)).encode())
    assert frame == ordinary
    assert repr(frame) == repr(ordinary)
    assert hash(frame) == hash(ordinary)
    with pytest.raises(AttributeError):
        frame.data = b""
