"""Every Python snippet of README.md and of the documentation runs and prints what it says."""

import re
from pathlib import Path

import pytest

import doc_snippets

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OUTPUT = re.compile(r"^```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document(
    path: Path, namespace: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """All snippets of a document run in order, in one namespace; ``text`` blocks are output."""
    text = path.read_text("utf-8")
    assert doc_snippets.run(str(path), text, namespace) == text.count("```python\n")
    printed = capsys.readouterr().out.splitlines()
    shown = [line for block in OUTPUT.findall(text) for line in block.splitlines()]
    assert [line for line in shown if line not in printed] == []
