"""Memory: growth of a long stream, and the cost of an idle one; ends with 1 if a bound is broken.

Growth: how much resident memory the receiving process has gained after three million audio frames,
compared with the moment after the first 100,000. Idle: how much each additional stream costs
(signaling and one media connection, TLS, nothing sent) above two connections of bare websockets;
both in fresh processes, in turns.
"""

import statistics
import sys
from typing import Any, Final

import attrs
from harness.load import Flow, Job, Load
from harness.tables import arguments, column, publish, spread, table
from harness.turns import BARE, ITERATOR, receive, sender, turns

_GROWTH_BOUND_MB: Final = 5.0
_WORDS: Final = {True: "kept", False: "BROKEN"}
_IDLE_BOUND_KB: Final = 250.0
_SIDES: Final = (ITERATOR, BARE)


@attrs.frozen
class _Size:
    """How much is measured."""

    warm_up: int
    frames: int
    streams: int
    settle_s: float
    growth_turns: int
    idle_turns: int


_SMOKE: Final = _Size(5_000, 40_000, 10, 0.2, 1, 2)


def _growth(size: _Size, *, tls: bool) -> tuple[str, bool]:
    """Measure the growth of a long stream; the bare loop is there for comparison."""
    load = Load(tls=tls, flows=(Flow(frames=size.warm_up + size.frames),))
    with sender(load) as endpoint:
        job = Job(url=endpoint.url, ca_file=endpoint.ca_file, warm_up=size.warm_up)

        def run(name: str) -> dict[str, Any]:
            result = receive(name, job)
            return {
                "growth": result["rss_growth"] / 1e6,
                "peak": result["rss_peak"] / 1e6,
                "lost": load.flows[0].frames - result["frames"],
            }

        results = turns(_SIDES, size.growth_turns, run)
    rows = [
        [
            name,
            spread(column(results, name, "growth"), 2),
            spread(column(results, name, "peak")),
            f"{max(column(results, name, 'lost')):,.0f}",
        ]
        for name in results
    ]
    title = f"Growth over {size.frames:,} audio frames, {'TLS' if tls else 'plain'}"
    growths, losses = (column(results, ITERATOR, key) for key in ("growth", "lost"))
    kept = max(growths) < _GROWTH_BOUND_MB and not any(losses)
    bound = f"less than {_GROWTH_BOUND_MB:g} MB in every turn, and no frame lost"
    verdict = f"Bound: {bound}: {_WORDS[kept]}.\n"
    heads = ("receiver", "growth, MB", "peak, MB", "frames lost")
    return table(title, heads, rows) + "\n" + verdict, kept


def _idle(size: _Size) -> tuple[str, bool]:
    """Measure what one more idle stream costs."""
    with sender(Load()) as endpoint:
        job = Job(
            url=endpoint.url,
            ca_file=endpoint.ca_file,
            streams=size.streams,
            warm_streams=max(2, size.streams // 5),
            seconds=size.settle_s,
            idle=True,
        )

        def run(name: str) -> dict[str, Any]:
            return {"kb": receive(name, job)["rss_growth"] / size.streams / 1e3}

        results = turns(_SIDES, size.idle_turns, run)
    ours, theirs = (column(results, name, "kb") for name in _SIDES)
    above = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    rows = [
        [ITERATOR, spread(ours)],
        ["two bare websockets connections", spread(theirs)],
        ["difference, turn by turn", spread(above)],
    ]
    kept = statistics.median(above) < _IDLE_BOUND_KB
    verdict = f"Bound: median difference less than {_IDLE_BOUND_KB:g} kB: {_WORDS[kept]}.\n"
    title = f"Idle stream with signaling and one media connection, TLS, {size.streams} streams"
    return table(title, ("side", "kB per stream"), rows) + "\n" + verdict, kept


def main() -> None:
    """Measure, print, judge."""
    parser = arguments(__doc__ or "", turns=7, minutes="8 minutes")
    parser.add_argument("--frames", type=int, default=3_000_000, help="of the long stream")
    parser.add_argument("--growth-turns", type=int, default=1, help="of the long stream")
    parser.add_argument("--streams", type=int, default=100, help="idle streams (%(default)s)")
    parser.add_argument("--plain", action="store_true", help="the long stream without TLS")
    parser.add_argument("--only", choices=("growth", "idle"), help="only this part")
    options = parser.parse_args()
    size = _Size(100_000, options.frames, options.streams, 1.0, options.growth_turns, options.turns)
    if options.smoke:
        size = _SMOKE
    parts = []
    if options.only != "idle":
        parts.append(_growth(size, tls=not options.plain))
    if options.only != "growth":
        parts.append(_idle(size))
    publish([text for text, _ in parts], options.out)
    if not all(kept for _, kept in parts):
        sys.exit(1)


if __name__ == "__main__":
    main()
