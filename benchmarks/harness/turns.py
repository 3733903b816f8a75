"""Runs receivers in turns, each in a process of its own, and collects what they report."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from .load import Job, Load, dump

__all__ = [
    "BARE",
    "FAST",
    "FLOOR",
    "ITERATOR",
    "SDK",
    "SIDES",
    "SPINNING",
    "Endpoint",
    "Results",
    "Side",
    "available",
    "receive",
    "sender",
    "turns",
]

_HERE: Final = Path(__file__).parents[1]
_TIMEOUT_S: Final = 900


@attrs.frozen
class Side:
    """One receiver."""

    module: str
    variant: str
    needs: tuple[str, ...] = ("rtms_client",)
    speedups: bool = False
    """Whether the library may use the packages of its extra `fast`."""


ITERATOR: Final = "rtms_client, async for"
FAST: Final = "rtms_client[fast], async for"
BARE: Final = "bare websockets + json"
FLOOR: Final = "bare picows + orjson + pybase64"
SDK: Final = "Zoom's SDK, default polling"
SPINNING: Final = "Zoom's SDK, polling without pause"
_BARE_FAST: Final = ("picows", "orjson", "pybase64")

SIDES: Final[Mapping[str, Side]] = {
    ITERATOR: Side("library", "iterator"),
    "rtms_client, async callback": Side("library", "async"),
    "rtms_client, plain callback": Side("library", "plain"),
    FAST: Side("library", "iterator", needs=("pybase64",), speedups=True),
    "rtms_client[fast], async callback": Side(
        "library", "async", needs=("pybase64",), speedups=True
    ),
    "rtms_client[fast], uvloop": Side(
        "library", "uvloop", needs=("pybase64", "uvloop"), speedups=True
    ),
    BARE: Side("bare", ""),
    FLOOR: Side("floor", "", needs=_BARE_FAST),
    SDK: Side("official", "0.01", needs=("rtms",)),
    SPINNING: Side("official", "0", needs=("rtms",)),
}
"""All receivers; the bare loop is what the others are compared with."""

Results = dict[str, list[dict[str, Any]]]
"""What each side reported in each turn."""


@attrs.frozen
class Endpoint:
    """Where a sender listens."""

    url: str
    ca_file: str
    process: "subprocess.Popen[bytes]"

    def keep_alives(self) -> dict[str, float]:
        """Return how many were asked and missed since the last call, and the slowest answer."""
        return _ask(self.process, b"\n")


def available(names: Sequence[str]) -> list[str]:
    """Choose the sides whose names contain one of these texts and that are installed."""
    chosen = []
    for name, side in SIDES.items():
        if names and not any(wanted in name for wanted in names):
            continue
        missing = [need for need in side.needs if importlib.util.find_spec(need) is None]
        if missing:
            print(f"left out: {name}: {', '.join(missing)} not installed", file=sys.stderr)
            continue
        chosen.append(name)
    return chosen


@contextlib.contextmanager
def sender(what: Load) -> Iterator[Endpoint]:
    """Run a sender in a process of its own."""
    with subprocess.Popen(  # noqa: S603  # this interpreter, a module of ours, no shell
        [sys.executable, "-m", "harness.sender", dump(what)],
        cwd=_HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        try:
            yield Endpoint(**_ask(process, b""), process=process)
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _ask(process: "subprocess.Popen[bytes]", question: bytes) -> dict[str, Any]:
    """Return what a sender says.

    Raises:
        RuntimeError: It says nothing any more.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question)
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the sender has ended")
    answer: dict[str, Any] = json.loads(line)
    return answer


def receive(name: str, job: Job) -> dict[str, Any]:
    """Run one side once.

    Raises:
        RuntimeError: It failed.
    """
    side = SIDES[name]
    job = attrs.evolve(job, variant=side.variant)
    with tempfile.TemporaryDirectory(prefix="rtms-client-") as directory:
        done = subprocess.run(  # noqa: S603  # this interpreter, a module of ours, no shell
            [sys.executable, "-m", f"harness.{side.module}", dump(job)],
            cwd=directory,
            env={
                **os.environ,
                "PYTHONPATH": str(_HERE),
                "RTMS_CLIENT_SPEEDUPS": "1" if side.speedups else "0",
                "ZM_RTMS_CA": job.ca_file or "",
            },
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{name} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(lines[-1])
    if not result:
        raise RuntimeError(f"{name} saw no end")
    return result


def turns(names: Sequence[str], count: int, run: Callable[[str], dict[str, Any]]) -> Results:
    """Let the sides take turns, in the opposite order each other time."""
    results: Results = {name: [] for name in names}
    for turn in range(count):
        for name in names if turn % 2 == 0 else reversed(names):
            results[name].append(run(name))
    return results
