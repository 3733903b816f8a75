"""The sample meeting that ships with the package: real speech, H.264, JPEG and chat.

Loading and cutting only: what a player needs, in the units of its clock. Nothing here knows the
wire or a socket. Every time is in milliseconds since the start of the meeting.
"""

from __future__ import annotations

import io
import json
import struct
import wave
from collections.abc import Iterator, Mapping
from importlib import resources
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypedDict

import attrs

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "SampleCamera",
    "SampleChat",
    "SampleFile",
    "SampleMeeting",
    "SampleParticipant",
    "SampleShare",
    "SampleSlide",
    "SampleUtterance",
    "is_key_frame",
    "split_access_units",
]

BYTES_PER_MS: Final = 32
"""16 kHz, mono, 16 bit: the format of all audio of the sample."""


# H.264 byte streams ----------------------------------------------------------------------------

# NAL unit types of ITU-T H.264, table 7-1.
_KEY_SLICE: Final = 5
_PICTURE_SLICES: Final = frozenset({1, 2, _KEY_SLICE})
"""Slices that start with ``first_mb_in_slice``; 2 is data partition A."""
_PREFIXES: Final = frozenset({6, 7, 8, 9, *range(14, 19)})
"""SEI, SPS, PPS, delimiter and reserved: after a picture they open the next access unit."""

_START_CODE: Final = b"\x00\x00\x01"


def _nal_units(stream: bytes) -> Iterator[tuple[int, int]]:
    """Yield, for each NAL unit, where its start code and where its header byte begin."""
    code = stream.find(_START_CODE)
    while code >= 0:
        begin = code
        # A NAL unit never ends with a zero byte (7.4.1), so all zeros belong to the start code.
        while begin > 0 and stream[begin - 1] == 0:
            begin -= 1
        header = code + len(_START_CODE)
        if header < len(stream):
            yield begin, header
        code = stream.find(_START_CODE, header)


def split_access_units(stream: bytes) -> tuple[bytes, ...]:
    """Cut an H.264 Annex B byte stream into access units: one picture with what belongs to it.

    A new access unit begins with a slice whose ``first_mb_in_slice`` is 0, or before it with the
    parameter sets, SEI messages and delimiters that precede the picture (ITU-T H.264, 7.4.1.2.3).
    Redundant pictures, arbitrary slice order and the multi-view extensions are not supported.

    Args:
        stream: The byte stream, with start codes of three or four bytes.

    Returns:
        The access units with their start codes; joined together they are the stream again.
        Parameter sets at the end of the stream, without a picture, are a unit of their own.

    Raises:
        ValueError: The stream does not begin with a start code and a NAL unit.
    """
    cuts: list[int] = []
    has_picture = False
    for begin, header in _nal_units(stream):
        kind = stream[header] & 0x1F
        # The slice header begins with first_mb_in_slice as an Exp-Golomb code: 0 is a single 1 bit.
        starts_picture = kind in _PICTURE_SLICES and stream[header + 1 : header + 2] >= b"\x80"
        if not cuts or (has_picture and (starts_picture or kind in _PREFIXES)):
            cuts.append(begin)
            has_picture = False
        has_picture = has_picture or starts_picture
    if stream and cuts[:1] != [0]:
        raise ValueError("expected an H.264 Annex B byte stream, which begins with a start code")
    return tuple(stream[begin:end] for begin, end in pairwise([*cuts, len(stream)]))


def is_key_frame(access_unit: bytes) -> bool:
    """Whether decoding can begin with this access unit, because its picture is an IDR picture.

    Args:
        access_unit: One item of what :func:`split_access_units` returns.
    """
    return any(access_unit[header] & 0x1F == _KEY_SLICE for _, header in _nal_units(access_unit))


# The meeting -----------------------------------------------------------------------------------


def _size(data: bytes) -> str:
    return f"<{len(data)} bytes>"


@attrs.frozen(kw_only=True)
class SampleParticipant:
    """One person in the meeting."""

    user_id: int
    user_name: str
    join_ms: int
    leave_ms: int


@attrs.frozen(kw_only=True)
class SampleUtterance:
    """One sentence or two, spoken without a longer pause."""

    user_id: int
    start_ms: int
    text: str
    pcm: bytes = attrs.field(repr=_size)
    """16 kHz mono, signed 16 bit, little-endian; whole multiples of 20 ms."""

    @property
    def duration_ms(self) -> int:
        """How long the utterance lasts."""
        return len(self.pcm) // BYTES_PER_MS

    @property
    def end_ms(self) -> int:
        """When the utterance is over."""
        return self.start_ms + self.duration_ms


