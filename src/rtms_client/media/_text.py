"""Names and captions of strangers, made harmless."""

import re
import unicodedata
from typing import Final

__all__ = ["clean", "counted", "slug"]

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


def clean(text: str) -> str:
    """Take out what would let a stranger's text control the terminal or forge lines."""
    return text.translate(_HARMLESS)


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 caption``, ``2 captions``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def slug(text: str) -> str:
    """Turn a name into a part of a file name: letters, digits, ``_`` and ``-``; may be empty."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"\W+", "-", plain)[:_SLUG_LENGTH].strip("-_")
