"""A short way for the common media message: what repeats is read only once.

Messages 14, 15 and 16 of one speaker differ in three places: payload, its length and time stamp.
What stands around these, byte for byte, is the *shape* of a message. A shape that is new is read
by the full parser, and looked up from then on. Whatever is unusual takes the full way each time.
"""

import functools
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar, cast

from rtms_client._wire import fields as f
from rtms_client._wire.blanks import blank_of
from rtms_client._wire.codec import Codec, Message
from rtms_client._wire.inbound import message_type
from rtms_client._wire.media import MEDIA_OF_MESSAGE, Format, unknown_keys, user_of
from rtms_client.enums import MediaType, MessageType
from rtms_client.exceptions import RemoteProtocolError
from rtms_client.frames import AudioFrame, ShareFrame, VideoFrame

__all__ = ["CommonFrame", "Shapes"]

CommonFrame: TypeAlias = AudioFrame | VideoFrame | ShareFrame
"""What can be read by its shape."""

_Key: TypeAlias = tuple[bytes, ...]
"""What stands in front of payload, length (if there is one) and time stamp, and behind them."""
_Text: TypeAlias = tuple[bytes, bytes, bytes]
"""What stands in front of payload and time stamp, and behind them; holds the length."""

_DATA, _SPACED_DATA = b'"data":"', b'"data": "'
_LENGTH: Final = b'"length":'
_TIMESTAMP: Final = b'"timestamp":'
_AFTER_DATA, _AFTER_TIMESTAMP = len(_DATA), len(_TIMESTAMP)
_DIGITS: Final = 13  # Unix time in milliseconds from 2001 to 2286
_EARLIEST: Final = 10 ** (_DIGITS - 1)
_WITHOUT_LENGTH: Final = 3
_LIMIT: Final = 256  # one for each of so many speakers
_LONGEST: Final = 4096  # what stands around the payload is some hundred bytes
_KINDS: Final[Mapping[MediaType, type[CommonFrame]]] = {
    MediaType.AUDIO: AudioFrame,
    MediaType.VIDEO: VideoFrame,
    MediaType.SHARE: ShareFrame,
}
_BLANKS: Final = {medium: blank_of(kind) for medium, kind in _KINDS.items()}
_ENVELOPE: Final = {"msg_type", "content"}
_PROBES: Final = ((b"!1", 11, _EARLIEST + 1), (b"!2", 22, _EARLIEST + 2))
"""Payload, length and time stamp to put into a shape; two of each, so that nothing that stands in
the shape itself can pass for them."""
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_new: Final = object.__new__


_K = TypeVar("_K")
_V = TypeVar("_V")


class _Shape:
    """What all messages of one shape have in common."""

    __slots__ = ("blank", "channel_id", "extra", "has_channel", "kind", "medium", "user")

    def __init__(self, medium: MediaType, content: Message, extra: dict[str, object]) -> None:
        self.medium = medium
        self.kind: type[CommonFrame] = _KINDS[medium]
        self.blank = _BLANKS[medium]
        self.user = user_of(content)
        self.has_channel = medium is MediaType.AUDIO
        self.channel_id = f.identifier(content.get("channel_id"))
        self.extra = extra

    def frame(self, sequence: int, timestamp_ms: int, data: bytes, granted: Format) -> CommonFrame:
        """Build a frame; see `blank_of`."""
        blank = _new(self.blank)
        blank.sequence = sequence
        blank.data = data
        blank.timestamp_ms = timestamp_ms
        blank.user_id, blank.user_name = self.user
        if self.has_channel:
            blank.channel_id = self.channel_id
        blank.discontinuity = False
        blank.format = granted
        blank.extra = self.extra.copy() if self.extra else {}
        blank.__class__ = self.kind
        return cast("CommonFrame", blank)


_Layout: TypeAlias = tuple[Callable[[bytes], tuple[Any, ...]], _Text, int, _Shape]
"""Takes a message apart, with what stands around payload and time stamp, the size of the payload,
and the shape."""


@functools.lru_cache(_LIMIT)
def _unpacker(widths: tuple[int, ...]) -> Callable[[bytes], tuple[Any, ...]]:
    """Make a function that cuts bytes into pieces of these sizes, all at once."""
    return struct.Struct("".join(f"{width}s" for width in widths)).unpack


