"""``inspect``: what happened in a recording of the wire, as text, as a page, or for machines."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs

from .failures import EXIT_ABNORMAL, EXIT_OK, CommandError
from .incident import Incident, Series, Socket, Span, examine
from .inspect_page import page
from .recordings import load, reading
from .screen import style_for
from .style import Style
from .text import clip, clock_time, counted, moment, volume

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run"]

_NAME_COLUMNS: Final = 12
_MIN_COLUMNS, _MAX_COLUMNS = 40, 160
_MAX_LINES: Final = 60
_COLOURS: Final = {"good": "32", "bad": "31", "try": "33", "warning": "33", "info": "2"}
_LEVELS: Final = ("▁▂▃▄▅▆▇█", ".:-=+*#@")


def run(options: argparse.Namespace) -> int:
    """Show a recording; returns the exit code.

    Raises:
        CommandError: The recording cannot be read, or the page not written.
    """
    path: Path = options.recording
    recording = load(path)
    with reading(path):
        incident = examine(recording)
    messages = sys.stderr if options.json else sys.stdout
    if options.json:
        print(json.dumps(_plain(incident)))
    else:
        style = style_for(sys.stdout, os.environ if sys.stdout.isatty() else {"NO_COLOR": "1"})
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
        for line in _text(incident, style, max(_MIN_COLUMNS, min(columns - 1, _MAX_COLUMNS))):
            print(line)
    target: Path | None = options.html
    if target is not None:
        try:
            target.write_text(page(incident), encoding="utf-8", errors="replace")
        except OSError as error:
            text = f"cannot write {target}: {error.strerror or error}; choose another file"
            raise CommandError(EXIT_ABNORMAL, text) from error
        print(f"\npage: {target}; open it in any browser", file=messages)
    return EXIT_OK


# --- text ----------------------------------------------------------------------------------------


def _text(incident: Incident, style: Style, columns: int) -> Iterator[str]:
    info = incident.recording.info
    began = datetime.fromtimestamp(incident.recording.began_ms / 1000, UTC)
    yield style.paint(f"{incident.recording.path.name}", "1")
    yield f"  {info.product.name.lower()} {info.product_id}, stream {info.stream_id}"
    length = moment(incident.length_s, incident.length_s / 10)
    yield f"  {began:%Y-%m-%d %H:%M:%S} UTC, {length} long"
    yield f"  {incident.ending}"
    if incident.error is not None:
        yield style.paint(f"  {incident.error}", _COLOURS["bad"])
    yield ""
    yield from _lanes(incident, style, columns)
    yield ""
    yield from _numbers(incident)
    yield ""
    for mark in incident.marks[:_MAX_LINES]:
        when = f"{clock_time(round(mark.at_s * 1000)):>9}"
        yield f"{style.paint(when, '2')}  {style.paint(mark.text, _COLOURS[mark.kind])}"
    more = len(incident.marks) - _MAX_LINES + incident.left_out
    if more > 0:
        yield f"{'':>9}  and {more} more; `--html FILE` shows them, `replay` all of them"


def _lanes(incident: Incident, style: Style, columns: int) -> Iterator[str]:
    """Draw everything over one axis of time."""
    width = columns - _NAME_COLUMNS - 2
    length_s = incident.length_s or 1.0
    ticks = [moment(length_s * part / 4, length_s / 4) for part in range(5)]
    step = width // 4
    axis = "".join(clip(tick, step) for tick in ticks[:4])
    yield f"{'':<{_NAME_COLUMNS}}  {axis[: width - len(ticks[4])]}{ticks[4]}"
    yield _lane("state", _phases(incident.phases, length_s, width, style), style)
    for endpoint in incident.endpoints():
        sockets = [one for one in incident.sockets if one.endpoint == endpoint]
        yield _lane(endpoint, _sockets(sockets, length_s, width, style), style)
    for name, gaps in incident.spans():
        yield _lane(f"lost {name}", _gaps(gaps, length_s, width, style), style)
    for name, series in incident.rates.items():
        yield _lane(f"{name}/s", _spark(series, length_s, width, style), style)
    for name, series in incident.delays.items():
        yield _lane(f"{name} delay", _spark(series, length_s, width, style), style)


def _lane(name: str, drawn: Sequence[tuple[str, str]], style: Style) -> str:
    """Join the cells of a lane, colouring runs of one colour at once."""
    parts: list[str] = []
    run, colour = "", ""
    for cell, cell_colour in [*drawn, ("", "end")]:
        if cell_colour != colour and run:
            parts.append(style.paint(run, colour) if colour else run)
            run = ""
        run, colour = run + cell, cell_colour
    return f"{clip(name, _NAME_COLUMNS)}  {''.join(parts)}"


def _columns(start_s: float, end_s: float, length_s: float, width: int) -> range:
    first = min(int(start_s / length_s * width), width - 1)
    return range(first, max(first + 1, min(width, round(end_s / length_s * width))))


def _phases(
    phases: Iterable[Span], length_s: float, width: int, style: Style
) -> list[tuple[str, str]]:
    cells = [(" ", "")] * width
    full, empty = style.bar(1, 1)[0], style.bar(0, 1)[1]
    for span in phases:
        cell = {"STREAMING": (full, "32"), "IDLE": (" ", ""), "CLOSED": (" ", "")}.get(
            span.name, (empty, "33")
        )
        for column in _columns(span.start_s, span.end_s, length_s, width):
            if cells[column][1] != "33":  # what is short must stay visible
                cells[column] = cell
    return cells


def _sockets(
    sockets: Iterable[Socket], length_s: float, width: int, style: Style
) -> list[tuple[str, str]]:
    cells = [(" ", "")] * width
    line, dot, cross = ("─", "·", "✕") if style.unicode else ("-", ".", "x")
    for one in sockets:
        end_s = length_s if one.end_s is None else one.end_s
        ready_s = end_s if one.ready_s is None else one.ready_s
        for column in _columns(one.start_s, end_s, length_s, width):
            if cells[column][0] != cross:
                at_s = (column + 1) / width * length_s
                cells[column] = (line, "32") if at_s > ready_s else (dot, "33")
        if one.trouble:
            cells[_columns(end_s, end_s, length_s, width)[0]] = (cross, "31")
    return cells


def _gaps(gaps: Iterable[Span], length_s: float, width: int, style: Style) -> list[tuple[str, str]]:
    cells = [(" ", "")] * width
    mark = "▒" if style.unicode else "!"
    for gap in gaps:
        for column in _columns(gap.start_s, gap.end_s, length_s, width):
            cells[column] = (mark, "31")
    return cells


def _spark(series: Series, length_s: float, width: int, style: Style) -> list[tuple[str, str]]:
    """Draw numbers as bars of eight heights."""
    levels = _LEVELS[0] if style.unicode else _LEVELS[1]
    highest = series.highest or 1.0
    cells: list[tuple[str, str]] = []
    for column in range(width):
        first = int(column / width * length_s / series.width_s)
        last = max(first + 1, int((column + 1) / width * length_s / series.width_s))
        value = max(series.bins[first:last], default=0.0)
        index = min(len(levels) - 1, int(value / highest * len(levels)))
        cells.append((levels[index], "36") if value else (" ", ""))
    return cells


def _numbers(incident: Incident) -> Iterator[str]:
    received = f"{counted(incident.messages, 'message')}, {volume(incident.size)}"
    yield f"received    {received}: {incident.tally.counts()}"
    yield f"lost        {incident.tally.losses()}"
    for endpoint in incident.endpoints():
        sockets = [one for one in incident.sockets if one.endpoint == endpoint]
        failed = [one for one in sockets if one.trouble]
        text = f"{len(sockets)} opened, {len(failed)} ended in trouble"
        yield f"{clip(endpoint, _NAME_COLUMNS)}{text}"
    for name, series in incident.delays.items():
        longest = f"up to {series.highest:.0f} ms above the shortest"
        yield f"{clip(f'{name} delay', _NAME_COLUMNS)}{longest}"
    for name, high in incident.high_water.items():
        dropped = incident.dropped.get(name, 0)
        yield f"buffer      {name}: {counted(high, 'item')} at most, {dropped} dropped"


# --- for machines --------------------------------------------------------------------------------


def _plain(incident: Incident) -> Mapping[str, object]:
    info = incident.recording.info
    return {
        "stream_id": info.stream_id,
        "product_id": info.product_id,
        "began_ms": incident.recording.began_ms,
        "length_s": incident.length_s,
        "ending": incident.ending,
        "error": incident.error,
        "messages": incident.messages,
        "bytes": incident.size,
        "lost_items": incident.tally.lost,
        "states": [attrs.asdict(one) for one in incident.phases],
        "sockets": [attrs.asdict(one) for one in incident.sockets],
        "gaps": [attrs.asdict(one) for one in incident.gaps],
        "events": [attrs.asdict(one) for one in incident.marks],
        "frames": {name: _series(one) for name, one in incident.rates.items()},
        "delay_ms": {name: _series(one) for name, one in incident.delays.items()},
        "waiting": {name: _series(one) for name, one in incident.buffers.items()},
        "high_water": incident.high_water,
        "dropped": incident.dropped,
        "left_out": incident.left_out,
    }


def _series(series: Series) -> Mapping[str, object]:
    return {"bin_s": series.width_s, "values": series.bins}
