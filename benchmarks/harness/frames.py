"""Media messages as bytes on the wire, made before the measurement as far as possible."""

import base64
import json
import random
import struct
import time
from typing import Final

from .load import AUDIO, END_MS, TRANSCRIPT, VIDEO, Flow

__all__ = ["STAMP", "STAMP_TEXT", "Cycle", "Stamped"]

STAMP: Final = struct.Struct("<dII")
"""First bytes of a paced frame: `time.monotonic` at the moment of sending, the number of its
connection, and its own number on it."""
STAMP_TEXT: Final = -(-STAMP.size // 3) * 4
"""How many letters of base64 hold a stamp; a transcript begins with them."""

_TYPES: Final = {AUDIO: 14, VIDEO: 15, TRANSCRIPT: 17}
_EPOCH_MS: Final = 1_738_394_862_332
_SAID_MS: Final = _EPOCH_MS - 1000  # none of the time stamps that are counted up
_INTERVAL_MS: Final = 20
_KEY_FRAME, _DELTA_FRAME = b"\0\0\0\1\x65", b"\0\0\0\1\x41"  # H.264, Annex B
_CYCLE: Final = {AUDIO: 128, VIDEO: 30, TRANSCRIPT: 20}
_SHORT, _MEDIUM = 126, 1 << 16  # RFC 6455, section 5.2


class Cycle:
    """Frames of a flood, many at a time; each has a time stamp of its own, 20 ms later.

    Args:
        flow: What is sent.
    """

    def __init__(self, flow: Flow) -> None:
        dice = random.Random(1)
        frames = [_frame(flow, _payload(flow, index, dice)) for index in range(_CYCLE[flow.medium])]
        self._blob = bytearray()
        self._stamps: list[slice] = []
        self._ends: list[int] = []
        for frame in frames:
            at = len(self._blob) + frame.rindex(b"%d" % _EPOCH_MS)
            self._stamps.append(slice(at, at + len(str(_EPOCH_MS))))
            self._blob += frame
            self._ends.append(len(self._blob))
        self._next_ms = _EPOCH_MS

    def __len__(self) -> int:
        """Return the number of frames that come in one go."""
        return len(self._stamps)

    def take(self, count: int, *, final: bool) -> bytes:
        """Return the next frames as bytes, perhaps with the mark of the end on the last one."""
        for stamp in self._stamps[:count]:
            self._blob[stamp] = b"%d" % self._next_ms
            self._next_ms += _INTERVAL_MS
        if final:
            self._blob[self._stamps[count - 1]] = b"%d" % END_MS
        return bytes(self._blob[: self._ends[count - 1]])


class Stamped:
    """Makes frames that carry their time of sending.

    Args:
        flow: What is sent.
        connection: Number of the connection that it is sent on.
    """

    def __init__(self, flow: Flow, connection: int) -> None:
        payload = _payload(flow, 0, random.Random(1))
        size = STAMP_TEXT // 4 * 3  # so that the stamp is a base64 text of its own
        frame = _frame(flow, payload)
        self._connection = connection
        self._filler = payload[STAMP.size : size]
        self._before, _, rest = frame.partition(base64.b64encode(payload[:size]))
        self._between, _, self._after = rest.partition(b"%d" % _EPOCH_MS)
        self._number = 0

    def frame(self) -> bytes:
        """Return a frame to be sent at once."""
        self._number += 1
        stamp = STAMP.pack(time.monotonic(), self._connection, self._number)
        return b"%b%b%b%d%b" % (
            self._before,
            base64.b64encode(stamp + self._filler),
            self._between,
            _EPOCH_MS + _INTERVAL_MS * self._number,
            self._after,
        )


def _payload(flow: Flow, index: int, dice: random.Random) -> bytes:
    noise = bytes(dice.choices(range(1, 256), k=flow.size))  # no zero, so no start code comes about
    if flow.medium != VIDEO:
        return noise
    start = _DELTA_FRAME if index else _KEY_FRAME
    return start + noise[len(start) :]


def _frame(flow: Flow, payload: bytes) -> bytes:
    """Make a message in a WebSocket frame; what a server sends is not masked."""
    content = {
        "user_id": 16778240,
        "user_name": "Ada",
        "data": base64.b64encode(payload).decode(),
        "length": len(payload),
        "timestamp": _EPOCH_MS,
    }
    if flow.medium == TRANSCRIPT:
        content |= {"language": 9, "attribute": 1, "start_time": _SAID_MS, "end_time": _SAID_MS}
        del content["length"]
    message = {"msg_type": _TYPES[flow.medium], "content": content}
    text = json.dumps(message, separators=(",", ":")).encode()
    if len(text) < _SHORT:
        return struct.pack("!BB", 0x81, len(text)) + text
    if len(text) < _MEDIUM:
        return struct.pack("!BBH", 0x81, 126, len(text)) + text
    return struct.pack("!BBQ", 0x81, 127, len(text)) + text
