"""What a fake server can be told: settings of a stream, timing, variations of the wire."""

import math
from collections.abc import Mapping
from typing import Final, Literal, TypedDict

import attrs

from rtms_client.enums import MediaType, Product, StatusCode

__all__ = [
    "EVERY_MEDIUM",
    "NEVER",
    "StreamOptions",
    "StreamSettings",
    "Timing",
    "Variations",
]

NEVER: Final = math.inf
"""A delay that does not end."""

EVERY_MEDIUM: Final = (
    MediaType.AUDIO | MediaType.VIDEO | MediaType.SHARE | MediaType.TRANSCRIPT | MediaType.CHAT
)

_PRODUCT_IDS: Final[Mapping[Product, str]] = {
    Product.MEETING: "aBcDeFgHiJkLmNoPqRsTuA==",
    Product.WEBINAR: "wBcDeFgHiJkLmNoPqRsTuA==",
    Product.VIDEO_SDK: "SessionIdExample==",
    Product.CONTACT_CENTER: "eng-1",
    Product.PHONE: "7100000000000000001",
}


@attrs.frozen(kw_only=True)
class Timing:
    """Intervals and time-outs of the server side, in seconds."""

    keep_alive_s: float = 10.0
    """Between two keep-alive requests on a socket; `NEVER` sends none."""
    missed_keep_alives: int = 3
    """Unanswered requests after which a socket counts as lost."""
    keep_alive_grace_s: float = 1.0
    """How late an answer may be although the next request is out, without being a violation: for
    tests with short intervals on machines with other work."""
    signaling_window_s: float = 60.0
    """How long a lost signaling connection may take to come back."""
    media_window_s: float = 65.0
    """How long a lost media connection may take to come back."""
    buffer_s: float = 60.0
    """Audio kept, in meeting time, while no media socket takes it."""
    signaling_answer_s: float = 0.0
    """Delay of message 2; `NEVER` leaves the client without an answer."""
    media_answer_s: float = 0.0
    """Delay of message 4; `NEVER` leaves the client without an answer."""
    drain_s: float = 30.0
    """At the end of the stream: how long clients may take to read what was sent before."""
    linger_s: float = 1.0
    """After the end of the stream: until the server closes a signaling socket left open."""


@attrs.frozen(kw_only=True)
class Variations:
    """Ways in which servers are known, or said, to differ from the documentation.

    The defaults are the documented behaviour, plus ``sequence`` in keep-alives, which Zoom's own
    SDK demands.
    """

    string_user_ids: bool = False
    """User ids as decimal strings."""
    bare_content: bool = False
    """``content`` of media as a bare string, everything else at the top level."""
    binary_frames: bool = False
    """JSON in binary WebSocket frames."""
    omit_length: bool = False
    """No ``length`` in media."""
    unpadded_base64: bool = False
    """Base64 without the final ``=`` signs."""
    encryption_key: Literal["payload_encrypted", "payload_encryption"] = "payload_encrypted"
    """Name of the encryption flag of message 4."""
    swap_reason_keys: bool = False
    """``stop_reason`` in message 8 and ``reason`` in message 9, instead of the opposite."""
    session_id_key: Literal["rtms_session_id", "session_id"] = "rtms_session_id"
    """Name of the session id in messages 9 and 11."""
    null_session_id: bool = False
    """The session id is ``null`` in message 9."""
    single_user_events: bool = False
    """One event for each participant, without a list."""
    stream_state_in_seconds: bool = False
    """``timestamp`` of message 20 in seconds."""
    event_time_key: Literal["timestamp", "event_ts"] | None = None
    """Name of the time of an event; by product when `None`."""
    top_level_event_type: bool = False
    """``event_type`` beside ``event`` instead of inside."""
    misspelt_participant_info: bool = False
    """``paticipant_info`` in Contact Center events."""
    transcript_text_key: Literal["data", "text"] = "data"
    """Name of the text of a transcript segment."""
    chat_form: Literal["fields", "json", "object", "old"] = "json"
    """Where the July 2026 fields live: in ``content``, in a JSON string or an object under
    ``content.data``; or the old form, text only."""
    enum_names: bool = False
    """States, reasons, event types, languages and attributes as Zoom's names."""
    string_message_types: bool = False
    """``msg_type`` as decimal string."""
    keep_alive_timestamp: bool = True
    """``timestamp`` in keep-alive requests."""
    keep_alive_sequence: bool = True
    """``sequence`` in keep-alive requests."""
    early_keep_alives: bool = False
    """Keep-alives start when the socket opens, not with the handshake answer."""
    media_before_answer: bool = False
    """Media flow before message 4, as soon as message 3 arrived."""
    media_without_answer: bool = False
    """Media flow after message 3; message 4 is never sent."""
    terminated_on_media: bool = False
    """TERMINATED is sent on every media socket, too."""
    handshake_status_key: Literal["status_code", "status"] = "status_code"
    """Name of the status in handshake answers."""
    omit_error_status: bool = False
    """No status at all in a handshake answer that is an error."""
    answer_close: bool = True
    """Message 21 is answered by message 22."""
    unknown_message: bool = False
    """A message of type 99 follows each handshake."""
    unknown_event: bool = False
    """An event of type 55 follows the signaling handshake."""
    unknown_keys: bool = False
    """An unknown key in every object."""
    extra_keys: bool = False
    """Keys that only an old mock server sends: ``srtp_keys``, ``ui_state`` and others."""
    share_url_key: Literal["deskshare", "sharescreen", "share"] = "deskshare"
    """Name of the media URL for screen share."""
    server_urls: Literal["per_type", "all_only", "string"] = "per_type"
    """Shape of the media URLs in message 2."""
    camel_case: bool = False
    """``userId`` and ``userName``."""
    integer_channel_ids: bool = False
    """Decimal channel ids as integers."""
    webhook_nested: bool = False
    """Webhook payload nested under ``object``."""
    webhook_server_urls: Literal["string", "comma", "list", "object"] = "string"
    """Shape of ``server_urls`` in webhooks."""
    phone_call_events: bool = False
    """Phone webhooks as ``phone.call_rtms_*``."""


