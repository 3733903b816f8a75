"""The sample meeting: what it contains, and how it is cut."""

from __future__ import annotations

import io
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtms_client.testing._sample import (
    SampleCamera,
    SampleFile,
    SampleMeeting,
    SampleParticipant,
    SampleSlide,
    SampleUtterance,
    is_key_frame,
    split_access_units,
)

ADA = 16778240
GRACE = 16779264

SPS = b"\x00\x00\x00\x01\x67\x42\xc0\x1e"
PPS = b"\x00\x00\x00\x01\x68\xce\x3c\x80"
SEI = b"\x00\x00\x01\x06\x05\x01\xff\x80"
DELIMITER = b"\x00\x00\x00\x01\x09\xf0"
KEY = b"\x00\x00\x01\x65\x88\x84\x11"
DELTA = b"\x00\x00\x00\x01\x41\x9a\x02"
MORE_OF_DELTA = b"\x00\x00\x01\x41\x40\x9a\x03"


@pytest.fixture(scope="module")
def meeting() -> SampleMeeting:
    """Load the meeting once; it is immutable."""
    return SampleMeeting.load()


# --- splitting into access units -----------------------------------------------------------------


def test_split_keeps_parameter_sets_with_the_picture_they_precede() -> None:
    """SPS, PPS, SEI and delimiters open the access unit of the next picture."""
    stream = SPS + PPS + SEI + KEY + DELIMITER + DELTA + SEI + DELTA + SPS + PPS + KEY
    assert split_access_units(stream) == (
        SPS + PPS + SEI + KEY,
        DELIMITER + DELTA,
        SEI + DELTA,
        SPS + PPS + KEY,
    )


def test_split_keeps_the_slices_of_a_picture_together() -> None:
    """A slice whose first macroblock is not 0 continues the picture."""
    stream = KEY + DELTA + MORE_OF_DELTA + MORE_OF_DELTA + DELTA
    assert split_access_units(stream) == (KEY, DELTA + MORE_OF_DELTA + MORE_OF_DELTA, DELTA)


@pytest.mark.parametrize(
    "nal_unit",
    [b"\x00\x00\x01\x0c\xff\x80", b"\x00\x00\x01\x0a", b"\x00\x00\x01\x0b", b"\x00\x00\x01\x41"],
    ids=["filler", "end of sequence", "end of stream", "truncated slice"],
)
def test_split_leaves_what_follows_a_picture_with_it(nal_unit: bytes) -> None:
    """Filler data, end marks and slices without a header belong to the picture before."""
    assert split_access_units(KEY + nal_unit + DELTA) == (KEY + nal_unit, DELTA)


def test_split_starts_a_picture_at_a_data_partition() -> None:
    """Data partition A begins like a slice, B and C follow it."""
    partitions = b"\x00\x00\x01\x42\x9a\x00\x00\x01\x43\xff\x00\x00\x01\x44\xff"
    assert split_access_units(partitions + partitions) == (partitions, partitions)


def test_split_gives_zeros_before_a_start_code_to_it() -> None:
    """Any number of zero bytes may stand before a start code."""
    zeros = bytes(5)
    assert split_access_units(zeros + KEY + zeros + DELTA) == (zeros + KEY, zeros + DELTA)


def test_split_keeps_parameter_sets_at_the_end() -> None:
    """What has no picture yet is a unit of its own, so that nothing is lost."""
    assert split_access_units(KEY + SPS + PPS) == (KEY, SPS + PPS)


def test_split_keeps_a_start_code_cut_off_at_the_end() -> None:
    """A start code without a NAL unit stays at the end of the last access unit."""
    assert split_access_units(KEY + b"\x00\x00\x01") == (KEY + b"\x00\x00\x01",)


def test_split_of_nothing_is_nothing() -> None:
    """An empty stream has no access units."""
    assert split_access_units(b"") == ()


