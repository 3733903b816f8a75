"""Signaling and media connections: their tables, and what the session knows of each.

Rules: lifecycle notes, sections 1, 4, 6 and 9; protocol notes, rows 42 (states on media sockets),
43 (media before or without message 4 count as its acceptance) and 45 (keep-alives before the
handshake is answered).
"""

import enum
from types import MappingProxyType
from typing import Final

from rtms_client.config import Timeouts
from rtms_client.enums import MediaType
from rtms_client.exceptions import AnswerTimeout, ConnectionSilent, ConnectTimeout, RTMSError
from rtms_client.protocol.addresses import origin
from rtms_client.protocol.machine import Machine, MachineInput, Table

__all__ = ["MEDIA_TABLE", "SIGNALING_TABLE", "Link", "LinkInput", "LinkState"]


class LinkState(enum.Enum):
    """State of one connection."""

    IDLE = "idle"
    CONNECTING = "connecting"
    HANDSHAKING = "handshaking"
    PRESUMED = "presumed"
    """Media flow, the answer to the handshake is still missing."""
    READY = "ready"
    CLOSING = "closing"
    CLOSED = "closed"


class LinkInput(MachineInput):
    """What can happen to one connection."""

    CONNECT = ("connect", False)
    OPENED = ("connection open", False)
    ACCEPTED = ("accepted handshake (2, 4)", True)
    REJECTED = ("refused handshake (2, 4)", True)
    KEEP_ALIVE = ("keep-alive (12)", True)
    NOTICE = ("event, state or metadata (6, 8, 9, 23 to 27)", True)
    MEDIA = ("media (14 to 18)", True)
    REPLY = ("reply (11, 20, 22, 29)", True)
    REQUEST = ("request", False)
    CLOSE = ("close", False)
    EXPIRED = ("time-out", False)
    LOST = ("connection lost", False)


_S, _I = LinkState, LinkInput
_FAILURES: Final = {_I.EXPIRED: _S.CLOSED, _I.LOST: _S.CLOSED}
_START: Final = {
    _S.IDLE: {_I.CONNECT: _S.CONNECTING, _I.CLOSE: _S.CLOSED},
    _S.CONNECTING: {_I.OPENED: _S.HANDSHAKING, _I.CLOSE: _S.CLOSED, **_FAILURES},
}
_HANDSHAKING: Final = {
    _I.ACCEPTED: _S.READY,
    _I.REJECTED: _S.CLOSED,
    _I.KEEP_ALIVE: _S.HANDSHAKING,
    _I.NOTICE: _S.HANDSHAKING,
    _I.CLOSE: _S.CLOSED,
    **_FAILURES,
}

SIGNALING_TABLE: Final[Table[LinkState, LinkInput]] = MappingProxyType(
    {
        **_START,
        _S.HANDSHAKING: _HANDSHAKING,
        _S.PRESUMED: {},
        _S.READY: {
            _I.KEEP_ALIVE: _S.READY,
            _I.NOTICE: _S.READY,
            _I.REPLY: _S.READY,
            _I.REQUEST: _S.READY,
            _I.CLOSE: _S.CLOSING,
            **_FAILURES,
        },
        _S.CLOSING: {
            _I.KEEP_ALIVE: _S.CLOSING,
            _I.NOTICE: _S.CLOSING,
            _I.REPLY: _S.CLOSING,
            _I.CLOSE: _S.CLOSED,
            **_FAILURES,
        },
        _S.CLOSED: {},
    }
)
"""Transitions of the signaling connection; it lives as long as the stream."""

MEDIA_TABLE: Final[Table[LinkState, LinkInput]] = MappingProxyType(
    {
        **_START,
        _S.HANDSHAKING: {**_HANDSHAKING, _I.MEDIA: _S.PRESUMED},
        _S.PRESUMED: {
            _I.ACCEPTED: _S.READY,
            _I.REJECTED: _S.CLOSED,
            _I.KEEP_ALIVE: _S.PRESUMED,
            _I.NOTICE: _S.PRESUMED,
            _I.MEDIA: _S.PRESUMED,
            _I.CLOSE: _S.CLOSED,
            **_FAILURES,
        },
        _S.READY: {
            _I.KEEP_ALIVE: _S.READY,
            _I.NOTICE: _S.READY,
            _I.MEDIA: _S.READY,
            _I.CLOSE: _S.CLOSED,
            **_FAILURES,
        },
        _S.CLOSING: {},
        _S.CLOSED: {},
    }
)
"""Transitions of a media connection."""


class Link:
    """One connection: its place, its address, its state and its times.

    Args:
        number: Local id; never used again for another connection.
        media: The medium, or `MediaType.ALL`; `None` for signaling.
        url: Where it leads.

    Attributes:
        endpoint: ``signaling``, the name of the medium, or ``all``; for errors and logs.
        began: When it was begun.
        deadline: When opening or handshake must be done; `None` when they are.
        heard: When the last message came.
    """

    __slots__ = ("began", "deadline", "endpoint", "heard", "machine", "media", "number", "url")

    def __init__(self, number: int, media: MediaType | None, url: str) -> None:
        self.number: int = number
        self.media: MediaType | None = media
        self.url: str = url
        self.endpoint: str = self.name_of(media)
        self.deadline: float | None = None
        self.began: float = 0.0
        self.heard: float = 0.0
        self.machine: Machine[LinkState, LinkInput] = Machine(
            self.endpoint, SIGNALING_TABLE if media is None else MEDIA_TABLE, LinkState.IDLE
        )

    @staticmethod
    def name_of(media: MediaType | None) -> str:
        """Name a connection, for errors and logs."""
        return "signaling" if media is None else (media.name or "media").lower()

    def carries(self, medium: MediaType) -> bool:
        """Tell whether a medium may come over this connection."""
        return self.media in {medium, MediaType.ALL}

    @property
    def settled(self) -> bool:
        """Whether the handshake succeeded, as far as we can know."""
        return self.machine.state in {LinkState.PRESUMED, LinkState.READY}

    def expires(self, timeouts: Timeouts) -> float:
        """Return when this connection counts as failed if nothing happens."""
        return self.heard + timeouts.silence_s if self.deadline is None else self.deadline

    def expiry(self, timeouts: Timeouts) -> RTMSError:
        """Make the error for this connection when its time is up."""
        match self.machine.state:
            case LinkState.CONNECTING:
                problem = f"no connection within {timeouts.connect_s:g} s"
                return ConnectTimeout(self.endpoint, origin(self.url), problem)
            case LinkState.HANDSHAKING:
                return AnswerTimeout(
                    self.endpoint, "an answer to the handshake", timeouts.handshake_s
                )
            case _:
                return ConnectionSilent(self.endpoint, timeouts.silence_s)
