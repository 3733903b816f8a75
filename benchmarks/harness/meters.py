"""Counting and timing inside a receiving process; the same few lines for every receiver."""

import gc
import json
import math
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from .frames import SEND_TIME
from .load import END_MS, Job

__all__ = ["Flood", "Idle", "Meter", "Pace", "meter", "report", "rss_bytes"]

_SETTLE_S: Final = 1.0
_STATM: Final = Path("/proc/self/statm")
_PEAK_UNIT: Final = 1 if sys.platform == "darwin" else 1024


def rss_bytes() -> int:
    """Return the resident memory of this process; where there is no ``/proc``, its peak."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return _peak_bytes()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


class Meter(Protocol):
    """Measures what a receiver does."""

    def joined(self) -> None:
        """Take note that all streams are open."""
        ...

    def take(self, data: bytes, timestamp_ms: int) -> bool:
        """Take note of one frame; tell whether that was enough."""
        ...

    def result(self) -> dict[str, Any]:
        """Return the outcome."""
        ...


class Flood:
    """Measures processor time and speed between the end of the warm-up and the last frame."""

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self._frames = 0
        self._bytes = 0
        self._cpu_s = self._wall_s = 0.0
        self._rss = 0
        self._final: dict[str, Any] = {}

    def joined(self) -> None:
        """Do nothing: the measurement begins with a frame."""

    def take(self, data: bytes, timestamp_ms: int) -> bool:
        """Take note of one frame; tell whether it was the last one."""
        self._frames += 1
        self._bytes += len(data)
        if self._frames == self._warm_up:
            self._rss = rss_bytes()
            self._cpu_s, self._wall_s = time.process_time(), time.perf_counter()
        if timestamp_ms != END_MS:
            return False
        measured = self._frames - self._warm_up
        cpu_s = time.process_time() - self._cpu_s
        wall_s = time.perf_counter() - self._wall_s
        self._final = {
            "frames": self._frames,
            "bytes": self._bytes,
            "cpu_us": cpu_s / measured * 1e6,
            "per_s": measured / wall_s,
            "busy": cpu_s / wall_s,
            "rss_growth": rss_bytes() - self._rss,
            "rss_peak": _peak_bytes(),
        }
        return True

    def result(self) -> dict[str, Any]:
        """Return processor time, speed and memory."""
        return self._final


class Pace:
    """Measures processor time and latency for some seconds after all streams have joined."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begin = self._end = math.inf
        self._latencies: list[float] = []
        self._cpu_s = 0.0
        self._running = False
        self._rss_before = rss_bytes()
        self._final: dict[str, Any] = {}

    def joined(self) -> None:
        """Begin to measure as soon as it is calm."""
        self._begin = time.monotonic() + _SETTLE_S
        self._end = self._begin + self._seconds

    def take(self, data: bytes, timestamp_ms: int) -> bool:  # noqa: ARG002  # see Meter
        """Take note of one frame; tell whether the time is up."""
        now = time.monotonic()
        if now < self._begin:
            return False
        if not self._running:
            self._running = True
            self._cpu_s, self._begin = time.process_time(), now
        if now < self._end:
            self._latencies.append(now - SEND_TIME.unpack_from(data)[0])
            return False
        if not self._final:
            self._finish(now)
        return True

    def _finish(self, now: float) -> None:
        cpu_s = time.process_time() - self._cpu_s
        latencies = sorted(self._latencies)
        self._final = {
            "frames": len(latencies),
            "per_s": len(latencies) / (now - self._begin),
            "cpu_us": cpu_s / len(latencies) * 1e6,
            "core": cpu_s / (now - self._begin),
            "p50_ms": _quantile(latencies, 0.5) * 1e3,
            "p99_ms": _quantile(latencies, 0.99) * 1e3,
            "max_ms": latencies[-1] * 1e3,
            "rss_growth": rss_bytes() - self._rss_before,
        }

    def result(self) -> dict[str, Any]:
        """Return processor time, latencies and memory."""
        return self._final


class Idle:
    """Measures what open streams cost while nothing is sent."""

    def __init__(self) -> None:
        self._rss = 0

    def joined(self) -> None:
        """Begin: what is opened from now on counts."""
        gc.collect()
        self._rss = rss_bytes()

    def take(self, data: bytes, timestamp_ms: int) -> bool:  # noqa: ARG002  # see Meter
        """Refuse frames: there are none."""
        raise AssertionError("a frame on an idle stream")

    def result(self) -> dict[str, Any]:
        """Return the growth."""
        gc.collect()
        return {"rss_growth": rss_bytes() - self._rss}


def meter(job: Job) -> Meter:
    """Make the meter for a job."""
    if job.idle:
        return Idle()
    return Pace(job.seconds) if job.seconds else Flood(job.warm_up)


def report(what: Meter) -> None:
    """Print the outcome for the process that started this one."""
    print(json.dumps(what.result()), flush=True)


def _quantile(values: Sequence[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)]
