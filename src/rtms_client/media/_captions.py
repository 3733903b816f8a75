"""Captions: what was said, in the order of its times, in the formats that players read."""

import bisect
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from rtms_client.enums import DataAttribute, Language
from rtms_client.exceptions import InvalidParameters
from rtms_client.frames import TranscriptSegment, UserId

from ._clock import SessionClock
from ._files import write_all
from ._text import clean

__all__ = ["CaptionFile", "Cue", "LiveCaptions", "caption_format"]

_OPEN_CUES: Final = 64
_REMEMBERED: Final = 4096
_MIN_MS, _MAX_MS, _CHARACTER_MS = 1000, 7000, 60
_LONGEST_MS: Final = 600_000  # of an utterance; an end after that is a mistake
_APART_MS: Final = 3_600_000  # time stamp and start say the same, or one of them is a mistake
_AHEAD_MS: Final = 120_000  # twice as long as a server buffers
_CORRECTIONS: Final = frozenset({DataAttribute.UPDATE, DataAttribute.DELETE})
_MAX_JOINED_MS: Final = 10_000
_VTT_HEAD: Final = b"WEBVTT\n\n"
_Key: TypeAlias = tuple[str | None, UserId | None, int]


@attrs.frozen(kw_only=True)
class Cue:
    """One caption with its time since the start of the session."""

    start_ms: int
    end_ms: int
    """As the server says, if that can be true; else estimated from the length of the text."""
    text: str = attrs.field(repr=False)
    user_id: UserId | None = None
    user_name: str | None = attrs.field(default=None, repr=False)
    channel_id: str | None = None
    """Call party in Contact Center and Phone."""
    language: Language | None = None

    @property
    def speaker(self) -> tuple[str | None, UserId | None]:
        """Whose words these are: channel and user id."""
        return self.channel_id, self.user_id


class _Cues:
    """Cues in the order of their starts; each one once, in its latest version."""

    def __init__(self) -> None:
        self.all: list[Cue] = []
        self.too_late = 0
        self._settled: dict[_Key, int] = {}

    def add(self, segment: TranscriptSegment, zero_ms: int) -> bool:
        """Take a segment; returns whether that changes anything."""
        cue = _cue(segment, zero_ms)
        key = (*cue.speaker, cue.start_ms)
        same = [one for one in self.all if (*one.speaker, one.start_ms) == key]
        if segment.attribute in _CORRECTIONS:
            if not same and key in self._settled:
                self.too_late += 1
                return False
            self.all = [one for one in self.all if one not in same]
            if segment.attribute == DataAttribute.DELETE:
                return bool(same)
        elif any(one.text == cue.text for one in same) or self._settled.get(key) == hash(cue.text):
            return False
        if not cue.text.strip():
            return bool(same)
        bisect.insort(self.all, cue, key=lambda one: one.start_ms)
        return True

    def move(self, by_ms: int) -> None:
        """Count the times of the cues from another start."""
        self.all = [
            attrs.evolve(one, start_ms=max(one.start_ms + by_ms, 0), end_ms=one.end_ms + by_ms)
            for one in self.all
        ]

    def drop_after(self, start_ms: int) -> None:
        """Forget the cues that begin after a moment."""
        del self.all[bisect.bisect_right(self.all, start_ms, key=lambda one: one.start_ms) :]

    def settle(self, count: int) -> None:
        """Let go of the first cues; only their keys are remembered."""
        for cue in self.all[:count]:
            self._settled[*cue.speaker, cue.start_ms] = hash(cue.text)
        del self.all[:count]
        while len(self._settled) > _REMEMBERED:
            del self._settled[next(iter(self._settled))]


def _cue(segment: TranscriptSegment, zero_ms: int) -> Cue:
    """Place a segment in the session.

    Its time stamp, which a clock can judge, is right when the start is far from it.
    """
    zero = 0 if segment.relative_times else zero_ms
    at_ms = start_ms = segment.timestamp_ms - zero_ms
    if segment.start_ms is not None:
        start_ms = segment.start_ms - zero
    start_ms = max(start_ms if abs(start_ms - at_ms) <= _APART_MS else at_ms, 0)
    end_ms = 0 if segment.end_ms is None else segment.end_ms - zero
    if not start_ms < end_ms <= start_ms + _LONGEST_MS:
        length_ms = _CHARACTER_MS * len(segment.text)
        end_ms = start_ms + max(_MIN_MS, min(_MAX_MS, length_ms))
    return Cue(
        start_ms=start_ms,
        end_ms=end_ms,
        text=segment.text,
        user_id=segment.user_id,
        user_name=segment.user_name,
        channel_id=segment.channel_id,
        language=segment.language,
    )