@attrs.frozen(kw_only=True)
class SampleCamera:
    """When a participant's camera is on; the pictures are in :attr:`SampleMeeting.cameras`."""

    user_id: int
    start_ms: int
    stop_ms: int


@attrs.frozen(kw_only=True)
class SampleSlide:
    """The moment at which a slide appears on the shared screen."""

    at_ms: int
    slide: int
    """Index into :attr:`SampleMeeting.slides`."""


@attrs.frozen(kw_only=True)
class SampleShare:
    """When a participant shares the screen, and what is on it."""

    user_id: int
    start_ms: int
    stop_ms: int
    slides: tuple[SampleSlide, ...]
    """In the order of time; the first one appears at ``start_ms``."""


@attrs.frozen(kw_only=True)
class SampleFile:
    """A file attached to a chat message; only its description exists."""

    file_id: str
    file_name: str
    file_size: int
    """In bytes."""


@attrs.frozen(kw_only=True)
class SampleChat:
    """One chat message to everyone."""

    message_id: str
    at_ms: int
    user_id: int
    """The sender."""
    text: str
    files: tuple[SampleFile, ...]


class _Utterance(TypedDict):
    user_id: int
    start_ms: int
    text: str
    file: str


class _Camera(TypedDict):
    user_id: int
    start_ms: int
    stop_ms: int
    file: str


class _Slide(TypedDict):
    at_ms: int
    slide: int


class _Share(TypedDict):
    user_id: int
    start_ms: int
    stop_ms: int
    slides: list[_Slide]


class _File(TypedDict):
    file_id: str
    file_name: str
    file_size: int


class _Chat(TypedDict):
    message_id: str
    at_ms: int
    user_id: int
    text: str
    files: list[_File]


class _Participant(TypedDict):
    user_id: int
    user_name: str
    join_ms: int
    leave_ms: int


class _Script(TypedDict):
    """The content of ``meeting.json``."""

    duration_ms: int
    sample_rate_hz: int
    camera_fps: int
    share_fps: int
    participants: list[_Participant]
    cameras: list[_Camera]
    share: list[_Share]
    slides: list[str]
    share_file: str
    chat: list[_Chat]
    utterances: list[_Utterance]


def _read_pcm(file: Traversable) -> bytes:
    with wave.open(io.BytesIO(file.read_bytes()), "rb") as recording:
        return recording.readframes(recording.getnframes())


def _add(below: bytes | bytearray, above: bytes) -> bytes:
    """Add samples to samples of the same number; what is too loud stays at the limit."""
    if not any(below):  # Silence below is the common case, and four times as fast.
        return above
    layout = f"<{len(above) // 2}h"
    pairs = zip(struct.unpack(layout, below), struct.unpack(layout, above), strict=True)
    return struct.pack(layout, *(max(-0x8000, min(0x7FFF, low + high)) for low, high in pairs))


def _render(utterances: tuple[SampleUtterance, ...], duration_ms: int) -> bytes:
    """Lay utterances onto one track of silence."""
    track = bytearray(duration_ms * BYTES_PER_MS)
    for utterance in utterances:
        where = slice(utterance.start_ms * BYTES_PER_MS, utterance.end_ms * BYTES_PER_MS)
        track[where] = _add(track[where], utterance.pcm)
    return bytes(track)


def _cut(track: bytes, start_ms: int, duration_ms: int) -> bytes:
    """Return a part of a track, with silence after its end."""
    if start_ms < 0 or duration_ms < 0:
        raise ValueError(
            f"expected times of 0 ms or more, got start {start_ms}, duration {duration_ms}"
        )
    start = start_ms * BYTES_PER_MS
    size = duration_ms * BYTES_PER_MS
    return track[start : start + size].ljust(size, b"\x00")


def _mix_everyone(meeting: SampleMeeting) -> bytes:
    return _render(meeting.utterances, meeting.duration_ms)


def _separate_speakers(meeting: SampleMeeting) -> Mapping[int, bytes]:
    def said_by(user_id: int) -> tuple[SampleUtterance, ...]:
        return tuple(said for said in meeting.utterances if said.user_id == user_id)

    ids = [person.user_id for person in meeting.participants]
    return {user_id: _render(said_by(user_id), meeting.duration_ms) for user_id in ids}


