"""How streams end: announced, asked for, broken, silent; each with its own outcome."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.support import (
    SHORT,
    Leaks,
    at_most,
    client_for,
    collect,
    info_of,
    joined,
    network,
    stream_of,
    until,
)

from rtms_client import (
    AudioParams,
    ChatParams,
    ConnectionLost,
    MediaType,
    NetworkOptions,
    Product,
    RTMSClient,
    RTMSStream,
    StreamInfo,
    StreamStopped,
    Timeouts,
    TranscriptParams,
)
from rtms_client.enums import MessageType, SessionState, StopReason, StreamState
from rtms_client.events import Gap, GapCause, SessionEvent, StreamStateChanged
from rtms_client.exceptions import ConnectionSilent, InvalidState
from rtms_client.protocol import Phase
from rtms_client.testing import (
    ADA,
    Chat,
    FakeRTMSServer,
    Fault,
    FaultKind,
    FaultPlan,
    Recording,
    Timing,
    Variations,
    WireRecorder,
)

TECHNICAL = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 24]


async def test_graceful_close() -> None:
    """Leaving asks the server to end the stream, waits for its answer and closes politely."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        async with joined(server, audio=AudioParams(), transcript=TranscriptParams()) as stream:
            pass
        assert stream.state is Phase.CLOSED
        assert stream.error is None
        assert len(server.received(MessageType.STREAM_CLOSE_REQ)) == 1
        assert len(server.sent(MessageType.STREAM_CLOSE_RESP)) == 1
        assert server.stream.stop_reason == StopReason.RECEIVER_REQUEST_CLOSE
        assert server.violations == []
        await leaks.none()


async def test_close_that_is_not_answered() -> None:
    """A server that does not answer the wish to end does not hold the application up."""
    async with FakeRTMSServer(variations=Variations(answer_close=False)) as server:
        leaks = Leaks()
        stream = stream_of(server, audio=AudioParams(), timeouts=Timeouts(close_s=0.2))
        await stream.open()
        with at_most(0.9):
            await stream.close()
        assert stream.error is None
        await leaks.none()


async def test_close_twice_and_at_the_same_time() -> None:
    """Closing is idempotent, one after the other and side by side."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        stream = stream_of(server, audio=AudioParams())
        await stream.open()
        with at_most(1.0):
            await asyncio.gather(stream.close(), stream.close(), stream.close())
        await stream.close()
        assert len(server.received(MessageType.STREAM_CLOSE_REQ)) == 1
        await leaks.none()


async def test_close_before_open() -> None:
    """Closing a stream that was not opened does nothing."""
    async with FakeRTMSServer() as server:
        stream = stream_of(server, audio=AudioParams())
        await stream.close()
        async with stream:
            assert stream.state is Phase.STREAMING


@pytest.mark.parametrize(
    "timing",
    [Timing(signaling_answer_s=60), Timing(media_answer_s=60)],
    ids=["signaling handshake", "media handshake"],
)
async def test_close_while_opening(timing: Timing) -> None:
    """Closing during a handshake ends the opening at once, normally and without a trace."""
    async with FakeRTMSServer(timing=timing) as server:
        leaks = Leaks()
        client = client_for(server, audio=AudioParams())
        stream = client.stream(info_of(server))
        opening = asyncio.create_task(stream.open())
        kind = "audio" if timing.media_answer_s else "signaling"
        await until(lambda: any(one.socket == kind for one in server.log))
        with at_most(1.0):
            await stream.close()
            await opening
        assert stream.state is Phase.CLOSED
        assert stream.error is None
        assert client.streams == {}
        assert await collect(stream.audio()) == []
        await leaks.none()


async def test_close_while_connecting() -> None:
    """Closing during the HTTP upgrade ends the opening at once."""
    async with FakeRTMSServer(upgrade_delay_s=60) as server:
        leaks = Leaks()
        stream = stream_of(server, audio=AudioParams())
        opening = asyncio.create_task(stream.open())
        await until(lambda: stream.state is Phase.CONNECTING_SIGNALING)
        with at_most(1.0):
            await stream.close()
            await opening
        await leaks.none()


async def test_close_of_the_client() -> None:
    """Leaving the client closes all its streams at the same time."""
    async with FakeRTMSServer(variations=Variations(answer_close=False)) as server:
        leaks = Leaks()
        infos = [info_of(server)]
        for number in range(4):
            more = server.add_stream(
                rtms_stream_id=f"stream-{number}", variations=Variations(answer_close=False)
            )
            infos.append(info_of(server, more))
        client = client_for(server, audio=AudioParams(), timeouts=Timeouts(close_s=0.2))
        async with client:
            streams = [client.stream(info) for info in infos]
            await asyncio.gather(*(stream.open() for stream in streams))
            assert len(client.streams) == 5
            with at_most(0.9):
                await client.close()
        assert client.streams == {}
        assert {stream.state for stream in streams} == {Phase.CLOSED}
        await leaks.none()


async def test_close_from_a_callback() -> None:
    """A callback may close its own stream, and goes on after it."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        client = client_for(server, audio=AudioParams())
        stream = client.stream(info_of(server))
        after = asyncio.Event()

        @stream.on_audio
        async def leave(_: object, stream: RTMSStream) -> None:
            await stream.close()
            after.set()

        await stream.open()
        await until(lambda: server.stream.media and server.stream.media[0].ready)
        await server.stream.send_audio(b"enough")
        with at_most(1.0):
            await after.wait()
        assert client.streams == {}
        assert stream.state is Phase.CLOSED
        await leaks.none()


