"""The signature of a request, out of whatever a web framework calls its headers."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, cast, runtime_checkable

import attrs

from rtms_client.exceptions import (
    InvalidParameters,
    WebhookSignatureMalformed,
    WebhookSignatureMissing,
)

__all__ = [
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "Headers",
    "RequestSignature",
    "SupportsItems",
    "read_signature",
]

SIGNATURE_HEADER: Final = "x-zm-signature"
TIMESTAMP_HEADER: Final = "x-zm-request-timestamp"

_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")


@runtime_checkable
class SupportsItems(Protocol):
    """Anything that tells its headers as pairs."""

    def items(self) -> Iterable[tuple[object, object]]:
        """Return pairs of name and value."""
        ...


Headers: TypeAlias = SupportsItems | Iterable[Sequence[str | bytes]]
"""The headers of a request: a mapping, anything else with ``items()``, or pairs."""


@attrs.frozen(kw_only=True)
class RequestSignature:
    """What Zoom adds to a request to prove that it is Zoom's (webhook notes, 7)."""

    value: str = attrs.field(repr=False)
    timestamp: str
    """Unix time in seconds, as received, because it is signed like that."""

    @property
    def timestamp_s(self) -> int:
        """Unix time in seconds."""
        return int(self.timestamp)


def read_signature(headers: Headers) -> RequestSignature | None:
    """Find signature and timestamp; `None` when there is no signature at all.

    Raises:
        WebhookSignatureMissing: There is a signature, but no timestamp.
        WebhookSignatureMalformed: One of them is not in Zoom's form, or there are several.
        InvalidParameters: These are no headers.
    """
    found: dict[str, list[str]] = {SIGNATURE_HEADER: [], TIMESTAMP_HEADER: []}
    for name, value in _pairs(headers):
        if (key := _normal(name)) in found:
            values = cast("Sequence[object]", value if isinstance(value, list | tuple) else [value])
            found[key] += [text for item in values if (text := _text(item)) is not None]
    if not found[SIGNATURE_HEADER]:
        return None
    if not found[TIMESTAMP_HEADER]:
        raise WebhookSignatureMissing(TIMESTAMP_HEADER)
    return RequestSignature(
        value=_one(found, SIGNATURE_HEADER, _SIGNATURE, "v0= and 64 hexadecimal digits"),
        timestamp=_one(found, TIMESTAMP_HEADER, _TIMESTAMP, "a Unix time in seconds"),
    )


def _pairs(headers: object) -> Iterator[tuple[object, object]]:
    """Yield names and values."""
    pairs = headers.items() if isinstance(headers, SupportsItems) else headers
    if not isinstance(pairs, Iterable):
        raise _no_headers()
    for pair in cast("Iterable[object]", pairs):
        if not isinstance(pair, list | tuple) or len(pair := cast("Sequence[object]", pair)) != 2:  # noqa: PLR2004
            raise _no_headers()
        yield pair[0], pair[1]


def _no_headers() -> InvalidParameters:
    return InvalidParameters(
        "headers",
        "expected a mapping or pairs of name and value, got something else",
        "pass the headers of the request as the web framework has them",
    )


def _normal(name: object) -> str:
    """Return the name of a header in lower case, also of a WSGI variable."""
    lower = (_text(name) or "").lower()
    if lower.startswith("http_"):
        return lower.removeprefix("http_").replace("_", "-")
    return lower


def _text(value: object) -> str | None:
    """Read a name or value; what is no text becomes one that matches nothing."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) or value is None else ""


def _one(found: Mapping[str, list[str]], header: str, form: re.Pattern[str], expected: str) -> str:
    """Return the only value of a header; repetitions of the same one do no harm."""
    values = {value.strip(" \t") for value in found[header]}
    if len(values) != 1 or not form.fullmatch(value := values.pop()):
        raise WebhookSignatureMalformed(header, expected)
    return value
