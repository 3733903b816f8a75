"""A server that says no: each refusal is an error of its own that tells what to do."""

import pytest
from tests.integration.support import (
    CLIENT_ID,
    Leaks,
    Tampering,
    answering,
    at_most,
    client_for,
    first_of,
    info_of,
    joined,
    network,
    stream_of,
)

from rtms_client import (
    AudioParams,
    AuthenticationFailed,
    ChatParams,
    HandshakeRejected,
    MediaNotAvailable,
    MediaType,
    MediaUnavailable,
    Product,
    RTMSClient,
    ShareParams,
    StreamInfo,
    StreamNotFound,
    TranscriptParams,
    VideoParams,
)
from rtms_client.enums import MessageType, StatusCode
from rtms_client.events import ParametersChanged
from rtms_client.exceptions import (
    DuplicateConnection,
    ParametersDowngraded,
    ParametersRejected,
    ServerFault,
)
from rtms_client.testing import EVERY_MEDIUM, FakeRTMSServer, Variations

ALL_PARAMS = {
    "audio": AudioParams(),
    "video": VideoParams(),
    "share": ShareParams(),
    "transcript": TranscriptParams(),
    "chat": ChatParams(),
}
MEDIA = {
    "audio": (MediaType.AUDIO, 9),
    "video": (MediaType.VIDEO, 10),
    "share": (MediaType.SHARE, 11),
    "transcript": (MediaType.TRANSCRIPT, 12),
    "chat": (MediaType.CHAT, 13),
}


async def test_wrong_secret() -> None:
    """A wrong secret is an authentication failure that names what to check, and no secret."""
    async with FakeRTMSServer() as server:
        leaks = Leaks()
        client = RTMSClient(
            CLIENT_ID,
            "wrong-secret",
            network=network(server),
            audio=AudioParams(),
            reconnect=None,
        )
        with at_most(1.0), pytest.raises(AuthenticationFailed) as caught:
            await client.stream(info_of(server)).open()
        text = str(caught.value)
        assert caught.value.status == StatusCode.INVALID_SIGNATURE
        assert "signaling handshake refused with status 3 INVALID_SIGNATURE" in text
        assert "secret" in text
        assert "wrong-secret" not in text
        await leaks.none()


async def test_wrong_stream_id() -> None:
    """A stream that the server does not know is told apart from bad credentials."""
    async with FakeRTMSServer() as server:
        info = info_of(server)
        other = StreamInfo(
            product=Product.MEETING,
            product_id=info.product_id,
            stream_id="99999999-8888-7777-6666-555555555555",
            server_urls=info.server_urls,
        )
        with pytest.raises(StreamNotFound) as caught:
            await client_for(server, audio=AudioParams()).stream(other).open()
        assert caught.value.status == StatusCode.INVALID_RTMS_STREAM_ID
        assert "status 2 INVALID_RTMS_STREAM_ID" in str(caught.value)


@pytest.mark.parametrize("name", MEDIA)
async def test_the_only_medium_refused(name: str) -> None:
    """Without scope for the only medium the stream cannot be joined: status 9 to 13."""
    medium, status = MEDIA[name]
    async with FakeRTMSServer(available=EVERY_MEDIUM & ~medium) as server:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(MediaNotAvailable) as caught:
            await stream_of(server, **{name: ALL_PARAMS[name]}).open()
        assert caught.value.status == status
        assert caught.value.endpoint == name
        assert f"{name} handshake refused with status {status} " in str(caught.value)
        assert "scope" in str(caught.value)
        await leaks.none()


@pytest.mark.parametrize("name", MEDIA)
async def test_one_of_five_media_refused(name: str) -> None:
    """A medium without scope is reported, and the other four run."""
    medium, status = MEDIA[name]
    async with (
        FakeRTMSServer(available=EVERY_MEDIUM & ~medium) as server,
        joined(server, **ALL_PARAMS) as stream,
    ):
        event = await first_of(stream.events(), MediaUnavailable)
        assert event.media == medium
        assert event.status == status
        assert "scope" in event.reason
        granted = {other for other in MEDIA if getattr(stream.granted, other) is not None}
        assert granted == MEDIA.keys() - {name}
        assert len(server.stream.media) == 4


@pytest.mark.parametrize("name", MEDIA)
async def test_one_of_five_media_refused_strictly(name: str) -> None:
    """In strict mode one refused medium is the end."""
    medium, status = MEDIA[name]
    async with FakeRTMSServer(available=EVERY_MEDIUM & ~medium) as server:
        leaks = Leaks()
        with at_most(1.0), pytest.raises(MediaNotAvailable) as caught:
            await stream_of(server, strict=True, **ALL_PARAMS).open()
        assert caught.value.status == status
        await leaks.none()


async def test_medium_without_url() -> None:
    """A medium for which the server offers no URL is not available; the others run."""
    async with (
        FakeRTMSServer(available=MediaType.AUDIO, unified=False) as server,
        joined(server, audio=AudioParams(), chat=ChatParams()) as stream,
    ):
        event = await first_of(stream.events(), MediaUnavailable)
        assert event.media == MediaType.CHAT
        assert event.status is None
        assert "expected a server URL for it, got none" in event.reason


async def test_only_medium_without_url() -> None:
    """When no medium has a URL the stream cannot be joined."""
    async with FakeRTMSServer(available=MediaType.AUDIO, unified=False) as server:
        with pytest.raises(
            MediaNotAvailable, match=r"chat is not available: .* got none"
        ) as caught:
            await stream_of(server, chat=ChatParams()).open()
        assert caught.value.status is None