async def test_meeting_ends() -> None:
    """A normal end of the meeting ends iterators and `wait_ended` without an error."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        async with joined(server, audio=AudioParams()) as stream:
            await server.stream.send_audio(b"last words")
            await server.stream.terminate(StopReason.MEETING_ENDED)
            with at_most(1.0):
                assert [frame.data for frame in await collect(stream.audio())] == [b"last words"]
                await stream.wait_ended()
            assert stream.stop_reason == StopReason.MEETING_ENDED
            assert stream.error is None
        assert server.received(MessageType.STREAM_CLOSE_REQ) == []
        await leaks.none()


@pytest.mark.parametrize("reason", TECHNICAL)
async def test_technical_stop(reason: int) -> None:
    """A stop for a technical reason is an error that says how to go on; what came is delivered."""
    async with FakeRTMSServer() as server:
        async with joined(server, audio=AudioParams()) as stream:
            frames = stream.audio()
            await server.stream.send_audio(b"last words")
            await server.stream.terminate(StopReason(reason))
            assert (await anext(frames)).data == b"last words"
            with at_most(1.0), pytest.raises(StreamStopped) as caught:
                await anext(frames)
            with pytest.raises(StreamStopped):
                await stream.wait_ended()
        assert caught.value.stop_reason == reason
        assert f"stream stopped with reason {reason} {StopReason(reason).name}" in str(caught.value)
        assert stream.stop_reason == reason


async def test_terminated_on_every_connection() -> None:
    """TERMINATED on media connections too is one end, not several."""
    async with (
        FakeRTMSServer(variations=Variations(terminated_on_media=True)) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        await server.stream.terminate(StopReason.MEETING_ENDED)
        await stream.wait_ended()
        events = await collect(stream.events())
        states = [one.state for one in events if isinstance(one, StreamStateChanged)]
        assert states.count(StreamState.TERMINATED) == 1


async def test_connection_closed_after_the_sessions_ended() -> None:
    """A connection that closes after all sessions stopped is a normal end."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        server.stream.change_session_state(SessionState.STOPPED, StopReason.MEETING_ENDED)
        await server.stream.close("signaling", 1000)
        with at_most(1.0):
            await stream.wait_ended()
        assert stream.error is None


