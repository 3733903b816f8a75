"""Secrets, names, media and texts appear in no log, no ``repr`` and no error."""

import asyncio
import base64
import logging
import traceback
from collections.abc import Iterator
from typing import Final

import pytest
from tests.integration.support import client_for, info_of, joined, network, until
from tests.integration.test_otel import Telescope
from tests.integration.test_proxies import running_proxy
from typing_extensions import override

from rtms_client import (
    AudioParams,
    AuthenticationFailed,
    BufferLimits,
    Buffers,
    ChatParams,
    ConnectFailed,
    Credentials,
    InvalidParameters,
    MediaCodec,
    MediaType,
    RTMSClient,
    RTMSStream,
    ShareParams,
    Signature,
    StreamItem,
    TranscriptParams,
    VideoParams,
    handshake_signature,
    parse_started,
)
from rtms_client.enums import EventType, MessageType
from rtms_client.testing import Chat, FakeRTMSServer, Person, Timing

SECRET: Final = "canary-secret-7f1"
PASSWORD: Final = "canary-password-7f2"
ADA: Final = Person(user_id=16778240, user_name="Canary-Ada-7f3")
CAPTION: Final = "canary caption 7f4"
CHAT: Final = "canary chat 7f5"
FILE: Final = "canary-file-7f6.pdf"
MEDIA: Final = b"\xff\xd8\xff\xe0canary media 7f7"
SIGNATURE: Final = handshake_signature(
    "test-client-id",
    SECRET,
    "aBcDeFgHiJkLmNoPqRsTuA==",
    "11111111-2222-3333-4444-555555555555",
)
CANARIES: Final = {
    "secret": SECRET,
    "signature": SIGNATURE,
    "proxy password": PASSWORD,
    "proxy credentials": base64.b64encode(f"user:{PASSWORD}".encode()).decode(),
    "name": ADA.user_name,
    "caption": CAPTION,
    "chat": CHAT,
    "file name": FILE,
    "media": "canary media 7f7",
    "media as base64": base64.b64encode(MEDIA).decode(),
    "part of the media as base64": base64.b64encode(MEDIA).decode()[4:20],
}
ALL: Final = {
    "audio": AudioParams(),
    "video": VideoParams(),
    "share": ShareParams(),
    "transcript": TranscriptParams(),
    "chat": ChatParams(),
}


