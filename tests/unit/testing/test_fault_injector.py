"""Fault plans at work, seen by a raw client: every kind, on every occasion."""

import asyncio
import contextlib
import json
import ssl
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from rtms_client.enums import MessageType, StreamState
from rtms_client.testing import FakeRTMSServer, Fault, FaultInjector, FaultKind, FaultPlan

from .conftest import MakeClient, RawSocket

AUDIO = MessageType.MEDIA_DATA_AUDIO
PACKETS = [b"%d" % number for number in range(4)]


def server_with(*faults: Fault, tls: bool = False, **options: Any) -> FakeRTMSServer:  # noqa: ANN401
    """Return a server with a plan; nothing happens in its meeting by itself."""
    return FakeRTMSServer(tls=tls, fault=FaultPlan(faults), **options)


async def send_packets(server: FakeRTMSServer, *packets: bytes) -> None:
    """Send audio packets, one after the other."""
    for number, packet in enumerate(packets or PACKETS):
        await server.stream.send_audio(packet, timestamp_ms=server.stream.epoch_ms + number * 20)
    for connection in server.stream.media:
        await connection.flush()


async def times_of(socket: RawSocket, count: int) -> list[int]:
    """Receive audio packets; return their numbers."""
    found = [await socket.until(14) for _ in range(count)]
    first = min(one["content"]["timestamp"] for one in found)
    return [(one["content"]["timestamp"] - first) // 20 for one in found]


async def ended(ws: ClientConnection) -> tuple[int | None, str | None]:
    """Receive until the end; return close code and reason."""
    async with asyncio.timeout(30):
        try:
            while True:
                await ws.recv()
        except ConnectionClosed:
            return ws.close_code, ws.close_reason


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (FaultKind.DROP, [0, 2, 3]),
        (FaultKind.DUPLICATE, [0, 1, 1, 2, 3]),
        (FaultKind.REORDER, [0, 2, 1, 3]),
    ],
)
async def test_one_message(raw: MakeClient, kind: FaultKind, numbers: list[int]) -> None:
    """The second packet is dropped, doubled or swapped, and no other."""
    async with server_with(Fault(kind, message=AUDIO, after=1)) as server:
        _, media = await raw(server).join(1)
        await send_packets(server)
        assert await times_of(media, len(numbers)) == numbers
        [struck] = server.struck
        assert struck.kind is kind
        assert struck.connection_id == 2
        assert struck.at_s >= 0


async def test_two_messages_reordered(raw: MakeClient) -> None:
    """Of two in a row that shall come later, only the first does."""
    async with server_with(Fault(FaultKind.REORDER, message=AUDIO, times=2)) as server:
        _, media = await raw(server).join(1)
        await send_packets(server)
        assert await times_of(media, 4) == [1, 0, 2, 3]


@pytest.mark.parametrize("kind", [FaultKind.CORRUPT, FaultKind.TRUNCATE])
async def test_damaged_messages(raw: MakeClient, kind: FaultKind) -> None:
    """A damaged message arrives and is none any more; the next one is whole."""
    async with server_with(Fault(kind, message=AUDIO, at_s=0.0)) as server:
        _, media = await raw(server).join(1)
        await send_packets(server)
        damaged = await media.ws.recv(decode=False)
        with pytest.raises(ValueError, match=r"."):
            json.loads(damaged)
        assert (await media.until(14))["msg_type"] == 14


async def test_the_seed_decides_which_byte(raw: MakeClient) -> None:
    """The same seed spoils the same byte."""
    found = []
    for seed in (1, 1, 2):
        plan = FaultPlan([Fault(FaultKind.CORRUPT, message=AUDIO)], seed)
        async with FakeRTMSServer(tls=False, fault=plan) as server:
            _, media = await raw(server).join(1)
            await send_packets(server)
            found.append((await media.ws.recv(decode=False)).index(b"\xff"))
    assert found[0] == found[1] != found[2]


async def test_oversized_message(raw: MakeClient) -> None:
    """A huge message comes before the one that was due."""
    async with server_with(Fault(FaultKind.OVERSIZE, message=AUDIO, size=100_000)) as server:
        _, media = await raw(server).join(1)
        await send_packets(server)
        assert len((await media.recv())["content"]) == 100_000
        assert (await media.recv())["content"]["data"]


