"""The end of a client: drained within its deadline, and closed from inside."""

import asyncio
import time
from collections import Counter

import pytest
from tests.integration.manager.support import READY, add_streams, client_of, started
from tests.integration.support import at_most, until

from rtms_client import AudioFrame, InvalidParameters, RTMSClient, RTMSStream
from rtms_client.enums import MessageType
from rtms_client.exceptions import StreamRefused
from rtms_client.testing import FakeRTMSServer, Timing


async def test_a_bad_handler_harms_no_other_stream(caplog: pytest.LogCaptureFixture) -> None:
    """One raises, one blocks the loop, one never ends: all frames of all four streams arrive."""
    async with FakeRTMSServer() as server:
        fakes = add_streams(server, 4)
        client = client_of(server)
        frames: dict[str, int] = {}

        @client.on_audio
        async def count(_: AudioFrame, stream: RTMSStream) -> None:
            frames[stream.info.stream_id] = frames.get(stream.info.stream_id, 0) + 1

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            match stream.info.stream_id:
                case "stream-0":
                    raise ZeroDivisionError
                case "stream-1":
                    time.sleep(1)  # noqa: ASYNC251  # what a handler must not do
                case _:
                    await asyncio.Event().wait()

        async with client:
            for fake in fakes:
                client.notify(started(server, fake))
            await until(lambda: sorted(frames.values()) == [50] * 4)
            with at_most(3.0):
                await client.drain(2.0)
            assert client.streams == {}
            assert client.statistics().handler_errors == 1
    assert "handle raised" in caplog.text
    assert server.violations == []


@pytest.mark.slow
async def test_a_loop_that_is_blocked_for_5_seconds_harms_no_other_stream() -> None:
    """The same three handlers against a server that goes on meanwhile, in real time.

    Its keep-alives come three times as often as Zoom's, and it hangs up after three without answer.
    """
    patient = Timing(keep_alive_s=3.0, missed_keep_alives=3, keep_alive_grace_s=8.0)
    async with FakeRTMSServer() as server:
        client = client_of(server)
        told: dict[str, list[AudioFrame]] = {}
        blocked: list[float] = []
        all_talk = asyncio.Event()

        @client.on_audio
        async def keep(frame: AudioFrame, stream: RTMSStream) -> None:
            told.setdefault(stream.info.stream_id, []).append(frame)
            if len(told) == 4:
                all_talk.set()

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            match stream.info.stream_id:
                case "stream-0":
                    raise ZeroDivisionError
                case "stream-1":
                    await all_talk.wait()
                    start = time.monotonic()
                    time.sleep(5)  # noqa: ASYNC251  # what a handler must not do
                    blocked.append(time.monotonic() - start)
                case _:
                    await asyncio.Event().wait()

        portal = client.in_background()
        await asyncio.to_thread(portal.start)
        fakes = add_streams(server, 4, pace=1.0, seconds=7, timing=patient)
        for fake in fakes:
            portal.notify(started(server, fake))
        await until(lambda: [len(frames) for frames in told.values()] == [350] * 4)
        statistics = [stream.statistics() for stream in client.streams.values()]
        with at_most(3.0):
            await asyncio.to_thread(portal.drain, 2.0)
        await asyncio.to_thread(portal.close)
    assert len(blocked) == 1
    assert not any(frame.discontinuity for frames in told.values() for frame in frames)
    assert [one.core.interruptions for one in statistics] == [0] * 4
    answers = Counter(entry.connection_id for entry in server.received(MessageType.KEEP_ALIVE_RESP))
    assert len(answers) == 8  # signaling and audio of four streams
    assert min(answers.values()) >= 2
    assert server.violations == []


async def test_a_client_that_is_drained_refuses_new_streams() -> None:
    """Streams that are there may end by themselves; the drain ends with the last one."""
    async with FakeRTMSServer() as server:
        one, two = add_streams(server, 2)
        client = client_of(server)
        refused: list[str] = []

        @client.on_refused
        async def note(_: object, error: StreamRefused) -> None:
            refused.append(error.reason)

        async with client:
            client.notify(started(server, one))
            await server.wait_for(READY)
            drain = asyncio.create_task(client.drain(60.0))
            await asyncio.sleep(0)
            client.notify(started(server, two))
            await until(lambda: refused)
            await one.terminate()
            with at_most(10.0):
                await drain
    assert refused == ["draining"]


@pytest.mark.parametrize("deadline_s", [0, -1.0, float("nan")])
async def test_a_deadline_that_is_none(deadline_s: float) -> None:
    """To end now there is `close`."""
    async with RTMSClient("id", "secret") as client:
        with pytest.raises(InvalidParameters, match="deadline_s"):
            await client.drain(deadline_s)


@pytest.mark.parametrize("where", ["handler", "callback"])
async def test_a_client_is_closed_from_inside(where: str) -> None:
    """Whoever calls `client.close()` in a stream of its own gets to the end of it."""
    async with FakeRTMSServer() as server:
        fakes = add_streams(server, 3)
        client = client_of(server)
        ends: list[int] = []

        async def close(stream: RTMSStream, *, here: bool) -> None:
            if here and stream.info.stream_id == "stream-2":
                await client.close()
                ends.append(len(client.streams))

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            await close(stream, here=where == "handler")
            await asyncio.Event().wait()

        @client.on_audio
        async def hear(_: AudioFrame, stream: RTMSStream) -> None:
            await close(stream, here=where == "callback" and not ends)

        async with client:
            for fake in fakes:
                client.notify(started(server, fake))
            await until(lambda: ends)
    assert ends == [0]


@pytest.mark.parametrize("where", ["handler", "callback"])
async def test_a_stream_is_closed_from_inside(where: str) -> None:
    """Whoever calls `stream.close()` in the stream gets to its end; the other stream goes on."""
    async with FakeRTMSServer() as server:
        fakes = add_streams(server, 2)
        client = client_of(server)
        ends: list[list[str]] = []

        async def close(stream: RTMSStream, *, here: bool) -> None:
            if here and stream.info.stream_id == "stream-1":
                await stream.close()
                ends.append(list(client.streams))

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            await close(stream, here=where == "handler")
            await asyncio.Event().wait()

        @client.on_audio
        async def hear(_: AudioFrame, stream: RTMSStream) -> None:
            await close(stream, here=where == "callback" and not ends)

        async with client:
            for fake in fakes:
                client.notify(started(server, fake))
            await until(lambda: ends and list(client.streams) == ["stream-0"])
    assert "stream-1" not in ends[0]
    assert server.violations == []
