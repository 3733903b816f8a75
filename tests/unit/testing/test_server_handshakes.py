"""Signaling and media handshakes: who is let in, and with which status the others are refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rtms_client.enums import MediaType, MessageType, Product, StatusCode
from rtms_client.testing import NEVER, FakeRTMSServer, Timing, ViolationKind

if TYPE_CHECKING:
    from tests.unit.testing.conftest import MakeClient


async def test_over_tls(raw: MakeClient) -> None:
    """By default everything is TLS, trusted by the client context of the server."""
    async with FakeRTMSServer() as server:
        assert server.signaling_url.startswith("wss://localhost:")
        client = raw(server)
        await client.join(MediaType.AUDIO)
        await server.stream.send_audio(b"abcd", timestamp_ms=1790000000000)
        message = await client.sockets[1].recv()
        assert message == {
            "msg_type": 14,
            "content": {
                "user_id": 0,
                "data": "YWJjZA==",
                "length": 4,
                "timestamp": 1790000000000,
            },
        }
        assert server.violations == []


async def test_signaling_answer(raw: MakeClient) -> None:
    """Message 2 has a URL for each medium and one for all, then event 1 comes unasked."""
    async with FakeRTMSServer(tls=False, epoch_ms=1790000000000) as server:
        socket = await raw(server).signaling()
        urls = socket.answer.pop("media_server")["server_urls"]
        assert socket.answer == {
            "msg_type": 2,
            "protocol_version": 1,
            "sequence": 0,
            "status_code": 0,
            "reason": "",
        }
        assert list(urls) == ["audio", "video", "deskshare", "transcript", "chat", "all"]
        assert urls["audio"].startswith("ws://localhost:")
        assert await socket.recv() == {
            "msg_type": 6,
            "event": {"event_type": 1, "timestamp": 1790000000000},
        }


async def test_media_without_scope_have_no_url(raw: MakeClient) -> None:
    """Only what the app has scopes for is offered; the rest is refused."""
    async with FakeRTMSServer(
        tls=False, available=MediaType.AUDIO | MediaType.SHARE, unified=False
    ) as server:
        client = raw(server)
        socket = await client.signaling()
        assert list(socket.answer["media_server"]["server_urls"]) == ["audio", "deskshare"]


async def test_media_answer_has_granted_params(raw: MakeClient) -> None:
    """Message 4 echoes what was negotiated."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        await client.signaling()
        socket = await client.media(MediaType.CHAT)
        assert socket.answer == {
            "msg_type": 4,
            "protocol_version": 1,
            "sequence": 0,
            "status_code": 0,
            "reason": "",
            "media_params": {"chat": {"content_type": 5}},
            "payload_encrypted": False,
        }


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"msg_type": 19}, 1),
        ({"msg_type": "1"}, 1),
        ({"rtms_stream_id": "another"}, 2),
        ({"rtms_stream_id": None}, 2),
        ({"signature": "0" * 64}, 3),
        ({"signature": "é"}, 3),
        ({"meeting_uuid": "another"}, 3),
        ({"signature": None}, 4),
        ({"protocol_version": 2}, 4),
        ({"meeting_uuid": ""}, 4),
        ({"buffer_data": "yes"}, 4),
    ],
)
async def test_signaling_is_refused(raw: MakeClient, change: dict[str, Any], status: int) -> None:
    """Each fault has its status, then the socket is closed."""
    async with FakeRTMSServer(tls=False) as server:
        socket = await raw(server).signaling(**change)
        assert socket.answer["status_code"] == status
        assert socket.answer["reason"]
        assert "media_server" not in socket.answer
        assert await socket.rest() == []
        assert server.stream.signaling is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"msg_type": 7}, 1),
        ({"rtms_stream_id": "another"}, 2),
        ({"signature": "0" * 64}, 3),
        ({"media_type": None}, 7),
        ({"media_type": 64}, 14),
        ({"media_params": {"audio": {"codec": 9}}}, 22),
    ],
)
async def test_media_is_refused(raw: MakeClient, change: dict[str, Any], status: int) -> None:
    """The same holds for media sockets."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        await client.signaling()
        socket = await client.media(MediaType.AUDIO, **change)
        assert socket.answer["status_code"] == status
        assert await socket.rest() == []
        assert server.stream.media == []


async def test_media_needs_signaling(raw: MakeClient) -> None:
    """A media handshake without signaling comes out of order."""
    async with FakeRTMSServer(tls=False) as server:
        socket = await raw(server).media(MediaType.AUDIO)
        assert socket.answer["status_code"] == 1


async def test_media_without_scope_is_refused(raw: MakeClient) -> None:
    """A socket for a medium without scope is refused with the status of the medium."""
    async with FakeRTMSServer(tls=False, available=MediaType.AUDIO) as server:
        client = raw(server)
        await client.signaling()
        assert (await client.media(MediaType.VIDEO)).answer["status_code"] == 10


async def test_an_ended_stream_is_unknown(raw: MakeClient) -> None:
    """After the end handshakes get status 2."""
    async with FakeRTMSServer(tls=False) as server:
        await server.stream.terminate()
        await server.stream.terminate()
        assert (await raw(server).signaling()).answer["status_code"] == 2


@pytest.mark.parametrize("product", list(Product))
@pytest.mark.parametrize(
    ("id_keys", "generic", "own"),
    [("either", 0, 0), ("product", 6, 0), ("meeting_uuid", 0, 6)],
)
async def test_keys_of_the_product_id(
    raw: MakeClient,
    product: Product,
    id_keys: Literal["either", "product", "meeting_uuid"],
    generic: int,
    own: int,
) -> None:
    """Handshakes use ``meeting_uuid``, the key of the product, or what the server insists on."""
    if product is Product.MEETING:
        generic = own = 0  # both keys are the same
    async with FakeRTMSServer(
        tls=False,
        product=product,
        id_keys=id_keys,
        id_key_status=StatusCode.INVALID_EVENT_TYPE,
    ) as server:
        first = await raw(server).signaling()
        assert first.answer["status_code"] == generic
        await first.ws.close()
        await server.wait_for(lambda entry: entry.socket == "signaling")
        await server.wait_until(lambda: server.stream.signaling is None)
        client = raw(server)
        product_id = client.handshake.pop("meeting_uuid")
        client.handshake[product.value] = product_id
        assert (await client.signaling()).answer["status_code"] == own


async def test_phone_id_as_number(raw: MakeClient) -> None:
    """A call id may come as a JSON number."""
    async with FakeRTMSServer(tls=False, product=Product.PHONE) as server:
        socket = await raw(server).signaling(without="meeting_uuid", call_id=7100000000000000001)
        assert socket.answer["status_code"] == 0


async def test_second_signaling_is_refused(raw: MakeClient) -> None:
    """While one signaling connection is alive another one gets status 8."""
    async with FakeRTMSServer(tls=False) as server:
        await raw(server).signaling()
        socket = await raw(server).signaling()
        assert socket.answer["status_code"] == 8
        assert "duplicate signal request" in socket.answer["reason"]


async def test_second_signaling_replaces_the_first(raw: MakeClient) -> None:
    """The other mode: the newer one wins, and the media of the older one go with it."""
    async with FakeRTMSServer(tls=False, duplicates="replace") as server:
        old, old_media = await raw(server).join(MediaType.AUDIO)
        new = await raw(server).signaling()
        assert new.answer["status_code"] == 0
        await old.rest()
        await old_media.rest()
        assert old.ws.close_reason == "replaced"
        assert server.stream.media == []
        assert server.stream.signaling is not None


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [(1, 1, 16), (9, 8, 16), (1, 32, 16), (32, 1, 15), (32, 32, 15), (1, 2, 0)],
)
async def test_second_media_socket(raw: MakeClient, first: int, second: int, status: int) -> None:
    """Every medium has one socket, and a socket for all media excludes others."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        await client.signaling()
        assert (await client.media(first)).answer["status_code"] == 0
        assert (await client.media(second)).answer["status_code"] == status