async def test_delayed_messages(raw: MakeClient) -> None:
    """For a while, what is sent on a connection comes late; then no more."""
    fault = Fault(FaultKind.DELAY, socket="audio", at_s=0.0, for_s=0.6)
    plan = FaultPlan([fault], start_at_once=False)
    async with FakeRTMSServer(tls=False, fault=plan) as server:
        _, media = await raw(server).join(1)
        server.start_faults()
        await server.wait_until(lambda: server.struck)
        await server.stream.send_audio(b"late")
        sent_at = time.monotonic()
        await media.until(14)
        assert time.monotonic() - sent_at > 0.5
        await server.wait_until(lambda: server.struck and server.stream.media)
        await asyncio.sleep(0.1)  # the delay ends a little later than its first victim
        await server.stream.send_audio(b"in time")
        sent_at = time.monotonic()
        await media.until(14)
        assert time.monotonic() - sent_at < 0.5


async def test_delay_of_one_message(raw: MakeClient) -> None:
    """A delay at a message is one wait."""
    async with server_with(Fault(FaultKind.DELAY, message=AUDIO, for_s=0.2)) as server:
        _, media = await raw(server).join(1)
        began = time.monotonic()
        await send_packets(server)
        await media.until(14)
        assert time.monotonic() - began > 0.15


async def test_slow_reading(raw: MakeClient) -> None:
    """A slow reader answers late."""
    async with server_with(Fault(FaultKind.SLOW_READING, for_s=0.2)) as server:
        began = time.monotonic()
        await raw(server).signaling()
        assert time.monotonic() - began > 0.15


# --- audio that is sent again, or lost ------------------------------------------------------------


async def test_replayed_audio(raw: MakeClient) -> None:
    """A new audio connection gets what was sent on the old one, and then the rest."""
    async with server_with(Fault(FaultKind.REPLAY, for_s=60)) as server:
        client = raw(server)
        _, media = await client.join(1)
        await send_packets(server, *PACKETS[:2])
        await media.until(14)
        await media.ws.close()
        await server.wait_until(lambda: not server.stream.media)
        again = await client.media(1)
        await client.ready()
        await server.stream.send_audio(b"2", timestamp_ms=server.stream.epoch_ms + 40)
        assert await times_of(again, 3) == [0, 1, 2]


async def test_replay_of_the_last_moments(raw: MakeClient) -> None:
    """Only so much is sent again, and no more than that is kept."""
    async with server_with(Fault(FaultKind.REPLAY, for_s=0.05)) as server:
        client = raw(server)
        _, media = await client.join(1)
        began_ms = server.stream.epoch_ms
        for number in range(3):
            await server.stream.send_audio(b"x", timestamp_ms=began_ms + number * 20)
            await media.until(14)
            await asyncio.sleep(0.1)  # longer than what is sent again
        await media.ws.close()
        await server.wait_until(lambda: not server.stream.media)
        again = await client.media(1)
        await client.ready()
        await server.stream.send_audio(b"x", timestamp_ms=began_ms + 60)
        first, second = [(await again.until(14))["content"]["timestamp"] for _ in "12"]
        assert (first - began_ms, second - began_ms) == (40, 60)


async def test_nothing_to_replay(raw: MakeClient) -> None:
    """The first connection has no predecessor."""
    async with server_with(Fault(FaultKind.REPLAY, for_s=60)) as server:
        _, media = await raw(server).join(1)
        await send_packets(server)
        assert await times_of(media, 4) == [0, 1, 2, 3]
        assert server.struck == []


async def test_forgotten_audio(raw: MakeClient) -> None:
    """What was kept for the time without a connection is lost."""
    async with server_with(Fault(FaultKind.FORGET)) as server:
        server.stream.delivery.packet(_packet(b"early", 0))
        _, media = await raw(server).join(1)
        await server.stream.send_audio(b"late")
        assert (await media.until(14))["content"]["data"] == "bGF0ZQ=="


def _packet(data: bytes, at_ms: int) -> Any:  # noqa: ANN401
    from rtms_client.testing import ADA, AudioPacket  # noqa: PLC0415

    return AudioPacket(at_ms=at_ms, person=ADA, data=data)


# --- connections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["open", "received", "sent"])
async def test_reset(raw: MakeClient, on: Any) -> None:  # noqa: ANN401
    """A reset connection ends without a close frame, on any occasion."""
    async with server_with(Fault(FaultKind.RESET, on=on)) as server:
        client = raw(server)
        socket = await client.open(server.signaling_url)
        with contextlib.suppress(ConnectionClosed):
            await socket.send(msg_type=1, **client.handshake)
        assert (await ended(socket.ws))[0] == 1006


