"""Callbacks: whatever they are and do, they get their items one by one and harm nobody."""

import asyncio
import functools
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rtms_client import AudioFrame, BufferLimits, ConnectionLost, MediaType
from rtms_client._runtime.buffers import Hub
from rtms_client._runtime.dispatch import CallbackRunner, callback_name
from rtms_client._runtime.log import stream_log
from rtms_client.config import AudioFormat

AUDIO = MediaType.AUDIO


class Bench:
    """A hub, and a runner that feeds one callback."""

    def __init__(self, callback: Callable[[Any, Any], Any]) -> None:
        limits = BufferLimits(max_items=1000, max_bytes=100_000)
        self.hub = Hub({AUDIO: limits}, lambda _: None)
        self.mailbox = self.hub.subscribe("callback", [AUDIO])
        self.runner = CallbackRunner(callback, "the stream", self.mailbox, stream_log("stream-1"))

    def publish(self, count: int, data: bytes = b"1234") -> None:
        """Publish so many frames."""
        for number in range(1, count + 1):
            frame = AudioFrame(
                sequence=number, data=data, timestamp_ms=number, format=AudioFormat()
            )
            self.hub.publish(frame, 10)


@asynccontextmanager
async def running(callback: Callable[[Any, Any], Any]) -> AsyncIterator[Bench]:
    """Feed a callback until the end of the block; cancels it if it is still at work then."""
    bench = Bench(callback)
    task = asyncio.create_task(bench.runner.run())
    try:
        yield bench
        bench.hub.end(None)
        await asyncio.wait([task], timeout=10)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert not task.cancelled()


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.001)


async def threads_end(count: int) -> None:
    """Wait until there are at most so many threads."""
    await until(lambda: threading.active_count() <= count)


