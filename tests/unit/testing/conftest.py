"""A client that speaks to the fake server message by message, without rtms_client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rtms_client.signatures import handshake_signature
from rtms_client.testing import FakeRTMSServer, FakeStream

TIMEOUT_S = 30.0


class RawSocket:
    """One WebSocket and the answer to its handshake."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.answer: dict[str, Any] = {}

    async def send(self, **message: object) -> None:
        """Send a message as text."""
        await self.ws.send(json.dumps(message))

    async def recv(self) -> dict[str, Any]:
        """Receive the next message."""
        async with asyncio.timeout(TIMEOUT_S):
            message: dict[str, Any] = json.loads(await self.ws.recv())
            return message

    async def until(self, msg_type: object) -> dict[str, Any]:
        """Receive until a message of this type comes."""
        while True:
            message = await self.recv()
            if message["msg_type"] == msg_type:
                return message

    async def event(self, event_type: object) -> dict[str, Any]:
        """Receive until an event of this type comes."""
        while True:
            event: dict[str, Any] = (await self.until(6))["event"]
            if event.get("event_type") == event_type:
                return event

    async def rest(self) -> list[dict[str, Any]]:
        """Receive everything until the server closes the connection."""
        messages = []
        try:
            while True:
                messages.append(await self.recv())
        except ConnectionClosed:
            return messages

    async def nothing(self) -> bool:
        """Tell whether nothing came before the answer to a state request."""
        await self.send(msg_type=19, rtms_stream_id="11111111-2222-3333-4444-555555555555")
        return bool((await self.recv())["msg_type"] == 20)


class RawClient:
    """A client of one stream of a fake server."""

    def __init__(self, server: FakeRTMSServer, stream: FakeStream | None = None) -> None:
        self.server = server
        self.stream = stream or server.stream
        self.sockets: list[RawSocket] = []
        self.signaling_socket: RawSocket | None = None
        settings = self.stream.settings
        self.handshake: dict[str, object] = {
            "protocol_version": 1,
            "sequence": 0,
            "meeting_uuid": settings.product_id,
            "rtms_stream_id": settings.rtms_stream_id,
            "signature": handshake_signature(
                settings.client_id,
                settings.client_secret,
                settings.product_id,
                settings.rtms_stream_id,
            ),
        }

    async def aclose(self) -> None:
        """Close all sockets."""
        for socket in self.sockets:
            await socket.ws.close()

    async def open(self, url: str) -> RawSocket:
        """Open a WebSocket and say nothing."""
        context = self.server.ssl_context() if url.startswith("wss:") else None
        ws = await connect(url, ssl=context, compression=None, close_timeout=1, max_queue=None)
        socket = RawSocket(ws)
        self.sockets.append(socket)
        return socket

    async def signaling(self, *, without: str = "", **changes: object) -> RawSocket:
        """Open signaling and send message 1; `answer` is message 2."""
        socket = await self.open(self.server.signaling_url)
        message = {"msg_type": 1, **self.handshake, **changes}
        message.pop(without, None)
        await socket.send(**message)
        socket.answer = await socket.until(2)
        self.signaling_socket = socket
        return socket

    async def send_media_handshake(
        self, wanted: object, params: object = None, *, without: str = "", **changes: object
    ) -> RawSocket:
        """Open a media socket and send message 3."""
        names = {1: "audio", 2: "video", 4: "deskshare", 8: "transcript", 16: "chat"}
        name = names.get(wanted, "all") if isinstance(wanted, int) else "all"
        url = self.server.media_urls(self.stream).get(name)
        socket = await self.open(url or self.server.media_urls(self.stream)["all"])
        message: dict[str, object] = {"msg_type": 3, **self.handshake, "media_type": wanted}
        if params is not None:
            message["media_params"] = params
        message |= changes
        message.pop(without, None)
        await socket.send(**message)
        return socket

    async def media(
        self, wanted: object, params: object = None, *, without: str = "", **changes: object
    ) -> RawSocket:
        """Open a media socket and send message 3; `answer` is message 4."""
        socket = await self.send_media_handshake(wanted, params, without=without, **changes)
        socket.answer = await socket.until(4)
        return socket

    async def ready(self) -> None:
        """Send message 7 and wait until the server saw it."""
        assert self.signaling_socket is not None
        stream_id = self.stream.settings.rtms_stream_id
        await self.signaling_socket.send(msg_type=7, rtms_stream_id=stream_id)
        await self.server.wait_until(
            lambda: all(connection.ready for connection in self.stream.media)
        )

    async def join(
        self, wanted: int, params: object = None, *, events: tuple[int, ...] = ()
    ) -> tuple[RawSocket, RawSocket]:
        """Open signaling and one media socket, subscribe, and be ready."""
        signaling = await self.signaling()
        if events:
            await signaling.send(
                msg_type=5, events=[{"event_type": one, "subscribe": True} for one in events]
            )
        media = await self.media(wanted, params)
        await self.ready()
        return signaling, media


MakeClient = Callable[[FakeRTMSServer], RawClient]


@pytest_asyncio.fixture
async def raw() -> AsyncIterator[MakeClient]:
    """Make raw clients whose sockets are closed after the test."""
    clients: list[RawClient] = []

    def make(server: FakeRTMSServer) -> RawClient:
        client = RawClient(server)
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()
