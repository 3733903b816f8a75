"""What each webhook tells: all products, shapes and spellings, and what may be missing."""

from __future__ import annotations

import pytest

from rtms_client import StreamInfo, webhooks
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import (
    RemoteProtocolError,
    WebhookIncomplete,
    WebhookNotJson,
    WebhookNotObject,
)
from rtms_client.webhooks import (
    ConcurrencyLimited,
    ConcurrencyNearLimit,
    Notification,
    RequestStatus,
    RTMSInterrupted,
    RTMSStarted,
    RTMSStopped,
    StartFailed,
    UnrecognizedNotification,
)

URL = "wss://rtms.example.test:443"
TS = 1790000000000

STARTED = (
    b'{"event": "meeting.rtms_started", "event_ts": 1790000000000, "payload": {"account_id": '
    b'"account-id", "meeting_uuid": "m", "rtms_stream_id": "s", "server_urls": '
    b'"wss://rtms.example.test:443"}}'
)
STOPPED = b'{"event": "meeting.rtms_stopped", "payload": {"rtms_stream_id": "s"}}'


def _parse(event: str, payload: object, **envelope: object) -> Notification:
    return webhooks.parse({"event": event, "event_ts": TS, "payload": payload, **envelope})


def _least(**more: object) -> dict[str, object]:
    return {"meeting_uuid": "m", "rtms_stream_id": "s", "server_urls": URL, **more}


# --- names of events -----------------------------------------------------------------------------

PREFIXES = {
    "meeting.rtms_": Product.MEETING,
    "meeting.rtms.": Product.MEETING,
    "webinar.rtms_": Product.WEBINAR,
    "session.rtms_": Product.VIDEO_SDK,
    "videosdk.rtms_": Product.VIDEO_SDK,
    "contact_center.voice_rtms_": Product.CONTACT_CENTER,
    "contact_center.rtms_": Product.CONTACT_CENTER,
    "contactcenter.rtms_": Product.CONTACT_CENTER,
    "phone.rtms_": Product.PHONE,
    "phone.call_rtms_": Product.PHONE,
}


@pytest.mark.parametrize(("prefix", "product"), PREFIXES.items(), ids=PREFIXES)
@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("started", RTMSStarted), ("stopped", RTMSStopped), ("interrupted", RTMSInterrupted)],
)
def test_names(
    prefix: str,
    product: Product,
    suffix: str,
    kind: type[RTMSStarted | RTMSStopped | RTMSInterrupted],
) -> None:
    """Every name, old and new, is one kind of event of one product."""
    payload = {product.value: "id", "rtms_stream_id": "s", "server_urls": URL}
    told = _parse(prefix + suffix, payload)
    assert isinstance(told, kind)
    assert (told.event, told.product, told.product_id, told.stream_id) == (
        prefix + suffix,
        product,
        "id",
        "s",
    )


@pytest.mark.parametrize(
    "event",
    [
        "meeting.started",
        "meeting.restarted",
        "meeting.xrtms_started",
        "meeting.rtms_paused",
        "meeting.rtms_started.",
        "whiteboard.rtms_started",
        "rtms_started",
        "rtms.request_state",
        "endpoint.url_validation",
        "app_deauthorized",
        "MEETING.RTMS_STARTED",
        ".",
    ],
)
def test_other_events_are_kept(event: str) -> None:
    """An event of another product or version is no error, and nothing of it is lost."""
    told = _parse(event, _least(plainToken="qgg8vlvZRS6UYooatFL8Aw"))
    assert type(told) is UnrecognizedNotification
    assert (told.event, told.event_ts_ms) == (event, TS)
    assert told.raw["payload"] == _least(plainToken="qgg8vlvZRS6UYooatFL8Aw")


@pytest.mark.parametrize("payload", [None, [], "text", 7], ids=str)
def test_other_events_may_have_any_payload(payload: object) -> None:
    """What nobody reads need not be in order."""
    assert _parse("app.event", payload).raw["payload"] == payload


