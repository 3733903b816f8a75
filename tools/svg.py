"""A canvas for the pictures of the documentation.

Colours are classes of ``docs/_static/diagrams.css``, which follow the theme of the page.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from rtms_client.protocol.machine import MachineInput

__all__ = ["LINE", "Canvas", "wrapped"]

LINE: Final = 17
_ARROW: Final = (
    '<defs><marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
    'markerHeight="7" orient="auto-start-reverse"><path class="dg-head" d="M0,0 L10,5 L0,10 z"/>'
    "</marker></defs>"
)


class Canvas:
    """Collects the elements of one picture.

    Args:
        name: Unique among the pictures of a page.
        title: What a reader who cannot see it is told.
    """

    def __init__(self, name: str, title: str) -> None:
        self._name, self._title = name, title
        self._elements: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, style: str = "") -> None:
        """Draw a rectangle with round corners."""
        self._elements.append(
            f'<rect class="dg-box {style}" x="{x:g}" y="{y:g}" width="{width:g}" '
            f'height="{height:g}" rx="7"/>'
        )

    def text(self, x: float, y: float, text: str, style: str = "", anchor: str = "start") -> None:
        """Write one line."""
        self._elements.append(
            f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}'
            "</text>"
        )

    def causes(
        self, x: float, y: float, causes: Sequence[MachineInput], width: int, anchor: str = "start"
    ) -> None:
        """Write inputs, wrapped; those that the server causes stand out."""
        for number, line in enumerate(wrapped(causes, width)):
            spans = [
                f'<tspan class="{"dg-remote" if cause.remote else "dg-local"}">'
                f"{escape(cause.description)}</tspan>"
                for cause in line
            ]
            self._elements.append(
                f'<text class="dg-small" x="{x:g}" y="{y + number * LINE:g}" '
                f'text-anchor="{anchor}">{", ".join(spans)}</text>'
            )

    def line(self, points: Iterable[tuple[float, float]], style: str = "", *, head: bool) -> None:
        """Draw a line through points, with or without an arrow head at its end."""
        path = " L".join(f"{x:g},{y:g}" for x, y in points)
        marker = f' marker-end="url(#{self._name}-head)"' if head else ""
        self._elements.append(f'<path class="dg-line {style}" d="M{path}"{marker}/>')

    def svg(self, width: float, height: float) -> str:
        """Return the picture; it keeps its size and scrolls where the page is too narrow."""
        start = (
            f'<svg class="dg" role="img" xmlns="http://www.w3.org/2000/svg" width="{width:g}" '
            f'height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
        )
        title = f"<title>{escape(self._title)}</title>"
        arrow = _ARROW.format(name=f"{self._name}-head")
        return "\n".join([start, title, arrow, *self._elements, "</svg>"])


def wrapped(causes: Sequence[MachineInput], width: int) -> list[list[MachineInput]]:
    """Break a list of inputs into lines of at most so many characters."""
    lines: list[list[MachineInput]] = [[]]
    used = 0
    for cause in causes:
        if lines[-1] and used + len(cause.description) > width:
            lines.append([])
            used = 0
        lines[-1].append(cause)
        used += len(cause.description) + 2
    return lines
