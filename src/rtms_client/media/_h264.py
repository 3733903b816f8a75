"""H.264 byte streams (ITU-T H.264, Annex B): NAL units, parameter sets, sizes, a black picture."""

import functools
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["black_picture", "nal_units", "parameter_sets", "picture_size"]

_START_CODE: Final = b"\x00\x00\x01"
_SPS, _PPS = 7, 8
_MAX_SPS: Final = 1024  # bytes that are looked at
_MACROBLOCK: Final = 16
_MAX_MACROBLOCKS: Final = 1024  # in one direction; the highest level of the standard has 1055
_HIGH_PROFILES: Final = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Profiles whose sequence parameter sets tell the format of the colours."""


def nal_units(access_unit: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the NAL units of a byte stream as type and content.

    Types are those of table 7-1 of the standard: 1 a slice, 5 a slice of a key frame, 6 further
    information, 7 and 8 parameter sets, 9 a delimiter.

    Args:
        access_unit: ``data`` of a frame in H.264.
    """
    start = access_unit.find(_START_CODE)
    while start >= 0:
        start += len(_START_CODE)
        end = access_unit.find(_START_CODE, start)
        # A NAL unit never ends with a zero byte (7.4.1), so all zeros belong to the start code.
        unit = access_unit[start : end if end >= 0 else None].rstrip(b"\x00")
        if unit:
            yield unit[0] & 0x1F, unit
        start = end


def parameter_sets(access_unit: bytes) -> bytes:
    """Return the sequence and picture parameter sets of a byte stream, as a byte stream.

    A decoder needs them before the first picture; key frames usually bring them along.

    Args:
        access_unit: ``data`` of a frame in H.264.
    """
    sets = (unit for kind, unit in nal_units(access_unit) if kind in {_SPS, _PPS})
    return b"".join(b"\x00" + _START_CODE + unit for unit in sets)


def picture_size(access_unit: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels, as the first sequence parameter set says.

    Args:
        access_unit: ``data`` of a frame in H.264.

    Returns:
        `None` when there is no such set, or none that makes sense.
    """
    for kind, unit in nal_units(access_unit):
        if kind == _SPS:
            try:
                return _size(_Bits(unit[1:_MAX_SPS].replace(b"\x00\x00\x03", b"\x00\x00")))
            except ValueError:
                return None
    return None


class _Bits:
    """Reads numbers from the bits of a parameter set."""

    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._at = 0

    def number(self, count: int) -> int:
        """Read a number of so many bits.

        Raises:
            ValueError: There are no more.
        """
        taken = self._bits[self._at : self._at + count]
        self._at += count
        if len(taken) < count:
            raise ValueError("the parameter set is cut off")
        return int(taken, 2)

    def ue(self) -> int:
        """Read an unsigned number in Exp-Golomb code (9.1).

        Raises:
            ValueError: There are no more bits.
        """
        zeros = self._bits.find("1", self._at) - self._at
        if zeros < 0:
            raise ValueError("the parameter set is cut off")
        self._at += zeros
        return self.number(zeros + 1) - 1

    def se(self) -> int:
        """Read a signed number in Exp-Golomb code (9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -code // 2


def _size(bits: _Bits) -> tuple[int, int]:
    """Read a sequence parameter set as far as the size (7.3.2.1.1).

    Raises:
        ValueError: It is cut off, or has an absurd size.
    """
    profile = bits.number(8)
    bits.number(16)  # constraints, level
    bits.ue()  # id
    chroma = _read_chroma(bits) if profile in _HIGH_PROFILES else 1
    _skip_order(bits)
    width, height = bits.ue() + 1, bits.ue() + 1
    fields = 2 - bits.number(1)
    bits.number(fields)  # adaptive frames, where there are fields; direct inference
    left = right = top = bottom = 0
    if bits.number(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    if max(width, height) > _MAX_MACROBLOCKS:
        raise ValueError("the picture is absurdly large")
    unit_x = 2 if chroma in {1, 2} else 1
    unit_y = (2 if chroma == 1 else 1) * fields
    size = (
        width * _MACROBLOCK - (left + right) * unit_x,
        height * fields * _MACROBLOCK - (top + bottom) * unit_y,
    )
    if min(size) <= 0:
        raise ValueError("nothing is left of the picture")
    return size


def _read_chroma(bits: _Bits) -> int:
    """Read the format of the colours, and pass over what follows it."""
    chroma = bits.ue()
    if chroma == 3:  # noqa: PLR2004  # 4:4:4
        bits.number(1)
    bits.ue()  # depth
    bits.ue()
    bits.number(1)
    if bits.number(1):
        for index in range(12 if chroma == 3 else 8):  # noqa: PLR2004  # 4:4:4
            if bits.number(1):
                _skip_scaling(bits, 16 if index < 6 else 64)  # noqa: PLR2004  # 4x4, then 8x8
    return chroma


def _skip_scaling(bits: _Bits, count: int) -> None:
    last = following = 8
    for _ in range(count):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    """Pass over what says in which order pictures are shown."""
    bits.ue()  # bits of the frame number
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.number(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    bits.ue()  # reference frames
    bits.number(1)


# --- a black picture -----------------------------------------------------------------------------


def _ue(value: int) -> str:
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def _unit(header: int, bits: str) -> bytes:
    """Close the bits of a NAL unit, and protect it from looking like a start code (7.4.1)."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    content = int(bits, 2).to_bytes(len(bits) // 8, "big")
    safe = re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", content)
    return b"\x00" + _START_CODE + bytes([header]) + safe


_BLACK: Final = (
    # Intra 16x16, predicted from the neighbours (here from nothing: 128), no AC, QP unchanged;
    # one DC coefficient of -45, which at QP 36 is -112 in every pixel: 16, black.
    _ue(3) + _ue(0) + _ue(0) + "000101" + "0000000000000001" + f"{57:012b}" + "1"
)
_SAME: Final = _ue(3) + _ue(0) + _ue(0) + "1"  # as the neighbours


@functools.lru_cache(maxsize=16)
def black_picture(width: int, height: int, number: int = 0) -> bytes:
    """Return a black key frame with its parameter sets, made without an encoder.

    The ids of its parameter sets are the highest, so that it does not disturb what it stands
    between.

    Args:
        width: Width in pixels; even.
        height: Height in pixels; even.
        number: 0 or 1; two pictures in a row need different ones.
    """
    columns, rows = -(-width // _MACROBLOCK), -(-height // _MACROBLOCK)
    crop_x, crop_y = columns * _MACROBLOCK - width, rows * _MACROBLOCK - height
    sps = f"{66:08b}{0xC0:08b}{51:08b}" + "".join(
        (
            *(_ue(31), _ue(0), _ue(2), _ue(1), "0"),  # id, frame number, order, references
            *(_ue(columns - 1), _ue(rows - 1), "1", "1"),
            *("1", _ue(0), _ue(crop_x // 2), _ue(0), _ue(crop_y // 2), "0"),
        )
    )
    pps = _ue(255) + _ue(31) + "00" + _ue(0) + _ue(0) + _ue(0) + "000" + _ue(0) * 3 + "000"
    qp_36 = _ue(19)  # 10 more than 26
    head = _ue(0) + _ue(7) + _ue(255) + "0000" + _ue(number) + "00" + qp_36
    slices = head + _BLACK + _SAME * (columns * rows - 1)
    return _unit(0x67, sps) + _unit(0x68, pps) + _unit(0x65, slices)
