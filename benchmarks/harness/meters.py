"""Counting and timing inside a receiving process; the same few lines for every receiver."""

import base64
import contextlib
import ctypes
import gc
import json
import math
import resource
import sys
import time
from array import array
from collections import Counter
from pathlib import Path
from typing import Any, Final, Protocol

from typing_extensions import override

from .frames import STAMP, STAMP_TEXT
from .load import END_MS, Job, open_many_files

__all__ = ["Flood", "Idle", "Meter", "Pace", "hear", "meter", "report", "rss_bytes", "tidy"]

_SETTLE_S: Final = 1.0
_STEP_S: Final = 10e-6
_STEPS: Final = 100_000  # up to one second; what is later still counts as that
_STATM: Final = Path("/proc/self/statm")
_PEAK_UNIT: Final = 1 if sys.platform == "darwin" else 1024


def rss_bytes() -> int:
    """Return the resident memory of this process; where there is no ``/proc``, its peak."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return _peak_bytes()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


def tidy() -> None:
    """Collect garbage, and let glibc return to the system what it only holds in reserve.

    Large blocks leave holes behind, which look like growth and are none.
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library, or none
        ctypes.CDLL(None).malloc_trim(0)


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


def hear(what: Meter, text: str, timestamp_ms: int) -> bool:
    """Let a meter take note of a transcript."""
    return what.take(base64.b64decode(text[:STAMP_TEXT]), timestamp_ms)


class Flood(Meter):
    """Measures processor time and speed between the end of the warm-up and the last frame.

    Args:
        warm_up: Frames before the measurement begins.
        flows: How many media end with a frame that says so.
    """

    def __init__(self, warm_up: int, flows: int) -> None:
        self._warm_up = warm_up
        self._flows = flows
        self._frames = 0
        self._bytes = 0
        self._cpu_s = self._wall_s = 0.0
        self._rss = 0
        self._final: dict[str, Any] = {}

    @override
    def joined(self) -> None:
        """Do nothing: the measurement begins with a frame."""

    @override
    def take(self, data: bytes, timestamp_ms: int) -> bool:
        """Take note of one frame; tell whether it was the last one."""
        self._frames += 1
        self._bytes += len(data)
        if self._frames == self._warm_up:
            self._rss = rss_bytes()
            self._cpu_s, self._wall_s = time.process_time(), time.perf_counter()
        if timestamp_ms != END_MS:
            return False
        self._flows -= 1
        if self._flows:
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

    @override
    def result(self) -> dict[str, Any]:
        """Return processor time, speed and memory."""
        return self._final


class Pace(Meter):
    """Measures processor time, delays and losses for some seconds after all streams have joined.

    Delays are counted in steps, so that a long measurement takes no more memory than a short one.

    Args:
        seconds: Length of the measurement.
        flows: How many connections bring frames.
    """

    def __init__(self, seconds: float, flows: int) -> None:
        self._seconds = seconds
        self._flows = flows
        self._begin = self._end = math.inf
        self._delays = array("L", bytes(_STEPS * array("L").itemsize))
        self._longest_s = 0.0
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._seen: Counter[int] = Counter()
        self._heard: dict[int, float] = {}
        self._cpu_s = 0.0
        self._running = False
        self._rss_before = rss_bytes()
        self._final: dict[str, Any] = {}

    @override
    def joined(self) -> None:
        """Begin to measure as soon as it is calm."""
        self._begin = time.monotonic() + min(_SETTLE_S, self._seconds)
        self._end = self._begin + self._seconds

    @override
    def take(self, data: bytes, timestamp_ms: int) -> bool:
        """Take note of one frame; tell whether the time is up."""
        now = time.monotonic()
        if now < self._begin:
            return False
        if not self._running:
            self._running = True
            self._cpu_s, self._begin = time.process_time(), now
        if now < self._end:
            sent, connection, number = STAMP.unpack_from(data)
            delay_s = now - sent
            self._delays[min(int(delay_s / _STEP_S), _STEPS - 1)] += 1
            if delay_s > self._longest_s:  # noqa: PLR1730  # the call of max() would be measured, too
                self._longest_s = delay_s
            self._last[connection] = number
            self._seen[connection] += 1
            self._heard[connection] = now
            if connection not in self._first:
                self._first[connection] = number
            return False
        if not self._final:
            self._finish(now)
        return True

    def _finish(self, now: float) -> None:
        cpu_s = time.process_time() - self._cpu_s
        frames = sum(self._seen.values())
        self._final = {
            "frames": frames,
            "per_s": frames / (now - self._begin),
            "cpu_us": cpu_s / max(frames, 1) * 1e6,
            "core": cpu_s / (now - self._begin),
            "p50_ms": self._quantile(frames, 0.5) * 1e3,
            "p99_ms": self._quantile(frames, 0.99) * 1e3,
            "max_ms": self._longest_s * 1e3,
            "lost": sum(self._last[one] - self._first[one] + 1 for one in self._last) - frames,
            "silent": self._flows - sum(map(self._is_alive, self._seen)),
            "rss_growth": rss_bytes() - self._rss_before,
        }

    def _is_alive(self, connection: int) -> bool:
        """Tell whether frames came until the end, within three times what is usual or a second."""
        usual_s = self._seconds / self._seen[connection]
        return self._end - self._heard[connection] < max(_SETTLE_S, 3 * usual_s)

    def _quantile(self, frames: int, share: float) -> float:
        passed = 0
        for step, count in enumerate(self._delays):
            passed += count
            if passed > frames * share:
                return min((step + 1) * _STEP_S, self._longest_s)
        return self._longest_s

    @override
    def result(self) -> dict[str, Any]:
        """Return processor time, delays, losses and memory."""
        return self._final


class Idle(Meter):
    """Measures what open streams cost while nothing is sent but keep-alives."""

    def __init__(self) -> None:
        self._rss = 0

    @override
    def joined(self) -> None:
        """Begin: what is opened from now on counts."""
        gc.collect()
        self._rss = rss_bytes()

    @override
    def take(self, data: bytes, timestamp_ms: int) -> bool:
        """Refuse frames: there are none."""
        raise AssertionError("a frame on an idle stream")

    @override
    def result(self) -> dict[str, Any]:
        """Return the growth."""
        gc.collect()
        return {"rss_growth": rss_bytes() - self._rss}


def meter(job: Job) -> Meter:
    """Make the meter for a job."""
    open_many_files()
    if job.idle:
        return Idle()
    if job.seconds:
        return Pace(job.seconds, job.streams * len(job.media))
    return Flood(job.warm_up, len(job.media))


def report(what: Meter) -> None:
    """Print the outcome for the process that started this one."""
    print(json.dumps(what.result()), flush=True)
