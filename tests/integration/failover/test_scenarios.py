"""The failover scenarios that Zoom documents, one by one, and what must not end a stream."""

import asyncio
from typing import Any

import attrs
import pytest
from tests.integration.failover.support import (
    QUICK,
    THREE_MEDIA,
    WAITS,
    Scene,
    scene,
    steady,
    when_joined,
)
from tests.integration.support import Leaks, client_for, info_of, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    DataOption,
    Gap,
    MediaType,
    RTMSStream,
    StreamStopped,
    VideoFrame,
    VideoParams,
    parse_started,
)
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import EventType, MessageType, SessionState, StopReason, StreamState
from rtms_client.events import (
    GapCause,
    ReconnectScheduled,
    SessionStateChanged,
    StreamInterrupted,
    StreamResumed,
    StreamStateChanged,
)
from rtms_client.exceptions import ConnectionSilent, HostNotAllowed
from rtms_client.protocol import Phase
from rtms_client.testing import ADA, FakeRTMSServer, Fault, FaultKind, FaultPlan, RawMessage
from rtms_client.testing import MeetingScript as Script


def move(server: FakeRTMSServer, stream: RTMSStream) -> None:
    """Let the started webhook come a second time, with other URLs."""
    server.move()
    stream.moved(parse_started(server.started_webhook()).stream)


# --- scenario 1: the started webhook comes again -------------------------------------------------


async def test_scenario_1_moved() -> None:
    """A started webhook for a live stream moves everything to the new URLs, at once."""
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        await here.witness.more(VideoFrame)
        mark = len(here.requests())
        old = {one.id for one in server.connections}
        move(server, here.stream)
        resumed = await here.resumed()
        refused = len(here.statuses())  # a busy server may not know yet that we have left
        tries = [("signaling", 1)] * (refused + 1)
        assert here.since(mark)[: refused + 2] == [*tries, ("signaling", 5)]
        assert {one for one in here.since(mark) if one[1] == 3} == {
            ("audio", 3),
            ("video", 3),
            ("transcript", 3),
        }
        assert resumed.attempts == len(tries)
        assert [one for one in here.witness.story() if one[0] != "ReconnectScheduled"] == [
            ("StreamInterrupted", "signaling"),
            ("StreamResumed", "signaling"),
        ]
        await until(lambda: not old & {one.id for one in server.connections})
        assert {one.path.rpartition("?")[2] for one in server.connections} == {"move=1"}
        assert server.violations == []


async def test_scenario_1_in_the_middle_of_another_reconnect() -> None:
    """A move replaces the URLs and the try that is under way, whatever its back-off."""
    patient = ReconnectPolicy(first_delay_s=30, jitter=0)
    async with FakeRTMSServer(steady()) as server, scene(server, reconnect=patient) as here:
        await here.witness.more(AudioFrame)
        server.stream.drop("signaling")
        await here.witness.first(ReconnectScheduled)
        move(server, here.stream)
        resumed = await here.resumed()
        assert resumed.after_s < 10
        assert here.stream.state is Phase.STREAMING


async def test_scenario_1_while_a_try_is_answered() -> None:
    """An answer to a try that a move has replaced changes nothing any more."""
    plan = FaultPlan([Fault(FaultKind.DELAY, socket="signaling", on="open", for_s=0.2, after=1)])
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        server.stream.drop("signaling")
        await until(lambda: len(server.connections) == 1 and here.struck())
        move(server, here.stream)
        await here.resumed()
        await asyncio.sleep(0.25)  # the time in which the late answer would come
        assert here.stream.state is Phase.STREAMING
        assert [one.kind for one in server.connections] == ["signaling", "audio"]


