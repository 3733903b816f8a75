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
import importlib.util
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

import attrs
from harness.tables import machine
from harness.witness import KEY_FRAME, Scene, Sight
from typing_extensions import override

from rtms_client import MediaType
from rtms_client.enums import MessageType, StopReason, StreamState
from rtms_client.testing import (
    ADA,
    AudioPacket,
    FakeConnection,
    FakeRTMSServer,
    Fault,
    FaultInjector,
    FaultKind,
    FaultPlan,
    MeetingItem,
    MeetingScript,
    Picture,
    StateChange,
)

_HERE: Final = Path(__file__).parent
_STEP_MS: Final = {"audio": 20, "video": 40}
_STRIKE_S: Final = 3.0
_FAREWELL_MS: Final = 1500  # Zoom's SDK drops what it did not deliver before the end
_PATIENCE_S: Final = 15.0
_AUDIO: Final = MessageType.MEDIA_DATA_AUDIO


@attrs.frozen
class Row:
    """A fault, told to a reader and to the server."""

    name: str
    faults: tuple[Fault, ...]
    seconds: float = 15.0


def _at(kind: FaultKind, socket: str, **options: Any) -> Fault:  # noqa: ANN401  # passed on
    return Fault(kind, socket=socket, at_s=_STRIKE_S, **options)


_LOSS: Final = _at(FaultKind.RESET, "signaling")

ROWS: Final[tuple[Row, ...]] = (
    Row("none", ()),
    Row("the audio connection is reset", (_at(FaultKind.RESET, "audio"),)),
    Row("the signaling connection is reset", (_LOSS,)),
    Row(
        "signaling is reset three times, 8 s apart",
        (_at(FaultKind.RESET, "signaling", times=3, every_s=8.0),),
        35.0,
    ),
    Row("the audio connection is closed with 1011", (_at(FaultKind.CLOSE, "audio", code=1011),)),
    Row("signaling is closed with 1001", (_at(FaultKind.CLOSE, "signaling", code=1001),)),
    Row(
        "the server interrupts audio as documented (event 7)",
        (_at(FaultKind.INTERRUPT, "audio"),),
    ),
    Row(
        "signaling is reset, nobody listens for 4 s",
        (_at(FaultKind.REFUSE, "any", for_s=4.0), _LOSS),
    ),
    Row(
        "signaling is reset, the next connection gets HTTP 503",
        (_LOSS, _at(FaultKind.HTTP_STATUS, "signaling", code=503)),
    ),
    Row(
        "signaling is reset, the next handshake gets status 8 (duplicate)",
        (_LOSS, _at(FaultKind.REJECT, "signaling", code=8)),
    ),
    Row(
        "the audio connection is reset, 2 s of audio come again",
        (_at(FaultKind.RESET, "audio"), _at(FaultKind.REPLAY, "audio", for_s=2.0)),
    ),
    Row("audio is 3 s late", (_at(FaultKind.DELAY, "audio", for_s=3.0),)),
    Row(
        "20 packets of audio come twice",
        (_at(FaultKind.DUPLICATE, "audio", message=_AUDIO, times=20),),
    ),
    Row(
        "20 messages with audio are cut in half",
        (_at(FaultKind.TRUNCATE, "audio", message=_AUDIO, times=20),),
    ),
    Row(
        "a message of 17 MiB on the audio connection",
        (_at(FaultKind.OVERSIZE, "audio", message=_AUDIO),),
    ),
    Row(
        "the path of the audio connection dies without a word",
        (_at(FaultKind.STALL, "audio"),),
        120.0,
    ),
    Row("the path of signaling dies without a word", (_at(FaultKind.STALL, "signaling"),), 120.0),
    Row(
        "signaling has no keep-alives any more, media go on",
        (_at(FaultKind.SILENCE, "signaling"),),
        120.0,
    ),
)

SIDES: Final = {
    "rtms_client": ("witness_library", None),
    "Zoom's SDK": ("witness_official", "rtms"),
}


# --- the meeting ---------------------------------------------------------------------------------


