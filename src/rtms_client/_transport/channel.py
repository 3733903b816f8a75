"""A WebSocket connection with a short way for what media consist of.

Whole, unfragmented data frames are cut out of what was read, and delivered. Everything else (the
upgrade, control frames, fragments, errors, the end) is the business of websockets' Sans-I/O
protocol, which is given the bytes of just the frames that concern it. TLS runs in memory, so that
all connections read into one buffer; asyncio has two large ones for each connection.
"""

import asyncio
import ssl
import struct
import sys
import threading
from typing import Final, cast

from typing_extensions import override
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import USER_AGENT
from websockets.protocol import State
from websockets.uri import parse_uri

from rtms_client._transport.base import Receiver
from rtms_client._transport.common import (
    ALIVE,
    DATA_OPCODES,
    LOG,
    WRITE_LIMIT,
    report_end,
    wait_gone,
)

__all__ = ["Channel", "open_channel"]

_READ: Final = 256 * 1024
_RECORD: Final = 16 * 1024  # RFC 8446, section 5.1
_OWN: Final = sys.platform == "win32"  # where the event loop holds a buffer while it waits
_WHOLE: Final = frozenset({0x80 | Opcode.TEXT, 0x80 | Opcode.BINARY})  # RFC 6455, section 5.2
_TWO_BYTES, _EIGHT_BYTES, _MASKED = 126, 127, 128  # what the length may stand for
_unpack_short: Final = struct.Struct("!H").unpack_from
_SMALL_HEAD, _MEDIUM_HEAD, _LARGE_HEAD = 2, 4, 10


