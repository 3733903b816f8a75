"""``replay``: a recording of the wire through the state machines, or as a fake server."""

import argparse
import hashlib
import sys
from typing import TYPE_CHECKING

import attrs

from rtms_client.events import StreamItem
from rtms_client.media import ItemEncoder, SessionClock
from rtms_client.testing import FakeRTMSServer, Recording

from .failures import EXIT_ABNORMAL, EXIT_OK, EXIT_USAGE, CommandError
from .fake_server import serve
from .incident import examine
from .recordings import load, reading
from .tally import Tally
from .text import clock_time, counted

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Replay a recording; returns the exit code.

    Raises:
        CommandError: The recording cannot be read, or the replays differ.
    """
    _check(options)
    path: Path = options.recording
    recording = load(path)
    with reading(path):
        if options.times is not None:
            return _compare(recording, options.times)
        if options.serve:
            pace = None if options.fast else 1.0

            def make(port: int, client_id: str, client_secret: str) -> FakeRTMSServer:
                return recording.server(
                    pace=pace, port=port, client_id=client_id, client_secret=client_secret
                )

            return serve(make, options)
        return _show(recording, json_lines=options.json)


def _check(options: argparse.Namespace) -> None:
    """Refuse what would have no effect.

    Raises:
        CommandError: There is an option of ``--serve`` without it.
    """
    if options.serve:
        return
    for option in ("fast", "port", "event_file", "ca_file"):
        value: object = getattr(options, option)
        if value is not None and value is not False:
            name = option.replace("_", "-")
            raise CommandError(EXIT_USAGE, f"--{name} is about the server of --serve; add --serve")


def _show(recording: Recording, *, json_lines: bool) -> int:
    encoder, tally, clock = ItemEncoder(), Tally(), SessionClock()
    for step in recording.steps():
        at_ms = round(step.at_s * 1000)
        for item in step.items:
            line = tally.add(item)
            if json_lines:
                placed = clock.place(item)
                print(encoder.encode(item, at_ms=placed, received_ms=recording.began_ms + at_ms))
            elif line is not None:
                who = "" if line.who is None else f"{line.who}: "
                print(f"{clock_time(at_ms):>9}  {who}{line.text}")
    incident = examine(recording)
    messages = sys.stderr if json_lines else sys.stdout
    print(
        f"\n{incident.ending}, after {clock_time(round(incident.length_s * 1000))}", file=messages
    )
    print(f"  {tally.counts()}  lost {tally.losses()}", file=messages)
    if incident.error is not None:
        print(f"  {incident.error}", file=messages)
    return EXIT_OK


def _compare(recording: Recording, times: int) -> int:
    """Replay several times.

    Raises:
        CommandError: The replays differ.
    """
    first, count = _digest(recording)
    for number in range(2, times + 1):
        if _digest(recording)[0] != first:
            raise CommandError(
                EXIT_ABNORMAL,
                f"replay {number} differs from the first one; please report it with the recording",
            )
    replays, items = counted(times, "replay"), counted(count, "item")
    print(f"{replays}, {items} each, all identical: sha256 {first}")
    return EXIT_OK


def _digest(recording: Recording) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    for item in recording.replay():
        digest.update(_facts(item))
        count += 1
    return digest.hexdigest(), count


def _facts(item: StreamItem) -> bytes:
    """Return everything that an item holds, as bytes."""
    return repr(attrs.asdict(item)).encode("utf-8", "surrogatepass")
