"""Gaps span from the last item before an interruption to the first one after it."""

from __future__ import annotations

import sys

import pytest

from rtms_client.config import AudioParams, TranscriptParams, VideoParams
from rtms_client.enums import MediaType
from rtms_client.events import Gap, GapCause
from rtms_client.frames import AudioFrame, ChatMessage, MediaFrame, TranscriptSegment, VideoFrame
from rtms_client.protocol.gaps import Gaps

PACKETS = AudioParams(send_rate_ms=20)


def audio(timestamp_ms: int, user_id: int | None = 1) -> AudioFrame:
    """Return a packet of 20 ms."""
    return AudioFrame(timestamp_ms=timestamp_ms, data=b"", user_id=user_id, format=PACKETS)


def said(timestamp_ms: int, user_id: int = 1) -> TranscriptSegment:
    """Return an utterance."""
    return TranscriptSegment(
        text="", timestamp_ms=timestamp_ms, user_id=user_id, format=TranscriptParams()
    )


def gaps_of(*frames: MediaFrame, medium: MediaType = MediaType.AUDIO) -> Gaps:
    """Return gaps that saw frames, and then an interruption."""
    gaps = Gaps(medium)
    for frame in frames:
        assert gaps.take(frame) is None
    gaps.interrupt()
    return gaps


def lost(
    from_ms: int | None,
    to_ms: int | None,
    *users: int,
    media: MediaType = MediaType.AUDIO,
) -> Gap:
    """Return the gap of an interruption."""
    return Gap(media=media, cause=GapCause.LOST, from_ms=from_ms, to_ms=to_ms, user_ids=users)


def test_one_speaker() -> None:
    """The gap reaches from the last packet to the next one and names the speaker."""
    gaps = gaps_of(audio(980), audio(1000))
    assert gaps.take(audio(1500)) == lost(1000, 1500, 1)
    assert gaps.take(audio(1520)) is None


@pytest.mark.parametrize("timestamp_ms", [980, 1000, 1020])
def test_nothing_is_missing(timestamp_ms: int) -> None:
    """Audio that goes on where it stopped, or before, has no gap."""
    assert gaps_of(audio(980), audio(1000)).take(audio(timestamp_ms)) is None


def test_one_packet_is_missing() -> None:
    """Audio that goes on one packet later has a gap."""
    assert gaps_of(audio(1000)).take(audio(1040)) == lost(1000, 1040, 1)


def test_several_speakers() -> None:
    """The gap begins with the one who stopped first of those who spoke in the last two seconds."""
    gaps = gaps_of(audio(1000, 1), audio(2500, 2), audio(3000, 3))
    assert gaps.take(audio(9000, 3)) == lost(1000, 9000, 1, 2, 3)


def test_who_was_silent_is_not_concerned() -> None:
    """Who spoke last more than two seconds before the interruption is not named."""
    gaps = gaps_of(audio(999, 1), audio(3000, 2))
    assert gaps.take(audio(9000, 1)) == lost(3000, 9000, 2)


def test_who_speaks_for_the_first_time_since() -> None:
    """Who was silent long before and after an interruption has missed nothing then."""
    gaps = gaps_of(audio(1000, 1), audio(60_000, 2))
    assert gaps.take(audio(60_020, 2)) is None
    assert gaps.take(audio(600_000, 1)) is None


def test_new_speaker_after_the_interruption() -> None:
    """A new voice ends the gap; it names those who spoke before."""
    assert gaps_of(audio(1000, 1)).take(audio(1500, 9)) == lost(1000, 1500, 1)


def test_all_go_on() -> None:
    """When everything is sent again, nobody has a gap, in whatever order they go on."""
    gaps = gaps_of(audio(1000, 1), audio(1000, 2))
    assert gaps.take(audio(1020, 2)) is None
    assert gaps.take(audio(1020, 1)) is None


def test_unknown_speaker() -> None:
    """Audio without user has a gap that names nobody."""
    assert gaps_of(audio(1000, None)).take(audio(1500, None)) == lost(1000, 1500)


