"""Let a Zoom meeting be the input of a Pipecat pipeline.

    pip install pipecat-ai
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/pipecat_source.py started.json

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.

`RTMSInput` stands at the beginning of a pipeline, where other transports have their input. It gives
audio of each participant as `UserAudioRawFrame`, and Zoom's transcript, if it was asked for, as
`TranscriptionFrame`, so that a bot needs no speech recognition of its own. RTMS only listens: what
a bot says must go back to the meeting some other way.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    EndWorkerFrame,
    Frame,
    StartFrame,
    TranscriptionFrame,
    UserAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner
from typing_extensions import override

from rtms_client import (
    AudioFrame,
    AudioParams,
    NetworkOptions,
    RTMSClient,
    RTMSError,
    RTMSStarted,
    StreamItem,
    TranscriptParams,
    TranscriptSegment,
    parse_started,
)

RATE_HZ = 16000  # what `AudioParams()` asks for


class RTMSInput(BaseInputTransport):
    """Joins a stream when the pipeline starts, and ends the pipeline with the meeting.

    Args:
        client: Asks for audio, transcript, or both.
        started: The webhook of the stream.
    """

    def __init__(self, client: RTMSClient, started: RTMSStarted) -> None:
        super().__init__(TransportParams(audio_in_enabled=True, audio_in_sample_rate=RATE_HZ))
        self._client = client
        self._started = started
        self._reading: asyncio.Task[None] | None = None

    @override
    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._reading = self.create_task(self._read())

    @override
    async def stop(self, frame: EndFrame) -> None:
        await self._leave()
        await super().stop(frame)

    @override
    async def cancel(self, frame: CancelFrame) -> None:
        await self._leave()
        await super().cancel(frame)

    async def _leave(self) -> None:
        if self._reading is not None:
            await self.cancel_task(self._reading)
            self._reading = None

    async def _read(self) -> None:
        try:
            async with self._client.stream(self._started) as stream:
                async for item in stream:
                    await self._pass_on(item)
        except RTMSError as error:
            await self.push_error(str(error), error)
        await self.push_frame(EndWorkerFrame())  # behind everything that was pushed

    async def _pass_on(self, item: StreamItem) -> None:
        match item:
            case AudioFrame():
                frame = UserAudioRawFrame(
                    audio=item.data,
                    sample_rate=item.format.sample_rate_hz,
                    num_channels=item.format.channels,
                    user_id=str(item.user_id),
                )
                frame.transport_source = item.user_name
                await self.push_frame(frame)
            case TranscriptSegment():
                said_at = datetime.fromtimestamp(item.timestamp_ms / 1000, UTC)
                await self.push_frame(
                    TranscriptionFrame(
                        item.text, str(item.user_id), said_at.isoformat(), finalized=True
                    )
                )
            case _:
                pass  # participants, gaps and so on: see rtms_client.events


class Printer(FrameProcessor):
    """Stands for the rest of a pipeline."""

    def __init__(self) -> None:
        super().__init__()
        self._audio_s = 0.0

    @override
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case UserAudioRawFrame():
                self._audio_s += frame.num_frames / frame.sample_rate
            case TranscriptionFrame():
                print(f"{frame.user_id}: {frame.text}", flush=True)
            case EndFrame():
                print(f"{self._audio_s:.1f} s of audio", flush=True)
            case _:
                pass
        await self.push_frame(frame, direction)


async def run(client: RTMSClient, event: bytes) -> None:
    """Run a pipeline until the meeting ends."""
    worker = PipelineWorker(
        Pipeline([RTMSInput(client, parse_started(event)), Printer()]),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ),
    )
    runner = WorkerRunner()
    await runner.add_workers(worker)
    await runner.run()


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Feed a Pipecat pipeline from a meeting.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(
            audio=AudioParams(), transcript=TranscriptParams(), network=network
        )
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    asyncio.run(run(client, options.event.read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
