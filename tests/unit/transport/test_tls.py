"""The direct transport against a peer that writes TLS records by hand."""

import asyncio
import base64
import hashlib
import random
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
import pytest_asyncio
from tests.unit.transport.conftest import CLOSE, PING, TEXT, Ear, frame

from rtms_client._transport.channel import Channel, open_channel
from rtms_client.testing._certificates import loopback_certificates

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_PATIENCE_S: Final = 10


class Peer:
    """One connection from the server's side, with TLS in memory."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = loopback_certificates().server_context()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def accept(self) -> None:
        """Do the handshakes of TLS and WebSocket."""
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.writer.write(self.outgoing.read())
                self.incoming.write(await self.reader.read(65536))
        request = await self.decrypted()
        key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324  # the protocol
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    async def decrypted(self) -> bytes:
        """Return what comes next; nothing when the client said goodbye.

        Raises:
            SSLError: The client sends an alert.
        """
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.incoming.write(await self.reader.read(65536))
            except ssl.SSLZeroReturnError:
                return b""

    def records(self, plain: bytes) -> bytes:
        """Return the records for some bytes."""
        self.tls.write(plain)
        return self.outgoing.read()

    def write(self, plain: bytes) -> None:
        """Write in records of their own."""
        self.writer.write(self.outgoing.read() + self.records(plain))

    def say_goodbye(self) -> None:
        """End TLS, and keep the connection."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.writer.write(self.outgoing.read())


class Listener:
    """Listens on loopback for one connection."""

    def __init__(self) -> None:
        self.port = 0
        self.came: asyncio.Queue[Peer] = asyncio.Queue()
        self.writers: list[asyncio.StreamWriter] = []

    async def arrive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        self.writers.append(writer)
        self.came.put_nowait(Peer(reader, writer))

    async def connect(self) -> Channel:
        """Connect a channel."""
        context = loopback_certificates().client_context()
        async with asyncio.timeout(_PATIENCE_S):
            return await open_channel(f"wss://localhost:{self.port}/", 1_000_000, context)

    @asynccontextmanager
    async def connected(self, ear: Ear) -> AsyncIterator[Peer]:
        """Connect a channel with a receiver, and give the other side."""
        connecting = asyncio.create_task(self.connect())
        peer = await self.came.get()
        await peer.accept()
        channel = await connecting
        channel.start(ear)
        async with asyncio.timeout(_PATIENCE_S):
            yield peer
        await channel.close(1000, "")


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[Listener]:
    """Run a server that does nothing by itself."""
    running = Listener()
    server = await asyncio.start_server(running.arrive, "localhost", 0, family=socket.AF_INET)
    running.port = server.sockets[0].getsockname()[1]
    yield running
    for writer in running.writers:
        writer.transport.abort()
    server.close()
    await server.wait_closed()


async def test_any_records_in_any_segments(listener: Listener, ear: Ear) -> None:
    """Messages over many records, many in one, records in pieces and in a row: all arrive."""
    dice = random.Random(2)
    messages = [dice.randbytes(dice.choice((0, 1, 125, 126, 5000, 70_000))) for _ in range(60)]
    plain = b"".join(frame(TEXT, message) for message in messages)
    async with listener.connected(ear) as peer:
        stream = bytearray()
        while plain:
            size = dice.choice((1, 2, 600, 40_000))
            stream += peer.records(plain[:size])
            plain = plain[size:]
        while stream:
            size = dice.choice((1, 5, 700, 50_000))
            peer.writer.write(bytes(stream[:size]))
            del stream[:size]
            await asyncio.sleep(0)
        assert await ear.hear(60) == messages


async def test_heads_in_pieces(listener: Listener, ear: Ear) -> None:
    """A frame whose head comes byte by byte, each in a record of its own, is read as any other."""
    async with listener.connected(ear) as peer:
        for size in (0, 5, 126, 65_536):
            whole = frame(TEXT, bytes(size))
            for byte in whole[: len(whole) - size]:
                peer.write(bytes([byte]))
            peer.write(whole[len(whole) - size :] + frame(PING, b"then a ping"))
        assert [len(data) for data in await ear.hear(4)] == [0, 5, 126, 65_536]


