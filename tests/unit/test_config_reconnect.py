"""The policy of reconnecting: waits, chance, limits, and what is refused."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from rtms_client import InvalidParameters, ReconnectPolicy


def waits(policy: ReconnectPolicy, tries: int, dice: float = 0.0) -> list[float]:
    """Return the first waits of a policy."""
    return [policy.delay_s(attempt, dice) for attempt in range(1, tries + 1)]


def test_default() -> None:
    """The first try is prompt, the others follow the documentation, with full chance."""
    policy = ReconnectPolicy()
    assert waits(policy, 7) == [0.25, 3.0, 6.0, 12.0, 24.0, 30.0, 30.0]
    assert waits(policy, 3, dice=1.0) == [0.0, 0.0, 0.0]
    assert (policy.signaling_window_s, policy.media_window_s) == (60.0, 65.0)
    assert policy.duplicate_delays_s == (1.5, 3.0, 6.0)
    assert policy.attempts is None
    assert not policy.on_signals_only


def test_documented() -> None:
    """The policy of the documentation: 3, 6, 12, 24, 30, 30 ... seconds, with a little chance."""
    policy = ReconnectPolicy.documented()
    assert waits(policy, 7) == [3.0, 6.0, 12.0, 24.0, 30.0, 30.0, 30.0]
    assert waits(policy, 4, dice=1.0) == pytest.approx([2.7, 5.4, 10.8, 21.6])


@pytest.mark.parametrize(
    ("jitter", "dice", "wait"),
    [(0.0, 1.0, 3.0), (0.5, 0.0, 3.0), (0.5, 0.5, 2.25), (0.5, 1.0, 1.5), (1.0, 0.5, 1.5)],
)
def test_jitter(jitter: float, dice: float, wait: float) -> None:
    """Chance shortens a wait by up to its share, and never prolongs it."""
    assert ReconnectPolicy(jitter=jitter).delay_s(2, dice) == wait


def test_factor_and_cap() -> None:
    """Waits grow by the factor up to the cap."""
    policy = ReconnectPolicy(first_delay_s=1.0, base_s=2.0, factor=3.0, cap_s=20.0, jitter=0.0)
    assert waits(policy, 5) == [1.0, 2.0, 6.0, 18.0, 20.0]


def test_first_wait_is_not_capped() -> None:
    """The first wait is what was asked for."""
    assert ReconnectPolicy(first_delay_s=40.0).delay_s(1, 0.0) == 40.0


@pytest.mark.parametrize("attempt", [70, 10_000, 10**9])
def test_many_tries(attempt: int) -> None:
    """Any number of tries has a wait, however fast the waits grow, and however slowly."""
    assert ReconnectPolicy().delay_s(attempt, 0.0) == 30.0
    assert ReconnectPolicy(factor=1e10).delay_s(attempt, 0.0) == 30.0
    assert ReconnectPolicy(factor=1.05).delay_s(attempt, 0.0) == pytest.approx(30.0)
    assert ReconnectPolicy(factor=0.5).delay_s(attempt, 0.0) == pytest.approx(0.0)


@pytest.mark.parametrize(
    "name",
    ["first_delay_s", "base_s", "factor", "cap_s", "signaling_window_s", "media_window_s"],
)
@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
def test_refused_number(name: str, value: float) -> None:
    """Times and the factor are above 0."""
    options: dict[str, Any] = {name: value}
    with pytest.raises(InvalidParameters) as caught:
        ReconnectPolicy(**options)
    assert caught.value.what == name


@pytest.mark.parametrize("jitter", [-0.1, 1.1, float("nan")])
def test_refused_jitter(jitter: float) -> None:
    """The share of chance is between 0 and 1."""
    with pytest.raises(InvalidParameters, match="jitter: expected 0 to 1, got") as caught:
        ReconnectPolicy(jitter=jitter)
    assert caught.value.suggestion == "1 is full jitter"


@pytest.mark.parametrize("attempts", [-1, float("nan")])
def test_refused_attempts(attempts: Any) -> None:  # noqa: ANN401  # what users may pass
    """There is no negative number of tries."""
    with pytest.raises(InvalidParameters, match="attempts: expected None or 0 and more, got"):
        ReconnectPolicy(attempts=attempts)


@pytest.mark.parametrize("delays_s", [(-0.1,), (1.5, float("nan"))])
def test_refused_waits_for_duplicates(delays_s: tuple[float, ...]) -> None:
    """No try can be made in the past."""
    with pytest.raises(InvalidParameters, match="duplicate_delays_s: expected waits of 0 s"):
        ReconnectPolicy(duplicate_delays_s=delays_s)


def test_any_iterable_of_waits() -> None:
    """Waits may come in a list; the value stays one that compares and hashes."""
    waits_s: Any = [0, 1.0]
    policy = ReconnectPolicy(duplicate_delays_s=waits_s)
    assert hash(policy) == hash(ReconnectPolicy(duplicate_delays_s=(0, 1.0)))


def test_value() -> None:
    """A policy is a value: it compares, and changes only into another."""
    policy: Any = ReconnectPolicy()
    assert policy == ReconnectPolicy()
    assert attrs.evolve(policy, attempts=3).attempts == 3
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.attempts = 3
