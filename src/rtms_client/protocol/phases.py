"""The stream as a whole as a table."""

import enum
from types import MappingProxyType
from typing import Final

from rtms_client.protocol.machine import MachineInput, Table

__all__ = ["SESSION_TABLE", "Phase", "SessionInput"]


class Phase(enum.Enum):
    """Where a stream stands (lifecycle notes, section 11)."""

    IDLE = "idle"
    CONNECTING_SIGNALING = "connecting signaling"
    CONNECTING_MEDIA = "connecting media"
    STREAMING = "streaming"
    RECONNECTING_SIGNALING = "reconnecting signaling"
    RECONNECTING_MEDIA = "reconnecting media"
    RESTARTING = "restarting"
    """The server ended it; the application has it started again."""
    CLOSING = "closing"
    CLOSED = "closed"


class SessionInput(MachineInput):
    """What moves a stream as a whole."""

    START = ("start", False)
    SIGNALING_READY = ("signaling ready", True)
    SIGNALING_LOST = ("signaling lost", False)
    MEDIA_READY = ("all media ready", True)
    MEDIA_LOST = ("a medium lost", False)
    DIED = ("died", False)
    RESTARTED = ("started again", False)
    CLOSE = ("close", False)
    END = ("end", False)


_P, _I = Phase, SessionInput

SESSION_TABLE: Final[Table[Phase, SessionInput]] = MappingProxyType(
    {
        _P.IDLE: {_I.START: _P.CONNECTING_SIGNALING, _I.END: _P.CLOSED},
        _P.CONNECTING_SIGNALING: {
            _I.SIGNALING_READY: _P.CONNECTING_MEDIA,
            _I.SIGNALING_LOST: _P.CONNECTING_SIGNALING,
            _I.DIED: _P.RESTARTING,
            _I.END: _P.CLOSED,
        },
        _P.CONNECTING_MEDIA: {
            _I.MEDIA_READY: _P.STREAMING,
            _I.MEDIA_LOST: _P.CONNECTING_MEDIA,
            _I.SIGNALING_LOST: _P.CONNECTING_SIGNALING,
            _I.DIED: _P.RESTARTING,
            _I.CLOSE: _P.CLOSING,
            _I.END: _P.CLOSED,
        },
        _P.STREAMING: {
            _I.MEDIA_LOST: _P.RECONNECTING_MEDIA,
            _I.SIGNALING_LOST: _P.RECONNECTING_SIGNALING,
            _I.DIED: _P.RESTARTING,
            _I.CLOSE: _P.CLOSING,
            _I.END: _P.CLOSED,
        },
        _P.RECONNECTING_SIGNALING: {
            _I.SIGNALING_READY: _P.RECONNECTING_MEDIA,
            _I.SIGNALING_LOST: _P.RECONNECTING_SIGNALING,
            _I.DIED: _P.RESTARTING,
            _I.END: _P.CLOSED,
        },
        _P.RECONNECTING_MEDIA: {
            _I.MEDIA_READY: _P.STREAMING,
            _I.MEDIA_LOST: _P.RECONNECTING_MEDIA,
            _I.SIGNALING_LOST: _P.RECONNECTING_SIGNALING,
            _I.DIED: _P.RESTARTING,
            _I.CLOSE: _P.CLOSING,
            _I.END: _P.CLOSED,
        },
        _P.RESTARTING: {_I.RESTARTED: _P.RECONNECTING_SIGNALING, _I.END: _P.CLOSED},
        _P.CLOSING: {_I.END: _P.CLOSED},
        _P.CLOSED: {},
    }
)
"""Transitions of a stream."""
