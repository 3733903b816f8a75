"""A day with a fault each minute: nothing is lost in silence, nothing comes twice, sums agree."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
from tests.property.failover_server import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINTS: Final = ("signaling", "audio", "transcript")


def lose(day: Simulation) -> None:
    """Close or reset a connection."""
    day.lose(day.dice.choice(ENDPOINTS), day.dice.choice((1000, 1001, 1006, 1011)))


def lose_two(day: Simulation) -> None:
    """Lose both media at once."""
    day.lose("audio")
    day.lose("transcript")


def refuse(day: Simulation) -> None:
    """Refuse some tries after a loss: busy, faulty, unreachable, without answer."""
    day.refusals[:] = day.dice.choices((8, 16, 45, 47, 0, -1), k=day.dice.randint(1, 2))
    day.lose(day.dice.choice(ENDPOINTS))


def die(day: Simulation) -> None:
    """Let a connection die without a word."""
    day.die(day.dice.choice(ENDPOINTS))


def tell(day: Simulation) -> None:
    """Tell of the loss of a connection that seems to live."""
    day.tell(day.dice.choice(ENDPOINTS))


def move(day: Simulation) -> None:
    """Move the stream."""
    day.move()


def move_in_between(day: Simulation) -> None:
    """Move the stream while it is reconnecting."""
    day.lose("signaling")
    day.at(day.dice.random(), day.move)


def pause(day: Simulation) -> None:
    """Pause the stream."""
    day.pause(20.0)


FAULTS: Final[tuple[Callable[[Simulation], None], ...]] = (
    lose,
    lose_two,
    refuse,
    die,
    tell,
    move,
    move_in_between,
    pause,
)


def live(day: Simulation, minutes: int) -> None:
    """Let a stream live, with a fault each minute, and end it."""
    day.begin()
    for _ in range(minutes):
        day.at(60.0 * day.dice.random(), partial(day.dice.choice(FAULTS), day))
        day.run(60.0)
        assert day.session.phase.name not in {"CLOSING", "CLOSED"}, day.session.error
    day.run(120.0)
    assert day.session.phase.name == "STREAMING"
    assert day.books.away == set()
    day.pause(60.0)
    day.run(5.0)
    day.session.close(day.now)
    day.run(1.0)
    assert day.session.phase.name == "CLOSED"
    assert day.session.error is None
    assert day.connections == {}
    day.books.check(day.session)


@pytest.mark.parametrize("replay", [True, False], ids=["replay", "no replay"])
@pytest.mark.parametrize("seed", range(2))
def test_hour(seed: int, replay: bool) -> None:  # noqa: FBT001  # a parameter
    """An hour of faults, several times."""
    day = Simulation(seed, replay=replay)
    live(day, 60)
    assert day.timer_calls < 60 * 60
    assert 30 < day.books.told["StreamInterrupted"] < 90


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_day() -> None:
    """24 hours: 1440 faults, and every sum agrees."""
    day = Simulation(2026, replay=True)
    live(day, 24 * 60)
    assert 1000 < day.books.told["StreamInterrupted"] < 2000
    assert day.books.told["AudioFrame"] > 100_000
