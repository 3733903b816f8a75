"""What it takes for a webhook to be believed, and how everything else is refused."""

from __future__ import annotations

import hmac
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from rtms_client import webhooks
from rtms_client.exceptions import (
    InvalidParameters,
    WebhookDuplicateKeys,
    WebhookError,
    WebhookIncomplete,
    WebhookNotJson,
    WebhookNotObject,
    WebhookNotUtf8,
    WebhookSignatureMismatch,
    WebhookSignatureMissing,
    WebhookTimestampRejected,
    WebhookTooDeep,
    WebhookTooLarge,
)
from rtms_client.signatures import webhook_signature
from rtms_client.testing import sign_webhook
from rtms_client.webhooks import (
    Notification,
    RTMSStarted,
    SecretSource,
    UnrecognizedNotification,
)

SECRET = "test-secret-token"
NOW = 1790000000
BODY = (
    b'{"event":"meeting.rtms_started","event_ts":1790000000000,"payload":{'
    b'"meeting_uuid":"aBcDeFgHiJkLmNoPqRsTuA==",'
    b'"rtms_stream_id":"11111111-2222-3333-4444-555555555555",'
    b'"server_urls":"wss://rtms.example.test:443"}}'
)
SIGNATURE = "v0=f91031a9f95da43d53e5383cb86fabe38d5b3f767343430fc31ad5f4e4538b97"
HEADERS = {"x-zm-signature": SIGNATURE, "x-zm-request-timestamp": "1790000000"}


def _sign(body: bytes, secret: str = SECRET, timestamp: str = "1790000000") -> dict[str, str]:
    return {
        "x-zm-signature": webhook_signature(secret, timestamp, body),
        "x-zm-request-timestamp": timestamp,
    }


def _receive(body: bytes = BODY, secret: SecretSource = SECRET) -> Notification:
    return webhooks.receive(body, _sign(body), secret=secret, now=NOW)


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


def test_vector() -> None:
    """The documented signature is that of the documented body (webhook notes, section 7)."""
    told = webhooks.receive(BODY, HEADERS, secret=SECRET, now=NOW)
    assert isinstance(told, RTMSStarted)
    assert told.stream_id == "11111111-2222-3333-4444-555555555555"


def test_signed_by_the_fake_server() -> None:
    """What the fake server signs is believed, at the time of this machine."""
    signed = sign_webhook({"event": "app.event"}, SECRET)
    told = webhooks.receive(signed.body, signed.headers, secret=SECRET)
    assert isinstance(told, UnrecognizedNotification)


def test_system_clock() -> None:
    """Without a time of the caller's own, the present counts."""
    now_s = int(datetime.now(UTC).timestamp())
    for timestamp_s, kind in ((now_s, None), (NOW - 10**9, WebhookTimestampRejected)):
        signed = sign_webhook({"event": "app.event"}, SECRET, timestamp_s=timestamp_s)
        try:
            webhooks.receive(signed.body, signed.headers, secret=SECRET)
        except WebhookTimestampRejected as error:
            assert type(error) is kind  # noqa: PT017  # one of two rounds
        else:
            assert kind is None


@pytest.mark.parametrize(
    "body", [BODY, bytearray(BODY), memoryview(BODY), memoryview(b"x" + BODY)[1:]], ids=str
)
def test_any_bytes(body: bytes | bytearray | memoryview) -> None:
    """Frameworks have bodies as different kinds of bytes."""
    assert isinstance(webhooks.receive(body, HEADERS, secret=SECRET, now=NOW), RTMSStarted)


# --- signature -----------------------------------------------------------------------------------

TAMPERED = {
    "byte": BODY.replace(b"1111-", b"1112-"),
    "url": BODY.replace(b"rtms.example.test", b"evil.example.test"),
    "space": BODY + b" ",
    "newline": BODY + b"\n",
    "shorter": BODY[:-1],
    "empty": b"",
    "rewritten": json.dumps(json.loads(BODY)).encode(),
    "reordered": json.dumps(
        dict(reversed(json.loads(BODY).items())), separators=(",", ":")
    ).encode(),
    "indented": json.dumps(json.loads(BODY), indent=2).encode(),
    "escaped": BODY.replace(b"meeting.rtms", b"meeting\\u002ertms"),
    "bom": b"\xef\xbb\xbf" + BODY,
    "utf-16": BODY.decode().encode("utf-16"),
    "not utf-8": BODY + b"\xff",
    "no json": b"tampered",
}


