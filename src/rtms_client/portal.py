"""The client in a background thread, for programs that do not run on asyncio.

.. code-block:: python

    with client.in_background() as portal:
        with portal.stream(started) as stream:
            for frame in stream.audio():
                ...

The thread has an event loop of its own. What is received crosses to the calling thread in batches,
out of the same bounded buffers that asyncio programs read.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from typing_extensions import override

from rtms_client._runtime.background import BackgroundOver, BackgroundThread
from rtms_client._runtime.calls import Call
from rtms_client._runtime.dispatch import callback_name
from rtms_client.config import StreamInfo
from rtms_client.enums import SessionState, StopReason, StreamState
from rtms_client.events import Participant, SessionEvent, StreamItem
from rtms_client.exceptions import RTMSError
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    Item,
    ShareFrame,
    TranscriptSegment,
    UserId,
    VideoFrame,
)
from rtms_client.manager import StreamHandler
from rtms_client.protocol import EventSubscription, Granted, Phase
from rtms_client.stream import ItemIterator, RTMSStream, StreamStatistics
from rtms_client.webhooks import Notification, RTMSStarted

__all__ = ["BackgroundClient", "Portal", "PortalIterator", "PortalStream"]

T = TypeVar("T")
T_co = TypeVar("T_co", bound=Item, covariant=True)
StreamHandlerT = TypeVar("StreamHandlerT", bound=StreamHandler)
HandlerT = TypeVar("HandlerT", bound="Callable[[PortalStream], object]")


class BackgroundClient(Protocol):
    """What a portal needs of `RTMSClient`."""

    @property
    def streams(self) -> Mapping[str, RTMSStream]:
        """The open streams by stream id."""
        ...

    def stream(self, started: RTMSStarted | StreamInfo) -> RTMSStream:
        """Return the stream of a started webhook."""
        ...

    def notify(self, notification: Notification) -> None:
        """Let what Zoom says have its effect."""
        ...

    def on_stream(self, handler: StreamHandlerT) -> StreamHandlerT:
        """Handle each stream that a notification starts."""
        ...

    async def drain(self, deadline_s: float) -> None:
        """Join no more streams, and wait until those there have ended."""
        ...

    async def __aenter__(self) -> object: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Portal:
    """Runs a client in a background thread; made by `RTMSClient.in_background`.

    Its methods may be called from any thread. Leaving the context closes all streams gracefully and
    ends the thread. A program that cannot use ``with``, such as a module of a web application,
    calls `start`, and `close` when it is told to stop; at exit of the interpreter it is closed in
    any case.

    A process that was forked from this one has no such thread: there every method raises
    `InvalidState`. Start the portal in each worker, after the fork.
    """

    def __init__(self, client: BackgroundClient) -> None:
        self._client = client
        self._thread = BackgroundThread(client, "rtms portal")

    def start(self) -> Self:
        """Start the thread and open the client; ``with`` does it for you.

        Raises:
            InvalidState: The portal was started before, or the client is open elsewhere.
        """
        self._thread.start()
        return self

    def close(self) -> None:
        """Close all streams gracefully and end the thread; may be called more than once.

        In a coroutine function that the portal runs, such as an ``async`` callback, it returns at
        once, because the thread cannot wait for its own end.
        """
        self._thread.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the client is open in the background, in this process."""
        return self._thread.running

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: object) -> T:
        """Run a coroutine function on the client's event loop and wait for its result.

        Args:
            function: A coroutine function.
            args: Its arguments.

        Raises:
            InvalidState: The portal is not open, or was closed meanwhile; or this is the thread of
                the event loop, which cannot wait for itself.
            concurrent.futures.CancelledError: The function was cancelled by something else.
        """
        return self._thread.call(function, *args)

    # --- the client ------------------------------------------------------------------------------

    def notify(self, notification: Notification) -> None:
        """Let what Zoom says have its effect, as `RTMSClient.notify`; returns at once.

        Raises:
            InvalidParameters: It is no notification.
            InvalidState: The portal is not open.
        """
        self._thread.check_process()
        self._client.notify(notification)

    def stream(self, started: RTMSStarted | StreamInfo) -> "PortalStream":
        """Return the stream of a started webhook, to be entered with ``with``.

        Args:
            started: The parsed webhook, or a hand-made `StreamInfo`.
        """
        return PortalStream(self._thread, self._client.stream(started))

    @property
    def streams(self) -> Mapping[str, "PortalStream"]:
        """The open streams by stream id."""
        found = self._thread.ask(lambda: self._client.streams)
        return {
            stream_id: PortalStream(self._thread, stream) for stream_id, stream in found.items()
        }

    def on_stream(self, handler: HandlerT) -> HandlerT:
        """Handle each stream that a notification starts, in a thread of its own.

        Like `RTMSClient.on_stream`, but with a plain function that gets a `PortalStream`; it may
        block and iterate. Returns the function unchanged.
        """

        async def handle(stream: RTMSStream) -> None:
            outcome: Future[None] = Future()
            outcome.set_running_or_notify_cancel()  # a thread cannot be cancelled

            def work() -> None:
                try:
                    handler(PortalStream(self._thread, stream))
                except BaseException as error:  # noqa: BLE001  # user code may raise anything
                    outcome.set_exception(error)
                else:
                    outcome.set_result(None)

            # No thread of a pool: the interpreter would wait for it before it closes the portal.
            name = f"{stream.info.stream_id} {handle.__qualname__}"
            threading.Thread(target=work, name=name, daemon=True).start()
            await asyncio.wrap_future(outcome)

        handle.__qualname__ = callback_name(handler)
        self._client.on_stream(handle)
        return handler

    def drain(self, deadline_s: float) -> None:
        """Join no more streams, and wait until those there have ended, as `RTMSClient.drain`.

        Args:
            deadline_s: When this returns at the latest, in seconds from now.

        Raises:
            InvalidParameters: The deadline is no positive number.
            InvalidState: The portal is not open.
        """
        self.call(self._client.drain, deadline_s)


