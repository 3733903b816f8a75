"""A fake of Zoom's event WebSocket: real WebSockets on loopback, for tests."""

import contextlib
import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from ._certificates import loopback_certificates

__all__ = ["EventShape", "FakeEventConnection", "FakeEventSocket"]

EventShape: TypeAlias = Literal["text", "object", "bare"]
"""How an event is sent: as JSON text in ``content``, as an object in it, or without a wrapper."""

_CLOSE_TIMEOUT_S: Final = 1.0


class FakeEventConnection:
    """One connection of a client.

    Attributes:
        subscription_id: As in the URL.
        token: As in the URL.
        received: The messages of the client, parsed.
    """

    def __init__(self, ws: ServerConnection, subscription_id: str, token: str) -> None:
        self.subscription_id = subscription_id
        self.token = token
        self.received: list[Any] = []
        self._ws = ws

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return self._ws.state is State.OPEN

    @property
    def heartbeats(self) -> int:
        """How many heartbeats came."""
        return self.received.count({"module": "heartbeat"})

    async def send(self, message: Mapping[str, object] | str | bytes) -> None:
        """Send any message; nothing happens when the connection is gone."""
        data = message if isinstance(message, str | bytes) else json.dumps(message)
        with contextlib.suppress(ConnectionClosed):
            await self._ws.send(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code."""
        await self._ws.close(code, reason)

    def drop(self) -> None:
        """Cut the connection without a word."""
        self._ws.transport.abort()


class FakeEventSocket:
    """A fake of ``wss://ws.zoom.us/ws``, with one connection for each subscription.

    ::

        async with FakeEventSocket() as zoom:
            network = NetworkOptions(allowed_hosts=("localhost",), ssl_context=zoom.ssl_context())
            async with EventSocket("subscription", token, url=zoom.url, network=network) as events:
                await zoom.publish({"event": "meeting.rtms_started", "payload": {...}})

    Args:
        shape: How events are sent.
        confirm: Whether a connection is confirmed by a message.
        answer_heartbeats: Whether heartbeats are answered.

    Attributes:
        accept: Tokens that are let in; `None` for all of them. Others get the HTTP status 401.
        refuse: HTTP status that refuses every connection; `None` to let them in.
        connections: All connections so far.
    """

    def __init__(
        self,
        *,
        shape: EventShape = "text",
        confirm: bool = True,
        answer_heartbeats: bool = True,
    ) -> None:
        self.shape: EventShape = shape
        self.confirm = confirm
        self.answer_heartbeats = answer_heartbeats
        self.accept: set[str] | None = None
        self.refuse: HTTPStatus | None = None
        self.connections: list[FakeEventConnection] = []
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            0,
            ssl=loopback_certificates().server_context(),
            compression=None,
            process_request=self._upgrade,
            ping_interval=None,
            close_timeout=_CLOSE_TIMEOUT_S,
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        server = self._running
        server.close()
        await server.wait_closed()

    @property
    def url(self) -> str:
        """Address without query, to be passed to the client."""
        port = next(iter(self._running.sockets)).getsockname()[1]
        return f"wss://localhost:{port}/ws"

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the event socket is not running; enter it with 'async with'")
        return self._server

    def ssl_context(self) -> ssl.SSLContext:
        """Make a client-side TLS context that trusts this server and nothing else."""
        return loopback_certificates().client_context()

    async def publish(self, event: Mapping[str, object]) -> None:
        """Send an event to every open connection, in the shape of this server."""
        wrapped: dict[str, object] = {"module": "message", "content": event}
        if self.shape == "text":
            wrapped["content"] = json.dumps(event)
        for connection in self.connections:
            await connection.send(event if self.shape == "bare" else wrapped)

    def _upgrade(self, ws: ServerConnection, request: Request) -> Response | None:
        query = parse_qs(urlsplit(request.path).query)
        status = self.refuse
        if self.accept is not None and self.accept.isdisjoint(query.get("access_token", ())):
            status = HTTPStatus.UNAUTHORIZED
        return None if status is None else ws.respond(status, "")

    async def _handle(self, ws: ServerConnection) -> None:
        request = ws.request
        query = parse_qs(urlsplit("" if request is None else request.path).query)
        connection = FakeEventConnection(
            ws, query.get("subscriptionId", [""])[0], query.get("access_token", [""])[0]
        )
        others = [one for one in self.connections if one.open]
        self.connections.append(connection)  # first, so that every event goes to one of them
        for other in others:
            if other.subscription_id == connection.subscription_id:
                await other.close(1000, "another connection")
        if self.confirm:
            await connection.send({"module": "build_connection", "success": True})
        async for message in ws:
            connection.received.append(json.loads(message))
            if self.answer_heartbeats and connection.received[-1] == {"module": "heartbeat"}:
                await connection.send({"module": "heartbeat", "success": True})