# --- ids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "payload", "ids"),
    [
        ("meeting.rtms_started", {"uuid": "u"}, ("u", None)),
        ("meeting.rtms_started", {"meeting_uuid": "m", "uuid": "u"}, ("m", "u")),
        ("webinar.rtms_started", {"webinar_uuid": "w"}, ("w", None)),
        ("webinar.rtms_started", {"meeting_uuid": "m"}, ("m", None)),
        ("webinar.rtms_started", {"webinar_uuid": "w", "meeting_uuid": "m"}, ("w", "m")),
        ("webinar.rtms_started", {"webinar_uuid": "w", "meeting_uuid": "w"}, ("w", None)),
        ("contact_center.voice_rtms_started", {"session_id": "c"}, ("c", None)),
        ("phone.rtms_started", {"call_id": "7100000000000000001"}, ("7100000000000000001", None)),
        ("phone.rtms_started", {"call_id": 7100000000000000001}, ("7100000000000000001", None)),
        ("meeting.rtms_started", {"meeting_uuid": "/a+b/=="}, ("/a+b/==", None)),
    ],
)
def test_product_ids(event: str, payload: dict[str, object], ids: tuple[str, str | None]) -> None:
    """Ids are taken verbatim from the key of the product, or from the second one."""
    told = _parse(event, {**payload, "rtms_stream_id": 4711, "server_urls": URL})
    assert isinstance(told, RTMSStarted)
    assert (told.stream.product_id, told.stream.alternate_id) == ids
    assert told.stream_id == "4711"


def test_nested_fields_win() -> None:
    """What is in the object goes before what is beside it."""
    told = _parse("meeting.rtms_started", {**_least(meeting_uuid="a"), "object": _least()})
    assert isinstance(told, RTMSStarted)
    assert told.product_id == "m"


def test_account_may_be_a_number() -> None:
    """Every id may be a number."""
    told = _parse("meeting.rtms_started", _least(account_id=17, operator_id=18))
    assert isinstance(told, RTMSStarted)
    assert (told.account_id, told.stream.account_id, told.stream.operator_id) == ("17", "17", "18")


# --- server_urls ---------------------------------------------------------------------------------

A, B = "wss://a.test:443/x?y=1", "wss://b.test"


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        (A, (A,)),
        (f" {A} , {B},", (A, B)),
        (f"{A},{A}", (A,)),
        ([A, B], (A, B)),
        ([A, 7, None, f" {B} "], (A, B)),
        ({"signaling": A, "audio": B}, (A, B)),
        ({"audio": B, "signaling": A}, (A, B)),
        ({"all": B, "signal": A}, (A, B)),
        ({"all": A}, (A,)),
        ({"audio": "https://c.test", "video": A}, (A,)),
        ({"signaling": "tcp://c.test", "video": A}, (A,)),
        ({"signaling": [A, B]}, (A, B)),
        ({"signaling": {"deeper": B}, "video": A}, (A,)),
        ({"signaling": "ws://127.0.0.1:80"}, ("ws://127.0.0.1:80",)),
    ],
)
def test_server_urls(value: object, urls: tuple[str, ...]) -> None:
    """All shapes are read, best first, and each URL is kept exactly as given."""
    told = _parse("meeting.rtms_started", _least(server_urls=value))
    assert isinstance(told, RTMSStarted)
    assert told.stream.server_urls == urls
    again = _parse("meeting.rtms_interrupted", _least(server_urls=value))
    assert isinstance(again, RTMSInterrupted)
    assert again.server_urls == urls


