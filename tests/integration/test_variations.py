"""Servers differ from the documentation: each way that is known must not matter."""

import asyncio
from typing import Any, Final

import attrs
import pytest
from tests.integration.support import (
    answering,
    client_for,
    collect,
    first_of,
    info_of,
    joined,
    stream_of,
    until,
)

from rtms_client import (
    AudioFrame,
    AudioParams,
    ChatMessage,
    ChatParams,
    MediaCodec,
    MediaType,
    ShareParams,
    StreamInfo,
    TranscriptParams,
    TranscriptSegment,
    Unrecognized,
    VideoParams,
    parse_started,
)
from rtms_client.enums import (
    ContactCenterEventType,
    EventType,
    Language,
    MessageType,
    Product,
    SessionState,
    StopReason,
    StreamState,
)
from rtms_client.events import (
    ActiveSpeakerChanged,
    ContactCenterEvent,
    FirstPacket,
    ParametersChanged,
    ParticipantJoined,
    ParticipantLeft,
    SessionStateChanged,
    SharingStarted,
    SharingStopped,
    StreamStateChanged,
    VideoStarted,
    VideoStopped,
)
from rtms_client.frames import ShareFrame, VideoFrame
from rtms_client.testing import (
    ADA,
    EVERY_MEDIUM,
    GRACE,
    AudioPacket,
    Caption,
    Chat,
    FakeRTMSServer,
    MeetingScript,
    Picture,
    SessionEvent,
    StateChange,
    Timing,
    Variations,
)

EPOCH_MS: Final = 1790000000000
JPEG: Final = b"\xff\xd8\xff\xe0picture"
PARAMS: Final = {
    "audio": AudioParams(),
    "video": VideoParams(),
    "share": ShareParams(),
    "transcript": TranscriptParams(),
    "chat": ChatParams(),
}
SCRIPT: Final = MeetingScript(
    [
        SessionEvent(at_ms=0, event_type=EventType.PARTICIPANT_JOIN, people=(ADA, GRACE)),
        SessionEvent(at_ms=10, event_type=EventType.ACTIVE_SPEAKER_CHANGE, people=(ADA,)),
        AudioPacket(at_ms=20, person=ADA, data=b"12345"),
        SessionEvent(at_ms=30, event_type=EventType.SHARING_START, people=(GRACE,)),
        Picture(at_ms=40, person=ADA, data=JPEG, codec=MediaCodec.JPG),
        Picture(at_ms=50, person=ADA, data=JPEG, codec=MediaCodec.JPG, media=MediaType.SHARE),
        Caption(at_ms=70, person=ADA, text="Größe?", start_ms=20, end_ms=60),
        Chat(
            at_ms=80,
            person=ADA,
            text="see file",
            message_id="m-7",
            receiver=GRACE,
            files=({"file_id": "f-1", "file_name": "plan.pdf", "file_size": 1234},),
        ),
        SessionEvent(at_ms=90, event_type=EventType.SHARING_STOP),
        SessionEvent(at_ms=100, event_type=EventType.PARTICIPANT_VIDEO_ON, people=(GRACE,)),
        SessionEvent(at_ms=110, event_type=EventType.PARTICIPANT_VIDEO_OFF, people=(GRACE,)),
        SessionEvent(at_ms=120, event_type=EventType.PARTICIPANT_LEAVE, people=(GRACE,)),
        StateChange(at_ms=130, state=SessionState.STOPPED, reason=StopReason.HOST_DISABLED_APP),
    ]
)

