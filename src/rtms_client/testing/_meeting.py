"""Scripted meetings: what happens when, as data.

A script is a re-iterable sequence of items, each with its offset from the start of the meeting.
It says nothing about the wire: how an item is formatted depends on what the client negotiated.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final, TypeAlias

import attrs

from rtms_client.enums import (
    ChatOperation,
    ChatSessionType,
    DataAttribute,
    Language,
    MediaCodec,
    MediaType,
    SessionState,
    StopReason,
    StreamState,
)

__all__ = [
    "ADA",
    "GRACE",
    "SLICE_MS",
    "AudioPacket",
    "Caption",
    "Chat",
    "Hangup",
    "MeetingItem",
    "MeetingScript",
    "Person",
    "Picture",
    "RawMessage",
    "SessionEvent",
    "Speech",
    "StateChange",
]

SLICE_MS: Final = 20
"""Granularity of speech in milliseconds: the shortest packet the protocol knows."""


@attrs.frozen(kw_only=True)
class Person:
    """Somebody in the meeting."""

    user_id: int
    user_name: str
    channel_id: str | None = None
    """Channel of a Contact Center or Phone party; made from the user id when not given."""


ADA: Final = Person(user_id=16778240, user_name="Ada")
GRACE: Final = Person(user_id=16779264, user_name="Grace")


@attrs.frozen(kw_only=True)
class SessionEvent:
    """An event on the signaling socket (message 6).

    It is sent only when the client subscribed to it; types 1 and 7 are always sent.
    """

    at_ms: int
    event_type: int
    """`EventType`, or `ContactCenterEventType` for Contact Center."""
    people: tuple[Person, ...] = ()
    fields: Mapping[str, object] = attrs.field(factory=dict[str, object])
    """Further keys, for example ``chat_groups`` or ``participant_info``."""


def _on_grid(_speech: object, _attribute: object, value: int) -> None:
    if value % SLICE_MS:
        raise ValueError(f"speech must start at a multiple of {SLICE_MS} ms, not at {value} ms")


@attrs.frozen(kw_only=True)
class Speech:
    """Continuous speech of one person, formatted as each client negotiated it.

    L16 is converted by decimation or duplication of samples. G711, G722 and Opus are not encoded:
    the client gets opaque, deterministic packets of plausible size.
    """

    at_ms: int = attrs.field(validator=_on_grid)
    """Offset from the start of the meeting; a multiple of 20."""
    person: Person
    pcm: bytes = attrs.field(repr=lambda pcm: f"<{len(pcm)} bytes>")
    """Signed 16-bit little-endian mono samples at 16 kHz; the end is padded to 20 ms."""


@attrs.frozen(kw_only=True)
class AudioPacket:
    """One audio message whose bytes pass unchanged, whatever was negotiated."""

    at_ms: int
    person: Person
    data: bytes = attrs.field(repr=lambda data: f"<{len(data)} bytes>")


@attrs.frozen(kw_only=True)
class Picture:
    """One picture or H.264 access unit, sent to clients that negotiated its codec."""

    at_ms: int
    person: Person
    data: bytes = attrs.field(repr=lambda data: f"<{len(data)} bytes>")
    codec: MediaCodec = MediaCodec.H264
    media: MediaType = MediaType.VIDEO
    """`MediaType.VIDEO` or `MediaType.SHARE`."""


@attrs.frozen(kw_only=True)
class Caption:
    """One transcript segment."""

    at_ms: int
    """When it is sent."""
    person: Person
    text: str
    start_ms: int | None = None
    """Start of the utterance; `at_ms` when not given."""
    end_ms: int | None = None
    """End of the utterance; `at_ms` when not given."""
    language: Language = Language.ENGLISH
    attribute: DataAttribute = DataAttribute.NEW


@attrs.frozen(kw_only=True)
class Chat:
    """One chat message."""

    at_ms: int
    person: Person
    text: str
    message_id: str = "m-1"
    parent_message_id: str = ""
    operation: ChatOperation = ChatOperation.NEW
    session_type: ChatSessionType = ChatSessionType.EVERYONE
    session_id: str | None = None
    receiver: Person | None = None
    files: tuple[Mapping[str, object], ...] = ()
    """Items with ``file_id``, ``file_name`` and ``file_size``."""
    delete_file_ids: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class StateChange:
    """The stream (message 8) or its session (message 9) changes state.

    A paused stream or session sends no media. `StreamState.TERMINATED` ends the stream.
    """

    at_ms: int
    state: StreamState | SessionState
    reason: StopReason | None = None


@attrs.frozen(kw_only=True)
class RawMessage:
    """Anything at all on one socket: ``dict`` as JSON, ``str`` as text, ``bytes`` as binary."""

    at_ms: int
    message: Mapping[str, object] | str | bytes
    socket: str = "signaling"
    optional: bool = False
    """Leave it out while the client has no such socket, instead of failing. A socket that a
    `Hangup` closed is waited for, if the meeting has no pace."""


@attrs.frozen(kw_only=True)
class Hangup:
    """The server closes a socket; nothing happens if the client has no such socket."""

    at_ms: int
    socket: str = "signaling"
    code: int = 1000
    """Close code; 1005 and 1006 stand for a connection that is reset without a close frame."""
    reason: str = ""


MeetingItem: TypeAlias = (
    SessionEvent
    | Speech
    | AudioPacket
    | Picture
    | Caption
    | Chat
    | StateChange
    | RawMessage
    | Hangup
)


class MeetingScript:
    """A meeting as timed items.

    Args:
        items: The items, in any order; or a function that returns a new iterator over items in
            order of time, for meetings too long to be kept in memory.
    """

    def __init__(
        self, items: Iterable[MeetingItem] | Callable[[], Iterator[MeetingItem]] = ()
    ) -> None:
        self._make: Callable[[], Iterator[MeetingItem]]
        if callable(items):
            self._make = items
        else:
            ordered = sorted(items, key=attrgetter("at_ms"))
            self._make = lambda: iter(ordered)

    def __iter__(self) -> Iterator[MeetingItem]:
        """Go through the items in order of time; each iteration starts anew."""
        return self._make()
