"""How machines move, and every state against every input of the three tables."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TypeVar

import pytest

from rtms_client.exceptions import InvalidState, RemoteProtocolError
from rtms_client.protocol import (
    MEDIA_TABLE,
    SESSION_TABLE,
    SIGNALING_TABLE,
    LinkInput,
    LinkState,
    Phase,
    SessionInput,
)
from rtms_client.protocol.machine import Machine, MachineInput


class Door(enum.Enum):
    """States of a door."""

    OPEN = "open"
    SHUT = "shut"
    WALLED_UP = "walled up"


class Hand(MachineInput):
    """What can happen to a door."""

    PUSH = ("push", False)
    WIND = ("wind", True)
    KNOCK = ("knock", True)


DOOR = MappingProxyType(
    {
        Door.OPEN: {Hand.PUSH: Door.SHUT, Hand.WIND: Door.SHUT},
        Door.SHUT: {Hand.PUSH: Door.OPEN, Hand.KNOCK: Door.SHUT},
        Door.WALLED_UP: {},
    }
)


def test_input_moves_the_machine() -> None:
    """An allowed input leads to the state of the table, which is returned."""
    door = Machine("door", DOOR, Door.OPEN)
    assert door.accepts(Hand.PUSH)
    assert door.feed(Hand.PUSH) is Door.SHUT
    assert door.state is Door.SHUT


def test_input_of_the_server_is_the_servers_error() -> None:
    """The error names state and input, what was possible, and leaves the state alone."""
    door = Machine("door", DOOR, Door.OPEN)
    assert not door.accepts(Hand.KNOCK)
    with pytest.raises(RemoteProtocolError) as caught:
        door.feed(Hand.KNOCK)
    assert str(caught.value) == "expected door in state OPEN: wind, got knock"
    assert door.state is Door.OPEN


def test_input_of_ours_is_our_error() -> None:
    """The error of our own side is another one."""
    door = Machine("door", DOOR, Door.WALLED_UP)
    with pytest.raises(InvalidState) as caught:
        door.feed(Hand.PUSH)
    assert str(caught.value) == (
        "cannot take 'push' on door in state WALLED_UP; possible now: nothing"
    )
    assert door.state is Door.WALLED_UP


def test_nothing_is_possible_any_more() -> None:
    """A final state says so."""
    door = Machine("door", DOOR, Door.WALLED_UP)
    with pytest.raises(RemoteProtocolError, match="WALLED_UP: nothing, got wind"):
        door.feed(Hand.WIND)


# --- the three tables, written out ---------------------------------------------------------------

# One line for each state: inputs and where they lead. What is not listed is an error.
SIGNALING = """
    IDLE        CONNECT>CONNECTING CLOSE>CLOSED
    CONNECTING  OPENED>HANDSHAKING CLOSE>CLOSED EXPIRED>CLOSED LOST>CLOSED
    HANDSHAKING ACCEPTED>READY REJECTED>CLOSED KEEP_ALIVE>HANDSHAKING NOTICE>HANDSHAKING
                CLOSE>CLOSED EXPIRED>CLOSED LOST>CLOSED
    PRESUMED
    READY       KEEP_ALIVE>READY NOTICE>READY REPLY>READY REQUEST>READY CLOSE>CLOSING
                EXPIRED>CLOSED LOST>CLOSED
    CLOSING     KEEP_ALIVE>CLOSING NOTICE>CLOSING REPLY>CLOSING CLOSE>CLOSED EXPIRED>CLOSED
                LOST>CLOSED
    CLOSED
"""
MEDIA = """
    IDLE        CONNECT>CONNECTING CLOSE>CLOSED
    CONNECTING  OPENED>HANDSHAKING CLOSE>CLOSED EXPIRED>CLOSED LOST>CLOSED
    HANDSHAKING ACCEPTED>READY REJECTED>CLOSED KEEP_ALIVE>HANDSHAKING NOTICE>HANDSHAKING
                MEDIA>PRESUMED CLOSE>CLOSED EXPIRED>CLOSED LOST>CLOSED
    PRESUMED    ACCEPTED>READY REJECTED>CLOSED KEEP_ALIVE>PRESUMED NOTICE>PRESUMED MEDIA>PRESUMED
                CLOSE>CLOSED EXPIRED>CLOSED LOST>CLOSED
    READY       KEEP_ALIVE>READY NOTICE>READY MEDIA>READY CLOSE>CLOSED EXPIRED>CLOSED LOST>CLOSED
    CLOSING
    CLOSED
