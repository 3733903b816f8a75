"""Fail when a file or a function is too long to be read in one go.

A file may have 600 lines, a function 60 lines without its docstring.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function from ``def`` to its end, without its docstring."""
    lines = _span(node)
    if ast.get_docstring(node, clean=False) is not None:
        lines -= _span(node.body[0])
    return lines


def problems(name: str, source: str) -> Iterator[str]:
    """Yield one line for each limit that a source file exceeds."""
    if (lines := len(source.splitlines())) > MAX_FILE_LINES:
        yield f"{name}: {lines} lines, at most {MAX_FILE_LINES}"
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = function_lines(node)
            if lines > MAX_FUNCTION_LINES:
                where = f"{name}:{node.lineno}: {node.name}"
                yield f"{where}: {lines} lines without its docstring, at most {MAX_FUNCTION_LINES}"


def main(folders: list[str]) -> int:
    """Check every Python file below the folders."""
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    found = [line for path in files for line in problems(str(path), path.read_text("utf-8"))]
    print("\n".join(found) or f"{len(files)} files are short enough")
    return 1 if found else 0


def _span(node: ast.stmt) -> int:
    assert node.end_lineno is not None  # noqa: S101 - ast.parse always sets it
    return node.end_lineno - node.lineno + 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
