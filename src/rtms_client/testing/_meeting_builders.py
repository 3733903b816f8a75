"""Ready-made meetings: silence, tones, floods for measurements, and the sample that ships."""

import array
import math
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

import attrs

from rtms_client.enums import EventType, MediaCodec, MediaType, StopReason, StreamState

from ._meeting import (
    ADA,
    SLICE_MS,
    AudioPacket,
    Caption,
    Chat,
    MeetingItem,
    MeetingScript,
    Person,
    Picture,
    SessionEvent,
    Speech,
    StateChange,
)
from ._sample import SampleMeeting

__all__ = [
    "bulk_audio",
    "bulk_captions",
    "bulk_chat",
    "bulk_payload",
    "bulk_video",
    "sample_meeting",
    "silent_meeting",
    "tone_meeting",
]

_RATE_HZ: Final = 16_000
_MS_BYTES: Final = 32
_KEY_FRAME: Final = b"\0\0\0\1\x65"
_DELTA_FRAME: Final = b"\0\0\0\1\x41"
_JPEG_START: Final = b"\xff\xd8\xff\xe0"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_GROUP_OF_PICTURES: Final = 30
_CAMERA_PICTURES_MS: Final = 200
_SHARE_PICTURES_MS: Final = 1000


def silent_meeting() -> MeetingScript:
    """Make a meeting in which nothing happens, for tests that send everything by hand."""
    return MeetingScript()


