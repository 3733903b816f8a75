"""What a client counts."""

import attrs

__all__ = ["ClientStatistics"]


@attrs.define(kw_only=True)
class ClientStatistics:
    """Counters of one client; they only grow."""

    notifications: int = 0
    """Notifications taken."""
    ignored: int = 0
    """Notifications that changed nothing: delivered before, older than what is known, or about a
    stream that is over or was never announced."""
    started: int = 0
    """Streams that notifications began."""
    moved: int = 0
    """Moves to other servers."""
    interrupted: int = 0
    """Interruptions that notifications told."""
    stopped: int = 0
    """Stops that notifications told."""
    restarted: int = 0
    """Streams that died and go on under another id."""
    refused: int = 0
    """Streams that were announced and not joined."""
    failed: int = 0
    """Streams that ended with an error."""
    handler_errors: int = 0
    """Handlers and hooks that raised."""
    blocked: int = 0
    """How often user code kept the event loop to itself for longer than `Timeouts.blocked_s`."""
    blocked_at: str | None = None
    """Where it last was: file, line and function. `None` when it never did."""
