"""Connections that break without a word: what is reopened, what is repeated, what the user sees."""

import time

import pytest
from tests.integration.failover.support import QUICK, THREE_MEDIA, scene, steady, when_joined
from tests.integration.support import until

from rtms_client import (
    AudioFrame,
    AudioParams,
    ConnectionLost,
    Gap,
    MediaType,
    TranscriptParams,
    TranscriptSegment,
    VideoFrame,
)
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import MessageType
from rtms_client.events import GapCause, ReconnectScheduled, StreamInterrupted, StreamResumed
from rtms_client.protocol import Phase
from rtms_client.testing import FakeRTMSServer, Fault, FaultKind, FaultPlan

EVERYTHING = {
    ("signaling", 1),
    ("signaling", 5),
    ("audio", 3),
    ("video", 3),
    ("transcript", 3),
    ("signaling", 7),
}


@pytest.mark.parametrize("media", ["audio", "video", "transcript"])
async def test_media_socket_is_reset(media: str) -> None:
    """A dead media socket is reopened alone, acknowledged again, and disturbs no other medium."""
    frames = {"audio": AudioFrame, "video": VideoFrame, "transcript": TranscriptSegment}
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        for kind in frames.values():
            await here.witness.more(kind, count=2)
        mark = len(here.requests())
        others = [one.id for one in server.connections if one.kind != media]
        server.stream.drop(media)
        resumed = await here.witness.first(StreamResumed)
        for kind in frames.values():
            await here.witness.more(kind, count=2)
        assert here.since(mark) == [(media, 3), ("signaling", 7)]
        assert [one.id for one in server.connections if one.kind != media] == others
        assert resumed.media == MediaType[media.upper()]
        assert here.witness.story() == [
            ("StreamInterrupted", media.upper()),
            ("ReconnectScheduled", media.upper()),
            ("StreamResumed", media.upper()),
        ]
        assert here.stream.state is Phase.STREAMING
        assert server.violations == []


async def test_signaling_socket_is_reset() -> None:
    """A dead signaling socket takes everything with it, and everything is repeated."""
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        await here.witness.more(VideoFrame)
        mark = len(here.requests())
        server.stream.drop("signaling")
        resumed = await here.resumed()
        assert set(here.since(mark)) == EVERYTHING
        assert here.since(mark)[:2] == [("signaling", 1), ("signaling", 5)]
        assert resumed.media is None
        assert here.witness.story() == [
            ("StreamInterrupted", "signaling"),
            ("ReconnectScheduled", "signaling"),
            ("StreamResumed", "signaling"),
        ]
        await here.witness.more(VideoFrame)
        assert server.violations == []


@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_time_to_recovery(socket: str) -> None:
    """With the default policy the first try comes within half a second of a plain loss."""
    async with (
        FakeRTMSServer(steady()) as server,
        scene(server, **THREE_MEDIA, reconnect=ReconnectPolicy()) as here,
    ):
        await here.witness.more(AudioFrame)
        lost_at = time.monotonic()
        server.stream.drop(socket)
        resumed = await here.resumed()
        assert resumed.attempts == 1
        assert here.witness.of(ReconnectScheduled)[0].delay_s <= 0.5
        assert time.monotonic() - lost_at < 5  # on a busy machine


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 4000])
@pytest.mark.parametrize("socket", ["signaling", "audio"])
async def test_socket_is_closed_with_any_code(socket: str, code: int) -> None:
    """No close code, 1000 included, proves an end: without TERMINATED the socket is reopened."""
    kind = FaultKind.RESET if code == 1006 else FaultKind.CLOSE
    plan = when_joined(Fault(kind, socket=socket, code=code, at_s=0.1))
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.resumed()
        lost = here.witness.of(StreamInterrupted)[0].cause
        assert isinstance(lost, ConnectionLost)
        assert lost.code == code