@pytest.mark.parametrize("socket", ["signaling", "audio"])
@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 4000])
async def test_close_frame_without_an_end(socket: str, code: int) -> None:
    """A close frame of any code, 1000 too, is a lost connection unless the end was announced."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        async with joined(server, audio=AudioParams()) as stream:
            await server.stream.send_audio(b"last words")
            await until(lambda: stream.statistics().core.frames[MediaType.AUDIO] == 1)
            await server.stream.close(socket, code, "because")
            frames = stream.audio()
            assert (await anext(frames)).data == b"last words"
            with at_most(1.0), pytest.raises(ConnectionLost) as caught:
                await anext(frames)
            assert caught.value.endpoint == socket
            assert caught.value.code == code
            assert caught.value.reason == "because"
            assert f"{socket} connection closed with {code} " in str(caught.value)
            assert stream.state is Phase.CLOSED
        await leaks.none()


@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_reset(socket: str) -> None:
    """A connection that is reset without a close frame is lost with 1006."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        server.stream.drop(socket)
        with at_most(1.0), pytest.raises(ConnectionLost) as caught:
            await stream.wait_ended()
        assert caught.value.endpoint == socket
        assert caught.value.code == 1006
        assert caught.value.retryable


async def test_message_above_the_limit() -> None:
    """A 17 MiB message closes its connection with code 1009, and the error says what to raise."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        async with joined(server, audio=AudioParams()) as stream:
            connection = server.stream.connection("audio")
            await server.stream.send_raw("x" * (17 * 1024 * 1024), socket="audio")
            with at_most(5.0), pytest.raises(ConnectionLost) as caught:
                await stream.wait_ended()
            assert caught.value.code == 1009
            assert "max_message_bytes" in str(caught.value)
            await connection.wait_closed()
            assert connection._ws.close_code == 1009  # noqa: SLF001  # what the server was told
        await leaks.none()


async def test_message_at_the_limit() -> None:
    """A message of just the largest size is delivered."""
    async with (
        FakeRTMSServer() as server,
        joined(
            server, audio=AudioParams(), network=network(server, max_message_bytes=1000)
        ) as stream,
    ):
        text = '{"msg_type":14,"content":{"user_id":0,"timestamp":1790000000000,"data":""}}'
        await server.stream.send_raw(text + " " * (1000 - len(text)), socket="audio")
        assert (await anext(stream.audio())).data == b""
        await server.stream.send_raw(" " * 1001, socket="audio")
        with pytest.raises(ConnectionLost, match="1009"):
            await stream.wait_ended()


@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_silence(socket: str) -> None:
    """A connection on which nothing arrives any more counts as dead, and the error names it."""
    timing = Timing(keep_alive_s=0.05, missed_keep_alives=1000)
    async with FakeRTMSServer(timing=timing) as server:
        leaks = Leaks()
        timeouts = Timeouts(silence_s=1.0, close_s=0.2)
        async with joined(server, audio=AudioParams(), timeouts=timeouts) as stream:
            connection = server.stream.connection(socket)
            connection.stall()
            with at_most(1.0), pytest.raises(ConnectionSilent) as caught:
                await stream.wait_ended()
            assert caught.value.endpoint == socket
            assert caught.value.silence_s == 1.0
            assert f"{socket}: expected a message or keep-alive within 1 s" in str(caught.value)
            connection.resume()
        await leaks.none()


async def test_requests_after_the_end() -> None:
    """What is asked for after the end is refused with the state, not left waiting."""
    async with FakeRTMSServer() as server:
        async with joined(server, audio=AudioParams()) as stream:
            pass
        for ask in (stream.stream_state(), stream.session_state("sess-1")):
            with pytest.raises(InvalidState):
                await ask
        with pytest.raises(InvalidState, match="the stream is over"):
            stream.subscribe_events()
        with pytest.raises(InvalidState, match="CLOSED"):
            stream.moved(stream.info)
        with pytest.raises(InvalidState, match="CLOSED"):
            stream.interrupted()
        with pytest.raises(InvalidState, match="make a new stream"):
            await stream.open()


_SERVER = """
import asyncio
from rtms_client.testing import FakeRTMSServer, bulk_audio

