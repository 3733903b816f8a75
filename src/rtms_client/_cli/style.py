"""What an output can show, and text painted for it."""

from typing import Final

import attrs

__all__ = ["NAME_COLOURS", "Palette", "Style"]

NAME_COLOURS: Final = ("36", "35", "34", "33", "32")
"""Colours of speakers: cyan, magenta, blue, yellow, green."""
_MAX_NAMES: Final = 10_000


class Palette:
    """Gives speakers colours, in the order of their first word; absurdly many share the first."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Return which one of `NAME_COLOURS` somebody has."""
        if len(self._numbers) >= _MAX_NAMES:
            return self._numbers.get(name, 0)
        return self._numbers.setdefault(name, len(self._numbers) % len(NAME_COLOURS))


@attrs.frozen(kw_only=True)
class Style:
    """What the output can show."""

    colour: bool = True
    unicode: bool = True

    def paint(self, text: str, code: str) -> str:
        """Colour a text, if colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def bar(self, share: float, columns: int) -> tuple[str, str]:
        """Return the full and the empty part of a bar."""
        full, empty = ("█", "░") if self.unicode else ("#", "-")
        filled = round(max(0.0, min(1.0, share)) * columns)
        return full * filled, empty * (columns - filled)
