"""Narrowing of parsed JSON, which may be anything."""

from typing import Any, cast

__all__ = ["as_list", "as_object"]


def as_object(value: object) -> dict[str, Any] | None:
    """Return a JSON object, `None` for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    """Return a JSON array, `None` for anything else."""
    return [*cast("tuple[Any, ...]", value)] if isinstance(value, list) else None
