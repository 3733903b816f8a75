"""Client for Zoom Realtime Media Streams (RTMS): live media of meetings, without a meeting bot.

Names are imported when they are first used: importing the package costs next to nothing, and
whoever needs only `webhooks` never loads the client.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rtms_client._runtime.iterators import ItemIterator
    from rtms_client.client import RTMSClient
    from rtms_client.config import (
        AudioParams,
        BufferLimits,
        Buffers,
        ChatParams,
        Credentials,
        NetworkOptions,
        OverflowPolicy,
        ReconnectPolicy,
        ShareParams,
        Signature,
        StreamInfo,
        Timeouts,
        TranscriptParams,
        VideoParams,
    )
    from rtms_client.enums import (
        AudioChannel,
        DataOption,
        EventType,
        Language,
        MediaCodec,
        MediaType,
        Product,
        Resolution,
        SampleRate,
        StopReason,
    )
    from rtms_client.events import (
        ActiveSpeakerChanged,
        Gap,
        MediaUnavailable,
        Participant,
        ParticipantJoined,
        ParticipantLeft,
        SessionEvent,
        StreamInterrupted,
        StreamItem,
        StreamResumed,
        Unrecognized,
    )
    from rtms_client.exceptions import (
        AuthenticationFailed,
        ConnectFailed,
        ConnectionLost,
        HandshakeRejected,
        InvalidParameters,
        InvalidState,
        MediaNotAvailable,
        RemoteProtocolError,
        RTMSError,
        StreamLost,
        StreamNotFound,
        StreamStopped,
    )
    from rtms_client.frames import (
        AudioFrame,
        ChatMessage,
        ShareFrame,
        TranscriptSegment,
        VideoFrame,
    )
    from rtms_client.signatures import handshake_signature
    from rtms_client.stream import RTMSStream, StreamStatistics
    from rtms_client.webhooks import RTMSStarted, parse_started

__all__ = [  # noqa: RUF022  # grouped by topic
    # the application and its streams
    "RTMSClient",
    "RTMSStream",
    "ItemIterator",
    "StreamStatistics",
    # joining
    "Credentials",
    "Product",
    "RTMSStarted",
    "Signature",
    "StreamInfo",
    "handshake_signature",
    "parse_started",
    # what to ask for
    "AudioChannel",
    "AudioParams",
    "ChatParams",
    "DataOption",
    "EventType",
    "Language",
    "MediaCodec",
    "MediaType",
    "Resolution",
    "SampleRate",
    "ShareParams",
    "TranscriptParams",
    "VideoParams",
    # limits
    "BufferLimits",
    "Buffers",
    "NetworkOptions",
    "OverflowPolicy",
    "ReconnectPolicy",
    "Timeouts",
    # what arrives
    "AudioFrame",
    "ChatMessage",
    "ShareFrame",
    "TranscriptSegment",
    "VideoFrame",
    # what happens (all events: rtms_client.events)
    "ActiveSpeakerChanged",
    "Gap",
    "MediaUnavailable",
    "Participant",
    "ParticipantJoined",
    "ParticipantLeft",
    "SessionEvent",
    "StopReason",
    "StreamInterrupted",
    "StreamItem",
    "StreamResumed",
    "Unrecognized",
    # what goes wrong (the whole tree: rtms_client.exceptions)
    "AuthenticationFailed",
    "ConnectFailed",
    "ConnectionLost",
    "HandshakeRejected",
    "InvalidParameters",
    "InvalidState",
    "MediaNotAvailable",
    "RTMSError",
    "RemoteProtocolError",
    "StreamLost",
    "StreamNotFound",
    "StreamStopped",
]

_HOMES: Final = MappingProxyType(
    {
        name: module
        for module, names in {
            "rtms_client._runtime.iterators": ("ItemIterator",),
            "rtms_client.client": ("RTMSClient",),
            "rtms_client.config": (
                "AudioParams",
                "BufferLimits",
                "Buffers",
                "ChatParams",
                "Credentials",
                "NetworkOptions",
                "OverflowPolicy",
                "ReconnectPolicy",
                "ShareParams",
                "Signature",
                "StreamInfo",
                "Timeouts",
                "TranscriptParams",
                "VideoParams",
            ),
            "rtms_client.enums": (
                "AudioChannel",
                "DataOption",
                "EventType",
                "Language",
                "MediaCodec",
                "MediaType",
                "Product",
                "Resolution",
                "SampleRate",
                "StopReason",
            ),
            "rtms_client.events": (
                "ActiveSpeakerChanged",
                "Gap",
                "MediaUnavailable",
                "Participant",
                "ParticipantJoined",
                "ParticipantLeft",
                "SessionEvent",
                "StreamInterrupted",
                "StreamItem",
                "StreamResumed",
                "Unrecognized",
            ),
            "rtms_client.exceptions": (
                "AuthenticationFailed",
                "ConnectFailed",
                "ConnectionLost",
                "HandshakeRejected",
                "InvalidParameters",
                "InvalidState",
                "MediaNotAvailable",
                "RTMSError",
                "RemoteProtocolError",
                "StreamLost",
                "StreamNotFound",
                "StreamStopped",
            ),
            "rtms_client.frames": (
                "AudioFrame",
                "ChatMessage",
                "ShareFrame",
                "TranscriptSegment",
                "VideoFrame",
            ),
            "rtms_client.signatures": ("handshake_signature",),
            "rtms_client.stream": (
                "RTMSStream",
                "StreamStatistics",
            ),
            "rtms_client.webhooks": (
                "RTMSStarted",
                "parse_started",
            ),
        }.items()
        for name in names
    }
)


if not TYPE_CHECKING:  # pragma: no branch  # a type checker shall know the names above only

    def __getattr__(name: str) -> object:
        """Import a public name on first use."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
