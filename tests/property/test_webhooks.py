"""Whatever is done to a webhook, it is believed as it was or refused with a typed error."""

from __future__ import annotations

import json
import random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtms_client import webhooks
from rtms_client.exceptions import (
    WebhookError,
    WebhookIncomplete,
    WebhookSignatureMalformed,
    WebhookSignatureMismatch,
    WebhookSignatureMissing,
    WebhookTimestampRejected,
    WebhookUnreadable,
)
from rtms_client.signatures import webhook_signature
from rtms_client.webhooks import Notification, UrlValidation

SECRETS: Final = ("canary-secret", "canary-old-secret")
NOW: Final = 1790000000
ROUNDS: Final = 10_000

_IDS: Final = {
    "account_id": "canary-account",
    "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
    "server_urls": "wss://rtms.example.test:443",
}
EVENTS: Final[tuple[dict[str, Any], ...]] = (
    {"event": "meeting.rtms_started", "payload": {**_IDS, "meeting_uuid": "aBc/+A=="}},
    {"event": "meeting.rtms_started", "payload": {"object": {**_IDS, "uuid": "aBc/+A=="}}},
    {"event": "webinar.rtms_started", "payload": {**_IDS, "webinar_uuid": "w", "uuid": "u"}},
    {"event": "phone.rtms_started", "payload": {**_IDS, "call_id": 7100000000000000001}},
    {
        "event": "session.rtms_started",
        "payload": {**_IDS, "session_id": "s", "server_urls": {"all": ["wss://a.test", 7, None]}},
    },
    {"event": "contact_center.voice_rtms_interrupted", "payload": _IDS},
    {"event": "webinar.rtms_stopped", "payload": {**_IDS, "stop_reason": 6}},
    {
        "event": "rtms.concurrency_limited",
        "payload": {"concurrency_number": 2000, "id_field": {"meeting_uuid": "m"}},
    },
    {"event": "rtms.concurrency_near_limit", "payload": {"percentage": 85.5}},
    {
        "event": "rtms.start_failed",
        "payload": {"session_id": "s", "text": 'k\u00e9y \\ " \U0001f600'},
    },
    {"event": "rtms.request_status", "payload": {"call_id": 7, "rtms_stream_id": "s"}},
    {"event": "app.event", "payload": [[], {}, None, True, -1.5e-7]},
    {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}},
)
BODIES: Final = tuple(
    json.dumps({**event, "event_ts": 1790000000000}, ensure_ascii=False).encode()
    for event in EVENTS
)
PIECES: Final = (
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800", b"\xff", b"\xed\xa0\x80", b"\0"),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"0", b"9" * 40, b"-1", b'""', b"[[[[[[[["),
    *(b'"event":', b'"payload":', b'"object":{', b'"server_urls":', b".", b"rtms_started", b"\n"),
)
"""What hurts parsers and readers."""
TEXTS: Final = (
    "",
    " ",
    "0",
    "f",
    "v0=",
    "-",
    ",",
    "\n",
    "\0",
    "\u0663",
    "\ud800",
    "9" * 20,
    "canary",
)


def _headers(body: bytes, timestamp: str = "1790000000") -> dict[str, str]:
    return {
        "X-Zm-Signature": webhook_signature(SECRETS[0], timestamp, body),
        "X-Zm-Request-Timestamp": timestamp,
    }


def _mutated(dice: random.Random, body: bytes) -> bytes:  # for slow tests
    """Change a body in one to three places."""
    for _ in range(dice.randint(1, 3)):
        start = dice.randrange(len(body) + 1)
        end = min(len(body), start + dice.choice((0, 0, 1, 1, 2, 8, 64)))
        piece = dice.choice(
            (dice.choice(PIECES), dice.randbytes(dice.randint(0, 3)), body[start:end] * 2, b"")
        )
        body = body[:start] + piece + body[end:]
    return body


def _mutated_text(dice: random.Random, text: str) -> str:  # for slow tests
    start = dice.randrange(len(text) + 1)
    end = min(len(text), start + dice.choice((0, 1, 1, 4, 70)))
    return text[:start] + dice.choice(TEXTS) + text[end:]


def _outcome(body: bytes, headers: Any, now: float = NOW) -> Notification | WebhookError:  # noqa: ANN401  # anything
    """Receive a webhook; whatever is raised but a typed error fails the test."""
    outcome: Notification | WebhookError
    try:
        outcome = webhooks.receive(body, headers, secret=SECRETS, now=now)
    except WebhookError as error:
        outcome = error
    if isinstance(outcome, WebhookError):
        assert "canary" not in f"{outcome} {outcome!r} {outcome.args}"
        assert outcome.http_status in {400, 401, 413, 422}
        assert outcome.__context__ is None
    else:
        assert "canary-secret" not in repr(outcome)
        assert outcome.idempotency_key.isascii()
        assert webhooks.from_json(outcome.to_json()) == outcome
    return outcome


GENUINE: Final = tuple(_outcome(body, _headers(body)) for body in BODIES)


def test_genuine_ones_are_believed() -> None:
    """The mutations below start from webhooks that are in order."""
    assert all(isinstance(told, Notification) for told in GENUINE)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_mutated_body_is_refused(seed: int) -> None:
    """A body that is not what was signed is never believed, whatever it says."""
    dice = random.Random(seed)
    for _ in range(ROUNDS):
        body = dice.choice(BODIES)
        other = _mutated(dice, body)
        outcome = _outcome(other, _headers(body))
        assert isinstance(outcome, WebhookSignatureMismatch) or other == body


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_mutated_and_signed_body_is_read_or_refused(seed: int) -> None:
    """A body that is signed, but not what the library expects, is an event or an error."""
    dice = random.Random(seed)
    outcomes = set()
    for _ in range(ROUNDS):
        body = _mutated(dice, dice.choice(BODIES))
        outcome = _outcome(body, _headers(body))
        assert isinstance(outcome, Notification | WebhookUnreadable)
        outcomes.add(type(outcome).__name__)
    assert outcomes > {  # the mutations reach everything
        *("RTMSStarted", "RTMSStopped", "RTMSInterrupted", "UnrecognizedNotification"),
        *("ConcurrencyLimited", "ConcurrencyNearLimit", "StartFailed", "RequestStatus"),
        "UrlValidation",
        *("WebhookNotUtf8", "WebhookNotJson", "WebhookIncomplete"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_mutated_headers_are_refused(seed: int) -> None:
    """Signature and time are taken as they are, but for white space around them, or not at all."""
    dice = random.Random(seed)
    for _ in range(ROUNDS):
        index = dice.randrange(len(BODIES))
        body = BODIES[index]
        headers = _headers(body)
        name = dice.choice([*headers])
        value = _mutated_text(dice, headers[name])
        spelled = dice.choice((name, name.upper(), name.lower(), f"HTTP_{name.replace('-', '_')}"))
        rest = {key: text for key, text in headers.items() if key != name}
        changed: list[tuple[str, str]] = [*rest.items(), (spelled, value)]
        if dice.random() < 0.1:
            changed = [(_mutated_text(dice, key), text) for key, text in changed]
        outcome = _outcome(body, changed)
        if isinstance(outcome, Notification):
            assert outcome == GENUINE[index]
            if not isinstance(outcome, UrlValidation):  # which may lack its signature
                assert value.strip(" \t") == headers[name]
        else:
            assert isinstance(
                outcome,
                WebhookSignatureMissing
                | WebhookSignatureMalformed
                | WebhookSignatureMismatch
                | WebhookTimestampRejected,
            )


@given(st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    """Arbitrary bytes are refused, signed or not."""
    assert isinstance(_outcome(body, {}), WebhookSignatureMissing)
    assert isinstance(_outcome(body, _headers(body)), WebhookError)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
_PAYLOADS = st.dictionaries(
    st.sampled_from(
        [
            *("account_id", "operator_id", "meeting_uuid", "webinar_uuid", "session_id", "uuid"),
            *("engagement_id", "call_id", "rtms_stream_id", "server_urls", "stop_reason", "object"),
            *("is_original_host", "id_field", "plainToken", "percentage", "concurrency_number"),
        ]
    ),
    _JSON,
)


@given(
    st.sampled_from([event["event"] for event in EVENTS]),
    _PAYLOADS | st.builds(lambda nested: {"object": nested}, _PAYLOADS) | _JSON,
    _JSON,
)
def test_any_payload(event: str, payload: object, event_ts: object) -> None:
    """Any JSON in any field is read, left out, or refused by name."""
    body = json.dumps({"event": event, "event_ts": event_ts, "payload": payload}).encode()
    outcome = _outcome(body, _headers(body))
    assert isinstance(outcome, Notification | WebhookUnreadable)
    if isinstance(outcome, Notification):
        assert outcome.event == event
        assert webhooks.parse(json.loads(body)).idempotency_key


@given(st.floats() | st.integers(), st.integers(0, 10**12 - 1))
def test_any_clock(now: float, timestamp_s: int) -> None:
    """Within 300 s of the signed time a webhook is believed, otherwise not."""
    body = BODIES[0]
    outcome = _outcome(body, _headers(body, str(timestamp_s)), now)
    if abs(now - timestamp_s) <= 300:
        assert outcome == GENUINE[0]
    else:
        assert isinstance(outcome, WebhookTimestampRejected)


@given(st.text())
def test_any_token(token: str) -> None:
    """No challenge gives away what could be the signature of a webhook."""
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": token}})
    outcome = _outcome(body.encode(), {})
    if isinstance(outcome, UrlValidation):
        assert ":" not in token
    else:
        assert isinstance(outcome, WebhookIncomplete)
