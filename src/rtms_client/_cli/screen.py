"""Which view a command has: by what its output is connected to."""

import io
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from rtms_client.media import SessionClock

from .style import Style
from .tally import Tally
from .views import JsonView, PlainView, View

__all__ = ["choose_view", "expect_input", "make_text_safe", "style_for", "supports_live_view"]


def expect_input(what: str) -> None:
    """Tell somebody at a terminal that the program waits for input."""
    if sys.stdin.isatty():
        print(f"type or paste {what}; Ctrl-D ends it", file=sys.stderr, flush=True)


def make_text_safe(stream: TextIO, *, for_machines: bool) -> None:
    """Let characters that an output cannot show be replaced, instead of ending the program.

    Args:
        stream: The output.
        for_machines: Whether it gets JSON: always UTF-8, and what UTF-8 cannot express is escaped.
    """
    if isinstance(stream, io.TextIOWrapper):
        if for_machines:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        else:
            stream.reconfigure(errors="replace")


def supports_live_view(
    out: TextIO, environment: Mapping[str, str], *, windows: bool = os.name == "nt"
) -> bool:
    """Tell whether an output is a terminal that can be drawn on.

    Args:
        out: The output.
        environment: Environment variables.
        windows: Whether this is Windows, whose old console shows escape sequences as they are.
    """
    if not out.isatty() or environment.get("TERM") in {"dumb", "unknown"}:
        return False
    return not windows or "WT_SESSION" in environment or "TERM" in environment


def style_for(out: TextIO, environment: Mapping[str, str]) -> Style:
    """Find out what a terminal can show; ``NO_COLOR`` is respected."""
    encoding = (out.encoding or "").lower().replace("-", "")
    return Style(colour=not environment.get("NO_COLOR"), unicode=encoding == "utf8")


def choose_view(
    tally: Tally,
    clock: SessionClock,
    *,
    json_lines: bool,
    plain: bool,
    title: str,
    total_ms: int | None,
) -> View:
    """Return the view for this process.

    The live one needs a terminal and the extra ``cli``.

    Args:
        tally: What has arrived.
        clock: Time of the session.
        json_lines: Items as JSON for another program.
        plain: Lines even on a terminal.
        title: What runs.
        total_ms: Expected length in milliseconds, if known.
    """
    out = sys.stdout
    if json_lines:
        return JsonView(out, sys.stderr)
    if plain or not supports_live_view(out, os.environ):
        return PlainView(out, tally, clock)
    try:
        from rich.console import Console  # noqa: PLC0415  # an extra

        from .live import LiveView  # noqa: PLC0415  # the same
    except ImportError:
        return PlainView(out, tally, clock)
    console = Console(
        file=out,
        force_jupyter=False,
        highlight=False,
        legacy_windows=False,
        color_system="auto" if style_for(out, os.environ).colour else None,
        no_color=False,  # that is decided; not all versions take an empty NO_COLOR for none
    )
    return LiveView(console, tally, clock, title=title, total_ms=total_ms)
