"""The wire on the command line: written by ``record``, shown, replayed and served again."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.cli_program import started, until_line
from tests.integration.test_cli_record import SECRETS, Place, run, serving

from rtms_client._cli.doctor import _Network, _websocket, certificate_state
from rtms_client.config import NetworkOptions
from rtms_client.enums import StopReason, StreamState
from rtms_client.testing import (
    ADA,
    EVERY_MEDIUM,
    Caption,
    FakeRTMSServer,
    MeetingScript,
    Recording,
    StateChange,
    sample_meeting,
)

TALK = MeetingScript(
    [
        Caption(at_ms=0, person=ADA, text="Good morning.", start_ms=0, end_ms=500),
        Caption(at_ms=100, person=ADA, text="Good \u001b[31mnight."),
        StateChange(at_ms=150, state=StreamState.TERMINATING, reason=StopReason.MEETING_ENDED),
        StateChange(at_ms=350, state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED),
    ]
)


@pytest_asyncio.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """Run a server whose meeting lasts a moment."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    meeting = sample_meeting(seconds=1)
    async with FakeRTMSServer(meeting, expected_media=EVERY_MEDIUM) as server:
        yield Place(server, tmp_path)


def joining(server: FakeRTMSServer, folder: Path) -> list[str]:
    """Return the options that join a server."""
    event = folder / "started.json"
    event.write_text(json.dumps(server.started_webhook()))
    return [
        *("--event", str(event), "--allow-host", "localhost"),
        *("--proxy", "none", "--ca-file", str(server.ca_file)),
    ]


async def test_record_writes_the_wire(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is there beside the recording, without names, and is a recording."""
    wire = place.folder / "wire.jsonl"
    assert await place.record("--wire", str(wire), "--redact", "media,names") == 0
    said = capsys.readouterr().out
    assert f"wire: {wire}; look at it with `inspect`, replay it with `replay`" in said
    assert "Ada" not in wire.read_text("utf-8")
    assert len(list(Recording.load(wire).replay())) == len(place.items())


async def test_a_recording_of_every_medium_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its captions are those that were recorded, and the page has a curve for each medium."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    wire, target = tmp_path / "wire.jsonl", tmp_path / "page.html"
    async with serving(tmp_path, expected_media=EVERY_MEDIUM) as place:
        assert await place.record("--wire", str(wire)) == 0
    capsys.readouterr()
    assert await run(["captions", str(wire), "--json"]) == 0
    out, err = capsys.readouterr()
    said = [line["text"] for line in place.items() if line["type"] == "TranscriptSegment"]
    assert [json.loads(line)["text"] for line in out.splitlines()] == said
    assert said
    assert err == ""
    assert await run(["inspect", str(wire), "--html", str(target)]) == 0
    page = target.read_text("utf-8")
    for medium in ("audio", "video", "share", "transcript"):
        assert f"{medium} frames" in page


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ["--wire", "{}/old"],
            "--wire {}/old exists; choose another file, or replace the recording with --overwrite",
        ),
        (
            ["--wire", "{}/old", "--overwrite"],
            "--wire {}/old is no recording of the wire; choose another file",
        ),
        (
            ["--wire", "{}/out/wire"],
            "--wire {}/out/wire lies in the folder of --out; choose a file outside of it",
        ),
        (["--wire", "{}/no/wire"], "--wire {}/no/wire: make the folder first"),
        (["--redact", "media"], "--redact is about the recording of --wire FILE"),
    ],
    ids=["exists", "another file", "inside", "no folder", "redact"],
)
async def test_wires_that_cannot_be_written(
    place: Place, capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    """It is said before anything is joined."""
    (place.folder / "old").write_text("something else\n")
    assert await place.record(*(one.format(place.folder) for one in options)) == 2
    assert capsys.readouterr().err.endswith(f": {problem.format(place.folder)}\n")
    assert place.server.log == []


async def test_the_wire_of_a_join_that_failed(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept, for it shows why, and the next try may replace it."""
    wire = place.folder / "wire.jsonl"
    wire.touch()  # of a process that was killed at once
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "wrong")
    assert await place.record("--wire", str(wire), "--overwrite") == 3
    said = capsys.readouterr()
    assert f"wire: {wire}; look at it with `inspect`" in said.out
    assert "cannot join: " in said.err
    assert list(Recording.load(wire).replay()) == []
    assert not place.folder.joinpath("wire.jsonl.former").exists()
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", SECRETS["ZOOM_CLIENT_SECRET"])
    assert await place.record("--wire", str(wire), "--overwrite") == 0
    assert len(list(Recording.load(wire).replay())) == len(place.items())
    assert not place.folder.joinpath("wire.jsonl.former").exists()


