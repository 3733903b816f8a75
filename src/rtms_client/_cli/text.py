"""Text for people: names and captions of strangers made harmless, sizes, times, columns."""

import re
import unicodedata
from typing import Final

__all__ = ["clean", "clip", "clock_time", "slug", "text_width", "volume"]

_BLANKS: Final = "\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
_CONTROLS: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x061C, 0x200E, 0x200F),  # direction marks
    *range(0x202A, 0x202F),  # embeddings and overrides of the direction
    *range(0x2066, 0x206A),  # isolates
    *range(0xD800, 0xE000),  # lone surrogates, which no encoding can write
)
_HARMLESS: Final = dict.fromkeys(_CONTROLS, "\ufffd") | dict.fromkeys(map(ord, _BLANKS), " ")
_SLUG_LENGTH: Final = 40
_KILO: Final = 1000


def clean(text: str) -> str:
    """Take out what would let a stranger's text control the terminal or forge lines."""
    return text.translate(_HARMLESS)


def slug(text: str) -> str:
    """Turn a name into a part of a file name: letters, digits, ``_`` and ``-``; may be empty."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"\W+", "-", plain)[:_SLUG_LENGTH].strip("-_")


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(map(_width, text))


def clip(text: str, columns: int) -> str:
    """Cut a text, with an ellipsis, or fill it with blanks to so many columns."""
    missing = columns - text_width(text)
    if missing >= 0:
        return text + " " * missing
    kept, room = 0, columns - 1
    while (room := room - _width(text[kept])) >= 0:
        kept += 1
    return clip(f"{text[:kept]}…", columns)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clock_time(ms: int) -> str:
    """Write a time since the start as ``12:34.5``, or ``1:12:34.5``."""
    tenths = ms // 100
    minutes, seconds = divmod(tenths // 10, 60)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes:02}"
    return f"{start}:{seconds:02}.{tenths % 10}"


def volume(size: int) -> str:
    """Write a number of bytes with a unit."""
    if size < _KILO:
        return f"{size} B"
    number, units = size / _KILO, ["GB", "MB", "kB"]
    while number >= _KILO and len(units) > 1:
        number /= _KILO
        units.pop()
    digits = 0 if number >= 10 else 1  # noqa: PLR2004  # two digits are enough
    return f"{number:.{digits}f} {units[-1]}"
