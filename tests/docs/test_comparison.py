"""The page that compares this library with Zoom's SDK has what the program measures."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def test_every_fault_is_in_the_table() -> None:
    """The table has the faults of the program, in their order, once for each side."""
    program = (ROOT / "benchmarks/faults_side_by_side.py").read_text("utf-8")
    page = (ROOT / "docs/explanation/compared-with-zooms-sdk.md").read_text("utf-8")
    planned = re.findall(r"\bRow\(\s*\"([^\"]+)\"", program)
    lines = re.findall(r"^\| (.*?) ?\| (rtms_client|Zoom's SDK) \|", page, re.MULTILINE)
    assert [name for name, side in lines if side == "rtms_client"] == planned
    assert [side for _, side in lines] == ["rtms_client", "Zoom's SDK"] * len(planned)
