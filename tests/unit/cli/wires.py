"""A recording of the wire with an incident, made by hand: no sockets, no clock."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtms_client import AudioParams, ConnectFailed, MediaType, RTMSClient, StreamInfo
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import StopReason
from rtms_client.protocol import SessionOptions, StreamSession
from rtms_client.testing import WireRecorder

__all__ = ["incident", "wire"]

INFO = StreamInfo(
    product_id="aBcDeFgHiJkLmNoPqRsTuA==",
    stream_id="11111111-2222-3333-4444-555555555555",
    server_urls=("wss://rtms.zoom.us/s",),
)
SOUND = base64.b64encode(bytes(640)).decode()


def hear(session: StreamSession, connection: int, now: float, **message: Any) -> None:  # noqa: ANN401  # JSON
    """Let a message arrive."""
    session.receive(connection, json.dumps(message).encode(), now)


def sound(session: StreamSession, connection: int, now: float, at_ms: int) -> None:
    """Let a packet of audio arrive."""
    content = {"user_id": 1, "user_name": "Ada", "data": SOUND, "timestamp": 1790000000000 + at_ms}
    hear(session, connection, now, msg_type=14, content=content)


def wire(path: Path, play: Callable[[StreamSession], None]) -> Path:
    """Record what a function lets happen."""
    client = RTMSClient("id", "the secret of the app", audio=AudioParams())
    options = SessionOptions(
        params={MediaType.AUDIO: AudioParams()},
        sign=lambda _: "the signature",
        reconnect=ReconnectPolicy(),
        on_reconnect=lambda _: 0.5,
    )
    session = WireRecorder(path)(client.stream(INFO), options)
    play(session)
    session.abort()
    return path


def join(session: StreamSession) -> None:
    """Join the stream with audio; connections 1 and 2 are open then."""
    session.start(100.0)
    session.opened(1, 100.1)
    urls = {"audio": "wss://rtms.zoom.us/a"}
    hear(session, 1, 100.2, msg_type=2, status_code=0, media_server={"server_urls": urls})
    session.opened(2, 100.3)
    hear(session, 2, 100.4, msg_type=4, status_code=0)


def incident(session: StreamSession) -> None:
    """Lose audio, fail to get it back twice, get it back late, be moved, and end."""
    join(session)
    for turn in range(100):
        sound(session, 2, 101 + turn * 0.02, turn * 20)
    hear(session, 1, 102.9, msg_type=12)
    session.lost(2, 1011, "out of order", 103.0)
    session.timer(103.5)
    session.failed(3, ConnectFailed("audio", "rtms.zoom.us", "no route"), 103.6)
    session.timer(104.1)
    session.opened(4, 104.2)
    hear(session, 4, 104.3, msg_type=4, status_code=45, reason="")
    session.timer(104.8)
    session.opened(5, 104.9)
    hear(session, 5, 105.0, msg_type=4, status_code=0)
    for turn in range(100):
        sound(session, 5, 105.9 + turn * 0.001, 3000 + turn * 20)
    hear(session, 1, 106.0, msg_type=6, event={"event_type": 99})
    session.receive(1, b"no JSON", 106.1)
    session.lost(5, 1006, "", 106.5)
    session.interrupted((), 107.0)
    session.moved(("wss://rtms.zoom.us/other",), 107.5)
    session.opened(6, 107.6)
    urls = {"audio": "wss://rtms.zoom.us/a"}
    hear(session, 6, 107.7, msg_type=2, status_code=0, media_server={"server_urls": urls})
    session.interrupted((), 107.8)
    session.stopped(StopReason.STREAM_CANCELED, 107.9)
    hear(session, 5, 108.0, msg_type=12)