SAID: Final = (16778240, "Ada")
EXPECTED: Final[dict[str, list[tuple[object, ...]]]] = {
    "audio": [(*SAID, b"12345", EPOCH_MS + 20)],
    "video": [(*SAID, JPEG, EPOCH_MS + 40)],
    "share": [(*SAID, JPEG, EPOCH_MS + 50)],
    "transcript": [
        (*SAID, "Größe?", EPOCH_MS + 20, EPOCH_MS + 20, EPOCH_MS + 60, Language.ENGLISH)
    ],
    "chat": [
        ("see file", EPOCH_MS + 80, "m-7", *SAID, 16779264, "Grace", ("f-1", "plan.pdf", 1234))
    ],
    "events": [
        ("FirstPacket", EPOCH_MS),
        ("ParticipantJoined", EPOCH_MS, 16778240, "Ada"),
        ("ParticipantJoined", EPOCH_MS, 16779264, "Grace"),
        ("ActiveSpeakerChanged", EPOCH_MS + 10, 16778240, "Ada"),
        ("SharingStarted", EPOCH_MS + 30, 16779264, "Grace"),
        ("SharingStopped", EPOCH_MS + 90),
        ("VideoStarted", EPOCH_MS + 100, 16779264, "Grace"),
        ("VideoStopped", EPOCH_MS + 110, 16779264, "Grace"),
        ("ParticipantLeft", EPOCH_MS + 120, 16779264, "Grace"),
    ],
    "states": [
        (StreamState.ACTIVE, None),
        ("sess-1", SessionState.STARTED, None),
        ("sess-1", SessionState.STOPPED, StopReason.HOST_DISABLED_APP),
        (StreamState.TERMINATING, StopReason.MEETING_ENDED),
        (StreamState.TERMINATED, StopReason.MEETING_ENDED),
    ],
}


def facts(item: object) -> list[tuple[str, tuple[object, ...]]]:
    """Return what an item says, by kind; one entry for each participant."""
    match item:
        case AudioFrame(user_id=who, user_name=name, data=data, timestamp_ms=at):
            return [("audio", (who, name, data, at))]
        case VideoFrame(user_id=who, user_name=name, data=data, timestamp_ms=at):
            return [("video", (who, name, data, at))]
        case ShareFrame(user_id=who, user_name=name, data=data, timestamp_ms=at):
            return [("share", (who, name, data, at))]
        case TranscriptSegment(user_id=who, user_name=name, text=text, timestamp_ms=at) as said:
            times = said.start_ms, said.end_ms
            return [("transcript", (who, name, text, at, *times, said.language))]
        case ChatMessage():
            return [("chat", chat_facts(item))]
        case _:
            return event_facts(item)


def chat_facts(chat: ChatMessage) -> tuple[object, ...]:
    """Return what a chat message says."""
    people = [
        value
        for one in (chat.sender, chat.receiver)
        if one is not None
        for value in (one.user_id, one.user_name)
    ]
    files = [(one.file_id, one.file_name, one.file_size) for one in chat.files]
    return (chat.text, chat.timestamp_ms, chat.message_id, *people, *files)


def event_facts(item: object) -> list[tuple[str, tuple[object, ...]]]:
    """Return what an event says."""
    kind = type(item).__name__
    match item:
        case (
            ParticipantJoined(timestamp_ms=at, participants=people)
            | ParticipantLeft(timestamp_ms=at, participants=people)
            | VideoStarted(timestamp_ms=at, participants=people)
            | VideoStopped(timestamp_ms=at, participants=people)
        ):
            return [("events", (kind, at, one.user_id, one.user_name)) for one in people]
        case (
            ActiveSpeakerChanged(timestamp_ms=at, user_id=who, user_name=name)
            | SharingStarted(timestamp_ms=at, user_id=who, user_name=name)
        ):
            return [("events", (kind, at, who, name))]
        case FirstPacket(timestamp_ms=at) | SharingStopped(timestamp_ms=at):
            return [("events", (kind, at))]
        case StreamStateChanged(state=state, reason=reason):
            return [("states", (state, reason))]
        case SessionStateChanged(session_id=session, state=state, reason=reason):
            return [("states", (session, state, reason))]
        case _:
            assert isinstance(item, Unrecognized)
            return [("others", (item.message_type, item.problem))]


async def attend(
    variations: Variations,
) -> dict[str, list[tuple[object, ...]]]:
    """Play the meeting to its end and give what was said, by kind."""
    async with FakeRTMSServer(
        SCRIPT,
        variations=variations,
        expected_media=EVERY_MEDIUM,
        epoch_ms=EPOCH_MS,
        pace=None,
    ) as server:
        stream = stream_of(server, **PARAMS)
        everything = aiter(stream)
        async with stream:
            await server.wait_for(MessageType.CLIENT_READY_ACK, count=5)
            await server.stream.played.wait()
            await until(lambda: sum(stream.statistics().core.frames.values()) == 5)
            await server.stream.terminate(StopReason.MEETING_ENDED)
            items = await collect(everything)
            flaws = stream.statistics().core.flaws
        assert server.violations == []
    assert flaws.length_mismatch == 0
    assert flaws.bad_base64 == (3 if variations.unpadded_base64 else 0)
    found: dict[str, list[tuple[object, ...]]] = {}
    for item in items:
        for kind, fact in facts(item):
            found.setdefault(kind, []).append(fact)
    return found