@pytest.mark.parametrize("on", ["open", "received", "sent"])
async def test_close(raw: MakeClient, on: Any) -> None:  # noqa: ANN401
    """A connection is closed with the wanted code, on any occasion."""
    async with server_with(Fault(FaultKind.CLOSE, on=on, code=4001)) as server:
        client = raw(server)
        socket = await client.open(server.signaling_url)
        with contextlib.suppress(ConnectionClosed):
            await socket.send(msg_type=1, **client.handshake)
        assert await ended(socket.ws) == (4001, "fault")


async def test_stall_that_passes(raw: MakeClient) -> None:
    """A stalled connection goes on later, and nothing is lost."""
    async with server_with(Fault(FaultKind.STALL, message=AUDIO, for_s=0.2)) as server:
        _, media = await raw(server).join(1)
        began = time.monotonic()
        await send_packets(server)
        assert await times_of(media, 4) == [0, 1, 2, 3]
        assert time.monotonic() - began > 0.15


async def test_stall_at_a_time(raw: MakeClient) -> None:
    """A stall at a time holds up whatever comes next, for ever if it has no end."""
    async with server_with(Fault(FaultKind.STALL, socket="signaling", at_s=0.1)) as server:
        socket = await raw(server).signaling()
        await server.wait_until(lambda: server.struck)
        await socket.send(msg_type=19)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await socket.until(20)
        assert server.stream.signaling is not None


async def test_half_open(raw: MakeClient) -> None:
    """The server has forgotten a half-open connection and takes a new one; the old one is dead."""
    async with server_with(
        Fault(FaultKind.HALF_OPEN, socket="audio", at_s=0.1, for_s=0.2)
    ) as server:
        client = raw(server)
        _, media = await client.join(1)
        await server.wait_until(lambda: server.struck)
        assert server.stream.state == StreamState.INTERRUPTED
        again = await client.media(1)
        assert again.answer["status_code"] == 0
        assert (await ended(media.ws))[0] == 1006


async def test_half_open_before_the_handshake(raw: MakeClient) -> None:
    """A peer may vanish before anything was said."""
    async with server_with(Fault(FaultKind.HALF_OPEN, on="open", for_s=0.1)) as server:
        socket = await raw(server).open(server.signaling_url)
        assert (await ended(socket.ws))[0] == 1006


async def test_reset_of_a_connection_that_is_gone(raw: MakeClient) -> None:
    """A connection that has ended can be reset no more, and that is no error."""
    async with server_with(tls=True) as server:
        socket = await raw(server).signaling()
        connection = server.stream.connection()
        await socket.ws.close()
        await connection.wait_closed()
        connection.drop()
        assert not connection.open


async def test_silence(raw: MakeClient) -> None:
    """No keep-alives come any more; answers do."""
    async with server_with(Fault(FaultKind.SILENCE, socket="signaling", at_s=0.0)) as server:
        socket = await raw(server).signaling()
        await server.wait_until(lambda: server.struck)
        assert not server.stream.connection().keep_alives
        await socket.send(msg_type=19)
        await socket.until(20)


async def test_interrupted_medium(raw: MakeClient) -> None:
    """State INTERRUPTED with reason 14, event 7, and a closed connection."""
    async with server_with(Fault(FaultKind.INTERRUPT, socket="audio", at_s=0.1)) as server:
        signaling, media = await raw(server).join(1)
        state = await signaling.until(8)
        while state["state"] != StreamState.INTERRUPTED:
            state = await signaling.until(8)
        assert state["reason"] == 14
        await signaling.event(7)
        assert await ended(media.ws) == (1000, "interrupted")


# --- tries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [8, 45, 99])
async def test_rejected_signaling(raw: MakeClient, code: int) -> None:
    """A handshake is refused with any status, as often as wanted."""
    async with server_with(Fault(FaultKind.REJECT, code=code, after=1)) as server:
        client = raw(server)
        first = await client.signaling()
        assert first.answer["status_code"] == 0
        await first.send(msg_type=19)
        await first.until(20)
        second = await client.signaling()
        assert second.answer["status_code"] == code
        assert (await ended(second.ws))[0] == 1000


async def test_rejected_medium(raw: MakeClient) -> None:
    """A media handshake is refused; other messages are no handshakes."""
    async with server_with(Fault(FaultKind.REJECT, socket="media", code=16)) as server:
        client = raw(server)
        await client.signaling()
        refused = await client.media(1)
        assert refused.answer == {
            "msg_type": 4,
            "protocol_version": 1,
            "status_code": 16,
            "reason": "fault",
        }


