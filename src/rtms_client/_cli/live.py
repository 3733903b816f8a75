"""The live view: what happened scrolls by, and below it a block is drawn ten times a second.

Only the sequences that every terminal since the VT100 knows: move up, erase below, colours.
"""

import math
import re
import time
from collections.abc import Callable
from typing import Final, TextIO

import attrs

from rtms_client.media import SessionClock
from rtms_client.media._speech import Speaker

from .tally import Line, Tally, Voice
from .text import clip, clock_time, text_width, volume

__all__ = ["LiveView", "Style", "meter"]

_REDRAW_S: Final = 0.1
_MIN_COLUMNS: Final = 20
_NAME_COLUMNS: Final = 16
_MAX_VOICES: Final = 8
_OTHER_ROWS: Final = 6
_QUIETEST_DB: Final = -60.0
_GREEN, _YELLOW, _RED, _DIM, _BOLD, _CYAN = "32", "33", "31", "2", "1", "36"
_LOUD_DB, _TOO_LOUD_DB = -12.0, -3.0
_COLOURS: Final = re.compile(r"\x1b\[\d+m")
_NAME_COLOURS: Final = ("36", "35", "34", "33", "32")


@attrs.frozen(kw_only=True)
class Style:
    """What the terminal can show."""

    colour: bool = True
    unicode: bool = True

    def paint(self, text: str, code: str) -> str:
        """Colour a text, if colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def bar(self, share: float, columns: int) -> tuple[str, str]:
        """Return the full and the empty part of a bar."""
        full, empty = ("█", "░") if self.unicode else ("#", "-")
        filled = round(max(0.0, min(1.0, share)) * columns)
        return full * filled, empty * (columns - filled)


def meter(level_db: float | None, columns: int, style: Style) -> str:
    """Draw a level: a bar from -60 dBFS to full scale, and the number."""
    share = 0.0 if level_db is None else 1 - level_db / _QUIETEST_DB
    full, empty = style.bar(share, columns)
    colour = _GREEN
    if level_db is not None and level_db > _LOUD_DB:
        colour = _RED if level_db > _TOO_LOUD_DB else _YELLOW
    number = "   silent" if level_db is None else f"{level_db:6.0f} dB"
    return f"{style.paint(full, colour)}{style.paint(empty, _DIM)}{number}"


class LiveView:
    """Draws captions, meters, counters and progress on a terminal.

    Args:
        out: The terminal.
        tally: What has arrived.
        clock: Time of the session.
        title: What runs.
        total_ms: Expected length, if known.
        style: What the terminal can show.
        size: Returns columns and rows of the terminal.
        now: Local time in seconds.
    """

    def __init__(
        self,
        out: TextIO,
        tally: Tally,
        clock: SessionClock,
        *,
        title: str,
        total_ms: int | None,
        style: Style,
        size: Callable[[], tuple[int, int]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out, self._tally, self._clock = out, tally, clock
        self._title, self._total_ms, self._style = title, total_ms, style
        self._size, self._now = size, now
        self._lines: list[str] = []
        self._block: list[int] = []  # columns of each line that is drawn
        self._drawn_at = -math.inf
        self._length: tuple[int, float] = (0, now())
        self._colours: dict[str, str] = {}
        self._hidden = False

    def say(self, text: str) -> None:
        """Show a line of the command itself."""
        self._lines.append(text)
        self._draw(self._render())

    def show(self, at_ms: int | None, line: Line | None, json_line: str) -> None:  # noqa: ARG002  # part of the protocol
        """Keep an item for the next time the block is drawn."""
        if line is None:
            return
        paint = self._style.paint
        when = paint(f"{'' if at_ms is None else clock_time(at_ms):>9}", _DIM)
        if line.who is None:
            self._lines.append(f"{when}  {paint(line.text, _DIM)}")
        else:
            colour = self._colours.setdefault(
                line.who.partition(" (")[0], _NAME_COLOURS[len(self._colours) % len(_NAME_COLOURS)]
            )
            self._lines.append(f"{when}  {paint(line.who, colour)}: {line.text}")

    def tick(self) -> None:
        """Draw the block anew, if it is time."""
        if self._now() - self._drawn_at >= _REDRAW_S:
            self._draw(self._render())

    def close(self) -> None:
        """Remove the block and give the cursor back; may be called more than once."""
        self._draw([])
        if self._hidden:
            self._hidden = False
            self._out.write("\x1b[?25h")
            self._out.flush()

    def _draw(self, block: list[str]) -> None:
        """Replace the block, with what happened meanwhile above it, in one write."""
        columns = max(self._size()[0], _MIN_COLUMNS)
        parts: list[str] = []
        if self._block:
            # After the terminal became narrower, what was drawn takes more rows.
            rows = sum(max(1, math.ceil(width / columns)) for width in self._block)
            parts.append("\r" + (f"\x1b[{rows - 1}A" if rows > 1 else "") + "\x1b[J")
        parts.extend(f"{line}\n" for line in self._lines)
        if block:
            if not self._hidden:
                self._hidden = True
                parts.append("\x1b[?25l")
            parts.append("\n".join(block))
        self._lines.clear()
        self._block = [_visible(line) for line in block]
        self._drawn_at = self._now()
        if parts:
            self._out.write("".join(parts))
            self._out.flush()

    def _render(self) -> list[str]:
        columns, rows = self._size()
        columns = max(columns, _MIN_COLUMNS) - 1  # the last column makes some terminals wrap
        voices = self._voices(max(1, min(_MAX_VOICES, rows - _OTHER_ROWS)))
        lines = [self._head(columns)]
        lines.extend(self._voice(key, voice, columns) for key, voice in voices)
        more = len(self._tally.voices) - len(voices)
        if more > 0:
            lines.append(self._style.paint(clip(f"  and {more} more", columns), _DIM))
        return ["", *lines, self._counters(columns)][-max(rows - 1, 1) :]

    def _head(self, columns: int) -> str:
        elapsed_ms = self._elapsed_ms()
        times = clock_time(elapsed_ms)
        if self._total_ms is not None:
            times += f" / {clock_time(self._total_ms)}"
        speaker = f" · {self._tally.speaker} speaks" if self._tally.speaker is not None else ""
        text = f"{self._title} · {self._tally.state}{speaker}"
        room = columns - text_width(times) - 2
        width = max(min(room - text_width(text) - 2, 40), 0) if self._total_ms else 0
        bar = ""
        if width and self._total_ms:
            full, empty = self._style.bar(elapsed_ms / self._total_ms, width)
            bar = f"{self._style.paint(full, _CYAN)}{self._style.paint(empty, _DIM)}  "
            room -= width + 2
        return f"{self._style.paint(clip(text, max(room, 1)), _BOLD)}  {bar}{times}"

    def _elapsed_ms(self) -> int:
        """Return the time since the start, which goes on while nothing arrives."""
        now = self._now()
        length_ms, since = self._length
        if self._clock.length_ms != length_ms:
            length_ms, since = self._length = (self._clock.length_ms, now)
        elapsed_ms = length_ms
        if self._tally.counters:
            elapsed_ms += int((now - since) * 1000)
        return elapsed_ms if self._total_ms is None else min(elapsed_ms, self._total_ms)

    def _voices(self, limit: int) -> list[tuple[Speaker | None, Voice]]:
        """Return those who are shown: all, or those heard last, always in the same order."""
        voices = self._tally.voices
        latest = sorted(voices, key=lambda key: -voices[key].heard_at)[:limit]
        return [(key, voice) for key, voice in voices.items() if key in latest]

    def _voice(self, key: Speaker | None, voice: Voice, columns: int) -> str:
        mark = " "
        if self._tally.speaks(key):
            mark = "▶" if self._style.unicode else ">"
        spoken = f"  {clock_time(voice.spoken_ms)}"
        name = clip(voice.name, min(_NAME_COLUMNS, columns // 3))
        start = f"{mark} {name} "
        room = columns - text_width(start) - len(spoken) - len("   silent")
        if room < 1:
            return clip(start, columns)
        return start + meter(voice.level_db(self._now()), min(room, 40), self._style) + spoken

    def _counters(self, columns: int) -> str:
        tally = self._tally
        total = sum(counter.size for counter in tally.counters.values())
        text = f"  {tally.counts()}  lost {tally.lost}"
        text = clip(f"{text}  {volume(total)}", columns)
        return self._style.paint(text, _RED) if tally.gaps else text


def _visible(line: str) -> int:
    """Return the columns of a line without its colours."""
    return text_width(_COLOURS.sub("", line))
