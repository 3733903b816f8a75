"""Zoom's event WebSocket: the notifications of webhooks without an HTTP endpoint.

.. code-block:: python

    async with EventSocket(subscription_id, fetch_token) as events:
        async for notification in events:
            client.notify(notification)

Nothing on this channel is signed: what comes over TLS from Zoom's host counts as Zoom's. Nor is
anything delivered later, so what happens while there is no connection is lost.
"""

import asyncio
import inspect
import logging
import random
from collections import deque
from types import TracebackType
from typing import Final, Self, cast

import attrs
from typing_extensions import override

from rtms_client._runtime.scope import TaskScope
from rtms_client._transport import Connector, Transport, WebSocketConnector
from rtms_client.config import NetworkOptions
from rtms_client.exceptions import (
    BufferOverflow,
    InternalError,
    InvalidState,
    RTMSError,
    TokenUnavailable,
)
from rtms_client.protocol.addresses import origin
from rtms_client.protocol.outputs import Close, Open, Send
from rtms_client.webhooks import Notification

from ._machine import ENDPOINT, EventSocketMachine, State
from ._options import EventSocketOptions, EventSocketStatistics, TokenSource

__all__ = ["EventSocket", "EventSocketOptions", "EventSocketStatistics", "TokenSource"]

_URL: Final = "wss://ws.zoom.us/ws"
_MAX_BYTES: Final = 1024 * 1024  # as for webhooks
_LOG: Final = logging.getLogger("rtms_client.event_socket")


class _Ear:
    """Hears from one connection."""

    __slots__ = ("_number", "_socket")

    def __init__(self, socket: "EventSocket", number: int) -> None:
        self._socket, self._number = socket, number

    def ping_received(self) -> None:
        """Let pings count for nothing; heartbeats are messages here."""

    def messages_received(self, messages: list[bytes]) -> None:
        """Take messages."""
        for data in messages:
            self._socket._received(self._number, data)  # noqa: SLF001  # its other half  # pyright: ignore[reportPrivateUsage]

    def connection_lost(self, code: int, reason: str) -> None:  # noqa: ARG002  # see below
        """Take note of the end; the reason is left out, for it may repeat the URL."""
        self._socket._lost(self._number, code)  # noqa: SLF001  # its other half  # pyright: ignore[reportPrivateUsage]


