"""An open stream: requests, facts, credentials and iterators."""

import asyncio
import gc
from typing import Any

import pytest
from tests.integration.support import (
    CLIENT_ID,
    CLIENT_SECRET,
    SHORT,
    Leaks,
    Tampering,
    client_for,
    collect,
    first_of,
    info_of,
    joined,
    network,
    until,
)

from rtms_client import (
    AudioFrame,
    AudioParams,
    AuthenticationFailed,
    BufferLimits,
    Buffers,
    Credentials,
    DataOption,
    Gap,
    InvalidParameters,
    InvalidState,
    MediaType,
    OverflowPolicy,
    Participant,
    RTMSClient,
    Signature,
    StreamInfo,
    Timeouts,
    TranscriptParams,
    TranscriptSegment,
    VideoParams,
    handshake_signature,
)
from rtms_client.enums import EventType, MessageType, Product, SessionState, StreamState
from rtms_client.events import VideoSubscriptionChanged
from rtms_client.exceptions import (
    AnswerTimeout,
    BufferOverflow,
    CredentialsUnavailable,
    RequestFailed,
)
from rtms_client.protocol import Phase
from rtms_client.testing import ADA, GRACE, Chat, FakeRTMSServer, Variations

INDIVIDUAL = VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)


# --- requests ------------------------------------------------------------------------------------


async def test_states() -> None:
    """The server tells the state of the stream and of its session."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        assert await stream.stream_state() == StreamState.ACTIVE
        assert await stream.session_state() == SessionState.STARTED
        server.stream.pause()
        assert await stream.stream_state() == StreamState.PAUSED
        assert await stream.session_state("sess-1") == SessionState.PAUSED


async def test_requests_side_by_side() -> None:
    """Several requests under way at the same time each get an answer."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        states = await asyncio.gather(*(stream.stream_state() for _ in range(10)))
        assert states == [StreamState.ACTIVE] * 10


async def test_unknown_session() -> None:
    """A session that the server does not know is a refusal with its status."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        with pytest.raises(RequestFailed, match="session state refused with status") as caught:
            await stream.session_state("another")
        assert caught.value.status is not None


async def test_session_that_is_not_known_yet() -> None:
    """Without any session there is nothing to ask for."""
    async with FakeRTMSServer() as server, joined(server) as stream:
        with pytest.raises(InvalidState, match="wait for a SessionStateChanged event"):
            await stream.session_state()


async def test_request_that_is_not_answered() -> None:
    """A request without an answer ends with its time-out, and the stream goes on."""
    fault = Tampering(lambda message: None if message["msg_type"] == 20 else message)
    timeouts = Timeouts(request_s=0.1)
    async with (
        FakeRTMSServer(fault=fault) as server,
        joined(server, audio=AudioParams(), timeouts=timeouts) as stream,
    ):
        with pytest.raises(AnswerTimeout, match=r"an answer to stream state within 0\.1 s"):
            await stream.stream_state()
        assert await stream.session_state() == SessionState.STARTED


async def test_request_that_is_cancelled() -> None:
    """The answer to a request that was cancelled disturbs nobody."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        asking = asyncio.create_task(stream.stream_state())
        await asyncio.sleep(0)
        asking.cancel()
        assert await stream.stream_state() == StreamState.ACTIVE
        assert asking.cancelled()


