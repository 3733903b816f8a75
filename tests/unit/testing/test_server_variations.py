"""Each variation of the wire is a switch; everything else stays as documented."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rtms_client.enums import (
    ChatOperation,
    ChatSessionType,
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
    Chat,
    FakeRTMSServer,
    Person,
    Timing,
    Variations,
)

if TYPE_CHECKING:
    from tests.unit.testing.conftest import MakeClient, RawSocket

EPOCH = 1790000000000


def _server(product: Product = Product.MEETING, **switches: Any) -> FakeRTMSServer:  # noqa: ANN401
    return FakeRTMSServer(
        tls=False,
        product=product,
        epoch_ms=EPOCH,
        timing=Timing(linger_s=0),
        variations=Variations(**switches),
    )


async def _audio(server: FakeRTMSServer, media: RawSocket) -> dict[str, Any]:
    await server.stream.send_audio(b"abcd", timestamp_ms=EPOCH)
    return await media.recv()


MULTI = {"audio": {"data_opt": 2}}


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        (
            {"string_user_ids": True},
            {
                "content": {
                    "user_id": "16778240",
                    "user_name": "Ada",
                    "data": "YWJjZA==",
                    "length": 4,
                    "timestamp": EPOCH,
                }
            },
        ),
        (
            {"bare_content": True},
            {
                "content": "YWJjZA==",
                "user_id": 16778240,
                "user_name": "Ada",
                "length": 4,
                "timestamp": EPOCH,
            },
        ),
        (
            {"omit_length": True, "unpadded_base64": True},
            {
                "content": {
                    "user_id": 16778240,
                    "user_name": "Ada",
                    "data": "YWJjZA",
                    "timestamp": EPOCH,
                }
            },
        ),
        (
            {"camel_case": True, "string_user_ids": True},
            {
                "content": {
                    "userId": "16778240",
                    "userName": "Ada",
                    "data": "YWJjZA==",
                    "length": 4,
                    "timestamp": EPOCH,
                }
            },
        ),
        (
            {"unknown_keys": True},
            {
                "content": {
                    "user_id": 16778240,
                    "user_name": "Ada",
                    "data": "YWJjZA==",
                    "length": 4,
                    "timestamp": EPOCH,
                    "from_the_future": {"version": 3},
                },
                "from_the_future": {"version": 3},
            },
        ),
    ],
)
async def test_audio(raw: MakeClient, switches: dict[str, Any], message: dict[str, Any]) -> None:
    """Media messages vary in ids, content, length, padding and keys."""
    async with _server(**switches) as server:
        _signaling, media = await raw(server).join(1, MULTI)
        assert await _audio(server, media) == {"msg_type": 14, **message}


async def test_a_percent_sign_in_a_name(raw: MakeClient) -> None:
    """Names may contain anything, in spite of the templates behind fast media."""
    async with _server() as server:
        _signaling, media = await raw(server).join(1, MULTI)
        person = Person(user_id=1, user_name='100 % "é"')
        await server.stream.send_audio(b"abcd", person=person)
        assert (await media.recv())["content"]["user_name"] == '100 % "é"'


async def test_string_message_types(raw: MakeClient) -> None:
    """``msg_type`` as string, in every message."""
    async with _server(string_message_types=True) as server:
        client = raw(server)
        socket = await client.open(server.signaling_url)
        await socket.send(msg_type=1, **client.handshake)
        assert (await socket.recv())["msg_type"] == "2"
        assert len(server.sent(MessageType.SIGNALING_HAND_SHAKE_RESP)) == 1


async def test_binary_frames(raw: MakeClient) -> None:
    """JSON in binary frames, on all sockets."""
    async with _server(binary_frames=True) as server:
        client = raw(server)
        for kind in ("signaling", "media"):
            if kind == "signaling":
                socket = await client.open(server.signaling_url)
                await socket.send(msg_type=1, **client.handshake)
            else:
                socket = await client.send_media_handshake(1)
            assert isinstance(await socket.ws.recv(), bytes)


async def test_media_answer_keys(raw: MakeClient) -> None:
    """The encryption flag has two spellings."""
    async with _server(encryption_key="payload_encryption") as server:
        client = raw(server)
        await client.signaling()
        answer = (await client.media(1)).answer
        assert answer["payload_encryption"] is False
        assert "payload_encrypted" not in answer


async def test_states(raw: MakeClient) -> None:
    """Reasons and session ids have two spellings, and enums may be names."""
    async with _server(
        swap_reason_keys=True, session_id_key="session_id", enum_names=True, extra_keys=True
    ) as server:
        signaling = await raw(server).signaling()
        server.stream.change_state(StreamState.INTERRUPTED, StopReason.USER_LEFT)
        server.stream.change_session_state(SessionState.STOPPED, StopReason.UNDEFINED)
        await signaling.event("FIRST_PACKET_TIMESTAMP")
        state, session = await signaling.recv(), await signaling.recv()
        del state["timestamp"], session["timestamp"]
        assert state == {
            "msg_type": 8,
            "state": "INTERRUPTED",
            "stop_reason": "STOP_BC_USER_LEFT",
            "rtms_stream_id": "11111111-2222-3333-4444-555555555555",
            "ui_state": "visible",
        }
        assert session == {
            "msg_type": 9,
            "session_id": "sess-1",
            "state": "STOPPED",
            "reason": "UNDEFINED",
            "is_broadcast": False,
        }


async def test_session_state_as_documented(raw: MakeClient) -> None:
    """Message 9 has ``stop_reason``."""
    async with _server() as server:
        signaling = await raw(server).signaling()
        server.stream.change_session_state(SessionState.STOPPED, StopReason.MEETING_ENDED)
        session = await signaling.until(9)
        assert (session["state"], session["stop_reason"]) == (5, 6)


async def test_null_session_id(raw: MakeClient) -> None:
    """The session id may be null in message 9."""
    async with _server(null_session_id=True) as server:
        signaling, _media = await raw(server).join(1)
        assert (await signaling.until(9))["rtms_session_id"] is None


async def test_stream_state_in_seconds(raw: MakeClient) -> None:
    """Message 20 may tell seconds."""
    async with _server(stream_state_in_seconds=True) as server:
        signaling = await raw(server).signaling()
        await signaling.send(msg_type=19, rtms_stream_id=server.stream.settings.rtms_stream_id)
        assert (await signaling.until(20))["timestamp"] < 10**11


async def test_single_user_events(raw: MakeClient) -> None:
    """One event for each participant, without a list; other events are as ever."""
    async with _server(single_user_events=True, event_time_key="event_ts") as server:
        signaling, _media = await raw(server).join(1, events=(3, 4, 6))
        await signaling.event(1)
        await server.stream.send_event(3, ADA, GRACE)
        ada, grace = await signaling.event(3), await signaling.event(3)
        assert (ada["user_id"], grace["user_name"]) == (16778240, "Grace")
        assert "participants" not in ada
        await server.stream.send_event(6)
        assert list(await signaling.event(6)) == ["event_type", "event_ts"]


async def test_top_level_event_type(raw: MakeClient) -> None:
    """``event_type`` beside ``event``."""
    async with _server(top_level_event_type=True) as server:
        signaling = await raw(server).signaling()
        assert await signaling.recv() == {
            "msg_type": 6,
            "event_type": 1,
            "event": {"timestamp": EPOCH},
        }


@pytest.mark.parametrize(
    ("misspelt", "key"), [(False, "participant_info"), (True, "paticipant_info")]
)
async def test_contact_center_events(raw: MakeClient, key: str, *, misspelt: bool) -> None:
    """Contact Center has its own event numbers, bodies and time key."""
    async with _server(
        Product.CONTACT_CENTER,
        misspelt_participant_info=misspelt,
        enum_names=True,
        single_user_events=True,
    ) as server:
        signaling, _media = await raw(server).join(1, events=(8, 9))
        await server.stream.send_event(8, participant_info={"user_id": "c-1"})
        event = await signaling.event("CONSUMER_ANSWERED")
        assert event[key] == {"user_id": "c-1"}
        assert "event_ts" in event
        await server.stream.send_event(9)
        assert list(await signaling.event("CONSUMER_END")) == ["event_type", "event_ts"]


async def test_unknown_enum_values_have_no_name(raw: MakeClient) -> None:
    """A number without a name stays a number."""
    async with _server(enum_names=True) as server:
        signaling = await raw(server).signaling()
        server.stream.subscribe(77)
        await server.stream.send_event(77)
        assert (await signaling.event(77))["event_type"] == 77


async def test_transcript(raw: MakeClient) -> None:
    """The text may be under ``text``, language and attribute may be names."""
    async with _server(transcript_text_key="text", enum_names=True) as server:
        _signaling, media = await raw(server).join(8)
        await server.stream.send_transcript("hello", timestamp_ms=EPOCH + 5)
        assert (await media.recv())["content"] == {
            "user_id": 16778240,
            "user_name": "Ada",
            "start_time": EPOCH + 5,
            "end_time": EPOCH + 5,
            "timestamp": EPOCH + 5,
            "language": "LANGUAGE_ID_ENGLISH",
            "attribute": "ATTR_NEW",
            "text": "hello",
        }


@pytest.mark.parametrize("key", ["data", "text"])
async def test_bare_transcript(raw: MakeClient, key: str) -> None:
    """A bare string as content is the text, whatever its key would be."""
    async with _server(bare_content=True, transcript_text_key=key) as server:
        _signaling, media = await raw(server).join(8)
        await server.stream.send_transcript("hello")
        message = await media.recv()
        assert (message["content"], message["user_name"]) == ("hello", "Ada")


CHAT = Chat(
    at_ms=7,
    person=ADA,
    text="see file",
    message_id="m-2",
    parent_message_id="m-1",
    operation=ChatOperation.UPDATE,
    session_type=ChatSessionType.CHAT_GROUP,
    session_id="cs-7",
    receiver=GRACE,
    files=({"file_id": "f-1", "file_name": "plan.pdf", "file_size": 1234},),
    delete_file_ids=("f-0",),
)
SENDER = {"user_id": 16778240, "user_name": "Ada"}
FIELDS = {
    "chat_session": {"type": 3, "id": "cs-7"},
    "operation_type": 3,
    "message_id": "m-2",
    "parent_message_id": "m-1",
    "sender": SENDER,
    "data": "see file",
    "receiver": {"user_id": 16779264, "user_name": "Grace"},
    "files": [{"file_id": "f-1", "file_name": "plan.pdf", "file_size": 1234}],
    "delete_file_id_list": ["f-0"],
}


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("fields", {"timestamp": EPOCH + 7, **FIELDS}),
        ("json", {**SENDER, "timestamp": EPOCH + 7, "data": json.dumps(FIELDS)}),
        ("object", {**SENDER, "timestamp": EPOCH + 7, "data": FIELDS}),
        ("old", {"timestamp": EPOCH + 7, "data": "see file"}),
    ],
)
async def test_chat_forms(raw: MakeClient, form: str, content: dict[str, Any]) -> None:
    """The fields of a chat message live in one of four places."""
    async with _server(chat_form=form) as server:
        _signaling, media = await raw(server).join(16)
        await server.stream.send_chat(CHAT)
        assert await media.recv() == {"msg_type": 18, "content": content}


async def test_short_chat(raw: MakeClient) -> None:
    """What a chat message does not have is absent."""
    async with _server(chat_form="fields", string_user_ids=True) as server:
        _signaling, media = await raw(server).join(16)
        await server.stream.send_chat(Chat(at_ms=0, person=ADA, text="hi"))
        assert (await media.recv())["content"] == {
            "timestamp": EPOCH,
            "chat_session": {"type": 1},
            "operation_type": 1,
            "message_id": "m-1",
            "parent_message_id": "",
            "sender": {"user_id": "16778240", "user_name": "Ada"},
            "data": "hi",
        }


@pytest.mark.parametrize(
    ("timestamp", "sequence", "keys"),
    [
        (True, True, {"msg_type", "timestamp", "sequence"}),
        (True, False, {"msg_type", "timestamp"}),
        (False, True, {"msg_type", "sequence"}),
        (False, False, {"msg_type"}),
    ],
)
async def test_keep_alives(
    raw: MakeClient, keys: set[str], *, timestamp: bool, sequence: bool
) -> None:
    """Keep-alives come without timestamp, without sequence, or without both."""
    async with FakeRTMSServer(
        tls=False,
        timing=Timing(keep_alive_s=0.01, missed_keep_alives=1000),
        variations=Variations(keep_alive_timestamp=timestamp, keep_alive_sequence=sequence),
    ) as server:
        signaling = await raw(server).signaling()
        request = await signaling.until(12)
        assert request.keys() == keys
        await signaling.send(**{**request, "msg_type": 13})
        await server.wait_for(MessageType.KEEP_ALIVE_RESP)
        assert server.violations == []


async def test_early_keep_alives(raw: MakeClient) -> None:
    """Keep-alives come before the handshake, too, and must be answered."""
    async with FakeRTMSServer(
        tls=False,
        timing=Timing(keep_alive_s=0.005, missed_keep_alives=1000),
        variations=Variations(early_keep_alives=True),
    ) as server:
        client = raw(server)
        socket = await client.open(server.signaling_url)
        request = await socket.until(12)
        await socket.send(**{**request, "msg_type": 13})
        await socket.send(msg_type=1, **client.handshake)
        assert (await socket.until(2))["status_code"] == 0


async def test_media_before_the_answer(raw: MakeClient) -> None:
    """Media come before message 4, without message 7; a silent medium does not wait for ever."""
    async with _server(media_before_answer=True) as server:
        client = raw(server)
        await client.signaling()
        socket = await client.send_media_handshake(1)
        await server.wait_until(lambda: server.stream.takers(MediaType.AUDIO))
        await server.stream.send_audio(b"early")
        assert [(await socket.recv())["msg_type"] for _ in "12"] == [14, 4]
        assert (await client.media(2)).answer["status_code"] == 0


async def test_media_without_an_answer(raw: MakeClient) -> None:
    """Media come, message 4 never does."""
    async with _server(media_without_answer=True) as server:
        client = raw(server)
        await client.signaling()
        socket = await client.send_media_handshake(1)
        await server.wait_until(lambda: server.stream.takers(MediaType.AUDIO))
        await server.stream.send_audio(b"early")
        await server.stream.terminate()
        assert [one["msg_type"] for one in await socket.rest()] == [14]


async def test_terminated_on_media(raw: MakeClient) -> None:
    """TERMINATED arrives on media sockets, too."""
    async with _server(terminated_on_media=True) as server:
        _signaling, media = await raw(server).join(1)
        await server.stream.terminate(StopReason.HOST_TRIGGERED)
        (message,) = await media.rest()
        assert (message["msg_type"], message["state"], message["reason"]) == (8, 4, 1)


@pytest.mark.parametrize(
    ("switches", "good", "bad"),
    [
        ({"handshake_status_key": "status"}, {"status": 0}, {"status": 3}),
        ({"omit_error_status": True}, {"status_code": 0}, {}),
    ],
)
async def test_handshake_status(
    raw: MakeClient, switches: dict[str, Any], good: dict[str, int], bad: dict[str, int]
) -> None:
    """The status of a handshake may have another key, or be missing in errors."""
    async with _server(**switches) as server:
        for signature, expected in (("wrong", bad), (raw(server).handshake["signature"], good)):
            answer = (await raw(server).signaling(signature=signature)).answer
            found = {key: answer[key] for key in ("status", "status_code") if key in answer}
            assert found == expected


async def test_no_answer_to_the_close_request(raw: MakeClient) -> None:
    """Message 21 has no effect at all."""
    async with _server(answer_close=False) as server:
        signaling = await raw(server).signaling()
        await signaling.event(1)
        await signaling.send(msg_type=21, rtms_stream_id=server.stream.settings.rtms_stream_id)
        assert await signaling.nothing()


async def test_unknown_message_and_event(raw: MakeClient) -> None:
    """A message 99 on each socket and an event 55 on signaling."""
    async with _server(unknown_message=True, unknown_event=True) as server:
        client = raw(server)
        signaling = await client.signaling()
        media = await client.media(1)
        received = [await signaling.recv() for _ in "123"]
        assert [one.get("event", {}).get("event_type") for one in received] == [1, 55, None]
        assert received[2]["msg_type"] == 99
        assert (await media.recv())["msg_type"] == 99


@pytest.mark.parametrize("key", ["deskshare", "sharescreen", "share"])
async def test_share_url_keys(raw: MakeClient, key: str) -> None:
    """The URL for screen share has three spellings; extra keys come along."""
    async with _server(share_url_key=key, extra_keys=True) as server:
        media_server = (await raw(server).signaling()).answer["media_server"]
        assert key in media_server["server_urls"]
        assert list(media_server) == ["server_urls", "datacenter_region", "srtp_keys"]


async def test_shapes_of_media_urls(raw: MakeClient) -> None:
    """Only ``all``, or a plain string."""
    async with _server(server_urls="all_only") as server:
        urls = (await raw(server).signaling()).answer["media_server"]["server_urls"]
        assert list(urls) == ["all"]
    async with _server(server_urls="string") as server:
        url = (await raw(server).signaling()).answer["media_server"]["server_urls"]
        assert url == server.media_urls(server.stream)["all"]


async def test_integer_channel_ids(raw: MakeClient) -> None:
    """Decimal channel ids may be integers; others stay strings."""
    async with _server(Product.PHONE, integer_channel_ids=True) as server:
        _signaling, media = await raw(server).join(1)
        await server.stream.send_audio(b"a", person=ADA)
        await server.stream.send_audio(
            b"a", person=Person(user_id=1, user_name="Jo", channel_id="ch-1")
        )
        channels = [(await media.recv())["content"]["channel_id"] for _ in "12"]
        assert channels == [16778240, "ch-1"]


STARTED_URLS = [
    ("string", "{url}"),
    ("comma", "{url},{url}?second"),
    ("list", ["{url}"]),
    ("object", {"signaling": "{url}"}),
]


@pytest.mark.parametrize(("shape", "expected"), STARTED_URLS)
async def test_shapes_of_webhook_urls(shape: str, expected: object) -> None:
    """The started webhook has its URL in one of four shapes."""
    async with _server(webhook_server_urls=shape) as server:
        found = json.dumps(server.started_webhook()["payload"]["server_urls"])
        assert json.loads(found.replace(server.signaling_url, "{url}")) == expected


async def test_nested_webhook() -> None:
    """The stream may be under ``payload.object``."""
    async with _server(webhook_nested=True) as server:
        payload = server.started_webhook()["payload"]
        assert list(payload) == ["account_id", "object"]
        assert payload["object"]["meeting_uuid"] == "aBcDeFgHiJkLmNoPqRsTuA=="


@pytest.mark.parametrize(
    ("product", "alias", "name"),
    [
        (Product.PHONE, False, "phone.rtms_stopped"),
        (Product.PHONE, True, "phone.call_rtms_stopped"),
        (Product.MEETING, True, "meeting.rtms_stopped"),
    ],
)
async def test_phone_webhook_names(product: Product, name: str, *, alias: bool) -> None:
    """Phone webhooks have two names."""
    async with _server(product, phone_call_events=alias) as server:
        assert server.stopped_webhook()["event"] == name
