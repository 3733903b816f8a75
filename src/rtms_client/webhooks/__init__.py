"""Webhooks of Zoom as typed, verified notifications: pure functions over bytes and headers.

The web framework stays yours: hand over the raw body and the headers of the request, and get a
`Notification` or an error that names the HTTP status to answer with.

.. code-block:: python

    try:
        notification = webhooks.receive(body, headers, secret=secret_token)
    except WebhookError as error:
        answer(error.http_status)
    else:
        client.notify(notification)
        answer(200, notification.response_body)
"""

import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeAlias, cast

from rtms_client.exceptions import (
    InvalidParameters,
    WebhookIncomplete,
    WebhookNotJson,
    WebhookSignatureMismatch,
    WebhookSignatureMissing,
    WebhookTimestampRejected,
    WebhookTooLarge,
    WebhookUnreadable,
)
from rtms_client.signatures import webhook_signature

from ._headers import SIGNATURE_HEADER, Headers, RequestSignature, SupportsItems, read_signature
from ._json import decode
from ._notifications import (
    ConcurrencyLimited,
    ConcurrencyNearLimit,
    Notification,
    RequestStatus,
    RTMSInterrupted,
    RTMSStarted,
    RTMSStopped,
    StartFailed,
    UnrecognizedNotification,
    UrlValidation,
)
from ._payloads import CHALLENGE, account_id, kind_of, read
from ._queue import from_json

__all__ = [
    "ConcurrencyLimited",
    "ConcurrencyNearLimit",
    "Headers",
    "Notification",
    "RTMSInterrupted",
    "RTMSStarted",
    "RTMSStopped",
    "RequestStatus",
    "SecretSource",
    "StartFailed",
    "SupportsItems",
    "UnrecognizedNotification",
    "UrlValidation",
    "claimed_account_id",
    "from_json",
    "parse",
    "parse_started",
    "receive",
]

SecretSource: TypeAlias = str | Iterable[str] | Callable[[str], str | Iterable[str] | None]
"""One secret token, several that are valid at once, or a function that finds them by account id."""

_MAX_BYTES: Final = 1024 * 1024
_MAX_CHALLENGE_BYTES: Final = 8 * 1024  # of what is read although it is not signed
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def receive(
    body: bytes | bytearray | memoryview,
    headers: Headers,
    *,
    secret: SecretSource,
    now: float | None = None,
    window_s: float = 300.0,
    max_bytes: int = _MAX_BYTES,
) -> Notification:
    """Verify a webhook and say what it tells (webhook notes, 1 to 7).

    Nothing of the body is believed before its signature is verified, in constant time and over the
    raw bytes. The one exception is the challenge `UrlValidation`: it is verified if it is signed,
    but Zoom may send it without signature.

    Args:
        body: The raw body, byte by byte as received; not parsed, and not written again.
        headers: The headers of the request, in any form that a web framework has: a mapping, pairs
            of texts or bytes (ASGI), a WSGI environ (``HTTP_X_ZM_SIGNATURE``), or anything with
            ``items()``. Case does not matter.
        secret: Secret token of the app's event subscription, which is not the client secret; or
            several, while one replaces another or when several apps post to one address; all are
            tried, always. Or a function that finds them, such as the ``get`` of a dictionary: it is
            called with the account id in the body, which is **not yet verified** and empty if there
            is none, so use it for nothing but a look-up. It returns `None` to refuse the account.
            What it raises goes through.
        now: Unix time in seconds; `None` means the system clock.
        window_s: How far the signed timestamp may be from `now`, in seconds, in either direction;
            300 is what Zoom's samples use, 0 or more is possible.
        max_bytes: Largest body to accept, in bytes.

    Returns:
        One of the subclasses of `Notification`; `UnrecognizedNotification` for events that have
        none of their own.

    Raises:
        WebhookError: The webhook is refused; the subclass says why, its ``http_status`` what to
            answer. It holds nothing of the body, of a signature or of a secret.
        InvalidParameters: Body, headers, secrets, window or largest size are not what they should
            be: a mistake of the application.
    """
    if not window_s >= 0:  # so written that NaN is refused
        raise InvalidParameters(
            "window_s",
            f"expected a number of seconds from 0, got {window_s!r}",
            "leave it out for 300, the window of Zoom's samples",
        )
    if not max_bytes > 0:
        raise InvalidParameters(
            "max_bytes",
            f"expected a number of bytes from 1, got {max_bytes!r}",
            f"leave it out for {_MAX_BYTES}, far more than any webhook has",
        )
    content = _content(body, max_bytes)
    signature = read_signature(headers)
    if signature is None:
        return _unsigned(content, secret)
    age_s = (datetime.now(UTC).timestamp() if now is None else now) - signature.timestamp_s
    if not -window_s <= age_s <= window_s:  # so written that NaN is refused
        raise WebhookTimestampRejected(age_s, window_s)
    secrets = _secrets(secret, content)
    matching = _matching(secrets, signature, content)
    if matching is None:
        raise WebhookSignatureMismatch(len(secrets))
    return read(decode(content), matching)


