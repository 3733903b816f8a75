"""The body of a webhook as JSON, stricter than usual because strangers write it."""

import json
import math
from collections.abc import Iterator
from typing import Final, cast

from rtms_client._wire import fields as f
from rtms_client.exceptions import (
    WebhookDuplicateKeys,
    WebhookNotJson,
    WebhookNotObject,
    WebhookNotUtf8,
    WebhookTooDeep,
    WebhookUnreadable,
)

__all__ = ["MAX_DEPTH", "decode"]

MAX_DEPTH: Final = 32
"""Levels of nesting; webhooks of Zoom have four."""


class _DuplicateKey(ValueError):
    """A key came twice in one object."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object; of two equal keys another reader might take the other one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKey
    return found


def _finite(number: str) -> float:
    """Read a number; NaN and the infinities are no JSON, not even by overflow."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError
    return value


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite
)


def decode(body: bytes) -> dict[str, object]:
    """Read one JSON object.

    Raises:
        WebhookUnreadable: The bytes are no JSON object, nested at most `MAX_DEPTH` levels, with
            unique keys; the subclass says which. No context of it holds the body.
    """
    value: object = None
    problem: WebhookUnreadable | None = None
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError:
        problem = WebhookNotUtf8("JSON in UTF-8", "bytes that are not UTF-8")
    except _DuplicateKey:
        problem = WebhookDuplicateKeys("each key once in an object", "a key twice")
    except RecursionError:
        problem = _too_deep()
    except ValueError:  # includes JSONDecodeError and numbers without a value
        problem = WebhookNotJson("JSON", "text that is not JSON")
    if problem is None and not _is_flat(value):
        problem = _too_deep()
    if problem is None and not isinstance(value, dict):
        problem = WebhookNotObject("a JSON object", f"a JSON {type(value).__name__}")
    if problem is not None:
        raise problem
    return cast("dict[str, object]", value)


def _too_deep() -> WebhookTooDeep:
    return WebhookTooDeep(f"at most {MAX_DEPTH} levels of JSON", "more")


def _is_flat(value: object) -> bool:
    """Return whether the depth is allowed, so that nothing later needs a deep stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _containers(item)]
        if not level:
            return True
    return False


def _containers(value: object) -> Iterator[object]:
    """Yield what can be nested deeper."""
    if isinstance(value, dict):
        value = [*cast("dict[str, object]", value).values()]
    for child in f.sequence(value):
        if isinstance(child, dict | list):
            yield cast("object", child)
