"""Text for people: sizes, times, columns, and what strangers wrote."""

import unicodedata
from typing import Final

from rtms_client.media._text import clean, counted

__all__ = ["clean", "clip", "clock_time", "counted", "moment", "text_width", "volume"]

_KILO: Final = 1000
_TENTH_S: Final = 0.1


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


def moment(at_s: float, exact_s: float) -> str:
    """Write a time since the start like `clock_time`, or in milliseconds where tenths are too much.

    Args:
        at_s: The time in seconds.
        exact_s: Times that are so far apart must not look the same.
    """
    if exact_s >= _TENTH_S:
        return clock_time(round(at_s * 1000))
    return f"{round(at_s * 1000, 1):g} ms"


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
