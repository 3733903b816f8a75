"""How speech becomes packets of the negotiated format."""

from typing import Any

import pytest

from rtms_client.testing import ADA, GRACE, Person
from rtms_client.testing._server_delivery import AudioFormat, Slices, convert, mix

PARAMS: dict[str, Any] = {
    "content_type": 2,
    "sample_rate": 1,
    "channel": 1,
    "codec": 1,
    "data_opt": 2,
    "send_rate": 20,
}


def _packets(
    slices: list[Slices], *, channels: bool = False, **params: int
) -> list[tuple[str, int, int]]:
    out: list[tuple[str, int, int]] = []

    def emit(person: Person, data: bytes, at_ms: int) -> None:
        out.append((person.user_name, len(data), at_ms))

    audio_format = AudioFormat(PARAMS | params, channels=channels, emit=emit)
    for one in slices:
        audio_format.feed(one)
    audio_format.flush()
    return out


def _both(at_ms: int) -> Slices:
    return Slices(at_ms=at_ms, voices=[(ADA, bytes(640)), (GRACE, bytes(640))])


def _ada(at_ms: int) -> Slices:
    return Slices(at_ms=at_ms, voices=[(ADA, bytes(640))])


def test_everybody_has_packets_of_their_own() -> None:
    """With multi-stream audio there is one packet for each speaker and interval."""
    assert _packets([_both(0), _ada(20)]) == [
        ("Ada", 640, 0),
        ("Grace", 640, 0),
        ("Ada", 640, 20),
    ]


def test_mixed_audio_is_one_packet() -> None:
    """With mixed audio there is one packet for each interval."""
    assert _packets([_both(0), _ada(20)], data_opt=1) == [("Ada", 640, 0), ("Ada", 640, 20)]


def test_channels_are_never_mixed() -> None:
    """In Contact Center each party has its channel, even with mixed audio."""
    assert _packets([_both(0)], data_opt=1, channels=True) == [("Ada", 640, 0), ("Grace", 640, 0)]


def test_send_rate_joins_slices() -> None:
    """A packet of 40 ms is two slices; a pause and the end cut packets short."""
    slices = [_ada(0), _ada(20), _ada(40), _ada(100), _ada(120), _ada(140)]
    assert _packets(slices, send_rate=40) == [
        ("Ada", 1280, 0),
        ("Ada", 640, 40),
        ("Ada", 1280, 100),
        ("Ada", 640, 140),
    ]


@pytest.mark.parametrize(
    ("sample_rate", "channel", "size"),
    [(0, 1, 320), (0, 2, 640), (1, 1, 640), (1, 2, 1280), (2, 1, 1280), (3, 1, 1920), (3, 2, 3840)],
)
def test_sizes_of_l16(sample_rate: int, channel: int, size: int) -> None:
    """Packets of 20 ms have the documented sizes."""
    assert _packets([_ada(0)], sample_rate=sample_rate, channel=channel) == [("Ada", size, 0)]


@pytest.mark.parametrize(
    ("codec", "sample_rate", "channel", "size"),
    [(2, 0, 1, 160), (3, 1, 1, 160), (4, 3, 1, 80), (4, 3, 2, 160)],
)
def test_sizes_of_compressed_audio(codec: int, sample_rate: int, channel: int, size: int) -> None:
    """Compressed audio is opaque, in packets of plausible size."""
    packets = _packets([_ada(0)], codec=codec, sample_rate=sample_rate, channel=channel)
    assert packets == [("Ada", size, 0)]


def test_mixing_adds_and_limits() -> None:
    """Samples are added; what does not fit 16 bits is limited."""
    loud = (30000).to_bytes(2, "little", signed=True) + (-30000).to_bytes(2, "little", signed=True)
    soft = (100).to_bytes(2, "little", signed=True) * 2
    assert mix([soft]) == soft
    assert mix([soft, soft]) == b"\xc8\x00\xc8\x00"
    assert mix([loud, loud]) == b"\xff\x7f\x00\x80"


def test_conversion_keeps_the_samples() -> None:
    """Rates are changed by leaving out or repeating samples; stereo repeats each of them."""
    assert convert(b"\1\0\2\0", khz=8, stereo=False) == b"\1\0"
    assert convert(b"\1\0\2\0", khz=8, stereo=True) == b"\1\0\1\0"
    assert convert(b"\1\0\2\0", khz=16, stereo=False) == b"\1\0\2\0"
    assert convert(b"\1\0\2\0", khz=32, stereo=False) == b"\1\0\1\0\2\0\2\0"
    assert convert(b"\1\0\2\0", khz=48, stereo=True) == b"\1\0" * 6 + b"\2\0" * 6
