"""What happened in a recording of the wire: states, sockets, gaps, rates, delays and buffers."""

import itertools
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from rtms_client import events as ev
from rtms_client.enums import MediaType, MessageType, StatusCode
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    MediaFrame,
    ShareFrame,
    TranscriptSegment,
    VideoFrame,
)
from rtms_client.media import duration_ms
from rtms_client.protocol import Phase, StreamSession
from rtms_client.testing import Recording, RecordingStep
from rtms_client.testing._recording_values import error_from

from .tally import Tally
from .text import clean

__all__ = ["Incident", "Mark", "Series", "Socket", "Span", "examine"]

_MAX_MARKS: Final = 2000
_MAX_SOCKETS: Final = 2000
_MAX_BINS: Final = 600
_BIN_S: Final = 0.5
_ENOUGH: Final = 0.5
_HANDSHAKES: Final = frozenset(
    {MessageType.SIGNALING_HAND_SHAKE_RESP, MessageType.DATA_HAND_SHAKE_RESP}
)
_TIMED: Final = (AudioFrame, VideoFrame, ShareFrame)
_NAMES: Final[dict[type, str]] = {
    AudioFrame: "audio",
    VideoFrame: "video",
    ShareFrame: "share",
    TranscriptSegment: "transcript",
    ChatMessage: "chat",
}
_WEBHOOKS: Final = {
    "moved": "webhook: the stream moved to other servers",
    "interrupted": "webhook: the server lost the stream",
    "stopped": "webhook: the stream ended",
    "close": "the application leaves",
}
_KINDS: Final[dict[type, str]] = {
    ev.StreamInterrupted: "bad",
    ev.Gap: "bad",
    ev.MediaInterrupted: "bad",
    ev.StreamResumed: "good",
    ev.ReconnectScheduled: "try",
    ev.MediaUnavailable: "warning",
    ev.ParametersChanged: "warning",
    ev.Unrecognized: "warning",
}


@attrs.define
class Span:
    """Something that lasted; times are seconds since the start."""

    name: str
    start_s: float
    end_s: float
    text: str = ""


@attrs.frozen
class Mark:
    """Something that happened."""

    at_s: float
    kind: str
    """``good``, ``bad``, ``try``, ``warning`` or ``info``."""
    text: str


@attrs.define
class Socket:
    """One connection, from the wish to open it to its end."""

    endpoint: str
    number: int
    start_s: float
    ready_s: float | None = None
    """When its handshake succeeded."""
    end_s: float | None = None
    end: str = ""
    """How it ended; empty while it lives."""
    trouble: bool = False
    """Whether it ended otherwise than by our own wish."""
    messages: int = 0


class Series:
    """Numbers over time in a bounded number of bins, which get wider as time goes by.

    Args:
        join: How the numbers of one bin become one.

    Attributes:
        width_s: Width of a bin in seconds.
        bins: The numbers; 0 where there was none.
    """

    def __init__(self, join: Callable[[float, float], float]) -> None:
        self.width_s: float = _BIN_S
        self.bins: list[float] = []
        self._join = join

    def add(self, at_s: float, value: float) -> None:
        """Add a number."""
        while (index := int(max(at_s, 0.0) / self.width_s)) >= _MAX_BINS:
            self.bins.extend([0.0] * (len(self.bins) % 2))
            pairs = zip(self.bins[::2], self.bins[1::2], strict=True)
            self.bins = [self._join(first, second) for first, second in pairs]
            self.width_s *= 2
        self.bins.extend([0.0] * (index + 1 - len(self.bins)))
        self.bins[index] = self._join(self.bins[index], value)

    def complete(self, length_s: float) -> None:
        """Let the last bin, which is not over, stand for a whole one."""
        share = length_s / self.width_s - (len(self.bins) - 1)
        if len(self.bins) > 1 and share < 1:
            self.bins[-1] = self.bins[-1] / share if share > _ENOUGH else self.bins[-2]

    @property
    def highest(self) -> float:
        """The largest number of all bins."""
        return max(self.bins, default=0.0)


def _sum() -> Series:
    return Series(lambda first, second: first + second)


def _max() -> Series:
    return Series(max)


