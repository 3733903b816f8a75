"""``fake-server``: something to try ``record`` and one's own programs on."""

import argparse
import asyncio
import contextlib
import json
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from rtms_client.codes import explain_stop
from rtms_client.testing import FakeRTMSServer, sample_meeting

from .failures import EXIT_OK, EXIT_USAGE, CommandError
from .interrupt import interruptible

__all__ = ["MakeServer", "run", "serve"]

MakeServer: TypeAlias = Callable[[int, str, str], FakeRTMSServer]

_CLIENT_ID: Final = "test-client-id"
_CLIENT_SECRET: Final = "test-client-secret"  # noqa: S105  # of a fake account, shown to the user
_GOODBYE_S: Final = 5.0


def run(options: argparse.Namespace) -> int:
    """Serve the sample meeting until interrupted; returns the exit code.

    Raises:
        CommandError: The port or a file cannot be used.
    """

    def make(port: int, client_id: str, client_secret: str) -> FakeRTMSServer:
        return FakeRTMSServer(
            sample_meeting(seconds=options.seconds),
            port=port,
            client_id=client_id,
            client_secret=client_secret,
        )

    return serve(make, options)


def serve(make: MakeServer, options: argparse.Namespace) -> int:
    """Serve one server after the other until interrupted; returns the exit code.

    Args:
        make: Makes a server from port, client id and client secret.
        options: Where it is, and where it puts what it takes to join.

    Raises:
        CommandError: The port or a file cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="rtms-client-") as folder:
        ca_file = options.ca_file or Path(folder, "ca.pem")
        return asyncio.run(_serve(make, options, ca_file))


async def _serve(make: MakeServer, options: argparse.Namespace, ca_file: Path) -> int:
    port: int = options.port or 0
    first = True
    with interruptible() as interruption:
        try:
            while True:
                async with make(port, _CLIENT_ID, _CLIENT_SECRET) as server:
                    port = urlsplit(server.signaling_url).port or 0  # the same one from now on
                    if first:
                        _announce(server, options.event_file, ca_file)
                        first = False
                    await server.stream.finished.wait()
                    await _goodbye(server)
                    reason = explain_stop(server.stream.stop_reason or 0).meaning
                    print(f"ended: {reason}; the next meeting waits", file=sys.stderr)
        except asyncio.CancelledError as error:
            interruption.accept(error)
            return EXIT_OK  # there is no other end
        except OSError as error:
            raise CommandError(EXIT_USAGE, _problem(error, port)) from error


def _problem(error: OSError, port: int) -> str:
    """Say which of the files, or that the port, cannot be used."""
    if error.filename is not None:
        return f"cannot write {error.filename}: {error.strerror}; choose another file"
    return f"cannot serve on port {port}: {error.strerror}; choose another one with --port"


async def _goodbye(server: FakeRTMSServer) -> None:
    """Let the client take its leave."""
    with contextlib.suppress(TimeoutError):
        await server.wait_until(lambda: not server.connections, timeout_s=_GOODBYE_S)


def _announce(server: FakeRTMSServer, event_file: Path | None, ca_file: Path) -> None:
    """Hand out what it takes to join: the event on standard output, the rest beside it."""
    ca_file.write_bytes(server.ca_file.read_bytes())  # it is the same for all servers of a process
    event = json.dumps(server.started_webhook())
    if event_file is None:
        print(event, flush=True)
        source = "-"
        before = f"echo {shlex.quote(event)} | "
    else:
        event_file.write_text(f"{event}\n", encoding="utf-8")
        source, before = shlex.quote(str(event_file.absolute())), ""
    ca = shlex.quote(str(ca_file.absolute()))
    lines = (
        f"fake RTMS server on {server.signaling_url}; Ctrl-C ends it",
        "",
        "In another terminal:",
        "",
        f"  export ZOOM_CLIENT_ID={_CLIENT_ID} ZOOM_CLIENT_SECRET={_CLIENT_SECRET}",
        f"  {before}python -m rtms_client record --event {source} --out recording \\",
        f"      --allow-host localhost --proxy none --ca-file {ca}",
        "",
        "In your own program:",
        "",
        "  client = RTMSClient.from_env(transcript=TranscriptParams(), network=NetworkOptions(",
        f'      allowed_hosts=("localhost",), proxy=False, ca_file={str(ca_file.absolute())!r}))',
        "",
        "The meeting starts when a client gets its first medium, and anew when it is over.",
    )
    print("\n".join(lines), file=sys.stderr, flush=True)
