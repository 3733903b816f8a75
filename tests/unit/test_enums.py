"""The numbers of the protocol: complete, and open to numbers that do not exist yet."""

from __future__ import annotations

import copy
import enum
import inspect
import json
import pickle
from pathlib import Path

import pytest

from rtms_client import enums
from rtms_client.enums import (
    ContactCenterEventType,
    EventType,
    Language,
    MediaType,
    OpenIntEnum,
    Product,
    SampleRate,
    StatusCode,
)

DOCUMENTED: dict[str, dict[str, int]] = json.loads(
    (Path(__file__).parents[1] / "data" / "enums.json").read_text("utf-8")
)

# Zoom's name of the enum, our name, and the prefix that all its members share.
PAIRS = (
    ("RTMS_MESSAGE_TYPE", "MessageType", ""),
    ("RTMS_EVENT_TYPE", "EventType", ""),
    ("RTMS_ZCC_VOICE_EVENT_TYPE", "ContactCenterEventType", ""),
    ("RTMS_STATUS_CODE", "StatusCode", "STATUS_"),
    ("RTMS_SESSION_STATE", "SessionState", ""),
    ("RTMS_STREAM_STATE", "StreamState", ""),
    ("RTMS_STOP_REASON", "StopReason", "STOP_BC_"),
    ("MEDIA_CONTENT_TYPE", "ContentType", ""),
    ("MEDIA_PAYLOAD_TYPE", "MediaCodec", ""),
    ("MEDIA_DATA_OPTION", "DataOption", ""),
    ("MEDIA_DATA_OPTION_LEGACY", "LegacyDataOption", ""),
    ("MEDIA_RESOLUTION", "Resolution", ""),
    ("AUDIO_SAMPLE_RATE", "SampleRate", ""),
    ("AUDIO_CHANNEL", "AudioChannel", ""),
    ("TRANSMISSION_PROTOCOL", "TransmissionProtocol", ""),
    ("RTMS_DATA_MESSAGE_ATTRIBUTE", "DataAttribute", "ATTR_"),
    ("RTMS_TRANSCRIPT_LANGUAGE", "Language", "LANGUAGE_ID_"),
    ("CHAT_SESSION_TYPE", "ChatSessionType", ""),
    ("CHAT_OPERATION_TYPE", "ChatOperation", ""),
    ("CHAT_GROUP_TYPE", "ChatGroupType", ""),
    ("CHAT_GROUP_MEMBER_STATUS", "ChatGroupMemberStatus", ""),
)

OPEN_ENUMS = [
    kind
    for _, kind in inspect.getmembers(enums, inspect.isclass)
    if issubclass(kind, OpenIntEnum) and kind is not OpenIntEnum
]
UNKNOWN = 4711


@pytest.mark.parametrize(("zoom", "ours", "prefix"), PAIRS, ids=[pair[1] for pair in PAIRS])
def test_enum_has_exactly_the_documented_members(zoom: str, ours: str, prefix: str) -> None:
    """Each enum holds Zoom's members with Zoom's numbers, without the prefix they share."""
    kind: type[OpenIntEnum] = getattr(enums, ours)
    assert {name: int(member) for name, member in kind.__members__.items()} == {
        name.removeprefix(prefix): value for name, value in DOCUMENTED[zoom].items()
    }


def test_media_type_has_the_documented_flags() -> None:
    """The flags are Zoom's; zero is no flag, and share keeps the name it has on the wire."""
    members = {name: int(member) for name, member in MediaType.__members__.items()}
    assert members == {
        "AUDIO": 1,
        "VIDEO": 2,
        "SHARE": 4,
        "DESKSHARE": 4,
        "TRANSCRIPT": 8,
        "CHAT": 16,
        "ALL": 32,
    }
    documented = {name: value for name, value in DOCUMENTED["MEDIA_DATA_TYPE"].items() if value}
    assert documented == {name: members[name] for name in members if name != "SHARE"}


def test_every_documented_enum_is_compared() -> None:
    """Nothing in the data is left out of the comparison above."""
    assert {zoom for zoom, _, _ in PAIRS} | {"MEDIA_DATA_TYPE"} == set(DOCUMENTED)


def test_every_open_enum_is_documented() -> None:
    """The module holds no open enum that the data do not know."""
    assert {kind.__name__ for kind in OPEN_ENUMS} == {ours for _, ours, _ in PAIRS}


def test_all_media_is_a_bit_of_its_own() -> None:
    """The flag for all media is not the sum of the five media."""
    assert int(MediaType.ALL) == 32
    five = (
        MediaType.AUDIO | MediaType.VIDEO | MediaType.SHARE | MediaType.TRANSCRIPT | MediaType.CHAT
    )
    assert int(five) == 31


