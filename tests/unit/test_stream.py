"""A stream that is not open yet: what it knows, what it refuses."""

import asyncio
from typing import Any

import pytest

from rtms_client import (
    AudioParams,
    ChatParams,
    InvalidParameters,
    InvalidState,
    MediaType,
    Product,
    RTMSClient,
    RTMSError,
    RTMSStream,
    ShareParams,
    Signature,
    StreamInfo,
    TranscriptParams,
    VideoParams,
)
from rtms_client._transport import Transport
from rtms_client.exceptions import CredentialsUnavailable, InternalError
from rtms_client.protocol import Granted, Phase

INFO = StreamInfo(
    product=Product.MEETING,
    product_id="uuid==",
    stream_id="stream-1",
    server_urls=["wss://rtms.zoom.us"],
)
ALL = {
    "audio": AudioParams(),
    "video": VideoParams(),
    "share": ShareParams(),
    "transcript": TranscriptParams(),
    "chat": ChatParams(),
}
MEDIA = [*ALL]


@pytest.fixture
def stream() -> RTMSStream:
    """Make a stream for all media."""
    return RTMSClient("id", "secret", **ALL).stream(INFO)  # type: ignore[arg-type]  # by name


@pytest.fixture
def bare() -> RTMSStream:
    """Make a stream for events only."""
    return RTMSClient("id", "secret").stream(INFO)


async def test_iterating_before_opening(stream: RTMSStream) -> None:
    """An iterator may be made before the stream is opened; waiting on it would be for ever."""
    frames = stream.audio()
    for _ in "12":
        with pytest.raises(InvalidState, match="open the stream first"):
            await anext(frames)
    await frames.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(frames)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (InvalidParameters("a", "b", "c"), InvalidParameters),
        (ValueError("no"), CredentialsUnavailable),
        (asyncio.CancelledError(), CredentialsUnavailable),
    ],
    ids=["ours", "another", "what it awaited was cancelled"],
)
async def test_iterating_a_stream_that_cannot_be_opened(
    fault: BaseException, told: type[RTMSError]
) -> None:
    """Whoever waits while the credentials are looked up learns that there will be nothing."""
    gate = asyncio.Event()

    async def credentials(_: StreamInfo) -> Signature:
        await gate.wait()
        raise fault

    stream = RTMSClient(credentials=credentials, audio=AudioParams()).stream(INFO)
    opening = asyncio.create_task(stream.open())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(anext(stream.audio(), None))
    await asyncio.sleep(0)
    gate.set()
    for task in (opening, waiting):
        with pytest.raises(told):
            await task


async def test_iterating_a_stream_whose_opening_is_cancelled() -> None:
    """Whoever waits then reads to an end, for nothing went wrong."""
    found: asyncio.Future[Signature] = asyncio.Future()
    stream = RTMSClient(credentials=lambda _: found, audio=AudioParams()).stream(INFO)
    opening = asyncio.create_task(stream.open())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(anext(stream.audio(), None))
    await asyncio.sleep(0)
    opening.cancel()
    assert await waiting is None


def test_facts(stream: RTMSStream) -> None:
    """Before opening nothing is known, and asking is no error."""
    assert stream.state is Phase.IDLE
    assert stream.granted == Granted()
    assert stream.error is None
    assert stream.stop_reason is None
    assert stream.participants == {}
    assert stream.active_speaker is None
    assert stream.started_ms is None
    assert repr(stream) == "<RTMSStream stream-1 idle>"


def test_statistics(stream: RTMSStream) -> None:
    """Before opening every buffer is empty and waits for a consumer."""
    statistics = stream.statistics()
    assert statistics.core.messages == 0
    assert statistics.callback_errors == {}
    assert [(one.medium, one.consumer, one.items) for one in statistics.buffers] == [
        ("audio", "nobody", 0),
        ("video", "nobody", 0),
        ("share", "nobody", 0),
        ("transcript", "nobody", 0),
        ("chat", "nobody", 0),
        ("events", "nobody", 0),
    ]


