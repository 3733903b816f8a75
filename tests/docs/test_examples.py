"""The programs in ``examples`` run as their texts say, against the fake server."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from rtms_client import MediaType

from .conftest import Zoom

EXAMPLES = Path(__file__).parents[2] / "examples"
TALK = MediaType.AUDIO | MediaType.TRANSCRIPT | MediaType.CHAT


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run an example in a process of its own."""
    return subprocess.run(  # noqa: S603  # a program of ours
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={
            **os.environ,
            "ZOOM_CLIENT_ID": "test-client-id",
            "ZOOM_CLIENT_SECRET": "test-client-secret",
        },
    )


def started(zoom: Zoom, path: Path, media: MediaType) -> Path:
    """Write the webhook of a new stream."""
    path.write_text(json.dumps(zoom.open(media)), "utf-8")
    return path


def test_captions(zoom: Zoom, tmp_path: Path) -> None:
    """Captions come with name and time."""
    event = started(zoom, tmp_path / "started.json", MediaType.TRANSCRIPT)
    result = run("captions.py", event, "--fake", zoom.ca_file)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert len(lines) == 9
    assert lines[0].endswith("Ada: Good morning, Grace. Let me share my screen.")


def test_captions_of_a_stream_that_is_over(zoom: Zoom, tmp_path: Path) -> None:
    """An error is told in one line, and the status says so."""
    event = started(zoom, tmp_path / "started.json", MediaType.TRANSCRIPT)
    event.write_text(event.read_text("utf-8").replace('"stream-', '"old-'), "utf-8")
    result = run("captions.py", event, "--fake", zoom.ca_file)
    assert result.returncode == 1
    assert "INVALID_RTMS_STREAM_ID" in result.stderr
    assert "Traceback" not in result.stderr


def test_record_audio(zoom: Zoom, tmp_path: Path) -> None:
    """Both speakers have a file, and the files have one clock."""
    event = started(zoom, tmp_path / "started.json", MediaType.AUDIO)
    result = run("record_audio.py", event, tmp_path / "out", "--fake", zoom.ca_file)
    assert result.stderr == ""
    seconds = {}
    for path in (tmp_path / "out").iterdir():
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
            seconds[path.name] = file.getnframes() / 16000
    assert sorted(seconds) == ["16778240.wav", "16779264.wav"]
    assert all(18 < length < 25 for length in seconds.values())  # Ada begins at 0.6 s


def test_callbacks(zoom: Zoom, tmp_path: Path) -> None:
    """Two streams at once, and a sum at the end."""
    events = [started(zoom, tmp_path / f"{number}.json", TALK) for number in range(2)]
    result = run("callbacks.py", *events, "--fake", zoom.ca_file)
    assert result.stderr == ""
    assert result.stdout.count("Grace writes: Can everybody see the slides?") == 2
    assert "Ada spoke for " in result.stdout.splitlines()[-2]


@pytest.mark.slow
def test_tests_of_the_guide() -> None:
    """The test file shown in the guide passes with the fixtures as the guide loads them."""
    result = subprocess.run(  # noqa: S603  # pytest
        [
            sys.executable,
            "-m",
            "pytest",
            "--rootdir=.",
            f"--config-file={os.devnull}",
            "-pno:cacheprovider",
            "-q",
            ".",
        ],
        cwd=EXAMPLES / "testing",
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr
