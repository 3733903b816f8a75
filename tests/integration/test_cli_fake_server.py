"""``fake-server``: what it hands out is enough to join, again and again."""

import json
import signal
import socket
from pathlib import Path

import pytest
from tests.integration.cli_program import started, until_line
from tests.integration.test_cli_record import run

from rtms_client.__main__ import main

JOIN = ("--allow-host", "localhost", "--proxy", "none")


async def test_what_it_says_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its event, CA and variables join it, twice, because the meeting begins anew."""
    event, ca_file = tmp_path / "started.json", tmp_path / "ca.pem"
    async with started(
        *("fake-server", "--seconds", "0.3"),
        *("--event-file", str(event), "--ca-file", str(ca_file)),
    ) as process:
        lines = await until_line(process.stderr, "anew when it is over")
        [export] = [line for line in lines if line.startswith("  export ")]
        for assignment in export.split()[1:]:
            monkeypatch.setenv(*assignment.split("=", 1))
        [command] = [line for line in lines if "python -m rtms_client record" in line]
        assert f" --event {event} " in command
        for number in (1, 2):
            out = tmp_path / f"out-{number}"
            arguments = ["--event", str(event), "--out", str(out), "--ca-file", str(ca_file)]
            assert await run(["record", *arguments, *JOIN]) == 0
            assert (out / "video.h264").exists()
            [*_, said] = await until_line(process.stderr, "next meeting waits")
            assert said == "ended: the meeting is over; the next meeting waits"
        process.send_signal(signal.SIGTERM)
        out_text, err_text = await process.communicate()
        assert (process.returncode, out_text, err_text) == (0, b"", b"")


async def test_the_event_on_standard_output() -> None:
    """Without a file for it, standard output holds the event and nothing else."""
    async with started("fake-server") as process:
        [body] = await until_line(process.stdout, "rtms_started")
        assert json.loads(body)["event"] == "meeting.rtms_started"
        lines = await until_line(process.stderr, "anew when it is over")
        [command] = [line for line in lines if "python -m rtms_client record" in line]
        assert command.startswith(f"  echo '{body}' | python -m rtms_client record --event - ")
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")
        assert process.returncode == 0


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """The error says how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["fake-server", "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f": cannot serve on port {port}: " in error
    assert error.endswith("; choose another one with --port\n")


@pytest.mark.parametrize("option", ["--event-file", "--ca-file"])
def test_a_file_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """The error names the file."""
    path = tmp_path / "missing" / "file"
    assert main(["fake-server", option, str(path)]) == 2
    assert capsys.readouterr().err.endswith(
        f": cannot write {path}: No such file or directory; choose another file\n"
    )
