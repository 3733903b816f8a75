"""Manual control, the log, webhooks, several streams, breakdowns, and a clean end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

from rtms_client.enums import MediaType, MessageType, Product, StopReason
from rtms_client.testing import (
    ADA,
    NEVER,
    Chat,
    FakeConnection,
    FakeRTMSServer,
    MeetingScript,
    RawMessage,
    Timing,
    ViolationKind,
    bulk_audio,
    sign_webhook,
    tone_meeting,
)
from rtms_client.testing._server_scope import TaskScope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.testing.conftest import MakeClient

    from rtms_client.testing._server_connection import Frame


async def test_manual_media_need_a_socket() -> None:
    """Sending by hand to nobody is an error that names the medium."""
    async with FakeRTMSServer(tls=False) as server:
        stream = server.stream
        with pytest.raises(RuntimeError, match="no socket is ready for AUDIO"):
            await stream.send_audio(b"")
        with pytest.raises(RuntimeError, match="no socket is ready for VIDEO"):
            await stream.send_picture(b"")
        with pytest.raises(RuntimeError, match="no socket is ready for TRANSCRIPT"):
            await stream.send_transcript("")
        with pytest.raises(RuntimeError, match="no socket is ready for CHAT"):
            await stream.send_chat(Chat(at_ms=0, person=ADA, text=""))
        with pytest.raises(LookupError, match="the client has no signaling connection"):
            await stream.send_raw({})


async def test_raw_messages(raw: MakeClient) -> None:
    """Anything can be sent on any socket, as text, as binary, or as JSON."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        signaling = await client.signaling()
        await signaling.event(1)
        media = await client.media(MediaType.AUDIO | MediaType.CHAT)
        await server.stream.send_raw("{not json")
        await server.stream.send_raw(b"\xff", socket="chat")
        await server.stream.send_raw({"msg_type": 1}, socket="audio+chat")
        await server.stream.send_raw({"msg_type": 1}, socket="audio")
        assert await signaling.ws.recv() == "{not json"
        assert await media.ws.recv() == b"\xff"
        assert await media.recv() == await media.recv() == {"msg_type": 1}
        with pytest.raises(LookupError, match="no video connection"):
            server.stream.connection("video")


async def test_pause_and_resume(raw: MakeClient) -> None:
    """A pause is told for session and stream; scripted media stop."""
    async with FakeRTMSServer(tone_meeting(), tls=False, pace=1e-3) as server:
        signaling, _media = await raw(server).join(1)
        await signaling.until(9)
        server.stream.pause()
        paused = [server.stream.paused]
        server.stream.resume()
        assert [*paused, server.stream.paused] == [True, False]
        told = [await signaling.recv() for _ in "1234"]
        assert [(one["msg_type"], one["state"]) for one in told] == [(9, 3), (8, 5), (9, 4), (8, 6)]


async def test_drop_resets_the_connection(raw: MakeClient) -> None:
    """A dropped socket ends without a close frame."""
    async with FakeRTMSServer() as server:
        client = raw(server)
        signaling, media = await client.join(1)
        server.stream.drop("audio")
        with pytest.raises(ConnectionClosedError):
            await media.recv()
        assert media.ws.close_code == 1006
        await signaling.event(7)


async def test_close_with_any_code(raw: MakeClient) -> None:
    """A socket can be closed with any code and reason."""
    async with FakeRTMSServer(tls=False) as server:
        signaling = await raw(server).signaling()
        await server.stream.close(code=4000, reason="because")
        assert (await signaling.rest())[-1]["msg_type"] == 6
        assert (signaling.ws.close_code, signaling.ws.close_reason) == (4000, "because")


@pytest.mark.parametrize(("socket", "reason"), [("audio", 14), ("signaling", 13)])
async def test_interrupt(raw: MakeClient, socket: str, reason: int) -> None:
    """The server interrupts a socket as if keep-alives were missing."""
    async with FakeRTMSServer(tls=False) as server:
        signaling, media = await raw(server).join(1)
        await signaling.until(9)
        server.stream.interrupt(socket)
        told = await signaling.until(8)
        assert (told["state"], told["reason"]) == (2, reason)
        assert await media.rest() == []