@pytest.mark.parametrize("body", TAMPERED.values(), ids=TAMPERED)
def test_tampered(body: bytes) -> None:
    """Not a byte may differ, even where the JSON means the same."""
    error = _refuse(WebhookSignatureMismatch, body, HEADERS)
    assert error.args == (1,)


def test_timestamp_is_signed() -> None:
    """A replayed body does not become new by a new header."""
    headers = {**HEADERS, "x-zm-request-timestamp": "1790000001"}
    _refuse(WebhookSignatureMismatch, BODY, headers)


def test_other_secret() -> None:
    """Whoever does not know the secret is refused."""
    _refuse(WebhookSignatureMismatch, BODY, HEADERS, secret="test-secret-tokem")


@pytest.mark.parametrize("position", [3, 34, 66])
def test_one_digit(position: int) -> None:
    """Every digit of the signature counts, wherever it stands."""
    digit = "0" if SIGNATURE[position] != "0" else "1"
    wrong = SIGNATURE[:position] + digit + SIGNATURE[position + 1 :]
    _refuse(WebhookSignatureMismatch, BODY, {**HEADERS, "x-zm-signature": wrong})


@pytest.mark.parametrize("matching", [0, 1, 2, None])
def test_comparison_takes_constant_time(
    matching: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every secret is compared by the primitive made for it, whichever matches."""
    compared: list[tuple[str, str]] = []
    constant = hmac.compare_digest

    def spy(one: str, other: str) -> bool:
        compared.append((one, other))
        return constant(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    secrets = ["first", "second", "third"]
    if matching is not None:
        secrets[matching] = SECRET
        assert isinstance(webhooks.receive(BODY, HEADERS, secret=secrets, now=NOW), RTMSStarted)
    else:
        error = _refuse(WebhookSignatureMismatch, BODY, HEADERS, secret=secrets)
        assert error.args == (3,)
    assert compared == [
        (webhook_signature(secret, "1790000000", BODY), SIGNATURE) for secret in secrets
    ]


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("age_s", [-300, -299.5, -1, 0, 0.25, 299, 300])
def test_within_the_window(age_s: float) -> None:
    """A request may be 300 s old, or from 300 s ahead, and not a moment more."""
    told = webhooks.receive(BODY, HEADERS, secret=SECRET, now=NOW + age_s)
    assert isinstance(told, RTMSStarted)


@pytest.mark.parametrize("age_s", [-1e9, -301, -300.25, 300.25, 301, 85 * 60, 1e9])
def test_outside_the_window(age_s: float) -> None:
    """Stale and future requests are refused although their signature is right."""
    error = _refuse(WebhookTimestampRejected, BODY, HEADERS, now=NOW + age_s)
    assert error.args == (age_s, 300)


def test_no_time_is_no_reason_to_believe() -> None:
    """A clock that does not know refuses."""
    _refuse(WebhookTimestampRejected, BODY, HEADERS, now=math.nan)


@pytest.mark.parametrize(
    ("window_s", "age_s"), [(0, 0), (10, 10), (10, -10), (math.inf, 10**9)], ids=repr
)
def test_other_window(window_s: float, age_s: float) -> None:
    """The window is the caller's choice."""
    told = webhooks.receive(BODY, HEADERS, secret=SECRET, now=NOW + age_s, window_s=window_s)
    assert isinstance(told, RTMSStarted)


def test_other_window_ends() -> None:
    """The text names the window that was asked for."""
    with pytest.raises(WebhookTimestampRejected, match="within 10 s of now, got one 11 s old"):
        webhooks.receive(BODY, HEADERS, secret=SECRET, now=NOW + 11, window_s=10)


@pytest.mark.parametrize("max_bytes", [-1, 0, math.nan], ids=repr)
def test_largest_size_that_is_none(max_bytes: int) -> None:
    """A limit that no body can keep is a mistake of the application, not of the sender."""
    with pytest.raises(ValueError, match=r"max_bytes: expected .* from 1, got (-|0|nan).*; leave"):
        webhooks.receive(BODY, HEADERS, secret=SECRET, now=NOW, max_bytes=max_bytes)


@pytest.mark.parametrize("window_s", [-1, -0.001, math.nan], ids=repr)
def test_window_that_is_none(window_s: float) -> None:
    """A window that lets nothing through is a mistake of the application, not of the request."""
    with pytest.raises(ValueError, match=r"window_s: expected .* from 0, got (-|nan).*; leave it"):
        webhooks.receive(BODY, HEADERS, secret=SECRET, now=NOW, window_s=window_s)


# --- headers -------------------------------------------------------------------------------------


def test_no_signature() -> None:
    """A request without signature is not Zoom's."""
    error = _refuse(WebhookSignatureMissing, BODY, {"x-zm-request-timestamp": "1790000000"})
    assert error.args == ("x-zm-signature",)


def test_no_timestamp() -> None:
    """A signature without time could be of any time."""
    error = _refuse(WebhookSignatureMissing, BODY, {"x-zm-signature": SIGNATURE})
    assert error.args == ("x-zm-request-timestamp",)


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secrets",
    [[SECRET], ["old", SECRET], (SECRET, "new"), {SECRET}, iter(["a", SECRET])],
    ids=["list", "second", "tuple", "set", "iterator"],
)
def test_several_secrets(secrets: SecretSource) -> None:
    """While a secret is replaced, and with several apps, more than one is valid."""
    assert isinstance(webhooks.receive(BODY, HEADERS, secret=secrets, now=NOW), RTMSStarted)


