"""What is taken out of recordings, and what stays."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from rtms_client.testing._redaction import Redactor

SOUND = base64.b64encode(bytes(range(100))).decode()


def redacted(message: dict[str, Any], *, media: bool = False, names: bool = False) -> Any:  # noqa: ANN401  # JSON
    """Return a message as it is written."""
    return Redactor(media=media, names=names).message(message)


@pytest.mark.parametrize("kind", [14, "14", 15, 16], ids=repr)
def test_sound_and_pictures_become_filler_of_the_same_length(kind: int | str) -> None:
    """Padding and length stay, so that the bytes behind it are as many."""
    message = {"msg_type": kind, "content": {"user_name": "Ada", "data": SOUND, "length": 100}}
    content = redacted(message, media=True)["content"]
    assert content["user_name"] == "Ada"
    assert len(base64.b64decode(content["data"])) == 100
    assert "AAAAAAAAAAAAAAAA" in content["data"]
    assert content["data"][:24] != SOUND[:24]


def test_bare_content_becomes_filler() -> None:
    """The content may be the data itself."""
    content = redacted({"msg_type": 14, "content": "abcd"}, media=True)["content"]
    assert content == "AAAA"


def test_equal_media_stay_equal_and_others_different() -> None:
    """So duplicates are found in a replay."""
    redactor = Redactor(media=True, names=False)
    first, same, other = (
        redactor.message({"msg_type": 17, "content": {"data": text}})
        for text in ("Good morning.", "Good morning.", "Good evening.")
    )
    assert first == same
    assert first != other


def test_captions_keep_their_shape() -> None:
    """Letters become others, everything else stays."""
    content = redacted({"msg_type": 17, "content": {"data": "Yes, 2 of us!"}}, media=True)
    text = content["content"]["data"]
    assert [letter for letter in text if not letter.isalnum()] == [",", " ", " ", " ", "!"]
    assert len(text) == 13


def test_chat_inside_a_json_text() -> None:
    """The text in the text is taken out, ids stay."""
    inner = json.dumps({"message_id": "m-1", "data": "canary", "sender": {"user_name": "Ada"}})
    message = {"msg_type": 18, "content": {"data": inner}}
    data = redacted(message, media=True, names=True)["content"]["data"]
    found = json.loads(data)
    assert found["message_id"] == "m-1"
    assert found["sender"]["user_name"].startswith("name-")
    assert "canary" not in data
    assert redacted(message) == message


def test_events_keep_ids_and_lose_names() -> None:
    """Any text that is no id may be a name; the same one is the same pseudonym."""
    people = [
        {"user_id": 1, "user_name": "Ada", "phone_number": "+15550100"},
        {"user_id": "2", "user_name": "Ada", "channel_id": "ch-1", "division": ""},
    ]
    message = {"msg_type": 6, "event": {"event_type": 3, "participants": people}}
    one, two = redacted(message, names=True)["event"]["participants"]
    assert (one["user_id"], two["user_id"], two["channel_id"]) == (1, "2", "ch-1")
    assert one["user_name"] == two["user_name"] != "Ada"
    assert one["phone_number"].startswith("name-")
    assert two["division"] == ""
    assert redacted(message, media=True) == message


@pytest.mark.parametrize("kind", [23, 99, None])
def test_messages_that_nobody_knows_keep_no_text(kind: int | None) -> None:
    """What may be media is taken for media."""
    message = {"msg_type": kind, "lines": [{"state": "kept", "words": "canary"}]}
    [line] = redacted(message, media=True)["lines"]
    assert line["state"] == "kept"
    assert line["words"] != "canary"


def test_keys_that_say_secret() -> None:
    """Their values never stay, whatever they are."""
    message = {"msg_type": 1, "signature": "abc", "srtp_keys": {"audio": "canary"}}
    found = redacted(message)
    assert found["signature"].startswith("redacted-")
    assert found["srtp_keys"].startswith("redacted-")


def test_urls_lose_what_may_be_a_secret() -> None:
    """User, password and values of the query; equal ones stay equal."""
    redactor = Redactor(media=False, names=False)
    url = redactor.url("wss://user:canary@zoom.us:443/path?token=canary&plain&move=1")
    assert "canary" not in url
    assert url.startswith("wss://redacted-")
    assert "@zoom.us:443/path?token=redacted-" in url
    assert "&plain&move=redacted-" in url
    assert url == redactor.url("wss://user:canary@zoom.us:443/path?token=canary&plain&move=1")
    assert redactor.url("wss://zoom.us") == "wss://zoom.us"
    found = redactor.message({"msg_type": 2, "media_server": {"server_urls": "wss://a@b/"}})
    assert "//a@" not in str(found)


def test_what_is_no_message() -> None:
    """Bytes that nobody can read keep only their shape, if anything is to be taken out."""
    assert Redactor(media=False, names=False).undecodable(b"a\xff1") == b"a\xff1"
    assert Redactor(media=False, names=True).undecodable(b'{"Ada\xe9 1') == b'{"xxx\xff x'


def test_short_secrets_are_not_looked_for() -> None:
    """They would be found everywhere."""
    redactor = Redactor(media=False, names=False)
    redactor.learn("in")
    assert redactor.line('{"in":1}') == '{"in":1}'


def test_absurd_depth_is_cut() -> None:
    """A message may be nested as deep as its reader allows."""
    message: dict[str, Any] = {}
    for _ in range(150):
        message = {"deeper": message}
    assert '"..."' in json.dumps(redacted(message))


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", range(3))
def test_a_secret_inside_of_base64(encode: Callable[[bytes], bytes], before: int) -> None:
    """It is found in both alphabets, wherever it begins."""
    secret = "\u00fb\u00ff~~??>>>?\u00fb\u00ff~?>"
    redactor = Redactor(media=False, names=False)
    redactor.learn(secret)
    text = encode(bytes(before) + secret.encode() + bytes(3)).decode()
    found = redactor.line(text)
    assert len(found) == len(text)
    assert b"~~??>>>?" not in base64.urlsafe_b64decode(found.replace("+", "-").replace("/", "_"))
