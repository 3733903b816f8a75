"""The files of a recording: their names, and what may be replaced."""

import re
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

from rtms_client.exceptions import InvalidParameters

__all__ = ["RECORDING_FILE", "SESSION_FILE", "RecordedFile", "clear_folder", "delete", "write_all"]

SESSION_FILE: Final = "session.jsonl"
RECORDING_FILE: Final = re.compile(
    r"session\.jsonl|captions\.(vtt|srt|txt|jsonl)|audio(-[\w-]+)?\.wav"
    r"|(video|share)\.(h264|mkv|mp4)|(video|share)-\d{3,}\.(jpg|png|bin)"
)
"""Names that a recorder gives."""


@attrs.frozen
class RecordedFile:
    """One file of a recording."""

    path: Path
    what: str = attrs.field(repr=False)
    """What is in it, for people."""
    duration_ms: int | None = None


def clear_folder(folder: Path, *, replace: bool) -> None:
    """Make a folder for a recording; nothing but an earlier recording is ever deleted.

    Raises:
        InvalidParameters: There is an earlier recording, and it may not be replaced.
        OSError: The folder cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    old = [path for path in folder.iterdir() if RECORDING_FILE.fullmatch(path.name)]
    if old and not replace:
        raise InvalidParameters(
            "folder",
            f"{folder} holds an earlier recording",
            "choose another folder, or pass replace=True",
        )
    delete(old)


def delete(paths: Sequence[Path]) -> None:
    """Delete files, those that are gone already included."""
    for path in paths:
        path.unlink(missing_ok=True)


def write_all(file: FileIO, data: bytes) -> None:
    """Write to a file without buffer; a disk that gets full takes a part before it refuses.

    Raises:
        OSError: The file cannot be written.
    """
    while data:
        data = data[file.write(data) :]
