"""A WebSocket peer that writes raw bytes, so that every oddity can be had."""

import asyncio
import base64
import hashlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest
import pytest_asyncio

from rtms_client._transport.channel import Channel, open_channel
from rtms_client._transport.proxied import ProxiedTransport, open_proxied

WebSocketTransport: TypeAlias = Channel | ProxiedTransport
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, first: int = 0) -> bytes:
    """Write a frame as a server does; `first` is added to its first byte."""
    head = bytes([(0x80 if fin else 0) | opcode | first])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65536:
        return head + b"\x7e" + struct.pack("!H", len(payload)) + payload
    return head + b"\x7f" + struct.pack("!Q", len(payload)) + payload


class Peer:
    """One connection from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = ""
        self.reader, self.writer = reader, writer

    @property
    def gone(self) -> bool:
        """Whether the client has closed or reset the connection."""
        return self.reader.at_eof() or self.reader.exception() is not None

    async def shake_hands(self, extra: bytes, *, answer: bool) -> None:
        """Answer the upgrade, with more bytes in the same segment."""
        self.request = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        if not answer:
            return
        headers = dict(line.split(": ", 1) for line in self.request.split("\r\n")[1:-2])
        key = headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324  # the protocol
        self.writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + extra
        )

    async def receive(self) -> tuple[int, bytes]:
        """Read one frame of the client, which is masked; give opcode and payload."""
        first, second = await self.reader.readexactly(2)
        assert second & 0x80, "a client masks"
        assert first & 0x80, "and does not fragment"
        size = second & 0x7F
        if size == 126:
            [size] = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            [size] = struct.unpack("!Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def write(self, *frames: bytes) -> None:
        """Write frames in one segment."""
        self.writer.write(b"".join(frames))

    def reset(self) -> None:
        """Reset the connection, if it is still there."""
        if not self.writer.is_closing():
            linger = struct.pack("ii", 1, 0)  # for no time: what is not sent is thrown away
            kept = self.writer.get_extra_info("socket")
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


class Server:
    """Listens on loopback; the newest connection is `peer`."""

    def __init__(self, *, proxied: bool) -> None:
        self.proxied = proxied
        self.extra = b""
        self.answers = True
        self.port = 0
        self.peers: list[Peer] = []
        self.accepted = asyncio.Event()

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"ws://127.0.0.1:{self.port}/path?query=1"

    @property
    def peer(self) -> Peer:
        """The newest connection."""
        return self.peers[-1]

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        peer = Peer(reader, writer)
        self.peers.append(peer)
        self.accepted.set()
        await peer.shake_hands(self.extra, answer=self.answers)

    async def connect(self, *, max_bytes: int = 1_000_000) -> WebSocketTransport:
        """Connect a transport."""
        if self.proxied:
            return await open_proxied(self.url, max_bytes, None, None)
        return await open_channel(self.url, max_bytes, None)


class Ear:
    """A receiver that takes notes."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.pings = 0
        self.lost: list[tuple[int, str]] = []
        self.over = asyncio.Event()

    def ping_received(self) -> None:
        """Count a sign of life."""
        self.pings += 1

    def messages_received(self, messages: list[bytes]) -> None:
        """Note messages."""
        assert messages, "nothing is no news"
        assert not self.lost, "nothing follows the end"
        self.heard += messages

    def connection_lost(self, code: int, reason: str) -> None:
        """Note the end."""
        self.lost.append((code, reason))
        self.over.set()

    async def hear(self, count: int) -> list[bytes]:
        """Wait for so many messages."""
        async with asyncio.timeout(5):
            while len(self.heard) < count:  # noqa: ASYNC110  # a count, so nothing sets an event
                await asyncio.sleep(0)
        return self.heard

    async def end(self) -> list[tuple[int, str]]:
        """Wait for the end."""
        async with asyncio.timeout(5):
            await self.over.wait()
        return self.lost


@pytest_asyncio.fixture(params=[False, True], ids=["direct", "proxied"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """Run a server that answers the upgrade and nothing else, for each kind of transport."""
    running = Server(proxied=request.param)
    listener = await asyncio.start_server(running.accept, "127.0.0.1", 0)
    running.port = listener.sockets[0].getsockname()[1]
    yield running
    for peer in running.peers:
        peer.reset()
    listener.close()
    await listener.wait_closed()


@pytest_asyncio.fixture
async def ear() -> Ear:
    """Make a receiver."""
    return Ear()


@pytest_asyncio.fixture
async def transport(server: Server, ear: Ear) -> AsyncIterator[WebSocketTransport]:
    """Connect a transport, with the receiver, to the server."""
    connected = await server.connect()
    connected.start(ear)
    yield connected
    connected.abort()
    await connected.close(1000, "")
