"""What is sent and what is measured; the programs pass these between processes as JSON."""

import json
from typing import Any, Final, TypeVar

import attrs

__all__ = ["AUDIO", "END_MS", "VIDEO", "Job", "Load", "dump", "load"]

AUDIO: Final = "audio"
VIDEO: Final = "video"
END_MS: Final = 2_000_000_000_000
"""Time stamp of the last frame of a flood; no other frame has it."""


@attrs.frozen(kw_only=True)
class Load:
    """What the sender does on each media connection that is ready."""

    medium: str = AUDIO
    size: int = 640
    """Bytes of one frame, before base64."""
    tls: bool = True
    frames: int = 0
    """Send so many frames as fast as they are taken, then one that says so."""
    interval_s: float = 0.0
    """Send a frame every so often, each with its time of sending, until the connection ends."""


@attrs.frozen(kw_only=True)
class Job:
    """What one receiving process does."""

    url: str
    ca_file: str | None
    medium: str = AUDIO
    variant: str = ""
    """How the receiver is used; see `harness.turns.SIDES`."""
    warm_up: int = 0
    """Flood: frames before the measurement begins."""
    streams: int = 1
    """Pace and idle: streams at the same time."""
    warm_streams: int = 0
    """Idle: streams that are opened before the measurement begins."""
    seconds: float = 0.0
    """Pace: length of the measurement; idle: time to settle."""
    idle: bool = False
    """Open streams, receive nothing, report memory."""


T = TypeVar("T", Load, Job)


def dump(value: Load | Job) -> str:
    """Write a load or job for the command line of another process."""
    return json.dumps(attrs.asdict(value))


def load(kind: type[T], text: str) -> T:
    """Read what `dump` wrote."""
    fields: dict[str, Any] = json.loads(text)
    return kind(**fields)
