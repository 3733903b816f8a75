"""Messages as bytes: the codec seam and its JSON implementation."""

import json
import math
from collections.abc import Mapping
from typing import Final, NoReturn, Protocol, TypeAlias, cast

from rtms_client.exceptions import RemoteProtocolError, UnsupportedMessageFormat

__all__ = ["Codec", "JsonCodec", "Message", "json_object"]

Message: TypeAlias = dict[str, object]
"""One message: a JSON object."""


class Codec(Protocol):
    """How messages become bytes; chosen per connection, so that another format fits in later."""

    def decode(self, data: bytes) -> Message:
        """Read one message.

        Raises:
            RemoteProtocolError: The bytes are no message.
        """
        ...

    def encode(self, message: Mapping[str, object]) -> bytes:
        """Write one message, to be sent as a text frame."""
        ...


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python accepts and JSON does not know."""
    raise ValueError(name)


def _finite(digits: str) -> float:
    """Read a fraction; one too large to be held would become an infinity."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_WHITE_SPACE: Final = " \t\r\n"  # RFC 8259, section 2
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class JsonCodec:
    """JSON as UTF-8, in text or binary frames (messages notes, section 1)."""

    def decode(self, data: bytes) -> Message:
        """Read one JSON object.

        Raises:
            UnsupportedMessageFormat: The bytes do not start like a JSON object.
            RemoteProtocolError: The bytes are no valid JSON object.
        """
        try:
            text = data.decode().strip(_WHITE_SPACE)
            # JSONDecoder.decode() searches for white space twice, which takes a third of its time.
            message, end = _DECODER.raw_decode(text)
            if end != len(text):
                raise json.JSONDecodeError("Extra data", text, end)
        except UnicodeDecodeError:
            raise _not_json(data, "bytes that are not UTF-8") from None
        except RecursionError:
            raise RemoteProtocolError("a JSON object", "JSON nested too deeply") from None
        except ValueError as error:  # includes JSONDecodeError, NaN and overlong numbers
            problem = error.msg if isinstance(error, json.JSONDecodeError) else "a forbidden number"
            raise _not_json(data, f"invalid JSON ({problem})") from None
        if type(message) is not dict:
            raise RemoteProtocolError("a JSON object", f"a JSON {type(message).__name__}")
        return cast("Message", message)

    def encode(self, message: Mapping[str, object]) -> bytes:
        """Write one JSON object."""
        return _ENCODER.encode(message).encode()


def json_object(text: str) -> Message | None:
    """Read a JSON object inside a text; `None` when the text is anything else."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return cast("Message", value) if type(value) is dict else None


def _not_json(data: bytes, got: str) -> RemoteProtocolError:
    """Tell a broken JSON message from one in another format."""
    if data.lstrip()[:1] == b"{":
        return RemoteProtocolError("a JSON object", got)
    return UnsupportedMessageFormat("a JSON object", f"{got}, perhaps another message format")
