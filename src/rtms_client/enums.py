"""Numbers of the wire protocol with their names, open to values that do not exist yet.

Every enum Zoom documents is here, and nothing else. Members carry Zoom's names without the prefix
they all share (``STOP_BC_MEETING_ENDED`` is `StopReason.MEETING_ENDED`).

A value that this version does not know survives as a member named ``UNKNOWN_<value>``; compare
with ``==``, never with ``is``, and print ``.name`` or ``int()``.
"""

import enum
from typing import Self

from typing_extensions import override

__all__ = [
    "AudioChannel",
    "ChatGroupMemberStatus",
    "ChatGroupType",
    "ChatOperation",
    "ChatSessionType",
    "ContactCenterEventType",
    "ContentType",
    "DataAttribute",
    "DataOption",
    "EventType",
    "Language",
    "LegacyDataOption",
    "MediaCodec",
    "MediaType",
    "MessageType",
    "OpenIntEnum",
    "Product",
    "Resolution",
    "SampleRate",
    "SessionState",
    "StatusCode",
    "StopReason",
    "StreamState",
    "TransmissionProtocol",
]


class OpenIntEnum(enum.IntEnum):
    """An integer enum that keeps unknown integers instead of refusing them.

    Unknown members are made anew at each look-up and never cached: a peer that counts upwards must
    not be able to fill our memory.
    """

    @classmethod
    @override
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int:  # "7", 7.5 and None are malformed, not unknown
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    @property
    def known(self) -> bool:
        """Whether this version of the library has a name for the value."""
        return self._value_ in type(self)._value2member_map_


class MediaType(enum.IntFlag, boundary=enum.KEEP):
    """The five media as bit flags (key ``media_type``).

    `ALL` is a bit of its own on the wire, not the sum of the others.
    """

    AUDIO = 1
    VIDEO = 2
    SHARE = 4
    DESKSHARE = 4  # Zoom's name on the wire for screen share
    TRANSCRIPT = 8
    CHAT = 16
    ALL = 32


class Product(enum.StrEnum):
    """The Zoom product a stream belongs to; the value is the key of its id in webhooks."""

    MEETING = "meeting_uuid"
    WEBINAR = "webinar_uuid"
    VIDEO_SDK = "session_id"
    CONTACT_CENTER = "engagement_id"
    PHONE = "call_id"


class MessageType(OpenIntEnum):
    """Kind of a wire message (key ``msg_type``)."""

    UNDEFINED = 0
    SIGNALING_HAND_SHAKE_REQ = 1
    SIGNALING_HAND_SHAKE_RESP = 2
    DATA_HAND_SHAKE_REQ = 3
    DATA_HAND_SHAKE_RESP = 4
    EVENT_SUBSCRIPTION = 5
    EVENT_UPDATE = 6
    CLIENT_READY_ACK = 7
    STREAM_STATE_UPDATE = 8
    SESSION_STATE_UPDATE = 9
    SESSION_STATE_REQ = 10
    SESSION_STATE_RESP = 11
    KEEP_ALIVE_REQ = 12
    KEEP_ALIVE_RESP = 13
    MEDIA_DATA_AUDIO = 14
    MEDIA_DATA_VIDEO = 15
    MEDIA_DATA_SHARE = 16
    MEDIA_DATA_TRANSCRIPT = 17
    MEDIA_DATA_CHAT = 18
    STREAM_STATE_REQ = 19
    STREAM_STATE_RESP = 20
    STREAM_CLOSE_REQ = 21
    STREAM_CLOSE_RESP = 22
    META_DATA_AUDIO = 23
    META_DATA_VIDEO = 24
    META_DATA_SHARE = 25
    META_DATA_TRANSCRIPT = 26
    META_DATA_CHAT = 27
    VIDEO_SUBSCRIPTION_REQ = 28
    VIDEO_SUBSCRIPTION_RESP = 29


