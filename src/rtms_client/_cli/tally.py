"""What has arrived so far, for people: counters, speakers, state, and a line for what happened."""

import array
import math
import operator
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from rtms_client import events as ev
from rtms_client.enums import ChatOperation, MediaCodec, MediaType, SessionState, StreamState
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    ChatParty,
    ShareFrame,
    TranscriptSegment,
    UserId,
    VideoFrame,
)
from rtms_client.media import duration_ms
from rtms_client.media._speech import Speaker, speaker_key

from .text import clean, counted

__all__ = ["Counter", "Line", "Tally", "Voice"]

_LEVEL_PACKETS: Final = 5
_HEARD_S: Final = 0.4
_FULL_SCALE: Final = 32768
_MAX_NAMES: Final = 10_000
_MAX_VOICES: Final = 2000
_OTHERS: Final[Speaker] = ("others", None)
_EXPECTED: Final = (StreamState.ACTIVE, StreamState.TERMINATING, StreamState.TERMINATED)


@attrs.define
class Counter:
    """Items and bytes (characters of text) of one medium."""

    items: int = 0
    size: int = 0


@attrs.define
class Voice:
    """Somebody who has been heard."""

    name: str
    spoken_ms: int = 0
    heard_at: float = 0.0
    """Local time of the last packet, in seconds."""
    recent: deque[AudioFrame] = attrs.field(factory=lambda: deque(maxlen=_LEVEL_PACKETS))

    def level_db(self, now: float) -> float | None:
        """Return the loudness of the last packets in dBFS; `None` when there is silence."""
        if now - self.heard_at > _HEARD_S:
            return None
        total = count = 0
        for frame in self.recent:
            if frame.format.codec == MediaCodec.L16:
                samples = array.array("h", frame.data[: len(frame.data) & ~1])
                if sys.byteorder == "big":  # pragma: no cover
                    samples.byteswap()
                total += sum(map(operator.mul, samples, samples))
                count += len(samples)
        if not total:
            return None
        return 20 * math.log10(math.sqrt(total / count) / _FULL_SCALE)


@attrs.frozen
class Line:
    """Something that happened, for people."""

    text: str
    who: str | None = None
    """Whose words the text is; `None` when nobody said it."""


