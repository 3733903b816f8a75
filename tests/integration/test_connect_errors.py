"""No connection: every way in which it fails to come about has an error that tells what to do."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.integration.support import (
    CLIENT_ID,
    CLIENT_SECRET,
    Leaks,
    answering,
    at_most,
    client_for,
    info_of,
    network,
    stream_of,
)

from rtms_client import (
    AudioParams,
    ConnectFailed,
    InvalidParameters,
    NetworkOptions,
    Product,
    RTMSClient,
    StreamInfo,
    Timeouts,
)
from rtms_client.exceptions import (
    AnswerTimeout,
    CertificateRejected,
    ConnectTimeout,
    HostNotAllowed,
)
from rtms_client.testing import NEVER, FakeRTMSServer, Timing, Variations
from rtms_client.testing._certificates import loopback_certificates

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def info(url: str) -> StreamInfo:
    """Return a stream at some URL."""
    return StreamInfo(
        product=Product.MEETING, product_id="uuid==", stream_id="stream", server_urls=[url]
    )


async def open_at(
    url: str,
    *,
    timeouts: Timeouts | None = None,
    **options: Any,  # noqa: ANN401  # passed on
) -> None:
    """Try to join a stream at some URL of this machine."""
    settings: dict[str, Any] = {
        "allowed_hosts": ("localhost", "127.0.0.1", "127.0.0.2", "invalid"),
        "ssl_context": loopback_certificates().client_context(),
        "proxy": False,
        **options,
    }
    client = RTMSClient(
        CLIENT_ID,
        CLIENT_SECRET,
        audio=AudioParams(),
        network=NetworkOptions(**settings),
        timeouts=timeouts,
        reconnect=None,
    )
    await client.stream(info(url)).open()


@asynccontextmanager
async def raw_server(
    converse: Converse,
    *,
    tls: bool = True,
    host: str = "127.0.0.1",
    visitors: list[object] | None = None,
) -> AsyncIterator[int]:
    """Run a server that speaks as told and notes its visitors, and give its port."""
    notes: list[object] = [] if visitors is None else visitors

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        notes.append(writer)
        with suppress(ConnectionError):
            await converse(reader, writer)
        writer.close()

    context = loopback_certificates().server_context() if tls else None
    server = await asyncio.start_server(handle, host, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def read_to_end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the client is gone."""
    await reader.read(-1)


def answer(text: str) -> Converse:
    """Answer the first request with some text, and close."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()

    return converse


async def test_untrusted_certificate() -> None:
    """A server with an unknown authority is refused, with the advice to add it."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        client = client_for(
            server,
            audio=AudioParams(),
            network=NetworkOptions(allowed_hosts=("localhost",), proxy=False),
        )
        with at_most(1.0), pytest.raises(CertificateRejected) as caught:
            await client.stream(info_of(server)).open()
        assert caught.value.endpoint == "signaling"
        assert not caught.value.retryable
        assert "unable to get local issuer certificate" in str(caught.value)
        assert "NetworkOptions.ca_file" in str(caught.value)
        assert "never switch verification off" in str(caught.value)
        await leaks.none()


async def test_certificate_for_another_host() -> None:
    """A trusted certificate for another name is refused."""
    async with raw_server(read_to_end, host="127.0.0.2") as port:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(CertificateRejected, match=r"not valid for '127.0.0.2'"):
            await open_at(f"wss://127.0.0.2:{port}")
        await leaks.none()


async def test_own_authority_from_a_file() -> None:
    """An authority in a PEM file is trusted."""
    async with FakeRTMSServer() as server:
        options = network(server, ssl_context=None, ca_file=server.ca_file)
        async with stream_of(server, audio=AudioParams(), network=options) as stream:
            assert stream.granted.audio is not None


async def test_authority_file_that_is_missing(tmp_path: Path) -> None:
    """A missing PEM file is a mistake of the options, not of the network."""
    with pytest.raises(InvalidParameters, match=r"NetworkOptions.ca_file: .* No such file"):
        await open_at("wss://localhost:1", ssl_context=None, ca_file=tmp_path / "missing.pem")


