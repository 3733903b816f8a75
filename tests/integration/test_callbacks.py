"""Callbacks of an open stream."""

import asyncio

import pytest
from tests.integration.support import (
    Leaks,
    client_for,
    info_of,
    joined,
    stream_of,
    until,
)

from rtms_client import (
    ActiveSpeakerChanged,
    AudioFrame,
    AudioParams,
    ChatMessage,
    ChatParams,
    InvalidState,
    MediaType,
    RTMSStream,
    SessionEvent,
    Timeouts,
    TranscriptParams,
    TranscriptSegment,
)
from rtms_client.enums import EventType, MessageType
from rtms_client.testing import ADA, GRACE, Chat, FakeRTMSServer


async def test_callbacks_of_client_and_stream() -> None:
    """Callbacks of the client, of the stream, and of an open stream all get their items."""
    heard: dict[str, list[str]] = {"client": [], "stream": [], "open": [], "chat": []}
    speakers: list[object] = []
    async with FakeRTMSServer() as server:
        client = client_for(server, transcript=TranscriptParams(), chat=ChatParams())

        @client.on_transcript
        async def of_client(segment: TranscriptSegment, stream: RTMSStream) -> None:
            assert stream.info.stream_id in client.streams
            heard["client"].append(segment.text)

        @client.on_chat
        def of_chat(message: ChatMessage, _: RTMSStream) -> None:
            heard["chat"].append(message.text)

        @client.on_event
        def of_events(event: SessionEvent, _: RTMSStream) -> None:
            if isinstance(event, ActiveSpeakerChanged):
                speakers.append(event.user_id)

        stream = client.stream(info_of(server))
        stream.on_transcript(lambda segment, _: heard["stream"].append(segment.text))
        async with stream:
            await until(lambda: len([one for one in server.stream.media if one.ready]) == 2)
            stream.on_transcript(lambda segment, _: heard["open"].append(segment.text))
            await server.wait_for(MessageType.EVENT_SUBSCRIPTION)
            await server.stream.send_event(EventType.ACTIVE_SPEAKER_CHANGE, GRACE)
            await server.stream.send_transcript("hello")
            await server.stream.send_chat(Chat(at_ms=0, person=ADA, text="hi"))
            await until(lambda: all(heard.values()) and speakers)
    assert heard == {"client": ["hello"], "stream": ["hello"], "open": ["hello"], "chat": ["hi"]}
    assert speakers == [16779264]
    errors = stream.statistics().callback_errors
    assert sorted(name.rpartition(".")[2] for name in errors) == [
        "<lambda>",
        "of_chat",
        "of_client",
        "of_events",
    ]
    assert set(errors.values()) == {0}


async def test_callbacks_work_off_what_was_received() -> None:
    """After the end callbacks get what is still in their buffers, within the time for it."""
    heard: list[int] = []

    async def take_time(frame: AudioFrame, _: RTMSStream) -> None:
        await asyncio.sleep(0.001)
        heard.append(frame.sequence)

    async with FakeRTMSServer() as server:
        stream = stream_of(server, audio=AudioParams())
        stream.on_audio(take_time)
        async with stream:
            await until(lambda: server.stream.takers(MediaType.AUDIO))
            for number in range(50):
                await server.stream.send_audio(b"1234", timestamp_ms=1790000000000 + 20 * number)
            await until(lambda: stream.statistics().core.frames[MediaType.AUDIO] == 50)
            assert len(heard) < 50
    assert len(heard) == 50


async def test_callback_that_ignores_being_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """A callback that swallows cancellations is cancelled again, then left alone with a warning."""
    holding_out = asyncio.Event()
    calls = 0

    async def hold_out(_: AudioFrame, __: RTMSStream) -> None:
        nonlocal calls
        calls += 1
        while not holding_out.is_set():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async with FakeRTMSServer() as server:
        leaks = Leaks()
        stream = stream_of(server, audio=AudioParams(), timeouts=Timeouts(drain_s=0.01))
        stream.on_audio(hold_out)
        async with stream:
            await until(lambda: server.stream.takers(MediaType.AUDIO))
            await server.stream.send_audio(b"1234")
            await until(lambda: calls)
        [warning] = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
        assert "hold_out does not end although it was cancelled; left alone" in warning
        holding_out.set()
        for task in asyncio.all_tasks():
            if "hold_out" in task.get_name():
                task.cancel()
        await leaks.none()


async def test_callback_registered_after_the_end() -> None:
    """A callback that nothing would ever call is refused."""
    async with FakeRTMSServer() as server:
        async with joined(server, audio=AudioParams()) as stream:
            pass
        with pytest.raises(InvalidState, match="make a new stream"):
            stream.on_audio(lambda _, __: None)
