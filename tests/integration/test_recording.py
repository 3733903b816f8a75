"""Recordings of the wire: what happened is replayed without sockets, and through a fake server."""

import asyncio
import base64
import contextlib
import logging
import urllib.parse
from pathlib import Path
from typing import Any, Final, cast

import attrs
import pytest
from tests.integration.failover.support import QUICK, THREE_MEDIA, WAITS, steady
from tests.integration.support import (
    CLIENT_SECRET,
    client_for,
    first_of,
    info_of,
    joined,
    media_ready,
    until,
)

from rtms_client import (
    AudioFrame,
    AudioParams,
    ChatParams,
    ConnectionLost,
    ReconnectPolicy,
    RTMSClient,
    RTMSError,
    StreamInfo,
    TranscriptParams,
    TranscriptSegment,
    handshake_signature,
)
from rtms_client.enums import EventType, MediaType, MessageType, StopReason, StreamState
from rtms_client.events import ReconnectScheduled, StreamInterrupted, StreamItem, StreamResumed
from rtms_client.protocol.reconnect import ReconnectAttempt
from rtms_client.testing import (
    AudioPacket,
    Caption,
    Chat,
    FakeRTMSServer,
    FaultPlan,
    Hangup,
    MeetingScript,
    Person,
    RawMessage,
    Recording,
    SessionEvent,
    StateChange,
    Timing,
    WireRecorder,
    silent_meeting,
)

ADA: Final = Person(user_id=16778240, user_name="Canary-Ada-7f3")
TEXT: Final = "canary caption 7f4"
PCM: Final = b"canary sound 7f5 and what follows"


