"""The doors of a fake server: who gets the port while nobody listens."""

import socket

import pytest

from rtms_client.testing import FakeRTMSServer


async def test_a_shut_door_keeps_its_port() -> None:
    """While a door is shut, clients are refused and nobody else can listen on its port."""
    async with FakeRTMSServer(tls=False) as server:
        door = server.doors[0]
        await door.shut()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", door.port))
        with socket.socket() as rival, pytest.raises(OSError, match="in use"):
            rival.bind(("127.0.0.1", door.port))
        await door.open()
        with socket.create_connection(("127.0.0.1", door.port)) as client:
            assert client.getpeername() == ("127.0.0.1", door.port)


async def test_a_mute_door_that_opens_keeps_its_port() -> None:
    """A door that was mute lets clients in on the same port."""
    async with FakeRTMSServer(tls=False) as server:
        door = server.doors[0]
        port = door.port
        await door.shut(mute=True)
        await door.shut()
        await door.shut(mute=True)
        await door.open()
        assert door.listening
        assert door.port == port


async def test_a_port_that_is_taken() -> None:
    """A port of somebody else is an error of the operating system, and nothing stays open."""
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", 0))
        server = FakeRTMSServer(tls=False, port=rival.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await server.__aenter__()
    await server.aclose()