async def test_request_when_the_stream_ends() -> None:
    """A request under way when the stream ends fails, instead of waiting."""
    fault = Tampering(lambda message: None if message["msg_type"] == 20 else message)
    async with (
        FakeRTMSServer(fault=fault) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        asking = asyncio.create_task(stream.stream_state())
        await server.wait_for(MessageType.STREAM_STATE_REQ)
        await stream.close()
        with pytest.raises(InvalidState, match="cannot get stream state in state CLOSED"):
            await asking


async def test_individual_video() -> None:
    """One participant's video is chosen, chosen again, and given up."""
    async with FakeRTMSServer() as server, joined(server, video=INDIVIDUAL) as stream:
        events = stream.events()
        await stream.subscribe_video(16778240)
        chosen: object = server.stream.video_user
        assert chosen == 16778240
        change = await first_of(events, VideoSubscriptionChanged)
        assert (change.user_id, change.subscribed, change.status) == (16778240, True, 0)
        await stream.subscribe_video(16778240)  # status 44: there already
        assert (await first_of(events, VideoSubscriptionChanged)).status == 44
        await stream.subscribe_video(16778240, subscribe=False)
        assert server.stream.video_user is None
        assert (await first_of(events, VideoSubscriptionChanged)).subscribed is False
        assert server.violations == []


async def test_individual_video_that_is_refused() -> None:
    """A refusal is an error, and an event says that no video will come."""

    def refuse(message: dict[str, Any]) -> dict[str, Any]:
        return message | {"status_code": 40} if message["msg_type"] == 29 else message

    async with (
        FakeRTMSServer(fault=Tampering(refuse)) as server,
        joined(server, video=INDIVIDUAL) as stream,
    ):
        events = stream.events()
        with pytest.raises(RequestFailed, match="video subscription refused with status 40 "):
            await stream.subscribe_video(16778240)
        assert (await first_of(events, VideoSubscriptionChanged)).subscribed is False


async def test_individual_video_in_the_wrong_mode() -> None:
    """In active speaker mode nobody can be chosen; the error says which option it takes."""
    async with FakeRTMSServer() as server, joined(server, video=VideoParams()) as stream:
        with pytest.raises(InvalidState, match="VIDEO_SINGLE_INDIVIDUAL_STREAM"):
            await stream.subscribe_video(16778240)


async def test_events_by_choice() -> None:
    """Only the chosen events are subscribed, until others are added or taken back."""
    async with (
        FakeRTMSServer() as server,
        joined(server, audio=AudioParams(), events=[EventType.ACTIVE_SPEAKER_CHANGE]) as stream,
    ):
        await server.wait_for(MessageType.EVENT_SUBSCRIPTION)
        assert server.stream.subscriptions == {2}
        stream.subscribe_events(EventType.PARTICIPANT_JOIN, EventType.PARTICIPANT_LEAVE)
        await until(lambda: server.stream.subscriptions == {2, 3, 4})
        stream.subscribe_events(EventType.ACTIVE_SPEAKER_CHANGE, subscribe=False)
        await until(lambda: server.stream.subscriptions == {3, 4})
        with pytest.raises(InvalidParameters, match="comes unasked"):
            stream.subscribe_events(EventType.FIRST_PACKET_TIMESTAMP)
        assert server.violations == []


async def test_no_events() -> None:
    """With no events chosen nothing is subscribed."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams(), events=[]):
        assert server.received(MessageType.EVENT_SUBSCRIPTION) == []


async def test_wishes_of_the_handshake() -> None:
    """What is asked for in handshakes goes out as documented."""
    async with (
        FakeRTMSServer() as server,
        joined(server, audio=AudioParams(), buffer_data=False, id_key="meeting_uuid"),
    ):
        [first] = server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)
        [third] = server.received(MessageType.DATA_HAND_SHAKE_REQ)
        common = {
            "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
            "protocol_version": 1,
            "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
            "signature": "300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9",
        }
        assert first.message == {**common, "msg_type": 1, "sequence": 1, "buffer_data": False}
        assert third.message == {
            **common,
            "msg_type": 3,
            "sequence": 0,
            "media_type": 1,
            "payload_encryption": False,
            "media_params": {
                "audio": {
                    "content_type": 2,
                    "sample_rate": 1,
                    "channel": 1,
                    "codec": 1,
                    "data_opt": 2,
                    "send_rate": 20,
                }
            },
        }


async def test_product_key_as_an_option() -> None:
    """The key of the product id can be chosen; then nothing else is tried."""
    async with (
        FakeRTMSServer(product=Product.VIDEO_SDK) as server,
        joined(server, audio=AudioParams(), id_key="session_id"),
    ):
        [first] = server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)
        assert first.message is not None
        assert first.message["session_id"] == "SessionIdExample=="
        assert "meeting_uuid" not in first.message


# --- facts ---------------------------------------------------------------------------------------


async def test_who_is_there() -> None:
    """Participants, active speaker and start of the session follow the events."""
    async with (
        FakeRTMSServer(epoch_ms=1790000000000) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        await server.wait_for(MessageType.EVENT_SUBSCRIPTION)
        await server.stream.send_event(EventType.PARTICIPANT_JOIN, ADA, GRACE)
        await server.stream.send_event(EventType.ACTIVE_SPEAKER_CHANGE, GRACE)
        await server.stream.send_event(EventType.PARTICIPANT_LEAVE, ADA)
        await until(lambda: 16778240 not in stream.participants and stream.active_speaker)
        grace = Participant(user_id=16779264, user_name="Grace")
        assert stream.participants == {16779264: grace}
        assert stream.active_speaker == grace
        assert stream.started_ms == 1790000000000
        assert stream.state is Phase.STREAMING
        assert repr(stream) == "<RTMSStream 11111111-2222-3333-4444-555555555555 streaming>"


async def test_statistics() -> None:
    """Counters tell what came, by medium; the snapshot stays as it was."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        before = stream.statistics()
        for number in range(3):
            await server.stream.send_audio(b"data", timestamp_ms=1790000000000 + 20 * number)
        await until(lambda: stream.statistics().core.frames[MediaType.AUDIO] == 3)
        after = stream.statistics()
        assert before.core.frames == {MediaType.AUDIO: 0}
        assert after.core.messages >= before.core.messages + 3
        assert after.core.bytes > before.core.bytes


# --- credentials ---------------------------------------------------------------------------------


async def test_credentials_by_function() -> None:
    """Credentials may come from a function or a coroutine function, for each stream anew."""
    asked: list[str] = []

    def look_up(info: StreamInfo) -> Credentials:
        asked.append(info.stream_id)
        return Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)

    async def look_up_later(info: StreamInfo) -> Signature:
        await asyncio.sleep(0)
        asked.append(info.stream_id)
        return Signature(
            value=handshake_signature(CLIENT_ID, CLIENT_SECRET, info.product_id, info.stream_id)
        )

    async with FakeRTMSServer() as server:
        info = info_of(server)
        for source in (look_up, look_up_later):
            client = RTMSClient(
                credentials=source, network=network(server), audio=AudioParams(), reconnect=None
            )
            other = server.add_stream(rtms_stream_id=f"stream-{len(asked)}")
            async with client.stream(info_of(server, other)) as stream:
                assert stream.granted.audio is not None
    assert asked == ["stream-0", "stream-1"]
    assert info.stream_id not in asked