@pytest.mark.parametrize("status", [*range(17, 40), 43, 46])
async def test_forbidden_parameters(status: int) -> None:
    """Every refusal of parameters is told apart, with the server's own words."""
    fault = answering(4, status_code=status, reason="not like this")
    async with FakeRTMSServer(fault=fault) as server:
        with pytest.raises(ParametersRejected) as caught:
            await stream_of(server, audio=AudioParams()).open()
        assert caught.value.status == status
        assert f"status {status} {StatusCode(status).name}" in str(caught.value)
        assert "(server: not like this)" in str(caught.value)
        assert not caught.value.retryable


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (8, DuplicateConnection, True),
        (15, DuplicateConnection, True),
        (16, DuplicateConnection, True),
        (45, ServerFault, True),
        (47, ServerFault, True),
        (1, HandshakeRejected, False),
        (77, HandshakeRejected, False),
    ],
)
async def test_other_refusals(status: int, kind: type[HandshakeRejected], retryable: bool) -> None:  # noqa: FBT001
    """Refusals that may pass later say so; unknown ones are reported with their number."""
    async with FakeRTMSServer(fault=answering(2, status_code=status)) as server:
        with pytest.raises(HandshakeRejected) as caught:
            await stream_of(server, audio=AudioParams()).open()
        assert type(caught.value) is kind
        assert caught.value.status == status
        assert caught.value.retryable is retryable
        assert f"refused with status {status} " in str(caught.value)


@pytest.mark.parametrize("msg_type", [2, 4])
async def test_refusal_without_status(msg_type: int) -> None:
    """A handshake answer without any status is a failure, not a success."""

    def strip(message: dict[str, object]) -> dict[str, object]:
        if message["msg_type"] == msg_type:
            del message["status_code"]
        return message

    async with FakeRTMSServer(fault=Tampering(strip)) as server:
        with pytest.raises(
            HandshakeRejected, match="expected an answer with status_code"
        ) as caught:
            await stream_of(server, audio=AudioParams()).open()
        assert caught.value.status is None


async def test_second_connection_to_a_stream() -> None:
    """A stream that another process owns is a duplicate, with advice."""
    async with FakeRTMSServer() as server, joined(server, audio=AudioParams()):
        with pytest.raises(DuplicateConnection, match="status 8 DUPLICATE_SIGNAL_REQUEST"):
            await stream_of(server, audio=AudioParams()).open()


@pytest.mark.parametrize("key_status", [2, 3, 4])
async def test_product_key_is_tried_once(key_status: int) -> None:
    """A product other than meetings is named by its own key when ``meeting_uuid`` is refused."""
    async with (
        FakeRTMSServer(
            product=Product.WEBINAR, id_keys="product", id_key_status=StatusCode(key_status)
        ) as server,
        joined(server, audio=AudioParams()),
    ):
        first, second = server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)
        [media] = server.received(MessageType.DATA_HAND_SHAKE_REQ)
        for entry in (first, second, media):
            assert entry.message is not None
        assert first.message is not None
        assert second.message is not None
        assert media.message is not None
        assert first.message["meeting_uuid"] == "wBcDeFgHiJkLmNoPqRsTuA=="
        assert "webinar_uuid" not in first.message
        assert second.message["webinar_uuid"] == "wBcDeFgHiJkLmNoPqRsTuA=="
        assert "meeting_uuid" not in second.message
        assert media.message["webinar_uuid"] == "wBcDeFgHiJkLmNoPqRsTuA=="


async def test_product_key_that_is_refused_too() -> None:
    """The product key is tried once, not for ever."""
    async with FakeRTMSServer(product=Product.WEBINAR, client_secret="other") as server:
        with pytest.raises(AuthenticationFailed):
            await stream_of(server, audio=AudioParams()).open()
        assert len(server.received(MessageType.SIGNALING_HAND_SHAKE_REQ)) == 2


async def test_granted_parameters_that_differ() -> None:
    """A silent downgrade is visible: an event, and the granted parameters."""
    async with (
        FakeRTMSServer(grant={"audio": {"data_opt": 1, "send_rate": 100}}) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        event = await first_of(stream.events(), ParametersChanged)
        assert event.media == MediaType.AUDIO
        assert event.differences == (
            "data_opt: AUDIO_MULTI_STREAMS → AUDIO_MIXED_STREAM",
            "send_rate_ms: 20 → 100",
        )
        assert stream.granted.audio is not None
        assert stream.granted.audio.send_rate_ms == 100


async def test_granted_parameters_that_differ_strictly() -> None:
    """In strict mode a downgrade is an error that names every difference."""
    async with FakeRTMSServer(grant={"audio": {"send_rate": 100}}) as server:
        leaks = Leaks()
        with pytest.raises(ParametersDowngraded, match=r"audio: .* send_rate_ms: 20 → 100; "):
            await stream_of(server, strict=True, audio=AudioParams()).open()
        await leaks.none()


async def test_unified_connection_refused() -> None:
    """When the one connection for all media is refused, none is left."""
    async with FakeRTMSServer(fault=answering(4, status_code=7)) as server:
        with pytest.raises(MediaNotAvailable, match="all handshake refused with status 7 "):
            await stream_of(server, unified=True, **ALL_PARAMS).open()


async def test_unified_without_url_falls_back() -> None:
    """Without a URL for all media each medium gets a connection of its own."""
    async with (
        FakeRTMSServer(unified=False, variations=Variations(share_url_key="share")) as server,
        joined(server, unified=True, **ALL_PARAMS),
    ):
        kinds = sorted(connection.kind for connection in server.stream.media)
        assert kinds == ["audio", "chat", "share", "transcript", "video"]
