"""Fail when a public name is missing from the built reference.

Public are the names in ``__all__`` of every module without an underscore in its dotted name. A name
is documented in the outermost package that exports it.

Usage: ``check_reference.py HTML_FOLDER``.
"""

import importlib
import pkgutil
import sys
import zlib
from pathlib import Path


def public_names(package: str) -> dict[str, list[str]]:
    """Map each public module to its public names, without those that a parent re-exports."""
    names: dict[str, list[str]] = {package: list(importlib.import_module(package).__all__)}
    for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        parts = info.name.split(".")
        if not any(part.startswith("_") for part in parts):
            parents = [".".join(parts[:end]) for end in range(1, len(parts))]
            exported = {name for parent in parents for name in names[parent]}
            module = importlib.import_module(info.name)
            names[info.name] = [name for name in module.__all__ if name not in exported]
    return names


def inventory(data: bytes) -> set[str]:
    """Return the names in an inventory of Sphinx: four lines of header, then compressed lines."""
    *_, compressed = data.split(b"\n", 4)
    return {line.split(" ")[0] for line in zlib.decompress(compressed).decode().splitlines()}


def main(html: str) -> int:
    """Compare the package with the inventory of a documentation build."""
    documented = inventory((Path(html) / "objects.inv").read_bytes())
    found = [
        f"{module}.{name}"
        for module, names in public_names("rtms_client").items()
        for name in names
        if f"{module}.{name}" not in documented
    ]
    print("\n".join(f"{name} is not in the reference" for name in found) or "all names documented")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
