"""The same faults for this library and for Zoom's own SDK, on the same fake server.

Each fault has a meeting of its own: somebody speaks and has a camera on, both from beginning to
end, and three seconds after the first packet something goes wrong. The receiver, in a process of
its own and with the defaults of its library, notes each frame and whatever else it is told. The
table says what never came, what came twice, how long nothing came, and what the user was told.

The fake server keeps audio for a broken connection and sends it later, as Zoom documents; pictures
are not kept. Zoom's SDK takes part where it is installed (``python -m pip install rtms==1.1.0``).
"""

import argparse
import asyncio
import functools
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

import attrs
from harness.stage import STEP_MS, STRIKE_S, play, sides
from harness.tables import machine
from harness.witness import Sight

from rtms_client.enums import MessageType
from rtms_client.testing import Fault, FaultKind

_AUDIO: Final = MessageType.MEDIA_DATA_AUDIO


@attrs.frozen
class Row:
    """A fault, told to a reader and to the server."""

    name: str
    faults: tuple[Fault, ...]
    seconds: float = 15.0


_at: Final = functools.partial(Fault, at_s=STRIKE_S)
_LOSS: Final = _at(FaultKind.RESET, socket="signaling")

ROWS: Final[tuple[Row, ...]] = (
    Row("none", ()),
    Row("the audio connection is reset", (_at(FaultKind.RESET, socket="audio"),)),
    Row("the signaling connection is reset", (_LOSS,)),
    Row(
        "signaling is reset three times, 8 s apart",
        (_at(FaultKind.RESET, socket="signaling", times=3, every_s=8.0),),
        35.0,
    ),
    Row(
        "the audio connection is closed with 1011",
        (_at(FaultKind.CLOSE, socket="audio", code=1011),),
    ),
    Row("signaling is closed with 1001", (_at(FaultKind.CLOSE, socket="signaling", code=1001),)),
    Row(
        "the server interrupts audio as documented (event 7)",
        (_at(FaultKind.INTERRUPT, socket="audio"),),
    ),
    Row(
        "signaling is reset, nobody listens for 4 s",
        (_at(FaultKind.REFUSE, socket="any", for_s=4.0), _LOSS),
    ),
    Row(
        "signaling is reset, the next connection gets HTTP 503",
        (_LOSS, _at(FaultKind.HTTP_STATUS, socket="signaling", code=503)),
    ),
    Row(
        "signaling is reset, the next handshake gets status 8 (duplicate)",
        (_LOSS, _at(FaultKind.REJECT, socket="signaling", code=8)),
    ),
    Row(
        "the audio connection is reset, 2 s of audio come again",
        (_at(FaultKind.RESET, socket="audio"), _at(FaultKind.REPLAY, socket="audio", for_s=2.0)),
    ),
    Row("audio is 3 s late", (_at(FaultKind.DELAY, socket="audio", for_s=3.0),)),
    Row(
        "20 packets of audio come twice",
        (_at(FaultKind.DUPLICATE, socket="audio", message=_AUDIO, times=20),),
    ),
    Row(
        "20 messages with audio are cut in half",
        (_at(FaultKind.TRUNCATE, socket="audio", message=_AUDIO, times=20),),
    ),
    Row(
        "a message of 17 MiB on the audio connection",
        (_at(FaultKind.OVERSIZE, socket="audio", message=_AUDIO),),
    ),
    Row(
        "the path of the audio connection dies without a word",
        (_at(FaultKind.STALL, socket="audio"),),
        120.0,
    ),
    Row(
        "the path of signaling dies without a word",
        (_at(FaultKind.STALL, socket="signaling"),),
        120.0,
    ),
    Row(
        "signaling has no keep-alives any more, media go on",
        (_at(FaultKind.SILENCE, socket="signaling"),),
        120.0,
    ),
)


