"""Line charts as SVG, without a library: several panels over the same steps, one legend."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

import attrs

__all__ = ["Line", "Panel", "plot"]

_COLOURS: Final = (
    *("#1f77b4", "#d62728", "#7f7f7f", "#2ca02c", "#9467bd"),
    *("#ff7f0e", "#8c564b", "#17becf", "#e377c2", "#bcbd22"),
)
"""One for each of ten receivers."""
_WIDTH: Final = 300
_HEIGHT: Final = 220
_LEFT: Final = 52
_TOP: Final = 30
_GAP: Final = 44
_ROW: Final = 18
_STYLE: Final = (
    "<style>text{font:12px sans-serif;fill:#222}.head{font-weight:bold}.axis{stroke:#bbb}"
    "rect{fill:#fff}path{fill:none;stroke-width:2}</style>"
)


@attrs.frozen
class Line:
    """What one receiver did at each step."""

    name: str
    """Lines of the same name have the same colour in all panels."""
    values: Sequence[float]
    dashed: bool = False


@attrs.frozen
class Panel:
    """One chart; its scale is logarithmic."""

    title: str
    lines: Sequence[Line]


@attrs.frozen
class _Scale:
    """From values to the height of a panel."""

    low: float
    high: float

    def y(self, value: float) -> float:
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return _TOP + _HEIGHT * (1 - share)

    def ticks(self) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
        return [tick for tick in ticks if self.low <= tick <= self.high]


def plot(path: Path, steps: Sequence[str], axis: str, panels: Sequence[Panel]) -> None:
    """Write panels beside each other.

    Args:
        path: The file.
        steps: What stands below the charts.
        axis: What the steps are.
        panels: The charts.
    """
    names = [*dict.fromkeys(line.name for panel in panels for line in panel.lines)]
    colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
    width = len(panels) * (_LEFT + _WIDTH + _GAP)
    bottom = _TOP + _HEIGHT + 56
    height = bottom + _ROW * len(names)
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}">',
        _STYLE,
        f"<rect {size}/>",
    ]
    for index, panel in enumerate(panels):
        parts.append(f'<g transform="translate({_LEFT + index * (_LEFT + _WIDTH + _GAP)},0)">')
        parts += [*_panel(panel, steps, axis, colours), "</g>"]
    for index, (name, colour) in enumerate(colours.items()):
        y = bottom + _ROW * index
        parts.append(f'<path d="M{_LEFT},{y - 4} h28" stroke="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 36}" y="{y}">{escape(name)}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]), "utf-8")


def _panel(panel: Panel, steps: Sequence[str], axis: str, colours: Mapping[str, str]) -> list[str]:
    values = [value for line in panel.lines for value in line.values if value > 0]
    scale = _Scale(min(values) / 1.3, max(values) * 1.3)
    xs = [_WIDTH * (index + 0.5) / len(steps) for index in range(len(steps))]
    parts = [f'<text class="head" x="0" y="{_TOP - 12}">{escape(panel.title)}</text>']
    for tick in scale.ticks():
        y = scale.y(tick)
        parts.append(f'<path class="axis" d="M0,{y:.1f} h{_WIDTH}" style="stroke-width:1"/>')
        parts.append(f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for x, step in zip(xs, steps, strict=True):
        y = _TOP + _HEIGHT + 18
        parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{escape(step)}</text>')
    y = _TOP + _HEIGHT + 34
    parts.append(f'<text x="{_WIDTH}" y="{y}" text-anchor="end">{escape(axis)}</text>')
    for line in panel.lines:
        points = [(x, scale.y(value)) for x, value in zip(xs, line.values, strict=True)]
        track = " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        colour = colours[line.name]
        parts.append(f'<path d="M{track}" stroke="{colour}"{dash}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return parts