@pytest.mark.parametrize(
    "stream",
    [b"\x65\x88" + KEY, b"\xff\xd8\xff\xe0", b"\x00\x00\x00\x07\x65\x88\x84", b"\x00\x00\x01"],
    ids=["junk first", "JPEG", "length prefixes", "start code only"],
)
def test_split_refuses_other_formats(stream: bytes) -> None:
    """Only byte streams that begin with a NAL unit are accepted."""
    with pytest.raises(ValueError, match=r"^expected an H\.264 Annex B byte stream, which begins"):
        split_access_units(stream)


def nal_units(headers: list[int], first_bytes: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    """Build NAL units with the given header bytes, without zeros that would need escaping."""
    return st.builds(
        lambda code, header, first, rest: code + bytes([header, first]) + rest,
        st.sampled_from([b"\x00\x00\x01", b"\x00\x00\x00\x01"]),
        st.sampled_from(headers),
        first_bytes,
        st.binary(max_size=20).map(lambda data: data.replace(b"\x00", b"\x07")),
    )


ACCESS_UNITS = st.builds(
    lambda before, picture, slices, after: b"".join([*before, picture, *slices, *after]),
    st.lists(nal_units([0x06, 0x67, 0x68, 0x09, 0x0E], st.integers(1, 255)), max_size=4),
    nal_units([0x01, 0x21, 0x41, 0x65], st.integers(0x80, 0xFF)),
    st.lists(nal_units([0x01, 0x41, 0x65], st.integers(0x01, 0x7F)), max_size=3),
    st.lists(nal_units([0x0C], st.just(0xFF)), max_size=1),
)


@given(st.lists(ACCESS_UNITS, max_size=8))
def test_split_undoes_joining(units: list[bytes]) -> None:
    """Access units that were joined are found again, whatever their NAL units."""
    assert split_access_units(b"".join(units)) == tuple(units)


@given(st.lists(st.sampled_from([SPS, PPS, SEI, KEY, DELTA, MORE_OF_DELTA, b"\x00"]), min_size=1))
def test_split_loses_no_byte(parts: list[bytes]) -> None:
    """The access units of any stream join to the stream."""
    stream = KEY + b"".join(parts)
    assert b"".join(split_access_units(stream)) == stream


@pytest.mark.parametrize(
    ("unit", "expected"),
    [(KEY, True), (SPS + PPS + SEI + KEY, True), (DELTA, False), (SPS + PPS + DELTA, False)],
    ids=["IDR", "IDR with parameter sets", "delta", "delta with parameter sets"],
)
def test_key_frames_are_idr_pictures(unit: bytes, expected: bool) -> None:  # noqa: FBT001 -- a row
    """Parameter sets alone do not make a key frame."""
    assert is_key_frame(unit) is expected


# --- the shipped meeting -------------------------------------------------------------------------


def test_participants(meeting: SampleMeeting) -> None:
    """Two people with the ids of a typical meeting."""
    assert meeting.duration_ms == 25_000
    assert meeting.participants == (
        SampleParticipant(user_id=ADA, user_name="Ada", join_ms=0, leave_ms=25_000),
        SampleParticipant(user_id=GRACE, user_name="Grace", join_ms=200, leave_ms=24_600),
    )


def test_dialogue(meeting: SampleMeeting) -> None:
    """The texts are what the transcript of the meeting will say."""
    assert [(said.user_id, said.start_ms, said.text) for said in meeting.utterances] == [
        (ADA, 600, "Good morning, Grace. Let me share my screen."),
        (GRACE, 3_700, "Good morning! Is the release ready?"),
        (ADA, 6_300, "Yes. All tests pass, and it reconnects twice as fast."),
        (GRACE, 10_200, "Impressive! How did you do that?"),
        (ADA, 12_900, "With one small change. Here it is."),
        (GRACE, 15_500, "Only five lines? That is lovely!"),
        (ADA, 17_400, "The release notes are in the chat."),
        (GRACE, 19_300, "I see them. Then let's ship it!"),
        (ADA, 21_900, "Shipped. Thank you, Grace!"),
    ]


def test_one_overlap(meeting: SampleMeeting) -> None:
    """Only once somebody starts before the other has finished."""
    ends = [said.end_ms for said in meeting.utterances]
    starts = [said.start_ms for said in meeting.utterances]
    overlaps = [end - start for end, start in zip(ends, starts[1:], strict=False) if end > start]
    assert overlaps == [580]


def test_speech_is_whole_frames_and_loud_enough(meeting: SampleMeeting) -> None:
    """Every recording divides into 20 ms packets and reaches half of full scale."""
    for said in meeting.utterances:
        samples = struct.unpack(f"<{len(said.pcm) // 2}h", said.pcm)
        assert len(said.pcm) % 640 == 0
        assert 15_900 <= max(map(abs, samples)) <= 16_000


def test_cameras(meeting: SampleMeeting) -> None:
    """Eight seconds of video for each participant, with a key frame every two."""
    assert meeting.camera_fps == 15
    assert meeting.camera_times == (
        SampleCamera(user_id=ADA, start_ms=200, stop_ms=24_800),
        SampleCamera(user_id=GRACE, start_ms=1_000, stop_ms=24_200),
    )
    assert list(meeting.cameras) == [ADA, GRACE]
    for units in meeting.cameras.values():
        assert len(units) == 120
        assert [n for n, unit in enumerate(units) if is_key_frame(unit)] == [0, 30, 60, 90]


def test_every_key_frame_carries_its_parameter_sets(meeting: SampleMeeting) -> None:
    """A decoder may begin at any key frame."""
    streams = [*meeting.cameras.values(), meeting.share_h264]
    kinds = {
        tuple(header[0] & 31 for header in re.findall(rb"\x00\x00\x01(.)", unit))
        for units in streams
        for unit in units
    }
    assert kinds == {(7, 8, 5), (1,)}


def test_share(meeting: SampleMeeting) -> None:
    """Ada shows four slides; as video they take ten seconds."""
    (share,) = meeting.shares
    assert (share.user_id, share.start_ms, share.stop_ms) == (ADA, 3_400, 24_000)
    assert share.slides == (
        SampleSlide(at_ms=3_400, slide=0),
        SampleSlide(at_ms=7_400, slide=1),
        SampleSlide(at_ms=14_200, slide=2),
        SampleSlide(at_ms=21_800, slide=3),
    )
    assert [slide[:4] + slide[-2:] for slide in meeting.slides] == [
        b"\xff\xd8\xff\xe0\xff\xd9",
    ] * 4
    assert meeting.share_fps == 5
    assert len(meeting.share_h264) == 50
    keys = [n for n, unit in enumerate(meeting.share_h264) if is_key_frame(unit)]
    assert keys == [0, 10, 20, 30, 40]


def test_chat(meeting: SampleMeeting) -> None:
    """Three messages, one of them with a file."""
    assert [(chat.at_ms, chat.user_id, chat.text) for chat in meeting.chat] == [
        (5_600, GRACE, "Can everybody see the slides?"),
        (17_000, ADA, "Release notes of Harbour 2.1"),
        (22_600, GRACE, "Congratulations 🎉"),
    ]
    assert [chat.files for chat in meeting.chat] == [
        (),
        (SampleFile(file_id="sample-file-1", file_name="harbour-2.1-notes.pdf", file_size=48_213),),
        (),
    ]


def test_repr_shows_no_media(meeting: SampleMeeting) -> None:
    """A failing assertion prints one line, not a megabyte."""
    assert repr(meeting.utterances[0]) == (
        "SampleUtterance(user_id=16778240, start_ms=600, "
        "text='Good morning, Grace. Let me share my screen.', pcm=<89600 bytes>)"
    )
    assert len(repr(meeting)) < 300


# --- cutting audio -------------------------------------------------------------------------------


def small_meeting(*utterances: SampleUtterance) -> SampleMeeting:
    """Build a meeting of 4 ms with the given utterances and nothing else."""
    people = (
        SampleParticipant(user_id=1, user_name="one", join_ms=0, leave_ms=4),
        SampleParticipant(user_id=2, user_name="two", join_ms=0, leave_ms=4),
    )
    return SampleMeeting(
        duration_ms=4,
        participants=people,
        utterances=utterances,
        camera_times=(),
        cameras={},
        camera_fps=15,
        shares=(),
        slides=(),
        share_h264=(),
        share_fps=5,
        chat=(),
    )


def say(user_id: int, start_ms: int, sample: int, duration_ms: int = 2) -> SampleUtterance:
    """Build an utterance of one repeated sample."""
    pcm = struct.pack("<h", sample) * 16 * duration_ms
    return SampleUtterance(user_id=user_id, start_ms=start_ms, text="", pcm=pcm)


def levels(pcm: bytes | None) -> list[int]:
    """Return one sample of every millisecond, and check that the others are equal."""
    stream = io.BytesIO(pcm or b"")
    milliseconds = [struct.unpack("<16h", part) for part in iter(lambda: stream.read(32), b"")]
    assert all(len(set(samples)) == 1 for samples in milliseconds)
    return [samples[0] for samples in milliseconds]


def test_mixed_audio_adds_overlapping_voices() -> None:
    """Where two speak, their samples are added; where nobody speaks there is silence."""
    meeting = small_meeting(say(1, 0, 1000), say(2, 1, -300))
    assert levels(meeting.mixed_pcm(0, 4)) == [1000, 700, -300, 0]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(30_000, 30_000, 32_767), (-30_000, -30_000, -32_768), (30_000, 2_767, 32_767)],
    ids=["too loud", "too low", "just right"],
)
def test_mixed_audio_saturates(first: int, second: int, expected: int) -> None:
    """Samples beyond 16 bits stay at the limit instead of wrapping round."""
    meeting = small_meeting(say(1, 0, first), say(2, 0, second))
    assert levels(meeting.mixed_pcm(0, 2)) == [expected, expected]


