"""One stream of a fake server: its sockets, its state, and manual control over both."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import Final

from typing_extensions import override

from rtms_client.enums import (
    EventType,
    MediaCodec,
    MediaType,
    SessionState,
    StopReason,
    StreamState,
)

from ._meeting import (
    ADA,
    AudioPacket,
    Caption,
    Chat,
    Hangup,
    MeetingScript,
    Person,
    Picture,
    RawMessage,
    SessionEvent,
)
from ._server_connection import FakeConnection
from ._server_delivery import Delivery
from ._server_player import play
from ._server_scope import TaskScope
from ._server_settings import EVERY_MEDIUM, StreamSettings
from ._server_wire import Message, Wire, now_ms

__all__ = ["FakeStream"]

_AUTOMATIC: Final = frozenset(
    {EventType.FIRST_PACKET_TIMESTAMP, EventType.MEDIA_CONNECTION_INTERRUPTED}
)
_NEVER_SENT: Final = frozenset({1005, 1006, 1015})  # RFC 6455, section 7.4.1
_POLL_S: Final = 0.001
_HEARD_S: Final = 1.0


class FakeStream:
    """One stream of a fake server; made by `FakeRTMSServer.add_stream`.

    Attributes:
        settings: What the stream was told to do.
        state: State of the stream as the server sees it.
        session_state: State of its only session.
        stop_reason: Why the stream ended, `None` before.
        signaling: The signaling connection, if there is one.
        media: The media connections whose handshake succeeded.
        subscriptions: Numbers of the events that the client subscribed to.
        video_user: Participant chosen for individual video.
        active_speaker: Id of the last active speaker.
        present: Participants who are in the meeting, by id.
        epoch_ms: Server time at the start of the meeting, Unix milliseconds.
        media_ready: Set while the media that the meeting waits for are ready.
        played: Set when the script was played to its end.
        finished: Set when the stream ended.
    """

    def __init__(self, settings: StreamSettings, script: MeetingScript, scope: TaskScope) -> None:
        self.settings = settings
        self.wire: Wire = Wire(settings)
        self.delivery: Delivery = Delivery(self)
        self.state: StreamState = StreamState.INACTIVE
        self.session_state: SessionState = SessionState.INACTIVE
        self.stop_reason: StopReason | None = None
        self.signaling: FakeConnection | None = None
        self.media: list[FakeConnection] = []
        self.subscriptions: set[int] = set()
        self.video_user: int | None = None
        self.active_speaker: int | None = None
        self.present: dict[int, Person] = {}
        self.paused: bool = False
        self.epoch_ms: int = now_ms() if settings.epoch_ms is None else settings.epoch_ms
        self.media_ready: asyncio.Event = asyncio.Event()
        self.played: asyncio.Event = asyncio.Event()
        self.finished: asyncio.Event = asyncio.Event()
        self._began = time.monotonic()
        self._scope = scope
        self._takers: dict[MediaType, tuple[FakeConnection, ...]] = {}
        self._expected: MediaType = settings.expected_media
        self._waiting: asyncio.Task[None] | None = None
        self._windows: dict[str, asyncio.Task[None]] = {}
        self._hung_up: set[str] = set()
        """Kinds of the sockets that the meeting closed and that are not back yet."""
        self._player = scope.start(play(self, script), f"play {settings.rtms_stream_id}")

    @override
    def __repr__(self) -> str:
        return f"<FakeStream {self.settings.rtms_stream_id} {self.state.name}>"

    @property
    def ended(self) -> bool:
        """Whether the stream is over."""
        return self.stop_reason is not None

    def now_ms(self) -> int:
        """Return the clock of the stream, Unix milliseconds."""
        return self.epoch_ms + int((time.monotonic() - self._began) * 1000)

    # Sockets: called by the handlers of the connections

    def takers(self, medium: MediaType) -> tuple[FakeConnection, ...]:
        """Return the sockets on which a medium may flow; one that is closing takes none."""
        return tuple(taker for taker in self._takers.get(medium, ()) if taker.open)

    def crowded(self) -> list[FakeConnection]:
        """Return the sockets whose outbox is full."""
        return [connection for connection in self.media if connection.full]

    def signaling_opened(self, connection: FakeConnection) -> None:
        """Adopt a signaling connection whose handshake succeeded."""
        self.signaling = connection
        self._hung_up.discard("signaling")
        self.subscriptions.clear()
        self._close_window("signaling")

    def media_opened(self, connection: FakeConnection) -> None:
        """Adopt a media connection whose handshake succeeded."""
        self.media.append(connection)
        self._close_window(connection.kind)

    def acknowledge(self, connections: Iterable[FakeConnection]) -> None:
        """Let media flow on these sockets."""
        for connection in connections:
            if not connection.ready:
                connection.ready = True
                self._hung_up.discard(connection.kind)
                self._sockets_changed()
                self._wait_for_the_others()
                self._began_or_restored()
                self.delivery.connected(connection)

    def _began_or_restored(self) -> None:
        if self.state == StreamState.INACTIVE:
            self.change_state(StreamState.ACTIVE)
            self.change_session_state(SessionState.STARTED)
        else:
            self._restored()

    def _restored(self) -> None:
        if self.state == StreamState.INTERRUPTED and not self._windows:
            self.change_state(StreamState.ACTIVE)

    def _sockets_changed(self) -> None:
        ready = [connection for connection in self.media if connection.ready]
        self._takers = {
            medium: tuple(connection for connection in ready if medium in connection.media)
            for medium in MediaType(EVERY_MEDIUM)
        }
        if ready and self._expected in self._covered():
            self.media_ready.set()
        else:
            self.media_ready.clear()

    def _covered(self) -> MediaType:
        """Return the media that flow now."""
        covered = MediaType(0)
        for connection in self.media:
            if connection.ready:
                covered |= connection.media
        return covered

    def _wait_for_the_others(self) -> None:
        """Give a client that asks for less some time, anew with each medium that is ready."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        wait_s = self.settings.expected_wait_s
        if wait_s is not None and not self.media_ready.is_set():
            self._waiting = self._scope.start(self._wait_no_longer(wait_s), "wait for media")

    async def _wait_no_longer(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        self._expected = self._covered()
        self._sockets_changed()

    def gone(self, connection: FakeConnection) -> None:
        """Deal with a connection that ended, for whatever reason."""
        if connection is self.signaling:
            self._signaling_gone()
        elif connection in self.media:
            self._media_gone(connection)

    def _signaling_gone(self) -> None:
        self.signaling = None
        self.subscriptions.clear()
        self._abandon_media()  # without signaling there are no media
        if not self.ended:
            self.state = StreamState.INTERRUPTED
            self._open_window(
                "signaling",
                self.settings.timing.signaling_window_s,
                StopReason.AWAIT_RECONNECTION_TIMEOUT,
            )

    def _media_gone(self, connection: FakeConnection) -> None:
        self._forget_media(connection)
        if self.ended:
            return
        self.state = StreamState.INTERRUPTED
        self.publish(
            SessionEvent(
                at_ms=self.now_ms() - self.epoch_ms,
                event_type=EventType.MEDIA_CONNECTION_INTERRUPTED,
            )
        )
        self._open_window(
            connection.kind,
            self.settings.timing.media_window_s,
            StopReason.AWAIT_RECONNECTION_TIMEOUT,
        )

    def _forget_media(self, connection: FakeConnection) -> None:
        self.media.remove(connection)
        self.delivery.disconnected(connection)
        self._sockets_changed()

    def _abandon_media(self) -> None:
        for connection in tuple(self.media):
            self._forget_media(connection)
            self._scope.start(connection.close(), f"close {connection!r}")
        for kind in tuple(self._windows):
            self._close_window(kind)

    def replace_signaling(self, old: FakeConnection) -> None:
        """Drop the signaling connection and its media for a newer one."""
        self.signaling = None
        self._abandon_media()
        self._scope.start(old.close(reason="replaced"), f"close {old!r}")

    def replace_media(self, connection: FakeConnection) -> None:
        """Drop a media connection for a newer one."""
        self._forget_media(connection)
        self._scope.start(connection.close(reason="replaced"), f"close {connection!r}")

    # Interruption windows

    def _open_window(self, kind: str, window_s: float, reason: StopReason) -> None:
        self._close_window(kind)
        self._windows[kind] = self._scope.start(
            self._end_after(window_s, reason), f"window of {kind}"
        )

    def _close_window(self, kind: str) -> None:
        window = self._windows.pop(kind, None)
        if window is not None and window is not asyncio.current_task():
            window.cancel()

    async def _end_after(self, window_s: float, reason: StopReason) -> None:
        await asyncio.sleep(window_s)
        await self.terminate(reason, announce=False)

    def unanswered(self, connection: FakeConnection) -> None:
        """Interrupt a socket on which keep-alives stayed unanswered."""
        self.interrupt_connection(connection, StopReason.KEEP_ALIVE_TIMEOUT)

    def interrupt_connection(self, connection: FakeConnection, reason: StopReason) -> None:
        """Tell the client that a socket is lost, close it, and wait for its return."""
        is_signaling = connection is self.signaling
        cause = (
            StopReason.SIGNAL_CONNECTION_INTERRUPTED
            if is_signaling
            else StopReason.DATA_CONNECTION_INTERRUPTED
        )
        self.change_state(StreamState.INTERRUPTED, cause)
        self.gone(connection)
        timing = self.settings.timing
        window_s = timing.signaling_window_s if is_signaling else timing.media_window_s
        self._open_window(connection.kind, window_s, reason)
        self._scope.start(connection.close(reason="interrupted"), f"close {connection!r}")

    # State

    def change_state(self, state: StreamState, reason: StopReason | None = None) -> None:
        """Set the state of the stream and tell the client (message 8)."""
        self.state = state
        self._follow(paused=state == StreamState.PAUSED, resumed=state == StreamState.RESUMED)
        self._signal(self.wire.stream_state(state, reason))

    def change_session_state(self, state: SessionState, reason: StopReason | None = None) -> None:
        """Set the state of the session and tell the client (message 9)."""
        self.session_state = state
        self._follow(paused=state == SessionState.PAUSED, resumed=state == SessionState.RESUMED)
        self._signal(self.wire.session_state(state, reason))

    def _follow(self, *, paused: bool, resumed: bool) -> None:
        if paused or resumed:
            self.delivery.flush()
            self.paused = paused

    def pause(self) -> None:
        """Pause session and stream: media stop, sockets stay."""
        self.change_session_state(SessionState.PAUSED)
        self.change_state(StreamState.PAUSED)

    def resume(self) -> None:
        """End a pause."""
        self.change_session_state(SessionState.RESUMED)
        self.change_state(StreamState.RESUMED)

    async def terminate(
        self, reason: StopReason | None = StopReason.MEETING_ENDED, *, announce: bool = True
    ) -> None:
        """End the stream: all media are delivered, then TERMINATED, then the sockets close.

        Args:
            reason: Why.
            announce: Whether TERMINATING comes first.
        """
        if self.ended:
            return
        self.stop_reason = StopReason.UNDEFINED if reason is None else reason
        self.delivery.flush()
        if announce:
            self.change_state(StreamState.TERMINATING, reason)
        await self._flushed_media()
        self.change_state(StreamState.TERMINATED, reason)
        if self.settings.variations.terminated_on_media:
            terminated = self.wire.encode(self.wire.stream_state(StreamState.TERMINATED, reason))
            for connection in self.media:
                connection.put(terminated)
        self.session_state = SessionState.STOPPED
        if self.signaling is not None:  # the word on one socket, before the others close
            await self.signaling.wait_read(timeout_s=_HEARD_S)
        self._abandon_media()
        if self._player is not asyncio.current_task():
            self._player.cancel()
        if self.signaling is not None:
            self.signaling.keep_alives = False
            self._scope.start(self._leave(self.signaling), "last goodbye")
        self.finished.set()

    async def _flushed_media(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.timing.drain_s):
                for connection in tuple(self.media):
                    await connection.flush()

    async def _leave(self, signaling: FakeConnection) -> None:
        """Give the client the time to close signaling itself."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.timing.linger_s):
                await signaling.wait_closed()
        await signaling.close()

    def _signal(self, message: Message) -> None:
        if self.signaling is not None:
            self.signaling.put(self.wire.encode(message))

    # Events

    def publish(self, event: SessionEvent) -> None:
        """Let an event happen; the client hears of it if it subscribed."""
        self._apply(event)
        if event.event_type in self.subscriptions or event.event_type in _AUTOMATIC:
            for message in self.wire.events(event, self.epoch_ms + event.at_ms):
                self._signal(message)

    def _apply(self, event: SessionEvent) -> None:
        ids = {person.user_id for person in event.people}
        if event.event_type == EventType.PARTICIPANT_JOIN:
            self.present |= {person.user_id: person for person in event.people}
        elif event.event_type == EventType.PARTICIPANT_LEAVE:
            for user_id in ids:
                self.present.pop(user_id, None)
        elif event.event_type == EventType.ACTIVE_SPEAKER_CHANGE and event.people:
            self.active_speaker = event.people[0].user_id
        ends_video = {EventType.PARTICIPANT_LEAVE, EventType.PARTICIPANT_VIDEO_OFF}
        if event.event_type in ends_video and self.video_user in ids:
            self.video_user = None  # the selection ends silently (messages notes, section 7)

    def subscribe(self, event_type: int) -> None:
        """Subscribe the client to an event; a first join event lists everybody present."""
        new = event_type not in self.subscriptions
        self.subscriptions.add(event_type)
        if new and event_type == EventType.PARTICIPANT_JOIN and self.present:
            self.publish(
                SessionEvent(
                    at_ms=self.now_ms() - self.epoch_ms,
                    event_type=EventType.PARTICIPANT_JOIN,
                    people=tuple(self.present.values()),
                )
            )

    # Manual control: media

    async def send_audio(
        self, data: bytes, *, person: Person = ADA, timestamp_ms: int | None = None
    ) -> None:
        """Send one audio packet, bytes unchanged.

        Raises:
            RuntimeError: No socket is ready for audio.
        """
        self._require(MediaType.AUDIO)
        at_ms = self._at_ms(timestamp_ms)
        self.delivery.packet(AudioPacket(at_ms=at_ms, person=person, data=data))

    async def send_picture(
        self,
        data: bytes,
        *,
        person: Person = ADA,
        media: MediaType = MediaType.VIDEO,
        codec: MediaCodec = MediaCodec.H264,
        timestamp_ms: int | None = None,
    ) -> None:
        """Send one picture or access unit to the sockets that negotiated its codec.

        Raises:
            RuntimeError: No socket is ready for video or share.
        """
        self._require(media)
        at_ms = self._at_ms(timestamp_ms)
        self.delivery.picture(
            Picture(at_ms=at_ms, person=person, data=data, codec=codec, media=media)
        )

    async def send_transcript(
        self, text: str, *, person: Person = ADA, timestamp_ms: int | None = None
    ) -> None:
        """Send one transcript segment.

        Raises:
            RuntimeError: No socket is ready for transcript.
        """
        self._require(MediaType.TRANSCRIPT)
        self.delivery.caption(Caption(at_ms=self._at_ms(timestamp_ms), person=person, text=text))

    async def send_chat(self, chat: Chat) -> None:
        """Send one chat message; its time is an offset from the start of the meeting.

        Raises:
            RuntimeError: No socket is ready for chat.
        """
        self._require(MediaType.CHAT)
        self.delivery.chat(chat)

    def _require(self, medium: MediaType) -> None:
        if not self.takers(medium):
            raise RuntimeError(
                f"no socket is ready for {medium.name}; await media_ready.wait() first, and let "
                "the client ask for this medium"
            )

    def _at_ms(self, timestamp_ms: int | None) -> int:
        return (self.now_ms() if timestamp_ms is None else timestamp_ms) - self.epoch_ms

    # Manual control: signaling and raw messages

    async def send_event(self, event_type: int, *people: Person, **fields: object) -> None:
        """Let an event happen now; the client hears of it if it subscribed."""
        self.publish(
            SessionEvent(
                at_ms=self.now_ms() - self.epoch_ms,
                event_type=event_type,
                people=people,
                fields=fields,
            )
        )

    async def send_raw(
        self, message: Mapping[str, object] | str | bytes, *, socket: str = "signaling"
    ) -> None:
        """Send anything: a mapping as JSON, a string as text frame, bytes as binary frame.

        Raises:
            LookupError: There is no such socket.
        """
        connection = self.connection(socket)
        if isinstance(message, str):
            connection.put(message.encode(), text=True)
        elif isinstance(message, bytes):
            connection.put(message, text=False)
        else:
            connection.put(self.wire.encode(message))

    # Manual control: sockets

    async def play_raw(self, item: RawMessage) -> None:
        """Send a raw message of the meeting.

        Raises:
            LookupError: There is no such socket, and the message is not optional.
        """
        if item.optional:
            if self.settings.pace is None:
                await self._wait_return(item.socket)
            if not self._has(item.socket):
                return
        await self.send_raw(item.message, socket=item.socket)

    async def _wait_return(self, socket: str) -> None:
        """Wait until the client opened a socket again that a meeting hung up, if it does."""
        until = time.monotonic() + self.settings.timing.drain_s
        while socket in self._hung_up and not self.ended:
            if time.monotonic() > until:
                self._hung_up.discard(socket)  # the next message does not wait once more
            await asyncio.sleep(_POLL_S)

    async def hang_up(self, item: Hangup) -> None:
        """Close a socket as a meeting says."""
        if not self._has(item.socket):
            return
        connection = self.connection(item.socket)
        lost = [connection, *(self.media if connection is self.signaling else ())]
        self._hung_up |= {one.kind for one in lost}
        for one in lost:
            await one.wait_read(timeout_s=self.settings.timing.drain_s)
        if item.code in _NEVER_SENT:
            connection.drop()
        else:
            await connection.close(item.code, item.reason)
        while connection is self.signaling or connection in self.media:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)

    def _has(self, socket: str) -> bool:
        try:
            self.connection(socket)
        except LookupError:
            return False
        return True

    def connection(self, socket: str = "signaling") -> FakeConnection:
        """Return the connection with this name, or that carries the medium of this name.

        Raises:
            LookupError: There is none.
        """
        if socket == "signaling" and self.signaling is not None:
            return self.signaling
        medium = _MEDIA_BY_NAME.get(socket, MediaType(0))
        for connection in self.media:
            if socket == connection.kind or medium & connection.media:
                return connection
        raise LookupError(f"the client has no {socket} connection")

    def drop(self, socket: str = "signaling") -> None:
        """Reset the TCP connection of a socket, without a close frame.

        What the client has not read yet is lost; `FakeConnection.wait_read` waits for it.
        """
        self.connection(socket).drop()

    async def close(self, socket: str = "signaling", code: int = 1000, reason: str = "") -> None:
        """Close a socket with a close frame."""
        await self.connection(socket).close(code, reason)

    def interrupt(self, socket: str = "signaling") -> None:
        """Interrupt a socket the way the server does after missing keep-alives."""
        self.interrupt_connection(self.connection(socket), StopReason.AWAIT_RECONNECTION_TIMEOUT)

    def stall(self, socket: str = "signaling") -> None:
        """Neither read nor write a socket any more, without closing it: a half-open connection."""
        self.connection(socket).stall()

    def silence_keep_alives(self, socket: str = "signaling") -> None:
        """Send no more keep-alives on a socket; everything else goes on."""
        self.connection(socket).keep_alives = False


_MEDIA_BY_NAME: Final[Mapping[str, MediaType]] = {
    "audio": MediaType.AUDIO,
    "video": MediaType.VIDEO,
    "share": MediaType.SHARE,
    "transcript": MediaType.TRANSCRIPT,
    "chat": MediaType.CHAT,
}