# --- what is missing -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ({"meeting_uuid": None}, "meeting_uuid in the payload of rtms_started"),
        ({"rtms_stream_id": ""}, "rtms_stream_id in the payload of rtms_started"),
        ({"rtms_stream_id": True}, "rtms_stream_id in the payload of rtms_started"),
        ({"rtms_stream_id": "x" * 257}, "rtms_stream_id in the payload of rtms_started"),
        ({"server_urls": " , "}, "server_urls in the payload of rtms_started"),
        ({"server_urls": []}, "server_urls in the payload of rtms_started"),
        ({"server_urls": {}}, "server_urls in the payload of rtms_started"),
        ({"server_urls": {"signaling": "tcp://x"}}, "server_urls in the payload of rtms_started"),
        (
            {"meeting_uuid": [], "rtms_stream_id": {}, "server_urls": 7},
            "meeting_uuid and rtms_stream_id and server_urls in the payload of rtms_started",
        ),
    ],
    ids=str,
)
def test_started_needs_what_it_takes_to_join(without: dict[str, object], expected: str) -> None:
    """The error names what is missing, and nothing of what is there."""
    with pytest.raises(WebhookIncomplete) as caught:
        _parse("meeting.rtms_started", {**_least(), **without})
    assert (caught.value.expected, caught.value.got) == (expected, "none")


@pytest.mark.parametrize("kind", ["stopped", "interrupted"])
def test_stream_id_is_enough(kind: str) -> None:
    """Streams are found by their id, so nothing else need be there (webhook notes, 3.3)."""
    told = _parse(f"meeting.rtms_{kind}", {"meeting_id": 1, "rtms_stream_id": "s"})
    assert isinstance(told, RTMSStopped | RTMSInterrupted)
    assert (told.stream_id, told.product_id, told.account_id) == ("s", None, None)


@pytest.mark.parametrize("kind", ["stopped", "interrupted"])
@pytest.mark.parametrize("payload", [{}, {"meeting_uuid": "m"}, None, []], ids=str)
def test_stream_id_is_needed(kind: str, payload: object) -> None:
    """Without it nobody knows which stream is meant."""
    with pytest.raises(WebhookIncomplete) as caught:
        _parse(f"meeting.rtms_{kind}", payload)
    assert caught.value.expected == f"rtms_stream_id in the payload of rtms_{kind}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (6, StopReason.MEETING_ENDED),
        ("6", StopReason.MEETING_ENDED),
        ("STOP_BC_MEETING_ENDED", StopReason.MEETING_ENDED),
        (24, StopReason.KEEP_ALIVE_TIMEOUT),
        (4711, StopReason(4711)),
        (None, None),
        ("nonsense", None),
    ],
    ids=repr,
)
def test_stop_reason(value: object, reason: StopReason | None) -> None:
    """The full enum applies, unknown numbers survive, and the reason may be absent."""
    told = _parse("meeting.rtms_stopped", {"rtms_stream_id": "s", "stop_reason": value})
    assert isinstance(told, RTMSStopped)
    assert told.stop_reason == reason


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [(TS, TS), (1790000000, TS), (str(TS), TS), (None, None), ("soon", None), (True, None)],
    ids=repr,
)
def test_event_time(value: object, milliseconds: int | None) -> None:
    """The time is kept in milliseconds, for the stream too."""
    told = _parse("meeting.rtms_started", _least(), event_ts=value)
    assert isinstance(told, RTMSStarted)
    assert (told.event_ts_ms, told.stream.event_ts_ms) == (milliseconds, milliseconds)


@pytest.mark.parametrize("event", [None, "", 7, ["meeting.rtms_started"]], ids=str)
def test_event_needs_a_name(event: object) -> None:
    """Without a name there is no event."""
    with pytest.raises(WebhookIncomplete, match="expected an event with a name"):
        webhooks.parse({"event": event})


# --- events of the account -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "product", "product_id"),
    [
        ({"id_field": {"webinar_uuid": "w"}}, Product.WEBINAR, "w"),
        ({"id_field": {"session_id": 7}}, Product.VIDEO_SDK, "7"),
        ({"session_id": "flat"}, Product.VIDEO_SDK, "flat"),
        ({"object": {"id_field": {"engagement_id": "e"}}}, Product.CONTACT_CENTER, "e"),
        ({"id_field": "text"}, None, None),
        ({}, None, None),
    ],
    ids=str,
)
def test_refused_stream(payload: object, product: Product | None, product_id: str | None) -> None:
    """Who was refused is said in any of the known ways, or not at all."""
    told = _parse("rtms.concurrency_limited", payload)
    assert isinstance(told, ConcurrencyLimited)
    assert (told.product, told.product_id) == (product, product_id)
    assert (told.operator_id, told.concurrency_number) == (None, None)


