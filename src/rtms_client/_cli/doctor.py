"""``doctor``: what it takes to join a stream, checked one after the other."""

import argparse
import asyncio
import ipaddress
import json
import platform
import socket
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import Final, Literal, TypeAlias

import attrs

from rtms_client._transport import WebSocketConnector
from rtms_client.config import NetworkOptions
from rtms_client.exceptions import InvalidParameters, RTMSError
from rtms_client.protocol.addresses import check_url, signaling_url

from .failures import EXIT_ABNORMAL, EXIT_OK, EXIT_USAGE, CommandError
from .record import network_options, read_event
from .session import explained
from .sign import credentials
from .text import clean

__all__ = ["Check", "certificate_state", "run"]

_DEFAULT_URL: Final = "wss://zoom.us:443"
_TOLERATED_S: Final = 30
_LAST_DAYS: Final = 7
_MAX_ANSWER: Final = 16 * 1024
_HTTPS: Final = 443

State: TypeAlias = Literal["ok", "warning", "failed", "skipped"]


@attrs.frozen
class Check:
    """One finding."""

    name: str
    state: State
    text: str
    advice: str | None = None


class _Failed(Exception):
    """A step of the network failed.

    Args:
        text: What happened.
        advice: What to do.
    """

    def __init__(self, text: str, advice: str) -> None:
        super().__init__(text, advice)
        self.text, self.advice = text, advice


def run(options: argparse.Namespace) -> int:
    """Check everything; returns the exit code.

    Raises:
        CommandError: The event or an option is unusable.
    """
    info = None if options.event is None else read_event(options.event)
    try:
        network = network_options(options)
    except InvalidParameters as error:
        raise CommandError(EXIT_USAGE, explained(error)) from error
    urls = (_DEFAULT_URL,) if info is None else info.server_urls
    failed = False
    for check in _checks(urls, network, options, with_event=info is not None):
        failed = failed or check.state == "failed"
        if options.json:
            print(json.dumps(attrs.asdict(check)), flush=True)
            continue
        print(f"{check.state:<8} {check.name:<12} {clean(check.text)}", flush=True)
        if check.advice is not None and check.state != "ok":
            print(f"{'':<8} {'':<12} -> {clean(check.advice)}", flush=True)
    return EXIT_ABNORMAL if failed else EXIT_OK


def _checks(
    urls: tuple[str, ...],
    network: NetworkOptions,
    options: argparse.Namespace,
    *,
    with_event: bool,
) -> Iterator[Check]:
    version = metadata.version("rtms_client")
    yield Check(
        "library", "ok", f"rtms_client {version}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {ssl.OPENSSL_VERSION}"
    )  # fmt: skip
    found = credentials()
    if found is None:
        advice = "set ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET in the environment"
        yield Check("credentials", "failed", "none in the environment", advice)
    else:
        yield Check("credentials", "ok", f"{found[2]} and its pair are there; joining tells")
    try:
        url = signaling_url(urls, network)
    except RTMSError as error:
        advice = "add --allow-host if you trust it (allowed_hosts in your program)"
        yield Check("host", "failed", str(error), advice)
        return
    whose = "of the event" if with_event else "of Zoom, because there is no --event"
    yield Check("host", "ok", f"{urllib.parse.urlsplit(url).hostname} {whose}, allowed")
    reached = True
    for check in _Network(url, network, options.timeout).checks():
        reached = reached and check.state != "failed"
        yield check
    if with_event and reached:
        yield asyncio.run(_websocket(url, network, options.timeout))


async def _websocket(url: str, network: NetworkOptions, timeout_s: float) -> Check:
    """Open a WebSocket and close it again, without a handshake of RTMS."""
    try:
        async with asyncio.timeout(timeout_s):
            transport = await WebSocketConnector(network)("signaling", check_url(url, network))
        await transport.close(1000, "")
    except TimeoutError:
        return Check("websocket", "failed", f"no answer within {timeout_s:g} s", "try again later")
    except RTMSError as error:
        return Check("websocket", "failed", str(error), "a stream that is over has no server")
    return Check("websocket", "ok", "the server takes connections")


