"""Draw the pictures of the documentation as SVG, the state machines from their tables.

The documentation build puts the pictures into its pages, so they cannot differ from the code. Their
colours are classes of ``docs/_static/diagrams.css``, which follow the theme of the page.

Usage: ``make_diagrams.py FOLDER`` writes each picture into a file, for a look at them.
"""

import enum
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final, TypeVar

import attrs

from rtms_client.protocol import MEDIA_TABLE, SESSION_TABLE, SIGNALING_TABLE
from rtms_client.protocol.machine import MachineInput, Table

__all__ = ["JOINING", "KEEPING_ALIVE", "PICTURES", "Step", "picture"]

State = TypeVar("State", bound=enum.Enum)
Cause = TypeVar("Cause", bound=MachineInput)

# --- SVG -----------------------------------------------------------------------------------------

_LINE: Final = 17
_ARROW: Final = (
    '<defs><marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
    'markerHeight="7" orient="auto-start-reverse"><path class="dg-head" d="M0,0 L10,5 L0,10 z"/>'
    "</marker></defs>"
)


class _Canvas:
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
        for number, line in enumerate(_wrapped(causes, width)):
            spans = [
                f'<tspan class="{"dg-remote" if cause.remote else "dg-local"}">'
                f"{escape(cause.description)}</tspan>"
                for cause in line
            ]
            self._elements.append(
                f'<text class="dg-small" x="{x:g}" y="{y + number * _LINE:g}" '
                f'text-anchor="{anchor}">{", ".join(spans)}</text>'
            )

    def line(self, points: Iterable[tuple[float, float]], style: str = "", *, head: bool) -> None:
        """Draw a line through points, with or without an arrow head at its end."""
        path = " L".join(f"{x:g},{y:g}" for x, y in points)
        marker = f' marker-end="url(#{self._name}-head)"' if head else ""
        self._elements.append(f'<path class="dg-line {style}" d="M{path}"{marker}/>')

    def svg(self, width: float, height: float) -> str:
        """Return the picture; it keeps its size and scrolls where the page is too narrow."""
        return "\n".join(
            [
                f'<svg class="dg" role="img" xmlns="http://www.w3.org/2000/svg" width="{width:g}" '
                f'height="{height:g}" viewBox="0 0 {width:g} {height:g}">',
                f"<title>{escape(self._title)}</title>",
                _ARROW.format(name=f"{self._name}-head"),
                *self._elements,
                "</svg>",
            ]
        )


def _wrapped(causes: Sequence[MachineInput], width: int) -> list[list[MachineInput]]:
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


# --- state machines ------------------------------------------------------------------------------

_BOX_WIDTH: Final = 232
_GAP: Final = 46
_LEFT: Final = 150  # room for the edges that skip a state
_RAIL: Final = 210  # distance of the line that leads to the last state


@attrs.frozen
class _Row:
    """One state on the canvas."""

    y: float
    height: float

    @property
    def middle(self) -> float:
        """Where edges leave and arrive."""
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        """Lower edge of the box."""
        return self.y + self.height