class StreamOptions(TypedDict, total=False):
    """The keyword arguments of `StreamSettings`, for functions that forward them."""

    product: Product
    product_id: str
    rtms_stream_id: str
    session_id: str
    client_id: str
    client_secret: str
    pace: float | None
    epoch_ms: int | None
    start_at_once: bool
    expected_media: MediaType
    expected_wait_s: float | None
    available: MediaType
    unified: bool
    status_without_scope: bool
    id_keys: Literal["either", "product", "meeting_uuid"]
    id_key_status: StatusCode
    duplicates: Literal["refuse", "replace"]
    grant: Mapping[str, Mapping[str, int]]
    share_picture_fps: int
    timing: Timing
    variations: Variations


@attrs.frozen(kw_only=True)
class StreamSettings:
    """One stream of a fake server."""

    product: Product = Product.MEETING
    product_id: str = attrs.field(
        default=attrs.Factory(lambda self: _PRODUCT_IDS[self.product], takes_self=True)
    )
    """Id of the meeting, webinar, session, engagement or call; an example id by default."""
    rtms_stream_id: str = "11111111-2222-3333-4444-555555555555"
    session_id: str = "sess-1"
    client_id: str = "test-client-id"
    client_secret: str = attrs.field(default="test-client-secret", repr=False)
    pace: float | None = 1.0
    """Speed of the meeting: 1 is real time, 10 is ten times faster, `None` as fast as the client
    reads. Without pace the meeting waits while no media socket is ready, so nothing gets lost."""
    epoch_ms: int | None = None
    """Server time at the start of the meeting, Unix milliseconds; now when `None`."""
    start_at_once: bool = False
    """Start the meeting with the server, so that audio is buffered until the client is there;
    otherwise it starts when the expected media are ready."""
    expected_media: MediaType = attrs.field(factory=lambda: MediaType(0))
    """Media that must be ready before the meeting starts; any medium when zero."""
    expected_wait_s: float | None = None
    """How long the meeting waits for more of the expected media after one became ready; then the
    client is taken to want no others. For ever when `None`."""
    available: MediaType = EVERY_MEDIUM
    """Media that the app has scopes for; the others have no URL and are refused."""
    unified: bool = True
    """Whether one socket for all media is offered."""
    status_without_scope: bool = True
    """Refuse a medium without scope with status 9 to 13, instead of 7."""
    id_keys: Literal["either", "product", "meeting_uuid"] = "either"
    """Keys of the product id that handshakes may use."""
    id_key_status: StatusCode = StatusCode.INVALID_PAYLOAD
    """Answer to a handshake with another key."""
    duplicates: Literal["refuse", "replace"] = "refuse"
    """A second connection is refused (status 8, 15, 16), or the older one is dropped."""
    grant: Mapping[str, Mapping[str, int]] = attrs.field(factory=dict[str, Mapping[str, int]])
    """Parameters granted whatever was asked, for example ``{"audio": {"data_opt": 1}}``."""
    share_picture_fps: int = 5
    """Highest rate of JPG and PNG screen share, in pictures per second; sources say 1 or 5."""
    timing: Timing = attrs.field(factory=Timing)
    variations: Variations = attrs.field(factory=Variations)
