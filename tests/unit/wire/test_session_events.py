"""Events of message 6 as typed values, by product."""

from __future__ import annotations

import pytest

from rtms_client import events as ev
from rtms_client._wire import inbound
from rtms_client.enums import ContactCenterEventType, EventType, MediaType, Product
from rtms_client.exceptions import RemoteProtocolError

NOW = 1790000000000
ADA = ev.Participant(user_id=16778240, user_name="Ada")
GRACE = ev.Participant(user_id=16779264, user_name="Grace")


def read(event: object, product: Product = Product.MEETING) -> ev.SessionEvent:
    """Read an event inside its envelope, with sequence number 7."""
    return inbound.session_event({"msg_type": 6, "event": event}, product, 7)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event_type": 1, "timestamp": NOW}, ev.FirstPacket(sequence=7, timestamp_ms=NOW)),
        (
            {"event_type": 2, "timestamp": NOW, "user_id": 16778240, "user_name": "Ada"},
            ev.ActiveSpeakerChanged(
                sequence=7, timestamp_ms=NOW, user_id=16778240, user_name="Ada"
            ),
        ),
        (
            {
                "event_type": 3,
                "timestamp": 1790000001000,
                "participants": [
                    {"user_id": 16778240, "user_name": "Ada"},
                    {"user_id": "16779264", "user_name": "Grace"},
                ],
            },
            ev.ParticipantJoined(sequence=7, timestamp_ms=1790000001000, participants=(ADA, GRACE)),
        ),
        (
            {
                "event_type": 4,
                "timestamp": 1790000002000,
                "participants": [{"user_id": 16779264}],
            },
            ev.ParticipantLeft(
                sequence=7,
                timestamp_ms=1790000002000,
                participants=(ev.Participant(user_id=16779264),),
            ),
        ),
        (
            {
                "event_type": 5,
                "timestamp": 1790000003000,
                "user_id": 16778240,
                "user_name": "Ada",
            },
            ev.SharingStarted(
                sequence=7, timestamp_ms=1790000003000, user_id=16778240, user_name="Ada"
            ),
        ),
        (
            {"event_type": 6, "timestamp": 1790000004000},
            ev.SharingStopped(sequence=7, timestamp_ms=1790000004000),
        ),
        (
            {"event_type": 7, "timestamp": 1790000005000},
            ev.MediaInterrupted(sequence=7, timestamp_ms=1790000005000),
        ),
        (
            {"event_type": 8, "timestamp": NOW, "participants": [{"user_id": 16778240}]},
            ev.VideoStarted(
                sequence=7, timestamp_ms=NOW, participants=(ev.Participant(user_id=16778240),)
            ),
        ),
        (
            {
                "event_type": 9,
                "timestamp": NOW,
                "participants": [{"user_id": 16778240, "user_name": "Ada"}],
            },
            ev.VideoStopped(sequence=7, timestamp_ms=NOW, participants=(ADA,)),
        ),
    ],
    ids=lambda value: f"{value['event_type']}" if isinstance(value, dict) else "",
)
def test_documented_event(event: dict[str, object], expected: ev.SessionEvent) -> None:
    """Each event of meetings is the documented example."""
    found = read(event)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("number", "key"),
    [
        (10, "chat_groups"),
        (11, "chat_groups"),
        (12, "members_update_list"),
        (13, "members_update_list"),
        (14, "member_status_update_list"),
    ],
)
def test_chat_group_event(number: int, key: str) -> None:
    """The items of chat groups are passed on as they are: their fields are not documented."""
    items = [{"group_id": "g-1", "anything": [1]}, "junk", {}, {"group_id": "g-2"}]
    assert read({"event_type": number, "timestamp": NOW, key: items}) == ev.ChatGroupChanged(
        sequence=7,
        timestamp_ms=NOW,
        event_type=EventType(number),
        changes=({"group_id": "g-1", "anything": [1]}, {"group_id": "g-2"}),
    )


def test_chat_group_event_without_list() -> None:
    """A missing or malformed list is an event without changes."""
    assert read({"event_type": 10, "chat_groups": {"group_id": "g"}}) == ev.ChatGroupChanged(
        sequence=7, event_type=EventType.CHAT_GROUP_CREATE
    )


def test_contact_center_event() -> None:
    """Event 8 of Contact Center is the documented example, and the raw event is kept."""
    event = {
        "event_type": 8,
        "event_ts": NOW,
        "participant_info": {
            "channel_id": "ch-1",
            "participant_mode": "caller",
            "queue_id": "queue-id",
            "queue_name": "Support",
            "account_id": "account-id",
            "division_id": "division-id",
            "phone_number": "+15550100",
            "user_id": "contact-id",
            "display_name": "Jane",
        },
    }
    assert read(event, Product.CONTACT_CENTER) == ev.ContactCenterEvent(
        sequence=7,
        timestamp_ms=NOW,
        event_type=ContactCenterEventType.CONSUMER_ANSWERED,
        channel_id="ch-1",
        participant_mode="caller",
        details=event,
    )


def test_contact_center_event_misspelt() -> None:
    """One sample of Zoom misspells the key of the participant."""
    event = {"event_type": 9, "paticipant_info": {"channel_id": 5}}
    assert read(event, Product.CONTACT_CENTER) == ev.ContactCenterEvent(
        sequence=7,
        event_type=ContactCenterEventType.CONSUMER_END,
        channel_id="5",
        details=event,
    )


