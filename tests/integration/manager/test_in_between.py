"""Notifications that meet a stream before it has begun, while it ends, or that change nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn, cast

import attrs
import pytest
from tests.integration.manager.support import HELLO, READY, client_of, started, stopped
from tests.integration.support import CLIENT_ID, CLIENT_SECRET, SHORT, info_of, network, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    Credentials,
    InvalidParameters,
    RTMSClient,
    RTMSStream,
    StreamInfo,
)
from rtms_client.protocol import Phase
from rtms_client.testing import FakeRTMSServer, tone_meeting
from rtms_client.webhooks import Notification, parse

PATIENT: Final = attrs.evolve(SHORT, drain_s=20)


def paths(server: FakeRTMSServer) -> list[str]:
    """Return the paths of the open signaling connections."""
    return [one.path for one in server.connections if one.kind == "signaling"]


def moved(server: FakeRTMSServer, **payload: object) -> Notification:
    """Return a started webhook that is newer than those before, with other facts perhaps."""
    webhook = server.started_webhook()
    webhook["event_ts"] += 1000
    webhook["payload"].update(payload)
    return parse(webhook)


def interrupted(server: FakeRTMSServer, **payload: object) -> Notification:
    """Return an interrupted webhook, with the URLs of new servers perhaps."""
    webhook = server.interrupted_webhook()
    webhook["event_ts"] += 1000
    webhook["payload"].update(payload)
    return parse(webhook)


# --- before it has begun -------------------------------------------------------------------------


async def test_an_interruption_right_behind_the_start() -> None:
    """Both come before the stream was opened: it is joined at the server that was named last."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        client.notify(started(server))
        client.notify(interrupted(server, server_urls=server.move()))
        await server.wait_for(READY)
        assert paths(server) == ["/signaling?move=1"]
        assert len(server.received(HELLO)) == 1


