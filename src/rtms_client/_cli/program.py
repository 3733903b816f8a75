"""The program around the commands: options, outputs of the process, errors, exit codes."""

import argparse
import contextlib
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import TypeAlias

from .failures import EXIT_ABNORMAL, EXIT_INTERRUPTED, EXIT_USAGE, CommandError
from .parser import make_parser
from .screen import make_text_safe

__all__ = ["main"]

Command: TypeAlias = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; see `rtms_client.__main__.main`."""
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    _prepare(options)
    try:
        return _run(options)
    except BrokenPipeError:  # `| head` took what it wanted
        _silence()
        return EXIT_INTERRUPTED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # a line, no traceback
        if options.debug:
            traceback.print_exc()
        code, text = _failure(error)
    print(f"{parser.prog}: {text}", file=sys.stderr)
    return code


def _failure(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the line for an error."""
    match error:
        case CommandError():
            return error.exit_code, error.text
        case KeyboardInterrupt():
            return EXIT_INTERRUPTED, "interrupted"
        case _:
            kind = type(error).__name__
            return EXIT_ABNORMAL, f"unexpected {kind}: {error}; please report it, with --debug"


def _run(options: argparse.Namespace) -> int:
    # Imported when needed: most commands need the test double of Zoom's server, help needs nothing.
    name = str(options.command).replace("-", "_")
    command: Command = importlib.import_module(f"rtms_client._cli.{name}").run
    return command(options)


def _prepare(options: argparse.Namespace) -> None:
    """Set up logging and the outputs of the process."""
    if options.debug:
        logging.basicConfig(level=logging.DEBUG, format="%(relativeCreated)8d %(name)s %(message)s")
    else:
        # What users need to know is shown as an item of the stream.
        for name in ("rtms_client", "websockets"):
            logging.getLogger(name).addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        make_text_safe(
            stream, for_machines=stream is sys.stdout and getattr(options, "json", False)
        )


def _silence() -> None:
    """Let the interpreter flush its output into nowhere when it ends."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