async def test_a_wire_is_kept_until_there_is_another(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Like the recording beside it, it is not replaced by a try that fails."""
    wire, former = place.folder / "wire.jsonl", place.folder / "wire.jsonl.former"
    assert await place.record("--wire", str(wire)) == 0
    before = wire.read_bytes()
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "wrong")
    for _ in range(2):
        assert await place.record("--wire", str(wire), "--overwrite") == 3
        assert former.read_bytes() == before
        assert f"what was recorded before: {former}" in capsys.readouterr().out


async def test_a_disk_that_is_full(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The recording is complete, and it is said that the wire is not."""
    wire = place.folder / "wire.jsonl"
    wire.symlink_to("/dev/full-or-not-there/wire")
    assert await place.record("--wire", str(wire)) == 0
    said = capsys.readouterr().out
    assert "the wire was not written completely: " in said
    assert place.seconds() > 0.5


async def test_captions_of_a_live_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are shown with time and speaker, and cannot control the terminal."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with FakeRTMSServer(TALK) as server:
        assert await run(["captions", *joining(server, tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "  00:00.0  Ada: Good morning.",
        "  00:00.1  Ada: Good \ufffd[31mnight.",
    ]
    assert err == "joined; waiting for captions, Ctrl-C ends\n"


async def test_captions_for_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One JSON object each."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with FakeRTMSServer(TALK) as server:
        assert await run(["captions", "--json", *joining(server, tmp_path)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == ["Good morning.", "Good \u001b[31mnight."]


async def test_captions_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code and text tell a wrong secret, an abnormal end and an unusable option apart."""
    monkeypatch.setenv("ZOOM_CLIENT_ID", "test-client-id")
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "a wrong one")
    async with FakeRTMSServer(TALK) as server:
        options = joining(server, tmp_path)
        assert await run(["captions", *options]) == 3
        assert "cannot join: signaling handshake refused with status 3" in capsys.readouterr().err
        bad = tmp_path / "bad.pem"
        bad.write_text("no certificate")
        assert await run(["captions", *options, "--ca-file", str(bad)]) == 2
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "test-client-secret")
    end = MeetingScript(
        [StateChange(at_ms=300, state=StreamState.TERMINATED, reason=StopReason.INTERNAL_EXCEPTION)]
    )
    async with FakeRTMSServer(end) as server:
        assert await run(["captions", *joining(server, tmp_path)]) == 1
    assert "stream stopped with reason" in capsys.readouterr().err


async def test_captions_until_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is left in order."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with FakeRTMSServer() as server:
        async with started("captions", *joining(server, tmp_path)) as process:
            await until_line(process.stderr, "joined")
            process.send_signal(signal.SIGINT)
            assert await process.communicate() == (b"", b"")
            assert process.returncode == 130
        assert server.violations == []


async def test_a_recording_is_served_again(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``replay --serve`` is the server of the recording, for any client, again and again."""
    wire = tmp_path / "wire.jsonl"
    assert await place.record("--wire", str(wire)) == 0
    first = [item["type"] for item in place.items() if "Frame" in item["type"]]
    event, ca_file = tmp_path / "again.json", tmp_path / "again.pem"
    async with started(
        *("replay", str(wire), "--serve", "--fast"),
        *("--event-file", str(event), "--ca-file", str(ca_file)),
    ) as process:
        lines = await until_line(process.stderr, "anew when it is over")
        [export] = [line for line in lines if line.startswith("  export ")]
        for assignment in export.split()[1:]:
            monkeypatch.setenv(*assignment.split("=", 1))
        again = Place(place.server, tmp_path / "again")
        again.folder.mkdir()
        out = ["--event", str(event), "--out", str(again.out), "--ca-file", str(ca_file)]
        assert await run(["record", *out, "--allow-host", "localhost", "--proxy", "none"]) == 0
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert sorted(item["type"] for item in again.items() if "Frame" in item["type"]) == sorted(
        first
    )


async def test_captions_of_a_recording_with_more_media(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A client of a served recording need not ask for everything that was recorded."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    wire = tmp_path / "wire.jsonl"
    async with serving(tmp_path, meeting=TALK, expected_media=EVERY_MEDIUM) as place:
        assert await place.record("--wire", str(wire)) == 0
    capsys.readouterr()
    async with Recording.load(wire).server(expected_wait_s=0.1) as server:
        assert await run(["captions", *joining(server, tmp_path)]) == 0
    assert "Ada: Good morning." in capsys.readouterr().out


async def test_doctor_of_a_healthy_server(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Every step is checked, and nothing is wrong."""
    assert await run(["doctor", *joining(place.server, place.folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [line.split()[:2] for line in lines if not line.startswith(" ")]
    assert found == [
        ["ok", "library"],
        ["ok", "credentials"],
        ["ok", "host"],
        ["ok", "proxy"],
        ["ok", "dns"],
        ["ok", "tcp"],
        ["ok", "tls"],
        ["ok", "clock"],
        ["ok", "websocket"],
    ]


@pytest.mark.parametrize(
    ("host", "days", "state"),
    [
        ("rtms.zoom.us", 6.9, "warning"),
        ("rtms.zoom.us", 7.0, "ok"),
        ("203.0.113.1", 2.0, "warning"),
        ("localhost", 2.0, "ok"),
        ("127.0.0.1", 2.0, "ok"),
        ("::1", 2.0, "ok"),
    ],
)
def test_certificates_that_end_soon(host: str, days: float, state: str) -> None:
    """That is a warning, but not on loopback, where the fake server makes a new one each time."""
    assert certificate_state(host, days) == state


async def doctor(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, tuple[str, str]]:
    """Return what the doctor says about each step."""
    await run(["doctor", "--json", *options])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["name"]: (line["state"], line["text"]) for line in lines}


async def test_doctor_and_certificates(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the right authority, what comes after TLS is skipped."""
    options = joining(place.server, place.folder)[:-2]
    found = await doctor(capsys, *options)
    assert found["tls"][0] == "failed"
    assert "the certificate is not trusted" in found["tls"][1]
    assert found["clock"] == ("skipped", "because tls failed")
    assert "websocket" not in found


async def test_doctor_of_what_is_no_server(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that answers no upgrade is found by the last step."""
    options = joining(place.server, place.folder)
    place.server.upgrade_status = 503
    found = await doctor(capsys, *options)
    assert found["websocket"][0] == "failed"
    assert "HTTP status 503" in found["websocket"][1]
    place.server.upgrade_delay_s = 5.0
    network = NetworkOptions(
        allowed_hosts=("localhost",), ca_file=place.server.ca_file, proxy=False
    )
    late = await _websocket(place.server.signaling_url, network, 0.1)
    assert (late.state, late.text) == ("failed", "no answer within 0.1 s")
    found = await doctor(capsys, *options, "--timeout", "0.5")
    assert found["clock"][0] == "failed"
    assert "no answer: " in found["clock"][1]


def answering(answer: bytes) -> asyncio.Task[asyncio.Server]:
    """Start a server that always says the same."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return asyncio.create_task(asyncio.start_server(serve, "127.0.0.1", 0))


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "failed", "the proxy answers 'HTTP/1.1 403 Forbidden'"),
        (b"", "failed", "the proxy answers ''"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "ok", "the proxy lets us through, "),
    ],
    ids=["forbidden", "nothing", "through"],
)
async def test_doctor_behind_a_proxy(
    place: Place, capsys: pytest.CaptureFixture[str], answer: bytes, state: str, text: str
) -> None:
    """The tunnel is a step of its own."""
    async with await answering(answer) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        options = joining(place.server, place.folder)
        options[options.index("none")] = f"http://127.0.0.1:{port}"
        found = await doctor(capsys, *options)
    assert found["proxy"] == ("ok", f"http://127.0.0.1:{port}")
    assert found["tunnel"][0] == state
    assert found["tunnel"][1].startswith(text)
    assert found["tls"][0] in {"failed", "skipped"}


@pytest.mark.parametrize(
    ("date", "state", "text"),
    [
        (b"", "warning", "the server does not tell the time ('HTTP/1.1 200 OK')"),
        (b"Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n", "failed", "ahead of the server"),
        (b"Date: Fri, 01 Jan 2100 00:00:00 GMT\r\n", "failed", "behind the server"),
    ],
    ids=["none", "old", "future"],
)
def test_the_clock(date: bytes, state: str, text: str) -> None:
    """The time of the server comes from its answer."""
    network = _Network("wss://localhost:1", NetworkOptions(proxy=False), 1.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\n" + date + b"\r\n")
        network._socket = ours  # noqa: SLF001
        check = network._ask_time()  # noqa: SLF001
    assert check.state == state
    assert text in check.text
