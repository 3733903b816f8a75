"""Print a marked command of README.md, so that CI runs what readers are told to run.

A command is the fenced block after ``<!-- command: NAME -->``. Usage: ``readme_command.py NAME``.
"""

import re
import sys
from pathlib import Path


def command(text: str, name: str) -> str:
    """Return the code of the block with that name.

    Raises:
        ValueError: the text has no such block, or several.
    """
    pattern = rf"^<!-- command: {re.escape(name)} -->\n+```sh\n(.*?)^```$"
    found = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"expected one command {name!r} in the text, found {len(found)}")
    return str(found[0])


if __name__ == "__main__":
    print(command(Path("README.md").read_text("utf-8"), sys.argv[1]), end="")
