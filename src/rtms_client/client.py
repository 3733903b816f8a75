"""The application's object: credentials, parameters, policies and callbacks for its streams."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, cast

import attrs
from typing_extensions import override

from rtms_client._runtime.buffers import LaneKey, key_name, not_asked_for
from rtms_client._runtime.dispatch import Callback
from rtms_client._runtime.settings import StreamSettings
from rtms_client._transport import WebSocketConnector
from rtms_client.config import (
    AudioParams,
    Buffers,
    ChatParams,
    Credentials,
    CredentialsSource,
    NetworkOptions,
    ReconnectPolicy,
    RestartPolicy,
    ShareParams,
    StreamInfo,
    Timeouts,
    TranscriptParams,
    VideoParams,
)
from rtms_client.enums import MediaType
from rtms_client.exceptions import InvalidParameters
from rtms_client.manager import Arbiter, ClientStatistics, HookMethods, keep_all
from rtms_client.manager._hooks import Hooks
from rtms_client.manager._shell import StreamManager
from rtms_client.portal import Portal
from rtms_client.protocol import EventSubscription
from rtms_client.protocol.options import check_subscriptions
from rtms_client.protocol.reconnect import ReconnectHook
from rtms_client.protocol.restart import RestartHook
from rtms_client.stream import CallbackMethods, RTMSStream, SessionFactory, StreamObserver
from rtms_client.webhooks import Notification, RTMSStarted

if TYPE_CHECKING:
    from rtms_client._wire.outbound import MediaParams

__all__ = ["RTMSClient"]

_ENVIRONMENT: Final = (
    ("ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET"),
    ("ZM_RTMS_CLIENT", "ZM_RTMS_SECRET"),  # the names of Zoom's own SDK
)


_PARAMS: Final[Mapping[MediaType, type]] = {
    MediaType.AUDIO: AudioParams,
    MediaType.VIDEO: VideoParams,
    MediaType.SHARE: ShareParams,
    MediaType.TRANSCRIPT: TranscriptParams,
    MediaType.CHAT: ChatParams,
}
_DEFAULT_POLICY: Final = ReconnectPolicy()
_DEFAULT_RESTARTS: Final = RestartPolicy()


class RTMSClient(CallbackMethods, HookMethods):
    """Joins streams with the same credentials, parameters and callbacks.

    Args:
        client_id: Client id of the Zoom app (SDK key for Video SDK).
        client_secret: Client secret of the app (SDK secret for Video SDK).
        credentials: Instead of id and secret: a ready `Signature`, or a function or coroutine
            function that finds the credentials for a `StreamInfo` (several tenants). When it
            raises, the stream ends with `CredentialsUnavailable`.
        audio: Audio to ask for; `None` means no audio. The same for the other four media.
        video: Camera video to ask for.
        share: Screen share to ask for.
        transcript: Transcript to ask for.
        chat: Chat to ask for.
        events: Events to subscribe to; `None` means all that belong to product and media.
        unified: Use one connection for all media instead of one each; keeps the order across
            media, but a slow medium delays the others.
        strict: Raise when a medium is refused or granted with other parameters, instead of
            reporting it and going on.
        buffer_data: Ask for the audio from before the connection, at most 60 s of it.
        network: Hosts, TLS, proxy and limits.
        timeouts: How long to wait.
        buffers: Bounds of the buffers.
        protocol_version: Version to ask for.
        id_key: Key of the product id in handshakes; `None` means ``meeting_uuid``, and the
            product's own key when that is refused.
        reconnect: When to try again after a connection broke; `None` makes every loss the end.
        on_reconnect: Called with a `ReconnectAttempt` before a try is planned; returns `None` to
            agree, another wait in seconds, or `False` to give up. Must not block.
        restart: Coroutine function that starts RTMS again over Zoom's REST API when the server
            ended a stream for a technical reason (stop reasons 10 to 19 and 24). Called with a
            `RestartRequest`; the stream that then starts continues the one that ended. See
            `rtms_client.control`, whose `RTMSControl.restart` is such a function.
        restart_policy: How often, and for how long.
        max_streams: Streams at a time at most; more are refused. `None` for no limit.
        arbiter: Chooses among the streams of one meeting that notifications announce, see
            `rtms_client.manager`.
        session_factory: Makes the state machine of each stream instead of the library, to watch
            it: a `rtms_client.testing.WireRecorder` writes down the wire.

    Raises:
        InvalidParameters: No credentials, or some that cannot sign a restarted stream; an event
            that must not be subscribed; or room for no stream at all.
    """

    def __init__(  # noqa: PLR0913  # every option has a default and a name
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        *,
        credentials: CredentialsSource | None = None,
        audio: AudioParams | None = None,
        video: VideoParams | None = None,
        share: ShareParams | None = None,
        transcript: TranscriptParams | None = None,
        chat: ChatParams | None = None,
        events: Iterable[EventSubscription] | None = None,
        unified: bool = False,
        strict: bool = False,
        buffer_data: bool = True,
        network: NetworkOptions | None = None,
        timeouts: Timeouts | None = None,
        buffers: Buffers | None = None,
        protocol_version: int = 1,
        id_key: str | None = None,
        reconnect: ReconnectPolicy | None = _DEFAULT_POLICY,
        on_reconnect: ReconnectHook | None = None,
        restart: RestartHook | None = None,
        restart_policy: RestartPolicy = _DEFAULT_RESTARTS,
        max_streams: int | None = None,
        arbiter: Arbiter = keep_all,
        session_factory: SessionFactory | None = None,
    ) -> None:
        media: Mapping[MediaType, MediaParams | None] = {
            MediaType.AUDIO: audio,
            MediaType.VIDEO: video,
            MediaType.SHARE: share,
            MediaType.TRANSCRIPT: transcript,
            MediaType.CHAT: chat,
        }
        network = network or NetworkOptions()
        self._settings = StreamSettings(
            credentials=_credentials(client_id, client_secret, credentials),
            params=_asked_for(media),
            events=None if events is None else check_subscriptions(events),
            network=network,
            timeouts=timeouts or Timeouts(),
            buffers=buffers or Buffers(),
            unified=unified,
            strict=strict,
            buffer_data=buffer_data,
            protocol_version=protocol_version,
            id_key=id_key,
            reconnect=reconnect,
            on_reconnect=on_reconnect,
            restart=restart,
            restart_policy=restart_policy,
            session_factory=session_factory,
        )
        self._connector = WebSocketConnector(network)
        self._callbacks: list[tuple[LaneKey, Callback]] = []
        self._hooks = Hooks()
        self._manager = StreamManager(
            self.stream, self._hooks, self._settings.timeouts, arbiter, max_streams
        )

    @classmethod
    def from_env(cls, **options: Any) -> Self:  # noqa: ANN401  # the options of the class
        """Make a client with credentials from the environment.

        Reads ``ZOOM_CLIENT_ID`` and ``ZOOM_CLIENT_SECRET``, else ``ZM_RTMS_CLIENT`` and
        ``ZM_RTMS_SECRET``. Explicit arguments win.

        Args:
            options: The keyword arguments of the class.

        Raises:
            InvalidParameters: Neither pair is set.
        """
        if not options.keys() & {"client_id", "client_secret", "credentials"}:
            for id_name, secret_name in _ENVIRONMENT:
                if os.environ.get(id_name) and os.environ.get(secret_name):
                    options["client_id"] = os.environ[id_name]
                    options["client_secret"] = os.environ[secret_name]
                    break
        return cls(**options)

    def stream(self, started: RTMSStarted | StreamInfo) -> RTMSStream:
        """Return the stream of a started webhook, to be entered with ``async with``.

        Args:
            started: The parsed webhook, or a hand-made `StreamInfo`.

        Raises:
            InvalidParameters: It is neither.
        """
        match cast("object", started):
            case StreamInfo() as info:
                pass
            case RTMSStarted(stream=info):
                pass
            case other:
                raise InvalidParameters(
                    "started",
                    f"expected a started webhook or a StreamInfo, got {type(other).__name__}",
                    "pass what webhooks.receive() or parse_started() returned",
                )
        return RTMSStream(info, self._settings, self._connector, self._callbacks, self._manager)

    def notify(self, notification: Notification) -> None:
        """Let what Zoom says have its effect; returns at once and may be called from any thread.

        A started webhook joins its stream, or moves it when it is joined already; the others
        interrupt or stop theirs. What was delivered before, comes too late or in the wrong order
        is recognised, so pass on everything that `webhooks.receive` returns. Streams that are
        joined this way serve the callbacks of the client and the handlers of `on_stream`.

        Args:
            notification: From `webhooks.receive`, `webhooks.parse` or Zoom's event WebSocket.

        Raises:
            InvalidParameters: It is no notification.
            InvalidState: The client is not open: only inside of ``async with client`` somebody is
                there to do it.
        """
        self._manager.notify(notification)

    @property
    def streams(self) -> Mapping[str, RTMSStream]:
        """The open streams by stream id."""
        return dict(self._manager.streams)

    def statistics(self) -> ClientStatistics:
        """Return a snapshot of all counters."""
        return attrs.evolve(self._manager.statistics)

    async def drain(self, deadline_s: float) -> None:
        """Join no more streams, and wait until those there have ended.

        Streams may end by themselves, and their handlers with them. What is left shortly before
        the deadline is closed gracefully, and what is left then is cut off. For deploys: call it
        when the process is told to stop, then leave ``async with client``.

        Args:
            deadline_s: When this returns at the latest, in seconds from now.

        Raises:
            InvalidParameters: The deadline is no positive number.
        """
        if not deadline_s > 0:
            raise InvalidParameters(
                "deadline_s", f"expected more than 0, got {deadline_s}", "use close() to end now"
            )
        await self._manager.drain(deadline_s)

    def in_background(self) -> Portal:
        """Return a portal that runs this client in a thread, for programs without asyncio.

        Enter it with ``with``, instead of ``async with client``; see `rtms_client.portal`.
        """
        return Portal(self)

    def observe(self, make: Callable[[RTMSStream], StreamObserver]) -> None:
        """Let observers be told what happens to the streams, those that are open included.

        This is how metrics and traces are made, see `rtms_client.otel`.

        Args:
            make: Called with each stream when it is opened; returns its observer.
        """
        self._settings.observers.append(make)
        for stream in self._manager.streams.values():
            stream.observe(make)

    async def close(self) -> None:
        """Close all open streams gracefully, at the same time; may be called more than once.

        Handlers that do not end with their streams are cancelled, except one that calls this.
        """
        await self._manager.close()

    async def __aenter__(self) -> Self:
        self._manager.bind()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @override
    def _register(self, key: LaneKey, callback: Callback) -> None:
        if key is not None and key not in self._settings.params:
            raise not_asked_for(key_name(key), "CONFIGURED")
        self._callbacks.append((key, callback))

    @override
    def __repr__(self) -> str:
        media = ", ".join(key_name(medium) for medium in self._settings.params)
        return f"<RTMSClient {media or 'events only'}, {len(self._manager.streams)} open>"


def _asked_for(
    media: "Mapping[MediaType, MediaParams | None]",
) -> "dict[MediaType, MediaParams]":
    """Return the media that were asked for; ``audio=True`` fails here and not when joining."""
    for medium, params in media.items():
        if params is not None and not isinstance(cast("object", params), _PARAMS[medium]):
            name = key_name(medium)
            wanted = f"{_PARAMS[medium].__name__}()"
            raise InvalidParameters(
                name, f"expected {wanted}, got {params!r}", f"write {name}={wanted}"
            )
    return {medium: params for medium, params in media.items() if params is not None}


def _credentials(
    client_id: str | None, client_secret: str | None, given: CredentialsSource | None
) -> CredentialsSource:
    """Choose the credentials that were passed.

    Raises:
        InvalidParameters: None were, or two kinds of them.
    """
    if given is None:
        if client_id is None or client_secret is None:
            raise InvalidParameters(
                "RTMSClient",
                "expected client_id and client_secret, or credentials",
                "pass them, or use RTMSClient.from_env() with ZOOM_CLIENT_ID and "
                "ZOOM_CLIENT_SECRET set",
            )
        return Credentials(client_id=client_id, client_secret=client_secret)
    if client_id is not None or client_secret is not None:
        raise InvalidParameters(
            "RTMSClient", "got client id or secret and credentials", "pass one of the two"
        )
    return given
