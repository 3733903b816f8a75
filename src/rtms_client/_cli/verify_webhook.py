"""``verify-webhook``: whether a saved webhook is genuine, and if it is not, what is wrong."""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from rtms_client.exceptions import (
    InvalidParameters,
    WebhookError,
    WebhookSignatureMismatch,
    WebhookTimestampRejected,
)
from rtms_client.webhooks import Notification, receive

from .failures import EXIT_ABNORMAL, EXIT_OK, EXIT_USAGE, CommandError
from .screen import expect_input
from .text import clean

__all__ = ["run"]

_VARIABLE: Final = "ZOOM_WEBHOOK_SECRET_TOKEN"
_WINDOW_S: Final = 300.0
_MAX_BYTES: Final = 2 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


def run(options: argparse.Namespace) -> int:
    """Print the verdict; returns the exit code.

    Raises:
        CommandError: A file cannot be read, or there is no secret token.
    """
    secrets = [one.strip() for one in os.environ.get(_VARIABLE, "").split(",") if one.strip()]
    if not secrets:
        raise CommandError(
            EXIT_USAGE,
            f"no secret token: set {_VARIABLE} in the environment, to the token of the app's event "
            "subscription",
        )
    headers = _headers(options)
    body = _read(options.body)
    window_s = options.max_age or math.inf
    try:
        notification = receive(body, headers, secret=secrets, window_s=window_s)
    except WebhookError as error:
        advice = _advice(error, body, headers, secrets)
        _say(options, verdict="refused", why=str(error), advice=advice, status=error.http_status)
        return EXIT_ABNORMAL
    except InvalidParameters as error:
        raise CommandError(EXIT_USAGE, clean(str(error))) from error
    _say(options, verdict="genuine", why=_described(notification), advice=_age(headers), status=200)
    return EXIT_OK


def _say(
    options: argparse.Namespace, *, verdict: str, why: str, advice: str | None, status: int
) -> None:
    if options.json:
        line = {"verdict": verdict, "why": why, "do": advice, "http_status": status}
        print(json.dumps(line))
        return
    print(f"{verdict}: {clean(why)}")
    if advice is not None:
        print(f"  {clean(advice)}")
    if verdict == "refused":
        print(f"  a receiver answers with HTTP status {status}")


def _described(notification: Notification) -> str:
    return f"{notification.event or 'event'}, signed by Zoom"


def _age(headers: list[tuple[str, str]]) -> str | None:
    """Tell when a live receiver would not have taken it any more."""
    found = [value for name, value in headers if name.lower() == "x-zm-request-timestamp"]
    age_s = time.time() - int(found[0]) if found and found[0].strip().isdecimal() else 0.0
    if abs(age_s) <= _WINDOW_S:
        return None
    return (
        f"signed {age_s:.0f} s ago: a live receiver takes {_WINDOW_S:.0f} s at most, "
        "against replays"
    )


# --- what is wrong -------------------------------------------------------------------------------


def _advice(
    error: WebhookError, body: bytes, headers: list[tuple[str, str]], secrets: list[str]
) -> str | None:
    """Return what the error itself cannot know."""
    if isinstance(error, WebhookTimestampRejected):
        return "raise --max-age for a webhook that was saved, or check your clock with `doctor`"
    if isinstance(error, WebhookSignatureMismatch):
        for variant, what in _variants(body):
            if _fits(variant, headers, secrets):
                return f"{what}; keep the raw body, byte by byte, before anything parses it"
    return None


def _fits(body: bytes, headers: list[tuple[str, str]], secrets: list[str]) -> bool:
    try:
        receive(body, headers, secret=secrets, window_s=math.inf)
    except WebhookError as error:
        return not isinstance(error, WebhookSignatureMismatch)
    return True


def _variants(body: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield what the body may have been before it was saved, and what was done to it."""
    yield body.rstrip(b"\r\n"), "a line end was appended to the body"
    yield body.rstrip(), "white space was appended to the body"
    yield body + b"\n", "a line end was taken from the body"
    yield body.replace(b"\r\n", b"\n"), "line ends were changed in the body"
    yield body.removeprefix(_BOM), "a byte order mark was put before the body"
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return
    for options in (
        {"separators": (",", ":"), "ensure_ascii": False},
        {"separators": (",", ":")},
        {"ensure_ascii": False},
        {},
    ):
        written = json.dumps(value, **cast("Any", options))
        yield written.encode("utf-8", "surrogatepass"), "the body was parsed and written again"


# --- input ---------------------------------------------------------------------------------------


def _read(source: str) -> bytes:
    name = "standard input" if source == "-" else source
    try:
        if source == "-":
            expect_input("the body of the webhook")
            return sys.stdin.buffer.read(_MAX_BYTES)
        with Path(source).open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        text = f"cannot read {name}: {error.strerror or error}"
        raise CommandError(EXIT_USAGE, text) from error


def _headers(options: argparse.Namespace) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if options.headers is None and not options.header:
        raise CommandError(
            EXIT_USAGE,
            "the signature is in the headers of the request: pass --headers FILE, "
            "or --header NAME=VALUE for each",
        )
    path: Path | None = options.headers
    if path is not None:
        text = _read(str(path)).decode("latin-1")
        found.extend(_from_json(text) if text.lstrip().startswith("{") else _from_lines(text))
    for pair in options.header:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CommandError(EXIT_USAGE, f"--header {clean(pair)}: expected NAME=VALUE")
        found.append((name.strip(), value.strip()))
    return found


def _from_json(text: str) -> Iterator[tuple[str, str]]:
    try:
        values: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(EXIT_USAGE, "--headers: expected a JSON object or lines") from error
    for name, value in cast("dict[str, object]", values).items():
        yield name, str(value)


def _from_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()
