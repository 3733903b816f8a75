"""The thread with an event loop: whoever starts or ends it waits for something that happens."""

import asyncio
import pickle
import threading
from typing import Any

import pytest

from rtms_client._runtime.background import BackgroundOver, BackgroundThread
from rtms_client.exceptions import InvalidState


class Context:
    """Entered when it may be; fails when it should."""

    def __init__(self, *, enter: Exception | None = None, leave: Exception | None = None) -> None:
        self.may_enter = threading.Event()
        self.entering = threading.Event()
        self._enter, self._leave = enter, leave

    async def __aenter__(self) -> None:
        self.entering.set()
        await asyncio.to_thread(self.may_enter.wait, 5)
        if self._enter is not None:
            raise self._enter

    async def __aexit__(self, *_: object) -> None:
        if self._leave is not None:
            raise self._leave


def run(work: Any) -> threading.Thread:  # noqa: ANN401  # anything that can be called
    """Do something that may take for ever in a thread that nobody has to wait for."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def failure_of(background: BackgroundThread) -> BaseException | None:
    """Start a thread and return what that raises."""
    raised: list[BaseException] = []

    def start() -> None:
        try:
            background.start()
        except OSError as error:
            raised.append(error)

    run(start).join(5)
    return raised[0] if raised else None


def test_context_that_cannot_be_entered() -> None:
    """Whatever entering raises, starting raises, and nothing is left."""
    context = Context(enter=OSError("no"))
    context.may_enter.set()
    background = BackgroundThread(context, "background")
    assert str(failure_of(background)) == "no"
    assert "background" not in {thread.name for thread in threading.enumerate()}


def test_no_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without files to make an event loop of, starting fails."""

    def fail() -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio, "new_event_loop", fail)
    background = BackgroundThread(Context(), "background")
    assert str(failure_of(background)) == "too many open files"


def test_context_that_cannot_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaving raises goes where exceptions of threads go, and closing returns."""
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    context = Context(leave=ZeroDivisionError("why"))
    context.may_enter.set()
    background = BackgroundThread(context, "background")
    background.start()
    closing = run(background.close)
    closing.join(5)
    assert not closing.is_alive()
    assert [str(one.exc_value) for one in told] == ["why"]


def test_closed_while_it_starts() -> None:
    """Closing waits for the start that is under way, and then for the end."""
    context = Context()
    background = BackgroundThread(context, "background")
    starting = run(background.start)
    assert context.entering.wait(5)
    closing = run(background.close)
    closing.join(0.01)
    context.may_enter.set()
    closing.join(5)
    starting.join(5)
    assert not closing.is_alive()
    assert not background.running


def test_error_crosses_to_other_processes() -> None:
    """The error of a thread that is over can be pickled like all others."""

    async def nothing() -> None:
        """Do nothing."""

    with pytest.raises(BackgroundOver) as caught:
        BackgroundThread(Context(), "background").call(nothing)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own
    assert isinstance(copy, InvalidState)
    assert str(copy) == str(caught.value)
