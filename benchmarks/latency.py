"""At the pace of a meeting: processor time per frame, and the time from sending to consumer.

Each stream gets an audio frame (640 bytes) every 20 ms over TLS, as one speaker causes it; the
streams are spread evenly over these 20 ms. Every frame carries its time of sending. Receivers run
in turns, each in a process of its own; the sender has another one.
"""

import sys
from typing import Any, Final

from harness.load import Job, Load
from harness.tables import arguments, column, publish, ratios, spread, table
from harness.turns import Results, available, receive, sender, turns

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
    "kB/stream",
    "frames/s",
)


def _measure(names: list[str], streams: int, count: int, seconds: float) -> Results:
    with sender(Load(interval_s=0.02)) as endpoint:
        job = Job(url=endpoint.url, ca_file=endpoint.ca_file, streams=streams, seconds=seconds)

        def run(name: str) -> dict[str, Any]:
            result = receive(name, job)
            return {**result, "kb": result["rss_growth"] / streams / 1e3}

        return turns(names, count, run)


def _rows(results: Results, streams: int) -> list[list[str]]:
    return [
        [
            name,
            spread(column(results, name, "cpu_us"), 0),
            *ratios(results, name, "cpu_us"),
            spread(column(results, name, "p50_ms"), 2),
            spread(column(results, name, "p99_ms")),
            spread(column(results, name, "max_ms")),
            spread(column(results, name, "kb"), 0) if streams > 1 else "",
            spread(column(results, name, "per_s"), 0),
        ]
        for name in results
    ]


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "", turns=3, minutes="10 minutes")
    parser.add_argument("--side", action="append", default=[], help="part of a receiver's name")
    parser.add_argument(
        "--streams", type=int, nargs="+", default=[1, 20, 100, 200], help="streams at a time"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn (%(default)s)")
    options = parser.parse_args()
    names = available(options.side)
    if not names:
        sys.exit("no receiver has such a name")
    if options.smoke:
        options.streams, options.turns, options.seconds = [3], 1, 0.5
    parts = []
    for streams in options.streams:
        results = _measure(names, streams, options.turns, options.seconds)
        title = f"{streams} stream{'s' if streams > 1 else ''}, 50 frames/s each, TLS"
        parts.append(table(title, _HEADS, _rows(results, streams)))
    publish(parts, options.out)


if __name__ == "__main__":
    main()
