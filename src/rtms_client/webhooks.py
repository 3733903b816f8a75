"""Webhooks of Zoom as typed notifications: pure functions over what the web framework received."""

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from rtms_client._wire import fields as f
from rtms_client._wire.codec import JsonCodec
from rtms_client.config import StreamInfo
from rtms_client.enums import Product
from rtms_client.exceptions import RemoteProtocolError

__all__ = ["RTMSStarted", "parse_started"]


@attrs.frozen(kw_only=True)
class RTMSStarted:
    """A stream is ready to be joined (webhook notes, 2 to 4)."""

    event: str
    """Name of the event, for example ``meeting.rtms_started``."""
    stream: StreamInfo
    """What it takes to join the stream."""


# The part of the event name before the last dot names the product (webhook notes, 2).
_PRODUCTS: Final[Mapping[str, Product]] = {
    "meeting": Product.MEETING,
    "meeting.rtms": Product.MEETING,  # the beta's meeting.rtms.started
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


def parse_started(body: bytes | Mapping[str, object]) -> RTMSStarted:
    """Read a started webhook; it is **not** verified.

    Args:
        body: The body as received, or what the framework made of it.

    Raises:
        RemoteProtocolError: It is no started webhook, or lacks what it takes to join the stream.
    """
    event = body if isinstance(body, Mapping) else JsonCodec().decode(body)
    name = f.text(event.get("event")) or ""
    prefix, _, kind = name.rpartition(".")
    product = _PRODUCTS.get(prefix)
    if product is None or not kind.endswith("started"):
        raise RemoteProtocolError("an event like meeting.rtms_started", repr(name[:100]))
    payload = f.mapping(event.get("payload"))
    payload = {**payload, **f.mapping(payload.get("object"))}
    ids = [
        found for key in _ID_KEYS[product] if (found := f.identifier(payload.get(key))) is not None
    ]
    stream_id = f.identifier(payload.get("rtms_stream_id"))
    urls = [*_server_urls(payload.get("server_urls"))]
    if not ids or stream_id is None or not urls:
        raise RemoteProtocolError(
            f"{_ID_KEYS[product][0]}, rtms_stream_id and server_urls in the payload",
            f"only {', '.join(sorted(payload)) or 'nothing'}"[:200],
        )
    return RTMSStarted(
        event=name,
        stream=StreamInfo(
            product=product,
            product_id=ids[0],
            alternate_id=next((other for other in ids[1:] if other != ids[0]), None),
            stream_id=stream_id,
            server_urls=urls,
            event_ts_ms=f.milliseconds(event.get("event_ts")),
            account_id=f.identifier(payload.get("account_id")),
            operator_id=f.identifier(payload.get("operator_id")),
            is_original_host=f.boolean(payload.get("is_original_host")),
            extra=f.rest(payload, _KNOWN),
        ),
    )


def _server_urls(value: object) -> Iterable[str]:
    """Return the URLs in any of the shapes they come in (webhook notes, 3.4)."""
    if isinstance(value, str):
        return [url for part in value.split(",") if (url := part.strip())]
    if isinstance(value, list):
        return [url for item in value for url in _server_urls(item) if isinstance(item, str)]
    urls = f.mapping(value)
    preferred = [urls[key] for key in ("signaling", "signal", "all") if key in urls]
    candidates = [*preferred, *urls.values()]
    found = (url for item in candidates if isinstance(item, str) for url in _server_urls(item))
    return dict.fromkeys(url for url in found if url.startswith(("wss:", "ws:")))