async def test_second_media_socket_replaces_the_first(raw: MakeClient) -> None:
    """The other mode: the older socket is closed, and nothing is interrupted."""
    async with FakeRTMSServer(tls=False, duplicates="replace") as server:
        client = raw(server)
        _signaling, old = await client.join(MediaType.AUDIO)
        new = await client.media(MediaType.AUDIO)
        assert new.answer["status_code"] == 0
        assert await old.rest() == []
        assert len(server.stream.media) == 1
        assert server.sent(lambda entry: "event_type': 7" in str(entry.message)) == []


async def test_unknown_keys_are_violations(raw: MakeClient) -> None:
    """Keys that no page documents are recorded, and ignored."""
    async with FakeRTMSServer(tls=False) as server:
        client = raw(server)
        await client.signaling(client_id="cid", session_id="")
        await client.media(
            MediaType.AUDIO,
            {"audio": {"language": 9, "codec": "L16"}, "video": {}, "voice": 1},
        )
        await client.media(MediaType.TRANSCRIPT, {"transcript": None})
        await client.media("AUDIO", "names")
        found = {(one.kind, one.detail) for one in server.violations}
        assert found == {
            (ViolationKind.UNKNOWN_KEY, "client_id in a handshake"),
            (ViolationKind.BAD_REQUEST, "session_id is empty"),
            (ViolationKind.UNKNOWN_KEY, "media_params.audio.language"),
            (ViolationKind.UNKNOWN_KEY, "media_params.video on a socket for audio"),
            (ViolationKind.UNKNOWN_KEY, "media_params.voice on a socket for audio"),
            (ViolationKind.ENUM_NAME, "L16"),
            (ViolationKind.ENUM_NAME, "AUDIO"),
        }


