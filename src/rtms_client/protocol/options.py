"""How a stream is joined: the choices of the application and what follows from them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, cast

import attrs

from rtms_client._wire.media import strict_base64
from rtms_client._wire.outbound import Identity, MediaParams
from rtms_client.config import NetworkOptions, ReconnectPolicy, RestartPolicy, StreamInfo, Timeouts
from rtms_client.enums import (
    ContactCenterEventType,
    EventType,
    MediaType,
    Product,
    StatusCode,
)
from rtms_client.exceptions import InvalidParameters
from rtms_client.protocol.reconnect import ReconnectHook

__all__ = [
    "Candidate",
    "EventSubscription",
    "SessionOptions",
    "candidates",
    "check_subscriptions",
    "default_events",
]

EventSubscription: TypeAlias = EventType | ContactCenterEventType | Mapping[str, object]
"""An event to subscribe to; a mapping is sent as it is (``event_code`` of protocol version 2)."""

_AUTOMATIC: Final = frozenset({1, 7})
_IDENTITY_REFUSED: Final = frozenset(
    {
        StatusCode.INVALID_RTMS_STREAM_ID,
        StatusCode.INVALID_SIGNATURE,
        StatusCode.INVALID_PAYLOAD,
    }
)


def _no_chance() -> float:
    return 0.0


@attrs.frozen(kw_only=True)
class SessionOptions:
    """Everything that decides how a stream is joined."""

    params: Mapping[MediaType, MediaParams]
    """The media to ask for."""
    sign: Callable[[str], str] = attrs.field(repr=False)
    """Makes the signature for a product id."""
    events: tuple[EventSubscription, ...] | None = None
    """Events to subscribe to; `None` means all that belong to product and media."""
    network: NetworkOptions = attrs.field(factory=NetworkOptions)
    timeouts: Timeouts = attrs.field(factory=Timeouts)
    unified: bool = False
    """One connection for all media instead of one each."""
    strict: bool = False
    """A medium refused, or granted with other parameters, ends the stream."""
    buffer_data: bool = True
    """Ask for the audio from before the connection (messages notes, 2.1)."""
    protocol_version: int = 1
    id_key: str | None = None
    """Key of the product id in handshakes; `None` means ``meeting_uuid``, then the product's."""
    reconnect: ReconnectPolicy | None = None
    """When to try again after a connection broke; `None` makes every loss the end."""
    on_reconnect: ReconnectHook | None = None
    """Asked before a try is planned."""
    restart: RestartPolicy | None = None
    """When to have a stream started again that the server ended; `None` makes it the end."""
    decode_base64: Callable[[bytes], bytes] = attrs.field(default=strict_base64, repr=False)
    """Decodes payloads; raises `ValueError` where anything is wrong with them."""
    dice: Callable[[], float] = attrs.field(default=_no_chance, repr=False)
    """Random numbers from 0 to 1 for the jitter."""
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    """What an observer of the session must not write down."""


@attrs.frozen
class Candidate:
    """A way to name the stream in handshakes, and the refusals that make it worth a try."""

    id_key: str
    product_id: str
    after: frozenset[int] = frozenset()

    def identity(self, info: StreamInfo, options: SessionOptions) -> Identity:
        """Return what the handshakes prove when the stream is named this way."""
        return Identity(
            id_key=self.id_key,
            product_id=self.product_id,
            stream_id=info.stream_id,
            signature=options.sign(self.product_id),
            protocol_version=options.protocol_version,
        )


def candidates(info: StreamInfo, id_key: str | None) -> list[Candidate]:
    """Return the ways to name a stream, first choice first (protocol notes, rows 1 and 2)."""
    key = id_key or Product.MEETING.value
    found = [Candidate(key, info.product_id)]
    if id_key is None and info.product != Product.MEETING:
        found.append(Candidate(info.product.value, info.product_id, _IDENTITY_REFUSED))
    if info.alternate_id:
        after = frozenset({int(StatusCode.INVALID_SIGNATURE)})
        found.append(Candidate(key, info.alternate_id, after))
    return found


_NEEDS: Final = {
    EventType.SHARING_START: MediaType.SHARE,
    EventType.SHARING_STOP: MediaType.SHARE,
    EventType.CHAT_GROUP_CREATE: MediaType.CHAT,
    EventType.CHAT_GROUP_DELETE: MediaType.CHAT,
    EventType.CHAT_GROUP_MEMBERS_ADD: MediaType.CHAT,
    EventType.CHAT_GROUP_MEMBERS_DELETE: MediaType.CHAT,
    EventType.CHAT_GROUP_MEMBER_STATUS_UPDATE: MediaType.CHAT,
}


def default_events(product: Product, media: Iterable[MediaType]) -> tuple[EventSubscription, ...]:
    """Return all events that belong to a product and its media; Phone has no known ones."""
    if product == Product.PHONE:
        return ()
    if product == Product.CONTACT_CENTER:
        return tuple(event for event in ContactCenterEventType if event)
    wanted = {None, *media}
    return tuple(
        event
        for event in EventType
        if event and event not in _AUTOMATIC and _NEEDS.get(event) in wanted
    )


def check_subscriptions(events: Iterable[EventSubscription]) -> tuple[EventSubscription, ...]:
    """Return the events if they may be subscribed.

    Raises:
        InvalidParameters: Events 1 and 7 come unasked and must not be subscribed (messages notes,
            5.1), or a raw item cannot be sent.
    """
    checked = tuple(events)
    for event in checked:
        if isinstance(event, Mapping):
            raw = cast("Mapping[object, object]", event)
            if not all(isinstance(k, str) and isinstance(v, str | int) for k, v in raw.items()):
                raise InvalidParameters(
                    "events",
                    f"expected texts and integers in a raw item, got {event!r}",
                    'write it like {"event_code": 1}',
                )
        elif event in _AUTOMATIC:
            raise InvalidParameters(
                "events",
                f"event {EventType(event).name} comes unasked",
                "leave it out of the subscription",
            )
        elif not isinstance(cast("object", event), EventType | ContactCenterEventType):
            raise InvalidParameters(
                "events", f"expected an event type, got {event!r}", "use a member of EventType"
            )
    return checked
