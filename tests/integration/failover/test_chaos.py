"""A minute of chaos: many streams, many random faults, and an account of every frame."""

import asyncio
import sys
from pathlib import Path

import pytest

_PROGRAM = Path(__file__).parents[3] / "benchmarks" / "chaos.py"


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_books_balance_in_a_minute_of_chaos() -> None:
    """Whatever goes wrong: no frame is lost unsaid, none comes twice, and nothing is left."""
    options = ["--seed", "1", "--streams", "20", "--faults", "150", "--seconds", "45"]
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_PROGRAM),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    report, _ = await program.communicate()
    assert program.returncode == 0, report.decode()
