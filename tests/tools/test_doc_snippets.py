"""The runner of documentation snippets."""

import pytest

import doc_snippets

DOCUMENT = """\
Text.

```python
import asyncio

async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number
```

- An item:

  ```python
  four = await double(2)
  ```

```python
six = asyncio.run(double(3))
```

```text
not Python
```
"""


def test_shares_a_namespace_and_awaits() -> None:
    """Snippets see the names of earlier ones, at the top level and indented, awaiting or not."""
    namespace: dict[str, object] = {}
    assert doc_snippets.run("x.md", DOCUMENT, namespace) == 3
    assert (namespace["four"], namespace["six"]) == (4, 6)


def test_failure_names_the_line_of_the_document() -> None:
    """A traceback ends at the place in the document where the snippet failed."""
    with pytest.raises(ZeroDivisionError) as caught:
        doc_snippets.run("x.md", "Text.\n\n```python\nx = 1\nx / 0\n```\n", {})
    assert (caught.traceback[-1].frame.code.raw.co_filename, caught.traceback[-1].lineno) == (
        "x.md",
        4,  # counted from zero
    )