async def test_ready_signature() -> None:
    """A signature that was made elsewhere is sent as it is."""
    async with FakeRTMSServer() as server:
        for value, good in (
            ("300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9", True),
            ("00", False),
        ):
            client = RTMSClient(
                credentials=Signature(value=value),
                network=network(server),
                audio=AudioParams(),
                reconnect=None,
            )
            if good:
                async with client.stream(info_of(server)):
                    pass
                server.add_stream(rtms_stream_id="another")
            else:
                info = info_of(server, server.streams["another"])
                with pytest.raises(AuthenticationFailed):
                    await client.stream(info).open()


async def test_look_up_that_fails() -> None:
    """Whoever opens the stream hears that it did, not what it said; it can be opened again."""

    def look_up(_: StreamInfo) -> Credentials:
        raise KeyError("the password of the secret store")

    async with FakeRTMSServer() as server:
        client = RTMSClient(credentials=look_up, network=network(server), audio=AudioParams())
        stream = client.stream(info_of(server))
        for _ in range(2):
            with pytest.raises(CredentialsUnavailable, match="got KeyError; check") as error:
                await stream.open()
            assert isinstance(error.value.__cause__, KeyError)
            assert "password" not in str(error.value)
        assert client.streams == {}


async def test_look_up_that_finds_an_empty_secret() -> None:
    """What says what is wrong is told as it is."""
    async with FakeRTMSServer() as server:
        client = RTMSClient(
            credentials=lambda _: Credentials(client_id="id", client_secret=""),
            network=network(server),
        )
        with pytest.raises(InvalidParameters, match="client_secret: expected a non-empty str"):
            await client.stream(info_of(server)).open()


