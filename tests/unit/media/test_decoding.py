"""Coded audio, made by an encoder that others wrote."""

import math
import sys
from typing import Any

import av
import pytest
from tests.unit.cli.items import audio, pcm, samples

from rtms_client.config import AudioFormat
from rtms_client.enums import AudioChannel, ContentType, MediaCodec, SampleRate
from rtms_client.exceptions import MissingExtra
from rtms_client.media import AudioDecoder

FORMATS: dict[str, AudioFormat] = {
    "pcm_alaw": AudioFormat(codec=MediaCodec.G711, sample_rate=SampleRate.SR_8K),
    "g722": AudioFormat(codec=MediaCodec.G722, sample_rate=SampleRate.SR_16K),
    "libopus": AudioFormat(
        codec=MediaCodec.OPUS, sample_rate=SampleRate.SR_48K, channel=AudioChannel.STEREO
    ),
}
RTP = AudioFormat(content_type=ContentType.RTP, codec=MediaCodec.G711, sample_rate=SampleRate.SR_8K)
HEADER = bytes([0x80, 8, 0, 1, *bytes(8)])


def tone(sound: AudioFormat, packets: int) -> list[int]:
    """Return a tone of 400 Hz, left and right the same."""
    count = sound.sample_rate_hz // 50 * packets
    step = 2 * math.pi * 400 / sound.sample_rate_hz
    return [
        round(8000 * math.sin(step * index))
        for index in range(count)
        for _ in range(sound.channels)
    ]


def encoded(name: str, packets: int) -> list[bytes]:
    """Encode the tone in packets of 20 ms."""
    sound = FORMATS[name]
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.sample_rate, encoder.format = sound.sample_rate_hz, "s16"
    layout = encoder.layout = "stereo" if sound.channels > 1 else "mono"
    found: list[bytes] = []
    whole, length = pcm(*tone(sound, packets)), sound.sample_rate_hz // 50
    for number in range(packets):
        frame: Any = av.AudioFrame("s16", layout, length)
        frame.sample_rate = sound.sample_rate_hz
        width = length * 2 * sound.channels
        frame.planes[0].update(
            whole[number * width : (number + 1) * width].ljust(frame.planes[0].buffer_size, b"\0")
        )
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return found


@pytest.mark.parametrize(("name", "delay"), [("pcm_alaw", 0), ("g722", 22), ("libopus", 312)])
def test_decoding(name: str, delay: int) -> None:
    """The tone comes back, as much as was sent, as late as the codec makes it."""
    sound = FORMATS[name]
    decoder = AudioDecoder()
    packets = encoded(name, 25)
    found: list[int] = []
    for packet in packets:
        data = decoder.decode(audio(0, packet, format=sound))
        assert data is not None
        found += samples(data)
    width = sound.channels
    assert len(found) == len(packets) * sound.sample_rate_hz // 50 * width
    sent = tone(sound, 25)
    half = len(found) // 2
    pairs = zip(found[half:], sent[half - delay * width :], strict=False)
    assert max(abs(one - other) for one, other in pairs) < 900


def test_l16_passes_through() -> None:
    """What is not coded is not touched."""
    frame = audio(0)
    assert AudioDecoder().decode(frame) is frame.data


def test_a_header_of_rtp_is_taken_off() -> None:
    """Where the length tells that there is one, and only there."""
    [payload] = encoded("pcm_alaw", 1)
    bare = AudioDecoder().decode(audio(0, payload, format=FORMATS["pcm_alaw"]))
    assert AudioDecoder().decode(audio(0, payload, format=RTP)) == bare
    assert AudioDecoder().decode(audio(0, HEADER + payload, format=RTP)) == bare


def test_a_loss_starts_anew() -> None:
    """After a discontinuity the decoder knows nothing of what was before."""
    first, second = encoded("g722", 2)
    fresh = AudioDecoder().decode(audio(0, second, format=FORMATS["g722"]))
    decoder = AudioDecoder()
    decoder.decode(audio(0, first, format=FORMATS["g722"]))
    lossy = audio(40, second, format=FORMATS["g722"], discontinuity=True)
    assert decoder.decode(lossy) == fresh


def test_what_cannot_be_decoded() -> None:
    """Nonsense and unknown codecs are no samples, and no error either."""
    assert AudioDecoder().decode(audio(0, b"\xff", format=FORMATS["libopus"])) is None
    assert AudioDecoder().decode(audio(0, format=AudioFormat(codec=MediaCodec(99)))) is None


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs it."""
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"decoding OPUS: .*'rtms_client\[video\]'"):
        AudioDecoder().decode(audio(0, format=FORMATS["libopus"]))


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_packet_is_no_end(name: str) -> None:
    """A packet without data holds no samples, and what follows is decoded."""
    first, second = encoded(name, 2)
    sound = FORMATS[name]
    decoder, gapless = AudioDecoder(), AudioDecoder()
    assert decoder.decode(audio(0, first, format=sound))
    gapless.decode(audio(0, first, format=sound))
    assert decoder.decode(audio(20, b"", format=sound)) == b""
    assert decoder.decode(audio(40, second, format=sound)) == gapless.decode(
        audio(20, second, format=sound)
    )


def test_another_format_of_the_same_codec() -> None:
    """After a reconnect the server may grant another rate, or stereo."""
    mono = AudioFormat(codec=MediaCodec.OPUS, sample_rate=SampleRate.SR_16K)
    [packet] = encoded("libopus", 1)
    decoder = AudioDecoder()
    decoder.decode(audio(0, packet, format=mono))
    fresh = AudioDecoder().decode(audio(20, packet, format=FORMATS["libopus"]))
    assert decoder.decode(audio(20, packet, format=FORMATS["libopus"])) == fresh
