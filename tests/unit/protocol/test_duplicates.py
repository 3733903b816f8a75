"""Frames that came already are recognised; what only looks alike is delivered."""

from __future__ import annotations

import random
import sys

import pytest

from rtms_client.config import AudioFormat, AudioParams, ShareParams, TranscriptParams, VideoParams
from rtms_client.enums import ChatOperation, DataAttribute
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    ChatParty,
    ShareFrame,
    TranscriptSegment,
    VideoFrame,
)
from rtms_client.protocol.duplicates import Seen

AUDIO = AudioParams()


def audio(
    timestamp_ms: int, data: bytes = b"", user_id: int = 1, channel_id: str | None = None
) -> AudioFrame:
    """Return a packet of audio."""
    return AudioFrame(
        timestamp_ms=timestamp_ms,
        data=data or b"%d" % timestamp_ms,
        user_id=user_id,
        channel_id=channel_id,
        format=AUDIO,
    )


def said(
    text: str,
    timestamp_ms: int = 1000,
    *,
    channel_id: str | None = None,
    attribute: DataAttribute | None = None,
) -> TranscriptSegment:
    """Return an utterance."""
    return TranscriptSegment(
        text=text,
        timestamp_ms=timestamp_ms,
        user_id=1,
        channel_id=channel_id,
        attribute=attribute,
        format=TranscriptParams(),
    )


def wrote(
    text: str,
    sender: int = 1,
    *,
    message_id: str | None = None,
    operation: ChatOperation | None = None,
    emoji: str = "",
) -> ChatMessage:
    """Return a chat message."""
    return ChatMessage(
        text=text,
        timestamp_ms=1000,
        sender=ChatParty(user_id=sender),
        message_id=message_id,
        operation=operation,
        raw={"emoji": emoji},
    )


def news(*times: int) -> list[int]:
    """Return which of the time stamps of one speaker are delivered."""
    seen = Seen()
    return [time for time in times if seen.add(audio(time))]


# --- audio ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrived", "delivered"),
    [
        ((20, 40, 60, 80), [20, 40, 60, 80]),
        ((20, 40, 60, 20, 40, 60, 80), [20, 40, 60, 80]),
        ((20, 40, 60, 40, 60, 80), [20, 40, 60, 80]),
        ((20, 40, 500, 520, 20, 40, 500, 520, 540), [20, 40, 500, 520, 540]),
        ((20, 40, 500, 520, 40, 60, 500), [20, 40, 500, 520, 60]),
        ((20, 60, 40, 80), [20, 60, 40, 80]),
        ((20, 60, 40, 20, 40, 60, 80), [20, 60, 40, 80]),
        ((20, 40, 100, 120, 60, 80, 100, 120, 140), [20, 40, 100, 120, 60, 80, 140]),
        ((20, 40, 107, 127, 60, 80, 100, 107, 120, 127), [20, 40, 107, 127, 60, 80, 100, 120]),
        ((20, 40, 5, 7, 20, 5, 7), [20, 40, 5, 7]),
        ((20, 1020, 1040, 20, 1020, 520), [20, 1020, 1040, 520]),
        ((20, 1021, 1041, 20, 1021), [20, 1021, 1041]),
    ],
    ids=[
        "in order",
        "all replayed",
        "overlap replayed",
        "pause replayed",
        "live first, then the missing, then all",
        "reordered",
        "reordered, then replayed",
        "the hole is filled afterwards, then what followed it again",
        "the hole is filled in another rhythm",
        "backwards",
        "long first step",
        "too long for a step",
    ],
)
def test_audio_by_time_stamp(arrived: tuple[int, ...], delivered: list[int]) -> None:
    """Each time stamp of a speaker is delivered once, in whatever order they come."""
    assert news(*arrived) == delivered


@pytest.mark.parametrize("step", [1, 10, 20, 33, 100, 1000])
def test_rhythm_is_learnt(step: int) -> None:
    """A long speech is remembered whatever its real rhythm is, granted or not."""
    seen = Seen()
    speech = [audio(1_790_000_000_000 + step * index) for index in range(3000)]
    assert all(seen.add(packet) for packet in speech)
    assert not any(seen.add(packet) for packet in speech)


def test_speakers_are_apart() -> None:
    """Two speakers, or two parties of a call, may have the same time stamp."""
    seen = Seen()
    assert seen.add(audio(20, user_id=1))
    assert seen.add(audio(20, user_id=2))
    assert seen.add(audio(20, user_id=1, channel_id="agent"))
    assert not seen.add(audio(20, user_id=2))


def test_coarse_clock() -> None:
    """Different packets with one time stamp are all delivered, each once."""
    seen = Seen()
    packets = [audio(100, b"a"), audio(100, b"b"), audio(100, b"c")]
    assert [seen.add(packet) for packet in packets] == [True, True, True]
    assert [seen.add(packet) for packet in packets] == [False, False, False]
    assert seen.add(audio(200, b"a"))
    assert seen.add(audio(200, b"b"))
    assert not seen.add(audio(200, b"b"))


def test_coarse_clock_goes_on_after_a_replay() -> None:
    """What follows a replay of packets with one time stamp is delivered."""
    seen = Seen()
    arrived = [(100, b"a"), (100, b"b"), (100, b"a"), (100, b"b"), (100, b"c"), (200, b"a")]
    delivered = [seen.add(audio(time, data)) for time, data in arrived]
    assert delivered == [True, True, False, False, True, True]


