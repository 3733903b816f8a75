"""Metrics and traces by OpenTelemetry; needs the extra ``otel``.

`instrument` is all there is to call. Metrics are named after the fields of ``stream.statistics()``
with ``rtms.`` in front, and each stream is one span. Neither holds names, texts, media or secrets;
only spans hold the stream id, so that the number of metrics stays small.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from weakref import WeakKeyDictionary, WeakSet

import attrs
from typing_extensions import override

from rtms_client._runtime.buffers import key_name
from rtms_client.enums import MediaType
from rtms_client.events import Gap, ReconnectScheduled, StreamInterrupted, StreamResumed
from rtms_client.exceptions import MissingExtra
from rtms_client.protocol import Phase
from rtms_client.stream import StreamObserver

try:
    from opentelemetry import metrics, trace
except ImportError as _error:
    raise MissingExtra("rtms_client.otel", "opentelemetry-api", "otel") from _error

if TYPE_CHECKING:
    from rtms_client.client import RTMSClient
    from rtms_client.events import SessionEvent
    from rtms_client.stream import RTMSStream, StreamStatistics

__all__ = ["METRICS", "Metric", "instrument"]

_Attributes: TypeAlias = tuple[tuple[str, str], ...]
_Values: TypeAlias = dict[_Attributes, float]
_Read: TypeAlias = "Callable[[StreamStatistics], Iterable[tuple[_Attributes, float]]]"
Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

_BUFFER: Final = ("rtms.media", "rtms.consumer")
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 65.0)


@attrs.frozen(kw_only=True)
class Metric:
    """One metric, as the documentation, the dashboard and OpenTelemetry know it."""

    name: str
    kind: Kind
    unit: str
    """In the notation of UCUM; empty when the name says it."""
    source: str
    """Where the value comes from: a field of ``stream.statistics()``, or an event."""
    help: str
    attributes: tuple[str, ...] = ()
    """Keys of the attributes."""
    widest: bool = False
    """Whether several streams make the highest value, not the sum."""

    @property
    def prometheus_name(self) -> str:
        """What OpenTelemetry's exporter for Prometheus makes of the name."""
        name = self.name.replace(".", "_")
        suffix = {"By": "_bytes", "s": "_seconds"}.get(self.unit, "")
        if not name.endswith(suffix):
            name += suffix
        return f"{name}_total" if self.kind == "counter" else name


def _core(field: str, unit: str, text: str, *attributes: str) -> Metric:
    return Metric(
        name=f"rtms.{field}",
        kind="counter",
        unit=unit,
        source=f"core.{field}",
        help=text,
        attributes=attributes,
    )


def _buffer(field: str, unit: str, text: str, *, widest: bool = False) -> Metric:
    return Metric(
        name=f"rtms.buffers.{field}",
        kind="counter" if field in {"dropped", "episodes"} else "gauge",
        unit=unit,
        source=f"buffers[].{field}",
        help=text,
        attributes=_BUFFER,
        widest=widest,
    )


METRICS: Final[tuple[Metric, ...]] = (
    _core("messages", "{message}", "Messages received, of any kind."),
    _core("bytes", "By", "Bytes of these messages."),
    _core("frames", "{frame}", "Frames delivered to the buffers.", "rtms.media"),
    _core("keep_alives", "{message}", "Keep-alives answered."),
    _core("unrecognized", "{message}", "Messages that nobody could interpret."),
    _core("unrequested", "{message}", "Media that came although they were not asked for."),
    _core("duplicates", "{frame}", "Frames that the server sent a second time."),
    _core("interruptions", "{interruption}", "Connections that broke."),
    _core("reconnects", "{reconnect}", "Connections that came back."),
    _core("reconnect_attempts", "{attempt}", "Tries to bring a connection back."),
    _core("restarts", "{restart}", "Streams that the server ended and that were started again."),
    _core("gaps", "{gap}", "Places where items are missing for everybody."),
    _core("flaws", "{frame}", "Frames with a defect, delivered all the same.", "rtms.flaw"),
    _buffer("items", "{item}", "Items waiting for their consumer."),
    _buffer("bytes", "By", "Bytes waiting for their consumer."),
    _buffer("high_water_items", "{item}", "Most items that ever waited.", widest=True),
    _buffer("high_water_bytes", "By", "Most bytes that ever waited.", widest=True),
    _buffer("lag_ms", "", "How long the oldest item has been waiting.", widest=True),
    _buffer("longest_wait_ms", "", "Longest wait of any item.", widest=True),
    _buffer("dropped", "{item}", "Items dropped because a consumer was too slow."),
    _buffer("episodes", "{episode}", "How often a buffer got full."),
    Metric(
        name="rtms.callback_errors",
        kind="counter",
        unit="{error}",
        source="callback_errors",
        help="How often callbacks raised.",
        attributes=("rtms.callback",),
    ),
    Metric(
        name="rtms.streams",
        kind="gauge",
        unit="{stream}",
        source="client.streams, stream.state",
        help="Open streams.",
        attributes=("rtms.state",),
    ),
    Metric(
        name="rtms.streams_ended",
        kind="counter",
        unit="{stream}",
        source="stream.error",
        help="Streams that ended, or could not be joined; no error.type after a normal end.",
        attributes=("error.type",),
    ),
    Metric(
        name="rtms.joining",
        kind="histogram",
        unit="s",
        source="stream.open()",
        help="Time from opening a stream until it was joined.",
    ),
    Metric(
        name="rtms.recovery",
        kind="histogram",
        unit="s",
        source="StreamResumed.after_s",
        help="Time from the loss of a connection until it was back.",
        attributes=("rtms.media",),
    ),
)
"""Every metric there is."""


