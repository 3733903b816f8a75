"""The guide to testing names every fault that there is."""

from pathlib import Path
from typing import Final

from rtms_client.testing import FaultKind

GUIDE: Final = Path(__file__).parents[2] / "docs/howto/testing.md"


def test_every_fault_is_named() -> None:
    """The table of faults has all kinds."""
    text = GUIDE.read_text("utf-8")
    assert [kind.name for kind in FaultKind if f"`{kind.name}`" not in text] == []
