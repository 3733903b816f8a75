"""What the numbers of the protocol mean and what to do about them: one table for all uses.

Status codes answer requests, stop reasons end streams, close codes end connections. Error texts,
the retry rules and ``python -m rtms_client explain`` all read the tables here.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from rtms_client.enums import StatusCode, StopReason

__all__ = [
    "CLOSE_CODES",
    "STATUS_CODES",
    "STOP_REASONS",
    "Explanation",
    "Retry",
    "explain_close",
    "explain_status",
    "explain_stop",
]


class Retry(enum.Enum):
    """What a failure allows (enums notes, last column; lifecycle notes, section 10)."""

    OK = "success, nothing to retry"
    FINAL = "final: the same request will fail again"
    MEDIUM = "final for this medium, the others go on"
    BRIEFLY = "retry after 1.5 s, 3 s and 6 s, then with back-off"
    BACK_OFF = "retry with back-off inside the reconnection window"
    ONCE = "unknown code: one retry, then final"
    RESTART = "the stream is dead: start RTMS again over the REST API, a new stream follows"
    HARMLESS = "nothing is lost, go on"


@attrs.frozen
class Explanation:
    """Meaning of one number and the advice that goes with it."""

    name: str
    meaning: str
    """One clause, lower case, no full stop."""
    advice: str
    """What the application or its operator should do."""
    retry: Retry


_CHECK_ID: Final = (
    "take the id and rtms_stream_id unchanged from the newest started webhook; the stream may "
    "be over"
)
_CHECK_SIGNATURE: Final = (
    "check client id and secret: they must belong to the app that received the webhook, and the id "
    "must be signed exactly as received"
)
_BUG: Final = "report it: the library sent something that the server refuses"
_SCOPE: Final = "add the scope of this medium to the app and re-authorise it, or do not ask for it"
_PARAMS: Final = "choose a supported combination of parameters"
_OTHER_OWNER: Final = (
    "make sure that exactly one process owns the stream; the server may need some seconds to "
    "notice that an earlier connection is gone"
)
_WAIT: Final = "wait and try again; if it stays, ask Zoom's support"


def _status(
    code: StatusCode, meaning: str, advice: str, retry: Retry = Retry.FINAL
) -> tuple[int, Explanation]:
    return int(code), Explanation(code.name, meaning, advice, retry)


def _parameter(code: StatusCode, meaning: str) -> tuple[int, Explanation]:
    return _status(code, meaning, _PARAMS)


STATUS_CODES: Final[Mapping[int, Explanation]] = MappingProxyType(
    dict(
        [
            _status(StatusCode.OK, "success", "nothing to do", Retry.OK),
            _status(StatusCode.INVALID_MESSAGE_TYPE, "unexpected message type", _BUG),
            _status(StatusCode.INVALID_RTMS_STREAM_ID, "stream id unknown or over", _CHECK_ID),
            _status(StatusCode.INVALID_SIGNATURE, "signature does not match", _CHECK_SIGNATURE),
            _status(StatusCode.INVALID_PAYLOAD, "malformed message body", _BUG),
            _status(StatusCode.INVALID_EVENTS, "malformed list of events", _BUG),
            _status(
                StatusCode.INVALID_EVENT_TYPE,
                "unknown event number",
                "subscribe only to events of this product",
            ),
            _status(StatusCode.INVALID_MEDIA_TYPE, "unknown media type", _BUG),
            _status(
                StatusCode.DUPLICATE_SIGNAL_REQUEST,
                "a signaling connection of this stream exists",
                _OTHER_OWNER,
                Retry.BRIEFLY,
            ),
            _status(
                StatusCode.MEDIA_TYPE_AUDIO_NOT_SUPPORT,
                "audio is not available to this app",
                _SCOPE,
                Retry.MEDIUM,
            ),
            _status(
                StatusCode.MEDIA_TYPE_VIDEO_NOT_SUPPORT,
                "video is not available to this app",
                _SCOPE,
                Retry.MEDIUM,
            ),
            _status(
                StatusCode.MEDIA_TYPE_DESKSHARE_NOT_SUPPORT,
                "screen share is not available to this app",
                _SCOPE,
                Retry.MEDIUM,
            ),
            _status(
                StatusCode.MEDIA_TYPE_TRANSCRIPT_NOT_SUPPORT,
                "transcript is not available to this app",
                _SCOPE,
                Retry.MEDIUM,
            ),
            _status(
                StatusCode.MEDIA_TYPE_CHAT_NOT_SUPPORT,
                "chat is not available to this app",
                _SCOPE,
                Retry.MEDIUM,
            ),
            _status(StatusCode.MEDIA_TYPE_INVALID_VALUE, "media type out of range", _BUG),
            _status(
                StatusCode.MEDIA_DATA_ALL_CONNECTION_EXIST,
                "a media connection for all types exists",
                _OTHER_OWNER,
                Retry.BRIEFLY,
            ),
            _status(
                StatusCode.DUPLICATE_MEDIA_DATA_CONNECTION,
                "a media connection of this type exists",
                _OTHER_OWNER,
                Retry.BRIEFLY,
            ),
            _parameter(StatusCode.INVALID_MEDIA_PARAMS, "bad media parameters"),
            _parameter(
                StatusCode.INVALID_MEDIA_AUDIO_PARAMS, "bad combination of audio parameters"
            ),
            _parameter(StatusCode.INVALID_MEDIA_AUDIO_CONTENT_TYPE, "bad audio content type"),
            _parameter(StatusCode.INVALID_MEDIA_AUDIO_SAMPLE_RATE, "bad audio sample rate"),
            _parameter(StatusCode.INVALID_MEDIA_AUDIO_CHANNEL, "bad number of audio channels"),
            _parameter(StatusCode.INVALID_MEDIA_AUDIO_CODEC, "bad audio codec"),
            _parameter(StatusCode.INVALID_MEDIA_AUDIO_DATA_OPT, "bad audio data option"),
            _parameter(StatusCode.INVALID_MEDIA_AUDIO_SEND_RATE, "bad audio send rate"),
            _parameter(StatusCode.INVALID_MEDIA_VIDEO_PARAMS, "bad video parameters"),
            _parameter(StatusCode.INVALID_MEDIA_VIDEO_CONTENT_TYPE, "bad video content type"),
            _parameter(StatusCode.INVALID_MEDIA_VIDEO_CODEC, "bad video codec"),
            _parameter(StatusCode.INVALID_MEDIA_VIDEO_RESOLUTION, "bad video resolution"),
            _parameter(StatusCode.INVALID_MEDIA_VIDEO_DATA_OPT, "bad video data option"),
            _parameter(StatusCode.INVALID_MEDIA_VIDEO_FPS, "bad video frame rate"),
            _parameter(StatusCode.INVALID_MEDIA_DESKSHARE_PARAMS, "bad share parameters"),
            _parameter(StatusCode.INVALID_MEDIA_DESKSHARE_CONTENT_TYPE, "bad share content type"),
            _parameter(StatusCode.INVALID_MEDIA_DESKSHARE_CODEC, "bad share codec"),
            _parameter(StatusCode.INVALID_MEDIA_DESKSHARE_RESOLUTION, "bad share resolution"),
            _parameter(StatusCode.INVALID_MEDIA_DESKSHARE_FPS, "bad share frame rate"),
            _parameter(StatusCode.INVALID_MEDIA_TRANSCRIPT_PARAMS, "bad transcript parameters"),
            _parameter(
                StatusCode.INVALID_MEDIA_TRANSCRIPT_CONTENT_TYPE, "bad transcript content type"
            ),
            _parameter(StatusCode.INVALID_MEDIA_CHAT_PARAMS, "bad chat parameters"),
            _parameter(StatusCode.INVALID_MEDIA_CHAT_CONTENT_TYPE, "bad chat content type"),
            _status(
                StatusCode.INVALID_RTMS_SESSION_ID,
                "session id unknown",
                "use a session id from a SessionStateChanged event of this stream",
            ),
            _status(StatusCode.INVALID_CLIENT_READY_ACK, "bad ready message", _BUG),
            _status(
                StatusCode.INVALID_EVENT_SUBSCRIBE,
                "bad event subscription",
                "subscribe only to events of this product",
            ),
            _parameter(
                StatusCode.INVALID_MEDIA_TRANSCRIPT_SOURCE_LANGUAGE, "bad transcript language"
            ),
            _status(
                StatusCode.DUPLICATE_VIDEO_SUBSCRIPTION,
                "video of this participant is subscribed already",
                "nothing to do",
                Retry.HARMLESS,
            ),
            _status(StatusCode.INTERNAL_EXCEPTION, "fault in the server", _WAIT, Retry.BACK_OFF),
            _parameter(
                StatusCode.INVALID_MEDIA_TRANSCRIPT_TARGET_LANGUAGE,
                "bad transcript target language",
            ),
            _status(
                StatusCode.CHAT_SESSION_KEY_NOT_AVAILABLE,
                "chat cannot be read yet",
                _WAIT,
                Retry.BACK_OFF,
            ),
        ]
    )
)

_ENDED: Final = "nothing to do: the stream is over"
_RESTART: Final = "start RTMS again over the REST API or from the Zoom client; a new stream follows"


def _stop(
    code: StopReason, meaning: str, advice: str = _ENDED, retry: Retry = Retry.FINAL
) -> tuple[int, Explanation]:
    return int(code), Explanation(code.name, meaning, advice, retry)


def _died(code: StopReason, meaning: str, advice: str = _RESTART) -> tuple[int, Explanation]:
    return _stop(code, meaning, advice, Retry.RESTART)


STOP_REASONS: Final[Mapping[int, Explanation]] = MappingProxyType(
    dict(
        [
            _stop(StopReason.UNDEFINED, "no reason given"),
            _stop(StopReason.HOST_TRIGGERED, "the host stopped it"),
            _stop(StopReason.USER_TRIGGERED, "the user stopped it"),
            _stop(StopReason.USER_LEFT, "the user of the app left"),
            _stop(StopReason.USER_EJECTED, "the host removed the user of the app"),
            _stop(StopReason.HOST_DISABLED_APP, "the host disabled the app"),
            _stop(StopReason.MEETING_ENDED, "the meeting is over"),
            _stop(StopReason.STREAM_CANCELED, "canceled on request of a participant"),
            _stop(
                StopReason.STREAM_REVOKED,
                "consent was revoked",
                "delete everything stored from this stream at once",
            ),
            _stop(StopReason.ALL_APPS_DISABLED, "the host disabled all apps"),
            _died(StopReason.INTERNAL_EXCEPTION, "fault in the server"),
            _died(StopReason.CONNECTION_TIMEOUT, "connection timed out"),
            _died(
                StopReason.INSTANCE_CONNECTION_INTERRUPTED,
                "the server lost its connection to the meeting",
            ),
            _died(StopReason.SIGNAL_CONNECTION_INTERRUPTED, "signaling connection interrupted"),
            _died(StopReason.DATA_CONNECTION_INTERRUPTED, "media connection interrupted"),
            _died(
                StopReason.SIGNAL_CONNECTION_CLOSED_ABNORMALLY,
                "the client dropped the signaling connection",
            ),
            _died(
                StopReason.DATA_CONNECTION_CLOSED_ABNORMALLY,
                "the client dropped a media connection",
            ),
            _died(StopReason.EXIT_SIGNAL, "the server process was asked to exit"),
            _died(
                StopReason.AUTHENTICATION_FAILURE,
                "authentication failed",
                "check client id and secret first, then start RTMS again over the REST API",
            ),
            _died(StopReason.AWAIT_RECONNECTION_TIMEOUT, "the reconnection window passed"),
            _stop(StopReason.RECEIVER_REQUEST_CLOSE, "this client asked to close"),
            _stop(StopReason.CUSTOMER_DISCONNECTED, "the customer hung up"),
            _stop(StopReason.AGENT_DISCONNECTED, "the agent hung up"),
            _stop(StopReason.ADMIN_DISABLED_APP, "an administrator disabled the app"),
            _died(StopReason.KEEP_ALIVE_TIMEOUT, "three keep-alives stayed unanswered"),
            _stop(StopReason.MANUAL_API_TRIGGERED, "stopped over the REST API"),
            _stop(
                StopReason.STREAMING_NOT_SUPPORTED,
                "the queue does not allow streaming",
                "allow streaming for this Contact Center queue",
            ),
        ]
    )
)

_NO_PROOF: Final = "not a proof that the stream ended: only TERMINATED and the stopped webhook are"

CLOSE_CODES: Final[Mapping[int, Explanation]] = MappingProxyType(
    {
        1000: Explanation("NORMAL_CLOSURE", "normal closure", _NO_PROOF, Retry.BACK_OFF),
        1001: Explanation("GOING_AWAY", "the server goes away", _NO_PROOF, Retry.BACK_OFF),
        1002: Explanation("PROTOCOL_ERROR", "WebSocket protocol error", _WAIT, Retry.BACK_OFF),
        1003: Explanation("UNSUPPORTED_DATA", "frame type refused", _BUG, Retry.BACK_OFF),
        1005: Explanation("NO_STATUS_RCVD", "closed without a code", _NO_PROOF, Retry.BACK_OFF),
        1006: Explanation(
            "ABNORMAL_CLOSURE",
            "connection lost without a closing handshake",
            "check network, proxy and firewall time-outs",
            Retry.BACK_OFF,
        ),
        1007: Explanation("INVALID_DATA", "text was not UTF-8", _WAIT, Retry.BACK_OFF),
        1008: Explanation("POLICY_VIOLATION", "refused", _CHECK_SIGNATURE, Retry.BACK_OFF),
        1009: Explanation(
            "MESSAGE_TOO_BIG",
            "message larger than the limit of the receiver",
            "raise NetworkOptions.max_message_bytes if such messages are expected",
            Retry.BACK_OFF,
        ),
        1010: Explanation("MANDATORY_EXTENSION", "extension missing", _BUG, Retry.BACK_OFF),
        1011: Explanation("INTERNAL_ERROR", "fault in the server", _WAIT, Retry.BACK_OFF),
        1012: Explanation("SERVICE_RESTART", "the server restarts", _WAIT, Retry.BACK_OFF),
        1013: Explanation("TRY_AGAIN_LATER", "the server is overloaded", _WAIT, Retry.BACK_OFF),
        1014: Explanation("BAD_GATEWAY", "a gateway failed", _WAIT, Retry.BACK_OFF),
        1015: Explanation("TLS_HANDSHAKE", "TLS failed", "check certificates", Retry.BACK_OFF),
    }
)


def explain_status(code: int) -> Explanation:
    """Explain a status code; an unknown one is allowed one retry."""
    return STATUS_CODES.get(
        code,
        Explanation(f"UNKNOWN_{code}", "status code unknown to this version", _WAIT, Retry.ONCE),
    )


def explain_stop(code: int) -> Explanation:
    """Explain a stop reason; an unknown one counts as final."""
    return STOP_REASONS.get(
        code,
        Explanation(f"UNKNOWN_{code}", "stop reason unknown to this version", _ENDED, Retry.FINAL),
    )


def explain_close(code: int) -> Explanation:
    """Explain a WebSocket close code; an unknown one proves nothing about the stream."""
    return CLOSE_CODES.get(
        code, Explanation(f"CODE_{code}", "private close code", _NO_PROOF, Retry.BACK_OFF)
    )