def _is_address(url: urllib.parse.SplitResult) -> bool:
    """Tell whether a URL has a host, and no impossible port."""
    try:
        return bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def certificate_state(host: str, days: float) -> State:
    """Judge how long a certificate lasts; on loopback it is one for tests, made anew each time."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return "warning" if days < _LAST_DAYS and not loopback else "ok"


class _Network:
    """The way to one server, step by step.

    Args:
        url: Of the server.
        network: How to reach it.
        timeout_s: How long each step may take.
    """

    def __init__(self, url: str, network: NetworkOptions, timeout_s: float) -> None:
        parts = urllib.parse.urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or _HTTPS
        self._network = network
        self._timeout_s = timeout_s
        self._proxy = self._find_proxy()
        self._socket: socket.socket | None = None

    def checks(self) -> Iterator[Check]:
        """Go as far as it is possible."""
        steps = [("proxy", self._say_proxy), ("dns", self._look_up), ("tcp", self._connect)]
        if self._proxy is not None:
            steps.append(("tunnel", self._tunnel))
        steps += [("tls", self._secure), ("clock", self._ask_time)]
        names = [name for name, _ in steps]
        try:
            for name, step in steps:
                began = time.monotonic()
                try:
                    check = step()
                except _Failed as error:
                    yield Check(name, "failed", error.text, error.advice)
                    for later in names[names.index(name) + 1 :]:
                        yield Check(later, "skipped", f"because {name} failed")
                    return
                if name in {"dns", "tcp", "tunnel", "tls"}:
                    spent_ms = (time.monotonic() - began) * 1000
                    check = attrs.evolve(check, text=f"{check.text}, {spent_ms:.0f} ms")
                yield check
        finally:
            if self._socket is not None:
                self._socket.close()

    def _find_proxy(self) -> urllib.parse.SplitResult | None:
        proxy = self._network.proxy
        if proxy is True:
            bypassed = urllib.request.proxy_bypass(self._host)
            found = {} if bypassed else urllib.request.getproxies()
            proxy = found.get("https") or found.get("all") or False
        return urllib.parse.urlsplit(proxy) if isinstance(proxy, str) else None

    def _say_proxy(self) -> Check:
        if self._proxy is None:
            return Check("proxy", "ok", "none, a direct connection")
        if not _is_address(self._proxy):
            raise _Failed("this is no URL of a proxy", "use http://host:port")
        if self._proxy.scheme != "http":
            raise _Failed(
                f"{self._proxy.scheme}: only http proxies can be checked",
                "the client may still use it: `record` tells",
            )
        return Check("proxy", "ok", f"http://{self._proxy.hostname}:{self._proxy.port or 80}")

    def _target(self) -> tuple[str, int]:
        if self._proxy is not None:
            return self._proxy.hostname or "", self._proxy.port or 80
        return self._host, self._port

    def _look_up(self) -> Check:
        host, port = self._target()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _Failed(
                f"{host}: {error}", "check the name, the resolver and the network connection"
            ) from error
        addresses = sorted({str(entry[4][0]) for entry in found})
        more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
        return Check("dns", "ok", f"{host} is {addresses[0]}{more}")

    def _connect(self) -> Check:
        target = self._target()
        try:
            self._socket = socket.create_connection(target, self._timeout_s)
        except OSError as error:
            raise _Failed(
                f"{target[0]}:{target[1]}: {error}",
                "refused means that nothing listens there: does the server run, is the event the "
                "newest? Else a firewall may block the port, or a proxy may be needed: --proxy",
            ) from error
        return Check("tcp", "ok", f"connected to {target[0]}:{target[1]}")

    def _tunnel(self) -> Check:
        first, _ = self._exchange(
            f"CONNECT {self._host}:{self._port} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n"
        )
        if " 200" not in first:
            raise _Failed(
                f"the proxy answers {first[:60]!r}", "the proxy may want a password or forbid it"
            )
        return Check("tunnel", "ok", "the proxy lets us through")

    def _secure(self) -> Check:
        assert self._socket is not None  # noqa: S101  # the step before opened it
        try:
            context = ssl.create_default_context(cafile=self._network.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            secured = context.wrap_socket(self._socket, server_hostname=self._host)
        except ssl.SSLCertVerificationError as error:
            raise _Failed(
                f"the certificate is not trusted: {error.verify_message}",
                "a proxy that inspects TLS needs its own CA: --ca-file (ca_file in your program)",
            ) from error
        except OSError as error:
            raise _Failed(
                f"{error.strerror or error}", "something between here and there is no TLS server"
            ) from error
        self._socket = secured
        expires = str((secured.getpeercert() or {}).get("notAfter", ""))
        days = (ssl.cert_time_to_seconds(expires) - time.time()) / 86400 if expires else 0.0
        text = f"{secured.version()}, certificate for {days:.0f} more days"
        return Check(
            "tls",
            certificate_state(self._host, days),
            text,
            "a certificate is to be renewed before it expires",
        )

    def _ask_time(self) -> Check:
        before = time.time()
        first, headers = self._exchange(
            f"GET / HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n\r\n"
        )
        try:
            theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except (ValueError, TypeError):
            text = f"the server does not tell the time ({first[:40]!r})"
            return Check("clock", "warning", text, "compare your clock with another one")
        skew_s = (before + time.time()) / 2 - theirs - 0.5  # the header has whole seconds
        side = "ahead of" if skew_s > 0 else "behind"
        text = f"{abs(skew_s):.0f} s {side} the server" if abs(skew_s) > 1 else "as the server's"
        if abs(skew_s) > _TOLERATED_S:
            return Check(
                "clock", "failed", text, "set the clock (NTP): webhooks are refused beyond 300 s"
            )
        return Check("clock", "ok", text)

    def _exchange(self, request: str) -> tuple[str, dict[str, str]]:
        """Send a request; return first line and headers of the answer."""
        assert self._socket is not None  # noqa: S101  # the step before opened it
        answer = b""
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(request.encode())
            while b"\r\n\r\n" not in answer and len(answer) < _MAX_ANSWER:
                piece = self._socket.recv(4096)
                if not piece:
                    break
                answer += piece
        except OSError as error:
            raise _Failed(
                f"no answer: {error}", "the connection was cut: a proxy or firewall in between"
            ) from error
        first, *lines = answer.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return first, {name.strip().lower(): value.strip() for name, _, value in pairs}
