"""Pauses of the stream and of its sessions: one gap from the first word of one to its end."""

from __future__ import annotations

import pytest

from rtms_client.enums import SessionState, StreamState
from rtms_client.events import Gap, GapCause, SessionStateChanged, StreamStateChanged
from rtms_client.protocol.pauses import Pauses

NOW = 1790000000000


class Server:
    """Tells the states of a stream and its sessions."""

    def __init__(self) -> None:
        self.pauses = Pauses()
        self.sessions: dict[str, SessionState] = {}
        self.gaps: list[tuple[int | None, int | None]] = []

    def paused(self) -> bool:
        """Tell whether nothing is sent."""
        return self.pauses.paused

    def stream(self, state: StreamState, at_ms: int) -> None:
        """Tell a state of the stream."""
        self._note(self.pauses.stream(StreamStateChanged(state=state, timestamp_ms=NOW + at_ms)))

    def session(self, state: SessionState, at_ms: int, name: str = "one") -> None:
        """Tell a state of a session."""
        self.sessions[name] = state
        event = SessionStateChanged(session_id=name, state=state, timestamp_ms=NOW + at_ms)
        self._note(self.pauses.session(event, self.sessions.values()))

    def _note(self, gap: Gap | None) -> None:
        if gap is not None:
            assert (gap.media, gap.cause) == (None, GapCause.PAUSED)
            assert gap.from_ms is not None
            self.gaps.append((gap.from_ms - NOW, None if gap.to_ms is None else gap.to_ms - NOW))

    def end(self) -> None:
        """End the stream."""
        self._note(self.pauses.end())


@pytest.fixture
def server() -> Server:
    """Return a server that told nothing so far."""
    return Server()


@pytest.mark.parametrize("resumed", [SessionState.RESUMED, SessionState.STARTED])
def test_session_is_paused(server: Server, resumed: SessionState) -> None:
    """A paused session pauses the stream that has no other."""
    server.session(SessionState.PAUSED, 0)
    assert server.paused()
    server.session(resumed, 5000)
    assert not server.paused()
    assert server.gaps == [(0, 5000)]


def test_stream_and_session_say_the_same(server: Server) -> None:
    """Both messages about one pause are one gap, from the first word to the first word."""
    server.session(SessionState.PAUSED, 0)
    server.stream(StreamState.PAUSED, 10)
    server.session(SessionState.RESUMED, 5000)
    server.stream(StreamState.RESUMED, 5010)
    assert server.gaps == [(0, 5000)]


def test_another_session_goes_on(server: Server) -> None:
    """While one session goes on, nothing is missing; when the last one pauses, it is."""
    server.session(SessionState.STARTED, 0, "one")
    server.session(SessionState.STARTED, 0, "two")
    server.session(SessionState.PAUSED, 1000, "one")
    assert not server.paused()
    server.session(SessionState.PAUSED, 2000, "two")
    assert server.paused()
    server.session(SessionState.RESUMED, 3000, "one")
    assert server.gaps == [(2000, 3000)]


def test_stopped_sessions_do_not_count(server: Server) -> None:
    """A session that is over keeps nobody from pausing, and its end resumes nothing."""
    server.session(SessionState.STOPPED, 0, "one")
    server.session(SessionState.PAUSED, 1000, "two")
    server.session(SessionState.STOPPED, 2000, "three")
    assert server.paused()
    assert server.gaps == []


def test_session_without_a_name(server: Server) -> None:
    """A server that does not say which session means the only one."""
    event = SessionStateChanged(session_id=None, state=SessionState.PAUSED)
    assert server.pauses.session(event, ()) is None
    assert server.paused()


def test_stream_ends_while_paused(server: Server) -> None:
    """Nothing follows a pause that the end of the stream cuts off."""
    server.stream(StreamState.PAUSED, 0)
    server.stream(StreamState.TERMINATED, 3000)
    server.end()
    server.end()
    assert server.gaps == [(0, None)]
