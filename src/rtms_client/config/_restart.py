"""When to have a stream started again that the server ended."""

import attrs

from rtms_client.exceptions import InvalidParameters

from ._checks import positive

__all__ = ["RestartPolicy"]


@attrs.frozen(kw_only=True)
class RestartPolicy:
    """When to call the hook that starts a stream again which the server ended.

    The first try waits `first_delay_s`, the second `base_s`, each further one twice as long,
    `cap_s` at most. Tries and budget start over when media flow again.
    """

    attempts: int = attrs.field(default=3, validator=positive)
    """Tries at most; one whose started webhook does not come counts as failed."""
    first_delay_s: float = attrs.field(default=0.5, validator=positive)
    """Wait before the first try, in seconds."""
    base_s: float = attrs.field(default=5.0, validator=positive)
    """Wait before the second try, in seconds."""
    cap_s: float = attrs.field(default=30.0, validator=positive)
    """Longest wait, in seconds."""
    jitter: float = 0.5
    """Share of each wait that is left to chance: 0 is none, 1 is full jitter."""
    wait_s: float = attrs.field(default=30.0, validator=positive)
    """How long the started webhook may take after the hook returned, in seconds."""
    budget_s: float = attrs.field(default=120.0, validator=positive)
    """From the end of the stream until it must have been started again, in seconds."""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.jitter <= 1:
            raise InvalidParameters(
                "jitter", f"expected 0 to 1, got {self.jitter}", "1 is full jitter"
            )

    def delay_s(self, attempt: int, dice: float) -> float:
        """Return the wait before a try, in seconds.

        Args:
            attempt: Number of the try, from 1.
            dice: Random number from 0 to 1.
        """
        if attempt <= 1:
            wait = self.first_delay_s
        else:  # beyond 2**64 the cap has long been reached
            wait = min(self.cap_s, self.base_s * 2 ** min(attempt - 2, 64))
        return wait * (1 - self.jitter * dice)
