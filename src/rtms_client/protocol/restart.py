"""Starting a stream again that the server ended: when to ask for it, how long to wait for it.

A stream that died (scenario 4) can only be started anew, by the application over Zoom's REST API.
The started webhook that follows has another stream id; the session goes on with it.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import attrs

from rtms_client.config import RestartPolicy, StreamInfo
from rtms_client.enums import StopReason
from rtms_client.exceptions import RTMSError, StreamLost, StreamStopped

__all__ = ["DECLINED", "RestartHook", "RestartRequest", "Restarts"]

_HISTORY: Final = 100
DECLINED: Final = "the hook declined"


@attrs.frozen(kw_only=True)
class RestartRequest:
    """What is known of a stream that died, for whoever starts it again."""

    info: StreamInfo
    """The stream as it was last joined."""
    stop_reason: StopReason | None
    """The server's reason; `None` when the stream was lost before the server said anything."""
    error: RTMSError
    """How it died; what the application is told if it cannot be started again."""
    attempt: int
    """Number of the try, from 1; it starts over when media flow again."""


RestartHook: TypeAlias = Callable[[RestartRequest], Awaitable[bool | None]]
"""A coroutine function that asks Zoom to start RTMS again, and returns when that was accepted. It
may return `False` to give up; what it raises counts as a failed try."""


class Restarts:
    """The tries to have a dead stream started again.

    Args:
        policy: How to try.
        dice: Random numbers for the jitter.

    Attributes:
        error: How the stream died; `None` while it lives.
        since: When it died.
    """

    __slots__ = (
        "_asking",
        "_attempts",
        "_awaited_until",
        "_began",
        "_dice",
        "_due",
        "_frames",
        "_history",
        "_policy",
        "error",
        "since",
    )

    def __init__(self, policy: RestartPolicy, dice: Callable[[], float]) -> None:
        self.error: RTMSError | None = None
        self.since: float = 0.0
        self._policy = policy
        self._dice = dice
        self._attempts = 0
        self._began = 0.0
        """First death since media flowed: the budget counts from here."""
        self._frames = -1
        """Frames that had come when the stream was started again."""
        self._due: float | None = None
        self._asking = False
        self._awaited_until: float | None = None
        self._history: list[tuple[float, str]] = []

    def died(self, error: RTMSError, frames: int, now: float) -> bool:
        """Take note of a death; tell whether there is anything to try.

        Args:
            error: How it died.
            frames: Frames that came so far; tries start over when there are more than before.
            now: The present time.
        """
        if frames != self._frames:
            self._attempts, self._began = 0, now
            self._history.clear()
        self.error, self.since, self._frames = error, now, frames
        self._note(str(error), now)
        return self._plan(now)

    def _note(self, what: str, now: float) -> None:
        if len(self._history) < _HISTORY:
            self._history.append((now - self._began, what))

    def _plan(self, now: float) -> bool:
        """Plan the next try; tell whether there is one."""
        self._due = self._awaited_until = None
        self._asking = False
        if self._attempts >= self._policy.attempts:
            return False
        due = now + self._policy.delay_s(self._attempts + 1, self._dice())
        if due >= self._end():
            return False
        self._due = due
        return True

    def _end(self) -> float:
        return self._began + self._policy.budget_s

    def begin(
        self, info: StreamInfo, stop_reason: StopReason | None, now: float
    ) -> RestartRequest | None:
        """Return what to ask for when a try is due; it counts as begun."""
        if self.error is None or self._due is None or self._due > now:
            return None
        self._due = None
        self._asking = True
        self._attempts += 1
        return RestartRequest(
            info=info, stop_reason=stop_reason, error=self.error, attempt=self._attempts
        )

    def answered(self, attempt: int, problem: str | None, now: float) -> bool:
        """Take the outcome of a try; tell whether to go on.

        Args:
            attempt: Its number.
            problem: Why it failed; `None` when the start was accepted.
            now: The present time.
        """
        if not self._asking or attempt != self._attempts:
            return True  # the stream was started in the meantime
        self._asking = False
        if problem is None:
            self._awaited_until = now + self._policy.wait_s
            return True
        self._note(f"try {attempt}: {problem}", now)
        return problem != DECLINED and self._plan(now)

    def expire(self, now: float) -> bool:
        """Take note of the time; tell whether to go on."""
        if self.error is None:
            return True
        if self._awaited_until is not None and self._awaited_until <= now:
            self._note(f"try {self._attempts}: no started webhook came", now)
            return self._plan(now)
        if self._end() <= now:
            self._note("the time for starting it again is over", now)
            return False
        return True

    def deadlines(self) -> list[float]:
        """Return when something is due."""
        if self.error is None:
            return []
        times = (self._due, self._awaited_until, self._end())
        return [time for time in times if time is not None]

    def restarted(self) -> None:
        """Take note that the stream lives again."""
        self.error = None
        self._due = self._awaited_until = None
        self._asking = False

    def failure(self) -> RTMSError | None:
        """Return how the stream died, with the history of what was tried."""
        history = tuple(self._history[1:])
        match self.error:
            case StreamStopped(stop_reason=reason):
                return StreamStopped(reason, history)
            case StreamLost(endpoint=endpoint, after_s=after_s, history=earlier, was_there=there):
                found = StreamLost(endpoint, after_s, (*earlier, *history), there)
                found.__cause__ = self.error.__cause__
                return found
            case error:
                return error
