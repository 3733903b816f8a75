"""Who is there, who speaks, and for how long."""

import pytest
from tests.unit.cli.items import ADA, GRACE, START, T0, audio

from rtms_client.events import ActiveSpeakerChanged, Participant, ParticipantJoined, ParticipantLeft
from rtms_client.media import Attendee, Speakers, Turn, _speakers


def people(*user_ids: int, names: dict[int, str] | None = None) -> tuple[Participant, ...]:
    """Return participants."""
    known = names or {}
    return tuple(Participant(user_id=one, user_name=known.get(one)) for one in user_ids)


def speaks(user_id: int | None, at_ms: int | None) -> ActiveSpeakerChanged:
    """Return a change of the active speaker."""
    timestamp_ms = None if at_ms is None else T0 + at_ms
    return ActiveSpeakerChanged(user_id=user_id, user_name="Ada", timestamp_ms=timestamp_ms)


def test_turns_and_talk_time() -> None:
    """Packets of each speaker make turns; short pauses do not end them, and do not count."""
    speakers = Speakers()
    speakers.add(START)
    for at_ms in (0, 20, 540, 1061):
        speakers.add(audio(at_ms))
    speakers.add(audio(40, user_id=GRACE))
    assert speakers.turns == [
        Turn(user_id=ADA, start_ms=T0, end_ms=T0 + 560),
        Turn(user_id=GRACE, start_ms=T0 + 40, end_ms=T0 + 60),
        Turn(user_id=ADA, start_ms=T0 + 1061, end_ms=T0 + 1081),
    ]
    talk = {who: one.talk_ms for who, one in speakers.attendees.items()}
    assert talk == {(None, ADA): 80, (None, GRACE): 20}


def test_what_comes_again_counts_once() -> None:
    """A replay does not make anybody talk longer."""
    speakers = Speakers()
    for at_ms in (0, 20, 0, 30):
        speakers.add(audio(at_ms))
    assert speakers.attendees[None, ADA].talk_ms == 50


def test_joining_and_leaving() -> None:
    """Times come from the server; joining again ends an absence, and later names win."""
    speakers = Speakers()
    speakers.add(ParticipantJoined(participants=people(ADA, GRACE), timestamp_ms=T0))
    speakers.add(ParticipantJoined(participants=people(GRACE), timestamp_ms=T0 + 5))
    named = people(GRACE, names={GRACE: "Grace"})
    speakers.add(ParticipantLeft(participants=named, timestamp_ms=T0 + 10))
    assert list(speakers.attendees.values()) == [
        Attendee(user_id=ADA, joined_ms=T0),
        Attendee(user_id=GRACE, user_name="Grace", joined_ms=T0, left_ms=T0 + 10),
    ]
    speakers.add(ParticipantJoined(participants=people(GRACE), timestamp_ms=T0 + 20))
    assert speakers.attendees[None, GRACE].left_ms is None
    assert speakers.attendees[None, GRACE].joined_ms == T0


def test_leaving_without_a_time() -> None:
    """The newest audio says when it was."""
    speakers = Speakers()
    speakers.add(audio(100))
    speakers.add(ParticipantLeft(participants=people(ADA)))
    assert speakers.attendees[None, ADA].left_ms == T0 + 120
    assert speakers.attendees[None, ADA].joined_ms is None


def test_mixed_audio_belongs_to_the_active_speaker() -> None:
    """Even if the server names the speaker later; before anybody is named, it is nobody's."""
    speakers = Speakers()
    for at_ms in (0, 480, 500, 480, 980, 1000, 1500):
        speakers.add(audio(at_ms, user_id=0))
    speakers.add(speaks(GRACE, 1000))
    speakers.add(speaks(ADA, 500))
    speakers.add(speaks(None, 1500))
    talk = {who: one.talk_ms for who, one in speakers.attendees.items()}
    assert talk == {(None, GRACE): 20, (None, ADA): 40}
    assert [(turn.user_id, turn.start_ms - T0, turn.end_ms - T0) for turn in speakers.turns] == [
        (ADA, 500, 1000),
        (GRACE, 1000, 1020),
    ]
    found = [speakers.at(T0 + at_ms) for at_ms in (499, 500, 1200, 1500)]
    assert found == [None, ADA, GRACE, None]


def test_an_active_speaker_who_changes_twice_at_once() -> None:
    """The last word counts, and nobody speaks for no time."""
    speakers = Speakers()
    for change in (speaks(GRACE, 10), speaks(ADA, 10)):
        speakers.add(change)
    speakers.add(audio(0, user_id=0))
    assert [(turn.user_id, turn.end_ms - turn.start_ms) for turn in speakers.turns] == [(ADA, 10)]


def test_a_change_without_a_time() -> None:
    """It happened when it came."""
    speakers = Speakers()
    speakers.add(audio(100))
    speakers.add(speaks(GRACE, None))
    assert speakers.at(T0 + 119) is None
    assert speakers.at(T0 + 120) == GRACE


def test_call_parties() -> None:
    """They are told apart by channel."""
    speakers = Speakers()
    speakers.add(audio(0, user_id=0, channel_id="c1"))
    speakers.add(audio(0, user_id=0, channel_id="c2"))
    assert [turn.channel_id for turn in speakers.turns] == ["c1", "c2"]
    assert speakers.attendees["c1", 0].talk_ms == 20


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come and go, only so many are known."""
    monkeypatch.setattr(_speakers, "_MAX_ATTENDEES", 2)
    speakers = Speakers()
    speakers.add(ParticipantJoined(participants=people(1, 2, 3), timestamp_ms=T0))
    speakers.add(ParticipantLeft(participants=people(3), timestamp_ms=T0))
    speakers.add(audio(0, user_id=3))
    assert [one.user_id for one in speakers.attendees.values()] == [1, 2]
    assert speakers.turns == []


YEARS = 5 * 365 * 86_400_000


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("wrong_ms", [-T0, 1_800_000, YEARS])
@pytest.mark.parametrize("place", [0, 2])
def test_one_wrong_time(place: int, wrong_ms: int, mixed: bool) -> None:  # noqa: FBT001  # a parameter
    """It is a turn of its own; those of the others are what they would be without it."""
    speakers = Speakers()
    speakers.add(speaks(ADA, -T0))
    times = [0, 20, 600_000, 600_020]
    for at_ms in (*times[:place], wrong_ms, *times[place:]):
        speakers.add(audio(at_ms, user_id=0 if mixed else ADA))
    speakers.add(ParticipantLeft(participants=people(ADA)))
    turns = {turn.start_ms - T0: turn.end_ms - turn.start_ms for turn in speakers.turns}
    assert turns == {0: 40, 600_000: 40, wrong_ms: 20}
    known = speakers.attendees[None, ADA]
    assert (known.talk_ms, known.left_ms) == (100, T0 + 600_040)


def test_a_wrong_time_in_what_was_said() -> None:
    """What is mixed and lies inside of a turn does not cut it."""
    speakers = Speakers()
    speakers.add(speaks(ADA, 0))
    for at_ms in (*range(0, 600_000, 20), 1000, 600_000):
        speakers.add(audio(at_ms, user_id=0))
    assert [(one.start_ms - T0, one.end_ms - T0) for one in speakers.turns] == [(0, 600_020)]


def test_mixed_audio_that_comes_late_counts_once() -> None:
    """A replay is part of the turn that it belongs to."""
    speakers = Speakers()
    speakers.add(speaks(ADA, 0))
    for at_ms in (0, 20, 40, 0, 60):
        speakers.add(audio(at_ms, user_id=0))
    assert [turn.end_ms - turn.start_ms for turn in speakers.turns] == [80]