class EventType(OpenIntEnum):
    """Event numbers of meetings, webinars and Video SDK sessions (key ``event_type``).

    Numbers 8 to 14 mean something else in Contact Center: see `ContactCenterEventType`.
    """

    UNDEFINED = 0
    FIRST_PACKET_TIMESTAMP = 1
    ACTIVE_SPEAKER_CHANGE = 2
    PARTICIPANT_JOIN = 3
    PARTICIPANT_LEAVE = 4
    SHARING_START = 5
    SHARING_STOP = 6
    MEDIA_CONNECTION_INTERRUPTED = 7
    PARTICIPANT_VIDEO_ON = 8
    PARTICIPANT_VIDEO_OFF = 9
    CHAT_GROUP_CREATE = 10
    CHAT_GROUP_DELETE = 11
    CHAT_GROUP_MEMBERS_ADD = 12
    CHAT_GROUP_MEMBERS_DELETE = 13
    CHAT_GROUP_MEMBER_STATUS_UPDATE = 14


class ContactCenterEventType(OpenIntEnum):
    """Event numbers of Contact Center voice engagements (key ``event_type``).

    Numbers 8 to 14 mean something else in meetings: see `EventType`.
    """

    UNDEFINED = 0
    CONSUMER_ANSWERED = 8
    CONSUMER_END = 9
    USER_ANSWERED = 10
    USER_END = 11
    USER_HOLD = 12
    USER_UNHOLD = 13
    MONITOR_STARTED = 14
    MONITOR_TRANSITIONED = 15
    MONITOR_ENDED = 16
    TAKEOVER_STARTED = 17
    TRANSFER_INITIATED = 18
    TRANSFER_CANCELED = 19
    TRANSFER_ACCEPTED = 20
    TRANSFER_COMPLETED = 21
    TRANSFER_REJECTED = 22
    TRANSFER_TIMEOUT = 23
    CONFERENCE_CANCELED = 24
    CONFERENCE_PARTICIPANT_CANCELED = 25
    CONFERENCE_PARTICIPANT_INVITED = 26
    CONFERENCE_PARTICIPANT_REJECTED = 27
    CONFERENCE_PARTICIPANT_TIMEOUT = 28
    CONFERENCE_PARTICIPANT_LEFT = 29


class StatusCode(OpenIntEnum):
    """Answer of the server to a request (key ``status_code``)."""

    OK = 0
    INVALID_MESSAGE_TYPE = 1
    INVALID_RTMS_STREAM_ID = 2
    INVALID_SIGNATURE = 3
    INVALID_PAYLOAD = 4
    INVALID_EVENTS = 5
    INVALID_EVENT_TYPE = 6
    INVALID_MEDIA_TYPE = 7
    DUPLICATE_SIGNAL_REQUEST = 8
    MEDIA_TYPE_AUDIO_NOT_SUPPORT = 9
    MEDIA_TYPE_VIDEO_NOT_SUPPORT = 10
    MEDIA_TYPE_DESKSHARE_NOT_SUPPORT = 11
    MEDIA_TYPE_TRANSCRIPT_NOT_SUPPORT = 12
    MEDIA_TYPE_CHAT_NOT_SUPPORT = 13
    MEDIA_TYPE_INVALID_VALUE = 14
    MEDIA_DATA_ALL_CONNECTION_EXIST = 15
    DUPLICATE_MEDIA_DATA_CONNECTION = 16
    INVALID_MEDIA_PARAMS = 17
    INVALID_MEDIA_AUDIO_PARAMS = 18
    INVALID_MEDIA_AUDIO_CONTENT_TYPE = 19
    INVALID_MEDIA_AUDIO_SAMPLE_RATE = 20
    INVALID_MEDIA_AUDIO_CHANNEL = 21
    INVALID_MEDIA_AUDIO_CODEC = 22
    INVALID_MEDIA_AUDIO_DATA_OPT = 23
    INVALID_MEDIA_AUDIO_SEND_RATE = 24
    INVALID_MEDIA_VIDEO_PARAMS = 25
    INVALID_MEDIA_VIDEO_CONTENT_TYPE = 26
    INVALID_MEDIA_VIDEO_CODEC = 27
    INVALID_MEDIA_VIDEO_RESOLUTION = 28
    INVALID_MEDIA_VIDEO_DATA_OPT = 29
    INVALID_MEDIA_VIDEO_FPS = 30
    INVALID_MEDIA_DESKSHARE_PARAMS = 31
    INVALID_MEDIA_DESKSHARE_CONTENT_TYPE = 32
    INVALID_MEDIA_DESKSHARE_CODEC = 33
    INVALID_MEDIA_DESKSHARE_RESOLUTION = 34
    INVALID_MEDIA_DESKSHARE_FPS = 35
    INVALID_MEDIA_TRANSCRIPT_PARAMS = 36
    INVALID_MEDIA_TRANSCRIPT_CONTENT_TYPE = 37
    INVALID_MEDIA_CHAT_PARAMS = 38
    INVALID_MEDIA_CHAT_CONTENT_TYPE = 39
    INVALID_RTMS_SESSION_ID = 40
    INVALID_CLIENT_READY_ACK = 41
    INVALID_EVENT_SUBSCRIBE = 42
    INVALID_MEDIA_TRANSCRIPT_SOURCE_LANGUAGE = 43
    DUPLICATE_VIDEO_SUBSCRIPTION = 44
    INTERNAL_EXCEPTION = 45
    INVALID_MEDIA_TRANSCRIPT_TARGET_LANGUAGE = 46
    CHAT_SESSION_KEY_NOT_AVAILABLE = 47


