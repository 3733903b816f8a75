"""Reading by shape is reading in full, whatever bytes come in whatever order."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from rtms_client._wire.codec import JsonCodec
from rtms_client._wire.inbound import message_type
from rtms_client._wire.media import MEDIA_OF_MESSAGE, Flaws, Format, media_frame, strict_base64
from rtms_client._wire.shapes import Shapes
from rtms_client.config import AudioParams, ChatParams, ShareParams, TranscriptParams, VideoParams
from rtms_client.enums import MediaType
from rtms_client.exceptions import RemoteProtocolError

FORMATS: dict[MediaType, Format] = {
    MediaType.AUDIO: AudioParams(),
    MediaType.VIDEO: VideoParams(),
    MediaType.SHARE: ShareParams(),
    MediaType.TRANSCRIPT: TranscriptParams(),
    MediaType.CHAT: ChatParams(),
}
CODEC = JsonCodec()
NAMES = st.sampled_from(["Ada", "Größe", '"data":"', "\\", '","data":"AAAA', "\ud800", ""])
TIMES = st.sampled_from([1790000000020, 1790000000020.0, 179000000002, 17900000000201, -1, None])
PAYLOADS = st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode())
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.sampled_from([16778240, 0, "16778240", "x", None, -1]),
        "user_name": NAMES,
        "channel_id": st.sampled_from(["ch-1", 7, "", None]),
        "data": PAYLOADS | NAMES | st.integers(0, 3),
        "length": st.integers(0, 9) | st.sampled_from([None, "4", 4.0, True]),
        "timestamp": st.integers(10**12, 10**13 - 1) | TIMES,
        "extra": st.sampled_from([1, "x", None, [1], {"data": "AAAA"}]),
    },
)


def common(fields: dict[str, Any]) -> dict[str, Any]:
    """Make a message common, as far as a payload can be."""
    data = fields.get("data", "AAAA")
    try:
        size = len(base64.b64decode(data))
    except (TypeError, ValueError):
        size = 3
    return {"data": "AAAA", "length": size, "timestamp": 1790000000020, **fields}


CONTENTS = st.one_of(FIELDS, FIELDS.map(common)).flatmap(
    lambda fields: st.permutations(list(fields.items())).map(dict)
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])
MESSAGES = st.builds(
    lambda kind, content, separators, ascii_only: json.dumps(
        {"msg_type": kind, "content": content}, separators=separators, ensure_ascii=ascii_only
    ).encode("utf-8", "surrogatepass"),
    st.sampled_from([14, 14, 15, 16, 17, 18, 6, "14", None]),
    CONTENTS,
    SEPARATORS,
    st.booleans(),
)


def in_full(message: bytes) -> object:
    """Read a message with the full parser; `None` if there is anything wrong with it."""
    flaws = Flaws()
    try:
        parsed = CODEC.decode(message)
        medium = MEDIA_OF_MESSAGE[message_type(parsed)]
        frame = media_frame(message_type(parsed), parsed, 1, FORMATS[medium], flaws)
    except (RemoteProtocolError, KeyError):
        return None
    return (medium, frame) if flaws == Flaws() else None


def check(shapes: Shapes, message: bytes) -> None:
    """Compare the two ways, when the shape is new and when it is known."""
    expected = in_full(message)
    for _ in range(2):
        assert shapes.read(message, 1, FORMATS) in (None, expected)


@given(st.lists(MESSAGES, max_size=6))
@example([b'{"msg_type":6,"content":{}}'])
def test_messages(messages: list[bytes]) -> None:
    """Valid JSON of all kinds is read equally, after whatever came before."""
    shapes = Shapes(CODEC, strict_base64)
    for message in messages:
        check(shapes, message)


@given(FIELDS.map(common), st.data())
def test_mutations(fields: dict[str, Any], data: st.DataObject) -> None:
    """Bytes that are changed, dropped or doubled in a message whose shape is known."""
    message = json.dumps({"msg_type": 14, "content": fields}, separators=(",", ":")).encode()
    shapes = Shapes(CODEC, strict_base64)
    check(shapes, message)
    for _ in range(8):
        at = data.draw(st.integers(0, len(message)))
        until = data.draw(st.integers(at, min(at + 4, len(message))))
        new = data.draw(st.sampled_from([b"", b"0", b'"', b"\\", b",", b" ", b"\xff", b"==", b"9"]))
        check(shapes, message[:at] + new + message[until:])
        check(shapes, message[:until] + message[at:])
