"""The tasks of a fake server: none of them outlives it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["TaskScope"]


class TaskScope:
    """Owns tasks; unlike a task group it may be opened and closed by different tasks.

    Fixtures do that. The first failure of a task is raised when the scope is closed.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def start(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task of this scope."""
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def fail(self, failure: BaseException) -> None:
        """Keep a failure that happened elsewhere; the first one is raised at the end."""
        if self._failure is None:
            self._failure = failure

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self.fail(failure)

    async def cancel(self) -> None:
        """Cancel what still runs and wait for it; more may be started afterwards."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)  # callbacks of finished tasks run in the next round

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it.

        Raises:
            BaseException: The first failure of a task, as it was.
        """
        await self.cancel()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
