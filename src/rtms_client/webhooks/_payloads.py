"""From the JSON of a webhook to a notification: liberal in spelling and shape, strict in type."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NoReturn, TypeAlias, TypedDict, TypeVar

from rtms_client._wire import fields as f
from rtms_client.config import StreamInfo
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import WebhookIncomplete
from rtms_client.signatures import url_validation_token

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

__all__ = ["CHALLENGE", "account_id", "kind_of", "read"]

CHALLENGE: Final = "endpoint.url_validation"

# An answer to a challenge may not be of use as the signature of a webhook, which is one of a text
# that begins with "v0:", so a token has no colon. Zoom's tokens are base64.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_\-+/=.~]{1,256}")

# The part of the event name before the last dot names the product (webhook notes, 2).
_PRODUCTS: Final[Mapping[str, Product]] = {
    "meeting": Product.MEETING,
    "webinar": Product.WEBINAR,
    "session": Product.VIDEO_SDK,
    "videosdk": Product.VIDEO_SDK,
    "contact_center": Product.CONTACT_CENTER,
    "contactcenter": Product.CONTACT_CENTER,
    "phone": Product.PHONE,
}
# Keys of the product id, best first; Contact Center and webinars have a second choice (2, 3.2).
_ID_KEYS: Final[Mapping[Product, tuple[str, ...]]] = {
    Product.MEETING: ("meeting_uuid", "uuid"),
    Product.WEBINAR: ("webinar_uuid", "meeting_uuid", "uuid"),
    Product.VIDEO_SDK: ("session_id",),
    Product.CONTACT_CENTER: ("engagement_id", "session_id"),
    Product.PHONE: ("call_id",),
}
_KNOWN: Final = frozenset(
    {
        "account_id",
        "call_id",
        "engagement_id",
        "is_original_host",
        "meeting_uuid",
        "object",
        "operator_id",
        "rtms_stream_id",
        "server_urls",
        "session_id",
        "signature",
        "uuid",
        "webinar_uuid",
    }
)

_Object: TypeAlias = Mapping[str, object]
_U = TypeVar("_U", RequestStatus, StartFailed)


class _Envelope(TypedDict):
    """What every notification has."""

    event: str
    event_ts_ms: int | None
    account_id: str | None
    raw: _Object


def read(document: _Object, secret: str | None = None) -> Notification:
    """Make the notification of a webhook.

    Args:
        document: The body.
        secret: Signs the answer to a challenge; `None` means that there is nobody to answer to.

    Raises:
        WebhookIncomplete: It lacks what the notification cannot do without.
    """
    event = f.name(document.get("event"))
    if event is None:
        raise WebhookIncomplete("an event with a name", "none")
    payload = _payload(document)
    envelope = _Envelope(
        event=event,
        event_ts_ms=f.milliseconds(document.get("event_ts")),
        account_id=f.identifier(payload.get("account_id")),
        raw=document,
    )
    if event == CHALLENGE and secret is not None:
        return _challenge(envelope, payload, secret)
    if (of_account := _OF_ACCOUNT.get(event)) is not None:
        return of_account(envelope, payload)
    product, kind = _split(event)
    if product is None or kind is None:
        return UnrecognizedNotification(**envelope)
    return _OF_STREAM[kind](envelope, payload, product)


def account_id(document: _Object) -> str | None:
    """Return the id of the account that a webhook names."""
    return f.identifier(_payload(document).get("account_id"))


def kind_of(event: str) -> str:
    """Say what an event is, in words that come from here and not from the webhook."""
    if event == CHALLENGE or event in _OF_ACCOUNT:
        return f"the event {event}"
    product, kind = _split(event)
    return "an event of another kind" if None in (product, kind) else f"one like meeting.{kind}"


def _payload(document: _Object) -> _Object:
    """Return the payload, flat: what is nested in ``object`` goes first (3.2)."""
    payload = f.mapping(document.get("payload"))
    return {**payload, **f.mapping(payload.get("object"))}


def _split(event: str) -> tuple[Product | None, str | None]:
    """Return what the name of an event says about product and kind (2)."""
    prefix, _, last = event.rpartition(".")
    if prefix.endswith(".rtms"):  # the beta's meeting.rtms.started
        prefix, last = prefix.removesuffix(".rtms"), f"rtms_{last}"
    kind = next((kind for kind in _OF_STREAM if f"_{last}".endswith(f"_{kind}")), None)
    return _PRODUCTS.get(prefix), kind


# --- one reader per kind -------------------------------------------------------------------------


def _challenge(envelope: _Envelope, payload: _Object, secret: str) -> UrlValidation:
    token = payload.get("plainToken")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        _incomplete(envelope, "a plainToken of letters and digits")
    return UrlValidation(
        **envelope, plain_token=token, encrypted_token=url_validation_token(secret, token)
    )


def _started(envelope: _Envelope, payload: _Object, product: Product) -> RTMSStarted:
    ids = _ids(payload, product)
    stream_id = f.identifier(payload.get("rtms_stream_id"))
    urls = _server_urls(payload.get("server_urls"))
    if not ids or stream_id is None or not urls:
        found = (
            (_ID_KEYS[product][0], ids),
            ("rtms_stream_id", stream_id),
            ("server_urls", urls),
        )
        _incomplete(envelope, " and ".join(key for key, value in found if not value))
    return RTMSStarted(
        **envelope,
        stream=StreamInfo(
            product=product,
            product_id=ids[0],
            alternate_id=next((other for other in ids[1:] if other != ids[0]), None),
            stream_id=stream_id,
            server_urls=urls,
            event_ts_ms=envelope["event_ts_ms"],
            account_id=envelope["account_id"],
            operator_id=f.identifier(payload.get("operator_id")),
            is_original_host=f.boolean(payload.get("is_original_host")),
            extra=f.rest(payload, _KNOWN),
        ),
    )


def _stopped(envelope: _Envelope, payload: _Object, product: Product) -> RTMSStopped:
    return RTMSStopped(
        **envelope,
        product=product,
        stream_id=_stream_id(envelope, payload),
        product_id=next(iter(_ids(payload, product)), None),
        stop_reason=f.member(StopReason, payload.get("stop_reason")),
    )


def _interrupted(envelope: _Envelope, payload: _Object, product: Product) -> RTMSInterrupted:
    return RTMSInterrupted(
        **envelope,
        product=product,
        stream_id=_stream_id(envelope, payload),
        product_id=next(iter(_ids(payload, product)), None),
        server_urls=_server_urls(payload.get("server_urls")),
    )


def _concurrency_limited(envelope: _Envelope, payload: _Object) -> ConcurrencyLimited:
    product, product_id = _any_id({**payload, **f.mapping(payload.get("id_field"))})
    return ConcurrencyLimited(
        **envelope,
        product=product,
        product_id=product_id,
        operator_id=f.identifier(payload.get("operator_id")),
        concurrency_number=f.integer(payload.get("concurrency_number")),
    )


def _concurrency_near_limit(envelope: _Envelope, payload: _Object) -> ConcurrencyNearLimit:
    percentage = payload.get("percentage")
    return ConcurrencyNearLimit(
        **envelope,
        concurrency_limit=f.integer(payload.get("concurrency_limit")),
        concurrency_number=f.integer(payload.get("concurrency_number")),
        percentage=percentage if isinstance(percentage, float) else f.integer(percentage),
    )


def _undocumented(kind: type[_U]) -> Callable[[_Envelope, _Object], _U]:
    def reader(envelope: _Envelope, payload: _Object) -> _U:
        product, product_id = _any_id({**payload, **f.mapping(payload.get("id_field"))})
        return kind(
            **envelope,
            product=product,
            product_id=product_id,
            stream_id=f.identifier(payload.get("rtms_stream_id")),
            operator_id=f.identifier(payload.get("operator_id")),
        )

    return reader


_OF_ACCOUNT: Final[Mapping[str, Callable[[_Envelope, _Object], Notification]]] = {
    "rtms.concurrency_limited": _concurrency_limited,
    "rtms.concurrency_near_limit": _concurrency_near_limit,
    "rtms.request_status": _undocumented(RequestStatus),
    "rtms.start_failed": _undocumented(StartFailed),
}
_OF_STREAM: Final[Mapping[str, Callable[[_Envelope, _Object, Product], Notification]]] = {
    "rtms_started": _started,
    "rtms_stopped": _stopped,
    "rtms_interrupted": _interrupted,
}


# --- fields --------------------------------------------------------------------------------------


def _incomplete(envelope: _Envelope, expected: str) -> NoReturn:
    """Refuse a webhook; what is named in the error comes from here, not from the webhook."""
    kind = _split(envelope["event"])[1] or CHALLENGE
    raise WebhookIncomplete(f"{expected} in the payload of {kind}", "none")


def _stream_id(envelope: _Envelope, payload: _Object) -> str:
    found = f.identifier(payload.get("rtms_stream_id"))
    return _incomplete(envelope, "rtms_stream_id") if found is None else found


def _ids(payload: _Object, product: Product) -> list[str]:
    """Return the ids of a meeting, webinar, session, engagement or call, best first."""
    found = (f.identifier(payload.get(key)) for key in _ID_KEYS[product])
    return [value for value in found if value is not None]


def _any_id(payload: _Object) -> tuple[Product | None, str | None]:
    """Return the first id of any product."""
    for product in Product:
        if (found := f.identifier(payload.get(product.value))) is not None:
            return product, found
    return None, None


def _server_urls(value: object) -> tuple[str, ...]:
    """Return the URLs in any of the shapes they come in, without repetitions (3.4)."""
    urls = f.mapping(value)
    preferred = [urls[key] for key in ("signaling", "signal", "all") if key in urls]
    candidates = [*preferred, *urls.values()] if urls else [value]
    found = (url for candidate in candidates for url in _listed(candidate))
    return tuple(dict.fromkeys(url for url in found if not urls or url.startswith("ws")))


def _listed(value: object) -> Iterator[str]:
    """Yield the URLs of a text, between commas, or of the texts in a list."""
    for text in f.sequence(value) or [value]:
        for part in (f.text(text) or "").split(","):
            if url := part.strip():
                yield url
