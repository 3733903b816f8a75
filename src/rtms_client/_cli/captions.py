"""WebVTT: captions with their speakers, in the order of their times, complete at every moment."""

import bisect
from pathlib import Path
from typing import Final

import attrs

from rtms_client.enums import DataAttribute
from rtms_client.frames import TranscriptSegment, UserId

from .text import clean

__all__ = ["CaptionFile"]

_OPEN_CUES: Final = 64
_MIN_MS, _MAX_MS, _CHARACTER_MS = 1000, 7000, 60
_Key = tuple[UserId | None, int]


@attrs.frozen(order=True)
class _Cue:
    start_ms: int
    number: int
    """Order of arrival, for cues that start together."""
    key: _Key = attrs.field(order=False)
    text: str = attrs.field(order=False)
    raw: str = attrs.field(order=False)
    """The cue as it stands in the file."""


class CaptionFile:
    """Writes ``captions.vtt``.

    Utterances arrive when they end, so a short one may overtake a long one that began earlier. The
    last cues are therefore kept and written again when one comes between them; the rest is settled.

    Args:
        path: The file; an existing one is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._numbers = 0
        self._cues: list[_Cue] = []
        self._file = path.open("wb")
        self._file.write(b"WEBVTT\n\n")
        self._settled = self._file.tell()

    def add(self, segment: TranscriptSegment, at_ms: int, session_start_ms: int) -> None:
        """Take a segment; one that came before is not repeated, a changed one replaces its former.

        Args:
            segment: The segment.
            at_ms: Its time since the start of the session.
            session_start_ms: Start of the session, Unix time in milliseconds.
        """
        zero = 0 if segment.relative_times else session_start_ms
        start_ms = at_ms if segment.start_ms is None else max(segment.start_ms - zero, 0)
        end_ms = None if segment.end_ms is None else segment.end_ms - zero
        key = (segment.user_id, start_ms)
        same = [cue for cue in self._cues if cue.key == key]
        if segment.attribute in {DataAttribute.UPDATE, DataAttribute.DELETE}:
            self._cues = [cue for cue in self._cues if cue.key != key]
            self.count -= len(same)
        elif any(cue.text == segment.text for cue in same):
            return
        if segment.attribute != DataAttribute.DELETE:
            self._insert(segment, start_ms, end_ms, key)
        self._write()

    def _insert(
        self, segment: TranscriptSegment, start_ms: int, end_ms: int | None, key: _Key
    ) -> None:
        if end_ms is None or end_ms <= start_ms:
            length_ms = _CHARACTER_MS * len(segment.text)
            end_ms = start_ms + max(_MIN_MS, min(_MAX_MS, length_ms))
        voice = f"<v {_escaped(segment.user_name)}>" if segment.user_name else ""
        raw = f"{_time(start_ms)} --> {_time(end_ms)}\n{voice}{_escaped(segment.text)}\n\n"
        self._numbers += 1
        bisect.insort(self._cues, _Cue(start_ms, self._numbers, key, segment.text, raw))
        self.count += 1

    def _write(self) -> None:
        """Write the cues that are not settled."""
        self._file.seek(self._settled)
        while len(self._cues) > _OPEN_CUES:
            self._file.write(self._cues.pop(0).raw.encode())
            self._settled = self._file.tell()
        self._file.write("".join(cue.raw for cue in self._cues).encode())
        self._file.truncate()
        self._file.flush()

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._file.close()


def _escaped(text: str) -> str:
    """Make a text harmless inside a cue: no markup, no line end, no arrow."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"
