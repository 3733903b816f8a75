"""The scope of tasks: names, failures, and an end that nothing outlives."""

import asyncio

import pytest

from rtms_client._runtime.scope import TaskScope


class Scope(TaskScope):
    """A scope that takes notes of failures."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        super().__init__("test", self.failures.append)


async def sleep() -> None:
    """Sleep longer than any test."""
    await asyncio.sleep(60)


async def test_names() -> None:
    """A task is named after its scope."""
    scope = Scope()
    assert scope.start(sleep(), "one").get_name() == "test one"
    assert await scope.aclose() == []


async def test_failures() -> None:
    """A failure is reported once; results and cancellations are none."""
    scope = Scope()
    error = ValueError("no good")

    async def fail() -> None:
        raise error

    async def succeed() -> None:
        await asyncio.sleep(0)

    tasks = [scope.start(one(), "task") for one in (fail, succeed, sleep)]
    tasks[2].cancel()
    await scope.wait(1)
    assert scope.failures == [error]


async def test_waiting() -> None:
    """Waiting ends with the tasks, or with the time for it, and cancels nothing."""
    scope = Scope()
    await scope.wait(60)
    task = scope.start(sleep(), "one")
    await scope.wait(0.01)
    assert not task.done()
    await scope.aclose()
    assert task.cancelled()


async def test_closing_twice() -> None:
    """Closing an empty scope does nothing."""
    scope = Scope()
    scope.start(sleep(), "one")
    assert await scope.aclose() == []
    assert await scope.aclose() == []


async def test_tasks_that_are_started_while_it_closes() -> None:
    """What a dying task starts is ended, too."""
    scope = Scope()
    late: list[asyncio.Task[None]] = []

    async def start_another() -> None:
        try:
            await sleep()
        finally:
            late.append(scope.start(sleep(), "another"))

    scope.start(start_another(), "one")
    await asyncio.sleep(0)
    assert await scope.aclose() == []
    assert late[0].cancelled()


async def test_closing_that_is_cancelled() -> None:
    """A scope that is cancelled while it closes is closed all the same, and then cancelled."""
    scope = Scope()

    async def take_time() -> None:
        try:
            await sleep()
        finally:
            await asyncio.sleep(0.02)

    task = scope.start(take_time(), "one")
    await asyncio.sleep(0)
    closing = asyncio.create_task(scope.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert task.cancelled()


async def test_closing_from_a_task_of_its_own() -> None:
    """A task that closes its scope survives that, and no other does."""
    scope = Scope()
    other = scope.start(sleep(), "other")
    left: list[list[str]] = []

    async def close() -> None:
        await scope.wait(0.01)
        left.append(await scope.aclose())

    task = scope.start(close(), "closer")
    await asyncio.wait([task])
    assert left == [[]]
    assert other.cancelled()
    assert not task.cancelled()


@pytest.mark.parametrize(("stubbornness", "left"), [(1, []), (2, []), (9, ["test stubborn"])])
async def test_task_that_ignores_being_cancelled(stubbornness: int, left: list[str]) -> None:
    """A task is cancelled again and again; in the end it is left alone, and named."""
    scope = Scope()
    cancelled = 0

    async def ignore() -> None:
        nonlocal cancelled
        while cancelled < stubbornness:
            try:
                await sleep()
            except asyncio.CancelledError:
                cancelled += 1

    task = scope.start(ignore(), "stubborn")
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await scope.aclose() == left
    assert loop.time() - started < 1
    cancelled = stubbornness
    task.cancel()
    await asyncio.wait([task])
