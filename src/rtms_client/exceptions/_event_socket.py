"""Why no notifications come over Zoom's event WebSocket."""

from typing_extensions import override

from ._base import RTMSError

__all__ = ["EventSocketLost", "TokenUnavailable"]


class EventSocketLost(RTMSError):
    """The event WebSocket could not be opened, or brought back; the cause is the last failure.

    Args:
        attempts: How often it was tried.
        after_s: Time from the first try, or from the loss, to giving up, in seconds.
        last: What the last try failed with.
    """

    retryable = True

    def __init__(self, attempts: int, after_s: float, last: str) -> None:
        super().__init__(attempts, after_s, last)
        self.attempts = attempts
        self.after_s = after_s
        self.last = last

    @override
    def __str__(self) -> str:
        return (
            f"event socket: expected a connection, gave up after {self.attempts} tries in "
            f"{self.after_s:.1f} s; the last one: {self.last}; check subscription id, token and "
            "network, and ask for the state of your streams: nothing is delivered later"
        )


class TokenUnavailable(RTMSError):
    """The function that finds the token of the event WebSocket failed; the cause says why.

    Args:
        problem: Type of what it raised or returned, or how long it took.
    """

    retryable = True

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    @override
    def __str__(self) -> str:
        return (
            f"event socket: expected a non-empty access token, got {self.problem}; check the "
            "function that was passed as token"
        )
