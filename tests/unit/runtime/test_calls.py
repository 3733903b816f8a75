"""Calls into an event loop: their outcomes, and interrupts at any moment."""

import asyncio
import concurrent.futures
import gc
import random
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any, cast

import pytest

from rtms_client._runtime.background import BackgroundThread
from rtms_client._runtime.calls import Call, Outcome
from rtms_client._runtime.scope import TaskScope
from rtms_client.exceptions import InvalidState


class Context:
    """Something that can be entered."""

    async def __aenter__(self) -> None:
        """Do nothing."""

    async def __aexit__(self, *_: object) -> None:
        """Do nothing."""


@pytest.fixture
def background() -> Iterator[BackgroundThread]:
    """Run a thread with an event loop."""
    thread = BackgroundThread(Context(), "background")
    thread.start()
    yield thread
    thread.close()


async def echo(value: int) -> int:
    """Return a number, some time."""
    await asyncio.sleep(0)
    return value


def test_an_outcome_is_final() -> None:
    """Whatever is handed over later changes nothing, and one may look at it again."""
    outcome = Outcome[int]()
    outcome.finish(1)
    outcome.finish(error=ValueError("late"))
    assert outcome.done
    assert [outcome.wait(), outcome.wait()] == [1, 1]


def test_an_outcome_in_another_thread() -> None:
    """Who waits goes on when it comes."""
    outcome = Outcome[int]()
    timer = threading.Timer(0.01, outcome.finish, (2,))
    timer.start()
    assert outcome.wait() == 2
    timer.join()


def test_no_coroutine_function(background: BackgroundThread) -> None:
    """What cannot even be begun is an error like any other."""
    with pytest.raises(TypeError, match="await"):
        background.call(cast("Any", lambda: 1))
    with pytest.raises(TypeError, match="argument"):
        background.call(echo)
    assert background.call(echo, 3) == 3


def test_a_call_cancels_itself(background: BackgroundThread) -> None:
    """There is no result then; the thread has not ended."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(concurrent.futures.CancelledError):
        background.call(give_up)
    assert background.call(echo, 4) == 4


def test_a_failed_call_keeps_nothing(background: BackgroundThread) -> None:
    """The error, which holds the frames of its traceback, is held by none of them."""

    async def fail() -> None:
        raise ValueError

    class Local:
        """A local variable of who calls."""

    def user() -> weakref.ref[Local]:
        local = Local()
        with pytest.raises(ValueError, match=r"^$"):
            background.call(fail)
        return weakref.ref(local)

    gc.collect()
    gc.disable()
    try:
        kept = user()
        background.call(echo, 5)  # the loop has let go of the failed one by then
        assert kept() is None
    finally:
        gc.enable()


def test_waiting_in_the_thread_itself(background: BackgroundThread) -> None:
    """It would wait for ever, so it is refused, whatever waits."""

    async def wait() -> None:
        background.wait(Call(echo, 6))

    with pytest.raises(InvalidState, match="its own thread"):
        background.call(wait)


def test_a_call_runs_once(background: BackgroundThread) -> None:
    """Waiting again begins nothing again, and a cancelled call never begins."""
    call = Call(echo, 4)
    assert [background.wait(call), background.wait(call)] == [4, 4]
    other = Call(echo, 5)
    other.cancel()
    running: set[Call[Any]] = set()
    background.ask(lambda: other.begin(TaskScope("none", print), running))
    assert not running


def test_a_call_that_runs_is_cancelled(background: BackgroundThread) -> None:
    """Its function ends at once, and who waits hears of it."""
    begun = threading.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    call = Call(wait)

    def cancel() -> None:
        assert begun.wait(5)
        background.tell(call.cancel)

    other = threading.Thread(target=cancel)
    other.start()
    with pytest.raises(concurrent.futures.CancelledError):
        background.wait(call)
    other.join()


class Interrupt(BaseException):
    """What a signal handler raises, like `KeyboardInterrupt`."""


@pytest.mark.skipif(sys.gettrace() is not None, reason="an interrupt of a tracer ends the tracing")
@pytest.mark.timeout(60, method="thread")  # the signal is needed here
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in weak references
def test_interrupts_at_any_moment(background: BackgroundThread) -> None:  # pragma: no cover
    """Neither do they jam the thread, nor does any of the next calls fail."""

    def strike(_: int, __: FrameType | None) -> None:
        raise Interrupt

    dice = random.Random(1)
    struck = 0
    before = signal.signal(signal.SIGALRM, strike)
    for number in range(3000):
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, dice.uniform(5e-6, 300e-6))
                assert background.call(echo, number) == number
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupt:
            struck += 1
    signal.signal(signal.SIGALRM, before)
    assert struck
    assert background.call(echo, -1) == -1


def test_another_process_has_nothing_to_tell(
    background: BackgroundThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that does not exist there is told nothing, nor is its gate waited for."""
    told: list[int] = []
    with monkeypatch.context() as context:
        context.setattr(background, "_pid", -1)
        background.tell(lambda: told.append(1))
    assert background.call(echo, 7) == 7
    assert told == []
