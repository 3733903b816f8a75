"""Events, states, keep-alives, interruptions and the end, on the signaling socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rtms_client.enums import MessageType, StopReason, StreamState
from rtms_client.testing import ADA, GRACE, NEVER, FakeRTMSServer, Timing, ViolationKind

if TYPE_CHECKING:
    from tests.unit.testing.conftest import MakeClient

STREAM_ID = "11111111-2222-3333-4444-555555555555"


async def test_events_need_a_subscription(raw: MakeClient) -> None:
    """An event is sent only to who subscribed, and no more after the opposite."""
    async with FakeRTMSServer(tls=False) as server:
        stream = server.stream
        signaling = await raw(server).signaling()
        await signaling.event(1)
        await stream.send_event(6)
        assert await signaling.nothing()
        await signaling.send(msg_type=5, events=[{"event_type": 6, "subscribe": True}])
        await server.wait_until(lambda: stream.subscriptions)
        await stream.send_event(6)
        assert (await signaling.recv())["event"]["event_type"] == 6
        await signaling.send(msg_type=5, events=[{"event_type": 6, "subscribe": False}])
        await server.wait_until(lambda: not stream.subscriptions)
        await stream.send_event(6)
        assert await signaling.nothing()
        assert server.violations == []


async def test_shapes_of_events(raw: MakeClient) -> None:
    """Events have the documented fields."""
    async with FakeRTMSServer(tls=False) as server:
        signaling, _media = await raw(server).join(8, events=(2, 3, 4, 5, 6, 8, 9, 10))
        await signaling.event(1)
        stream = server.stream
        await stream.send_event(3, ADA, GRACE)
        await stream.send_event(2, ADA)
        await stream.send_event(2)
        await stream.send_event(5, ADA)
        await stream.send_event(6)
        await stream.send_event(8, ADA)
        await stream.send_event(9, ADA)
        await stream.send_event(4, ADA)
        await stream.send_event(10, chat_groups=[{"id": "g"}])
        ada = {"user_id": 16778240, "user_name": "Ada"}
        expected = [
            {"event_type": 3, "participants": [ada, {"user_id": 16779264, "user_name": "Grace"}]},
            {"event_type": 2, **ada},
            {"event_type": 2},
            {"event_type": 5, **ada},
            {"event_type": 6},
            {"event_type": 8, "participants": [ada]},
            {"event_type": 9, "participants": [ada]},
            {"event_type": 4, "participants": [{"user_id": 16778240}]},
            {"event_type": 10, "chat_groups": [{"id": "g"}]},
        ]
        for event in expected:
            received = (await signaling.until(6))["event"]
            assert abs(received.pop("timestamp") - stream.now_ms()) < 5000
            assert received == event
        assert list(stream.present) == [16779264]
        assert stream.active_speaker == 16778240


async def test_first_join_event_lists_everybody(raw: MakeClient) -> None:
    """Who subscribes late hears of all who are already there, once."""
    async with FakeRTMSServer(tls=False) as server:
        await server.stream.send_event(3, ADA, GRACE)
        signaling = await raw(server).signaling()
        subscription = {"event_type": 3, "subscribe": True}
        await signaling.send(msg_type=5, events=[subscription])
        await signaling.send(msg_type=5, events=[subscription])
        people = (await signaling.event(3))["participants"]
        assert [one["user_name"] for one in people] == ["Ada", "Grace"]
        assert await signaling.nothing()


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        (None, ViolationKind.BAD_EVENT_SUBSCRIPTION),
        ([], ViolationKind.BAD_EVENT_SUBSCRIPTION),
        ([2], ViolationKind.BAD_EVENT_SUBSCRIPTION),
        ([{"event_type": 2}], ViolationKind.BAD_EVENT_SUBSCRIPTION),
        ([{"event_type": [2], "subscribe": True}], ViolationKind.BAD_EVENT_SUBSCRIPTION),
        ([{"event_type": "SHARING_START", "subscribe": True}], ViolationKind.ENUM_NAME),
        ([{"event_type": 1, "subscribe": True}], ViolationKind.FORBIDDEN_SUBSCRIPTION),
        ([{"event_type": 7, "subscribe": True}], ViolationKind.FORBIDDEN_SUBSCRIPTION),
    ],
)
async def test_bad_subscriptions(raw: MakeClient, events: object, kind: ViolationKind) -> None:
    """Malformed subscriptions are recorded, one violation each, and have no answer."""
    async with FakeRTMSServer(tls=False) as server:
        signaling = await raw(server).signaling()
        await signaling.event(1)
        await signaling.send(msg_type=5, events=events)
        assert await signaling.nothing()
        assert [one.kind for one in server.violations] == [kind]


async def test_state_requests(raw: MakeClient) -> None:
    """States of stream and session are told; an unknown session is status 40."""
    async with FakeRTMSServer(tls=False) as server:
        signaling, _media = await raw(server).join(1)
        await signaling.send(msg_type=19, rtms_stream_id=STREAM_ID)
        answer = await signaling.until(20)
        assert answer.pop("timestamp") > 10**12
        assert answer == {"msg_type": 20, "rtms_stream_id": STREAM_ID, "state": 1}
        await signaling.send(msg_type=10, rtms_session_id="sess-1")
        answer = await signaling.until(11)
        assert (answer["rtms_session_id"], answer["state"]) == ("sess-1", 2)
        await signaling.send(msg_type=10, rtms_session_id="sess-2")
        answer = await signaling.until(11)
        assert (answer["rtms_session_id"], answer["status_code"]) == ("sess-2", 40)
        assert "state" not in answer


async def test_first_media_start_stream_and_session(raw: MakeClient) -> None:
    """The first acknowledgement makes the stream active and the session started."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        signaling, _media = await client.join(1)
        await client.media(2)
        await client.ready()
        assert (await signaling.until(8))["state"] == 1
        started = await signaling.until(9)
        assert (started["rtms_session_id"], started["state"]) == ("sess-1", 2)
        assert await signaling.nothing()


