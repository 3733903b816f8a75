"""``demo``: the sample meeting through the fake server into the real client."""

import argparse
import asyncio
import secrets
import sys
from typing import TYPE_CHECKING, Final

from rtms_client.client import RTMSClient
from rtms_client.config import (
    AudioParams,
    ChatParams,
    ShareParams,
    TranscriptParams,
    VideoParams,
)
from rtms_client.media import SessionClock
from rtms_client.testing import EVERY_MEDIUM, FakeRTMSServer, sample_meeting
from rtms_client.webhooks import parse_started

from .outdir import folder_for_recording
from .screen import choose_view
from .session import BUFFERS, Outcome, Session, check_movie
from .summary import report
from .tally import Tally

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run"]

_CLIENT_ID: Final = "test-client-id"
_NEXT_STEPS: Final = (
    "",
    "go on:",
    "  listen     open {folder}/audio.wav in any player",
    "  look       open {folder}/video.{kind} in VLC, mpv or ffplay",
    "  rehearse   python -m rtms_client fake-server --help",
    "  for real   python -m rtms_client record --help",
)


def run(options: argparse.Namespace) -> int:
    """Play, receive and write the sample meeting; returns the exit code.

    Raises:
        CommandError: The folder cannot be used, or the demo failed.
    """
    check_movie(options.movie)
    folder: Path = options.out
    tally, clock = Tally(), SessionClock()
    messages = sys.stderr if options.json else sys.stdout

    async def play() -> Outcome:
        secret = secrets.token_hex()
        async with FakeRTMSServer(
            sample_meeting(seconds=options.seconds),
            pace=None if options.fast else 1.0,
            expected_media=EVERY_MEDIUM,
            client_id=_CLIENT_ID,
            client_secret=secret,
        ) as server:
            client = RTMSClient(
                _CLIENT_ID,
                secret,
                audio=AudioParams(),
                video=VideoParams(fps=15),
                share=ShareParams(),
                transcript=TranscriptParams(),
                chat=ChatParams(),
                network=server.network,
                buffers=BUFFERS,
            )
            print(f"fake RTMS server: {server.signaling_url}", file=messages)
            length_ms = int(options.seconds * 1000)
            session = Session(
                client=client,
                info=parse_started(server.started_webhook()).stream,
                folder=folder,
                tally=tally,
                clock=clock,
                view=choose_view(
                    tally,
                    clock,
                    json_lines=options.json,
                    plain=options.debug,
                    title="demo",
                    total_ms=length_ms,
                ),
                length_ms=length_ms,
                movie=options.movie,
            )
            return await session.run()

    with folder_for_recording(folder, replace=True):
        outcome = asyncio.run(play())
    code = report(outcome, tally, clock, messages)
    for line in _NEXT_STEPS:
        print(line.format(folder=folder, kind=options.movie or "h264"), file=messages)
    return code
