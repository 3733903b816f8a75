"""What follows from the choices of the application: names of the stream, events, subscriptions."""

from __future__ import annotations

import pytest

from rtms_client._wire.outbound import Identity
from rtms_client.config import AudioParams, StreamInfo
from rtms_client.enums import ContactCenterEventType, EventType, MediaType, Product
from rtms_client.exceptions import InvalidParameters
from rtms_client.protocol.options import (
    Candidate,
    EventSubscription,
    SessionOptions,
    candidates,
    check_subscriptions,
    default_events,
)

REFUSED = frozenset({2, 3, 4})
SIGNATURE = frozenset({3})


def info(product: Product, alternate_id: str | None = None) -> StreamInfo:
    """Make a stream of a product."""
    return StreamInfo(
        product=product, product_id="p", stream_id="s", server_urls=(), alternate_id=alternate_id
    )


@pytest.mark.parametrize(
    ("product", "alternate_id", "id_key", "expected"),
    [
        (Product.MEETING, None, None, [Candidate("meeting_uuid", "p")]),
        (
            Product.VIDEO_SDK,
            None,
            None,
            [Candidate("meeting_uuid", "p"), Candidate("session_id", "p", REFUSED)],
        ),
        (
            Product.CONTACT_CENTER,
            None,
            None,
            [Candidate("meeting_uuid", "p"), Candidate("engagement_id", "p", REFUSED)],
        ),
        (
            Product.PHONE,
            None,
            None,
            [Candidate("meeting_uuid", "p"), Candidate("call_id", "p", REFUSED)],
        ),
        (
            Product.WEBINAR,
            "other",
            None,
            [
                Candidate("meeting_uuid", "p"),
                Candidate("webinar_uuid", "p", REFUSED),
                Candidate("meeting_uuid", "other", SIGNATURE),
            ],
        ),
        (Product.VIDEO_SDK, None, "session_id", [Candidate("session_id", "p")]),
        (
            Product.WEBINAR,
            "other",
            "webinar_uuid",
            [Candidate("webinar_uuid", "p"), Candidate("webinar_uuid", "other", SIGNATURE)],
        ),
    ],
    ids=["meeting", "video sdk", "contact center", "phone", "webinar", "key given", "both given"],
)
def test_rows_1_and_2_ways_to_name_a_stream(
    product: Product, alternate_id: str | None, id_key: str | None, expected: list[Candidate]
) -> None:
    """``meeting_uuid`` first, then the product's own key, then the other id of a webinar."""
    assert candidates(info(product, alternate_id), id_key) == expected


def test_identity_signs_the_id_it_names() -> None:
    """Each way to name a stream has a signature of its own."""
    options = SessionOptions(params={}, sign=lambda product_id: f"<{product_id}>")
    assert Candidate("webinar_uuid", "w").identity(info(Product.WEBINAR), options) == Identity(
        id_key="webinar_uuid", product_id="w", stream_id="s", signature="<w>", protocol_version=1
    )


def test_options_hide_the_signer() -> None:
    """What makes signatures knows the secret, so it is not shown."""
    assert "sign" not in repr(SessionOptions(params={}, sign=str))


@pytest.mark.parametrize(
    "product",
    [Product.MEETING, Product.WEBINAR, Product.VIDEO_SDK],
    ids=lambda product: product.name,
)
@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ([], [2, 3, 4, 8, 9]),
        ([MediaType.AUDIO, MediaType.VIDEO, MediaType.TRANSCRIPT], [2, 3, 4, 8, 9]),
        ([MediaType.SHARE], [2, 3, 4, 5, 6, 8, 9]),
        ([MediaType.CHAT], [2, 3, 4, 8, 9, 10, 11, 12, 13, 14]),
        ([MediaType.CHAT, MediaType.SHARE], [2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]),
    ],
    ids=["none", "audio, video, transcript", "share", "chat", "share and chat"],
)
def test_default_events(product: Product, media: list[MediaType], expected: list[int]) -> None:
    """All events whose scope follows from the media, never 1 and 7 (row 16)."""
    events = default_events(product, media)
    assert events == tuple(EventType(number) for number in expected)


def test_default_events_of_contact_center() -> None:
    """Contact Center has numbers of its own."""
    events = default_events(Product.CONTACT_CENTER, [MediaType.AUDIO])
    assert events == tuple(ContactCenterEventType(number) for number in range(8, 30))


def test_default_events_of_phone() -> None:
    """Phone has no known numbers, so nothing is subscribed."""
    assert default_events(Product.PHONE, [MediaType.AUDIO]) == ()


def test_subscriptions_of_all_kinds() -> None:
    """Numbers of both enums, and raw items of version 2, may be subscribed."""
    events: list[EventSubscription] = [
        EventType.PARTICIPANT_JOIN,
        ContactCenterEventType.USER_HOLD,
        EventType(99),
        {"event_code": 7},
    ]
    assert check_subscriptions(iter(events)) == tuple(events)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (EventType.FIRST_PACKET_TIMESTAMP, "FIRST_PACKET_TIMESTAMP"),
        (EventType.MEDIA_CONNECTION_INTERRUPTED, "MEDIA_CONNECTION_INTERRUPTED"),
        (ContactCenterEventType(7), "MEDIA_CONNECTION_INTERRUPTED"),
        (1, "FIRST_PACKET_TIMESTAMP"),
    ],
    ids=["event 1", "event 7", "event 7 of contact center", "plain number"],
)
def test_row_16_automatic_events_are_not_subscribed(event: EventType, name: str) -> None:
    """Events 1 and 7 come unasked, and the documentation warns against subscribing."""
    with pytest.raises(InvalidParameters) as caught:
        check_subscriptions([EventType.PARTICIPANT_JOIN, event])
    assert str(caught.value) == (
        f"events: event {name} comes unasked; leave it out of the subscription"
    )


@pytest.mark.parametrize(
    "value", [object(), float("nan"), None, [1], {"a": 1}], ids=lambda value: type(value).__name__
)
def test_raw_items_can_be_sent(value: object) -> None:
    """What JSON cannot hold would fail much later, when signaling is ready."""
    with pytest.raises(InvalidParameters, match="expected texts and integers in a raw item"):
        check_subscriptions([{"event_code": value}])


def test_defaults_are_those_of_the_notes() -> None:
    """Split sockets, initial buffer, version 1, nothing strict."""
    options = SessionOptions(params={MediaType.AUDIO: AudioParams()}, sign=str)
    assert (options.unified, options.strict, options.buffer_data) == (False, False, True)
    assert (options.protocol_version, options.id_key, options.reconnect) == (1, None, None)
    assert options.dice() == 0.0
