"""Who is there, who speaks, and for how long."""

import bisect
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

import attrs

from rtms_client.events import (
    ActiveSpeakerChanged,
    ParticipantJoined,
    ParticipantLeft,
    StreamItem,
)
from rtms_client.frames import AudioFrame, UserId

from ._speech import Speaker, duration_ms, speaker_key

__all__ = ["Attendee", "Speakers", "Turn"]

_MAX_TURNS: Final = 100_000
_MAX_ATTENDEES: Final = 10_000
_PAUSE_MS: Final = 500
_REPLAYED_MS: Final = 120_000  # twice as long as a server buffers


def _is_replay(start_ms: int, until_ms: int) -> bool:
    """Tell whether what begins before a moment may have come before it.

    If that moment is too far ahead, the time stamp that led to it was wrong.
    """
    return start_ms <= until_ms <= start_ms + _REPLAYED_MS


def _time(change: tuple[int, UserId | None]) -> int:
    return change[0]


@attrs.frozen(kw_only=True)
class Turn:
    """Somebody spoke from one moment to another, Unix time in milliseconds."""

    user_id: UserId | None
    channel_id: str | None = None
    """Call party in Contact Center and Phone."""
    start_ms: int
    end_ms: int


@attrs.frozen(kw_only=True)
class Attendee:
    """Somebody who was seen or heard."""

    user_id: UserId | None
    channel_id: str | None = None
    """Call party in Contact Center and Phone."""
    user_name: str | None = attrs.field(default=None, repr=False)
    joined_ms: int | None = None
    """Unix time in milliseconds; `None` when the server did not say."""
    left_ms: int | None = None
    """Unix time in milliseconds; `None` while the participant is there."""
    talk_ms: int = 0
    """How long this participant has spoken, in milliseconds."""


def _start(turn: Turn) -> int:
    return turn.start_ms


