"""Media messages as bytes on the wire, made before the measurement as far as possible."""

import base64
import json
import random
import struct
import time
from typing import Final

from .load import AUDIO, END_MS, Load

__all__ = ["SEND_TIME", "Cycle", "Stamped"]

SEND_TIME: Final = struct.Struct("<d")
"""First bytes of a paced frame: `time.monotonic` at the moment of sending."""

_TYPES: Final = {AUDIO: 14, "video": 15}
_EPOCH_MS: Final = 1_738_394_862_332
_INTERVAL_MS: Final = 20
_KEY_FRAME, _DELTA_FRAME = b"\0\0\0\1\x65", b"\0\0\0\1\x41"  # H.264, Annex B
_CYCLE: Final = {AUDIO: 128, "video": 30}
_SHORT, _MEDIUM = 126, 1 << 16  # RFC 6455, section 5.2


class Cycle:
    """Frames of a flood, many at a time; each has a time stamp of its own, 20 ms later.

    Args:
        load: What is sent.
    """

    def __init__(self, load: Load) -> None:
        dice = random.Random(1)
        frames = [_frame(load, _payload(load, index, dice)) for index in range(_CYCLE[load.medium])]
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
        load: What is sent.
    """

    def __init__(self, load: Load) -> None:
        payload = _payload(load, 0, random.Random(1))
        # Three more bytes, so that the stamp is a base64 text of its own.
        size = SEND_TIME.size + -SEND_TIME.size % 3
        frame = _frame(load, payload)
        self._filler = payload[SEND_TIME.size : size]
        self._before, _, rest = frame.partition(base64.b64encode(payload[:size]))
        self._between, _, self._after = rest.partition(b"%d" % _EPOCH_MS)
        self._next_ms = _EPOCH_MS

    def frame(self) -> bytes:
        """Return a frame to be sent at once."""
        self._next_ms += _INTERVAL_MS
        stamp = base64.b64encode(SEND_TIME.pack(time.monotonic()) + self._filler)
        return b"%b%b%b%d%b" % (
            self._before,
            stamp,
            self._between,
            self._next_ms,
            self._after,
        )


def _payload(load: Load, index: int, dice: random.Random) -> bytes:
    noise = bytes(dice.choices(range(1, 256), k=load.size))  # no zero, so no start code comes about
    if load.medium == AUDIO:
        return noise
    start = _DELTA_FRAME if index else _KEY_FRAME
    return start + noise[len(start) :]


def _frame(load: Load, payload: bytes) -> bytes:
    """Make a message in a WebSocket frame; what a server sends is not masked."""
    content = {
        "user_id": 16778240,
        "user_name": "Ada",
        "data": base64.b64encode(payload).decode(),
        "length": len(payload),
        "timestamp": _EPOCH_MS,
    }
    message = {"msg_type": _TYPES[load.medium], "content": content}
    text = json.dumps(message, separators=(",", ":")).encode()
    if len(text) < _SHORT:
        return struct.pack("!BB", 0x81, len(text)) + text
    if len(text) < _MEDIUM:
        return struct.pack("!BBH", 0x81, 126, len(text)) + text
    return struct.pack("!BBQ", 0x81, 127, len(text)) + text
