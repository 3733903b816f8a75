"""The segmenter: where a segment begins and ends."""

import array
from typing import Any

import pytest
from tests.examples.support import load

from rtms_client import AudioFrame
from rtms_client.config import AudioFormat

LOUD = array.array("h", [8000, -8000] * 160).tobytes()
QUIET = bytes(640)


@pytest.fixture
def example() -> Any:  # noqa: ANN401  # a module that no type checker knows
    """Return the example as a module."""
    return load("voice_activity")


def packet(at_ms: int, data: bytes) -> AudioFrame:
    """Make 20 ms of audio."""
    return AudioFrame(data=data, timestamp_ms=at_ms, user_name="Ada", format=AudioFormat())


def segments(example: Any, *packets: AudioFrame) -> list[tuple[int, int, int]]:  # noqa: ANN401
    """Return where segments begin and end, and how many packets they hold."""
    segmenter = example.Segmenter(example.energy(), hangover_ms=60, least_ms=40)
    found = [one for frame in packets for one in segmenter.feed(frame)]
    found += segmenter.finish()
    return [(one.start_ms, one.end_ms, len(one.pcm) // 640) for one in found]


def test_silence_around_speech(example: Any) -> None:  # noqa: ANN401  # likewise
    """Silence before and after is not part of a segment, a short pause is."""
    data = [QUIET, LOUD, LOUD, QUIET, QUIET, LOUD, QUIET, QUIET]
    packets = [packet(20 * number, one) for number, one in enumerate(data)]
    assert segments(example, *packets) == [(20, 120, 5)]


def test_long_pause(example: Any) -> None:  # noqa: ANN401  # likewise
    """A pause in which nothing is sent ends the segment."""
    packets = [packet(at_ms, LOUD) for at_ms in (0, 20, 40, 500, 520)]
    assert segments(example, *packets) == [(0, 60, 3), (500, 540, 2)]


def test_click(example: Any) -> None:  # noqa: ANN401  # likewise
    """What is too short for speech is dropped."""
    assert segments(example, packet(0, LOUD), packet(20, QUIET)) == []
