"""From notifications to streams: starts, moves and stops reach the right stream."""

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.integration.manager.support import (
    BYE,
    HELLO,
    READY,
    add_streams,
    client_of,
    started,
    stopped,
)
from tests.integration.support import Leaks, info_of, until

from rtms_client import InvalidParameters, InvalidState, RTMSClient, RTMSStarted, RTMSStream
from rtms_client.enums import StopReason
from rtms_client.exceptions import StreamNotFound, StreamRefused
from rtms_client.manager import keep_first, prefer_original_host
from rtms_client.testing import FakeRTMSServer
from rtms_client.webhooks import Notification, parse

if TYPE_CHECKING:
    from rtms_client import AudioFrame


def paths(server: FakeRTMSServer) -> list[str]:
    """Return the paths of the open signaling connections."""
    return [one.path for one in server.connections if one.kind == "signaling"]


async def test_callbacks_serve_streams_that_notifications_start() -> None:
    """Three started webhooks, one callback: each stream delivers its second of audio."""
    async with FakeRTMSServer() as server:
        streams = add_streams(server, 3)
        client = client_of(server)
        frames: dict[str, int] = {}

        @client.on_audio
        async def count(frame: "AudioFrame", stream: RTMSStream) -> None:
            assert frame.size
            frames[stream.info.stream_id] = frames.get(stream.info.stream_id, 0) + 1

        async with client:
            for stream in streams:
                client.notify(started(server, stream))
            await until(lambda: list(frames.values()) == [50, 50, 50])
            assert sorted(client.streams) == ["stream-0", "stream-1", "stream-2"]
        assert client.streams == {}
    assert server.violations == []


async def test_handlers_get_each_stream() -> None:
    """Two handlers, each called with the open stream; both read all of it."""
    async with FakeRTMSServer() as server:
        streams = add_streams(server, 2)
        client = client_of(server)
        read: list[tuple[str, int]] = []

        @client.on_stream
        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            assert client.streams[stream.info.stream_id] is stream
            read.append((stream.info.stream_id, len([frame async for frame in stream.audio()])))

        async with client:
            for stream in streams:
                client.notify(started(server, stream))
            await until(lambda: len(client.streams) == 2)
            for stream in streams:
                await stream.played.wait()
                await stream.terminate(reason=StopReason.MEETING_ENDED)
            await until(lambda: len(read) == 4)
    assert sorted(read) == [("stream-0", 50)] * 2 + [("stream-1", 50)] * 2


async def test_a_stream_is_left_when_its_last_handler_returns() -> None:
    """Nobody reads it any more, so the server is asked to end it."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        ends: list[Exception | None] = []

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            await anext(stream.events())

        @client.on_stream_end
        async def end(_: RTMSStream, error: Exception | None) -> None:
            ends.append(error)

        async with client:
            client.notify(started(server))
            await server.wait_for(BYE)
            await until(lambda: ends)
    assert ends == [None]


async def test_a_stream_with_callbacks_outlives_its_handlers() -> None:
    """A handler may register callbacks and return."""
    async with FakeRTMSServer() as server:
        (fake,) = add_streams(server, 1)
        client = client_of(server)
        frames: list[AudioFrame] = []

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            @stream.on_audio
            async def keep(frame: "AudioFrame", _: RTMSStream) -> None:
                frames.append(frame)

        async with client:
            client.notify(started(server, fake))
            await until(lambda: len(frames) == 50)


async def test_a_repeated_webhook_opens_nothing() -> None:
    """Five deliveries at once: one signaling connection."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        for _ in range(5):
            client.notify(started(server))
        await server.wait_for(READY)
        assert len(server.received(HELLO)) == 1
        assert client.statistics().ignored == 4


