"""As fast as possible: processor time per frame, and frames per second.

Audio (640 bytes), video (20 kB, H.264), and both with a transcript at the same time, over TLS and
without. Each receiver runs in a process of
its own, in turns; the sender has another process and writes precomputed frames. Processor time is
that of the whole receiving process, between the end of a warm-up and the last frame.
"""

import sys
from typing import Any, Final

import attrs
from harness.load import AUDIO, TRANSCRIPT, VIDEO, Flow, Job, Load
from harness.tables import arguments, column, publish, ratios, spread, table
from harness.turns import Results, available, receive, sender, turns


@attrs.frozen
class _Mix:
    """What is sent at the same time."""

    name: str
    title: str
    flows: tuple[Flow, ...]

    def frames(self) -> int:
        """Count them."""
        return sum(flow.frames for flow in self.flows)


def _mixes(audio: int, video: int) -> tuple[_Mix, ...]:
    """Return what is measured; of a mix, as many frames as in a meeting of half as much audio."""
    return (
        _Mix("audio", "audio, 640 bytes", (Flow(frames=audio),)),
        _Mix("video", "video, 20,000 bytes", (Flow(medium=VIDEO, size=20_000, frames=video),)),
        _Mix(
            "mixed",
            "50 frames of audio, 25 of video, 1 transcript a second of meeting",
            (
                Flow(medium=AUDIO, frames=2 * video),
                Flow(medium=VIDEO, size=20_000, frames=video),
                Flow(medium=TRANSCRIPT, size=60, frames=video // 25),
            ),
        ),
    )


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


def _measure(mix: _Mix, names: list[str], count: int, *, tls: bool) -> Results:
    with sender(Load(flows=mix.flows, tls=tls)) as endpoint:
        job = Job(
            url=endpoint.url,
            ca_file=endpoint.ca_file,
            media=[flow.medium for flow in mix.flows],
            warm_up=mix.frames() // 11,
        )

        def run(name: str) -> dict[str, Any]:
            result = receive(name, job)
            return {**result, "lost": mix.frames() - result["frames"]}

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
    parser.add_argument("--medium", choices=("audio", "video", "mixed"), help="only this")
    parser.add_argument("--plain", action="store_true", help="only without TLS")
    parser.add_argument("--tls", action="store_true", help="only with TLS")
    options = parser.parse_args()
    names = available(options.side)
    if not names:
        sys.exit("no receiver has such a name")
    parts = []
    for mix in _mixes(5_500, 550) if options.smoke else _mixes(220_000, 16_500):
        if options.medium not in {None, mix.name}:
            continue
        for tls in (True, False):
            if (options.plain and tls) or (options.tls and not tls):
                continue
            if options.smoke and tls != (mix.name == "video"):
                continue  # each way once
            results = _measure(mix, names, 1 if options.smoke else options.turns, tls=tls)
            title = f"{mix.title}, {'TLS' if tls else 'plain'}"
            parts.append(table(title, _HEADS, _rows(results)))
    publish(parts, options.out)


if __name__ == "__main__":
    main()