async def test_stall_is_half_open(raw: MakeClient) -> None:
    """A stalled socket neither reads nor writes; afterwards everything goes on."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        signaling = await client.signaling()
        await signaling.event(1)
        server.stream.stall()
        connection = server.stream.connection()
        await signaling.send(msg_type=19, rtms_stream_id=server.stream.settings.rtms_stream_id)
        await server.stream.send_raw({"msg_type": 99})
        await connection.flush()
        await asyncio.sleep(0.02)
        assert server.received(MessageType.STREAM_STATE_REQ) == []
        connection.resume()
        connection.resume()
        assert {(await signaling.recv())["msg_type"] for _ in "12"} == {20, 99}


async def test_a_stalled_socket_does_not_delay_the_end(raw: MakeClient) -> None:
    """Closing the server resets what would not answer."""
    async with FakeRTMSServer(tls=False) as server:
        signaling = await raw(server).signaling()
        await signaling.event(1)
        server.stream.stall()
        await server.stream.send_raw({"msg_type": 99})
    with pytest.raises(ConnectionClosedError):
        await signaling.recv()


async def test_kill(raw: MakeClient) -> None:
    """A killed server resets all connections and refuses new ones."""
    async with FakeRTMSServer(tls=False) as server:
        signaling = await raw(server).signaling()
        url = server.signaling_url
        server.kill()
        await signaling.rest()
        assert signaling.ws.close_code == 1006
        with pytest.raises(OSError, match=r"refused|failed"):
            await connect(url)
        with pytest.raises(RuntimeError, match="does not listen any more"):
            _ = server.signaling_url


def test_a_server_that_is_not_running() -> None:
    """Asking for a URL too early tells what to do; killing it is harmless."""
    server = FakeRTMSServer()
    server.kill()
    with pytest.raises(RuntimeError, match="enter it with 'async with'"):
        _ = server.signaling_url


async def test_closing_twice(raw: MakeClient) -> None:
    """Closing is idempotent, and tells clients with code 1001."""
    async with FakeRTMSServer(tls=False) as server:
        signaling = await raw(server).signaling()
        await signaling.event(1)
        await server.aclose()
        await server.aclose()
        with pytest.raises(ConnectionClosedOK):
            await signaling.recv()
        assert signaling.ws.close_code == 1001


async def test_nothing_is_left(raw: MakeClient) -> None:
    """After the end no task of the server runs, not even in the middle of everything."""
    before = asyncio.all_tasks()
    async with FakeRTMSServer(
        bulk_audio(frames=10**9), pace=None, timing=Timing(keep_alive_s=0.05)
    ) as server:
        client = raw(server)
        _signaling, media = await client.join(1)
        await media.recv()
        await server.add_stream(rtms_stream_id="second").terminate()
    await client.aclose()
    await server.wait_until(lambda: asyncio.all_tasks() == before)


async def test_an_upgrade_that_never_ends() -> None:
    """A server whose HTTP answer never comes can be closed all the same."""
    async with FakeRTMSServer(tls=False, upgrade_delay_s=NEVER) as server:
        opening = asyncio.create_task(_open(server.signaling_url))
        await asyncio.sleep(0.02)
        assert not opening.done()
    await asyncio.wait([opening])
    assert opening.exception() is not None


async def _open(url: str) -> None:
    await connect(url, open_timeout=5)


@pytest.mark.parametrize("medium", [None, 1])
async def test_a_client_that_does_not_wait(raw: MakeClient, medium: int | None) -> None:
    """A client that leaves during a slow handshake leaves nothing behind."""
    timing = Timing(signaling_answer_s=0 if medium else NEVER, media_answer_s=NEVER)
    async with FakeRTMSServer(tls=False, timing=timing) as server:
        client = raw(server)
        if medium:
            await client.signaling()
            socket = await client.send_media_handshake(medium)
            await server.wait_for(MessageType.DATA_HAND_SHAKE_REQ)
        else:
            socket = await client.open(server.signaling_url)
            await socket.send(msg_type=1, **client.handshake)
            await server.wait_for(MessageType.SIGNALING_HAND_SHAKE_REQ)
        await socket.ws.close()
        await server.wait_until(lambda: len(server.connections) == (1 if medium else 0))
        assert server.stream.media == []


async def test_a_refusal_that_comes_too_late(raw: MakeClient) -> None:
    """A client may leave before it is refused, too."""
    timing = Timing(signaling_answer_s=NEVER)
    async with FakeRTMSServer(tls=False, timing=timing) as server:
        client = raw(server)
        socket = await client.open(server.signaling_url)
        await socket.send(msg_type=1)
        await server.wait_for(MessageType.SIGNALING_HAND_SHAKE_REQ)
        await socket.ws.close()
        await server.wait_until(lambda: not server.connections)
        assert server.sent(MessageType.SIGNALING_HAND_SHAKE_RESP) == []


async def test_errors_of_scripts_are_raised_at_the_end() -> None:
    """A mistake in a script fails the test that made it."""
    script = MeetingScript([RawMessage(at_ms=0, message="x", socket="nonsense")])
    with pytest.raises(LookupError, match="no nonsense connection"):
        async with FakeRTMSServer(script, tls=False, start_at_once=True):
            await asyncio.sleep(0.01)


class Spy:
    """Sees everything, drops events, doubles the rest, and ignores the first message."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.seen: list[object] = []

    async def accepted(self, connection: FakeConnection) -> None:
        """See a connection."""
        self.seen.append(repr(connection))
        if self.error is not None:
            raise self.error

    async def sending(self, connection: FakeConnection, frame: Frame) -> Sequence[Frame]:
        """See a frame on its way out."""
        msg_type = json.loads(frame[0])["msg_type"]
        self.seen.append((connection.kind, "out", msg_type))
        return [] if msg_type == 6 else [frame, frame]

    async def received(self, connection: FakeConnection, data: str | bytes) -> bool:
        """See a message that came in."""
        self.seen.append((connection.kind, "in", json.loads(data)["msg_type"]))
        return len(self.seen) > 2