class _Machine:
    """Draws one machine: the way through the states down, the way to the end on the right."""

    def __init__(self, name: str, title: str, table: Table[State, Cause]) -> None:
        self._canvas = _Canvas(name, title)
        self._edges = _edges(table)
        reached = {target for _, target in self._edges}
        first = next(iter(table))
        self._states: list[enum.Enum] = [
            state for state in type(first) if state is first or state in reached
        ]
        self._rows: dict[enum.Enum, _Row] = {}
        self._arcs = 0

    def draw(self) -> str:
        """Return the picture."""
        y = 8.0
        for state in self._states:
            self._rows[state] = self._draw_state(state, y)
            y = self._rows[state].bottom + _GAP
        for (source, target), causes in self._edges.items():
            if source is not target:
                self._draw_edge(source, target, causes)
        self._legend(y - _GAP + 30)
        return self._canvas.svg(_LEFT + _BOX_WIDTH + _RAIL + 16, y - _GAP + 44)

    def _draw_state(self, state: enum.Enum, y: float) -> _Row:
        stays = self._edges.get((state, state), [])
        lines = len(_wrapped(stays, 34)) if stays else 0
        row = _Row(y, 36 + (lines * _LINE + 4 if lines else 0))
        last = not any(source is state for source, _ in self._edges)
        style = "dg-end" if last else "dg-start" if y < _GAP else ""
        self._canvas.box(_LEFT, y, _BOX_WIDTH, row.height, style)
        self._canvas.text(_LEFT + _BOX_WIDTH / 2, y + 23, state.name, "dg-name", "middle")
        if stays:
            self._canvas.causes(_LEFT + _BOX_WIDTH / 2, y + 42, stays, 34, "middle")
        return row

    def _draw_edge(
        self, source: enum.Enum, target: enum.Enum, causes: Sequence[MachineInput]
    ) -> None:
        start, end = self._rows[source], self._rows[target]
        below = self._states.index(target) - self._states.index(source)
        right = _LEFT + _BOX_WIDTH
        if below == 1:
            middle = _LEFT + _BOX_WIDTH / 2
            self._canvas.line([(middle, start.bottom), (middle, end.y)], head=True)
            self._canvas.causes(middle + 10, start.bottom + _GAP / 2 + 2, causes, 44)
        elif target is self._states[-1]:
            rail = right + _RAIL
            self._canvas.line(
                [(right, start.middle), (rail, start.middle), (rail, end.middle)], head=False
            )
            self._canvas.line([(rail, end.middle), (right, end.middle)], head=True)
            self._canvas.causes(right + 10, start.middle - 7, causes[:1], 30)
            if len(causes) > 1:
                self._canvas.causes(right + 10, start.middle + 16, causes[1:], 26)
        else:
            self._arcs += 1
            left = _LEFT - 14 - 16 * self._arcs
            self._canvas.line(
                [
                    (_LEFT, start.middle + 5),
                    (left, start.middle + 5),
                    (left, end.middle - 5),
                    (_LEFT, end.middle - 5),
                ],
                head=True,
            )
            self._canvas.causes(left - 6, (start.middle + end.middle) / 2, causes, 14, "end")

    def _legend(self, y: float) -> None:
        self._canvas.text(_LEFT, y, "caused by the server", "dg-small dg-remote")
        self._canvas.text(_LEFT + 150, y, "caused by this side or the network", "dg-small")


def _edges(
    table: Table[State, Cause],
) -> dict[tuple[enum.Enum, enum.Enum], list[MachineInput]]:
    """Collect the inputs that lead from one state to another."""
    edges: dict[tuple[enum.Enum, enum.Enum], list[MachineInput]] = {}
    for state, row in table.items():
        for cause, target in row.items():
            edges.setdefault((state, target), []).append(cause)
    return edges


# --- conversations -------------------------------------------------------------------------------


@attrs.frozen
class Step:
    """One line of a conversation: a message, or a note over the columns when `text` has no ends."""

    source: int
    target: int
    text: str
    message: int | None = None
    """Number of the wire message, checked by a test."""


_COLUMNS: Final = ("your web framework", "rtms_client", "signaling server", "media server")

JOINING: Final = (
    Step(2, 0, "webhook meeting.rtms_started: ids and server_urls"),
    Step(0, 1, "client.stream(parse_started(body))"),
    Step(1, 2, "1 handshake: id, stream id, signature", 1),
    Step(2, 1, "2 accepted: a URL for each medium", 2),
    Step(1, 2, "5 subscription to events", 5),
    Step(1, 3, "3 handshake: medium and parameters, once per socket", 3),
    Step(3, 1, "4 accepted: the granted parameters", 4),
    Step(1, 2, "7 ready, once per media socket", 7),
    Step(2, 1, "6 events, 8 and 9 states", 6),
    Step(3, 1, "14 to 18 audio, video, share, transcript, chat", 14),
)
"""How a stream begins."""

KEEPING_ALIVE: Final = (
    Step(2, 1, "12 keep-alive, every 10 s", 12),
    Step(1, 2, "13 answer at once, on the same socket", 13),
    Step(3, 1, "12 keep-alive, on every media socket too", 12),
    Step(1, 3, "13 answer", 13),
    Step(1, 2, "21 close, when you leave `async with`", 21),
    Step(2, 1, "22 closed", 22),
)
"""How a stream stays alive and how your side ends it."""

_COLUMN_WIDTH: Final = 186
_STEP: Final = 40


