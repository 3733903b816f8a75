"""The folder that a recording goes to: made, checked, and cleared of an earlier recording only."""

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Final

from rtms_client.media._files import RECORDING_FILE, SESSION_FILE

from .failures import EXIT_USAGE, CommandError

__all__ = ["folder_for_recording"]

_NAMED: Final = 3


@contextlib.contextmanager
def folder_for_recording(folder: Path, *, replace: bool) -> Generator[None, None, None]:
    """Make the folder and look at what is in it; nothing is deleted yet.

    What was made and is empty in the end goes away, so that a failure leaves nothing behind.

    Args:
        folder: The folder.
        replace: Whether an earlier recording may be replaced.

    Raises:
        CommandError: There are other things in it, or it cannot be used.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        _prepare(folder, replace=replace)
        yield
    finally:
        with contextlib.suppress(OSError):  # the first that is not empty ends it
            for one in missing:
                one.rmdir()


def _prepare(folder: Path, *, replace: bool) -> None:
    """Make the folder, and refuse one that holds what must not be lost."""
    if folder.exists() and not folder.is_dir():
        raise CommandError(EXIT_USAGE, f"{folder} is not a folder; choose another one with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise CommandError(
            EXIT_USAGE, f"cannot use {folder}: {error.strerror}; choose another folder with --out"
        ) from error
    foreign = [
        entry.name
        for entry in entries
        if not RECORDING_FILE.fullmatch(entry.name) or not entry.is_file()
    ]
    if not foreign and entries and not any(entry.name == SESSION_FILE for entry in entries):
        foreign = [entry.name for entry in entries]
    if foreign:
        named = ", ".join(foreign[:_NAMED]) + (", ..." if len(foreign) > _NAMED else "")
        raise CommandError(
            EXIT_USAGE,
            f"{folder} holds files that are not an earlier recording ({named}); "
            "choose another folder with --out, or empty it",
        )
    if entries and not replace:
        raise CommandError(
            EXIT_USAGE,
            f"{folder} holds an earlier recording; "
            "choose another folder with --out, or replace the recording with --overwrite",
        )
