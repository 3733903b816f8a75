"""Messages of the server as JSON, with all variations of the wire applied.

The rest of the fake server speaks in documented messages; this module alone knows the variations.
"""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Final, cast

from rtms_client.enums import (
    ContactCenterEventType,
    DataAttribute,
    EventType,
    Language,
    MediaType,
    MessageType,
    Product,
    SessionState,
    StatusCode,
    StopReason,
    StreamState,
)

from ._meeting import Caption, Chat, Person, SessionEvent
from ._server_json import as_list, as_object
from ._server_settings import StreamSettings

__all__ = ["Message", "Wire", "now_ms"]

Message = Mapping[str, Any]

VOICE_PRODUCTS: Final = frozenset({Product.CONTACT_CENTER, Product.PHONE})
"""Products whose media carry channel ids."""

_PEOPLE_EVENTS: Final = frozenset(
    {
        EventType.PARTICIPANT_JOIN,
        EventType.PARTICIPANT_LEAVE,
        EventType.PARTICIPANT_VIDEO_ON,
        EventType.PARTICIPANT_VIDEO_OFF,
    }
)
_PERSON_EVENTS: Final = frozenset({EventType.ACTIVE_SPEAKER_CHANGE, EventType.SHARING_START})

# Zoom's sample mock server writes such names where the documentation has numbers.
_PREFIXES: Final[Mapping[type[object], str]] = {
    StopReason: "STOP_BC_",
    Language: "LANGUAGE_ID_",
    DataAttribute: "ATTR_",
}


