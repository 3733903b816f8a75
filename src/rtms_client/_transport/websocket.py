"""The WebSocket transport: the only door to `websockets` in the client.

websockets does the handshakes (TCP, proxy, TLS, HTTP upgrade) and the framing. Messages go from its
parser straight to the receiver, without a queue and a task between, because the buffers behind the
receiver are bounded and reading never waits for user code.
"""

import functools
import logging
import ssl
from typing import Any, Final, cast

from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidProxy, InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from rtms_client._transport.base import Receiver
from rtms_client.config import NetworkOptions
from rtms_client.exceptions import CertificateRejected, ConnectFailed, InvalidParameters, RTMSError
from rtms_client.protocol.addresses import origin

__all__ = ["WebSocketConnector", "WebSocketTransport"]

_CLOSE_TIMEOUT_S: Final = 0.5
_WRITE_LIMIT: Final = 1024 * 1024  # we send a few small messages; more means that nobody reads
_DATA_OPCODES: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_ALIVE: Final = frozenset({State.CONNECTING, State.OPEN})
_ABNORMAL: Final = 1006  # RFC 6455, section 7.1.5

# At DEBUG websockets logs whole messages: signatures, names, text and media. The level spares the
# time, the filter holds also when somebody sets all loggers to DEBUG.
_LOG: Final = logging.getLogger("rtms_client.websockets")
_LOG.setLevel(logging.INFO)
_LOG.addFilter(lambda record: record.levelno > logging.DEBUG)


