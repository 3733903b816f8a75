"""Counters, speakers, and what happened in words."""

from typing import Any

import pytest
from tests.unit.cli.items import ADA, GRACE, START, T0, audio, caption, pcm, share, video

from rtms_client._cli.tally import Line, Tally
from rtms_client.config import AudioFormat
from rtms_client.enums import (
    ChatOperation,
    ContactCenterEventType,
    ContentType,
    MediaCodec,
    MediaType,
    MessageType,
    SampleRate,
    SessionState,
    StopReason,
    StreamState,
)
from rtms_client.events import (
    ActiveSpeakerChanged,
    ContactCenterEvent,
    Gap,
    GapCause,
    MediaInterrupted,
    MediaMetadata,
    MediaUnavailable,
    ParametersChanged,
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    ReconnectScheduled,
    SessionStateChanged,
    SharingStarted,
    SharingStopped,
    StreamInterrupted,
    StreamItem,
    StreamResumed,
    StreamStateChanged,
    Unrecognized,
    VideoStarted,
    VideoStopped,
)
from rtms_client.exceptions import ConnectionLost
from rtms_client.frames import ChatFile, ChatMessage, ChatParty

OPUS = AudioFormat(
    content_type=ContentType.RTP, codec=MediaCodec.OPUS, sample_rate=SampleRate.SR_48K
)
PEOPLE = (Participant(user_id=ADA, user_name="Ada"), Participant(user_id=8))
LOST = ConnectionLost("audio", 1006, "")


def chat(text: str, **fields: Any) -> ChatMessage:  # noqa: ANN401  # passed on
    """Return a chat message of Ada."""
    return ChatMessage(
        text=text,
        timestamp_ms=T0,
        sender=ChatParty(user_id=ADA, user_name="Ada"),
        **fields,
    )


WORDS: list[tuple[StreamItem, Line | None]] = [
    (caption(0, "Hello\nthere"), Line("Hello there", "Ada")),
    (caption(0, "Hi", user_id=8), Line("Hi", "user 8")),
    (caption(0, "Hi", user_id="\x1b"), Line("Hi", "user \ufffd")),
    (caption(0, "Hi", user_id=None), Line("Hi", "somebody")),
    (chat("Hello"), Line("Hello", "Ada (chat)")),
    (ChatMessage(text="Hello", timestamp_ms=T0), Line("Hello", "somebody (chat)")),
    (chat("Hi", operation=ChatOperation.NEW), Line("Hi", "Ada (chat)")),
    (chat("Hi", operation=ChatOperation.UPDATE), Line("Hi", "Ada (chat, update)")),
    (
        chat("", files=(ChatFile(file_id="f1", file_name="a\x1b.pdf"), ChatFile(file_id="f2"))),
        Line("[a\ufffd.pdf] [f2]", "Ada (chat)"),
    ),
    (
        chat("psst", receiver=ChatParty(user_id=GRACE, user_name="Grace")),
        Line("psst", "Ada to Grace (chat)"),
    ),
    (ParticipantJoined(participants=PEOPLE), Line("Ada, user 8 joined")),
    (ParticipantLeft(participants=PEOPLE), Line("Ada, user 8 left")),
    (VideoStarted(participants=PEOPLE), Line("camera on: Ada, user 8")),
    (VideoStopped(participants=PEOPLE), Line("camera off: Ada, user 8")),
    (SharingStarted(user_id=ADA, user_name="Ada"), Line("Ada shares a screen")),
    (SharingStopped(), Line("screen share ended")),
    (
        StreamStateChanged(state=StreamState.INTERRUPTED, reason=StopReason.KEEP_ALIVE_TIMEOUT),
        Line("stream interrupted (KEEP_ALIVE_TIMEOUT)"),
    ),
    (StreamStateChanged(state=StreamState.PAUSED), Line("stream paused")),
    (StreamStateChanged(state=StreamState.ACTIVE), None),
    (StreamStateChanged(state=StreamState.TERMINATED), None),
    (SessionStateChanged(state=SessionState.STARTED), None),
    (SessionStateChanged(state=SessionState.PAUSED), Line("session paused")),
    (
        Gap(media=MediaType.AUDIO, cause=GapCause.DROPPED, items=3),
        Line("LOST: 3 of audio, dropped"),
    ),
    (Gap(media=None, cause=GapCause.LOST), Line("LOST: an unknown number of events, lost")),
    (Gap(media=MediaType.AUDIO, cause=GapCause.PAUSED), Line("a pause of audio")),
    (
        MediaUnavailable(media=MediaType.CHAT, reason="add\nthe scope"),
        Line("chat will not come: add the scope"),
    ),
    (
        ParametersChanged(media=MediaType.VIDEO, differences=("fps: 15 → 5", "codec: a → b")),
        Line("video granted with other parameters: fps: 15 → 5, codec: a → b"),
    ),
    (MediaInterrupted(), Line("the server lost the connection for media")),
    (
        MediaInterrupted(media=MediaType.AUDIO),
        Line("the server lost the connection for audio"),
    ),
    (
        StreamInterrupted(media=MediaType.AUDIO, cause=LOST),
        Line(f"INTERRUPTED: audio: {LOST}"),
    ),
    (StreamInterrupted(media=None, cause=LOST), Line(f"INTERRUPTED: all media: {LOST}")),
    (
        ReconnectScheduled(media=None, attempt=2, delay_s=1.25, cause=LOST),
        Line("signaling: try 2 in 1.2 s"),
    ),
    (StreamResumed(media=None, attempts=2, after_s=3), Line("all media resumed after 3.0 s")),
    (
        ContactCenterEvent(event_type=ContactCenterEventType(99)),
        Line("contact center: UNKNOWN_99"),
    ),
    (Unrecognized(problem="odd\x07"), Line("message not understood: odd\ufffd")),
    (MediaMetadata(message_type=MessageType.META_DATA_AUDIO), None),
    (START, None),
    (audio(0), None),
    (video(), None),
    (share(), None),
]