@pytest.mark.parametrize(
    ("value", "percentage"),
    [(85, 85), ("85", 85), (85.5, 85.5), (None, None), ("85 %", None)],
    ids=repr,
)
def test_percentage(value: object, percentage: float | None) -> None:
    """The percentage may have a fraction."""
    told = _parse("rtms.concurrency_near_limit", {"percentage": value})
    assert isinstance(told, ConcurrencyNearLimit)
    assert told.percentage == percentage


@pytest.mark.parametrize(
    ("event", "kind"),
    [("rtms.start_failed", StartFailed), ("rtms.request_status", RequestStatus)],
)
def test_undocumented_payload(event: str, kind: type[StartFailed | RequestStatus]) -> None:
    """What is known from other events is looked for, and the rest kept."""
    told = _parse(
        event,
        {"meeting_uuid": "m", "rtms_stream_id": 5, "operator_id": "o", "reason": "canary"},
    )
    assert told == kind(
        event=event,
        event_ts_ms=TS,
        product=Product.MEETING,
        product_id="m",
        stream_id="5",
        operator_id="o",
        raw=told.raw,
    )
    assert told.raw["payload"] == {
        "meeting_uuid": "m",
        "rtms_stream_id": 5,
        "operator_id": "o",
        "reason": "canary",
    }


@pytest.mark.parametrize(
    ("event", "kind"),
    [("rtms.start_failed", StartFailed), ("rtms.request_status", RequestStatus)],
)
def test_undocumented_payload_without_anything(
    event: str, kind: type[StartFailed | RequestStatus]
) -> None:
    """Nothing is required of an undocumented payload."""
    told = _parse(event, None)
    assert isinstance(told, kind)
    assert (told.product, told.stream_id) == (None, None)


# --- parse_started -------------------------------------------------------------------------------


def test_parse_started() -> None:
    """A started webhook is what `parse` makes of it."""
    assert webhooks.parse_started(STARTED) == webhooks.parse(STARTED)


def test_parse_started_takes_nothing_else() -> None:
    """The error names the kind that came, and nothing of it."""
    with pytest.raises(RemoteProtocolError) as caught:
        webhooks.parse_started(STOPPED)
    assert str(caught.value) == (
        "expected a started webhook, an event like meeting.rtms_started, "
        "got one like meeting.rtms_stopped; webhooks.parse() reads every event"
    )


@pytest.mark.parametrize(
    ("event", "came"),
    [
        ("canary", "an event of another kind"),
        ("canary.rtms_started", "an event of another kind"),
        ("endpoint.url_validation", "the event endpoint.url_validation"),
        ("rtms.start_failed", "the event rtms.start_failed"),
    ],
)
def test_parse_started_says_what_came(event: str, came: str) -> None:
    """Names of events stand in the error only as far as they are ours."""
    with pytest.raises(RemoteProtocolError, match=f"got {came}; ") as caught:
        webhooks.parse_started({"event": event})
    assert "canary" not in str(caught.value)


def _endless() -> dict[str, object]:
    own: dict[str, object] = {}
    own["own"] = own
    return own


@pytest.mark.parametrize(
    "event",
    [{"event": {1}}, {"event": b"canary"}, {"event": float("nan")}, _endless()],
    ids=["set", "bytes", "nan", "endless"],
)
def test_parsed_body_that_no_json_reader_made(event: dict[str, object]) -> None:
    """A mapping is checked like a body."""
    with pytest.raises(WebhookNotJson) as caught:
        webhooks.parse(event)
    assert caught.value.__context__ is None


