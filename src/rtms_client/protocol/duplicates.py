"""Recognising what came already: servers replay after a reconnect (lifecycle notes, section 7)."""

from collections.abc import Hashable
from typing import Final

from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    MediaFrame,
    TranscriptSegment,
)

__all__ = ["Seen"]

_RUNS: Final = 64
_RECENT: Final = 512
_USERS: Final = 4096


class _Runs:
    """Time stamps of one speaker as runs of equal steps: an hour of speech is a few numbers."""

    __slots__ = ("_data", "_runs", "_step")

    def __init__(self, step: int) -> None:
        self._step = step
        self._data = b""
        self._runs: list[list[int]] = []  # [first, last], in the order of arrival

    def add(self, timestamp: int, data: bytes) -> bool:
        """Remember a packet; tell whether it is new.

        Two different packets in a row with one time stamp are a coarse clock, no repetition.
        """
        runs = self._runs
        if runs and timestamp == runs[-1][1] + self._step:
            runs[-1][1] = timestamp  # the common case
            self._data = data
            return True
        if runs and timestamp == runs[-1][1] and data != self._data:
            self._data = data
            return True
        for first, last in runs:
            if first <= timestamp <= last and (timestamp - first) % self._step == 0:
                return False
        self._data = data
        runs.append([timestamp, timestamp])
        if len(runs) > _RUNS:
            del runs[0]
        return True


class Seen:
    """The frames of one medium that came already, as far as they can come again.

    Audio is keyed by speaker or channel and time stamp, chat by message id and what is done to it,
    everything else by user, time stamp and content.
    """

    __slots__ = ("_recent", "_speakers")

    def __init__(self) -> None:
        self._speakers: dict[Hashable, _Runs] = {}
        self._recent: dict[Hashable, None] = {}

    def add(self, frame: MediaFrame) -> bool:
        """Remember a frame; tell whether it is new."""
        if isinstance(frame, AudioFrame):
            return self._add_audio(frame)
        key = _key(frame)
        if key in self._recent:
            return False
        self._recent[key] = None
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return True

    def _add_audio(self, frame: AudioFrame) -> bool:
        speaker = (frame.channel_id, frame.user_id)
        runs = self._speakers.get(speaker)
        if runs is None:
            runs = self._speakers[speaker] = _Runs(max(1, frame.format.send_rate_ms))
            if len(self._speakers) > _USERS:
                del self._speakers[next(iter(self._speakers))]
        return runs.add(frame.timestamp_ms, frame.data)


def _key(frame: MediaFrame) -> Hashable:
    """Return what makes a frame the same frame."""
    match frame:
        case TranscriptSegment():
            return frame.user_id, frame.timestamp_ms, frame.attribute, frame.text
        case ChatMessage():
            return frame.message_id, frame.operation, frame.timestamp_ms, frame.text
        case _:
            return frame.user_id, frame.timestamp_ms, hash(frame.data)
