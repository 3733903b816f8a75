"""Streams that the server ends for a technical reason are started again and go on."""

import asyncio
import logging
from typing import Any, Final

import attrs
import pytest
from tests.integration.manager.support import READY, client_of, started, stopped
from tests.integration.support import CLIENT_ID, CLIENT_SECRET, Leaks, info_of, network, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    Credentials,
    Gap,
    InvalidState,
    RTMSClient,
    RTMSStream,
    StreamInfo,
    StreamInterrupted,
    StreamResumed,
    StreamStopped,
)
from rtms_client.config import CredentialsSource, RestartPolicy
from rtms_client.enums import MessageType, StopReason
from rtms_client.exceptions import CredentialsUnavailable, HostNotAllowed
from rtms_client.protocol import Phase
from rtms_client.protocol.restart import RestartRequest
from rtms_client.testing import FakeRTMSServer, FakeStream, tone_meeting

QUICK: Final = RestartPolicy(
    attempts=2, first_delay_s=0.01, base_s=0.05, jitter=0, wait_s=0.5, budget_s=5
)


class Zoom:
    """The REST API of a fake server: starts a new stream of the same meeting."""

    def __init__(self, server: FakeRTMSServer) -> None:
        self.server = server
        self.requests: list[RestartRequest] = []
        self.streams: list[FakeStream] = [server.stream]
        self.client: RTMSClient | None = None

    async def start(self, request: RestartRequest) -> None:
        """Start again, and send the webhook."""
        self.requests.append(request)
        stream = self.server.add_stream(
            tone_meeting(seconds=1, terminate=False),
            rtms_stream_id=f"again-{len(self.requests)}",
            pace=None,
            epoch_ms=self.server.stream.epoch_ms + 5000 * len(self.requests),
        )
        self.streams.append(stream)
        assert self.client is not None
        self.client.notify(started(self.server, stream))

    async def kill(self) -> None:
        """End the newest stream for a technical reason."""
        await self.streams[-1].terminate(reason=StopReason.INSTANCE_CONNECTION_INTERRUPTED)


def make(server: FakeRTMSServer, **options: Any) -> tuple[Zoom, RTMSClient]:  # noqa: ANN401  # passed on
    """Return a client whose streams are started again, and who starts them."""
    zoom = Zoom(server)
    client = client_of(server, restart=zoom.start, restart_policy=QUICK, **options)
    zoom.client = client
    return zoom, client


async def test_a_handler_and_callbacks_go_on() -> None:
    """One handler, one callback: both see the first stream, the interruption and the second."""
    async with FakeRTMSServer(tone_meeting(seconds=1, terminate=False), pace=None) as server:
        leaks = Leaks()
        zoom, client = make(server)
        story: list[str] = []
        frames: list[AudioFrame] = []
        handled: list[str] = []

        @client.on_audio
        async def keep(frame: AudioFrame, _: RTMSStream) -> None:
            frames.append(frame)

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            handled.append(stream.info.stream_id)
            told = StreamInterrupted | StreamResumed | Gap
            story.extend([type(item).__name__ async for item in stream if isinstance(item, told)])

        async with client:
            client.notify(started(server))
            await until(lambda: len(frames) == 50)
            (stream,) = client.streams.values()
            await zoom.kill()
            await until(lambda: len(frames) == 100)
            assert client.streams == {"again-1": stream}
            assert stream.info.stream_id == "again-1"
            client.notify(stopped(server, reason=StopReason.INSTANCE_CONNECTION_INTERRUPTED))
            await zoom.kill()
            await until(lambda: len(frames) == 150)
            assert stream.statistics().core.restarts == 2
            assert client.statistics().restarted == 2
            assert client.statistics().started == 1
        assert len(handled) == 1
        assert story == ["StreamInterrupted", "StreamResumed", "Gap"] * 2
        numbers = [frame.sequence for frame in frames]
        assert numbers == sorted(set(numbers))
        assert [request.info.stream_id for request in zoom.requests] == [
            server.stream.settings.rtms_stream_id,
            "again-1",
        ]
        await leaks.none(within_s=5)
    assert server.violations == []


async def test_a_stream_that_the_application_joined_goes_on() -> None:
    """`client.stream` and `notify` together: the same iterator delivers both streams."""
    async with FakeRTMSServer(tone_meeting(seconds=1, terminate=False), pace=None) as server:
        zoom, client = make(server)
        async with client, client.stream(info_of(server)) as stream:
            audio = stream.audio()
            for _ in range(50):
                await anext(audio)
            await zoom.kill()
            for _ in range(50):
                await anext(audio)
            assert stream.info.stream_id == "again-1"


