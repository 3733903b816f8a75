"""Scripted meetings: items, builders, and the order in which they are played."""

import zlib
from itertools import pairwise

import pytest

from rtms_client.enums import MediaCodec, MediaType, StopReason, StreamState
from rtms_client.testing import (
    ADA,
    GRACE,
    AudioPacket,
    Caption,
    Chat,
    MeetingScript,
    Picture,
    SessionEvent,
    Speech,
    StateChange,
    bulk_audio,
    bulk_captions,
    bulk_chat,
    bulk_payload,
    bulk_video,
    sample_meeting,
    silent_meeting,
    tone_meeting,
)
from rtms_client.testing._server_delivery import Slices
from rtms_client.testing._server_player import timeline


def _end(at_ms: int) -> StateChange:
    return StateChange(at_ms=at_ms, state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED)


def test_items_are_sorted_by_time() -> None:
    """Items may be written down in any order."""
    late = Caption(at_ms=20, person=ADA, text="late")
    early = Caption(at_ms=10, person=ADA, text="early")
    assert list(MeetingScript([late, early])) == [early, late]


def test_a_script_is_played_more_than_once() -> None:
    """Every stream and every reconnection starts a new iteration."""
    script = MeetingScript(lambda: iter([_end(0)]))
    assert list(script) == list(script) == [_end(0)]


def test_speech_starts_on_the_grid() -> None:
    """Speakers are mixed slice by slice, which needs common boundaries."""
    with pytest.raises(ValueError, match="multiple of 20 ms, not at 30 ms"):
        Speech(at_ms=30, person=ADA, pcm=b"")


def test_bytes_are_not_shown() -> None:
    """A failing assertion prints the size of media, not megabytes."""
    assert "<3 bytes>" in repr(Speech(at_ms=0, person=ADA, pcm=b"abc"))
    assert "<3 bytes>" in repr(AudioPacket(at_ms=0, person=ADA, data=b"abc"))
    assert "<3 bytes>" in repr(Picture(at_ms=0, person=ADA, data=b"abc"))


def test_the_timeline_cuts_and_groups_speech() -> None:
    """Speech becomes slices of 20 ms, everybody's at one moment together, in order of time."""
    caption = Caption(at_ms=30, person=ADA, text="between")
    items = list(
        timeline(
            MeetingScript(
                [
                    Speech(at_ms=0, person=ADA, pcm=b"A" * 1280),
                    Speech(at_ms=20, person=GRACE, pcm=b"G" * 700),
                    caption,
                ]
            )
        )
    )
    assert items == [
        Slices(at_ms=0, voices=[(ADA, b"A" * 640)]),
        Slices(at_ms=20, voices=[(ADA, b"A" * 640), (GRACE, b"G" * 640)]),
        caption,
        Slices(at_ms=40, voices=[(GRACE, b"G" * 60 + b"\0" * 580)]),
    ]


def test_silent_meeting() -> None:
    """Nothing happens by itself."""
    assert list(silent_meeting()) == []


def test_tone_meeting() -> None:
    """Two people hum for a second and a half; the second of them a fifth higher."""
    join, speaker, *speech, end = tone_meeting(seconds=1.5, people=(ADA, GRACE))
    assert join == SessionEvent(at_ms=0, event_type=3, people=(ADA, GRACE))
    assert speaker == SessionEvent(at_ms=0, event_type=2, people=(ADA,))
    assert [
        (item.at_ms, item.person.user_name, len(item.pcm))
        for item in speech
        if isinstance(item, Speech)
    ] == [(0, "Ada", 32000), (0, "Grace", 32000), (1000, "Ada", 16000), (1000, "Grace", 16000)]
    assert end == _end(1500)
    ada, grace = (item.pcm for item in speech[:2] if isinstance(item, Speech))
    assert (_upward_crossings(ada), _upward_crossings(grace)) == (439, 659)


def _upward_crossings(pcm: bytes) -> int:
    values = [int.from_bytes(pcm[at : at + 2], "little", signed=True) for at in range(0, 32000, 2)]
    return sum(one < 0 <= two for one, two in pairwise(values))


def test_tone_meeting_may_go_on() -> None:
    """Without an end the stream stays open after the last tone."""
    assert isinstance(list(tone_meeting(seconds=0.1, terminate=False))[-1], Speech)


