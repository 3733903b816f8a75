"""Pauses: nothing is sent because somebody wanted it so (lifecycle notes, section 8).

The server may say so of the stream (message 8), of its sessions (message 9), or of both.
"""

from collections.abc import Collection

from rtms_client.enums import SessionState, StreamState
from rtms_client.events import Gap, GapCause, SessionStateChanged, StreamStateChanged

__all__ = ["Pauses"]


class Pauses:
    """Turns states of pausing and resuming into gaps.

    Attributes:
        paused: Whether the server says that nothing is sent now.
    """

    __slots__ = ("_since_ms", "paused")

    def __init__(self) -> None:
        self.paused: bool = False
        self._since_ms: int | None = None

    def stream(self, event: StreamStateChanged) -> Gap | None:
        """Take a state of the stream; return the gap of the pause that it ends."""
        if event.state == StreamState.PAUSED:
            self._begin(event.timestamp_ms)
        elif event.state in {StreamState.RESUMED, StreamState.ACTIVE}:
            return self.end(event.timestamp_ms)
        return None

    def session(self, event: SessionStateChanged, sessions: Collection[SessionState]) -> Gap | None:
        """Take a state of a session; return the gap of the pause that it ends.

        Args:
            event: The state.
            sessions: States of all sessions of the stream, this one included; as long as one of
                them goes on, nothing is missing.
        """
        going_on = [state for state in sessions if state != SessionState.STOPPED]
        if event.state == SessionState.PAUSED:
            if all(state == SessionState.PAUSED for state in going_on):
                self._begin(event.timestamp_ms)
        elif event.state in {SessionState.RESUMED, SessionState.STARTED}:
            return self.end(event.timestamp_ms)
        return None

    def _begin(self, at_ms: int | None) -> None:
        if not self.paused:
            self.paused, self._since_ms = True, at_ms

    def end(self, at_ms: int | None = None) -> Gap | None:
        """Return the gap of the pause under way, which ends at this time, or with the stream."""
        if not self.paused:
            return None
        self.paused = False
        return Gap(media=None, cause=GapCause.PAUSED, from_ms=self._since_ms, to_ms=at_ms)
