"""The direct transport where it differs from others: TLS in memory, and frames in pieces."""

import asyncio
import ssl
import tracemalloc

import pytest
from tests.unit.transport.conftest import TEXT, Ear, Server, frame

from rtms_client._transport.channel import Channel, open_channel
from rtms_client.testing import FakeRTMSServer


async def test_cancelled_while_the_peer_speaks() -> None:
    """Bytes that come in the turn of the cancellation disturb nobody."""
    complaints: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    writers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writers.put(writer)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"wss://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with FakeRTMSServer() as trusted:
        task = asyncio.create_task(open_channel(url, 1000, trusted.ssl_context()))
    writer = await writers.get()
    for _ in range(5):
        await asyncio.sleep(0)  # now it waits for the answer to its handshake
    writer.write(b"no TLS")
    loop.call_soon(task.cancel)
    await asyncio.wait([task])
    assert task.cancelled()
    assert complaints == []
    writer.close()
    listener.close()
    await listener.wait_closed()


async def test_message_that_cannot_be_encrypted(ear: Ear) -> None:
    """A message that TLS does not take is not left out: the connection ends."""
    async with FakeRTMSServer() as server:
        channel = await open_channel(server.signaling_url, 1000, server.ssl_context())
        channel.start(ear)
        tls = channel._tls  # noqa: SLF001  # a peer that renegotiates is hard to get
        assert tls is not None
        with pytest.raises(ssl.SSLWantReadError):
            tls.object.unwrap()
        tls.outgoing.read()  # the server does not hear of it
        channel.send(b"{}")
        assert await ear.end() == [(1006, "")]


@pytest.mark.parametrize("server", [False], indirect=True)
async def test_message_in_tiny_pieces(server: Server, ear: Ear) -> None:
    """A message takes its own size in memory, into however many pieces it is cut."""
    channel = await server.connect()
    assert isinstance(channel, Channel)
    channel.start(ear)
    whole = frame(TEXT, bytes(100_000))
    buffer = channel.get_buffer(-1)
    tracemalloc.start()
    for at in range(0, len(whole) - 10, 2):
        buffer[:2] = whole[at : at + 2]
        channel.buffer_updated(2)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000
    assert ear.heard == []
    channel.abort()


@pytest.mark.parametrize("server", [False], indirect=True)
async def test_full_buffer(server: Server, ear: Ear) -> None:
    """After a read that filled the buffer consumers have their turn before the next one."""
    channel = await server.connect()
    assert isinstance(channel, Channel)
    channel.start(ear)
    network = channel._network  # noqa: SLF001  # only it knows whether it reads
    buffer = channel.get_buffer(-1)
    message = frame(TEXT, bytes(1020))
    buffer[:] = message * (len(buffer) // len(message))
    channel.buffer_updated(len(message))
    assert network.is_reading()
    channel.buffer_updated(len(buffer))
    assert not network.is_reading()
    await asyncio.sleep(0)
    assert network.is_reading()
    assert len(ear.heard) == 1 + len(buffer) // len(message)
    channel.buffer_updated(len(buffer))
    channel.abort()
    channel.buffer_updated(len(buffer))  # a loop may still bring what it had read
    assert await ear.end() == [(1006, "")]