HARMLESS: Final[dict[str, Variations]] = {
    "documented": Variations(),
    "string_user_ids": Variations(string_user_ids=True),
    "bare_content": Variations(bare_content=True, chat_form="fields"),
    "binary_frames": Variations(binary_frames=True),
    "omit_length": Variations(omit_length=True),
    "unpadded_base64": Variations(unpadded_base64=True),
    "encryption_key": Variations(encryption_key="payload_encryption"),
    "swap_reason_keys": Variations(swap_reason_keys=True),
    "session_id_key": Variations(session_id_key="session_id"),
    "single_user_events": Variations(single_user_events=True),
    "event_time_key": Variations(event_time_key="event_ts"),
    "top_level_event_type": Variations(top_level_event_type=True),
    "transcript_text_key": Variations(transcript_text_key="text"),
    "chat_form_fields": Variations(chat_form="fields"),
    "chat_form_object": Variations(chat_form="object"),
    "enum_names": Variations(enum_names=True),
    "string_message_types": Variations(string_message_types=True),
    "early_keep_alives": Variations(early_keep_alives=True),
    "handshake_status_key": Variations(handshake_status_key="status"),
    "unknown_keys": Variations(unknown_keys=True),
    "extra_keys": Variations(extra_keys=True),
    "share_url_key": Variations(share_url_key="sharescreen"),
    "share_url_key_short": Variations(share_url_key="share"),
    "server_urls_all_only": Variations(server_urls="all_only"),
    "server_urls_string": Variations(server_urls="string"),
    "camel_case": Variations(camel_case=True),
}
ELSEWHERE: Final = {
    "answer_close",
    "chat_form",
    "integer_channel_ids",
    "keep_alive_sequence",
    "keep_alive_timestamp",
    "media_before_answer",
    "media_without_answer",
    "misspelt_participant_info",
    "null_session_id",
    "omit_error_status",
    "phone_call_events",
    "server_urls",
    "stream_state_in_seconds",
    "terminated_on_media",
    "unknown_event",
    "unknown_message",
    "webhook_nested",
    "webhook_server_urls",
}
"""Switches that have a test of their own, here or among endings and refusals."""


def test_every_switch_has_a_test() -> None:
    """A new switch of the fake server needs a test here."""
    switches = set(attrs.fields_dict(Variations))
    assert switches - HARMLESS.keys() == ELSEWHERE


@pytest.mark.parametrize("name", HARMLESS)
async def test_other_spellings_change_nothing(name: str) -> None:
    """The same meeting says the same, whatever spelling the server prefers."""
    assert await attend(HARMLESS[name]) == EXPECTED


async def test_all_harmless_spellings_at_once() -> None:
    """Variations do not get into each other's way."""
    variations = Variations(
        string_user_ids=True,
        binary_frames=True,
        omit_length=True,
        unpadded_base64=True,
        encryption_key="payload_encryption",
        swap_reason_keys=True,
        session_id_key="session_id",
        single_user_events=True,
        event_time_key="event_ts",
        top_level_event_type=True,
        transcript_text_key="text",
        enum_names=True,
        string_message_types=True,
        handshake_status_key="status",
        unknown_keys=True,
        extra_keys=True,
        share_url_key="sharescreen",
        camel_case=True,
    )
    assert await attend(variations) == EXPECTED


async def test_old_chat_form() -> None:
    """The old form of chat holds only a text and a time."""
    found = await attend(Variations(chat_form="old"))
    assert found["chat"] == [("see file", EPOCH_MS + 80, None)]
    assert found | {"chat": EXPECTED["chat"]} == EXPECTED


async def test_session_without_id() -> None:
    """A session state without an id is delivered all the same."""
    found = await attend(Variations(null_session_id=True))
    assert found["states"] == [
        (StreamState.ACTIVE, None),
        (None, SessionState.STARTED, None),
        (None, SessionState.STOPPED, StopReason.HOST_DISABLED_APP),
        (StreamState.TERMINATING, StopReason.MEETING_ENDED),
        (StreamState.TERMINATED, StopReason.MEETING_ENDED),
    ]


