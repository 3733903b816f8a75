"""Fault plans as values: what they say, what they refuse, and that a seed decides everything."""

from typing import Any

import attrs
import pytest

from rtms_client.enums import MessageType
from rtms_client.testing import Fault, FaultKind, FaultPlan


@pytest.mark.parametrize(
    ("kind", "on"),
    [
        (FaultKind.REFUSE, "time"),
        (FaultKind.MOVE, "time"),
        (FaultKind.IMPOSTOR, "tls"),
        (FaultKind.HTTP_STATUS, "upgrade"),
        (FaultKind.REJECT, "received"),
        (FaultKind.RESET, "sent"),
        (FaultKind.DROP, "sent"),
    ],
)
def test_natural_occasions(kind: FaultKind, on: str) -> None:
    """Each kind strikes where it makes sense, unless told otherwise."""
    assert Fault(kind).on == on


def test_breaks_at_a_time() -> None:
    """A break with a time waits for no message; with a message it waits for both."""
    assert Fault(FaultKind.RESET, at_s=1.0).on == "time"
    assert Fault(FaultKind.RESET, at_s=1.0, message=MessageType.EVENT_UPDATE).on == "sent"
    assert Fault(FaultKind.RESET, on="open").on == "open"
    assert Fault(FaultKind.DROP, at_s=1.0).on == "sent"


@pytest.mark.parametrize(
    ("kind", "on"),
    [(FaultKind.RESET, "tls"), (FaultKind.DROP, "open"), (FaultKind.REFUSE, "sent")],
)
def test_impossible_occasions(kind: FaultKind, on: Any) -> None:  # noqa: ANN401  # that is the point
    """A fault that could never strike is refused where it is written."""
    with pytest.raises(ValueError, match=f"{kind.name} cannot strike at '{on}'"):
        Fault(kind, on=on)


@pytest.mark.parametrize(
    ("kind", "socket", "only"),
    [(FaultKind.FORGET, "audio", "'signaling'"), (FaultKind.REPLAY, "signaling", "'audio', 'all'")],
)
def test_impossible_sockets(kind: FaultKind, socket: str, only: str) -> None:
    """The same of a fault at a connection where there is nothing that it could spoil."""
    with pytest.raises(ValueError, match=f"{kind.name} strikes at .*{only} only, not at '{socket}"):
        Fault(kind, socket=socket)


def test_codes() -> None:
    """Codes have defaults that fit their kind."""
    assert Fault(FaultKind.HTTP_STATUS).code == 503
    assert Fault(FaultKind.REJECT).code == 45
    assert Fault(FaultKind.CLOSE).code == 1000
    assert Fault(FaultKind.CLOSE, code=4000).code == 4000


def test_plans_are_values() -> None:
    """Plans are frozen and compare by content."""
    plan: Any = FaultPlan([Fault(FaultKind.RESET)], seed=3)
    assert plan == FaultPlan((Fault(FaultKind.RESET),), 3, on_webhook=print)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        plan.seed = 4


def test_random_plans() -> None:
    """A seed makes the same plan again, another seed another one; times are spread and in order."""
    plan = FaultPlan.random(1, 200, seconds=10.0, streams=["a", "b"])
    assert plan == FaultPlan.random(1, 200, seconds=10.0, streams=["a", "b"])
    assert plan != FaultPlan.random(2, 200, seconds=10.0, streams=["a", "b"])
    assert len(plan.faults) == 200
    times = [fault.at_s for fault in plan.faults if fault.at_s is not None]
    assert len(times) == 200
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 10.0
    assert {fault.kind for fault in plan.faults} == {*FaultKind} - {FaultKind.IMPOSTOR}
    assert {fault.stream_id for fault in plan.faults} == {"a", "b", None}


def test_random_plans_of_some_kinds() -> None:
    """Kinds, sockets and sizes can be chosen."""
    kinds = [FaultKind.IMPOSTOR, FaultKind.REJECT]
    plan = FaultPlan.random(1, 50, seconds=1.0, sockets=["video"], kinds=kinds, size=7)
    assert {fault.kind for fault in plan.faults} == set(kinds)
    assert {fault.socket for fault in plan.faults} == {"video"}
    assert {fault.stream_id for fault in plan.faults} == {None}
    assert {fault.size for fault in plan.faults} == {7}
    assert {fault.code for fault in plan.faults if fault.kind is FaultKind.REJECT} <= {
        8,
        15,
        16,
        45,
        47,
    }