def _joined(cues: Iterable[Cue], pause_ms: int | None) -> Iterator[tuple[Cue, int]]:
    """Yield sentences, each with the number of cues that make it."""
    sentence: Cue | None = None
    count = 0
    for cue in cues:
        if sentence is not None and pause_ms is not None and _goes_on(sentence, cue, pause_ms):
            text, end_ms = f"{sentence.text} {cue.text}", max(sentence.end_ms, cue.end_ms)
            sentence, count = attrs.evolve(sentence, text=text, end_ms=end_ms), count + 1
            continue
        if sentence is not None:
            yield sentence, count
        sentence, count = cue, 1
    if sentence is not None:
        yield sentence, count


def _goes_on(sentence: Cue, cue: Cue, pause_ms: int) -> bool:
    return (
        sentence.speaker == cue.speaker
        and cue.start_ms - sentence.end_ms <= pause_ms
        and cue.end_ms - sentence.start_ms <= _MAX_JOINED_MS
    )


# --- formats -------------------------------------------------------------------------------------


def _vtt(_number: int, cue: Cue) -> str:
    voice = f"<v {_escaped(cue.user_name)}>" if cue.user_name else ""
    times = f"{_time(cue.start_ms)} --> {_time(cue.end_ms)}"
    return f"{times}\n{voice}{_escaped(cue.text)}\n\n"


def _srt(number: int, cue: Cue) -> str:
    times = f"{_time(cue.start_ms, ',')} --> {_time(cue.end_ms, ',')}"
    return f"{number}\n{times}\n{_said(cue).replace('-->', '->')}\n\n"


def _txt(_number: int, cue: Cue) -> str:
    return f"[{_time(cue.start_ms).partition('.')[0]}] {_said(cue)}\n"


def _jsonl(_number: int, cue: Cue) -> str:
    fields = attrs.asdict(cue)
    fields["language"] = None if cue.language is None else cue.language.name
    known = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")) + "\n"


_FORMATS: Final[Mapping[str, Callable[[int, Cue], str]]] = {
    ".vtt": _vtt,
    ".srt": _srt,
    ".txt": _txt,
    ".jsonl": _jsonl,
}


def caption_format(suffix: str) -> Callable[[int, Cue], str]:
    """Return the function that writes a cue, given its number from 1.

    Raises:
        InvalidParameters: The suffix is unknown.
    """
    render = _FORMATS.get(suffix)
    if render is None:
        raise InvalidParameters(
            "captions", f"got the suffix {suffix!r}", f"use {', '.join(_FORMATS)}"
        )
    return render


def _said(cue: Cue) -> str:
    return clean(f"{cue.user_name}: {cue.text}" if cue.user_name else cue.text)