@attrs.define
class Incident:
    """Everything that is shown of a recording."""

    recording: Recording
    tally: Tally = attrs.field(factory=Tally)
    length_s: float = 0.0
    phases: list[Span] = attrs.field(factory=list[Span])
    sockets: list[Socket] = attrs.field(factory=list[Socket])
    gaps: list[Span] = attrs.field(factory=list[Span])
    marks: list[Mark] = attrs.field(factory=list[Mark])
    left_out: int = 0
    """Marks and sockets that were too many."""
    rates: dict[str, Series] = attrs.field(factory=dict[str, Series])
    """Frames per bin, by medium."""
    delays: dict[str, Series] = attrs.field(factory=dict[str, Series])
    """Milliseconds between the time of a frame and its arrival, by medium, above the shortest."""
    buffers: dict[str, Series] = attrs.field(factory=dict[str, Series])
    """Most items that had waited so far, by consumer and medium."""
    high_water: dict[str, int] = attrs.field(factory=dict[str, int])
    dropped: dict[str, int] = attrs.field(factory=dict[str, int])
    messages: int = 0
    size: int = 0
    ending: str = "the recording ends before the stream"
    error: str | None = None
    """Why the stream ended, if it was no normal end."""

    def endpoints(self) -> list[str]:
        """Return what there were sockets for, signaling first."""
        return sorted({one.endpoint for one in self.sockets}, key=lambda name: name != "signaling")

    def mark(self, at_s: float, kind: str, text: str) -> None:
        """Note something that happened."""
        if len(self.marks) < _MAX_MARKS:
            self.marks.append(Mark(at_s, kind, clean(text)))
        else:
            self.left_out += 1

    def spans(self) -> Iterator[tuple[str, list[Span]]]:
        """Yield the gaps by medium."""
        for name in sorted({gap.name for gap in self.gaps}):
            yield name, [gap for gap in self.gaps if gap.name == name]


def examine(recording: Recording) -> Incident:
    """Replay a recording and note what happens.

    Raises:
        RecordingUnreadable: A line cannot be read.
    """
    examiner = _Examiner(Incident(recording))
    for step in recording.steps():
        examiner.take(step)
    return examiner.finish()