def test_bulk_payload_is_known_from_its_index() -> None:
    """A client computes what it should have received."""
    assert bulk_payload(MediaType.AUDIO, 255, 20) == b"01000000000000ff0100"


def test_bulk_audio() -> None:
    """Packets go round all people, each with a clock of its own."""
    *packets, end = bulk_audio(frames=3, size=16, people=(ADA, GRACE))
    assert packets == [
        AudioPacket(at_ms=0, person=ADA, data=b"0100000000000000"),
        AudioPacket(at_ms=0, person=GRACE, data=b"0100000000000001"),
        AudioPacket(at_ms=20, person=ADA, data=b"0100000000000002"),
    ]
    assert end == _end(60)
    assert len(list(bulk_audio(frames=3, terminate=False))) == 3


@pytest.mark.parametrize(
    ("codec", "first", "second"),
    [
        (MediaCodec.H264, b"\0\0\0\1\x65020000000", b"\0\0\0\1\x41020000000"),
        (MediaCodec.JPG, b"\xff\xd8\xff\xe00200000000", b"\xff\xd8\xff\xe00200000000"),
        (MediaCodec.PNG, b"\x89PNG\r\n\x1a\n020000", b"\x89PNG\r\n\x1a\n020000"),
    ],
)
def test_bulk_video(codec: MediaCodec, first: bytes, second: bytes) -> None:
    """Pictures start with the mark of their codec; the first one is a key frame."""
    items = list(bulk_video(frames=2, size=14, codec=codec, interval_ms=100))
    pictures = [item for item in items if isinstance(item, Picture)]
    assert [item.data for item in pictures] == [first, second]
    assert [item.at_ms for item in pictures] == [0, 100]
    assert items[-1] == _end(200)
    assert len(list(bulk_video(frames=2, terminate=False))) == 2


def test_bulk_captions() -> None:
    """Segments are numbered."""
    assert list(bulk_captions(segments=2, interval_ms=10)) == [
        Caption(at_ms=0, person=ADA, text="segment 0"),
        Caption(at_ms=10, person=ADA, text="segment 1"),
        _end(20),
    ]
    assert len(list(bulk_captions(segments=2, terminate=False))) == 2


def test_bulk_chat() -> None:
    """Messages are numbered in text and id."""
    assert list(bulk_chat(messages=1, interval_ms=10)) == [
        Chat(at_ms=0, person=ADA, text="message 0", message_id="m-0"),
        _end(10),
    ]
    assert len(list(bulk_chat(messages=2, terminate=False))) == 2


def test_sample_meeting_has_all_media() -> None:
    """The shipped meeting has speech, both kinds of pictures in all codecs, captions and chat."""
    items = list(sample_meeting())
    kinds = {
        (item.media, item.codec) if isinstance(item, Picture) else type(item) for item in items
    }
    video, share = MediaType.VIDEO, MediaType.SHARE
    codecs = (MediaCodec.H264, MediaCodec.JPG, MediaCodec.PNG)
    assert kinds == {Speech, Caption, Chat, SessionEvent, StateChange} | {
        (media, codec) for media in (video, share) for codec in codecs
    }
    assert [item.at_ms for item in items] == sorted(item.at_ms for item in items)
    assert items[-1] == _end(25000)


def test_sample_meeting_loops() -> None:
    """A longer meeting repeats the sample, with all its times moved."""
    captions = [
        item for item in sample_meeting(seconds=60, terminate=False) if isinstance(item, Caption)
    ]
    first, again = captions[0], captions[9]
    assert again.text == first.text == "Good morning, Grace. Let me share my screen."
    assert again.at_ms == first.at_ms + 25000
    assert first.start_ms is not None
    assert again.start_ms == first.start_ms + 25000
    assert captions[-1].at_ms < 60000


def test_png_pictures_are_valid() -> None:
    """The square is a PNG of 64 by 64 pixels with correct check sums."""
    png = next(
        item.data
        for item in sample_meeting()
        if isinstance(item, Picture) and item.codec is MediaCodec.PNG
    )
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert png[16:24] == b"\0\0\0\x40\0\0\0\x40"
    assert zlib.crc32(png[12:29]) == int.from_bytes(png[29:33], "big")