@pytest.mark.parametrize(
    "variations",
    [Variations(media_before_answer=True), Variations(media_without_answer=True)],
    ids=["before", "without"],
)
async def test_media_before_or_without_answer(variations: Variations) -> None:
    """Media on a connection whose handshake is not answered count as its acceptance."""
    async with FakeRTMSServer(variations=variations) as server:
        stream = stream_of(server, audio=AudioParams())
        opening = asyncio.create_task(stream.open())
        await until(lambda: server.stream.takers(MediaType.AUDIO))
        await server.stream.send_audio(b"early")
        await opening
        assert stream.granted.audio is not None
        assert stream.granted.audio.codec == MediaCodec.L16
        if variations.media_before_answer:
            await until(lambda: stream.granted.certain)
        else:
            assert not stream.granted.certain
        assert [frame.data for frame in await collect(stream.audio(), 1)] == [b"early"]
        await stream.close()
        assert server.violations == []


@pytest.mark.parametrize(
    ("variations", "number", "text"),
    [
        (Variations(unknown_message=True), 99, "type UNKNOWN_99"),
        (Variations(unknown_event=True), MessageType.EVENT_UPDATE, "event_type 55"),
    ],
    ids=["message", "event"],
)
async def test_unknown_messages(variations: Variations, number: int, text: str) -> None:
    """An unknown message or event is reported as it is, and everything else goes on."""
    found = await attend(variations)
    others = found.pop("others")
    assert {kind for kind, _ in others} == {number}
    assert all(str(problem).endswith(text) for _, problem in others)
    assert found == EXPECTED


