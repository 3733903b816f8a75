"""Cancelling at every await of the shell leaves nothing behind."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

import pytest
from tests.integration.support import Leaks, at_most, client_for, collect, info_of, network, until
from typing_extensions import override

from rtms_client import (
    AudioFrame,
    AudioParams,
    Credentials,
    DataOption,
    RTMSClient,
    RTMSStream,
    StreamInfo,
    Timeouts,
    TranscriptParams,
    VideoParams,
)
from rtms_client.enums import MessageType, SessionState, StreamState
from rtms_client.testing import FakeRTMSServer, Variations, bulk_audio

Moment = Literal["at once", "when what it waits for is done"]
MOMENTS: Final = ("at once", "when what it waits for is done")


class Clockwork:
    """Cancels one task when the shell suspends for the n-th time, in whichever of its tasks."""

    def __init__(self, steps: int, moment: Moment) -> None:
        self.left = steps
        self.task: asyncio.Task[None] | None = None
        self._moment = moment

    def suspended(self, waited_for: Any) -> Any:  # noqa: ANN401  # whatever asyncio waits for
        """Count one suspension."""
        self.left -= 1
        if self.left == 0:
            if self._moment == "at once" or waited_for is None:
                self._cancel()
            else:
                waited_for.add_done_callback(self._cancel)
        return waited_for

    def _cancel(self, _: object = None) -> None:
        assert self.task is not None
        self.task.cancel()

    def factory(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,  # noqa: ANN401  # any coroutine, also a counted one
        **options: Any,  # noqa: ANN401  # passed on
    ) -> "asyncio.Task[Any]":
        """Make tasks; those of the shell are counted."""
        code = getattr(coroutine, "cr_code", None)
        name = code.co_filename.replace("\\", "/") if code is not None else ""
        if "/rtms_client/" in name and "/testing/" not in name:
            coroutine = Counted(coroutine, self)
        return asyncio.Task(coroutine, loop=loop, **options)


class Counted(Coroutine[Any, Any, None]):
    """A coroutine whose suspensions are counted."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], clockwork: Clockwork) -> None:
        self._coroutine = coroutine
        self._clockwork = clockwork

    @override
    def send(self, value: Any) -> Any:
        return self._clockwork.suspended(self._coroutine.send(value))

    @override
    def throw(self, *error: Any) -> Any:
        return self._clockwork.suspended(self._coroutine.throw(*error))

    close: Any = None  # it is only run as a task
    __await__: Any = None


async def cancel_everywhere(
    moment: Moment,
    make_server: Callable[[], FakeRTMSServer],
    make_client: Callable[[FakeRTMSServer], RTMSClient],
    use: Callable[[FakeRTMSServer, RTMSStream], Coroutine[Any, Any, None]],
) -> int:
    """Use a stream again and again, cancelled one step later each time, until it gets through.

    Returns:
        How many steps there are.
    """
    loop = asyncio.get_running_loop()
    steps = 0
    while True:
        steps += 1
        clockwork = Clockwork(steps, moment)
        async with make_server() as server:
            leaks = Leaks()
            client = make_client(server)
            stream = client.stream(info_of(server))
            loop.set_task_factory(clockwork.factory)
            task = clockwork.task = loop.create_task(Counted(use(server, stream), clockwork))
            with at_most(1.0):
                await asyncio.wait([task])
            loop.set_task_factory(None)
            assert client.streams == {}
            await leaks.none(collect=not task.cancelled())
        if not task.cancelled():
            task.result()
            return steps


def three_media(server: FakeRTMSServer) -> RTMSClient:
    """Return a client for three media, each on a connection of its own."""
    return client_for(
        server,
        audio=AudioParams(),
        video=VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM),
        transcript=TranscriptParams(),
    )


@pytest.mark.parametrize("moment", MOMENTS)
async def test_opening_and_closing(moment: Moment) -> None:
    """A stream that is cancelled while it opens or closes leaves no connection behind."""

    async def use(_: FakeRTMSServer, stream: RTMSStream) -> None:
        await stream.open()
        await stream.close()

    steps = await cancel_everywhere(moment, FakeRTMSServer, three_media, use)
    assert steps > 20