@pytest.mark.parametrize("medium", MEDIA)
def test_medium_that_was_not_asked_for(bare: RTMSStream, medium: str) -> None:
    """Iterating or registering for a medium that will not come is refused at once."""
    name = medium.capitalize()
    told = f"{medium} was not asked for; pass RTMSClient\\({medium}={name}Params\\(\\)\\)$"
    with pytest.raises(InvalidState, match=f"cannot deliver {medium}: {told}"):
        getattr(bare, medium)()
    with pytest.raises(InvalidState, match=told):
        getattr(bare, f"on_{medium}")(lambda _, __: None)


@pytest.mark.parametrize("medium", [*MEDIA, "event"])
def test_decorators_return_the_function(stream: RTMSStream, medium: str) -> None:
    """Every decorator gives back what it got."""

    def callback(_: object, __: RTMSStream) -> None: ...

    assert getattr(stream, f"on_{medium}")(callback) is callback


async def test_control_needs_an_open_stream(stream: RTMSStream) -> None:
    """Whatever asks the server says how to open the stream first."""
    hint = r"in state IDLE; use `async with client.stream\(...\)`"
    with pytest.raises(InvalidState, match=hint):
        await stream.stream_state()
    with pytest.raises(InvalidState, match=hint):
        await stream.session_state()
    with pytest.raises(InvalidState, match=hint):
        await stream.subscribe_video(1)
    with pytest.raises(InvalidState, match=hint):
        await stream.wait_ended()
    with pytest.raises(InvalidState, match=hint):
        stream.subscribe_events()
    with pytest.raises(InvalidState, match=hint):
        stream.moved(INFO)
    with pytest.raises(InvalidState, match=hint):
        stream.interrupted()
    with pytest.raises(InvalidState, match=hint):
        stream.stopped()


@pytest.mark.parametrize("user_id", ["16778240", 1.5, None, True])
async def test_video_of_a_user_without_a_number(stream: RTMSStream, user_id: Any) -> None:  # noqa: ANN401
    """User ids on the wire of a video subscription are integers, nothing else."""
    with pytest.raises(InvalidParameters, match="user_id: expected an int, got "):
        await stream.subscribe_video(user_id)


async def test_iterators_of_a_stream_that_was_closed(stream: RTMSStream) -> None:
    """An iterator that is closed ends, also before its stream was opened."""
    frames = stream.audio()
    async with frames as same:
        assert same is frames
        assert aiter(frames) is frames
    assert [frame async for frame in frames] == []


def test_several_iterators(stream: RTMSStream) -> None:
    """Each iterator has a buffer of its own."""
    iterators = [stream.audio(), stream.audio(), aiter(stream)]
    consumers = [one.consumer for one in stream.statistics().buffers if one.medium == "audio"]
    assert consumers == ["iterator audio", "iterator audio", "iterator all"]
    assert len(iterators) == 3


def test_media_are_named_as_on_the_wire() -> None:
    """The five media are the five flags of the protocol."""
    flags = [MediaType.AUDIO, MediaType.VIDEO, MediaType.SHARE, MediaType.TRANSCRIPT]
    assert [int(flag) for flag in [*flags, MediaType.CHAT]] == [1, 2, 4, 8, 16]


async def test_fault_of_the_library(caplog: pytest.LogCaptureFixture) -> None:
    """A fault inside the library ends the stream with an error that asks to report it."""

    async def connect(endpoint: str, url: str) -> Transport:
        raise ZeroDivisionError(f"{endpoint} {url}")

    client = RTMSClient("id", "secret", reconnect=None)
    vars(client)["_connector"] = connect  # the transport seam
    stream = client.stream(INFO)
    with pytest.raises(InternalError, match="unexpected ZeroDivisionError inside") as caught:
        await stream.open()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert stream.state is Phase.CLOSED
    assert client.streams == {}
    [record] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.getMessage() == "internal error"
    assert record.exc_info is not None
