"""When to try again: the policy and its waits."""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest

from rtms_client.config import ReconnectPolicy
from rtms_client.exceptions import InvalidParameters


def test_defaults() -> None:
    """A prompt first try, then the documented steps; the windows are those of the server."""
    policy = ReconnectPolicy()
    assert (policy.first_delay_s, policy.base_s, policy.factor, policy.cap_s) == (0.25, 3, 2, 30)
    assert (policy.signaling_window_s, policy.media_window_s) == (60.0, 65.0)
    assert policy.duplicate_delays_s == (1.5, 3.0, 6.0)
    assert (policy.jitter, policy.attempts, policy.on_signals_only) == (1.0, None, False)


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [(1, 0.25), (2, 3.0), (3, 6.0), (4, 12.0), (5, 24.0), (6, 30.0), (7, 30.0), (10_000, 30.0)],
)
def test_waits_without_jitter(attempt: int, wait: float) -> None:
    """The waits double up to the cap, however many tries there are."""
    assert ReconnectPolicy().delay_s(attempt, 0.0) == wait


@pytest.mark.parametrize(
    ("attempt", "wait"), [(1, 3.0), (2, 6.0), (3, 12.0), (4, 24.0), (5, 30.0), (6, 30.0)]
)
def test_documented_waits(attempt: int, wait: float) -> None:
    """The preset is that of Zoom's documentation (row 27)."""
    assert ReconnectPolicy.documented().delay_s(attempt, 0.0) == wait


@pytest.mark.parametrize(
    ("jitter", "dice", "wait"), [(1.0, 1.0, 0.0), (1.0, 0.5, 1.5), (0.1, 1.0, 2.7), (0.0, 1.0, 3.0)]
)
def test_jitter_shortens_the_wait(jitter: float, dice: float, wait: float) -> None:
    """Chance shortens a wait by its share, and never makes it longer."""
    policy = ReconnectPolicy(jitter=jitter)
    assert policy.delay_s(2, dice) == pytest.approx(wait)


@pytest.mark.parametrize(
    "name",
    ["first_delay_s", "base_s", "factor", "cap_s", "signaling_window_s", "media_window_s"],
)
@pytest.mark.parametrize("value", [0, -1, float("nan")], ids=repr)
def test_times_are_positive(name: str, value: float) -> None:
    """Zero, negative numbers and NaN are refused."""
    values: dict[str, Any] = {name: value}
    with pytest.raises(InvalidParameters, match=f"{name}: expected a number above 0"):
        ReconnectPolicy(**values)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")], ids=repr)
def test_jitter_is_a_share(value: float) -> None:
    """More than all cannot be left to chance."""
    with pytest.raises(InvalidParameters, match="jitter: expected 0 to 1"):
        ReconnectPolicy(jitter=value)


def test_policy_is_a_value() -> None:
    """A policy is frozen, can be a key, and crosses process boundaries."""
    policy = ReconnectPolicy()
    for name in attrs.fields_dict(ReconnectPolicy):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(policy, name, None)
    assert {policy: "found"}[pickle.loads(pickle.dumps(policy))] == "found"  # noqa: S301  # our own
