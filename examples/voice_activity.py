"""Cut each speaker's audio into segments of speech.

    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/voice_activity.py started.json
    pip install webrtcvad-wheels
    python examples/voice_activity.py started.json --detector webrtc

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.

A detector is a function of one packet; `Segmenter` does the rest, so another model, such as Silero,
takes a function of three lines.
"""

import argparse
import array
import asyncio
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rtms_client import (
    AudioFrame,
    AudioParams,
    NetworkOptions,
    RTMSClient,
    RTMSError,
    parse_started,
)

Detector = Callable[[AudioFrame], bool]
FULL_SCALE = 32768


def energy(threshold_dbfs: float = -50.0) -> Detector:
    """Take for speech what is loud enough, in decibels below full scale."""

    def is_speech(frame: AudioFrame) -> bool:
        samples = array.array("h", frame.data)
        if sys.byteorder == "big":
            samples.byteswap()  # L16 comes with the low byte first
        power = sum(sample * sample for sample in samples) / max(len(samples), 1)
        return power > (FULL_SCALE * 10 ** (threshold_dbfs / 20)) ** 2

    return is_speech


def webrtc(aggressiveness: int = 2) -> Detector:
    """Ask the detector of WebRTC, which takes packets of 10, 20 or 30 ms."""
    import webrtcvad  # noqa: PLC0415  # only whoever uses it needs it

    vad = webrtcvad.Vad(aggressiveness)
    return lambda frame: bool(vad.is_speech(frame.data, frame.format.sample_rate_hz))


DETECTORS: dict[str, Callable[[], Detector]] = {"energy": energy, "webrtc": webrtc}


class Segment(NamedTuple):
    """Speech of one participant."""

    user_name: str
    start_ms: int
    end_ms: int
    pcm: bytes


class Segmenter:
    """Joins packets of one participant to segments.

    Args:
        is_speech: The detector.
        hangover_ms: Shorter pauses do not end a segment.
        least_ms: Shorter segments are dropped.
    """

    def __init__(self, is_speech: Detector, hangover_ms: int = 300, least_ms: int = 100) -> None:
        self._is_speech = is_speech
        self._hangover_ms = hangover_ms
        self._least_ms = least_ms
        self._name = "somebody"
        self._packets: list[bytes] = []
        self._spoken = 0  # how many of the packets there are up to the last one with speech
        self._start_ms = self._end_ms = 0

    def feed(self, frame: AudioFrame) -> Iterator[Segment]:
        """Take a packet; give the segment that it ends, if any."""
        speech = self._is_speech(frame)
        if self._packets and frame.timestamp_ms - self._end_ms > self._hangover_ms:
            yield from self.finish()
        if not self._packets:
            if not speech:
                return
            self._name, self._start_ms = frame.user_name or "somebody", frame.timestamp_ms
        self._packets.append(frame.data)
        if speech:
            self._spoken = len(self._packets)
            self._end_ms = frame.timestamp_ms + round(
                1000 * len(frame.data) / (2 * frame.format.channels * frame.format.sample_rate_hz)
            )

    def finish(self) -> Iterator[Segment]:
        """End the segment that is open."""
        if self._packets and self._end_ms - self._start_ms >= self._least_ms:
            pcm = b"".join(self._packets[: self._spoken])
            yield Segment(self._name, self._start_ms, self._end_ms, pcm)
        self._packets, self._spoken = [], 0


async def run(client: RTMSClient, event: bytes, detector: str) -> None:
    """Print the segments of all participants."""
    segmenters: dict[int | str | None, Segmenter] = {}
    started_ms: int | None = None

    def show(segment: Segment) -> None:
        start, end = (
            (time - (started_ms or 0)) / 1000 for time in (segment.start_ms, segment.end_ms)
        )
        samples = array.array("h", segment.pcm)
        loudest = max(map(abs, samples), default=0) / FULL_SCALE
        level = 20 * math.log10(loudest) if loudest else -math.inf
        print(f"{start:7.2f} to {end:6.2f} s  {segment.user_name}, up to {level:.0f} dBFS")

    async with client.stream(parse_started(event)) as stream:
        async for frame in stream.audio():
            started_ms = started_ms or stream.started_ms or frame.timestamp_ms
            if frame.user_id not in segmenters:
                segmenters[frame.user_id] = Segmenter(DETECTORS[detector]())
            for segment in segmenters[frame.user_id].feed(frame):
                show(segment)
        for segmenter in segmenters.values():
            for segment in segmenter.finish():
                show(segment)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Cut audio into segments of speech.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("--detector", choices=DETECTORS, default="energy")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(audio=AudioParams(), network=network)
        asyncio.run(run(client, options.event.read_bytes(), options.detector))
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
