"""The client in a background thread: plain loops, endings, and nobody who waits for ever."""

import asyncio
import contextlib
import functools
import gc
import inspect
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final, NoReturn, Self, TypeVar

import pytest
from tests.integration.support import Leaks, client_for, info_of, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    BufferLimits,
    Buffers,
    DataOption,
    Gap,
    MediaType,
    OverflowPolicy,
    ReconnectPolicy,
    RTMSClient,
    RTMSStream,
    StopReason,
    StreamStopped,
    TranscriptParams,
    VideoParams,
    parse_started,
    webhooks,
)
from rtms_client.enums import EventType, MessageType, SessionState, StreamState
from rtms_client.exceptions import (
    BufferOverflow,
    ConnectionLost,
    InvalidParameters,
    InvalidState,
    StreamNotFound,
)
from rtms_client.portal import Portal, PortalStream
from rtms_client.protocol import Phase
from rtms_client.testing import ADA, FakeRTMSServer, FakeStream, silent_meeting

T = TypeVar("T")
EPOCH_MS: Final = 1790000000000


async def in_thread(work: Callable[[], T]) -> T:
    """Run plain code in a thread, and the fake server here."""
    return await asyncio.wait_for(asyncio.to_thread(work), 8)


async def speak(stream: FakeStream, numbers: range) -> None:
    """Send audio whose first byte and time tell its number."""
    for number in numbers:
        await stream.send_audio(bytes([number % 256]), timestamp_ms=EPOCH_MS + number)


def received(stream: PortalStream) -> int:
    """Tell how many audio frames are in the buffers or were."""
    return stream.statistics().core.frames.get(MediaType.AUDIO, 0)


def is_ready(stream: FakeStream) -> bool:
    """Tell whether media may flow."""
    return any(one.ready for one in stream.media)


def numbers_of(frames: Iterable[AudioFrame]) -> list[int]:
    """Read to the end."""
    return [frame.data[0] for frame in frames]


class Talk:
    """A portal and a joined stream in a thread, driven step by step from the test."""

    def __init__(self, server: FakeRTMSServer, client: RTMSClient) -> None:
        self.portal: Portal = client.in_background()
        self._server = server

    async def __aenter__(self) -> Self:
        self.stream: PortalStream = self.portal.stream(info_of(self._server))
        await in_thread(self.portal.__enter__)
        await in_thread(self.stream.__enter__)
        await until(lambda: any(one.ready for one in self._server.stream.media))
        return self

    async def __aexit__(self, *_: object) -> None:
        await in_thread(self.stream.close)
        await in_thread(self.portal.close)


def talk(server: FakeRTMSServer, **options: Any) -> Talk:  # noqa: ANN401  # passed on
    """Join with audio."""
    return Talk(server, plain_client(server, **options))


def plain_client(server: FakeRTMSServer, **options: Any) -> RTMSClient:  # noqa: ANN401  # passed on
    """Make a client for audio; it waits for the end when a socket is closed before it is told."""
    options = {"audio": AudioParams(), "reconnect": ReconnectPolicy(), **options}
    return client_for(server, **options)


# --- delivery ------------------------------------------------------------------------------------