def test_mixed_audio_is_silent_behind_the_end() -> None:
    """A slice always has the length that was asked for."""
    meeting = small_meeting(say(1, 2, 5))
    assert levels(meeting.mixed_pcm(3, 3)) == [5, 0, 0]
    assert levels(meeting.mixed_pcm(100, 2)) == [0, 0]
    assert meeting.mixed_pcm(1, 0) == b""


def test_speaker_audio_contains_one_voice() -> None:
    """The other voices are left out, also where they overlap."""
    meeting = small_meeting(say(1, 0, 1000), say(2, 1, -300))
    assert levels(meeting.speaker_pcm(1, 0, 4)) == [1000, 1000, 0, 0]
    assert levels(meeting.speaker_pcm(2, 1, 1)) == [-300]


def test_speaker_audio_is_none_where_the_speaker_is_silent() -> None:
    """An interval that only touches the edge of an utterance has nothing of it."""
    meeting = small_meeting(say(1, 1, 1000))
    assert meeting.speaker_pcm(1, 0, 1) is None
    assert meeting.speaker_pcm(1, 3, 1) is None
    assert levels(meeting.speaker_pcm(1, 0, 2)) == [0, 1000]
    assert meeting.speaker_pcm(2, 0, 4) is None


def test_speaker_audio_of_a_stranger() -> None:
    """A wrong user id is a mistake, not silence."""
    with pytest.raises(KeyError, match=r"^3$"):
        small_meeting().speaker_pcm(3, 0, 1)


@pytest.mark.parametrize(("start_ms", "duration_ms"), [(-1, 20), (0, -20)], ids=["start", "length"])
def test_negative_times_are_refused(start_ms: int, duration_ms: int) -> None:
    """A negative time would silently count from the end of the track."""
    meeting = small_meeting()
    expected = f"^expected times of 0 ms or more, got start {start_ms}, duration {duration_ms}$"
    with pytest.raises(ValueError, match=expected):
        meeting.mixed_pcm(start_ms, duration_ms)
    with pytest.raises(ValueError, match=expected):
        meeting.speaker_pcm(1, start_ms, duration_ms)


def test_slices_of_the_shipped_meeting_join_to_its_utterances(meeting: SampleMeeting) -> None:
    """What a player sends in 20 ms packets is exactly what was recorded."""
    for person in meeting.participants:
        sent = [meeting.speaker_pcm(person.user_id, at, 20) for at in range(0, 25_000, 20)]
        recorded = [said.pcm for said in meeting.utterances if said.user_id == person.user_id]
        assert b"".join(filter(None, sent)) == b"".join(recorded)