class _Shared(threading.local):
    """What all connections of an event loop read into; each is done with it at once."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_READ))


_shared: Final = _Shared()


class _Tls:
    """TLS in memory.

    Args:
        context: The settings.
        host: Name that the certificate must have.

    Attributes:
        ready: Whether the handshake is over.
    """

    __slots__ = ("incoming", "object", "outgoing", "ready")

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.ready = False


class Channel(asyncio.BufferedProtocol):
    """One connection: what the driver sees as transport, and the event loop as protocol.

    Args:
        protocol: WebSocket without input and output.
        max_bytes: Largest message to accept.
        tls: TLS, if any.
    """

    def __init__(self, protocol: ClientProtocol, max_bytes: int, tls: _Tls | None) -> None:
        loop = asyncio.get_running_loop()
        self._call_soon = loop.call_soon
        self._protocol = protocol
        self._max_bytes = max_bytes
        self._tls = tls
        self._buffer = memoryview(bytearray(_READ)) if _OWN else _shared.view
        self._network: asyncio.Transport
        self._secured: asyncio.Future[None] = loop.create_future()
        self._answered: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._receiver: Receiver | None = None
        self._reported = False
        self._closing = False
        self._reads = 0
        self._messages: list[bytes] = []
        self._part = bytearray()  # of a frame that is not there as a whole
        self._missing = 0  # bytes until it is worth while to look at it again
        self._owed = 0  # bytes of a frame whose beginning the protocol has
        self._fragments: bytearray | None = None

    # --- what the driver sees --------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """How many bytes the network has not taken yet."""
        return self._network.get_write_buffer_size()

    @property
    def complete(self) -> bool:
        """Whether the server has said that nothing more comes."""
        return self._protocol.close_rcvd is not None

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver; what came before is delivered first."""
        self._receiver = receiver
        self._deliver("")

    def send(self, data: bytes) -> None:
        """Send a text message, in order, without waiting; ignored once the connection is gone."""
        if self._protocol.state is not State.OPEN:
            return
        self._protocol.send_text(data)
        self._flush()

    async def close(self, code: int, reason: str, *, drain: bool = False) -> None:
        """Close as `Transport.close` says, then cut, also when cancelled."""
        self._closing = True
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
        try:
            await wait_gone(self._gone, lambda: self._reads, drain=drain)
        finally:
            self._network.abort()
            await asyncio.wait([self._gone])

    def abort(self) -> None:
        """Cut the connection at once."""
        self._network.abort()

    # --- opening ---------------------------------------------------------------------------------

    async def shake_hands(self) -> None:
        """Do the handshakes of TLS and WebSocket.

        Raises:
            OSError: TLS does not come about.
            WebSocketException: The upgrade does not come about.
        """
        if self._tls is not None:
            await self._secured
        request = self._protocol.connect()
        request.headers["User-Agent"] = USER_AGENT
        self._protocol.send_request(request)
        self._flush()
        await self._answered
        if self._protocol.handshake_exc is not None:
            raise self._protocol.handshake_exc

    def _secure(self, tls: _Tls) -> None:
        """Go on with the handshake of TLS."""
        try:
            tls.object.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except OSError as error:
            self._not_secured(error)
        else:
            tls.ready = True
            self._secured.set_result(None)
        self._network.write(tls.outgoing.read())

    def _not_secured(self, error: Exception) -> None:
        """Note why TLS did not come about; a no-op when it did."""
        if not self._secured.done():
            self._secured.set_exception(error)
            self._secured.exception()  # whoever waited may be cancelled

    # --- what the event loop says ----------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._network = cast("asyncio.Transport", transport)
        if self._tls is not None:
            self._secure(self._tls)

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        self._reads += 1
        tls = self._tls
        if tls is None:
            self._read(bytes(self._buffer[:nbytes]))
        else:
            tls.incoming.write(self._buffer[:nbytes])
            if not self._secured.done():
                self._secure(tls)
            if tls.ready:
                self._decrypt(tls)
        self._deliver("")
        if nbytes == len(self._buffer) and not self._network.is_closing():
            # More waits, which some event loops read at once: consumers have their turn first.
            self._network.pause_reading()
            self._call_soon(self._go_on)

    def _go_on(self) -> None:
        if not self._network.is_closing():
            self._network.resume_reading()

    def _decrypt(self, tls: _Tls) -> None:
        """Read what has come as a whole."""
        read, incoming = tls.object.read, tls.incoming
        records: list[bytes] = []
        try:
            while incoming.pending and (not records or records[-1]):
                records.append(read(_RECORD))
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._network.abort()  # nothing that follows can be trusted
        self._read(b"".join(records))
        if records and not records[-1]:  # the end of TLS is that of the connection
            self.eof_received()
            self._network.close()
        if tls.outgoing.pending:
            self._network.write(tls.outgoing.read())

    @override
    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._carry_out()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._not_secured(exc or ConnectionResetError("the connection ended in the TLS handshake"))
        self._protocol.receive_eof()
        self._carry_out()
        self._gone.set_result(None)
        self._deliver("" if exc is None else str(exc))

    # --- frames ----------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        """Take what came, in order."""
        if len(data) < self._missing:
            self._part += data
            self._missing -= len(data)
            return
        if self._part:
            data = b"".join((self._part, data))
            self._part.clear()
        self._missing = at = 0
        while at < len(data):
            if self._owed or self._protocol.state is not State.OPEN:
                at = self._hand_over(data, at)
                continue
            at = self._cut(data, at)
            if at < len(data) and not self._look_at(data, at):
                self._part += data[at:]
                return

    def _cut(self, data: bytes, at: int) -> int:
        """Cut out whole messages; return where the first frame begins that is anything else."""
        size, most, append = len(data), self._max_bytes, self._messages.append
        if self._fragments is not None:
            return at
        while at + 1 < size and data[at] in _WHOLE:
            length = data[at + 1]
            body = at + _SMALL_HEAD
            if length == _TWO_BYTES:
                body = at + _MEDIUM_HEAD
                if body > size:
                    break
                (length,) = _unpack_short(data, at + _SMALL_HEAD)
            elif length > _TWO_BYTES:
                body = at + _LARGE_HEAD
                length = int.from_bytes(data[at + _SMALL_HEAD : body])
                if data[at + 1] > _EIGHT_BYTES:
                    break  # it is masked
            end = body + length
            if end > size or length > most:
                break
            append(data[body:end])
            at = end
        return at

    def _look_at(self, data: bytes, at: int) -> bool:
        """Tell whether a frame is for the protocol; else note how much of it is missing."""
        left = len(data) - at
        length = data[at + 1] % _MASKED if left > 1 else 0
        head = _SMALL_HEAD
        if length >= _TWO_BYTES:
            head = _MEDIUM_HEAD if length == _TWO_BYTES else _LARGE_HEAD
            length = int.from_bytes(data[at + _SMALL_HEAD : at + head])
        if left < head:
            self._missing = head - left
            return False
        common = data[at] in _WHOLE and data[at + 1] < _MASKED and self._fragments is None
        if common and length <= self._max_bytes:
            self._missing = head + length - left
            return False
        self._owed = head + length
        return True

    def _hand_over(self, data: bytes, at: int) -> int:
        """Give bytes to the protocol; return where they end."""
        end = len(data)
        if self._protocol.state is State.CONNECTING:  # the answer ends with a line
            end = data.find(b"\n", at) + 1 or end
        elif self._owed:
            end = min(at + self._owed, end)
            self._owed -= end - at
        self._protocol.receive_data(data[at:end])
        self._carry_out()
        return end

    def _carry_out(self) -> None:
        """Do what the protocol says."""
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
                self._frame_received(event)
            elif self._receiver is not None:
                self._receiver.ping_received()
        alive = self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None
        if not alive and not self._answered.done():
            self._answered.set_result(None)
        self._flush()

    def _frame_received(self, frame: Frame) -> None:
        """Join a message from its fragments; the protocol limits their total size."""
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += frame.data
        if frame.fin:
            self._messages.append(bytes(self._fragments))
            self._fragments = None

    def _flush(self) -> None:
        """Send what the protocol has to say; cut the connection when nobody reads it."""
        for data in self._protocol.data_to_send():
            if self._tls is not None:
                self._encrypt(self._tls, data)
            elif data:
                self._network.write(data)
            else:
                self._network.write_eof()
        if self.unsent > WRITE_LIMIT:
            self._network.abort()

    def _encrypt(self, tls: _Tls, data: bytes) -> None:
        """Send, or with no data end, inside TLS."""
        try:
            if data:
                tls.object.write(data)
            else:
                tls.object.unwrap()
        except ssl.SSLError:  # at the end: the peer does not say goodbye, or did so before
            if data:  # without it, what follows would make no sense
                self._network.abort()
        self._network.write(tls.outgoing.read())
        if not data:
            self._network.close()

    # --- to the driver ---------------------------------------------------------------------------

    def _deliver(self, network_error: str) -> None:
        """Pass on what came; then tell, once, that nothing more can."""
        receiver = self._receiver
        if receiver is None:
            return
        if self._messages:
            messages, self._messages = self._messages, []
            receiver.messages_received(messages)
        over = self._gone.done() or (self._protocol.state not in ALIVE and not self._closing)
        if over and not self._reported:
            self._reported = True
            report_end(self._protocol, receiver, network_error)


async def open_channel(url: str, max_bytes: int, context: ssl.SSLContext | None) -> Channel:
    """Connect directly; cancelling leaves nothing behind.

    Args:
        url: Where it leads.
        max_bytes: Largest message to accept.
        context: Settings of TLS; `None` for none.

    Raises:
        OSError: There is no connection.
        WebSocketException: It is no WebSocket.
        UnicodeError: The host's name is none.
    """
    uri = parse_uri(url)
    tls = None if context is None else _Tls(context, uri.host)
    channel = Channel(ClientProtocol(uri, max_size=max_bytes, logger=LOG), max_bytes, tls)
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: channel, uri.host, uri.port)
    try:
        await channel.shake_hands()
    except BaseException:
        channel.abort()
        raise
    return channel
