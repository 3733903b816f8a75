"""Options and help texts of the commands that look at recordings, webhooks and the network."""

import argparse
from pathlib import Path
from typing import Final

from .options import (
    JSON_ITEMS,
    AddParser,
    add_command,
    add_join_options,
    add_json,
    add_server_files,
    examples,
)

__all__ = ["add_tools"]

_CREDENTIALS: Final = """
credentials come from the environment:
  ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET   of the Zoom app that received the webhook
  ZM_RTMS_CLIENT, ZM_RTMS_SECRET       the same, under the names of Zoom's own SDK
"""


def _exit_codes(failed: str | None, done: str = "done") -> str:
    """Return what the exit codes of a command mean that reads files."""
    one = "" if failed is None else f"  1    {failed}\n"
    return f"""
exit codes:
  0    {done}
{one}  2    wrong options, or a file that cannot be read
"""


def add_tools(add_parser: AddParser) -> None:
    """Add the commands."""
    _add_captions(add_parser)
    _add_replay(add_parser)
    _add_inspect(add_parser)
    _add_sign(add_parser)
    _add_verify_webhook(add_parser)
    _add_doctor(add_parser)


def _add_captions(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "captions",
        "show the captions of a live stream, or of a recording of the wire",
        examples(
            "captions --event started.json",
            "captions wire.jsonl",
            "captions --event started.json --json | jq -r .text",
        )
        + _CREDENTIALS
        + """
exit codes:
  0    the stream, or the recording, ended
  1    the stream ended abnormally
  2    wrong options or unusable input
  3    the stream could not be joined
  130  interrupted by Ctrl-C or SIGTERM
""",
    )
    parser.add_argument(
        "recording",
        metavar="RECORDING",
        nargs="?",
        type=Path,
        help="what `record --wire` or a WireRecorder wrote, instead of a live stream",
    )
    add_join_options(parser, required=False)
    add_json(parser, "write captions to standard output as lines of JSON")


def _add_replay(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "replay",
        "replay a recording of the wire: what the application got, or as a fake server",
        examples(
            "replay wire.jsonl",
            "replay wire.jsonl --json | jq .type",
            "replay wire.jsonl --times 50",
            "replay wire.jsonl --serve --event-file started.json --ca-file ca.pem",
        )
        + """
Without --serve there are no sockets: the recorded messages go through the same state machines as
they did then, which takes a moment and always gives the same. With --serve, a fake server sends
what the real one sent and closes where it closed, to your program or to `record`, until Ctrl-C or
SIGTERM. It begins when all recorded media are joined, or three seconds after the last one that a
client asks for.
"""
        + _exit_codes(
            "the replays were not identical",
            "done, or the server was asked to stop by Ctrl-C or SIGTERM",
        ),
    )
    parser.add_argument(
        "recording", metavar="RECORDING", type=Path, help="what `record --wire` wrote"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--times", metavar="N", type=_count, help="replay so often and compare the items"
    )
    what.add_argument("--serve", action="store_true", help="be the server of the recording")
    parser.add_argument(
        "--fast", action="store_true", help="with --serve: as fast as the client reads"
    )
    add_server_files(parser, "with --serve: ")
    what.add_argument("--json", action="store_true", help=JSON_ITEMS)


def _add_inspect(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "inspect",
        "show what happened in a recording of the wire: states, sockets, gaps, delays",
        examples(
            "inspect wire.jsonl",
            "inspect wire.jsonl --html incident.html",
            "inspect wire.jsonl --json | jq .gaps",
        )
        + _exit_codes("the page could not be written"),
    )
    parser.add_argument(
        "recording", metavar="RECORDING", type=Path, help="what `record --wire` wrote"
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="also write a page with plots; it needs no other file and no network",
    )
    add_json(parser, "write everything as one JSON object instead")


def _add_sign(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "sign",
        "make the signature of a handshake",
        examples(
            "sign --event started.json",
            "sign --product-id aBcDeFgHiJkLmNoPqRsTuA== --stream-id 1234-5678",
        )
        + _CREDENTIALS
        + _exit_codes(None),
    )
    parser.add_argument(
        "--event",
        metavar="FILE",
        help="body of the rtms_started webhook (JSON), which has both ids; - reads standard input",
    )
    parser.add_argument(
        "--product-id",
        metavar="ID",
        help="meeting_uuid, webinar_uuid, session_id, engagement_id or call_id of the webhook",
    )
    parser.add_argument("--stream-id", metavar="ID", help="rtms_stream_id of the webhook")
    add_json(parser, "write a JSON object with what was signed")


def _add_verify_webhook(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "verify-webhook",
        "tell whether a saved webhook is genuine, and if it is not, what is wrong",
        examples(
            "verify-webhook body.json --headers headers.txt",
            "verify-webhook body.json --header x-zm-signature=v0=1a2b "
            "--header x-zm-request-timestamp=1790000000",
            "verify-webhook - --headers headers.txt --max-age 0 < body.json",
        )
        + """
The secret token comes from the environment: ZOOM_WEBHOOK_SECRET_TOKEN, several separated by
commas. It is the token on the app's page of event subscriptions, not the client secret.
"""
        + _exit_codes("refused: the first line says why, the second what to do"),
    )
    parser.add_argument(
        "body", metavar="BODY", help="file with the raw body, byte by byte; - reads standard input"
    )
    parser.add_argument(
        "--headers",
        metavar="FILE",
        type=Path,
        help="file with the headers of the request: a line `Name: value` each, or a JSON object",
    )
    parser.add_argument(
        "--header",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="one header; may be repeated",
    )
    parser.add_argument(
        "--max-age",
        metavar="SECONDS",
        type=_age,
        default=0.0,
        help="refuse what was signed longer ago; 0 takes any age (default: 0)",
    )
    add_json(parser, "write the verdict as a JSON object")


def _add_doctor(add_parser: AddParser) -> None:
    parser = add_command(
        add_parser,
        "doctor",
        "check what it takes to join: credentials, host, proxy, DNS, TCP, TLS, clock",
        examples(
            "doctor", "doctor --event started.json", "doctor --proxy http://proxy.example:3128"
        )
        + _CREDENTIALS
        + """
Without an event, the checks of the network go to zoom.us. Nothing is sent but an HTTP request.

exit codes:
  0    all is well, perhaps with warnings
  1    a check failed
  2    wrong options
""",
    )
    add_join_options(parser, required=False)
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_age,
        default=5.0,
        help="how long each step may take (default: %(default)g)",
    )
    add_json(parser, "write each check as a line of JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text!r}")
    return int(text)


def _age(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:  # noqa: PLR2004  # so written that NaN is refused
        raise argparse.ArgumentTypeError(f"expected a number of seconds from 0, got {text!r}")
    return value