async def test_an_interruption_without_a_server_right_behind_the_start() -> None:
    """There is nothing to reconnect yet: the stream is joined where the start says."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        client.notify(started(server))
        client.notify(interrupted(server))
        await server.wait_for(READY)
        assert client.statistics().interrupted == 1
        assert len(server.received(HELLO)) == 1


class Lookup:
    """Finds the credentials of a client when it is told to."""

    def __init__(self) -> None:
        self.asked: asyncio.Event = asyncio.Event()
        self.found: asyncio.Event = asyncio.Event()

    async def find(self, _: StreamInfo) -> Credentials:
        """Look up the credentials of a stream."""
        self.asked.set()
        await self.found.wait()
        return Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)


@asynccontextmanager
async def looking_up(server: FakeRTMSServer) -> AsyncIterator[tuple[RTMSClient, Lookup]]:
    """Give a client whose only stream waits for its credentials."""
    lookup = Lookup()
    client = RTMSClient(credentials=lookup.find, network=network(server), audio=AudioParams())
    async with client:
        client.notify(started(server))
        await lookup.asked.wait()
        yield client, lookup


async def test_a_stop_while_credentials_are_looked_up_opens_nothing() -> None:
    """The stream ends normally as soon as they are found."""
    async with FakeRTMSServer() as server, looking_up(server) as (client, lookup):
        ends: list[Exception | None] = []
        client.on_stream_end(lambda _, error: ends.append(error))
        client.notify(stopped(server))
        await until(lambda: client.statistics().stopped)
        assert list(client.streams)
        lookup.found.set()
        await until(lambda: ends)
        assert ends == [None]
        assert client.streams == {}
        assert server.received(HELLO) == []


async def test_an_interruption_while_credentials_are_looked_up() -> None:
    """The stream is joined once, at the server that the interrupted webhook names."""
    async with FakeRTMSServer() as server, looking_up(server) as (client, lookup):
        client.notify(interrupted(server, server_urls=server.move()))
        await until(lambda: client.statistics().interrupted)
        lookup.found.set()
        await server.wait_for(READY)
        assert paths(server) == ["/signaling?move=1"]
        assert len(server.received(HELLO)) == 1


# --- while it ends -------------------------------------------------------------------------------


@asynccontextmanager
async def ending(server: FakeRTMSServer) -> AsyncIterator[tuple[RTMSClient, asyncio.Event]]:
    """Give a client whose stream was lost while a callback is at work, and what lets that end."""
    client = client_of(server, reconnect=None, timeouts=PATIENT)
    hangs, go_on = asyncio.Event(), asyncio.Event()

    @client.on_audio
    async def hang(_: AudioFrame, __: RTMSStream) -> None:
        hangs.set()
        await go_on.wait()

    async with client:
        client.notify(started(server))
        await hangs.wait()
        (stream,) = client.streams.values()
        server.stream.drop("signaling")
        await until(lambda: stream.state is Phase.CLOSED)
        yield client, go_on


async def test_a_start_while_the_stream_ends_joins_it_again() -> None:
    """Zoom moved the stream just when we lost it: it is joined anew once nothing is left of it."""
    async with FakeRTMSServer(tone_meeting(seconds=1)) as server, ending(server) as (client, go_on):
        (lost,) = client.streams.values()
        server.move()
        client.notify(moved(server))
        client.notify(moved(server))  # delivered twice
        await until(lambda: client.statistics().moved and client.statistics().ignored)
        go_on.set()
        await server.wait_for(READY, count=2)
        assert paths(server) == ["/signaling?move=1"]
        (again,) = client.streams.values()
        assert again is not lost
        assert client.statistics().started == 2


async def test_a_start_while_a_drained_client_ends_joins_nothing() -> None:
    """The stream was lost, and meanwhile the client takes no new ones."""
    async with FakeRTMSServer(tone_meeting(seconds=1)) as server, ending(server) as (client, go_on):
        client.notify(moved(server))
        await until(lambda: client.statistics().moved)
        drain = asyncio.create_task(client.drain(60))
        await asyncio.sleep(0)
        go_on.set()
        await drain
        assert client.streams == {}
        assert client.statistics().started == 1
        assert len(server.received(HELLO)) == 1


async def test_an_interruption_while_the_stream_ends_changes_nothing() -> None:
    """It is lost already, and nothing is reconnected."""
    async with FakeRTMSServer(tone_meeting(seconds=1)) as server, ending(server) as (client, go_on):
        client.notify(interrupted(server, server_urls=server.move()))
        await until(lambda: client.statistics().interrupted)
        go_on.set()
        await until(lambda: not client.streams)
        assert len(server.received(HELLO)) == 1


# --- what changes nothing ------------------------------------------------------------------------


async def test_a_move_to_where_nobody_may_go(caplog: pytest.LogCaptureFixture) -> None:
    """The host is not allowed: the log says so, and the stream stays where it is."""
    async with FakeRTMSServer() as server, client_of(server) as client:
        client.notify(started(server))
        await server.wait_for(READY)
        client.notify(moved(server, server_urls="wss://evil.test/"))
        await until(lambda: "changes nothing" in caplog.text)
        (stream,) = client.streams.values()
        assert stream.state is Phase.STREAMING
        assert len(server.received(HELLO)) == 1
    assert "RTMSStarted changes nothing: " in caplog.text
    assert "evil.test" in caplog.text


async def test_leaving_before_it_was_opened() -> None:
    """A stream that is left before anybody opened it ends as soon as it is opened."""
    async with FakeRTMSServer() as server:
        stream = client_of(server).stream(info_of(server))
        stream.leave()
        async with stream:
            assert stream.state is Phase.CLOSED
        assert server.received(HELLO) == []


# --- handlers of all kinds -----------------------------------------------------------------------


def test_a_plain_function_handles_no_stream() -> None:
    """It could not wait for anything; the message says what to write instead."""
    client = RTMSClient("id", "secret")

    def handle(_: RTMSStream) -> None: ...

    with pytest.raises(InvalidParameters, match=r"expected a coroutine function, got .*handle"):
        client.on_stream(cast("Any", handle))


async def test_a_handler_whose_work_is_cancelled_failed() -> None:
    """What it awaited was cancelled, not the handler: that is its error."""
    async with FakeRTMSServer() as server:
        client = client_of(server)
        ends: list[Exception | None] = []
        client.on_stream_end(lambda _, error: ends.append(error))

        @client.on_stream
        async def handle(_: RTMSStream) -> None:
            work = asyncio.create_task(asyncio.Event().wait())
            work.cancel()
            await work

        async with client:
            client.notify(started(server))
            await until(lambda: ends)
        assert client.statistics().handler_errors == 1
    assert str(ends) == "[RuntimeError('CancelledError()')]"


async def test_a_handler_that_holds_out_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Closing the client ends although a handler ignores being cancelled; the log names it."""
    async with FakeRTMSServer() as server:
        client = client_of(server, timeouts=attrs.evolve(SHORT, drain_s=0.05))
        tasks: list[asyncio.Task[None] | None] = []
        released: list[bool] = []

        @client.on_stream
        async def stubborn(_: RTMSStream) -> None:
            tasks.append(asyncio.current_task())
            while not released:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

        async with client:
            client.notify(started(server))
            await until(lambda: tasks)
        assert "stubborn does not end although it was cancelled; left alone" in caplog.text
        (task,) = tasks
        assert task is not None
        released.append(True)
        task.cancel()
        await asyncio.wait([task])


async def test_what_is_no_exception_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """A handler ends with something that nobody catches: it is logged, the other one goes on."""

    class Alien(BaseException):
        pass

    async with FakeRTMSServer() as server:
        client = client_of(server)
        heard: list[RTMSStream] = []

        @client.on_stream
        async def fail(_: RTMSStream) -> NoReturn:
            raise Alien

        @client.on_stream
        async def go_on(stream: RTMSStream) -> None:
            await until(lambda: "internal error" in caplog.text)
            heard.append(stream)

        async with client:
            client.notify(started(server))
            await until(lambda: heard)
    assert "Alien" in caplog.text
