"""What a notification means for which stream: no event loop, no clock, told the present time.

The rules are those of the webhook notes, sections 4 and 5. Webhooks come late, twice and out of
order, so that a decision rests on what Zoom says about the time (``event_ts``), never on the order
of arrival.
"""

import enum
from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

import attrs

from rtms_client.config import StreamInfo
from rtms_client.enums import StopReason
from rtms_client.exceptions import StreamRefused
from rtms_client.manager._arbiters import Arbiter
from rtms_client.manager._memory import Memory
from rtms_client.webhooks import (
    Notification,
    RTMSInterrupted,
    RTMSStarted,
    RTMSStopped,
    UrlValidation,
)

__all__ = [
    "Adopt",
    "Decision",
    "End",
    "Ignore",
    "Interrupt",
    "Move",
    "Refuse",
    "Registry",
    "Start",
    "Stop",
    "Tell",
    "Why",
]


class Why(enum.Enum):
    """Why a notification changes nothing."""

    DUPLICATE = "it was delivered before"
    STALE = "something newer is known"
    ENDED = "the stream is over"
    UNKNOWN = "the stream was not announced here"


@attrs.frozen
class Start:
    """Join a stream."""

    started: RTMSStarted


@attrs.frozen
class Move:
    """Move a stream to other servers (scenario 1)."""

    stream_id: str
    info: StreamInfo


@attrs.frozen
class Interrupt:
    """Reconnect a stream (scenario 2)."""

    stream_id: str
    server_urls: tuple[str, ...]


@attrs.frozen
class Stop:
    """A stream is over (scenarios 4 and 5)."""

    stream_id: str
    reason: StopReason | None


@attrs.frozen
class Adopt:
    """Go on with a stream that died, under the id that it was started again with."""

    stream_id: str
    info: StreamInfo


@attrs.frozen
class End:
    """Leave a stream gracefully: the arbiter prefers another one."""

    stream_id: str


@attrs.frozen
class Refuse:
    """Do not join a stream."""

    started: RTMSStarted
    error: StreamRefused


@attrs.frozen
class Tell:
    """Pass on what is about no stream."""

    notification: Notification


@attrs.frozen
class Ignore:
    """Do nothing."""

    why: Why


Decision: TypeAlias = Start | Move | Interrupt | Stop | Adopt | End | Refuse | Tell | Ignore


@attrs.define
class _Live:
    """A stream that is joined, or about to be."""

    info: StreamInfo
    """The newest that is known of it."""
    urls_ms: int | None
    """When Zoom gave it these servers."""
    newest_ms: int | None
    """When the newest happened that is known of it."""


@attrs.frozen
class _Ended:
    """A stream that was joined or stopped."""

    over: bool
    """Whether the server has ended it, so that nothing may bring it back."""
    urls: tuple[str, ...] = ()
    urls_ms: int | None = None