async def test_http_status(raw: MakeClient) -> None:
    """An upgrade is refused with a status of HTTP."""
    async with server_with(Fault(FaultKind.HTTP_STATUS, code=429)) as server:
        with pytest.raises(InvalidStatus) as caught:
            await raw(server).open(server.signaling_url)
        assert caught.value.response.status_code == 429
        await raw(server).open(server.signaling_url)


async def test_impostor(raw: MakeClient) -> None:
    """A TLS handshake shows a certificate that nobody trusts; the next one is right."""
    async with server_with(Fault(FaultKind.IMPOSTOR), tls=True) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await raw(server).open(server.signaling_url)
        await raw(server).signaling()


async def test_refused_connections(raw: MakeClient) -> None:
    """Nobody listens for a while; then the same port works again, and open connections live on."""
    async with server_with(
        Fault(FaultKind.REFUSE, socket="signaling", at_s=0.2, for_s=0.2)
    ) as server:
        client = raw(server)
        signaling, _ = await client.join(1)
        await server.wait_until(lambda: server.struck and not server.doors[0].listening)
        with pytest.raises(OSError, match=r"refused|failed"):
            await client.open(server.signaling_url)
        assert server.doors[1].listening
        await server.wait_until(lambda: server.doors[0].listening)
        await client.open(server.signaling_url)
        await signaling.send(msg_type=19)
        await signaling.until(20)


async def test_mute_server(raw: MakeClient) -> None:
    """TCP connections are accepted and nothing is said; who waits is cut off in the end."""
    async with server_with(Fault(FaultKind.MUTE, at_s=0.0, for_s=0.8)) as server:
        await server.wait_until(lambda: server.struck)
        await asyncio.sleep(0.05)  # the mute listener takes over
        began = time.monotonic()
        with pytest.raises((OSError, InvalidMessage, EOFError)):
            await raw(server).open(server.signaling_url)
        assert time.monotonic() - began > 0.1
        await server.wait_until(lambda: all(door.listening for door in server.doors))
        await raw(server).signaling()


async def test_overlapping_absences(raw: MakeClient) -> None:
    """Absences that overlap do not disturb each other."""
    plan = [
        Fault(FaultKind.MUTE, at_s=0.0, for_s=0.1),
        Fault(FaultKind.REFUSE, at_s=0.02, for_s=0.1),
        Fault(FaultKind.MUTE, at_s=0.04, for_s=0.1),
    ]
    async with server_with(*plan) as server:
        await server.wait_until(lambda: len(server.struck) == 3)
        await asyncio.sleep(0.15)  # until the last one has ended
        await server.wait_until(lambda: all(door.listening for door in server.doors))
        await raw(server).signaling()


async def test_server_that_ends_while_it_is_mute() -> None:
    """A server can end in the middle of an absence."""
    async with server_with(Fault(FaultKind.MUTE, at_s=0.0, for_s=60)) as server:
        await server.wait_until(lambda: server.struck and not server.doors[0].listening)
    await server.doors[0].shut(mute=True)
    await server.doors[0].open()
    assert not server.doors[0].listening


# --- webhooks -------------------------------------------------------------------------------------


async def test_webhooks(raw: MakeClient) -> None:
    """Moves and interruptions of signaling send webhooks; without a receiver they go nowhere."""
    hooks: list[dict[str, Any]] = []
    faults = [
        Fault(FaultKind.MOVE, at_s=0.1),
        Fault(FaultKind.INTERRUPTED_WEBHOOK, at_s=0.15),
        Fault(FaultKind.INTERRUPT, socket="signaling", at_s=0.2),
    ]
    for on_webhook in (hooks.append, None):
        plan = FaultPlan(faults, on_webhook=on_webhook)
        async with FakeRTMSServer(tls=False, fault=plan) as server:
            socket = await raw(server).signaling()
            assert (await ended(socket.ws))[0] == 1000
            assert "move=1" in server.signaling_url
    assert [hook["event"] for hook in hooks] == [
        "meeting.rtms_started",
        "meeting.rtms_interrupted",
        "meeting.rtms_interrupted",
    ]
    assert "move=1" in hooks[0]["payload"]["server_urls"]


