"""Recordings: which item goes to which file, at which place."""

import io
import json
import os
import wave
from pathlib import Path

import pytest
from tests.unit.cli.items import (
    ADA,
    DELTA,
    GRACE,
    KEY,
    START,
    audio,
    caption,
    pcm,
    samples,
    share,
    video,
)

from rtms_client._cli import recorder as module
from rtms_client._cli.clock import SessionClock
from rtms_client._cli.recorder import Recorder, WrittenFile, speaker_key
from rtms_client.config import AudioFormat
from rtms_client.enums import AudioChannel, ContentType, MediaCodec, MediaType, SampleRate
from rtms_client.events import MediaUnavailable, StreamItem

SLOW = AudioFormat(sample_rate=SampleRate.SR_8K)


class Recording:
    """A recorder with its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SessionClock()
        self.recorder = Recorder(folder, self.clock, now_ms=lambda: 42)
        self.write(START)

    def write(self, *items: StreamItem) -> None:
        """Write items."""
        for item in items:
            self.recorder.write(item, self.clock.place(item))

    def close(self, length_ms: int = 0) -> None:
        """Complete the files."""
        self.recorder.close(length_ms=length_ms)

    def wav(self, name: str) -> list[int]:
        """Return the samples of a file."""
        with wave.open(io.BytesIO((self.folder / name).read_bytes())) as file:
            return samples(file.readframes(10**6))

    def names(self) -> list[str]:
        """Return the files there are."""
        return sorted(path.name for path in self.folder.iterdir())

    def lines(self) -> list[dict[str, object]]:
        """Return what is in ``session.jsonl``."""
        text = (self.folder / "session.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Begin a recording."""
    return Recording(tmp_path)


def at_8k(at_ms: int, value: int, **fields: object) -> StreamItem:
    """Return 20 ms of one value at 8 kHz, 160 samples."""
    return audio(at_ms, pcm(value, count=160), format=SLOW, **fields)


def test_speakers_and_mix(recording: Recording) -> None:
    """Every sample stands where its time says, in the speaker's file and, added up, in the mix."""
    recording.write(at_8k(20, 100), at_8k(60, 300), at_8k(40, 7, user_id=GRACE))
    recording.write(at_8k(60, 5, user_id=GRACE))
    recording.close(length_ms=100)
    silence = [0] * 160
    assert recording.wav("audio-ada.wav") == [
        *silence,
        *[100] * 160,
        *silence,
        *[300] * 160,
        *silence,
    ]
    assert recording.wav("audio-grace.wav") == [
        *silence,
        *silence,
        *[7] * 160,
        *[5] * 160,
        *silence,
    ]
    assert recording.wav("audio.wav") == [
        *silence,
        *[100] * 160,
        *[7] * 160,
        *[305] * 160,
        *silence,
    ]
    assert recording.recorder.problems() == {}


def test_all_audio_is_as_long_as_the_session(recording: Recording) -> None:
    """Items of other media make it longer, and no packet is cut off."""
    recording.write(at_8k(0, 1), at_8k(80, 1, user_id=GRACE), share(95))
    recording.close()
    assert len(recording.wav("audio-ada.wav")) == 800  # 100 ms: Grace's packet ends last
    assert len(recording.wav("audio.wav")) == 800


def test_repeated_audio_is_mixed_once(recording: Recording) -> None:
    """What the server sends again changes nothing and is reported."""
    recording.write(at_8k(0, 1), at_8k(20, 2), at_8k(0, 1))
    recording.close()
    assert recording.wav("audio.wav") == [*[1] * 160, *[2] * 160]
    assert recording.recorder.problems() == {"samples of audio that came twice": 160}


def test_mixed_audio_has_one_file(recording: Recording) -> None:
    """When the server mixes, there are no speakers."""
    recording.write(at_8k(0, 1, user_id=0), at_8k(20, 2, user_id=None))
    recording.close()
    assert recording.names() == ["audio.wav", "session.jsonl"]
    assert recording.wav("audio.wav") == [*[1] * 160, *[2] * 160]


def test_call_parties_have_a_channel_each() -> None:
    """The channel tells parties apart when the user id does not."""
    assert speaker_key(audio(0, user_id=0, channel_id="c1")) == ("c1", 0)
    assert speaker_key(audio(0)) == (None, ADA)
    assert speaker_key(audio(0, user_id=0)) is None


def test_file_names_of_speakers(recording: Recording) -> None:
    """Names become file names; those without a usable one, or the same one, get their number."""
    recording.write(
        audio(0, user_id=1, user_name="Ada"),
        audio(0, user_id=2, user_name="ADA"),
        audio(0, user_id=3, user_name="../x"),
        audio(0, user_id=4, user_name=None),
        audio(0, user_id=5, user_name="???"),
        audio(0, user_id=0, user_name=None, channel_id="c-1"),
        audio(0, user_id="", user_name="Ada", channel_id=""),
        audio(0, user_id="", user_name="Ada", channel_id="-"),
    )
    recording.close()
    assert recording.names() == [
        "audio-ada--7.wav",
        "audio-ada-.wav",
        "audio-ada-2.wav",
        "audio-ada.wav",
        "audio-user-4.wav",
        "audio-user-5.wav",
        "audio-user-c-1.wav",
        "audio-x.wav",
        "audio.wav",
        "session.jsonl",
    ]