# --- one run -------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Outcome:
    """What one receiver made of one fault."""

    lost_s: dict[str, float]
    twice: int
    silent_s: float
    """Longest time without audio or without video; infinite when nothing came any more."""
    told: str


async def _run(row: Row, side: str) -> Outcome:
    sight, director = await play(row.faults, row.seconds, side)
    return _judge(row, sight, director.strikes_s()[0])


def _judge(row: Row, sight: Sight, strike_s: float) -> Outcome:
    lost_s: dict[str, float] = {}
    pauses_s: list[float] = []
    for medium, step_ms in STEP_MS.items():
        numbers = range(int(row.seconds * 1000) // step_ms)
        lost_s[medium] = sight.missing(medium, numbers) * step_ms / 1000
        times = [at_s for _, at_s in sight.frames[medium] if at_s > strike_s - 1]
        last = max((number for number, _ in sight.frames[medium]), default=-1)
        if last < numbers[-1] - 1000 // step_ms:  # not even the last second came
            pauses_s.append(float("inf"))
        else:
            pauses_s.append(max(b - a for a, b in pairwise(times)))
    told = Counter(what for what, _ in sight.told if what != "try planned")
    texts = [what if n == 1 else f"{what} x {n}" for what, n in told.items()]
    return Outcome(
        lost_s=lost_s,
        twice=sight.twice(),
        silent_s=max(pauses_s),
        told=", ".join(texts) or "nothing",
    )


# --- all runs ------------------------------------------------------------------------------------


async def _all(
    rows: Sequence[Row], present: Sequence[str], turns: int, together: int
) -> dict[tuple[str, str], list[Outcome]]:
    gate = asyncio.Semaphore(together)
    results: dict[tuple[str, str], list[Outcome]] = {}

    async def one(row: Row, side: str) -> None:
        async with gate:
            outcome = await _run(row, side)
        results.setdefault((row.name, side), []).append(outcome)
        print(f"{row.name}; {side}: {outcome.told}", file=sys.stderr, flush=True)

    async with asyncio.TaskGroup() as group:
        for _ in range(turns):
            for row in sorted(rows, key=lambda row: -row.seconds):
                for side in present:
                    group.create_task(one(row, side))
    return results


def _seconds(values: Sequence[float]) -> str:
    middle = median(values)
    return "for ever" if middle == float("inf") else f"{middle:.1f}"


def _line(name: str, side: str, outcomes: Sequence[Outcome]) -> str:
    told = Counter(outcome.told for outcome in outcomes).most_common(1)[0][0]
    cells = [
        name,
        side,
        *(_seconds([outcome.lost_s[medium] for outcome in outcomes]) for medium in STEP_MS),
        f"{median(outcome.twice for outcome in outcomes):.0f}",
        _seconds([outcome.silent_s for outcome in outcomes]),
        told,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run all faults on all sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Takes about 10 minutes.")
    parser.add_argument("--smoke", action="store_true", help="two faults, to see that it works")
    parser.add_argument("--turns", type=int, default=1, help="of each; medians are shown")
    parser.add_argument("--together", type=int, default=3, help="meetings at a time (%(default)s)")
    parser.add_argument("--only", default="", help="part of a fault's name")
    parser.add_argument("--out", type=Path, help="file to write the table to, as Markdown")
    given = parser.parse_args()
    rows = [row for row in ROWS if given.only in row.name]
    if given.smoke:
        rows = [attrs.evolve(row, seconds=5.0) for row in ROWS[1:3]]
    present = sides()
    results = asyncio.run(_all(rows, present, given.turns, given.together))
    heads = ("what goes wrong", "with", "audio lost, s", "video lost, s", "frames twice")
    lines = [
        machine(),
        f"| {' | '.join((*heads, 'longest silence, s', 'what the user is told'))} |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        for number, side in enumerate(present):
            name = "" if number else row.name
            lines.append(_line(name, side, results[row.name, side]))
    text = "\n".join(lines) + "\n"
    print(text)
    if given.out is not None:
        given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
