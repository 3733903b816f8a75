"""The page of ``inspect``: HTML with plots as inline SVG, which needs nothing from elsewhere."""

import html
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from .incident import Incident, Series, Socket, Span
from .text import clean, counted, moment, volume

__all__ = ["page"]

_LEFT, _RIGHT, _WIDTH = 132, 34, 1096
_PLOT: Final = _WIDTH - _LEFT - _RIGHT
_LANE: Final = 26
_GRAPH: Final = 62
_STEPS_S: Final = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200),
)
_TICKS: Final = 10
_THOUSAND: Final = 1000
_MAX_BUFFERS: Final = 4
_STATES: Final = {
    "STREAMING": "good",
    "CLOSING": "calm",
    "CLOSED": "none",
    "IDLE": "none",
    "RECONNECTING_MEDIA": "warn",
    "RECONNECTING_SIGNALING": "bad",
}
_STYLE: Final = """
:root { --bg:#fbfbfd; --card:#ffffff; --ink:#1c2330; --soft:#667085; --line:#e4e7ec;
  --good:#2e9e6b; --warn:#e0a030; --bad:#d6455d; --calm:#6b8fd6; --none:#c9ced8;
  --audio:#3b7ddd; --video:#8a5cd1; --share:#c2702f; --transcript:#2a9d8f; --chat:#b84a8f; }
@media (prefers-color-scheme: dark) { :root { --bg:#12151c; --card:#1a1f29; --ink:#e6e9ef;
  --soft:#98a2b3; --line:#2c3340; --good:#3dbb82; --warn:#e8b04a; --bad:#ee6478; --calm:#7fa3ea;
  --none:#48505f; --audio:#5e9bf0; --video:#a67de6; --share:#dd9150; --transcript:#45bdae;
  --chat:#d76fb0; } }
* { box-sizing:border-box; }
body { margin:0; padding:28px 32px 48px; background:var(--bg); color:var(--ink);
  font:14px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
main { max-width:1144px; margin:0 auto; }
h1 { font-size:22px; margin:0 0 2px; letter-spacing:-.01em; overflow-wrap:anywhere; }
h2 { font-size:15px; margin:26px 0 10px; }
.meta { color:var(--soft); margin:0; overflow-wrap:anywhere; }
.end { margin:10px 0 0; padding:9px 14px; border-radius:8px; border-left:4px solid var(--good);
  background:var(--card); overflow-wrap:anywhere; }
.end.bad { border-color:var(--bad); } .end.warn { border-color:var(--warn); }
.cards { display:flex; flex-wrap:wrap; gap:12px; margin:18px 0 0; }
.card { background:var(--card); border:1px solid var(--line); border-radius:10px;
  padding:10px 16px; min-width:132px; flex:1; }
.card b { display:block; font-size:21px; letter-spacing:-.02em; font-variant-numeric:tabular-nums; }
.card b.bad { color:var(--bad); } .card span { color:var(--soft); font-size:12.5px; }
.panel { background:var(--card); border:1px solid var(--line); border-radius:10px;
  padding:12px 16px; overflow-x:auto; }
svg { display:block; width:100%; min-width:760px; height:auto; }
svg text { font:11.5px system-ui,"Segoe UI",Roboto,Arial,sans-serif; fill:var(--soft); }
svg text.name { fill:var(--ink); font-size:12.5px; } svg text.peak { font-size:10.5px; }
.grid { stroke:var(--line); stroke-width:1; } .base { stroke:var(--line); }
.hair { stroke:var(--bad); stroke-width:1; stroke-dasharray:2 3; opacity:.55; }
.good { fill:var(--good); } .warn { fill:var(--warn); } .bad { fill:var(--bad); }
.calm { fill:var(--calm); } .none { fill:var(--none); }
.track { fill:var(--line); opacity:.45; }
.cross { stroke:var(--bad); stroke-width:2.4; stroke-linecap:round; }
.halo { stroke:var(--card); stroke-width:6; stroke-linecap:round; }
.area { opacity:.28; } .curve { fill:none; stroke-width:1.6; stroke-linejoin:round; }
.legend { display:flex; flex-wrap:wrap; gap:6px 18px; margin:10px 2px 2px; color:var(--soft);
  font-size:12.5px; }
.legend i { display:inline-block; width:18px; height:10px; border-radius:3px; margin-right:6px; }
table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; }
td,th { text-align:left; padding:5px 12px 5px 0; border-bottom:1px solid var(--line);
  vertical-align:top; white-space:nowrap; }
td:last-child { white-space:normal; overflow-wrap:anywhere; width:100%; }
th { color:var(--soft); font-weight:500; font-size:12.5px; }
tr:last-child td { border-bottom:0; } td.at { color:var(--soft); min-width:84px; }
.dot { display:inline-block; width:9px; height:9px; border-radius:50%; margin-right:8px; }
footer { color:var(--soft); font-size:12.5px; margin-top:22px; }
"""
_FOOTER: Final = (
    "<footer>Times are since the first input. Delays are above the shortest one of each medium, "
    "because the clocks of server and client differ. Buffers show the most items that had waited "
    "so far. Made by <code>rtms-client inspect</code>.</footer>"
)
_KINDS: Final = {"good": "good", "bad": "bad", "try": "warn", "warning": "warn", "info": "none"}
_LEGEND: Final = (
    ("good", "streaming, connection ready"),
    ("calm", "connecting, handshake, closing"),
    ("warn", "some media are being brought back"),
    ("bad", "signaling is lost; lost items; a connection broke (\u2715)"),
)