async def test_sending(listener: Listener, ear: Ear) -> None:
    """What goes out is inside TLS: here the answer to a ping."""
    async with listener.connected(ear) as peer:
        peer.write(frame(PING, b"are you there"))
        pong = await peer.decrypted()
        assert pong[:2] == b"\x8a\x8d"
        assert ear.pings == 1


async def test_closing(listener: Listener, ear: Ear) -> None:
    """After the close frames TLS is ended as it should be, and then the connection."""
    async with listener.connected(ear) as peer:
        peer.write(frame(TEXT, b"last words") + frame(CLOSE, b"\x0f\xa1bye"))
        assert await ear.end() == [(4001, "bye")]
        assert ear.heard == [b"last words"]
        assert (await peer.decrypted())[0] == 0x88
        peer.say_goodbye()  # the server is the first to
        assert await peer.decrypted() == b""
        assert await peer.reader.read() == b""


async def test_end_of_tls(listener: Listener, ear: Ear) -> None:
    """A peer that ends TLS without a close frame is gone: abnormal, after all that came before."""
    async with listener.connected(ear) as peer:
        peer.write(frame(TEXT, b"last words") + frame(TEXT, b"half", fin=False))
        peer.say_goodbye()
        assert await ear.end() == [(1006, "")]
        assert ear.heard == [b"last words"]
        assert await peer.decrypted() == b""
        assert await peer.reader.read() == b""


async def test_end_of_the_connection_without_that_of_tls(listener: Listener, ear: Ear) -> None:
    """A connection that is closed under TLS is abnormal too."""
    async with listener.connected(ear) as peer:
        peer.write(frame(TEXT, b"last words"))
        peer.writer.write_eof()
        assert await ear.end() == [(1006, "")]
        assert ear.heard == [b"last words"]


async def test_record_that_was_altered(listener: Listener, ear: Ear) -> None:
    """A record that does not verify ends the connection; nothing in it or after it is believed."""
    async with listener.connected(ear) as peer:
        peer.write(frame(TEXT, b"good"))
        altered = bytearray(peer.records(frame(TEXT, b"altered on the way")))
        altered[-1] ^= 1
        peer.writer.write(bytes(altered) + peer.records(frame(TEXT, b"after it")))
        assert await ear.end() == [(1006, "")]
        assert ear.heard == [b"good"]


async def test_bytes_that_are_no_record(listener: Listener, ear: Ear) -> None:
    """Bytes that are no TLS end the connection; what came before was delivered."""
    async with listener.connected(ear) as peer:
        peer.write(frame(TEXT, b"good"))
        peer.writer.write(b"HTTP/1.1 500 Oh\r\n\r\n")
        assert await ear.end() == [(1006, "")]
        assert ear.heard == [b"good"]


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x03\x00\x40\x02"])
async def test_end_in_the_handshake(listener: Listener, hello: bytes) -> None:
    """A peer that closes during the handshake of TLS is a failed connection."""
    connecting = asyncio.create_task(listener.connect())
    peer = await listener.came.get()
    await peer.reader.read(1)
    peer.writer.write(hello)
    peer.writer.write_eof()
    with pytest.raises(ConnectionResetError, match="the connection ended in the TLS handshake"):
        await connecting


async def test_reset_in_the_handshake(listener: Listener) -> None:
    """A peer that resets during the handshake of TLS is one too, with what the network said."""
    connecting = asyncio.create_task(listener.connect())
    peer = await listener.came.get()
    peer.writer.transport.abort()  # the hello is unread, so this resets
    with pytest.raises(ConnectionError):
        await connecting


async def test_handshake_that_is_no_tls(listener: Listener) -> None:
    """A peer that does not speak TLS is one too, with what TLS said."""
    connecting = asyncio.create_task(listener.connect())
    peer = await listener.came.get()
    await peer.reader.read(1)
    peer.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"):
        await connecting


async def test_handshake_that_is_cancelled(listener: Listener) -> None:
    """Cancelling during the handshake of TLS leaves no connection behind."""
    connecting = asyncio.create_task(listener.connect())
    peer = await listener.came.get()
    await peer.reader.read(1)
    connecting.cancel()
    await asyncio.wait([connecting])
    assert connecting.cancelled()
    async with asyncio.timeout(_PATIENCE_S):
        while not peer.reader.at_eof():
            await peer.reader.read(65536)