def now_ms() -> int:
    """Return the server's clock, Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Wire:
    """Writes the messages of one stream.

    Args:
        settings: Settings of the stream, with its variations.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._variations = settings.variations
        self._templates: dict[tuple[int, Person, bool], str] = {}

    # Handshakes

    def handshake_answer(
        self, msg_type: MessageType, status: StatusCode, reason: str = "", **fields: object
    ) -> Message:
        """Build message 2 or 4."""
        message: dict[str, Any] = {
            "msg_type": int(msg_type),
            "protocol_version": 1,
            "sequence": 0,
            "reason": reason,
        }
        if not (status and self._variations.omit_error_status):
            message[self._variations.handshake_status_key] = int(status)
        return message | fields

    def signaling_accepted(self, urls: Mapping[str, str]) -> Message:
        """Build message 2 with the media URLs, which have documented keys."""
        server_urls: object = self._media_urls(urls)
        media_server: dict[str, object] = {"server_urls": server_urls}
        if self._variations.extra_keys:
            media_server["datacenter_region"] = "sjc"
            media_server["srtp_keys"] = {"audio": "AAAA", "video": "AAAA", "share": "AAAA"}
        return self.handshake_answer(
            MessageType.SIGNALING_HAND_SHAKE_RESP, StatusCode.OK, media_server=media_server
        )

    def _media_urls(self, urls: Mapping[str, str]) -> object:
        if self._variations.server_urls == "string":
            return urls["all"]
        if self._variations.server_urls == "all_only":
            return {"all": urls["all"]}
        return {
            (self._variations.share_url_key if key == "deskshare" else key): url
            for key, url in urls.items()
        }

    def media_accepted(self, granted: Mapping[str, Any]) -> Message:
        """Build message 4 with the negotiated parameters."""
        answer = self.handshake_answer(
            MessageType.DATA_HAND_SHAKE_RESP, StatusCode.OK, media_params=granted
        )
        return {**answer, self._variations.encryption_key: False}

    # Signaling

    def keep_alive(self, sequence: int) -> Message:
        """Build message 12."""
        message: dict[str, Any] = {"msg_type": int(MessageType.KEEP_ALIVE_REQ)}
        if self._variations.keep_alive_timestamp:
            message["timestamp"] = now_ms()
        if self._variations.keep_alive_sequence:
            message["sequence"] = sequence
        return message

    def stream_state(self, state: StreamState, reason: StopReason | None) -> Message:
        """Build message 8."""
        message: dict[str, Any] = {
            "msg_type": int(MessageType.STREAM_STATE_UPDATE),
            "state": self._enum(state),
            "timestamp": now_ms(),
        }
        if reason is not None:
            key = "stop_reason" if self._variations.swap_reason_keys else "reason"
            message[key] = self._enum(reason)
        if self._variations.extra_keys:
            message["rtms_stream_id"] = self._settings.rtms_stream_id
            message["ui_state"] = "visible"
        return message

    def session_state(self, state: SessionState, reason: StopReason | None) -> Message:
        """Build message 9."""
        session_id = None if self._variations.null_session_id else self._settings.session_id
        message: dict[str, Any] = {
            "msg_type": int(MessageType.SESSION_STATE_UPDATE),
            self._variations.session_id_key: session_id,
            "state": self._enum(state),
            "timestamp": now_ms(),
        }
        if reason is not None:
            key = "reason" if self._variations.swap_reason_keys else "stop_reason"
            message[key] = self._enum(reason)
        if self._variations.extra_keys:
            message["is_broadcast"] = False
        return message

    def session_state_answer(self, session_id: object, state: SessionState | None) -> Message:
        """Build message 11; without a state the session is unknown."""
        message: dict[str, Any] = {
            "msg_type": int(MessageType.SESSION_STATE_RESP),
            self._variations.session_id_key: session_id,
            "timestamp": now_ms(),
        }
        if state is None:
            return message | {"status_code": int(StatusCode.INVALID_RTMS_SESSION_ID)}
        return message | {"state": self._enum(state)}

    def stream_state_answer(self, state: StreamState) -> Message:
        """Build message 20."""
        divisor = 1000 if self._variations.stream_state_in_seconds else 1
        return {
            "msg_type": int(MessageType.STREAM_STATE_RESP),
            "rtms_stream_id": self._settings.rtms_stream_id,
            "state": self._enum(state),
            "timestamp": now_ms() // divisor,
        }

    def close_answer(self, status: StatusCode, reason: str) -> Message:
        """Build message 22."""
        return {
            "msg_type": int(MessageType.STREAM_CLOSE_RESP),
            "rtms_stream_id": self._settings.rtms_stream_id,
            "status_code": int(status),
            "reason": reason,
            "timestamp": now_ms(),
        }

    def video_subscription_answer(
        self, user_id: object, status: StatusCode, reason: str
    ) -> Message:
        """Build message 29."""
        return {
            "msg_type": int(MessageType.VIDEO_SUBSCRIPTION_RESP),
            "user_id": user_id,
            "status_code": int(status),
            "reason": reason,
            "timestamp": now_ms(),
        }

    def events(self, event: SessionEvent, timestamp_ms: int) -> list[Message]:
        """Build message 6; several of them when a list of people is not wanted."""
        if (
            self._variations.single_user_events
            and event.event_type in _PEOPLE_EVENTS
            and not self._contact_center
        ):
            return [
                self._event(event.event_type, timestamp_ms, self._person(event, person))
                for person in event.people
            ]
        return [self._event(event.event_type, timestamp_ms, self._event_fields(event))]

    @property
    def _contact_center(self) -> bool:
        return self._settings.product is Product.CONTACT_CENTER

    def _event_fields(self, event: SessionEvent) -> Message:
        fields = dict(event.fields)
        if self._contact_center:
            if self._variations.misspelt_participant_info and "participant_info" in fields:
                fields["paticipant_info"] = fields.pop("participant_info")
        elif event.event_type in _PEOPLE_EVENTS:
            fields["participants"] = [self._person(event, person) for person in event.people]
        elif event.event_type in _PERSON_EVENTS and event.people:
            fields |= self._person(event, event.people[0])
        return fields

    def _person(self, event: SessionEvent, person: Person) -> Message:
        if event.event_type == EventType.PARTICIPANT_LEAVE:
            return {"user_id": person.user_id}
        return {"user_id": person.user_id, "user_name": person.user_name}

    def _event(self, event_type: int, timestamp_ms: int, fields: Message) -> Message:
        time_key = self._variations.event_time_key or (
            "event_ts" if self._contact_center else "timestamp"
        )
        enum_type = ContactCenterEventType if self._contact_center else EventType
        number = {"event_type": self._enum(enum_type(int(event_type)))}
        event = {time_key: timestamp_ms, **fields}
        message: dict[str, Any] = {"msg_type": int(MessageType.EVENT_UPDATE)}
        if self._variations.top_level_event_type:
            return message | number | {"event": event}
        return message | {"event": number | event}

    # Media

    def media(
        self, msg_type: MessageType, person: Person, data: bytes, timestamp_ms: int, *, mixed: bool
    ) -> bytes:
        """Encode audio, video or share; fast, because everything constant was encoded before."""
        template = self._templates.get((msg_type, person, mixed))
        if template is None:
            template = self._media_template(msg_type, person, mixed=mixed)
            self._templates[msg_type, person, mixed] = template
        text = base64.b64encode(data).decode("ascii")
        if self._variations.unpadded_base64:
            text = text.rstrip("=")
        return (template % {"data": text, "length": len(data), "timestamp": timestamp_ms}).encode()

    def _media_template(self, msg_type: MessageType, person: Person, *, mixed: bool) -> str:
        """Encode a message with marks in place of its data, length and timestamp."""
        content: dict[str, Any] = {"user_id": 0 if mixed else person.user_id}
        if not mixed:
            content["user_name"] = person.user_name
        content |= self._channel(person) if msg_type == MessageType.MEDIA_DATA_AUDIO else {}
        content |= {"data": "\x00data\x00", "length": "\x00length\x00"}
        content["timestamp"] = "\x00timestamp\x00"
        if self._variations.omit_length:
            del content["length"]
        text = self.encode(self._enveloped(msg_type, content)).decode().replace("%", "%%")
        text = text.replace(r"\u0000data\u0000", "%(data)s")
        for key in ("length", "timestamp"):
            text = text.replace(rf'"\u0000{key}\u0000"', f"%({key})d")
        return text

    def transcript(self, caption: Caption, epoch_ms: int) -> Message:
        """Build message 17."""
        start_ms = caption.at_ms if caption.start_ms is None else caption.start_ms
        end_ms = caption.at_ms if caption.end_ms is None else caption.end_ms
        content: dict[str, Any] = {
            "user_id": caption.person.user_id,
            "user_name": caption.person.user_name,
            **self._channel(caption.person),
            "start_time": epoch_ms + start_ms,
            "end_time": epoch_ms + end_ms,
            "timestamp": epoch_ms + start_ms,
            "language": self._enum(caption.language),
            "attribute": self._enum(caption.attribute),
            self._variations.transcript_text_key: caption.text,
        }
        return self._enveloped(MessageType.MEDIA_DATA_TRANSCRIPT, content)

    def chat(self, chat: Chat, epoch_ms: int) -> Message:
        """Build message 18."""
        timestamp = {"timestamp": epoch_ms + chat.at_ms}
        if self._variations.chat_form == "old":
            return self._enveloped(MessageType.MEDIA_DATA_CHAT, {**timestamp, "data": chat.text})
        fields = self._chat_fields(chat)
        if self._variations.chat_form == "fields":
            content = timestamp | fields
        else:
            sender = {"user_id": chat.person.user_id, "user_name": chat.person.user_name}
            nested = self._varied(fields)
            if self._variations.chat_form == "json":
                nested = json.dumps(nested)
            content = {**sender, **timestamp, "data": nested}
        return self._enveloped(MessageType.MEDIA_DATA_CHAT, content)

    def _chat_fields(self, chat: Chat) -> dict[str, Any]:
        session: dict[str, object] = {"type": int(chat.session_type)}
        if chat.session_id is not None:
            session["id"] = chat.session_id
        fields: dict[str, Any] = {
            "chat_session": session,
            "operation_type": int(chat.operation),
            "message_id": chat.message_id,
            "parent_message_id": chat.parent_message_id,
            "sender": {"user_id": chat.person.user_id, "user_name": chat.person.user_name},
            "data": chat.text,
        }
        if chat.receiver is not None:
            fields["receiver"] = {
                "user_id": chat.receiver.user_id,
                "user_name": chat.receiver.user_name,
            }
        if chat.files:
            fields["files"] = [dict(file) for file in chat.files]
        if chat.delete_file_ids:
            fields["delete_file_id_list"] = list(chat.delete_file_ids)
        return fields

    def _channel(self, person: Person) -> Message:
        if self._settings.product not in VOICE_PRODUCTS:
            return {}
        channel = person.channel_id or str(person.user_id)
        if self._variations.integer_channel_ids and channel.isdecimal():
            return {"channel_id": int(channel)}
        return {"channel_id": channel}

    def _enveloped(self, msg_type: MessageType, content: dict[str, Any]) -> Message:
        message: dict[str, Any] = {"msg_type": int(msg_type)}
        if not self._variations.bare_content:
            return message | {"content": content}
        bare = content.pop("data", content.pop("text", ""))
        return message | {"content": bare} | content

    # Everything

    def encode(self, message: Message) -> bytes:
        """Encode a message as JSON with the variations that concern every message."""
        varied = self._varied(dict(message))
        if self._variations.string_message_types:
            varied["msg_type"] = str(varied["msg_type"])
        return json.dumps(varied, separators=(",", ":")).encode()

    def _varied(self, value: Any) -> Any:  # noqa: ANN401  (JSON of any shape)
        items = as_list(value)
        if items is not None:
            return [self._varied(item) for item in items]
        fields = as_object(value)
        if fields is None:
            return value
        varied = {self._key(key): self._varied(item) for key, item in fields.items()}
        if self._variations.string_user_ids:
            for key in {"user_id", "userId"} & varied.keys():
                varied[key] = str(varied[key])
        if self._variations.unknown_keys:
            varied["from_the_future"] = {"version": 3}
        return varied

    def _key(self, key: str) -> str:
        if self._variations.camel_case:
            return {"user_id": "userId", "user_name": "userName"}.get(key, key)
        return key

    def _enum(self, member: Any) -> int | str:  # noqa: ANN401  (a wire enum)
        if not self._variations.enum_names or not member.known:
            return int(member)
        prefix = _PREFIXES.get(cast("type[object]", type(member)), "")
        return "UNDEFINED" if member.name == "UNDEFINED" else prefix + member.name


def media_name(media: MediaType) -> str:
    """Name the socket of these media: ``audio``, or ``audio+video``."""
    return "+".join(name for medium, name in SOCKET_NAMES.items() if medium in media)


SOCKET_NAMES: Final[Mapping[MediaType, str]] = {
    MediaType.AUDIO: "audio",
    MediaType.VIDEO: "video",
    MediaType.SHARE: "share",
    MediaType.TRANSCRIPT: "transcript",
    MediaType.CHAT: "chat",
}
"""How sockets are named in the log and in manual control."""
