"""Client for Zoom Realtime Media Streams (RTMS): live media of meetings, without a meeting bot."""

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
