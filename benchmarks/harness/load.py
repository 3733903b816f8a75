"""What is sent and what is measured; the programs pass these between processes as JSON."""

import asyncio
import json
import resource
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs

__all__ = [
    "AUDIO",
    "END_MS",
    "MEDIA_TYPES",
    "TRANSCRIPT",
    "VIDEO",
    "Flow",
    "Job",
    "Load",
    "dump",
    "join_all",
    "load",
    "open_many_files",
]

AUDIO: Final = "audio"
VIDEO: Final = "video"
TRANSCRIPT: Final = "transcript"
MEDIA_TYPES: Final = {AUDIO: 1, VIDEO: 2, TRANSCRIPT: 8}
"""What a handshake asks for."""
END_MS: Final = 2_000_000_000_000
"""Time stamp of the last frame of a flood; no other frame has it."""


@attrs.frozen(kw_only=True)
class Flow:
    """What the sender does on each media connection of one medium when it is ready."""

    medium: str = AUDIO
    size: int = 640
    """Bytes of one frame, before base64; a text is as long as if it were one."""
    frames: int = 0
    """Send so many frames as fast as they are taken, then one that says so."""
    interval_s: float = 0.0
    """Send a frame every so often, each with its time of sending, until the connection ends."""


_Flows: TypeAlias = Iterable[Flow | Mapping[str, Any]]


def _flows(values: _Flows) -> tuple[Flow, ...]:
    return tuple(one if isinstance(one, Flow) else Flow(**one) for one in values)


@attrs.frozen(kw_only=True)
class Load:
    """What a sender does."""

    flows: tuple[Flow, ...] = attrs.field(
        default=cast("tuple[Flow, ...]", (Flow(),)), converter=_flows
    )
    """One for each medium."""
    tls: bool = True
    keep_alive_s: float = 10.0
    """Between two keep-alives of a connection; ten seconds is what Zoom does."""


@attrs.frozen(kw_only=True)
class Job:
    """What one receiving process does."""

    url: str
    ca_file: str | None
    media: tuple[str, ...] = attrs.field(default=(AUDIO,), converter=tuple[str, ...])
    """What each stream asks for, each on a connection of its own."""
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
R = TypeVar("R")
_AT_A_TIME: Final = 10


def dump(value: Load | Job) -> str:
    """Write a load or job for the command line of another process."""
    return json.dumps(attrs.asdict(value))


def load(kind: type[T], text: str) -> T:
    """Read what `dump` wrote."""
    fields: dict[str, Any] = json.loads(text)
    return kind(**fields)


async def join_all(join: Callable[[int], Awaitable[R]], first: int, count: int) -> list[R]:
    """Join streams, some at a time, so that hundreds do not take minutes."""
    joined: list[R] = []
    for start in range(first, first + count, _AT_A_TIME):
        numbers = range(start, min(start + _AT_A_TIME, first + count))
        joined += await asyncio.gather(*map(join, numbers))
    return joined


def open_many_files() -> None:
    """Let this process have as many connections as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
