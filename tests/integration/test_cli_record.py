"""``record`` against a fake server: files, options, every bad input, every way to end."""

import asyncio
import contextlib
import errno
import io
import json
import signal
import sys
import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import av
import pytest
import pytest_asyncio
from tests.integration.cli_program import environment, started, until_line
from typing_extensions import override

from rtms_client import AudioFrame
from rtms_client.__main__ import main
from rtms_client._cli import session
from rtms_client.enums import MediaType, MessageType, StopReason, StreamState
from rtms_client.events import StreamItem
from rtms_client.exceptions import MissingExtra
from rtms_client.media import Recorded, Recorder
from rtms_client.testing import (
    EVERY_MEDIUM,
    NEVER,
    FakeRTMSServer,
    MeetingScript,
    StateChange,
    Timing,
    Variations,
    sample_meeting,
)

SECRETS = {"ZOOM_CLIENT_ID": "test-client-id", "ZOOM_CLIENT_SECRET": "test-client-secret"}


@attrs.frozen
class Place:
    """A folder with everything that ``record`` needs to reach a fake server."""

    server: FakeRTMSServer
    folder: Path

    @property
    def out(self) -> Path:
        """Where the recording goes."""
        return self.folder / "out"

    def arguments(self, *more: str) -> list[str]:
        """Return the command that joins the server."""
        event = self.folder / "started.json"
        event.write_text(json.dumps(self.server.started_webhook()))
        return [
            *("record", "--event", str(event), "--out", str(self.out)),
            *("--allow-host", "localhost", "--proxy", "none"),
            *("--ca-file", str(self.server.ca_file), *more),
        ]

    async def record(self, *more: str) -> int:
        """Run the command in a thread; returns the exit code."""
        return await run(self.arguments(*more))

    def items(self) -> list[dict[str, Any]]:
        """Return the lines of ``session.jsonl``."""
        text = (self.out / "session.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def names(self) -> list[str]:
        """Return the files of the recording."""
        return sorted(path.name for path in self.out.glob("*"))

    def seconds(self) -> float:
        """Return the length of the mixed audio."""
        with wave.open(str(self.out / "audio.wav")) as file:
            return float(file.getnframes() / file.getframerate())


async def run(arguments: Sequence[str]) -> int:
    """Run a command in a thread, while the server runs here."""
    return await asyncio.to_thread(main, arguments)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the credentials of the fake server into the environment, and no others."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    for name in ("ZM_RTMS_CLIENT", "ZM_RTMS_SECRET"):
        monkeypatch.delenv(name, raising=False)


def short_meeting() -> MeetingScript:
    """Return the first 8 s of the sample meeting, followed by 6 s of silence."""
    end = StateChange(at_ms=14_000, state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED)
    return MeetingScript([*sample_meeting(seconds=8, terminate=False), end])


@contextlib.asynccontextmanager
async def serving(folder: Path, **options: Any) -> AsyncIterator[Place]:  # noqa: ANN401  # passed on
    """Serve the sample meeting at forty times its speed."""
    options = {"meeting": short_meeting(), "pace": 40.0, **options}
    async with FakeRTMSServer(**options) as server:
        yield Place(server, folder)


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Serve the sample meeting until a client has joined with any medium."""
    async with serving(tmp_path) as found:
        yield found


async def test_a_movie(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--movie``, camera and sound are one file."""
    assert await place.record("--movie", "mp4") == 0
    assert "video.mp4" in place.names()
    assert "video.h264" not in place.names()
    with av.open(str(place.out / "video.mp4")) as movie:
        assert sorted(stream.type for stream in movie.streams) == ["audio", "video"]
    assert "video with sound" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("problem", "code", "text"),
    [
        (TimeoutError(errno.ETIMEDOUT, "timed out"), 1, "timed out; make room or choose another"),
        (
            MissingExtra("decoding OPUS", "av", "video"),
            2,
            ": decoding OPUS: expected the package av, which is not installed; pip install",
        ),
    ],
    ids=["disk", "decoder"],
)
async def test_what_cannot_be_written(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    problem: Exception,
    code: int,
    text: str,
) -> None:
    """A file system that times out is no pause of the stream, a missing package no abnormal end."""

    class Failing(Recorder):
        @override
        def write(self, item: StreamItem) -> Recorded:
            if isinstance(item, AudioFrame):
                raise problem
            return super().write(item)

    monkeypatch.setattr(session, "Recorder", Failing)
    assert await place.record() == code
    assert text in capsys.readouterr().err


