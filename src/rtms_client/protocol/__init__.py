"""The protocol as pure state machines: no event loop, socket, clock, dice or log.

Public but provisional: names in here may change between minor versions.
"""

from rtms_client.protocol.links import MEDIA_TABLE, SIGNALING_TABLE, LinkInput, LinkState
from rtms_client.protocol.options import EventSubscription, SessionOptions
from rtms_client.protocol.outputs import (
    Action,
    Answer,
    AskRestart,
    Close,
    CoreStatistics,
    Granted,
    Open,
    Send,
)
from rtms_client.protocol.phases import SESSION_TABLE, Phase, SessionInput
from rtms_client.protocol.session import StreamSession

__all__ = [
    "MEDIA_TABLE",
    "SESSION_TABLE",
    "SIGNALING_TABLE",
    "Action",
    "Answer",
    "AskRestart",
    "Close",
    "CoreStatistics",
    "EventSubscription",
    "Granted",
    "LinkInput",
    "LinkState",
    "Open",
    "Phase",
    "Send",
    "SessionInput",
    "SessionOptions",
    "StreamSession",
]
