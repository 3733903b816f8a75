"""What the tests of reconnection share: losses, time that moves from deadline to deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rtms_client import events as ev
from rtms_client.config import ReconnectPolicy, Timeouts
from rtms_client.exceptions import ConnectFailed, ConnectionLost, RTMSError

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

    from rtms_client.enums import MediaType
    from rtms_client.events import StreamItem

DOCUMENTED: Final = ReconnectPolicy.documented()
REFUSED: Final = ConnectFailed("any", "wss://media.zoom.us", "connection refused")


def live(join: Join, *media: str, **options: Any) -> Wire:  # noqa: ANN401  # passed on
    """Return a stream whose media flow, and that reconnects as documented, without chance."""
    options.setdefault("reconnect", DOCUMENTED)
    options.setdefault("timeouts", Timeouts(silence_s=3600.0))
    return join(*media, **options).stream()


def lose(wire: Wire, endpoint: str, code: int = 1006) -> None:
    """Let a connection close without our doing."""
    wire.session.lost(wire.number(endpoint), code, "", wire.now)


def fail(wire: Wire, endpoint: str, error: RTMSError = REFUSED) -> None:
    """Let a connection not come about."""
    wire.session.failed(wire.number(endpoint), error, wire.now)


def refuse(wire: Wire, endpoint: str, status: int | None) -> None:
    """Let the server refuse a handshake."""
    kind = 2 if endpoint == "signaling" else 4
    wire.hear(endpoint, {"msg_type": kind, "status_code": status, "reason": "no"})


def accept(wire: Wire, endpoint: str) -> None:
    """Let a connection come about, and the server accept its handshake."""
    wire.opened(endpoint)
    if endpoint == "signaling":
        wire.accept_signaling()
    else:
        wire.accept_media(endpoint)


def event_7(wire: Wire, media: int | None = None) -> None:
    """Let the server say that it lost media."""
    named: dict[str, object] = {} if media is None else {"media_type": media}
    wire.hear("signaling", {"msg_type": 6, "event": {"event_type": 7, "timestamp": 1, **named}})


def sleep(wire: Wire, seconds: float) -> list[str]:
    """Let time pass from deadline to deadline; return what was done when, in short."""
    log = [f"0 {action}" for action in wire.brief()]
    started, end = wire.now, wire.now + seconds
    while True:
        deadline = wire.session.next_deadline()
        wire.now = min(end, deadline if deadline is not None else end)
        if deadline is None or deadline > end:
            return log
        wire.session.timer(wire.now)
        after = wire.session.next_deadline()
        assert after is None or after > wire.now, "a busy loop"
        log += [f"{wire.now - started:g} {action}" for action in wire.brief()]


def keep_alive(wire: Wire, *endpoints: str) -> None:
    """Let the server send a keep-alive on connections."""
    for endpoint in endpoints:
        wire.hear(endpoint, {"msg_type": 12, "timestamp": 1})


def told(wire: Wire) -> list[str]:
    """Take what the application is told, in short."""
    return [describe(item) for item in wire.items() if not isinstance(item, ev.MediaInterrupted)]


def describe(item: StreamItem | object) -> str:
    """Return an item in short."""
    match item:
        case ev.StreamInterrupted(media=media, cause=cause):
            return f"interrupted {_name(media)} {_cause(cause)}"
        case ev.ReconnectScheduled(media=media, attempt=attempt, delay_s=delay_s, cause=cause):
            return f"try {attempt} of {_name(media)} in {delay_s:g} {_cause(cause)}"
        case ev.StreamResumed(media=media, attempts=attempts, after_s=after_s):
            return f"resumed {_name(media)} after {after_s:g} and {attempts}"
        case ev.Gap(media=media, cause=cause, from_ms=from_ms, to_ms=to_ms, user_ids=users):
            return f"gap {_name(media)} {cause.value} {from_ms} {to_ms} {list(users)}"
        case ev.MediaUnavailable(media=media, status=status):
            return f"unavailable {_name(media)} {status and int(status)}"
        case _:
            return type(item).__name__


def _name(media: MediaType | None) -> str:
    return "everything" if media is None else str(media.name).lower()


def _cause(error: RTMSError) -> str:
    code = f" {error.code}" if isinstance(error, ConnectionLost) else ""
    return type(error).__name__ + code