async def test_binary_frames_and_junk_are_violations(raw: MakeClient) -> None:
    """Binary frames are understood, junk is skipped, both are recorded."""
    async with FakeRTMSServer(tls=False) as server:
        socket = await raw(server).open(server.signaling_url)
        await socket.ws.send("[1]")
        await socket.ws.send(b"\xff")
        await server.wait_for(lambda entry: entry.size == 1)
        assert [one.kind for one in server.violations] == [
            ViolationKind.NOT_JSON,
            ViolationKind.BINARY_FRAME,
            ViolationKind.NOT_JSON,
        ]


async def test_server_that_never_answers(raw: MakeClient) -> None:
    """A silent server accepts the socket and says nothing."""
    timing = Timing(signaling_answer_s=NEVER)
    async with FakeRTMSServer(tls=False, timing=timing) as server:
        socket = await raw(server).open(server.signaling_url)
        await socket.send(msg_type=1, **raw(server).handshake)
        await server.wait_for(MessageType.SIGNALING_HAND_SHAKE_REQ)
        assert server.sent(MessageType.SIGNALING_HAND_SHAKE_RESP) == []


async def test_slow_handshakes(raw: MakeClient) -> None:
    """Delayed answers arrive after their delay, also refusals."""
    timing = Timing(signaling_answer_s=0.02, media_answer_s=0.02)
    async with FakeRTMSServer(tls=False, timing=timing, upgrade_delay_s=0.02) as server:
        client = raw(server)
        started = asyncio.get_running_loop().time()
        await client.signaling(signature="wrong")
        await client.signaling()
        await client.media(MediaType.AUDIO)
        await client.media(MediaType.AUDIO)
        assert asyncio.get_running_loop().time() - started >= 0.16


async def test_upgrade_is_refused(raw: MakeClient) -> None:
    """A server that is overloaded answers the HTTP request with 503."""
    async with FakeRTMSServer(tls=False, upgrade_status=503) as server:
        with pytest.raises(InvalidStatus, match="HTTP 503"):
            await raw(server).open(server.signaling_url)


async def test_client_that_leaves_before_its_handshake(raw: MakeClient) -> None:
    """A connection without handshake leaves no trace but its log."""
    async with FakeRTMSServer(tls=False) as server:
        socket = await raw(server).open(server.signaling_url)
        await socket.ws.close()
        await server.wait_until(lambda: not server.connections)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
