"""What the snippets of the documentation find when they run."""

from pathlib import Path

import pytest


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Give each document its own global names and an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return {"__name__": "__main__"}
