"""What happens in a session besides media: one typed family, with a member for the unknown."""

import enum
from collections.abc import Mapping
from typing import TypeAlias

import attrs

from rtms_client.enums import (
    ContactCenterEventType,
    EventType,
    MediaType,
    MessageType,
    SessionState,
    StatusCode,
    StopReason,
    StreamState,
)
from rtms_client.exceptions import RTMSError
from rtms_client.frames import Item, MediaFrame, UserId

__all__ = [
    "ActiveSpeakerChanged",
    "ChatGroupChanged",
    "ContactCenterEvent",
    "FirstPacket",
    "Gap",
    "GapCause",
    "MediaInterrupted",
    "MediaMetadata",
    "MediaUnavailable",
    "ParametersChanged",
    "Participant",
    "ParticipantJoined",
    "ParticipantLeft",
    "ReconnectScheduled",
    "SessionEvent",
    "SessionStateChanged",
    "SharingStarted",
    "SharingStopped",
    "StreamInterrupted",
    "StreamItem",
    "StreamResumed",
    "StreamStateChanged",
    "Unrecognized",
    "VideoStarted",
    "VideoStopped",
    "VideoSubscriptionChanged",
]


@attrs.frozen(kw_only=True)
class Participant:
    """Somebody connected to the meeting."""

    user_id: UserId
    user_name: str | None = attrs.field(default=None, repr=False)
    """`None` when the server did not say, not even in an earlier event."""
    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """Keys that this version does not know."""


@attrs.frozen(kw_only=True)
class _Timed(Item):
    """An event with a time on the server's clock."""

    timestamp_ms: int | None = None
    """Unix time in milliseconds on the server's clock; `None` when the server did not say."""


@attrs.frozen(kw_only=True)
class _People(_Timed):
    """An event about participants."""

    participants: tuple[Participant, ...]


@attrs.frozen(kw_only=True)
class FirstPacket(_Timed):
    """The session started; use the time stamp as zero of relative times (event 1)."""


@attrs.frozen(kw_only=True)
class ActiveSpeakerChanged(_Timed):
    """Somebody else speaks now (event 2)."""

    user_id: UserId | None = None
    user_name: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class ParticipantJoined(_People):
    """Participants joined (event 3); the first one lists everybody already there."""


@attrs.frozen(kw_only=True)
class ParticipantLeft(_People):
    """Participants left (event 4)."""


@attrs.frozen(kw_only=True)
class SharingStarted(_Timed):
    """A participant began to share a screen (event 5)."""

    user_id: UserId | None = None
    user_name: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class SharingStopped(_Timed):
    """Screen sharing ended (event 6)."""


@attrs.frozen(kw_only=True)
class MediaInterrupted(_Timed):
    """The server lost a media connection (event 7)."""

    media: MediaType | None = None
    """Which media; `None` when the server did not say."""


@attrs.frozen(kw_only=True)
class VideoStarted(_People):
    """Participants turned their camera on (event 8 of meetings)."""


@attrs.frozen(kw_only=True)
class VideoStopped(_People):
    """Participants turned their camera off (event 9 of meetings)."""


@attrs.frozen(kw_only=True)
class ChatGroupChanged(_Timed):
    """A chat group or its members changed (events 10 to 14 of meetings)."""

    event_type: EventType
    changes: tuple[Mapping[str, object], ...] = attrs.field(default=(), repr=False, hash=False)
    """The server's items as sent; their fields are not documented."""


@attrs.frozen(kw_only=True)
class ContactCenterEvent(_Timed):
    """Something happened in a Contact Center engagement (events 8 to 34 of Contact Center)."""

    event_type: ContactCenterEventType
    channel_id: str | None = None
    """Links the participant to the ``channel_id`` of audio and transcript."""
    participant_mode: str | None = None
    details: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """The event as sent; only the fields of event 8 are documented."""


@attrs.frozen(kw_only=True)
class StreamStateChanged(_Timed):
    """The server reports a state of the stream (message 8)."""

    state: StreamState
    reason: StopReason | None = None


@attrs.frozen(kw_only=True)
class SessionStateChanged(_Timed):
    """The server reports a state of one session of the stream (message 9)."""

    session_id: str | None = None
    state: SessionState
    reason: StopReason | None = None


@attrs.frozen(kw_only=True)
class VideoSubscriptionChanged(_Timed):
    """The server answered a subscription of an individual video (message 29)."""

    user_id: UserId | None = None
    subscribed: bool
    """Whether video of this participant is expected now."""
    status: StatusCode | None
    """The answer; `None` when it had no status."""