class Everything(logging.Handler):
    """Keeps every record, except those of the fake server's own WebSockets."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        if record.name != "websockets.server":
            self.records.append(record)

    def texts(self) -> Iterator[str]:
        """Give everything that a formatter could show."""
        formatter = logging.Formatter()
        for record in self.records:
            yield formatter.format(record)
            yield from (f"{key}={value!r}" for key, value in record.__dict__.items())


@pytest.fixture
def logged() -> Iterator[Everything]:
    """Log everything of all loggers, also of those that have a level of their own."""
    handler = Everything()
    names = [name for name in logging.root.manager.loggerDict if name.startswith(("rtms", "web"))]
    loggers = [logging.getLogger(name) for name in (None, "asyncio", "rtms_client.x", *names)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def leaks(texts: Iterator[str]) -> dict[str, str]:
    """Return the canaries that are found, with a text that holds each."""
    return {
        name: text
        for text in texts
        for name, canary in CANARIES.items()
        if canary in text or canary.encode().hex() in text
    }


def shown(value: object) -> Iterator[str]:
    """Give everything that a value, or an error with its causes, shows of itself."""
    yield repr(value)
    yield str(value)
    if isinstance(value, BaseException):
        yield repr(value.args)
        yield "".join(traceback.format_exception(value))
        if value.__cause__ is not None:
            yield from shown(value.__cause__)


async def meet(server: FakeRTMSServer, stream: RTMSStream) -> list[StreamItem]:
    """Let everything happen that may go wrong with secrets; give the items."""
    everything = aiter(stream)
    lively = server.stream
    await server.wait_for(MessageType.EVENT_SUBSCRIPTION)
    await lively.send_event(EventType.PARTICIPANT_JOIN, ADA)
    await lively.send_event(EventType.ACTIVE_SPEAKER_CHANGE, ADA)
    await lively.send_event(EventType.SHARING_START, ADA)
    await lively.send_event(EventType.CHAT_GROUP_CREATE, chat_groups=[{"name": CHAT}])
    for number in range(20):
        at_ms = 1790000000000 + 20 * number
        await lively.send_audio(MEDIA, person=ADA, timestamp_ms=at_ms)
    for medium in (MediaType.VIDEO, MediaType.SHARE):
        await lively.send_picture(MEDIA, person=ADA, media=medium, codec=MediaCodec.JPG)
    await lively.send_transcript(CAPTION, person=ADA)
    await lively.send_chat(
        Chat(
            at_ms=0,
            person=ADA,
            text=CHAT,
            receiver=ADA,
            files=({"file_id": "f", "file_name": FILE, "file_size": 1},),
        )
    )
    for socket in ("signaling", "audio"):
        for junk in (CAPTION, MEDIA, {"msg_type": 99, "name": ADA.user_name}, {"name": CAPTION}):
            await lively.send_raw(junk, socket=socket)
    await lively.send_raw(
        {"msg_type": 14, "content": {"data": "=" + CANARIES["media as base64"], "length": 1}},
        socket="audio",
    )
    await until(lambda: stream.statistics().core.unrecognized >= 8)
    await until(lambda: stream.statistics().core.frames[MediaType.CHAT] == 1)
    await server.wait_for(MessageType.KEEP_ALIVE_RESP, count=6)
    await stream.stream_state()
    await stream.close()
    return [item async for item in everything]


async def test_whole_session(logged: Everything) -> None:
    """A session with everything in it, logged at DEBUG, shows nothing that it should not."""
    asyncio.get_running_loop().set_debug(True)
    asyncio.get_running_loop().slow_callback_duration = 0.0

    async def fails(_: object, __: RTMSStream) -> None:
        raise ValueError("no good")

    async with (
        running_proxy() as proxy,
        FakeRTMSServer(
            client_secret=SECRET, timing=Timing(keep_alive_s=0.02, missed_keep_alives=1000)
        ) as server,
    ):
        client = RTMSClient(
            "test-client-id",
            SECRET,
            network=network(server, proxy=proxy.url(f"user:{PASSWORD}@")),
            buffers=Buffers(audio=BufferLimits(max_items=5, max_bytes=1000)),
            reconnect=None,
            **ALL,  # type: ignore[arg-type]  # by name
        )
        client.on_audio(fails)
        telescope = Telescope()
        telescope.watch(client)
        started = parse_started(server.started_webhook())
        async with client.stream(started) as stream:
            await until(lambda: len([one for one in server.stream.media if one.ready]) == 5)
            items = await meet(server, stream)
            facts = [client, stream, stream.granted, stream.statistics(), started]
            facts += [stream.participants, stream.active_speaker]
            assert {type(item).__name__ for item in items} >= {
                "AudioFrame",
                "ChatGroupChanged",
                "ChatMessage",
                "Gap",
                "ParticipantJoined",
                "ShareFrame",
                "TranscriptSegment",
                "Unrecognized",
                "VideoFrame",
            }
            assert leaks(text for fact in [*facts, *items] for text in shown(fact)) == {}
            assert leaks(text for one in (client, stream) for text in shown(_inside(one))) == {}
    levels = {(one.name.partition(".")[0], one.levelname) for one in logged.records}
    assert levels >= {("rtms_client", "DEBUG"), ("rtms_client", "WARNING"), ("asyncio", "WARNING")}
    assert leaks(logged.texts()) == {}
    assert leaks(telescope.texts()) == {}


def _inside(value: object) -> list[object]:
    """Give the attributes of an object, private ones too, as a debugger or crash reporter does."""
    return [getattr(value, name) for name in vars(value)]


async def test_wrong_secret(logged: Everything) -> None:
    """Neither the error of a refused handshake nor the log shows what was signed with."""
    async with FakeRTMSServer(client_secret="another") as server:
        client = RTMSClient("test-client-id", SECRET, network=network(server), reconnect=None)
        with pytest.raises(AuthenticationFailed) as caught:
            await client.stream(info_of(server)).open()
    assert leaks(shown(caught.value)) == {}
    assert leaks(logged.texts()) == {}


@pytest.mark.parametrize(
    ("proxy", "error"),
    [
        (f"http://user:{PASSWORD}@127.0.0.1:1", ConnectFailed),
        (f"http://user:{PASSWORD}@127.0.0.1:port", InvalidParameters),
        (f"gopher://user:{PASSWORD}@127.0.0.1", InvalidParameters),
        (f"http://user:{PASSWORD}@127.0.0.1/path", InvalidParameters),
    ],
)
async def test_proxy(logged: Everything, proxy: str, error: type[Exception]) -> None:
    """The password of a proxy that cannot be used is shown nowhere."""
    async with FakeRTMSServer() as server:
        client = client_for(server, network=network(server, proxy=proxy))
        with pytest.raises(error) as caught:
            await client.stream(info_of(server)).open()
    assert leaks(shown(caught.value)) == {}
    assert leaks(logged.texts()) == {}


async def test_lost_connection(logged: Everything) -> None:
    """A connection that breaks in the middle of media shows none of them."""
    async with (
        FakeRTMSServer() as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        await server.stream.send_audio(MEDIA, person=ADA)
        server.stream.drop("audio")
        with pytest.raises(Exception, match="audio connection closed") as caught:
            await stream.wait_ended()
    assert leaks(shown(caught.value)) == {}
    assert leaks(logged.texts()) == {}


@pytest.mark.parametrize(
    "value",
    [Credentials(client_id="id", client_secret=SECRET), Signature(value=SIGNATURE)],
    ids=["credentials", "signature"],
)
def test_credentials(value: object) -> None:
    """Credentials do not show their secret part."""
    assert leaks(shown(value)) == {}