@pytest.mark.parametrize(
    ("item", "line"),
    WORDS,
    ids=[f"{type(item).__name__}-{number}" for number, (item, _) in enumerate(WORDS)],
)
def test_what_happened_in_words(item: StreamItem, line: Line | None) -> None:
    """Every item has the line that people want to read, or none."""
    assert Tally().add(item) == line


def test_counters() -> None:
    """Items and sizes are counted by medium and shown in one line."""
    tally = Tally()
    assert tally.counts() == "nothing yet"
    for item in (audio(0), audio(20), share(0, b"12345"), caption(0, "abc"), video(), chat("Hi")):
        tally.add(item)
    assert {medium: (one.items, one.size) for medium, one in tally.counters.items()} == {
        MediaType.AUDIO: (2, 1280),
        MediaType.SHARE: (1, 5),
        MediaType.TRANSCRIPT: (1, 3),
        MediaType.VIDEO: (1, 8),
        MediaType.CHAT: (1, 2),
    }
    assert tally.counts() == "audio 2  video 1 (Ada)  share 1  transcript 1  chat 1"


def test_losses() -> None:
    """Gaps and missing items are counted; a pause is no loss."""
    tally = Tally()
    for gap in (
        Gap(media=MediaType.AUDIO, cause=GapCause.DROPPED, items=3),
        Gap(media=MediaType.VIDEO, cause=GapCause.LOST),
        Gap(media=MediaType.VIDEO, cause=GapCause.PAUSED, items=9),
    ):
        tally.add(gap)
    assert (tally.gaps, tally.lost) == (2, 3)


def test_the_active_speaker() -> None:
    """It is known by name, even if the name comes later."""
    tally = Tally()
    assert not tally.speaks((None, ADA))
    tally.add(ActiveSpeakerChanged(user_id=ADA))
    assert tally.speaker == "user 16778240"
    tally.add(audio(0))
    assert tally.speaker == "Ada"
    assert tally.speaks((None, ADA))
    assert not tally.speaks((None, GRACE))
    assert not tally.speaks(None)
    tally.add(ActiveSpeakerChanged())
    assert not tally.speaks((None, ADA))


def test_the_state() -> None:
    """The server's word for the state of the stream is kept."""
    tally = Tally()
    assert tally.state == "waiting"
    tally.add(StreamStateChanged(state=StreamState.ACTIVE))
    assert tally.state == "active"


def test_voices() -> None:
    """Who was heard, for how long."""
    tally = Tally()
    for item in (audio(0), audio(20), audio(0, user_id=GRACE), audio(0, user_id=0)):
        tally.add(item)
    assert [(voice.name, voice.spoken_ms) for voice in tally.voices.values()] == [
        ("Ada", 40),
        ("Grace", 20),
        ("everybody", 20),
    ]


def test_levels() -> None:
    """The level is the root mean square of the last 100 ms, and silence after 0.4 s."""
    now = 10.0
    tally = Tally(lambda: now)
    tally.add(audio(0, pcm(32767, -32767, count=160)))
    [voice] = tally.voices.values()
    assert voice.level_db(now) == pytest.approx(0, abs=0.001)
    for number in range(1, 6):
        tally.add(audio(20 * number, pcm(3277, -3277, count=160)))
    assert voice.level_db(now + 0.375) == pytest.approx(-20, abs=0.01)
    assert voice.level_db(now + 0.5) is None


@pytest.mark.parametrize(
    "frame",
    [audio(0, pcm(0, count=320)), audio(0, b""), audio(0, b"\1\2", format=OPUS)],
    ids=["zeros", "empty", "encoded"],
)
def test_no_level(frame: StreamItem) -> None:
    """Silence has no level, and neither has what is not PCM."""
    tally = Tally(lambda: 1.0)
    tally.add(frame)
    [voice] = tally.voices.values()
    assert voice.level_db(1.0) is None


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server cannot fill the memory with names."""
    monkeypatch.setattr("rtms_client._cli.tally._MAX_NAMES", 1)
    tally = Tally()
    tally.add(ParticipantJoined(participants=(PEOPLE[0],)))
    tally.add(caption(0, user_id=GRACE))
    assert (tally.name(ADA), tally.name(GRACE)) == ("Ada", "user 16779264")
    tally.add(caption(0, user_name="Ada L."))  # who is known may take another name
    assert tally.name(ADA) == "Ada L."


def test_voices_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor with speakers: those who are too many are one."""
    monkeypatch.setattr("rtms_client._cli.tally._MAX_VOICES", 2)
    tally = Tally()
    for user_id in (1, 2, 3, 4, 1):
        tally.add(audio(0, user_id=user_id, user_name=f"P{user_id}"))
    voices = [(voice.name, voice.spoken_ms) for voice in tally.voices.values()]
    assert voices == [("P1", 40), ("P2", 20), ("others", 40)]
