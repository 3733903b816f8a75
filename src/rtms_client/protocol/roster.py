"""Who is there, who speaks, who shares: what the events of a session add up to."""

from collections.abc import Iterable
from typing import Final, TypeVar

import attrs

from rtms_client.enums import SessionState, StopReason
from rtms_client.events import (
    ActiveSpeakerChanged,
    FirstPacket,
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    SessionEvent,
    SessionStateChanged,
    SharingStarted,
    SharingStopped,
    VideoStarted,
    VideoStopped,
)
from rtms_client.frames import UserId

__all__ = ["Roster"]

_MAX_ENTRIES: Final = 10_000  # far above any meeting; a server must not be able to fill our memory


@attrs.define
class Roster:
    """The present picture of a session, made from its events."""

    participants: dict[UserId, Participant] = attrs.field(factory=dict[UserId, Participant])
    active_speaker: Participant | None = None
    sharer: Participant | None = None
    started_ms: int | None = None
    """Start of the session on the server's clock (event 1)."""
    sessions: dict[str, SessionState] = attrs.field(factory=dict[str, SessionState])
    stale: bool = False
    """Whether the next join lists everybody anew, because we subscribed again."""
    stop_reason: StopReason | None = None
    """Why the last session stopped; `None` while one goes on."""

    def apply(self, event: SessionEvent) -> None:
        """Take one event into account; joins are upserts (messages notes, 5.3)."""
        match event:
            case ParticipantJoined(participants=people):
                if self.stale:
                    self.participants.clear()
                    self.stale = False
                _update(self.participants, ((who.user_id, _slim(who)) for who in people))
            case ParticipantLeft(participants=people):
                for person in people:
                    self.participants.pop(person.user_id, None)
            case ActiveSpeakerChanged(user_id=user_id, user_name=name):
                self.active_speaker = self._person(user_id, name)
            case SharingStarted(user_id=user_id, user_name=name):
                self.sharer = self._person(user_id, name)
            case SharingStopped():
                self.sharer = None
            case FirstPacket(timestamp_ms=timestamp) if self.started_ms is None:
                self.started_ms = timestamp
            case SessionStateChanged(session_id=str(session), state=state, reason=reason):
                self.sessions.pop(session, None)  # the newest stands last
                _update(self.sessions, [(session, state)])
                self.stop_reason = reason if self.all_sessions_stopped else None
            case _:
                pass

    def named(self, event: SessionEvent) -> SessionEvent:
        """Return an event with the names of participants that the server left out of it.

        Who leaves or turns a camera on comes with an id only (messages notes, 5.3).
        """
        if not isinstance(event, ParticipantLeft | VideoStarted | VideoStopped):
            return event
        people = tuple(self._with_name(person) for person in event.participants)
        return event if people == event.participants else attrs.evolve(event, participants=people)

    def _with_name(self, person: Participant) -> Participant:
        known = None if person.user_name else self.participants.get(person.user_id)
        return attrs.evolve(person, user_name=known.user_name) if known else person

    def begin_anew(self) -> None:
        """Forget what belonged to a stream that was started again."""
        self.sessions.clear()
        self.stop_reason = None

    @property
    def all_sessions_stopped(self) -> bool:
        """Whether sessions are known and none of them goes on (lifecycle notes, section 9)."""
        return bool(self.sessions) and all(
            state == SessionState.STOPPED for state in self.sessions.values()
        )

    def _person(self, user_id: UserId | None, name: str | None) -> Participant | None:
        if user_id is None:
            return None
        known = self.participants.get(user_id)
        return known if known and name is None else Participant(user_id=user_id, user_name=name)


def _slim(person: Participant) -> Participant:
    """Return a participant without what is not known: it may be large, and it stays."""
    return attrs.evolve(person, extra={}) if person.extra else person


_K = TypeVar("_K")
_V = TypeVar("_V")


def _update(entries: dict[_K, _V], new: Iterable[tuple[_K, _V]]) -> None:
    """Add entries; the oldest make room when there are absurdly many."""
    entries.update(new)
    while len(entries) > _MAX_ENTRIES:
        del entries[next(iter(entries))]
