"""A recording whose process is killed in the middle."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import Final

import av
import pytest
import srt  # type: ignore[import-untyped]  # has no types
import webvtt

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = """
import sys, time
from itertools import count
from tests.unit.cli.items import START, audio, caption
from rtms_client.media import Recorder

recorder = Recorder(sys.argv[1], captions=(".vtt", ".srt", ".txt", ".jsonl"))
recorder.write(START)
began = time.monotonic()
for number in count():
    at_ms = 20 * number
    time.sleep(max(began + at_ms / 1000 - time.monotonic(), 0))
    recorder.write(audio(at_ms))
    if number % 10 == 0:
        recorder.write(caption(at_ms, f"at {at_ms}"))
    print(at_ms + 20, flush=True)
"""
ENOUGH_MS: Final = 1500
LOST_MS: Final = 1000


async def _kill(folder: Path) -> int:
    """Record a while, kill without warning; returns how far the program had got."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, folder),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    reached_ms = 0
    while reached_ms < ENOUGH_MS:
        reached_ms = int(await process.stdout.readline())
    process.kill()
    rest, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    whole = rest.rpartition(b"\n")[0].split()
    return int(whole[-1]) if whole else reached_ms


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Record, kill, and return the folder and how far the program had got."""
    folder = tmp_path_factory.mktemp("killed") / "out"
    return folder, asyncio.run(_kill(folder))


@pytest.mark.parametrize("name", ["audio.wav", "audio-ada.wav"])
def test_sound(killed: tuple[Path, int], name: str) -> None:
    """Players read it up to the last second."""
    folder, reached_ms = killed
    with wave.open(str(folder / name)) as file:
        length_ms = file.getnframes() / 16
        samples = file.readframes(file.getnframes())
    assert length_ms >= reached_ms - LOST_MS
    assert samples == (1000).to_bytes(2, "little") * (len(samples) // 2)
    with av.open(str(folder / name)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == length_ms * 16


def test_lines(killed: tuple[Path, int]) -> None:
    """All lines but perhaps the last are complete."""
    folder, reached_ms = killed
    text = (folder / "session.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]
    assert max(line["at_ms"] for line in lines) >= reached_ms - LOST_MS


def test_captions(killed: tuple[Path, int]) -> None:
    """Readers that others wrote find every caption up to the last second."""
    folder, reached_ms = killed
    expected = [f"at {at_ms}" for at_ms in range(0, reached_ms - LOST_MS, 200)]
    subtitles = srt.parse((folder / "captions.srt").read_text("utf-8"))
    texts = {
        "vtt": [cue.text for cue in webvtt.read(str(folder / "captions.vtt")).captions],
        "srt": [one.content.removeprefix("Ada: ") for one in subtitles],
        "txt": [
            line.partition("Ada: ")[2]
            for line in (folder / "captions.txt").read_text("utf-8").splitlines()
        ],
        "jsonl": [
            json.loads(line)["text"]
            for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()
        ],
    }
    assert {kind: found[: len(expected)] for kind, found in texts.items()} == dict.fromkeys(
        texts, expected
    )
