"""Find and run the Python snippets of a Markdown document."""

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Final

FENCE: Final = re.compile(
    r"^(?P<indent>[ \t]*)```python\n(?P<code>.*?)^(?P=indent)```[ \t]*$", re.DOTALL | re.MULTILINE
)


def snippets(name: str, text: str) -> Iterator[CodeType]:
    """Compile each fenced ``python`` block; tracebacks show the line of the document."""
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("code"))
        code = "\n" * line + textwrap.dedent(match["code"])
        yield compile(code, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def run(name: str, text: str, namespace: dict[str, object]) -> int:
    """Run the snippets of one document in order, sharing a namespace, and count them.

    A snippet that awaits runs in the document's event loop. Any other one runs outside, so that it
    may call ``asyncio.run`` like the program that it is.
    """
    count = 0
    with asyncio.Runner() as runner:
        for code in snippets(name, text):
            result = FunctionType(code, namespace)()
            if inspect.iscoroutine(result):
                runner.run(result)
            count += 1
    return count
