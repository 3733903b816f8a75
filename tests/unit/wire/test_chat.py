"""Chat messages in all their forms."""

from __future__ import annotations

import json

import pytest

from rtms_client._wire.media import Flaws, media_frame
from rtms_client.config import ChatParams
from rtms_client.enums import ChatOperation, ChatSessionType, MessageType
from rtms_client.exceptions import RemoteProtocolError
from rtms_client.frames import ChatFile, ChatMessage, ChatParty

NOW = 1790000000000
ADA = ChatParty(user_id=16778240, user_name="Ada")
GRACE = ChatParty(user_id=16779264, user_name="Grace")


def read(content: object, **beside: object) -> ChatMessage:
    """Read a chat message, with sequence number 7."""
    message = {"msg_type": 18, "content": content, **beside}
    frame = media_frame(MessageType.MEDIA_DATA_CHAT, message, 7, ChatParams(), Flaws())
    assert isinstance(frame, ChatMessage)
    return frame


def test_old_form() -> None:
    """The form documented before July 2026: time and text."""
    assert read({"timestamp": NOW, "data": "hello"}) == ChatMessage(
        sequence=7,
        text="hello",
        timestamp_ms=NOW,
        raw={"timestamp": NOW, "data": "hello"},
    )


INNER = {
    "chat_session": {"type": 2, "id": "cs-7"},
    "operation_type": 1,
    "message_id": "m-1",
    "parent_message_id": "",
    "sender": {"user_id": 16778240, "user_name": "Ada"},
    "receiver": {"user_id": 16779264, "user_name": "Grace"},
    "data": "see file",
    "files": [{"file_id": "f-1", "file_name": "plan.pdf", "file_size": 1234}],
}
OUTER = {"user_id": 16778240, "user_name": "Ada", "timestamp": NOW}


@pytest.mark.parametrize(
    "content",
    [{**OUTER, **INNER}, {**OUTER, "data": json.dumps(INNER)}, {**OUTER, "data": INNER}],
    ids=["fields in content", "JSON inside data", "object in data"],
)
def test_row_36_three_forms_of_july_2026(content: dict[str, object]) -> None:
    """Wherever the fields stand, the message is the same."""
    assert read(content) == ChatMessage(
        sequence=7,
        text="see file",
        timestamp_ms=NOW,
        sender=ADA,
        receiver=GRACE,
        session_type=ChatSessionType.INDIVIDUAL,
        session_id="cs-7",
        operation=ChatOperation.NEW,
        message_id="m-1",
        parent_message_id=None,
        files=(ChatFile(file_id="f-1", file_name="plan.pdf", file_size=1234),),
        raw={**OUTER, **INNER},
    )


def test_message_to_everyone() -> None:
    """The second documented example: no session id, no receiver."""
    content = {
        "timestamp": 1790000000100,
        "chat_session": {"type": 1},
        "operation_type": 1,
        "message_id": "m-2",
        "sender": {"user_id": 16778240, "user_name": "Ada"},
        "data": "hello all",
    }
    assert read(content) == ChatMessage(
        sequence=7,
        text="hello all",
        timestamp_ms=1790000000100,
        sender=ADA,
        session_type=ChatSessionType.EVERYONE,
        operation=ChatOperation.NEW,
        message_id="m-2",
        raw=content,
    )


def test_row_37_deletion_without_text() -> None:
    """The third documented example: a message without text is delivered."""
    content = {
        "timestamp": 1790000000200,
        "chat_session": {"type": 1},
        "operation_type": 2,
        "message_id": "m-2",
        "sender": {"user_id": 16778240, "user_name": "Ada"},
        "delete_file_id_list": ["f-1"],
        "data": "",
    }
    assert read(content) == ChatMessage(
        sequence=7,
        text="",
        timestamp_ms=1790000000200,
        sender=ADA,
        session_type=ChatSessionType.EVERYONE,
        operation=ChatOperation.DELETE,
        message_id="m-2",
        deleted_file_ids=("f-1",),
        raw=content,
    )


@pytest.mark.parametrize("operation", [4, 5])
def test_row_37_reaction_keeps_its_emoji_in_raw(operation: int) -> None:
    """The key of the emoji is not known, so everything is passed on."""
    inner = {"operation_type": operation, "message_id": "m-2", "emoji": "👍"}
    message = read({"timestamp": NOW, "data": json.dumps(inner)})
    assert (message.text, message.operation) == ("", operation)
    assert message.raw["emoji"] == "👍"


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x"}',
        "{}",
        '["data"]',
        '{"data": "x"',
        '{"data": NaN}',
        '{"data": 1e999}',
        "{not json}",
        '{"a":' * 100_000,
        "7",
        "null",
        '"sender"',
        "",
    ],
    ids=lambda text: text[:16] or "empty",
)
def test_row_36_text_that_looks_like_json_stays_text(text: str) -> None:
    """Participants may type JSON; only an object with a key of the protocol is more than text."""
    message = read({"timestamp": NOW, "data": text})
    assert (message.text, message.operation, message.sender) == (text, None, None)


@pytest.mark.parametrize("key", ["chat_session", "operation_type", "message_id", "sender", "data"])
def test_row_36_one_key_of_the_protocol_is_enough(key: str) -> None:
    """Any of the five keys tells fields from typed text."""
    message = read({"timestamp": NOW, "data": json.dumps({key: "x", "other": 1})})
    assert message.text == ("x" if key == "data" else "")
    assert message.raw["other"] == 1


