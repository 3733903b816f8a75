"""Items as lines of JSON, written out."""

import json
from typing import Any

import pytest
from tests.unit.cli.items import ADA, T0, audio, caption, share

from rtms_client.enums import (
    EventType,
    MediaType,
    MessageType,
    StopReason,
    StreamState,
)
from rtms_client.events import (
    ChatGroupChanged,
    Gap,
    GapCause,
    MediaMetadata,
    Participant,
    ParticipantJoined,
    StreamInterrupted,
    StreamItem,
    StreamStateChanged,
    Unrecognized,
)
from rtms_client.exceptions import ConnectionLost
from rtms_client.frames import ChatFile, ChatMessage, ChatParty
from rtms_client.media import ItemEncoder


def lines(*items: StreamItem) -> list[dict[str, Any]]:
    """Encode items one after the other, without what all lines have in common."""
    encoder = ItemEncoder()
    found = [json.loads(encoder.encode(item, at_ms=5, received_ms=9)) for item in items]
    for line in found:
        assert line.pop("at_ms") == 5
        assert line.pop("received_ms") == 9
    return found


def test_a_line() -> None:
    """A line is compact, in reading order, and holds the size instead of the media."""
    item = audio(600, b"\1\2", sequence=7)
    encoder = ItemEncoder()
    encoder.encode(item, at_ms=600, received_ms=1)
    assert encoder.encode(item, at_ms=600, received_ms=2, file="audio-ada.wav") == (
        '{"type":"AudioFrame","sequence":7,"at_ms":600,"received_ms":2,"size":2,'
        '"timestamp_ms":1790000000600,"user_id":16778240,"user_name":"Ada",'
        '"file":"audio-ada.wav"}'
    )


def test_a_line_without_time_and_file() -> None:
    """What is not known is not there."""
    line = ItemEncoder().encode(ParticipantJoined(participants=()), at_ms=None, received_ms=1)
    assert line == '{"type":"ParticipantJoined","sequence":0,"received_ms":1,"participants":[]}'


def test_the_format_appears_when_it_changes() -> None:
    """The negotiated format is in the first line of each medium only."""
    first, second, other = lines(audio(0), audio(20), share())
    assert first["format"] == {
        "content_type": "RAW_AUDIO",
        "codec": "L16",
        "sample_rate": "SR_16K",
        "channel": "MONO",
        "data_opt": "AUDIO_MULTI_STREAMS",
        "send_rate_ms": 20,
    }
    assert "format" not in second
    assert other["format"]["codec"] == "JPG"


def test_text_is_text() -> None:
    """Captions hold their text, readable in every script."""
    encoder = ItemEncoder()
    line = encoder.encode(caption(0, "Grüße 世界"), at_ms=0, received_ms=0)
    assert '"text":"Grüße 世界"' in line


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            ParticipantJoined(
                timestamp_ms=T0, participants=(Participant(user_id=ADA, user_name="Ada"),)
            ),
            {"timestamp_ms": T0, "participants": [{"user_id": ADA, "user_name": "Ada"}]},
        ),
        (
            StreamStateChanged(state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED),
            {"state": "TERMINATED", "reason": "MEETING_ENDED"},
        ),
        (
            Gap(media=MediaType.AUDIO, cause=GapCause.DROPPED, items=3, user_ids=(ADA,)),
            {"media": "AUDIO", "cause": "DROPPED", "items": 3, "user_ids": [ADA]},
        ),
        (
            ChatMessage(
                text="",
                timestamp_ms=T0,
                sender=ChatParty(user_id=ADA),
                files=(ChatFile(file_id="f", file_name="a.pdf", file_size=1),),
                raw={"emoji": ["🎉", 1.5, True, None]},
            ),
            {
                "text": "",
                "timestamp_ms": T0,
                "sender": {"user_id": ADA},
                "files": [{"file_id": "f", "file_name": "a.pdf", "file_size": 1}],
                "raw": {"emoji": ["🎉", 1.5, True, None]},
            },
        ),
        (
            Unrecognized(problem="odd", message_type=MessageType(99), raw=b"abc"),
            {"problem": "odd", "message_type": "UNKNOWN_99", "raw": {"size": 3}},
        ),
        (
            MediaMetadata(message_type=MessageType.META_DATA_AUDIO, content={"a": {"b": {1}}}),
            {"message_type": "META_DATA_AUDIO", "content": {"a": {"b": "{1}"}}},
        ),
        (
            ChatGroupChanged(event_type=EventType(10), changes=({"group": "g"},)),
            {"event_type": EventType(10).name, "changes": [{"group": "g"}]},
        ),
    ],
    ids=["people", "enums", "gap", "chat", "bytes", "unknown", "mappings"],
)
def test_events(item: StreamItem, expected: dict[str, Any]) -> None:
    """Numbers have their names; keys with the value by default are left out."""
    [line] = lines(item)
    assert line == {"type": type(item).__name__, "sequence": 0, **expected}


def test_errors_are_their_text() -> None:
    """The cause of an interruption is what would be shown."""
    error = ConnectionLost("audio", 1006, "")
    [line] = lines(StreamInterrupted(media=MediaType.AUDIO, cause=error))
    assert line["cause"] == str(error)


def test_absurd_nesting_is_cut_off() -> None:
    """What a server nests without end cannot exhaust the stack."""
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(50):
        inner["a"] = inner = {}
    [line] = lines(MediaMetadata(message_type=MessageType.META_DATA_AUDIO, content=deep))
    text = json.dumps(line)
    assert text.count('"a"') == 20
    assert '"..."' in text


def test_unknown_keys_are_kept() -> None:
    """What this version does not know is written as it came."""
    [line] = lines(audio(0, extra={"new_key": 1}))
    assert line["extra"] == {"new_key": 1}
