"""The live view, drawn by Rich: what happened scrolls by above progress, meters and counters.

Rich comes with the extra ``cli``; this module is imported only where it may be there.
"""

import math
import time
from collections.abc import Callable
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from rtms_client.media import SessionClock
from rtms_client.media._speech import Speaker

from .style import Palette
from .tally import Line, Tally, Voice
from .text import clock_time, volume

__all__ = ["LiveView", "meter"]

_REDRAW_S: Final = 0.1
_NAME_COLUMNS: Final = 16
_BAR_COLUMNS: Final = 40
_MAX_VOICES: Final = 8
_OTHER_ROWS: Final = 6
_QUIETEST_DB: Final = -60.0
_LOUD_DB, _TOO_LOUD_DB = -12.0, -3.0
_NAME_STYLES: Final = ("cyan", "magenta", "blue", "yellow", "green")


def meter(level_db: float | None) -> ProgressBar:
    """Draw a level: a bar from -60 dBFS to full scale, whose colour warns of what is too loud."""
    shown = _QUIETEST_DB if level_db is None else min(max(level_db, _QUIETEST_DB), 0.0)
    style = "green" if shown <= _LOUD_DB else "yellow" if shown <= _TOO_LOUD_DB else "red"
    return ProgressBar(
        total=-_QUIETEST_DB,
        completed=shown - _QUIETEST_DB,
        width=_BAR_COLUMNS,
        complete_style=style,
        finished_style=style,
    )


class LiveView:
    """Draws captions, meters, counters and progress on a terminal.

    Args:
        console: The terminal.
        tally: What has arrived.
        clock: Time of the session.
        title: What runs.
        total_ms: Expected length, if known.
        now: Local time in seconds.
    """

    def __init__(
        self,
        console: Console,
        tally: Tally,
        clock: SessionClock,
        *,
        title: str,
        total_ms: int | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._tally, self._clock = console, tally, clock
        self._title, self._total_ms, self._now = title, total_ms, now
        self._live = Live(
            console=console,
            auto_refresh=False,  # no thread: ticks draw
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._lines: list[Text] = []
        self._drawn_at = -math.inf
        self._length: tuple[int, float] = (0, now())
        self._palette = Palette()

    def say(self, text: str) -> None:
        """Show a line of the command itself."""
        self._lines.append(Text(text))
        self._draw()

    def show(self, at_ms: int | None, line: Line | None, json_line: str) -> None:  # noqa: ARG002  # part of the protocol
        """Keep an item for the next time the block is drawn."""
        if line is None:
            return
        shown = Text(f"{'' if at_ms is None else clock_time(at_ms):>9}  ", style="dim")
        if line.who is None:
            shown.append(line.text)
        else:
            style = _NAME_STYLES[self._palette.number(line.who.partition(" (")[0])]
            shown = Text.assemble(shown, (line.who, style), ": ", line.text)
        self._lines.append(shown)

    def tick(self) -> None:
        """Draw the block anew, if it is time."""
        if self._now() - self._drawn_at >= _REDRAW_S:
            self._draw()

    def close(self) -> None:
        """Remove the block and give the cursor back; may be called more than once."""
        self._print()
        self._live.stop()

    def _draw(self) -> None:
        """Draw the block anew, with what happened meanwhile above it."""
        self._drawn_at = self._now()
        self._live.update(self._block())
        with self._console:  # one write
            self._live.start()
            self._print()
            self._live.refresh()

    def _print(self) -> None:
        """Print what happened meanwhile, above the block if there is one."""
        lines, self._lines = self._lines, []
        if lines:
            self._console.print(*lines, sep="\n")

    # --- the block -------------------------------------------------------------------------------

    def _block(self) -> Group:
        limit = max(1, min(_MAX_VOICES, self._console.height - _OTHER_ROWS))
        voices = self._voices(limit)
        rows = Table.grid("", Column(max_width=_NAME_COLUMNS), padding=(0, 1, 0, 0))
        for key, voice in voices:
            self._add_voice(rows, key, voice)
        shown: list[RenderableType] = ["", self._head()]
        if voices:
            shown.append(rows)
        more = len(self._tally.voices) - len(voices)
        if more > 0:
            shown.append(_one_row(f"  and {more} more", "dim"))
        return Group(*shown, self._counters())

    def _head(self) -> Table:
        elapsed_ms = self._elapsed_ms()
        times = clock_time(elapsed_ms)
        speaker = f" · {self._tally.speaker} speaks" if self._tally.speaker is not None else ""
        title = _one_row(f"{self._title} · {self._tally.state}{speaker}", "bold")
        head = Table.grid(padding=(0, 2, 0, 0), expand=True)
        if self._total_ms is None:
            head.add_column(ratio=1)
            head.add_column(no_wrap=True)
            head.add_row(title, times)
        else:
            head.add_column()
            head.add_column(ratio=1)
            head.add_column(no_wrap=True)
            bar = ProgressBar(total=self._total_ms, completed=elapsed_ms, complete_style="cyan")
            head.add_row(title, bar, f"{times} / {clock_time(self._total_ms)}")
        return head

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

    def _add_voice(self, rows: Table, key: Speaker | None, voice: Voice) -> None:
        mark = " "
        if self._tally.speaks(key):
            mark = ">" if self._console.options.ascii_only else "▶"
        level_db = voice.level_db(self._now())
        level = "silent" if level_db is None else f"{level_db:.0f} dB"
        rows.add_row(
            mark,
            _one_row(voice.name),
            meter(level_db),
            _one_row(f"{level:>7}"),
            _one_row(clock_time(voice.spoken_ms)),
        )

    def _counters(self) -> Text:
        tally = self._tally
        total = sum(counter.size for counter in tally.counters.values())
        text = f"  {tally.counts()}  lost {tally.lost}  {volume(total)}"
        return _one_row(text, "red" if tally.gaps else "")


def _one_row(text: str, style: str = "") -> Text:
    """Return a text that is cut rather than wrapped."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
