"""What the core asks of the shell, and the facts that it hands out."""

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import attrs

from rtms_client._wire.inbound import Reply
from rtms_client._wire.media import Flaws, Format
from rtms_client.config import AudioFormat, ChatParams, PictureFormat, TranscriptFormat
from rtms_client.enums import MediaType
from rtms_client.exceptions import RTMSError
from rtms_client.protocol.restart import RestartRequest

__all__ = ["Action", "Answer", "AskRestart", "Close", "CoreStatistics", "Granted", "Open", "Send"]


@attrs.frozen
class Open:
    """Open a connection, then report ``opened``, or ``failed`` if it does not come about."""

    connection: int
    endpoint: str
    url: str


@attrs.frozen
class Send:
    """Send a text frame, in order, without waiting."""

    connection: int
    endpoint: str
    data: bytes = attrs.field(repr=False)


@attrs.frozen
class Close:
    """Close a connection, or stop opening it; nothing about it is reported any more."""

    connection: int
    code: int
    reason: str
    drain: bool = False
    """What the server sent before is still wanted: take time for it as long as something comes,
    report what comes, and at last ``drained``."""


@attrs.frozen
class Answer:
    """A request came to its end."""

    token: int
    outcome: Reply | RTMSError


@attrs.frozen
class AskRestart:
    """Call the hook of the application, then report ``restart_answered``."""

    request: RestartRequest


Action: TypeAlias = Open | Send | Close | Answer | AskRestart


@attrs.frozen(kw_only=True)
class Granted:
    """What the server gave, per medium; `None` for a medium that is not streaming."""

    audio: AudioFormat | None = None
    video: PictureFormat | None = None
    share: PictureFormat | None = None
    transcript: TranscriptFormat | None = None
    chat: ChatParams | None = None
    protocol_version: int | None = None
    """Version that the server answered with."""
    certain: bool = True
    """False while media flow although the server has not answered the handshake: the formats are
    what was requested."""

    @classmethod
    def of(
        cls, formats: Mapping[MediaType, Format], protocol_version: int | None, *, certain: bool
    ) -> "Granted":
        """Collect the formats of the media that stream."""
        return cls(
            audio=_pick(formats, MediaType.AUDIO, AudioFormat),
            video=_pick(formats, MediaType.VIDEO, PictureFormat),
            share=_pick(formats, MediaType.SHARE, PictureFormat),
            transcript=_pick(formats, MediaType.TRANSCRIPT, TranscriptFormat),
            chat=_pick(formats, MediaType.CHAT, ChatParams),
            protocol_version=protocol_version,
            certain=certain,
        )


_F = TypeVar("_F", bound=Format)


def _pick(formats: Mapping[MediaType, Format], medium: MediaType, kind: type[_F]) -> _F | None:
    found = formats.get(medium)
    return found if isinstance(found, kind) else None


@attrs.define(kw_only=True)
class CoreStatistics:
    """Counters of the core; they only grow."""

    messages: int = 0
    """Messages received, of any kind."""
    bytes: int = 0
    """Bytes of these messages."""
    frames: dict[MediaType, int] = attrs.field(factory=dict[MediaType, int])
    """Frames delivered to the buffers, by medium."""
    keep_alives: int = 0
    """Keep-alives answered."""
    unrecognized: int = 0
    """Messages reported as `Unrecognized`."""
    unrequested: int = 0
    """Media that came although they were not asked for; ignored."""
    duplicates: int = 0
    """Frames that the server sent a second time; removed."""
    interruptions: int = 0
    """Connections that broke."""
    reconnects: int = 0
    """Connections that came back."""
    reconnect_attempts: int = 0
    """Tries to bring a connection back, or to get one at last, that were begun."""
    restarts: int = 0
    """How often the server ended the stream and it was started again."""
    gaps: int = 0
    """Places where items are missing for everybody, see `Gap`; not what buffers dropped."""
    flaws: Flaws = attrs.field(factory=Flaws)
    """Defects of frames that were delivered all the same."""
