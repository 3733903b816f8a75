"""Exceptions are known by the module from which users import them."""

import sys
from typing import Final

__all__ = ["HOMES", "claim"]

HOMES: Final[dict[type[BaseException], str]] = {}
"""The modules that define the exceptions that were claimed, for tools that read the source."""


def claim(module: str) -> None:
    """Let the exceptions that a public module exports name it as theirs.

    Tracebacks, and pickles, shall not name the private modules that define them. The price is that
    `inspect.getsource`, which finds the source of a class by its module, does not find them any
    more; therefore other classes, which stand in no traceback, keep their module.

    Args:
        module: Name of the module, which is being imported and has its ``__all__``.
    """
    exported = vars(sys.modules[module])
    for name in exported["__all__"]:
        one = exported[name]
        if isinstance(one, type) and issubclass(one, BaseException):
            HOMES.setdefault(one, one.__module__)
            one.__module__ = module
