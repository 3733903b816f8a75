"""Proxies: every connection goes through them, and no error gives their password away."""

import asyncio
import base64
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

import pytest
from tests.integration.support import Leaks, at_most, collect, joined, network, stream_of

from rtms_client import (
    AudioParams,
    ConnectFailed,
    ConnectionLost,
    InvalidParameters,
    Timeouts,
    TranscriptParams,
)
from rtms_client.exceptions import ConnectTimeout
from rtms_client.testing import FakeRTMSServer, bulk_audio

PASSWORD = "pr0xy-passw0rd"


class Proxy:
    """A small HTTP proxy that knows CONNECT."""

    def __init__(self, answer: bytes) -> None:
        self.port = 0
        self.requests: list[list[str]] = []
        self._answer = answer
        self._writers: set[asyncio.StreamWriter] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head.split("\r\n"))
            writer.write(self._answer)
            if b" 200 " in self._answer:
                _, _, port = head.split()[1].partition(":")
                there, back = await asyncio.open_connection("127.0.0.1", int(port))
                self._writers.add(back)
                await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
            else:
                await reader.read()
        writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def url(self, user: str = "") -> str:
        """Return the URL of the proxy."""
        return f"http://{user}127.0.0.1:{self.port}"


@asynccontextmanager
async def running_proxy(
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n",
) -> AsyncIterator[Proxy]:
    """Run a proxy that answers every CONNECT like this."""
    proxy = Proxy(answer)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    async with server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        proxy.cut()


async def test_everything_goes_through_the_proxy() -> None:
    """Signaling and media connections use the proxy, with its credentials."""
    async with (
        FakeRTMSServer(bulk_audio(frames=50, terminate=False), pace=None) as server,
        running_proxy() as proxy,
        joined(
            server,
            audio=AudioParams(),
            transcript=TranscriptParams(),
            network=network(server, proxy=proxy.url(f"user:{PASSWORD}@")),
        ) as stream,
    ):
        assert len(await collect(stream.audio(), 50)) == 50
        secret = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        for request in proxy.requests:
            assert request[0].startswith("CONNECT localhost:")
            assert f"Proxy-Authorization: Basic {secret}" in request
        assert len(proxy.requests) == 3


@pytest.mark.parametrize(("no_proxy", "requests"), [("", 2), ("localhost", 0)])
async def test_proxy_of_the_system(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, requests: int
) -> None:
    """By default the proxy of the system is used, and its exceptions are respected."""
    async with FakeRTMSServer() as server, running_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url())
        monkeypatch.setenv("no_proxy", no_proxy)
        for name in ("HTTPS_PROXY", "NO_PROXY", "wss_proxy", "socks_proxy"):
            monkeypatch.delenv(name, raising=False)
        options = network(server, proxy=True)
        async with stream_of(server, audio=AudioParams(), network=options):
            assert len(proxy.requests) == requests


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "InvalidProxyMessage"),
    ],
    ids=["407", "403", "no proxy"],
)
async def test_proxy_that_refuses(answer: bytes, problem: str) -> None:
    """A proxy that says no is a failed connection; the text keeps its password."""
    async with FakeRTMSServer() as server, running_proxy(answer) as proxy:
        leaks = Leaks()
        options = network(server, proxy=proxy.url(f"user:{PASSWORD}@"))
        with at_most(1.0), pytest.raises(ConnectFailed, match=problem) as caught:
            await stream_of(server, audio=AudioParams(), network=options).open()
        text = "".join(traceback.format_exception(caught.value))
        assert "proxy" in text.lower()
        assert PASSWORD not in text
        await leaks.none()


@pytest.mark.skipif(
    int(version("websockets").partition(".")[0]) < 17,
    reason="websockets before 17 forgets a connection to a proxy when it is cancelled",
)
async def test_proxy_that_does_not_answer() -> None:
    """A proxy that says nothing counts against the connect time-out, and nothing is left."""
    async with FakeRTMSServer() as server, running_proxy(b"") as proxy:
        leaks = Leaks()
        options = network(server, proxy=proxy.url())
        timeouts = Timeouts(connect_s=0.2)
        with at_most(1.0), pytest.raises(ConnectTimeout):
            await stream_of(server, audio=AudioParams(), network=options, timeouts=timeouts).open()
        await leaks.none()


@pytest.mark.parametrize(
    "proxy",
    [
        "gopher://user:{}@localhost:1",
        "http://user:{}@",
        "http://user:{}@localhost:1/path",
        "http://user:{}@localhost:port",
        "http://user:{}@localhost:99999",
        "http://user:{}@[localhost:1",
        "http://{}@localhost:1",
        "{}",
    ],
)
async def test_proxy_url_that_is_none(proxy: str) -> None:
    """A wrong proxy URL is a mistake of the options, told without its password."""
    async with FakeRTMSServer() as server:
        options = network(server, proxy=proxy.format(PASSWORD))
        with pytest.raises(InvalidParameters, match=r"NetworkOptions.proxy: .* URL") as caught:
            await stream_of(server, audio=AudioParams(), network=options).open()
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))


async def test_socks_proxy_without_its_package() -> None:
    """A SOCKS proxy needs a package that is not a dependency; the error names it."""
    async with FakeRTMSServer() as server:
        options = network(server, proxy=f"socks5://user:{PASSWORD}@localhost:1")
        with pytest.raises(InvalidParameters, match="install python-socks") as caught:
            await stream_of(server, audio=AudioParams(), network=options).open()
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))


async def test_proxy_that_nobody_runs() -> None:
    """A proxy that cannot be reached is a failed connection."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        options = network(server, proxy=f"http://user:{PASSWORD}@127.0.0.1:1")
        with at_most(1.0), pytest.raises(ConnectFailed, match="Connect call failed") as caught:
            await stream_of(server, audio=AudioParams(), network=options).open()
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))
        await leaks.none()


async def test_proxy_that_breaks() -> None:
    """When the proxy cuts the connections the stream is lost."""
    async with FakeRTMSServer() as server, running_proxy() as proxy:
        options = network(server, proxy=proxy.url())
        async with joined(server, audio=AudioParams(), network=options) as stream:
            proxy.cut()
            with pytest.raises(ConnectionLost, match="closed with 1006"):
                await stream.wait_ended()