class Registry:
    """Knows the streams of one client, and decides what a notification does to them.

    Args:
        arbiter: Chooses among the streams of one meeting.
        max_streams: Streams at most; `None` for as many as are announced.

    Attributes:
        draining: Whether no stream may be joined any more.
    """

    __slots__ = ("_arbiter", "_ended", "_live", "_max_streams", "_seen", "draining")

    def __init__(self, arbiter: Arbiter, max_streams: int | None) -> None:
        self.draining: bool = False
        self._arbiter = arbiter
        self._max_streams: Final = max_streams
        self._live: dict[str, _Live] = {}
        self._ended: Memory[_Ended] = Memory()
        self._seen: Memory[bool] = Memory()

    @property
    def live(self) -> Mapping[str, StreamInfo]:
        """The streams that are joined or about to be, by id, oldest first."""
        return {stream_id: found.info for stream_id, found in self._live.items()}

    # --- what happens to streams -----------------------------------------------------------------

    def admit(self, info: StreamInfo) -> None:
        """Take note that the application joins a stream by itself.

        Raises:
            StreamRefused: There are too many, or the client is being drained.
        """
        if info.stream_id not in self._live:
            self._check_room(info, 0)
            self._begin(info)

    def left(self, stream_id: str, now: float, *, over: bool) -> None:
        """Take note that a stream is not joined any more.

        Args:
            stream_id: The stream.
            now: The present time.
            over: Whether it ended for good: a new server cannot bring it back.
        """
        found = self._live.pop(stream_id, None)
        if found is not None:
            known = self._ended.get(stream_id, now)
            over = over or (known is not None and known.over)
            ended = _Ended(over, found.info.server_urls, found.urls_ms)
            self._ended.put(stream_id, ended, now)

    def adopted(self, stream_id: str, info: StreamInfo, now: float) -> None:
        """Take note that a stream goes on under another id."""
        self.left(stream_id, now, over=True)
        self._begin(info)

    def _begin(self, info: StreamInfo) -> None:
        self._ended.discard(info.stream_id)
        self._live[info.stream_id] = _Live(info, info.event_ts_ms, info.event_ts_ms)

    # --- what notifications mean -----------------------------------------------------------------

    def decide(
        self, notification: Notification, now: float, restarting: Collection[str] = ()
    ) -> list[Decision]:
        """Return what to do, in order.

        Args:
            notification: What Zoom says.
            now: The present time.
            restarting: Ids of the streams that died and wait for being started again.
        """
        if isinstance(notification, UrlValidation):
            return []  # its answer is all that it is about
        if not isinstance(notification, RTMSStarted | RTMSInterrupted | RTMSStopped):
            return [Tell(notification)]
        key = notification.idempotency_key
        if self._seen.get(key, now):
            return [Ignore(Why.DUPLICATE)]
        self._seen.put(key, value=True, now=now)
        match notification:
            case RTMSStarted():
                return self._started(notification, now, restarting)
            case RTMSInterrupted():
                return [self._interrupted(notification, now)]
            case _:
                return [self._stopped(notification, now)]

    def _started(
        self, started: RTMSStarted, now: float, restarting: Collection[str]
    ) -> list[Decision]:
        info = attrs.evolve(started.stream, event_ts_ms=started.event_ts_ms)
        ended = self._ended.get(info.stream_id, now)
        if ended is not None and (ended.over or not _newer(info, ended.urls_ms, ended.urls)):
            return [Ignore(Why.ENDED)]
        live = self._live.get(info.stream_id)
        if live is not None:
            return [_moved(live, info)]
        for stream_id in restarting:
            if self._continues(stream_id, info):
                return [Adopt(stream_id, info)]
        return self._join(started, info, now, restarting)

    def _continues(self, stream_id: str, info: StreamInfo) -> bool:
        """Tell whether a stream is what a dead one was started again as."""
        dead = self._live.get(stream_id)
        if dead is None or _meeting(dead.info) != _meeting(info):
            return False
        return None in {info.event_ts_ms, dead.newest_ms} or _ms(info.event_ts_ms) >= _ms(
            dead.newest_ms
        )

    def _join(
        self, started: RTMSStarted, info: StreamInfo, now: float, restarting: Collection[str]
    ) -> list[Decision]:
        """Join a stream, if arbiter and limit agree."""
        rivals = [
            found.info
            for stream_id, found in self._live.items()
            if _meeting(found.info) == _meeting(info)
            and stream_id not in restarting
            and self._ended.get(stream_id, now) is None
        ]
        kept = {info.stream_id}
        if rivals:
            kept = {found.stream_id for found in self._arbiter((*rivals, info))}
        leaving = [found.stream_id for found in rivals if found.stream_id not in kept]
        if info.stream_id not in kept:
            return [Refuse(started, StreamRefused(info.stream_id, "arbiter", None))]
        try:
            self._check_room(info, len(leaving))
        except StreamRefused as error:
            return [Refuse(started, error)]
        self._begin(info)
        return [*(End(stream_id) for stream_id in leaving), Start(started)]

    def _check_room(self, info: StreamInfo, leaving: int) -> None:
        if self.draining:
            raise StreamRefused(info.stream_id, "draining", None)
        if self._max_streams is not None and len(self._live) - leaving >= self._max_streams:
            raise StreamRefused(info.stream_id, "limit", self._max_streams)

    def _interrupted(self, interrupted: RTMSInterrupted, now: float) -> Decision:
        stream_id, at_ms = interrupted.stream_id, interrupted.event_ts_ms
        ended = self._ended.get(stream_id, now)
        live = self._live.get(stream_id)
        if ended is not None or live is None:
            return Ignore(Why.UNKNOWN if ended is None else Why.ENDED)
        if at_ms is not None and live.newest_ms is not None and at_ms < live.newest_ms:
            return Ignore(Why.STALE)
        live.newest_ms = at_ms or live.newest_ms
        if interrupted.server_urls:
            live.info = attrs.evolve(live.info, server_urls=interrupted.server_urls)
            live.urls_ms = at_ms or live.urls_ms
        return Interrupt(stream_id, interrupted.server_urls)

    def _stopped(self, stopped: RTMSStopped, now: float) -> Decision:
        """A stop is true for its stream whenever it comes; the start may come after it."""
        ended = self._ended.get(stopped.stream_id, now)
        live = self._live.get(stopped.stream_id)
        self._ended.put(stopped.stream_id, _Ended(over=True), now)
        if live is None or (ended is not None and ended.over):
            return Ignore(Why.UNKNOWN if ended is None else Why.ENDED)
        live.newest_ms = _newest(live.newest_ms, stopped.event_ts_ms)
        return Stop(stopped.stream_id, stopped.stop_reason)


def _meeting(info: StreamInfo) -> tuple[object, str]:
    return info.product, info.product_id


def _ms(at_ms: int | None) -> int:
    return at_ms or 0


def _newest(one: int | None, other: int | None) -> int | None:
    return max((at_ms for at_ms in (one, other) if at_ms is not None), default=None)


def _newer(info: StreamInfo, urls_ms: int | None, urls: tuple[str, ...]) -> bool:
    """Tell whether a start says something new, and not something older than what is known.

    Zoom repeats a start with the same time and servers; anything else is a move. What was joined
    without a time, or announced without one, can only be told apart by the servers.
    """
    if info.event_ts_ms is None or urls_ms is None or info.event_ts_ms == urls_ms:
        return info.server_urls != urls
    return info.event_ts_ms > urls_ms


def _moved(live: _Live, info: StreamInfo) -> Decision:
    if not _newer(info, live.urls_ms, live.info.server_urls):
        older = live.urls_ms is not None and (info.event_ts_ms or live.urls_ms) < live.urls_ms
        live.urls_ms = live.urls_ms or info.event_ts_ms
        return Ignore(Why.STALE if older else Why.DUPLICATE)
    live.info = info
    live.urls_ms = info.event_ts_ms or live.urls_ms
    live.newest_ms = _newest(live.newest_ms, info.event_ts_ms)
    return Move(info.stream_id, info)
