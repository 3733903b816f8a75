"""Taking many at once is taking one after the other, whatever comes."""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.protocol.conftest import INFO, PARAMS, SIGNATURE, Wire

from rtms_client import AudioFrame, BufferLimits, MediaCodec, MediaType, OverflowPolicy, VideoFrame
from rtms_client._runtime.lanes import Lane, Put
from rtms_client.config import AudioFormat, PictureFormat, VideoParams
from rtms_client.enums import Resolution
from rtms_client.frames import Item
from rtms_client.protocol import SessionOptions

_EPOCH_MS: Final = 1_790_000_000_000
_H264: Final = PictureFormat(fps=25, codec=MediaCodec.H264, resolution=Resolution.HD)
_KEY_FRAME, _DELTA_FRAME = b"\0\0\0\1\x65", b"\0\0\0\1\x41"


# --- the core ------------------------------------------------------------------------------------


def message(kind: int, user: int, step: int, size: int) -> bytes:
    """Write a media message; few values, so that many are duplicates."""
    content = {
        "user_id": user,
        "user_name": "Ada",
        "data": base64.b64encode(bytes([step % 256]) * size).decode(),
        "length": size,
        "timestamp": _EPOCH_MS + 20 * step,
    }
    return json.dumps({"msg_type": kind, "content": content}, separators=(",", ":")).encode()


MESSAGES: Final = st.one_of(
    st.builds(
        message, st.sampled_from([14, 14, 14, 15]), st.integers(1, 2), *[st.integers(0, 6)] * 2
    ),
    st.sampled_from(
        [
            b'{"msg_type":12,"timestamp":1,"sequence":1}',
            b'{"msg_type":14,"content":{"user_id":1,"data":"?","timestamp":1790000000020}}',
            b'{"msg_type":16,"content":{"user_id":1,"data":"AAAA","timestamp":1790000000020}}',
            b'{"msg_type":17,"content":{"user_id":1,"data":"AAAA","timestamp":1790000000020}}',
            b"nonsense",
        ]
    ),
)


def streaming(endpoint: str) -> Wire:
    """Make a session that streams audio and video, over one connection or two."""
    params = {MediaType.AUDIO: PARAMS["audio"][1], MediaType.VIDEO: VideoParams()}
    one = endpoint == "all"
    options = SessionOptions(params=params, sign=lambda _: SIGNATURE, events=(), unified=one)
    wire = Wire(INFO, options)
    wire.connect({"all": "wss://media.zoom.us/all"} if one else None)
    for name in ("all",) if one else ("audio", "video"):
        wire.opened(name)
        wire.accept_media(name)
    wire.forget()
    return wire


def take_runs(wire: Wire, endpoint: str, messages: Sequence[bytes]) -> list[Item]:
    """Take messages as the driver does; return the items in their order."""
    number, found, at = wire.number(endpoint), list[Item](), 0
    while at < len(messages):
        frames, sizes = wire.session.receive_media(number, messages, wire.now, at)
        assert sizes == [len(data) for data in messages[at : at + len(frames)]]
        if not frames:
            wire.session.receive(number, messages[at], wire.now)
        found += [*frames, *wire.items()]
        at += len(frames) or 1
    return found


@settings(max_examples=200)
@given(
    st.sampled_from(["audio", "all"]),
    st.lists(MESSAGES, max_size=30),
    st.lists(MESSAGES, max_size=10),
)
def test_messages(endpoint: str, before: list[bytes], after: list[bytes]) -> None:
    """Items, their numbers, the books and what is sent are the same, also after an interruption."""
    runs, single = streaming(endpoint), streaming(endpoint)
    for messages in (before, after):
        found = take_runs(runs, endpoint, messages)
        for data in messages:
            single.session.receive(single.number(endpoint), data, single.now)
        assert found == single.items()
        assert runs.session.intake.statistics == single.session.intake.statistics
        assert runs.do() == single.do()
        for wire in (runs, single):
            wire.session.intake.interrupt([MediaType.AUDIO])


def test_messages_of_nobody() -> None:
    """What comes on a connection that was given up is not taken."""
    wire = streaming("audio")
    number = wire.number("audio") + 7
    assert wire.session.receive_media(number, [message(14, 1, 1, 1)], 0.0, 0) == ([], [])


# --- lanes ---------------------------------------------------------------------------------------


def item(number: int, *, video: bool, key: bool) -> AudioFrame | VideoFrame:
    """Make a frame of one of two users."""
    common: dict[str, Any] = {"sequence": number, "timestamp_ms": number, "user_id": number % 2}
    if video:
        return VideoFrame(data=_KEY_FRAME if key else _DELTA_FRAME, format=_H264, **common)
    return AudioFrame(data=b"1234", format=AudioFormat(), **common)


@pytest.mark.parametrize("policy", OverflowPolicy)
@pytest.mark.parametrize("video", [False, True])
@given(data=st.data())
def test_lanes(policy: OverflowPolicy, data: st.DataObject, *, video: bool) -> None:
    """A run that does not fit as a whole, or meets a gap, goes in one by one."""
    limits = BufferLimits(max_items=6, max_bytes=60, policy=policy)
    medium = MediaType.VIDEO if video else MediaType.AUDIO
    runs, single = Lane(medium, limits), Lane(medium, limits)
    number = 0
    for _ in range(data.draw(st.integers(1, 12))):
        keys = data.draw(st.lists(st.booleans(), min_size=1, max_size=5))
        items = [item(number + at, video=video, key=key) for at, key in enumerate(keys, 1)]
        number += len(items)
        sizes = data.draw(st.lists(st.integers(5, 70), min_size=len(items), max_size=len(items)))
        pairs = list(zip(items, sizes, strict=True))
        taken = [single.put(one, size, number) for one, size in pairs]
        if runs.put_all(items, sizes, number):
            assert taken == [Put.TAKEN] * len(items)
        else:
            assert [runs.put(one, size, number) for one, size in pairs] == taken
        for _ in range(data.draw(st.integers(0, 8))):
            assert runs.first() == single.first()
            assert runs.pop(number + 1) == single.pop(number + 1)
        assert runs.statistics(number) == single.statistics(number)