async def test_without_notify_the_stream_is_told() -> None:
    """`stream.restarted` does what `notify` would."""
    async with FakeRTMSServer(tone_meeting(seconds=1, terminate=False), pace=None) as server:
        new = server.add_stream(
            tone_meeting(seconds=1, terminate=False), rtms_stream_id="again", pace=None
        )

        async def start(_: RestartRequest) -> None:
            stream.restarted(info_of(server, new))

        client = client_of(server, restart=start, restart_policy=QUICK)
        async with client.stream(info_of(server)) as stream:
            with pytest.raises(InvalidState, match="has died"):
                stream.restarted(info_of(server, new))
            await server.wait_for(READY)
            await server.stream.terminate(reason=StopReason.KEEP_ALIVE_TIMEOUT)
            await server.wait_for(READY, count=2)
            assert client.streams == {"again": stream}


async def test_a_hook_that_raises_is_called_again(caplog: pytest.LogCaptureFixture) -> None:
    """Its failure is logged; the second try succeeds."""
    caplog.set_level(logging.WARNING, "rtms_client.stream")
    async with FakeRTMSServer() as server:
        zoom, client = make(server)

        async def start(request: RestartRequest) -> None:
            if request.attempt == 1:
                raise ZeroDivisionError
            await zoom.start(request)

        client = zoom.client = client_of(server, restart=start, restart_policy=QUICK)
        async with client:
            client.notify(started(server))
            await server.wait_for(READY)
            await zoom.kill()
            await server.wait_for(READY, count=2)
    assert "restart hook raised" in caplog.text
    assert "goes on as stream again-1" in caplog.text


async def ends_of(server: FakeRTMSServer, client: RTMSClient) -> StreamStopped:
    """Let the server end a stream; return the error that it ends with."""
    ends: list[Exception | None] = []
    client.on_stream_end(lambda _, error: ends.append(error))
    async with client:
        client.notify(started(server))
        await server.wait_for(READY)
        await server.stream.terminate(reason=StopReason.KEEP_ALIVE_TIMEOUT)
        await until(lambda: ends)
    (error,) = ends
    assert isinstance(error, StreamStopped)
    return error


async def test_a_hook_may_decline() -> None:
    """It knows that the meeting is over."""

    async def decline(_: RestartRequest) -> bool:
        return False

    async with FakeRTMSServer() as server:
        error = await ends_of(server, client_of(server, restart=decline, restart_policy=QUICK))
    assert [what for _, what in error.history] == ["try 1: the hook declined"]


async def test_no_webhook_comes() -> None:
    """The start was accepted twice, and nothing followed."""

    async def start(_: RestartRequest) -> None:
        pass

    policy = RestartPolicy(
        attempts=2, first_delay_s=0.01, base_s=0.01, jitter=0, wait_s=0.05, budget_s=5
    )
    async with FakeRTMSServer() as server:
        error = await ends_of(server, client_of(server, restart=start, restart_policy=policy))
    assert [what for _, what in error.history] == [
        "try 1: no started webhook came",
        "try 2: no started webhook came",
    ]


async def test_a_hook_whose_work_is_cancelled_failed() -> None:
    """What it awaited was cancelled, not the hook."""

    async def start(_: RestartRequest) -> None:
        raise asyncio.CancelledError

    async with FakeRTMSServer() as server:
        error = await ends_of(server, client_of(server, restart=start, restart_policy=QUICK))
    assert error.history[-1][1] == "try 2: the hook was cancelled"