@pytest.mark.parametrize("found", [None, ("id", "secret"), "secret"])
async def test_look_up_that_finds_no_credentials(found: Any) -> None:  # noqa: ANN401  # that is the point
    """A look-up that returns something else is a mistake that is told without showing it."""
    async with FakeRTMSServer() as server:
        client = RTMSClient(
            credentials=lambda _: found, network=network(server), audio=AudioParams()
        )
        stream = client.stream(info_of(server))
        for _ in range(2):
            with pytest.raises(InvalidParameters, match="expected Credentials or a Sig") as error:
                await stream.open()
            assert "secret" not in str(error.value)
            assert client.streams == {}


async def test_close_while_credentials_are_looked_up() -> None:
    """A stream that is closed while its credentials are looked up connects to nobody."""
    looking, found = asyncio.Event(), asyncio.Event()

    async def look_up(_: StreamInfo) -> Credentials:
        looking.set()
        await found.wait()
        return Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET)

    async with FakeRTMSServer() as server:
        leaks = Leaks()
        client = RTMSClient(credentials=look_up, network=network(server), audio=AudioParams())
        stream = client.stream(info_of(server))
        opening = asyncio.create_task(stream.open())
        await looking.wait()
        await client.close()
        found.set()
        await opening
        assert stream.state is Phase.CLOSED
        assert server.log == []
        assert client.streams == {}
        await leaks.none()


# --- one owner -----------------------------------------------------------------------------------


async def test_stream_that_is_open_already() -> None:
    """A stream has one owner in a client; the other one is told where to find it."""
    async with FakeRTMSServer() as server:
        client = client_for(server, audio=AudioParams())
        async with client.stream(info_of(server)) as stream:
            assert client.streams == {stream.info.stream_id: stream}
            with pytest.raises(InvalidState, match=r"use client.streams\[...\]"):
                await client.stream(info_of(server)).open()
            with pytest.raises(InvalidState, match="make a new stream"):
                await stream.open()
            assert client.streams == {stream.info.stream_id: stream}
        assert client.streams == {}


# --- iterators -----------------------------------------------------------------------------------


async def test_iterator_that_is_broken_off() -> None:
    """After a loop is left another one goes on without loss."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        for number in range(10):
            await server.stream.send_audio(bytes([number]), timestamp_ms=1790000000000 + number)
        found = [frame.data[0] for frame in await collect(stream.audio(), 3)]
        await until(lambda: stream.statistics().core.frames[MediaType.AUDIO] == 10)
        async for frame in stream.audio():  # pragma: no branch  # it is left, that is the point
            found.append(frame.data[0])
            if len(found) == 6:
                break
        gc.collect()
        found += [frame.data[0] for frame in await collect(stream.audio(), 4)]
        assert found == list(range(10))


async def test_iterating_from_two_tasks() -> None:
    """Two tasks on one iterator are a mistake that the second one hears of."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:
        frames = stream.audio()
        first = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0.01)
        with pytest.raises(InvalidState, match="make an iterator for each task"):
            await anext(frames)
        await server.stream.send_audio(b"data")
        assert (await first).data == b"data"