class _Connection(ClientConnection):
    """A client connection that delivers to a receiver instead of a queue."""

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:  # noqa: ANN401  # passed on
        super().__init__(protocol, **options)
        self._receiver: Receiver | None = None
        self._early: list[bytes] = []
        self._fragments: bytearray | None = None
        self._lost = False

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver; what came before is delivered first."""
        early, self._early = self._early, []
        self._receiver = receiver
        for data in early:
            receiver.message_received(data)
        self._report_loss("")

    def send_now(self, data: bytes) -> None:
        """Send a text message without waiting."""
        if self.protocol.state is not State.OPEN:
            return
        if self.transport.get_write_buffer_size() > _WRITE_LIMIT:
            self.transport.abort()
            return
        self.protocol.send_text(data)
        self.send_data()

    @override
    def process_event(self, event: Event) -> None:
        if self.response is None or not isinstance(event, Frame):
            super().process_event(event)
        elif event.opcode in _DATA_OPCODES:
            self._frame_received(event)

    def _frame_received(self, frame: Frame) -> None:
        """Deliver a message, joined from its fragments; the protocol limits their total size."""
        if frame.fin and self._fragments is None:
            self._deliver(bytes(frame.data))
            return
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += frame.data
        if frame.fin:
            data, self._fragments = bytes(self._fragments), None
            self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        if self._receiver is None:
            self._early.append(data)  # at most what one read of the socket brought
        else:
            self._receiver.message_received(data)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._report_loss("")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._report_loss("" if exc is None else str(exc))

    def _report_loss(self, network_error: str) -> None:
        """Tell the receiver once, as soon as nothing more can arrive."""
        if self._lost or self._receiver is None or self.protocol.state in _ALIVE:
            return
        self._lost = True
        received, sent = self.protocol.close_rcvd, self.protocol.close_sent
        if sent is not None and not self.protocol.close_rcvd_then_sent:
            self._receiver.connection_lost(sent.code, sent.reason)  # the parser gave up
        elif received is not None:
            self._receiver.connection_lost(received.code, received.reason)
        else:
            self._receiver.connection_lost(_ABNORMAL, network_error)


class _Connect(connect):
    """`connect` that follows no redirects: they could lead past the allow-list of hosts."""

    @override
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocketTransport:
    """One open WebSocket connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver; what came before is delivered first."""
        self._connection.start(receiver)

    def send(self, data: bytes) -> None:
        """Send a text message, in order, without waiting; ignored once the connection is gone."""
        self._connection.send_now(data)

    async def close(self, code: int, reason: str) -> None:
        """Close within half a second, then cut, also when cancelled; may be repeated."""
        try:
            await self._connection.close(code, reason)
        finally:
            self._connection.transport.abort()
            await self._connection.wait_closed()

    def abort(self) -> None:
        """Cut the connection at once."""
        self._connection.transport.abort()


class WebSocketConnector:
    """Opens WebSocket connections.

    Args:
        network: How to reach the servers.
    """

    def __init__(self, network: NetworkOptions) -> None:
        self._network = network

    async def __call__(self, endpoint: str, url: str) -> WebSocketTransport:
        """Open one connection; cancelling leaves nothing behind.

        Raises:
            CertificateRejected: TLS does not trust the server.
            ConnectFailed: The connection did not come about for another reason.
            InvalidParameters: `NetworkOptions` holds unusable TLS or proxy settings.
        """
        options: dict[str, Any] = {}
        if url.startswith("wss:"):
            options = {"ssl": self._tls, "ssl_shutdown_timeout": _CLOSE_TIMEOUT_S}
        try:
            connection = await _Connect(
                url,
                create_connection=_Connection,
                compression=None,  # media do not shrink; inflating them would cost more
                max_size=self._network.max_message_bytes,
                ping_interval=None,  # pings are not part of the protocol (messages notes, 1)
                open_timeout=None,  # the core has the time-outs
                close_timeout=_CLOSE_TIMEOUT_S,
                proxy=self._network.proxy or None,
                logger=_LOG,
                **options,
            )
        except ImportError:
            raise InvalidParameters(
                "NetworkOptions.proxy",
                "expected the URL of an HTTP proxy, got a SOCKS proxy",
                "use http://host:port, or install python-socks",
            ) from None
        except InvalidProxy:
            raise _bad_proxy() from None
        except (OSError, WebSocketException, EOFError, UnicodeError) as error:
            raise _mapped(error, endpoint, origin(url)) from error
        except ValueError:  # a port that is none
            raise _bad_proxy() from None
        return WebSocketTransport(cast("_Connection", connection))

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """TLS settings: TLS 1.2 or later, verified."""
        context = self._network.ssl_context
        if context is None:
            try:
                context = ssl.create_default_context(cafile=self._network.ca_file)
            except OSError as error:
                raise InvalidParameters(
                    "NetworkOptions.ca_file",
                    f"expected a PEM file with certificates, got: {error.strerror or error}",
                    "check path and content",
                ) from error
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        elif context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
            raise InvalidParameters(
                "NetworkOptions.ssl_context",
                "expected a context that verifies certificate and host name",
                "use ssl.create_default_context(cafile=...)",
            )
        elif context.minimum_version < ssl.TLSVersion.TLSv1_2:
            raise InvalidParameters(
                "NetworkOptions.ssl_context",
                "expected TLS 1.2 or later",
                "set minimum_version = ssl.TLSVersion.TLSv1_2",
            )
        return context


def _bad_proxy() -> InvalidParameters:
    """Make the error for a proxy URL; the text of its cause may hold a password."""
    return InvalidParameters(
        "NetworkOptions.proxy", "expected the URL of a proxy", "use http://host:port"
    )


def _mapped(error: Exception, endpoint: str, host: str) -> RTMSError:
    """Turn a foreign error into ours."""
    match error:
        case ssl.SSLCertVerificationError():
            return CertificateRejected(endpoint, host, error.verify_message)
        case InvalidStatus():
            return ConnectFailed(endpoint, host, f"HTTP status {error.response.status_code}")
        case OSError():
            return ConnectFailed(endpoint, host, error.strerror or str(error))
        case _:
            return ConnectFailed(endpoint, host, f"{type(error).__name__}: {error}")