async def test_scenario_1_to_a_forbidden_host() -> None:
    """URLs that may not be opened are refused, and the stream stays where it is."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        with pytest.raises(HostNotAllowed):
            here.stream.moved(
                info_of(server).__class__(
                    product_id="x", stream_id="y", server_urls=("wss://evil.example/",)
                )
            )
        await here.witness.more(AudioFrame)
        assert here.witness.story() == []


async def test_moved_twice() -> None:
    """Of two moves in a row the last one counts."""
    async with FakeRTMSServer(steady(), duplicates="replace") as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        move(server, here.stream)
        move(server, here.stream)
        await here.resumed()
        assert {one.path.rpartition("?")[2] for one in server.connections} == {"move=2"}


async def test_webhooks_overtake_each_other() -> None:
    """Webhooks from before a move come after it: they say nothing about where the stream is now."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        old, moved_at_ms = here.stream.info, server.stream.now_ms()
        server.move()
        here.stream.moved(attrs.evolve(info_of(server), event_ts_ms=moved_at_ms))
        await here.resumed()
        here.stream.interrupted(old.server_urls, event_ts_ms=moved_at_ms - 1)
        here.stream.moved(old)
        await here.witness.more(AudioFrame)
        assert len(here.witness.of(StreamInterrupted)) == 1
        assert len(here.witness.of(StreamResumed)) == 1
        assert {one.path.rpartition("?")[2] for one in server.connections} == {"move=1"}
        # And this one is about the new place.
        here.stream.interrupted([server.move()], event_ts_ms=moved_at_ms)
        await here.resumed(count=2)


# --- scenario 2: the interrupted webhook ---------------------------------------------------------


async def test_scenario_2_interrupted_webhook() -> None:
    """The interrupted webhook lets everything be reopened at the known URL."""
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        await here.witness.more(VideoFrame)
        mark = len(here.requests())
        here.stream.interrupted()
        await here.resumed()
        assert here.since(mark)[0] == ("signaling", 1)
        assert here.witness.story() == [
            ("StreamInterrupted", "signaling"),
            ("ReconnectScheduled", "signaling"),
            ("StreamResumed", "signaling"),
        ]


async def test_scenario_2_with_urls() -> None:
    """URLs of the interrupted webhook replace the known ones."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        here.stream.interrupted([server.move()])
        await here.resumed()
        assert {one.path.rpartition("?")[2] for one in server.connections} == {"move=1"}


async def test_scenario_2_after_the_socket_broke() -> None:
    """A webhook that confirms a loss which we know neither restarts nor hastens anything."""
    calm = ReconnectPolicy(first_delay_s=0.3, jitter=0)
    async with FakeRTMSServer(steady()) as server, scene(server, reconnect=calm) as here:
        await here.witness.more(AudioFrame)
        server.stream.drop("signaling")
        await here.witness.first(ReconnectScheduled)
        here.stream.interrupted()
        resumed = await here.resumed()
        assert resumed.after_s >= 0.3
        assert len(here.witness.of(ReconnectScheduled)) == 1


async def test_scenario_2_too_late() -> None:
    """A webhook about a loss that has been repaired in the meantime breaks nothing."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        server.stream.drop("signaling")
        await here.resumed()
        mark = len(here.requests())
        here.stream.interrupted()
        await here.witness.more(AudioFrame, count=5)
        assert here.since(mark) == []
        assert len(here.witness.of(StreamInterrupted)) == 1


async def test_scenario_2_again_although_the_socket_looks_alive() -> None:
    """After a repair the webhook is put to the proof; a socket that is dead is given up soon."""
    waits = attrs.evolve(WAITS, request_s=0.2)
    async with (
        FakeRTMSServer(steady(), duplicates="replace") as server,
        scene(server, timeouts=waits) as here,
    ):
        await here.witness.more(AudioFrame)
        server.stream.drop("signaling")
        await here.resumed()
        server.stream.stall("signaling")
        here.stream.interrupted()
        await here.resumed(count=2)
        assert isinstance(here.witness.of(StreamInterrupted)[1].cause, ConnectionSilent)


# --- scenario 3: a medium is interrupted ---------------------------------------------------------


