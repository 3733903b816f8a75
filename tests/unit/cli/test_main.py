"""The program around the commands: options, help, errors, exit codes."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest
from typing_extensions import override

from rtms_client.__main__ import main
from rtms_client._cli import explain, program
from rtms_client._cli.failures import CommandError
from rtms_client._cli.parser import make_parser

COMMANDS = (
    *("demo", "record", "fake-server", "captions", "replay", "inspect"),
    *("sign", "verify-webhook", "doctor", "explain"),
)


def ends_with(code: int, *arguments: str) -> None:
    """Run what argparse ends."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == code


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``explain`` fail."""

    def run(_options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(explain, "run", run)


def test_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The help is shown, as an error."""
    assert main([]) == 2
    assert "record" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of the program names all commands, examples and exit codes."""
    ends_with(0, "--help")
    text = capsys.readouterr().out
    for expected in (*COMMANDS, "examples:", "exit codes:", "130  interrupted"):
        assert expected in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Every command has examples that its own parser accepts."""
    ends_with(0, command, "--help")
    text = capsys.readouterr().out
    examples = [
        line.split("rtms_client ")[1].split(" | ")[0].split(" < ")[0]
        for line in text.splitlines()
        if line.startswith("  python -m rtms_client ")
    ]
    assert examples
    for example in examples:
        assert make_parser().parse_args(example.split()).command == command


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the installed package."""
    ends_with(0, "--version")
    name, version = capsys.readouterr().out.split()
    assert name == "rtms_client"
    assert version[0].isdigit()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["demo", "--seconds", "0"], "expected a number of seconds above 0, got '0'"),
        (["demo", "--seconds", "inf"], "expected a number of seconds above 0, got 'inf'"),
        (["demo", "--seconds", "ten"], "expected a number of seconds above 0, got 'ten'"),
        (["demo", "--sec", "1"], "unrecognized arguments: --sec"),
        (["record"], "the following arguments are required: --event, --out"),
        (
            ["record", "--event", "-", "--out", "x", "--media", "audio,sound"],
            "expected some of audio,video,share,transcript,chat, got 'sound'",
        ),
        (["fake-server", "--port", "x"], "expected a port from 0 to 65535, got 'x'"),
        (["fake-server", "--port", "65536"], "expected a port from 0 to 65535, got '65536'"),
        (["explain", "--stop", "--close", "1"], "not allowed with argument"),
    ],
    ids=[
        "command",
        "zero",
        "infinite",
        "word",
        "abbreviation",
        "missing",
        "media",
        "port",
        "high-port",
        "both",
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    """The error says what was expected and what came."""
    ends_with(2, *arguments)
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--serve", "--times", "2"], "--times: not allowed with argument --serve"),
        (["--serve", "--json"], "--json: not allowed with argument --serve"),
        (["--json", "--times", "2"], "--times: not allowed with argument --json"),
    ],
    ids=["times", "json", "digest"],
)
def test_one_kind_of_replay(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    """What excludes each other is not silently ignored."""
    ends_with(2, "replay", "wire.jsonl", *arguments)
    assert f"argument {text}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--fast"], ["--port", "0"], ["--event-file", "x"], ["--ca-file", "x"]],
    ids=["fast", "port", "event", "ca"],
)
def test_options_of_a_server(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """They need the server."""
    assert main(["replay", "wire.jsonl", *arguments]) == 2
    text = f"{arguments[0]} is about the server of --serve; add --serve\n"
    assert capsys.readouterr().err.endswith(f": {text}")


def test_movies_need_an_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is said before anything is done, with the command that installs it."""
    monkeypatch.setitem(sys.modules, "av", None)
    for command in (["demo"], ["record", "--event", "missing.json"]):
        assert main([*command, "--out", str(tmp_path / "out"), "--movie", "mp4"]) == 2
        assert capsys.readouterr().err.endswith(
            ": --movie mp4: expected the package av, which is not installed; "
            "pip install 'rtms_client[video]'\n"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["fake-server", "replay"])
def test_exit_codes_of_servers(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A server that is asked to stop did what it should."""
    ends_with(0, command, "--help")
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  0  ")]
    assert "asked to stop by Ctrl-C or SIGTERM" in line


def test_options() -> None:
    """Options become what the commands need."""
    arguments = ["record", "--event", "-", "--out", "x", "--media", "Chat,audio,chat"]
    options = make_parser().parse_args([*arguments, "--seconds", "1.5"])
    assert (options.media, options.seconds, options.allow_host) == (("chat", "audio"), 1.5, [])
    assert make_parser().parse_args(["fake-server", "--port", "80"]).port == 80
    assert make_parser().parse_args(["demo", "--movie", "mkv"]).movie == "mkv"


@pytest.mark.parametrize(
    ("started_as", "name"),
    [("/x/rtms_client/__main__.py", "python -m rtms_client"), ("/bin/rtms-client", "rtms-client")],
    ids=["module", "script"],
)
def test_the_name_of_the_program(
    monkeypatch: pytest.MonkeyPatch, started_as: str, name: str
) -> None:
    """It is what the user typed."""
    monkeypatch.setattr(sys, "argv", [started_as, "explain", "0"])
    assert make_parser().prog == name
    assert main() == 0


def test_one_line_for_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cause and what to do, without a traceback."""
    failing(monkeypatch, CommandError(3, "cannot join; try again"))
    assert main(["explain"]) == 3
    assert capsys.readouterr().err == f"{make_parser().prog}: cannot join; try again\n"


def test_one_line_for_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody expected is one line, too."""
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["explain"]) == 1
    text = "unexpected ZeroDivisionError: division by zero; please report it, with --debug"
    assert capsys.readouterr().err == f"{make_parser().prog}: {text}\n"


@contextlib.contextmanager
def logging_restored() -> Iterator[None]:
    """Undo what ``--debug`` does to the log of the process."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers.clear()
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def test_debugging(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--debug`` there are traceback and log."""
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    with logging_restored():
        assert main(["explain", "--debug"]) == 1
        assert logging.getLogger().level == logging.DEBUG
    assert "Traceback" in capsys.readouterr().err


def test_interrupted_outside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while nothing is open needs no traceback either."""
    failing(monkeypatch, KeyboardInterrupt())
    assert main(["explain"]) == 130
    assert capsys.readouterr().err == f"{make_parser().prog}: interrupted\n"


def test_interrupted_while_the_program_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loading takes a moment, and Ctrl-C in it ends the program without a traceback, too."""

    class Slow(MetaPathFinder):
        @override
        def find_spec(self, name: str, *_more: object) -> None:
            assert name == program.__name__
            raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, program.__name__)
    monkeypatch.setattr(sys, "meta_path", [Slow()])
    assert main(["explain"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_went_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has what it wanted: no error is shown."""
    failing(monkeypatch, BrokenPipeError())
    assert main(["explain"]) == 130
    assert capsys.readouterr().err == ""
