"""Validators and converters of what users pass."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rtms_client.exceptions import InvalidParameters

if TYPE_CHECKING:
    import attrs

__all__ = ["not_empty", "positive", "texts", "whole"]


def positive(_: object, attribute: "attrs.Attribute[Any]", value: float) -> None:
    """Validate that a number is above zero."""
    if not value > 0:
        raise InvalidParameters(
            attribute.name, f"expected a number above 0, got {value!r}", "raise it"
        )


def whole(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Validate that a number which is sent is an integer, because JSON tells 5, 5.0 and true."""
    if type(value) is not int:
        raise InvalidParameters(
            attribute.name, f"expected an int, got {value!r}", "convert it with int()"
        )


def not_empty(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Validate that a text can be signed and sent; never shows it, for it may be a secret."""
    if not isinstance(value, str) or not value:
        found = "an empty one" if value == "" else type(value).__name__
        got = f"expected a non-empty str, got {found}"
    elif any("\ud800" <= character <= "\udfff" for character in value):
        got = "expected text that UTF-8 can express, got lone surrogates"
    else:
        return
    raise InvalidParameters(attribute.name, got, "check where the value comes from")


def texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """Widen any iterable of texts; one text alone is a mistake that would pass as its letters."""
    if isinstance(values, str):
        raise InvalidParameters(
            name, f"expected a tuple of texts, got the text {values!r}", f"write ({values!r},)"
        )
    return tuple(values)