class Speakers:
    """Follows a stream and tells who was there, who spoke when, and for how long.

    With a stream of audio for each speaker, which is the default, the packets tell who speaks. In
    mixed audio the active speaker is held to be the one, as the server announces it; so what
    somebody says meanwhile counts for the active speaker. A server that sends audio of each
    speaker makes talk times add up to more than the session when people talk at once.

    Turns are those of the packets, or of the active speaker, joined over pauses of half a second.
    The last 100,000 are kept, and up to 10,000 participants. A packet with a wrong time is a turn
    of its own and changes no other; within two minutes before it, what follows is taken for a
    replay and does not count.
    """

    def __init__(self) -> None:
        self._attendees: dict[Speaker, Attendee] = {}
        self._turns: deque[Turn] = deque(maxlen=_MAX_TURNS)
        self._open: dict[Speaker, Turn] = {}
        self._heard_until: dict[Speaker, int] = {}
        self._changes: list[tuple[int, UserId | None]] = []
        self._mixed: deque[tuple[int, int]] = deque(maxlen=_MAX_TURNS)
        self._newest_ms = 0

    def add(self, item: StreamItem) -> None:
        """Take an item; those that say nothing about people are ignored."""
        match item:
            case AudioFrame():
                self._hear(item)
            case ActiveSpeakerChanged(user_id=user_id, user_name=name):
                at_ms = item.timestamp_ms or self._newest_ms
                if user_id is not None:
                    self._learn((None, user_id), name)
                bisect.insort(self._changes, (at_ms, user_id), key=_time)
                del self._changes[:-_MAX_TURNS]
            case ParticipantJoined(participants=people):
                for person in people:
                    key = (None, person.user_id)
                    known = self._learn(key, person.user_name)
                    if known is not None and (known.joined_ms is None or known.left_ms is not None):
                        joined_ms = known.joined_ms or item.timestamp_ms
                        self._attendees[key] = attrs.evolve(
                            known, joined_ms=joined_ms, left_ms=None
                        )
            case ParticipantLeft(participants=people):
                for person in people:
                    key = (None, person.user_id)
                    known = self._learn(key, person.user_name)
                    if known is not None:
                        left_ms = item.timestamp_ms or self._newest_ms
                        self._attendees[key] = attrs.evolve(known, left_ms=left_ms)
            case _:
                pass

    def _learn(self, key: Speaker, name: str | None) -> Attendee | None:
        """Return what is known of somebody; `None` when there are too many."""
        known = self._attendees.get(key)
        if known is None:
            if len(self._attendees) >= _MAX_ATTENDEES:
                return None
            known = Attendee(channel_id=key[0], user_id=key[1], user_name=name)
            self._attendees[key] = known
        elif name and name != known.user_name:
            known = self._attendees[key] = attrs.evolve(known, user_name=name)
        return known

    def _hear(self, frame: AudioFrame) -> None:
        start_ms, end_ms = frame.timestamp_ms, frame.timestamp_ms + duration_ms(frame)
        if not _is_replay(end_ms, self._newest_ms):
            self._newest_ms = end_ms
        key = speaker_key(frame)
        if key is None:
            self._mix(start_ms, end_ms)
            return
        known = self._learn(key, frame.user_name)
        if known is None:
            return
        heard_until = self._heard_until.get(key, 0)
        if _is_replay(start_ms, heard_until):  # what comes again counts once
            start_ms = heard_until
        if start_ms < end_ms:
            self._heard_until[key] = end_ms
            talk_ms = known.talk_ms + end_ms - start_ms
            self._attendees[key] = attrs.evolve(known, talk_ms=talk_ms)
            self._extend(key, start_ms, end_ms)

    def _extend(self, key: Speaker, start_ms: int, end_ms: int) -> None:
        turn = self._open.get(key)
        if turn is not None and 0 <= start_ms - turn.end_ms <= _PAUSE_MS:
            self._open[key] = attrs.evolve(turn, end_ms=end_ms)
            return
        if turn is not None:
            self._turns.append(turn)
        self._open[key] = Turn(channel_id=key[0], user_id=key[1], start_ms=start_ms, end_ms=end_ms)

    def _mix(self, start_ms: int, end_ms: int) -> None:
        """Remember mixed audio; whose it is may only be told later, on another connection."""
        last = self._mixed[-1] if self._mixed else None
        if last is not None and _is_replay(start_ms, last[1]):
            self._mixed[-1] = (last[0], max(last[1], end_ms))
        else:
            self._mixed.append((start_ms, end_ms))

    def _parts(self) -> Iterator[Turn]:
        """Yield mixed audio, cut where the active speaker changes."""
        for start_ms, end_ms in self._mixed:
            first = bisect.bisect_right(self._changes, start_ms, key=_time)
            last = bisect.bisect_left(self._changes, end_ms, key=_time)
            cuts = [start_ms, *map(_time, self._changes[first:last]), end_ms]
            for begin_ms, stop_ms in pairwise(cuts):
                user_id = self.at(begin_ms)
                if user_id is not None and begin_ms < stop_ms:
                    yield Turn(user_id=user_id, start_ms=begin_ms, end_ms=stop_ms)

    @property
    def attendees(self) -> Mapping[Speaker, Attendee]:
        """Everybody who was seen or heard, by channel and user id."""
        found = dict(self._attendees)
        for part in self._parts():
            key = (None, part.user_id)
            known = found.get(key, Attendee(user_id=part.user_id))
            talk_ms = known.talk_ms + part.end_ms - part.start_ms
            found[key] = attrs.evolve(known, talk_ms=talk_ms)
        return found

    @property
    def turns(self) -> list[Turn]:
        """Who spoke when, in the order of the starts."""
        mixed: list[Turn] = []
        for part in sorted(self._parts(), key=_start):
            last = mixed[-1] if mixed else None
            if (
                last is not None
                and last.user_id == part.user_id
                and part.start_ms - last.end_ms <= _PAUSE_MS
            ):
                mixed[-1] = attrs.evolve(last, end_ms=max(last.end_ms, part.end_ms))
            else:
                mixed.append(part)
        every = [*self._turns, *self._open.values(), *mixed]
        return sorted(every, key=_start)

    def at(self, timestamp_ms: int) -> UserId | None:
        """Return who was the active speaker at a moment.

        Args:
            timestamp_ms: Of a frame of mixed audio, for example; Unix time in milliseconds.

        Returns:
            The user id; `None` when the server had named nobody by then.
        """
        after = bisect.bisect_right(self._changes, timestamp_ms, key=_time)
        return self._changes[after - 1][1] if after else None