class Shapes:
    """Reads messages by their shapes.

    Args:
        codec: The full parser.
        decode: Decodes base64; raises `ValueError` where anything is wrong with it.
    """

    __slots__ = ("_codec", "_decode", "_layouts", "_shapes", "_texts")

    def __init__(self, codec: Codec, decode: Callable[[bytes], bytes]) -> None:
        self._codec = codec
        self._decode = decode
        self._shapes: dict[_Key, _Shape | None] = {}
        self._texts: dict[_Text, tuple[int, _Shape | None]] = {}
        """Shapes by a key that is quicker to make, with the size of the payload."""
        self._layouts: dict[int, _Layout] = {}
        """The one that came last for each size of a message: the next one is likely to have it."""

    def read(
        self, message: bytes, sequence: int, formats: Mapping[MediaType, Format]
    ) -> tuple[MediaType, CommonFrame] | None:
        """Read a message, if it is a common one.

        Args:
            message: The message.
            sequence: Number to give to the frame.
            formats: Format of each requested medium.

        Returns:
            The medium, and the frame that the full parser would make; `None` to ask the full
            parser.
        """
        layout = self._layouts.get(len(message))
        if layout is None:
            return self._search(message, sequence, formats)
        unpack, text, size, shape = layout
        before, payload, middle, digits, after = unpack(message)
        if (before, middle, after) != text or not digits.isdigit():
            return self._search(message, sequence, formats)
        try:
            data = self._decode(payload)
        except ValueError:
            return None
        granted = formats.get(shape.medium)
        timestamp_ms = int(digits)
        if timestamp_ms < _EARLIEST or granted is None or len(data) != size:
            return self._search(message, sequence, formats)
        return shape.medium, shape.frame(sequence, timestamp_ms, data, granted)

    def _search(
        self, message: bytes, sequence: int, formats: Mapping[MediaType, Format]
    ) -> tuple[MediaType, CommonFrame] | None:
        """Find the shape of a message that is not like the one before."""
        start = message.find(_DATA) + _AFTER_DATA
        if start < _AFTER_DATA:
            start = message.find(_SPACED_DATA) + len(_SPACED_DATA)
        end = message.find(b'"', start)
        mark = message.find(_TIMESTAMP, end) + _AFTER_TIMESTAMP
        digits = message[mark : mark + _DIGITS]
        if not digits.isdigit():
            mark += 1  # a space
            digits = message[mark : mark + _DIGITS]
        if not (start <= end < mark and digits.isdigit()):
            return None
        timestamp_ms = int(digits)
        if timestamp_ms < _EARLIEST:
            return None
        try:
            data = self._decode(message[start:end])
        except ValueError:
            return None
        text = message[:start], message[end:mark], message[mark + _DIGITS :]
        found = self._texts.get(text)
        if found is None or found[0] != len(data):
            shape = self._look_up(text, len(data))
        else:
            shape = found[1]
        if shape is None:
            return None
        granted = formats.get(shape.medium)
        if granted is None:
            return None
        if found is not None:  # sizes that come once are not worth it
            widths = start, end - start, mark - end, _DIGITS, len(text[2])
            _keep(self._layouts, len(message), (_unpacker(widths), text, len(data), shape))
        return shape.medium, shape.frame(sequence, timestamp_ms, data, granted)

    def _look_up(self, text: _Text, size: int) -> _Shape | None:
        """Return the shape of a text that is new, or came with a payload of another size."""
        if sum(map(len, text)) > _LONGEST:  # it is kept for long, whatever the server sends
            return None
        key = _key(text, size)
        shape = self._shapes[key] if key in self._shapes else self._learn(key)
        _keep(self._texts, text, (size, shape))
        return shape

    def _learn(self, key: _Key) -> _Shape | None:
        """Read a new shape; `None` when its messages must be read one by one."""
        try:
            shape = self._read(key)
        except (RemoteProtocolError, RecursionError):
            shape = None
        _keep(self._shapes, key, shape)
        return shape

    def _read(self, key: _Key) -> _Shape | None:
        """Put probes into a shape, and find them where they are expected.

        Raises:
            RemoteProtocolError: It is no message at all.
        """
        content: Message = {}
        kind = MessageType.UNDEFINED
        for data, length, timestamp in _PROBES:
            has_length = len(key) > _WITHOUT_LENGTH
            middle = (b"%d" % length,) if has_length else ()
            pieces = zip(key, (data, *middle, b"%d" % timestamp, b""), strict=True)
            message = self._codec.decode(b"".join(part for pair in pieces for part in pair))
            found = message.get("content")
            if message.keys() != _ENVELOPE or type(found) is not dict:
                return None
            content = cast("Message", found)
            expected = length if has_length else None
            probes = (content.get("data"), content.get("length"), content.get("timestamp"))
            if probes != (data.decode(), expected, timestamp):
                return None
            kind = message_type(message)
        medium = MEDIA_OF_MESSAGE.get(kind, MediaType.ALL)
        extra = unknown_keys(content)
        if medium not in _KINDS or not {type(value) for value in extra.values()} <= _SCALARS:
            return None
        return _Shape(medium, content, extra)


def _key(text: _Text, size: int) -> _Key:
    """Cut the length out; one that is not that of the payload stays, for the full parser."""
    before, middle, after = text
    at = middle.find(_LENGTH) + len(_LENGTH)
    at += middle.startswith(b" ", at)
    length = b"%d" % size
    if at < len(_LENGTH) or not middle.startswith(length, at):
        return text
    return before, middle[:at], middle[at + len(length) :], after


def _keep(known: dict[_K, _V], key: _K, value: _V) -> None:
    """Remember something, and forget what came first when it is too much."""
    if len(known) >= _LIMIT:
        del known[next(iter(known))]
    known[key] = value