async def test_cancelled_iteration_loses_nothing() -> None:
    """A loop around short time-outs gets every frame once, in order."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()) as stream:

        async def speak() -> None:
            for number in range(300):
                await server.stream.send_audio(b"data", timestamp_ms=1790000000000 + 20 * number)
                await asyncio.sleep(0.0005)

        speaking = asyncio.create_task(speak())
        frames = stream.audio()
        found: list[AudioFrame] = []
        while len(found) < 300:
            try:
                async with asyncio.timeout(0.0004):
                    found.append(await anext(frames))
            except TimeoutError:
                continue
        await speaking
        assert [frame.timestamp_ms for frame in found] == [
            1790000000000 + 20 * number for number in range(300)
        ]


async def test_drops_are_announced() -> None:
    """A gap says exactly what a slow consumer lost, in place; nothing is lost silently."""
    buffers = Buffers(audio=BufferLimits(max_items=10, max_bytes=1_000_000))
    async with (
        FakeRTMSServer() as server,
        joined(server, audio=AudioParams(), buffers=buffers) as stream,
    ):
        everything = aiter(stream)
        for number in range(100):
            await server.stream.send_audio(b"1234", timestamp_ms=1790000000000 + 20 * number)
        await until(lambda: stream.statistics().core.frames[MediaType.AUDIO] == 100)
        gap = await first_of(everything, Gap)
        assert (gap.media, gap.items, gap.size) == (MediaType.AUDIO, 90, 360)
        assert gap.user_ids == (16778240,)
        assert (gap.from_ms, gap.to_ms) == (1790000000000, 1790000001780)
        assert gap.consumer == "iterator all"
        rest = await collect(everything, 10)
        assert [getattr(item, "discontinuity", None) for item in rest] == [True] + [False] * 9
        assert [getattr(item, "timestamp_ms", None) for item in rest] == [
            1790000001800 + 20 * number for number in range(10)
        ]


async def test_overflow_that_closes() -> None:
    """With the policy to close a slow consumer ends the stream, and gets what was received."""
    limits = BufferLimits(max_items=10, max_bytes=1_000_000, policy=OverflowPolicy.CLOSE)
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        async with joined(
            server, audio=AudioParams(), buffers=Buffers(audio=limits), timeouts=SHORT
        ) as stream:
            frames = stream.audio()
            for number in range(20):
                await server.stream.send_audio(b"1234", timestamp_ms=1790000000000 + 20 * number)
            with pytest.raises(BufferOverflow, match=r"audio: .* got 10 items"):
                await stream.wait_ended()
            assert len(await collect(frames, 10)) == 10
            with pytest.raises(BufferOverflow):
                await anext(frames)
            assert isinstance(stream.error, BufferOverflow)
        await leaks.none()


# --- one connection ------------------------------------------------------------------------------


async def test_unified_connection() -> None:
    """All media come over one connection, in one order; what nobody asked for is only counted."""
    variations = Variations(terminated_on_media=True)
    async with (
        FakeRTMSServer(variations=variations) as server,
        joined(server, unified=True, audio=AudioParams(), transcript=TranscriptParams()) as stream,
    ):
        everything = aiter(stream)
        [connection] = server.stream.media
        assert connection.kind == "all"
        for number in range(10):
            at_ms = 1790000000000 + 20 * number
            await server.stream.send_audio(b"1234", timestamp_ms=at_ms)
            await server.stream.send_transcript(f"{number}", timestamp_ms=at_ms)
            await server.stream.send_chat(Chat(at_ms=number, person=ADA, text=f"{number}"))
        await until(lambda: stream.statistics().core.frames[MediaType.TRANSCRIPT] == 10)
        await until(lambda: stream.statistics().core.unrequested == 10)
        await stream.close()
        items = await collect(everything)
        media = [type(one) for one in items if isinstance(one, AudioFrame | TranscriptSegment)]
        assert media == [AudioFrame, TranscriptSegment] * 10
