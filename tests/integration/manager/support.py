"""What the tests of many streams share."""

from typing import Any, Final

from tests.integration.failover.support import QUICK
from tests.integration.support import client_for

from rtms_client import AudioParams, RTMSClient
from rtms_client.enums import MessageType, StopReason
from rtms_client.testing import FakeRTMSServer, FakeStream, tone_meeting
from rtms_client.webhooks import Notification, parse

HELLO: Final = MessageType.SIGNALING_HAND_SHAKE_REQ
READY: Final = MessageType.CLIENT_READY_ACK
BYE: Final = MessageType.STREAM_CLOSE_REQ


def started(server: FakeRTMSServer, stream: FakeStream | None = None) -> Notification:
    """Return the started webhook of a stream as a notification."""
    return parse(server.started_webhook(stream))


def stopped(
    server: FakeRTMSServer, stream: FakeStream | None = None, reason: StopReason | None = None
) -> Notification:
    """Return the stopped webhook of a stream as a notification."""
    return parse(server.stopped_webhook(stream, reason=reason))


def add_streams(
    server: FakeRTMSServer,
    count: int,
    *,
    seconds: int = 1,
    **options: Any,  # noqa: ANN401  # passed on
) -> list[FakeStream]:
    """Open streams of meetings of their own, with some audio each."""
    options.setdefault("pace", None)
    return [
        server.add_stream(
            tone_meeting(seconds=seconds, terminate=False),
            rtms_stream_id=f"stream-{number}",
            product_id=f"meeting-{number}",
            **options,
        )
        for number in range(count)
    ]


def client_of(server: FakeRTMSServer, **options: Any) -> RTMSClient:  # noqa: ANN401  # passed on
    """Return a client that asks for audio, and reconnects."""
    options.setdefault("audio", AudioParams())
    options.setdefault("reconnect", QUICK)
    return client_for(server, **options)
