"""What a receiver saw of a meeting in which something went wrong; passed on as JSON."""

import json
import sys
import time
from collections.abc import Sequence
from typing import Final

import attrs

__all__ = ["KEY_FRAME", "Scene", "Sight", "number_of"]

KEY_FRAME: Final = b"\0\0\0\1\x65"


@attrs.frozen(kw_only=True)
class Scene:
    """Where a receiver joins, and how long it stays if nothing ends the stream."""

    url: str
    ca_file: str
    product_id: str
    stream_id: str
    client_id: str
    secret: str
    seconds: float


@attrs.define(kw_only=True)
class Sight:
    """What one receiver saw; times are those of `time.monotonic`."""

    frames: dict[str, list[tuple[int, float]]] = attrs.field(
        factory=lambda: {"audio": [], "video": []}
    )
    """Number and time of each frame, by medium."""
    told: list[tuple[str, float]] = attrs.field(factory=list)
    """What the application was told beside media, and when."""

    def see(self, medium: str, data: bytes) -> None:
        """Take a frame."""
        self.frames[medium].append((number_of(data), time.monotonic()))

    def hear(self, what: str) -> None:
        """Take what the application is told."""
        self.told.append((what, time.monotonic()))

    def report(self) -> None:
        """Print everything, in one line."""
        sys.stdout.write(json.dumps(attrs.asdict(self)) + "\n")
        sys.stdout.flush()

    def missing(self, medium: str, numbers: Sequence[int]) -> int:
        """Count what never came."""
        return len({*numbers} - {number for number, _ in self.frames[medium]})

    def twice(self) -> int:
        """Count what came more than once."""
        return sum(len(seen) - len({number for number, _ in seen}) for seen in self.frames.values())


def number_of(data: bytes) -> int:
    """Return the number that a frame carries in its last bytes."""
    return int(data[-8:])
