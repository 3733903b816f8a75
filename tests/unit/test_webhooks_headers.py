"""Headers as every web framework has them, and what is wrong with some."""

from __future__ import annotations

import collections
import email.message
import types
from typing import TYPE_CHECKING, Any
from wsgiref.headers import Headers as WsgiHeaders

import pytest

from rtms_client import webhooks
from rtms_client.exceptions import InvalidParameters, WebhookError, WebhookSignatureMalformed
from rtms_client.signatures import webhook_signature
from rtms_client.webhooks import Headers, UnrecognizedNotification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SECRET = "test-secret-token"
NOW = 1790000000
BODY = b'{"event": "app.event"}'
SIGNATURE = webhook_signature(SECRET, "1790000000", BODY)
PLAIN = {"x-zm-signature": SIGNATURE, "x-zm-request-timestamp": "1790000000"}


class _Items:
    """Headers of a framework that only know how to tell their items."""

    def items(self) -> Iterator[tuple[str, str]]:
        yield "Host", "example.test"
        yield from PLAIN.items()


def _message() -> email.message.Message:
    message = email.message.Message()
    for name, value in PLAIN.items():
        message[name.title()] = value
    return message


WSGI_ENVIRON: dict[str, object] = {
    "REQUEST_METHOD": "POST",
    "CONTENT_TYPE": "application/json",
    "HTTP_X_ZM_SIGNATURE": SIGNATURE,
    "HTTP_X_ZM_REQUEST_TIMESTAMP": "1790000000",
    "wsgi.version": (1, 0),
    "wsgi.input": object(),
}
ASGI_RAW = [
    (b"host", b"example.test"),
    *((name.encode(), value.encode()) for name, value in PLAIN.items()),
]

GOOD: dict[str, Any] = {
    "dict": PLAIN,
    "upper": {name.upper(): value for name, value in PLAIN.items()},
    "title": {name.title(): value for name, value in PLAIN.items()},
    "proxy": types.MappingProxyType(PLAIN),
    "mapping": collections.UserDict(PLAIN),
    "items": _Items(),
    "message": _message(),
    "wsgiref": WsgiHeaders(list(PLAIN.items())),
    "environ": WSGI_ENVIRON,
    "pairs": list(PLAIN.items()),
    "tuples": tuple(PLAIN.items()),
    "lists": [list(pair) for pair in PLAIN.items()],
    "iterator": iter(PLAIN.items()),
    "asgi": ASGI_RAW,
    "asgi lists": [list(pair) for pair in ASGI_RAW],
    "bytes keys": {name.encode(): value.encode() for name, value in PLAIN.items()},
    "multi values": {name: [value] for name, value in PLAIN.items()},
    "repeated": [*PLAIN.items(), *PLAIN.items()],
    "white space": {name: f" \t{value} " for name, value in PLAIN.items()},
    "others": {"x-zm-trackingid": "x", 7: "number", None: None, **PLAIN},
    "none beside": [("X-Zm-Signature", None), *PLAIN.items()],
}


@pytest.mark.parametrize("headers", GOOD.values(), ids=GOOD)
def test_any_form(headers: Headers) -> None:
    """Case, type and shape of the headers are those of the framework."""
    told = webhooks.receive(BODY, headers, secret=SECRET, now=NOW)
    assert isinstance(told, UnrecognizedNotification)


@pytest.mark.parametrize(
    "nothing", [{}, [], (), {"x-zm-signature": None}, {"x-zm-signature": []}], ids=repr
)
def test_none(nothing: Headers) -> None:
    """What is empty is missing."""
    with pytest.raises(WebhookError, match="expected the header x-zm-signature, got none"):
        webhooks.receive(BODY, nothing, secret=SECRET, now=NOW)


MALFORMED: dict[str, object] = {
    "empty": "",
    "no version": SIGNATURE[3:],
    "version": SIGNATURE.replace("v0", "v1"),
    "upper": SIGNATURE.upper(),
    "short": SIGNATURE[:-1],
    "long": f"{SIGNATURE}0",
    "newline": f"{SIGNATURE}\n",
    "no hexadecimal": f"{SIGNATURE[:-1]}g",
    "other digits": f"v0={'٣' * 64}",
    "joined": f"{SIGNATURE},{SIGNATURE}",
    "number": 7,
    "different": [SIGNATURE, SIGNATURE[:-1] + "x"],
    "object": object(),
    "latin-1": b"\xff",
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED)
def test_malformed_signature(value: object) -> None:
    """What cannot be a signature is not compared with one."""
    with pytest.raises(WebhookSignatureMalformed) as caught:
        webhooks.receive(BODY, {**PLAIN, "x-zm-signature": value}, secret=SECRET, now=NOW)
    assert caught.value.args == ("x-zm-signature", "v0= and 64 hexadecimal digits")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "1790000000.0",
        "-1",
        "+1",
        "1e9",
        "1_0",
        "٣",
        "0x10",
        "1" * 13,
        1790000000,
        ["1", "2"],
    ],
    ids=ascii,
)
def test_malformed_timestamp(value: object) -> None:
    """A time is decimal digits and nothing else."""
    with pytest.raises(WebhookSignatureMalformed) as caught:
        webhooks.receive(BODY, {**PLAIN, "x-zm-request-timestamp": value}, secret=SECRET, now=NOW)
    assert caught.value.args == ("x-zm-request-timestamp", "a Unix time in seconds")


def test_spelling_of_the_timestamp_is_signed() -> None:
    """The time is signed as it is spelled."""
    headers = {
        "x-zm-signature": webhook_signature(SECRET, "001790000000", BODY),
        "x-zm-request-timestamp": "001790000000",
    }
    told = webhooks.receive(BODY, headers, secret=SECRET, now=NOW)
    assert isinstance(told, UnrecognizedNotification)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        7,
        ["x-zm-signature"],
        "x-zm-signature: v0",
        b"bytes",
        [("a", "b", "c")],
        [None],
        object(),
    ],
    ids=["none", "int", "names", "text", "bytes", "triples", "nothing", "object"],
)
def test_no_headers(headers: Iterable[tuple[str, str]]) -> None:
    """What are no headers at all is a mistake of the application, not of Zoom."""
    with pytest.raises(InvalidParameters, match="expected a mapping or pairs of name and value"):
        webhooks.receive(BODY, headers, secret=SECRET, now=NOW)