def _media(medium: MediaType | None) -> str:
    return "signaling" if medium is None else key_name(medium)


def _read_core(field: str) -> _Read:
    return lambda statistics: [((), getattr(statistics.core, field))]


def _read_frames(statistics: "StreamStatistics") -> Iterator[tuple[_Attributes, float]]:
    for medium, count in statistics.core.frames.items():
        yield (("rtms.media", key_name(medium)),), count


def _read_flaws(statistics: "StreamStatistics") -> Iterator[tuple[_Attributes, float]]:
    for flaw, count in attrs.asdict(statistics.core.flaws).items():
        yield (("rtms.flaw", flaw),), count


def _read_buffers(field: str) -> _Read:
    return lambda statistics: [
        (
            (("rtms.media", one.medium), ("rtms.consumer", one.consumer)),
            getattr(one, field),
        )
        for one in statistics.buffers
    ]


def _read_callback_errors(statistics: "StreamStatistics") -> Iterator[tuple[_Attributes, float]]:
    for callback, count in statistics.callback_errors.items():
        yield (("rtms.callback", callback),), count


_SPECIAL: Final[Mapping[str, _Read]] = {
    "core.frames": _read_frames,
    "core.flaws": _read_flaws,
    "callback_errors": _read_callback_errors,
}


def _readers() -> Iterator[tuple[Metric, _Read]]:
    """Find how the metrics are read that come from ``statistics()``."""
    for metric in METRICS:
        where, _, field = metric.source.rpartition(".")
        if metric.source in _SPECIAL:
            yield metric, _SPECIAL[metric.source]
        elif where == "core":
            yield metric, _read_core(field)
        elif where == "buffers[]":
            yield metric, _read_buffers(field)


_READERS: Final = tuple(_readers())


def _add(values: _Values, metric: Metric, found: Iterable[tuple[_Attributes, float]]) -> None:
    for key, value in found:
        before = values.get(key, 0)
        values[key] = max(before, value) if metric.widest else before + value


class _Meters:
    """The instruments of one provider, which all its clients share.

    A name can be registered once, so that two clients cannot have instruments of their own.
    """

    def __init__(self, provider: metrics.MeterProvider) -> None:
        meter = provider.get_meter("rtms_client", metadata.version("rtms_client"))
        self.clients: WeakSet[RTMSClient] = WeakSet()
        self._lock = threading.Lock()  # exporters ask in threads of theirs
        self._live: dict[int, RTMSStream] = {}
        self._past: dict[str, _Values] = {metric.name: {} for metric in METRICS}
        self._snapshot: dict[str, _Values] = {}
        names = {metric.name: metric for metric in METRICS}
        for metric, _ in _READERS:
            self._create(meter, metric)
        self._create(meter, names["rtms.streams"])
        self._create(meter, names["rtms.streams_ended"])
        self.joining = self._histogram(meter, names["rtms.joining"])
        self.recovery = self._histogram(meter, names["rtms.recovery"])

    def _create(self, meter: metrics.Meter, metric: Metric) -> None:
        create = (
            meter.create_observable_counter
            if metric.kind == "counter"
            else meter.create_observable_gauge
        )
        create(metric.name, [lambda _: self._observe(metric.name)], metric.unit, metric.help)

    @staticmethod
    def _histogram(meter: metrics.Meter, metric: Metric) -> metrics.Histogram:
        return meter.create_histogram(
            metric.name,
            metric.unit,
            metric.help,
            explicit_bucket_boundaries_advisory=_SECONDS,
        )

    def opened(self, stream: "RTMSStream") -> None:
        """Count a stream from now on."""
        with self._lock:
            self._live[id(stream)] = stream

    def closed(self, stream: "RTMSStream") -> None:
        """Keep what a stream had counted."""
        statistics = stream.statistics()
        with self._lock:
            del self._live[id(stream)]
            for metric, read in _READERS:
                if metric.kind == "counter":
                    _add(self._past[metric.name], metric, read(statistics))
            ended = self._past["rtms.streams_ended"]
            key = (("error.type", type(stream.error).__name__),) if stream.error else ()
            ended[key] = ended.get(key, 0) + 1

    def _observe(self, name: str) -> list[metrics.Observation]:
        """Return the values of a metric; one snapshot serves each metric once."""
        with self._lock:
            if name not in self._snapshot:
                self._snapshot = self._look()
            values = self._snapshot.pop(name)
        return [metrics.Observation(value, dict(key)) for key, value in values.items()]

    def _look(self) -> dict[str, _Values]:
        found = {name: dict(values) for name, values in self._past.items()}
        states = found["rtms.streams"]
        states.update({(("rtms.state", phase.name.lower()),): 0 for phase in Phase})
        for stream in self._live.values():
            statistics = stream.statistics()
            for metric, read in _READERS:
                _add(found[metric.name], metric, read(statistics))
            states[("rtms.state", stream.state.name.lower()),] += 1
        return found


