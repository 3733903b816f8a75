"""Readers of single fields: liberal in spelling, strict in type, bounded in size."""

from __future__ import annotations

import pytest

from rtms_client._wire import fields as f
from rtms_client.enums import DataAttribute, EventType, Language, StatusCode, StopReason

NO_SCALARS: list[object] = [None, [], {}, [1], {"a": 1}, b"1"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (-7, -7),
        (2**64 - 1, 2**64 - 1),
        (-(2**64) + 1, -(2**64) + 1),
        ("42", 42),
        ("-42", -42),
        ("007", 7),
        ("18446744073709551615", 18446744073709551615),
        (7.0, 7),
        (-0.0, 0),
        (2**64, None),
        (-(2**64), None),
        (10**4000, None),
        ("18446744073709551616", None),
        ("9" * 21, None),
        ("9" * 5000, None),  # which Python refuses to convert
        ("0" * 20 + "7", None),
        (1e300, None),
        (7.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (False, None),
        ("", None),
        ("-", None),
        ("--5", None),
        ("+5", None),
        (" 5", None),
        ("5_0", None),
        ("0x10", None),
        ("1e3", None),
        ("٤٢", None),
        ("²", None),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_integer(value: object, expected: int | None) -> None:
    """Integers of 64 bits, decimal text and integral fractions are integers; nothing else is."""
    assert f.integer(value) == expected


@pytest.mark.parametrize("value", NO_SCALARS, ids=repr)
def test_readers_ignore_other_types(value: object) -> None:
    """No reader makes a scalar of null, a list, an object or bytes."""
    assert f.integer(value) is None
    assert f.milliseconds(value) is None
    assert f.boolean(value) is None
    assert f.text(value) is None
    assert f.name(value) is None
    assert f.identifier(value) is None
    assert f.user_id(value) is None
    assert f.member(StatusCode, value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1790000000000, 1790000000000),
        (1790000000, 1790000000000),
        ("1790000000", 1790000000000),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (1, 1000),
        (0, 0),
        (-5, -5),
        ("soon", None),
    ],
    ids=ascii,
)
def test_milliseconds(value: object, expected: int | None) -> None:
    """Numbers too small for milliseconds since 1973 are seconds (row 13)."""
    assert f.milliseconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), (2, True), (0, False), ("true", None), (7.0, None)],
    ids=ascii,
)
def test_boolean(value: object, expected: bool | None) -> None:  # noqa: FBT001  # data
    """Truth values and integers are booleans; words are not."""
    assert f.boolean(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("李雷 😀", "李雷 😀"),
        ("\ufeffmark", "\ufeffmark"),
        ("\ud83d\ude00", "😀"),
        ("a\ud800b", "a\ufffdb"),
        ("c\udc00d", "c\ufffdd"),
        ("end\ud800", "end\ufffd"),
        ("\ud800\ud800é", "\ufffd\ufffdé"),
        ("nul\x00", "nul\x00"),
        (7, None),
    ],
    ids=ascii,
)
def test_text(value: object, expected: str | None) -> None:
    """Text that no file could store is repaired, pairs of surrogates are joined."""
    assert f.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Ada", "Ada"), ("", None), ("x" * 2000, "x" * 1024), (5, None)],
    ids=["name", "empty", "long", "number"],
)
def test_name(value: object, expected: str | None) -> None:
    """Names are cut where no real name ends up; an empty name is none."""
    assert f.name(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sess-1", "sess-1"),
        (7100000000000000001, "7100000000000000001"),
        (0, "0"),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
        (2**64, None),
        ("", None),
        (True, None),
        (1.0, None),
        ("\ud800", "\ufffd"),
    ],
    ids=[
        "text",
        "int",
        "zero",
        "longest",
        "too long",
        "too large",
        "empty",
        "bool",
        "float",
        "lone",
    ],
)
def test_identifier(value: object, expected: str | None) -> None:
    """Ids are opaque texts; integers become text, absurd ones are none."""
    assert f.identifier(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (16778240, 16778240),
        ("16778240", 16778240),
        (0, 0),
        ("0", 0),
        (1790000000000, 1790000000000),
        ("contact-7", "contact-7"),
        ("٤٢", "٤٢"),
        ("9" * 30, "9" * 30),
        (-1, -1),
        (2**64, None),
        ("", None),
        (True, None),
        (1.0, None),
    ],
    ids=ascii,
)
def test_user_id(value: object, expected: int | str | None) -> None:
    """Digits become an integer, other text stays (row 9)."""
    found = f.user_id(value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (StatusCode, 3, StatusCode.INVALID_SIGNATURE),
        (StatusCode, "3", StatusCode.INVALID_SIGNATURE),
        (StatusCode, "STATUS_INVALID_SIGNATURE", StatusCode.INVALID_SIGNATURE),
        (StatusCode, "INVALID_SIGNATURE", StatusCode.INVALID_SIGNATURE),
        (StopReason, "STOP_BC_USER_LEFT", StopReason.USER_LEFT),
        (DataAttribute, "ATTR_UPDATE", DataAttribute.UPDATE),
        (Language, "LANGUAGE_ID_NONE", Language.NONE),
        (Language, -1, Language.NONE),
        (EventType, "PARTICIPANT_JOIN", EventType.PARTICIPANT_JOIN),
        (StatusCode, 4711, StatusCode(4711)),
        (StatusCode, "NO_SUCH_NAME", None),
        (StatusCode, "mro", None),
        (StatusCode, True, None),
        (StatusCode, 2**64, None),
    ],
    ids=ascii,
)
def test_member(
    kind: type[StatusCode | StopReason | DataAttribute | Language | EventType],
    value: object,
    expected: object,
) -> None:
    """Numbers, known or not, and names of known members are members (row 40)."""
    found = f.member(kind, value)
    assert found == expected
    assert found is None or type(found) is kind


def test_mapping_reads_objects_only() -> None:
    """Anything but an object counts as an empty one."""
    assert f.mapping({"a": 1}) == {"a": 1}
    assert f.mapping([("a", 1)]) == {}


def test_sequence_reads_lists_only() -> None:
    """Anything but a list counts as an empty one; a text is not its letters."""
    assert f.sequence([1, "a"]) == [1, "a"]
    assert f.sequence("ab") == ()
    assert f.sequence({"a": 1}) == ()


def test_first_skips_what_cannot_be_read() -> None:
    """The first readable place wins, whether or not the places before it exist."""
    places: list[tuple[dict[str, object], str]] = [
        ({"a": "junk"}, "a"),
        ({"b": None}, "b"),
        ({}, "c"),
        ({"d": 4}, "d"),
    ]
    assert f.first(f.integer, *places) == 4
    assert f.first(f.integer, *places[:3]) is None


def test_person_prefers_documented_spellings() -> None:
    """The documented key wins over the other spelling, an inner place over an outer one."""
    assert f.person({"user_id": 1, "userId": 2, "user_name": "a", "userName": "b"}) == (1, "a")
    assert f.person({"userId": "2", "userName": "b"}) == (2, "b")
    assert f.person({"user_id": ""}, {"user_id": 3, "user_name": "c"}) == (3, "c")
    assert f.person({}) == (None, None)


def test_rest_keeps_what_nobody_knows() -> None:
    """Unknown entries are kept as they are."""
    assert f.rest({"a": 1, "b": [2]}, frozenset({"a"})) == {"b": [2]}