def test_white_space_before_json() -> None:
    """White space before the fields does not turn them into text."""
    assert read({"timestamp": NOW, "data": ' \n{"data": "x"}'}).text == "x"


def test_inner_fields_win() -> None:
    """Fields inside ``data`` are newer than those of older servers around them."""
    inner = {"message_id": "inner", "timestamp": NOW + 5, "data": "x"}
    message = read({"message_id": "outer", "timestamp": NOW, "data": json.dumps(inner)})
    assert (message.message_id, message.timestamp_ms) == ("inner", NOW + 5)


def test_inner_fields_may_have_names_of_the_envelope() -> None:
    """Nothing the server says is missing in the raw fields."""
    inner = {"data": "x", "content": "kept", "msg_type": "kept"}
    assert read({"timestamp": NOW, "data": json.dumps(inner)}).raw == {"timestamp": NOW, **inner}


@pytest.mark.parametrize(
    ("content", "sender"),
    [
        ({"sender": {"user_id": 1}, "user_id": 2, "user_name": "Bo"}, ChatParty(user_id=1)),
        ({"sender": {"userId": "1"}, "user_id": 2}, ChatParty(user_id=1)),
        ({"sender": None, "user_id": 2, "user_name": "Bo"}, ChatParty(user_id=2, user_name="Bo")),
        ({"sender": {}, "userId": 3, "userName": "Cy"}, ChatParty(user_id=3, user_name="Cy")),
        ({"data": '{"data": "x", "user_id": 4}'}, ChatParty(user_id=4)),
        ({"sender": {"user_name": "Ada"}}, ChatParty(user_name="Ada")),
        ({"sender": "Ada"}, None),
        ({}, None),
    ],
    ids=["both", "camel case", "null", "empty", "inner", "name only", "text", "nobody"],
)
def test_sender(content: dict[str, object], sender: ChatParty | None) -> None:
    """The sender's own object wins, then what stands beside the text (messages notes, 9.2)."""
    assert read({"timestamp": NOW, "data": "x", **content}).sender == sender


def test_row_17_chat_as_bare_string() -> None:
    """The text may stand for the whole content, with everything else beside it."""
    message = read("hello", timestamp=NOW, user_id=1, user_name="Ada")
    assert (message.text, message.timestamp_ms) == ("hello", NOW)
    assert message.sender == ChatParty(user_id=1, user_name="Ada")
    assert message.raw == {"data": "hello", "timestamp": NOW, "user_id": 1, "user_name": "Ada"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            [{"file_id": "f-1"}, {"file_id": 2, "file_size": "7"}],
            (ChatFile(file_id="f-1"), ChatFile(file_id="2", file_size=7)),
        ),
        ([{"file_name": "no id"}, None, 7, "f", []], ()),
        ({"file_id": "f-1"}, ()),
        (None, ()),
    ],
    ids=["loose", "malformed", "no list", "null"],
)
def test_files(files: object, expected: tuple[ChatFile, ...]) -> None:
    """Files without id cannot be named; the others are listed."""
    assert read({"timestamp": NOW, "data": "", "files": files}).files == expected


@pytest.mark.parametrize(
    ("listed", "expected"),
    [(["f-1", 2, None, {}], ("f-1", "2")), ("f-1", ()), (None, ())],
    ids=["list", "text", "null"],
)
def test_deleted_files(listed: object, expected: tuple[str, ...]) -> None:
    """Ids of deleted files are texts; what is no id is skipped."""
    content = {"timestamp": NOW, "data": "", "delete_file_id_list": listed}
    assert read(content).deleted_file_ids == expected


@pytest.mark.parametrize("value", [None, 7, "EVERYONE", []], ids=repr)
def test_malformed_session(value: object) -> None:
    """A session that is no object says nothing."""
    message = read({"timestamp": NOW, "data": "x", "chat_session": value})
    assert (message.session_type, message.session_id) == (None, None)


def test_unknown_numbers_survive() -> None:
    """Sessions and operations of later versions are passed on."""
    content = {"timestamp": NOW, "data": "x", "chat_session": {"type": 9}, "operation_type": 99}
    message = read(content)
    assert (message.session_type, message.operation) == (9, 99)


@pytest.mark.parametrize("data", [None, 7, ["x"], {"other": 1}], ids=repr)
def test_data_without_text(data: object) -> None:
    """Content without text is a message without text, and raw has what there was."""
    message = read({"timestamp": NOW, "data": data})
    assert message.text == ""
    assert message.raw["data"] == data


def test_row_40_names_of_enums() -> None:
    """A server of the beta may send names instead of numbers."""
    content = {
        "timestamp": NOW,
        "data": "",
        "chat_session": {"type": "CHAT_GROUP"},
        "operation_type": "UPDATE",
    }
    message = read(content)
    assert message.session_type == ChatSessionType.CHAT_GROUP
    assert message.operation == ChatOperation.UPDATE


@pytest.mark.parametrize("content", [{"data": "x"}, "x", None, [], 7], ids=repr)
def test_message_without_time(content: object) -> None:
    """Without time a message cannot be placed."""
    with pytest.raises(RemoteProtocolError, match="expected an integer timestamp"):
        read(content)