class SessionState(OpenIntEnum):
    """State of one session inside a stream (message 9 and 11).

    Numbers are shared with `StreamState`, meanings are not.
    """

    INACTIVE = 0
    INITIALIZE = 1
    STARTED = 2
    PAUSED = 3
    RESUMED = 4
    STOPPED = 5


class StreamState(OpenIntEnum):
    """State of a stream as told by the server (messages 8 and 20).

    Numbers are shared with `SessionState`, meanings are not.
    """

    INACTIVE = 0
    ACTIVE = 1
    INTERRUPTED = 2
    TERMINATING = 3
    TERMINATED = 4
    PAUSED = 5
    RESUMED = 6


class StopReason(OpenIntEnum):
    """Why a stream or session stopped, or, in an interruption, what is concerned."""

    UNDEFINED = 0
    HOST_TRIGGERED = 1
    USER_TRIGGERED = 2
    USER_LEFT = 3
    USER_EJECTED = 4
    HOST_DISABLED_APP = 5
    MEETING_ENDED = 6
    STREAM_CANCELED = 7
    STREAM_REVOKED = 8
    ALL_APPS_DISABLED = 9
    INTERNAL_EXCEPTION = 10
    CONNECTION_TIMEOUT = 11
    INSTANCE_CONNECTION_INTERRUPTED = 12
    SIGNAL_CONNECTION_INTERRUPTED = 13
    DATA_CONNECTION_INTERRUPTED = 14
    SIGNAL_CONNECTION_CLOSED_ABNORMALLY = 15
    DATA_CONNECTION_CLOSED_ABNORMALLY = 16
    EXIT_SIGNAL = 17
    AUTHENTICATION_FAILURE = 18
    AWAIT_RECONNECTION_TIMEOUT = 19
    RECEIVER_REQUEST_CLOSE = 20
    CUSTOMER_DISCONNECTED = 21
    AGENT_DISCONNECTED = 22
    ADMIN_DISABLED_APP = 23
    KEEP_ALIVE_TIMEOUT = 24
    MANUAL_API_TRIGGERED = 25
    STREAMING_NOT_SUPPORTED = 26


class ContentType(OpenIntEnum):
    """How media bytes are wrapped (key ``content_type``)."""

    UNDEFINED = 0
    RTP = 1
    RAW_AUDIO = 2
    RAW_VIDEO = 3
    FILE_STREAM = 4
    TEXT = 5


class MediaCodec(OpenIntEnum):
    """Codec of audio, video and share (key ``codec``)."""

    UNDEFINED = 0
    L16 = 1
    G711 = 2
    G722 = 3
    OPUS = 4
    JPG = 5
    PNG = 6
    H264 = 7


