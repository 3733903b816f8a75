"""The one way a state machine moves: a constant table and a look-up."""

import enum
from collections.abc import Mapping
from typing import Generic, TypeAlias, TypeVar

from rtms_client.exceptions import InvalidState, RemoteProtocolError

__all__ = ["Machine", "MachineInput", "Table"]


class MachineInput(enum.Enum):
    """An input of a machine; members are pairs of a description and who caused it."""

    def __init__(self, description: str, remote: bool) -> None:  # noqa: FBT001  # an enum value
        self.description = description
        self.remote = remote
        """Whether the server caused it, so that an error is the server's."""


State = TypeVar("State", bound=enum.Enum)
Cause = TypeVar("Cause", bound=MachineInput)

Table: TypeAlias = Mapping[State, Mapping[Cause, State]]
"""Next state by state and input; a missing entry is a protocol error."""


class Machine(Generic[State, Cause]):
    """A current state that moves by a table.

    Args:
        name: What the machine stands for, for error texts.
        table: The transitions.
        initial: The first state.
    """

    __slots__ = ("_table", "name", "state")

    def __init__(self, name: str, table: Table[State, Cause], initial: State) -> None:
        self.name: str = name
        self.state: State = initial
        self._table = table

    def accepts(self, cause: Cause) -> bool:
        """Tell whether an input is allowed now."""
        return cause in self._table[self.state]

    def feed(self, cause: Cause) -> State:
        """Move and return the new state.

        Raises:
            RemoteProtocolError: The server caused an input that is not allowed now.
            InvalidState: Our side did. In both cases the state stays as it was.
        """
        row = self._table[self.state]
        if cause not in row:
            if cause.remote:
                raise RemoteProtocolError(
                    f"{self.name} in state {self.state.name}: "
                    f"{', '.join(known.description for known in row if known.remote) or 'nothing'}",
                    cause.description,
                )
            raise InvalidState(
                f"take {cause.description!r} on {self.name}",
                self.state.name,
                f"possible now: {', '.join(known.description for known in row) or 'nothing'}",
            )
        self.state = row[cause]
        return self.state
