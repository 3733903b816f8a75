"""One WebSocket of a fake server: the only place where messages enter and leave.

Everything sent goes through a bounded outbox and one writer task, so that a stalled client holds
up its own socket first, and so that a fault can be put into one place later.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Protocol, TypeAlias

from typing_extensions import override
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from rtms_client.enums import MediaType

from ._server_json import as_object
from ._server_log import ServerLog, ViolationKind

__all__ = ["FakeConnection", "FaultHook", "Frame"]

Frame: TypeAlias = tuple[bytes, bool, int | None]
"""Payload, whether it is a text frame, and the message type if it is a medium."""

_OUTBOX_BYTES: Final = 1 << 20
_BATCH: Final = 64
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class FaultHook(Protocol):
    """The seam for faults: sees each connection and each frame, and may wait, change or refuse."""

    async def accepted(self, connection: "FakeConnection") -> None:
        """Look at a new connection before anything is read from it."""
        ...

    async def sending(self, connection: "FakeConnection", frame: Frame) -> Sequence[Frame]:
        """Return what is written instead of one frame; nothing drops it."""
        ...

    async def received(self, connection: "FakeConnection", data: str | bytes) -> bool:
        """Tell whether a received message is processed at all."""
        ...


class FakeConnection:
    """One WebSocket between the client and a fake server.

    Attributes:
        id: Number of the connection, counted from 1.
        kind: ``signaling``, ``all``, or the names of its media joined by ``+``.
        media: The media of the socket, zero for signaling and before the handshake.
        ready: Whether media may flow.
        granted: Negotiated ``media_params``.
        keep_alives: Whether keep-alive requests are sent.
        carries_media: Set when the first medium was queued.
        path: Path of the request.
    """

    def __init__(
        self,
        ws: ServerConnection,
        *,
        connection_id: int,
        kind: str,
        path: str,
        log: ServerLog,
        keep_media: bool,
        fault: FaultHook | None,
    ) -> None:
        self.id = connection_id
        self.kind = kind
        self.path = path
        self.media: MediaType = MediaType(0)
        self.granted: dict[str, dict[str, Any]] = {}
        self.ready = False
        self.carries_media: asyncio.Event = asyncio.Event()
        self.keep_alives = True
        self._ws = ws
        self._log = log
        self._keep_media = keep_media
        self._fault = fault
        self._outbox: deque[Frame] = deque()
        self._outbox_bytes = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._running = asyncio.Event()
        self._running.set()
        self.binary = False

    @override
    def __repr__(self) -> str:
        return f"<FakeConnection #{self.id} {self.kind}>"

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return self._ws.state is State.OPEN

    # Writing

    def put(self, payload: bytes, *, text: bool | None = None, medium: int | None = None) -> None:
        """Queue one message; it is written in order, as soon as the client takes it."""
        if not self.open:
            return
        self._outbox.append((payload, not self.binary if text is None else text, medium))
        self._outbox_bytes += len(payload)
        self._filled.set()
        self._empty.clear()
        if medium is not None:
            self.carries_media.set()
        if self._outbox_bytes > _OUTBOX_BYTES:
            self._room.clear()

    @property
    def full(self) -> bool:
        """Whether the outbox has reached its bound."""
        return not self._room.is_set()

    async def room(self) -> None:
        """Wait until the outbox is below its bound, or the connection is gone."""
        await self._room.wait()

    async def flush(self) -> None:
        """Wait until everything queued was handed to the operating system, or cannot be."""
        while self._running.is_set() and not self._empty.is_set():
            await self._empty.wait()  # more may be queued before this task goes on

    async def write(self) -> None:
        """Write the outbox until the connection is closed: the body of the writer task."""
        try:
            while True:
                await self._filled.wait()
                await self._running.wait()
                await self._write_batch()
        except ConnectionClosed:
            pass
        except Exception:  # a hook may raise anything
            self.drop()
            raise
        finally:
            # Nobody may wait for a connection that writes no more.
            self._room.set()
            self._empty.set()

    async def _write_batch(self) -> None:
        batch = [self._outbox.popleft() for _ in range(min(len(self._outbox), _BATCH))]
        taken = sum(len(frame[0]) for frame in batch)
        if self._fault is not None:
            batch = [
                changed for frame in batch for changed in await self._fault.sending(self, frame)
            ]
        if batch:
            await self._send(batch)
        self._outbox_bytes -= taken
        if self._outbox_bytes <= _OUTBOX_BYTES:
            self._room.set()
        if not self._outbox:
            self._filled.clear()
            self._empty.set()

    async def _send(self, batch: Sequence[Frame]) -> None:
        for payload, _text, medium in batch:
            self._record_sent(payload, medium)
        if len(batch) > 1 and self.open:
            # One system call for many frames; the last one waits for the client through send().
            protocol = self._ws.protocol
            for payload, text, _medium in batch[:-1]:
                (protocol.send_text if text else protocol.send_binary)(payload)
            self._ws.transport.write(b"".join(protocol.data_to_send()))
        payload, text, _medium = batch[-1]
        await self._ws.send(payload, text=text)

    def _record_sent(self, payload: bytes, medium: int | None) -> None:
        message = None
        if medium is None or self._keep_media:
            message = _parsed(payload)
        self._log.add(self.id, self.kind, "out", message, len(payload), medium)

    # Reading

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the parsed messages of the client until the connection is closed."""
        while True:
            try:
                data = await self._ws.recv()
            except ConnectionClosed:
                return
            await self._running.wait()
            message = _parsed(data)
            self._log.add(self.id, self.kind, "in", message, len(data))
            if self._fault is not None and not await self._fault.received(self, data):
                continue
            if isinstance(data, bytes):
                self.violate(ViolationKind.BINARY_FRAME, f"{len(data)} bytes")
            if message is None:
                self.violate(ViolationKind.NOT_JSON, f"{len(data)} bytes")
            else:
                yield message

    async def accept(self) -> None:
        """Let a fault look at the new connection."""
        if self._fault is not None:
            await self._fault.accepted(self)

    def violate(self, kind: ViolationKind, detail: str) -> None:
        """Record a breach of the protocol by the client."""
        self._log.violate(self.id, self.kind, kind, detail)

    # Ends, and ways to break

    async def close(self, code: int = 1000, reason: str = "", *, flush: bool = True) -> None:
        """Close with a close frame and wait for the client's answer, but not for ever.

        Args:
            code: Close code.
            reason: Close reason.
            flush: Whether everything queued is sent before.
        """
        if not self._running.is_set():
            self.drop()  # a stalled socket neither writes our frame nor reads the answer
            return
        try:
            # Not only the answer needs a limit: a client that does not read holds up our frame.
            async with asyncio.timeout(self._ws.close_timeout):
                if flush:
                    await self.flush()
                await self._ws.close(code, reason)
        except TimeoutError:
            self.drop()

    def drop(self) -> None:
        """Reset the TCP connection, without a close frame."""
        raw = self._ws.transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):  # closed already
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._ws.transport.abort()
        self._running.set()

    def stall(self) -> None:
        """Neither read nor write any more; the client sees a peer that vanished without FIN."""
        self._running.clear()
        self._ws.transport.pause_reading()

    @property
    def running(self) -> bool:
        """Whether the server reads and writes; not while it stalls."""
        return self._running.is_set()

    async def resumed(self) -> None:
        """Wait until no stall is under way."""
        await self._running.wait()

    def resume(self) -> None:
        """End a stall."""
        if not self._running.is_set():
            self._running.set()
            self._ws.transport.resume_reading()

    async def wait_read(self, *, timeout_s: float) -> None:
        """Wait until the client has read everything queued, but not for ever: it answers a ping."""
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(timeout_s):
                await self.flush()
                await (await self._ws.ping())

    async def wait_closed(self, *, timeout_s: float | None = None) -> bool:
        """Wait until the connection is gone; tell whether it is, in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ws.wait_closed()
        except TimeoutError:
            return False
        return True


def _parsed(data: str | bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(data)
    except ValueError:
        return None
    return as_object(message)
