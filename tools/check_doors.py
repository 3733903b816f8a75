"""Fail when a task is created or a timer armed outside the module whose duty it is.

Import contracts cannot see this, because all of it hides behind ``import asyncio``. The check goes
by name: ``anything.create_task`` counts, whatever ``anything`` is, and so does importing the name.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

DOORS: Final[Mapping[str, str]] = {
    "create_task": "rtms_client._runtime.scope",
    "ensure_future": "rtms_client._runtime.scope",
    "call_later": "rtms_client._runtime.driver",
    "call_at": "rtms_client._runtime.driver",
}
"""Which module alone may use a name; the test doubles may use them all."""

TEST_DOUBLES: Final = "rtms_client.testing"


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a module's file below the source root."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def problems(module: str, source: str) -> Iterator[str]:
    """Yield one line for each use of a name outside its door."""
    if _within(module, TEST_DOUBLES):
        return
    for node in ast.walk(ast.parse(source, module)):
        for name in _names(node):
            door = DOORS.get(name)
            if door is not None and not _within(module, door):
                line = getattr(node, "lineno", 0)
                yield f"{module}:{line}: {name} belongs in {door} only"


def main(roots: list[str]) -> int:
    """Check every module below the source roots."""
    found = [
        line
        for root in map(Path, roots)
        for path in sorted(root.rglob("*.py"))
        for line in problems(module_name(path, root), path.read_text("utf-8"))
    ]
    print("\n".join(found) or "tasks and timers are where they belong")
    return 1 if found else 0


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(attr=name):
            yield name
        case ast.ImportFrom(names=aliases):
            yield from (alias.name for alias in aliases)
        case _:
            pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