async def test_scenario_3_event_that_names_the_medium() -> None:
    """Event 7 with a media type lets that socket alone be reopened."""
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        await here.witness.more(VideoFrame)
        mark = len(here.requests())
        await server.stream.send_event(EventType.MEDIA_CONNECTION_INTERRUPTED, media_type=2)
        await here.witness.first(StreamResumed)
        await here.witness.more(VideoFrame)
        assert here.since(mark) == [("video", 3), ("signaling", 7)]


async def test_scenario_3_state_with_reason_14() -> None:
    """State INTERRUPTED with reason 14, event 7 and the closed socket are one interruption."""
    plan = when_joined(Fault(FaultKind.INTERRUPT, socket="video", at_s=0.1))
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, **THREE_MEDIA) as here,
    ):
        resumed = await here.witness.first(StreamResumed)
        await here.witness.more(VideoFrame)
        assert resumed.media == MediaType.VIDEO
        assert len(here.witness.of(StreamInterrupted)) == 1
        states = here.witness.of(StreamStateChanged)
        assert (StreamState.INTERRUPTED, StopReason.DATA_CONNECTION_INTERRUPTED) in [
            (one.state, one.reason) for one in states
        ]


async def test_scenario_3_without_a_closed_socket() -> None:
    """An interruption that names no medium and closes nothing leaves healthy sockets alone."""
    async with FakeRTMSServer(steady()) as server, scene(server, **THREE_MEDIA) as here:
        await here.witness.more(VideoFrame)
        mark = len(here.requests())
        await server.stream.send_event(EventType.MEDIA_CONNECTION_INTERRUPTED)
        await here.witness.more(VideoFrame)
        assert here.since(mark) == []


async def test_scenario_3b_state_with_reason_13() -> None:
    """State INTERRUPTED with reason 13 alone reopens nothing: the webhook or the socket decides."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        mark = len(here.requests())
        server.stream.change_state(
            StreamState.INTERRUPTED, StopReason.SIGNAL_CONNECTION_INTERRUPTED
        )
        await here.witness.more(AudioFrame, count=5)
        assert here.since(mark) == []
        server.stream.drop("signaling")
        await here.resumed()
        assert here.since(mark)[0] == ("signaling", 1)


async def test_signaling_lost_without_a_word() -> None:
    """A medium that is called faulty although nothing changed makes us doubt signaling."""
    plan = when_joined(Fault(FaultKind.HALF_OPEN, socket="signaling", at_s=0.1))
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.resumed()
        assert here.statuses() == [1]
        assert here.witness.story() == [
            ("StreamInterrupted", "AUDIO"),
            ("ReconnectScheduled", "AUDIO"),
            ("StreamInterrupted", "signaling"),
            ("ReconnectScheduled", "signaling"),
            ("StreamResumed", "signaling"),
        ]


async def test_signaling_interrupted_the_documented_way() -> None:
    """State, closed socket and webhook about one loss of signaling are one interruption."""
    hooks: list[dict[str, Any]] = []
    plan = when_joined(
        Fault(FaultKind.INTERRUPT, socket="signaling", at_s=0.1), on_webhook=hooks.append
    )
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await until(lambda: hooks)
        assert hooks[0]["event"] == "meeting.rtms_interrupted"
        here.stream.interrupted()
        await here.resumed()
        await here.witness.more(AudioFrame, count=5)
        told = here.witness.story()
        assert told.count(("StreamInterrupted", "signaling")) == 1
        assert told[-1] == ("StreamResumed", "signaling")


# --- scenarios 4 and 5: the stream is over -------------------------------------------------------


@pytest.mark.parametrize("phase", ["streaming", "during a reconnect"])
@pytest.mark.parametrize("reason", [StopReason.EXIT_SIGNAL, StopReason.KEEP_ALIVE_TIMEOUT])
async def test_scenario_4_stopped_for_a_technical_reason(reason: StopReason, phase: str) -> None:
    """A stopped webhook with a technical reason ends the stream with an error, also in back-off."""
    patient = ReconnectPolicy(first_delay_s=30, jitter=0)
    async with FakeRTMSServer(steady()) as server, scene(server, reconnect=patient) as here:
        await here.witness.more(AudioFrame)
        if phase != "streaming":
            server.stream.drop("signaling")
            await here.witness.first(ReconnectScheduled)
        mark = len(here.requests())
        here.stream.stopped(reason)
        await here.witness.end()
        assert isinstance(here.witness.error, StreamStopped)
        assert here.witness.error.stop_reason == reason
        assert here.since(mark) == []


async def test_scenario_5_stopped_for_another_reason() -> None:
    """A stopped webhook with any other reason is a normal end: nothing is reopened."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        here.stream.stopped(StopReason.MEETING_ENDED)
        assert (await here.witness.end()).error is None
        assert here.stream.stop_reason == StopReason.MEETING_ENDED


