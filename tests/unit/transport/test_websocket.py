"""The WebSocket transport against a peer that writes raw frames."""

import asyncio
import random
import socket
import struct
from typing import Any

import pytest
from tests.unit.transport.conftest import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Ear,
    Server,
    WebSocketTransport,
    frame,
)
from websockets.exceptions import InvalidStatus

from rtms_client import ConnectFailed, NetworkOptions
from rtms_client._transport import WebSocketConnector, common
from rtms_client._transport.channel import open_channel
from rtms_client._transport.common import wait_gone
from rtms_client._transport.proxied import open_proxied


def closing(code: int, reason: str = "") -> bytes:
    """Write a close frame."""
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


@pytest.mark.usefixtures("transport")
async def test_request(server: Server) -> None:
    """The upgrade is the plain one: path as given, no compression, no subprotocol, no origin."""
    lines = server.peer.request.split("\r\n")
    assert lines[0] == "GET /path?query=1 HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    names = {line.partition(":")[0].lower() for line in lines[1:]}
    assert not names & {"sec-websocket-extensions", "sec-websocket-protocol", "origin", "cookie"}


@pytest.mark.usefixtures("transport")
async def test_text_and_binary(server: Server, ear: Ear) -> None:
    """Messages arrive as bytes, whatever kind of frame they came in; empty ones too."""
    server.peer.write(frame(TEXT, b"text"), frame(BINARY, b"\0\1"), frame(TEXT), frame(BINARY))
    assert await ear.hear(4) == [b"text", b"\0\1", b"", b""]
    assert {type(data) for data in ear.heard} == {bytes}


@pytest.mark.usefixtures("transport")
async def test_text_that_is_no_utf8(server: Server, ear: Ear) -> None:
    """Whether text is text is for the codec to decide; the connection stays."""
    server.peer.write(frame(TEXT, b"\xff\xfe"), frame(TEXT, b"next"))
    assert await ear.hear(2) == [b"\xff\xfe", b"next"]


async def test_messages_in_the_segment_of_the_upgrade(server: Server, ear: Ear) -> None:
    """What comes along with the HTTP answer is kept, and delivered first."""
    server.extra = frame(TEXT, b"1") + frame(TEXT, b"2", fin=False)
    transport = await server.connect()
    server.peer.write(frame(CONTINUATION, b"3"), frame(TEXT, b"4"))
    assert ear.heard == []
    transport.start(ear)
    assert await ear.hear(3) == [b"1", b"23", b"4"]
    await transport.close(1000, "")


async def test_end_in_the_segment_of_the_upgrade(server: Server, ear: Ear) -> None:
    """A connection that is closed before anybody listens is reported when somebody does."""
    server.extra = frame(TEXT, b"1") + closing(4001, "no")
    transport = await server.connect()
    transport.start(ear)
    assert ear.heard == [b"1"]
    assert await ear.end() == [(4001, "no")]
    await transport.close(1000, "")
    assert ear.lost == [(4001, "no")]


async def test_head_in_two_reads(server: Server, ear: Ear) -> None:
    """A read that ends inside the length of a frame is no news yet."""
    channel = await open_channel(server.url, 1_000_000, None)
    channel.start(ear)
    wire = frame(TEXT, bytes(200))
    for piece in (wire[:3], wire[3:]):
        assert ear.heard == []
        channel.get_buffer(-1)[: len(piece)] = piece
        channel.buffer_updated(len(piece))
    assert ear.heard == [bytes(200)]
    await channel.close(1000, "")


@pytest.mark.usefixtures("transport")
async def test_fragments(server: Server, ear: Ear) -> None:
    """A message in many fragments, empty ones and pings between them, is one message."""
    server.peer.write(
        frame(TEXT, b"", fin=False),
        frame(CONTINUATION, b"a", fin=False),
        frame(PING, b"between"),
        frame(CONTINUATION, b"", fin=False),
        frame(CONTINUATION, b"b", fin=False),
        frame(CONTINUATION, b""),
        frame(BINARY, b"whole"),
    )
    assert await ear.hear(2) == [b"ab", b"whole"]
    assert await server.peer.receive() == (PONG, b"between")


