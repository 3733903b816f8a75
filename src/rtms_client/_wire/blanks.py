"""Frozen values built cheaply.

The `__init__` of a frozen class goes around its own `__setattr__` once for each field, which takes
longer than decoding a packet of audio. A blank has the same layout, is filled by plain assignment,
and then becomes the frozen class; nobody else ever sees it before.
"""

from typing import Any

__all__ = ["blank_of"]


def blank_of(frozen: type[object]) -> type[Any]:
    """Make the class of blanks of a frozen class with slots.

    ``blank = object.__new__(Blank)``, an assignment for every field, ``blank.__class__ = frozen``.

    Args:
        frozen: The class; all its fields are slots.

    Raises:
        TypeError: It has no slots.
    """
    slots = frozen.__dict__.get("__slots__")
    if slots is None:
        raise TypeError(f"expected a class with slots, got {frozen.__name__}")
    open_again = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    members = {"__slots__": slots, **open_again}
    return type(f"{frozen.__name__}Blank", frozen.__bases__, members)