# --- ends, and what is none ----------------------------------------------------------------------


async def test_terminating_then_closed() -> None:
    """After TERMINATING a closed socket is the end, not a loss."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        server.stream.change_state(StreamState.TERMINATING, StopReason.MEETING_ENDED)
        await here.witness.first(StreamStateChanged, count=2)
        await here.witness.more(AudioFrame)
        server.stream.drop("signaling")
        assert (await here.witness.end()).error is None
        assert here.witness.of(StreamInterrupted) == []


async def test_terminated_in_the_middle_of_a_reconnect() -> None:
    """TERMINATED while a medium is being reopened ends the stream normally."""
    plan = when_joined(
        Fault(FaultKind.RESET, socket="audio", at_s=0.1),
        Fault(FaultKind.REJECT, socket="audio", code=45, after=1, times=None),
    )
    async with FakeRTMSServer(steady(), fault=plan) as server, scene(server) as here:
        await here.witness.first(ReconnectScheduled, count=2)
        await server.stream.terminate(StopReason.MEETING_ENDED)
        assert (await here.witness.end()).error is None


async def test_one_ending_session_of_several() -> None:
    """A stream with several sessions goes on when one of them stops."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        for name, state in (("sess-2", 2), ("sess-1", 5)):
            await server.stream.send_raw(
                {"msg_type": 9, "rtms_session_id": name, "state": state, "timestamp": 1}
            )
        await here.witness.first(SessionStateChanged, count=3)
        server.stream.drop("signaling")
        await here.resumed()
        assert here.witness.of(SessionStateChanged)[2].state == SessionState.STOPPED


async def test_pause_and_resume_are_no_losses() -> None:
    """A pause is announced as such; nothing is reopened, nothing counts as interrupted."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        mark = len(here.requests())
        server.stream.pause()
        await until(lambda: server.stream.paused)
        await asyncio.sleep(0.1)  # a pause that can be measured
        server.stream.resume()
        gap = await here.witness.first(Gap)
        await here.witness.more(AudioFrame)
        assert gap.cause is GapCause.PAUSED
        assert gap.duration_ms is not None
        assert gap.duration_ms >= 90
        assert here.since(mark) == []
        assert here.stream.statistics().core.interruptions == 0
        assert here.witness.story() == []


# --- what a reconnect restores -------------------------------------------------------------------


@pytest.mark.parametrize("socket", ["signaling", "video"])
async def test_individual_video_is_restored(socket: str) -> None:
    """The chosen participant is chosen again on a new video connection."""
    video = VideoParams(fps=25, data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)
    async with FakeRTMSServer(steady()) as server, scene(server, video=video) as here:
        await here.stream.subscribe_video(ADA.user_id)
        await here.witness.more(VideoFrame)
        server.stream.drop(socket)
        await here.witness.first(StreamResumed)
        await here.witness.more(VideoFrame)
        first, second = server.received(MessageType.VIDEO_SUBSCRIPTION_REQ)
        assert first.message is not None
        assert second.message is not None
        assert second.message["user_id"] == first.message["user_id"] == ADA.user_id
        assert second.message["timestamp"] >= first.message["timestamp"]


async def test_event_subscriptions_are_restored() -> None:
    """What was subscribed before the loss is subscribed after it, later changes included."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        here.stream.subscribe_events(EventType.PARTICIPANT_JOIN, subscribe=False)
        here.stream.subscribe_events(EventType.SHARING_START)
        await server.wait_for(MessageType.EVENT_SUBSCRIPTION, count=3)
        before = set(server.stream.subscriptions)
        server.stream.drop("signaling")
        await here.resumed()
        assert server.stream.subscriptions == before
        assert EventType.PARTICIPANT_JOIN not in before
        assert EventType.SHARING_START in before