def _meeting(seconds: float) -> MeetingScript:
    end_ms = int(seconds * 1000)
    items: list[MeetingItem] = []
    for at_ms in range(0, end_ms, 20):
        data = b"%0640d" % (at_ms // 20)
        items.append(AudioPacket(at_ms=at_ms, person=ADA, data=data))
        if at_ms % 40 == 0:
            picture = KEY_FRAME + b"%032d" % (at_ms // 40)
            items.append(Picture(at_ms=at_ms, person=ADA, data=picture))
    end = StateChange(
        at_ms=end_ms + _FAREWELL_MS,
        state=StreamState.TERMINATED,
        reason=StopReason.MEETING_ENDED,
    )
    items.append(end)
    return MeetingScript(items)


class Director(FaultInjector):
    """Lets time begin with the first packet, so that every fault meets every receiver alike."""

    @override
    def start(self, server: FakeRTMSServer) -> None:
        self.server = server
        self._began = float("inf")

    @override
    async def sending(self, connection: FakeConnection, frame: Any) -> Sequence[Any]:
        if frame[2] is not None and self._began == float("inf"):
            super().start(self.server)
        return await super().sending(connection, frame)

    def strike_s(self) -> float:
        """Return when the first fault struck, or would have, as `time.monotonic` has it."""
        return self._began + min((one.at_s for one in self.struck), default=_STRIKE_S)


# --- one run -------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Outcome:
    """What one receiver made of one fault."""

    lost_s: dict[str, float]
    twice: int
    silent_s: float
    """Longest time without audio or without video; infinite when nothing came any more."""
    told: str


async def _run(row: Row, module: str) -> Outcome:
    director = Director(FaultPlan(row.faults))
    both = MediaType.AUDIO | MediaType.VIDEO
    async with FakeRTMSServer(_meeting(row.seconds), fault=director, expected_media=both) as server:
        settings = server.stream.settings
        scene = Scene(
            url=server.signaling_url,
            ca_file=str(server.ca_file),
            product_id=settings.product_id,
            stream_id=settings.rtms_stream_id,
            client_id=settings.client_id,
            secret=settings.client_secret,
            seconds=row.seconds + _FAREWELL_MS / 1000 + _PATIENCE_S,
        )
        sight = await _watch(module, scene)
        return _judge(row, sight, director.strike_s())


async def _watch(module: str, scene: Scene) -> Sight:
    """Run a receiver.

    Raises:
        RuntimeError: It crashed.
    """
    with tempfile.TemporaryDirectory(prefix="rtms-client-") as directory:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"harness.{module}",
            json.dumps(attrs.asdict(scene)),
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(_HERE), "ZM_RTMS_CA": scene.ca_file},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(scene.seconds + _PATIENCE_S):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    lines = output.splitlines()
    if process.returncode or not lines:
        raise RuntimeError(f"{module} failed with {process.returncode}: {errors.decode()[-2000:]}")
    return Sight(**json.loads(lines[-1]))


def _judge(row: Row, sight: Sight, strike_s: float) -> Outcome:
    lost_s: dict[str, float] = {}
    pauses_s: list[float] = []
    for medium, step_ms in _STEP_MS.items():
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
    rows: Sequence[Row], sides: Sequence[str], turns: int, together: int
) -> dict[tuple[str, str], list[Outcome]]:
    gate = asyncio.Semaphore(together)
    results: dict[tuple[str, str], list[Outcome]] = {}

    async def one(row: Row, side: str) -> None:
        async with gate:
            outcome = await _run(row, SIDES[side][0])
        results.setdefault((row.name, side), []).append(outcome)
        print(f"{row.name}; {side}: {outcome.told}", file=sys.stderr, flush=True)

    async with asyncio.TaskGroup() as group:
        for _ in range(turns):
            for row in sorted(rows, key=lambda row: -row.seconds):
                for side in sides:
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
        *(_seconds([outcome.lost_s[medium] for outcome in outcomes]) for medium in _STEP_MS),
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
    sides = [
        side
        for side, (_, needs) in SIDES.items()
        if needs is None or importlib.util.find_spec(needs) is not None
    ]
    results = asyncio.run(_all(rows, sides, given.turns, given.together))
    heads = ("what goes wrong", "with", "audio lost, s", "video lost, s", "frames twice")
    lines = [
        machine(),
        f"| {' | '.join((*heads, 'longest silence, s', 'what the user is told'))} |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        for number, side in enumerate(sides):
            name = "" if number else row.name
            lines.append(_line(name, side, results[row.name, side]))
    text = "\n".join(lines) + "\n"
    print(text)
    if given.out is not None:
        given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