@pytest.mark.usefixtures("transport")
async def test_any_fragments_in_any_segments(server: Server, ear: Ear) -> None:
    """However messages are fragmented, and the bytes are cut into segments, they arrive whole."""
    dice = random.Random(1)
    messages = [dice.randbytes(dice.choice((0, 1, 125, 126, 127, 5000, 70_000))) for _ in range(60)]
    stream = bytearray()
    for message in messages:
        cuts = sorted(dice.randrange(len(message) + 1) for _ in range(dice.randrange(6)))
        parts = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
        for index, part in enumerate(parts):
            stream += frame(CONTINUATION if index else TEXT, part, fin=index == len(parts) - 1)
    while stream:
        size = dice.choice((1, 2, 7, 1000, 30_000))
        server.peer.write(bytes(stream[:size]))
        del stream[:size]
        await asyncio.sleep(0)
    assert await ear.hear(60) == messages


async def test_pings_are_signs_of_life(
    server: Server, ear: Ear, transport: WebSocketTransport
) -> None:
    """Pings and pongs are told to the receiver, without what is in them."""
    transport.start(ear)
    server.peer.write(frame(PING, b"123"), frame(PONG, b"nobody asked"), frame(TEXT, b"words"))
    server.peer.write(frame(CLOSE, b"\x03\xe8"))
    assert await ear.end() == [(1000, "")]
    assert ear.heard == [b"words"]
    assert ear.pings >= 2


@pytest.mark.usefixtures("transport")
async def test_ping(server: Server) -> None:
    """A ping is answered with its own payload."""
    server.peer.write(frame(PING, b"123"), frame(PING), frame(PONG, b"nobody asked"))
    assert await server.peer.receive() == (PONG, b"123")
    assert await server.peer.receive() == (PONG, b"")


async def test_sending(server: Server, transport: WebSocketTransport) -> None:
    """What is sent goes out at once, in order, as masked text."""
    transport.send(b"1")
    transport.send("Größe".encode())
    transport.send(bytes(200))
    transport.send(bytes(70_000))
    assert await server.peer.receive() == (TEXT, b"1")
    assert await server.peer.receive() == (TEXT, "Größe".encode())
    assert await server.peer.receive() == (TEXT, bytes(200))
    assert await server.peer.receive() == (TEXT, bytes(70_000))


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (closing(1000, "bye"), (1000, "bye")),
        *[(closing(code), (code, "")) for code in (1001, 1003, 1007, 1011, 1014)],
        *[(closing(code), (code, "")) for code in (3000, 3999, 4000, 4999)],
        (closing(4999, "ü"), (4999, "ü")),
        (frame(CLOSE), (1005, "")),
    ],
)
async def test_close_frame(
    server: Server, ear: Ear, last: bytes, expected: tuple[int, str]
) -> None:
    """A close frame is answered and reported once, after everything that came before it."""
    server.peer.write(frame(TEXT, b"last words"), last, frame(TEXT, b"too late"))
    assert await ear.end() == [expected]
    assert ear.heard == [b"last words"]
    opcode, payload = await server.peer.receive()
    assert (opcode, payload) == (CLOSE, last[2:])
    server.peer.writer.close()
    await asyncio.sleep(0.01)
    assert ear.lost == [expected]


@pytest.mark.usefixtures("transport")
async def test_end_without_close_frame(server: Server, ear: Ear) -> None:
    """A connection that just ends is abnormal."""
    server.peer.write(frame(TEXT, b"last words"), frame(TEXT, b"half", fin=False))
    server.peer.writer.close()
    assert await ear.end() == [(1006, "")]
    assert ear.heard == [b"last words"]


@pytest.mark.usefixtures("transport")
async def test_half_close(server: Server, ear: Ear) -> None:
    """A peer that will write no more, but still reads, is gone, and sees our end."""
    server.peer.write(frame(TEXT, b"last words"))
    server.peer.writer.write_eof()
    assert await ear.end() == [(1006, "")]
    assert ear.heard == [b"last words"]
    assert await server.peer.reader.read() == b""


