"""How long a stream takes to come back: from the loss of a socket to media that were sent after it.

The fake server resets sockets of a running meeting, again and again: that of signaling, that of
audio, or both at once. Measured is the time until the receiver, a process of its own with the
defaults of its library, has the first audio frame that was due after the loss; that is 0 to 20 ms
after it even if nothing happens. Zoom's SDK takes part where it is installed.
"""

import asyncio
from collections.abc import Sequence
from statistics import median
from typing import Final

from harness.stage import STRIKE_S, Director, play, sides
from harness.tables import arguments, publish, table
from harness.witness import Sight

from rtms_client.testing import Fault, FaultKind

_WAYS: Final[tuple[tuple[str, ...], ...]] = (("signaling",), ("audio",), ("signaling", "audio"))
_EVERY_S: Final = 5.0
_LAST_S: Final = 2.0
_SAME_S: Final = 0.1  # strikes that belong together
_HEADS: Final = ("lost", "with", "losses", "came back", "median, s", "p99, s", "longest, s")


async def _times(
    sockets: tuple[str, ...], side: str, turns: int, first_s: float
) -> list[float | None]:
    """Return how long it took each time; `None` for a loss that it never came back from."""
    faults = [
        Fault(FaultKind.RESET, socket=socket, at_s=first_s, times=turns, every_s=_EVERY_S)
        for socket in sockets
    ]
    sight, director = await play(faults, first_s + (turns - 1) * _EVERY_S + _LAST_S, side)
    strikes: list[float] = []
    for strike_s in sorted(director.strikes_s()):
        if not strikes or strike_s > strikes[-1] + _SAME_S:
            strikes.append(strike_s)
    return [_back_after(sight, director, strike_s) for strike_s in strikes]


def _back_after(sight: Sight, director: Director, strike_s: float) -> float | None:
    number = director.next_number("audio", strike_s)
    times = (at_s - strike_s for seen, at_s in sight.frames["audio"] if seen >= number)
    return next(times, None)


def _row(sockets: tuple[str, ...], side: str, times: list[float | None]) -> list[str]:
    found = sorted(time_s for time_s in times if time_s is not None)
    cells = ["-"] * 3
    if found:
        p99 = found[min(int(len(found) * 0.99), len(found) - 1)]
        cells = [f"{value:.2f}" for value in (median(found), p99, found[-1])]
    return [" and ".join(sockets), side, f"{len(times)}", f"{len(found)}", *cells]


async def _all(ways: Sequence[tuple[str, ...]], turns: int, first_s: float) -> list[list[str]]:
    """Run everything at the same time, for it is nearly all waiting."""
    runs = [(sockets, side) for sockets in ways for side in sides()]
    times = await asyncio.gather(*(_times(*run, turns, first_s) for run in runs))
    return [_row(*run, found) for run, found in zip(runs, times, strict=True)]


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "", turns=50, minutes="5 minutes")
    options = parser.parse_args()
    ways, turns, first_s = _WAYS, options.turns, STRIKE_S
    if options.smoke:
        ways, turns, first_s = _WAYS[-1:], 1, 0.5
    rows = asyncio.run(_all(ways, turns, first_s))
    title = "From the loss of sockets to media that were due after it"
    publish([table(title, _HEADS, rows)], options.out)


if __name__ == "__main__":
    main()