"""
SESSION = """
    IDLE                   START>CONNECTING_SIGNALING END>CLOSED
    CONNECTING_SIGNALING   SIGNALING_READY>CONNECTING_MEDIA SIGNALING_LOST>CONNECTING_SIGNALING
                           DIED>RESTARTING END>CLOSED
    CONNECTING_MEDIA       MEDIA_READY>STREAMING MEDIA_LOST>CONNECTING_MEDIA
                           SIGNALING_LOST>CONNECTING_SIGNALING DIED>RESTARTING
                           CLOSE>CLOSING END>CLOSED
    STREAMING              MEDIA_LOST>RECONNECTING_MEDIA SIGNALING_LOST>RECONNECTING_SIGNALING
                           DIED>RESTARTING CLOSE>CLOSING END>CLOSED
    RECONNECTING_SIGNALING SIGNALING_READY>RECONNECTING_MEDIA
                           SIGNALING_LOST>RECONNECTING_SIGNALING DIED>RESTARTING END>CLOSED
    RECONNECTING_MEDIA     MEDIA_READY>STREAMING MEDIA_LOST>RECONNECTING_MEDIA
                           SIGNALING_LOST>RECONNECTING_SIGNALING DIED>RESTARTING
                           CLOSE>CLOSING END>CLOSED
    RESTARTING             RESTARTED>RECONNECTING_SIGNALING END>CLOSED
    CLOSING                END>CLOSED
    CLOSED
"""


def transitions(text: str) -> dict[tuple[str, str], str]:
    """Read a table: next state by state and input."""
    found: dict[tuple[str, str], str] = {}
    state = ""
    for word in text.split():
        cause, arrow, following = word.partition(">")
        if arrow:
            found[state, cause] = following
        else:
            state = word
    return found


EXPECTED = {
    "signaling": transitions(SIGNALING),
    "media": transitions(MEDIA),
    "session": transitions(SESSION),
}
LINK_CASES = [
    pytest.param(name, state, cause, id=f"{name}-{state.name}-{cause.name}")
    for name in ("signaling", "media")
    for state in LinkState
    for cause in LinkInput
]
SESSION_CASES = [
    pytest.param(phase, cause, id=f"{phase.name}-{cause.name}")
    for phase in Phase
    for cause in SessionInput
]
OF_THE_SERVER = {"ACCEPTED", "REJECTED", "KEEP_ALIVE", "NOTICE", "MEDIA", "REPLY"} | {
    "SIGNALING_READY",
    "MEDIA_READY",
}


@pytest.mark.parametrize(("name", "state", "cause"), LINK_CASES)
def test_connection(name: str, state: LinkState, cause: LinkInput) -> None:
    """Each input in each state of a connection is a transition or a typed error."""
    table = SIGNALING_TABLE if name == "signaling" else MEDIA_TABLE
    check(Machine(name, table, state), cause, EXPECTED[name].get((state.name, cause.name)))


@pytest.mark.parametrize(("phase", "cause"), SESSION_CASES)
def test_session(phase: Phase, cause: SessionInput) -> None:
    """Each input in each phase of a stream is a transition or a typed error."""
    machine = Machine("stream", SESSION_TABLE, phase)
    check(machine, cause, EXPECTED["session"].get((phase.name, cause.name)))


StateT = TypeVar("StateT", bound=enum.Enum)
CauseT = TypeVar("CauseT", bound=MachineInput)


def check(machine: Machine[StateT, CauseT], cause: CauseT, expected: str | None) -> None:
    """Feed one input and compare what comes of it."""
    before = machine.state
    assert machine.accepts(cause) is (expected is not None)
    if expected is not None:
        assert machine.feed(cause).name == expected
        return
    kind = RemoteProtocolError if cause.name in OF_THE_SERVER else InvalidState
    with pytest.raises(kind, match=before.name):
        machine.feed(cause)
    assert machine.state is before


def test_expected_tables_name_real_states_and_inputs() -> None:
    """The expectations above contain no slip of the pen."""
    for name, states, inputs in (
        ("signaling", LinkState.__members__, LinkInput.__members__),
        ("media", LinkState.__members__, LinkInput.__members__),
        ("session", Phase.__members__, SessionInput.__members__),
    ):
        for (state, cause), following in EXPECTED[name].items():
            assert {state, following} <= set(states)
            assert cause in inputs


@pytest.mark.parametrize("cause", [*LinkInput, *SessionInput], ids=str)
def test_inputs_know_who_causes_them(cause: MachineInput) -> None:
    """Whether an error is ours or the server's is a property of the input."""
    assert cause.remote is (cause.name in OF_THE_SERVER)
    assert cause.description


def test_tables_are_constant() -> None:
    """Nobody changes the rules while the program runs."""
    for table in (SIGNALING_TABLE, MEDIA_TABLE, SESSION_TABLE):
        assert type(table) is MappingProxyType