def parse(event: bytes | str | Mapping[str, object]) -> Notification:
    """Say what an event tells that needs no signature; it is **not** verified.

    For events from elsewhere than an HTTP request, such as Zoom's event WebSocket or your own
    queue, and for tests. A challenge is an `UnrecognizedNotification` here.

    Args:
        event: The event as JSON, in UTF-8 or as text, or what a JSON reader made of it.

    Raises:
        WebhookUnreadable: It is no event, or lacks what the notification cannot do without.
    """
    return read(_document(event))


def parse_started(body: bytes | str | Mapping[str, object]) -> RTMSStarted:
    """Read a started webhook; it is **not** verified: for webhooks over HTTP use `receive`.

    Args:
        body: The body as received, or what the framework made of it.

    Raises:
        RemoteProtocolError: It is no started webhook, or lacks what it takes to join the stream;
            always a `WebhookUnreadable`.
    """
    notification = parse(body)
    if not isinstance(notification, RTMSStarted):
        raise WebhookIncomplete(
            "a started webhook, an event like meeting.rtms_started",
            f"{kind_of(notification.event)}; webhooks.parse() reads every event",
        )
    return notification


def claimed_account_id(body: bytes | bytearray | memoryview) -> str | None:
    """Return the account id that a webhook names; **anybody can write any id there**.

    For look-ups of the secret that have to be awaited; others fit into `receive` as a function.

    Args:
        body: The raw body as received.

    Returns:
        The id, or `None` when there is none or the body is unreadable or larger than 1 MiB.
    """
    try:
        content = _content(body, _MAX_BYTES)
    except WebhookTooLarge:
        return None
    return _claimed(content)


def _claimed(content: bytes) -> str | None:
    try:
        return account_id(decode(content))
    except WebhookUnreadable:
        return None


def _content(body: object, max_bytes: int) -> bytes:
    """Return the body as bytes if it is of the right type and size."""
    if not isinstance(body, bytes | bytearray | memoryview):
        raise InvalidParameters(
            "body",
            f"expected the raw bytes of the request, got {type(body).__name__}",
            "ask the web framework for the body as bytes, before anything parses it",
        )
    view = memoryview(cast("bytes", body))
    if view.nbytes > max_bytes:
        raise WebhookTooLarge(view.nbytes, max_bytes)
    return view.tobytes()


def _unsigned(content: bytes, secret: SecretSource) -> Notification:
    """Answer a challenge without signature; anything else needs one (webhook notes, 6)."""
    if len(content) <= _MAX_CHALLENGE_BYTES:
        try:
            document = decode(content)
        except WebhookUnreadable:
            document = {}
        if document.get("event") == CHALLENGE and (secrets := _secrets(secret, content)):
            return read(document, secrets[0])
    raise WebhookSignatureMissing(SIGNATURE_HEADER)


def _secrets(source: SecretSource, content: bytes) -> tuple[str, ...]:
    """Return the secrets to try; none at all only if the application's function says so."""
    if callable(source):
        found = source(_claimed(content) or "")
        return () if found is None else _texts(found)
    return _texts(source) or _bad_secret("got none")


def _texts(found: object) -> tuple[str, ...]:
    """Check secrets: with an empty one, anybody could sign."""
    kind = type(found).__name__
    # The keys of a mapping may be account ids, which are no secrets; nor is a coroutine one.
    if not isinstance(found, Iterable) or isinstance(found, Mapping):
        _bad_secret(f"got {kind}")
    secrets = (found,) if isinstance(found, str) else tuple(cast("Iterable[object]", found))
    for secret in secrets:
        if not isinstance(secret, str) or not secret or _SURROGATE.search(secret):
            _bad_secret(f"got an unusable {type(secret).__name__}")
    return cast("tuple[str, ...]", secrets)


def _bad_secret(got: str) -> NoReturn:
    raise InvalidParameters(
        "secret", f"expected non-empty texts, {got}", "check where they come from"
    )


def _matching(secrets: Iterable[str], signature: RequestSignature, content: bytes) -> str | None:
    """Return the first secret that made the signature; time does not tell which one it was."""
    matching = None
    for secret in secrets:
        expected = webhook_signature(secret, signature.timestamp, content)
        if hmac.compare_digest(expected, signature.value) and matching is None:
            matching = secret
    return matching


def _document(event: object) -> dict[str, object]:
    """Read an event in any of the forms that `parse` takes."""
    if isinstance(event, bytes):
        return decode(event)
    if isinstance(event, str):
        try:
            return decode(event.encode(errors="surrogatepass"))  # lone surrogates are no UTF-8
        except WebhookNotJson:
            if "{" in event:
                raise
        raise WebhookNotJson(
            "the body of a webhook, which is JSON", "text that is not JSON, perhaps a file's name"
        )
    if isinstance(event, Mapping):
        return decode(_encoded(cast("Mapping[str, object]", event)))
    raise InvalidParameters(
        "event",
        f"expected the body of a webhook as bytes, str or mapping, got {type(event).__name__}",
        "pass what the request brought, or what json.load read from a file",
    )


def _encoded(event: Mapping[str, object]) -> bytes:
    """Write an event as JSON, so that it is checked like any other."""
    try:
        return json.dumps(dict(event)).encode()
    except (TypeError, ValueError, RecursionError):
        pass  # raised below, where no context holds the event
    raise WebhookNotJson("JSON values", "others")