def facts(value: object) -> object:
    """Return what a value holds, so that values with errors in them can be compared.

    The errors of other libraries that are behind ours are not recorded.
    """
    if isinstance(value, RTMSError):
        return type(value).__name__, [facts(one) for one in value.args], facts(value.__cause__)
    if isinstance(value, BaseException):  # for slow tests
        return None
    if attrs.has(type(value)):
        names = attrs.fields_dict(cast("type[attrs.AttrsInstance]", type(value)))
        return type(value).__name__, {name: facts(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return [facts(one) for one in value]
    return value


async def read(client: RTMSClient, info: StreamInfo) -> list[StreamItem]:
    """Return everything that a stream delivers until its end, whatever the end is."""
    found: list[StreamItem] = []
    async with client.stream(info) as stream:
        with contextlib.suppress(RTMSError):
            found.extend([item async for item in stream])
    return found


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_run_of_chaos_replays_to_identical_items(tmp_path: Path) -> None:
    """A stream that suffered many faults is replayed 50 times, to the identical items."""
    plan = FaultPlan.random(
        7, 40, seconds=6, sockets=("signaling", "audio", "video", "transcript"), longest_s=0.3
    )
    recorder = WireRecorder(tmp_path / "chaos.jsonl")
    timing = Timing(keep_alive_s=0.3, signaling_window_s=20, media_window_s=20)
    async with FakeRTMSServer(steady(seconds=8), fault=plan, timing=timing) as server:
        client = client_for(
            server,
            **THREE_MEDIA,
            reconnect=ReconnectPolicy(first_delay_s=0.01, base_s=0.05, cap_s=0.2),
            timeouts=attrs.evolve(WAITS, silence_s=1),
            session_factory=recorder,
        )
        reading = asyncio.create_task(read(client, info_of(server)))
        await until(server.stream.played.is_set, timeout_s=60)
        await server.stream.terminate()
        items = await reading
        assert len(server.struck) >= 20
    expected = [facts(item) for item in items]
    assert len([item for item in items if isinstance(item, StreamInterrupted)]) >= 5
    assert len([item for item in items if isinstance(item, AudioFrame)]) >= 200
    recording = Recording.load(tmp_path / "chaos.jsonl")
    for _ in range(50):
        assert [facts(item) for item in recording.replay()] == expected


async def recorded(path: Path, server: FakeRTMSServer, **options: Any) -> list[StreamItem]:  # noqa: ANN401  # passed on
    """Record the stream of a server until its end; return what it delivered."""
    redaction = {name: options.pop(name) for name in tuple(options) if name.startswith("redact")}
    recorder = WireRecorder(path, **redaction)
    client = client_for(server, session_factory=recorder, **options)
    items = await read(client, info_of(server))
    assert recorder.files == [path]
    return items


TALK: Final = MeetingScript(
    [
        SessionEvent(at_ms=0, event_type=EventType.PARTICIPANT_JOIN, people=(ADA,)),
        AudioPacket(at_ms=20, person=ADA, data=PCM),
        Caption(at_ms=40, person=ADA, text=TEXT),
        Chat(at_ms=60, person=ADA, text=TEXT),
        StateChange(at_ms=80, state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED),
    ]
)
THREE: Final = MediaType.AUDIO | MediaType.TRANSCRIPT | MediaType.CHAT
ASKED: Final[dict[str, Any]] = {
    "audio": AudioParams(),
    "transcript": TranscriptParams(),
    "chat": ChatParams(),
}
SIGNATURE: Final = handshake_signature(
    "test-client-id",
    CLIENT_SECRET,
    "aBcDeFgHiJkLmNoPqRsTuA==",
    "11111111-2222-3333-4444-555555555555",
)


def forms(secret: str) -> list[str]:
    """Return a text as it is, in hexadecimal digits, in URLs, and inside of base64."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"abc"[:n] + raw + b"abc").decode() for n in range(3)]
    return [secret, raw.hex(), raw.hex().upper(), urllib.parse.quote(secret, safe=""), *encoded]


async def test_secrets_are_never_written(tmp_path: Path) -> None:
    """Whatever the server sends back, and wherever: secret and signature are not in the file."""
    path = tmp_path / "wire.jsonl"
    planted = [form for secret in (CLIENT_SECRET, SIGNATURE) for form in forms(secret)]
    hostile = MeetingScript(
        [
            RawMessage(at_ms=0, message={"msg_type": 99, "note": " ".join(planted)}),
            RawMessage(at_ms=0, message={"msg_type": 99, "srtp_keys": {"audio": "canary-key-7f6"}}),
            RawMessage(at_ms=0, message=f"no JSON: {SIGNATURE}"),
            RawMessage(at_ms=0, message=b"\xff" + CLIENT_SECRET.encode()),
            StateChange(at_ms=0, state=StreamState.TERMINATED),
        ]
    )
    async with FakeRTMSServer(hostile, pace=None) as server:
        recorder = WireRecorder(path, secrets=["canary-mine-7f7"])
        client = client_for(server, audio=AudioParams(), session_factory=recorder)
        info = attrs.evolve(
            info_of(server),
            server_urls=(f"{server.signaling_url}?token=canary-url-7f8",),
            extra={"note": "canary-mine-7f7", "url": "wss://user:canary-url-7f8@zoom.us/"},
        )
        await read(client, info)
    written = path.read_text("utf-8")
    assert [form for form in planted if form[4:-4] in written] == []
    assert "canary-" not in written
    assert len(list(Recording.load(path).replay())) >= 4


async def test_media_and_names_are_taken_out_on_request(tmp_path: Path) -> None:
    """Neither is in the file; sizes, and what is equal, stay."""
    path = tmp_path / "wire.jsonl"
    async with FakeRTMSServer(TALK, pace=None, expected_media=THREE) as server:
        await recorded(path, server, **ASKED, redact_media=True, redact_names=True)
    written = path.read_text("utf-8")
    for canary in ("anary", TEXT, base64.b64encode(PCM).decode()[4:20]):
        assert canary not in written
    items = list(Recording.load(path).replay())
    [frame] = [item for item in items if isinstance(item, AudioFrame)]
    [segment] = [item for item in items if isinstance(item, TranscriptSegment)]
    assert len(frame.data) == len(PCM)
    assert len(segment.text) == len(TEXT)
    assert frame.user_name == segment.user_name
    assert str(frame.user_name).startswith("name-")


async def test_without_redaction_everything_is_there(tmp_path: Path) -> None:
    """By default the replay is the stream itself."""
    path = tmp_path / "wire.jsonl"
    async with FakeRTMSServer(TALK, pace=None, expected_media=THREE) as server:
        items = await recorded(path, server, **ASKED)
    assert [facts(item) for item in Recording.load(path).replay()] == [facts(one) for one in items]


async def test_requests_and_hooks_are_inputs(tmp_path: Path) -> None:
    """What the application asks for, answers, and does to the stream meanwhile is replayed."""
    path = tmp_path / "wire.jsonl"
    attempts: list[int] = []

    def hook(attempt: ReconnectAttempt) -> float | None:
        attempts.append(attempt.number)
        stream.subscribe_events(EventType.ACTIVE_SPEAKER_CHANGE, subscribe=False)
        return 0.02

    async with FakeRTMSServer(silent_meeting()) as server:
        client = client_for(
            server,
            audio=AudioParams(),
            reconnect=QUICK,
            on_reconnect=hook,
            session_factory=WireRecorder(path),
        )
        stream = client.stream(info_of(server))
        items: list[StreamItem] = []
        async with stream:
            await media_ready(server, stream)
            stream.subscribe_events({"event_code": 3})
            await stream.stream_state()
            await stream.session_state("sess-1")
            server.stream.drop("audio")
            events = aiter(stream)
            while not any(isinstance(item, StreamResumed) for item in items):
                items.append(await anext(events))
            stream.moved(info_of(server))
            await until(lambda: len(server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)) == 2)
            stream.interrupted([server.signaling_url])
            stream.stopped(StopReason.MEETING_ENDED)
            items.extend([item async for item in events])
    assert attempts[0] == 1
    replayed = list(Recording.load(path).replay())
    assert [facts(item) for item in replayed] == [facts(item) for item in items]
    planned = [item.delay_s for item in replayed if isinstance(item, ReconnectScheduled)]
    assert planned[0] == 0.02


async def test_the_file_is_complete_at_every_moment(tmp_path: Path) -> None:
    """Each message is in the file before the next one is read; half a line at the end is left."""
    path = tmp_path / "wire.jsonl"
    recorder = WireRecorder(path)
    async with (
        FakeRTMSServer(silent_meeting()) as server,
        joined(server, audio=AudioParams(), session_factory=recorder) as stream,
    ):
        await server.stream.send_audio(PCM)
        async with aiter(stream.audio()) as frames:
            frame = await anext(frames)
        copy = tmp_path / "copy.jsonl"
        copy.write_bytes(path.read_bytes() + b'{"t":1,"in":"mess')
        found = [one for one in Recording.load(copy).replay() if isinstance(one, AudioFrame)]
        assert found == [frame]


async def test_a_folder_gets_a_file_for_each_stream(tmp_path: Path) -> None:
    """With a folder, one recorder serves all streams of a client."""
    recorder = WireRecorder(tmp_path)
    async with FakeRTMSServer(silent_meeting()) as server:
        other = server.add_stream(rtms_stream_id="the other/one")
        client = client_for(server, audio=AudioParams(), session_factory=recorder)
        for stream in (server.stream, other):
            async with client.stream(info_of(server, stream)):
                pass
    first, second = recorder.files
    assert Recording.load(first).info.stream_id == "11111111-2222-3333-4444-555555555555"
    assert Recording.load(second).info.stream_id == "the other/one"
    assert second.name.startswith("the-other-one-")


async def test_a_file_that_cannot_be_written_leaves_the_stream_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An old recording is never replaced: the log says so, the stream runs."""
    path = tmp_path / "wire.jsonl"
    path.write_text("an old one")
    recorder = WireRecorder(path)
    async with (
        FakeRTMSServer(silent_meeting()) as server,
        joined(server, audio=AudioParams(), session_factory=recorder),
    ):
        pass
    assert recorder.problem == "File exists"
    assert path.read_text() == "an old one"
    [said] = [one for one in caplog.records if one.name == "rtms_client.recording"]
    assert said.getMessage() == "cannot record: File exists; the stream goes on without"
    assert said.levelno == logging.WARNING


async def test_a_limit_of_bytes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file never gets larger, what is in it replays, and the log tells where it stops."""
    path = tmp_path / "wire.jsonl"
    async with FakeRTMSServer(steady(seconds=1), pace=None) as server:
        recorder = WireRecorder(path, max_bytes=10_000)
        client = client_for(server, audio=AudioParams(), session_factory=recorder)
        async with client.stream(info_of(server)) as stream:
            await server.stream.played.wait()
            await first_of(stream, AudioFrame)
    assert 9_000 < path.stat().st_size <= 10_000
    said = [one.getMessage() for one in caplog.records if one.name == "rtms_client.recording"]
    assert said == [f"{path} has reached max_bytes; the stream goes on without a recording"]
    assert any(isinstance(item, AudioFrame) for item in Recording.load(path).replay())


def breaking() -> MeetingScript:
    """Make a meeting in which the server closes audio, then signaling."""
    at = [AudioPacket(at_ms=n * 20, person=ADA, data=b"%032d" % n) for n in range(100)]
    return MeetingScript(
        [
            *at[:20],
            Hangup(at_ms=390, socket="audio", code=1011, reason="out of order"),
            *at[20:60],
            Hangup(at_ms=1190, socket="signaling", code=1006),
            Hangup(at_ms=1190, socket="video"),
            RawMessage(at_ms=1190, message="nobody hears this", socket="video", optional=True),
            *at[60:],
            StateChange(at_ms=8000, state=StreamState.TERMINATED),  # when signaling is back
        ]
    )


@pytest.mark.parametrize("pace", [None, 1.0], ids=["fast", "real time"])
async def test_an_incident_is_played_by_the_fake_server(tmp_path: Path, pace: float | None) -> None:
    """A fake server sends what the real one sent, and closes where it closed."""
    path = tmp_path / "wire.jsonl"
    options: dict[str, Any] = {"audio": AudioParams(), "reconnect": QUICK, "timeouts": WAITS}
    async with FakeRTMSServer(breaking(), pace=4) as server:
        first = await recorded(path, server, **options)
    recording = Recording.load(path)
    async with recording.server(pace=pace) as server:
        again = await read(client_for(server, **options), info_of(server))
    lost = [
        [str(item.cause) for item in items if isinstance(item, StreamInterrupted)]
        for items in (first, again)
    ]
    assert [text.partition(":")[0] for text in lost[0]] == [
        "audio connection closed with 1011 INTERNAL_ERROR",
        "signaling connection closed with 1006 ABNORMAL_CLOSURE",
    ]
    assert [text.partition(":")[0] for text in lost[1]] == [
        text.partition(":")[0] for text in lost[0]
    ]
    heard = [[one.data for one in items if isinstance(one, AudioFrame)] for items in (first, again)]
    assert len(heard[0]) > 50
    assert set(heard[1]) <= set(heard[0])
    assert heard[1][:20] == heard[0][:20]  # what follows meets sockets that are coming back


async def test_a_socket_that_never_comes_back_is_not_waited_for_twice() -> None:
    """A meeting as fast as possible goes on without a client that gave up."""
    script = MeetingScript(
        [
            AudioPacket(at_ms=0, person=ADA, data=bytes(32)),
            Hangup(at_ms=10, socket="audio", code=1011),
            RawMessage(at_ms=20, message="nobody hears this", socket="audio", optional=True),
            RawMessage(at_ms=30, message="nor this", socket="audio", optional=True),
        ]
    )
    async with FakeRTMSServer(script, pace=None, timing=Timing(drain_s=0.05)) as server:
        client = client_for(server, audio=AudioParams(), reconnect=None)
        with pytest.raises(ConnectionLost):
            async with client.stream(info_of(server)) as stream:
                await stream.wait_ended()
        async with asyncio.timeout(20):
            await server.stream.played.wait()
    assert server.received(MessageType.DATA_HAND_SHAKE_REQ)