async def test_no_webhooks_of_a_stream_that_is_over(raw: MakeClient) -> None:
    """A stream that ended is neither moved nor interrupted."""
    hooks: list[dict[str, Any]] = []
    plan = FaultPlan([Fault(FaultKind.MOVE, at_s=0.2)], on_webhook=hooks.append)
    async with FakeRTMSServer(tls=False, fault=plan) as server:
        await raw(server).signaling()
        await server.stream.terminate()
        await server.wait_until(lambda: server.struck)
        assert hooks == []


# --- which fault strikes --------------------------------------------------------------------------


async def test_repeated_in_time(raw: MakeClient) -> None:
    """A fault at a time may come again and again."""
    hooks: list[dict[str, Any]] = []
    fault = Fault(FaultKind.INTERRUPTED_WEBHOOK, times=3, every_s=0.02)
    async with FakeRTMSServer(
        tls=False, fault=FaultPlan([fault], on_webhook=hooks.append)
    ) as server:
        await raw(server).signaling()
        await server.wait_until(lambda: len(server.struck) == 3)
        assert len(hooks) == 3


async def test_always(raw: MakeClient) -> None:
    """A fault without a number strikes always."""
    async with server_with(Fault(FaultKind.HTTP_STATUS, times=None)) as server:
        for _ in range(3):
            with pytest.raises(InvalidStatus):
                await raw(server).open(server.signaling_url)
        assert len(server.struck) == 3


async def test_one_stream_of_several(raw: MakeClient) -> None:
    """A fault may be meant for one stream; others pass."""
    fault = Fault(FaultKind.REJECT, stream_id="other")
    async with server_with(fault) as server:
        other = server.add_stream(rtms_stream_id="other")
        assert (await raw(server).signaling()).answer["status_code"] == 0
        assert server.struck == []
        client = raw(server)
        client.handshake["rtms_stream_id"] = other.settings.rtms_stream_id
        assert (await client.signaling()).answer["status_code"] == 45


async def test_not_before_its_time(raw: MakeClient) -> None:
    """A fault strikes only after its time, and so do those that are later still."""
    faults = [
        Fault(FaultKind.DROP, message=AUDIO, at_s=60.0),
        Fault(FaultKind.DROP, message=AUDIO, at_s=61.0),
    ]
    async with server_with(*faults) as server:
        _, media = await raw(server).join(1)
        await send_packets(server)
        assert await times_of(media, 4) == [0, 1, 2, 3]


async def test_a_time_comes_before_any_connection(raw: MakeClient) -> None:
    """A break waits for the connection that it is meant for."""
    async with server_with(Fault(FaultKind.RESET, socket="audio", at_s=0.0)) as server:
        signaling = await raw(server).signaling()
        await asyncio.sleep(0.05)  # the time in which a mistake would show
        assert server.struck == []
        await signaling.send(msg_type=19)
        await signaling.until(20)


async def test_messages_that_are_none(raw: MakeClient) -> None:
    """A plan does not stumble over messages that are not JSON."""
    async with server_with(Fault(FaultKind.DROP, message=AUDIO)) as server:
        socket = await raw(server).signaling()
        await socket.ws.send("{")
        await server.stream.send_raw("also no JSON")
        assert await socket.ws.recv() is not None


async def test_times_that_count_from_a_call(raw: MakeClient) -> None:
    """Times may wait for a call, of which only the first counts; faults without a time do not."""
    plan = FaultPlan(
        [
            Fault(FaultKind.DROP, message=AUDIO),
            Fault(FaultKind.DROP, message=AUDIO, at_s=0.0),
            Fault(FaultKind.RESET, socket="audio", at_s=0.0),
        ],
        start_at_once=False,
    )
    async with FakeRTMSServer(tls=False, fault=plan) as server:
        _, media = await raw(server).join(1)
        await send_packets(server)
        assert await times_of(media, 3) == [0, 1, 2]
        assert [struck.kind for struck in server.struck] == [FaultKind.DROP]
        server.start_faults()
        server.start_faults()
        assert (await ended(media.ws))[0] == 1006
        assert [struck.kind for struck in server.struck] == [FaultKind.DROP, FaultKind.RESET]


async def test_injector_without_a_server() -> None:
    """Before it is at work, a plan without faults of TLS finds nothing to do."""
    assert not FaultInjector(FaultPlan()).impostor("media")


async def test_other_hooks_still_work() -> None:
    """A server without a plan has nothing to tell about faults."""
    async with FakeRTMSServer(tls=False) as server:
        server.start_faults()
        assert server.struck == []
