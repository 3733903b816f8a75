"""Many streams at the pace of a meeting: processor time, delays, losses, keep-alives and memory.

Each stream gets an audio frame (640 bytes) every 20 ms over TLS, as one speaker causes it, or as
often as is asked for, and on request a transcript once a second on another connection; the streams
are spread evenly over that time. Every frame carries its time of sending and its number. Then many
streams are connected on which nothing comes but keep-alives. Receivers run in turns, each in a
process of its own; the sender, which also counts the answers to keep-alives, has another one. Ends
with 1 if this library lost a frame, missed a keep-alive or let a stream fall silent.
"""

import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from harness.load import AUDIO, TRANSCRIPT, Flow, Job, Load
from harness.plots import Line, Panel, plot
from harness.tables import arguments, column, publish, ratios, spread, table
from harness.turns import BARE, ITERATOR, Results, available, receive, sender, turns

_KEEP_ALIVE_S: Final = 2.0  # five times as often as Zoom, and as strict
_CAPTIONS: Final = Flow(medium=TRANSCRIPT, size=60, interval_s=1.0)
_HEADS: Final = (
    "receiver",
    "CPU µs/frame",
    "/ bare",
    "/ floor",
    "/ SDK",
    "/ spinning SDK",
    "p50 ms",
    "p99 ms",
    "max ms",
    "busy cores",
    "kB/stream",
    "frames lost",
    "keep-alives missed",
)
_SILENT_HEADS: Final = ("receiver", "kB/stream", "keep-alives missed", "slowest answer, ms")


def _measure(
    names: list[str], streams: int, count: int, seconds: float, flows: tuple[Flow, ...]
) -> Results:
    with sender(Load(flows=flows, keep_alive_s=_KEEP_ALIVE_S)) as endpoint:
        job = Job(
            url=endpoint.url,
            ca_file=endpoint.ca_file,
            media=[flow.medium for flow in flows],
            streams=streams,
            seconds=seconds,
        )

        def run(name: str) -> dict[str, Any]:
            result = receive(name, job)
            kb = result["rss_growth"] / streams / 1e3
            return {**result, **endpoint.keep_alives(), "kb": kb}

        return turns(names, count, run)


def _silent(names: list[str], streams: int, count: int, seconds: float) -> Results:
    with sender(Load(keep_alive_s=_KEEP_ALIVE_S)) as endpoint:
        job = Job(
            url=endpoint.url,
            ca_file=endpoint.ca_file,
            streams=streams,
            warm_streams=2,
            seconds=seconds,
            idle=True,
        )

        def run(name: str) -> dict[str, Any]:
            kb = receive(name, job)["rss_growth"] / streams / 1e3
            return {"kb": kb, **endpoint.keep_alives()}

        return turns(names, count, run)


def _lost(results: Results, name: str) -> str:
    silent = sum(column(results, name, "silent"))
    return _of(results, name, "lost", "frames") + (f", {silent:.0f} fell silent" if silent else "")


def _of(results: Results, name: str, part: str, whole: str) -> str:
    """Write two sums over all turns."""
    some, all_ = (sum(column(results, name, key)) for key in (part, whole))
    return f"{some:,.0f} of {all_:,.0f}"


def _rows(results: Results, streams: int) -> list[list[str]]:
    return [
        [
            name,
            spread(column(results, name, "cpu_us"), 0),
            *ratios(results, name, "cpu_us"),
            spread(column(results, name, "p50_ms"), 2),
            spread(column(results, name, "p99_ms")),
            spread(column(results, name, "max_ms")),
            spread(column(results, name, "core"), 2),
            spread(column(results, name, "kb"), 0) if streams > 1 else "",
            _lost(results, name),
            _of(results, name, "missed", "asked"),
        ]
        for name in results
    ]


def _silent_rows(results: Results) -> list[list[str]]:
    return [
        [
            name,
            spread(column(results, name, "kb"), 0),
            _of(results, name, "missed", "asked"),
            spread(column(results, name, "slowest_ms")),
        ]
        for name in results
    ]


def _faults(results: Results) -> list[str]:
    """Name what this library did wrong."""
    return [
        f"{name}: {sum(column(results, name, key)):.0f} {key}"
        for name in results
        if name.startswith("rtms_client")
        for key in ("lost", "silent", "missed")
        if key in results[name][0] and any(column(results, name, key))
    ]


def _plot(path: Path, found: Mapping[int, Results]) -> None:
    names = [*next(iter(found.values()))]

    def line(name: str, key: str, *, dashed: bool = False) -> Line:
        medians = [statistics.median(column(results, name, key)) for results in found.values()]
        return Line(name, medians, dashed)

    delays = [line(name, "p99_ms") for name in names]
    delays += [line(name, "p50_ms", dashed=True) for name in names]
    panels = [
        Panel("delay, ms: p99, and p50 dashed", delays),
        Panel("processor time, µs/frame", [line(name, "cpu_us") for name in names]),
        Panel("memory, kB/stream", [line(name, "kb") for name in names]),
    ]
    plot(path, [f"{streams}" for streams in found], "streams", panels)


def main() -> None:
    """Measure, print and judge."""
    parser = arguments(__doc__ or "", turns=3, minutes="20 minutes")
    parser.add_argument("--side", action="append", default=[], help="part of a receiver's name")
    parser.add_argument(
        "--streams", type=int, nargs="*", default=[1, 20, 100, 200], help="streams at a time"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn (%(default)s)")
    parser.add_argument(
        "--rate", type=float, default=50.0, help="audio frames a second and stream (%(default)g)"
    )
    parser.add_argument("--transcript", action="store_true", help="with a transcript each")
    parser.add_argument(
        "--silent", type=int, default=1000, help="streams without media (%(default)s); 0 for none"
    )
    parser.add_argument("--plot", type=Path, help="file to draw the figures into, as SVG")
    options = parser.parse_args()
    if options.rate <= 0:
        parser.error("--rate: expected more than 0")
    names = available(options.side)
    if not names:
        sys.exit("no receiver has such a name")
    speech = Flow(medium=AUDIO, size=640, interval_s=1 / options.rate)
    flows = (speech, _CAPTIONS) if options.transcript else (speech,)
    silent = names
    if options.smoke:
        names, silent = [ITERATOR, BARE], [ITERATOR]
        options.streams, options.turns, options.seconds, options.silent = [3], 1, 0.3, 5
    parts, faults, found = [], [], {}
    what = f"{options.rate:g} frames/s" + " and a transcript" * options.transcript
    for streams in options.streams:
        results = found[streams] = _measure(names, streams, options.turns, options.seconds, flows)
        title = f"{streams} stream{'s' if streams > 1 else ''}, {what} each, TLS"
        parts.append(table(title, _HEADS, _rows(results, streams)))
        faults += _faults(results)
    if options.silent:
        results = _silent(silent, options.silent, options.turns, min(options.seconds, 10.0))
        title = f"{options.silent} silent streams, a keep-alive every {_KEEP_ALIVE_S:g} s, TLS"
        parts.append(table(title, _SILENT_HEADS, _silent_rows(results)))
        faults += _faults(results)
    publish(parts, options.out)
    if options.plot is not None and found:
        _plot(options.plot, found)
    if faults and not options.smoke:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
