"""The WebSocket transport for connections that go through a proxy.

websockets does the handshakes (TCP, proxy, TLS, HTTP upgrade) and the framing. Messages go from its
parser straight to the receiver, without a queue and a task between, because the buffers behind the
receiver are bounded and reading never waits for user code.
"""

import asyncio
import ssl
from typing import Any, Literal, cast

from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import Event, State

from rtms_client._transport.base import Receiver
from rtms_client._transport.common import (
    ALIVE,
    CLOSE_TIMEOUT_S,
    DATA_OPCODES,
    LOG,
    WRITE_LIMIT,
    report_end,
    wait_gone,
)

__all__ = ["ProxiedTransport", "open_proxied"]


class _Connection(ClientConnection):
    """A client connection that delivers to a receiver instead of a queue.

    Attributes:
        gone: Done when it has ended.
        read_count: How often something was read.
    """

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:  # noqa: ANN401  # passed on
        super().__init__(protocol, **options)
        self._receiver: Receiver | None = None
        self._messages: list[bytes] = []  # at most what one read of the network brought
        self._fragments: bytearray | None = None
        self._closing = False
        self._lost = False
        self.gone: asyncio.Future[None] = self.loop.create_future()
        self.read_count = 0

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver; what came before is delivered first."""
        self._receiver = receiver
        self._deliver("")

    def send_now(self, data: bytes) -> None:
        """Send a text message without waiting."""
        if self.protocol.state is not State.OPEN:
            return
        if self.transport.get_write_buffer_size() > WRITE_LIMIT:
            self.transport.abort()
            return
        self.protocol.send_text(data)
        self.send_data()

    def close_now(self, code: int, reason: str) -> None:
        """Send a close frame without waiting; the end is told when nothing more can come."""
        self._closing = True
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code, reason)
            self.send_data()

    @override
    def process_event(self, event: Event) -> None:
        if self.response is None or not isinstance(event, Frame):
            super().process_event(event)
        elif event.opcode in DATA_OPCODES:
            self._frame_received(event)
        elif self._receiver is not None:
            self._receiver.ping_received()

    def _frame_received(self, frame: Frame) -> None:
        """Keep a message, joined from its fragments; the protocol limits their total size."""
        if frame.fin and self._fragments is None:
            self._messages.append(bytes(frame.data))
            return
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += frame.data
        if frame.fin:
            self._messages.append(bytes(self._fragments))
            self._fragments = None

    @override
    def data_received(self, data: bytes) -> None:
        self.read_count += 1
        super().data_received(data)
        if self.transport.get_write_buffer_size() > WRITE_LIMIT:  # pings that it does not read on
            self.transport.abort()
        self._deliver("")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set_result(None)
        self._deliver("" if exc is None else str(exc))

    def _deliver(self, network_error: str) -> None:
        """Pass on what came; then tell, once, that nothing more can."""
        receiver = self._receiver
        if receiver is None:
            return
        if self._messages:
            messages, self._messages = self._messages, []
            receiver.messages_received(messages)
        over = self.gone.done() or (self.protocol.state not in ALIVE and not self._closing)
        if over and not self._lost:
            self._lost = True
            report_end(self.protocol, receiver, network_error)


class _Connect(connect):
    """`connect` that follows no redirects: they could lead past the allow-list of hosts."""

    @override
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class ProxiedTransport:
    """One open connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    @property
    def complete(self) -> bool:
        """Whether the server has said that nothing more comes."""
        return self._connection.protocol.close_rcvd is not None

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver; what came before is delivered first."""
        self._connection.start(receiver)

    def send(self, data: bytes) -> None:
        """Send a text message, in order, without waiting; ignored once the connection is gone."""
        self._connection.send_now(data)

    async def close(self, code: int, reason: str, *, drain: bool = False) -> None:
        """Close as `Transport.close` says, then cut, also when cancelled."""
        connection = self._connection
        connection.close_now(code, reason)
        try:
            await wait_gone(connection.gone, lambda: connection.read_count, drain=drain)
        finally:
            connection.transport.abort()
            await asyncio.wait([connection.gone])

    def abort(self) -> None:
        """Cut the connection at once."""
        self._connection.transport.abort()

    @property
    def unsent(self) -> int:
        """How many bytes the network has not taken yet."""
        return self._connection.transport.get_write_buffer_size()


async def open_proxied(
    url: str, max_bytes: int, context: ssl.SSLContext | None, proxy: str | Literal[True] | None
) -> ProxiedTransport:
    """Connect through a proxy; cancelling leaves nothing behind.

    Args:
        url: Where it leads.
        max_bytes: Largest message to accept.
        context: Settings of TLS; `None` for none.
        proxy: URL of the proxy; `True` for the system's, `None` for none.

    Raises:
        ImportError: It is a SOCKS proxy, and python-socks is missing.
        OSError: There is no connection.
        ValueError: The URL of the proxy is none.
        WebSocketException: It is no WebSocket, or the proxy refuses.
    """
    options: dict[str, Any] = {}
    if context is not None:
        options = {"ssl": context, "ssl_shutdown_timeout": CLOSE_TIMEOUT_S}
    connection = await _Connect(
        url,
        create_connection=_Connection,
        compression=None,  # media do not shrink; inflating them would cost more
        max_size=max_bytes,
        ping_interval=None,  # pings are not part of the protocol (messages notes, 1)
        open_timeout=None,  # the core has the time-outs
        close_timeout=CLOSE_TIMEOUT_S,
        proxy=proxy,
        logger=LOG,
        **options,
    )
    return ProxiedTransport(cast("_Connection", connection))
