"""What the events of a session add up to."""

from __future__ import annotations

import pytest

from rtms_client import events as ev
from rtms_client.enums import SessionState, StopReason
from rtms_client.protocol.roster import Roster

ADA = ev.Participant(user_id=1, user_name="Ada")
GRACE = ev.Participant(user_id=2, user_name="Grace")


def roster_after(*events: ev.SessionEvent) -> Roster:
    """Apply events to an empty roster."""
    roster = Roster()
    for event in events:
        roster.apply(event)
    return roster


def test_joins_are_upserts() -> None:
    """The first join lists everybody; a later one may name somebody anew."""
    renamed = ev.Participant(user_id=1, user_name="Ada L.")
    roster = roster_after(
        ev.ParticipantJoined(participants=(ADA, GRACE)),
        ev.ParticipantJoined(participants=(renamed,)),
    )
    assert roster.participants == {1: renamed, 2: GRACE}


def test_leaving_removes() -> None:
    """Who left is gone; who was never there is no error."""
    roster = roster_after(
        ev.ParticipantJoined(participants=(ADA, GRACE)),
        ev.ParticipantLeft(participants=(ev.Participant(user_id=1), ev.Participant(user_id=9))),
    )
    assert roster.participants == {2: GRACE}


@pytest.mark.parametrize("kind", [ev.ParticipantLeft, ev.VideoStarted, ev.VideoStopped])
def test_names_come_from_the_join(
    kind: type[ev.ParticipantLeft | ev.VideoStarted | ev.VideoStopped],
) -> None:
    """Who leaves or turns a camera on is named, although the server sends an id only."""
    roster = roster_after(ev.ParticipantJoined(participants=(ADA, GRACE)))
    stranger, renamed = ev.Participant(user_id=9), ev.Participant(user_id=2, user_name="G.")
    event = kind(participants=(ev.Participant(user_id=1), stranger, renamed))
    assert roster.named(event) == kind(participants=(ADA, stranger, renamed))
    as_it_was = kind(participants=(stranger,))
    assert roster.named(as_it_was) is as_it_was


@pytest.mark.parametrize(
    ("event", "speaker"),
    [
        (ev.ActiveSpeakerChanged(user_id=1), ADA),
        (
            ev.ActiveSpeakerChanged(user_id=1, user_name="Eve"),
            ev.Participant(user_id=1, user_name="Eve"),
        ),
        (ev.ActiveSpeakerChanged(user_id=9), ev.Participant(user_id=9)),
        (ev.ActiveSpeakerChanged(), None),
    ],
    ids=["known", "renamed", "unknown", "nobody"],
)
def test_active_speaker(event: ev.ActiveSpeakerChanged, speaker: ev.Participant | None) -> None:
    """The speaker is named from the event, else from the list of participants."""
    roster = roster_after(
        ev.ParticipantJoined(participants=(ADA,)), ev.ActiveSpeakerChanged(user_id=2), event
    )
    assert roster.active_speaker == speaker


def test_sharer() -> None:
    """Sharing begins with somebody and ends with nobody."""
    roster = roster_after(ev.SharingStarted(user_id=2, user_name="Grace"))
    assert roster.sharer == GRACE
    roster.apply(ev.SharingStopped())
    assert roster.sharer is None


def test_start_is_the_first_one() -> None:
    """A reconnect may bring the event again; the session began once."""
    roster = roster_after(ev.FirstPacket(timestamp_ms=5), ev.FirstPacket(timestamp_ms=9))
    assert roster.started_ms == 5


def test_start_without_time_is_no_start() -> None:
    """An event without time does not prevent that a later one has it."""
    roster = roster_after(ev.FirstPacket(), ev.FirstPacket(timestamp_ms=9))
    assert roster.started_ms == 9


def state(session_id: str | None, number: int, reason: int | None = None) -> ev.SessionEvent:
    """Make a state of a session."""
    return ev.SessionStateChanged(
        session_id=session_id,
        state=SessionState(number),
        reason=None if reason is None else StopReason(reason),
    )


def test_newest_session_stands_last() -> None:
    """A state makes its session the newest one."""
    roster = roster_after(state("a", 2), state("b", 2), state("a", 3))
    assert list(roster.sessions.items()) == [
        ("b", SessionState.STARTED),
        ("a", SessionState.PAUSED),
    ]


def test_state_without_session_changes_nothing() -> None:
    """The mock server sends states without id (row 44)."""
    assert roster_after(state(None, 5)) == Roster()


@pytest.mark.parametrize(
    ("events", "stopped", "reason"),
    [
        ([], False, None),
        ([state("a", 5, 6)], True, StopReason.MEETING_ENDED),
        ([state("a", 5)], True, None),
        ([state("a", 2), state("b", 5, 6)], False, None),
        ([state("a", 5, 13), state("b", 2), state("b", 5, 6)], True, StopReason.MEETING_ENDED),
        ([state("a", 5, 6), state("c", 2)], False, None),
    ],
    ids=["none known", "the only one", "without reason", "one of two", "the last", "a new one"],
)
def test_all_sessions_stopped(
    events: list[ev.SessionEvent],
    stopped: bool,  # noqa: FBT001  # data
    reason: StopReason | None,
) -> None:
    """Only the end of the last session matters, and why it ended."""
    roster = roster_after(*events)
    assert roster.all_sessions_stopped is stopped
    assert roster.stop_reason == reason


def test_other_events_change_nothing() -> None:
    """Events about media leave the picture alone."""
    assert roster_after(ev.VideoStarted(participants=(ADA,))) == Roster()


def test_memory_is_bounded() -> None:
    """A server that names more people and sessions than can be true does not fill our memory."""
    crowd = tuple(ev.Participant(user_id=number) for number in range(10_500))
    roster = roster_after(ev.ParticipantJoined(participants=crowd))
    assert len(roster.participants) == 10_000
    assert next(iter(roster.participants)) == 500
    for number in range(10_001):
        roster.apply(state(str(number), 2))
    assert len(roster.sessions) == 10_000
    assert next(reversed(roster.sessions)) == "10000"
