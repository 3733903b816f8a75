"""Packages that only some helpers need."""

import importlib
from typing import Any

from rtms_client.exceptions import MissingExtra

__all__ = ["load"]


def load(module: str, what: str, package: str, extra: str = "video") -> Any:  # noqa: ANN401  # a module
    """Import a module of an optional package.

    Args:
        module: The module.
        what: What needs it, for the error.
        package: The package that has it.
        extra: The extra of this library that installs it.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(what, package, extra) from error