async def test_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The five media become files; the server has nothing to complain about."""
    async with serving(tmp_path, expected_media=EVERY_MEDIUM) as place:
        assert await place.record() == 0
    assert place.names() == [
        "audio-ada.wav",
        "audio-grace.wav",
        "audio.wav",
        "captions.vtt",
        "session.jsonl",
        "share-001.jpg",
        "share-002.jpg",
        "video.h264",
    ]
    assert place.server.violations == []
    assert f"\n{place.out}:\n" in capsys.readouterr().out


async def test_some_media_on_one_connection(place: Place) -> None:
    """Only what was asked for comes, over signaling and one more connection."""
    assert await place.record("--media", "audio,transcript", "--unified") == 0
    assert place.names() == [
        "audio-ada.wav",
        "audio-grace.wav",
        "audio.wav",
        "captions.vtt",
        "session.jsonl",
    ]
    handshakes = place.server.received(MessageType.DATA_HAND_SHAKE_REQ)
    assert len(handshakes) == 1


async def test_the_event_from_standard_input(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name - means standard input."""
    body = json.dumps(place.server.started_webhook()).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
    arguments = place.arguments("--media", "chat")
    arguments[arguments.index("--event") + 1] = "-"
    assert await run(arguments) == 0
    assert [item["text"] for item in place.items() if item["type"] == "ChatMessage"] == [
        "Can everybody see the slides?"
    ]


async def test_leaving_after_some_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stream is closed in order, and the exit code is that of success."""
    async with serving(tmp_path, pace=1.0) as place:
        assert await place.record("--seconds", "1.2") == 0
        assert place.server.received(MessageType.STREAM_CLOSE_REQ)
    assert "left after 1.2 s as asked" in capsys.readouterr().out
    assert len(place.items()) > 0


async def test_json(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Items go to standard output, the summary to standard error."""
    assert await place.record("--json", "--media", "transcript") == 0
    captured = capsys.readouterr()
    assert captured.out == (place.out / "session.jsonl").read_text("utf-8")
    assert "the meeting is over" in captured.err


async def test_an_earlier_recording(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It is replaced on request only, and kept when the new one does not come about."""
    place.out.mkdir()
    for name in ("session.jsonl", "audio-old.wav"):
        (place.out / name).write_bytes(b"old")
    assert await place.record() == 2
    assert "--overwrite" in capsys.readouterr().err
    arguments = place.arguments("--overwrite")
    localhost = arguments.index("localhost")
    arguments[localhost] = "localhost.example"
    assert await run(arguments) == 3
    assert (place.out / "audio-old.wav").read_bytes() == b"old"
    assert await place.record("--overwrite") == 0
    assert "audio-old.wav" not in place.names()


async def test_a_medium_that_does_not_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are recorded, and the output says what to do."""
    media = MediaType.AUDIO | MediaType.TRANSCRIPT
    async with serving(tmp_path, available=media) as place:
        assert await place.record() == 0
    assert "chat will not come: " in capsys.readouterr().out
    assert "captions.vtt" in place.names()


async def test_an_abnormal_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The files are there, the exit code is 1, and the error says what to do."""
    meeting = sample_meeting(seconds=1, terminate=False)
    async with serving(tmp_path, meeting=meeting, expected_media=EVERY_MEDIUM, pace=None) as place:
        recording = asyncio.ensure_future(place.record())
        await place.server.wait_until(lambda: place.names()[:1] == ["audio-ada.wav"])
        await place.server.stream.terminate(StopReason.INTERNAL_EXCEPTION)
        assert await recording == 1
    captured = capsys.readouterr()
    assert "the stream ended abnormally, 00:0" in captured.out
    assert "stopped with reason 10 INTERNAL_EXCEPTION" in captured.err
    assert "start RTMS again" in captured.err
    assert place.seconds() > 0


async def test_debugging(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``--debug`` the error has its traceback."""
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "wrong")
    assert await place.record("--debug") == 3
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert "AuthenticationFailed" in captured.err


# --- what cannot be joined -----------------------------------------------------------------------


def changed(arguments: list[str], option: str, value: str | None) -> list[str]:
    """Return a command with another value of an option, or without it."""
    start = arguments.index(option)
    return [*arguments[:start], *([option, value] if value else []), *arguments[start + 2 :]]


