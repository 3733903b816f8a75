"""Zoom's event WebSocket over real TLS sockets: notifications, tokens, losses and secrets."""

import asyncio
import functools
import json
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import attrs
import pytest

from rtms_client import BufferLimits, NetworkOptions, ReconnectPolicy, RTMSStarted
from rtms_client.event_socket import EventSocket, EventSocketOptions
from rtms_client.exceptions import (
    BufferOverflow,
    CertificateRejected,
    ConnectFailed,
    EventSocketLost,
    HostNotAllowed,
    InternalError,
    InvalidState,
    TokenUnavailable,
)
from rtms_client.testing import EventShape, FakeEventSocket

from .support import Leaks, until

CANARY: Final = "canary-token"
QUICK: Final = EventSocketOptions(
    retry=ReconnectPolicy(first_delay_s=0.01, base_s=0.01, cap_s=0.01, jitter=0, attempts=3)
)


def event(number: int) -> dict[str, Any]:
    """Make a started event."""
    return {
        "event": "meeting.rtms_started",
        "event_ts": 1790000000000,
        "payload": {
            "meeting_uuid": "m",
            "rtms_stream_id": f"s-{number}",
            "server_urls": "wss://rtms.zoom.us",
        },
    }


async def canary() -> str:
    """Find the token."""
    return CANARY


def _call(function: Callable[[], Awaitable[str]]) -> Awaitable[str]:
    return function()


def socket_of(
    zoom: FakeEventSocket,
    token: Callable[[], str | Awaitable[str]] = canary,
    options: EventSocketOptions = QUICK,
    subscription_id: str = "sub-1",
    **network: Any,  # noqa: ANN401  # passed on
) -> EventSocket:
    """Make an event socket for a fake one."""
    network.setdefault("ssl_context", zoom.ssl_context())
    reach = NetworkOptions(**{"allowed_hosts": ("localhost",), "proxy": False, **network})
    return EventSocket(subscription_id, token, url=zoom.url, network=reach, options=options)


@asynccontextmanager
async def joined(
    options: EventSocketOptions = QUICK,
    token: Callable[[], str | Awaitable[str]] = canary,
    *,
    shape: EventShape = "text",
) -> AsyncIterator[tuple[FakeEventSocket, EventSocket]]:
    """Connect to a fake, and check that nothing is left of it."""
    async with FakeEventSocket(shape=shape) as zoom:
        leaks = Leaks()
        async with socket_of(zoom, token, options) as events:
            await until(lambda: zoom.connections)
            yield zoom, events
        await leaks.none()


def has(zoom: FakeEventSocket, count: int) -> bool:
    """Tell whether there were so many connections."""
    return len(zoom.connections) == count


async def stream_ids(events: EventSocket, count: int) -> list[str]:
    """Read so many started events."""
    found: list[str] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            told = await anext(events)
            assert isinstance(told, RTMSStarted)
            found.append(told.stream_id)
    return found


@pytest.mark.parametrize("shape", ["text", "object", "bare"])
async def test_notifications(shape: EventShape) -> None:
    """What is published comes as notification, in order, whatever its shape."""
    async with joined(shape=shape) as (zoom, events):
        for number in range(3):
            await zoom.publish(event(number))
        assert await stream_ids(events, 3) == ["s-0", "s-1", "s-2"]
        [connection] = zoom.connections
        assert (connection.subscription_id, connection.token) == ("sub-1", CANARY)
        await until(lambda: connection.heartbeats == 1)


async def test_heartbeats_go_on() -> None:
    """They are sent again and again."""
    async with joined(attrs.evolve(QUICK, heartbeat_s=0.02)) as (zoom, events):
        await until(lambda: zoom.connections[0].heartbeats >= 3)
        assert events.connected
        assert repr(events) == "<EventSocket open>"


async def test_server_that_says_nothing() -> None:
    """It is not documented that it confirms or answers anything, so nothing follows from it."""
    options = attrs.evolve(QUICK, heartbeat_s=0.01, silence_s=0.02)
    async with FakeEventSocket(confirm=False, answer_heartbeats=False) as zoom:
        async with socket_of(zoom, options=options):
            await until(lambda: zoom.connections and zoom.connections[0].heartbeats > 5)
        assert len(zoom.connections) == 1


async def test_server_that_falls_silent() -> None:
    """One that has answered heartbeats and stops is left for another connection."""
    options = attrs.evolve(QUICK, heartbeat_s=0.01, silence_s=0.5)
    async with joined(options) as (zoom, _):
        await until(lambda: zoom.connections[0].heartbeats > 3)
        zoom.answer_heartbeats = False
        await until(lambda: len(zoom.connections) > 1)


async def test_lost_connection_comes_back() -> None:
    """Each connection has a token of its own, and iteration goes on over all of them."""
    tokens = iter(["t-1", "t-2", "t-3"])

    async def token() -> str:
        return next(tokens)

    async with joined(token=token) as (zoom, events):
        for number in range(2):
            await zoom.publish(event(number))
            assert await stream_ids(events, 1) == [f"s-{number}"]
            zoom.connections[-1].drop()
            await until(functools.partial(has, zoom, number + 2))
        await zoom.publish(event(2))
        assert await stream_ids(events, 1) == ["s-2"]
        assert [one.token for one in zoom.connections] == ["t-1", "t-2", "t-3"]
        assert events.statistics().connections == 3


