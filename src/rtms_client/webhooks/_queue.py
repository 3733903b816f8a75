"""Notifications out of a queue: what `Notification.to_json` wrote, whole or not at all."""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import attrs

from rtms_client.config import StreamInfo
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import InvalidParameters

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

__all__ = ["from_json"]

_ADVICE: Final = "pass on unchanged what to_json() wrote"
_KINDS: Final[Mapping[str, type[Notification]]] = {
    kind.__name__: kind
    for kind in (
        ConcurrencyLimited,
        ConcurrencyNearLimit,
        RTMSInterrupted,
        RTMSStarted,
        RTMSStopped,
        RequestStatus,
        StartFailed,
        UnrecognizedNotification,
        UrlValidation,
    )
}


def from_json(text: str | bytes) -> Notification:
    """Read what `Notification.to_json` wrote; keys that this version does not know are ignored.

    It was verified before it was written, so keep strangers away from the queue.

    Args:
        text: The JSON object, as text or as its UTF-8 bytes.

    Raises:
        InvalidParameters: It is no JSON object, of no known type, or lacks what that cannot do
            without. The text of the error holds nothing of what came.
    """
    value: object = None
    with contextlib.suppress(ValueError, RecursionError):  # what is no JSON is no object
        value = json.loads(text)
    if not isinstance(value, dict):
        raise InvalidParameters("webhooks.from_json", "expected a JSON object", _ADVICE)
    source = cast("dict[str, object]", value)
    name = source.get("type")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise _wrong("type", "a type of notification that this version knows")
    values: dict[str, object] = {}
    for field in attrs.fields(kind):
        found = source.get(field.name)
        if found is not None or field.default is attrs.NOTHING:
            values[field.name] = _READERS.get(field.name, _text)(field.name, found)
    return kind(**cast("dict[str, Any]", values))


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(key, "a text")
    return value


def _integer(key: str, value: object) -> int:
    if type(value) is not int:
        raise _wrong(key, "an integer")
    return value


def _number(key: str, value: object) -> float:
    return value if isinstance(value, float) else _integer(key, value)


def _object(key: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong(key, "an object")
    return cast("dict[str, object]", value)


def _texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong(key, "a list")
    return tuple(_text(key, item) for item in cast("list[object]", value))


def _product(key: str, value: object) -> Product:
    name = _text(key, value)
    if name not in {product.value for product in Product}:
        raise _wrong(key, "a known product")
    return Product(name)


def _stop_reason(key: str, value: object) -> StopReason:
    return StopReason(_integer(key, value))


def _stream(key: str, value: object) -> StreamInfo:
    return StreamInfo.from_json(json.dumps(_object(key, value)))


# What is not named here is a text.
_READERS: Final[Mapping[str, Callable[[str, object], object]]] = {
    "concurrency_limit": _integer,
    "concurrency_number": _integer,
    "event_ts_ms": _integer,
    "percentage": _number,
    "product": _product,
    "raw": _object,
    "server_urls": _texts,
    "stop_reason": _stop_reason,
    "stream": _stream,
}


def _wrong(key: str, expected: str) -> InvalidParameters:
    return InvalidParameters(f"webhooks.from_json: {key}", f"expected {expected}", _ADVICE)