@pytest.mark.parametrize("size", [640, 5000])
def test_silence_on_a_coarse_clock(size: int) -> None:
    """The same packet with the next time stamp is news, of any size."""
    seen = Seen()
    assert seen.add(audio(100, bytes(size)))
    assert not seen.add(audio(100, bytes(size)))
    assert seen.add(audio(120, bytes(size)))
    assert not seen.add(audio(120, bytes(size)))


# --- everything else -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [VideoFrame, ShareFrame])
def test_pictures(kind: type[VideoFrame | ShareFrame]) -> None:
    """A picture comes again when user, time stamp and content are the same."""
    params = VideoParams() if kind is VideoFrame else ShareParams()

    def picture(timestamp_ms: int, data: bytes, user_id: int) -> VideoFrame | ShareFrame:
        return kind(timestamp_ms=timestamp_ms, data=data, user_id=user_id, format=params)

    seen = Seen()
    assert seen.add(picture(40, b"a", 1))
    assert seen.add(picture(40, b"b", 1))
    assert seen.add(picture(40, b"a", 2))
    assert seen.add(picture(80, b"a", 1))
    assert not seen.add(picture(40, b"a", 1))


@pytest.mark.parametrize("size", [1023, 1024, 20_000, 1_000_000])
def test_pictures_of_one_time(size: int) -> None:
    """Pictures of the same user, time and size are told apart by what is in them."""
    seen, dice = Seen(), random.Random(size)
    pictures = [
        VideoFrame(timestamp_ms=40, data=dice.randbytes(size), user_id=1, format=VideoParams())
        for _ in range(4)
    ]
    assert [seen.add(picture) for picture in pictures * 2] == [True] * 4 + [False] * 4


def test_transcript() -> None:
    """An utterance comes again when speaker, time, text and its kind are the same."""
    seen = Seen()
    assert seen.add(said("yes"))
    assert seen.add(said("no"))
    assert seen.add(said("yes", 2000))
    assert seen.add(said("yes", channel_id="agent"))
    assert seen.add(said("yes", attribute=DataAttribute(2)))
    assert not seen.add(said("yes"))


def test_chat_with_ids() -> None:
    """A message, its change and its deletion have one id and are three things."""
    seen = Seen()
    assert seen.add(wrote("a", message_id="m1", operation=ChatOperation.NEW))
    assert seen.add(wrote("a", message_id="m2", operation=ChatOperation.NEW))
    assert seen.add(wrote("a", message_id="m1", operation=ChatOperation.UPDATE))
    assert seen.add(wrote("", message_id="m1", operation=ChatOperation.DELETE))
    assert not seen.add(wrote("a", message_id="m1", operation=ChatOperation.NEW))


def test_chat_without_ids() -> None:
    """Two people may write the same within one second of a coarse clock."""
    seen = Seen()
    assert seen.add(wrote("ok", 1))
    assert seen.add(wrote("ok", 2))
    assert not seen.add(wrote("ok", 1))


def test_reactions() -> None:
    """Two emoji of one person on one message are two reactions, although both have no text."""
    seen = Seen()
    thumb, heart = (
        wrote("", message_id="m", operation=ChatOperation.ADD_EMOJI_REACTION, emoji=emoji)
        for emoji in ("thumb", "heart")
    )
    assert seen.add(thumb)
    assert seen.add(heart)
    assert not seen.add(thumb)


def test_chat_of_nobody() -> None:
    """A message without sender is recognised too."""
    message = ChatMessage(text="a", timestamp_ms=1000)
    seen = Seen()
    assert seen.add(message)
    assert not seen.add(message)


# --- memory --------------------------------------------------------------------------------------


def size_of(value: object) -> int:
    """Return the size of an object with all that it holds."""
    found: dict[int, object] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in found or isinstance(one, type | AudioFormat):
            continue
        found[id(one)] = one
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            waiting += one
        else:
            waiting += [getattr(one, slot) for slot in getattr(one, "__slots__", ())]
    return sum(sys.getsizeof(one) for one in found.values())


def test_memory_with_invented_speakers() -> None:
    """A server that invents speakers, each with a large packet, cannot fill the memory."""
    seen = Seen()
    for user_id in range(20_000):
        assert seen.add(audio(20, bytes(3000), user_id))
    assert size_of(seen) < 4_000_000


def test_memory_with_wild_time_stamps() -> None:
    """A speaker whose time stamps have no rhythm costs a few kilobytes."""
    seen = Seen()
    for index in range(20_000):
        assert seen.add(audio(index * index))
    assert size_of(seen) < 20_000


def test_memory_with_one_time_stamp() -> None:
    """Endless packets with one time stamp cost a few kilobytes."""
    seen = Seen()
    for index in range(20_000):
        assert seen.add(audio(20, b"%d" % index))
    assert size_of(seen) < 20_000


def test_memory_with_long_texts() -> None:
    """Texts and pictures are not kept."""
    seen = Seen()
    for index in range(1_000):
        assert seen.add(said("x" * 10_000, index))
    assert size_of(seen) < 500_000


def test_oldest_pictures_are_forgotten() -> None:
    """The memory of pictures and texts holds the last 512."""
    seen = Seen()
    for index in range(513):
        assert seen.add(said("a", index))
    assert not seen.add(said("a", 1))
    assert seen.add(said("a", 0))