_METERS: Final[WeakKeyDictionary[metrics.MeterProvider, _Meters]] = WeakKeyDictionary()


class _Watch(StreamObserver):
    """Follows one stream with a span, and counts what statistics do not."""

    def __init__(self, stream: "RTMSStream", meters: _Meters, tracer: trace.Tracer) -> None:
        self._stream = stream
        self._meters = meters
        self._began = time.monotonic()
        self._span = tracer.start_span(
            "rtms.stream",
            kind=trace.SpanKind.CLIENT,
            attributes={
                "rtms.stream_id": stream.info.stream_id,
                "rtms.product": stream.info.product.name.lower(),
            },
        )
        meters.opened(stream)

    @override
    def joined(self) -> None:
        self._meters.joining.record(time.monotonic() - self._began)
        self._span.add_event("joined")

    @override
    def event(self, event: "SessionEvent") -> None:
        match event:
            case StreamInterrupted(media=media, cause=cause):
                attributes = {"error.type": type(cause).__name__}
                self._span.add_event("interrupted", {"rtms.media": _media(media), **attributes})
            case ReconnectScheduled(media=media, attempt=attempt, delay_s=delay_s, cause=cause):
                self._span.add_event(
                    "reconnect_scheduled",
                    {
                        "rtms.media": _media(media),
                        "rtms.attempt": attempt,
                        "rtms.delay_s": delay_s,
                        "error.type": type(cause).__name__,
                    },
                )
            case StreamResumed(media=media, attempts=attempts, after_s=after_s):
                self._meters.recovery.record(after_s, {"rtms.media": _media(media)})
                self._span.add_event(
                    "resumed",
                    {
                        "rtms.media": _media(media),
                        "rtms.attempts": attempts,
                        "rtms.after_s": after_s,
                    },
                )
            case Gap():
                self._span.add_event("gap", _gap_attributes(event))
            case _:
                pass

    @override
    def closed(self) -> None:
        stream, span = self._stream, self._span
        self._meters.closed(stream)
        for medium, count in stream.statistics().core.frames.items():
            span.set_attribute(f"rtms.frames.{key_name(medium)}", count)
        if stream.stop_reason is not None:
            span.set_attribute("rtms.stop_reason", stream.stop_reason.name)
        if stream.error is not None:
            span.set_attribute("error.type", type(stream.error).__name__)
            span.set_status(trace.StatusCode.ERROR, type(stream.error).__name__)
        span.add_event("ended")
        span.end()


def _gap_attributes(gap: Gap) -> dict[str, str | int]:
    """Describe a gap; whose it is stays out."""
    facts: dict[str, str | int | None] = {
        "rtms.cause": gap.cause.value,
        "rtms.media": None if gap.media is None else key_name(gap.media),
        "rtms.consumer": gap.consumer,
        "rtms.duration_ms": gap.duration_ms,
    }
    return {name: value for name, value in facts.items() if value is not None}


def instrument(
    client: "RTMSClient",
    meter_provider: metrics.MeterProvider | None = None,
    tracer_provider: trace.TracerProvider | None = None,
) -> None:
    """Make metrics and traces of the streams of a client, those that are open included.

    Call it for each client, after the providers are set up; once is enough, and a second call with
    the same provider of metrics changes nothing. The metrics of all clients with
    the same provider are one; for metrics apart, give each a provider of its own. A span begins
    with the opening of a stream, in the context of that place, and ends with its closing.

    Args:
        client: Whose streams.
        meter_provider: Takes the metrics; `None` means OpenTelemetry's global one.
        tracer_provider: Takes the spans; `None` means OpenTelemetry's global one.
    """
    provider = meter_provider or metrics.get_meter_provider()
    meters = _METERS.get(provider)
    if meters is None:
        meters = _METERS[provider] = _Meters(provider)
    if client in meters.clients:  # its streams would count twice
        return
    meters.clients.add(client)
    tracer = (tracer_provider or trace.get_tracer_provider()).get_tracer(
        "rtms_client", metadata.version("rtms_client")
    )
    client.observe(lambda stream: _Watch(stream, meters, tracer))
