"""Losses, refusals, time, webhooks and messages in any order, found and shrunk by hypothesis."""

from __future__ import annotations

from typing import Final

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.property.failover_server import Simulation

from rtms_client import exceptions as ex
from rtms_client.enums import StopReason

ENDPOINTS: Final = st.sampled_from(["signaling", "audio", "transcript"])
REFUSALS: Final = st.sampled_from([-1, 0, 1, 2, 3, 8, 9, 15, 16, 17, 44, 45, 47, 99])
ANSWERS: Final = st.sampled_from([None, False, 0, 0.5, 70])

STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.sampled_from([0.01, 0.3, 1.0, 3.0, 14.0, 31.0, 66.0])),
        st.tuples(st.just("lose"), ENDPOINTS),
        st.tuples(st.just("die"), ENDPOINTS),
        st.tuples(st.just("tell"), ENDPOINTS),
        st.tuples(st.just("refuse"), st.lists(REFUSALS, max_size=4)),
        st.tuples(st.just("move"), st.none()),
        st.tuples(st.just("pause"), st.sampled_from([0.5, 10.0])),
        st.tuples(st.just("answer"), ANSWERS),
    ),
    max_size=40,
)
ENDS: Final = st.sampled_from(["close", "abort", "stopped", "terminated", "none"])


def take(step: tuple[str, object], simulation: Simulation) -> None:
    """Take one step."""
    match step:
        case ("refuse", list(statuses)):
            simulation.refusals[:] = statuses
        case ("answer", float() | int() | None as answer):
            simulation.answer = False if answer is False else answer
        case ("move", None):
            simulation.move()
        case _:
            getattr(simulation, step[0])(step[1])


def end(way: str, simulation: Simulation) -> None:
    """End a stream in one of several ways."""
    session = simulation.session
    match way:
        case "close":
            session.close(simulation.now)
        case "abort":
            session.abort(ex.InternalError("test"))
        case "stopped":
            session.stopped(StopReason.MEETING_ENDED, simulation.now)
        case "terminated" if (
            (signaling := simulation.find("signaling")) is not None
            and signaling.accepted
            and not signaling.dead
        ):
            simulation.say(signaling, b'{"msg_type":8,"state":4,"reason":6}')
        case _:
            simulation.refusals[:] = [2] * 100
            simulation.lose("signaling")


@settings(max_examples=60)
@given(steps=STEPS, way=ENDS, seed=st.integers(0, 3), replay=st.booleans())
def test_any_order(
    steps: list[tuple[str, object]],
    way: str,
    seed: int,
    replay: bool,  # noqa: FBT001  # drawn
) -> None:
    """Whatever happens in whatever order, every promise is kept, and the stream ends."""
    simulation = Simulation(seed, replay=replay)
    simulation.begin()
    for step in steps:
        take(step, simulation)
        simulation.run(0.0)
    simulation.pause(1e9)
    simulation.run(1.0)
    end(way, simulation)
    simulation.run(200.0)
    session = simulation.session
    assert session.phase.name == "CLOSED"
    assert session.error is None or isinstance(session.error, ex.RTMSError)
    assert session.next_deadline() is None
    assert simulation.connections == {}
    event("nothing was lost" if session.error is None else type(session.error).__name__)
    simulation.books.check(session)