@attrs.frozen(kw_only=True)
class MediaUnavailable(Item):
    """A medium will not come, the others go on: no scope, refused, or no URL offered."""

    media: MediaType
    status: StatusCode | None = None
    """The refusal; `None` when the server offered no URL for the medium."""
    reason: str = ""
    """What to do."""


@attrs.frozen(kw_only=True)
class ParametersChanged(Item):
    """The server granted other parameters than requested; see ``stream.granted``."""

    media: MediaType
    differences: tuple[str, ...]
    """``name: requested → granted`` for each parameter that differs."""


@attrs.frozen(kw_only=True)
class MediaMetadata(Item):
    """Metadata of a medium (messages 23 to 27); the body is not documented."""

    message_type: MessageType
    content: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """The message as sent."""


@attrs.frozen(kw_only=True)
class StreamInterrupted(Item):
    """A connection broke; the library tries to bring it back."""

    media: MediaType | None
    """The medium that stands still; `None` when signaling broke and with it everything."""
    cause: RTMSError


@attrs.frozen(kw_only=True)
class ReconnectScheduled(Item):
    """A try to bring a connection back is planned."""

    media: MediaType | None
    """The medium; `None` for signaling."""
    attempt: int
    """Number of the try since the loss, from 1."""
    delay_s: float
    """Wait before the try, in seconds."""
    cause: RTMSError
    """Why the connection is not there."""


@attrs.frozen(kw_only=True)
class StreamResumed(Item):
    """A connection is back; what was missed follows as `Gap` with the next item of each medium."""

    media: MediaType | None
    """The medium; `None` when signaling and all media are back."""
    attempts: int
    """Tries it took."""
    after_s: float
    """Time from the loss until now, in seconds."""


class GapCause(enum.Enum):
    """Why items are missing."""

    DROPPED = "dropped"
    """The consumer was too slow; the buffer's policy dropped them."""
    LOST = "lost"
    """The connection was interrupted and the server did not send them again."""
    PAUSED = "paused"
    """The stream was paused."""


@attrs.frozen(kw_only=True)
class Gap(Item):
    """Items are missing at this place."""

    media: MediaType | None
    """The medium; `None` for events that were dropped, and for all media when paused."""
    cause: GapCause
    items: int | None = None
    """How many are missing; `None` when nobody can know."""
    size: int | None = None
    """Bytes (media) or characters (text) missing; `None` when nobody can know."""
    user_ids: tuple[UserId, ...] = ()
    """Who is concerned; empty when unknown."""
    from_ms: int | None = None
    """Time stamp of the first missing item, Unix time in milliseconds."""
    to_ms: int | None = None
    """Time stamp of the last missing item, Unix time in milliseconds."""
    consumer: str | None = None
    """Whose buffer dropped them; `None` when they are missing for everybody."""

    @property
    def duration_ms(self) -> int | None:
        """From the first to the last missing item, in milliseconds; `None` when unknown."""
        if self.from_ms is None or self.to_ms is None:
            return None
        return self.to_ms - self.from_ms


@attrs.frozen(kw_only=True)
class Unrecognized(Item):
    """A message that this version cannot interpret; the stream goes on."""

    problem: str
    """What was expected and what came, without payload."""
    message_type: MessageType | None = None
    """`None` when the message could not be parsed that far."""
    raw: Mapping[str, object] | bytes = attrs.field(default=b"", repr=False, hash=False)
    """The message as sent; of one that is not JSON the first 4096 bytes."""


SessionEvent: TypeAlias = (
    FirstPacket
    | ActiveSpeakerChanged
    | ParticipantJoined
    | ParticipantLeft
    | SharingStarted
    | SharingStopped
    | MediaInterrupted
    | VideoStarted
    | VideoStopped
    | ChatGroupChanged
    | ContactCenterEvent
    | StreamStateChanged
    | SessionStateChanged
    | VideoSubscriptionChanged
    | MediaUnavailable
    | ParametersChanged
    | MediaMetadata
    | StreamInterrupted
    | ReconnectScheduled
    | StreamResumed
    | Gap
    | Unrecognized
)
"""Everything that ``stream.events()`` delivers."""

StreamItem: TypeAlias = MediaFrame | SessionEvent
"""Everything that iterating a stream delivers."""
