"""The program: ``python -m rtms_client``, also installed as ``rtms-client``."""

import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["main"]

_EXIT_INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments, without the name of the program; those of the process when `None`.

    Returns:
        The exit code: 0 ok, 1 ended abnormally, 2 unusable input, 3 not joined, 130 interrupted.

    Raises:
        SystemExit: By argparse, after ``--help`` (0) or wrong options (2).
    """
    try:
        # Imported here, because Ctrl-C while that takes its time is no reason for a traceback.
        from rtms_client._cli.program import main as program  # noqa: PLC0415

        return program(argv)
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