def test_mixed_audio() -> None:
    """Mixed audio has the user 0."""
    assert gaps_of(audio(1000, 0)).take(audio(1500, 0)) == lost(1000, 1500, 0)


def test_interruption_before_anything_came() -> None:
    """Where nothing had come, nobody knows where the gap begins."""
    assert gaps_of().take(audio(1500)) == lost(None, 1500)


def test_two_interruptions_in_a_row() -> None:
    """Interruptions without anything between them are one gap."""
    gaps = gaps_of(audio(1000))
    gaps.interrupt()
    assert gaps.take(audio(1500)) == lost(1000, 1500, 1)
    assert gaps.take(audio(1520)) is None


def test_second_interruption() -> None:
    """The second gap begins where the media went on."""
    gaps = gaps_of(audio(1000))
    gaps.take(audio(1500))
    gaps.interrupt()
    assert gaps.take(audio(1700)) == lost(1500, 1700, 1)


def test_reordered_before_the_interruption() -> None:
    """The newest packet counts, not the last one that came."""
    assert gaps_of(audio(1020), audio(1000)).take(audio(1040)) is None


def test_end_without_anything_more() -> None:
    """An interruption that nothing followed is a gap without end."""
    assert gaps_of(audio(980, 1), audio(1000, 2)).unfinished() == lost(980, None, 1, 2)


def test_end_without_anything_at_all() -> None:
    """Where nothing came, before or after, the gap has neither beginning nor end."""
    assert gaps_of().unfinished() == lost(None, None)


def test_gap_without_end_is_told_once() -> None:
    """What comes late, after the end was told, is in no second gap."""
    gaps = gaps_of(audio(980))
    assert gaps.unfinished() == lost(980, None, 1)
    assert gaps.unfinished() is None
    assert gaps.take(audio(2000)) is None


def test_end_without_interruption() -> None:
    """Whole media have no gap at the end."""
    gaps = gaps_of(audio(1000))
    gaps.take(audio(1020))
    assert gaps.unfinished() is None


@pytest.mark.parametrize(
    ("medium", "frames"),
    [
        (MediaType.TRANSCRIPT, (said(1000), said(1020))),
        (
            MediaType.VIDEO,
            tuple(
                VideoFrame(timestamp_ms=time, data=b"", user_id=1, format=VideoParams())
                for time in (1000, 1020)
            ),
        ),
    ],
    ids=["transcript", "video"],
)
def test_media_without_a_fixed_step(medium: MediaType, frames: tuple[MediaFrame, ...]) -> None:
    """Only audio can show that nothing is missing."""
    gaps = gaps_of(frames[0], medium=medium)
    assert gaps.take(frames[1]) == lost(1000, 1020, 1, media=medium)


def test_chat() -> None:
    """Chat has no users to name."""
    gaps = gaps_of(ChatMessage(text="", timestamp_ms=1000), medium=MediaType.CHAT)
    message = ChatMessage(text="", timestamp_ms=2000)
    assert gaps.take(message) == lost(1000, 2000, media=MediaType.CHAT)


def test_earlier_after_later() -> None:
    """A gap never ends before it begins: utterances are stamped when they begin."""
    gaps = gaps_of(said(5000), medium=MediaType.TRANSCRIPT)
    assert gaps.take(said(4000, 2)) == lost(4000, 5000, 1, media=MediaType.TRANSCRIPT)


def test_memory() -> None:
    """A server that invents users cannot fill the memory."""
    gaps = Gaps(MediaType.AUDIO)
    for user_id in range(20_000):
        gaps.take(audio(user_id, user_id))
    assert sys.getsizeof(gaps._last) < 300_000  # noqa: SLF001  # nothing else shows it
    gaps.interrupt()
    gap = gaps.take(audio(30_000))
    assert gap is not None
    assert (gap.from_ms, len(gap.user_ids)) == (17_999, 2001)
