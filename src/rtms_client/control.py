"""Start, stop, pause and resume RTMS over Zoom's REST API, with the HTTP client that you have.

The library makes no HTTP request. It says what to send and what the answer means; the request is a
coroutine function of yours:

.. code-block:: python

    control = RTMSControl(call, client_id)
    await control.start(ControlTarget(product=Product.MEETING, id="98765432101"))
    await control.pause(stream.info)
    client = RTMSClient(..., restart=control.restart)

What is started is announced by a started webhook, as ever. Programs without asyncio build a
`ControlRequest` with `ControlRequest.build`, send it, and give the answer to its `check`.
"""

import contextlib
import enum
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol, Self
from urllib.parse import quote

import attrs

from rtms_client._wire import fields as f
from rtms_client.config import StreamInfo
from rtms_client.config._checks import not_empty, whole
from rtms_client.enums import Product
from rtms_client.exceptions import ControlRejected, ControlUnavailable, InvalidParameters
from rtms_client.protocol.restart import RestartRequest

__all__ = [
    "API_URL",
    "ControlAction",
    "ControlAnswer",
    "ControlCall",
    "ControlRequest",
    "ControlTarget",
    "RTMSControl",
]

API_URL: Final = "https://api.zoom.us"
"""Where Zoom's REST API is."""

# Method and path for each product: documented, that of Phone seen in samples only; there is none
# for webinars (webhook notes, section 9).
_CALLS: Final[Mapping[Product, tuple[str, str]]] = MappingProxyType(
    {
        Product.MEETING: ("PATCH", "/v2/live_meetings/{}/rtms_app/status"),
        Product.VIDEO_SDK: ("PATCH", "/v2/videosdk/sessions/{}/rtms_app/status"),
        Product.CONTACT_CENTER: ("PUT", "/v2/contact_center/{}/rtms_app/status"),
        Product.PHONE: ("PATCH", "/v2/phone/calls/{}/rtms_app/status"),
    }
)
_OK: Final = range(200, 300)
_LATER: Final = (429, *range(500, 600))


class ControlAction(enum.StrEnum):
    """What to do with RTMS (webhook notes, section 9)."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


@attrs.frozen(kw_only=True)
class ControlTarget:
    """Whose RTMS is controlled: a meeting, session, engagement or call that goes on now."""

    product: Product = attrs.field(converter=Product)
    id: str = attrs.field(validator=not_empty)
    """Number or UUID of the meeting, id of the session, engagement or call; not yet encoded."""

    @classmethod
    def of(cls, info: StreamInfo) -> Self:
        """Return what a stream is of.

        A meeting goes by its number when the webhook had it, because the path is documented with
        ``{meetingId}``, which is what webhooks call the number; else by its UUID. That either is
        accepted is inferred.
        """
        number = None
        if info.product is Product.MEETING:
            number = f.identifier(info.extra.get("meeting_id"))
        return cls(product=info.product, id=number or info.product_id)


@attrs.frozen(kw_only=True)
class ControlAnswer:
    """What the REST API answered."""

    status: int = attrs.field(validator=whole)
    """HTTP status."""
    body: bytes = attrs.field(default=b"", repr=False)
    """The body as received."""


@attrs.frozen(kw_only=True)
class ControlRequest:
    """A request to Zoom's REST API, to be sent with an access token (webhook notes, section 9)."""

    action: ControlAction
    """What it asks for."""
    method: str
    """HTTP method."""
    path: str
    """Path below `API_URL`, encoded; to be sent as it is. There is no query."""
    body: Mapping[str, object]
    """To be sent as JSON."""

    @classmethod
    def build(
        cls,
        action: ControlAction,
        target: ControlTarget | StreamInfo,
        *,
        client_id: str,
        participant_user_id: str | None = None,
    ) -> Self:
        """Return the request for an action.

        Args:
            action: What to do.
            target: With whose RTMS: a stream, or a meeting and so on that has none yet.
            client_id: Client id of the app that receives the stream.
            participant_user_id: The user on whose behalf the app streams; may be somebody who was
                invited and has joined. `None` leaves the choice to Zoom.

        Raises:
            InvalidParameters: Zoom documents no such call for the product, which holds for
                webinars, or the id cannot be part of a path.
        """
        if isinstance(target, StreamInfo):
            target = ControlTarget.of(target)
        call = _CALLS.get(target.product)
        if call is None:
            raise InvalidParameters(
                "product",
                f"expected one with a documented call, got {target.product.name}",
                "start it from the Zoom client, or let the app start automatically",
            )
        method, path = call
        settings = {"client_id": client_id}
        if participant_user_id is not None:
            settings["participant_user_id"] = participant_user_id
        return cls(
            action=action,
            method=method,
            path=path.format(_segment(target.id)),
            body={"action": action.value, "settings": settings},
        )

    @property
    def url(self) -> str:
        """The whole URL, at `API_URL`."""
        return f"{API_URL}{self.path}"

    def check(self, answer: ControlAnswer) -> None:
        """Take the answer: any status from 200 to 299 means that Zoom accepted the request.

        Raises:
            ControlUnavailable: Too many requests, or a fault of the server: status 429, or 500 and
                above.
            ControlRejected: Any other status.
        """
        if answer.status not in _OK:
            kind = ControlUnavailable if answer.status in _LATER else ControlRejected
            raise kind(self.action.value, answer.status, *_reason(answer.body))


