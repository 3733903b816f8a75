"""How media flow: when, to whom, in which format, and what is buffered."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from rtms_client.enums import (
    DataAttribute,
    Language,
    MediaCodec,
    MediaType,
    MessageType,
    Product,
    SessionState,
    StopReason,
    StreamState,
)
from rtms_client.testing import (
    ADA,
    GRACE,
    AudioPacket,
    Caption,
    Chat,
    FakeRTMSServer,
    MeetingItem,
    MeetingScript,
    Person,
    Picture,
    RawMessage,
    SessionEvent,
    Speech,
    StateChange,
    Timing,
    bulk_audio,
    bulk_payload,
    bulk_video,
    tone_meeting,
)

if TYPE_CHECKING:
    from tests.unit.testing.conftest import MakeClient, RawSocket

EPOCH = 1790000000000
KEY = b"\0\0\0\1\x65key"
DELTA = b"\0\0\0\1\x41delta"
H264 = {"video": {"codec": 7, "fps": 25}}


def _end(at_ms: int) -> StateChange:
    return StateChange(at_ms=at_ms, state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED)


async def _contents(socket: RawSocket) -> list[dict[str, Any]]:
    return [message["content"] for message in await socket.rest()]


async def _stuck(server: FakeRTMSServer) -> None:
    """Wait until a client that does not read holds up the meeting."""
    await server.wait_until(server.stream.crowded)
    await asyncio.sleep(0.1)  # the time in which a mistake would show
    assert server.stream.crowded()


async def test_bulk_audio_is_exact(raw: MakeClient) -> None:
    """Everything arrives, in order, once, as fast as the client reads; then the stream ends."""
    async with FakeRTMSServer(
        bulk_audio(frames=5000),
        tls=False,
        pace=None,
        epoch_ms=EPOCH,
        timing=Timing(linger_s=0),
    ) as server:
        signaling, media = await raw(server).join(1, {"audio": {"data_opt": 2}})
        contents = await _contents(media)
        assert len(contents) == 5000
        for index, content in enumerate(contents):
            assert content == {
                "user_id": 16778240,
                "user_name": "Ada",
                "data": base64.b64encode(bulk_payload(MediaType.AUDIO, index, 640)).decode(),
                "length": 640,
                "timestamp": EPOCH + index * 20,
            }
        states = [
            (one["state"], one.get("reason"))
            for one in await signaling.rest()
            if one["msg_type"] == 8
        ]
        assert states == [(1, None), (3, 6), (4, 6)]
        assert server.stream.stop_reason == StopReason.MEETING_ENDED
        assert server.stream.played.is_set()


async def test_memory_of_a_slow_client_is_bounded(raw: MakeClient) -> None:
    """A client that does not read holds up the meeting; nothing is dropped or piled up."""
    async with FakeRTMSServer(bulk_video(frames=500, size=40_000), tls=False, pace=None) as server:
        client = raw(server)
        _signaling, media = await client.join(2, H264)
        media.ws.transport.pause_reading()
        await _stuck(server)
        assert len(server.sent(MessageType.MEDIA_DATA_VIDEO)) < 300
        media.ws.transport.resume_reading()
        assert len(await _contents(media)) == 500


async def test_nothing_flows_before_the_acknowledgement(raw: MakeClient) -> None:
    """Media start with message 7, not with message 4."""
    async with FakeRTMSServer(tone_meeting(), tls=False, pace=None) as server:
        client = raw(server)
        await client.signaling()
        media = await client.media(1)
        await asyncio.sleep(0.02)
        assert server.sent(MessageType.MEDIA_DATA_AUDIO) == []
        await client.ready()
        assert (await media.recv())["msg_type"] == 14


@pytest.mark.parametrize("wait_s", [None, 60.0], ids=["for ever", "long enough"])
async def test_the_meeting_waits_for_expected_media(raw: MakeClient, wait_s: float | None) -> None:
    """Nothing is lost on a socket that is ready later than the others."""
    script: list[MeetingItem] = [
        Caption(at_ms=0, person=ADA, text="first"),
        AudioPacket(at_ms=0, person=ADA, data=b"first"),
        _end(10),
    ]
    async with FakeRTMSServer(
        MeetingScript(script),
        tls=False,
        pace=None,
        expected_media=MediaType.AUDIO | MediaType.TRANSCRIPT,
        expected_wait_s=wait_s,
    ) as server:
        client = raw(server)
        await client.signaling()
        transcript = await client.media(8)
        await client.ready()
        audio = await client.media(1)
        await client.ready()
        assert [one["data"] for one in await _contents(transcript)] == ["first"]
        assert len(await _contents(audio)) == 1


async def test_the_meeting_does_not_wait_for_what_nobody_wants(raw: MakeClient) -> None:
    """A client may ask for less than what was expected."""
    script: list[MeetingItem] = [Caption(at_ms=0, person=ADA, text="first"), _end(10)]
    async with FakeRTMSServer(
        MeetingScript(script),
        tls=False,
        pace=None,
        expected_media=MediaType.AUDIO | MediaType.TRANSCRIPT,
        expected_wait_s=0.01,
    ) as server:
        _signaling, transcript = await raw(server).join(8)
        assert [one["data"] for one in await _contents(transcript)] == ["first"]


async def test_all_media_on_one_socket(raw: MakeClient) -> None:
    """A unified socket carries every medium, in order."""
    script: list[MeetingItem] = [
        AudioPacket(at_ms=0, person=ADA, data=b"a"),
        Picture(at_ms=0, person=ADA, data=b"v", codec=MediaCodec.JPG),
        Picture(at_ms=0, person=ADA, data=b"s", codec=MediaCodec.JPG, media=MediaType.SHARE),
        Caption(at_ms=0, person=ADA, text="t"),
        Chat(at_ms=0, person=ADA, text="c"),
        RawMessage(at_ms=0, message={"msg_type": 23, "x": 1}, socket="all"),
        _end(0),
    ]
    async with FakeRTMSServer(MeetingScript(script), tls=False, pace=None) as server:
        _signaling, media = await raw(server).join(32)
        assert [one["msg_type"] for one in await media.rest()] == [14, 15, 16, 17, 18, 23]


async def test_transcript(raw: MakeClient) -> None:
    """A segment has the times of its utterance, its language and its attribute."""
    script: list[MeetingItem] = [
        Caption(
            at_ms=500,
            person=ADA,
            text="Grüße",
            start_ms=100,
            end_ms=400,
            language=Language.GERMAN,
            attribute=DataAttribute.UPDATE,
        ),
        _end(500),
    ]
    async with FakeRTMSServer(
        MeetingScript(script), tls=False, pace=None, epoch_ms=EPOCH
    ) as server:
        _signaling, media = await raw(server).join(8)
        assert await _contents(media) == [
            {
                "user_id": 16778240,
                "user_name": "Ada",
                "start_time": EPOCH + 100,
                "end_time": EPOCH + 400,
                "timestamp": EPOCH + 100,
                "language": 14,
                "attribute": 2,
                "data": "Grüße",
            }
        ]


async def test_speech_is_formatted_as_negotiated(raw: MakeClient) -> None:
    """Speech of two people becomes stereo packets of 40 ms at 8 kHz, one for each of them."""
    pcm = b"".join(number.to_bytes(2, "little") for number in range(1280))
    script = [Speech(at_ms=0, person=one, pcm=pcm) for one in (ADA, GRACE)]
    async with FakeRTMSServer(
        MeetingScript([*script, _end(80)]), tls=False, pace=None, epoch_ms=EPOCH
    ) as server:
        params = {"data_opt": 2, "sample_rate": 0, "channel": 2, "send_rate": 40}
        _signaling, media = await raw(server).join(1, {"audio": params})
        contents = await _contents(media)
        assert [
            (one["user_name"], one["length"], one["timestamp"] - EPOCH) for one in contents
        ] == [("Ada", 1280, 0), ("Grace", 1280, 0), ("Ada", 1280, 40), ("Grace", 1280, 40)]
        assert base64.b64decode(contents[0]["data"])[:8] == b"\0\0\0\0\2\0\2\0"


async def test_mixed_speech_has_no_name(raw: MakeClient) -> None:
    """Mixed audio has user id 0 and no name."""
    script: list[MeetingItem] = [Speech(at_ms=0, person=ADA, pcm=b"\1\0" * 320), _end(20)]
    async with FakeRTMSServer(MeetingScript(script), tls=False, pace=None) as server:
        _signaling, media = await raw(server).join(1)
        (content,) = await _contents(media)
        assert content["user_id"] == 0
        assert "user_name" not in content


@pytest.mark.parametrize("product", [Product.CONTACT_CENTER, Product.PHONE])
async def test_voice_products_have_channels(raw: MakeClient, product: Product) -> None:
    """Each party of a call has a channel id, in audio and transcript, and is never mixed."""
    caller = Person(user_id=7, user_name="Jane", channel_id="ch-1")
    script: list[MeetingItem] = [
        Speech(at_ms=0, person=caller, pcm=bytes(640)),
        Speech(at_ms=0, person=ADA, pcm=bytes(640)),
        Caption(at_ms=20, person=caller, text="hello"),
        _end(20),
    ]
    async with FakeRTMSServer(
        MeetingScript(script), tls=False, pace=None, product=product
    ) as server:
        _signaling, media = await raw(server).join(32)
        contents = await _contents(media)
        assert [(one["user_id"], one["channel_id"]) for one in contents] == [
            (0, "ch-1"),
            (0, "16778240"),
            (7, "ch-1"),
        ]


async def test_audio_before_the_connection_is_buffered(raw: MakeClient) -> None:
    """Audio since the start arrives in a burst, at most 60 s of it; video is lost."""
    script: list[MeetingItem] = [
        Picture(at_ms=0, person=ADA, data=b"lost", codec=MediaCodec.JPG),
        AudioPacket(at_ms=0, person=ADA, data=b"too old"),
        AudioPacket(at_ms=10_000, person=ADA, data=b"kept"),
        Speech(at_ms=10_020, person=ADA, pcm=bytes(1280)),
        AudioPacket(at_ms=61_000, person=ADA, data=b"kept too"),
    ]
    async with FakeRTMSServer(
        MeetingScript(script), tls=False, pace=1e6, start_at_once=True
    ) as server:
        await server.stream.played.wait()
        _signaling, media = await raw(server).join(32)
        received = [(await media.recv())["content"] for _ in range(4)]
        assert [one["length"] for one in received] == [4, 640, 640, 8]


async def test_initial_buffer_is_unwanted(raw: MakeClient) -> None:
    """With ``buffer_data`` false the audio from before the connection is dropped."""
    script: list[MeetingItem] = [AudioPacket(at_ms=0, person=ADA, data=b"early")]
    async with FakeRTMSServer(
        MeetingScript(script), tls=False, pace=1e6, start_at_once=True
    ) as server:
        await server.stream.played.wait()
        client = raw(server)
        await client.signaling(buffer_data=False)
        media = await client.media(1)
        await client.ready()
        await server.stream.send_audio(b"now", timestamp_ms=EPOCH)
        assert (await media.recv())["content"]["length"] == 3


async def test_audio_during_an_interruption_is_buffered(raw: MakeClient) -> None:
    """While the audio socket is away audio is kept, whatever ``buffer_data`` said."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        await client.signaling(buffer_data=False)
        media = await client.media(1)
        other = await client.media(8)
        await client.ready()
        await media.ws.close()
        await server.wait_until(lambda: len(server.stream.media) == 1)
        packet = AudioPacket(at_ms=0, person=ADA, data=b"meanwhile")
        server.stream.delivery.packet(packet)
        media = await client.media(1)
        await client.ready()
        assert (await media.recv())["content"]["length"] == 9
        assert other.ws.close_code is None


