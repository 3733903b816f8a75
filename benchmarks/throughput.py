"""As fast as possible: processor time per frame, and frames per second.

Audio (640 bytes) and video (20 kB, H.264), over TLS and without. Each receiver runs in a process of
its own, in turns; the sender has another process and writes precomputed frames. Processor time is
that of the whole receiving process, between the end of a warm-up and the last frame.
"""

import sys
from typing import Any, Final

import attrs
from harness.load import AUDIO, VIDEO, Job, Load
from harness.tables import arguments, column, publish, ratios, spread, table
from harness.turns import Results, available, receive, sender, turns


@attrs.frozen
class _Medium:
    """One kind of frame."""

    name: str
    size: int
    warm_up: int
    frames: int
    """Frames of the measurement."""


_MEDIA: Final = (_Medium(AUDIO, 640, 20_000, 200_000), _Medium(VIDEO, 20_000, 1_000, 15_000))
_SMOKE: Final = (_Medium(AUDIO, 640, 500, 5_000), _Medium(VIDEO, 20_000, 50, 500))
_HEADS: Final = (
    "receiver",
    "CPU µs/frame",
    "frames/s",
    "/ bare",
    "/ floor",
    "/ SDK",
    "/ spinning SDK",
    "busy cores",
    "lost",
)


def _measure(medium: _Medium, names: list[str], count: int, *, tls: bool) -> Results:
    sent = medium.warm_up + medium.frames
    load = Load(medium=medium.name, size=medium.size, tls=tls, frames=sent)
    with sender(load) as endpoint:
        job = Job(
            url=endpoint.url, ca_file=endpoint.ca_file, medium=medium.name, warm_up=medium.warm_up
        )

        def run(name: str) -> dict[str, Any]:
            result = receive(name, job)
            return {**result, "lost": sent - result["frames"]}

        return turns(names, count, run)


def _rows(results: Results) -> list[list[str]]:
    return [
        [
            name,
            spread(column(results, name, "cpu_us")),
            spread(column(results, name, "per_s"), 0),
            *ratios(results, name, "cpu_us"),
            spread(column(results, name, "busy"), 2),
            f"{max(column(results, name, 'lost')):,.0f}",
        ]
        for name in results
    ]


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "", turns=5, minutes="10 minutes")
    parser.add_argument("--side", action="append", default=[], help="part of a receiver's name")
    parser.add_argument("--medium", choices=(AUDIO, VIDEO), help="only this one")
    parser.add_argument("--plain", action="store_true", help="only without TLS")
    parser.add_argument("--tls", action="store_true", help="only with TLS")
    options = parser.parse_args()
    names = available(options.side)
    if not names:
        sys.exit("no receiver has such a name")
    parts = []
    for medium in _SMOKE if options.smoke else _MEDIA:
        if options.medium not in {None, medium.name}:
            continue
        for tls in (True, False):
            if (options.plain and tls) or (options.tls and not tls):
                continue
            if options.smoke and tls != (medium.name == VIDEO):
                continue  # each way once
            results = _measure(medium, names, 1 if options.smoke else options.turns, tls=tls)
            title = f"{medium.name}, {medium.size:,} bytes, {'TLS' if tls else 'plain'}"
            parts.append(table(title, _HEADS, _rows(results)))
    publish(parts, options.out)


if __name__ == "__main__":
    main()