class PortalIterator(Generic[T_co]):
    """Iterates over what a stream delivers; the plain twin of `ItemIterator`.

    Items that were received before the end are still delivered; then a normal end stops the loop
    and an abnormal one raises its error. An interrupted iteration loses nothing. An iterator that
    is closed or forgotten gives back what it had not delivered, if nobody else reads the same
    medium. Each thread needs an iterator of its own.
    """

    def __init__(self, thread: BackgroundThread, items: ItemIterator[T_co]) -> None:
        self._thread = thread
        self._items = items
        self._arrived: deque[T_co] = deque()
        self._call: Call[bool] | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T_co:
        """Return the next item.

        Raises:
            RTMSError: The stream ended abnormally.
        """
        if not self._arrived and not self._wait():
            raise StopIteration
        return self._arrived.popleft()

    def _wait(self) -> bool:
        """Wait for more; tell whether there is any."""
        call = self._call
        if call is None or call.done:  # else it was interrupted, and goes on
            call = self._call = Call(self._fetch)
        try:
            return self._thread.wait(call)
        except BackgroundOver:  # the loop is gone, but not what it received
            self._call = None
            self._arrived.extend(self._items.take())
            return bool(self._arrived)
        finally:
            if call.done:  # it holds this iterator, which may be forgotten now
                self._call = None
            del call  # and the error that it holds would hold it

    async def _fetch(self) -> bool:
        """Get a batch; what was taken from the buffer is here at once, whatever happens then."""
        found = await self._items.batch()
        self._arrived.extend(found)
        return bool(found)

    def close(self) -> None:
        """Stop reading; may be called more than once."""
        items, arrived = self._items, self._arrived

        def give_back() -> None:
            left: list[T_co] = []
            while arrived:
                left.append(arrived.popleft())
            items.give_back(left)
            items.close()

        self._thread.tell(give_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class PortalStream:
    """One live stream for plain code; the twin of `RTMSStream`, made by `Portal.stream`.

    Entering connects, does the handshakes and raises a typed error if that fails; leaving closes
    gracefully.
    """

    def __init__(self, thread: BackgroundThread, stream: RTMSStream) -> None:
        self._thread = thread
        self._stream = stream

    def __enter__(self) -> Self:
        self._thread.call(self._stream.open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream gracefully; may be called at any time and more than once.

        In a coroutine function that the portal runs, it begins to end the stream and returns.
        """
        if self._thread.is_current:
            self._stream.leave()
            return
        with contextlib.suppress(BackgroundOver):  # so is the stream
            self._thread.call(self._stream.close)

    def wait_ended(self) -> None:
        """Wait for the end of the stream; for applications that only use callbacks.

        Raises:
            RTMSError: The stream ended abnormally.
            InvalidState: The stream was not opened.
        """
        self._thread.call(self._stream.wait_ended)

    # --- media -----------------------------------------------------------------------------------

    def audio(self) -> PortalIterator[AudioFrame]:
        """Iterate over audio.

        Raises:
            InvalidState: Audio was not asked for.
        """
        return self._iterate(self._stream.audio)

    def video(self) -> PortalIterator[VideoFrame]:
        """Iterate over camera video.

        Raises:
            InvalidState: Video was not asked for.
        """
        return self._iterate(self._stream.video)

    def share(self) -> PortalIterator[ShareFrame]:
        """Iterate over screen share.

        Raises:
            InvalidState: Share was not asked for.
        """
        return self._iterate(self._stream.share)

    def transcript(self) -> PortalIterator[TranscriptSegment]:
        """Iterate over the transcript.

        Raises:
            InvalidState: Transcript was not asked for.
        """
        return self._iterate(self._stream.transcript)

    def chat(self) -> PortalIterator[ChatMessage]:
        """Iterate over chat.

        Raises:
            InvalidState: Chat was not asked for.
        """
        return self._iterate(self._stream.chat)

    def events(self) -> PortalIterator[SessionEvent]:
        """Iterate over session events."""
        return self._iterate(self._stream.events)

    def __iter__(self) -> PortalIterator[StreamItem]:
        """Iterate over everything in the order of arrival, events and gaps included."""
        return self._iterate(self._stream.__aiter__)

    def _iterate(self, make: Callable[[], ItemIterator[T_co]]) -> PortalIterator[T_co]:
        return PortalIterator(self._thread, self._thread.ask(make))

    # --- control ---------------------------------------------------------------------------------

    def subscribe_events(self, *events: EventSubscription, subscribe: bool = True) -> None:
        """Subscribe to more events, or to fewer; see `RTMSStream.subscribe_events`."""
        self._thread.ask(lambda: self._stream.subscribe_events(*events, subscribe=subscribe))

    def subscribe_video(self, user_id: UserId, *, subscribe: bool = True) -> None:
        """Choose the participant whose video is sent; see `RTMSStream.subscribe_video`."""

        async def call() -> None:
            await self._stream.subscribe_video(user_id, subscribe=subscribe)

        self._thread.call(call)

    def moved(self, info: StreamInfo) -> None:
        """Take note of a started webhook for this live stream; see `RTMSStream.moved`."""
        self._thread.ask(lambda: self._stream.moved(info))

    def interrupted(
        self, server_urls: Iterable[str] = (), *, event_ts_ms: int | None = None
    ) -> None:
        """Take note of an interrupted webhook; see `RTMSStream.interrupted`."""
        self._thread.ask(lambda: self._stream.interrupted(server_urls, event_ts_ms=event_ts_ms))

    def stopped(self, reason: StopReason | None = None) -> None:
        """Take note of a stopped webhook; see `RTMSStream.stopped`."""
        self._thread.ask(lambda: self._stream.stopped(reason))

    def restarted(self, info: StreamInfo) -> None:
        """Take note that this stream, which died, was started again; see `RTMSStream.restarted`."""
        self._thread.ask(lambda: self._stream.restarted(info))

    def stream_state(self) -> StreamState:
        """Ask the server for the state of the stream; see `RTMSStream.stream_state`."""
        return self._thread.call(self._stream.stream_state)

    def session_state(self, session_id: str | None = None) -> SessionState:
        """Ask the server for the state of a session; see `RTMSStream.session_state`."""
        return self._thread.call(self._stream.session_state, session_id)

    # --- facts -----------------------------------------------------------------------------------

    @property
    def info(self) -> StreamInfo:
        """What the stream was joined with."""
        return self._stream.info

    @property
    def state(self) -> Phase:
        """Where the stream stands."""
        return self._stream.state

    @property
    def granted(self) -> Granted:
        """Parameters that the server really gave; compare with what was asked for."""
        return self._thread.ask(lambda: self._stream.granted)

    @property
    def error(self) -> RTMSError | None:
        """Why the stream ended; `None` while it lives and after a normal end."""
        return self._stream.error

    @property
    def stop_reason(self) -> StopReason | None:
        """The server's reason for the end, `.name` in a word; `None` when it gave none."""
        return self._stream.stop_reason

    @property
    def participants(self) -> Mapping[UserId, Participant]:
        """Who is in the meeting now, by user id."""
        return self._thread.ask(lambda: self._stream.participants)

    @property
    def active_speaker(self) -> Participant | None:
        """Who speaks now, as far as the server said."""
        return self._thread.ask(lambda: self._stream.active_speaker)

    @property
    def started_ms(self) -> int | None:
        """Start of the session on the server's clock, Unix time in milliseconds."""
        return self._stream.started_ms

    def statistics(self) -> StreamStatistics:
        """Return a snapshot of all counters."""
        return self._thread.ask(self._stream.statistics)

    @override
    def __repr__(self) -> str:
        return f"<PortalStream {self.info.stream_id} {self.state.value}>"