@pytest.mark.parametrize("timestamp", [True, False])
@pytest.mark.parametrize("sequence", [True, False])
async def test_keep_alives(timestamp: bool, sequence: bool) -> None:  # noqa: FBT001
    """A keep-alive is answered on its own connection with just the fields that it had."""
    variations = Variations(keep_alive_timestamp=timestamp, keep_alive_sequence=sequence)
    timing = Timing(keep_alive_s=0.02, missed_keep_alives=1000, keep_alive_grace_s=10)
    async with (
        FakeRTMSServer(variations=variations, timing=timing) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        await until(
            lambda: all(
                [one.socket for one in server.received(MessageType.KEEP_ALIVE_RESP)].count(name) > 2
                for name in ("signaling", "audio")
            )
        )
        answers = server.received(MessageType.KEEP_ALIVE_RESP)
        requests = server.sent(MessageType.KEEP_ALIVE_REQ)
        for socket in ("signaling", "audio"):
            asked = [entry.message for entry in requests if entry.socket == socket]
            told = [entry.message for entry in answers if entry.socket == socket]
            assert len(told) >= 2
            assert told == [{**(message or {}), "msg_type": 13} for message in asked[: len(told)]]
        wanted = {"msg_type"}
        wanted |= {"timestamp"} if timestamp else set()
        wanted |= {"sequence"} if sequence else set()
        assert {frozenset(entry.message or {}) for entry in answers} == {frozenset(wanted)}
        assert stream.statistics().core.keep_alives >= 6
        assert server.violations == []


async def test_keep_alives_before_the_handshake_is_answered() -> None:
    """Keep-alives that come before the handshake answer are answered too."""
    timing = Timing(
        keep_alive_s=0.02, missed_keep_alives=1000, signaling_answer_s=0.3, media_answer_s=0.1
    )
    async with FakeRTMSServer(
        variations=Variations(early_keep_alives=True), timing=timing
    ) as server:
        async with joined(server, audio=AudioParams()):
            types = [entry.msg_type for entry in server.log]
        early = types[: types.index(MessageType.SIGNALING_HAND_SHAKE_RESP)]
        asked = early.count(MessageType.KEEP_ALIVE_REQ)
        assert asked >= 2
        assert types.count(MessageType.KEEP_ALIVE_RESP) >= asked


async def test_stream_state_in_seconds() -> None:
    """The answer to a state request may give its time in seconds."""
    async with (
        FakeRTMSServer(variations=Variations(stream_state_in_seconds=True)) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        assert await stream.stream_state() == StreamState.ACTIVE
        assert await stream.session_state() == SessionState.STARTED


@pytest.mark.parametrize("integer", [False, True])
async def test_channel_ids(integer: bool) -> None:  # noqa: FBT001
    """Channel ids of Contact Center are text, however they are sent."""
    script = MeetingScript(
        [
            AudioPacket(at_ms=20, person=ADA, data=b"12"),
            Caption(at_ms=30, person=GRACE, text="hi"),
            StateChange(at_ms=40, state=StreamState.TERMINATED),
        ]
    )
    async with FakeRTMSServer(
        script,
        pace=None,
        product=Product.CONTACT_CENTER,
        expected_media=MediaType.AUDIO | MediaType.TRANSCRIPT,
        variations=Variations(integer_channel_ids=integer),
    ) as server:
        stream = stream_of(server, audio=AudioParams(), transcript=TranscriptParams())
        frames, segments = stream.audio(), stream.transcript()
        async with stream:
            assert [frame.channel_id for frame in await collect(frames)] == ["16778240"]
            assert [one.channel_id for one in await collect(segments)] == ["16779264"]


@pytest.mark.parametrize("misspelt", [False, True])
async def test_contact_center_events(misspelt: bool) -> None:  # noqa: FBT001
    """Contact Center events are told apart from meeting events of the same number."""
    info = {"channel_id": "ch-1", "participant_mode": "caller", "display_name": "Jane"}
    async with (
        FakeRTMSServer(
            product=Product.CONTACT_CENTER,
            variations=Variations(misspelt_participant_info=misspelt),
        ) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        await server.stream.send_event(ContactCenterEventType(8), participant_info=info)
        event = await first_of(stream.events(), ContactCenterEvent)
        assert event.event_type == 8
        assert (event.channel_id, event.participant_mode) == ("ch-1", "caller")


@pytest.mark.parametrize("shape", ["string", "comma", "list", "object"])
@pytest.mark.parametrize("nested", [False, True])
async def test_webhook_shapes(shape: Any, nested: bool) -> None:  # noqa: ANN401, FBT001  # a Literal
    """Whatever shape the webhook has, the stream is joined."""
    variations = Variations(webhook_server_urls=shape, webhook_nested=nested)
    async with FakeRTMSServer(variations=variations) as server, joined(server, audio=AudioParams()):
        assert server.violations == []


@pytest.mark.parametrize("product", Product)
@pytest.mark.parametrize("id_keys", ["either", "product", "meeting_uuid"])
async def test_products(product: Product, id_keys: Any) -> None:  # noqa: ANN401  # a Literal
    """All five products are joined, whichever id key the server insists on."""
    async with (
        FakeRTMSServer(product=product, id_keys=id_keys) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        assert stream.info.product is product
        assert server.violations == []


async def test_phone_webhook_of_the_other_name() -> None:
    """Both names of Phone webhooks lead to the call."""
    async with FakeRTMSServer(
        product=Product.PHONE, variations=Variations(phone_call_events=True)
    ) as server:
        started = parse_started(server.started_webhook())
        assert started.event == "phone.call_rtms_started"
        async with client_for(server, audio=AudioParams()).stream(started) as stream:
            assert stream.info.product_id == "7100000000000000001"


async def test_encryption_flag_without_encryption() -> None:
    """A version 1 server that says that payloads are encrypted sends plain ones; it is reported."""
    async with (
        FakeRTMSServer(fault=answering(4, payload_encrypted=True)) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        await server.stream.send_audio(b"plain")
        assert (await anext(stream.audio())).data == b"plain"
        event = await first_of(stream.events(), ParametersChanged)
        assert event.differences == ("payload_encrypted: False → True",)


async def test_webinar_with_two_ids() -> None:
    """A webinar that is not known under its first id is tried once under the other."""
    async with FakeRTMSServer(product=Product.WEBINAR, product_id="right==") as server:
        info = info_of(server)
        both = StreamInfo(
            product=Product.WEBINAR,
            product_id="wrong==",
            alternate_id="right==",
            stream_id=info.stream_id,
            server_urls=info.server_urls,
        )
        async with client_for(server, audio=AudioParams()).stream(both) as stream:
            assert stream.granted.audio is not None
