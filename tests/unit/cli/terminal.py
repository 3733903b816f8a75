"""A terminal for tests: what is on the screen after a program wrote to it."""

import io
import re

from typing_extensions import override

from rtms_client._cli.text import text_width

_TOKEN = re.compile(r"\x1b\[(\??\d*)([A-Za-z])|(\r)|(\n)|(.)", re.DOTALL)


class Terminal(io.StringIO):
    """Understands line ends, moving up, erasing, colours and hiding the cursor."""

    encoding = "utf-8"

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        super().__init__()
        self.columns, self.rows = columns, rows
        self.cursor_visible = True
        self.writes = 0
        self._lines: list[str] = [""]
        self._row = self._column = 0

    @override
    def isatty(self) -> bool:
        """Say that this is a terminal."""
        return True

    @override
    def write(self, text: str) -> int:
        """Take output."""
        self.writes += 1
        for argument, command, carriage, line_feed, character in _TOKEN.findall(text):
            if command == "A":
                self._row -= int(argument)
                assert self._row >= max(0, len(self._lines) - self.rows), "above the screen"
            elif command == "K":
                assert argument == "2"
                self._lines[self._row] = ""
            elif command in {"h", "l"}:
                self.cursor_visible = command == "h"
            elif carriage:
                self._column = 0
            elif line_feed:
                self._next_row()
            else:
                assert character or command == "m"
                self._put(character)
        return super().write(text)

    def _put(self, character: str) -> None:
        if self._column + text_width(character) > self.columns:
            self._next_row()
        line = self._lines[self._row]
        assert text_width(line) == self._column, "overwrites"
        self._lines[self._row] = line + character
        self._column += text_width(character)

    def _next_row(self) -> None:
        self._row += 1
        self._column = 0
        if self._row == len(self._lines):
            self._lines.append("")

    def screen(self) -> list[str]:
        """Return all lines, what has scrolled away included."""
        return [line.rstrip() for line in self._lines]
