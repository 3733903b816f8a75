"""Recordings: which item goes to which file, at which place."""

import io
import json
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

from rtms_client.config import AudioFormat
from rtms_client.enums import (
    AudioChannel,
    MediaCodec,
    MediaType,
    SampleRate,
    SessionState,
    StopReason,
    StreamState,
)
from rtms_client.events import (
    MediaUnavailable,
    SessionStateChanged,
    StreamItem,
    StreamStateChanged,
)
from rtms_client.exceptions import InvalidParameters, InvalidState
from rtms_client.media import RecordedFile, Recorder, _audio_files
from rtms_client.media._speech import speaker_key

SLOW = AudioFormat(sample_rate=SampleRate.SR_8K)


class Recording:
    """A recorder with its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recorder = Recorder(folder, now_ms=lambda: 42)
        self.write(START)

    def write(self, *items: StreamItem) -> None:
        """Write items."""
        for item in items:
            self.recorder.write(item)

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
    monkeypatch.setattr(_audio_files, "_MAX_SPEAKERS", 1)
    recording.write(at_8k(0, 1), at_8k(0, 2, user_id=GRACE))
    recording.close()
    assert recording.names() == ["audio-ada.wav", "audio.wav", "session.jsonl"]
    assert recording.wav("audio.wav") == [3] * 160


def test_audio_that_is_left_out(recording: Recording) -> None:
    """What cannot be written is counted, with the reason."""
    strange = AudioFormat(codec=MediaCodec(99), sample_rate=SampleRate.SR_8K)
    recording.write(
        at_8k(0, 1),
        audio(20, format=strange),
        audio(20, format=AudioFormat(sample_rate=SampleRate(9))),
        audio(20, format=AudioFormat(channel=AudioChannel.STEREO, sample_rate=SampleRate.SR_8K)),
        at_8k(-61_000, 1),
    )
    recording.close()
    assert recording.wav("audio.wav") == [1] * 160
    assert recording.recorder.problems() == {
        "audio packets in UNKNOWN_99 that cannot be decoded": 1,
        "audio packets of an unknown sample rate": 1,
        "audio packets after a change of the format": 1,
        "audio packets with an impossible time": 1,
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
    """A caption can be the first that has a time, and gives the session its start."""
    recorder = Recorder(tmp_path, now_ms=lambda: 42)
    assert recorder.write(caption(500)).at_ms == 0
    recorder.close()
    assert recorder.problems() == {}


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


def test_an_earlier_recording_makes_room_if_it_may(tmp_path: Path) -> None:
    """Its files are deleted when the new one begins and the caller says so, and no others."""
    for name in ("share-009.jpg", "captions.srt", "mine.jpg"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InvalidParameters, match="holds an earlier recording; choose another"):
        Recorder(tmp_path)
    Recorder(tmp_path, replace=True).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.jpg", "session.jsonl"]


def test_captions_in_several_formats(tmp_path: Path) -> None:
    """Every format that was asked for is a file; none is possible too."""
    with Recorder(tmp_path / "all", captions=(".srt", ".txt")) as recorder:
        assert recorder.write(caption(0)).file == "captions.srt"
        assert recorder.write(caption(900)).file == "captions.srt"
    assert [file.path.name for file in recorder.files()] == [
        "captions.srt",
        "captions.txt",
        "session.jsonl",
    ]
    with Recorder(tmp_path / "none", captions=()) as recorder:
        assert recorder.write(caption(0)).file is None
    assert [file.path.name for file in recorder.files()] == ["session.jsonl"]


def test_an_unknown_format_of_captions(tmp_path: Path) -> None:
    """The mistake is told at once, not when somebody speaks."""
    with pytest.raises(InvalidParameters, match="got the suffix"):
        Recorder(tmp_path / "out", captions=(".ass",))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "event",
    [
        StreamStateChanged(state=StreamState.TERMINATED, reason=StopReason.STREAM_REVOKED),
        SessionStateChanged(state=SessionState.STOPPED, reason=StopReason.STREAM_REVOKED),
    ],
    ids=["stream", "session"],
)
def test_revoked(recording: Recording, event: StreamItem) -> None:
    """A revoked permission is told apart from every other end."""
    over = StreamStateChanged(state=StreamState.TERMINATING, reason=StopReason.MEETING_ENDED)
    recording.write(over)
    before = recording.recorder.revoked
    recording.write(event, over)
    assert (before, recording.recorder.revoked) == (False, True)
    recording.close()


@pytest.mark.parametrize("name", ["mine", "others"])
def test_discard(tmp_path: Path, name: str) -> None:
    """One call deletes everything that was recorded, and nothing else."""
    recording = Recording(tmp_path / name)
    recording.write(at_8k(0, 1), video(), share(), share(0, b"2"), caption(0))
    (tmp_path / "others").mkdir(exist_ok=True)
    (tmp_path / "others" / "notes.txt").write_bytes(b"")
    recording.recorder.discard()
    recording.recorder.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["others"]
    assert [path.name for path in (tmp_path / "others").iterdir()] == ["notes.txt"]
    with pytest.raises(InvalidState, match="make a new Recorder"):
        recording.write(at_8k(0, 1))


def test_flushed_twice_a_second(tmp_path: Path) -> None:
    """What was written becomes readable while more is written, by the clock of the machine."""
    now_ms = 1000
    recorder = Recorder(tmp_path, now_ms=lambda: now_ms)
    recorder.write(START)
    recorder.write(at_8k(0, 1))
    wav = tmp_path / "audio.wav"
    with wave.open(str(wav)) as file:
        assert file.getnframes() == 0
    now_ms = 1500
    recorder.write(at_8k(20, 1))
    with wave.open(str(wav)) as file:
        assert file.getnframes() == 320
    now_ms = 0  # somebody set the clock back
    recorder.write(at_8k(40, 1))
    with wave.open(str(wav)) as file:
        assert file.getnframes() == 480
    recorder.close()


def test_list_of_files(recording: Recording) -> None:
    """The list says what is where and how long audio is."""
    recording.write(at_8k(0, 1), at_8k(0, 1, user_id=8), video(), share(), share(1000, b"2"))
    recording.write(caption(0))
    recording.close()
    folder = recording.folder
    assert recording.recorder.files() == [
        RecordedFile(folder / "audio.wav", "everybody, mixed", 1000),
        RecordedFile(folder / "audio-ada.wav", "Ada", 1000),
        RecordedFile(folder / "audio-user-8.wav", "user 8", 1000),
        RecordedFile(folder / "video.h264", "video, H.264"),
        RecordedFile(folder / "share-001.jpg", "share, picture 1 of 2"),
        RecordedFile(folder / "captions.vtt", "1 caption with speakers"),
        RecordedFile(folder / "session.jsonl", "7 items, media as sizes only, JSON lines"),
    ]


def test_nothing_to_record(recording: Recording) -> None:
    """Without media there is only the list of items; closing again is harmless."""
    recording.close()
    recording.close()
    [only] = recording.recorder.files()
    assert only.path.name == "session.jsonl"


def test_the_default_clock_is_unix_time(tmp_path: Path) -> None:
    """The time of arrival is local time in milliseconds."""
    recorder = Recorder(tmp_path)
    line = json.loads(recorder.write(START).line)
    recorder.close()
    assert 1_700_000_000_000 < line["received_ms"] < 9_000_000_000_000


def test_strangers_cannot_take_all_file_names(recording: Recording) -> None:
    """Names may be chosen so that every guess is taken."""
    recording.write(
        audio(0, user_id=1, user_name="x"),
        audio(0, user_id=3, user_name="x-2"),
        audio(0, user_id=4, user_name="x-2-3"),
        audio(0, user_id=2, user_name="x"),
    )
    recording.close()
    assert recording.names() == [
        "audio-x-2-3.wav",
        "audio-x-2-4.wav",
        "audio-x-2.wav",
        "audio-x.wav",
        "audio.wav",
        "session.jsonl",
    ]


def test_made_up_speakers_do_not_fill_the_memory(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond what any session has, packets of further speakers are left out, and counted."""
    monkeypatch.setattr(_audio_files, "_MAX_VOICES", 1)
    recording.write(at_8k(0, 1), at_8k(0, 2, user_id=GRACE), at_8k(20, 3))
    recording.close()
    assert recording.wav("audio.wav") == [*[1] * 160, *[3] * 160]
    assert recording.recorder.problems() == {"audio packets of too many speakers": 1}


def test_one_wrong_time_does_not_empty_a_recording(tmp_path: Path) -> None:
    """Whatever the first time stamp says, the rest is there, and what is not is counted."""
    for number, wrong_ms in enumerate((-1_790_000_000_000, 10**12)):
        recorder = Recorder(tmp_path / str(number))
        recorder.write(at_8k(wrong_ms, 9))
        for at_ms in (0, 20, 40):
            recorder.write(at_8k(at_ms, 1))
        recorder.close()
        with wave.open(str(tmp_path / str(number) / "audio.wav")) as file:
            assert samples(file.readframes(10**6)) == [*[9] * 160, *[1] * 320]
        assert recorder.problems() == {"audio packets with an impossible time": 1}