async def test_errors_of_handlers_are_raised_at_the_end(raw: MakeClient) -> None:
    """An error while a client is served fails the test, too; the first one counts."""
    server = FakeRTMSServer(tls=False, fault=Spy(ZeroDivisionError("at work")))
    await server.__aenter__()
    for _ in "12":
        assert await (await raw(server).open(server.signaling_url)).rest() == []
    with pytest.raises(ZeroDivisionError, match="at work"):
        await server.aclose()


class Stumbling(Spy):
    """Fails as soon as something is sent."""

    @override
    async def sending(self, connection: FakeConnection, frame: Frame) -> Sequence[Frame]:
        """Raise."""
        raise ZeroDivisionError(connection.kind)


async def test_errors_of_a_hook_while_sending_are_raised_too(raw: MakeClient) -> None:
    """The connection is cut, so that nobody waits for what is never written."""
    server = FakeRTMSServer(tls=False, fault=Stumbling())
    await server.__aenter__()
    client = raw(server)
    socket = await client.open(server.signaling_url)
    await socket.send(msg_type=1, **client.handshake)
    await socket.send(msg_type=1, **client.handshake)
    assert await socket.rest() == []
    with pytest.raises(ZeroDivisionError, match="signaling"):
        await server.aclose()


async def test_faults_see_everything(raw: MakeClient) -> None:
    """One object sees each connection and each frame, and may drop or duplicate them."""
    spy = Spy()
    async with FakeRTMSServer(tls=False, fault=spy) as server:
        client = raw(server)
        socket = await client.open(server.signaling_url)
        await socket.send(msg_type=1, **client.handshake)
        await socket.send(msg_type=1, **client.handshake)
        assert [(await socket.recv())["msg_type"] for _ in "12"] == [2, 2]
        await server.stream.connection().flush()
        await server.stream.send_raw({"msg_type": 6})
        await server.stream.connection().flush()
        assert await socket.nothing()
    assert spy.seen[:7] == [
        "<FakeConnection #1 signaling>",
        ("signaling", "in", 1),
        ("signaling", "in", 1),
        ("signaling", "out", 2),
        ("signaling", "out", 6),
        ("signaling", "out", 6),
        ("signaling", "in", 19),
    ]


