"""Media as delivered: audio, video, share, transcript and chat.

Frames hold the bytes as the server sent them. Names, texts and media are kept out of ``repr()``, so
that a logged frame gives nothing away.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

from rtms_client.config import AudioFormat, PictureFormat, TranscriptFormat
from rtms_client.enums import (
    ChatOperation,
    ChatSessionType,
    DataAttribute,
    Language,
    MediaCodec,
)

__all__ = [
    "AudioFrame",
    "ChatFile",
    "ChatMessage",
    "ChatParty",
    "Item",
    "MediaFrame",
    "ShareFrame",
    "TranscriptSegment",
    "UserId",
    "VideoFrame",
]

UserId: TypeAlias = int | str
"""Id of a connection to this meeting, not of a person: the same person gets a new one after
rejoining. An `int` whenever the server sent digits, else the raw text."""


_IDR_SLICE: Final = 5  # H.264, table 7-1
_SLICES: Final = frozenset({1, 2, _IDR_SLICE})


def _size(data: bytes) -> str:
    return f"<{len(data)} bytes>"


@attrs.frozen(kw_only=True)
class Item:
    """Anything a stream delivers: a media frame or an event."""

    sequence: int = 0
    """Place in the order of arrival, counted by this library over all items of the stream; it
    grows strictly and never restarts."""


@attrs.frozen(kw_only=True)
class AudioFrame(Item):
    """One packet of audio: of one speaker, or mixed."""

    data: bytes = attrs.field(repr=_size)
    """Audio in `format`, as sent."""
    timestamp_ms: int
    """Capture time on the server's clock, Unix time in milliseconds; grows by ``send_rate_ms`` per
    user while that user speaks."""
    user_id: UserId | None = None
    """The speaker; 0 in mixed audio, `None` when the server named nobody."""
    user_name: str | None = attrs.field(default=None, repr=False)
    channel_id: str | None = None
    """Call party in Contact Center and Phone; separate by this first, then by `user_id`."""
    discontinuity: bool = False
    """Audio before this frame was lost or dropped; see `Gap`."""
    format: AudioFormat
    """What the server granted for this stream; one object shared by all frames."""
    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """Keys of the message that this version does not know."""

    @property
    def size(self) -> int:
        """Payload size in bytes."""
        return len(self.data)


@attrs.frozen(kw_only=True)
class _PictureFrame(Item):
    """What video and share frames have in common."""

    data: bytes = attrs.field(repr=_size)
    """One JPEG or PNG picture, or one H.264 access unit (Annex B), as sent."""
    timestamp_ms: int
    """Capture time on the server's clock, Unix time in milliseconds."""
    user_id: UserId | None = None
    """Whose picture it is; `None` when the server named nobody."""
    user_name: str | None = attrs.field(default=None, repr=False)
    discontinuity: bool = False
    """Frames before this one were lost or dropped; see `Gap`."""
    format: PictureFormat
    """What the server granted for this stream; one object shared by all frames."""
    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """Keys of the message that this version does not know."""

    @property
    def size(self) -> int:
        """Payload size in bytes."""
        return len(self.data)

    @property
    def is_key_frame(self) -> bool:
        """Whether a decoder can start here: any JPEG or PNG, H.264 with an IDR slice.

        The search stops at the first slice, so it is cheap for every frame.
        """
        if self.format.codec != MediaCodec.H264:
            return True
        data, start = self.data, 0
        while (start := data.find(b"\x00\x00\x01", start)) >= 0:
            start += 3
            if start < len(data):
                nal_unit_type = data[start] & 0x1F
                if nal_unit_type in _SLICES:
                    return nal_unit_type == _IDR_SLICE
        return False


@attrs.frozen(kw_only=True)
class VideoFrame(_PictureFrame):
    """One camera picture."""


@attrs.frozen(kw_only=True)
class ShareFrame(_PictureFrame):
    """One picture of a shared screen."""


@attrs.frozen(kw_only=True)
class TranscriptSegment(Item):
    """One utterance of one participant as text."""

    text: str = attrs.field(repr=False)
    timestamp_ms: int
    """Start of the utterance on the server's clock, Unix time in milliseconds."""
    user_id: UserId | None = None
    user_name: str | None = attrs.field(default=None, repr=False)
    channel_id: str | None = None
    """Call party in Contact Center and Phone."""
    start_ms: int | None = None
    """Start, in milliseconds; Unix time, or relative to the stream: see `relative_times`."""
    end_ms: int | None = None
    """End, in milliseconds, in the same terms as `start_ms`."""
    relative_times: bool = False
    """`start_ms` and `end_ms` are no Unix times; some servers mix both."""
    language: Language | None = None
    """Detected language."""
    attribute: DataAttribute | None = None
    """Whether the segment is new, or updates or deletes an earlier one."""
    discontinuity: bool = False
    """Segments before this one were dropped; see `Gap`."""
    format: TranscriptFormat
    """What the server granted for this stream; one object shared by all segments."""
    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """Keys of the message that this version does not know."""

    @property
    def size(self) -> int:
        """Length of the text in characters."""
        return len(self.text)


@attrs.frozen(kw_only=True)
class ChatParty:
    """Sender or receiver of a chat message."""

    user_id: UserId | None = None
    user_name: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class ChatFile:
    """A file attached to a chat message; the content is not part of RTMS."""

    file_id: str
    file_name: str | None = attrs.field(default=None, repr=False)
    file_size: int | None = None
    """Size in bytes."""


@attrs.frozen(kw_only=True)
class ChatMessage(Item):
    """A chat message, its change, or a reaction; the text may be empty."""

    text: str = attrs.field(repr=False)
    timestamp_ms: int
    """Time on the server's clock, Unix time in milliseconds."""
    sender: ChatParty | None = None
    receiver: ChatParty | None = None
    """`None` when the message goes to everybody or to a group."""
    session_type: ChatSessionType | None = None
    session_id: str | None = None
    """Which conversation; `None` when it is the one with everybody."""
    operation: ChatOperation | None = None
    """New, changed, deleted, reaction; `None` from servers before July 2026."""
    message_id: str | None = None
    parent_message_id: str | None = None
    """The message this one replies to."""
    files: tuple[ChatFile, ...] = ()
    deleted_file_ids: tuple[str, ...] = ()
    discontinuity: bool = False
    """Messages before this one were dropped; see `Gap`."""
    raw: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """All fields as sent; the only place where the emoji of a reaction is."""

    @property
    def size(self) -> int:
        """Length of the text in characters."""
        return len(self.text)


MediaFrame: TypeAlias = AudioFrame | VideoFrame | ShareFrame | TranscriptSegment | ChatMessage
"""Any of the five media."""