@pytest.mark.parametrize(
    ("secret", "got"),
    [
        ("", "an unusable str"),
        (None, "NoneType"),
        (7, "int"),
        ([], "none"),
        ([SECRET, ""], "an unusable str"),
        ([SECRET, None], "an unusable NoneType"),
        (b"canary", "an unusable int"),
        ("canary\ud800", "an unusable str"),
        ({"account-1": SECRET}, "dict"),
    ],
    ids=repr,
)
def test_useless_secrets(secret: Any, got: str) -> None:  # noqa: ANN401  # anything
    """A forgotten environment variable must not make everybody believed."""
    with pytest.raises(InvalidParameters) as caught:
        webhooks.receive(BODY, HEADERS, secret=secret, now=NOW)
    assert str(caught.value) == (
        f"secret: expected non-empty texts, got {got}; check where they come from"
    )


ACCOUNT = BODY.replace(b'"payload":{', b'"payload":{"account_id":"account-1",')


@pytest.mark.parametrize(
    "body",
    [
        ACCOUNT,
        ACCOUNT.replace(b'"account_id"', b'"object":{"account_id":"account-1"},"x"'),
    ],
    ids=["flat", "nested"],
)
@pytest.mark.parametrize("found", [SECRET, ["old", SECRET]], ids=["one", "several"])
def test_secret_by_account(body: bytes, found: str | list[str]) -> None:
    """Several tenants share one address; the id says whose secret to try."""
    asked: list[str] = []

    def resolve(account_id: str) -> str | list[str]:
        asked.append(account_id)
        return found

    assert isinstance(_receive(body, resolve), RTMSStarted)
    assert asked == ["account-1"]


@pytest.mark.parametrize(
    "body",
    [BODY, b"", b"[]", b"\xff", b'{"payload":[]}', b'{"payload":{"account_id":{}}}'],
    ids=str,
)
def test_secret_without_account(body: bytes) -> None:
    """A body that names no account is looked up as that."""
    asked: list[str] = []
    headers = _sign(body, "other")
    assert _refuse(WebhookSignatureMismatch, body, headers, secret=asked.append).args == (0,)
    assert asked == [""]


@pytest.mark.parametrize("nothing", [None, [], ()], ids=repr)
def test_unknown_account(nothing: list[str] | None) -> None:
    """An account without secret is refused like a wrong signature."""
    error = _refuse(WebhookSignatureMismatch, ACCOUNT, _sign(ACCOUNT), secret=lambda _: nothing)
    assert error.args == (0,)


