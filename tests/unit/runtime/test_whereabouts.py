"""Where a consumer is: the innermost line of the user's code, in a task or in a thread."""

import asyncio
import inspect
import sysconfig
import threading
import types
from collections.abc import AsyncIterator, Generator
from typing import Any, cast

import pytest
from typing_extensions import override

from rtms_client._runtime.whereabouts import of_task, of_thread


class Gate:
    """Something to wait for; one of its ways is no coroutine."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def __await__(self) -> Generator[Any, None, None]:
        yield from self.event.wait().__await__()


async def directly(gate: Gate) -> None:
    """Wait in a coroutine of the standard library."""
    await gate.event.wait()


async def deeper(gate: Gate) -> None:
    """Wait in another coroutine."""
    await asyncio.wait_for(directly(gate), 30)


async def by_hand(gate: Gate) -> None:
    """Wait for an object of ours."""
    await gate


async def in_a_loop(gate: Gate) -> None:
    """Wait inside a loop."""

    async def numbers() -> AsyncIterator[int]:
        await gate.event.wait()
        yield 1

    async for _ in numbers():
        pass


class Foreign(Generator[None, None, None]):
    """A generator as compilers make them; it waits for one turn."""

    def __init__(self) -> None:
        self.gi_frame = inspect.currentframe()
        self.gi_yieldfrom = None
        self._turns = [None]

    @override
    def send(self, _: None, /) -> None:
        """Go on."""
        if not self._turns:
            raise StopIteration
        self._turns.pop()

    @override
    def throw(self, *_: Any) -> None:
        """End."""


@pytest.mark.parametrize(
    ("waits", "place"),
    [
        (directly, "directly"),
        (by_hand, "Gate.__await__"),
        (in_a_loop, "in_a_loop"),
    ],
)
async def test_of_a_task(waits: Any, place: str) -> None:  # noqa: ANN401  # a function
    """A task is where its innermost function of the user waits."""
    gate = Gate()
    task = asyncio.create_task(waits(gate))
    await asyncio.sleep(0)
    found = of_task(task)
    gate.event.set()
    await task
    assert found is not None
    file, line, name = found.replace(" in ", ":").split(":")
    assert file == __file__
    assert int(line) > 0
    assert name == place


async def test_of_a_task_that_waits_in_compiled_code() -> None:
    """What `types.coroutine` makes of a foreign generator looks like both of its kinds."""
    nap: Any = types.coroutine(cast("Any", Foreign))

    async def wait() -> None:
        await nap()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    found = of_task(task)
    await task
    assert found is not None
    assert found.endswith(" in Foreign.__init__")


async def test_of_a_task_that_waits_below_the_standard_library() -> None:
    """User code counts, also when code of libraries lies between its functions."""
    gate = Gate()
    task = asyncio.create_task(deeper(gate))
    await asyncio.sleep(0)
    found = of_task(task)
    gate.event.set()
    await task
    assert found is not None
    assert found.endswith((" in deeper", " in directly"))  # CPython 3.11 waits in another task


async def test_of_a_task_that_is_over() -> None:
    """Nothing is where a task is that has ended."""
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    assert of_task(task) is None


def stopped_in(file: str) -> str | None:
    """Run code of a file in a thread, and tell where it is while it waits."""
    program = compile("def app():\n    ready()\n    wait()\n\napp()", file, "exec")
    ready, going_on = threading.Event(), threading.Event()
    names = {"ready": ready.set, "wait": going_on.wait}
    thread = threading.Thread(target=exec, args=(program, names))
    thread.start()
    ready.wait(10)
    found = of_thread(thread.ident or 0)
    going_on.set()
    thread.join()
    return found


@pytest.mark.parametrize("file", ["/srv/app.py", "<stdin>"])
def test_of_a_thread(file: str) -> None:
    """A thread is where its innermost function of the user is."""
    assert stopped_in(file) in {f"{file}:2 in app", f"{file}:3 in app"}


def test_of_a_thread_in_an_installed_application() -> None:
    """Code that is installed beside libraries cannot be told from them: where it begins counts."""
    file = f"{sysconfig.get_path('purelib')}/app.py"
    assert stopped_in(file) == f"{file}:5 in <module>"


def test_of_a_thread_without_user_code() -> None:
    """The standard library is nobody's code."""
    assert stopped_in(f"{sysconfig.get_path('stdlib')}/app.py") is None


def test_of_a_thread_that_is_gone() -> None:
    """Nothing is where no thread is."""
    assert of_thread(0) is None
