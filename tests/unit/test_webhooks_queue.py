"""A notification crosses a queue as JSON, whole or not at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from rtms_client import StreamInfo, webhooks
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import InvalidParameters
from rtms_client.webhooks import (
    ConcurrencyNearLimit,
    Notification,
    RTMSInterrupted,
    RTMSStarted,
    RTMSStopped,
    UnrecognizedNotification,
    UrlValidation,
)

STREAM = StreamInfo(product_id="m", stream_id="s-1", server_urls=("wss://a.zoom.us",))
STOPPED = RTMSStopped(
    event="meeting.rtms_stopped",
    event_ts_ms=1790000000000,
    account_id="account-id",
    product=Product.MEETING,
    stream_id="s-1",
    stop_reason=StopReason.MEETING_ENDED,
)
STOPPED_JSON = (
    '{"type": "RTMSStopped", "event": "meeting.rtms_stopped", "event_ts_ms": 1790000000000, '
    '"account_id": "account-id", "raw": {}, "product": "meeting_uuid", "stream_id": "s-1", '
    '"product_id": null, "stop_reason": 6}'
)
ALL: dict[str, Notification] = {
    "started": webhooks.parse(
        {
            "event": "webinar.rtms_started",
            "event_ts": 1790000000000,
            "payload": {
                "account_id": "account-id",
                "webinar_uuid": "w",
                "meeting_uuid": "m",
                "rtms_stream_id": "s-4",
                "server_urls": ["wss://a.zoom.us:443", "wss://b.zoom.us"],
                "session_key": "k\u00e9y",
            },
        }
    ),
    "by hand": RTMSStarted(event="meeting.rtms_started", stream=STREAM),
    "stopped": STOPPED,
    "stopped for a new reason": RTMSStopped(
        event="x", product=Product.PHONE, stream_id="s", stop_reason=StopReason(999)
    ),
    "interrupted": RTMSInterrupted(
        event="x", product=Product.MEETING, stream_id="s", server_urls=("wss://a.zoom.us",)
    ),
    "challenge": UrlValidation(event="x", plain_token="p", encrypted_token="e"),
    "near limit": ConcurrencyNearLimit(event="x", percentage=85.5, concurrency_number=7),
    "near limit, whole": ConcurrencyNearLimit(event="x", percentage=85),
    "limited": webhooks.parse(
        {"event": "rtms.concurrency_limited", "payload": {"id_field": {"session_id": "z"}}}
    ),
    "failed": webhooks.parse({"event": "rtms.start_failed", "payload": {"session_id": "z"}}),
    "status": webhooks.parse({"event": "rtms.request_status", "payload": {"call_id": 7}}),
    "unknown": UnrecognizedNotification(event="x", raw={"nested": [1, None, {"deep": 0.5}]}),
}


def test_written_form() -> None:
    """The form is fixed, because writer and reader may be of different versions."""
    assert STOPPED.to_json() == STOPPED_JSON


@pytest.mark.parametrize("told", ALL.values(), ids=ALL)
def test_round_trip(told: Notification) -> None:
    """Every notification comes back equal, of the same type and with the same key."""
    text = told.to_json()
    assert text.isascii()
    for form in (text, text.encode()):
        read = webhooks.from_json(form)
        assert read == told
        assert type(read) is type(told)
        assert read.idempotency_key == told.idempotency_key


def test_optional_keys_may_be_absent_null_or_new() -> None:
    """An older or newer writer is understood."""
    least = {"type": "RTMSStopped", "event": "x", "product": "call_id", "stream_id": "s"}
    told = RTMSStopped(event="x", product=Product.PHONE, stream_id="s")
    assert webhooks.from_json(json.dumps(least)) == told
    assert webhooks.from_json(json.dumps({**least, "account_id": None, "new": [1]})) == told


@pytest.mark.parametrize(
    "text",
    ["", "[]", "canary", b"\xff", "null", "[" * 100_000, "1" * 5000, STOPPED_JSON[:-1]],
    ids=["empty", "list", "text", "bytes", "null", "deep", "long", "cut"],
)
def test_no_object(text: str | bytes) -> None:
    """Whatever else is in the queue is refused as what it is."""
    with pytest.raises(InvalidParameters) as caught:
        webhooks.from_json(text)
    assert str(caught.value) == (
        "webhooks.from_json: expected a JSON object; pass on unchanged what to_json() wrote"
    )
    assert caught.value.__context__ is None


WRONG = [
    ("RTMSStopped", "type", "Canary", "a type of notification that this version knows"),
    ("RTMSStopped", "type", ["RTMSStopped"], "a type of notification that this version knows"),
    ("RTMSStopped", "type", None, "a type of notification that this version knows"),
    ("RTMSStopped", "event", 7, "a text"),
    ("RTMSStopped", "event", None, "a text"),
    ("RTMSStopped", "stream_id", None, "a text"),
    ("RTMSStopped", "product", "canary", "a known product"),
    ("RTMSStopped", "product", [], "a text"),
    ("RTMSStopped", "event_ts_ms", "canary", "an integer"),
    ("RTMSStopped", "event_ts_ms", True, "an integer"),
    ("RTMSStopped", "event_ts_ms", 1.5, "an integer"),
    ("RTMSStopped", "stop_reason", "canary", "an integer"),
    ("RTMSStopped", "raw", ["canary"], "an object"),
    ("RTMSInterrupted", "server_urls", "canary", "a list"),
    ("RTMSInterrupted", "server_urls", [7], "a text"),
    ("RTMSStarted", "stream", "canary", "an object"),
    ("RTMSStarted", "stream", None, "an object"),
    ("ConcurrencyNearLimit", "percentage", "canary", "an integer"),
]


@pytest.mark.parametrize(("kind", "key", "value", "expected"), WRONG)
def test_wrong_type(kind: str, key: str, value: Any, expected: str) -> None:  # noqa: ANN401  # any
    """The error names the key, and nothing of what came."""
    source = {**json.loads(STOPPED_JSON), "type": kind, key: value}
    with pytest.raises(InvalidParameters) as caught:
        webhooks.from_json(json.dumps(source))
    assert str(caught.value) == (
        f"webhooks.from_json: {key}: expected {expected}; pass on unchanged what to_json() wrote"
    )


def test_wrong_stream() -> None:
    """The stream of a started webhook is checked as when it crosses alone."""
    source = json.loads(ALL["by hand"].to_json())
    source["stream"]["server_urls"] = "canary"
    with pytest.raises(InvalidParameters, match=r"^StreamInfo.from_json: server_urls: expected"):
        webhooks.from_json(json.dumps(source))


_LOOP: list[object] = []
_LOOP.append(_LOOP)


@pytest.mark.parametrize(
    "value", [b"canary", math.nan, {1, 2}, _LOOP, object()], ids=lambda one: type(one).__name__
)
def test_what_json_cannot_express(value: object) -> None:
    """Fields added by hand are refused where they are written, not where they are read."""
    with pytest.raises(InvalidParameters) as caught:
        UnrecognizedNotification(event="x", raw={"payload": value}).to_json()
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None
    stream = StreamInfo(product_id="m", stream_id="s", server_urls=(), extra={"x": value})
    with pytest.raises(InvalidParameters, match=r"expected JSON values, got others"):
        RTMSStarted(event="x", stream=stream).to_json()
