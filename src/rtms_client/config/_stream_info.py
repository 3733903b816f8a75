"""The stream to join, and how it crosses a queue."""

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self, cast

import attrs

from rtms_client.enums import Product
from rtms_client.exceptions import InvalidParameters

from ._checks import not_empty, texts

__all__ = ["StreamInfo"]

_REQUIRED: Final = ("product", "product_id", "stream_id", "server_urls")
_JSON_TYPES: Final[Mapping[str, type]] = {
    **dict.fromkeys((*_REQUIRED, "account_id", "operator_id", "alternate_id"), str),
    "server_urls": list,
    "event_ts_ms": int,
    "is_original_host": bool,
    "extra": dict,
}
_ADVICE: Final = "pass on unchanged what to_json() wrote"


def _server_urls(values: Iterable[str]) -> tuple[str, ...]:
    return texts("server_urls", values)


@attrs.frozen(kw_only=True)
class StreamInfo:
    """What it takes to join a stream; usually read from a started webhook."""

    product: Product = attrs.field(default=Product.MEETING, converter=Product)
    product_id: str = attrs.field(validator=not_empty)
    """UUID of the meeting or webinar, id of the session, engagement or call; as received."""
    stream_id: str = attrs.field(validator=not_empty)
    """``rtms_stream_id``; an opaque text."""
    server_urls: tuple[str, ...] = attrs.field(converter=_server_urls)
    """URLs of the signaling server; the first usable one is taken."""
    event_ts_ms: int | None = None
    """When the stream started, Unix time in milliseconds; dates the buffered audio."""
    account_id: str | None = None
    operator_id: str | None = None
    is_original_host: bool | None = None
    alternate_id: str | None = None
    """A second id that names the same webinar; tried once when the first is refused."""
    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """Fields of the webhook that this version does not know."""

    def to_json(self) -> str:
        """Write it as a JSON object in ASCII, so that it can cross a queue to another process.

        The text holds everything, `extra` included: treat it as confidential.

        Raises:
            InvalidParameters: `extra` holds what JSON cannot express.
        """
        values = {name: getattr(self, name) for name in attrs.fields_dict(type(self))}
        try:
            values["extra"] = dict(self.extra)
            return json.dumps(values, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            what = "StreamInfo.extra"
        raise InvalidParameters(what, "expected JSON values, got others", "leave them out")

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote; keys that this version does not know are ignored.

        Args:
            text: The JSON object, as text or as its UTF-8 bytes.

        Raises:
            InvalidParameters: It is no JSON object, or lacks what it takes to join the stream. The
                text of the error holds nothing of what came.
        """
        value: object = None
        with contextlib.suppress(ValueError, RecursionError):  # what is no JSON is no object
            value = json.loads(text)
        if not isinstance(value, dict):
            raise InvalidParameters("StreamInfo.from_json", "expected a JSON object", _ADVICE)
        source = cast("dict[str, object]", value)
        values = {key: source[key] for key in _JSON_TYPES if source.get(key) is not None}
        for key, kind in _JSON_TYPES.items():
            if (key in values or key in _REQUIRED) and type(values.get(key)) is not kind:
                raise _wrong(key, kind.__name__)
        urls = cast("list[object]", values["server_urls"])
        if not all(isinstance(url, str) for url in urls):
            raise _wrong("server_urls", "list of texts")
        if values["product"] not in {product.value for product in Product}:
            raise _wrong("product", "known product")
        return cls(**cast("dict[str, Any]", values))


def _wrong(key: str, expected: str) -> InvalidParameters:
    return InvalidParameters(f"StreamInfo.from_json: {key}", f"expected a {expected}", _ADVICE)
