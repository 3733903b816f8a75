"""A fake of Zoom's RTMS server: real WebSockets on loopback, for tests and demonstrations."""

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from typing_extensions import Unpack
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from rtms_client.config import NetworkOptions
from rtms_client.enums import MediaType, StopReason

from ._certificates import loopback_certificates, strange_context
from ._fault import FaultPlan
from ._fault_door import Door
from ._fault_injector import FaultInjector, Struck
from ._meeting import MeetingScript
from ._server_connection import FakeConnection, FaultHook
from ._server_handlers import MediaHandler, SignalingHandler
from ._server_log import LogEntry, Matcher, ServerLog, Violation
from ._server_scope import TaskScope
from ._server_settings import StreamOptions, StreamSettings
from ._server_stream import FakeStream
from ._server_webhooks import SignedWebhook, lifecycle_webhook, sign_webhook
from ._server_wire import SOCKET_NAMES

__all__ = ["FakeRTMSServer"]

_CLOSE_TIMEOUT_S: Final = 1.0
_POLL_S: Final = 0.001
_MAX_REQUEST_BYTES: Final = 1 << 20
_SOCKETS_BY_PATH: Final = {
    ("deskshare" if name == "share" else name): name for name in SOCKET_NAMES.values()
}


class FakeRTMSServer:
    """A faithful fake of Zoom's side of RTMS, on loopback, with as many streams as wanted.

    ::

        async with FakeRTMSServer(tone_meeting(seconds=1), pace=None) as server:
            ...  # connect a client with network=server.network
            await server.wait_for(MessageType.CLIENT_READY_ACK)
        assert server.violations == []

    The options are those of `StreamSettings` and describe the first stream, `stream`.

    Args:
        meeting: What happens in the first stream; nothing by default.
        tls: Whether the sockets are ``wss``, with a throw-away certificate for ``localhost``.
        port: Port of the signaling endpoint; any free one when 0.
        log_limit: How many messages `log` keeps, of media and of everything else, each.
        keep_media: Whether `log` keeps the bodies of media that were sent.
        upgrade_delay_s: Delay of the answer to each HTTP upgrade.
        upgrade_status: HTTP status that refuses each upgrade, for example 503.
        fault: A plan of faults, or an object that sees, and may spoil, all connections and
            messages.
    """

    def __init__(
        self,
        meeting: MeetingScript | None = None,
        *,
        tls: bool = True,
        port: int = 0,
        log_limit: int = 10_000,
        keep_media: bool = False,
        upgrade_delay_s: float = 0.0,
        upgrade_status: int | None = None,
        fault: FaultHook | FaultPlan | None = None,
        **options: Unpack[StreamOptions],
    ) -> None:
        self.upgrade_delay_s = upgrade_delay_s
        self.upgrade_status = upgrade_status
        self.fault: FaultHook | None = (
            FaultInjector(fault) if isinstance(fault, FaultPlan) else fault
        )
        self.connections: list[FakeConnection] = []
        self._meeting = meeting
        self._first = StreamSettings(**options)
        self._tls = tls
        self._tls_contexts: dict[str, ssl.SSLContext | None] = {}
        self._signaling = Door("signaling", self._serve_signaling, port)
        self._media = Door("media", self._serve_media)
        self._keep_media = keep_media
        self._log = ServerLog(limit=log_limit)
        self._scope = TaskScope()
        self._closing = asyncio.Event()
        self._streams: dict[str, FakeStream] = {}
        self._connection_count = 0
        self._moves = 0
        self._unreachable: str | None = "is not running; enter it with 'async with'"
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    # Life

    async def __aenter__(self) -> Self:
        for door in self.doors:
            self._tls_contexts[door.endpoint] = self._tls_context(door.endpoint)
            await door.open()
        self._unreachable = None
        self.add_stream(self._meeting, settings=self._first)
        if isinstance(self.fault, FaultInjector):
            self.fault.start(self)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _serve_signaling(self, listener: socket.socket) -> Server:
        return await self._serve(self._handle_signaling, "signaling", listener)

    async def _serve_media(self, listener: socket.socket) -> Server:
        return await self._serve(self._handle_media, "media", listener)

    async def _serve(
        self,
        handler: Any,  # noqa: ANN401
        endpoint: str,
        listener: socket.socket,
    ) -> Server:
        return await serve(
            handler,
            sock=listener,
            ssl=self._tls_contexts[endpoint],
            compression=None,
            process_request=self._upgrade,
            ping_interval=None,  # undocumented on Zoom's side; keep-alives do the work
            open_timeout=None,  # a slow handshake may be what the test wants
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=_MAX_REQUEST_BYTES,
        )

    def _tls_context(self, endpoint: str) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        context = loopback_certificates().server_context()
        fault = self.fault
        if isinstance(fault, FaultInjector):

            def choose(tls: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
                if fault.impostor(endpoint):
                    tls.context = strange_context()

            context.sni_callback = choose
        return context

    async def aclose(self) -> None:
        """Close all sockets and end all tasks; calling it twice is harmless.

        Raises:
            Exception: A task of the server failed; its error, unchanged.
        """
        self._closing.set()
        self._unreachable = "does not listen any more"
        for door in self.doors:
            door.stop()
        if isinstance(self.fault, FaultInjector):
            await self.fault.aclose()
        # First the tasks that produce messages; at the end what the lost connections started.
        await self._scope.cancel()
        await asyncio.gather(
            *(connection.close(1001, flush=False) for connection in self.connections)
        )
        for door in self.doors:
            await door.aclose()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None
        await self._scope.aclose()

    def kill(self) -> None:
        """Vanish: stop listening and reset every connection."""
        self._unreachable = self._unreachable or "does not listen any more"
        for door in self.doors:
            door.stop()
        for connection in tuple(self.connections):
            connection.drop()

    # Streams

    def add_stream(
        self,
        meeting: MeetingScript | None = None,
        *,
        settings: StreamSettings | None = None,
        **options: Unpack[StreamOptions],
    ) -> FakeStream:
        """Open one more stream in the running server.

        Args:
            meeting: What happens in it; nothing by default.
            settings: All settings at once, instead of options.
            **options: The options of `StreamSettings`; give a ``rtms_stream_id`` of its own.

        Raises:
            ValueError: There is a stream with this id.
        """
        settings = StreamSettings(**options) if settings is None else settings
        if settings.rtms_stream_id in self._streams:
            raise ValueError(f"there is a stream {settings.rtms_stream_id!r} already")
        stream = FakeStream(settings, meeting or MeetingScript(), self._scope)
        self._streams[settings.rtms_stream_id] = stream
        return stream

    @property
    def stream(self) -> FakeStream:
        """The first stream."""
        return self._streams[self._first.rtms_stream_id]

    @property
    def streams(self) -> Mapping[str, FakeStream]:
        """All streams by their id."""
        return self._streams

    # How to reach it

    @property
    def signaling_url(self) -> str:
        """URL of the signaling endpoint, as in ``server_urls`` of the started webhook."""
        suffix = f"?move={self._moves}" if self._moves else ""
        return f"{self._base(self._signaling)}/signaling{suffix}"

    def move(self) -> str:
        """Change the URLs, as a fail-over does; the old ones still work. Returns the new one."""
        self._moves += 1
        return self.signaling_url

    def media_urls(self, stream: FakeStream) -> Mapping[str, str]:
        """Return the media URLs of a stream by documented key."""
        base = self._base(self._media)
        keys = {
            MediaType.AUDIO: "audio",
            MediaType.VIDEO: "video",
            MediaType.SHARE: "deskshare",
            MediaType.TRANSCRIPT: "transcript",
            MediaType.CHAT: "chat",
        }
        names = [key for medium, key in keys.items() if medium in stream.settings.available]
        if stream.settings.unified:
            names.append("all")
        suffix = f"?move={self._moves}" if self._moves else ""
        return {name: f"{base}/media/{name}{suffix}" for name in names}

    def _base(self, door: Door) -> str:
        if self._unreachable is not None:
            raise RuntimeError(f"the server {self._unreachable}")
        scheme = "wss" if self._tls else "ws"
        # By name, because Zoom's SDK does not accept certificates for addresses.
        return f"{scheme}://localhost:{door.port}"

    @property
    def doors(self) -> tuple[Door, Door]:
        """The two endpoints, which may be shut and opened again."""
        return self._signaling, self._media

    @property
    def network(self) -> NetworkOptions:
        """Options for clients of this server; they reach nothing else.

        ::

            client = RTMSClient("test-client-id", "test-client-secret", network=server.network)
        """
        return NetworkOptions(
            allowed_hosts=("localhost",), ssl_context=self.ssl_context(), proxy=False
        )

    def ssl_context(self) -> ssl.SSLContext:
        """Make a client-side TLS context that trusts this server and nothing else."""
        return loopback_certificates().client_context()

    @property
    def ca_file(self) -> Path:
        """PEM file with the certificate authority of this server; it lives as long as the server.

        For clients that want a path, such as Zoom's SDK (``ZM_RTMS_CA``).
        """
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="rtms-client-")
        path = Path(self._directory.name, "ca.pem")
        path.write_bytes(loopback_certificates().ca_pem)
        return path

    # Webhooks

    def started_webhook(self, stream: FakeStream | None = None) -> dict[str, Any]:
        """Build the ``rtms_started`` webhook of a stream, by default the first one."""
        stream = stream or self.stream
        return lifecycle_webhook(
            stream.settings, "started", stream.epoch_ms, url=self.signaling_url
        )

    def interrupted_webhook(self, stream: FakeStream | None = None) -> dict[str, Any]:
        """Build the ``rtms_interrupted`` webhook of a stream."""
        stream = stream or self.stream
        return lifecycle_webhook(stream.settings, "interrupted", stream.now_ms())

    def stopped_webhook(
        self, stream: FakeStream | None = None, *, reason: StopReason | None = None
    ) -> dict[str, Any]:
        """Build the ``rtms_stopped`` webhook; the reason is that of the stream if not given."""
        stream = stream or self.stream
        return lifecycle_webhook(
            stream.settings,
            "stopped",
            stream.now_ms(),
            stop_reason=stream.stop_reason if reason is None else reason,
        )

    def started_body(self, secret_token: str, stream: FakeStream | None = None) -> SignedWebhook:
        """Build the ``rtms_started`` webhook as raw body and signed headers."""
        return sign_webhook(self.started_webhook(stream), secret_token)

    # What happened

    @property
    def log(self) -> list[LogEntry]:
        """Everything that was received and sent and is still kept, in order."""
        return self._log.entries()

    @property
    def violations(self) -> list[Violation]:
        """Breaches of the protocol by clients; a clean client leaves it empty."""
        return self._log.violations

    def received(self, matcher: Matcher) -> list[LogEntry]:
        """Return the received messages of a type, or that a function recognises."""
        return self._log.matching(matcher, "in")

    def sent(self, matcher: Matcher) -> list[LogEntry]:
        """Return the sent messages of a type, or that a function recognises."""
        return self._log.matching(matcher, "out")

    async def wait_for(
        self, matcher: Matcher, *, timeout_s: float = 15.0, count: int = 1
    ) -> LogEntry:
        """Wait until a message was received; those received before count.

        Args:
            matcher: A message type, or a function that recognises the entry.
            timeout_s: Seconds to wait.
            count: How many such messages are wanted; the last one is returned.

        Raises:
            TimeoutError: It did not come.
        """
        return await self._log.wait_for(matcher, "in", timeout_s=timeout_s, count=count)

    async def wait_for_sent(
        self, matcher: Matcher, *, timeout_s: float = 15.0, count: int = 1
    ) -> LogEntry:
        """Wait until a message was sent; see `wait_for`."""
        return await self._log.wait_for(matcher, "out", timeout_s=timeout_s, count=count)

    async def wait_until(self, condition: Callable[[], object], *, timeout_s: float = 15.0) -> None:
        """Wait until a condition holds, for example ``lambda: not server.connections``.

        Raises:
            TimeoutError: It never did.
        """
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110  (any condition, so nothing sets an event)
                await asyncio.sleep(_POLL_S)

    @property
    def struck(self) -> list[Struck]:
        """The faults of the plan that happened so far, in order."""
        return self.fault.struck if isinstance(self.fault, FaultInjector) else []

    def start_faults(self) -> None:
        """Let the times of the plan of faults count from now; only the first call counts.

        For plans with ``start_at_once=False``; without effect if there is no plan.
        """
        if isinstance(self.fault, FaultInjector):
            self.fault.start_times()

    # Connections

    async def _upgrade(self, ws: ServerConnection, request: Request) -> Response | None:
        if self.upgrade_delay_s:
            await self._delay(ws)
        status = self.upgrade_status
        if isinstance(self.fault, FaultInjector):
            status = self.fault.upgrading(_kind(request.path)) or status
        if status is not None:
            return ws.respond(status, "refused on request of the test\n")
        return None

    async def _delay(self, ws: ServerConnection) -> None:
        """Wait as long as both the client and this server stay."""
        waiting = {
            asyncio.create_task(self._closing.wait()),
            asyncio.create_task(ws.wait_closed()),
        }
        await asyncio.wait(
            waiting, timeout=self.upgrade_delay_s, return_when=asyncio.FIRST_COMPLETED
        )
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)

    async def _handle_signaling(self, ws: ServerConnection) -> None:
        connection = self._connection(ws, "signaling")
        handler = SignalingHandler(
            connection, self._streams, self.stream, media_urls=self.media_urls
        )
        await self._converse(connection, handler)

    async def _handle_media(self, ws: ServerConnection) -> None:
        connection = self._connection(ws, _kind(ws.request.path if ws.request else ""))
        await self._converse(connection, MediaHandler(connection, self._streams, self.stream))

    def _connection(self, ws: ServerConnection, kind: str) -> FakeConnection:
        self._connection_count += 1
        return FakeConnection(
            ws,
            connection_id=self._connection_count,
            kind=kind,
            path=ws.request.path if ws.request is not None else "",
            log=self._log,
            keep_media=self._keep_media,
            fault=self.fault,
        )

    async def _converse(
        self, connection: FakeConnection, handler: SignalingHandler | MediaHandler
    ) -> None:
        self.connections.append(connection)
        writer = asyncio.create_task(connection.write(), name=f"write {connection!r}")
        try:
            await connection.accept()
            await handler.run()
        except Exception as failure:  # noqa: BLE001  (raised when the server is closed)
            self._scope.fail(failure)
        finally:
            self.connections.remove(connection)
            writer.cancel()
            await asyncio.wait([writer])
            if not writer.cancelled() and (fault := writer.exception()) is not None:
                self._scope.fail(fault)  # of a hook: raised when the server is closed


def _kind(path: str) -> str:
    """Return the kind of the socket that a path leads to."""
    last = path.partition("?")[0].rpartition("/")[2]
    return "signaling" if last == "signaling" else _SOCKETS_BY_PATH.get(last, "all")
