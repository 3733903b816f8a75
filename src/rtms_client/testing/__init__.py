"""Test doubles for applications built on rtms_client: a fake RTMS server and scripted meetings.

For tests and demonstrations only.
"""

from rtms_client.exceptions._door import claim

from ._event_socket import EventShape, FakeEventConnection, FakeEventSocket
from ._fault import Fault, FaultKind, FaultPlan
from ._fault_injector import FaultInjector, Struck
from ._meeting import (
    ADA,
    GRACE,
    AudioPacket,
    Caption,
    Chat,
    Hangup,
    MeetingItem,
    MeetingScript,
    Person,
    Picture,
    RawMessage,
    SessionEvent,
    Speech,
    StateChange,
)
from ._meeting_builders import (
    bulk_audio,
    bulk_captions,
    bulk_chat,
    bulk_payload,
    bulk_video,
    sample_meeting,
    silent_meeting,
    tone_meeting,
)
from ._recording import Recording, RecordingStep, RecordingUnreadable
from ._server import FakeRTMSServer
from ._server_connection import FakeConnection, FaultHook
from ._server_log import LogEntry, Violation, ViolationKind
from ._server_settings import EVERY_MEDIUM, NEVER, StreamOptions, StreamSettings, Timing, Variations
from ._server_stream import FakeStream
from ._server_webhooks import SignedWebhook, sign_webhook
from ._wire_recorder import WireRecorder

__all__ = [
    "ADA",
    "EVERY_MEDIUM",
    "GRACE",
    "NEVER",
    "AudioPacket",
    "Caption",
    "Chat",
    "EventShape",
    "FakeConnection",
    "FakeEventConnection",
    "FakeEventSocket",
    "FakeRTMSServer",
    "FakeStream",
    "Fault",
    "FaultHook",
    "FaultInjector",
    "FaultKind",
    "FaultPlan",
    "Hangup",
    "LogEntry",
    "MeetingItem",
    "MeetingScript",
    "Person",
    "Picture",
    "RawMessage",
    "Recording",
    "RecordingStep",
    "RecordingUnreadable",
    "SessionEvent",
    "SignedWebhook",
    "Speech",
    "StateChange",
    "StreamOptions",
    "StreamSettings",
    "Struck",
    "Timing",
    "Variations",
    "Violation",
    "ViolationKind",
    "WireRecorder",
    "bulk_audio",
    "bulk_captions",
    "bulk_chat",
    "bulk_payload",
    "bulk_video",
    "sample_meeting",
    "sign_webhook",
    "silent_meeting",
    "tone_meeting",
]

claim(__name__)