async def test_a_later_start_moves_the_stream() -> None:
    """The same stream object goes on at the new URL, and the old connections are closed."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        client.notify(started(server))
        await server.wait_for(READY)
        stream = next(iter(client.streams.values()))
        server.move()
        moved = server.started_webhook()
        moved["event_ts"] += 1000
        client.notify(parse(moved))
        await server.wait_for(READY, count=2)
        assert paths(server) == ["/signaling?move=1"]
        assert list(client.streams.values()) == [stream]
        assert client.statistics().moved == 1


async def test_a_move_right_behind_the_start_wins() -> None:
    """Both come before the stream was opened: only the new URL is connected."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        first = server.started_webhook()
        server.move()
        second = server.started_webhook()
        second["event_ts"] += 1000
        client.notify(parse(first))
        client.notify(parse(second))
        await server.wait_for(READY)
        assert paths(server) == ["/signaling?move=1"]
        assert len(server.received(HELLO)) == 1


async def test_an_interrupted_webhook_reconnects() -> None:
    """The server lost signaling and says so: everything is done again."""
    async with FakeRTMSServer() as server, client_of(server, reconnect=None) as client:
        client.notify(started(server))
        await server.wait_for(READY)
        interrupted = server.interrupted_webhook()
        interrupted["payload"]["server_urls"] = server.move()
        client.notify(parse(interrupted))
        await until(lambda: not client.streams)
        assert client.statistics().interrupted == 1


async def test_a_stopped_webhook_ends_the_stream() -> None:
    """The stream ends normally, without another word to the server."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        ends: list[tuple[str, Exception | None]] = []
        client.on_stream_end(lambda stream, error: ends.append((stream.info.stream_id, error)))
        async with client:
            client.notify(started(server))
            await server.wait_for(READY)
            client.notify(stopped(server, reason=StopReason.MEETING_ENDED))
            await until(lambda: ends)
        assert ends == [(server.stream.settings.rtms_stream_id, None)]
        assert server.received(BYE) == []


async def test_a_stop_right_behind_the_start_opens_nothing() -> None:
    """Both come before the stream was opened."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        client.notify(started(server))
        client.notify(stopped(server))
        await until(lambda: client.statistics().stopped)
        await until(lambda: not client._manager._served)  # noqa: SLF001  # nothing public shows it
        assert server.received(HELLO) == []


