"""Every message that the client sends, one function each.

Strict: integers for enums, no null, no empty keys (protocol notes, "strict in what is sent").
"""

from collections.abc import Iterable, Mapping
from typing import assert_never

import attrs

from rtms_client._wire.codec import Message
from rtms_client.config import AudioParams, ChatParams, PictureFormat, TranscriptParams
from rtms_client.enums import ContactCenterEventType, ContentType, EventType, MediaType, MessageType

__all__ = [
    "Identity",
    "MediaParams",
    "client_ready",
    "close_request",
    "event_subscription",
    "keep_alive_answer",
    "media_handshake",
    "session_state_request",
    "signaling_handshake",
    "stream_state_request",
    "video_subscription",
]

MediaParams = AudioParams | PictureFormat | TranscriptParams | ChatParams


@attrs.frozen(kw_only=True)
class Identity:
    """What both handshakes prove: who we are and which stream we mean."""

    id_key: str
    """Key of the product id: ``meeting_uuid``, or the product's own."""
    product_id: str
    stream_id: str
    signature: str = attrs.field(repr=False)
    protocol_version: int = 1

    def fields(self, message_type: MessageType, sequence: int) -> Message:
        """Return the fields that both handshakes share."""
        return {
            "msg_type": int(message_type),
            "protocol_version": self.protocol_version,
            "sequence": sequence,
            self.id_key: self.product_id,
            "rtms_stream_id": self.stream_id,
            "signature": self.signature,
        }


def signaling_handshake(identity: Identity, *, buffer_data: bool) -> Message:
    """Message 1 (messages notes, 2.1)."""
    message = identity.fields(MessageType.SIGNALING_HAND_SHAKE_REQ, sequence=1)
    message["buffer_data"] = buffer_data
    return message


def media_handshake(
    identity: Identity, media: MediaType, params: Mapping[MediaType, MediaParams]
) -> Message:
    """Message 3 (messages notes, 2.3) with the parameters of the media it covers."""
    message = identity.fields(MessageType.DATA_HAND_SHAKE_REQ, sequence=0)
    message["media_type"] = int(media)
    message["payload_encryption"] = False
    message["media_params"] = dict(_params(value) for value in params.values())
    return message


def _params(params: MediaParams) -> tuple[str, Message]:
    """Return key and value of one entry of ``media_params`` (messages notes, 3)."""
    match params:
        case AudioParams():
            return "audio", {
                "content_type": int(params.content_type),
                "sample_rate": int(params.sample_rate),
                "channel": int(params.channel),
                "codec": int(params.codec),
                "data_opt": int(params.data_opt),
                "send_rate": params.send_rate_ms,
            }
        case PictureFormat():
            pictures: Message = {
                "content_type": int(params.content_type),
                "codec": int(params.codec),
                "resolution": int(params.resolution),
                "fps": params.fps,
            }
            if params.data_opt is None:
                return "deskshare", pictures
            return "video", {**pictures, "data_opt": int(params.data_opt)}
        case TranscriptParams():
            return "transcript", {
                "content_type": int(params.content_type),
                "src_language": int(params.language),
                "enable_lid": params.language_identification,
            }
        case ChatParams():
            return "chat", {"content_type": int(ContentType.TEXT)}
        case _:
            assert_never(params)


def event_subscription(
    events: Iterable[EventType | ContactCenterEventType | Mapping[str, object]], *, subscribe: bool
) -> Message:
    """Message 5 (messages notes, 5.1); a mapping is passed on as it is (``event_code`` of V2)."""
    return {
        "msg_type": int(MessageType.EVENT_SUBSCRIPTION),
        "events": [
            {**event, "subscribe": subscribe}
            if isinstance(event, Mapping)
            else {"event_type": int(event), "subscribe": subscribe}
            for event in events
        ],
    }


def client_ready(stream_id: str) -> Message:
    """Message 7 (messages notes, 4.1)."""
    return {"msg_type": int(MessageType.CLIENT_READY_ACK), "rtms_stream_id": stream_id}


def keep_alive_answer(echo: Mapping[str, object]) -> Message:
    """Message 13 (messages notes, 4.2), echoing what the request held."""
    return {"msg_type": int(MessageType.KEEP_ALIVE_RESP), **echo}


def session_state_request(session_id: str) -> Message:
    """Message 10 (messages notes, 6.3)."""
    return {"msg_type": int(MessageType.SESSION_STATE_REQ), "rtms_session_id": session_id}


def stream_state_request(stream_id: str) -> Message:
    """Message 19 (messages notes, 6.4)."""
    return {"msg_type": int(MessageType.STREAM_STATE_REQ), "rtms_stream_id": stream_id}


def close_request(stream_id: str) -> Message:
    """Message 21 (messages notes, 6.5)."""
    return {"msg_type": int(MessageType.STREAM_CLOSE_REQ), "rtms_stream_id": stream_id}


def video_subscription(user_id: int, *, subscribe: bool, timestamp_ms: int) -> Message:
    """Message 28 (messages notes, 7)."""
    return {
        "msg_type": int(MessageType.VIDEO_SUBSCRIPTION_REQ),
        "user_id": user_id,
        "subscribe": subscribe,
        "timestamp": timestamp_ms,
    }