class EventSocket:
    """Notifications over Zoom's event WebSocket, as an async context manager and iterator.

    Entering waits for the first connection; from then on the connection is kept, renewed before its
    token expires and brought back when it breaks. Zoom allows one connection per subscription: a
    second one, of another process, closes the first.

    Iterating gives what was received, in order, each notification once. After the end it gives the
    rest, then stops, or raises the reason.

    Args:
        subscription_id: Id of the app's event subscription, from the Zoom Marketplace.
        token: Finds an access token of the server-to-server app. Called for every connection, and
            again before the token expires; a plain function is called in a thread. It should return
            a token that is good for longer than ``renew_after_s`` of the options.
        url: Address of the event WebSocket, without query.
        network: Hosts, TLS and proxy; messages are limited to 1 MiB.
        options: Times and limits.

    Raises:
        HostNotAllowed: The address is not ``wss``, or its host is not allowed.
        InvalidParameters: The address has a query, or there is no subscription id.
    """

    def __init__(
        self,
        subscription_id: str,
        token: TokenSource,
        *,
        url: str = _URL,
        network: NetworkOptions | None = None,
        options: EventSocketOptions | None = None,
    ) -> None:
        network = network or NetworkOptions()
        options = options or EventSocketOptions()
        self._limits = options.buffer
        self._token = token
        self._machine = EventSocketMachine(subscription_id, url, network, options, random.random)
        size = min(network.max_message_bytes, _MAX_BYTES)
        self._connect: Connector = WebSocketConnector(attrs.evolve(network, max_message_bytes=size))
        self._scope = TaskScope("rtms event socket", self._failed)
        self._work: dict[int, asyncio.Task[None]] = {}
        self._transports: dict[int, Transport] = {}
        self._waiting: deque[tuple[Notification, int]] = deque()
        self._bytes = 0
        self._stirred = asyncio.Event()  # there is a new deadline
        self._changed = asyncio.Event()  # there is something for the application
        self._error: RTMSError | None = None

    # --- life ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._machine.state is not State.IDLE:
            raise InvalidState(
                "open an event socket twice", self._machine.state.name, "make a new one"
            )
        try:
            self._scope.start(self._keep_time(), "timer")
            self._machine.start(_now())
            self._settle()
            while not self._over and not self.connected:
                await self._change()
            self._raise_error()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; may be called at any time and more than once."""
        try:
            self._machine.close()
            self._settle()
            await asyncio.sleep(0)  # closing begins
            await self._scope.wait(1)
        finally:
            await self._scope.aclose()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._machine.live is not None

    def statistics(self) -> EventSocketStatistics:
        """Return a snapshot of the counters."""
        return attrs.evolve(self._machine.statistics)

    # --- iteration -------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notification:
        """Return the next notification; cancelling loses nothing.

        Raises:
            EventSocketLost: The connection could not be brought back.
            CertificateRejected: TLS does not trust the server.
            BufferOverflow: The application did not keep up.
            InvalidState: The event socket was not entered.
        """
        if self._machine.state is State.IDLE:
            raise InvalidState("read events", "IDLE", "use `async with EventSocket(...)`")
        while not self._waiting:
            self._raise_error()
            if self._over:
                raise StopAsyncIteration
            await self._change()
        told, size = self._waiting.popleft()
        self._bytes -= size
        return told

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    @property
    def _over(self) -> bool:
        return self._machine.state is State.CLOSED

    # --- what happens ----------------------------------------------------------------------------

    def _received(self, number: int, data: bytes) -> None:
        try:
            self._machine.receive(number, data, _now())
            self._settle()
        except Exception as error:  # noqa: BLE001  # must not unwind into the parser
            self._failed(error)

    def _lost(self, number: int, code: int) -> None:
        _LOG.info("connection closed with %d", code)
        self._transports.pop(number, None)
        self._machine.lost(number, code, _now())
        self._settle()

    def _failed(self, error: BaseException) -> None:
        """End with an error of ours when a task of ours has a fault."""
        failure = InternalError(type(error).__name__)
        failure.__cause__ = error
        _LOG.error("internal error", exc_info=error)
        self._fail(failure)

    def _fail(self, error: RTMSError) -> None:
        self._error = self._error or error
        self._machine.close()
        self._settle()

    async def _fetch(self, number: int) -> None:
        """Ask the application for a token; the action `Close` cancels this."""
        try:
            if inspect.iscoroutinefunction(self._token):
                found: object = await self._token()
            else:
                found = await asyncio.to_thread(self._token)
                if inspect.isawaitable(found):
                    found = cast("object", await found)
        except Exception as error:  # noqa: BLE001  # user code may raise anything
            failure = TokenUnavailable(type(error).__name__)
            failure.__cause__ = error
            self._work.pop(number, None)
            self._machine.failed(number, failure, _now())
        else:
            self._work.pop(number, None)
            self._machine.token(number, found, _now())
        self._settle()

    async def _open(self, number: int, url: str) -> None:
        """Open a connection; the action `Close` cancels this."""
        try:
            transport = await self._connect(ENDPOINT, url)
        except RTMSError as error:
            self._work.pop(number, None)
            self._machine.failed(number, error, _now())
            self._settle()
            return
        self._work.pop(number, None)
        _LOG.info("connection to %s open", origin(url))
        self._transports[number] = transport
        self._machine.opened(number, _now())
        self._settle()
        transport.start(_Ear(self, number))

    async def _keep_time(self) -> None:
        """Wake the machine at its deadlines."""
        while not self._over:
            self._stirred.clear()
            try:
                async with asyncio.timeout_at(self._machine.next_deadline()):
                    await self._stirred.wait()
            except TimeoutError:
                self._machine.timer(_now())
                self._settle()

    # --- carrying out ----------------------------------------------------------------------------

    def _settle(self) -> None:
        """Carry out what the machine asks for."""
        machine = self._machine
        actions, machine.actions = machine.actions, []
        for action in actions:
            match action:
                case Send(connection=number, data=data):
                    self._transports[number].send(data)
                case Open(connection=number, url=url):
                    self._work[number] = self._scope.start(self._open(number, url), "open")
                case Close(connection=number):
                    self._close(number)
                case _:
                    number = action.connection
                    self._work[number] = self._scope.start(self._fetch(number), "token")
        for problem in machine.problems:
            _LOG.warning("%s", problem)
        machine.problems.clear()
        told, machine.notifications = machine.notifications, []
        for item in told:
            self._deliver(*item)
        if self._over and self._error is None:
            self._error = machine.error
        self._stirred.set()
        self._changed.set()

    def _deliver(self, told: Notification, size: int) -> None:
        limits = self._limits
        if len(self._waiting) >= limits.max_items or self._bytes + size > limits.max_bytes:
            self._fail(BufferOverflow("notifications", len(self._waiting), self._bytes))
            return
        self._waiting.append((told, size))
        self._bytes += size

    def _close(self, number: int) -> None:
        if work := self._work.pop(number, None):
            work.cancel()
        if transport := self._transports.pop(number, None):
            closing = self._scope.start(transport.close(1000, ""), "close")
            # A task that is cancelled before its first step does nothing at all.
            closing.add_done_callback(lambda _: transport.abort())

    @override
    def __repr__(self) -> str:
        return f"<EventSocket {self._machine.state.value}>"


def _now() -> float:
    return asyncio.get_running_loop().time()
