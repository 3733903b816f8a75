"""What a webhook can tell, as one typed family with a member for the unknown."""

import hashlib
import json
from collections.abc import Mapping

import attrs
from typing_extensions import override

from rtms_client.config import StreamInfo
from rtms_client.enums import Product, StopReason
from rtms_client.exceptions import InvalidParameters

__all__ = [
    "ConcurrencyLimited",
    "ConcurrencyNearLimit",
    "Notification",
    "RTMSInterrupted",
    "RTMSStarted",
    "RTMSStopped",
    "RequestStatus",
    "StartFailed",
    "UnrecognizedNotification",
    "UrlValidation",
]


def _key(kind: str, *facts: object) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return f"{kind}:{digest[:32]}"


def _stream_as_json(value: object) -> object:
    if not isinstance(value, StreamInfo):
        raise TypeError
    return json.loads(value.to_json())


@attrs.frozen(kw_only=True)
class Notification:
    """Something that Zoom tells the application; the subclasses say what (webhook notes, 1)."""

    event: str
    """Name of the event, for example ``meeting.rtms_started``."""
    event_ts_ms: int | None = None
    """When it happened, Unix time in milliseconds; `None` when Zoom did not say."""
    account_id: str | None = None
    """The Zoom account concerned; `None` when Zoom did not say."""
    raw: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False, hash=False)
    """The whole webhook, with fields that this version does not know; may hold secrets."""

    @property
    def idempotency_key(self) -> str:
        """A short ASCII text that is the same whenever Zoom delivers the same notification.

        Zoom repeats what was not answered in time, up to 85 minutes later, and delivers to every
        subscription (webhook notes, 5). The key is the same in every process, so it can be shared;
        it tells nothing about what is in the notification.
        """
        return _key("other", self.event, self.event_ts_ms, self.raw.get("payload"))

    @property
    def response_body(self) -> bytes:
        """What to answer with status 200 within 3 s: nothing, except to `UrlValidation`."""
        return b""

    def to_json(self) -> str:
        """Write it as a JSON object in ASCII, so that it can cross a queue to another process.

        `rtms_client.webhooks.from_json` reads it. The text holds everything, `raw` included: treat
        it as confidential.

        Raises:
            InvalidParameters: `raw`, or `StreamInfo.extra`, holds what JSON cannot express.
        """
        values: dict[str, object] = {"type": type(self).__name__}
        values |= {name: getattr(self, name) for name in attrs.fields_dict(type(self))}
        try:
            values["raw"] = dict(self.raw)
            return json.dumps(values, allow_nan=False, default=_stream_as_json)
        except (TypeError, ValueError, RecursionError):
            what = f"{type(self).__name__}.raw or StreamInfo.extra"
        raise InvalidParameters(what, "expected JSON values, got others", "leave them out")


def _event_ts_ms(started: "RTMSStarted") -> int | None:
    return started.stream.event_ts_ms


def _account_id(started: "RTMSStarted") -> str | None:
    return started.stream.account_id


@attrs.frozen(kw_only=True)
class RTMSStarted(Notification):
    """A stream is ready to be joined, or has moved to another server (webhook notes, 2 to 4)."""

    stream: StreamInfo
    """What it takes to join the stream."""
    event_ts_ms: int | None = attrs.field(default=attrs.Factory(_event_ts_ms, takes_self=True))
    """When the stream started or moved, Unix time in milliseconds; that of `stream` by default."""
    account_id: str | None = attrs.field(default=attrs.Factory(_account_id, takes_self=True))
    """The Zoom account concerned; that of `stream` by default."""

    @property
    def product(self) -> Product:
        """The product of the stream."""
        return self.stream.product

    @property
    def product_id(self) -> str:
        """Id of the meeting, webinar, session, engagement or call."""
        return self.stream.product_id

    @property
    def stream_id(self) -> str:
        """``rtms_stream_id``."""
        return self.stream.stream_id

    @property
    @override
    def idempotency_key(self) -> str:
        """The same for every delivery; another one when the stream moves to other URLs."""
        return _key("started", self.stream_id, self.event_ts_ms, self.stream.server_urls)


