"""What happens besides media: values that give nothing away."""

from __future__ import annotations

import pickle
import typing

import attrs
import pytest

from rtms_client import events as ev
from rtms_client.enums import (
    ContactCenterEventType,
    EventType,
    MediaType,
    MessageType,
    SessionState,
    StatusCode,
    StopReason,
    StreamState,
)
from rtms_client.exceptions import ConnectionLost
from rtms_client.frames import Item, MediaFrame

NAME = "Ada Canary"
RAW = {"name": "canary"}
LOST = ConnectionLost("signaling", 1006, "")
PEOPLE = (ev.Participant(user_id=1, user_name=NAME, extra=RAW),)

EVENTS: tuple[ev.SessionEvent, ...] = (
    ev.FirstPacket(timestamp_ms=1790000000000),
    ev.ActiveSpeakerChanged(user_id=1, user_name=NAME),
    ev.ParticipantJoined(participants=PEOPLE),
    ev.ParticipantLeft(participants=PEOPLE),
    ev.SharingStarted(user_id=1, user_name=NAME),
    ev.SharingStopped(),
    ev.MediaInterrupted(media=MediaType.AUDIO),
    ev.VideoStarted(participants=PEOPLE),
    ev.VideoStopped(participants=PEOPLE),
    ev.ChatGroupChanged(event_type=EventType.CHAT_GROUP_CREATE, changes=(RAW,)),
    ev.ContactCenterEvent(event_type=ContactCenterEventType.USER_HOLD, details=RAW),
    ev.StreamStateChanged(state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED),
    ev.SessionStateChanged(state=SessionState.STARTED, session_id="sess-1"),
    ev.VideoSubscriptionChanged(user_id=1, subscribed=True, status=StatusCode.OK),
    ev.MediaUnavailable(media=MediaType.CHAT),
    ev.ParametersChanged(media=MediaType.AUDIO, differences=("codec: L16 → OPUS",)),
    ev.MediaMetadata(message_type=MessageType.META_DATA_AUDIO, content=RAW),
    ev.StreamInterrupted(media=None, cause=LOST),
    ev.ReconnectScheduled(media=MediaType.AUDIO, attempt=1, delay_s=0.25, cause=LOST),
    ev.StreamResumed(media=None, attempts=1, after_s=0.5),
    ev.Gap(media=MediaType.AUDIO, cause=ev.GapCause.DROPPED, items=3, size=1920),
    ev.Unrecognized(problem="expected a state, got none", raw=RAW),
)
KINDS = [type(event).__name__ for event in EVENTS]


def test_family_is_complete() -> None:
    """Every member of the typed family has a sample here, and only these are events."""
    assert set(typing.get_args(ev.SessionEvent)) == {type(event) for event in EVENTS}


def test_items_are_media_and_events() -> None:
    """Iterating a stream gives media or events, nothing else."""
    assert set(typing.get_args(ev.StreamItem)) == {
        *typing.get_args(MediaFrame),
        *typing.get_args(ev.SessionEvent),
    }


@pytest.mark.parametrize("event", EVENTS, ids=KINDS)
def test_event_is_an_item(event: ev.SessionEvent) -> None:
    """Events share the numbering of media."""
    assert isinstance(event, Item)
    assert event.sequence == 0


@pytest.mark.parametrize("event", EVENTS, ids=KINDS)
def test_representation_gives_nothing_away(event: ev.SessionEvent) -> None:
    """A logged event shows neither names nor what the server sent along."""
    assert "canary" not in repr(event).lower()


@pytest.mark.parametrize("event", EVENTS, ids=KINDS)
def test_events_are_values(event: ev.SessionEvent) -> None:
    """Events are frozen, can be keys, and cross process boundaries."""
    for name in attrs.fields_dict(type(event)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(event, name, None)
    copied = pickle.loads(pickle.dumps(event))  # noqa: S301  # our own
    assert repr(copied) == repr(event)
    if not isinstance(event, ev.StreamInterrupted | ev.ReconnectScheduled):  # errors are no values
        assert {event: "found"}[copied] == "found"


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "duration_ms"),
    [(1000, 1400, 400), (1000, 1000, 0), (None, 1400, None), (1000, None, None)],
)
def test_duration_of_a_gap(from_ms: int | None, to_ms: int | None, duration_ms: int | None) -> None:
    """The duration is known when both ends are."""
    gap = ev.Gap(media=None, cause=ev.GapCause.LOST, from_ms=from_ms, to_ms=to_ms)
    assert gap.duration_ms == duration_ms


@pytest.mark.parametrize(
    ("cause", "value"),
    [
        (ev.GapCause.DROPPED, "dropped"),
        (ev.GapCause.LOST, "lost"),
        (ev.GapCause.PAUSED, "paused"),
    ],
)
def test_causes_of_a_gap(cause: ev.GapCause, value: str) -> None:
    """The values of the causes are stable: applications store them."""
    assert cause.value == value