@pytest.mark.parametrize("number", [0, 2, 6, *range(8, 35), 4711])
def test_every_number_of_contact_center(number: int) -> None:
    """Known or not, numbers of Contact Center are events of Contact Center."""
    found = read({"event_type": number}, Product.CONTACT_CENTER)
    assert isinstance(found, ev.ContactCenterEvent)
    assert found.event_type == number


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, ev.FirstPacket(sequence=7)), (7, ev.MediaInterrupted(sequence=7))],
)
def test_generic_events_of_contact_center(number: int, expected: ev.SessionEvent) -> None:
    """Events 1 and 7 mean the same for every product."""
    assert read({"event_type": number}, Product.CONTACT_CENTER) == expected


@pytest.mark.parametrize(
    "product", [Product.MEETING, Product.WEBINAR, Product.VIDEO_SDK, Product.PHONE]
)
@pytest.mark.parametrize("number", [0, 15, 34, -1, 2**40])
def test_unknown_number(product: Product, number: int) -> None:
    """An unknown event of the other products is not understood; the number is named."""
    with pytest.raises(RemoteProtocolError) as caught:
        read({"event_type": number}, product)
    assert str(caught.value) == f"expected a known event_type, got event_type {number}"


@pytest.mark.parametrize(
    ("event", "got"),
    [
        (None, "none"),
        ({}, "none"),
        ("joined", "none"),
        ({"event_type": None}, "none"),
        ({"event_type": "NO_SUCH_EVENT"}, "none"),
        ({"event_code": 4711}, "only event_code 4711, whose meaning is not known"),
        ({"event_code": "phone.hold"}, "only event_code phone.hold, whose meaning is not known"),
    ],
)
def test_event_without_type(event: object, got: str) -> None:
    """Without a type nothing can be said; the code of version 2 is named."""
    with pytest.raises(RemoteProtocolError) as caught:
        read(event)
    assert str(caught.value) == f"expected an event_type, got {got}"


def test_type_wins_over_code() -> None:
    """Where both are sent, the number of version 1 says what it is."""
    assert read({"event_type": 6, "event_code": 900}) == ev.SharingStopped(sequence=7)


@pytest.mark.parametrize(
    ("product", "name", "kind"),
    [
        (Product.MEETING, "PARTICIPANT_LEAVE", ev.ParticipantLeft),
        (Product.CONTACT_CENTER, "USER_HOLD", ev.ContactCenterEvent),
        (Product.CONTACT_CENTER, "FIRST_PACKET_TIMESTAMP", ev.FirstPacket),
    ],
)
def test_row_40_event_type_as_name(
    product: Product, name: str, kind: type[ev.SessionEvent]
) -> None:
    """A server of the beta may send names instead of numbers."""
    assert type(read({"event_type": name}, product)) is kind


def test_everything_at_top_level() -> None:
    """Some servers send the event without its envelope; the envelope is then no extra."""
    found = inbound.session_event(
        {"msg_type": 6, "event_type": 3, "event_ts": NOW, "user_id": 1, "team": "x"},
        Product.MEETING,
        7,
    )
    person = ev.Participant(user_id=1, extra={"team": "x"})
    assert found == ev.ParticipantJoined(sequence=7, timestamp_ms=NOW, participants=(person,))


def test_type_and_time_at_top_level() -> None:
    """Type and time are also found beside the event."""
    message = {"msg_type": 6, "event_type": 6, "timestamp": NOW, "event": {"x": 1}}
    found = inbound.session_event(message, Product.MEETING, 7)
    assert found == ev.SharingStopped(sequence=7, timestamp_ms=NOW)


# --- participants --------------------------------------------------------------------------------


def joined(event: dict[str, object]) -> tuple[ev.Participant, ...]:
    """Return the participants of a join event."""
    found = read({"event_type": 3, **event})
    assert isinstance(found, ev.ParticipantJoined)
    return found.participants


def test_unknown_keys_of_participants_are_kept() -> None:
    """Later versions say more about people; it is passed on."""
    (person,) = joined({"participants": [{"user_id": 1, "role": "host", "userName": "Ada"}]})
    assert (person.user_name, person.extra) == ("Ada", {"role": "host"})


@pytest.mark.parametrize(
    "participants", [[7, None, "x", [], {}], [{"user_name": "Ada"}], [{"user_id": {}}]], ids=str
)
def test_entries_without_id_are_skipped(participants: list[object]) -> None:
    """Who has no id cannot be named, so the others are all there is."""
    assert joined({"participants": participants}) == ()
    assert joined({"participants": [*participants, {"user_id": 5}]}) == (ev.Participant(user_id=5),)


@pytest.mark.parametrize("participants", [None, [], {}, "x"], ids=repr)
def test_nobody_at_all(participants: object) -> None:
    """An event about nobody is delivered as such."""
    assert joined({"participants": participants}) == ()


# --- interrupted media ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, MediaType.AUDIO),
        ("2", MediaType.VIDEO),
        (32, MediaType.ALL),
        (9, MediaType.AUDIO | MediaType.TRANSCRIPT),
        (64, None),
        (65, MediaType.AUDIO),
        (0, None),
        (None, None),
        ("audio", None),
    ],
    ids=ascii,
)
def test_interrupted_medium(value: object, expected: MediaType | None) -> None:
    """Which media are concerned is said by flags, if at all; unknown flags say nothing."""
    assert read({"event_type": 7, "media_type": value}) == ev.MediaInterrupted(
        sequence=7, media=expected
    )


def test_interrupted_media_do_not_fill_memory() -> None:
    """A server that counts upwards must not grow Python's table of flags."""
    for flags in range(64):
        read({"event_type": 7, "media_type": flags})
    before = len(MediaType._value2member_map_)
    for flags in range(-1000, 100_000, 7):
        read({"event_type": 7, "media_type": flags})
    assert len(MediaType._value2member_map_) == before