@pytest.mark.parametrize("moment", MOMENTS)
async def test_streaming_and_requests(moment: Moment) -> None:
    """Cancelling while iterators, requests and a context manager are at work leaves nothing."""

    async def use(server: FakeRTMSServer, stream: RTMSStream) -> None:
        async with stream:
            await until(lambda: len(server.stream.media) == 3)
            assert await stream.stream_state() == StreamState.ACTIVE
            assert await stream.session_state("sess-1") == SessionState.STARTED
            await stream.subscribe_video(16778240)
            async with stream.audio() as frames:
                assert len(await collect(frames, 100)) == 100

    def make_server() -> FakeRTMSServer:
        return FakeRTMSServer(bulk_audio(frames=100, terminate=False), pace=None)

    steps = await cancel_everywhere(moment, make_server, three_media, use)
    assert steps > 20


@pytest.mark.parametrize("moment", MOMENTS)
async def test_callbacks_at_work(moment: Moment) -> None:
    """Cancelling the owner ends asynchronous and plain callbacks, wherever they are."""

    async def use(_: FakeRTMSServer, stream: RTMSStream) -> None:
        async with stream:
            await stream.wait_ended()

    async def slow(_: AudioFrame, __: RTMSStream) -> None:
        for _turn in range(3):
            await asyncio.sleep(0)

    async def quick(frame: AudioFrame) -> None:
        assert frame.data

    def make_client(server: FakeRTMSServer) -> RTMSClient:
        client = client_for(server, audio=AudioParams())
        client.on_audio(slow)
        client.on_audio(lambda _, __: None)
        client.on_audio(lambda frame, _: quick(frame))  # not known to be asynchronous
        return client

    def make_server() -> FakeRTMSServer:
        return FakeRTMSServer(bulk_audio(frames=5), pace=None)

    steps = await cancel_everywhere(moment, make_server, make_client, use)
    assert steps > 20


@pytest.mark.parametrize("moment", MOMENTS)
async def test_close_that_the_server_does_not_answer(moment: Moment) -> None:
    """Cancelling a graceful close closes the connections at once."""

    async def use(_: FakeRTMSServer, stream: RTMSStream) -> None:
        await stream.open()
        await stream.close()

    def make_client(server: FakeRTMSServer) -> RTMSClient:
        return client_for(server, audio=AudioParams(), timeouts=Timeouts(close_s=0.05))

    def make_server() -> FakeRTMSServer:
        return FakeRTMSServer(variations=Variations(answer_close=False))

    steps = await cancel_everywhere(moment, make_server, make_client, use)
    assert steps > 8


@pytest.mark.parametrize("moment", MOMENTS)
async def test_credentials_that_are_looked_up(moment: Moment) -> None:
    """A stream that is cancelled while its credentials are looked up can be opened again."""

    async def use(_: FakeRTMSServer, stream: RTMSStream) -> None:
        await stream.open()
        await stream.close()

    async def look_up(_: StreamInfo) -> Credentials:
        await asyncio.sleep(0)
        return Credentials(client_id="test-client-id", client_secret="test-client-secret")

    def make_client(server: FakeRTMSServer) -> RTMSClient:
        return RTMSClient(
            credentials=look_up, network=network(server), audio=AudioParams(), reconnect=None
        )

    steps = await cancel_everywhere(moment, FakeRTMSServer, make_client, use)
    assert steps > 8


@pytest.mark.parametrize("turns", range(8))
async def test_cancelled_twice(turns: int) -> None:
    """A second cancellation while the first one is being dealt with loses no connection."""
    loop = asyncio.get_running_loop()
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        client = three_media(server)
        task = loop.create_task(client.stream(info_of(server)).open())
        await server.wait_for(MessageType.DATA_HAND_SHAKE_REQ)
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert client.streams == {}
        await leaks.none()
