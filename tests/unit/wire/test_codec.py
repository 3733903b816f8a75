"""Bytes to messages and back: every hostile input has one outcome."""

from __future__ import annotations

import pytest

from rtms_client._wire.codec import JsonCodec, json_object
from rtms_client.exceptions import RemoteProtocolError, UnsupportedMessageFormat

CODEC = JsonCodec()
MIB = 1024 * 1024


def test_object_is_read() -> None:
    """A JSON object is a message."""
    assert CODEC.decode(b'{"msg_type": 12, "timestamp": 1790000000000}') == {
        "msg_type": 12,
        "timestamp": 1790000000000,
    }


def test_white_space_around_is_read() -> None:
    """JSON allows white space before and after."""
    assert CODEC.decode(b' \t\r\n{"msg_type": 12}\n') == {"msg_type": 12}


def test_text_is_utf8() -> None:
    """Names arrive in any script, escaped or not."""
    assert CODEC.decode('{"user_name": "李雷 \\ud83d\\ude00"}'.encode()) == {"user_name": "李雷 😀"}


def test_message_is_written_compactly_in_ascii() -> None:
    """No needless bytes, and nothing that a middle box could spoil."""
    assert CODEC.encode({"msg_type": 13, "name": "é", "flag": True}) == (
        b'{"msg_type":13,"name":"\\u00e9","flag":true}'
    )


def test_nan_is_not_written() -> None:
    """What is no JSON never leaves."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        CODEC.encode({"timestamp": float("nan")})


# --- hostile input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected", "got"),
    [
        (b'{"msg_type": NaN}', RemoteProtocolError, "invalid JSON (a forbidden number)"),
        (b'{"msg_type": Infinity}', RemoteProtocolError, "invalid JSON (a forbidden number)"),
        (b'{"msg_type": -Infinity}', RemoteProtocolError, "invalid JSON (a forbidden number)"),
        (b'{"msg_type": 1e999}', RemoteProtocolError, "invalid JSON (a forbidden number)"),
        (b'{"msg_type": -1e999}', RemoteProtocolError, "invalid JSON (a forbidden number)"),
        (
            b'{"msg_type": 1' + b"0" * 5000 + b"}",
            RemoteProtocolError,
            "invalid JSON (a forbidden number)",
        ),
        (b'{"msg_type": 12', RemoteProtocolError, "invalid JSON (Expecting ',' delimiter)"),
        (b'{"msg_type": 12} {}', RemoteProtocolError, "invalid JSON (Extra data)"),
        (b'{"user_name": "\xff"}', RemoteProtocolError, "bytes that are not UTF-8"),
        (b'{"user_name": "\xed\xa0\x80"}', RemoteProtocolError, "bytes that are not UTF-8"),
        (b'{"user_name": "a\nb"}', RemoteProtocolError, "invalid JSON (Invalid control character"),
        (b"[1, 2]", RemoteProtocolError, "a JSON list"),
        (b"12", RemoteProtocolError, "a JSON int"),
        (b'"12"', RemoteProtocolError, "a JSON str"),
        (b"null", RemoteProtocolError, "a JSON NoneType"),
        (b"NaN", UnsupportedMessageFormat, "a forbidden number), perhaps another message format"),
        (b"", UnsupportedMessageFormat, "(Expecting value), perhaps another message format"),
        (b" \n", UnsupportedMessageFormat, "(Expecting value), perhaps another message format"),
        (b"\x08\x0c\x10\x01", UnsupportedMessageFormat, "perhaps another message format"),
        (b"\xff\xfe{", UnsupportedMessageFormat, "not UTF-8, perhaps another message format"),
        (b'\xef\xbb\xbf{"msg_type": 12}', UnsupportedMessageFormat, "(Expecting value), perhaps"),
    ],
    ids=[
        "NaN",
        "infinity",
        "minus infinity",
        "fraction too large",
        "fraction too small",
        "integer of 5001 digits",
        "truncated",
        "two objects",
        "invalid UTF-8",
        "encoded surrogate",
        "control character",
        "list",
        "number",
        "text",
        "null",
        "bare NaN",
        "empty",
        "white space",
        "protobuf",
        "UTF-16",
        "byte order mark",
    ],
)
def test_malformed_message_is_refused(
    data: bytes, expected: type[RemoteProtocolError], got: str
) -> None:
    """The error tells broken JSON from another format, and shows nothing of the payload."""
    with pytest.raises(RemoteProtocolError) as caught:
        CODEC.decode(data)
    assert type(caught.value) is expected
    assert caught.value.expected == "a JSON object"
    assert got in caught.value.got
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_nesting_a_million_deep_is_refused(opening: bytes) -> None:
    """Depth is an error of the message, not the end of the process."""
    with pytest.raises(RemoteProtocolError, match="JSON nested too deeply"):
        CODEC.decode(opening * 1_000_000)


def test_last_of_duplicate_keys_wins() -> None:
    """Duplicate keys are legal JSON; Python and most others take the last."""
    assert CODEC.decode(b'{"msg_type": 1, "msg_type": 12}') == {"msg_type": 12}


def test_huge_integer_survives_reading() -> None:
    """An integer beyond 64 bits is read exactly; the readers of fields refuse it."""
    assert CODEC.decode(b'{"n": 18446744073709551617}') == {"n": 18446744073709551617}


def test_large_fraction_survives_reading() -> None:
    """The largest fraction there is is no infinity."""
    assert CODEC.decode(b'{"n": 1.7e308}') == {"n": 1.7e308}


def test_lone_surrogate_survives_reading() -> None:
    """An escaped lone surrogate is legal JSON; the readers of text replace it."""
    assert CODEC.decode(b'{"user_name": "\\ud800"}') == {"user_name": "\ud800"}


def test_message_of_16_mib_is_read() -> None:
    """A message as large as the limit of the transport is nothing special."""
    data = b'{"data": "' + b"A" * (16 * MIB) + b'"}'
    assert CODEC.decode(data) == {"data": "A" * (16 * MIB)}


# --- JSON inside text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"data": "x"}', {"data": "x"}),
        (" {} ", {}),
        ("[1]", None),
        ('"x"', None),
        ("{", None),
        ("", None),
        ('{"data": NaN}', None),
        ('{"data": 1e999}', None),
        ('{"a":' * 100_000, None),
    ],
    ids=["object", "empty object", "list", "text", "truncated", "empty", "nan", "inf", "deep"],
)
def test_object_inside_text(text: str, expected: dict[str, object] | None) -> None:
    """A text holds a JSON object or it does not; it is never an error."""
    assert json_object(text) == expected
