"""The table of metrics: one name everywhere, and what OpenTelemetry's exporters make of it."""

import gc
import importlib.util
import json
import re
import sys
import weakref
from pathlib import Path

import attrs
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

from rtms_client import otel
from rtms_client._runtime.buffers import BufferStatistics
from rtms_client.client import RTMSClient
from rtms_client.exceptions import MissingExtra
from rtms_client.protocol import CoreStatistics
from rtms_client.stream import StreamStatistics

DASHBOARD = Path(__file__).parents[2] / "docs/grafana-dashboard.json"
BY_NAME = {metric.name: metric for metric in otel.METRICS}
SPECIAL = {"rtms.streams", "rtms.streams_ended", "rtms.joining", "rtms.recovery"}


def test_every_counter_of_a_stream_is_a_metric() -> None:
    """What ``statistics()`` has under one name is a metric under the same name."""
    fields = {f"rtms.{name}" for name in attrs.fields_dict(CoreStatistics)}
    fields |= {f"rtms.buffers.{name}" for name in attrs.fields_dict(BufferStatistics)}
    fields |= {f"rtms.{name}" for name in attrs.fields_dict(StreamStatistics)}
    fields -= {"rtms.core", "rtms.buffers", "rtms.buffers.medium", "rtms.buffers.consumer"}
    fields.remove("rtms.buffers.blocked_at")  # a text
    assert set(BY_NAME) - SPECIAL == fields


def exported() -> dict[str, tuple[str, set[str]]]:
    """Return what Prometheus would see, by the name of a metric: type and labels."""
    registry = CollectorRegistry()
    meters = MeterProvider([PrometheusMetricReader(registry=registry, scope_info_enabled=False)])
    meter = meters.get_meter("test")
    for metric in otel.METRICS:
        labels = dict.fromkeys(metric.attributes, "x")
        if metric.kind == "counter":
            meter.create_counter(metric.name, metric.unit).add(1, labels)
        elif metric.kind == "gauge":
            meter.create_gauge(metric.name, metric.unit).set(1, labels)
        else:
            meter.create_histogram(metric.name, metric.unit).record(1, labels)
    return {
        family.name + "_total" * (family.type == "counter"): (
            family.type,
            set(family.samples[0].labels) - {"le"},
        )
        for family in registry.collect()
        if family.name != "target"
    }


def test_names_in_prometheus() -> None:
    """The names that the documentation gives for Prometheus are those of its exporter."""
    assert exported() == {
        metric.prometheus_name: (metric.kind, {key.replace(".", "_") for key in metric.attributes})
        for metric in otel.METRICS
    }


def queries() -> list[str]:
    """Return every query of the dashboard."""
    board = json.loads(DASHBOARD.read_text("utf-8"))
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    found += [
        variable["query"]["query"]
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]
    return found


def test_dashboard_asks_for_what_there_is() -> None:
    """Each query of the dashboard names metrics that exist, and labels that they have."""
    seen = exported()
    series = {
        name: labels
        for base, (kind, labels) in seen.items()
        for name in ([f"{base}_bucket", f"{base}_count"] if kind == "histogram" else [base])
    }
    usual = {"le", "job", "instance"}
    for query in queries():
        names = set(re.findall(r"\brtms_\w+", query)) & set(series)
        labels = {label for name in names for label in series[name]}
        assert names, query
        assert set(re.findall(r"\brtms_\w+|\berror_type\b", query)) <= names | labels, query
        grouped = " ".join(re.findall(r"by \(([^)]*)\)", query)).replace(",", " ").split()
        assert set(grouped) <= labels | usual, query


def test_dashboard_shows_every_metric() -> None:
    """There is no metric that the dashboard leaves out without a reason."""
    text = " ".join(queries())
    quiet = {"rtms.keep_alives", "rtms.messages", "rtms.buffers.bytes"}
    quiet |= {"rtms.buffers.high_water_bytes"}
    quiet |= {"rtms.buffers.longest_wait_ms", "rtms.buffers.episodes"}  # beside lag and drops
    missing = {name for name in BY_NAME if BY_NAME[name].prometheus_name not in text}
    assert missing == quiet


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenTelemetry the import says which extra to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    spec = importlib.util.spec_from_file_location("rtms_client.otel", otel.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(MissingExtra, match=r"pip install 'rtms_client\[otel\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_client_without_streams() -> None:
    """The metrics of a client that has joined nothing are there, and zero."""
    registry = CollectorRegistry()
    otel.instrument(
        RTMSClient("id", "secret"), MeterProvider([PrometheusMetricReader(registry=registry)])
    )
    [streams] = [family for family in registry.collect() if family.name == "rtms_streams"]
    assert {sample.value for sample in streams.samples} == {0.0}


def test_a_provider_that_is_given_up() -> None:
    """Metrics do not keep it alive, nor the client, once nobody else has them."""
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    client = RTMSClient("id", "secret")
    otel.instrument(client, provider)
    known, user = weakref.ref(provider), weakref.ref(client)
    provider.shutdown()
    del provider, client
    gc.collect()
    assert (known(), user()) == (None, None)