def page(incident: Incident) -> str:
    """Return the page."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_safe(incident.recording.path.name)}</title>",
            f"<style>{_STYLE}</style></head><body><main>",
            *_head(incident),
            *_cards(incident),
            "<h2>Time line</h2>",
            '<div class="panel">',
            _Plot(incident).draw(),
            *_legend(),
            "</div>",
            *_events(incident),
            *_sockets(incident),
            _FOOTER,
            "</main></body></html>",
            "",
        ]
    )


def _safe(text: str) -> str:
    return html.escape(clean(text))


def _time(incident: Incident, at_s: float) -> str:
    return moment(at_s, incident.length_s / _TICKS)


def _head(incident: Incident) -> Iterator[str]:
    info = incident.recording.info
    began = datetime.fromtimestamp(incident.recording.began_ms / 1000, UTC)
    yield f"<h1>{_safe(incident.recording.path.name)}</h1>"
    yield (
        f'<p class="meta">{_safe(info.product.name.lower())} {_safe(info.product_id)} · stream '
        f"{_safe(info.stream_id)} · {began:%Y-%m-%d %H:%M:%S} UTC</p>"
    )
    kind = "bad" if incident.error else "warn" if "before" in incident.ending else ""
    text = incident.ending if incident.error is None else f"{incident.ending}: {incident.error}"
    yield f'<p class="end {kind}">{_safe(text)}</p>'


def _cards(incident: Incident) -> Iterator[str]:
    tally = incident.tally
    broken = sum(one.trouble for one in incident.sockets)
    delays = [series.highest for series in incident.delays.values()]
    frames = sum(counter.items for counter in tally.counters.values())
    away_s = sum(
        span.end_s - span.start_s for span in incident.phases if "RECONNECTING" in span.name
    )
    cards = [
        (_time(incident, incident.length_s), "long", False),
        (f"{frames:,}", f"frames in {volume(incident.size)}", False),
        (f"{tally.gaps:,}", _lost(incident), bool(tally.gaps)),
        (f"{broken}", f"of {len(incident.sockets)} connections broke", bool(broken)),
        (f"{away_s:.1f} s", "reconnecting", away_s > 0),
        (f"{max(delays, default=0.0):,.0f} ms", "longest delay", False),
        (f"{max(incident.high_water.values(), default=0):,}", "items waited at most", False),
    ]
    yield '<div class="cards">'
    for number, what, bad in cards:
        mark = ' class="bad"' if bad else ""
        yield f'<div class="card"><b{mark}>{number}</b><span>{what}</span></div>'
    yield "</div>"


def _lost(incident: Incident) -> str:
    lost = incident.tally.lost
    what = "gap" if incident.tally.gaps == 1 else "gaps"
    if not incident.tally.gaps:
        return what
    return f"{what}, {counted(lost, 'item')} lost" if lost else f"{what}, of unknown size"


def _legend() -> Iterator[str]:
    yield '<div class="legend">'
    for kind, text in _LEGEND:
        yield f'<span><i style="background:var(--{kind})"></i>{text}</span>'
    yield "</div>"


def _events(incident: Incident) -> Iterator[str]:
    yield "<h2>Events</h2>"
    yield '<div class="panel"><table><tr><th>at</th><th>what happened</th></tr>'
    for mark in incident.marks:
        dot = f'<span class="dot" style="background:var(--{_KINDS[mark.kind]})"></span>'
        at = _time(incident, mark.at_s)
        yield f'<tr><td class="at">{at}</td><td>{dot}{_safe(mark.text)}</td></tr>'
    if incident.left_out:
        yield f'<tr><td class="at"></td><td>and {incident.left_out} more</td></tr>'
    yield "</table></div>"


def _sockets(incident: Incident) -> Iterator[str]:
    yield "<h2>Connections</h2>"
    yield '<div class="panel"><table><tr><th>opened</th><th>for</th><th>ready after</th>'
    yield "<th>lasted</th><th>messages</th><th>end</th></tr>"
    for one in incident.sockets:
        ready = "" if one.ready_s is None else f"{(one.ready_s - one.start_s) * 1000:.0f} ms"
        lasted = "" if one.end_s is None else _time(incident, one.end_s - one.start_s)
        colour = "bad" if one.trouble else "good"
        dot = f'<span class="dot" style="background:var(--{colour})"></span>'
        yield (
            f'<tr><td class="at">{_time(incident, one.start_s)}</td><td>{_safe(one.endpoint)}</td>'
            f"<td>{ready}</td><td>{lasted}</td><td>{one.messages:,}</td>"
            f"<td>{dot}{_safe(one.end or 'still open')}</td></tr>"
        )
    yield "</table></div>"


class _Plot:
    """Lanes and curves over one axis of time.

    Args:
        incident: What is drawn.
    """

    def __init__(self, incident: Incident) -> None:
        self._incident = incident
        self._length_s = max(incident.length_s, 0.001)
        self._y = 26.0
        self._parts: list[str] = []

    def draw(self) -> str:
        """Return the whole drawing."""
        incident = self._incident
        self._lane("state", "state of the stream")
        for span in incident.phases:
            kind = _STATES.get(span.name, "calm")
            name = span.name.lower().replace("_", " ")
            self._box(span, kind, f"{name}, {span.end_s - span.start_s:.2f} s")
        for endpoint in incident.endpoints():
            self._lane(endpoint, f"connections for {endpoint}")
            for one in incident.sockets:
                if one.endpoint == endpoint:
                    self._socket(one)
        for name, gaps in incident.spans():
            self._lane(f"lost {name}", f"gaps of {name}")
            for gap in gaps:
                self._box(gap, "bad", gap.text)
        self._graphs()
        top, bottom = 20.0, self._y + _LANE
        return "\n".join(
            [
                f'<svg viewBox="0 0 {_WIDTH} {bottom + 8:.0f}" role="img" aria-label="time line">',
                *self._axis(top, bottom - 4),
                *self._hairs(top, bottom - 4),
                *self._parts,
                "</svg>",
            ]
        )

    def _graphs(self) -> None:
        incident = self._incident
        for name, series in incident.rates.items():
            peak = f"{series.highest / series.width_s:.0f}/s"
            self._graph(f"{name} frames", series, name, peak)
        for name, series in incident.delays.items():
            self._graph(f"{name} delay", series, name, _milliseconds(series.highest))
        fullest = sorted(incident.buffers, key=lambda name: -incident.high_water[name])
        for name in fullest[:_MAX_BUFFERS]:
            medium = name.rpartition(": ")[2]
            peak = f"{incident.high_water[name]} waited"
            self._graph(f"{medium} buffer", incident.buffers[name], medium, peak, name)

    def _x(self, at_s: float) -> float:
        return _LEFT + min(1.0, max(0.0, at_s / self._length_s)) * _PLOT

    def _lane(self, name: str, title: str) -> None:
        self._y += _LANE
        middle = self._y - _LANE / 2
        self._parts.append(
            f'<text class="name" x="{_LEFT - 12}" y="{middle + 4:.1f}" text-anchor="end">'
            f"{_safe(name)}<title>{_safe(title)}</title></text>"
            f'<rect class="track" x="{_LEFT}" y="{middle - 7:.1f}" width="{_PLOT}" height="14" '
            'rx="3"/>'
        )

    def _box(self, span: Span, kind: str, text: str) -> None:
        x = self._x(span.start_s)
        width = max(self._x(span.end_s) - x, 1.5)
        self._parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{self._y - _LANE / 2 - 7:.1f}" '
            f'width="{width:.1f}" height="14" rx="2">'
            f"<title>{_time(self._incident, span.start_s)}: {_safe(text)}</title></rect>"
        )

    def _socket(self, one: Socket) -> None:
        end_s = self._length_s if one.end_s is None else one.end_s
        ready_s = end_s if one.ready_s is None else one.ready_s
        messages = counted(one.messages, "message")
        text = f"connection {one.number}: {messages}; {one.end or 'still open'}"
        if ready_s > one.start_s:
            self._box(Span("", one.start_s, ready_s), "calm", text)
        if end_s > ready_s:
            self._box(Span("", ready_s, end_s), "good", text)
        if one.trouble:
            x, y = self._x(end_s), self._y - _LANE / 2
            path = f'd="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"'
            title = f"<title>{_time(self._incident, end_s)}: {_safe(one.end)}</title>"
            self._parts.append(
                f'<path class="halo" {path}/><path class="cross" {path}>{title}</path>'
            )

    def _graph(
        self, name: str, series: Series, medium: str, peak: str, title: str | None = None
    ) -> None:
        self._y += _GRAPH
        base, highest = self._y - 6, series.highest or 1.0
        points = [
            (
                self._x((index + 0.5) * series.width_s),
                base - value / highest * (_GRAPH - 22),
            )
            for index, value in enumerate(series.bins)
        ]
        if len(points) == 1:  # a bin is wider than the recording is long
            points = [(self._x(at_s), points[0][1]) for at_s in (0.0, self._length_s)]
        curve = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        first, last = (points[0][0], points[-1][0]) if points else (_LEFT, _LEFT)
        colour = f"var(--{medium}, var(--calm))"
        self._parts.append(
            f'<text class="name" x="{_LEFT - 12}" y="{base - 16:.1f}" text-anchor="end">'
            f"{_safe(name)}<title>{_safe(title or name)}</title></text>"
            f'<text class="peak" x="{_LEFT - 12}" y="{base - 1:.1f}" text-anchor="end">'
            f"peak {_safe(peak)}</text>"
            f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>'
            f'<polygon class="area" style="fill:{colour}" '
            f'points="{first:.1f},{base} {curve} {last:.1f},{base}"/>'
            f'<polyline class="curve" style="stroke:{colour}" points="{curve}"/>'
        )

    def _axis(self, top: float, bottom: float) -> Iterator[str]:
        step = next((one for one in _STEPS_S if self._length_s / one <= _TICKS), _STEPS_S[-1])
        for number in range(int(self._length_s / step) + 1):
            x = self._x(number * step)
            yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom:.1f}"/>'
            tick = moment(number * step, step)
            yield f'<text x="{x:.1f}" y="{top - 6}" text-anchor="middle">{tick}</text>'

    def _hairs(self, top: float, bottom: float) -> Iterator[str]:
        """Draw a line through all lanes where a connection broke."""
        for one in self._incident.sockets:
            if one.trouble and one.end_s is not None and one.ready_s is not None:
                x = self._x(one.end_s)
                yield f'<path class="hair" d="M{x:.1f} {top}V{bottom:.1f}"/>'


def _milliseconds(value: float) -> str:
    return f"{value / _THOUSAND:.1f} s" if value >= _THOUSAND else f"{value:.0f} ms"