async def test_loop_that_ends_with_the_stream() -> None:
    """Everything is delivered, then the loop stops."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()

        def work() -> list[int]:
            client = plain_client(server, transcript=TranscriptParams())
            with client.in_background() as portal, portal.stream(info_of(server)) as stream:
                return [frame.timestamp_ms for frame in stream.audio()]

        working = asyncio.create_task(in_thread(work))
        await until(lambda: any(one.ready and one.kind == "audio" for one in server.stream.media))
        await speak(server.stream, range(3000))
        await server.stream.terminate(StopReason.MEETING_ENDED)
        assert await working == [EPOCH_MS + number for number in range(3000)]
        await leaks.none()


async def test_iterator_that_is_broken_off() -> None:
    """After a loop is left another one goes on without loss, although frames come in batches."""
    async with FakeRTMSServer() as server, talk(server) as at:
        await speak(server.stream, range(10))

        def work() -> list[int]:
            while received(at.stream) < 10:
                time.sleep(0.001)
            found: list[int] = []
            gc.disable()  # forgotten is what nothing refers to, and not what waits for collection
            for first in at.stream.audio():  # pragma: no branch  # it is left, that is the point
                found.append(first.data[0])
                break
            for loop in (at.stream.audio, at.stream.__iter__, at.stream.audio):
                with loop() as frames:
                    for frame in frames:  # pragma: no branch  # likewise
                        if isinstance(frame, AudioFrame):
                            found.append(frame.data[0])
                            if len(found) % 3 == 0:
                                break
            for last in at.stream.audio():  # pragma: no branch  # likewise
                found.append(last.data[0])
                break
            gc.enable()
            return found

        assert await in_thread(work) == list(range(10))


async def test_drops_are_announced() -> None:
    """A gap says exactly what a slow consumer lost, in place, also when it is given back."""
    buffers = Buffers(audio=BufferLimits(max_items=10, max_bytes=1_000_000))
    async with FakeRTMSServer() as server, talk(server, buffers=buffers) as at:
        everything = await in_thread(at.stream.__iter__)
        await speak(server.stream, range(100))
        await until(lambda: received(at.stream) == 100)

        def work() -> list[object]:
            nonlocal everything
            for item in everything:  # pragma: no branch  # it is left, that is the point
                if isinstance(item, Gap):
                    break
            everything.close()
            return [*islice(at.stream, 10)]

        rest = await in_thread(work)
        frames = [item for item in rest if isinstance(item, AudioFrame)]
        assert [frame.discontinuity for frame in frames] == [True] + [False] * (len(frames) - 1)
        assert [frame.timestamp_ms - EPOCH_MS for frame in frames] == list(range(90, 100))


async def test_overflow_that_closes() -> None:
    """A slow consumer gets what was received, then the error."""
    limits = BufferLimits(max_items=10, max_bytes=1_000_000, policy=OverflowPolicy.CLOSE)
    async with FakeRTMSServer() as server, talk(server, buffers=Buffers(audio=limits)) as at:
        frames = await in_thread(at.stream.audio)
        await speak(server.stream, range(20))
        with pytest.raises(BufferOverflow):
            await in_thread(at.stream.wait_ended)

        def work() -> int:
            count = 0
            with pytest.raises(BufferOverflow):  # noqa: PT012  # the loop raises at its end
                for _ in frames:
                    count += 1
            return count

        assert await in_thread(work) == 10
        with pytest.raises(BufferOverflow):
            await in_thread(frames.__next__)


@pytest.mark.parametrize("close", ["stream", "portal"])
async def test_buffered_items_survive_the_end(close: str) -> None:
    """What was received is there after the stream, and even after the portal, was closed."""
    async with FakeRTMSServer() as server, talk(server) as at:
        frames = await in_thread(at.stream.audio)
        await speak(server.stream, range(5000))
        await until(lambda: received(at.stream) == 5000)
        await in_thread(at.stream.close if close == "stream" else at.portal.close)
        assert len(await in_thread(lambda: [*frames])) == 5000
        assert await in_thread(lambda: [*frames]) == []
        assert at.stream.state is Phase.CLOSED
        assert await in_thread(lambda: received(at.stream)) == 5000


async def test_error_survives_the_portal() -> None:
    """An abnormal end is raised also after the portal was closed."""
    async with FakeRTMSServer() as server, talk(server) as at:
        frames = await in_thread(at.stream.audio)
        await speak(server.stream, range(3))
        await until(lambda: received(at.stream) == 3)
        await server.stream.terminate(StopReason.KEEP_ALIVE_TIMEOUT)
        await until(lambda: at.stream.state is Phase.CLOSED)
        await in_thread(at.portal.close)
        assert await in_thread(lambda: numbers_of(islice(frames, 3))) == [0, 1, 2]
        with pytest.raises(StreamStopped):
            await in_thread(frames.__next__)
        assert isinstance(at.stream.error, StreamStopped)
        assert at.stream.stop_reason == StopReason.KEEP_ALIVE_TIMEOUT


async def test_loss_raises_in_the_loop() -> None:
    """A broken connection ends a loop that waits, with its error."""
    async with FakeRTMSServer() as server, talk(server, reconnect=None) as at:
        frames = await in_thread(at.stream.audio)
        waiting = asyncio.create_task(in_thread(frames.__next__))
        await asyncio.sleep(0.01)
        server.kill()
        with pytest.raises(ConnectionLost):
            await waiting


async def test_two_loops_in_two_threads() -> None:
    """Each gets everything."""
    async with FakeRTMSServer() as server, talk(server) as at:
        loops = [await in_thread(at.stream.audio) for _ in range(2)]
        jobs = [
            asyncio.create_task(in_thread(functools.partial(numbers_of, loop))) for loop in loops
        ]
        await speak(server.stream, range(200))
        await server.stream.terminate(StopReason.MEETING_ENDED)
        assert await asyncio.gather(*jobs) == [list(range(200))] * 2


async def test_stream_that_cannot_be_joined() -> None:
    """Entering raises what the server says."""
    async with FakeRTMSServer() as server:
        started = server.started_webhook()
        started["payload"]["rtms_stream_id"] = "unknown"

        def work() -> None:
            client = plain_client(server)
            with client.in_background() as portal:
                stream = portal.stream(parse_started(started))
                with pytest.raises(StreamNotFound):
                    stream.__enter__()

        await in_thread(work)


# --- control and facts ---------------------------------------------------------------------------


async def test_control_and_facts() -> None:
    """Everything that the asynchronous stream can do."""
    meeting = silent_meeting()
    individual = VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)
    async with (
        FakeRTMSServer(meeting) as server,
        talk(server, video=individual, transcript=TranscriptParams()) as at,
    ):
        stream = at.stream
        await server.wait_for(MessageType.EVENT_SUBSCRIPTION)
        await server.stream.send_event(EventType.PARTICIPANT_JOIN, ADA)
        await server.stream.send_event(EventType.ACTIVE_SPEAKER_CHANGE, ADA)
        await until(lambda: stream.active_speaker)
        assert [*stream.participants] == [16778240]
        assert await in_thread(stream.stream_state) is StreamState.ACTIVE
        assert await in_thread(stream.session_state) is SessionState.STARTED
        await in_thread(lambda: stream.subscribe_video(16778240))
        await in_thread(stream.subscribe_events)
        assert (stream.state, stream.error, stream.stop_reason) == (Phase.STREAMING, None, None)
        assert stream.info == info_of(server)
        assert stream.granted.audio is not None
        assert stream.started_ms is not None
        assert stream.statistics().core.messages > 0
        assert repr(stream) == f"<PortalStream {stream.info.stream_id} streaming>"
        assert [repr(one) for one in at.portal.streams.values()] == [repr(stream)]
        for name in ("video", "transcript", "events"):
            getattr(stream, name)().close()
        for name in ("share", "chat"):
            with pytest.raises(InvalidState, match=f"{name} was not asked for; pass RTMSClient"):
                getattr(stream, name)()


def test_a_stream_has_a_complete_twin() -> None:
    """What an `RTMSStream` can, a `PortalStream` can, with the same arguments."""
    asynchronous = {"open", "leave", "observe", "has_callbacks"}  # callbacks are the client's
    for name in set(vars(RTMSStream)) - asynchronous:
        if not name.startswith("_"):
            ours, theirs = (inspect.getattr_static(one, name) for one in (PortalStream, RTMSStream))
            assert isinstance(ours, property) is isinstance(theirs, property), name
            if not isinstance(ours, property):
                found, wanted = inspect.signature(ours), inspect.signature(theirs)
                assert found.parameters == wanted.parameters, name


async def test_words_of_webhooks() -> None:
    """An application may pass on by hand what webhooks say."""
    async with FakeRTMSServer() as server, talk(server) as at:
        [before] = server.stream.media
        await in_thread(lambda: at.stream.moved(info_of(server)))
        await until(lambda: any(one.ready for one in server.stream.media if one is not before))
        await in_thread(at.stream.interrupted)
        with pytest.raises(InvalidState, match="has died"):
            await in_thread(lambda: at.stream.restarted(info_of(server)))
        await in_thread(lambda: at.stream.stopped(StopReason.MEETING_ENDED))
        assert await in_thread(lambda: [*at.stream.audio()]) == []


async def test_notifications_start_handlers_in_threads() -> None:
    """A started webhook runs the plain handler; one that raises is reported, others go on."""
    async with FakeRTMSServer() as server:
        streams = [server.stream, server.add_stream(rtms_stream_id="second")]
        client = plain_client(server)
        portal = client.in_background()
        found: dict[str, list[int]] = {}
        ends: list[tuple[str, str]] = []

        @portal.on_stream
        def handle(stream: PortalStream) -> None:
            numbers = found[stream.info.stream_id] = []
            for frame in stream.audio():
                numbers.append(frame.data[0])
                if stream.info.stream_id == "second":
                    raise LookupError("no room")

        @client.on_stream_end
        def ended(stream: RTMSStream, error: Exception | None) -> None:
            ends.append((stream.info.stream_id, type(error).__name__))

        assert handle.__name__ == "handle"
        with portal:
            for stream in streams:
                portal.notify(webhooks.parse(server.started_webhook(stream)))
            for stream in streams:
                await until(functools.partial(is_ready, stream))
                await speak(stream, range(3))
            await until(lambda: ends == [("second", "LookupError")])
            await speak(streams[0], range(3, 6))
            await streams[0].terminate(StopReason.MEETING_ENDED)
            await until(lambda: len(ends) == 2)
        assert found == {streams[0].settings.rtms_stream_id: [0, 1, 2, 3, 4, 5], "second": [0]}
        assert ends[1][1] == "NoneType"


async def test_drain() -> None:
    """No more streams, and an end in time."""
    async with FakeRTMSServer() as server, talk(server) as at:
        with pytest.raises(InvalidParameters, match="deadline_s"):
            await in_thread(lambda: at.portal.drain(0))
        await in_thread(lambda: at.portal.drain(0.5))
        assert at.stream.state is Phase.CLOSED


# --- life ----------------------------------------------------------------------------------------


async def test_leaving_from_inside_of_callbacks() -> None:
    """A callback, on the loop or in a thread, may close its stream and the whole portal."""

    def portal_in_thread(at: Talk) -> Callable[..., object]:
        return lambda _item, _stream: at.portal.close()

    def portal_on_the_loop(at: Talk) -> Callable[..., Awaitable[None]]:
        async def leave(_item: object, _stream: object) -> None:  # runs on the loop
            at.portal.close()

        return leave

    def stream_in_thread(at: Talk) -> Callable[..., object]:
        return lambda _item, _stream: at.stream.close()

    def stream_on_the_loop(at: Talk) -> Callable[..., Awaitable[None]]:
        async def leave(_item: object, _stream: object) -> None:  # runs on the loop
            at.stream.close()

        return leave

    for leave in (portal_in_thread, portal_on_the_loop, stream_in_thread, stream_on_the_loop):
        async with FakeRTMSServer() as server:
            client = plain_client(server)
            at = Talk(server, client)
            client.on_audio(leave(at))
            leaks = Leaks()
            async with at:
                frames = await in_thread(at.stream.audio)
                await speak(server.stream, range(1))
                assert len(await in_thread(functools.partial(numbers_of, frames))) == 1, (
                    leave.__name__
                )
            assert not at.portal.running
            await leaks.none()


async def test_waiting_on_the_loop_is_refused() -> None:
    """An async callback that waits for its own loop hears what to do instead of hanging."""
    async with FakeRTMSServer() as server:
        client = plain_client(server)
        at = Talk(server, client)
        caught: list[InvalidState] = []

        @client.on_audio
        async def wrong(_frame: AudioFrame, stream: RTMSStream) -> None:  # likewise
            assert received(at.stream) == 1  # facts are at hand
            with pytest.raises(InvalidState, match="await the coroutine") as error:
                at.portal.call(stream.stream_state)
            caught.append(error.value)

        async with at:
            await speak(server.stream, range(1))
            await until(lambda: caught)


async def test_closing_wakes_everybody() -> None:
    """Threads that wait, for frames or for an end, go on when another one closes the portal."""
    async with FakeRTMSServer() as server, talk(server) as at:
        never: asyncio.Future[None] = asyncio.Future()

        async def endless() -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_shielded(never), loop))

        loop = asyncio.get_running_loop()
        frames = await in_thread(at.stream.audio)
        jobs = [
            asyncio.create_task(in_thread(lambda: [*frames])),
            asyncio.create_task(in_thread(at.stream.wait_ended)),
            asyncio.create_task(in_thread(lambda: at.portal.call(endless))),
        ]
        await asyncio.sleep(0.05)
        await in_thread(at.portal.close)
        assert await jobs[0] == []
        await jobs[1]
        with pytest.raises(InvalidState, match="cannot use the client in state NOT OPEN"):
            await jobs[2]
        never.cancel()


async def _shielded(future: asyncio.Future[None]) -> None:
    await asyncio.wait([future])


async def test_closing_waits_for_nobody_for_ever() -> None:
    """A coroutine that holds out against being cancelled is left behind, and its caller goes on."""
    async with FakeRTMSServer() as server, talk(server) as at:
        begun = threading.Event()

        async def stubborn() -> NoReturn:
            begun.set()
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)

        calling = asyncio.create_task(in_thread(lambda: at.portal.call(stubborn)))
        await until(begun.is_set)
        await in_thread(at.portal.close)
        with pytest.raises(InvalidState, match="cannot use the client in state NOT OPEN"):
            await calling


async def test_used_outside() -> None:
    """Before and after its time the portal says what to do; it is started once."""
    async with FakeRTMSServer() as server:
        client = plain_client(server)
        portal = client.in_background()
        portal.close()
        stream = portal.stream(info_of(server))
        stream.close()
        assert stream.state is Phase.IDLE
        with pytest.raises(InvalidState, match="in_background"):
            portal.notify(webhooks.parse(server.started_webhook()))
        with pytest.raises(InvalidState, match="in_background"):
            stream.__enter__()
        with pytest.raises(InvalidState, match="use `async with"):
            stream.stopped()
        with portal:
            with pytest.raises(InvalidState, match="start a portal twice"):
                portal.start()
            with pytest.raises(InvalidState, match="open the client twice"):
                client.in_background().start()
        portal.close()
        with pytest.raises(InvalidState, match="start a portal twice"):
            portal.start()
        with client.in_background() as another:
            assert another.running


async def test_cycles_from_several_threads() -> None:
    """A thousand portals that are closed at any moment, from four threads, and no deadlock."""
    async with FakeRTMSServer() as server:
        client = plain_client(server)
        started = webhooks.parse(server.started_webhook())
        unknown = webhooks.parse(
            {"event": "meeting.rtms_stopped", "payload": {"rtms_stream_id": "unknown"}}
        )

        def cycles(seed: int) -> None:
            dice = random.Random(seed)
            mine = plain_client(server)
            for _ in range(250):
                portal = mine.in_background().start()
                if dice.random() < 0.02:
                    portal.notify(started)
                others = [
                    threading.Thread(target=dice.choice([portal.close, _ask(portal)]))
                    for _ in range(2)
                ]
                for other in others:
                    other.start()
                with contextlib.suppress(InvalidState):  # it is being closed
                    portal.notify(unknown)
                portal.close()
                for other in others:
                    other.join()

        with ThreadPoolExecutor(4) as threads:
            loop = asyncio.get_running_loop()
            jobs = [loop.run_in_executor(threads, cycles, seed) for seed in range(4)]
            await asyncio.wait_for(asyncio.gather(*jobs), 50)
        assert client.streams == {}


def _ask(portal: Portal) -> Callable[[], None]:
    def ask() -> None:
        assert isinstance(portal.streams, dict)

    return ask
