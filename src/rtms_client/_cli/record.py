"""``record``: a stream of a real server, or of the fake one, into files."""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from rtms_client.client import RTMSClient
from rtms_client.config import (
    AudioParams,
    ChatParams,
    NetworkOptions,
    ReconnectPolicy,
    ShareParams,
    StreamInfo,
    TranscriptParams,
    VideoParams,
)
from rtms_client.exceptions import InvalidParameters, RemoteProtocolError
from rtms_client.media import SessionClock
from rtms_client.testing import Recording, WireRecorder
from rtms_client.webhooks import parse_started

from .failures import EXIT_USAGE, CommandError
from .outdir import folder_for_recording
from .screen import choose_view, expect_input
from .session import BUFFERS, Outcome, Patience, Session, check_movie, explained
from .summary import report
from .tally import Tally
from .text import clean

__all__ = ["MEDIA", "NO_CREDENTIALS", "make_client", "network_options", "read_event", "run"]

MEDIA: Final = {
    "audio": AudioParams(),
    "video": VideoParams(fps=15),
    "share": ShareParams(),
    "transcript": TranscriptParams(),
    "chat": ChatParams(),
}
"""What is asked for, by medium."""
NO_CREDENTIALS: Final = (
    "no credentials: set ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET in the environment "
    "(or ZM_RTMS_CLIENT and ZM_RTMS_SECRET)"
)
_MAX_EVENT_BYTES: Final = 1024 * 1024


def run(options: argparse.Namespace) -> int:
    """Record a stream; returns the exit code.

    Raises:
        CommandError: Options or input are unusable, or the stream could not be recorded.
    """
    check_movie(options.movie)
    info = read_event(options.event)
    patience = Patience()
    wire = wire_recorder(options)
    client = make_client(
        options,
        patience,
        media=options.media,
        unified=options.unified,
        session_factory=wire,
    )
    folder: Path = options.out
    tally, clock = Tally(), SessionClock()
    messages = sys.stderr if options.json else sys.stdout
    seconds: float | None = options.seconds

    async def receive() -> Outcome:
        view = choose_view(
            tally,
            clock,
            json_lines=options.json,
            plain=options.debug,
            title="recording",
            total_ms=None if seconds is None else int(seconds * 1000),
        )
        session = Session(
            client=client,
            info=info,
            folder=folder,
            tally=tally,
            clock=clock,
            view=view,
            stop_after_s=seconds,
            movie=options.movie,
            patience=patience,
        )
        return await session.run()

    with folder_for_recording(folder, replace=options.overwrite):
        former = None if wire is None else _put_aside(options.wire)
        try:
            outcome = asyncio.run(receive())
        finally:  # the wire of a join that failed tells why
            if wire is not None:
                for line in _about(wire):
                    print(line, file=messages)
            if former is not None and patience.joined:
                former.unlink(missing_ok=True)
            elif former is not None:
                print(f"what was recorded before: {former}", file=messages)
    return report(outcome, tally, clock, messages)


def _put_aside(path: Path) -> Path | None:
    """Keep a recording that is to be replaced until there is another one; return where it is."""
    former = path.with_name(f"{path.name}.former")
    try:
        if path.stat().st_size and not former.exists():
            return path.replace(former)
        path.unlink()  # empty, or of a try that failed
    except OSError:  # there is none; or the recorder says what it cannot write
        pass
    return former if former.exists() else None


def _about(wire: WireRecorder) -> Iterator[str]:
    """Say where the wire was written, or why it was not."""
    yield ""
    if wire.problem is not None:
        yield f"the wire was not written completely: {wire.problem}"
    for path in wire.files:
        yield f"wire: {path}; look at it with `inspect`, replay it with `replay`"


def read_event(source: str) -> StreamInfo:
    """Read the started webhook from a file, or from standard input if the name is ``-``.

    Raises:
        CommandError: It cannot be read, or is no started webhook.
    """
    name = "standard input" if source == "-" else source
    try:
        if source == "-":
            expect_input("the started webhook")
            body = sys.stdin.buffer.read(_MAX_EVENT_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                body = file.read(_MAX_EVENT_BYTES + 1)
    except OSError as error:
        raise CommandError(
            EXIT_USAGE, f"cannot read the event {name}: {error.strerror or error}"
        ) from error
    if len(body) > _MAX_EVENT_BYTES:
        raise CommandError(EXIT_USAGE, f"{name}: larger than 1 MiB, so it is no webhook")
    try:
        return parse_started(body).stream
    except (RemoteProtocolError, InvalidParameters) as error:
        raise CommandError(
            EXIT_USAGE,
            f"{name}: {clean(str(error))}; save the body of an rtms_started webhook unchanged",
        ) from error


def network_options(options: argparse.Namespace) -> NetworkOptions:
    """Return how to reach the servers.

    Raises:
        CommandError: The file of authorities does not exist.
        InvalidParameters: An option has a forbidden value.
    """
    ca_file: Path | None = options.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise CommandError(EXIT_USAGE, f"--ca-file {ca_file}: expected a PEM file, found none")
    proxy: str | bool = options.proxy is None or (options.proxy != "none" and options.proxy)
    hosts = (*NetworkOptions().allowed_hosts, *options.allow_host)
    return NetworkOptions(allowed_hosts=hosts, ca_file=ca_file, proxy=proxy)


def make_client(
    options: argparse.Namespace,
    patience: Patience,
    *,
    media: Iterable[str],
    **more: Any,  # noqa: ANN401  # passed on
) -> RTMSClient:
    """Make the client that the options and the environment describe.

    Args:
        options: The options.
        patience: Decides how often a connection is tried.
        media: What to ask for.
        more: Further arguments of `RTMSClient`.

    Raises:
        CommandError: No credentials, or an option with a forbidden value.
    """
    chosen: dict[str, Any] = {name: MEDIA[name] for name in media}
    try:
        return RTMSClient.from_env(
            **chosen,
            network=network_options(options),
            buffers=BUFFERS,
            reconnect=ReconnectPolicy(),
            on_reconnect=patience,
            **more,
        )
    except InvalidParameters as error:
        if error.what == "RTMSClient":
            raise CommandError(EXIT_USAGE, NO_CREDENTIALS) from error
        raise CommandError(EXIT_USAGE, explained(error)) from error


def wire_recorder(options: argparse.Namespace) -> WireRecorder | None:
    """Return what writes down the wire, if that is wanted.

    Raises:
        CommandError: The file exists, or cannot be made.
    """
    path: Path | None = options.wire
    if path is None:
        if options.redact:
            raise CommandError(EXIT_USAGE, "--redact is about the recording of --wire FILE")
        return None
    if path.exists() and not options.overwrite:
        raise CommandError(
            EXIT_USAGE,
            f"--wire {path} exists; choose another file, or replace the recording with --overwrite",
        )
    if path.exists() and not _is_recording(path):
        raise CommandError(
            EXIT_USAGE, f"--wire {path} is no recording of the wire; choose another file"
        )
    if path.absolute().parent == options.out.absolute():
        raise CommandError(
            EXIT_USAGE, f"--wire {path} lies in the folder of --out; choose a file outside of it"
        )
    if not path.absolute().parent.is_dir():
        raise CommandError(EXIT_USAGE, f"--wire {path}: make the folder first")
    return WireRecorder(
        path, redact_media="media" in options.redact, redact_names="names" in options.redact
    )


def _is_recording(path: Path) -> bool:
    """Return whether a file may be replaced: it is a recording of the wire, or has nothing yet."""
    try:
        Recording.load(path)
    except (OSError, InvalidParameters):
        return path.is_file() and not path.stat().st_size
    return True