@attrs.frozen(kw_only=True)
class _OfStream(Notification):
    """A notification about a stream that was announced before."""

    product: Product
    """The product of the stream."""
    stream_id: str
    """``rtms_stream_id``: what to find the stream by."""
    product_id: str | None = None
    """Id of the meeting, webinar, session, engagement or call; `None` when Zoom did not say."""


@attrs.frozen(kw_only=True)
class RTMSStopped(_OfStream):
    """A stream is over; it may come before the last media, and without any start."""

    stop_reason: StopReason | None = None
    """Why; `None` when Zoom did not say."""

    @property
    @override
    def idempotency_key(self) -> str:
        """The same for every delivery."""
        return _key("stopped", self.stream_id, self.event_ts_ms)


@attrs.frozen(kw_only=True)
class RTMSInterrupted(_OfStream):
    """The server lost the signaling connection of a stream: connect again within 60 s."""

    server_urls: tuple[str, ...] = ()
    """URLs of the signaling server; empty, which is usual, means the last known ones."""

    @property
    @override
    def idempotency_key(self) -> str:
        """The same for every delivery."""
        return _key("interrupted", self.stream_id, self.event_ts_ms)


@attrs.frozen(kw_only=True)
class ConcurrencyLimited(Notification):
    """A stream did not start, because the account has as many as it may have."""

    product: Product | None = None
    """The product of the stream refused; `None` when Zoom did not say."""
    product_id: str | None = None
    """Id of its meeting, webinar or session; `None` when Zoom did not say."""
    operator_id: str | None = None
    """The user on whose behalf the app streams; `None` when Zoom did not say."""
    concurrency_number: int | None = None
    """Streams at the time; `None` when Zoom did not say."""


@attrs.frozen(kw_only=True)
class ConcurrencyNearLimit(Notification):
    """More than 80 % of the streams that the account may have are in use; sent periodically."""

    concurrency_limit: int | None = None
    """Streams allowed at a time; `None` when Zoom did not say."""
    concurrency_number: int | None = None
    """Streams at the time; `None` when Zoom did not say."""
    percentage: float | None = None
    """How much of the limit is in use, 0 to 100; `None` when Zoom did not say."""


@attrs.frozen(kw_only=True)
class _Undocumented(Notification):
    """Something whose payload Zoom does not document; what is known from others is looked for."""

    product: Product | None = None
    """The product of the stream; `None` when Zoom did not say."""
    product_id: str | None = None
    """Id of the meeting, webinar, session, engagement or call; `None` when Zoom did not say."""
    stream_id: str | None = None
    """``rtms_stream_id``; `None` when Zoom did not say."""
    operator_id: str | None = None
    """The user on whose behalf the app streams; `None` when Zoom did not say."""


@attrs.frozen(kw_only=True)
class StartFailed(_Undocumented):
    """A stream could not be started; Zoom does not document what is told, so look into `raw`."""


@attrs.frozen(kw_only=True)
class RequestStatus(_Undocumented):
    """The state of a request for streams; Zoom does not document what is told: look into `raw`."""


@attrs.frozen(kw_only=True)
class UrlValidation(Notification):
    """Zoom checks that the address is yours: answer with status 200 and `response` within 3 s.

    Sent when the address is saved and again about every 72 hours (webhook notes, 6).
    """

    plain_token: str = attrs.field(repr=False)
    """The challenge."""
    encrypted_token: str = attrs.field(repr=False)
    """The challenge, signed with the secret token that verified the request, or with the first."""

    @property
    def response(self) -> dict[str, str]:
        """The answer, for web frameworks that write JSON themselves."""
        return {"plainToken": self.plain_token, "encryptedToken": self.encrypted_token}

    @property
    @override
    def response_body(self) -> bytes:
        """The answer as bytes, to be sent as ``application/json``."""
        return json.dumps(self.response).encode()


@attrs.frozen(kw_only=True)
class UnrecognizedNotification(Notification):
    """An event that this version does not know or that is not about RTMS; see `raw`."""
