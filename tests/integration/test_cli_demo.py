"""``demo``: the sample meeting, file by file, and the ways in which it can end."""

import json
import os
import re
import signal
import subprocess
import sys
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import av
import pytest
from tests.integration.cli_program import environment, program, started, until_line

from rtms_client.__main__ import main
from rtms_client.testing._sample import SampleMeeting

CUE = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})\n<v (\w+)>(.+)")


@pytest.fixture(scope="module")
def sample() -> SampleMeeting:
    """Load what is played."""
    return SampleMeeting.load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the demo once for all tests that only look."""
    path = tmp_path_factory.mktemp("demo") / "out"
    assert main(["demo", "--fast", "--out", str(path)]) == 0
    return path


def read_wav(path: Path) -> bytes:
    """Return the samples of a file in the format of the sample."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return bytes(file.readframes(file.getnframes()))


def decoded(path: Path) -> list[av.VideoFrame]:
    """Decode a byte stream; an error of the decoder is an error."""
    with av.open(str(path), options={"err_detect": "explode"}) as container:
        return list(container.decode(video=0))


def items(path: Path) -> list[dict[str, Any]]:
    """Return the lines of ``session.jsonl``."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_files(folder: Path) -> None:
    """Everything that the help promises, and nothing else."""
    assert sorted(path.name for path in folder.iterdir()) == [
        "audio-ada.wav",
        "audio-grace.wav",
        "audio.wav",
        "captions.vtt",
        "session.jsonl",
        "share-001.jpg",
        "share-002.jpg",
        "share-003.jpg",
        "share-004.jpg",
        "video.h264",
    ]


@pytest.mark.parametrize(("name", "user_id"), [("ada", 16778240), ("grace", 16779264)])
def test_speech_is_at_its_place(
    folder: Path, sample: SampleMeeting, name: str, user_id: int
) -> None:
    """Each speaker's file has the shipped utterances, bit by bit, and silence elsewhere."""
    sound = read_wav(folder / f"audio-{name}.wav")
    assert len(sound) == 25_000 * 32
    end = 0
    for said in sample.utterances:
        if said.user_id == user_id:
            start = said.start_ms * 32
            assert not any(sound[end:start])
            end = start + len(said.pcm)
            assert sound[start:end] == said.pcm
    assert not any(sound[end:])


def test_the_mix(folder: Path, sample: SampleMeeting) -> None:
    """Where both speak, their samples are added."""
    assert read_wav(folder / "audio.wav") == sample.mixed_pcm(0, 25_000)


def test_video_can_be_decoded(folder: Path) -> None:
    """Every frame that was received is decoded, of both cameras."""
    received = [item for item in items(folder / "session.jsonl") if item["type"] == "VideoFrame"]
    frames = decoded(folder / "video.h264")
    assert len(frames) == len(received) == 371
    assert {(frame.width, frame.height) for frame in frames} == {(640, 360)}
    assert {item["user_name"] for item in received} == {"Ada", "Grace"}


def test_pictures_are_the_slides(folder: Path, sample: SampleMeeting) -> None:
    """The four slides, in the order in which they were shown."""
    for number, slide in enumerate(sample.slides, 1):
        assert (folder / f"share-{number:03}.jpg").read_bytes() == slide


def test_captions(folder: Path, sample: SampleMeeting) -> None:
    """Each utterance with its speaker, from its first to its last sample."""
    header, *cues = (folder / "captions.vtt").read_text("utf-8").strip().split("\n\n")
    assert header == "WEBVTT"
    found = []
    for cue in cues:
        match = CUE.fullmatch(cue)
        assert match is not None
        *times, name, text = match.groups()
        hours, minutes, seconds, ms = map(int, times[:4])
        start = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
        hours, minutes, seconds, ms = map(int, times[4:])
        found.append((start, ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms, name, text))
    names = {16778240: "Ada", 16779264: "Grace"}
    assert found == [
        (said.start_ms, said.end_ms, names[said.user_id], said.text) for said in sample.utterances
    ]


