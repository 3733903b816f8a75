"""What a command shows while a stream runs: plain lines, JSON lines; the live view is in `live`."""

import time
from collections.abc import Callable
from typing import Final, Protocol, TextIO

from rtms_client.media import SessionClock

from .tally import Line, Tally
from .text import clock_time

__all__ = ["JsonView", "PlainView", "View"]

_STATUS_S: Final = 5.0


class View(Protocol):
    """Shows what arrives."""

    def say(self, text: str) -> None:
        """Show a line of the command itself."""
        ...

    def show(self, at_ms: int | None, line: Line | None, json_line: str) -> None:
        """Show an item, which the tally has counted.

        Args:
            at_ms: Its time since the start of the session, if known.
            line: The item for people, if it is of interest to them.
            json_line: The item for machines.
        """
        ...

    def tick(self) -> None:
        """Show that time passes; called several times a second."""
        ...

    def close(self) -> None:
        """Leave the terminal in order; may be called more than once."""
        ...


class PlainView:
    """A line for everything that happens, and one with all counters now and then.

    Args:
        out: Where to write.
        tally: What has arrived.
        clock: Time of the session.
        now: Local time in seconds.
    """

    def __init__(
        self,
        out: TextIO,
        tally: Tally,
        clock: SessionClock,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out, self._tally, self._clock, self._now = out, tally, clock, now
        self._status_at = now() + _STATUS_S

    def say(self, text: str) -> None:
        """Show a line of the command itself."""
        print(text, file=self._out, flush=True)

    def show(self, at_ms: int | None, line: Line | None, json_line: str) -> None:  # noqa: ARG002  # part of the protocol
        """Show an item if people want to read it."""
        if line is not None:
            who = f"{line.who}: " if line.who is not None else ""
            self._line(at_ms, f"{who}{line.text}")

    def tick(self) -> None:
        """Show the counters every few seconds."""
        if self._now() >= self._status_at:
            self._status_at = self._now() + _STATUS_S
            tally = self._tally
            speaker = f", {tally.speaker} speaks" if tally.speaker is not None else ""
            text = f"-- {tally.state}{speaker}: {tally.counts()}  lost {tally.lost}"
            self._line(self._clock.length_ms, text)

    def close(self) -> None:
        """Do nothing: lines are complete at once."""

    def _line(self, at_ms: int | None, text: str) -> None:
        self.say(f"{'' if at_ms is None else clock_time(at_ms):>9}  {text}")


class JsonView:
    """Every item as one line of JSON; what the command itself says goes elsewhere.

    Args:
        out: Where to write items.
        messages: Where to write the rest.
    """

    def __init__(self, out: TextIO, messages: TextIO) -> None:
        self._out, self._messages = out, messages

    def say(self, text: str) -> None:
        """Show a line of the command itself."""
        print(text, file=self._messages, flush=True)

    def show(self, at_ms: int | None, line: Line | None, json_line: str) -> None:  # noqa: ARG002  # part of the protocol
        """Write an item."""
        print(json_line, file=self._out)

    def tick(self) -> None:
        """Make what was written visible to the reader."""
        self._out.flush()

    def close(self) -> None:
        """Make what was written visible to the reader."""
        self._out.flush()
