"""The command line as a process, for tests of what only a process can show."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

__all__ = ["environment", "program", "started", "until_line"]


def program(*arguments: str) -> list[str]:
    """Return the command of a new process."""
    return [sys.executable, "-m", "rtms_client", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process: output comes at once, and only from the program."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


@contextlib.asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[Process]:
    """Start a command whose output is read line by line; it never outlives the block."""
    process = await asyncio.create_subprocess_exec(
        *program(*arguments), stdout=PIPE, stderr=PIPE, env=environment()
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_line(output: asyncio.StreamReader | None, text: str) -> list[str]:
    """Read lines up to the first one with a text."""
    assert output is not None
    lines = [""]
    while text not in lines[-1]:
        line = (await output.readline()).decode()
        assert line, f"ended without {text!r}: {lines}"
        lines.append(line.rstrip())
    return lines[1:]