async def test_audio_of_a_closing_socket_is_kept(raw: MakeClient) -> None:
    """What is said while the server closes the only audio socket is for the next one."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        await client.join(1)
        connection = server.stream.connection("audio")
        closing = asyncio.create_task(server.stream.close("audio", 1011))
        while connection.open:  # noqa: ASYNC110  # each round of the loop counts
            await asyncio.sleep(0)
        assert server.stream.media == [connection]
        server.stream.delivery.packet(AudioPacket(at_ms=20, person=ADA, data=b"kept"))
        await closing
        await server.wait_until(lambda: not server.stream.media)
        again = await client.media(1)
        await client.ready()
        assert (await again.until(14))["content"]["data"] == "a2VwdA=="


async def test_without_pace_the_meeting_waits_for_lost_media(raw: MakeClient) -> None:
    """A meeting without pace makes no progress while no media socket is ready."""
    async with FakeRTMSServer(bulk_audio(frames=5000), tls=False, pace=None) as server:
        client = raw(server)
        _signaling, media = await client.join(1)
        await media.recv()
        server.stream.drop("audio")
        await server.wait_until(lambda: not server.stream.media)
        sent = len(server.sent(MessageType.MEDIA_DATA_AUDIO))
        await asyncio.sleep(0.01)
        assert len(server.sent(MessageType.MEDIA_DATA_AUDIO)) == sent
        media = await client.media(1)
        await client.ready()
        assert (await media.rest())[-1]["content"]["timestamp"] == (
            server.stream.epoch_ms + 4999 * 20
        )


async def test_real_time_pace(raw: MakeClient) -> None:
    """With a pace of 2 a meeting of 80 ms takes 40 ms."""
    script: list[MeetingItem] = [AudioPacket(at_ms=at, person=ADA, data=b"a") for at in (0, 40, 80)]
    async with FakeRTMSServer(MeetingScript(script), tls=False, pace=2) as server:
        _signaling, media = await raw(server).join(1)
        for _ in script:
            await media.recv()
        [ready] = server.received(MessageType.CLIENT_READY_ACK)
        last = server.sent(MessageType.MEDIA_DATA_AUDIO)[-1]
        assert 0.035 < last.at_s - ready.at_s < 10


async def test_a_pause_stops_media(raw: MakeClient) -> None:
    """While stream or session is paused nothing flows and nothing is kept."""
    script: list[MeetingItem] = [
        AudioPacket(at_ms=0, person=ADA, data=b"1"),
        StateChange(at_ms=1, state=SessionState.PAUSED),
        AudioPacket(at_ms=2, person=ADA, data=b"22"),
        StateChange(at_ms=3, state=SessionState.RESUMED),
        StateChange(at_ms=3, state=StreamState.PAUSED),
        AudioPacket(at_ms=4, person=ADA, data=b"333"),
        StateChange(at_ms=5, state=StreamState.RESUMED),
        AudioPacket(at_ms=6, person=ADA, data=b"4444"),
        StateChange(at_ms=7, state=SessionState.STOPPED, reason=StopReason.USER_LEFT),
        _end(8),
    ]
    async with FakeRTMSServer(
        MeetingScript(script), tls=False, pace=None, timing=Timing(linger_s=0)
    ) as server:
        signaling, media = await raw(server).join(1)
        assert [one["length"] for one in await _contents(media)] == [1, 4]
        told = [
            (one["msg_type"], one["state"])
            for one in await signaling.rest()
            if one["msg_type"] in {8, 9}
        ]
        assert told == [(8, 1), (9, 2), (9, 3), (9, 4), (8, 5), (8, 6), (9, 5), (8, 3), (8, 4)]


async def test_pictures_follow_the_negotiated_codec(raw: MakeClient) -> None:
    """Only pictures of the negotiated codec are sent, JPG and PNG at the negotiated rate."""
    script: list[MeetingItem] = [
        Picture(at_ms=at, person=ADA, data=codec.name.encode(), codec=codec, media=media)
        for at in range(0, 2000, 250)
        for codec in (MediaCodec.JPG, MediaCodec.PNG, MediaCodec.H264)
        for media in (MediaType.VIDEO, MediaType.SHARE)
    ]
    async with FakeRTMSServer(
        MeetingScript([*script, _end(2000)]), tls=False, pace=None, epoch_ms=EPOCH
    ) as server:
        params = {"video": {"codec": 6, "fps": 2}, "deskshare": {"codec": 5, "fps": 1}}
        _signaling, media = await raw(server).join(32, params)
        assert [
            (one["msg_type"], one["content"]["length"], one["content"]["timestamp"] - EPOCH)
            for one in await media.rest()
        ] == [
            (16, 3, 0),
            (15, 3, 0),
            (15, 3, 500),
            (16, 3, 1000),
            (15, 3, 1000),
            (15, 3, 1500),
        ]


async def test_video_shows_the_active_speaker(raw: MakeClient) -> None:
    """Without a choice the active speaker is shown, after a switch from a key frame on."""
    script: list[MeetingItem] = [
        Picture(at_ms=0, person=ADA, data=DELTA),
        Picture(at_ms=0, person=ADA, data=KEY),
        Picture(at_ms=0, person=GRACE, data=KEY),
        Picture(at_ms=1, person=ADA, data=DELTA),
        SessionEvent(at_ms=2, event_type=2, people=(GRACE,)),
        Picture(at_ms=3, person=GRACE, data=DELTA),
        Picture(at_ms=3, person=ADA, data=DELTA),
        Picture(at_ms=4, person=GRACE, data=KEY),
        Picture(at_ms=5, person=GRACE, data=DELTA),
        _end(6),
    ]
    async with FakeRTMSServer(
        MeetingScript(script), tls=False, pace=None, epoch_ms=EPOCH
    ) as server:
        _signaling, media = await raw(server).join(2, H264)
        assert [
            (one["user_name"], one["length"], one["timestamp"] - EPOCH)
            for one in await _contents(media)
        ] == [("Ada", 8, 0), ("Ada", 10, 1), ("Grace", 8, 4), ("Grace", 10, 5)]


async def test_individual_video(raw: MakeClient) -> None:
    """Nothing flows before a choice; one participant at a time; the choice ends with the camera."""
    async with FakeRTMSServer(tls=False) as server:
        stream = server.stream
        client = raw(server)
        signaling, media = await client.join(2, {"video": {**H264["video"], "data_opt": 4}})

        async def choose(user_id: object, *, subscribe: object = True) -> tuple[int, str]:
            await signaling.send(msg_type=28, user_id=user_id, subscribe=subscribe, timestamp=1)
            answer = await signaling.until(29)
            assert answer["user_id"] == user_id
            return answer["status_code"], answer["reason"]

        await stream.send_picture(b"nobody asked")
        assert await choose(16778240) == (0, "OK")
        assert await choose(16778240) == (44, "already subscribed")
        await stream.send_picture(b"one", person=ADA)
        await stream.send_picture(b"another", person=GRACE)
        assert await choose(16779264) == (0, "OK")
        await stream.send_picture(b"left", person=ADA)
        await stream.send_picture(b"right", person=GRACE)
        assert await choose(16778240, subscribe=False) == (0, "OK")
        assert stream.video_user == 16779264
        assert await choose(16779264, subscribe=False) == (0, "OK")
        await stream.send_picture(b"off", person=GRACE)
        assert await choose(16779264) == (0, "OK")
        await stream.send_event(9, ADA)
        chosen = [stream.video_user]
        await stream.send_event(9, GRACE)
        assert [*chosen, stream.video_user] == [16779264, None]
        assert await choose("16779264") == (4, "user_id must be an integer")
        await stream.terminate()
        contents = await _contents(media)
        assert [base64.b64decode(one["data"]) for one in contents] == [b"one", b"right"]
        assert [str(one.detail) for one in server.violations] == ["message 28 needs int and bool"]


async def test_individual_video_needs_the_option(raw: MakeClient) -> None:
    """A choice without ``data_opt`` 4 is refused; before the video handshake it is kept."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        signaling = await client.signaling()
        await signaling.send(msg_type=28, user_id=1, subscribe=True)
        assert (await signaling.until(29))["status_code"] == 0
        await client.media(2)
        await signaling.send(msg_type=28, user_id=2, subscribe=True)
        assert (await signaling.until(29))["status_code"] == 29