async def test_the_log(raw: MakeClient) -> None:
    """Everything is logged in order; media without their bodies."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        _signaling, media = await client.join(1)
        await server.stream.send_audio(b"secret")
        size = len(await media.ws.recv())
        assert [(one.socket, one.direction, one.msg_type) for one in server.log] == [
            ("signaling", "in", 1),
            ("signaling", "out", 2),
            ("signaling", "out", 6),
            ("audio", "in", 3),
            ("audio", "out", 4),
            ("signaling", "in", 7),
            ("signaling", "out", 8),
            ("signaling", "out", 9),
            ("audio", "out", 14),
        ]
        (entry,) = server.sent(MessageType.MEDIA_DATA_AUDIO)
        assert (entry.message, entry.size, entry.connection_id) == ({"msg_type": 14}, size, 2)
        assert [one.path for one in server.connections] == ["/signaling", "/media/audio"]
        assert server.received(lambda one: one.size == 0) == []


async def test_the_log_keeps_media_on_request(raw: MakeClient) -> None:
    """With ``keep_media`` the bodies are there; the log is bounded."""
    async with FakeRTMSServer(
        bulk_audio(frames=200), tls=False, pace=None, keep_media=True, log_limit=50
    ) as server:
        _signaling, media = await raw(server).join(1)
        await media.rest()
        kept = server.sent(MessageType.MEDIA_DATA_AUDIO)
        assert len(kept) == 50
        assert kept[-1].message is not None
        data = base64.b64decode(kept[-1].message["content"]["data"])
        assert data[:16] == b"010000000000c7"[:2] + b"000000000000c7"


async def test_waiting_for_messages(raw: MakeClient) -> None:
    """Messages from before count; a wait that fails lists what came instead."""
    async with FakeRTMSServer(tls=False) as server:
        await raw(server).signaling()
        entry = await server.wait_for(MessageType.SIGNALING_HAND_SHAKE_REQ)
        assert entry.direction == "in"
        entry = await server.wait_for_sent(MessageType.EVENT_UPDATE)
        assert entry.socket == "signaling"
        with pytest.raises(TimeoutError, match=r"0 of 1 matching .* types seen: \[1\]"):
            await server.wait_for(MessageType.KEEP_ALIVE_RESP, timeout_s=0.01)
        with pytest.raises(TimeoutError):
            await server.wait_until(lambda: False, timeout_s=0.01)


async def test_not_json_has_no_type(raw: MakeClient) -> None:
    """An entry that is no JSON object has neither message nor type."""
    async with FakeRTMSServer(tls=False) as server:
        socket = await raw(server).open(server.signaling_url)
        await socket.ws.send("junk")
        entry = await server.wait_for(lambda one: one.message is None)
        assert entry.msg_type is None
        assert [one.kind for one in server.violations] == [ViolationKind.NOT_JSON]


STARTED: list[tuple[Product, str, dict[str, Any]]] = [
    (
        Product.MEETING,
        "meeting.rtms_started",
        {
            "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
            "operator_id": "operator-id",
            "meeting_id": "98765432101",
            "is_original_host": True,
        },
    ),
    (
        Product.WEBINAR,
        "webinar.rtms_started",
        {
            "webinar_uuid": "wBcDeFgHiJkLmNoPqRsTuA==",
            "operator_id": "operator-id",
            "webinar_id": "98765432102",
        },
    ),
    (
        Product.VIDEO_SDK,
        "session.rtms_started",
        {"session_id": "SessionIdExample==", "session_key": "session-key"},
    ),
    (Product.CONTACT_CENTER, "contact_center.voice_rtms_started", {"engagement_id": "eng-1"}),
    (Product.PHONE, "phone.rtms_started", {"call_id": "7100000000000000001"}),
]


@pytest.mark.parametrize(("product", "event", "ids"), STARTED)
async def test_started_webhook(product: Product, event: str, ids: dict[str, Any]) -> None:
    """Every product announces its streams with its own names and ids."""
    async with FakeRTMSServer(product=product, epoch_ms=1790000000000) as server:
        assert server.started_webhook() == {
            "event": event,
            "event_ts": 1790000000000,
            "payload": {
                "account_id": "account-id",
                "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
                "server_urls": server.signaling_url,
                **ids,
            },
        }


async def test_other_webhooks() -> None:
    """Interruption and end are announced, too; the end with its reason."""
    async with FakeRTMSServer(tls=False) as server:
        ids = {
            "account_id": "account-id",
            "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
            "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
        }
        interrupted = server.interrupted_webhook()
        assert interrupted["event"] == "meeting.rtms_interrupted"
        assert interrupted["payload"] == ids
        assert server.stopped_webhook()["payload"] == ids
        await server.stream.terminate(None)
        assert server.stopped_webhook()["payload"] == {**ids, "stop_reason": 0}
        stopped = server.stopped_webhook(reason=StopReason.STREAM_REVOKED)
        assert stopped["payload"] == {**ids, "stop_reason": 8}


async def test_signed_webhook() -> None:
    """Body and headers are what a web framework would hand over."""
    async with FakeRTMSServer() as server:
        webhook = server.started_body("token")
        assert json.loads(webhook.body) == server.started_webhook()
        timestamp = webhook.headers["x-zm-request-timestamp"]
        message = b"v0:" + timestamp.encode() + b":" + webhook.body
        digest = hmac.new(b"token", message, hashlib.sha256).hexdigest()
        assert webhook.headers["x-zm-signature"] == f"v0={digest}"


def test_signature_test_vector() -> None:
    """The published test vector."""
    event = {
        "event": "meeting.rtms_started",
        "event_ts": 1790000000000,
        "payload": {
            "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
            "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
            "server_urls": "wss://rtms.example.test:443",
        },
    }
    webhook = sign_webhook(event, "test-secret-token", timestamp_s=1790000000)
    assert len(webhook.body) == 211
    assert webhook.headers["x-zm-signature"] == (
        "v0=f91031a9f95da43d53e5383cb86fabe38d5b3f767343430fc31ad5f4e4538b97"
    )


async def test_moved_streams_have_new_urls(raw: MakeClient) -> None:
    """After a move signaling and media have other URLs, which work."""
    async with FakeRTMSServer(tls=False, duplicates="replace") as server:
        client = raw(server)
        old = server.signaling_url
        assert server.move() == server.signaling_url == f"{old}?move=1"
        assert server.media_urls(server.stream)["audio"].endswith("/media/audio?move=1")
        await client.join(1)
        assert [one.path for one in server.connections] == [
            "/signaling?move=1",
            "/media/audio?move=1",
        ]


async def test_several_streams(raw: MakeClient) -> None:
    """Streams differ in product, ids and credentials, and share the endpoints."""
    async with FakeRTMSServer(tls=False) as server:
        other = server.add_stream(
            product=Product.VIDEO_SDK,
            rtms_stream_id="second",
            client_id="other-id",
            client_secret="other-secret",
        )
        assert list(server.streams.values()) == [server.stream, other]
        assert repr(other) == "<FakeStream second INACTIVE>"
        assert server.started_webhook(other)["payload"]["session_id"] == "SessionIdExample=="
        first = raw(server)
        await first.join(1)
        second = type(first)(server, other)
        await second.join(1)
        await other.send_audio(b"for the second")
        message = await second.sockets[1].recv()
        assert message["content"]["length"] == 14
        await second.aclose()
        with pytest.raises(ValueError, match="there is a stream 'second' already"):
            server.add_stream(rtms_stream_id="second")


async def test_a_port_can_be_chosen() -> None:
    """A server can come back on the port that it had."""
    async with FakeRTMSServer() as server:
        first = server.signaling_url
        port = int(first.rpartition(":")[2].partition("/")[0])
    async with FakeRTMSServer(port=port) as server:
        assert server.signaling_url == first


async def test_certificate_file() -> None:
    """Clients that want a path get one, as long as the server lives."""
    async with FakeRTMSServer() as server:
        path = server.ca_file
        assert path == server.ca_file
        context = ssl.create_default_context(cafile=str(path))
        async with connect(server.signaling_url, ssl=context):
            pass
    assert not path.exists()


async def test_scope_raises_the_first_failure() -> None:
    """A task that fails is not forgotten, and the others are cancelled."""

    async def fail() -> None:
        raise ZeroDivisionError

    scope = TaskScope()
    failing = scope.start(fail(), "one")
    waiting = scope.start(asyncio.sleep(60), "two")
    await asyncio.wait([failing])
    await asyncio.sleep(0)
    scope.fail(RuntimeError("too late"))
    with pytest.raises(ZeroDivisionError):
        await scope.aclose()
    assert waiting.cancelled()
