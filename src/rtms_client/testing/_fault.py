"""What can go wrong with a fake server: faults, and plans of them."""

import enum
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from rtms_client.enums import MessageType

__all__ = ["BREAKS", "Fault", "FaultKind", "FaultPlan", "Occasion"]

Occasion: TypeAlias = Literal["time", "tls", "upgrade", "open", "received", "sent"]
"""When a fault can strike: at a time, in the TLS handshake, at the HTTP upgrade, on a new WebSocket
before anything is read, at a message received, at a message about to be sent."""


class FaultKind(enum.StrEnum):
    """What goes wrong. Which fields of a `Fault` matter is said in brackets."""

    REFUSE = "refuse TCP connections"
    """Nobody listens for a while [`for_s`]; open connections live on."""
    MUTE = "accept TCP connections and say nothing"
    """No TLS handshake is ever answered, for a while [`for_s`]."""
    IMPOSTOR = "show the certificate of somebody else"
    HTTP_STATUS = "answer the HTTP upgrade with a status"
    """[`code`, for example 503]"""
    REJECT = "refuse a handshake"
    """Message 2 or 4 with a status [`code`], then a closed connection."""
    DELAY = "delay everything"
    """What is sent on one connection waits [`for_s`]."""
    SLOW_READING = "read slowly"
    """Each message of the client is read later [`for_s`]."""
    STALL = "neither read nor write"
    """The server still counts on the connection; it goes on after a while [`for_s`; 0: never]."""
    HALF_OPEN = "vanish without a word"
    """As `STALL`, but the server has forgotten the connection and awaits a new one."""
    RESET = "reset the TCP connection"
    CLOSE = "close the WebSocket"
    """[`code`, for example 1000]"""
    SILENCE = "send no more keep-alives"
    DROP = "drop a message"
    DUPLICATE = "send a message twice"
    REORDER = "send a message after the next one"
    CORRUPT = "spoil one byte of a message"
    """What comes out is no text any more, as after a broken proxy."""
    TRUNCATE = "send half a message"
    OVERSIZE = "send a huge message first"
    """[`size`, in bytes]"""
    INTERRUPT = "interrupt a connection the documented way"
    """State INTERRUPTED, event 7 for a medium, and for signaling the interrupted webhook."""
    INTERRUPTED_WEBHOOK = "send the interrupted webhook, and nothing else"
    MOVE = "move the stream to new URLs"
    """The started webhook comes a second time, with other URLs."""
    REPLAY = "send audio again that was sent before an interruption"
    """[`for_s`: how much of it]"""
    FORGET = "lose the audio that was kept during an interruption"
    """It strikes at a ``CLIENT_READY_ACK``, of which signaling gets one for each medium that opens:
    with `after` as many as there are media it waits for the first that opens again."""


BREAKS: Final = frozenset(
    {
        FaultKind.DELAY,
        FaultKind.STALL,
        FaultKind.HALF_OPEN,
        FaultKind.RESET,
        FaultKind.CLOSE,
        FaultKind.SILENCE,
    }
)
"""Kinds that strike at a connection as a whole, on any occasion."""
_MESSAGES: Final = (
    FaultKind.DROP,
    FaultKind.DUPLICATE,
    FaultKind.REORDER,
    FaultKind.CORRUPT,
    FaultKind.TRUNCATE,
    FaultKind.OVERSIZE,
    FaultKind.REPLAY,
)
_OCCASIONS: Final[Mapping[FaultKind, Occasion]] = {
    **dict.fromkeys(FaultKind, "time"),
    **dict.fromkeys(BREAKS | {*_MESSAGES}, "sent"),
    FaultKind.IMPOSTOR: "tls",
    FaultKind.HTTP_STATUS: "upgrade",
    FaultKind.REJECT: "received",
    FaultKind.SLOW_READING: "received",
    FaultKind.FORGET: "received",
}
_CODES: Final[Mapping[FaultKind, int]] = {
    FaultKind.HTTP_STATUS: 503,
    FaultKind.REJECT: 45,
    FaultKind.CLOSE: 1000,
}
_SOCKETS: Final[Mapping[FaultKind, tuple[str, ...]]] = {
    FaultKind.REPLAY: ("any", "media", "audio", "all"),
    FaultKind.FORGET: ("any", "signaling"),
}
_HUGE: Final = 17 * 1024 * 1024


