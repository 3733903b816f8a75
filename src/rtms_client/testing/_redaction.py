"""What a recording never holds: secrets always, media and names on request.

Everything that is taken out is replaced by something that is equal where the original was equal, so
that a recording without secrets, names and media still replays like the stream it was made of.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import string
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Final, cast

import attrs

from rtms_client._wire.codec import Message, json_object
from rtms_client._wire.inbound import message_type
from rtms_client._wire.media import MEDIA_OF_MESSAGE
from rtms_client.enums import MediaType, MessageType
from rtms_client.exceptions import RemoteProtocolError

__all__ = ["Redactor"]

_SHORTEST: Final = 6  # a shorter text is found by chance everywhere
_SECRET_KEY: Final = re.compile(
    r"secret|signature|token|password|authorization|srtp_key", re.IGNORECASE
)
_URL: Final = re.compile(r"(?i)(wss?|https?)://")
_MAX_DEPTH: Final = 100
_MARKED: Final = 24
_LAST: Final = 4  # the end of base64 has bits that must be zero
_ALPHABET: Final = string.ascii_letters + string.digits + "+/"
_LIKE_A: Final = str.maketrans("+/-", "AAA")
_URL_SAFE: Final = str.maketrans("+/", "-_")
_BINARY: Final = frozenset({MediaType.AUDIO, MediaType.VIDEO, MediaType.SHARE})
_METADATA: Final = range(MessageType.META_DATA_AUDIO, MessageType.META_DATA_CHAT + 1)
_CONTENT_KEYS: Final = frozenset({"data", "text", "content"})
_PLAIN_KEYS: Final = frozenset(
    {
        "attribute", "call_id", "channel_id", "codec", "datacenter_region", "end_time",
        "engagement_id", "event_code", "event_ts", "event_type", "file_id", "id", "language",
        "length", "meeting_uuid", "message_id", "msg_type", "operation_type", "parent_message_id",
        "participant_mode", "reason", "rtms_session_id", "rtms_stream_id", "session_id",
        "start_time", "state", "status", "status_code", "stop_reason", "timestamp", "type",
        "userId", "user_id", "webinar_uuid",
    }
)  # fmt: skip
"""Keys whose texts are ids, numbers and reasons; all other texts may hold a name."""


@attrs.frozen
class _Kind:
    """What a message may hold."""

    content: bool = False
    """Sound, pictures or words, under the keys for content."""
    binary: bool = False
    """In base64."""
    unknown: bool = False
    """Nobody knows under which keys."""


class Redactor:
    """Takes secrets, and if wanted media and names, out of what is written.

    Args:
        media: Take out sound, pictures, captions and chat; their sizes stay.
        names: Put pseudonyms in place of names and of all other texts that are no ids.
    """

    def __init__(self, *, media: bool, names: bool) -> None:
        self._media, self._names = media, names
        self._key = os.urandom(16)
        self._forms: dict[str, str] = {}

    def learn(self, secret: str) -> None:
        """Take note of a secret that is to be found in whatever form it comes."""
        if len(secret) < _SHORTEST:
            return
        token = self.token(secret)
        raw = secret.encode()
        for form in (secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe="")):
            self._forms.setdefault(form, token)
        for form in (raw.hex(), raw.hex().upper()):
            self._forms.setdefault(form, "0" * len(form))
        for form in _base64_forms(raw):
            self._forms.setdefault(form, "A" * len(form))

    def line(self, text: str) -> str:
        """Take all known secrets out of a line."""
        for form, instead in self._forms.items():
            if form in text:
                text = text.replace(form, instead)
        return text

    def token(self, secret: str) -> str:
        """Return what stands for a secret."""
        return f"redacted-{self._digest(secret).hex()[:12]}"

    def url(self, url: str) -> str:
        """Take user, password and the values of the query out of a URL."""
        before, mark, query = url.partition("?")
        scheme, slashes, rest = before.partition("://")
        authority, slash, path = rest.partition("/")
        user, at, host = authority.rpartition("@")
        if at:
            authority = f"{self.token(user)}@{host}"
        pairs = (pair.partition("=") for pair in query.split("&"))
        values = "&".join(
            name + (f"={self.token(value)}" if eq else "") for name, eq, value in pairs
        )
        return f"{scheme}{slashes}{authority}{slash}{path}{mark}{values}"

    def message(self, message: Message) -> Message:
        """Return a message as it may be written."""
        try:
            number = message_type(message)
        except RemoteProtocolError:
            kind = _Kind(unknown=True)
        else:
            medium = MEDIA_OF_MESSAGE.get(number)
            unknown = number in _METADATA or not number.known
            kind = _Kind(medium is not None, medium in _BINARY, unknown)
        return self._mapping(message, kind, 0)

    def mapping(self, values: Mapping[str, object]) -> Message:
        """Return fields of a webhook as they may be written."""
        return self._mapping(values, _Kind(), 0)

    def undecodable(self, data: bytes) -> bytes:
        """Return bytes that are no message; what may be media or a name keeps only its shape."""
        if not (self._media or self._names):
            return data
        return re.sub(rb"[0-9A-Za-z]", b"x", re.sub(rb"[\x80-\xff]", b"\xff", data))

    def _mapping(self, values: Mapping[str, object], kind: _Kind, depth: int) -> Message:
        return {key: self._value(key, value, kind, depth) for key, value in values.items()}

    def _value(self, key: str, value: object, kind: _Kind, depth: int) -> object:
        """Return a value as it may be written, by the key under which it stands."""
        if depth > _MAX_DEPTH:
            return "..."
        if _SECRET_KEY.search(key):
            return self.token(value if isinstance(value, str) else "")
        if isinstance(value, str):
            return self._text(key, value, kind, depth)
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[str, object]", value), kind, depth + 1)
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [self._value(key, item, kind, depth + 1) for item in items]
        return value

    def _text(self, key: str, text: str, kind: _Kind, depth: int) -> str:
        if kind.content and key in _CONTENT_KEYS:
            inner = None if kind.binary else json_object(text)
            if inner is not None:  # chat as a JSON text inside the message
                changed = self._mapping(inner, kind, depth + 1)
                return text if changed == inner else json.dumps(changed, separators=(",", ":"))
            return self._filler(text, binary=kind.binary) if self._media else text
        if _URL.match(text):
            return self.url(text)
        if not text or key in _PLAIN_KEYS:
            return text
        if self._media and kind.unknown:
            return self._filler(text, binary=False)
        return f"name-{self._digest(text).hex()[:8]}" if self._names else text

    def _filler(self, text: str, *, binary: bool) -> str:
        """Return a text of the same shape, which tells only whether two were equal."""
        digest = self._digest(text)
        if binary:
            filler = re.sub(r"\w", "A", text, flags=re.ASCII).translate(_LIKE_A)
            marked = min(_MARKED, max(0, len(filler) - _LAST))
            mark = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:marked])
            return mark + filler[marked:]
        letters = string.ascii_lowercase
        return "".join(
            letters[digest[place % len(digest)] % len(letters)] if letter.isalnum() else letter
            for place, letter in enumerate(text)
        )

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield what a secret looks like inside of base64, wherever it begins."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode()
        # Characters that also depend on the neighbours of the secret do not count.
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        form = encoded[first:last]
        yield form
        yield form.translate(_URL_SAFE)