async def test_a_stream_that_does_not_exist_any_more_is_reported() -> None:
    """A redelivered start of a stream that is over: status 2."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        ends: list[Exception | None] = []
        client.on_stream_end(lambda _, error: ends.append(error))
        async with client:
            webhook = server.started_webhook()
            webhook["payload"]["rtms_stream_id"] = "gone"
            client.notify(parse(webhook))
            await until(lambda: ends)
            assert client.statistics().failed == 1
    (error,) = ends
    assert isinstance(error, StreamNotFound)


async def test_a_loop_that_ends_with_an_error_is_no_failed_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """How the stream ended is told once, as its end, and not as a fault of the handler."""
    async with FakeRTMSServer() as server:
        [stream] = add_streams(server, 1)
        client = client_of(server)
        ended: list[Exception | None] = []

        @client.on_stream
        async def read(joined: RTMSStream) -> None:
            async for frame in joined.audio():
                assert frame.size

        @client.on_stream_end
        async def note(_: RTMSStream, error: Exception | None) -> None:
            ended.append(error)

        async with client:
            client.notify(started(server, stream))
            await until(lambda: server.received(READY))
            client.notify(stopped(server, stream, StopReason.INTERNAL_EXCEPTION))
            await until(lambda: ended)
        assert str(ended).startswith("[StreamStopped(")
        assert client.statistics().handler_errors == 0
        assert "handler" not in caplog.text


async def test_from_any_thread() -> None:
    """Eight threads deliver the same ten starts: ten streams."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        notifications = [started(server, stream) for stream in add_streams(server, 10)]

        def deliver() -> None:
            for notification in notifications:
                client.notify(notification)

        threads = [threading.Thread(target=deliver) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        await server.wait_for(READY, count=10)
        assert len(client.streams) == len(server.received(HELLO)) == 10


async def test_a_client_that_is_not_open_refuses() -> None:
    """Before and after ``async with`` nobody is there to do it."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        with pytest.raises(InvalidState, match="async with client"):
            client.notify(started(server))
        async with client:
            pass
        with pytest.raises(InvalidState, match="NOT OPEN"):
            client.notify(started(server))


def test_a_client_whose_loop_is_gone_refuses() -> None:
    """The loop was closed without leaving the client."""
    notification = Notification(event="user.created")

    async def enter() -> Any:  # noqa: ANN401  # a client
        async with FakeRTMSServer() as server:
            client = client_of(server)
            await client.__aenter__()
            return client

    client = asyncio.run(enter())
    with pytest.raises(InvalidState):
        client.notify(notification)


async def test_a_client_is_opened_once_at_a_time() -> None:
    """The second ``async with`` is refused while the first is open, and fine behind it."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        async with client:
            with pytest.raises(InvalidState, match="twice"):
                await client.__aenter__()
        async with client:
            client.notify(started(server))
            await server.wait_for(READY)


async def test_what_is_no_notification_is_refused() -> None:
    """The raw webhook is not what `notify` takes."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        with pytest.raises(InvalidParameters, match=r"webhooks\.receive"):
            client.notify(cast("Any", server.started_webhook()))


async def test_what_comes_while_closing_is_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    """A notification on its way to the loop when the client closes is logged, not lost silently."""
    caplog.set_level(logging.INFO, "rtms_client.client")
    async with FakeRTMSServer() as server:
        client = client_of(server)
        async with client:
            client.notify(started(server))
        await until(lambda: "not taken" in caplog.text)
        assert server.received(HELLO) == []


# --- other notifications -------------------------------------------------------------------------


async def test_notifications_about_no_stream_go_to_their_callbacks() -> None:
    """A concurrency limit, and what this version does not know."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        heard: list[Notification] = []
        threads: list[str] = []

        @client.on_notification
        async def hear(notification: Notification) -> None:
            heard.append(notification)

        @client.on_notification
        def hear_in_thread(_: Notification) -> None:
            threads.append(threading.current_thread().name)

        limited = parse({"event": "rtms.concurrency_limited", "payload": {}})
        async with client:
            client.notify(limited)
            await until(lambda: heard and threads)
    assert heard == [limited]
    assert threads != ["MainThread"]


async def test_notifications_nobody_wants_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One line, without the content."""
    caplog.set_level(logging.INFO, "rtms_client.client")
    async with FakeRTMSServer() as server, client_of(server) as client:
        client.notify(parse({"event": "user.created", "payload": {"name": "Ada"}}))
        await until(lambda: "user.created is about no stream" in caplog.text)
    assert "Ada" not in caplog.text


async def test_a_hook_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The other hooks are called, and the client goes on."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        heard: list[Notification] = []

        @client.on_notification
        async def fail(_: Notification) -> None:
            raise ZeroDivisionError

        client.on_notification(heard.append)
        async with client:
            client.notify(Notification(event="user.created"))
            await until(lambda: heard and client.statistics().handler_errors)
    assert "fail raised" in caplog.text


# --- which streams to join -----------------------------------------------------------------------


async def test_too_many_streams_are_refused_aloud(caplog: pytest.LogCaptureFixture) -> None:
    """The third stream is logged, reported and counted, and the two others go on."""
    async with FakeRTMSServer() as server:
        first, second, third = add_streams(server, 3)
        client = client_of(server, max_streams=2)
        refused: list[tuple[str, str]] = []

        @client.on_refused
        async def note(announced: RTMSStarted, error: StreamRefused) -> None:
            refused.append((announced.stream_id, error.reason))

        async with client:
            for stream in (first, second, third):
                client.notify(started(server, stream))
            await server.wait_for(READY, count=2)
            await until(lambda: refused)
            assert sorted(client.streams) == ["stream-0", "stream-1"]
            assert client.statistics().refused == 1
            with pytest.raises(StreamRefused):
                await client.stream(info_of(server, third)).open()
    assert refused == [("stream-2", "limit")]
    assert "at most 2 streams" in caplog.text


def test_room_for_no_stream_is_no_limit() -> None:
    """A client that may have no stream is a mistake."""
    with pytest.raises(InvalidParameters, match="max_streams: expected 1 or more, got 0"):
        RTMSClient("id", "secret", max_streams=0)


async def test_the_stream_of_the_original_host_takes_over() -> None:
    """The arbiter prefers it: the other one is left gracefully."""
    async with FakeRTMSServer() as server:
        other, host = (
            server.add_stream(rtms_stream_id=name, product_id="one meeting")
            for name in ("other", "host")
        )
        client = client_of(server, arbiter=prefer_original_host)
        async with client:
            webhook = server.started_webhook(other)
            webhook["payload"]["is_original_host"] = False
            client.notify(parse(webhook))
            await server.wait_for(READY)
            client.notify(started(server, host))
            await server.wait_for(BYE)
            await until(lambda: list(client.streams) == ["host"])


async def test_a_stream_is_replaced_before_it_was_opened() -> None:
    """Both starts come at once: only the preferred stream is joined."""
    async with FakeRTMSServer() as server:
        other, host = (
            server.add_stream(rtms_stream_id=name, product_id="one meeting")
            for name in ("other", "host")
        )
        client = client_of(server, arbiter=prefer_original_host)
        async with client:
            webhook = server.started_webhook(other)
            webhook["payload"]["is_original_host"] = False
            client.notify(parse(webhook))
            client.notify(started(server, host))
            await until(lambda: list(client.streams) == ["host"])
            await server.wait_for(READY)


async def test_an_arbiter_that_raises_keeps_all(caplog: pytest.LogCaptureFixture) -> None:
    """A fault in it costs no stream."""

    def fail(_: object) -> list[Any]:
        raise ZeroDivisionError

    async with FakeRTMSServer() as server, client_of(server, arbiter=fail) as client:
        for name in ("one", "two"):
            stream = server.add_stream(rtms_stream_id=name, product_id="one meeting")
            client.notify(started(server, stream))
        await server.wait_for(READY, count=2)
        assert len(client.streams) == 2
    assert "the arbiter raised; all streams are kept" in caplog.text


async def test_the_first_stream_is_kept() -> None:
    """The second one of the meeting is refused."""
    async with FakeRTMSServer() as server, client_of(server, arbiter=keep_first) as client:
        for name in ("one", "two"):
            stream = server.add_stream(rtms_stream_id=name, product_id="one meeting")
            client.notify(started(server, stream))
        await server.wait_for(READY)
        await until(lambda: client.statistics().refused)
        assert list(client.streams) == ["one"]


async def test_a_stream_that_the_application_joined_moves_too() -> None:
    """`client.stream` and `notify` know of each other."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        async with client.stream(info_of(server)) as stream:
            client.notify(started(server))
            await server.wait_for(READY)  # it may be on its way when the stream is open
            server.move()
            moved = server.started_webhook()
            moved["event_ts"] += 1000
            client.notify(parse(moved))
            await server.wait_for(READY, count=2)
            assert list(client.streams.values()) == [stream]
        assert client.statistics().started == 0


async def test_nothing_is_left() -> None:
    """No task, thread, socket or file outlives the client."""
    async with FakeRTMSServer() as server:
        streams = add_streams(server, 5)
        leaks = Leaks()
        client = client_of(server)
        client.on_stream_end(lambda _, __: None)
        async with client:
            for stream in streams:
                client.notify(started(server, stream))
            await server.wait_for(READY, count=5)
        await leaks.none(within_s=5)
