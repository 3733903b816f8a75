"""How a command ends: exit codes, and the one error that ends it with a line of text."""

from typing import Final

from typing_extensions import override

__all__ = [
    "EXIT_ABNORMAL",
    "EXIT_INTERRUPTED",
    "EXIT_NOT_JOINED",
    "EXIT_OK",
    "EXIT_USAGE",
    "CommandError",
]

EXIT_OK: Final = 0
EXIT_ABNORMAL: Final = 1
"""The stream ended abnormally, or its files could not be written."""
EXIT_USAGE: Final = 2
"""Wrong options or unusable input; argparse uses the same number."""
EXIT_NOT_JOINED: Final = 3
EXIT_INTERRUPTED: Final = 130
"""128 + SIGINT, as shells count; for SIGTERM too."""


class CommandError(Exception):
    """The command cannot go on.

    Args:
        exit_code: What the process returns.
        text: One line: what is wrong and what to do.
    """

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(exit_code, text)
        self.exit_code, self.text = exit_code, text

    @override
    def __str__(self) -> str:
        return self.text