async def test_renewal_loses_nothing_and_repeats_nothing() -> None:
    """A fresh token comes before the old one expires, while events flow."""
    options = attrs.evolve(QUICK, renew_after_s=0.05)
    async with joined(options) as (zoom, events):
        reading = asyncio.create_task(stream_ids(events, 200))
        for number in range(200):
            await zoom.publish(event(number))
            await asyncio.sleep(0.002)
        assert sorted(await reading) == sorted(f"s-{number}" for number in range(200))
        assert len(zoom.connections) > 2


async def test_plain_function_runs_in_a_thread() -> None:
    """A token that is fetched with a blocking client holds up nobody."""
    threads = []

    def token() -> str:
        threads.append(threading.current_thread())
        return CANARY

    async with joined(token=token):
        assert threads[0] is not threading.main_thread()


async def test_plain_function_may_return_an_awaitable() -> None:
    """Such as a lambda or a partial object around a coroutine function."""
    async with joined(token=functools.partial(_call, canary)) as (zoom, _):
        assert zoom.connections[0].token == CANARY


async def test_failing_token_function() -> None:
    """Its error is the cause; after some tries it is the end."""

    async def token() -> str:
        raise LookupError("no secret store")

    async with FakeEventSocket() as zoom:
        with pytest.raises(EventSocketLost) as caught:
            await socket_of(zoom, token).__aenter__()
        cause = caught.value.__cause__
        assert isinstance(cause, TokenUnavailable)
        assert cause.args == ("LookupError",)
        assert str(cause.__cause__) == "no secret store"
        assert zoom.connections == []


async def test_token_function_that_failed_once() -> None:
    """A secret store may be away for a moment."""
    results: Iterator[Any] = iter([None, "", CANARY])

    def token() -> str:
        found: str = next(results)
        return found

    async with joined(token=token) as (zoom, _):
        assert [one.token for one in zoom.connections] == [CANARY]


async def test_refused_token() -> None:
    """The error names the HTTP status, and not the token."""
    async with FakeEventSocket() as zoom:
        zoom.accept = {"another"}
        with pytest.raises(EventSocketLost, match="HTTP status 401") as caught:
            await socket_of(zoom).__aenter__()
        assert isinstance(caught.value.__cause__, ConnectFailed)
        assert caught.value.attempts == 3


async def test_server_that_is_back_in_time() -> None:
    """Refusals in between do no harm."""
    async with FakeEventSocket() as zoom:
        zoom.refuse = HTTPStatus.SERVICE_UNAVAILABLE
        options = attrs.evolve(QUICK, retry=attrs.evolve(QUICK.retry, attempts=None))
        events = socket_of(zoom, options=options)
        entering = asyncio.create_task(events.__aenter__())
        await until(lambda: events.statistics().attempts > 2)
        zoom.refuse = None
        async with asyncio.timeout(10):
            await entering
        await events.close()


async def test_lost_for_good() -> None:
    """What was received is delivered, then the loop raises."""
    async with joined() as (zoom, events):
        await zoom.publish(event(0))
        await until(lambda: events.statistics().notifications == 1)
        zoom.refuse = HTTPStatus.SERVICE_UNAVAILABLE
        zoom.connections[0].drop()
        await until(lambda: not events.connected)
        assert await stream_ids(events, 1) == ["s-0"]
        for _ in range(2):
            with pytest.raises(EventSocketLost, match="HTTP status 503"):
                await stream_ids(events, 1)


async def test_untrusted_server() -> None:
    """TLS is verified, and not tried twice."""
    async with FakeEventSocket() as zoom:
        events = socket_of(zoom, ssl_context=None)
        with pytest.raises(CertificateRejected):
            await events.__aenter__()
        assert events.statistics().attempts == 1


def test_host_is_checked() -> None:
    """A URL that does not lead to Zoom is refused before anything is opened."""
    with pytest.raises(HostNotAllowed):
        EventSocket("sub-1", canary, url="wss://zoom.us.evil.test/ws")
    with pytest.raises(HostNotAllowed):
        EventSocket("sub-1", canary, url="ws://ws.zoom.us/ws")


async def test_close_ends_the_loop() -> None:
    """A consumer that waits is told; so is one that comes later."""
    async with joined() as (_, events):
        reading = asyncio.create_task(stream_ids(events, 1))
        await asyncio.sleep(0)
        await events.close()
        with pytest.raises(StopAsyncIteration):
            await reading
        assert [told async for told in events] == []


async def test_cancelled_iteration_loses_nothing() -> None:
    """The next one gets what came."""
    async with joined() as (zoom, events):
        reading = asyncio.create_task(stream_ids(events, 1))
        await asyncio.sleep(0)
        await zoom.publish(event(0))
        reading.cancel()
        await asyncio.wait([reading])
        assert await stream_ids(events, 1) == ["s-0"]


