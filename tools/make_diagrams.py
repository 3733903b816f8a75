"""Draw the pictures of the documentation as SVG, the state machines from their tables.

The documentation build puts the pictures into its pages, so they cannot differ from the code. Their
colours are classes of ``docs/_static/diagrams.css``, which follow the theme of the page.

Usage: ``make_diagrams.py FOLDER`` writes each picture into a file, for a look at them.
"""

import enum
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs

from make_timeline import timeline
from rtms_client.protocol import MEDIA_TABLE, SESSION_TABLE, SIGNALING_TABLE
from rtms_client.protocol.machine import MachineInput, Table
from svg import LINE, Canvas, wrapped

__all__ = ["JOINING", "KEEPING_ALIVE", "PICTURES", "RECONNECTING", "Step", "picture"]

State = TypeVar("State", bound=enum.Enum)
Cause = TypeVar("Cause", bound=MachineInput)

# --- state machines ------------------------------------------------------------------------------

_BOX_WIDTH: Final = 256
_GAP: Final = 46
_PORT: Final = 22  # between two edges on the same side of a box
_LETTER: Final = 6.2  # how wide one is on average in a label
_LANE: Final = 11  # between two such edges
_RAIL: Final = 24  # from the longest label to the line that leads to the last state
_BESIDE: Final = 26  # letters of a label beside that line
_LEGEND: Final = 470


@attrs.frozen
class _Row:
    """One state on the canvas."""

    y: float
    height: float

    @property
    def middle(self) -> float:
        """Where edges on the right leave and arrive."""
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        """Lower edge of the box."""
        return self.y + self.height


@attrs.frozen
class _Arc:
    """An edge that skips a state, or leads back; it goes round on the left."""

    source: enum.Enum
    target: enum.Enum
    causes: Sequence[MachineInput]
    lane: int


