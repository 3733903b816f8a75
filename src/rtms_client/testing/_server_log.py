"""What a fake server saw and did, kept for assertions."""

import asyncio
import enum
import heapq
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs
from typing_extensions import override

from rtms_client._wire.media import MEDIA_OF_MESSAGE
from rtms_client.enums import MessageType

__all__ = ["LogEntry", "Matcher", "ServerLog", "Violation", "ViolationKind"]


class ViolationKind(enum.StrEnum):
    """Classes of breaches of the protocol by the client."""

    AFTER_END = "message after the end of the stream"
    BAD_EVENT_SUBSCRIPTION = "malformed event subscription"
    BAD_REQUEST = "malformed request"
    BINARY_FRAME = "binary frame instead of text"
    ENUM_NAME = "enum name instead of its number"
    FORBIDDEN_SUBSCRIPTION = "subscription to an automatic event"
    KEEP_ALIVE_ALTERED = "keep-alive answer with altered fields"
    KEEP_ALIVE_MISSING = "keep-alive not answered before the next one"
    KEEP_ALIVE_UNASKED = "keep-alive answer without request"
    NOT_JSON = "message is not a JSON object"
    READY_TOO_EARLY = "ready acknowledgement before a media handshake"
    UNKNOWN_KEY = "undocumented key"
    UNEXPECTED_MESSAGE = "message of a wrong type for this socket or moment"
    WRONG_STREAM = "request for another stream"


@attrs.frozen(kw_only=True)
class LogEntry:
    """One message that the server received or sent."""

    at_s: float
    """`time.monotonic()` when it was read or written."""
    connection_id: int
    socket: str
    direction: Literal["in", "out"]
    message: Mapping[str, Any] | None
    """The parsed message; `None` if it was not a JSON object. Media appear without body."""
    size: int
    """Bytes of the WebSocket message."""

    @property
    def msg_type(self) -> object:
        """The ``msg_type`` of the message, `None` without one."""
        return self.message.get("msg_type") if self.message is not None else None


@attrs.frozen(kw_only=True)
class Violation:
    """One breach of the protocol by the client."""

    at_s: float
    connection_id: int
    socket: str
    kind: ViolationKind
    detail: str

    @override
    def __str__(self) -> str:
        return f"{self.socket} #{self.connection_id}: {self.kind.value}: {self.detail}"


Matcher: TypeAlias = MessageType | Callable[[LogEntry], bool]
"""A message type, or a function that recognises an entry."""

_Record: TypeAlias = tuple[
    float, int, str, Literal["in", "out"], int | None, Mapping[str, Any] | None, int
]


class _Waiter:
    """Collects entries until there are enough."""

    def __init__(self, matches: Callable[[LogEntry], bool], count: int) -> None:
        self.found: list[LogEntry] = []
        self.enough = asyncio.Event()
        self._matches = matches
        self._count = count

    def offer(self, entry: LogEntry) -> None:
        if not self.enough.is_set() and self._matches(entry):
            self.found.append(entry)
            if len(self.found) == self._count:
                self.enough.set()


class ServerLog:
    """A bounded record of all traffic.

    Media have a bound of their own, so that a flood of them never pushes out the handshakes.

    Args:
        limit: Entries kept of media and of everything else, each.
    """

    def __init__(self, *, limit: int = 10_000) -> None:
        self._control: deque[_Record] = deque(maxlen=limit)
        self._media: deque[_Record] = deque(maxlen=limit)
        self._waiting: list[_Waiter] = []
        self.violations: list[Violation] = []

    def add(  # noqa: PLR0917  (one call per message: no object, no keywords)
        self,
        connection_id: int,
        socket: str,
        direction: Literal["in", "out"],
        message: Mapping[str, Any] | None,
        size: int,
        media_type: int | None = None,
    ) -> None:
        """Record one message; `media_type` stands for a medium whose body is not kept."""
        record = (time.monotonic(), connection_id, socket, direction, media_type, message, size)
        (self._control if media_type is None else self._media).append(record)
        if self._waiting:
            entry = _entry(record)
            for waiter in self._waiting:
                waiter.offer(entry)

    def violate(self, connection_id: int, socket: str, kind: ViolationKind, detail: str) -> None:
        """Record a breach of the protocol."""
        self.violations.append(
            Violation(
                at_s=time.monotonic(),
                connection_id=connection_id,
                socket=socket,
                kind=kind,
                detail=detail,
            )
        )

    def entries(self) -> list[LogEntry]:
        """Return everything that is still kept, in order of time."""
        merged = heapq.merge(self._control, self._media, key=lambda record: record[0])
        return [_entry(record) for record in merged]

    def matching(self, matcher: Matcher, direction: Literal["in", "out"]) -> list[LogEntry]:
        """Return the kept entries of one direction that match."""
        matches = _predicate(matcher, direction)
        no_media = isinstance(matcher, MessageType) and matcher not in MEDIA_OF_MESSAGE
        entries = map(_entry, self._control) if no_media else self.entries()
        return [entry for entry in entries if matches(entry)]

    async def wait_for(
        self, matcher: Matcher, direction: Literal["in", "out"], *, timeout_s: float, count: int
    ) -> LogEntry:
        """Return the entry that is the `count`-th to match, kept or yet to come.

        Raises:
            TimeoutError: There was none in time; the text lists what came instead.
        """
        waiter = _Waiter(_predicate(matcher, direction), count)
        for entry in self.entries():
            waiter.offer(entry)
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter.enough.wait()
        except TimeoutError:
            seen = [entry.msg_type for entry in self.entries() if entry.direction == direction]
            msg = (
                f"{len(waiter.found)} of {count} matching messages within {timeout_s} s; "
                f"message types seen: {seen[-20:]}"
            )
            raise TimeoutError(msg) from None
        finally:
            self._waiting.remove(waiter)
        return waiter.found[count - 1]


def _entry(record: _Record) -> LogEntry:
    at_s, connection_id, socket, direction, media_type, message, size = record
    if message is None and media_type is not None:
        message = {"msg_type": int(media_type)}
    return LogEntry(
        at_s=at_s,
        connection_id=connection_id,
        socket=socket,
        direction=direction,
        message=message,
        size=size,
    )


def _predicate(matcher: Matcher, direction: Literal["in", "out"]) -> Callable[[LogEntry], bool]:
    if isinstance(matcher, MessageType):
        wanted = int(matcher)
        return lambda entry: entry.direction == direction and _same_type(entry.msg_type, wanted)
    return lambda entry: entry.direction == direction and matcher(entry)


def _same_type(found: object, wanted: int) -> bool:
    return found == wanted or found == str(wanted)
