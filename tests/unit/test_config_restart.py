"""When a stream is started again: waits, bounds, and what is refused."""

import pytest

from rtms_client import InvalidParameters
from rtms_client.config import RestartPolicy


def test_waits_grow_up_to_the_cap() -> None:
    """Half a second, 5, 10, 20, then 30 seconds, however many tries there are."""
    policy = RestartPolicy()
    waits = [policy.delay_s(attempt, 0.0) for attempt in (1, 2, 3, 4, 5, 1000)]
    assert waits == [0.5, 5.0, 10.0, 20.0, 30.0, 30.0]


def test_jitter_shortens_a_wait() -> None:
    """Half of each wait is left to chance by default."""
    assert RestartPolicy().delay_s(2, 1.0) == 2.5


@pytest.mark.parametrize("field", ["attempts", "first_delay_s", "base_s", "wait_s", "budget_s"])
def test_nothing_may_be_zero(field: str) -> None:
    """A policy without tries or time is no policy: leave the hook out."""
    with pytest.raises(InvalidParameters, match=f"{field}: expected a number above 0"):
        RestartPolicy(**{field: 0})


def test_jitter_is_a_share() -> None:
    """More than everything cannot be left to chance."""
    with pytest.raises(InvalidParameters, match="jitter: expected 0 to 1, got 2"):
        RestartPolicy(jitter=2)