class DataOption(OpenIntEnum):
    """Which streams of a medium are sent (key ``data_opt``)."""

    UNDEFINED = 0
    AUDIO_MIXED_STREAM = 1
    AUDIO_MULTI_STREAMS = 2
    VIDEO_SINGLE_ACTIVE_STREAM = 3
    VIDEO_SINGLE_INDIVIDUAL_STREAM = 4


class LegacyDataOption(OpenIntEnum):
    """Retired names of ``data_opt`` values; not on today's wire."""

    VIDEO_MIXED_SPEAKER_VIEW = 4
    VIDEO_MIXED_GALLERY_VIEW = 5


class Resolution(OpenIntEnum):
    """Upper bound of the picture size (key ``resolution``)."""

    SD = 1
    HD = 2
    FHD = 3
    QHD = 4


class SampleRate(OpenIntEnum):
    """Index of a sample rate (key ``sample_rate``); the value is not hertz.

    Zero is 8 kHz, so never test for truthiness.
    """

    SR_8K = 0
    SR_16K = 1
    SR_32K = 2
    SR_48K = 3


class AudioChannel(OpenIntEnum):
    """Number of audio channels (key ``channel``)."""

    MONO = 1
    STEREO = 2


class TransmissionProtocol(OpenIntEnum):
    """Transports named by Zoom; protocol version 1 uses WebSocket only."""

    WEBSOCKET = 1
    RTMP = 2
    UDP = 3
    WEBRTC = 4


class DataAttribute(OpenIntEnum):
    """What a transcript segment does to an earlier one (key ``attribute``)."""

    NONE = 0
    NEW = 1
    UPDATE = 2
    DELETE = 3


class Language(OpenIntEnum):
    """Transcript languages (keys ``src_language`` and ``language``).

    Zero is Arabic, so never test for truthiness.
    """

    NONE = -1
    ARABIC = 0
    BENGALI = 1
    CANTONESE = 2
    CATALAN = 3
    CHINESE_SIMPLIFIED = 4
    CHINESE_TRADITIONAL = 5
    CZECH = 6
    DANISH = 7
    DUTCH = 8
    ENGLISH = 9
    ESTONIAN = 10
    FINNISH = 11
    FRENCH_CANADA = 12
    FRENCH_FRANCE = 13
    GERMAN = 14
    HEBREW = 15
    HINDI = 16
    HUNGARIAN = 17
    INDONESIAN = 18
    ITALIAN = 19
    JAPANESE = 20
    KOREAN = 21
    MALAY = 22
    PERSIAN = 23
    POLISH = 24
    PORTUGUESE = 25
    ROMANIAN = 26
    RUSSIAN = 27
    SPANISH = 28
    SWEDISH = 29
    TAGALOG = 30
    TAMIL = 31
    TELUGU = 32
    THAI = 33
    TURKISH = 34
    UKRAINIAN = 35
    VIETNAMESE = 36


class ChatSessionType(OpenIntEnum):
    """To whom a chat message is addressed."""

    EVERYONE = 1
    INDIVIDUAL = 2
    CHAT_GROUP = 3
    HOSTS_AND_PANELISTS = 4
    INDIVIDUAL_CC_HOSTS_AND_PANELISTS = 5


class ChatOperation(OpenIntEnum):
    """What a chat message does."""

    NEW = 1
    DELETE = 2
    UPDATE = 3
    ADD_EMOJI_REACTION = 4
    REMOVE_EMOJI_REACTION = 5


class ChatGroupType(OpenIntEnum):
    """Kind of a chat group."""

    PRIVATE_CHAT_GROUP = 0


class ChatGroupMemberStatus(OpenIntEnum):
    """Where a member of a chat group is."""

    IN_CHAT_GROUP = 0
    IN_BREAKOUT_ROOM = 1
    IN_WAITING_ROOM = 2
    IN_BACKSTAGE = 3
    LEFT_MEETING = 4
