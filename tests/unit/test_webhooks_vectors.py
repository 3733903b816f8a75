"""Every documented webhook with what it tells, and what all notifications have in common."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest

from rtms_client import StreamInfo, webhooks
from rtms_client.enums import Product, StopReason
from rtms_client.webhooks import (
    ConcurrencyLimited,
    ConcurrencyNearLimit,
    Notification,
    RTMSInterrupted,
    RTMSStarted,
    RTMSStopped,
    UrlValidation,
)

URL = "wss://rtms.example.test:443"
MEETING_UUID = "aBcDeFgHiJkLmNoPqRsTuA=="
STREAM_ID = "11111111-2222-3333-4444-555555555555"
TS = 1790000000000

FLAT = b"""{
  "event": "meeting.rtms_started",
  "event_ts": 1790000000000,
  "payload": {
    "account_id": "account-id",
    "operator_id": "user-id",
    "meeting_id": "98765432101",
    "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
    "is_original_host": true,
    "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
    "server_urls": "wss://rtms.example.test:443"
  }
}"""
NESTED = b"""{
  "event": "meeting.rtms_started",
  "event_ts": 1790000000000,
  "payload": {
    "account_id": "account-id",
    "object": {
      "meeting_id": "98765432101",
      "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
      "host_id": "user-id",
      "is_original_host": true,
      "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
      "server_urls": "wss://rtms.example.test:443",
      "signature": "hex"
    }
  }
}"""
SESSION = (
    b'{"event": "session.rtms_started", "event_ts": 1790000000000, "payload": {"account_id": '
    b'"account-id", "session_id": "SessionIdExample==", "session_key": "key", "rtms_stream_id": '
    b'"99999999-8888-7777-6666-555555555555", "server_urls": "wss://rtms.example.test:443"}}'
)
ENGAGEMENT = (
    b'{"event": "contact_center.voice_rtms_started", "event_ts": 1790000000000, "payload": '
    b'{"engagement_id": "eng-1", "rtms_stream_id": "s-2", '
    b'"server_urls": "wss://rtms.example.test:443"}}'
)
CALL = (
    b'{"event": "phone.rtms_started", "event_ts": 1790000000000, "payload": {"call_id": '
    b'7100000000000000001, "rtms_stream_id": "s-3", "server_urls": "wss://rtms.example.test:443"}}'
)
STOPPED = (
    b'{"event": "webinar.rtms_stopped", "event_ts": 1790000100000, "payload": {"webinar_uuid": '
    b'"wBcDeFgHiJkLmNoPqRsTuA==", "rtms_stream_id": "s-4", "stop_reason": 6}}'
)
INTERRUPTED = (
    b'{"event": "meeting.rtms_interrupted", "event_ts": 1790000050000, "payload": {"meeting_uuid": '
    b'"aBcDeFgHiJkLmNoPqRsTuA==", "rtms_stream_id": "11111111-2222-3333-4444-555555555555"}}'
)
LIMITED = (
    b'{"event": "rtms.concurrency_limited", "event_ts": 1790000000000, "payload": {"operator_id": '
    b'"user-id", "concurrency_number": 2000, '
    b'"id_field": {"meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA=="}}}'
)
NEAR_LIMIT = (
    b'{"event": "rtms.concurrency_near_limit", "event_ts": 1790000000000, "payload": '
    b'{"concurrency_limit": 2000, "concurrency_number": 1700, "percentage": 85}}'
)


def _stream(product: Product, product_id: str, stream_id: str, **more: Any) -> StreamInfo:  # noqa: ANN401  # any field
    return StreamInfo(
        product=product,
        product_id=product_id,
        stream_id=stream_id,
        server_urls=(URL,),
        event_ts_ms=TS,
        **more,
    )


def _started(event: str, stream: StreamInfo) -> RTMSStarted:
    return RTMSStarted(event=event, stream=stream)


# Every example of the webhook notes, section 3, with what it says.
VECTORS: dict[str, tuple[bytes, Notification]] = {
    "flat": (
        FLAT,
        _started(
            "meeting.rtms_started",
            _stream(
                Product.MEETING,
                MEETING_UUID,
                STREAM_ID,
                account_id="account-id",
                operator_id="user-id",
                is_original_host=True,
                extra={"meeting_id": "98765432101"},
            ),
        ),
    ),
    "nested": (
        NESTED,
        _started(
            "meeting.rtms_started",
            _stream(
                Product.MEETING,
                MEETING_UUID,
                STREAM_ID,
                account_id="account-id",
                is_original_host=True,
                extra={"meeting_id": "98765432101", "host_id": "user-id"},
            ),
        ),
    ),
    "session": (
        SESSION,
        _started(
            "session.rtms_started",
            _stream(
                Product.VIDEO_SDK,
                "SessionIdExample==",
                "99999999-8888-7777-6666-555555555555",
                account_id="account-id",
                extra={"session_key": "key"},
            ),
        ),
    ),
    "engagement": (
        ENGAGEMENT,
        _started(
            "contact_center.voice_rtms_started", _stream(Product.CONTACT_CENTER, "eng-1", "s-2")
        ),
    ),
    "call": (
        CALL,
        _started("phone.rtms_started", _stream(Product.PHONE, "7100000000000000001", "s-3")),
    ),
    "stopped": (
        STOPPED,
        RTMSStopped(
            event="webinar.rtms_stopped",
            event_ts_ms=1790000100000,
            product=Product.WEBINAR,
            product_id="wBcDeFgHiJkLmNoPqRsTuA==",
            stream_id="s-4",
            stop_reason=StopReason.MEETING_ENDED,
        ),
    ),
    "interrupted": (
        INTERRUPTED,
        RTMSInterrupted(
            event="meeting.rtms_interrupted",
            event_ts_ms=1790000050000,
            product=Product.MEETING,
            product_id=MEETING_UUID,
            stream_id=STREAM_ID,
            server_urls=(),
        ),
    ),
    "limited": (
        LIMITED,
        ConcurrencyLimited(
            event="rtms.concurrency_limited",
            event_ts_ms=TS,
            product=Product.MEETING,
            product_id=MEETING_UUID,
            operator_id="user-id",
            concurrency_number=2000,
        ),
    ),
    "near-limit": (
        NEAR_LIMIT,
        ConcurrencyNearLimit(
            event="rtms.concurrency_near_limit",
            event_ts_ms=TS,
            concurrency_limit=2000,
            concurrency_number=1700,
            percentage=85,
        ),
    ),
}


@pytest.mark.parametrize(("body", "told"), VECTORS.values(), ids=VECTORS)
def test_vector(body: bytes, told: Notification) -> None:
    """Each documented example says what the documentation says, and is kept whole."""
    assert webhooks.parse(body) == attrs.evolve(told, raw=json.loads(body))


@pytest.mark.parametrize("body", [body for body, _ in VECTORS.values()], ids=VECTORS)
def test_parsed_body_says_the_same(body: bytes) -> None:
    """A framework that parses by itself loses nothing."""
    assert webhooks.parse(json.loads(body)) == webhooks.parse(body)


# --- values --------------------------------------------------------------------------------------

ALL: tuple[Notification, ...] = (
    *(webhooks.parse(body) for body, _ in VECTORS.values()),
    webhooks.parse({"event": "rtms.start_failed", "payload": {"custom": ["canary-1"]}}),
    webhooks.parse({"event": "app.event", "payload": {"custom": {"canary-2": "canary-3"}}}),
    webhooks.parse(SESSION.replace(b'"key"', b'"canary-4"')),
    webhooks.parse(NESTED.replace(b'"hex"', b'"canary-5"')),
    UrlValidation(
        event="endpoint.url_validation", plain_token="canary-6", encrypted_token="canary-7"
    ),
)
NAMES = [f"{index}-{type(told).__name__}" for index, told in enumerate(ALL)]


@pytest.mark.parametrize("told", ALL, ids=NAMES)
def test_notifications_are_values(told: Notification) -> None:
    """They compare, hash, pickle and cannot be changed."""
    assert {told: 1}[copy.deepcopy(told)] == 1
    assert pickle.loads(pickle.dumps(told)) == told  # noqa: S301  # our own
    for name in attrs.fields_dict(type(told)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(told, name, "changed")


@pytest.mark.parametrize("told", ALL, ids=NAMES)
def test_nothing_unknown_or_secret_is_shown(told: Notification) -> None:
    """What the library does not understand may be anything, so it is not shown."""
    assert "canary" not in repr(told)
    assert "canary" not in told.idempotency_key