class Tally:
    """Counts what arrives and puts what happens into words.

    Args:
        now: Local time in seconds.

    Attributes:
        counters: By medium, in the order of the first item.
        voices: Who has been heard; beyond two thousand, all others as one.
        state: Of the stream, in one word.
        lost: Items that are missing, as far as the number is known.
        gaps: How often items were missing.
        on_camera: Whose video is shown.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.counters: dict[MediaType, Counter] = {}
        self.voices: dict[Speaker | None, Voice] = {}
        self.state = "waiting"
        self.lost = self.gaps = 0
        self.on_camera: UserId | None = None
        self._names: dict[UserId, str] = {}
        self._now = now
        self._speaking: UserId | None = None

    def add(self, item: ev.StreamItem) -> Line | None:
        """Count an item; returns what people want to read about it."""
        match item:
            case AudioFrame():
                self._count(MediaType.AUDIO, item.size)
                self._hear(item)
            case VideoFrame():
                self._count(MediaType.VIDEO, item.size)
                self._learn(item.user_id, item.user_name)
                self.on_camera = item.user_id
            case ShareFrame():
                self._count(MediaType.SHARE, item.size)
            case TranscriptSegment():
                self._count(MediaType.TRANSCRIPT, item.size)
                return Line(clean(item.text), self._learn(item.user_id, item.user_name))
            case ChatMessage():
                self._count(MediaType.CHAT, item.size)
                return self._chat(item)
            case _:
                return self._event(item)
        return None

    def name(self, user_id: UserId | None) -> str:
        """Return the name of somebody, safe to be shown."""
        if user_id is None:
            return "somebody"
        return self._names.get(user_id) or f"user {clean(str(user_id))}"

    @property
    def speaker(self) -> str | None:
        """Name of the active speaker, as far as the server said."""
        return None if self._speaking is None else self.name(self._speaking)

    def speaks(self, speaker: Speaker | None) -> bool:
        """Tell whether somebody who has been heard is the active speaker."""
        return speaker is not None and self._speaking is not None and speaker[1] == self._speaking

    def counts(self) -> str:
        """Return all counters in one line."""
        counted: list[str] = []
        for medium, counter in sorted(self.counters.items()):
            counted.append(f"{_medium(medium, '')} {counter.items}")
            if medium == MediaType.VIDEO:
                counted[-1] += f" ({self.name(self.on_camera)})"
        return "  ".join(counted) or "nothing yet"

    def losses(self) -> str:
        """Return in one line how much is missing."""
        times = f" in {counted(self.gaps, 'gap')}" if self.gaps else ""
        return f"{counted(self.lost, 'item')}{times}"

    # --- media -----------------------------------------------------------------------------------

    def _count(self, medium: MediaType, size: int) -> None:
        counter = self.counters.setdefault(medium, Counter())
        counter.items += 1
        counter.size += size

    def _hear(self, frame: AudioFrame) -> None:
        key = speaker_key(frame)
        voice = self.voices.get(key)
        if voice is None and len(self.voices) < _MAX_VOICES:
            name = "everybody" if key is None else self._learn(frame.user_id, frame.user_name)
            voice = self.voices[key] = Voice(name)
        elif voice is None:
            voice = self.voices.setdefault(_OTHERS, Voice("others"))
        voice.spoken_ms += duration_ms(frame)
        voice.heard_at = self._now()
        voice.recent.append(frame)

    def _learn(self, user_id: UserId | None, name: str | None) -> str:
        """Remember a name; returns the name to be shown."""
        room = user_id in self._names or len(self._names) < _MAX_NAMES
        if user_id is not None and name and room:
            self._names[user_id] = clean(name)
        return self.name(user_id)

    def _chat(self, message: ChatMessage) -> Line:
        sender = message.sender or ChatParty()
        who = self._learn(sender.user_id, sender.user_name)
        if message.receiver is not None:
            receiver = message.receiver
            who += f" to {self._learn(receiver.user_id, receiver.user_name)}"
        what = "chat"
        if message.operation is not None and message.operation != ChatOperation.NEW:
            what += f", {message.operation.name.lower()}"
        files = "".join(f" [{clean(file.file_name or file.file_id)}]" for file in message.files)
        return Line(f"{clean(message.text)}{files}".strip(), f"{who} ({what})")

    # --- events ----------------------------------------------------------------------------------

    def _event(self, event: ev.SessionEvent) -> Line | None:
        match event:
            case ev.ActiveSpeakerChanged(user_id=user_id, user_name=name):
                self._learn(user_id, name)
                self._speaking = user_id
                return None
            case ev.StreamStateChanged(state=state, reason=reason):
                self.state = state.name.lower()
                why = f" ({reason.name})" if reason is not None else ""
                return None if state in _EXPECTED else Line(f"stream {self.state}{why}")
            case ev.SessionStateChanged(state=state):
                known = state == SessionState.STARTED
                return None if known else Line(f"session {state.name.lower()}")
            case ev.Gap():
                return self._gap(event)
            case _:
                return self._people(event) or _trouble(event)

    def _gap(self, gap: ev.Gap) -> Line:
        where = f"of {_medium(gap.media, 'events')}"
        if gap.cause is ev.GapCause.PAUSED:
            return Line(f"a pause {where}")
        self.gaps += 1
        self.lost += gap.items or 0
        how_many = "an unknown number" if gap.items is None else gap.items
        return Line(f"LOST: {how_many} {where}, {gap.cause.value}")

    def _people(self, event: ev.SessionEvent) -> Line | None:
        match event:
            case ev.ParticipantJoined(participants=people):
                text = f"{self._all(people)} joined"
            case ev.ParticipantLeft(participants=people):
                text = f"{self._all(people)} left"
            case ev.VideoStarted(participants=people):
                text = f"camera on: {self._all(people)}"
            case ev.VideoStopped(participants=people):
                text = f"camera off: {self._all(people)}"
            case ev.SharingStarted(user_id=user_id, user_name=name):
                text = f"{self._learn(user_id, name)} shares a screen"
            case ev.SharingStopped():
                text = "screen share ended"
            case _:
                return None
        return Line(text)

    def _all(self, people: Iterable[ev.Participant]) -> str:
        return ", ".join(self._learn(person.user_id, person.user_name) for person in people)


def _medium(media: MediaType | None, otherwise: str) -> str:
    return otherwise if media is None else str(media.name).lower()


def _trouble(event: ev.SessionEvent) -> Line | None:
    """Put into words what an operator should know."""
    match event:
        case ev.MediaUnavailable(media=media, reason=reason):
            text = f"{_medium(media, '')} will not come: {reason}"
        case ev.ParametersChanged(media=media, differences=differences):
            text = f"{_medium(media, '')} granted with other parameters: {', '.join(differences)}"
        case ev.MediaInterrupted(media=media):
            text = f"the server lost the connection for {_medium(media, 'media')}"
        case ev.StreamInterrupted(media=media, cause=cause):
            text = f"INTERRUPTED: {_medium(media, 'all media')}: {cause}"
        case ev.ReconnectScheduled(media=media, attempt=attempt, delay_s=delay_s):
            text = f"{_medium(media, 'signaling')}: try {attempt} in {delay_s:.1f} s"
        case ev.StreamResumed(media=media, after_s=after_s):
            text = f"{_medium(media, 'all media')} resumed after {after_s:.1f} s"
        case ev.ContactCenterEvent(event_type=kind):
            text = f"contact center: {kind.name}"
        case ev.Unrecognized(problem=problem):
            text = f"message not understood: {problem}"
        case _:
            return None
    return Line(clean(text))