async def test_close_request(raw: MakeClient) -> None:
    """Message 21 is answered, then the stream ends with reason 20, media first."""
    async with FakeRTMSServer(tls=False) as server:
        signaling, media = await raw(server).join(1)
        await signaling.send(msg_type=21, rtms_stream_id=STREAM_ID)
        answer = await signaling.until(22)
        assert answer.pop("timestamp") > 10**12
        assert answer == {
            "msg_type": 22,
            "rtms_stream_id": STREAM_ID,
            "status_code": 0,
            "reason": "OK",
        }
        terminated = await signaling.until(8)
        assert (terminated["state"], terminated["reason"]) == (4, 20)
        assert await media.rest() == []
        assert media.ws.close_code == 1000
        assert server.stream.stop_reason == StopReason.RECEIVER_REQUEST_CLOSE
        await signaling.send(msg_type=19, rtms_stream_id=STREAM_ID)
        await server.wait_until(lambda: server.violations)
        assert [str(one) for one in server.violations] == [
            "signaling #1: message after the end of the stream: type 19"
        ]


async def test_server_closes_signaling_that_lingers(raw: MakeClient) -> None:
    """A client that does not close signaling after the end finds it closed."""
    async with FakeRTMSServer(tls=False, timing=Timing(linger_s=0.01)) as server:
        signaling = await raw(server).signaling()
        await server.stream.terminate()
        assert (await signaling.rest())[-1]["state"] == 4
        assert signaling.ws.close_code == 1000


async def test_malformed_requests_are_violations(raw: MakeClient) -> None:
    """Unknown types, wrong streams and missing ids are recorded."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        signaling = await client.signaling()
        media = await client.media(1)
        await media.send(msg_type=7)
        await server.wait_until(lambda: server.violations)
        for message in (
            {"msg_type": 99},
            {"msg_type": "5"},
            {},
            {"msg_type": 7, "rtms_stream_id": "another"},
            {"msg_type": 7},
            {"msg_type": 19},
            {"msg_type": 21},
        ):
            await signaling.send(**message)
        await server.wait_until(lambda: len(server.violations) == 8)
        assert sorted((one.kind.name, one.detail) for one in server.violations) == [
            ("BAD_REQUEST", "no rtms_stream_id in message 19"),
            ("BAD_REQUEST", "no rtms_stream_id in message 21"),
            ("BAD_REQUEST", "no rtms_stream_id in message 7"),
            ("UNEXPECTED_MESSAGE", "type '5' on signaling"),
            ("UNEXPECTED_MESSAGE", "type 7 on audio"),
            ("UNEXPECTED_MESSAGE", "type 99 on signaling"),
            ("UNEXPECTED_MESSAGE", "type None on signaling"),
            ("WRONG_STREAM", "in message 7"),
        ]


async def test_acknowledgement_before_media(raw: MakeClient) -> None:
    """Message 7 without a media connection is recorded."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        await client.signaling()
        await client.ready()
        await server.wait_until(lambda: server.violations)
        assert [one.kind for one in server.violations] == [ViolationKind.READY_TOO_EARLY]


async def test_keep_alives(raw: MakeClient) -> None:
    """Requests come on every socket; exact echoes leave no violation."""
    timing = Timing(keep_alive_s=0.05, missed_keep_alives=1000)
    async with FakeRTMSServer(tls=False, timing=timing) as server:
        signaling, media = await raw(server).join(1)
        for number in (1, 2, 3, 4, 5):
            for socket in (signaling, media):
                request = await socket.until(12)
                assert request["sequence"] == number
                await socket.send(
                    msg_type=13, timestamp=request["timestamp"], sequence=request["sequence"]
                )
        await server.wait_for(MessageType.KEEP_ALIVE_RESP, count=10)
        assert server.violations == []