def _escaped(text: str) -> str:
    """Make a text harmless inside a cue: no markup, no line end, no arrow."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(ms: int, point: str = ".") -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


# --- what users make -----------------------------------------------------------------------------


class CaptionFile:
    """Writes captions while they come; the file is complete at every moment.

    Utterances arrive when they end, so a short one may overtake a long one that began earlier, and
    the server may correct what it sent. The last 64 cues are therefore kept and written again when
    that is needed; the rest is settled, so that memory stays bounded.

    Args:
        path: The file; an existing one is replaced. The suffix says the format: ``.vtt`` (WebVTT,
            with speakers as voices), ``.srt`` (SubRip), ``.txt`` or ``.jsonl``.
        join_pause_ms: Join what one speaker says with no longer pauses, in milliseconds, to cues
            of 10 s at most; `None` leaves the segments as the server sends them.

    Attributes:
        path: The file.

    Raises:
        InvalidParameters: The suffix is none of these.
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path | str, *, join_pause_ms: int | None = None) -> None:
        self.path: Path = Path(path)
        self._render, self._pause_ms = caption_format(self.path.suffix), join_pause_ms
        self._cues = _Cues()
        self._settled = self._numbers = 0
        self._tail = b""
        self._file = self.path.open("wb", buffering=0)
        if self._render is _vtt:
            write_all(self._file, _VTT_HEAD)
            self._settled = len(_VTT_HEAD)

    @property
    def count(self) -> int:
        """Number of cues in the file."""
        return self._numbers + sum(1 for _ in _joined(self._cues.all, self._pause_ms))

    @property
    def too_late(self) -> int:
        """Number of corrections that came when their segment was settled."""
        return self._cues.too_late

    def add(self, segment: TranscriptSegment, session_start_ms: int) -> None:
        """Take a segment; one that came before is not repeated, a changed one replaces its former.

        Args:
            segment: The segment.
            session_start_ms: Start of the session, Unix time in milliseconds.

        Raises:
            OSError: The file cannot be written.
        """
        if self._cues.add(segment, session_start_ms):
            self._write()

    def close(self) -> None:
        """Close the file; may be called more than once."""
        self._file.close()

    def _write(self) -> None:
        """Bring the end of the file up to date, and settle what is old."""
        blocks = list(_joined(self._cues.all, self._pause_ms))
        texts = [
            self._render(number, cue).encode("utf-8", "backslashreplace")
            for number, (cue, _) in enumerate(blocks, self._numbers + 1)
        ]
        self._replace_tail(b"".join(texts))
        for text, (_, parts) in zip(texts, blocks, strict=True):
            if len(self._cues.all) <= _OPEN_CUES:
                break
            self._cues.settle(parts)
            self._numbers += 1
            self._settled += len(text)
            self._tail = self._tail[len(text) :]

    def _replace_tail(self, tail: bytes) -> None:
        """Replace what stands behind the settled part: mostly by adding to it.

        A shorter text is filled up with line ends before the file is cut, so that no moment leaves
        half a cue behind.
        """
        old = self._tail
        same = len(old) if tail.startswith(old) else 0
        self._file.seek(self._settled + same)
        write_all(self._file, tail[same:].ljust(len(old) - same, b"\n"))
        if len(tail) < len(old):
            self._file.truncate(self._settled + len(tail))
        self._tail = tail


class LiveCaptions:
    """The captions of the last seconds, to be shown while people speak.

    A caption with a wrong time is shown when it comes, and does not hide those that follow: what
    is more than two minutes ahead of a new one goes away.

    Args:
        seconds: How far back, in seconds before the newest caption.
        join_pause_ms: Join what one speaker says with no longer pauses, in milliseconds.
        start_ms: Start of the session, Unix time in milliseconds; times of cues count from it.
            `None` takes the time stamp of the first segment; see `SessionClock`.

    Raises:
        InvalidParameters: The time is not positive, or not finite.
    """

    def __init__(
        self, seconds: float = 10, *, join_pause_ms: int | None = None, start_ms: int | None = None
    ) -> None:
        if not 0 < seconds < math.inf:
            raise InvalidParameters("seconds", f"got {seconds}", "use a positive, finite number")
        self._window_ms = int(seconds * 1000)
        self._pause_ms, self._clock = join_pause_ms, SessionClock(start_ms)
        self._start_ms = 0
        self._cues = _Cues()

    def add(self, segment: TranscriptSegment) -> bool:
        """Take a segment; returns whether that changes what is to be shown."""
        self._clock.place(segment)
        start_ms = self._clock.start_ms or 0
        if start_ms != self._start_ms:  # what came before has times from another start
            self._cues.move(self._start_ms - start_ms)
            self._start_ms = start_ms
        changed = self._cues.add(segment, start_ms)
        if changed and segment.attribute not in _CORRECTIONS:  # only what is new tells the time
            self._cues.drop_after(_cue(segment, start_ms).end_ms + _AHEAD_MS)
        cues = self._cues.all
        oldest_ms = max((cue.end_ms for cue in cues), default=0) - self._window_ms
        while cues and (cues[0].end_ms < oldest_ms or len(cues) > _OPEN_CUES):
            self._cues.settle(1)
        return changed

    def cues(self) -> list[Cue]:
        """Return the cues, the oldest first."""
        return [cue for cue, _ in _joined(self._cues.all, self._pause_ms)]
