"""Every Python snippet of README.md and of the documentation runs."""

from pathlib import Path

import pytest

import doc_snippets

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document(path: Path, namespace: dict[str, object]) -> None:
    """All snippets of a document run in order, in one namespace."""
    text = path.read_text("utf-8")
    assert doc_snippets.run(str(path), text, namespace) == text.count("```python\n")
