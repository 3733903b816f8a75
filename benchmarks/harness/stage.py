"""One meeting on the fake server, in which something goes wrong, and a receiver that watches it."""

import asyncio
import importlib.util
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from typing_extensions import override

from rtms_client import MediaType
from rtms_client.enums import StopReason, StreamState
from rtms_client.testing import (
    ADA,
    AudioPacket,
    FakeConnection,
    FakeRTMSServer,
    Fault,
    FaultInjector,
    FaultPlan,
    MeetingItem,
    MeetingScript,
    Picture,
    StateChange,
)

from .witness import KEY_FRAME, Scene, Sight

__all__ = ["FAREWELL_MS", "SIDES", "STEP_MS", "STRIKE_S", "Director", "play", "sides"]

SIDES: Final = {
    "rtms_client": ("witness_library", None),
    "Zoom's SDK": ("witness_official", "rtms"),
}
"""The receivers: module, and the package that it needs."""
STEP_MS: Final = {"audio": 20, "video": 40}
STRIKE_S: Final = 3.0
"""When things go wrong, after the first packet."""
FAREWELL_MS: Final = 1500
"""From the last packet to the end: Zoom's SDK drops what it did not deliver before."""
_HERE: Final = Path(__file__).parents[1]
_PATIENCE_S: Final = 15.0


def sides() -> list[str]:
    """Return the receivers that are installed."""
    return [
        side
        for side, (_, needs) in SIDES.items()
        if needs is None or importlib.util.find_spec(needs) is not None
    ]


async def play(faults: Sequence[Fault], seconds: float, side: str) -> "tuple[Sight, Director]":
    """Let a receiver watch a meeting of so many seconds; returns what it saw, and what struck."""
    director = Director(FaultPlan(faults))
    both = MediaType.AUDIO | MediaType.VIDEO
    async with FakeRTMSServer(_meeting(seconds), fault=director, expected_media=both) as server:
        settings = server.stream.settings
        scene = Scene(
            url=server.signaling_url,
            ca_file=str(server.ca_file),
            product_id=settings.product_id,
            stream_id=settings.rtms_stream_id,
            client_id=settings.client_id,
            secret=settings.client_secret,
            seconds=seconds + FAREWELL_MS / 1000 + _PATIENCE_S,
        )
        return await _watch(SIDES[side][0], scene), director


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
        at_ms=end_ms + FAREWELL_MS,
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

    def strikes_s(self) -> list[float]:
        """Return when faults struck, or the first one would have, as `time.monotonic` has it."""
        return [self._began + one.at_s for one in self.struck] or [self._began + STRIKE_S]

    def next_number(self, medium: str, at_s: float) -> int:
        """Return the number of the first frame that is due after a moment."""
        return math.ceil((at_s - self._began) * 1000 / STEP_MS[medium])


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
                await process.wait()
    lines = output.splitlines()
    if process.returncode or not lines:
        raise RuntimeError(f"{module} failed with {process.returncode}: {errors.decode()[-2000:]}")
    return Sight(**json.loads(lines[-1]))
