"""Metrics and traces: the numbers of ``statistics()`` under its names, one span for each stream."""

import asyncio
from collections.abc import Iterator, Mapping

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests.integration.support import client_for, info_of, media_ready, until

from rtms_client import (
    AudioParams,
    AuthenticationFailed,
    BufferLimits,
    Buffers,
    MediaType,
    ReconnectPolicy,
    RTMSClient,
    RTMSStream,
    TranscriptParams,
)
from rtms_client.otel import METRICS, instrument
from rtms_client.testing import FakeRTMSServer

NAMES = {metric.name for metric in METRICS}
Point = tuple[tuple[str, object], ...]


class Telescope:
    """What OpenTelemetry saw."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))

    def watch(self, client: RTMSClient) -> RTMSClient:
        """Let the streams of a client be seen."""
        instrument(client, self.meters, self.tracers)
        return client

    def metrics(self) -> dict[str, dict[Point, float]]:
        """Collect, as an exporter does; histograms by the number of their values."""
        data = self._reader.get_metrics_data()
        assert data is not None
        [resource] = data.resource_metrics
        [scope] = resource.scope_metrics
        return {
            metric.name: {
                tuple((point.attributes or {}).items()): (
                    point.value if isinstance(point, NumberDataPoint) else point.count
                )
                for point in metric.data.data_points
            }
            for metric in scope.metrics
        }

    def total(self, name: str) -> float:
        """Return a metric, summed over its attributes."""
        return sum(self.metrics()[name].values())

    def span(self) -> ReadableSpan:
        """Return the only span."""
        [span] = self._exporter.get_finished_spans()
        return span

    def texts(self) -> Iterator[str]:
        """Give everything that leaves the process."""
        for name, values in self.metrics().items():
            yield f"{name} {values}"
        for span in self._exporter.get_finished_spans():
            yield span.to_json()


@pytest.fixture
def telescope() -> Telescope:
    """Return providers that keep everything in memory."""
    return Telescope()


async def watched(
    telescope: Telescope, server: FakeRTMSServer, stream: RTMSStream, frames: int
) -> None:
    """Receive some audio."""
    await media_ready(server, stream)
    for number in range(frames):
        await server.stream.send_audio(bytes(640), timestamp_ms=1790000000000 + 20 * number)
    await until(lambda: telescope.total("rtms.frames") >= frames)


def events(span: ReadableSpan) -> list[tuple[str, Mapping[str, object]]]:
    """Return what happened, without the time it took."""
    timed = {"rtms.delay_s", "rtms.after_s", "rtms.duration_ms"}
    return [
        (
            event.name,
            {key: value for key, value in (event.attributes or {}).items() if key not in timed},
        )
        for event in span.events
    ]


async def test_metrics_are_the_statistics(telescope: Telescope) -> None:
    """Each counter of ``statistics()`` is a metric of the same name and value."""
    async with FakeRTMSServer() as server:
        client = telescope.watch(client_for(server, audio=AudioParams()))
        async with client.stream(info_of(server)) as stream:
            await watched(telescope, server, stream, 5)
            core, seen = stream.statistics().core, telescope.metrics()
            assert seen["rtms.frames"] == {(("rtms.media", "audio"),): 5}
            assert seen["rtms.messages"] == {(): core.messages}
            assert seen["rtms.bytes"] == {(): core.bytes}
            waiting = (("rtms.media", "audio"), ("rtms.consumer", "nobody"))
            assert seen["rtms.buffers.items"][waiting] == 5
            assert 0 <= seen["rtms.buffers.lag_ms"][waiting] < 60_000
            assert seen["rtms.streams"][("rtms.state", "streaming"),] == 1
            assert seen["rtms.joining"] == {(): 1}
            assert NAMES - set(seen) == {
                "rtms.callback_errors",  # no callback
                "rtms.recovery",  # no interruption
                "rtms.streams_ended",
            }


async def test_counters_outlive_streams(telescope: Telescope) -> None:
    """What a stream had counted stays when it is closed; what it held does not."""
    async with FakeRTMSServer() as server:
        client = telescope.watch(client_for(server, audio=AudioParams()))
        async with client.stream(info_of(server)) as stream:
            await watched(telescope, server, stream, 3)
        seen = telescope.metrics()
        assert seen["rtms.frames"] == {(("rtms.media", "audio"),): 3}
        assert seen["rtms.messages"] == {(): stream.statistics().core.messages}
        assert seen["rtms.streams_ended"] == {(): 1}
        assert "rtms.buffers.items" not in seen
        assert set(seen["rtms.streams"].values()) == {0}


async def test_clients_with_one_provider_add_up(telescope: Telescope) -> None:
    """The streams of two clients are in the same metrics: sums, and the highest high water."""
    async with FakeRTMSServer() as first, FakeRTMSServer() as second:
        one, two = (
            telescope.watch(client_for(server, audio=AudioParams())).stream(info_of(server))
            for server in (first, second)
        )
        async with one, two:
            await watched(telescope, first, one, 2)
            await watched(telescope, second, two, 3)
            await until(lambda: telescope.total("rtms.frames") == 5)
            seen = telescope.metrics()
    waiting = (("rtms.media", "audio"), ("rtms.consumer", "nobody"))
    assert seen["rtms.buffers.items"][waiting] == 5
    assert seen["rtms.buffers.high_water_items"][waiting] == 3
    assert seen["rtms.streams"][("rtms.state", "streaming"),] == 2


async def test_span_of_an_interrupted_stream(telescope: Telescope) -> None:
    """The span tells of the loss, the try, the return and the end."""
    async with FakeRTMSServer() as server:
        client = telescope.watch(
            client_for(
                server,
                audio=AudioParams(),
                transcript=TranscriptParams(),
                reconnect=ReconnectPolicy(jitter=0.0, first_delay_s=0.01),
            )
        )
        async with client.stream(info_of(server)) as stream:
            await watched(telescope, server, stream, 1)
            server.stream.drop("audio")
            await until(lambda: stream.statistics().core.reconnects == 1)
            await until(lambda: server.stream.takers(MediaType.AUDIO))
            await server.stream.send_audio(bytes(640), timestamp_ms=1790000009000)
            await until(lambda: telescope.total("rtms.gaps") == 1)
        stream_id = stream.info.stream_id
    span = telescope.span()
    assert (span.name, span.kind, span.status.status_code) == (
        "rtms.stream",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    assert span.attributes == {
        "rtms.stream_id": stream_id,
        "rtms.product": "meeting",
        "rtms.frames.audio": 2,
        "rtms.frames.transcript": 0,
    }
    assert events(span) == [
        ("joined", {}),
        ("interrupted", {"rtms.media": "audio", "error.type": "ConnectionLost"}),
        (
            "reconnect_scheduled",
            {"rtms.media": "audio", "rtms.attempt": 1, "error.type": "ConnectionLost"},
        ),
        ("resumed", {"rtms.media": "audio", "rtms.attempts": 1}),
        ("gap", {"rtms.cause": "lost", "rtms.media": "audio"}),
        ("ended", {}),
    ]
    seen = telescope.metrics()
    assert seen["rtms.recovery"] == {(("rtms.media", "audio"),): 1}
    for name in ("interruptions", "reconnects", "reconnect_attempts", "gaps"):
        assert seen[f"rtms.{name}"] == {(): 1}


async def test_buffer_that_drops(telescope: Telescope) -> None:
    """The beginning of an episode of drops is an event, and the drops are counted."""
    small = Buffers(audio=BufferLimits(max_items=3, max_bytes=100_000))
    async with FakeRTMSServer() as server:
        client = telescope.watch(client_for(server, audio=AudioParams(), buffers=small))
        async with client.stream(info_of(server)) as stream:
            await watched(telescope, server, stream, 8)
    assert events(telescope.span())[1:-1] == [
        ("gap", {"rtms.cause": "dropped", "rtms.media": "audio", "rtms.consumer": "nobody"})
    ]
    dropped = telescope.metrics()["rtms.buffers.dropped"]
    assert dropped[("rtms.media", "audio"), ("rtms.consumer", "nobody")] == 5


async def test_stream_that_cannot_be_joined(telescope: Telescope) -> None:
    """A refusal is the status of the span, by its type, and an end with an error."""
    async with FakeRTMSServer(client_secret="another") as server:
        client = telescope.watch(client_for(server, audio=AudioParams()))
        with pytest.raises(AuthenticationFailed):
            await client.stream(info_of(server)).open()
    span = telescope.span()
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        "AuthenticationFailed",
    )
    assert events(span) == [("ended", {})]
    assert telescope.metrics()["rtms.streams_ended"] == {
        (("error.type", "AuthenticationFailed"),): 1
    }


async def test_stop_reason(telescope: Telescope) -> None:
    """Why the server ended a stream is in the span."""
    async with FakeRTMSServer() as server:
        client = telescope.watch(client_for(server, audio=AudioParams()))
        async with client.stream(info_of(server)) as stream:
            await media_ready(server, stream)
            await server.stream.terminate()
            await stream.wait_ended()
    assert (telescope.span().attributes or {})["rtms.stop_reason"] == "MEETING_ENDED"


async def test_open_streams_are_seen_too(telescope: Telescope) -> None:
    """A stream that was open before is counted from its beginning."""
    async with FakeRTMSServer() as server:
        client = client_for(server, audio=AudioParams())
        async with client.stream(info_of(server)) as stream:
            await media_ready(server, stream)
            await server.stream.send_audio(bytes(640))
            telescope.watch(client)
            await until(lambda: telescope.total("rtms.frames") == 1)
    assert events(telescope.span()) == [("ended", {})]


async def test_callback_that_raises(telescope: Telescope) -> None:
    """Errors of callbacks are counted by the name of the function."""

    async def fails(_: object, __: RTMSStream) -> None:
        raise ValueError("no good")

    async with FakeRTMSServer() as server:
        client = telescope.watch(client_for(server, audio=AudioParams()))
        client.on_audio(fails)
        async with client.stream(info_of(server)) as stream:
            await watched(telescope, server, stream, 2)
            await until(lambda: telescope.total("rtms.callback_errors") == 2)
    [((key, name),)] = telescope.metrics()["rtms.callback_errors"]
    assert key == "rtms.callback"
    assert str(name).endswith("test_callback_that_raises.<locals>.fails")


async def test_collecting_in_another_thread(telescope: Telescope) -> None:
    """An exporter may ask at any time and from its own thread."""
    async with FakeRTMSServer() as server:
        client = telescope.watch(client_for(server, audio=AudioParams()))
        async with client.stream(info_of(server)) as stream:
            await watched(telescope, server, stream, 4)
            seen = await asyncio.to_thread(telescope.metrics)
    assert seen["rtms.frames"] == {(("rtms.media", "audio"),): 4}


async def test_without_a_provider() -> None:
    """While OpenTelemetry is not set up, nothing is measured, and nothing breaks."""
    async with FakeRTMSServer() as server:
        client = client_for(server, audio=AudioParams())
        instrument(client)
        async with client.stream(info_of(server)) as stream:
            await media_ready(server, stream)
        assert stream.error is None


async def test_instrumenting_twice(telescope: Telescope) -> None:
    """A second call changes nothing: each stream counts once, and has one span."""
    async with FakeRTMSServer() as server:
        client = telescope.watch(telescope.watch(client_for(server, audio=AudioParams())))
        async with client.stream(info_of(server)):
            assert telescope.metrics()["rtms.joining"] == {(): 1}
    assert telescope.metrics()["rtms.streams_ended"] == {(): 1}