async def test_buffered_audio_leaves_no_gap() -> None:
    """What the server kept during an interruption is delivered: nothing is missing."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame, count=10)
        await server.stream.connection("audio").flush()
        await server.stream.close("audio", 1011)
        await here.resumed()
        times = [frame.timestamp_ms for frame in here.witness.of(AudioFrame)]
        assert times == list(range(times[0], times[-1] + 1, 20))
        assert here.witness.of(Gap) == []


async def test_lost_audio_is_a_gap() -> None:
    """What the server did not keep is announced once, right before the first frame after it."""
    plan = FaultPlan(
        [
            Fault(FaultKind.RESET, socket="audio", message=MessageType.MEDIA_DATA_AUDIO, after=20),
            Fault(FaultKind.FORGET, after=1),
        ]
    )
    slow = ReconnectPolicy(first_delay_s=0.2, jitter=0)
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, reconnect=slow) as here,
    ):
        await here.resumed()
        [gap] = here.witness.of(Gap)
        assert gap.media == MediaType.AUDIO
        assert gap.cause is GapCause.LOST
        assert gap.duration_ms is not None
        assert 100 <= gap.duration_ms <= 20_000
        first = here.witness.after(Gap, AudioFrame)[0]
        assert first.discontinuity
        assert first.timestamp_ms == gap.to_ms


async def test_pictures_missed_are_a_gap() -> None:
    """Pictures are never kept by the server: an interruption of video is a gap."""
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        await here.witness.more(VideoFrame)
        server.stream.drop("video")
        await here.witness.first(StreamResumed)
        await here.witness.more(VideoFrame)
        [gap] = [one for one in here.witness.of(Gap) if one.media == MediaType.VIDEO]
        assert gap.from_ms is not None
        assert gap.to_ms == here.witness.after(Gap, VideoFrame)[0].timestamp_ms


async def test_replayed_audio_comes_once() -> None:
    """Audio that the server sends a second time after a reconnect is removed and counted."""
    plan = FaultPlan(
        [
            Fault(FaultKind.RESET, socket="audio", message=MessageType.MEDIA_DATA_AUDIO, after=30),
            Fault(FaultKind.REPLAY, socket="audio", for_s=10.0),
        ]
    )
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.resumed()
        assert here.struck() == [FaultKind.RESET, FaultKind.REPLAY]
        assert here.stream.statistics().core.duplicates >= 15


async def test_replay_across_an_older_gap_comes_once() -> None:
    """A replay may fill an older gap: what is new in it is delivered, and nothing twice."""
    packets = MessageType.MEDIA_DATA_AUDIO
    plan = FaultPlan(
        [
            Fault(FaultKind.DROP, message=packets, after=10, times=3),
            Fault(FaultKind.RESET, socket="audio", message=packets, after=30),
            Fault(FaultKind.REPLAY, socket="audio", for_s=10.0),
        ]
    )
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.resumed()
        times = [frame.timestamp_ms for frame in here.witness.of(AudioFrame)]
        assert len(times) == len(set(times))
        assert sorted(times) == list(range(min(times), max(times) + 1, 20))


async def test_unified_socket() -> None:
    """The connection for all media is brought back alone, and is the loss of all of them."""
    async with (
        FakeRTMSServer(steady()) as server,
        scene(server, **THREE_MEDIA, unified=True) as here,
    ):
        await here.witness.more(VideoFrame)
        mark = len(here.requests())
        server.stream.drop("all")
        resumed = await here.resumed()
        await here.witness.more(VideoFrame)
        assert here.since(mark) == [("all", 3), ("signaling", 7)]
        assert resumed.media == MediaType.ALL
        assert {gap.media for gap in here.witness.of(Gap)} >= {MediaType.VIDEO}


async def test_several_losses_in_a_row() -> None:
    """Each loss after media flowed is a new story: the waits start over."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        for count in range(1, 4):
            await here.witness.more(AudioFrame)
            server.stream.drop("audio" if count % 2 else "signaling")
            await here.resumed(count=count)
        assert [one.attempt for one in here.witness.of(ReconnectScheduled)] == [1, 1, 1]
        assert [one.delay_s for one in here.witness.of(ReconnectScheduled)] == [0.01] * 3
        assert here.stream.statistics().core.reconnects == 3


async def test_all_media_lost_at_once() -> None:
    """Media connections that break together come back independently of each other."""
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        await here.witness.more(VideoFrame)
        mark = len(here.requests())
        for media in ("audio", "video", "transcript"):
            server.stream.drop(media)
        await here.witness.first(StreamResumed, count=3)
        await here.witness.more(VideoFrame)
        repeated = sorted(here.since(mark), key=str)
        assert [one for one in repeated if one[1] == 3] == [
            ("audio", 3),
            ("transcript", 3),
            ("video", 3),
        ]
        assert here.stream.state is Phase.STREAMING


async def test_server_restarts() -> None:
    """A server that is away for a while is tried again until it is back."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        for door in server.doors:
            await door.shut()
        server.stream.drop("signaling")
        await here.witness.first(ReconnectScheduled, count=3)
        for door in server.doors:
            await door.open()
        resumed = await here.resumed()
        assert resumed.attempts >= 3
        assert here.witness.story()[-1] == ("StreamResumed", "signaling")


async def test_media_loss_during_a_signaling_reconnect() -> None:
    """A medium that fails inside a signaling reconnect delays only itself."""
    plan = when_joined(
        Fault(FaultKind.RESET, socket="signaling", at_s=0.1),
        Fault(FaultKind.REJECT, socket="video", code=47, after=1, times=2),
    )
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, **THREE_MEDIA) as here,
    ):
        resumed = await here.resumed()
        await here.witness.more(VideoFrame)
        assert resumed.media is None
        assert [one.media for one in here.witness.of(StreamResumed)] == [None]
        assert here.statuses() == [47, 47]


async def test_slow_medium_during_a_signaling_reconnect() -> None:
    """The stream counts as resumed when the slowest medium is there, though others flow before."""
    plan = when_joined(
        Fault(FaultKind.RESET, socket="signaling", at_s=0.1),
        Fault(FaultKind.DELAY, socket="video", on="open", for_s=0.2, after=1),
    )
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, **THREE_MEDIA) as here,
    ):
        await here.witness.first(StreamInterrupted)
        await here.witness.more(VideoFrame, count=1)
        await until(lambda: here.stream.state is Phase.STREAMING)
        await here.witness.more(AudioFrame)
        assert here.witness.story()[-1] == ("StreamResumed", "signaling")


async def test_loss_with_nothing_to_say() -> None:
    """Without any media yet, a loss before the first frame is repaired as well."""
    async with (
        FakeRTMSServer() as server,
        scene(server, audio=None, transcript=TranscriptParams()) as here,
    ):
        server.stream.drop("signaling")
        await here.witness.first(StreamResumed)
        await until(lambda: server.stream.media and server.stream.media[0].ready)
        await server.stream.send_transcript("hello")
        await here.witness.first(TranscriptSegment)
        assert here.stream.granted.audio is None


async def test_audio_params_are_asked_for_again() -> None:
    """The handshake of a reconnect asks for the same parameters as the first one."""
    params = AudioParams(sample_rate=48000, channel=2)
    async with FakeRTMSServer(steady()) as server, scene(server, audio=params) as here:
        await here.witness.more(AudioFrame)
        server.stream.drop("audio")
        await here.resumed()
        first, second = server.received(MessageType.DATA_HAND_SHAKE_REQ)
        assert first.message == second.message
        assert QUICK.first_delay_s < here.witness.of(StreamResumed)[0].after_s
