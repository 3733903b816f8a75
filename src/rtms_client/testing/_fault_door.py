"""The doors of a fake server: its two endpoints, which faults may shut."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from typing_extensions import override
from websockets.asyncio.server import Server

__all__ = ["Door"]


class _Silence(asyncio.Protocol):
    """A connection on which nothing is ever said; it ends when the client leaves."""

    transport: asyncio.Transport

    def __init__(self, everybody: "set[_Silence]") -> None:
        self._everybody = everybody

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._everybody.add(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._everybody.discard(self)


class Door:
    """One endpoint: lets clients in, refuses them, or accepts them and says nothing.

    Args:
        endpoint: ``signaling`` or ``media``.
        serve: Begins to listen on a bound socket, which it owns from then on.
        port: Where to listen; any free port when 0.

    Attributes:
        port: Where it listens.
    """

    def __init__(
        self, endpoint: str, serve: Callable[[socket.socket], Awaitable[Server]], port: int = 0
    ) -> None:
        self.endpoint = endpoint
        self.port = port
        self._serve = serve
        self._now: Server | None = None
        self._past: set[asyncio.Task[None]] = set()
        self._mute: asyncio.Server | None = None
        self._silent: set[_Silence] = set()
        self._reserved: socket.socket | None = None
        self._closed = False
        self._turn = asyncio.Lock()

    @property
    def listening(self) -> bool:
        """Whether clients are let in."""
        return self._now is not None

    async def open(self) -> None:
        """Let clients in, on the same port as before."""
        async with self._turn:
            await self._unmute()
            await self._listen()

    async def _listen(self) -> None:
        if self._now is None and not self._closed:
            self._now = await self._serve(self._bound())

    async def shut(self, *, mute: bool = False) -> None:
        """Let nobody in any more; open connections live on.

        Args:
            mute: Accept TCP connections, and say nothing.
        """
        async with self._turn:
            self.stop()
            await self._unmute()
            await asyncio.sleep(0)  # the listener is closed in the next round
            if not self._closed:
                self._reserved = self._bound()
                if mute:
                    loop = asyncio.get_running_loop()
                    self._mute = await loop.create_server(
                        lambda: _Silence(self._silent), sock=self._bound(), start_serving=False
                    )
                    await self._mute.start_serving()

    def _bound(self) -> socket.socket:
        """Return a socket that is bound to the port and does not listen: clients are refused.

        A port that is not bound could become the local port of any connection on this machine,
        even of the client that tries to come back.
        """
        found, self._reserved = self._reserved, None
        if found is None:
            found = socket.socket()
            try:
                # Elsewhere than on POSIX systems the option would let others in.
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
                found.bind(("127.0.0.1", self.port))
            except OSError:
                found.close()
                raise
            self.port = int(found.getsockname()[1])
        return found

    def stop(self) -> None:
        """Stop listening; open connections live on."""
        if self._now is not None:
            self._now.close(close_connections=False)
            past = asyncio.create_task(self._now.wait_closed(), name=f"end of {self.endpoint}")
            self._past.add(past)
            past.add_done_callback(self._past.discard)
            self._now = None

    async def aclose(self) -> None:
        """Wait for the end of everything; connections must have been closed before."""
        self._closed = True
        async with self._turn:
            self.stop()
            await self._unmute()
            if self._reserved is not None:
                self._reserved.close()
        if self._past:
            await asyncio.wait(self._past)

    async def _unmute(self) -> None:
        if self._mute is None:
            return
        mute, self._mute = self._mute, None
        mute.close()
        self._reserved = self._bound()
        for connection in self._silent:
            connection.transport.abort()
        await mute.wait_closed()
