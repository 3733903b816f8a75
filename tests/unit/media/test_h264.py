"""H.264 byte streams: made by a real encoder, by hand, and broken."""

import re
from typing import Any

import av
import pytest
from tests.unit.media.pictures import encode

from rtms_client.media import nal_units, parameter_sets, picture_size
from rtms_client.media._h264 import black_picture


def ue(value: int) -> str:
    """Return an unsigned number in Exp-Golomb code."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def sps(*bits: str, profile: int = 66) -> bytes:
    """Return a sequence parameter set made of bits, after profile, level and id."""
    text = f"{profile:08b}{0:08b}{51:08b}{ue(0)}{''.join(bits)}1"
    text += "0" * (-len(text) % 8)
    return b"\0\0\1\x67" + int(text, 2).to_bytes(len(text) // 8, "big")


SIZE_64_32 = ue(3) + ue(1) + "110"
"""Four by two macroblocks, frames only, direct inference, not cropped."""


def test_nal_units() -> None:
    """Units come with their types, whatever start codes stand between them."""
    stream = b"\0\0\0\1\x09\xf0\0\0\1\x67ab\0\0\0\0\1\x68c\0\0\1\0\0\1\x65slice"
    assert list(nal_units(stream)) == [
        (9, b"\x09\xf0"),
        (7, b"\x67ab"),
        (8, b"\x68c"),
        (5, b"\x65slice"),
    ]


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\0\0\1", b"no start code", b"\0\0\1\0\0\1"])
def test_nothing_in_it(data: bytes) -> None:
    """Bytes without a unit have none."""
    assert list(nal_units(data)) == []
    assert parameter_sets(data) == b""
    assert picture_size(data) is None


def test_parameter_sets() -> None:
    """Both kinds are taken out, in their order, as a byte stream again."""
    stream = b"\0\0\1\x09\xf0\0\0\1\x67ab\0\0\1\x68c\0\0\1\x65slice"
    assert parameter_sets(stream) == b"\0\0\0\1\x67ab\0\0\0\1\x68c"


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((64, 48), {}),
        ((322, 242), {"preset": "slow"}),
        ((1920, 1080), {"x264-params": "cqm=jvt:8x8dct=1"}),
        ((640, 368), {"x264-params": "tff=1"}),
        ((320, 240), {"pixels": "yuv444p"}),
        ((320, 242), {"pixels": "yuv422p"}),
    ],
    ids=["baseline", "high", "scaling", "fields", "444", "422"],
)
def test_size_as_an_encoder_says_it(size: tuple[int, int], options: dict[str, Any]) -> None:
    """Every profile and option of a real encoder is understood."""
    assert picture_size(encode([16], size, **options)[0]) == size


@pytest.mark.parametrize(
    ("bits", "profile", "size"),
    [
        ((ue(0), ue(0), ue(0), ue(1), "0", SIZE_64_32), 66, (64, 32)),
        (
            (ue(0), ue(1), "0", ue(1), ue(2), ue(2), ue(0), ue(4), ue(1), "0", SIZE_64_32),
            66,
            (64, 32),
        ),
        ((ue(0), ue(2), ue(1), "0", ue(3), ue(1), "111", ue(1), ue(2), ue(3), ue(4)), 66, (58, 18)),
        (
            (
                *(ue(3), "1", ue(0), ue(0), "0", "1"),  # 4:4:4, and scaling matrices
                *("1", ue(1), ue(2), "0" * 11),
                *(ue(0), ue(2), ue(1), "0", SIZE_64_32),
            ),
            100,
            None,
        ),
        (
            (
                *(ue(1), ue(0), ue(0), "0", "1"),
                *("1", ue(16), "0000000"),  # 8 - 8: the default matrix
                *(ue(0), ue(2), ue(1), "0", SIZE_64_32),
            ),
            100,
            (64, 32),
        ),
        (
            (
                *(ue(1), ue(0), ue(0), "0", "1"),
                *("0000001", ue(1), ue(0) * 63, "0"),  # an 8x8 matrix: 9 everywhere
                *(ue(0), ue(2), ue(1), "0", SIZE_64_32),
            ),
            100,
            (64, 32),
        ),
    ],
    ids=["order-0", "order-1", "cropped", "cut-off-matrix", "default-matrix", "matrix"],
)
def test_size_by_hand(bits: tuple[str, ...], profile: int, size: tuple[int, int] | None) -> None:
    """What the encoder does not make is understood too."""
    assert picture_size(sps(*bits, profile=profile)) == size


@pytest.mark.parametrize(
    "bits",
    [
        (),
        (ue(0), ue(2), ue(1), "0", ue(5000), ue(1), "110"),
        (ue(0), ue(2), ue(1), "0", ue(3), ue(1), "111", ue(32), ue(0), ue(0), ue(0)),
        (ue(0), ue(1), "0", ue(1), ue(2), ue(70000)),
    ],
    ids=["cut-off", "huge", "nothing-left", "endless"],
)
def test_no_sensible_size(bits: tuple[str, ...]) -> None:
    """A parameter set without sense has no size."""
    assert picture_size(sps(*bits)) is None


@pytest.mark.parametrize("head", [b"\x42", b"\x42\xc0\x33"])
def test_cut_off_at_the_head(head: bytes) -> None:
    """Not even the level, or the id, is there."""
    assert picture_size(b"\0\0\1\x67" + head) is None


def test_a_start_code_inside_is_protected() -> None:
    """Bytes that keep a unit from looking like a start code are no part of it."""
    order = (ue(1), "0", ue(65535), ue(65535), ue(0))
    unit = sps(ue(0), *order, ue(1), "0", SIZE_64_32)[3:]
    protected = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", unit)
    assert len(protected) > len(unit)
    assert picture_size(b"\0\0\1" + protected) == (64, 32)


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (1920, 1080), (16, 16), (322, 242)])
def test_black_picture(size: tuple[int, int]) -> None:
    """Every decoder shows black, in every size, again and again."""
    decoder: Any = av.CodecContext.create("h264", "r")
    shown = []
    for number in (0, 1, 0):
        shown += decoder.decode(av.Packet(black_picture(*size, number)))
    shown += decoder.decode(None)
    assert [(one.width, one.height) for one in shown] == [size] * 3
    for one in shown:
        luma, *chroma = one.planes
        rows = [bytes(luma)[at : at + size[0]] for at in range(0, luma.buffer_size, luma.line_size)]
        assert set(b"".join(rows[: size[1]])) == {16}
        assert {bytes(plane)[0] for plane in chroma} == {128}
    assert picture_size(black_picture(*size)) == size