def test_too_many_speakers_are_in_the_mix_only(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of open files is bounded."""
    monkeypatch.setattr(module, "_MAX_SPEAKERS", 1)
    recording.write(at_8k(0, 1), at_8k(0, 2, user_id=GRACE))
    recording.close()
    assert recording.names() == ["audio-ada.wav", "audio.wav", "session.jsonl"]
    assert recording.wav("audio.wav") == [3] * 160


def test_audio_that_is_left_out(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is counted, with the reason."""
    opus = AudioFormat(
        content_type=ContentType.RTP, codec=MediaCodec.OPUS, sample_rate=SampleRate.SR_48K
    )
    recording.write(
        at_8k(0, 1),
        audio(20, format=opus),
        audio(20, format=AudioFormat(sample_rate=SampleRate(9))),
        audio(20, format=AudioFormat(channel=AudioChannel.STEREO, sample_rate=SampleRate.SR_8K)),
        at_8k(-61_000, 1),
    )
    monkeypatch.setattr("rtms_client._cli.wav._MAX_DATA", 320)
    recording.write(at_8k(20, 1))
    recording.close()
    assert recording.wav("audio.wav") == [1] * 160
    assert recording.recorder.problems() == {
        "audio packets in OPUS, not L16": 1,
        "audio packets in L16, not L16": 1,
        "audio packets after a change of the format": 1,
        "audio packets with an impossible time": 1,
        "audio packets beyond the 4 GiB of a WAV file": 1,
    }


def test_captions_and_pictures(recording: Recording) -> None:
    """Each medium goes to its file; the line of each item says to which."""
    recording.write(
        video(0, DELTA),
        video(0, KEY),
        share(0, b"jpeg"),
        caption(500, "Hello"),
        caption(-70_000, "before"),
        audio(0, user_id=0),
        audio(20),
        MediaUnavailable(media=MediaType.CHAT),
    )
    recording.close()
    assert (recording.folder / "video.h264").read_bytes() == KEY
    assert (recording.folder / "share-001.jpg").read_bytes() == b"jpeg"
    assert "<v Ada>Hello\n" in (recording.folder / "captions.vtt").read_text("utf-8")
    assert [line.get("file") for line in recording.lines()] == [
        None,
        None,
        "video.h264",
        "share-001.jpg",
        "captions.vtt",
        None,
        "audio.wav",
        "audio-ada.wav",
        None,
    ]
    assert {line["received_ms"] for line in recording.lines()} == {42}
    assert recording.recorder.problems() == {
        "captions with an impossible time": 1,
        "video frames before a key frame": 1,
    }


def test_captions_before_the_session_has_a_start(tmp_path: Path) -> None:
    """A caption can be the first that has a time."""
    recorder = Recorder(tmp_path, SessionClock())
    recorder.write(caption(0), 0)
    recorder.close()
    assert recorder.problems() == {"captions with an impossible time": 1}


def test_lone_surrogates_are_escaped(recording: Recording) -> None:
    """JSON can express what UTF-8 cannot."""
    recording.write(caption(0, "\ud800 世"))
    recording.close()
    assert recording.lines()[1]["text"] == "\ud800 世"
    assert "\ufffd 世" in (recording.folder / "captions.vtt").read_text("utf-8")


def test_readable_after_a_flush(recording: Recording) -> None:
    """If the process were killed now, everything could be played and read."""
    recording.write(at_8k(0, 9), video(0, KEY), share(0), caption(0))
    recording.recorder.flush()
    assert recording.wav("audio.wav") == [9] * 160
    assert recording.wav("audio-ada.wav") == [9] * 160
    assert (recording.folder / "video.h264").read_bytes() == KEY
    assert len(recording.lines()) == 5
    recording.close()


def test_an_earlier_recording_makes_room(tmp_path: Path) -> None:
    """Its files are deleted when the new one begins."""
    old = tmp_path / "share-009.jpg"
    old.write_bytes(b"")
    recorder = Recorder(tmp_path, SessionClock(), old_files=[old])
    recorder.close()
    assert os.listdir(tmp_path) == ["session.jsonl"]  # noqa: PTH208  # all it is about


def test_list_of_files(recording: Recording) -> None:
    """The list says what is where and how long audio is."""
    recording.write(at_8k(0, 1), at_8k(0, 1, user_id=8), video(), share(), share(1000, b"2"))
    recording.write(caption(0))
    recording.close()
    folder = recording.folder
    assert recording.recorder.files() == [
        WrittenFile(folder / "audio.wav", "everybody, mixed", 1000),
        WrittenFile(folder / "audio-ada.wav", "Ada", 1000),
        WrittenFile(folder / "audio-user-8.wav", "user 8", 1000),
        WrittenFile(folder / "video.h264", "video, H.264"),
        WrittenFile(folder / "share-001.jpg", "share, picture 1 of 2"),
        WrittenFile(folder / "captions.vtt", "1 captions with speakers, WebVTT"),
        WrittenFile(folder / "session.jsonl", "all 7 items, media as sizes only, JSON lines"),
    ]


def test_nothing_to_record(recording: Recording) -> None:
    """Without media there is only the list of items; closing again is harmless."""
    recording.close()
    recording.close()
    [only] = recording.recorder.files()
    assert only.path.name == "session.jsonl"


def test_the_default_clock_is_unix_time(tmp_path: Path) -> None:
    """The time of arrival is local time in milliseconds."""
    recorder = Recorder(tmp_path, SessionClock())
    line = json.loads(recorder.write(START, 0))
    recorder.close()
    assert 1_700_000_000_000 < line["received_ms"] < 9_000_000_000_000
