"""A recorder on a live stream."""

import asyncio
import errno
import io
import itertools
import wave
from pathlib import Path

import pytest
from tests.integration.support import client_for, info_of, joined, until

from rtms_client import AudioParams, StreamStopped, TranscriptParams
from rtms_client.enums import MediaType, StopReason, StreamState
from rtms_client.media import Recorder
from rtms_client.testing import FakeRTMSServer, MeetingScript, tone_meeting
from rtms_client.testing import StateChange as Change


def length_ms(path: Path) -> int:
    """Return the length of a WAV file in milliseconds."""
    with wave.open(io.BytesIO(path.read_bytes())) as file:
        return int(file.getnframes() * 1000 / file.getframerate())


async def test_record(tmp_path: Path) -> None:
    """Five lines from a stream to files."""
    both = MediaType.AUDIO | MediaType.TRANSCRIPT
    async with FakeRTMSServer(tone_meeting(seconds=2), pace=None, expected_media=both) as server:
        client = client_for(server, audio=AudioParams(), transcript=TranscriptParams())
        with Recorder(tmp_path) as recorder:
            async with client.stream(info_of(server)) as stream:
                await recorder.record(stream)
    assert length_ms(tmp_path / "audio.wav") == 2000
    assert not recorder.revoked


async def test_record_without_audio(tmp_path: Path) -> None:
    """There is no file for what nobody asked for."""
    async with FakeRTMSServer(tone_meeting(seconds=1), pace=None) as server:
        client = client_for(server, transcript=TranscriptParams())
        with Recorder(tmp_path) as recorder:
            async with client.stream(info_of(server)) as stream:
                await recorder.record(stream)
    assert [file.path.name for file in recorder.files()] == ["session.jsonl"]


async def test_readable_while_nothing_comes(tmp_path: Path) -> None:
    """What came is on disk soon, although nothing follows it; cancelling loses nothing."""
    meeting = tone_meeting(seconds=0.1, terminate=False)
    async with FakeRTMSServer(meeting) as server, joined(server, audio=AudioParams()) as stream:
        with Recorder(tmp_path) as recorder:
            task = asyncio.create_task(recorder.record(stream))
            wav = tmp_path / "audio.wav"
            await until(lambda: wav.exists() and length_ms(wav) == 100)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert length_ms(wav) == 100


async def test_revoked(tmp_path: Path) -> None:
    """When the permission is revoked, one call deletes what was recorded."""
    end = Change(at_ms=100, state=StreamState.TERMINATED, reason=StopReason.STREAM_REVOKED)
    meeting = MeetingScript([*tone_meeting(seconds=0.1, terminate=False), end])
    async with FakeRTMSServer(meeting) as server, joined(server, audio=AudioParams()) as stream:
        with Recorder(tmp_path / "out") as recorder:
            await recorder.record(stream)
            assert recorder.revoked
            recorder.discard()
    assert not (tmp_path / "out").exists()


async def test_an_abnormal_end(tmp_path: Path) -> None:
    """The error comes through, and what was received is in the files."""
    meeting = tone_meeting(seconds=0.1, terminate=False)
    async with FakeRTMSServer(meeting) as server, joined(server, audio=AudioParams()) as stream:
        with Recorder(tmp_path) as recorder:
            task = asyncio.create_task(recorder.record(stream))
            await until(lambda: recorder.clock.length_ms >= 80)
            stream.stopped(StopReason.KEEP_ALIVE_TIMEOUT)
            with pytest.raises(StreamStopped):
                await task
    assert length_ms(tmp_path / "audio.wav") == 100


async def test_a_time_out_of_the_disk(tmp_path: Path) -> None:
    """A file system on a network may time out; that is an error, not a pause of the stream."""
    calls = itertools.count()

    def now_ms() -> int:
        if next(calls) == 2:
            raise TimeoutError(errno.ETIMEDOUT, "timed out")
        return 0

    async with (
        FakeRTMSServer(tone_meeting(seconds=0.1)) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        recorder = Recorder(tmp_path, now_ms=now_ms)
        with recorder, pytest.raises(TimeoutError, match="timed out"):
            await recorder.record(stream)
