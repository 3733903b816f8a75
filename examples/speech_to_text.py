"""Feed each speaker's audio to a speech recogniser that may be slower than the meeting.

    pip install pocketsphinx
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/speech_to_text.py started.json

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.

Any recogniser that takes audio piece by piece fits: give it the two methods of `Recogniser`.
PocketSphinx is here because it needs neither an account nor a graphics card; it is no match for
newer ones.

The back-pressure: the next packet is taken when the recogniser has finished with the one before.
Until then packets wait in the buffer of the stream, which is bounded. If the recogniser stays
behind, the buffer drops the oldest audio and marks the place; an utterance never goes on across it.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from rtms_client import (
    AudioFrame,
    AudioParams,
    NetworkOptions,
    RTMSClient,
    RTMSError,
    RTMSStream,
    parse_started,
)

PAUSE_MS = 600  # the server sends nothing of a participant who is silent


class Recogniser(Protocol):
    """What is asked of a speech recogniser; it may block, and is called in a thread."""

    def feed(self, pcm: bytes) -> None:
        """Take audio: signed 16 bit, mono, 16 kHz."""
        ...

    def finish(self) -> str:
        """Return the text of the utterance, and be ready for the next one."""
        ...


class PocketSphinx:
    """A recogniser that runs on this machine."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder  # noqa: PLC0415  # other recognisers work without it

        self._decoder = Decoder(samprate=16000, loglevel="FATAL")
        self._decoder.start_utt()

    def feed(self, pcm: bytes) -> None:
        """Take audio."""
        self._decoder.process_raw(pcm)

    def finish(self) -> str:
        """Return the text."""
        self._decoder.end_utt()
        found = self._decoder.hyp()
        self._decoder.start_utt()
        return found.hypstr if found else ""


class Utterance(NamedTuple):
    """What somebody said."""

    user_name: str
    start_ms: int
    text: str


class Speaker:
    """One participant, with a recogniser that hears nobody else."""

    def __init__(self, recogniser: Recogniser, frame: AudioFrame) -> None:
        self._recogniser = recogniser
        self._user_name = frame.user_name or "somebody"
        self._start_ms = self._end_ms = frame.timestamp_ms

    async def feed(self, frame: AudioFrame) -> None:
        """Hear a packet; this is where the recogniser is waited for."""
        self._end_ms = frame.timestamp_ms + frame.format.send_rate_ms
        await asyncio.to_thread(self._recogniser.feed, frame.data)

    def paused(self, frame: AudioFrame) -> bool:
        """Tell whether the utterance is over when somebody's next packet comes."""
        return frame.timestamp_ms - self._end_ms > PAUSE_MS

    async def finish(self) -> Utterance:
        """Return what was said."""
        text = await asyncio.to_thread(self._recogniser.finish)
        return Utterance(self._user_name, self._start_ms, text)


async def transcribe(
    stream: RTMSStream, make: Callable[[], Recogniser]
) -> AsyncIterator[Utterance]:
    """Give the utterances of all speakers, each when it is over."""
    recognisers: dict[int | str | None, Recogniser] = {}
    talking: dict[int | str | None, Speaker] = {}
    async for frame in stream.audio():
        for user_id, speaker in tuple(talking.items()):
            cut = frame.discontinuity and user_id == frame.user_id
            if cut or speaker.paused(frame):
                yield await talking.pop(user_id).finish()
        if frame.user_id not in recognisers:
            recognisers[frame.user_id] = await asyncio.to_thread(make)
        if frame.user_id not in talking:
            talking[frame.user_id] = Speaker(recognisers[frame.user_id], frame)
        await talking[frame.user_id].feed(frame)
    for speaker in talking.values():
        yield await speaker.finish()


async def run(client: RTMSClient, event: bytes) -> None:
    """Print what people say, and what was lost because the recogniser is slow."""
    async with client.stream(parse_started(event)) as stream:
        async for said in transcribe(stream, PocketSphinx):
            print(f"{said.user_name}: {said.text}", flush=True)
        dropped = sum(one.dropped for one in stream.statistics().buffers)
        print(f"{dropped} packets dropped", file=sys.stderr)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Feed a speech recogniser.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(audio=AudioParams(), network=network)
        asyncio.run(run(client, options.event.read_bytes()))
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