async def test_cancelled_entering_leaves_nothing() -> None:
    """Neither a task nor a socket, whatever it was waiting for."""

    async def token() -> str:
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await never

    async with FakeEventSocket() as zoom:
        leaks = Leaks()
        entering = asyncio.create_task(socket_of(zoom, token).__aenter__())
        await asyncio.sleep(0.01)
        entering.cancel()
        await asyncio.wait([entering])
        await leaks.none()


async def test_full_buffer() -> None:
    """An application that does not read is told so, after what fitted."""
    limits = BufferLimits(max_items=2, max_bytes=10_000)
    async with joined(attrs.evolve(QUICK, buffer=limits)) as (zoom, events):
        for number in range(4):
            await zoom.publish(event(number))
        await until(lambda: not events.connected)
        assert await stream_ids(events, 2) == ["s-0", "s-1"]
        with pytest.raises(BufferOverflow):
            await anext(events)


async def test_buffer_full_of_bytes() -> None:
    """Bytes count as well, but only those of notifications that still wait."""
    size = len(json.dumps({"module": "message", "content": json.dumps(event(0))}))
    limits = BufferLimits(max_items=100, max_bytes=size * 5 // 2)
    async with joined(attrs.evolve(QUICK, buffer=limits)) as (zoom, events):
        for number in range(4):
            await zoom.publish(event(number))
            assert await stream_ids(events, 1) == [f"s-{number}"]
        for number in range(4, 7):
            await zoom.publish(event(number))
        await until(lambda: not events.connected)
        assert await stream_ids(events, 2) == ["s-4", "s-5"]
        with pytest.raises(BufferOverflow):
            await anext(events)


async def test_large_message() -> None:
    """One over 1 MiB ends its connection, and the next connection works."""
    async with joined() as (zoom, events):
        await zoom.connections[0].send("x" * (1024 * 1024 + 1))
        await until(lambda: len(zoom.connections) == 2)
        await zoom.publish(event(0))
        assert await stream_ids(events, 1) == ["s-0"]


async def test_noise() -> None:
    """Messages that are no events, or no messages, are counted and nothing else."""
    async with joined() as (zoom, events):
        for noise in ("{", b"\xff", "[]", "{}", '{"module": "x"}', '{"module": "message"}'):
            await zoom.connections[0].send(noise)
        await zoom.publish(event(0))
        assert await stream_ids(events, 1) == ["s-0"]
        assert events.statistics().unreadable == 4


async def first_end(*sockets: EventSocket) -> None:
    """Raise what ends one of them first."""
    tasks = [asyncio.create_task(stream_ids(one, 1)) for one in sockets]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await done.pop()


async def test_second_connection_of_a_subscription() -> None:
    """Zoom closes the first one; whoever is cut off again and again gives up."""
    async with joined() as (zoom, events), socket_of(zoom) as other:
        await until(lambda: not (events.connected and other.connected))
        with pytest.raises(EventSocketLost):
            await asyncio.wait_for(first_end(events, other), 10)


async def test_two_subscriptions() -> None:
    """Each has a connection of its own."""
    async with joined() as (zoom, events), socket_of(zoom, subscription_id="sub-2") as other:
        await zoom.publish(event(0))
        assert await stream_ids(events, 1) == await stream_ids(other, 1) == ["s-0"]


async def test_used_in_the_wrong_order() -> None:
    """It is entered once, and before it is read."""
    async with FakeEventSocket() as zoom:
        events = socket_of(zoom)
        with pytest.raises(InvalidState, match="cannot read events in state IDLE"):
            await anext(events)
        async with events:
            with pytest.raises(InvalidState, match="cannot open an event socket twice"):
                await events.__aenter__()


async def test_secrets_stay_secret(caplog: pytest.LogCaptureFixture) -> None:
    """The token is in the URL, and nowhere else: no log of ours, no error, no repr."""
    caplog.set_level(logging.DEBUG)
    errors: list[BaseException] = []
    async with joined() as (zoom, events):
        await zoom.connections[0].close(1011, f"bad token {CANARY}")
        await until(lambda: len(zoom.connections) == 2)
        zoom.accept = set()
        zoom.connections[1].drop()
        with pytest.raises(EventSocketLost) as caught:
            await anext(events)
        errors.append(caught.value)
        shown = repr(events)
    while (cause := errors[-1].__cause__) is not None:
        shown += f"{cause} {cause!r} {cause.args}"
        errors.append(cause)
    assert CANARY not in shown + "".join(f"{error} {error!r} {error.args}" for error in errors)
    ours = [one for one in caplog.records if one.name.startswith("rtms_client")]
    assert len(ours) > 3
    assert not any(CANARY in one.getMessage() for one in ours)


async def test_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault inside ends the loop with an error that says so, instead of silence."""
    async with joined() as (zoom, events):

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(events._machine, "receive", broken)  # noqa: SLF001  # cannot be provoked
        await zoom.publish(event(0))
        with pytest.raises(InternalError, match="ZeroDivisionError"):
            await anext(events)


def test_fake_that_does_not_run() -> None:
    """The fake says what to do."""
    with pytest.raises(RuntimeError, match="enter it with 'async with'"):
        _ = FakeEventSocket().url
