"""Callbacks: consumers like iterators, each with a mailbox and a task of its own."""

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeAlias, cast

from rtms_client._runtime.buffers import EndOfStream, Mailbox
from rtms_client._runtime.hooks import is_own_cancellation
from rtms_client._runtime.log import Log
from rtms_client.exceptions import RTMSError
from rtms_client.frames import Item

__all__ = ["Callback", "CallbackRunner", "callback_name", "is_async"]

Callback: TypeAlias = Callable[[Any, Any], Awaitable[None] | None]
"""Called with an item and the stream; may be a coroutine function."""


def callback_name(callback: Callable[..., object]) -> str:
    """Return a name for logs and statistics."""
    name = getattr(callback, "__qualname__", None) or type(callback).__qualname__
    return f"{getattr(callback, '__module__', '?')}.{name}"


def is_async(callback: Callable[..., object]) -> bool:
    """Tell whether to call on the event loop: a coroutine function, or an object that is one."""
    call = getattr(callback, "__call__", None)  # noqa: B004  # an object with an async __call__
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(call)


class CallbackRunner:
    """Feeds one callback from one mailbox until the stream ends.

    Coroutine functions run on the event loop. Plain functions run in a thread, one call after the
    other, so that a slow one can delay neither reading nor keep-alives.

    Args:
        callback: What to call.
        stream: The second argument of each call.
        mailbox: Where the items come from.
        log: Where failures go.

    Attributes:
        name: Name of the callback.
        errors: How many calls raised.
    """

    def __init__(
        self,
        callback: Callback,
        stream: object,
        mailbox: Mailbox,
        log: Log,
    ) -> None:
        self.name = callback_name(callback)
        self.errors = 0
        self._callback = callback
        self._is_async = is_async(callback)
        self._stream = stream
        self._mailbox = mailbox
        self._log = log
        self._over = False
        self._results: deque[Awaitable[object]] = deque()

    async def run(self) -> None:
        """Feed the callback; ends with the stream, whatever its outcome."""
        thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)  # begins with the first call
        try:
            while True:
                while (item := self._mailbox.take()) is None:
                    await self._mailbox.ready()
                if self._is_async:
                    await self._call(item)
                else:
                    await self._call_in_thread(item, thread)
        except (EndOfStream, RTMSError):
            return  # the outcome of the stream is not the callback's business
        finally:
            self._over = True
            self._discard_results()
            thread.shutdown(wait=False, cancel_futures=True)

    async def _call(self, item: Item) -> None:
        try:
            call = cast("Awaitable[object]", self._callback(item, self._stream))
        except Exception:  # noqa: BLE001  # user code may raise anything
            self._failed()
        else:
            await self._finish(call)

    async def _call_in_thread(self, item: Item, thread: Executor) -> None:
        """Call with everything that waits, up to a batch: one hop to the thread for all."""
        batch = self._mailbox.batch(item)
        await asyncio.get_running_loop().run_in_executor(thread, self._call_all, batch)
        while self._results:
            await self._finish(self._results.popleft())

    def _call_all(self, batch: list[Item]) -> None:
        """Call in the thread; a plain function may still return an awaitable."""
        self._mailbox.thread_ident = threading.get_ident()
        for item in batch:
            if self._over:
                break
            try:
                result = self._callback(item, self._stream)
            except (Exception, asyncio.CancelledError):  # noqa: BLE001  # user code may raise anything
                self._failed()
            else:
                if inspect.isawaitable(result):
                    self._results.append(result)
        self._mailbox.thread_ident = None
        if self._over:
            self._discard_results()

    def _discard_results(self) -> None:
        """Drop what nobody will await, without a warning that it was not awaited."""
        while self._results:
            result = self._results.popleft()
            if inspect.iscoroutine(result):
                result.close()

    async def _finish(self, awaitable: Awaitable[object]) -> None:
        try:
            await awaitable
        except asyncio.CancelledError:
            if is_own_cancellation():
                raise
            self._failed()  # the callback awaited something that was cancelled
        except Exception:  # noqa: BLE001  # user code may raise anything
            self._failed()

    def _failed(self) -> None:
        """Log a failure; a callback that always fails is logged ever more rarely."""
        self.errors += 1
        if self.errors & (self.errors - 1) == 0:
            self._log.exception(
                "callback %s raised (%d times so far); the stream goes on",
                self.name,
                self.errors,
            )