async def test_media_urls_of_the_new_answer_are_used() -> None:
    """When message 2 of the reconnect has other media URLs, those are opened."""
    async with FakeRTMSServer(steady()) as server, scene(server) as here:
        await here.witness.more(AudioFrame)
        server.move()
        server.stream.drop("signaling")
        await here.resumed()
        audio = server.stream.connection("audio")
        assert audio.path == "/media/audio?move=1"


async def test_requests_under_way_fail() -> None:
    """A request whose connection breaks fails at once instead of waiting for its time-out."""
    script = Script([RawMessage(at_ms=0, message={"msg_type": 99})])
    plan = FaultPlan([Fault(FaultKind.DROP, message=MessageType.STREAM_STATE_RESP)])
    async with FakeRTMSServer(script, fault=plan) as server, scene(server) as here:
        asking = asyncio.create_task(here.stream.stream_state())
        await server.wait_for(MessageType.STREAM_STATE_REQ)
        server.stream.drop("signaling")
        done, _ = await asyncio.wait([asking], timeout=5)
        assert "the connection that was asked is gone" in str(asking.exception())
        assert done


# --- the options ---------------------------------------------------------------------------------


async def test_on_signals_only() -> None:
    """With this option a closed socket alone reopens nothing; the server's word does."""
    policy = ReconnectPolicy(first_delay_s=0.01, jitter=0, on_signals_only=True)
    async with FakeRTMSServer(steady()) as server, scene(server, reconnect=policy) as here:
        await here.witness.more(AudioFrame)
        mark = len(here.requests())
        server.stream.drop("signaling")
        await here.witness.first(StreamInterrupted)
        await asyncio.sleep(0.2)  # the time in which a mistake would show
        assert here.since(mark) == []
        here.stream.interrupted()
        await here.resumed()
        assert here.since(mark)[0] == ("signaling", 1)


async def test_on_signals_only_for_a_medium() -> None:
    """With this option event 7 lets the medium whose socket closed be reopened."""
    policy = ReconnectPolicy(first_delay_s=0.01, jitter=0, on_signals_only=True)
    plan = when_joined(Fault(FaultKind.DELAY, socket="signaling", at_s=0.1, for_s=0.3))
    async with (
        FakeRTMSServer(steady(), fault=plan) as server,
        scene(server, reconnect=policy) as here,
    ):
        await until(here.struck)
        server.stream.drop("audio")
        await here.witness.first(StreamInterrupted)
        resumed = await here.resumed()
        assert resumed.after_s > 0.05


async def test_without_a_policy_a_loss_is_the_end() -> None:
    """Whoever switches reconnection off gets the loss as the error of the stream."""
    async with FakeRTMSServer(steady()) as server:
        leaks = Leaks()
        async with client_for(server, audio=AudioParams(), timeouts=WAITS).stream(
            info_of(server)
        ) as stream:
            server.stream.drop("signaling")
            with pytest.raises(Exception, match="1006"):
                await stream.wait_ended()
        await leaks.none()


async def test_stream_outlives_many_losses_without_leaks() -> None:
    """Nothing of the old connections is left behind by a reconnect."""
    async with FakeRTMSServer(steady()) as server:
        leaks = Leaks()
        async with scene(server) as here:
            await repeat(here, 5)
        await leaks.none()


async def repeat(here: Scene, times: int) -> None:
    """Lose signaling again and again."""
    for count in range(1, times + 1):
        here.server.stream.drop("signaling")
        await here.resumed(count=count)
    assert here.stream.statistics().core.interruptions == times
    assert QUICK.first_delay_s < 1