class Calls:
    """Takes notes in many disguises."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, object]] = []
        self.threads: set[int] = set()

    def note(self, item: AudioFrame, stream: object) -> None:
        """Note a call."""
        self.noted.append((item.sequence, stream))
        self.threads.add(threading.get_ident())

    async def note_later(self, item: AudioFrame, stream: object) -> None:
        """Note a call after a while."""
        await asyncio.sleep(0)
        self.note(item, stream)

    async def __call__(self, item: AudioFrame, stream: object) -> None:
        """Note a call after a while, as an object."""
        await self.note_later(item, stream)


@pytest.mark.parametrize("kind", ["method", "object", "partial", "lambda"])
async def test_asynchronous_callbacks(kind: str) -> None:
    """Coroutine functions in every disguise run on the event loop, one call after the other."""
    calls = Calls()
    disguises: dict[str, Callable[[Any, Any], Awaitable[None]]] = {
        "method": calls.note_later,
        "object": calls,
        "partial": functools.partial(calls.note_later),
        "lambda": lambda item, stream: calls.note_later(item, stream),  # noqa: PLW0108
    }
    async with running(disguises[kind]) as bench:
        bench.publish(200)
    assert calls.noted == [(number, "the stream") for number in range(1, 201)]
    assert calls.threads == {threading.get_ident()}
    assert bench.runner.errors == 0


@pytest.mark.parametrize("kind", ["method", "partial", "lambda"])
async def test_plain_callbacks(kind: str) -> None:
    """Plain functions run in one thread of their own, one call after the other."""
    calls = Calls()
    disguises: dict[str, Callable[[Any, Any], None]] = {
        "method": calls.note,
        "partial": functools.partial(calls.note),
        "lambda": lambda item, stream: calls.note(item, stream),  # noqa: PLW0108
    }
    async with running(disguises[kind]) as bench:
        bench.publish(200)
    assert calls.noted == [(number, "the stream") for number in range(1, 201)]
    assert len(calls.threads) == 1
    assert calls.threads != {threading.get_ident()}


async def test_large_items_for_a_plain_callback() -> None:
    """Large items go to the thread a few at a time, and all of them arrive."""
    calls = Calls()
    async with running(calls.note) as bench:
        bench.publish(5, bytes(600_000))
    assert [number for number, _ in calls.noted] == [1, 2, 3, 4, 5]


async def test_thread_ends_with_the_stream() -> None:
    """The thread of a plain callback does not outlive the stream."""
    calls = Calls()
    before = threading.active_count()
    async with running(calls.note) as bench:
        bench.publish(1)
    await threads_end(before)


def _raise(error: BaseException) -> Callable[[Any, Any], None]:
    def plain(_: object, __: object) -> None:
        raise error

    return plain


def _raise_later(error: BaseException) -> Callable[[Any, Any], Awaitable[None]]:
    async def later(_: object, __: object) -> None:
        await asyncio.sleep(0)
        raise error

    return later


async def _wrong_signature() -> None: ...


ERRORS = [
    ValueError("no good"),
    ConnectionLost("other", 1006, ""),
    StopIteration(),
    asyncio.CancelledError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("make", [_raise, _raise_later])
async def test_callback_that_raises(
    error: BaseException, make: Callable[[BaseException], Any]
) -> None:
    """Whatever a callback raises is counted, and the next item is delivered all the same."""
    async with running(make(error)) as bench:
        bench.publish(5)
    assert bench.runner.errors == 5


async def test_plain_callback_whose_result_raises() -> None:
    """An awaitable that a plain function returns may raise, or be cancelled, as well."""
    loop = asyncio.get_running_loop()
    cancelled: asyncio.Future[None] = loop.create_future()
    cancelled.cancel()
    failed: asyncio.Future[None] = loop.create_future()
    failed.set_exception(ValueError("no good"))
    async with running(lambda item, _: cancelled if item.sequence % 2 else failed) as bench:
        bench.publish(4)
    assert bench.runner.errors == 4


async def test_callback_with_the_wrong_signature() -> None:
    """A callback that cannot be called at all is counted like one that raises."""
    wrong: Any = _wrong_signature
    async with running(wrong) as bench:
        bench.publish(3)
    assert bench.runner.errors == 3


async def test_failures_are_logged_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    """Failures 1, 2, 4, 8 are logged, with their traceback and the stream id."""
    async with running(_raise(ValueError("no good"))) as bench:
        bench.publish(10)
    assert [record.getMessage().partition("raised ")[2] for record in caplog.records] == [
        f"({number} times so far); the stream goes on" for number in (1, 2, 4, 8)
    ]
    for record in caplog.records:
        assert record.levelno == logging.ERROR
        assert record.exc_info is not None
        assert record.__dict__["rtms_stream_id"] == "stream-1"


async def test_asynchronous_callback_is_cancelled_with_its_stream() -> None:
    """Cancelling the runner cancels the call that is under way."""
    cancelled: list[int] = []

    async def sleep(item: AudioFrame, _: object) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(item.sequence)
            raise

    bench = Bench(sleep)
    task = asyncio.create_task(bench.runner.run())
    bench.publish(3)
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert cancelled == [1]
    assert bench.runner.errors == 0


async def test_plain_callback_gets_nothing_after_the_end() -> None:
    """After the stream was closed only the call under way is finished; the batch is dropped."""
    calls: list[int] = []
    started, release = threading.Event(), threading.Event()

    def block(item: AudioFrame, _: object) -> None:
        calls.append(item.sequence)
        started.set()
        release.wait(10)

    bench = Bench(block)
    bench.publish(50)
    before = threading.active_count()
    task = asyncio.create_task(bench.runner.run())
    await asyncio.to_thread(started.wait, 10)
    task.cancel()
    await asyncio.wait([task])
    release.set()
    await threads_end(before + 1)  # the loop has one, too
    assert calls == [1]


@pytest.mark.parametrize("when", ["in the thread", "while awaiting"])
async def test_awaitables_that_nobody_awaits_any_more(when: str) -> None:
    """Coroutines that a plain function returned are closed when the stream ends before them."""
    started, release = threading.Event(), threading.Event()
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def later() -> None:
        await asyncio.sleep(60)

    def plain(item: AudioFrame, _: object) -> Awaitable[None]:
        started.set()
        if when == "in the thread":
            release.wait(10)
        return future if item.sequence == 4 else later()

    bench = Bench(plain)
    bench.publish(5)
    before = threading.active_count()
    task = asyncio.create_task(bench.runner.run())
    await asyncio.to_thread(started.wait, 10)
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    release.set()
    await threads_end(before + 1)  # the loop has one, too
    assert task.cancelled()


async def test_items_that_come_one_by_one() -> None:
    """A thread that waits is handed each item as it comes, by whoever publishes it."""
    calls = Calls()
    came: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def note(item: AudioFrame, stream: object) -> None:
        calls.note(item, stream)
        loop.call_soon_threadsafe(came.put_nowait, item.sequence)

    async with running(note) as bench:
        await asyncio.sleep(0)
        for _ in range(50):
            bench.publish(1)
            assert await asyncio.wait_for(came.get(), 10) == 1
    assert len(calls.noted) == 50
    assert len(calls.threads) == 1


async def test_wake_for_nothing() -> None:
    """The word of a thread that came too late changes nothing; what comes later is delivered."""
    calls = Calls()
    async with running(calls.note) as bench:
        await asyncio.sleep(0)
        bench.publish(1)
        await until(lambda: bench.mailbox.waits)
        assert bench.mailbox.thread_ident is None
        bench.mailbox.wake()
        bench.publish(1)
    assert len(calls.noted) == 2


async def test_thread_after_the_event_loop() -> None:
    """A thread that outlives the event loop keeps to itself what it would have told it."""

    async def make() -> CallbackRunner:
        return Bench(Calls().note).runner

    runner = await asyncio.to_thread(asyncio.run, make())
    runner._call_soon(lambda: None)  # noqa: SLF001  # raises nothing


async def test_nobody_takes_what_comes_after_the_end() -> None:
    """What comes when a callback was given up stays where the next consumer finds it."""
    bench = Bench(Calls().note)
    task = asyncio.create_task(bench.runner.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    bench.publish(1)
    assert bench.mailbox.holds_anything()


async def test_place_of_a_slow_result() -> None:
    """Where a consumer is can also be told of what a plain function returned."""

    async def save() -> None:
        await asyncio.sleep(60)

    bench = Bench(lambda _, __: save())
    task = asyncio.create_task(bench.runner.run())
    await asyncio.sleep(0)
    bench.publish(1)
    await until(bench.mailbox.whereabouts)
    place = bench.mailbox.whereabouts()
    assert place is not None
    assert place.endswith("save")
    task.cancel()
    await asyncio.wait([task])


async def test_results_are_awaited_before_the_next_batch() -> None:
    """What a plain function returned is awaited at once, also when nothing follows for long."""
    order: list[str] = []
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def later(number: int) -> None:
        waits.set()
        await goes_on.wait()
        order.append(f"awaited {number}")

    def plain(item: AudioFrame, _: object) -> Awaitable[None]:
        order.append(f"called {item.sequence}")
        return later(item.sequence)

    async with running(plain) as bench:
        bench.publish(1)
        await asyncio.wait_for(waits.wait(), 10)
        bench.publish(2)
        await asyncio.sleep(0.01)
        assert order == ["called 1"]
        goes_on.set()
    assert order == [
        "called 1",
        "awaited 1",
        "called 1",
        "called 2",
        "awaited 1",
        "awaited 2",
    ]


async def test_plain_callback_that_ends_the_program() -> None:
    """`SystemExit` in a thread ends the program, whatever is still to be awaited."""
    told = asyncio.Event()

    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def plain(item: AudioFrame, _: object) -> Awaitable[None]:
        if item.sequence == 1:
            return never
        raise SystemExit("enough")

    bench = Bench(plain)
    bench.runner._told = told  # noqa: SLF001  # to see it
    bench.publish(3)
    run = bench.runner.run()
    run.send(None)  # by hand: a task would end the loop of this test, too
    await asyncio.wait_for(told.wait(), 10)
    await asyncio.sleep(0)
    with pytest.raises(SystemExit, match="enough"):
        run.send(None)


async def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no more threads, the task fails, and not whoever publishes."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    bench = Bench(Calls().note)
    task = asyncio.create_task(bench.runner.run())
    await asyncio.sleep(0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        bench.publish(1)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await task
    bench.publish(1)  # nobody is there to take it


async def test_end_while_a_plain_callback_works() -> None:
    """What came before the end is delivered, also when the thread was at work then."""
    calls = Calls()
    started, release = threading.Event(), threading.Event()

    def block(item: AudioFrame, stream: object) -> None:
        calls.note(item, stream)
        started.set()
        release.wait(10)

    async with running(block) as bench:
        bench.publish(1)
        await asyncio.to_thread(started.wait, 10)
        bench.publish(3)
        bench.hub.end(None)
        release.set()
    assert len(calls.noted) == 4


def test_names() -> None:
    """A callback is named by module and qualified name, an object by its class."""
    assert callback_name(Calls().note) == f"{__name__}.Calls.note"
    assert callback_name(functools.partial(print)) == "functools.partial"
    assert callback_name(Calls()) == f"{__name__}.Calls"


async def test_large_items_are_handed_over_a_few_at_a_time() -> None:
    """What a plain function has been handed is not in the bounded buffer: it is bounded too."""
    calls = Calls()
    bench = Bench(calls.note)
    for number in range(1, 4):
        big = AudioFrame(
            sequence=number, data=bytes(1024 * 1024), timestamp_ms=number, format=AudioFormat()
        )
        bench.hub.publish(big, 10)
    bench.hub.end(None)
    await bench.runner.run()
    assert [sequence for sequence, _ in calls.noted] == [1, 2, 3]