class _Machine:
    """Draws one machine: the way through the states down, the way to the end on the right."""

    def __init__(self, name: str, title: str, table: Table[State, Cause]) -> None:
        self._canvas = Canvas(name, title)
        self._edges = _edges(table)
        reached = {target for _, target in self._edges}
        first = next(iter(table))
        self._states: list[enum.Enum] = [
            state for state in type(first) if state is first or state in reached
        ]
        self._rows: dict[enum.Enum, _Row] = {}
        self._arcs = self._find_arcs()
        lanes = max((arc.lane + 1 for arc in self._arcs), default=0)
        labels = [len(cause.description) for arc in self._arcs for cause in arc.causes]
        self._label = 14 + max(labels, default=0) * _LETTER  # room in front of the boxes
        self._left = self._label + lanes * _LANE + 12 if lanes else 8
        beside = [
            _BESIDE if len(causes) > 1 else len(causes[0].description)
            for (source, target), causes in self._edges.items()
            if target is self._states[-1] and self._place(source) < len(self._states) - 2
        ]
        self._rail = 10 + max(beside, default=0) * _LETTER + _RAIL

    def draw(self) -> str:
        """Return the picture."""
        y = 8.0
        for state in self._states:
            self._rows[state] = self._draw_state(state, y)
            y = self._rows[state].bottom + _GAP
        for (source, target), causes in self._edges.items():
            if self._place(target) - self._place(source) == 1:
                self._draw_down(source, target, causes)
            elif target is self._states[-1]:
                self._draw_rail(source, target, causes)
        for arc in self._arcs:
            self._draw_arc(arc)
        y += 30 - _GAP
        self._canvas.text(self._left, y, "caused by the server", "dg-small dg-remote")
        self._canvas.text(self._left + 132, y, "caused by this side or the network", "dg-small")
        self._canvas.text(self._left + 346, y, "in a box: no change", "dg-small")
        width = max(_BOX_WIDTH + self._rail + 16, _LEGEND)
        return self._canvas.svg(self._left + width, y + 14)

    def _place(self, state: enum.Enum) -> int:
        return self._states.index(state)

    def _find_arcs(self) -> list[_Arc]:
        """Collect the edges on the left and give them lanes, the short ones next to the boxes."""
        found = [
            (source, target)
            for source, target in self._edges
            if source is not target
            and self._place(target) - self._place(source) != 1
            and target is not self._states[-1]
        ]
        taken: list[list[tuple[int, int]]] = []
        arcs = []
        for source, target in sorted(
            found, key=lambda edge: abs(self._place(edge[0]) - self._place(edge[1]))
        ):
            low, high = sorted((self._place(source), self._place(target)))
            lane = 0
            while lane < len(taken) and any(a <= high and low <= b for a, b in taken[lane]):
                lane += 1
            if lane == len(taken):
                taken.append([])
            taken[lane].append((low, high))
            arcs.append(_Arc(source, target, self._edges[source, target], lane))
        return arcs

    def _ports(self, state: enum.Enum) -> list[_Arc]:
        """Return the arcs at a state, from the top: those to the states above come first."""

        def other_end(arc: _Arc) -> tuple[bool, int]:
            place = self._place(arc.target if arc.source is state else arc.source)
            above = place < self._place(state)
            return (not above, arc.lane if above else -arc.lane)

        return sorted(
            (arc for arc in self._arcs if state in {arc.source, arc.target}), key=other_end
        )

    def _port(self, state: enum.Enum, arc: _Arc) -> float:
        ports = self._ports(state)
        return self._rows[state].middle + (ports.index(arc) - (len(ports) - 1) / 2) * _PORT

    def _draw_state(self, state: enum.Enum, y: float) -> _Row:
        stays = self._edges.get((state, state), [])
        text = 36 + (len(wrapped(stays, 34)) * LINE + 4 if stays else 0)
        row = _Row(y, max(text, len(self._ports(state)) * _PORT + 8))
        last = not any(source is state for source, _ in self._edges)
        style = "dg-end" if last else "dg-start" if y < _GAP else ""
        self._canvas.box(self._left, y, _BOX_WIDTH, row.height, style)
        top = y + (row.height - text) / 2
        centre = self._left + _BOX_WIDTH / 2
        self._canvas.text(centre, top + 23, state.name, "dg-name", "middle")
        if stays:
            self._canvas.causes(centre, top + 42, stays, 34, "middle")
        return row

    def _draw_down(
        self, source: enum.Enum, target: enum.Enum, causes: Sequence[MachineInput]
    ) -> None:
        start, end = self._rows[source], self._rows[target]
        middle = self._left + _BOX_WIDTH / 2
        self._canvas.line([(middle, start.bottom), (middle, end.y)], head=True)
        self._canvas.causes(middle + 10, start.bottom + _GAP / 2 + 2, causes, 44)

    def _draw_rail(
        self, source: enum.Enum, target: enum.Enum, causes: Sequence[MachineInput]
    ) -> None:
        start, end = self._rows[source], self._rows[target]
        right = self._left + _BOX_WIDTH
        rail = right + self._rail
        self._canvas.line(
            [(right, start.middle), (rail, start.middle), (rail, end.middle)], head=False
        )
        self._canvas.line([(rail, end.middle), (right, end.middle)], head=True)
        self._canvas.causes(right + 10, start.middle - 7, causes[:1], 30)
        if len(causes) > 1:
            self._canvas.causes(right + 10, start.middle + 16, causes[1:], _BESIDE)

    def _draw_arc(self, arc: _Arc) -> None:
        start, end = self._port(arc.source, arc), self._port(arc.target, arc)
        lane = self._left - self._label - arc.lane * _LANE
        self._canvas.line(
            [(self._left, start), (lane, start), (lane, end), (self._left, end)], head=True
        )
        self._canvas.causes(self._left - 8, start - 5, arc.causes, 40, "end")


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
    Step(1, 2, "1 handshake with a signature", 1),
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
    Step(1, 2, "13 answer at once, same socket", 13),
    Step(3, 1, "12 keep-alive, on every media socket too", 12),
    Step(1, 3, "13 answer", 13),
    Step(1, 2, "21 close, when you leave", 21),
    Step(2, 1, "22 closed", 22),
)
"""How a stream stays alive and how your side ends it."""

RECONNECTING: Final = (
    Step(1, 2, "1 handshake, same signature", 1),
    Step(2, 1, "2 accepted: a URL for each medium", 2),
    Step(1, 2, "5 the same subscriptions", 5),
    Step(1, 3, "3 handshake with the same parameters", 3),
    Step(3, 1, "4 accepted", 4),
    Step(1, 2, "7 ready", 7),
    Step(3, 1, "14 audio of the interruption, in a burst", 14),
)
"""How a stream comes back after signaling broke."""

_COLUMN_WIDTH: Final = 190
_STEP: Final = 40


