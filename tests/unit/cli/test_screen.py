"""Which view a process has."""

import io
import re
import sys
from typing import Any

import pytest
from tests.unit.cli.terminal import Terminal

from rtms_client._cli.live import LiveView
from rtms_client._cli.screen import choose_view, make_text_safe, style_for, supports_live_view
from rtms_client._cli.style import Palette, Style
from rtms_client._cli.tally import Line, Tally
from rtms_client._cli.views import JsonView, PlainView, View
from rtms_client.media._clock import SessionClock


@pytest.mark.parametrize(
    ("environment", "windows", "expected"),
    [
        ({"TERM": "xterm"}, False, True),
        ({}, False, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "unknown"}, False, False),
        ({}, True, False),
        ({"WT_SESSION": "1"}, True, True),
        ({"TERM": "xterm"}, True, True),
    ],
    ids=[
        "usual",
        "unnamed",
        "dumb",
        "unknown",
        "old-windows",
        "windows-terminal",
        "windows-with-term",
    ],
)
def test_terminals_that_can_be_drawn_on(
    environment: dict[str, str], *, windows: bool, expected: bool
) -> None:
    """Dumb terminals and the old console of Windows get lines."""
    assert supports_live_view(Terminal(), environment, windows=windows) is expected


def test_pipes_get_lines() -> None:
    """What is no terminal is never drawn on."""
    assert not supports_live_view(io.StringIO(), {"TERM": "xterm"}, windows=False)


@pytest.mark.parametrize(
    ("encoding", "environment", "expected"),
    [
        ("UTF-8", {}, Style(colour=True, unicode=True)),
        ("utf8", {"NO_COLOR": ""}, Style(colour=True, unicode=True)),
        ("cp1252", {"NO_COLOR": "1"}, Style(colour=False, unicode=False)),
    ],
    ids=["utf-8", "empty-no-color", "no-color"],
)
def test_style(encoding: str, environment: dict[str, str], expected: Style) -> None:
    """Colours can be switched off; blocks need UTF-8."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert style_for(out, environment) == expected


def test_no_encoding_means_ascii() -> None:
    """An output that does not know its encoding gets no blocks."""
    assert not style_for(io.StringIO(), {}).unicode


def chosen(**options: Any) -> View:  # noqa: ANN401  # passed on
    """Choose a view."""
    return choose_view(
        Tally(),
        SessionClock(),
        **{"json_lines": False, "plain": False, "title": "demo", "total_ms": None, **options},
    )


@pytest.mark.parametrize(
    ("options", "terminal", "kind"),
    [
        ({}, True, LiveView),
        ({"plain": True}, True, PlainView),
        ({}, False, PlainView),
        ({"json_lines": True}, True, JsonView),
    ],
    ids=["terminal", "plain", "pipe", "json"],
)
def test_the_view_of_a_process(
    monkeypatch: pytest.MonkeyPatch, *, options: dict[str, Any], terminal: bool, kind: type[View]
) -> None:
    """It depends on the output and on what the user wants."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal() if terminal else io.StringIO())
    assert isinstance(chosen(**options), kind)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Rich is not installed, terminals get lines too."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert isinstance(chosen(), PlainView)


@pytest.mark.parametrize(("no_color", "colours"), [("", True), ("1", False)])
def test_colours_of_the_live_view(
    monkeypatch: pytest.MonkeyPatch, no_color: str, *, colours: bool
) -> None:
    """``NO_COLOR`` is respected."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    view = chosen()
    view.show(0, Line("Hello", "Ada"), "")
    view.tick()
    view.close()
    assert ("\x1b[36mAda" in terminal.getvalue()) is colours
    assert (re.search(r"\x1b\[[\d;]*m", terminal.getvalue()) is not None) is colours
    assert "Ada: Hello" in "".join(terminal.screen())


def test_colours_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has one of five colours, absurdly many the first."""
    monkeypatch.setattr("rtms_client._cli.style._MAX_NAMES", 6)
    palette = Palette()
    numbers = [palette.number(name) for name in ("a", "b", "c", "d", "e", "f", "g", "b", "h")]
    assert numbers == [0, 1, 2, 3, 4, 0, 0, 1, 0]


def test_bars() -> None:
    """They are full of what the output can show."""
    assert Style().bar(0.5, 4) == ("██", "░░")
    assert Style(unicode=False).bar(2.0, 4) == ("####", "")


@pytest.mark.parametrize(
    ("encoding", "for_machines", "expected"),
    [
        ("ascii", False, b"? ?"),
        ("utf-8", False, "世 ?".encode()),
        ("ascii", True, "世 \\ud800".encode()),
    ],
    ids=["ascii", "utf-8", "machines"],
)
def test_text_that_cannot_be_shown(encoding: str, *, for_machines: bool, expected: bytes) -> None:
    """People get question marks, machines JSON escapes, nobody a traceback."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    make_text_safe(out, for_machines=for_machines)
    out.write("世 \ud800")
    out.flush()
    assert raw.getvalue() == expected


def test_other_outputs_are_left_alone() -> None:
    """Tests and notebooks replace the output by what has no encoding."""
    out = io.StringIO()
    make_text_safe(out, for_machines=True)
    out.write("世")
    assert out.getvalue() == "世"