async def test_closing_ends_a_hook() -> None:
    """The hook hangs when the client is closed: it is cancelled, and nothing is left."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        hanging = asyncio.Event()

        async def start(_: RestartRequest) -> None:
            hanging.set()
            await asyncio.Event().wait()

        client = client_of(server, restart=start, restart_policy=QUICK)
        async with client:
            client.notify(started(server))
            await server.wait_for(READY)
            await server.stream.terminate(reason=StopReason.KEEP_ALIVE_TIMEOUT)
            await hanging.wait()
        await leaks.none(within_s=5)


def client_with(credentials: CredentialsSource, zoom: Zoom, server: FakeRTMSServer) -> RTMSClient:
    """Return a client that finds the credentials of each stream; Zoom starts streams again."""
    return RTMSClient(
        credentials=credentials,
        network=network(server),
        audio=AudioParams(),
        restart=zoom.start,
        restart_policy=QUICK,
    )


async def test_credentials_are_looked_up_anew() -> None:
    """The new stream has another id, and maybe other credentials."""
    asked: list[str] = []

    async def credentials(info: StreamInfo) -> Credentials:
        asked.append(info.stream_id)
        return Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)

    async with FakeRTMSServer() as server:
        zoom = Zoom(server)
        client = zoom.client = client_with(credentials, zoom, server)
        async with client:
            client.notify(started(server))
            await until(lambda: client.streams)
            (stream,) = client.streams.values()
            await until(lambda: stream.state is Phase.STREAMING)
            await zoom.kill()
            await until(lambda: stream.state is Phase.STREAMING and len(asked) == 2)
    assert asked == [server.stream.settings.rtms_stream_id, "again-1"]


async def test_credentials_that_are_not_found_end_the_stream() -> None:
    """The function knows those of the first stream only: readers hear what it raised."""
    async with FakeRTMSServer() as server:
        first = info_of(server).stream_id
        known = {first: Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)}
        zoom = Zoom(server)
        client = zoom.client = client_with(lambda info: known[info.stream_id], zoom, server)
        async with client, client.stream(info_of(server)) as stream:
            await zoom.kill()
            with pytest.raises(CredentialsUnavailable, match="stream again-1: expected") as caught:
                await stream.wait_ended()
            assert isinstance(caught.value.__cause__, KeyError)


async def test_credentials_whose_look_up_is_cancelled_end_the_stream() -> None:
    """What the function awaited was cancelled, not the stream: its readers hear of it."""

    async def find(info: StreamInfo) -> Credentials:
        if info.stream_id == "again-1":
            raise asyncio.CancelledError
        return Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)

    async with FakeRTMSServer() as server:
        zoom = Zoom(server)
        client = zoom.client = client_with(find, zoom, server)
        async with client, client.stream(info_of(server)) as stream:
            await zoom.kill()
            with pytest.raises(CredentialsUnavailable, match="got CancelledError"):
                await stream.wait_ended()


async def test_a_new_server_that_may_not_be_opened_ends_the_stream() -> None:
    """The webhook names a host that is not allowed."""
    async with FakeRTMSServer() as server:
        new = StreamInfo(product_id="m", stream_id="n", server_urls=("wss://evil.test",))

        async def start(_: RestartRequest) -> None:
            stream.restarted(new)

        client = client_of(server, restart=start, restart_policy=QUICK)
        async with client.stream(info_of(server)) as stream:
            await server.wait_for_sent(MessageType.SIGNALING_HAND_SHAKE_RESP)
            stream.stopped(StopReason.KEEP_ALIVE_TIMEOUT)
            with pytest.raises(HostNotAllowed):
                await stream.wait_ended()


@pytest.mark.parametrize("word", ["moved", "restarted"])
async def test_news_while_the_credentials_are_looked_up(word: str) -> None:
    """What comes right behind the new start wins: other servers, or yet another stream."""
    async with FakeRTMSServer() as server:
        newest = info_of(server, server.add_stream(rtms_stream_id="again"))
        stream_id = "again" if word == "moved" else "between"
        first = attrs.evolve(newest, stream_id=stream_id, server_urls=("wss://localhost:1",))

        async def start(_: RestartRequest) -> None:
            stream.restarted(first)
            getattr(stream, word)(newest)

        client = client_of(server, restart=start, restart_policy=QUICK)
        async with client.stream(info_of(server)) as stream:
            stream.stopped(StopReason.KEEP_ALIVE_TIMEOUT)
            await until(lambda: stream.state is Phase.STREAMING)
            assert stream.info == newest
    assert server.violations == []


async def test_a_stream_that_is_joined_already_is_not_taken_over() -> None:
    """The new stream was joined by hand before: two objects must not share it."""
    async with FakeRTMSServer() as server:
        new = server.add_stream(rtms_stream_id="again")

        async def hang(_: RestartRequest) -> None:
            await asyncio.Event().wait()

        client = client_of(server, restart=hang, restart_policy=QUICK)
        async with (
            client.stream(info_of(server)) as stream,
            client.stream(info_of(server, new)),
        ):
            stream.stopped(StopReason.KEEP_ALIVE_TIMEOUT)
            with pytest.raises(InvalidState, match="joined already"):
                stream.restarted(info_of(server, new))