def _conversation(name: str, title: str, steps: Sequence[Step]) -> str:
    used = sorted({end for step in steps for end in (step.source, step.target)})
    canvas = _Canvas(name, title)
    centre = {column: 80 + place * _COLUMN_WIDTH for place, column in enumerate(used)}
    height = 62 + len(steps) * _STEP
    for column in used:
        canvas.box(centre[column] - 72, 8, 144, 30, "dg-start" if column == 1 else "")
        canvas.text(centre[column], 28, _COLUMNS[column], "dg-name", "middle")
        canvas.line([(centre[column], 38), (centre[column], height - 8)], "dg-life", head=False)
    for number, step in enumerate(steps):
        y = 72 + number * _STEP
        start, end = centre[step.source], centre[step.target]
        canvas.line([(start, y), (end, y)], head=True)
        style = "dg-small dg-remote" if step.source > 1 else "dg-small"
        canvas.text((start + end) / 2, y - 8, step.text, f"{style} dg-halo", "middle")
    return canvas.svg(160 + (len(used) - 1) * _COLUMN_WIDTH, height)


# --- sockets and buffers -------------------------------------------------------------------------


def _columns(name: str, title: str, columns: Sequence[Sequence[str]]) -> str:
    """Draw columns of boxes, each box of a column joined with all boxes of the next."""
    canvas = _Canvas(name, title)
    tallest = max(len(column) for column in columns)
    width, gap, pitch = 178, 64, 66
    places = [
        [
            (8 + place * (width + gap), 8 + (tallest - len(column)) * pitch / 2 + row * pitch)
            for row in range(len(column))
        ]
        for place, column in enumerate(columns)
    ]
    for place, column in enumerate(columns):
        for (x, y), text in zip(places[place], column, strict=True):
            head, *rest = text.split("\n")
            canvas.box(x, y, width, 50, "dg-start" if len(columns) - 1 == place else "")
            canvas.text(x + width / 2, y + (22 if rest else 30), head, "dg-name", "middle")
            for line in rest:
                canvas.text(x + width / 2, y + 40, line, "dg-small", "middle")
    for left, right in zip(places, places[1:], strict=False):
        pairs = (
            zip(left, right, strict=True)
            if len(left) == len(right)
            else [(one, other) for one in left for other in right]
        )
        for (x, y), (to_x, to_y) in pairs:
            canvas.line([(x + width, y + 25), (to_x - 2, to_y + 25)], head=True)
    return canvas.svg(
        16 + len(columns) * width + (len(columns) - 1) * gap, 16 + tallest * pitch - 16
    )


_SOCKETS: Final = (
    ("signaling\nhandshake, events", "audio", "video", "share", "transcript", "chat"),
    ("RTMSStream\none reader, no waiting",),
    ("iterators\nasync for", "callbacks\non_audio, on_event"),
)
_BUFFERS: Final = (
    ("media socket\nnever waits",),
    ("lane of iterator A\nbounded", "lane of callback B\nbounded", "lane of callback C\nbounded"),
    ("iterator A", "callback B\nits own task", "callback C\nits own thread"),
)

PICTURES: Final[Mapping[str, Callable[[], str]]] = {
    "sockets": lambda: _columns("sockets", "Sockets of a stream and who reads them", _SOCKETS),
    "buffers": lambda: _columns("buffers", "Each consumer has a buffer of its own", _BUFFERS),
    "joining": lambda: _conversation("joining", "How a stream begins", JOINING),
    "keeping-alive": lambda: _conversation(
        "keeping-alive", "How a stream stays alive and ends", KEEPING_ALIVE
    ),
    "session": lambda: _Machine("session", "States of a stream", SESSION_TABLE).draw(),
    "signaling": lambda: _Machine(
        "signaling", "States of the signaling connection", SIGNALING_TABLE
    ).draw(),
    "media": lambda: _Machine("media", "States of a media connection", MEDIA_TABLE).draw(),
}
"""What can be drawn, by name."""


def picture(name: str) -> str:
    """Return a picture as SVG, in a frame that scrolls where the page is too narrow.

    Raises:
        KeyError: There is no picture of this name.
    """
    return f'<div class="dg-frame">\n{PICTURES[name]()}\n</div>'


def main(folder: str) -> None:
    """Write all pictures into files."""
    for name in PICTURES:
        page = textwrap.dedent(f"<!doctype html>\n<style>svg {{ fill: none }}</style>\n{picture(name)}")
        Path(folder, f"{name}.html").write_text(page, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