async def main():
    async with FakeRTMSServer(bulk_audio(frames=1000), pace=1.0) as server:
        print(server.signaling_url, server.ca_file, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def server_process() -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """Run a fake server in a process of its own; gives the process, its URL and its authority."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url, ca_file = (await process.stdout.readline()).decode().split()
        yield process, url, ca_file
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_server_process_killed() -> None:
    """When the server process dies the stream is lost at once."""
    async with server_process() as (process, url, ca_file):
        info = StreamInfo(
            product=Product.MEETING,
            product_id="aBcDeFgHiJkLmNoPqRsTuA==",
            stream_id="11111111-2222-3333-4444-555555555555",
            server_urls=[url],
        )
        client = RTMSClient(
            "test-client-id",
            "test-client-secret",
            audio=AudioParams(),
            network=NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False),
            timeouts=SHORT,
            reconnect=None,
        )
        leaks = Leaks()
        async with client.stream(info) as stream:
            frames = stream.audio()
            assert (await anext(frames)).user_id == 16778240
            os.kill(process.pid, signal.SIGKILL)
            with at_most(2.0), pytest.raises(ConnectionLost) as caught:
                await collect(frames)
            assert caught.value.code == 1006
        await leaks.none()


@pytest.mark.parametrize("round_", range(5))
async def test_media_sent_just_before_the_end(round_: int) -> None:
    """What the server sent before TERMINATED is delivered, although it came over other sockets."""
    async with FakeRTMSServer() as server:
        params = {"audio": AudioParams(), "transcript": TranscriptParams(), "chat": ChatParams()}
        async with joined(server, **params) as stream:
            for number in range(2000):
                at_ms = 1790000000000 + 20 * number
                await server.stream.send_audio(bytes(640), timestamp_ms=at_ms)
            await server.stream.send_transcript(f"last words {round_}")
            await server.stream.send_chat(Chat(at_ms=0, person=ADA, text="bye"))
            await server.stream.terminate(StopReason.MEETING_ENDED)
            await stream.wait_ended()
            frames = stream.statistics().core.frames
            assert frames == {MediaType.AUDIO: 2000, MediaType.TRANSCRIPT: 1, MediaType.CHAT: 1}


STUCK = Fault(
    FaultKind.STALL, socket="audio", message=MessageType.MEDIA_DATA_AUDIO, on="sent", after=1
)


async def get_stuck(server: FakeRTMSServer, stream: RTMSStream) -> None:
    """Let the audio connection stand still after a packet, and the stream end."""
    frames = stream.audio()
    await server.stream.send_audio(b"words", timestamp_ms=1790000000000)
    await anext(frames)
    await server.stream.send_audio(b"last words", timestamp_ms=1790000000020)
    await server.stream.terminate(StopReason.MEETING_ENDED)


def check_last_gap(events: list[SessionEvent]) -> None:
    """Check that there is one gap, from the last packet on."""
    (gap,) = [event for event in events if isinstance(event, Gap)]
    assert gap.cause is GapCause.LOST
    assert (gap.from_ms, gap.to_ms) == (1790000000000, None)


async def test_media_that_are_stuck_at_the_end(tmp_path: Path) -> None:
    """Where a connection brings nothing more and does not end, a gap says what may be missing."""
    recorder = WireRecorder(tmp_path / "stuck.jsonl")
    async with (
        FakeRTMSServer(fault=FaultPlan([STUCK])) as server,
        joined(server, audio=AudioParams(), session_factory=recorder) as stream,
    ):
        events = stream.events()
        await get_stuck(server, stream)
        with at_most(2.0):
            await stream.wait_ended()
        check_last_gap(await collect(events))
    replayed = Recording.load(tmp_path / "stuck.jsonl").replay()
    check_last_gap([item for item in replayed if isinstance(item, Gap)])


async def test_leaving_while_media_are_stuck() -> None:
    """Who does not wait for what is stuck is told that it may be missing."""
    async with (
        FakeRTMSServer(fault=FaultPlan([STUCK])) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        events = stream.events()
        await get_stuck(server, stream)
        await until(lambda: stream.state is Phase.CLOSED)
        closing = asyncio.create_task(stream.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        check_last_gap(await collect(events))


@pytest.mark.parametrize("options", [{}, {"audio": AudioParams()}], ids=["nothing", "audio"])
async def test_a_stream_without_media(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Who asks for nothing and waits for items is told why hardly any come."""
    async with FakeRTMSServer() as server, stream_of(server, **options):
        pass
    assert ("no medium was asked for" in caplog.text) == (not options)
