"""What arrives for the application: pauses, interruptions, and what nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtms_client import events as ev
from rtms_client.config import AudioParams, ChatParams
from rtms_client.enums import MediaType, MessageType, Product, StreamState
from rtms_client.exceptions import RemoteProtocolError
from rtms_client.protocol.intake import Intake

if TYPE_CHECKING:
    from rtms_client._wire.media import Format

NOW = 1790000000000


@pytest.fixture
def intake() -> Intake:
    """Return an intake for audio and chat."""
    params: dict[MediaType, Format] = {
        MediaType.AUDIO: AudioParams(),
        MediaType.CHAT: ChatParams(),
    }
    return Intake(Product.MEETING, params, None)


def state(intake: Intake, number: int, timestamp: int | None = None) -> None:
    """Take a state of the stream."""
    intake.stream_state({"msg_type": 8, "state": int(number), "timestamp": timestamp})


def paused(intake: Intake) -> bool:
    """Tell whether the stream is paused."""
    return intake.paused


def audio(intake: Intake, timestamp: int) -> None:
    """Take a packet of audio."""
    message: dict[str, object] = {"content": {"user_id": 1, "data": "", "timestamp": timestamp}}
    intake.media(MessageType.MEDIA_DATA_AUDIO, message)


@pytest.mark.parametrize("resumed", [StreamState.RESUMED, StreamState.ACTIVE])
def test_pause_is_a_gap_when_it_ends(intake: Intake, resumed: StreamState) -> None:
    """A pause is a state, no loss; what it spans is announced once it is over."""
    assert not paused(intake)
    state(intake, StreamState.PAUSED, NOW)
    assert paused(intake)
    state(intake, resumed, NOW + 5000)
    assert not paused(intake)
    assert intake.items[2:] == [
        ev.Gap(sequence=3, media=None, cause=ev.GapCause.PAUSED, from_ms=NOW, to_ms=NOW + 5000)
    ]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 6])
def test_other_states_are_no_gap(intake: Intake, number: int) -> None:
    """Without a pause nothing was paused."""
    state(intake, number)
    assert [type(item) for item in intake.items] == [ev.StreamStateChanged]
    assert not intake.paused


def test_interruption_while_paused_keeps_the_pause(intake: Intake) -> None:
    """Only a resumption ends a pause."""
    state(intake, StreamState.PAUSED)
    state(intake, StreamState.INTERRUPTED)
    assert intake.paused


def test_numbers_grow_by_one(intake: Intake) -> None:
    """A number is used up by an item, not by asking for it or by a message that is refused."""
    assert (intake.number(), intake.number()) == (1, 1)
    audio(intake, NOW)
    with pytest.raises(RemoteProtocolError):
        intake.session_state({})
    with pytest.raises(RemoteProtocolError):
        intake.event({})
    intake.metadata(MessageType.META_DATA_AUDIO, {"msg_type": 23})
    intake.session_state({"state": 2})
    intake.unrecognized("problem", b"raw")
    assert [item.sequence for item in intake.items] == [1, 2, 3, 4]


def test_frames_sent_again_are_removed(intake: Intake) -> None:
    """What came already is counted and takes no number."""
    audio(intake, NOW)
    audio(intake, NOW)
    audio(intake, NOW + 20)
    assert [item.sequence for item in intake.items] == [1, 2]
    assert intake.statistics.duplicates == 1
    assert intake.statistics.frames[MediaType.AUDIO] == 2


def test_interruption_that_nothing_followed(intake: Intake) -> None:
    """At the end the loss is announced, for the media that were interrupted."""
    audio(intake, NOW)
    intake.interrupt([MediaType.AUDIO, MediaType.VIDEO])
    intake.finish()
    (gap,) = intake.items[1:]
    assert isinstance(gap, ev.Gap)
    assert (gap.sequence, gap.media, gap.cause) == (2, MediaType.AUDIO, ev.GapCause.LOST)
    assert (gap.from_ms, gap.to_ms) == (NOW, None)


def test_frame_after_an_interruption_is_marked(intake: Intake) -> None:
    """The gap comes first, then the frame, marked."""
    audio(intake, NOW)
    intake.interrupt([MediaType.AUDIO])
    audio(intake, NOW + 1000)
    gap, frame = intake.items[1:]
    assert isinstance(gap, ev.Gap)
    assert (gap.sequence, frame.sequence) == (2, 3)
    assert getattr(frame, "discontinuity", None) is True


def test_medium_that_nobody_asked_for(intake: Intake) -> None:
    """Media beyond those requested are counted and dropped, readable or not."""
    intake.media(MessageType.MEDIA_DATA_VIDEO, {})
    assert intake.items == []
    assert intake.statistics.unrequested == 1


def test_unreadable_message_is_cut(intake: Intake) -> None:
    """Of bytes the first 4096 are kept, of an object everything."""
    intake.unrecognized("problem", b"x" * 5000)
    intake.unrecognized("problem", {"x": "y" * 5000}, MessageType(99))
    cut, whole = intake.items
    assert isinstance(cut, ev.Unrecognized)
    assert isinstance(whole, ev.Unrecognized)
    assert (len(cut.raw), cut.message_type) == (4096, None)
    assert (whole.raw, whole.message_type) == ({"x": "y" * 5000}, 99)
