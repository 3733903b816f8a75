"""The challenge that Zoom sends to an address, and what it may not be misused for."""

from __future__ import annotations

import json

import pytest

from rtms_client import webhooks
from rtms_client.exceptions import (
    WebhookError,
    WebhookIncomplete,
    WebhookSignatureMalformed,
    WebhookSignatureMismatch,
    WebhookSignatureMissing,
    WebhookTimestampRejected,
)
from rtms_client.signatures import webhook_signature
from rtms_client.webhooks import SecretSource, UrlValidation

SECRET = "test-secret-token"
NOW = 1790000000
CHALLENGE = (
    b'{"event": "endpoint.url_validation", "event_ts": 1790000000000, '
    b'"payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}'
)
ENCRYPTED = "9c8ad56737c19db2904b301c0781e86857e999f39f07727668cf62a5e7e298c8"


def _sign(body: bytes, secret: str = SECRET, timestamp: str = "1790000000") -> dict[str, str]:
    return {
        "x-zm-signature": webhook_signature(secret, timestamp, body),
        "x-zm-request-timestamp": timestamp,
    }


def _refuse(
    kind: type[WebhookError],
    body: bytes,
    headers: dict[str, str],
    secret: SecretSource = SECRET,
    now: float = NOW,
) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        webhooks.receive(body, headers, secret=secret, now=now)
    assert type(caught.value) is kind
    assert caught.value.__context__ is None
    return caught.value


# --- challenge -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{}, {"x-zm-request-timestamp": "1"}, _sign(CHALLENGE)], ids=["no", "half", "signed"]
)
def test_challenge(headers: dict[str, str]) -> None:
    """The challenge is answered with or without signature (webhook notes, section 6)."""
    told = webhooks.receive(CHALLENGE, headers, secret=SECRET, now=NOW)
    assert told == UrlValidation(
        event="endpoint.url_validation",
        event_ts_ms=1790000000000,
        plain_token="qgg8vlvZRS6UYooatFL8Aw",
        encrypted_token=ENCRYPTED,
        raw=json.loads(CHALLENGE),
    )
    assert isinstance(told, UrlValidation)
    assert told.response == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": ENCRYPTED}
    assert told.response_body == (
        b'{"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": "' + ENCRYPTED.encode() + b'"}'
    )


def test_only_the_challenge_is_answered_with_something() -> None:
    """A handler may answer everything with `response_body`."""
    assert webhooks.parse({"event": "rtms.start_failed"}).response_body == b""


def test_challenge_with_several_secrets() -> None:
    """The secret that signed the challenge signs the answer; without signature it is the first."""
    signed = webhooks.receive(CHALLENGE, _sign(CHALLENGE), secret=["other", SECRET], now=NOW)
    assert isinstance(signed, UrlValidation)
    assert signed.encrypted_token == ENCRYPTED
    unsigned = webhooks.receive(CHALLENGE, {}, secret=[SECRET, "other"])
    assert isinstance(unsigned, UrlValidation)
    assert unsigned.encrypted_token == ENCRYPTED


def test_challenge_by_account() -> None:
    """A challenge usually names no account, so the function decides what to answer with."""
    told = webhooks.receive(CHALLENGE, {}, secret={"": SECRET}.get)
    assert isinstance(told, UrlValidation)
    assert told.encrypted_token == ENCRYPTED
    _refuse(WebhookSignatureMissing, CHALLENGE, {}, secret=lambda _: None)


def test_challenge_with_wrong_signature() -> None:
    """A signature that is there must be right."""
    _refuse(WebhookSignatureMismatch, CHALLENGE, _sign(CHALLENGE, "other"))
    _refuse(WebhookSignatureMalformed, CHALLENGE, {**_sign(CHALLENGE), "x-zm-signature": ""})
    _refuse(WebhookTimestampRejected, CHALLENGE, _sign(CHALLENGE), now=NOW + 301)


@pytest.mark.parametrize(
    "token",
    [
        "v0:1790000000:" + '{"event":"meeting.rtms_started"}',
        "v0:1790000000:{}",
        ":",
        "",
        "x" * 257,
        "x\n",
        'x"',
        "tökén",
        None,
        7,
        ["x"],
    ],
    ids=ascii,
)
@pytest.mark.parametrize("signed", [False, True])
def test_challenge_is_no_way_to_sign_webhooks(token: object, *, signed: bool) -> None:
    """Signing any text for anybody would give away signatures of forged webhooks."""
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": token}})
    headers = _sign(body.encode()) if signed else {}
    error = _refuse(WebhookIncomplete, body.encode(), headers)
    assert error.args == (
        "a plainToken of letters and digits in the payload of endpoint.url_validation",
        "none",
    )


def test_large_challenge_needs_a_signature() -> None:
    """Little is read of what nobody signed."""
    padded = CHALLENGE + b" " * (8192 - len(CHALLENGE))
    assert isinstance(webhooks.receive(padded, {}, secret=SECRET), UrlValidation)
    _refuse(WebhookSignatureMissing, padded + b" ", {})
    assert isinstance(
        webhooks.receive(padded + b" ", _sign(padded + b" "), secret=SECRET, now=NOW), UrlValidation
    )