@attrs.frozen(kw_only=True, eq=False)
class SampleMeeting:
    """A meeting of two people, 25 s long, that a server can play.

    Compared by identity: two of them hold the same megabyte.
    """

    duration_ms: int
    participants: tuple[SampleParticipant, ...]
    utterances: tuple[SampleUtterance, ...] = attrs.field(repr=False)
    """In the order of time; two of them overlap."""
    camera_times: tuple[SampleCamera, ...] = attrs.field(repr=False)
    cameras: Mapping[int, tuple[bytes, ...]] = attrs.field(repr=False)
    """H.264 access units of each camera by user id, 640x360, to be repeated as often as needed."""
    camera_fps: int
    shares: tuple[SampleShare, ...] = attrs.field(repr=False)
    slides: tuple[bytes, ...] = attrs.field(repr=False)
    """Pictures of the shared screen as JPEG files, 1280x720."""
    share_h264: tuple[bytes, ...] = attrs.field(repr=False)
    """The shared screen as H.264 access units, 1280x720, to be repeated as often as needed."""
    share_fps: int
    chat: tuple[SampleChat, ...] = attrs.field(repr=False)
    # Rendered once: cutting 20 ms out of a track is then a copy of 640 bytes.
    _mixed: bytes = attrs.field(
        init=False, repr=False, default=attrs.Factory(_mix_everyone, takes_self=True)
    )
    _tracks: Mapping[int, bytes] = attrs.field(
        init=False, repr=False, default=attrs.Factory(_separate_speakers, takes_self=True)
    )

    @classmethod
    def load(cls) -> SampleMeeting:
        """Read the files that ship with the package: about 1.2 MB, some hundredths of a second."""
        folder = resources.files("rtms_client.testing").joinpath("sample")
        script: _Script = json.loads(folder.joinpath("meeting.json").read_text("utf-8"))

        def access_units(name: str) -> tuple[bytes, ...]:
            return split_access_units(folder.joinpath(name).read_bytes())

        return cls(
            duration_ms=script["duration_ms"],
            participants=tuple(SampleParticipant(**item) for item in script["participants"]),
            utterances=tuple(
                SampleUtterance(
                    user_id=item["user_id"],
                    start_ms=item["start_ms"],
                    text=item["text"],
                    pcm=_read_pcm(folder.joinpath(item["file"])),
                )
                for item in script["utterances"]
            ),
            camera_times=tuple(
                SampleCamera(
                    user_id=item["user_id"], start_ms=item["start_ms"], stop_ms=item["stop_ms"]
                )
                for item in script["cameras"]
            ),
            cameras=MappingProxyType(
                {item["user_id"]: access_units(item["file"]) for item in script["cameras"]}
            ),
            camera_fps=script["camera_fps"],
            shares=tuple(
                SampleShare(
                    user_id=item["user_id"],
                    start_ms=item["start_ms"],
                    stop_ms=item["stop_ms"],
                    slides=tuple(SampleSlide(**slide) for slide in item["slides"]),
                )
                for item in script["share"]
            ),
            slides=tuple(folder.joinpath(name).read_bytes() for name in script["slides"]),
            share_h264=access_units(script["share_file"]),
            share_fps=script["share_fps"],
            chat=tuple(
                SampleChat(
                    message_id=item["message_id"],
                    at_ms=item["at_ms"],
                    user_id=item["user_id"],
                    text=item["text"],
                    files=tuple(SampleFile(**file) for file in item["files"]),
                )
                for item in script["chat"]
            ),
        )

    def mixed_pcm(self, start_ms: int, duration_ms: int) -> bytes:
        """Return what is heard in the room: all voices added, silence where nobody speaks.

        Args:
            start_ms: First millisecond; behind the end of the meeting there is silence.
            duration_ms: How much, for example 20.

        Returns:
            32 bytes per millisecond: 16 kHz mono, signed 16 bit, little-endian.

        Raises:
            ValueError: A time is negative.
        """
        return _cut(self._mixed, start_ms, duration_ms)

    def speaker_pcm(self, user_id: int, start_ms: int, duration_ms: int) -> bytes | None:
        """Return what one participant says.

        Args:
            user_id: The participant.
            start_ms: First millisecond.
            duration_ms: How much, for example 20.

        Returns:
            32 bytes per millisecond, as :meth:`mixed_pcm`; or ``None`` where no utterance of this
            participant touches the interval, because then a server sends nothing.

        Raises:
            KeyError: Nobody in the meeting has this id.
            ValueError: A time is negative.
        """
        pcm = _cut(self._tracks[user_id], start_ms, duration_ms)
        if any(
            said.user_id == user_id
            and said.start_ms < start_ms + duration_ms
            and start_ms < said.end_ms
            for said in self.utterances
        ):
            return pcm
        return None
