"""A thread with an event loop, for callers without one: nobody who waits for it waits for ever."""

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from rtms_client._runtime.calls import Call, Outcome
from rtms_client._runtime.scope import TaskScope
from rtms_client.exceptions import InvalidState

__all__ = ["BackgroundOver", "BackgroundThread"]

T = TypeVar("T")

_ROUNDS: Final = 3
_ROUND_S: Final = 0.2


class BackgroundOver(InvalidState):
    """The thread does not run, or ended during the call."""


def _over() -> BackgroundOver:
    advice = "do it inside of `with client.in_background() as portal`"
    return BackgroundOver("use the client", "NOT OPEN", advice)


class BackgroundThread:
    """Enters an async context manager in a thread and stays in it until it is closed.

    Args:
        context: What is entered, such as a client.
        name: Name of the thread.
    """

    def __init__(self, context: AbstractAsyncContextManager[object], name: str) -> None:
        self._context = context
        self._name = name
        self._gate = threading.RLock()  # a signal handler may come while its thread holds it
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = Outcome[None]()
        self._leave = asyncio.Event()
        self._calls: set[Call[Any]] = set()
        self._scope = TaskScope(name, lambda _: None)  # a failure is the caller's

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread and enter the context.

        Raises:
            InvalidState: It was started before, or this process was forked since.
            BaseException: What entering the context raises.
        """
        self.check_process()
        with self._gate:
            if self._thread is not None:
                raise InvalidState("start a portal twice", "STARTED", "call in_background() again")
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        atexit.register(self.close)
        try:
            self._ready.wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the context and end the thread; in the thread itself, begin to do so."""
        thread = self._thread
        if thread is None or os.getpid() != self._pid:
            return
        with self._gate:
            if self._loop is None:  # the context is not entered yet, or left already
                self._leave.set()
            else:
                self._loop.call_soon_threadsafe(self._leave.set)
        if not self.is_current:
            thread.join()
            atexit.unregister(self.close)

    def _run(self) -> None:
        """Be the thread."""
        try:
            loop = asyncio.new_event_loop()
        except BaseException as error:  # noqa: BLE001  # whatever it is, somebody waits for it
            self._ready.finish(error=error)
            return
        try:
            loop.run_until_complete(self._stay(loop))
        except BaseException as error:
            if self._ready.done:
                raise
            self._ready.finish(error=error)
        finally:
            with self._gate:
                self._loop = None
            loop.run_until_complete(self._finish())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()  # and does not wait for threads, such as one that looks up a name

    async def _stay(self, loop: asyncio.AbstractEventLoop) -> None:
        async with self._context:
            with self._gate:
                self._loop = loop
            self._ready.finish()
            await self._leave.wait()

    async def _finish(self) -> None:
        """End all calls."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)  # calls that were on their way have begun now
            for call in self._calls:
                call.finish(error=_over())
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_ROUND_S)

    @property
    def running(self) -> bool:
        """Whether calls are possible."""
        return self._loop is not None and os.getpid() == self._pid

    @property
    def is_current(self) -> bool:
        """Whether this is the thread."""
        return threading.current_thread() is self._thread

    def check_process(self) -> None:
        """Check that the thread exists in this process.

        Raises:
            InvalidState: This process was forked from the one with the thread.
        """
        if os.getpid() != self._pid:
            raise InvalidState(
                "use a portal of another process",
                "FORKED",
                "threads do not survive a fork: make client and portal in each worker process",
            )

    # --- calls -----------------------------------------------------------------------------------

    def wait(self, call: Call[T]) -> T:
        """Run a call in the thread, unless it runs already, and wait for its outcome.

        Raises:
            BackgroundOver: The thread does not run, or ended meanwhile.
            InvalidState: This is the thread, or another process.
            concurrent.futures.CancelledError: What was called was cancelled, but not by us.
        """
        self._check_caller()
        try:
            with self._gate:
                if self._loop is None:
                    raise _over()
                self._loop.call_soon_threadsafe(call.begin, self._scope, self._calls)
            return call.wait()
        except asyncio.CancelledError:
            raise concurrent.futures.CancelledError from None
        finally:
            del call  # the error that it holds would hold it

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: object) -> T:
        """Run a coroutine function in the thread and wait for its result.

        Raises:
            BackgroundOver: The thread does not run, or ended meanwhile.
            InvalidState: This is the thread, or another process.
            concurrent.futures.CancelledError: The function was cancelled, but not by us.
        """
        self._check_caller()
        call = Call(function, *args)
        try:
            return self.wait(call)
        finally:
            if not call.done:  # a KeyboardInterrupt
                self.tell(call.cancel)
            del call  # see `wait`

    def _check_caller(self) -> None:
        """Check that who calls can wait.

        Raises:
            InvalidState: This is the thread, or another process.
        """
        self.check_process()
        if self.is_current:
            raise InvalidState(
                "wait for the event loop in its own thread", "RUNNING", "await the coroutine"
            )

    def ask(self, function: Callable[[], T]) -> T:
        """Call a plain function, which must not block, in the thread; after its end, call it here.

        Raises:
            InvalidState: This process was forked from the one with the thread.
        """

        async def answer() -> T:
            return function()

        if self.is_current:
            return function()
        try:
            return self.call(answer)
        except BackgroundOver:
            return function()

    def tell(self, function: Callable[[], object]) -> None:
        """Call a plain function in the thread, some time; after its end, call it here.

        In another process there is nothing to do, and perhaps the gate was held at the fork.
        """
        if os.getpid() != self._pid:
            return
        with self._gate:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)
                return
        function()