@pytest.mark.parametrize(
    ("option", "value", "code", "text"),
    [
        ("--event", "missing.json", 2, "cannot read the event missing.json: No such file"),
        ("--event", ".", 2, "cannot read the event .: Is a directory"),
        ("--allow-host", None, 3, "allow the host with --allow-host"),
        ("--allow-host", "wss://x", 2, "--allow-host: expected host names"),
        ("--ca-file", None, 3, "with --ca-file"),
        ("--ca-file", "missing.pem", 2, "--ca-file missing.pem: expected a PEM file, found none"),
        ("--proxy", "nonsense", 2, "--proxy: expected the URL of a proxy"),
        ("--out", __file__, 2, "is not a folder"),
    ],
    ids=["no-event", "folder", "host", "url", "no-ca", "missing-ca", "proxy", "out"],
)
async def test_bad_options(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    *,
    option: str,
    value: str | None,
    code: int,
    text: str,
) -> None:
    """One line says what is wrong and what to do."""
    assert await run(changed(place.arguments(), option, value)) == code
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "JSON"),
        (b"hello", "JSON"),
        (b'{"event": "meeting.rtms_stopped", "payload": {}}', "rtms_started"),
        (b'{"event": "meeting.rtms_started", "payload": {}}', "server_urls"),
        (b" " * 1_048_577, "larger than 1 MiB"),
    ],
    ids=["empty", "text", "stopped", "incomplete", "huge"],
)
def test_bad_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, body: bytes, text: str
) -> None:
    """What is no started webhook is not joined."""
    event = tmp_path / "event.json"
    event.write_bytes(body)
    out = tmp_path / "out"
    assert main(["record", "--event", str(event), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert f": {event}: " in error
    assert text in error
    assert not out.exists()


async def test_no_credentials(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both names of the variables are given."""
    monkeypatch.delenv("ZOOM_CLIENT_SECRET")
    assert await place.record() == 2
    assert capsys.readouterr().err.endswith(
        "no credentials: set ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET in the environment "
        "(or ZM_RTMS_CLIENT and ZM_RTMS_SECRET)\n"
    )


async def test_wrong_credentials(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal comes with advice."""
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "wrong")
    assert await place.record() == 3
    error = capsys.readouterr().err
    assert ": cannot join: signaling handshake refused with status 3 INVALID_SIGNATURE" in error
    assert not place.out.exists()


# --- signals -------------------------------------------------------------------------------------


async def test_sigterm(tmp_path: Path) -> None:
    """The stream is closed in order, and the files are valid."""
    async with (
        serving(tmp_path, pace=1.0) as place,
        started(*place.arguments()) as process,
    ):
        await until_line(process.stdout, "camera on: Grace")
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
        assert place.server.received(MessageType.STREAM_CLOSE_REQ)
        assert place.server.violations == []
    assert (process.returncode, err) == (130, b"")
    assert b"interrupted, 00:0" in out
    assert place.seconds() > 0
    assert place.items()[-1]["sequence"] >= len(place.items())


async def test_ctrl_c_twice(tmp_path: Path) -> None:
    """The second one does not wait for a server that does not answer."""
    mute = Variations(answer_close=False)
    async with (
        serving(tmp_path, pace=1.0, variations=mute) as place,
        started(*place.arguments()) as process,
    ):
        await until_line(process.stdout, "camera on: Grace")
        process.send_signal(signal.SIGINT)
        await place.server.wait_for(MessageType.STREAM_CLOSE_REQ)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(3):
            out, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")
    assert b"interrupted, 00:0" in out


async def test_ctrl_c_while_joining(tmp_path: Path) -> None:
    """A server that does not answer cannot hold the user."""
    silent = Timing(signaling_answer_s=NEVER)
    async with (
        serving(tmp_path, timing=silent) as place,
        started(*place.arguments()) as process,
    ):
        await place.server.wait_for(MessageType.SIGNALING_HAND_SHAKE_REQ)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(3):
            out, err = await process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert err.decode().endswith(": interrupted before joining\n")
    assert not place.out.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
async def test_a_full_disk(tmp_path: Path) -> None:
    """The error names the folder; the files are valid up to then."""
    async with serving(tmp_path, pace=None) as place:
        limited = (
            "import atexit, resource, runpy, sys; "
            "limit = resource.getrlimit(resource.RLIMIT_FSIZE); "
            "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limit[1])); "
            "atexit.register(resource.setrlimit, resource.RLIMIT_FSIZE, limit); "
            "sys.argv[0] = 'rtms-client'; "
            "runpy.run_module('rtms_client', run_name='__main__')"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", limited, *place.arguments("--media", "audio")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
        _, err = await process.communicate()
    assert process.returncode == 1
    assert err.decode().endswith(
        f"cannot write to {place.out}: File too large; make room or choose another folder with "
        "--out\n"
    )
