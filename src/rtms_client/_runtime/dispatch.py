"""Callbacks: consumers like iterators, each with a mailbox and a task of its own.

Plain functions run in a thread, which is handed what waits as soon as it has nothing to do. Between
two batches neither the task nor the event loop is woken: that would cost more than most calls.
"""

import asyncio
import contextlib
import functools
import inspect
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from rtms_client._runtime.buffers import EndOfStream, Mailbox
from rtms_client._runtime.hooks import is_own_cancellation
from rtms_client._runtime.log import Log
from rtms_client._runtime.worker import Worker
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
        self._loop = asyncio.get_running_loop()
        self._worker = Worker(self.name)
        self._told = asyncio.Event()
        """Set when there is something that only the task can do."""
        self._results: deque[Awaitable[object]] = deque()
        self._fault: BaseException | None = None

    async def run(self) -> None:
        """Feed the callback; ends with the stream, whatever its outcome."""
        if self._is_async:
            with contextlib.suppress(EndOfStream, RTMSError):  # no business of the callback
                await self._feed_loop()
        else:
            await self._feed_thread()

    async def _feed_loop(self) -> None:
        """Call on the event loop.

        Raises:
            EndOfStream: The stream ended normally.
            RTMSError: It ended abnormally.
        """
        while True:
            while (item := self._mailbox.take()) is None:
                await self._mailbox.ready()
            await self._call(item)

    async def _call(self, item: Item) -> None:
        try:
            call = cast("Awaitable[object]", self._callback(item, self._stream))
        except Exception:  # noqa: BLE001  # user code may raise anything
            self._failed()
        else:
            await self._finish(call)

    async def _feed_thread(self) -> None:
        """Let a thread call, and finish what it began."""
        self._mailbox.listen(self._hand_over)
        self._rest()
        try:
            while True:
                await self._told.wait()
                self._told.clear()
                if self._fault is not None:
                    raise self._fault
                while self._results:
                    await self._finish(self._results.popleft())
                if self._mailbox.ended and not self._mailbox.holds_anything():
                    return
                self._rest()
        finally:
            self._over = True
            self._mailbox.listen(None)
            self._worker.end()
            self._discard_results()

    def _rest(self) -> None:
        """Wait for more, with nothing left to do; in either thread."""
        self._mailbox.waits = True
        if self._mailbox.ended or self._mailbox.holds_anything():  # it came before anybody waited
            self._call_soon(self._mailbox.wake)

    def _call_soon(self, call: Callable[[], None]) -> None:
        """Let the event loop call something, if it is still there."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def _hand_over(self) -> None:
        """Give the thread, which waits, what there is, up to a batch; or tell that it is over."""
        try:
            batch = self._mailbox.batch()
            if batch:
                self._worker.give(functools.partial(self._call_all, batch))
            elif self._mailbox.ended:
                self._told.set()
            else:
                self._mailbox.waits = True  # only a gap that is told elsewhere, or a late word
        except Exception as error:  # noqa: BLE001  # no business of who published
            self._fault = error
            self._told.set()

    def _call_all(self, batch: list[Item]) -> None:
        """Call in the thread; a plain function may still return an awaitable."""
        self._mailbox.thread_ident = threading.get_ident()
        try:
            for item in batch:
                if self._over:
                    break
                self._call_one(item)
        except BaseException as error:  # noqa: BLE001  # it ends the program, and not only a thread
            self._fault = error
        self._mailbox.thread_ident = None
        if self._over:
            self._discard_results()
        elif self._results or self._fault is not None:
            self._call_soon(self._told.set)
        else:
            self._rest()

    def _call_one(self, item: Item) -> None:
        try:
            result = self._callback(item, self._stream)
        except (Exception, asyncio.CancelledError):  # noqa: BLE001  # user code may raise anything
            self._failed()
        else:
            if inspect.isawaitable(result):
                self._results.append(result)

    def _discard_results(self) -> None:
        """Drop what nobody will await, without a warning that it was not awaited."""
        with contextlib.suppress(IndexError):  # the other thread may do so as well
            while True:
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
