"""Packets of audio as numbers."""

import sys

import numpy as np
import pytest
from tests.unit.cli.items import audio, pcm

from rtms_client.config import AudioFormat
from rtms_client.enums import AudioChannel, MediaCodec, SampleRate
from rtms_client.exceptions import InvalidParameters, MissingExtra
from rtms_client.media import duration_ms, samples, to_array

STEREO = AudioFormat(channel=AudioChannel.STEREO)
G711 = AudioFormat(codec=MediaCodec.G711, sample_rate=SampleRate.SR_8K)


def test_samples() -> None:
    """Samples are integers in the memory of the packet; half a sample is left out."""
    frame = audio(0, pcm(1, -2, 32767) + b"\1")
    found = samples(frame)
    assert found.tolist() == [1, -2, 32767]
    assert found.obj is frame.data


def test_array() -> None:
    """An array has a row for each sample frame and shares the memory of the packet."""
    frame = audio(0, pcm(1, -1, 2, -2, 9), format=STEREO)
    found = to_array(frame)
    assert found.tolist() == [[1, -1], [2, -2]]
    assert np.shares_memory(found, np.frombuffer(frame.data, np.int8))
    assert not found.flags.writeable
    assert to_array(audio(0, pcm(7))).shape == (1, 1)


def test_coded_audio_has_no_samples() -> None:
    """The error says what to do."""
    with pytest.raises(InvalidParameters, match="got G711, which is coded; decode it"):
        samples(audio(0, format=G711))


def test_array_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs it."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingExtra, match=r"pip install 'rtms_client\[video\]'"):
        to_array(audio(0))


def test_duration() -> None:
    """L16 is measured, the rest is as long as negotiated."""
    assert duration_ms(audio(0, bytes(1280))) == 40
    assert duration_ms(audio(0, bytes(1280), format=STEREO)) == 20
    assert duration_ms(audio(0, b"?", format=G711)) == 20
    assert duration_ms(audio(0, format=AudioFormat(sample_rate=SampleRate(9)))) == 20
