"""Items as JSON: one line each, media as sizes only."""

import enum
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import attrs

from rtms_client.events import StreamItem
from rtms_client.frames import Item

__all__ = ["ItemEncoder"]

_MAX_DEPTH: Final = 20
_dumps: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ItemEncoder:
    """Writes items as JSON objects.

    Keys with the value that they have by default are left out. ``size`` stands for the media bytes,
    ``at_ms`` is the time since the start of the session, ``received_ms`` the local Unix time. The
    negotiated format of a medium appears with its first frame and when it changes.
    """

    def __init__(self) -> None:
        self._formats: dict[type[Item], object] = {}
        self._fields: dict[type[Item], tuple[tuple[str, object], ...]] = {}

    def encode(
        self,
        item: StreamItem,
        *,
        at_ms: int | None,
        received_ms: int,
        file: str | None = None,
    ) -> str:
        """Return an item as one line, without the line end.

        Args:
            item: The item.
            at_ms: Its time since the start of the session, if known.
            received_ms: When it was received, local Unix time in milliseconds.
            file: Name of the file that it was written to.
        """
        kind = type(item)
        line: dict[str, object] = {"type": kind.__name__, "sequence": item.sequence}
        if at_ms is not None:
            line["at_ms"] = at_ms
        line["received_ms"] = received_ms
        for name, default in self._names(kind):
            value = getattr(item, name)
            if name == "format":
                if self._formats.get(kind) == value:
                    continue
                self._formats[kind] = value
            elif value == default:
                continue
            if name == "data":
                line["size"] = len(value)
            else:
                line[name] = _plain(value)
        if file is not None:
            line["file"] = file
        return _dumps(line)

    def _names(self, kind: type[Item]) -> tuple[tuple[str, object], ...]:
        """Return the fields of a class with their defaults; found out once, because it is slow."""
        known = self._fields.get(kind)
        if known is None:
            fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(kind)
            known = self._fields[kind] = tuple(
                (field.name, _default(field)) for field in fields if field.name != "sequence"
            )
        return known


def _default(field: "attrs.Attribute[Any]") -> object:
    """Return the default of a field; ``NOTHING``, which equals no value, when it has none."""
    default: object = field.default
    factory = getattr(default, "factory", None)
    return factory() if callable(factory) else default


def _plain(value: object, depth: int = 0) -> object:
    """Turn a value into what JSON knows; what is nested absurdly deep is cut off."""
    plain: object = str(value)
    if value is None or type(value) in {str, int, float, bool}:
        plain = value
    elif isinstance(value, enum.Enum):
        plain = value.name
    elif isinstance(value, bytes):
        plain = {"size": len(value)}
    elif depth == _MAX_DEPTH:
        plain = "..."
    elif isinstance(value, tuple | list):
        plain = [_plain(one, depth + 1) for one in cast("Iterable[object]", value)]
    elif isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        plain = {str(key): _plain(one, depth + 1) for key, one in mapping.items()}
    elif attrs.has(kind := type(value)):
        fields = {name: getattr(value, name) for name in attrs.fields_dict(kind)}
        plain = {
            name: _plain(one, depth + 1)
            for name, one in fields.items()
            if one not in (None, {}, ())
        }
    return plain