@pytest.mark.usefixtures("transport")
async def test_reset(server: Server, ear: Ear) -> None:
    """A connection that is reset is abnormal, with what the network said."""
    server.peer.reset()
    assert await ear.end() == [(1006, "[Errno 104] Connection reset by peer")]


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (frame(TEXT, b"", first=0x40), 1002),
        (frame(3), 1002),
        (frame(CONTINUATION, b"of nothing"), 1002),
        (frame(TEXT, b"", fin=False) + frame(TEXT, b""), 1002),
        (frame(PING, bytes(126)), 1002),
        (b"\x81\x81\0\0\0\0a", 1002),
        (frame(CLOSE, b"\xe8"), 1002),
        *[(closing(code), 1002) for code in (999, 1005, 1006, 1015, 2999, 5000)],
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ],
    ids=[
        "reserved",
        "opcode",
        "orphan",
        "nested",
        "long ping",
        "masked",
        "short",
        "999",
        "1005",
        "1006",
        "1015",
        "2999",
        "5000",
        "no UTF-8",
    ],
)
async def test_broken_protocol(server: Server, ear: Ear, wrong: bytes, code: int) -> None:
    """A peer that breaks the protocol is told why, and what came before is delivered."""
    server.peer.write(frame(TEXT, b"good"), wrong)
    [(found, _)] = await ear.end()
    assert found == code
    assert ear.heard == [b"good"]
    opcode, payload = await server.peer.receive()
    assert opcode == CLOSE
    assert payload[:2] == struct.pack("!H", code)


@pytest.mark.parametrize("pieces", [1, 3])
async def test_message_above_the_limit(server: Server, ear: Ear, pieces: int) -> None:
    """A message above the limit, whole or in fragments, ends the connection with 1009."""
    transport = await server.connect(max_bytes=3000)
    transport.start(ear)
    server.peer.write(frame(TEXT, bytes(3000)))
    await ear.hear(1)
    size = 3003 // pieces
    for piece in range(pieces):
        last = piece == pieces - 1
        server.peer.write(frame(CONTINUATION if piece else TEXT, bytes(size), fin=last))
    [(code, _)] = await ear.end()
    assert code == 1009
    assert len(ear.heard) == 1
    await transport.close(1000, "")


async def test_largest_message(server: Server, ear: Ear) -> None:
    """The limit of 16 MiB is exact: that many bytes arrive, one more is refused by its head."""
    limit = NetworkOptions().max_message_bytes
    assert limit == 16 * 1024 * 1024
    transport = await server.connect(max_bytes=limit)
    transport.start(ear)
    server.peer.write(frame(BINARY, bytes(limit)))
    assert [len(data) for data in await ear.hear(1)] == [limit]
    server.peer.write(b"\x82\x7f" + struct.pack("!Q", limit + 1))
    [(code, _)] = await ear.end()
    assert code == 1009
    await transport.close(1000, "")


async def test_closing(server: Server, ear: Ear, transport: WebSocketTransport) -> None:
    """Closing says why, waits for the answer, and drops what arrives meanwhile or after."""
    task = asyncio.create_task(transport.close(1001, "going"))
    assert await server.peer.receive() == (CLOSE, struct.pack("!H", 1001) + b"going")
    server.peer.write(closing(1001))
    await task
    assert await server.peer.reader.read() == b""
    assert ear.heard == []
    transport.send(b"ignored")
    await transport.close(1000, "again")


async def test_closing_when_nobody_answers(server: Server, transport: WebSocketTransport) -> None:
    """A peer that does not answer the close frame is cut off after half a second."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    await transport.close(1000, "")
    assert 0.3 < loop.time() - started < 5
    assert await server.peer.receive() == (CLOSE, b"\x03\xe8")
    assert await server.peer.reader.read() == b""


@pytest.mark.parametrize("last", [closing(1000), b""], ids=["close frame", "end of stream"])
async def test_draining(
    server: Server, ear: Ear, transport: WebSocketTransport, last: bytes
) -> None:
    """What is still wanted is delivered; it is all if the peer says so, and not just goes away."""
    task = asyncio.create_task(transport.close(1000, "", drain=True))
    await server.peer.receive()
    server.peer.write(frame(TEXT, b"1"), frame(TEXT, b"2"), last)
    server.peer.writer.write_eof()
    await task
    assert transport.complete == bool(last)
    assert ear.heard == [b"1", b"2"]


async def test_draining_takes_as_long_as_something_comes() -> None:
    """Each look finds that something was read, until one does not."""
    gone: asyncio.Future[None] = asyncio.Future()
    reads = iter([1, 2, 3, 3, 4])
    loop = asyncio.get_running_loop()
    started = loop.time()
    await wait_gone(gone, lambda: next(reads), drain=True)
    assert loop.time() - started >= 1.5
    assert next(reads) == 4


async def test_draining_what_never_ends(
    server: Server, transport: WebSocketTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draining ends with the silence of the peer, and when that does not come, all the same."""
    monkeypatch.setattr(common, "_DRAIN_LIMIT_S", 1.2)
    loop = asyncio.get_running_loop()
    started = loop.time()
    task = asyncio.create_task(transport.close(1000, "", drain=True))
    await server.peer.receive()
    while not task.done():
        server.peer.write(frame(TEXT, b"more"))
        await asyncio.sleep(0.05)
    await task
    assert not transport.complete
    assert 1.2 <= loop.time() - started < 6
    other = await server.connect()
    started = loop.time()
    await other.close(1000, "", drain=True)
    assert not other.complete
    assert 0.5 <= loop.time() - started < 3