async def test_authority_file_without_certificates(tmp_path: Path) -> None:
    """A file that is no PEM file is a mistake of the options."""
    path = tmp_path / "empty.pem"
    path.write_text("nothing\n")
    with pytest.raises(InvalidParameters, match="expected a PEM file with certificates"):
        await open_at("wss://localhost:1", ssl_context=None, ca_file=path)


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _any_host() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def _old_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_unverified, "verifies certificate and host name"),
        (_any_host, "verifies certificate and host name"),
        (_old_tls, "expected TLS 1.2 or later"),
    ],
    ids=["unverified", "any host", "old TLS"],
)
async def test_context_that_is_not_safe(make: Callable[[], ssl.SSLContext], problem: str) -> None:
    """A context that does not verify, or allows old TLS, is refused before connecting."""
    with pytest.raises(InvalidParameters, match=problem):
        await open_at("wss://localhost:1", ssl_context=make())


async def test_signaling_host_not_allowed() -> None:
    """A webhook that names a foreign host is refused without a connection, with advice."""
    visitors: list[object] = []
    async with raw_server(read_to_end, tls=False, visitors=visitors) as port:
        with pytest.raises(HostNotAllowed) as caught:
            await open_at(f"wss://localhost:{port}/path?token=t0ken", allowed_hosts=("zoom.us",))
        assert caught.value.url == f"wss://localhost:{port}"
        assert "expected a host of zoom.us or a subdomain" in str(caught.value)
        assert "verify that the webhook is genuine" in str(caught.value)
        assert "t0ken" not in str(caught.value)
    assert visitors == []


async def test_media_host_not_allowed() -> None:
    """A media URL that leads to a foreign host ends the stream before it is opened."""
    fault = answering(2, media_server={"server_urls": {"audio": "wss://zoom.us.evil.test/a"}})
    async with FakeRTMSServer(fault=fault) as server:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(HostNotAllowed, match=r"wss://zoom.us.evil.test: "):
            await stream_of(server, audio=AudioParams()).open()
        await leaks.none()


@pytest.mark.parametrize(
    "url",
    [
        "ws://localhost:1",
        "http://localhost:1",
        "https://localhost:1",
        "localhost:1",
        "wss://user:pass@localhost:1",
        "wss://localhost:1/#fragment",
        "wss://localhost:0",
        "wss://localhost:99999",
        "wss://",
        "wss://localhost@evil.test",
        "wss://evil.test/localhost",
        "wss://evil-localhost",
        "wss://[::1",
    ],
)
async def test_url_that_no_server_has(url: str) -> None:
    """Plain text, other schemes, credentials, odd ports and look-alikes are refused."""
    with pytest.raises(HostNotAllowed) as caught:
        await open_at(url)
    assert "pass@" not in str(caught.value)


async def test_plain_text_when_allowed() -> None:
    """For tests ``ws`` can be allowed."""
    async with FakeRTMSServer(tls=False) as server:
        options = NetworkOptions(allowed_hosts=("localhost",), proxy=False, allow_plaintext=True)
        async with stream_of(server, audio=AudioParams(), network=options) as stream:
            assert stream.granted.audio is not None


async def test_second_url_is_taken_when_the_first_is_not_allowed() -> None:
    """Of several server URLs the first that may be opened is opened."""
    async with FakeRTMSServer(variations=Variations(webhook_server_urls="list")) as server:
        webhook = server.started_webhook()
        urls = ["wss://evil.test", "ws://localhost:1", server.signaling_url]
        found = info_of(server)
        assert found.server_urls == tuple(webhook["payload"]["server_urls"])
        several = StreamInfo(
            product=found.product,
            product_id=found.product_id,
            stream_id=found.stream_id,
            server_urls=urls,
        )
        async with client_for(server, audio=AudioParams()).stream(several) as stream:
            assert stream.granted.audio is not None


async def test_redirect_is_not_followed() -> None:
    """A redirect could lead past the allow-list, so it is an error; nobody goes there."""
    visitors: list[object] = []
    async with raw_server(read_to_end, visitors=visitors) as target:
        redirect = answer(
            f"HTTP/1.1 302 Found\nLocation: wss://localhost:{target}/\nContent-Length: 0\n\n"
        )
        async with raw_server(redirect) as port:
            leaks = Leaks()
            with at_most(1.0), pytest.raises(ConnectFailed, match="got: HTTP status 302; "):
                await open_at(f"wss://localhost:{port}")
            await leaks.none()
    assert visitors == []


