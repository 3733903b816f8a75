"""Webhooks that announce the streams of a fake server, signed like Zoom's."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final

import attrs

from rtms_client.enums import Product, StopReason

from ._server_settings import StreamSettings

__all__ = ["SignedWebhook", "lifecycle_webhook", "sign_webhook"]

_PREFIXES: Final[Mapping[Product, str]] = {
    Product.MEETING: "meeting.rtms_",
    Product.WEBINAR: "webinar.rtms_",
    Product.VIDEO_SDK: "session.rtms_",
    Product.CONTACT_CENTER: "contact_center.voice_rtms_",
    Product.PHONE: "phone.rtms_",
}

_EXTRAS: Final[Mapping[Product, Mapping[str, object]]] = {
    Product.MEETING: {
        "operator_id": "operator-id",
        "meeting_id": "98765432101",
        "is_original_host": True,
    },
    Product.WEBINAR: {"operator_id": "operator-id", "webinar_id": "98765432102"},
    Product.VIDEO_SDK: {"session_key": "session-key"},
    Product.CONTACT_CENTER: {},
    Product.PHONE: {},
}


@attrs.frozen(kw_only=True)
class SignedWebhook:
    """A webhook as the user's web framework would hand it over."""

    body: bytes
    """The raw body."""
    headers: Mapping[str, str]
    """Its headers, with signature and timestamp."""


def lifecycle_webhook(
    settings: StreamSettings,
    what: str,
    event_ts: int,
    *,
    url: str | None = None,
    stop_reason: StopReason | None = None,
) -> dict[str, Any]:
    """Build ``rtms_started``, ``rtms_interrupted`` or ``rtms_stopped`` of a stream."""
    variations = settings.variations
    prefix = _PREFIXES[settings.product]
    if settings.product is Product.PHONE and variations.phone_call_events:
        prefix = "phone.call_rtms_"
    stream: dict[str, Any] = {
        settings.product.value: settings.product_id,
        "rtms_stream_id": settings.rtms_stream_id,
    }
    if what == "started":
        stream |= _EXTRAS[settings.product]
    if url is not None:
        stream["server_urls"] = {
            "string": url,
            "comma": f"{url},{url}?second",
            "list": [url],
            "object": {"signaling": url},
        }[variations.webhook_server_urls]
    if stop_reason is not None:
        stream["stop_reason"] = int(stop_reason)
    payload: dict[str, Any] = {"account_id": "account-id"}
    payload |= {"object": stream} if variations.webhook_nested else stream
    return {"event": prefix + what, "event_ts": event_ts, "payload": payload}


def sign_webhook(
    event: Mapping[str, object], secret_token: str, *, timestamp_s: int | None = None
) -> SignedWebhook:
    """Serialize and sign a webhook (webhooks notes, section 7).

    Args:
        event: The webhook.
        secret_token: Secret token of the app's webhook configuration.
        timestamp_s: Time of the request, Unix seconds; now when `None`.
    """
    body = json.dumps(event, separators=(",", ":")).encode()
    timestamp = str(int(time.time()) if timestamp_s is None else timestamp_s)
    message = b"v0:" + timestamp.encode() + b":" + body
    signature = hmac.new(secret_token.encode(), message, hashlib.sha256).hexdigest()
    return SignedWebhook(
        body=body,
        headers={
            "content-type": "application/json; charset=utf-8",
            "x-zm-request-timestamp": timestamp,
            "x-zm-signature": f"v0={signature}",
        },
    )