class _Examiner:
    """Looks at one step after the other.

    Args:
        incident: Where to note what is found.
    """

    def __init__(self, incident: Incident) -> None:
        self._incident = incident
        self._open: dict[int, Socket] = {}
        self._shortest: dict[str, float] = {}
        self._session: StreamSession | None = None

    def take(self, step: RecordingStep) -> None:
        """Note what happens in one step."""
        incident = self._incident
        self._session = step.session
        incident.length_s = max(incident.length_s, step.at_s)
        self._phase(step.session.phase, step.at_s)
        line, at_s = step.line, step.at_s
        kind = line.get("in")
        if line.get("out") == "open":
            self._opening(line["c"], line["e"], at_s)
        elif line.get("out") == "close":
            self._closed(line["c"], line["code"], at_s)
        elif kind == "message":
            self._message(step)
        elif kind in {"lost", "failed"}:
            self._broken(step)
        elif kind in _WEBHOOKS:
            incident.mark(at_s, "info", _WEBHOOKS[kind])
        elif "buffers" in line:
            self._buffers(step)
        for item in step.items:
            self._item(item, at_s)

    def finish(self) -> Incident:
        """Complete what was still under way."""
        incident, session = self._incident, self._session
        if session is not None and session.phase is Phase.CLOSED:
            reason = session.stop_reason
            incident.ending = "ended" if reason is None else f"ended: {reason.name}"
            incident.error = None if session.error is None else clean(str(session.error))
        for series in incident.rates.values():
            series.add(incident.length_s, 0.0)
            series.complete(incident.length_s)
        for series in incident.buffers.values():
            series.add(incident.length_s, 0.0)
            series.bins = list(itertools.accumulate(series.bins, max))
        for name, series in incident.delays.items():
            shortest = self._shortest[name]
            series.bins = [max(0.0, delay - shortest) if delay else 0.0 for delay in series.bins]
        return incident

    def _phase(self, phase: Phase, at_s: float) -> None:
        phases = self._incident.phases
        if phases and phases[-1].name == phase.name:
            phases[-1].end_s = at_s
            return
        if phases:
            phases[-1].end_s = at_s
        if len(phases) < _MAX_MARKS:
            phases.append(Span(phase.name, at_s, at_s))

    # --- sockets ---------------------------------------------------------------------------------

    def _opening(self, number: int, endpoint: str, at_s: float) -> None:
        socket = Socket(endpoint, number, at_s)
        self._open[number] = socket
        if len(self._incident.sockets) < _MAX_SOCKETS:
            self._incident.sockets.append(socket)
        else:
            self._incident.left_out += 1

    def _closed(self, number: int, code: int, at_s: float) -> None:
        socket = self._open.pop(number, None)
        if socket is not None and not socket.end:
            socket.end_s = at_s
            socket.trouble = code != 1000  # noqa: PLR2004  # RFC 6455: normal closure
            socket.end = "given up: time-out" if socket.trouble else "closed by us"

    def _broken(self, step: RecordingStep) -> None:
        line = step.line
        socket = self._open.pop(line["c"], None)
        if "error" in line:
            text = str(error_from(line))
            self._incident.mark(step.at_s, "bad", text)
        else:
            said = f" ({line['reason']})" if line["reason"] else ""
            text = f"closed with {line['code']}{said}"
        if socket is not None:
            socket.end_s, socket.end, socket.trouble = step.at_s, clean(text), True

    def _message(self, step: RecordingStep) -> None:
        line, incident = step.line, self._incident
        incident.messages += 1
        incident.size += line.get("size", 0)
        socket = self._open.get(line["c"])
        if socket is None:
            return
        socket.messages += 1
        message = line.get("message", {})
        if message.get("msg_type") in _HANDSHAKES:
            status = message.get("status_code", message.get("status"))
            if status == StatusCode.OK:
                socket.ready_s = step.at_s
            else:
                code = StatusCode(status).name if isinstance(status, int) else "no status"
                socket.end_s, socket.end = step.at_s, clean(f"refused: {code}")
                socket.trouble = True
                incident.mark(step.at_s, "bad", f"{socket.endpoint} refused: {code}")

    # --- items -----------------------------------------------------------------------------------

    def _item(self, item: ev.StreamItem, at_s: float) -> None:
        incident = self._incident
        line = incident.tally.add(item)
        if isinstance(item, MediaFrame):
            self._frame(item, at_s)
            return
        if isinstance(item, ev.Gap):
            self._gap(item, at_s, "" if line is None else line.text)
        if line is not None:
            incident.mark(at_s, _KINDS.get(type(item), "info"), line.text)

    def _frame(self, frame: MediaFrame, at_s: float) -> None:
        incident = self._incident
        name = _NAMES[type(frame)]
        incident.rates.setdefault(name, _sum()).add(at_s, 1)
        timestamp_ms = frame.timestamp_ms
        if isinstance(frame, _TIMED):
            if isinstance(frame, AudioFrame):
                timestamp_ms += duration_ms(frame)
            delay = incident.recording.began_ms + at_s * 1000 - timestamp_ms
            self._shortest[name] = min(delay, self._shortest.get(name, delay))
            incident.delays.setdefault(name, Series(_latest)).add(at_s, delay)

    def _gap(self, gap: ev.Gap, at_s: float, text: str) -> None:
        lasted_s = (gap.duration_ms or 0) / 1000
        name = "all" if gap.media is None else str(MediaType(gap.media).name).lower()
        if len(self._incident.gaps) < _MAX_MARKS:
            self._incident.gaps.append(Span(name, max(0.0, at_s - lasted_s), at_s, text))
        else:
            self._incident.left_out += 1

    def _buffers(self, step: RecordingStep) -> None:
        incident = self._incident
        for one in step.line["buffers"]:
            name = f"{one['consumer']}: {one['medium']}"
            if one["high"]:
                incident.buffers.setdefault(name, _max()).add(step.at_s, one["high"])
                incident.high_water[name] = max(one["high"], incident.high_water.get(name, 0))
            if one["dropped"]:
                incident.dropped[name] = one["dropped"]


def _latest(first: float, second: float) -> float:
    """Keep the larger delay; 0 stands for none."""
    return second if not first else first if not second else max(first, second)
