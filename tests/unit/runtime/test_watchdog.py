"""Code that keeps an event loop to itself is named while it does so; nothing else is."""

import asyncio
import re
import threading
import time
from collections.abc import Callable
from typing import Final

import pytest

from rtms_client._runtime.watchdog import Blocked, WentOn, watch

LIMIT_S: Final = 0.05
PATIENCE_S: Final = 20.0


class Ears:
    """Hears what the watchdog tells."""

    def __init__(self) -> None:
        self.heard: list[Blocked | WentOn] = []
        self.woken = threading.Event()

    def hear(self, news: Blocked | WentOn) -> None:
        """Take note."""
        self.heard.append(news)
        self.woken.set()

    def block(self) -> None:
        """Block until it is told."""
        assert self.woken.wait(PATIENCE_S)


def dogs() -> list[str]:
    """Return the names of the threads that watch."""
    return [one.name for one in threading.enumerate() if one.name == "rtms watchdog"]


async def until(condition: Callable[[], object]) -> None:
    """Wait in short naps, so that the loop is never kept from anything."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # nothing sets an event
            await asyncio.sleep(0.001)


async def test_task_that_blocks() -> None:
    """The task and the line are told while it blocks, and how long it took when it is over."""
    ears = Ears()
    end = watch(LIMIT_S, ears.hear)

    async def selfish() -> None:
        ears.block()

    await asyncio.create_task(selfish(), name="the culprit")
    await until(lambda: len(ears.heard) >= 2)
    end()
    blocked, went_on = ears.heard[:2]
    assert isinstance(blocked, Blocked)
    assert (blocked.task, blocked.limit_s) == ("the culprit", LIMIT_S)
    assert re.fullmatch(rf"{re.escape(__file__)}:\d+ in Ears\.block", blocked.place)
    assert isinstance(went_on, WentOn)
    assert went_on.after_s >= LIMIT_S


async def test_callback_that_blocks() -> None:
    """What the loop calls without a task is told too; each episode is one of its own."""
    ears = Ears()
    end = watch(LIMIT_S, ears.hear)
    for _ in range(2):
        ears.woken.clear()
        before = len(ears.heard)
        asyncio.get_running_loop().call_soon(ears.block)
        await until(lambda: len(ears.heard) >= before + 2)  # noqa: B023  # called at once
    end()
    found = [one for one in ears.heard if isinstance(one, Blocked)]
    assert [one.task for one in found[:2]] == ["a callback"] * 2
    assert all(one.place.endswith(" in Ears.block") for one in found[:2])


def test_loop_that_has_nothing_to_do() -> None:
    """Nobody is blamed as long as the loop waits, is not run, or is in code of nobody's."""
    ears = Ears()

    async def begin() -> Callable[[], None]:
        return watch(LIMIT_S / 5, ears.hear)

    async def block() -> None:
        asyncio.get_running_loop().call_soon(time.sleep, LIMIT_S)
        await asyncio.sleep(0)

    with asyncio.Runner() as runner:
        end = runner.run(begin())
        runner.run(asyncio.sleep(LIMIT_S))
        time.sleep(LIMIT_S)
        runner.run(block())
        runner.get_loop().call_soon(end)
        runner.run(asyncio.sleep(0))
    assert ears.heard == []
    assert dogs() == []


async def test_one_thread_for_all() -> None:
    """Whoever watches the same loop shares a thread, which ends with the last one."""
    first, second = Ears(), Ears()
    ends = [watch(LIMIT_S, ears.hear) for ears in (first, second)]
    assert len(dogs()) == 1
    asyncio.get_running_loop().call_soon(first.block)
    await until(lambda: len(first.heard) >= 2 <= len(second.heard))
    ends.pop()()
    assert len(dogs()) == 1
    ends.pop()()
    assert dogs() == []


async def test_limit_without_end() -> None:
    """A limit that is never reached is one."""
    end = watch(float("inf"), Ears().hear)
    end()
    assert dogs() == []


def test_loop_that_is_closed() -> None:
    """A loop that was closed is not watched any more, whoever forgot to end that."""

    async def forget() -> None:
        watch(LIMIT_S, Ears().hear)

    asyncio.run(forget())
    deadline = time.monotonic() + PATIENCE_S
    while dogs():
        assert time.monotonic() < deadline
        time.sleep(0.001)


async def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can start there is no watch, and nothing else is missing."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    end = watch(LIMIT_S, Ears().hear)
    assert dogs() == []
    end()