async def test_draining_a_reset(server: Server, transport: WebSocketTransport) -> None:
    """After a reset nobody knows what was on its way."""
    task = asyncio.create_task(transport.close(1000, "", drain=True))
    await server.peer.receive()
    server.peer.reset()
    await task
    assert not transport.complete


async def test_closing_that_is_cancelled(server: Server, transport: WebSocketTransport) -> None:
    """Cancelling a close cuts the connection at once."""
    task = asyncio.create_task(transport.close(1000, ""))
    await server.peer.receive()
    task.cancel()
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()
    async with asyncio.timeout(10):
        assert await server.peer.reader.read() == b""


async def test_abort(server: Server, ear: Ear, transport: WebSocketTransport) -> None:
    """Aborting cuts without a word."""
    transport.abort()
    assert await ear.end() == [(1006, "")]
    assert await server.peer.reader.read() == b""
    transport.send(b"ignored")
    transport.abort()


async def test_peer_that_does_not_read(server: Server, ear: Ear) -> None:
    """A peer that reads nothing cannot make our memory grow: the connection is cut."""
    transport = await server.connect()
    transport.start(ear)
    reading: Any = server.peer.writer.transport
    reading.pause_reading()
    message = bytes(65_000)
    for _ in range(1000):  # far more than the operating system keeps
        transport.send(message)
        assert transport.unsent <= 1024 * 1024 + 2 * len(message)
    assert await ear.end() == [(1006, "")]


async def test_peer_that_pings_and_does_not_read(server: Server, ear: Ear) -> None:
    """Answers to pings that the peer does not read cannot make our memory grow either."""
    transport = await server.connect()
    transport.start(ear)
    reading: Any = server.peer.writer.transport
    reading.pause_reading()
    kept = reading.get_extra_info("socket")  # the operating system keeps less: the test is quicker
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while transport.unsent < 900 * 1024:  # neither do many answers fit behind messages
        transport.send(bytes(60_000))
    assert not ear.lost
    pings = frame(PING, bytes(125)) * 2000
    while not ear.lost:
        server.peer.write(pings)
        await asyncio.sleep(0)
        assert transport.unsent <= 1024 * 1024 + 256 * 1024
    assert ear.lost == [(1006, "")]


@pytest.mark.parametrize("turns", range(0, 12, 2))
async def test_connecting_that_is_cancelled(server: Server, turns: int) -> None:
    """Cancelling at any moment of connecting leaves no connection behind."""
    server.answers = False
    task = asyncio.create_task(server.connect())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    async with asyncio.timeout(1):
        while not all(peer.gone for peer in server.peers):  # noqa: ASYNC110  # of another library
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example"])
async def test_name_that_cannot_be_looked_up(host: str) -> None:
    """A name that no name service can be asked for is a failed connection."""
    connector = WebSocketConnector(NetworkOptions(proxy=False))
    with pytest.raises(ConnectFailed, match=f"ws://{host}, got: "):
        await connector("audio", f"ws://{host}")


async def test_redirect_is_not_followed() -> None:
    """A redirect could lead past the allow-list of hosts, so it is an answer like any other."""

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://localhost:1/\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(InvalidStatus, match="HTTP 302"):
            await open_proxied(f"ws://127.0.0.1:{port}/", 1000, None, None)
