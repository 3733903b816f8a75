"""Readers for single fields: liberal in spelling, strict in type, bounded in size.

A reader returns `None` for a value that it cannot make sense of; nothing here raises.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar, cast

from rtms_client.enums import DataAttribute, Language, OpenIntEnum, StatusCode, StopReason
from rtms_client.frames import UserId

__all__ = [
    "boolean",
    "first",
    "identifier",
    "integer",
    "mapping",
    "member",
    "milliseconds",
    "name",
    "person",
    "rest",
    "sequence",
    "text",
    "user_id",
]

_INT_LIMIT: Final = 2**64
_SECONDS_BELOW: Final = 10**11  # ms since 1973; smaller numbers are seconds (messages notes, 1)
_INT_DIGITS: Final = 20
_ID_LIMIT: Final = 256
_NAME_LIMIT: Final = 1024

_E = TypeVar("_E", bound=OpenIntEnum)
_T = TypeVar("_T")

# Servers of the beta sent names instead of numbers (protocol notes, row 40), with these prefixes.
_NAME_PREFIXES: Final[Mapping[type[OpenIntEnum], str]] = {
    StatusCode: "STATUS_",
    StopReason: "STOP_BC_",
    DataAttribute: "ATTR_",
    Language: "LANGUAGE_ID_",
}


def integer(value: object) -> int | None:
    """Read an integer of at most 64 bits; accepts decimal text and integral floats."""
    if type(value) is int:
        number = value
    elif isinstance(value, str) and len(value) <= _INT_DIGITS and value.isascii():
        if not value.removeprefix("-").isdecimal():
            return None
        number = int(value)
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    else:
        return None
    return number if -_INT_LIMIT < number < _INT_LIMIT else None


def milliseconds(value: object) -> int | None:
    """Read a Unix time in milliseconds; seconds are recognised by their size."""
    number = integer(value)
    if number is not None and 0 < number < _SECONDS_BELOW:
        return number * 1000
    return number


def boolean(value: object) -> bool | None:
    """Read a boolean; accepts 0 and 1."""
    return bool(value) if isinstance(value, bool | int) else None


def text(value: object) -> str | None:
    """Read a text; lone surrogates, which no file or socket accepts, become U+FFFD."""
    if not isinstance(value, str):
        return None
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def name(value: object) -> str | None:
    """Read a name for display: a text, not empty, cut where no real name ends up."""
    return (text(value) or "")[:_NAME_LIMIT] or None


def identifier(value: object) -> str | None:
    """Read an opaque id: a text or an integer, not empty and not absurdly long."""
    if type(value) is int and -_INT_LIMIT < value < _INT_LIMIT:
        return str(value)
    clean = text(value)
    return clean if clean and len(clean) <= _ID_LIMIT else None


def user_id(value: object) -> UserId | None:
    """Read a user id: an integer whenever it is all digits (messages notes, 1)."""
    if type(value) is int:
        return value if -_INT_LIMIT < value < _INT_LIMIT else None
    clean = identifier(value)
    number = integer(clean)
    return clean if number is None else number


def member(kind: type[_E], value: object) -> _E | None:
    """Read an enum: a number, known or not, or the name of a known member."""
    number = integer(value)
    if number is not None:
        return kind(number)
    if isinstance(value, str):
        return kind.__members__.get(value.removeprefix(_NAME_PREFIXES.get(kind, "")))
    return None


def mapping(value: object) -> Mapping[str, object]:
    """Read an object; anything else counts as an empty one."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """Read a list; anything else counts as an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else ()


def first(
    read: Callable[[object], _T | None], *sources: tuple[Mapping[str, object], str]
) -> _T | None:
    """Return what the first place that holds something readable holds."""
    for source, key in sources:
        if key in source and (value := read(source[key])) is not None:
            return value
    return None


def person(*sources: Mapping[str, object]) -> tuple[UserId | None, str | None]:
    """Read id and name of a user; camelCase is a last resort (messages notes, 8)."""
    found_id = next(
        (
            found
            for source in sources
            for key in ("user_id", "userId")
            if key in source and (found := user_id(source[key])) is not None
        ),
        None,
    )
    places = ((source, key) for source in sources for key in ("user_name", "userName"))
    return found_id, first(name, *places)


def rest(source: Mapping[str, object], known: frozenset[str]) -> dict[str, object]:
    """Return the entries that no reader knows."""
    return {key: value for key, value in source.items() if key not in known}