def _conversation(name: str, title: str, steps: Sequence[Step]) -> str:
    used = sorted({end for step in steps for end in (step.source, step.target)})
    canvas = Canvas(name, title)
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
    """Draw columns of boxes, joined by arrows; a box alone in its column is as tall as the rest."""
    canvas = Canvas(name, title)
    width, gap, pitch = 178, 56, 64
    rows = max(len(column) for column in columns)
    tall = rows * pitch - 14
    for place, column in enumerate(columns):
        x = 8 + place * (width + gap)
        top = (rows - len(column)) * pitch / 2
        for row, text in enumerate(column):
            y, height = 8 + top + row * pitch, 50
            if len(column) == 1:
                y, height = 8, tall
            head, *rest = text.split("\n")
            middle = y + height / 2
            canvas.box(x, y, width, height, "dg-start" if place == len(columns) - 1 else "")
            canvas.text(x + width / 2, middle + (-3 if rest else 5), head, "dg-name", "middle")
            for line in rest:
                canvas.text(x + width / 2, middle + 15, line, "dg-small", "middle")
        if place:
            busier = max(column, columns[place - 1], key=len)
            top = (rows - len(busier)) * pitch / 2
            for row in range(len(busier)):
                y = 8 + top + row * pitch + 25
                canvas.line([(x - gap, y), (x - 2, y)], head=True)
    return canvas.svg(16 + len(columns) * width + (len(columns) - 1) * gap, 16 + tall)


# --- interruptions -------------------------------------------------------------------------------

_CELL: Final = 40
_BEFORE: Final = range(4)
_BROKEN: Final = range(4, 7)
_AFTER: Final = range(7, 14)


def _gaps() -> str:
    """Draw what a server sends around an interruption, and what of it arrives."""
    canvas = Canvas("gaps", "What is sent around an interruption, and what you get")
    left, top = 148, 40
    canvas.box(left + _BROKEN[0] * _CELL - 3, 8, len(_BROKEN) * _CELL, 292, "dg-zone")
    canvas.text(left + 5.5 * _CELL - 3, 26, "interruption", "dg-small", "middle")

    def row(y: float, label: str, cells: Mapping[int, tuple[int, str]]) -> None:
        canvas.text(8, y + 22, label, "dg-small")
        for slot, (number, style) in cells.items():
            canvas.box(left + slot * _CELL, y, _CELL - 6, 34, style)
            text = "dg-small" if style == "dg-end" else "dg-name"
            canvas.text(left + slot * _CELL + _CELL / 2 - 3, y + 22, str(number), text, "middle")

    def plain(slots: Iterable[int], shift: int = 1, style: str = "") -> dict[int, tuple[int, str]]:
        return {slot: (slot + shift, style) for slot in slots}

    def span(y: float, first: int, slots: int, text: str, style: str) -> None:
        x = left + first * _CELL
        canvas.box(x, y, slots * _CELL - 6, 34, style)
        canvas.text(x + slots * _CELL / 2 - 3, y + 22, text, "dg-small", "middle")

    canvas.text(8, top + 4, "audio, kept by the server", "dg-name")
    missed = plain(_BROKEN, style="dg-end")
    row(top + 16, "the server sends", plain(_BEFORE) | missed | plain(_AFTER, -4))
    row(top + 60, "you get", plain(_BEFORE) | plain(_AFTER[2:], -4))
    span(top + 60, _AFTER[0], 2, "removed", "dg-end")
    top += 140
    canvas.text(8, top + 4, "pictures, never kept", "dg-name")
    row(top + 16, "the server sends", plain(_BEFORE) | missed | plain(_AFTER))
    first = {_AFTER[0]: (_AFTER[0] + 1, "dg-start")}
    row(top + 60, "you get", plain(_BEFORE) | plain(_AFTER) | first)
    span(top + 60, _BROKEN[0], len(_BROKEN), "Gap from 4 to 8", "dg-start")
    canvas.text(left + _AFTER[0] * _CELL, top + 112, "discontinuity", "dg-small")
    return canvas.svg(left + 14 * _CELL + 8, 308)


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
    "reconnecting": lambda: _conversation(
        "reconnecting", "How a stream comes back after signaling broke", RECONNECTING
    ),
    "gaps": _gaps,
    "timeline": timeline,
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
    for name, draw in PICTURES.items():
        Path(folder, f"{name}.svg").write_text(draw(), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
