"""Reading recordings of the wire for commands."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from rtms_client.exceptions import InvalidParameters
from rtms_client.testing import Recording

from .failures import EXIT_USAGE, CommandError
from .text import clean

__all__ = ["load", "reading"]


@contextlib.contextmanager
def reading(path: Path) -> Generator[None, None, None]:
    """Turn what is wrong with a recording into an error of the command."""
    try:
        yield
    except BrokenPipeError:  # the output, not the recording
        raise
    except IsADirectoryError as error:
        what = (
            f"{path} is a folder; pass the file that `record --wire FILE` or a WireRecorder wrote"
        )
        raise CommandError(EXIT_USAGE, what) from error
    except OSError as error:
        what = f"cannot read the recording {path}: {error.strerror or error}"
        raise CommandError(EXIT_USAGE, what) from error
    except InvalidParameters as error:
        raise CommandError(EXIT_USAGE, clean(str(error))) from error


def load(path: Path) -> Recording:
    """Read the head of a recording.

    Raises:
        CommandError: It cannot be read, or is none.
    """
    with reading(path):
        return Recording.load(path)
