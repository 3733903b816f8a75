"""Options, help texts and examples of all commands."""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from .options import (
    MEDIA_NAMES,
    AddParser,
    add_command,
    add_join_options,
    add_json,
    add_movie,
    add_server_files,
    examples,
    media,
    redactions,
    seconds,
)
from .parser_tools import add_tools

__all__ = ["make_parser"]

_EXIT_CODES: Final = """
exit codes:
  0    ended as wanted
  1    the stream ended abnormally, files could not be written, a check failed, a webhook is not
       genuine, or replays differ
  2    wrong options or unusable input
  3    the stream could not be joined
  130  interrupted by Ctrl-C or SIGTERM; the files are complete up to then
"""
_SERVER_EXIT_CODES: Final = """
exit codes:
  0    asked to stop by Ctrl-C or SIGTERM: a server has no other end
  2    wrong options, or a port or file that cannot be used
"""
_LIVE_VIEW: Final = """
on a terminal, progress, meters and counters are shown where pip install 'rtms_client[cli]' was
called; elsewhere a line for everything that happens.
"""
_FILES: Final = """
files in DIR:
  audio.wav           everybody, mixed
  audio-NAME.wav      one speaker, as long as audio.wav: silence where nothing was sent
  video.h264          camera of the active speaker (video-001.jpg ... if stills come)
  video.mkv           the same as a movie with the mixed audio: --movie mkv or mp4
  share-001.jpg ...   shared screen, a picture whenever it changed (share.h264 if video comes)
  captions.vtt        transcript with speakers (WebVTT)
  session.jsonl       everything in order of arrival, media as sizes only
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; the name of the chosen command will be in ``command``."""
    parser = argparse.ArgumentParser(
        prog=_program(sys.argv[0]),
        description="Receive live Zoom meetings over Realtime Media Streams (RTMS).",
        epilog=examples("demo", "record --event started.json --out recording", "explain 18")
        + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_demo(commands.add_parser)
    _add_record(commands.add_parser)
    _add_fake_server(commands.add_parser)
    add_tools(commands.add_parser)
    _add_explain(commands.add_parser)
    return parser


def _program(started_as: str) -> str:
    """Return how the user started this."""
    return "python -m rtms_client" if started_as.endswith("__main__.py") else "rtms-client"


def _add_demo(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "demo",
        "play a sample meeting through a fake server into the real client, and record it",
        examples("demo", "demo --out sample --seconds 10", "demo --fast --json | head -n 5")
        + _LIVE_VIEW
        + _FILES
        + _EXIT_CODES,
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("rtms-demo"),
        help="where the files go; an earlier recording in it is replaced (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=seconds,
        default=25.0,
        help="length of the meeting, which is cut or repeated (default: %(default)g)",
    )
    parser.add_argument(
        "--fast", action="store_true", help="as fast as possible instead of in real time"
    )
    add_movie(parser)
    add_json(parser)


def _add_record(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "record",
        "join a stream and record everything that it delivers",
        examples(
            "record --event started.json --out recording",
            "record --event - --out recording --media audio,transcript < started.json",
            "record --event started.json --out recording --seconds 600 --json | jq .text",
            "record --event started.json --out recording --movie mp4",
            "record --event started.json --out recording --wire wire.jsonl --redact media,names",
        )
        + """
credentials come from the environment:
  ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET   of the Zoom app that received the webhook
  ZM_RTMS_CLIENT, ZM_RTMS_SECRET       the same, under the names of Zoom's own SDK
"""
        + _LIVE_VIEW
        + _FILES
        + _EXIT_CODES,
    )
    add_join_options(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the files go")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an earlier recording in DIR, and that of the wire in FILE",
    )
    parser.add_argument(
        "--media",
        metavar="LIST",
        type=media,
        default=MEDIA_NAMES,
        help=f"what to ask for, separated by commas (default: {','.join(MEDIA_NAMES)})",
    )
    parser.add_argument(
        "--seconds", metavar="N", type=seconds, help="leave after so long (default: stay)"
    )
    parser.add_argument(
        "--unified", action="store_true", help="one connection for all media instead of one each"
    )
    parser.add_argument(
        "--wire",
        metavar="FILE",
        type=Path,
        help="also write down the wire, without secrets, for replay and inspect",
    )
    parser.add_argument(
        "--redact",
        metavar="LIST",
        type=redactions,
        default=(),
        help="what to take out of the wire besides: media, names, or both",
    )
    add_movie(parser)
    add_json(parser)


def _add_fake_server(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "fake-server",
        "serve the sample meeting until interrupted, to try out record and programs of your own",
        examples("fake-server", "fake-server --event-file started.json --ca-file ca.pem")
        + """
The started webhook goes to standard output as one line of JSON, or to the event file; what to type
in another terminal is shown beside it. The credentials are made up, the certificate is thrown away.
"""
        + _SERVER_EXIT_CODES,
    )
    add_server_files(parser)
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=seconds,
        default=25.0,
        help="length of the meeting, which is cut or repeated (default: %(default)g)",
    )


def _add_explain(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "explain",
        "explain a status code, stop reason or close code; without CODE, list all",
        examples("explain 18", "explain --stop 18", "explain INVALID_SIGNATURE"),
    )
    parser.add_argument(
        "code", metavar="CODE", nargs="?", help="number, name or part of a name (default: all)"
    )
    kinds = parser.add_mutually_exclusive_group()
    for kind, text in (
        ("status", "only status codes, which answer requests"),
        ("stop", "only stop reasons, which end streams"),
        ("close", "only close codes, which end WebSocket connections"),
    ):
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=text)


class _Version(argparse.Action):
    """Shows the version; looks for it only when asked, because that is slow."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002  # argparse names it
        super().__init__(option_strings, dest, nargs=0, help=help)

    @override
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        print(f"rtms_client {importlib.metadata.version('rtms_client')}")
        parser.exit()
