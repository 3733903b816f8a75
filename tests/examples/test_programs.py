"""The programs in ``examples`` run as their texts say, against the fake server."""

import json
import os
import subprocess
import sys
import wave
import zlib
from collections import Counter
from pathlib import Path

import pytest
from tests.docs.conftest import Zoom
from tests.examples.support import EXAMPLES, run, started

from rtms_client import MediaType

TALK = MediaType.AUDIO | MediaType.TRANSCRIPT | MediaType.CHAT


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


def test_record_meeting(zoom: Zoom, tmp_path: Path) -> None:
    """Sound, text and movie are there, and who spoke for how long."""
    media = MediaType.AUDIO | MediaType.VIDEO | MediaType.SHARE | MediaType.TRANSCRIPT
    event = started(zoom, tmp_path / "started.json", media)
    result = run("record_meeting.py", event, tmp_path / "out", "--fake", zoom.ca_file)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert "video.mp4: video with sound" in lines
    assert "captions.srt: 9 captions with speakers" in lines
    assert [line for line in lines if line.startswith("Grace spoke for 9.")]


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


def test_voice_activity(zoom: Zoom, tmp_path: Path) -> None:
    """Each sentence of the meeting is one segment, where the script has it."""
    event = started(zoom, tmp_path / "started.json", MediaType.AUDIO)
    result = run("voice_activity.py", event, "--fake", zoom.ca_file)
    assert result.stderr == ""
    lines = sorted(result.stdout.splitlines())
    assert len(lines) == 9
    assert lines[0] == "   0.60 to   3.40 s  Ada, up to -6 dBFS"
    assert [line.split()[4].rstrip(",") for line in lines[:4]] == ["Ada", "Grace", "Ada", "Grace"]


def test_voice_activity_by_webrtc(zoom: Zoom, tmp_path: Path) -> None:
    """WebRTC's detector finds the same sentences."""
    pytest.importorskip("webrtcvad", exc_type=ImportError)
    event = started(zoom, tmp_path / "started.json", MediaType.AUDIO)
    result = run("voice_activity.py", event, "--detector", "webrtc", "--fake", zoom.ca_file)
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 9


def test_image_model(zoom: Zoom, tmp_path: Path) -> None:
    """The four slides are noticed, within one second of their time."""
    event = started(zoom, tmp_path / "started.json", MediaType.SHARE)
    result = run("image_model.py", event, "--fake", zoom.ca_file)
    assert result.stderr == ""
    times = [float(line.split()[0]) for line in result.stdout.splitlines()]
    assert len(times) == 4
    for seen, shown in zip(times, (3.4, 7.4, 14.2, 21.8), strict=True):
        assert 0 <= seen - shown < 1


def test_image_model_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is told in one line, before anything is joined."""
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run("image_model.py", tmp_path / "not-read.json")
    assert result.returncode == 1
    assert result.stderr.endswith("pip install 'rtms_client[video]'\n")
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_pipecat(zoom: Zoom, tmp_path: Path) -> None:
    """A pipeline of Pipecat gets the audio and the captions, and ends with the meeting."""
    pytest.importorskip("pipecat", reason="the group integrations is not installed")
    event = started(zoom, tmp_path / "started.json", MediaType.AUDIO | MediaType.TRANSCRIPT)
    result = run("pipecat_source.py", event, "--fake", zoom.ca_file, timeout_s=120)
    lines = result.stdout.splitlines()
    assert len(lines) == 10, result.stderr
    assert lines[0] == "16778240: Good morning, Grace. Let me share my screen."
    assert lines[-1] == "21.2 s of audio"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_speech_to_text_by_pocketsphinx(zoom: Zoom, tmp_path: Path) -> None:
    """A real recogniser hears both speakers, and nothing is dropped although it takes its time."""
    pytest.importorskip("pocketsphinx", reason="the group integrations is not installed")
    event = started(zoom, tmp_path / "started.json", MediaType.AUDIO)
    result = run("speech_to_text.py", event, "--fake", zoom.ca_file, timeout_s=280)
    assert result.stderr == "0 packets dropped\n"
    assert "Ada: the release notes" in result.stdout
    assert len(result.stdout.splitlines()) == 9


def test_all_cores(zoom: Zoom, tmp_path: Path) -> None:
    """Each stream is read by the one process that its id says."""
    events = [started(zoom, tmp_path / f"{n}.json", MediaType.TRANSCRIPT) for n in range(6)]
    result = run("all_cores.py", *events, "--processes", 2, "--fake", zoom.ca_file)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert len(lines) == 6 * 9
    ids = [json.loads(event.read_text("utf-8"))["payload"]["rtms_stream_id"] for event in events]
    shards = Counter(zlib.crc32(stream_id.encode()) % 2 for stream_id in ids)
    captions = Counter(line.partition("]")[0] for line in lines)
    assert sorted(captions.values()) == sorted(9 * streams for streams in shards.values()), captions
