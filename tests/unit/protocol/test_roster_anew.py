"""The roster after a new subscription, and how little it keeps."""

from rtms_client.events import Participant, ParticipantJoined
from rtms_client.protocol.roster import Roster

ADA, BOB = Participant(user_id=1, user_name="Ada"), Participant(user_id=2)


def test_first_join_after_a_new_subscription_lists_everybody() -> None:
    """Who left while we were away is gone with the first list; later joins add to it."""
    roster = Roster()
    roster.apply(ParticipantJoined(participants=(ADA, BOB)))
    roster.stale = True
    roster.apply(ParticipantJoined(participants=(ADA,)))
    assert list(roster.participants) == [1]
    roster.apply(ParticipantJoined(participants=(BOB,)))
    assert list(roster.participants) == [1, 2]


def test_unknown_keys_are_not_kept() -> None:
    """What is not known may be large: the event has it, the roster has not."""
    roster = Roster()
    roster.apply(ParticipantJoined(participants=(Participant(user_id=3, extra={"big": "x"}),)))
    assert roster.participants[3].extra == {}