def tone_meeting(
    *,
    seconds: float = 1.0,
    people: Sequence[Person] = (ADA,),
    frequency_hz: int = 440,
    terminate: bool = True,
) -> MeetingScript:
    """Make a meeting in which everybody hums: one sine tone each, a fifth apart.

    Args:
        seconds: Length of the meeting.
        people: Who is in it.
        frequency_hz: Tone of the first person.
        terminate: Whether the stream ends with the meeting.
    """
    length_ms = int(seconds * 1000) // SLICE_MS * SLICE_MS

    def items() -> Iterator[MeetingItem]:
        yield SessionEvent(at_ms=0, event_type=EventType.PARTICIPANT_JOIN, people=tuple(people))
        yield SessionEvent(at_ms=0, event_type=EventType.ACTIVE_SPEAKER_CHANGE, people=(people[0],))
        tones = [_tone(frequency_hz * (2 + index) // 2) for index in range(len(people))]
        for at_ms in range(0, length_ms, 1000):
            wanted = min(1000, length_ms - at_ms) * _MS_BYTES
            for person, tone in zip(people, tones, strict=True):
                yield Speech(at_ms=at_ms, person=person, pcm=tone[:wanted])
        if terminate:
            yield _end(length_ms)

    return MeetingScript(items)


def bulk_payload(media: MediaType, index: int, size: int) -> bytes:
    """Return the bytes of frame `index` of a bulk meeting, without the mark of its codec.

    Args:
        media: Medium of the frame.
        index: Number of the frame, from 0.
        size: Bytes.
    """
    stamp = b"%02x%014x" % (media, index)  # no zero byte, so no start code comes about
    return (stamp * (size // len(stamp) + 1))[:size]


def bulk_audio(
    *,
    frames: int,
    size: int = 640,
    people: Sequence[Person] = (ADA,),
    interval_ms: int = 20,
    terminate: bool = True,
) -> MeetingScript:
    """Make a meeting of many audio packets with known content, for exact comparison.

    Packet `i` is ``bulk_payload(MediaType.AUDIO, i, size)``, by each of the people in turn; the
    bytes pass unchanged whatever audio format was negotiated.

    Args:
        frames: Packets in all.
        size: Bytes of each.
        people: Who speaks.
        interval_ms: Time between two packets of one person, in meeting time.
        terminate: Whether the stream ends after the last packet.
    """

    def items() -> Iterator[MeetingItem]:
        for index in range(frames):
            turn, who = divmod(index, len(people))
            yield AudioPacket(
                at_ms=turn * interval_ms,
                person=people[who],
                data=bulk_payload(MediaType.AUDIO, index, size),
            )
        if terminate:
            yield _end(frames * interval_ms)

    return MeetingScript(items)


def bulk_video(
    *,
    frames: int,
    size: int = 20_000,
    person: Person = ADA,
    media: MediaType = MediaType.VIDEO,
    codec: MediaCodec = MediaCodec.H264,
    interval_ms: int = 40,
    terminate: bool = True,
) -> MeetingScript:
    """Make a meeting of many pictures with known content, of camera or screen.

    Picture `i` starts with a mark of its codec, so that it is told apart by its first bytes: a
    start code and NAL header for H.264 (every 30th a key frame), the magic number of JPG or PNG.
    ``bulk_payload(media, i, ...)`` fills it up to its size. No decoder can make sense of it.

    Args:
        frames: Pictures in all.
        size: Bytes of each.
        person: Whose pictures.
        media: `MediaType.VIDEO` or `MediaType.SHARE`.
        codec: H.264, JPG or PNG.
        interval_ms: Time between two pictures; JPG and PNG are thinned to the negotiated rate.
        terminate: Whether the stream ends after the last picture.
    """

    def items() -> Iterator[MeetingItem]:
        for index in range(frames):
            start = _picture_start(codec, index)
            yield Picture(
                at_ms=index * interval_ms,
                person=person,
                data=start + bulk_payload(media, index, size - len(start)),
                codec=codec,
                media=media,
            )
        if terminate:
            yield _end(frames * interval_ms)

    return MeetingScript(items)


def bulk_captions(
    *, segments: int, person: Person = ADA, interval_ms: int = 500, terminate: bool = True
) -> MeetingScript:
    """Make a meeting of many transcript segments, ``segment 0`` and so on."""

    def items() -> Iterator[MeetingItem]:
        for index in range(segments):
            yield Caption(at_ms=index * interval_ms, person=person, text=f"segment {index}")
        if terminate:
            yield _end(segments * interval_ms)

    return MeetingScript(items)


def bulk_chat(
    *, messages: int, person: Person = ADA, interval_ms: int = 500, terminate: bool = True
) -> MeetingScript:
    """Make a meeting of many chat messages, ``message 0`` with id ``m-0`` and so on."""

    def items() -> Iterator[MeetingItem]:
        for index in range(messages):
            yield Chat(
                at_ms=index * interval_ms,
                person=person,
                text=f"message {index}",
                message_id=f"m-{index}",
            )
        if terminate:
            yield _end(messages * interval_ms)

    return MeetingScript(items)


def sample_meeting(*, seconds: float | None = None, terminate: bool = True) -> MeetingScript:
    """Make the meeting that ships with the package: two speakers, cameras, a shared screen, chat.

    Speech, H.264 and JPEG are real; PNG is a small coloured square.

    Args:
        seconds: Length; the meeting is repeated or cut as needed. Once through when `None`.
        terminate: Whether the stream ends with the meeting.
    """
    sample = SampleMeeting.load()
    length_ms = sample.duration_ms if seconds is None else int(seconds * 1000)
    once = sorted(_sample_items(sample), key=attrgetter("at_ms"))

    def items() -> Iterator[MeetingItem]:
        for start_ms in range(0, length_ms, sample.duration_ms):
            for item in once:
                at_ms = start_ms + item.at_ms
                if at_ms >= length_ms:
                    break
                yield _moved(item, start_ms)
        if terminate:
            yield _end(length_ms)

    return MeetingScript(items)


def _moved(item: MeetingItem, by_ms: int) -> MeetingItem:
    if not by_ms:
        return item
    if isinstance(item, Caption) and item.start_ms is not None and item.end_ms is not None:
        item = attrs.evolve(item, start_ms=item.start_ms + by_ms, end_ms=item.end_ms + by_ms)
    return attrs.evolve(item, at_ms=item.at_ms + by_ms)


def _sample_items(sample: SampleMeeting) -> Iterator[MeetingItem]:
    people = {
        one.user_id: Person(user_id=one.user_id, user_name=one.user_name)
        for one in sample.participants
    }
    for one in sample.participants:
        who = (people[one.user_id],)
        yield SessionEvent(at_ms=one.join_ms, event_type=EventType.PARTICIPANT_JOIN, people=who)
        yield SessionEvent(at_ms=one.leave_ms, event_type=EventType.PARTICIPANT_LEAVE, people=who)
    yield from _sample_speech(sample, people)
    yield from _sample_cameras(sample, people)
    yield from _sample_shares(sample, people)
    for message in sample.chat:
        yield Chat(
            at_ms=message.at_ms,
            person=people[message.user_id],
            text=message.text,
            message_id=message.message_id,
            files=tuple(attrs.asdict(file) for file in message.files),
        )


def _sample_speech(sample: SampleMeeting, people: dict[int, Person]) -> Iterator[MeetingItem]:
    for said in sample.utterances:
        who = people[said.user_id]
        yield SessionEvent(
            at_ms=said.start_ms, event_type=EventType.ACTIVE_SPEAKER_CHANGE, people=(who,)
        )
        yield Speech(at_ms=said.start_ms, person=who, pcm=said.pcm)
        yield Caption(
            at_ms=said.end_ms,
            person=who,
            text=said.text,
            start_ms=said.start_ms,
            end_ms=said.end_ms,
        )


def _sample_cameras(sample: SampleMeeting, people: dict[int, Person]) -> Iterator[MeetingItem]:
    for camera in sample.camera_times:
        who = people[camera.user_id]
        on, off = EventType.PARTICIPANT_VIDEO_ON, EventType.PARTICIPANT_VIDEO_OFF
        yield SessionEvent(at_ms=camera.start_ms, event_type=on, people=(who,))
        yield SessionEvent(at_ms=camera.stop_ms, event_type=off, people=(who,))
        # A camera starts with a key frame whenever its owner comes on stage.
        cuts = [said.start_ms for said in sample.utterances if said.user_id == camera.user_id]
        cuts = [camera.start_ms, *(cut for cut in cuts if cut > camera.start_ms), camera.stop_ms]
        for start_ms, stop_ms in pairwise(cuts):
            yield from _loop(
                who, sample.cameras[camera.user_id], sample.camera_fps, start_ms, stop_ms
            )
        for at_ms in range(camera.start_ms, camera.stop_ms, _CAMERA_PICTURES_MS):
            jpeg = sample.slides[at_ms // _SHARE_PICTURES_MS % len(sample.slides)]
            yield from _stills(who, jpeg, at_ms, MediaType.VIDEO)


def _sample_shares(sample: SampleMeeting, people: dict[int, Person]) -> Iterator[MeetingItem]:
    for share in sample.shares:
        who = people[share.user_id]
        yield SessionEvent(at_ms=share.start_ms, event_type=EventType.SHARING_START, people=(who,))
        yield SessionEvent(at_ms=share.stop_ms, event_type=EventType.SHARING_STOP)
        yield from _loop(
            who,
            sample.share_h264,
            sample.share_fps,
            share.start_ms,
            share.stop_ms,
            media=MediaType.SHARE,
        )
        for at_ms in range(share.start_ms, share.stop_ms, _SHARE_PICTURES_MS):
            shown = [slide.slide for slide in share.slides if slide.at_ms <= at_ms]
            yield from _stills(who, sample.slides[shown[-1]], at_ms, MediaType.SHARE)


def _loop(  # noqa: PLR0917  (an interval of a repeated film)
    who: Person,
    units: Sequence[bytes],
    fps: int,
    start_ms: int,
    stop_ms: int,
    media: MediaType = MediaType.VIDEO,
) -> Iterator[MeetingItem]:
    for index in range((stop_ms - start_ms) * fps // 1000):
        yield Picture(
            at_ms=start_ms + index * 1000 // fps,
            person=who,
            data=units[index % len(units)],
            media=media,
        )


def _stills(who: Person, jpeg: bytes, at_ms: int, media: MediaType) -> Iterable[MeetingItem]:
    yield Picture(at_ms=at_ms, person=who, data=jpeg, codec=MediaCodec.JPG, media=media)
    yield Picture(at_ms=at_ms, person=who, data=_square(), codec=MediaCodec.PNG, media=media)


def _square(side: int = 64) -> bytes:
    """Draw a blue square as PNG."""
    pixels = (b"\0" + b"\x2d\x8c\xff" * side) * side

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        _PNG_START
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def _picture_start(codec: MediaCodec, index: int) -> bytes:
    if codec == MediaCodec.H264:
        return _DELTA_FRAME if index % _GROUP_OF_PICTURES else _KEY_FRAME
    return _JPEG_START if codec == MediaCodec.JPG else _PNG_START


def _tone(frequency_hz: int) -> bytes:
    """Make one second of a tone; a whole number of cycles, so that seconds join smoothly."""
    step = 2 * math.pi * frequency_hz / _RATE_HZ
    samples = array.array("h", (round(8000 * math.sin(step * index)) for index in range(_RATE_HZ)))
    if sys.byteorder == "big":  # pragma: no cover
        samples.byteswap()
    return samples.tobytes()


def _end(at_ms: int) -> StateChange:
    return StateChange(at_ms=at_ms, state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED)
