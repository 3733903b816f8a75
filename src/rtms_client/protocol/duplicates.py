"""Recognising what came already: servers replay after a reconnect (lifecycle notes, section 7)."""

from collections.abc import Hashable
from typing import Final

from rtms_client.enums import ChatOperation
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    MediaFrame,
    TranscriptSegment,
)

__all__ = ["Seen"]

_RUNS: Final = 64
_MARKS: Final = 64
_SHORT: Final = 2048
_LONGEST_STEP_MS: Final = 1000
_SAMPLE: Final = 1024
_RECENT: Final = 512
_USERS: Final = 4096
_REACTIONS: Final = frozenset(
    {ChatOperation.ADD_EMOJI_REACTION, ChatOperation.REMOVE_EMOJI_REACTION}
)


class _Run:
    """Time stamps of equal steps; the step is 0 while there is only one."""

    __slots__ = ("first", "last", "step")

    def __init__(self, timestamp: int) -> None:
        self.first = self.last = timestamp
        self.step = 0

    def __contains__(self, timestamp: int) -> bool:
        if not self.first <= timestamp <= self.last:
            return False
        return self.step == 0 or (timestamp - self.first) % self.step == 0


class _Runs:
    """Time stamps of one speaker as runs of equal steps: an hour of speech is a few numbers."""

    __slots__ = ("_limit", "_mark", "_marks", "_newest", "_runs")

    def __init__(self, timestamp: int, data: bytes) -> None:
        self._newest = _Run(timestamp)
        self._runs = [self._newest]
        self._limit: float = float("inf")
        """Where another run begins that the newest one must not run into unseen."""
        self._mark = _mark(data)
        """What came with the newest time stamp."""
        self._marks: list[int] = []
        """What came with it before: a coarse clock gives several packets one time stamp."""

    def add(self, timestamp: int, data: bytes) -> bool:
        """Remember a packet; tell whether it is new."""
        newest = self._newest
        if timestamp == newest.last:
            return self._add_to_newest(data)
        if timestamp != newest.last + newest.step or timestamp >= self._limit:
            if any(timestamp in run for run in self._runs):
                return False
            newest = self._make_room(timestamp)
        newest.last = timestamp  # the common case
        self._mark = data if len(data) <= _SHORT else hash(data)
        if self._marks:
            self._marks.clear()
        return True

    def _add_to_newest(self, data: bytes) -> bool:
        mark = _mark(data)
        if mark == self._mark or hash(mark) in self._marks:
            return False
        self._marks.append(hash(self._mark))
        del self._marks[:-_MARKS]
        self._mark = mark
        return True

    def _make_room(self, timestamp: int) -> _Run:
        """Return the run that a time stamp out of step belongs to."""
        step = timestamp - self._newest.last
        if self._newest.step == 0 and 0 < step <= _LONGEST_STEP_MS:
            self._newest.step = step
        elif step != self._newest.step:
            self._newest = _Run(timestamp)
            self._runs.append(self._newest)
            del self._runs[:-_RUNS]
        ahead = (run.first for run in self._runs[:-1] if run.last > timestamp)
        self._limit = min(ahead, default=float("inf"))
        return self._newest


def _mark(data: bytes) -> bytes | int:
    """Return what tells a packet from others, and is small."""
    return data if len(data) <= _SHORT else hash(data)


class Seen:
    """The frames of one medium that came already, as far as they can come again.

    Audio is keyed by speaker or channel and time stamp, everything else by user, time stamp and
    content, chat also by message id and what is done to it.
    """

    __slots__ = ("_recent", "_speakers")

    def __init__(self) -> None:
        self._speakers: dict[Hashable, _Runs] = {}
        self._recent: dict[Hashable, None] = {}

    def add(self, frame: MediaFrame) -> bool:
        """Remember a frame; tell whether it is new."""
        if isinstance(frame, AudioFrame):
            runs = self._speakers.get((frame.channel_id, frame.user_id))
            if runs is not None:
                return runs.add(frame.timestamp_ms, frame.data)
            return self._add_speaker(frame)
        key = _key(frame)
        if key in self._recent:
            return False
        self._recent[key] = None
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return True

    def _add_speaker(self, frame: AudioFrame) -> bool:
        speaker = (frame.channel_id, frame.user_id)
        self._speakers[speaker] = _Runs(frame.timestamp_ms, frame.data)
        if len(self._speakers) > _USERS:
            del self._speakers[next(iter(self._speakers))]
        return True


def _key(frame: MediaFrame) -> Hashable:
    """Return what makes a frame the same frame; texts and pictures are hashed to keep it small."""
    match frame:
        case TranscriptSegment():
            speaker = (frame.channel_id, frame.user_id)
            return speaker, frame.timestamp_ms, frame.attribute, hash(frame.text)
        case ChatMessage():
            sender = frame.sender and frame.sender.user_id
            content = repr(frame.raw) if frame.operation in _REACTIONS else frame.text
            what = (frame.message_id, frame.operation, hash(content))
            return sender, frame.timestamp_ms, what
        case _:
            return frame.user_id, frame.timestamp_ms, _sample(frame.data)


def _sample(data: bytes) -> int:
    """Return what tells a picture from others of its size and time.

    Pictures are compressed, so those that differ do so nearly everywhere; to hash every byte would
    take as long as decoding the base64.
    """
    return hash((len(data), data[:: 1 + len(data) // _SAMPLE]))