async def test_altered_keep_alives(raw: MakeClient) -> None:
    """Answers with other numbers, late answers and answers to nothing are recorded."""
    timing = Timing(keep_alive_s=0.2, keep_alive_grace_s=0, missed_keep_alives=1000)
    async with FakeRTMSServer(tls=False, timing=timing) as server:
        signaling = await raw(server).signaling()
        await signaling.send(msg_type=13, timestamp=1)
        request = await signaling.until(12)
        await signaling.send(msg_type=13, timestamp=request["timestamp"] + 1)
        await signaling.until(12)
        second = await signaling.until(12)
        await signaling.send(msg_type=13, timestamp=second["timestamp"], sequence=3)
        await server.wait_for(MessageType.KEEP_ALIVE_RESP, count=3)
        assert [one.kind for one in server.violations][:3] == [
            ViolationKind.KEEP_ALIVE_UNASKED,
            ViolationKind.KEEP_ALIVE_ALTERED,
            ViolationKind.KEEP_ALIVE_MISSING,
        ]


async def test_missed_keep_alives_on_media(raw: MakeClient) -> None:
    """After three misses the socket is interrupted; after the window the stream ends."""
    timing = Timing(keep_alive_s=0.15, media_window_s=0.01, linger_s=0)
    async with FakeRTMSServer(tls=False, timing=timing) as server:
        client = raw(server)
        signaling, media = await client.join(1)
        server.stream.silence_keep_alives("signaling")
        requests = [one["msg_type"] for one in await media.rest()]
        assert requests == [12, 12, 12]
        told = [
            (one["msg_type"], one.get("state"), one.get("reason"))
            for one in await signaling.rest()
            if one["msg_type"] in {6, 8}
        ]
        assert told == [(6, None, None), (8, 1, None), (8, 2, 14), (6, None, None), (8, 4, 24)]
        assert server.stream.stop_reason == StopReason.KEEP_ALIVE_TIMEOUT


async def test_missed_keep_alives_on_signaling(raw: MakeClient) -> None:
    """After three misses signaling and media are interrupted; then the stream ends."""
    timing = Timing(keep_alive_s=0.2, signaling_window_s=0.01, missed_keep_alives=1)
    async with FakeRTMSServer(tls=False, timing=timing) as server:
        client = raw(server)
        signaling = await client.signaling()
        media = await client.media(1)
        server.stream.silence_keep_alives("audio")
        assert (await signaling.rest())[-1] | {"timestamp": 0} == {
            "msg_type": 8,
            "state": 2,
            "reason": 13,
            "timestamp": 0,
        }
        await media.rest()
        await server.wait_until(lambda: server.stream.ended)
        assert server.stream.stop_reason == StopReason.KEEP_ALIVE_TIMEOUT
        assert (await raw(server).signaling()).answer["status_code"] == 2


async def test_lost_media_socket_comes_back(raw: MakeClient) -> None:
    """Event 7 tells of the loss; after the return the stream is active again."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        signaling, media = await client.join(1)
        await client.media(8)
        await media.ws.close()
        await signaling.event(7)
        states = [server.stream.state]
        await client.media(1)
        await client.ready()
        assert (await signaling.until(8))["state"] == 1
        states.append(server.stream.state)
        assert states == [StreamState.INTERRUPTED, StreamState.ACTIVE]


async def test_lost_media_socket_stays_away(raw: MakeClient) -> None:
    """After the window the stream ends with reason 19."""
    async with FakeRTMSServer(tls=False, timing=Timing(media_window_s=0.2)) as server:
        client = raw(server)
        signaling, _ = await client.join(1)
        await client.media(8)
        server.stream.drop("audio")
        server.stream.drop("transcript")
        await signaling.event(7)
        await signaling.event(7)
        ended = await signaling.until(8)
        assert (ended["state"], ended["reason"]) == (4, 19)


async def test_lost_signaling_takes_media_along(raw: MakeClient) -> None:
    """Without signaling the media close; everything comes back with a new handshake."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        signaling, media = await client.join(1, events=(6,))
        await signaling.ws.close()
        assert await media.rest() == []
        states = [server.stream.state]
        assert server.stream.subscriptions == set()
        signaling, _media = await client.join(1)
        assert (await signaling.until(8))["state"] == 1
        states.append(server.stream.state)
        assert states == [StreamState.INTERRUPTED, StreamState.ACTIVE]


async def test_lost_signaling_stays_away(raw: MakeClient) -> None:
    """After the window the stream is over."""
    async with FakeRTMSServer(tls=False, timing=Timing(signaling_window_s=0.01)) as server:
        signaling = await raw(server).signaling()
        await signaling.ws.close()
        await server.wait_until(lambda: server.stream.ended)
        assert server.stream.stop_reason == StopReason.AWAIT_RECONNECTION_TIMEOUT


async def test_no_keep_alives_at_all(raw: MakeClient) -> None:
    """The server may be told to send none."""
    async with FakeRTMSServer(tls=False, timing=Timing(keep_alive_s=NEVER)) as server:
        signaling = await raw(server).signaling()
        await signaling.event(1)
        await asyncio.sleep(0.01)
        assert await signaling.nothing()