def test_account_is_not_looked_up_for_stale_requests() -> None:
    """Cheap reasons to refuse come before a look-up."""
    headers = _sign(ACCOUNT)
    _refuse(WebhookTimestampRejected, ACCOUNT, headers, secret=_never, now=NOW + 301)
    _refuse(WebhookSignatureMissing, ACCOUNT, {}, secret=_never)


def _never(account_id: str) -> str:
    raise NotImplementedError(account_id)


def test_failure_of_the_look_up_goes_through() -> None:
    """A database that is down is no forged webhook."""
    with pytest.raises(NotImplementedError):
        _receive(ACCOUNT, _never)


@pytest.mark.parametrize("useless", ["", 7, [""], {"x": SECRET}], ids=repr)
def test_look_up_is_checked(useless: Any) -> None:  # noqa: ANN401  # anything
    """What a function finds is checked like what is passed; a coroutine is no secret either."""
    with pytest.raises(InvalidParameters, match="expected non-empty texts"):
        _receive(ACCOUNT, lambda _: useless)


# --- body ----------------------------------------------------------------------------------------

MIB = 1024 * 1024


@pytest.mark.parametrize("size", [MIB + 1, 10 * MIB])
def test_large_body(size: int) -> None:
    """A large body is refused by its size alone, whoever sends it."""
    error = _refuse(WebhookTooLarge, b"x" * size, {}, secret=_never)
    assert error.args == (size, MIB)


def test_size_in_bytes() -> None:
    """The limit is in bytes, whatever the items of a memory view are, and is itself allowed."""
    padded = BODY + b" " * (MIB - len(BODY))
    assert isinstance(_receive(padded), RTMSStarted)
    with pytest.raises(WebhookTooLarge):
        webhooks.receive(
            memoryview(bytes(16)).cast("Q"), HEADERS, secret=SECRET, now=NOW, max_bytes=15
        )


def test_other_limit() -> None:
    """The limit is the caller's choice, in both directions."""
    with pytest.raises(WebhookTooLarge):
        webhooks.receive(BODY, HEADERS, secret=SECRET, now=NOW, max_bytes=210)
    large = ACCOUNT + b" " * MIB
    told = webhooks.receive(
        large,
        _sign(large),
        secret={"account-1": SECRET}.get,
        now=NOW,
        max_bytes=2 * MIB,
    )
    assert isinstance(told, RTMSStarted)


@pytest.mark.parametrize("body", ["text", {"event": "x"}, None, [1]], ids=repr)
def test_no_raw_bytes(body: Any) -> None:  # noqa: ANN401  # anything
    """What was decoded or parsed cannot be verified: the error says what to pass."""
    with pytest.raises(InvalidParameters) as caught:
        webhooks.receive(body, HEADERS, secret=SECRET, now=NOW)
    assert str(caught.value) == (
        f"body: expected the raw bytes of the request, got {type(body).__name__}; "
        "ask the web framework for the body as bytes, before anything parses it"
    )


BAD_BODIES: dict[str, tuple[bytes, type[WebhookError]]] = {
    "latin-1": (BODY.replace(b"aBc", b"\xe4Bc"), WebhookNotUtf8),
    "utf-16": (BODY.decode().encode("utf-16"), WebhookNotUtf8),
    "surrogate": (BODY.replace(b"aBc", b"\xed\xa0\x80"), WebhookNotUtf8),
    "bom": (b"\xef\xbb\xbf" + BODY, WebhookNotJson),
    "empty": (b"", WebhookNotJson),
    "form": (b"event=meeting.rtms_started", WebhookNotJson),
    "cut": (BODY[:-1], WebhookNotJson),
    "twice": (BODY + BODY, WebhookNotJson),
    "comma": (b'{"event": "x",}', WebhookNotJson),
    "quotes": (b"{'event': 'x'}", WebhookNotJson),
    "control": (b'{"event": "x\ny"}', WebhookNotJson),
    "NaN": (b'{"event": NaN}', WebhookNotJson),
    "infinity": (b'{"event": "x", "event_ts": -Infinity}', WebhookNotJson),
    "overflow": (b'{"event": "x", "event_ts": 1e999}', WebhookNotJson),
    "long": (b'{"event": "x", "event_ts": 1' + b"0" * 5000 + b"}", WebhookNotJson),
    "list": (b"[" + BODY + b"]", WebhookNotObject),
    "text": (b'"meeting.rtms_started"', WebhookNotObject),
    "null": (b"null", WebhookNotObject),
    "number": (b"7", WebhookNotObject),
    "duplicate": (b'{"event": "meeting.rtms_stopped",' + BODY[1:], WebhookDuplicateKeys),
    "duplicate spelled": (b'{"\\u0065vent": "x",' + BODY[1:], WebhookDuplicateKeys),
    "duplicate deep": (
        b'{"event": "x", "payload": {"a": [{"b": 1, "b": 1}]}}',
        WebhookDuplicateKeys,
    ),
    "33 levels": (b'{"event": "x", "a": ' + b"[" * 32 + b"]" * 32 + b"}", WebhookTooDeep),
    "objects": (b'{"a":' * 500 + b"1" + b"}" * 500, WebhookTooDeep),
    "lists": (b"[" * 50_000 + b"]" * 50_000, WebhookTooDeep),
    "endless": (b'{"a":' * 100_000, WebhookTooDeep),
    "nameless": (b"{}", WebhookIncomplete),
    "no stream": (b'{"event": "meeting.rtms_stopped"}', WebhookIncomplete),
}


