"""One live stream: iterators, callbacks, control and facts."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, TypeVar, cast

from typing_extensions import override

from rtms_client._runtime.buffers import Hub, Lane, LaneKey, key_name, not_asked_for
from rtms_client._runtime.dispatch import Callback, CallbackRunner, callback_name
from rtms_client._runtime.driver import Driver
from rtms_client._runtime.hooks import Observers, RestartCaller, StreamObserver
from rtms_client._runtime.iterators import ItemIterator
from rtms_client._runtime.log import stream_log
from rtms_client._runtime.scope import TaskScope
from rtms_client._runtime.settings import StreamSettings, find_signer, session_options
from rtms_client._runtime.statistics import StreamStatistics, snapshot
from rtms_client._transport import Connector
from rtms_client.config import StreamInfo
from rtms_client.enums import MediaType, SessionState, StopReason, StreamState
from rtms_client.events import Gap, GapCause, Participant, SessionEvent, StreamItem
from rtms_client.exceptions import InternalError, InvalidParameters, InvalidState, RTMSError
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    ShareFrame,
    TranscriptSegment,
    UserId,
    VideoFrame,
)
from rtms_client.protocol import (
    CoreStatistics,
    EventSubscription,
    Granted,
    Phase,
    SessionOptions,
    StreamSession,
)

__all__ = [
    "CallbackMethods",
    "ItemIterator",
    "RTMSStream",
    "SessionFactory",
    "StreamObserver",
    "StreamStatistics",
]

AudioCallback = TypeVar("AudioCallback", bound=Callable[[AudioFrame, "RTMSStream"], object])
VideoCallback = TypeVar("VideoCallback", bound=Callable[[VideoFrame, "RTMSStream"], object])
ShareCallback = TypeVar("ShareCallback", bound=Callable[[ShareFrame, "RTMSStream"], object])
TranscriptCallback = TypeVar(
    "TranscriptCallback", bound=Callable[[TranscriptSegment, "RTMSStream"], object]
)
ChatCallback = TypeVar("ChatCallback", bound=Callable[[ChatMessage, "RTMSStream"], object])
EventCallback = TypeVar("EventCallback", bound=Callable[[SessionEvent, "RTMSStream"], object])


class CallbackMethods:
    """Decorators that register callbacks, of a client (for all streams) or of one stream.

    A callback gets the item and the stream. Coroutine functions run on the event loop, plain
    functions in a thread, each in the order of arrival; every callback has a buffer of its own, so
    a slow or failing one disturbs nobody else. The decorators return the function unchanged.
    """

    def _register(self, key: LaneKey, callback: Callback) -> None:
        raise NotImplementedError  # pragma: no cover  # both subclasses implement it

    def on_audio(self, callback: AudioCallback) -> AudioCallback:
        """Call for every `AudioFrame`."""
        self._register(MediaType.AUDIO, cast("Callback", callback))
        return callback

    def on_video(self, callback: VideoCallback) -> VideoCallback:
        """Call for every `VideoFrame`."""
        self._register(MediaType.VIDEO, cast("Callback", callback))
        return callback

    def on_share(self, callback: ShareCallback) -> ShareCallback:
        """Call for every `ShareFrame`."""
        self._register(MediaType.SHARE, cast("Callback", callback))
        return callback

    def on_transcript(self, callback: TranscriptCallback) -> TranscriptCallback:
        """Call for every `TranscriptSegment`."""
        self._register(MediaType.TRANSCRIPT, cast("Callback", callback))
        return callback

    def on_chat(self, callback: ChatCallback) -> ChatCallback:
        """Call for every `ChatMessage`."""
        self._register(MediaType.CHAT, cast("Callback", callback))
        return callback

    def on_event(self, callback: EventCallback) -> EventCallback:
        """Call for every session event."""
        self._register(None, cast("Callback", callback))
        return callback


class StreamOwner(Protocol):
    """Knows all open streams of a client."""

    def enter(self, stream: "RTMSStream") -> None:
        """Take note of a stream that is about to be joined.

        Raises:
            InvalidState: It is open elsewhere.
            StreamRefused: There is no room for it.
        """
        ...

    def renamed(self, stream: "RTMSStream", info: StreamInfo) -> None:
        """Take note that a stream goes on under another id.

        Raises:
            InvalidState: There is another stream with this id.
        """
        ...

    def leave(self, stream: "RTMSStream") -> None:
        """Take note that nothing of a stream is left."""
        ...


class RTMSStream(CallbackMethods):
    """One live stream; made by `RTMSClient.stream` and used as an async context manager.

    Entering connects, does the handshakes and raises a typed error if that fails; leaving closes
    gracefully. Nothing of a stream outlives the context.
    """

    def __init__(
        self,
        info: StreamInfo,
        settings: StreamSettings,
        connector: Connector,
        callbacks: Iterable[tuple[LaneKey, Callback]],
        owner: StreamOwner,
    ) -> None:
        self._info = info
        self._settings = settings
        self._connector = connector
        self._owner = owner
        self._log = stream_log(info.stream_id)
        self._observers = Observers(self._log)
        self._scope = TaskScope(f"rtms {info.stream_id}", self._task_failed)
        limits: dict[LaneKey, Any] = {
            medium: getattr(settings.buffers, key_name(medium)) for medium in settings.params
        }
        self._hub = Hub({**limits, None: settings.buffers.events}, self._dropping)
        self._callbacks = list(callbacks)
        self._runners: list[CallbackRunner] = []
        self._session: StreamSession | None = None
        self._driver: Driver | None = None
        self._unwanted = False  # whether it was closed before there was anything to close
        self._entered = False  # whether the owner knows it as open
        self._placed_ms = info.event_ts_ms  # of the newest webhook on where the stream is

    # --- life ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect and do the handshakes; ``async with`` does it for you.

        Cancelling leaves nothing behind.

        Raises:
            RTMSError: The stream cannot be joined; the subclass says why.
            CredentialsUnavailable: The function that finds its credentials failed.
            InvalidState: The stream was opened before, or the client has it open elsewhere.
            StreamRefused: The client has as many streams as it may, or is being drained.
        """
        if self._driver is not None:
            raise InvalidState("open a stream twice", self.state.name, "make a new stream")
        self._owner.enter(self)
        self._entered = self._hub.opened = True
        for make in self._settings.observers:
            self.observe(make)
        try:
            options = await session_options(self._settings, self._info, self._log)
            make_session = self._settings.session_factory
            if make_session is None:
                self._session = StreamSession(self._info, options)
            else:
                self._session = make_session(self, options)
            self._driver = Driver(
                self._session,
                self._connector,
                self._hub,
                self._scope,
                self._log,
                observe=self._observers.event,
                restart=RestartCaller(self._settings.restart, self._log).ask,
            )
            if self._unwanted:
                self._driver.close()
                return
            for key, callback in self._callbacks:
                self._run(key, callback)
            self._driver.start()
            await self._driver.wait_ready()
            self._observers.tell(lambda one: one.joined())
        except BaseException as error:
            if isinstance(error, RTMSError) and self._driver is not None:
                await self.close()  # the connections may say goodbye
            else:
                await self._shut_down()
            if self._driver is None:
                self._hub.give_up(error)
            raise

    async def close(self) -> None:
        """End the stream gracefully; may be called at any time and more than once.

        Asks the server to end the stream, closes the connections and lets callbacks work off what
        was received, each within its time-out of `Timeouts`. Cancelling cuts the rest short.
        """
        try:
            if self._driver is not None:
                self._driver.close()
                await asyncio.shield(self._driver.ended)
                await self._scope.wait(self._settings.timeouts.drain_s)
            elif self._entered:
                self._unwanted = True  # its credentials are being looked up
        finally:
            await self._shut_down()

    def leave(self) -> None:
        """Begin to end the stream gracefully, without waiting; `wait_ended` or `close` waits."""
        if self._driver is not None:
            self._driver.close()
        else:
            self._unwanted = True

    async def wait_ended(self) -> None:
        """Wait for the end of the stream; for applications that only use callbacks.

        Raises:
            RTMSError: The stream ended abnormally.
            InvalidState: The stream was not opened.
        """
        _, driver = self._opened("wait for the end")
        await driver.wait_ended()

    async def _shut_down(self) -> None:
        """Stop everything at once."""
        if self._driver is not None:
            self._driver.abort(None)
        try:
            for name in await self._scope.aclose():
                self._log.warning("%s does not end although it was cancelled; left alone", name)
        finally:
            if self._entered:
                self._entered = False
                self._owner.leave(self)
                self._observers.tell(lambda one: one.closed())

    def _task_failed(self, error: BaseException) -> None:
        """End the stream with an error of ours when a task of ours has a fault."""
        failure = InternalError(type(error).__name__)
        failure.__cause__ = error
        self._log.error("internal error", exc_info=error)
        self._opened("fail")[1].abort(failure)

    def _dropping(self, lane: Lane) -> None:
        self._log.warning(
            "%s is too slow for %s: its buffer is full (%d items, %d bytes), policy %s applies; "
            "it is at %s",
            lane.consumer,
            key_name(lane.key),
            len(lane),
            lane.bytes,
            lane.limits.policy.value,
            lane.blocked_at or "an unknown place",
        )
        if lane.dropped:
            gap = Gap(media=lane.key, cause=GapCause.DROPPED, consumer=lane.consumer)
            self._observers.event(gap)

    # --- media -----------------------------------------------------------------------------------

    def audio(self) -> ItemIterator[AudioFrame]:
        """Iterate over audio.

        Raises:
            InvalidState: Audio was not asked for.
        """
        return self._iterate(MediaType.AUDIO)

    def video(self) -> ItemIterator[VideoFrame]:
        """Iterate over camera video.

        Raises:
            InvalidState: Video was not asked for.
        """
        return self._iterate(MediaType.VIDEO)

    def share(self) -> ItemIterator[ShareFrame]:
        """Iterate over screen share.

        Raises:
            InvalidState: Share was not asked for.
        """
        return self._iterate(MediaType.SHARE)

    def transcript(self) -> ItemIterator[TranscriptSegment]:
        """Iterate over the transcript.

        Raises:
            InvalidState: Transcript was not asked for.
        """
        return self._iterate(MediaType.TRANSCRIPT)

    def chat(self) -> ItemIterator[ChatMessage]:
        """Iterate over chat.

        Raises:
            InvalidState: Chat was not asked for.
        """
        return self._iterate(MediaType.CHAT)

    def events(self) -> ItemIterator[SessionEvent]:
        """Iterate over session events."""
        return self._iterate(None)

    def __aiter__(self) -> ItemIterator[StreamItem]:
        """Iterate over everything in the order of arrival, events and gaps included."""
        return ItemIterator(self._hub, self._hub.subscribe("iterator all", self._hub.keys()))

    def _iterate(self, key: LaneKey) -> ItemIterator[Any]:
        self._check_requested(key)
        return ItemIterator(self._hub, self._hub.subscribe(f"iterator {key_name(key)}", [key]))

    def _check_requested(self, key: LaneKey) -> None:
        if not self._hub.has(key):
            raise not_asked_for(key_name(key), self.state.name)

    @override
    def _register(self, key: LaneKey, callback: Callback) -> None:
        self._check_requested(key)
        if self.state is Phase.CLOSED:
            raise InvalidState("register a callback", self.state.name, "make a new stream")
        if self._driver is None:
            self._callbacks.append((key, callback))
        else:
            self._run(key, callback)

    def _run(self, key: LaneKey, callback: Callback) -> None:
        """Start to feed a callback."""
        mailbox = self._hub.subscribe(f"callback {callback_name(callback)}", [key])
        runner = CallbackRunner(callback, self, mailbox, self._log)
        self._runners.append(runner)
        self._scope.start(runner.run(), f"callback {runner.name}")

    # --- control ---------------------------------------------------------------------------------

    def subscribe_events(self, *events: EventSubscription, subscribe: bool = True) -> None:
        """Subscribe to more events, or to fewer; the server does not answer.

        Args:
            events: Event types, or mappings that are sent as they are.
            subscribe: False to unsubscribe.

        Raises:
            InvalidParameters: An event comes unasked and must not be subscribed.
            InvalidState: The stream is not open.
        """
        session, driver = self._opened("subscribe to events")
        session.control.subscribe_events(events, subscribe=subscribe)
        driver.settle()

    async def subscribe_video(self, user_id: UserId, *, subscribe: bool = True) -> None:
        """Choose the participant whose video is sent; one at a time.

        Needs ``VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)``.

        Args:
            user_id: From a `VideoStarted` event.
            subscribe: False to stop.

        Raises:
            InvalidParameters: The user id is not an integer.
            InvalidState: Video is not in individual mode, or the stream is not open.
            RequestFailed: The server refused.
            AnswerTimeout: The server did not answer in time.
        """
        if not isinstance(user_id, int) or isinstance(user_id, bool):
            raise InvalidParameters(
                "user_id", f"expected an int, got {type(user_id).__name__}", "see VideoStarted"
            )
        session, driver = self._opened("subscribe to a video")
        await driver.request(
            lambda now: session.control.subscribe_video(
                user_id, subscribe=subscribe, timestamp_ms=int(time.time() * 1000), now=now
            )
        )

    def moved(self, info: StreamInfo) -> None:
        """Take note of a started webhook for this live stream: move to its servers at once.

        One that is older than what the stream follows came late, and changes nothing.

        Args:
            info: From the new webhook.

        Raises:
            InvalidState: The stream is not open.
            HostNotAllowed: No URL may be opened; the stream stays where it is.
        """
        # As long as the credentials are being looked up, nothing is connected.
        opening = self._entered and (self._driver is None or self.state is Phase.RESTARTING)
        driver = None if opening else self._opened("move", alive=True)[1]
        if self._is_late(info.event_ts_ms):
            return
        if driver is None:
            self._info = info
        else:
            driver.moved(info.server_urls)
        self._placed_ms = info.event_ts_ms or self._placed_ms

    def interrupted(
        self, server_urls: Iterable[str] = (), *, event_ts_ms: int | None = None
    ) -> None:
        """Take note of an interrupted webhook: reconnect everything.

        Args:
            server_urls: URLs of the webhook, if it has any.
            event_ts_ms: Time of the webhook. If the stream moved since then, the webhook came late,
                speaks of a server that was left, and changes nothing.

        Raises:
            InvalidState: The stream is not open.
        """
        _, driver = self._opened("reconnect", alive=True)
        if not self._is_late(event_ts_ms):
            driver.interrupted(server_urls)

    def _is_late(self, event_ts_ms: int | None) -> bool:
        """Tell whether a webhook is older than the one that the stream follows."""
        known_ms = self._placed_ms
        return known_ms is not None and event_ts_ms is not None and event_ts_ms < known_ms

    def stopped(self, reason: StopReason | None = None) -> None:
        """Take note of a stopped webhook: the stream is over.

        Args:
            reason: Stop reason of the webhook.

        Raises:
            InvalidState: The stream was not opened.
        """
        self._opened("stop")[1].stopped(reason)

    def restarted(self, info: StreamInfo) -> None:
        """Take note that this stream, which died, was started again: go on with the new one.

        Everybody who reads it goes on reading. `RTMSClient.notify` does it by itself.

        Args:
            info: From the started webhook of the new stream.

        Raises:
            InvalidState: The stream did not die, or the new one is joined already.
        """
        _, driver = self._opened("start again")
        if self.state is not Phase.RESTARTING:
            raise InvalidState("start again", self.state.name, "it takes a stream that has died")
        self._owner.renamed(self, info)
        self._info, self._placed_ms = info, info.event_ts_ms
        self._log.warning("goes on as stream %s", info.stream_id)
        self._log.extra = {"rtms_stream_id": info.stream_id}
        self._scope.start(self._go_on(info, driver), "restart")

    async def _go_on(self, info: StreamInfo, driver: Driver) -> None:
        try:
            signer = await find_signer(self._settings, info)
            # That took its time: it may be over, have moved, or be started again as yet another.
            if self.state is Phase.RESTARTING and self._info.stream_id == info.stream_id:
                driver.restarted(self._info, *signer)
        except RTMSError as error:
            driver.abort(error)

    async def stream_state(self) -> StreamState:
        """Ask the server for the state of the stream.

        Raises:
            InvalidState: The stream is not open.
            RequestFailed: The server refused.
            AnswerTimeout: The server did not answer in time.
        """
        session, driver = self._opened("ask for the stream state")
        reply = await driver.request(session.control.request_stream_state)
        return StreamState(reply.state or 0)

    async def session_state(self, session_id: str | None = None) -> SessionState:
        """Ask the server for the state of one session of the stream.

        Args:
            session_id: From a `SessionStateChanged` event; `None` for the newest.

        Raises:
            InvalidState: The stream is not open, or no session is known.
            RequestFailed: The server refused.
            AnswerTimeout: The server did not answer in time.
        """
        session, driver = self._opened("ask for the session state")
        reply = await driver.request(
            lambda now: session.control.request_session_state(session_id, now)
        )
        return SessionState(reply.state or 0)

    def _opened(self, operation: str, *, alive: bool = False) -> tuple[StreamSession, Driver]:
        if alive and self.state is Phase.CLOSED:
            raise InvalidState(operation, self.state.name, "make a new stream")
        if self._session is None or self._driver is None:
            raise InvalidState(operation, Phase.IDLE.name, "use `async with client.stream(...)`")
        return self._session, self._driver

    # --- facts -----------------------------------------------------------------------------------

    @property
    def info(self) -> StreamInfo:
        """What the stream was joined with; another one after it was started again."""
        return self._info

    @property
    def has_callbacks(self) -> bool:
        """Whether callbacks receive what this stream delivers."""
        return bool(self._callbacks or self._runners)

    @property
    def state(self) -> Phase:
        """Where the stream stands."""
        return Phase.IDLE if self._session is None else self._session.phase

    @property
    def granted(self) -> Granted:
        """Parameters that the server really gave; compare with what was asked for."""
        return Granted() if self._session is None else self._session.granted

    @property
    def error(self) -> RTMSError | None:
        """Why the stream ended; `None` while it lives and after a normal end."""
        return None if self._session is None else self._session.error

    @property
    def stop_reason(self) -> StopReason | None:
        """The server's reason for the end, `.name` in a word; `None` when it gave none."""
        return None if self._session is None else self._session.stop_reason

    @property
    def participants(self) -> Mapping[UserId, Participant]:
        """Who is in the meeting now, by user id."""
        return {} if self._session is None else dict(self._session.intake.roster.participants)

    @property
    def active_speaker(self) -> Participant | None:
        """Who speaks now, as far as the server said."""
        return None if self._session is None else self._session.intake.roster.active_speaker

    @property
    def started_ms(self) -> int | None:
        """Start of the session on the server's clock, Unix time in milliseconds."""
        return None if self._session is None else self._session.intake.roster.started_ms

    def observe(self, make: Callable[["RTMSStream"], StreamObserver]) -> None:
        """Let an observer be told what happens to this stream; see `RTMSClient.observe`."""
        self._observers.add(lambda: make(self))

    def statistics(self) -> StreamStatistics:
        """Return a snapshot of all counters; may be called from any thread."""
        core = CoreStatistics() if self._session is None else self._session.intake.statistics
        return snapshot(core, self._hub, self._runners)

    @override
    def __repr__(self) -> str:
        return f"<RTMSStream {self.info.stream_id} {self.state.value}>"


SessionFactory: TypeAlias = Callable[[RTMSStream, SessionOptions], StreamSession]
"""Makes the state machine of a stream, to watch it; see `rtms_client.testing.WireRecorder`."""