async def test_clients_that_leave_during_the_end(raw: MakeClient) -> None:
    """The end waits for slow sockets, but not for those that are gone."""
    async with FakeRTMSServer(bulk_video(frames=500, size=40_000), tls=False, pace=None) as server:
        client = raw(server)
        signaling, media = await client.join(2, H264)
        other = await client.media(1)
        media.ws.transport.pause_reading()
        await _stuck(server)
        ending = asyncio.create_task(server.stream.terminate())
        assert (await signaling.until(8))["state"] == 1
        assert (await signaling.until(8))["state"] == 3
        await other.ws.close()
        await server.wait_until(lambda: len(server.stream.media) == 1)
        server.stream.drop("video")
        await ending
        assert (await signaling.until(8))["state"] == 4


async def test_the_end_does_not_wait_for_ever(raw: MakeClient) -> None:
    """A client that does not read its media has some time, then the stream ends without it."""
    async with FakeRTMSServer(tls=False, timing=Timing(drain_s=0.01, linger_s=0)) as server:
        signaling, media = await raw(server).join(1)
        media.ws.transport.pause_reading()
        for _ in range(400):
            await server.stream.send_raw("x" * 40_000, socket="audio")
        await server.stream.terminate()
        assert (await signaling.rest())[-1]["state"] == 4


async def test_a_full_outbox_empties(raw: MakeClient) -> None:
    """Messages sent by hand are queued without bound, and all arrive."""
    async with FakeRTMSServer(tls=False) as server:
        _signaling, media = await raw(server).join(32)
        for _ in range(200):
            await server.stream.send_raw("x" * 20_000, socket="chat")
        assert server.stream.crowded() == server.stream.media
        await server.stream.terminate()
        received = 0
        async for message in media.ws:
            received += len(message)
        assert received == 4_000_000
