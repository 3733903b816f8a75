"""The only place where tasks begin; no task outlives its scope."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final, cast
from weakref import WeakSet

__all__ = ["TaskScope", "sparing_caller"]

_ROUNDS: Final = 3
_PATIENCE_S: Final = 0.6

_spared: Final[WeakSet[asyncio.Task[Any]]] = WeakSet()
"""Tasks that wait for what is done on their behalf, and must therefore not be cancelled by it."""


@contextmanager
def sparing_caller() -> Generator[None]:
    """Let no scope wait for, or cancel, the calling task meanwhile.

    A callback may thereby close all streams of a client, its own included, whoever else closes it.
    """
    caller = cast("asyncio.Task[Any]", asyncio.current_task())
    _spared.add(caller)
    try:
        yield
    finally:
        _spared.discard(caller)


class TaskScope:
    """Owns tasks: names them, hears of their failures, cancels and awaits them.

    Args:
        name: Prefix of task names.
        on_failure: Called with the exception of a task that failed.
    """

    __slots__ = ("_name", "_on_failure", "_tasks")

    def __init__(self, name: str, on_failure: Callable[[BaseException], None]) -> None:
        self._name = name
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task that ends with the scope at the latest."""
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self._name} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)

    def report(self, error: BaseException) -> None:
        """Report a fault outside of tasks as if a task had failed with it."""
        self._on_failure(error)

    async def wait(self, timeout_s: float) -> None:
        """Wait until all tasks are done except the calling one, at most so long."""
        if tasks := self._others():
            await asyncio.wait(tasks, timeout=timeout_s)

    async def aclose(self, patience_s: float = _PATIENCE_S) -> list[str]:
        """Cancel all tasks and wait for them, also while being cancelled.

        The calling task is spared, for a callback may close its own stream.

        Args:
            patience_s: How long to wait for tasks that hold out, in seconds.

        Returns:
            Names of tasks that are still there, because user code in them holds out against
            being cancelled several times.
        """
        cancellation: asyncio.CancelledError | None = None
        for _ in range(_ROUNDS):
            tasks = self._others()
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            try:
                await asyncio.wait(tasks, timeout=patience_s / _ROUNDS)
            except asyncio.CancelledError as error:
                cancellation = error
        if cancellation is not None:
            raise cancellation
        return sorted(task.get_name() for task in self._others())

    def _others(self) -> set[asyncio.Task[None]]:
        return self._tasks - {asyncio.current_task()} - set(_spared)
