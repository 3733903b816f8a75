"""The stream to join."""

from collections.abc import Mapping

import attrs

from rtms_client.enums import Product

from ._checks import not_empty, texts

__all__ = ["StreamInfo"]


@attrs.frozen(kw_only=True)
class StreamInfo:
    """What it takes to join a stream; usually read from a started webhook."""

    product: Product = attrs.field(default=Product.MEETING, converter=Product)
    product_id: str = attrs.field(validator=not_empty)
    """UUID of the meeting or webinar, id of the session, engagement or call; as received."""
    stream_id: str = attrs.field(validator=not_empty)
    """``rtms_stream_id``; an opaque text."""
    server_urls: tuple[str, ...] = attrs.field(converter=texts)
    """URLs of the signaling server; the first usable one is taken."""
    event_ts_ms: int | None = None
    """When the stream started, Unix time in milliseconds; dates the buffered audio."""
    account_id: str | None = None
    operator_id: str | None = None
    is_original_host: bool | None = None
    alternate_id: str | None = None
    """A second id that names the same webinar; tried once when the first is refused."""
    extra: Mapping[str, object] = attrs.field(factory=dict, repr=False, hash=False)
    """Fields of the webhook that this version does not know."""
