"""The picture of an incident is small, and a page shows it."""

import struct
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[2] / "docs"
PICTURE: Final = DOCS / "_static/incident.png"


def test_the_picture_is_small() -> None:
    """A clone stays small; the picture has the width that the tool gives it."""
    data = PICTURE.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert struct.unpack(">I", data[16:20]) == (1180,)
    assert len(data) < 150_000


def test_the_picture_is_shown() -> None:
    """It stands where incidents are explained, with words for who does not see it."""
    text = (DOCS / "howto/replay.md").read_text("utf-8")
    assert "over one axis of time](../_static/incident.png)" in text