async def test_service_unavailable() -> None:
    """An HTTP error instead of the upgrade is reported with its status."""
    async with FakeRTMSServer(upgrade_status=503) as server:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(ConnectFailed) as caught:
            await stream_of(server, audio=AudioParams()).open()
        assert caught.value.problem == "HTTP status 503"
        assert caught.value.host == server.signaling_url.removesuffix("/signaling")
        assert caught.value.retryable
        await leaks.none()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SSH-2.0-OpenSSH_9.2\n", "InvalidMessage"),
        ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP status 200"),
        (
            "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\n",
            "Invalid",
        ),
        ("", "InvalidMessage"),
    ],
    ids=["other protocol", "no upgrade", "no accept key", "nothing"],
)
async def test_answer_that_is_no_upgrade(text: str, problem: str) -> None:
    """A server that speaks something else is a failed connection, not a crash."""
    async with raw_server(answer(text)) as port:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(ConnectFailed, match=problem):
            await open_at(f"wss://localhost:{port}")
        await leaks.none()


async def test_server_without_tls() -> None:
    """A server that does not speak TLS is a failed connection."""

    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(reply, tls=False) as port:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(ConnectFailed, match=r"(?i)wrong.version.number"):
            await open_at(f"wss://localhost:{port}")
        await leaks.none()


async def test_connection_refused() -> None:
    """A port where nobody listens is a failed connection that may be tried again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        leaks = Leaks()
        with at_most(1.0), pytest.raises(ConnectFailed) as caught:
            await open_at(f"wss://127.0.0.1:{port}")
    assert caught.value.host == f"wss://127.0.0.1:{port}"
    assert caught.value.retryable
    assert "Connect call failed" in str(caught.value)
    assert "check network, proxy and firewall" in str(caught.value)
    await leaks.none()


async def test_unknown_name() -> None:
    """A host name that does not exist is a failed connection."""
    with pytest.raises(ConnectFailed, match=r"wss://rtms.invalid, got: .*[Nn]ame"):
        await open_at("wss://rtms.invalid")


async def test_server_that_accepts_and_says_nothing() -> None:
    """A TLS handshake that does not come ends with the connect time-out."""
    async with raw_server(read_to_end, tls=False) as port:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(ConnectTimeout, match=r"no connection within 0\.1 s"):
            await open_at(f"wss://localhost:{port}", timeouts=Timeouts(connect_s=0.1))
        await leaks.none()


async def test_upgrade_that_does_not_come() -> None:
    """An HTTP upgrade that is not answered ends with the connect time-out."""
    async with FakeRTMSServer(upgrade_delay_s=60) as server:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(ConnectTimeout, match=r"no connection within 0\.2 s"):
            await stream_of(server, audio=AudioParams(), timeouts=Timeouts(connect_s=0.2)).open()
        await leaks.none()


@pytest.mark.parametrize(
    ("timing", "endpoint"),
    [
        (Timing(signaling_answer_s=NEVER), "signaling"),
        (Timing(media_answer_s=NEVER), "audio"),
    ],
    ids=["signaling", "media"],
)
async def test_handshake_that_is_not_answered(timing: Timing, endpoint: str) -> None:
    """A handshake without an answer ends with its time-out and names the connection."""
    async with FakeRTMSServer(timing=timing) as server:
        leaks = Leaks()
        timeouts = Timeouts(handshake_s=0.2, close_s=0.2)
        with at_most(1.0), pytest.raises(AnswerTimeout) as caught:
            await stream_of(server, audio=AudioParams(), timeouts=timeouts).open()
        assert caught.value.endpoint == endpoint
        assert caught.value.timeout_s == 0.2
        assert caught.value.retryable
        assert "expected an answer to the handshake within 0.2 s, got nothing" in str(caught.value)
        await leaks.none()


async def test_connection_that_closes_before_the_handshake_is_answered() -> None:
    """A server that hangs up instead of answering is a lost connection."""
    async with FakeRTMSServer(timing=Timing(signaling_answer_s=NEVER)) as server:
        leaks = Leaks()
        opening = asyncio.create_task(stream_of(server, audio=AudioParams()).open())
        await server.wait_until(lambda: server.log)
        server.kill()
        with at_most(1.0), pytest.raises(Exception, match="signaling connection closed with 1006"):
            await opening
        await leaks.none()