def test_media_type_keeps_bits_that_do_not_exist_yet() -> None:
    """A flag of a later version survives beside the known ones."""
    assert int(MediaType(64 | 1)) == 65


def test_product_is_the_key_of_its_id() -> None:
    """The value of a product is the key of its id in webhooks."""
    assert [product.value for product in Product] == [
        "meeting_uuid",
        "webinar_uuid",
        "session_id",
        "engagement_id",
        "call_id",
    ]


# --- unknown values ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OPEN_ENUMS)
def test_unknown_value_survives(kind: type[OpenIntEnum]) -> None:
    """A number without a name is a member that says so."""
    member = kind(UNKNOWN)
    assert type(member) is kind
    assert (int(member), member.value, member.name) == (UNKNOWN, UNKNOWN, "UNKNOWN_4711")
    assert not member.known


@pytest.mark.parametrize("kind", OPEN_ENUMS)
def test_known_value_is_known(kind: type[OpenIntEnum]) -> None:
    """Members that have a name say so."""
    assert all(member.known for member in kind)


@pytest.mark.parametrize("kind", OPEN_ENUMS)
def test_unknown_value_is_not_cached(kind: type[OpenIntEnum]) -> None:
    """A peer that counts upwards does not fill our memory."""
    before = len(kind._value2member_map_)
    for value in range(UNKNOWN, UNKNOWN + 100):
        kind(value)
    assert len(kind._value2member_map_) == before
    assert UNKNOWN not in list(kind)


def test_unknown_values_compare_by_number() -> None:
    """Two look-ups of one unknown number are equal to each other, to the number, and hash alike."""
    assert StatusCode(UNKNOWN) == StatusCode(UNKNOWN) == UNKNOWN
    assert StatusCode(UNKNOWN) != StatusCode(UNKNOWN + 1)
    assert {StatusCode(UNKNOWN): "found"}[StatusCode(UNKNOWN)] == "found"


def test_unknown_value_prints_name_and_number() -> None:
    """The representation shows both; the text is the number, as of any member."""
    assert repr(StatusCode(UNKNOWN)) == "<StatusCode.UNKNOWN_4711: 4711>"
    assert str(StatusCode(UNKNOWN)) == "4711"
    assert StatusCode(-5).name == "UNKNOWN_-5"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_unknown_value_pickles(protocol: int) -> None:
    """An unknown member makes the round trip through every pickle protocol."""
    copied = pickle.loads(pickle.dumps(StatusCode(UNKNOWN), protocol))  # noqa: S301  # our own
    assert (type(copied), copied.name) == (StatusCode, "UNKNOWN_4711")


def test_unknown_value_copies() -> None:
    """Copies of an unknown member are equal to it."""
    assert copy.copy(StatusCode(UNKNOWN)) == UNKNOWN
    assert copy.deepcopy(StatusCode(UNKNOWN)).name == "UNKNOWN_4711"


@pytest.mark.parametrize("value", ["7", "OK", 7.5, None, b"OK", (7,)], ids=repr)
def test_malformed_value_fails(value: object) -> None:
    """What is no integer is not unknown but malformed."""
    with pytest.raises(ValueError, match="is not a valid StatusCode"):
        StatusCode(value)  # type: ignore[arg-type]  # the point of the test


def test_bool_is_malformed_where_no_member_equals_it() -> None:
    """A truth value is no number, as far as Python can tell them apart."""
    with pytest.raises(ValueError, match="True is not a valid ContactCenterEventType"):
        ContactCenterEventType(True)  # noqa: FBT003  # the point of the test


# --- traps ---------------------------------------------------------------------------------------


def test_zero_is_a_value() -> None:
    """Arabic and 8 kHz are zero, so truth says nothing about presence."""
    assert int(Language.ARABIC) == 0
    assert int(SampleRate.SR_8K) == 0
    assert Language.ARABIC.known


def test_event_numbers_depend_on_the_product() -> None:
    """The same number means something else in Contact Center."""
    assert EventType(8).name == "PARTICIPANT_VIDEO_ON"
    assert ContactCenterEventType(8).name == "CONSUMER_ANSWERED"


def test_all_names_every_public_enum() -> None:
    """Every enum of the module is exported."""
    defined = {
        name
        for name, kind in inspect.getmembers(enums, inspect.isclass)
        if issubclass(kind, enum.Enum) and kind.__module__ == enums.__name__
    }
    assert defined == set(enums.__all__)
