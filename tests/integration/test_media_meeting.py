"""Ten minutes of a meeting at sixty times real time, recorded by the example in its own process."""

import asyncio
import json
import os
import re
import subprocess
import sys
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
import pytest
import srt  # type: ignore[import-untyped]  # has no types
import webvtt
from tests.integration import meeting
from tests.integration.meeting import SECONDS

from rtms_client import MediaType
from rtms_client.testing import ADA, GRACE, FakeRTMSServer, Person

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "record_meeting.py"
PROGRAM: Final = """
import runpy, sys
sys.argv[:] = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    status = open("/proc/self/status").read()
    print("PEAK", status.partition("VmHWM:")[2].split()[0])
"""
MEDIA: Final = MediaType.AUDIO | MediaType.VIDEO | MediaType.SHARE | MediaType.TRANSCRIPT
SECOND: Final = 2 * meeting.RATE


class Recording:
    """What the example made of the meeting."""

    def __init__(self, folder: Path, output: str) -> None:
        self.folder, self.output = folder, output

    def seconds(self, name: str) -> list[bytes]:
        """Return a WAV file, second by second."""
        with wave.open(str(self.folder / name)) as file:
            assert (file.getnchannels(), file.getframerate()) == (1, meeting.RATE)
            assert file.getnframes() == SECONDS * meeting.RATE
            data = file.readframes(file.getnframes())
        return [data[at : at + SECOND] for at in range(0, len(data), SECOND)]


async def _record(folder: Path) -> Recording:
    async with FakeRTMSServer(meeting.meeting(), pace=60, expected_media=MEDIA) as server:
        event = folder / "started.json"
        event.write_text(json.dumps(server.started_webhook()), "utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, EXAMPLE, event, folder / "out"),
            *("--fake", server.ca_file),
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "ZOOM_CLIENT_ID": "test-client-id",
                "ZOOM_CLIENT_SECRET": "test-client-secret",
            },
        )
        output, _ = await process.communicate()
    return Recording(folder / "out", output.decode())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Record the meeting once for all tests."""
    return asyncio.run(_record(tmp_path_factory.mktemp("meeting")))


pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def spoken(person: Person, second: int) -> bytes:
    """Return what should be in the file of a speaker."""
    return meeting.speech(person, second) if meeting.speaks(person, second) else bytes(SECOND)


@pytest.mark.parametrize("person", [ADA, GRACE], ids=["Ada", "Grace"])
def test_every_sample_of_a_speaker(recording: Recording, person: Person) -> None:
    """Silence while somebody is mute, away or not transmitted; the rest at its place."""
    found = recording.seconds(f"audio-{person.user_name.lower()}.wav")
    wrong = [second for second in range(SECONDS) if found[second] != spoken(person, second)]
    assert wrong == []


def test_every_sample_of_the_mix(recording: Recording) -> None:
    """The mix is the sum, and stays at the limit where two clicks are too loud."""
    found = recording.seconds("audio.wav")
    wrong = [second for second in range(SECONDS) if found[second] != mixed(second)]
    assert wrong == []


def mixed(second: int) -> bytes:
    """Return what should be in the mix."""
    both = zip(array("h", spoken(ADA, second)), array("h", spoken(GRACE, second)), strict=True)
    return array("h", [min(sum(pair), 32767) for pair in both]).tobytes()


def test_sound_and_pictures_stay_together(recording: Recording) -> None:
    """Wherever a flash is, a click is within 40 ms, from the first minute to the last."""
    flashes = list(starts(bright(recording.folder / "video.mp4")))
    clicks = list(starts(loud(recording.folder / "video.mp4")))
    expected = [
        second
        for second in range(0, SECONDS, meeting.FLASH_EVERY)
        if any(start <= second < end for start, end, _ in meeting.CAMERAS)
        and not meeting.in_any(meeting.GAPS, second)
    ]
    assert [round(at_s) for at_s in flashes] == expected
    assert max(abs(at_s - round(at_s)) for at_s in flashes) <= 0.001
    heard = [one for one in expected if meeting.speaks(ADA, one) or meeting.speaks(GRACE, one)]
    offsets = [min(abs(click - second) for click in clicks) for second in heard]
    assert len(heard) > 40
    assert max(offsets) < 0.04


def bright(path: Path) -> Iterator[tuple[float, bool]]:
    """Yield time and whether it is bright, for each picture."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            yield frame.time, bytes(frame.planes[0])[0] > 120


def loud(path: Path) -> Iterator[tuple[float, bool]]:
    """Yield time and whether there is a click, for each two milliseconds."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            wave_form: Any = frame.to_ndarray()[0]
            step = frame.sample_rate // 500
            for at in range(0, frame.samples, step):
                level = abs(wave_form[at : at + step]).max()
                yield frame.time + at / frame.sample_rate, bool(level > 0.3)


def starts(levels: Iterator[tuple[float, bool]]) -> Iterator[float]:
    """Yield where something begins that was not there half a second before."""
    last = -1.0
    for at_s, is_on in levels:
        if is_on:
            if at_s - last > 0.5:
                yield at_s
            last = at_s


def test_captions(recording: Recording) -> None:
    """Readers that others wrote find every caption with its times."""
    expected = [
        (second, f"{person.user_name} & co. at <{second}>")
        for second in range(0, SECONDS, 3)
        for person in (ADA, GRACE)
        if meeting.speaks(person, second)
    ]
    cues = webvtt.read(str(recording.folder / "captions.vtt")).captions
    assert sorted((cue.start_in_seconds, cue.voice) for cue in cues) == sorted(
        (second, text.split()[0]) for second, text in expected
    )
    subtitles = list(srt.parse((recording.folder / "captions.srt").read_text("utf-8")))
    assert sorted(
        (one.start.total_seconds(), one.content.partition(": ")[2]) for one in subtitles
    ) == sorted(expected)


def test_memory(recording: Recording) -> None:
    """The whole process needs less than 150 MB at its peak."""
    peak = re.search(r"PEAK (\d+)", recording.output)
    assert peak is not None, recording.output
    assert int(peak[1]) < 150_000
