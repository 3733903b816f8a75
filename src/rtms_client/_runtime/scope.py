"""The only place where tasks begin; no task outlives its scope."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["TaskScope"]


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

    async def wait(self, timeout_s: float) -> None:
        """Wait until all tasks are done, at most so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    def cancel(self) -> None:
        """Cancel all tasks."""
        for task in self._tasks:
            task.cancel()

    async def aclose(self) -> None:
        """Cancel all tasks and wait for them."""
        while self._tasks:
            self.cancel()
            await asyncio.wait(self._tasks)