@pytest.mark.parametrize(("body", "kind"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_signed_but_unreadable(body: bytes, kind: type[WebhookError]) -> None:
    """Each way to be wrong has its error, even with the right signature."""
    _refuse(kind, body, _sign(body))


@pytest.mark.parametrize(("body", "kind"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_unreadable_and_not_signed(body: bytes, kind: type[WebhookError]) -> None:
    """Strangers learn nothing of what is made of their body."""
    assert issubclass(kind, WebhookError)
    _refuse(WebhookSignatureMismatch, body, HEADERS)
    _refuse(WebhookSignatureMissing, body, {})


def test_deepest_allowed() -> None:
    """The limit of 32 levels is itself allowed."""
    body = b'{"event": "x", "a": ' + b"[" * 31 + b"]" * 31 + b"}"
    assert isinstance(_receive(body), UnrecognizedNotification)


# --- claimed_account_id --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "claimed"),
    [
        (ACCOUNT, "account-1"),
        (bytearray(ACCOUNT), "account-1"),
        (b'{"payload": {"account_id": 17}}', "17"),
        (BODY, None),
        (b"\xff", None),
        (b'{"payload": {"account_id": ""}}', None),
        (ACCOUNT + b" " * MIB, None),
    ],
    ids=["account", "bytearray", "number", "none", "unreadable", "empty", "large"],
)
def test_claimed_account(body: bytes, claimed: str | None) -> None:
    """Whoever has to await the secret can look at the id first."""
    assert webhooks.claimed_account_id(body) == claimed


# --- canaries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"event": "canary"', {}),
        (b'{"event": "canary"', _sign(b'{"event": "canary"')),
        (b'{"canary": 1, "canary": 2}', _sign(b'{"canary": 1, "canary": 2}')),
        (b'{"canary": "canary"}', _sign(b'{"canary": "canary"}')),
        (b"canary\xff", _sign(b"canary\xff")),
        (b'"canary"', _sign(b'"canary"')),
        (b"canary", {**_sign(b"canary"), "x-zm-signature": "canary"}),
        (b"canary", {**_sign(b"canary"), "x-zm-request-timestamp": "canary"}),
        (b"canary", _sign(b"", "canary")),
    ],
    ids=[
        "unsigned",
        "cut",
        "duplicate",
        "incomplete",
        "bytes",
        "text",
        "signature",
        "timestamp",
        "mismatch",
    ],
)
def test_errors_leak_nothing(body: bytes, headers: dict[str, str]) -> None:
    """No error holds anything of body, headers or secrets, however it is printed."""
    with pytest.raises(WebhookError) as caught:
        webhooks.receive(body, headers, secret=[SECRET, "canary-secret"], now=NOW)
    error = caught.value
    shown = f"{error} {error!r} {error.args} {vars(error)} {error.__cause__} {error.__context__}"
    assert "canary" not in shown
    assert SECRET not in shown
    assert webhook_signature(SECRET, "1790000000", body)[3:] not in shown
