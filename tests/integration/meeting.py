"""A meeting of ten minutes as a script, and what of it belongs where."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Final

from tests.unit.media.pictures import encode

from rtms_client.enums import EventType, StopReason, StreamState
from rtms_client.testing import (
    ADA,
    GRACE,
    Caption,
    MeetingItem,
    MeetingScript,
    Person,
    Picture,
    SessionEvent,
    Speech,
    StateChange,
)

MINUTES: Final = 10
SECONDS: Final = 60 * MINUTES
RATE: Final = 16_000
FPS: Final = 10
JOINED: Final = {ADA: ((0, 600),), GRACE: ((20, 250), (300, 590))}
"""When each is there, in seconds."""
MUTED: Final = {ADA: ((60, 90), (400, 420)), GRACE: ((100, 180),)}
GAPS: Final = ((120, 130), (333, 338), (500, 501))
"""When nothing comes from the server, in seconds."""
CAMERAS: Final = ((10, 290, ADA), (310, 580, GRACE))
"""When whose camera is shown, in seconds."""
FLASH_EVERY: Final = 10
SIZES: Final = {ADA: (64, 48), GRACE: (96, 64)}
CLICK: Final = 20_000
_DARK, _BRIGHT = 40, 200


def in_any(spans: tuple[tuple[int, int], ...], second: int) -> bool:
    """Tell whether a second lies in one of these."""
    return any(start <= second < end for start, end in spans)


def speaks(person: Person, second: int) -> bool:
    """Tell whether somebody is heard in a second."""
    there = in_any(JOINED[person], second) and not in_any(MUTED[person], second)
    return there and not in_any(GAPS, second)


def speech(person: Person, second: int) -> bytes:
    """Return what somebody says in a second: noise, and a click where a flash is."""
    noise = random.Random(f"{person.user_id} {second}").randbytes(RATE)  # 8 bits for each sample
    pcm = bytearray(2 * RATE)
    pcm[::2] = noise  # 0 to 255, so that two speakers never reach a click
    if second % FLASH_EVERY == 0:
        pcm[:640] = CLICK.to_bytes(2, "little") * 320
    return bytes(pcm)


def _talk() -> Iterator[MeetingItem]:
    for person, spans in JOINED.items():
        for start, end in spans:
            yield _event(start, EventType.PARTICIPANT_JOIN, person)
            yield _event(end, EventType.PARTICIPANT_LEAVE, person)
        for second in range(SECONDS):
            if speaks(person, second):
                yield Speech(at_ms=second * 1000, person=person, pcm=speech(person, second))
                if second % 3 == 0:
                    text = f"{person.user_name} & co. at <{second}>"
                    yield Caption(
                        at_ms=second * 1000 + 900,
                        person=person,
                        text=text,
                        start_ms=second * 1000,
                        end_ms=second * 1000 + 900,
                    )


def _look() -> Iterator[MeetingItem]:
    for start, end, person in CAMERAS:
        yield _event(start, EventType.ACTIVE_SPEAKER_CHANGE, person)
        yield _event(start, EventType.PARTICIPANT_VIDEO_ON, person)
        yield _event(end, EventType.PARTICIPANT_VIDEO_OFF, person)
        dark, bright = (encode([light] * FPS, SIZES[person]) for light in (_DARK, _BRIGHT))
        for second in range(start, end):
            if not in_any(GAPS, second):
                unit = bright if second % FLASH_EVERY == 0 else dark
                for at_ms, data in zip(count(second * 1000, 1000 // FPS), unit, strict=False):
                    yield Picture(at_ms=at_ms, person=person, data=data)


def _event(second: int, kind: EventType, person: Person) -> SessionEvent:
    return SessionEvent(at_ms=second * 1000, event_type=kind, people=(person,))


def meeting() -> MeetingScript:
    """Return the meeting."""
    pauses = [
        StateChange(at_ms=second * 1000, state=state)
        for gap in GAPS
        for second, state in zip(gap, (StreamState.PAUSED, StreamState.RESUMED), strict=True)
    ]
    end = StateChange(
        at_ms=SECONDS * 1000, state=StreamState.TERMINATED, reason=StopReason.MEETING_ENDED
    )
    return MeetingScript([*pauses, *_talk(), *_look(), end])