def test_parse_needs_an_object() -> None:
    """A body that is JSON is not yet an event."""
    with pytest.raises(WebhookNotObject, match="expected a JSON object, got a JSON list"):
        webhooks.parse_started(b"[]")


# --- idempotency ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "payload", "key"),
    [
        ("meeting.rtms_started", _least(), "started:d2de6d429290c4350df10c9ca15d7ea5"),
        ("meeting.rtms_stopped", _least(), "stopped:4af95cd4e1a6897983205394f8da314b"),
        ("meeting.rtms_interrupted", _least(), "interrupted:4af95cd4e1a6897983205394f8da314b"),
        (
            "rtms.concurrency_near_limit",
            {"percentage": 85},
            "other:4f92d2d547f6ba18296864d364839878",
        ),
    ],
    ids=["started", "stopped", "interrupted", "other"],
)
def test_idempotency_key_is_fixed(event: str, payload: object, key: str) -> None:
    """Processes of different versions share the keys."""
    assert _parse(event, payload).idempotency_key == key


SAME = {
    "spelling": ("meeting.rtms_started", _least(stream="x", server_urls=[URL], account_id="a")),
    "nested": ("meeting.rtms_started", {"object": _least()}),
    "old name": ("meeting.rtms.started", _least()),
}


@pytest.mark.parametrize(("event", "payload"), SAME.values(), ids=SAME)
def test_redelivery_has_the_same_key(event: str, payload: object) -> None:
    """What makes the same stream start at the same time on the same server is the same."""
    first = _parse("meeting.rtms_started", _least())
    assert _parse(event, payload).idempotency_key == first.idempotency_key


DIFFERENT: dict[str, tuple[str, dict[str, object], int]] = {
    "first": ("meeting.rtms_started", _least(), TS),
    "later": ("meeting.rtms_started", _least(), TS + 1),
    "moved": ("meeting.rtms_started", _least(server_urls=B), TS),
    "other stream": ("meeting.rtms_started", _least(rtms_stream_id="t"), TS),
    "stopped": ("meeting.rtms_stopped", _least(), TS),
    "stopped later": ("meeting.rtms_stopped", _least(), TS + 1),
    "interrupted": ("meeting.rtms_interrupted", _least(), TS),
    "interrupted later": ("meeting.rtms_interrupted", _least(), TS + 1),
    "limited": ("rtms.concurrency_limited", {"operator_id": "a"}, TS),
    "limited other": ("rtms.concurrency_limited", {"operator_id": "b"}, TS),
    "unknown": ("app.event", {}, TS),
    "unknown later": ("app.event", {}, TS + 1),
    "unknown other": ("app.other", {}, TS),
}


def test_different_notifications_have_different_keys() -> None:
    """A key confuses nothing; a start on another server is a move, not a duplicate."""
    keys = {
        _parse(event, payload, event_ts=ts).idempotency_key
        for event, payload, ts in DIFFERENT.values()
    }
    assert len(keys) == len(DIFFERENT)


def test_stream_made_by_hand_has_the_key_of_its_webhook() -> None:
    """Time and account of a notification are those of its stream."""
    told = webhooks.parse_started(STARTED)
    by_hand = RTMSStarted(event="any", stream=StreamInfo.from_json(told.stream.to_json()))
    assert by_hand.idempotency_key == told.idempotency_key
    assert (by_hand.event_ts_ms, by_hand.account_id) == (TS, "account-id")


def test_stream_of_a_notification_is_joined_as_it_is() -> None:
    """Lone surrogates, which nobody could sign or send, do not come through."""
    told = webhooks.parse(
        b'{"event": "meeting.rtms_started", "payload": {"meeting_uuid": "\\ud800m",'
        b'"rtms_stream_id": "s\\udfff", "server_urls": "wss://x.test/\\ud800"}}'
    )
    assert isinstance(told, RTMSStarted)
    assert (told.product_id, told.stream_id) == ("\ufffdm", "s\ufffd")
    assert told.stream.server_urls == ("wss://x.test/\ufffd",)