def test_session(folder: Path) -> None:
    """Every item is there once, in order of arrival, with sizes instead of media."""
    found = items(folder / "session.jsonl")
    numbers = [item["sequence"] for item in found]
    assert numbers == sorted(set(numbers))
    assert found[0]["type"] == "FirstPacket"
    assert [item["state"] for item in found if "state" in item][-1] == "TERMINATED"
    assert Counter(item["type"] for item in found) == {
        "FirstPacket": 1,
        "StreamStateChanged": 3,
        "SessionStateChanged": 1,
        "ParticipantJoined": 2,
        "ParticipantLeft": 1,
        "VideoStarted": 2,
        "VideoStopped": 2,
        "ActiveSpeakerChanged": 9,
        "SharingStarted": 1,
        "SharingStopped": 1,
        "AudioFrame": 1059,
        "VideoFrame": 371,
        "ShareFrame": 21,
        "TranscriptSegment": 9,
        "ChatMessage": 3,
    }
    assert {item["size"] for item in found if item["type"] == "AudioFrame"} == {640}
    assert "Can everybody see the slides?" in {item.get("text") for item in found}


def test_output_and_repetition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sample: SampleMeeting
) -> None:
    """The demo says what it does; run again, it replaces its files; longer, it repeats."""
    arguments = ["demo", "--fast", "--out", str(tmp_path)]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    for expected in (
        "  00:00.6  Ada: Good morning, Grace. Let me share my screen.\n",
        "  00:05.6  Grace (chat): Can everybody see the slides?\n",
        "the meeting is over, 00:24.8 of the session\n",
        "  audio          1,059 packets    678 kB\n",
        "  lost       0 items\n",
        "go on:\n",
    ):
        assert expected in first
    assert main([*arguments, "--seconds", "30"]) == 0
    sound = read_wav(tmp_path / "audio.wav")
    assert sound == sample.mixed_pcm(0, 25_000) + sample.mixed_pcm(0, 5_000)
    assert main([*arguments, "--seconds", "1.5"]) == 0
    assert read_wav(tmp_path / "audio.wav") == sample.mixed_pcm(0, 1_500)
    assert not (tmp_path / "share-001.jpg").exists()


def test_folders_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not a recording is never touched."""
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["demo", "--fast", "--out", str(tmp_path)]) == 2
    assert "thesis.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is what session.jsonl holds; all words go to standard error."""
    assert main(["demo", "--fast", "--json", "--seconds", "2", "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == (tmp_path / "session.jsonl").read_text("utf-8")
    assert "  lost       0 items\n" in captured.err


def test_as_a_program(tmp_path: Path) -> None:
    """``python -m rtms_client`` in an empty folder, with its default folder."""
    done = subprocess.run(  # noqa: S603  # our own program
        program("demo", "--fast", "--seconds", "1"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert done.stderr == ""
    assert "\nrtms-demo:\n" in done.stdout
    assert (tmp_path / "rtms-demo" / "audio.wav").exists()


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """``| head`` ends the demo without a word, and the files are complete."""
    with subprocess.Popen(  # noqa: S603  # our own program
        program("demo", "--fast", "--seconds", "60", "--json", "--out", str(tmp_path / "out")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["type"] == "FirstPacket"
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait() == 130
    assert said.startswith("fake RTMS server: wss://localhost:")
    assert said.count("\n") == 1
    assert items(tmp_path / "out" / "session.jsonl")


async def test_ctrl_c(tmp_path: Path) -> None:
    """Interrupted in the middle, the demo says what it has, and the files are valid."""
    async with started("demo", "--out", str(tmp_path / "out")) as process:
        await until_line(process.stdout, "camera on: Grace")
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        assert process.returncode == 130
        assert err == b""
        assert b"interrupted, 00:01." in out
        assert 1_000 * 32 <= len(read_wav(tmp_path / "out" / "audio.wav")) < 2_000 * 32
        assert decoded(tmp_path / "out" / "video.h264")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal(tmp_path: Path) -> None:
    """The live view is drawn, and the cursor comes back."""
    pty = pytest.importorskip("pty")
    main_end, terminal = pty.openpty()
    with subprocess.Popen(  # noqa: S603  # our own program
        program("demo", "--seconds", "1", "--out", str(tmp_path / "out")),
        stdout=terminal,
        stderr=terminal,
        env=environment(TERM="xterm", COLUMNS="90", LINES="30", NO_COLOR="1"),
    ) as process:
        os.close(terminal)
        seen = b""
        while chunk := read_some(main_end):
            seen += chunk
        assert process.wait() == 0
    os.close(main_end)
    text = seen.decode()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "demo · active" in text
    assert "/ 00:01.0" in text
    assert "\x1b[2m" not in text


def read_some(descriptor: int) -> bytes:
    """Read from a pseudo-terminal; Linux reports its end as an error."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""
