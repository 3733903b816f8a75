"""Observers: told in order, and unable to disturb the stream."""

import logging

import pytest
from typing_extensions import override

from rtms_client._runtime.hooks import Observers, StreamObserver
from rtms_client._runtime.log import stream_log
from rtms_client.events import Gap, GapCause, SessionEvent

GAP = Gap(media=None, cause=GapCause.PAUSED)


class Notes(StreamObserver):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    @override
    def event(self, event: SessionEvent) -> None:
        self.told.append(event)

    @override
    def closed(self) -> None:
        self.told.append("closed")


class Clumsy(StreamObserver):
    """Cannot take an event."""

    @override
    def event(self, event: SessionEvent) -> None:
        raise ValueError("no good")


def test_observers_are_told() -> None:
    """Each observer is told of everything; what it does not override does nothing."""
    first, second = Notes(), Notes()
    observers = Observers(stream_log("stream"))
    observers.add(lambda: first)
    observers.add(lambda: second)
    observers.tell(lambda one: one.joined())
    observers.event(GAP)
    observers.tell(lambda one: one.closed())
    assert first.told == second.told == [GAP, "closed"]


def test_observer_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """What an observer raises is logged with the stream, and the others are told all the same."""
    notes = Notes()
    observers = Observers(stream_log("stream"))
    observers.add(Clumsy)
    observers.add(lambda: notes)
    observers.event(GAP)
    assert notes.told == [GAP]
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.ERROR,
        "an observer raised; the stream goes on",
    )
    assert vars(record)["rtms_stream_id"] == "stream"


def test_observer_that_cannot_be_made(caplog: pytest.LogCaptureFixture) -> None:
    """The stream is opened without it."""

    def make() -> StreamObserver:
        raise ValueError("no good")

    observers = Observers(stream_log("stream"))
    observers.add(make)
    observers.event(GAP)
    assert len(caplog.records) == 1
