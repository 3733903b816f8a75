"""What the options of several commands have in common."""

import argparse
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

__all__ = [
    "JSON_ITEMS",
    "MEDIA_NAMES",
    "AddParser",
    "add_command",
    "add_join_options",
    "add_json",
    "add_movie",
    "add_server_files",
    "examples",
    "media",
    "port",
    "redactions",
    "seconds",
]

AddParser: TypeAlias = Callable[..., argparse.ArgumentParser]

JSON_ITEMS: Final = (
    "write items to standard output as lines of JSON, everything else to standard error"
)
MEDIA_NAMES: Final = ("audio", "video", "share", "transcript", "chat")
_MAX_PORT: Final = 65535


def examples(*commands: str) -> str:
    """Return the examples of a command."""
    lines = (f"  python -m rtms_client {command}" for command in commands)
    return "\n".join(["examples:", *lines, ""])


def add_command(
    add_parser: AddParser, name: str, text: str, epilog: str
) -> argparse.ArgumentParser:
    """Add a command with what all commands have."""
    parser = add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the log and the traceback of an error"
    )
    return parser


def add_json(parser: argparse.ArgumentParser, text: str = JSON_ITEMS) -> None:
    """Add the option for machines."""
    parser.add_argument("--json", action="store_true", help=text)


def add_movie(parser: argparse.ArgumentParser) -> None:
    """Add the option for movies."""
    parser.add_argument(
        "--movie",
        choices=("mp4", "mkv"),
        help="write camera and shared screen as movies with the mixed audio, instead of "
        "video.h264; needs pip install 'rtms_client[video]'",
    )


def add_join_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add what it takes to reach a stream."""
    parser.add_argument(
        "--event",
        metavar="FILE",
        required=required,
        help="body of the rtms_started webhook as received (JSON); - reads standard input",
    )
    parser.add_argument(
        "--allow-host",
        metavar="HOST",
        action="append",
        default=[],
        help="also connect to this host and its subdomains, not only to Zoom's; may be repeated",
    )
    parser.add_argument(
        "--ca-file", metavar="FILE", type=Path, help="PEM file of the only authorities to trust"
    )
    parser.add_argument(
        "--proxy",
        metavar="URL",
        help="HTTP proxy, or none for a direct connection (default: as the environment says)",
    )


def add_server_files(parser: argparse.ArgumentParser, when: str = "") -> None:
    """Add where a fake server is, and where it puts what it takes to join."""
    parser.add_argument(
        "--port", metavar="P", type=port, help=f"{when}port of the signaling (default: any)"
    )
    parser.add_argument(
        "--event-file", metavar="FILE", type=Path, help=f"{when}where to put the started webhook"
    )
    parser.add_argument(
        "--ca-file",
        metavar="FILE",
        type=Path,
        help=f"{when}where to put the certificate authority (default: a temporary file)",
    )


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return value


def port(text: str) -> int:
    """Read a port."""
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {_MAX_PORT}, got {text!r}")
    return int(text)


def media(text: str) -> Iterable[str]:
    """Read a list of media."""
    return _some_of(text, MEDIA_NAMES)


def redactions(text: str) -> Iterable[str]:
    """Read what is to be taken out of a recording of the wire."""
    return _some_of(text, ("media", "names"))


def _some_of(text: str, known: Iterable[str]) -> Iterable[str]:
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"expected some of {','.join(known)}, got {name!r}")
    return tuple(dict.fromkeys(names))
