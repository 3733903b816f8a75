"""``captions``: what is said, line by line, live or from a recording."""

import argparse
import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

from rtms_client.events import Gap, StreamItem
from rtms_client.exceptions import InvalidParameters, RTMSError
from rtms_client.frames import TranscriptSegment
from rtms_client.media import ItemEncoder, SessionClock

from .failures import (
    EXIT_ABNORMAL,
    EXIT_INTERRUPTED,
    EXIT_NOT_JOINED,
    EXIT_OK,
    EXIT_USAGE,
    CommandError,
)
from .interrupt import interruptible
from .record import make_client, read_event
from .recordings import load, reading
from .screen import style_for
from .session import Patience, explained
from .style import NAME_COLOURS, Palette, Style
from .tally import Tally
from .text import clock_time

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Captions", "run"]

_DIM = "2"


class Captions:
    """Writes captions, and what interrupts them.

    Args:
        out: Where to.
        json_lines: As JSON for another program.
        style: What the output can show.
    """

    def __init__(self, out: TextIO, *, json_lines: bool, style: Style) -> None:
        self._out, self._json_lines, self._style = out, json_lines, style
        self._clock, self._tally, self._encoder = SessionClock(), Tally(), ItemEncoder()
        self._palette = Palette()
        self.count = 0

    def show(self, item: StreamItem, received_ms: int) -> None:
        """Write an item, if it is of interest."""
        at_ms = self._clock.place(item)
        line = self._tally.add(item)
        is_caption = isinstance(item, TranscriptSegment)
        self.count += is_caption
        if self._json_lines:
            if is_caption or isinstance(item, Gap):
                text = self._encoder.encode(item, at_ms=at_ms, received_ms=received_ms)
                print(text, file=self._out, flush=True)
        elif line is not None and (is_caption or line.who is None):
            when = self._style.paint(f"{'' if at_ms is None else clock_time(at_ms):>9}", _DIM)
            if line.who is None:
                text = self._style.paint(f"-- {line.text}", _DIM)
            else:
                colour = NAME_COLOURS[self._palette.number(line.who)]
                text = f"{self._style.paint(line.who, colour)}: {line.text}"
            print(f"{when}  {text}", file=self._out, flush=True)

    def say(self, text: str) -> None:
        """Write a line of the command itself."""
        print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> int:
    """Show captions; returns the exit code.

    Raises:
        CommandError: Options or input are unusable, or the stream ended abnormally.
    """
    recording: Path | None = options.recording
    if (recording is None) == (options.event is None):
        raise CommandError(
            EXIT_USAGE, "pass either a RECORDING or --event FILE with the started webhook"
        )
    style = style_for(sys.stdout, os.environ if sys.stdout.isatty() else {"NO_COLOR": "1"})
    captions = Captions(sys.stdout, json_lines=options.json, style=style)
    if recording is None:
        return asyncio.run(_live(options, captions))
    try:
        found = load(recording)
    except CommandError as error:
        hint = "; a started webhook goes to --event" if recording.is_file() else ""
        raise CommandError(error.exit_code, f"{error.text}{hint}") from error
    with reading(recording):
        for step in found.steps():
            for item in step.items:
                captions.show(item, found.began_ms + int(step.at_s * 1000))
    if not captions.count:
        captions.say("no captions in this recording: was the transcript asked for?")
    return EXIT_OK


async def _live(options: argparse.Namespace, captions: Captions) -> int:
    info = read_event(options.event)
    patience = Patience()
    patience.say = captions.say
    client = make_client(options, patience, media=("transcript",))
    with interruptible() as interruption:
        try:
            async with client.stream(info) as stream:
                patience.joined = True
                captions.say("joined; waiting for captions, Ctrl-C ends")
                async for item in stream:
                    captions.show(item, time.time_ns() // 1_000_000)
        except InvalidParameters as error:
            raise CommandError(EXIT_USAGE, explained(error)) from error
        except RTMSError as error:
            code = EXIT_ABNORMAL if patience.joined else EXIT_NOT_JOINED
            what = "" if patience.joined else "cannot join: "
            raise CommandError(code, f"{what}{explained(error)}") from error
        except asyncio.CancelledError as error:
            interruption.accept(error)
            return EXIT_INTERRUPTED
    return EXIT_OK