class ControlCall(Protocol):
    """Sends a request; usually a coroutine function with the HTTP client of the application.

    It adds the access token and sets a time-out. What it raises goes through to the caller of
    `RTMSControl`; for a restart it counts as a failed try.
    """

    async def __call__(self, request: ControlRequest, /) -> ControlAnswer:
        """Send a request as it is, and return what came back."""
        ...


class RTMSControl:
    """Controls RTMS over Zoom's REST API.

    Each method returns when Zoom accepted the request. What follows from it comes as a webhook and
    in the stream.

    Args:
        call: Makes the HTTP request.
        client_id: Client id of the app that receives the streams.
    """

    def __init__(self, call: ControlCall, client_id: str) -> None:
        self._call = call
        self._client_id = client_id

    async def send(
        self,
        action: ControlAction,
        target: ControlTarget | StreamInfo,
        *,
        participant_user_id: str | None = None,
    ) -> None:
        """Do something with RTMS; the methods below are short for it.

        Args:
            action: What to do.
            target: With whose RTMS: a stream, or a meeting and so on that has none yet.
            participant_user_id: The user on whose behalf the app streams; may be somebody who was
                invited and has joined. `None` leaves the choice to Zoom.

        Raises:
            ControlRejected: Zoom refused.
            InvalidParameters: Zoom documents no such call for the product.
        """
        request = ControlRequest.build(
            action, target, client_id=self._client_id, participant_user_id=participant_user_id
        )
        request.check(await self._call(request))

    async def start(
        self, target: ControlTarget | StreamInfo, *, participant_user_id: str | None = None
    ) -> None:
        """Start RTMS; a started webhook follows. Arguments and errors are those of `send`."""
        await self.send(ControlAction.START, target, participant_user_id=participant_user_id)

    async def stop(self, target: ControlTarget | StreamInfo) -> None:
        """Stop RTMS; a stopped webhook follows. Errors are those of `send`."""
        await self.send(ControlAction.STOP, target)

    async def pause(self, target: ControlTarget | StreamInfo) -> None:
        """Pause RTMS: the connections stay, media cease. Errors are those of `send`."""
        await self.send(ControlAction.PAUSE, target)

    async def resume(self, target: ControlTarget | StreamInfo) -> None:
        """Resume RTMS after a pause. Errors are those of `send`."""
        await self.send(ControlAction.RESUME, target)

    async def restart(self, request: RestartRequest) -> None:
        """Start a stream again that the server ended: ``RTMSClient(restart=control.restart)``.

        Errors are those of `send`; each counts as a failed try.
        """
        await self.start(request.info)


def _segment(product_id: str) -> str:
    """Return an id as one segment of a path.

    It is encoded once, and once more when it begins with a slash or has two in a row: such a UUID
    would fall apart where the path is decoded on its way (webhook notes, 3.5: documented and
    observed; the condition is that of Zoom's REST reference).

    Raises:
        InvalidParameters: The id would be a step in the tree of paths.
    """
    if product_id in {".", ".."}:
        raise InvalidParameters(
            "id", f"expected an id, got {product_id!r}", "check where it comes from"
        )
    once = quote(product_id, safe="")
    return quote(once) if product_id.startswith("/") or "//" in product_id else once


def _reason(body: bytes) -> tuple[int | None, str]:
    """Return number and words of a refusal, as far as the body has them.

    The numbers are documented (webhook notes, section 9), their place in the body is inferred from
    Zoom's other answers.
    """
    document: object = None
    with contextlib.suppress(ValueError, RecursionError):  # what is no JSON has neither
        document = json.loads(body)
    found = f.mapping(document)
    return f.integer(found.get("code")), f.text(found.get("message")) or ""