@attrs.frozen
class Fault:
    """One thing that goes wrong, where, when and how often.

    Raises:
        ValueError: The kind cannot strike on this occasion, or at this socket.
    """

    kind: FaultKind = attrs.field(converter=FaultKind)
    socket: str = attrs.field(default="any", kw_only=True)
    """``signaling``, a medium such as ``audio``, ``all`` for the connection of all media, ``media``
    for any of these, or ``any``."""
    stream_id: str | None = attrs.field(default=None, kw_only=True)
    """Only this stream; known once the first handshake of a connection was read."""
    message: MessageType | None = attrs.field(default=None, kw_only=True)
    """Only at messages of this type."""
    after: int = attrs.field(default=0, kw_only=True)
    """How many occasions pass unharmed before."""
    times: int | None = attrs.field(default=1, kw_only=True)
    """How often it strikes; `None` for always."""
    at_s: float | None = attrs.field(default=None, kw_only=True)
    """Not before so many seconds after the start of the server, or after
    `FakeRTMSServer.start_faults`. Without it a fault that needs a time strikes at once; with it a
    break strikes at the time and waits for no message."""
    every_s: float = attrs.field(default=1.0, kw_only=True)
    """Between two strikes of a fault that happens at a time, in seconds."""
    for_s: float = attrs.field(default=0.0, kw_only=True)
    """How long it lasts, in seconds."""
    code: int = attrs.field(
        default=attrs.Factory(lambda self: _CODES.get(self.kind, 0), takes_self=True), kw_only=True
    )
    """HTTP status, status code or close code."""
    size: int = attrs.field(default=_HUGE, kw_only=True)
    """Bytes of an oversized message."""
    on: Occasion = attrs.field(
        default=attrs.Factory(lambda self: self._natural(), takes_self=True), kw_only=True
    )
    """When it strikes; only for breaks there is a choice."""

    def _natural(self) -> Occasion:
        if self.kind in BREAKS and self.at_s is not None and self.message is None:
            return "time"
        return _OCCASIONS[self.kind]

    def __attrs_post_init__(self) -> None:
        free = {"time", "open", "received", "sent"} if self.kind in BREAKS else set[str]()
        if self.on not in free | {_OCCASIONS[self.kind]}:
            raise ValueError(f"{self.kind.name} cannot strike at {self.on!r}")
        where = _SOCKETS.get(self.kind, (self.socket,))
        if self.socket not in where:
            names = ", ".join(map(repr, where))
            raise ValueError(f"{self.kind.name} strikes at {names} only, not at {self.socket!r}")


@attrs.frozen
class FaultPlan:
    """A list of faults for a fake server; the same plan always does the same.

    ::

        plan = FaultPlan([
            Fault(FaultKind.RESET, socket="audio", message=MessageType.MEDIA_DATA_AUDIO, after=50),
            Fault(FaultKind.REJECT, socket="audio", after=1, code=StatusCode.INTERNAL_EXCEPTION),
        ])
        async with FakeRTMSServer(tone_meeting(seconds=5), fault=plan) as server:
            ...  # the audio connection breaks after 50 packets, the first try to reopen it fails
            assert [struck.kind for struck in server.struck] == [FaultKind.RESET, FaultKind.REJECT]

    Args:
        faults: The faults; where several could strike, the first does.
        seed: Decides what a fault leaves open, such as which byte is spoilt.
        on_webhook: Gets the webhooks that faults send, as `FakeRTMSServer.started_webhook` builds
            them; `None` if the application receives none.
        start_at_once: Whether times count from the start of the server; otherwise from a call of
            `FakeRTMSServer.start_faults`, for example when the stream under test has been joined,
            however long that took.
    """

    faults: tuple[Fault, ...] = attrs.field(default=(), converter=tuple[Fault, ...])
    seed: int = 0
    on_webhook: Callable[[dict[str, Any]], None] | None = attrs.field(
        default=None, kw_only=True, eq=False, repr=False
    )
    start_at_once: bool = attrs.field(default=True, kw_only=True)

    @classmethod
    def random(
        cls,
        seed: int,
        count: int,
        *,
        seconds: float,
        streams: Sequence[str] = (),
        sockets: Sequence[str] = ("signaling", "audio"),
        kinds: Iterable[FaultKind] | None = None,
        longest_s: float = 1.0,
        size: int = _HUGE,
    ) -> "FaultPlan":
        """Make a plan of random faults, evenly spread over time; `attrs.evolve` completes it.

        Args:
            seed: The same seed makes the same plan.
            count: How many faults.
            seconds: They strike in this time from the start of the server.
            streams: Stream ids to choose from; none if there is only one. Faults of reconnects
                strike at the stream that reconnects next.
            sockets: Sockets to choose from.
            kinds: Kinds to choose from; all that streams are documented to survive by default.
            longest_s: Longest duration of a fault that lasts.
            size: Bytes of oversized messages.
        """
        dice = random.Random(seed)
        chosen = tuple(FaultKind if kinds is None else kinds)
        if kinds is None:
            chosen = tuple(kind for kind in chosen if kind is not FaultKind.IMPOSTOR)
        faults = [
            Fault(
                kind := dice.choice(chosen),
                socket="any" if kind in _AUDIO else dice.choice(sockets),
                stream_id=dice.choice(streams) if streams and kind not in _RARE else None,
                at_s=seconds * (number + dice.random()) / count,
                for_s=longest_s * dice.random(),
                code=dice.choice(_RANDOM_CODES.get(kind, (0,))),
                size=size,
            )
            for number in range(count)
        ]
        return cls(faults, seed)


_AUDIO: Final = frozenset({FaultKind.REPLAY, FaultKind.FORGET})
_RARE: Final = _AUDIO | {FaultKind.REJECT}
_RANDOM_CODES: Final[Mapping[FaultKind, tuple[int, ...]]] = {
    FaultKind.CLOSE: (1000, 1001, 1002, 1008, 1011, 1012, 4000),
    FaultKind.HTTP_STATUS: (301, 403, 404, 429, 500, 502, 503),
    FaultKind.REJECT: (8, 15, 16, 45, 47),
}
