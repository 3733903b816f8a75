"""Bringing a broken connection back: which failures are final, when to try again, when to give up.

Rules: lifecycle notes, section 10. Nothing here opens a connection or reads a clock.
"""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import attrs

from rtms_client.codes import Retry, explain_status
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import MediaType, StatusCode
from rtms_client.events import ReconnectScheduled, StreamInterrupted, StreamResumed
from rtms_client.exceptions import (
    CertificateRejected,
    ConnectFailed,
    ConnectionLost,
    ConnectionSilent,
    HandshakeRejected,
    LocalProtocolError,
    MediaNotAvailable,
    RTMSError,
    StreamLost,
)
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.links import Link

__all__ = [
    "ReconnectAttempt",
    "ReconnectHook",
    "Recoveries",
    "Recovery",
    "concerns",
    "polite",
    "retry_kind",
    "suspicious",
]

_HISTORY: Final = 100
_RESTARTED: Final = 1012  # registry of RFC 6455
_POLITE: Final = frozenset({1000, 1001})
_LONG_AGO: Final = float("-inf")


@attrs.frozen(kw_only=True)
class ReconnectAttempt:
    """A try that is about to be planned."""

    media: MediaType | None
    """The medium; `None` for signaling."""
    number: int
    """Number of the try since the loss, from 1."""
    delay_s: float
    """Planned wait, in seconds."""
    cause: RTMSError


ReconnectHook: TypeAlias = Callable[[ReconnectAttempt], float | Literal[False] | None]
"""Called before a try is planned: returns `None` to agree, another wait in seconds, or `False` to
give up."""


def retry_kind(error: RTMSError) -> Retry:
    """Tell what a failure of a connection allows."""
    if isinstance(error, HandshakeRejected):
        if error.status is None:  # no URL for a medium, or an answer that is none
            return Retry.MEDIUM if isinstance(error, MediaNotAvailable) else Retry.FINAL
        return explain_status(error.status).retry
    if isinstance(error, CertificateRejected | LocalProtocolError):
        return Retry.FINAL
    return Retry.BACK_OFF


def polite(error: RTMSError) -> bool:
    """Tell whether a connection was closed as servers close it at the end of a stream."""
    return isinstance(error, ConnectionLost) and error.code in _POLITE


def suspicious(error: RTMSError) -> bool:
    """Tell whether a refusal calls the message itself faulty, which was accepted before.

    Then the server may have lost the signaling connection, on which media depend, without a word.
    """
    return type(error) is HandshakeRejected and retry_kind(error) is Retry.FINAL


def _unexpected(error: RTMSError) -> bool:
    """Tell whether a handshake came too early: signaling may have broken in the meantime."""
    return isinstance(error, HandshakeRejected) and error.status == StatusCode.INVALID_MESSAGE_TYPE


def concerns(news: MediaType | None, media: MediaType | None) -> bool:
    """Tell whether news of lost media are about a medium; they may name none, several or all."""
    return news is None or media is None or MediaType.ALL in (news | media) or media in news


class Recovery:
    """One broken connection, from its first loss until media flow again.

    Args:
        media: The medium; `None` for signaling.
        policy: How to try.
        since: Time of the first loss.
        was_there: Whether there ever was such a connection.

    Attributes:
        attempts: Tries so far.
        delay_s: The wait that was agreed before the next try.
        due: When the next try is due; `None` while one is under way or a signal is awaited.
        trying: Whether a try is under way.
        back: Whether the handshake succeeded; only media, or time, make the recovery whole.
        flowed: Whether media came since then.
        interrupted: Whether the application was told of the loss, and not yet of the return.
        last_error: The newest failure.
    """

    __slots__ = (
        "_began",
        "_duplicates",
        "_history",
        "_policy",
        "_reached",
        "_tried_unknown",
        "_was_there",
        "attempts",
        "back",
        "delay_s",
        "due",
        "flowed",
        "interrupted",
        "last_error",
        "media",
        "since",
        "trying",
    )

    def __init__(
        self,
        media: MediaType | None,
        policy: ReconnectPolicy,
        since: float,
        *,
        was_there: bool = True,
    ) -> None:
        self.media: MediaType | None = media
        self._was_there = was_there
        self._reached = was_there
        self.since: float = since
        self._began = since
        self.attempts: int = 0
        self.delay_s: float = 0.0
        self.due: float | None = None
        self.trying: bool = False
        self.back: bool = False
        self.flowed: bool = False
        self.interrupted: bool = False
        self.last_error: RTMSError | None = None
        self._policy = policy
        self._duplicates = 0
        self._tried_unknown = False
        self._history: list[tuple[float, str]] = []

    def note(self, error: RTMSError, now: float) -> None:
        """Take note of a failure; the final error tells them all."""
        self.last_error = error
        self._reached = self._reached or not isinstance(error, ConnectFailed)
        if len(self._history) < _HISTORY:
            self._history.append((now - self.since, str(error)))

    def plan(
        self, error: RTMSError, now: float, dice: float, *, returning: bool = False
    ) -> float | None:
        """Return the wait before the next try after a failure; `None` when there is no next try.

        Args:
            error: The failure.
            now: The present time.
            dice: Random number for the jitter.
            returning: Whether the server accepted this connection before.
        """
        self.note(error, now)
        self.due = None
        self.trying = self.back = self.flowed = False
        kind = Retry.ONCE if returning and _unexpected(error) else retry_kind(error)
        if kind is Retry.ONCE and not self._tried_unknown:
            self._tried_unknown = True
        elif kind not in {Retry.BACK_OFF, Retry.BRIEFLY}:
            return None
        if self._policy.attempts is not None and self.attempts >= self._policy.attempts:
            return None
        briefly = self._policy.duplicate_delays_s
        if kind is Retry.BRIEFLY and self._duplicates < len(briefly):
            self._duplicates += 1
            return briefly[self._duplicates - 1]
        return self._policy.delay_s(self.attempts + 1 - self._duplicates, dice)

    @property
    def window_end(self) -> float:
        """When the server gives us up, or we one that was never reached."""
        if not self._reached:
            return self._began + self._policy.join_window_s
        return self._began + _window_s(self._policy, self.media)

    def schedule(self, delay_s: float, now: float) -> None:
        """Plan a try; one that would fall behind the end of the window is none."""
        due = now + delay_s
        if due < self.window_end:
            self.due = due

    def begin(self) -> None:
        """Take note that a try is under way."""
        self.due = None
        self.trying = True
        self.attempts += 1

    def connected(self) -> None:
        """Take note that the handshake succeeded."""
        self.back = True
        self.trying = False

    @property
    def waiting(self) -> bool:
        """Whether the connection is not there and no try is under way."""
        return not (self.back or self.trying)

    def healthy(self, now: float) -> bool:
        """Tell whether the connection has proved to be whole: the next loss is another story."""
        return self.back and (self.flowed or now >= self.window_end)

    def deadline(self) -> float | None:
        """Return when the next try or the end of the window is due."""
        if not self.waiting:
            return None
        return self.window_end if self.due is None else self.due

    def failure(self, endpoint: str, now: float) -> StreamLost:
        """Make the error for giving up."""
        history = tuple(self._history)
        error = StreamLost(endpoint, now - self.since, history, self._was_there)
        error.__cause__ = self.last_error
        return error


def _window_s(policy: ReconnectPolicy, media: MediaType | None) -> float:
    return policy.signaling_window_s if media is None else policy.media_window_s


class Recoveries:
    """All broken connections of one stream.

    Args:
        policy: How to try.
        hook: Asked before a try is planned.
        dice: Random numbers for the jitter.
        intake: Where interruptions, tries and resumptions are announced.
    """

    __slots__ = (
        "_accepted",
        "_by_media",
        "_dice",
        "_hook",
        "_intake",
        "_lost_at",
        "_policy",
        "_signal",
    )

    def __init__(
        self,
        policy: ReconnectPolicy,
        hook: ReconnectHook | None,
        dice: Callable[[], float],
        intake: Intake,
    ) -> None:
        self._policy = policy
        self._hook = hook
        self._dice = dice
        self._intake = intake
        self._by_media: dict[MediaType | None, Recovery] = {}
        self._accepted: set[MediaType | None] = set()
        """Media whose connection was there at least once; `None` for signaling."""
        self._lost_at: dict[MediaType | None, float] = {}
        """When each connection was last lost."""
        self._signal: tuple[MediaType | None, float] = None, _LONG_AGO
        """The server's newest word that media were lost: which, and when it came."""

    def __bool__(self) -> bool:
        """Tell whether anything is broken, or has not proved to be whole again."""
        return bool(self._by_media)

    def absent(self) -> set[MediaType | None]:
        """Return the media whose connection is not there."""
        return {media for media, found in self._by_media.items() if not found.back}

    def noticed(self, media: MediaType | None, now: float) -> bool:
        """Tell whether we noticed a loss so lately that news of one may be about the same."""
        lost_at = max(self._lost_at.get(key, _LONG_AGO) for key in (media, None))
        return now - lost_at < _window_s(self._policy, media)

    def broken(
        self, media: MediaType | None, error: RTMSError, now: float, *, established: bool
    ) -> RTMSError | None:
        """Plan the next try after a failure.

        Args:
            media: What failed; `None` for signaling, which takes all media with it.
            error: The failure.
            now: The present time.
            established: Whether the connection had been in use.

        Returns:
            The error to give up with; `None` when there will be another try.
        """
        recovery = self._recovery(media, now)
        if established:
            self._interrupted(recovery, error, now)
        returning = media is not None and media in self._accepted
        planned_s = recovery.plan(error, now, self._dice(), returning=returning)
        delay_s = self._ask(recovery, planned_s, error)
        if self._by_media.get(media) is not recovery:  # the hook ended or moved the stream
            return None
        if delay_s is None:
            del self._by_media[media]
            return self._final(recovery, error, now)
        recovery.delay_s = delay_s
        if not (established and self._awaits_signal(media, error, now)):
            self._schedule(recovery, now)
        return None

    def _recovery(self, media: MediaType | None, now: float) -> Recovery:
        """Return the recovery under way, or begin one; its window starts with the first loss."""
        found = self._by_media.get(media)
        if found is None or found.healthy(now):
            whole = None if media is None else self._by_media.get(None)
            pending = whole is not None and (whole.interrupted or not whole.healthy(now))
            since = whole.since if whole is not None and pending else now
            new = Recovery(media, self._policy, since, was_there=media in self._accepted)
            new.interrupted = found is not None and found.interrupted
            found = self._by_media[media] = new
        if media is None:  # everything is redone: single media have no story of their own
            self._by_media = {None: found}
        return found

    def _interrupted(self, recovery: Recovery, cause: RTMSError, now: float) -> None:
        recovery.interrupted = True
        self._lost_at[recovery.media] = now
        self._intake.statistics.interruptions += 1
        self._intake.add(
            StreamInterrupted(sequence=self._intake.number(), media=recovery.media, cause=cause)
        )

    def _ask(self, recovery: Recovery, delay_s: float | None, error: RTMSError) -> float | None:
        """Let the application agree, change the wait or give up."""
        if delay_s is None or self._hook is None:
            return delay_s
        answer = self._hook(
            ReconnectAttempt(
                media=recovery.media, number=recovery.attempts + 1, delay_s=delay_s, cause=error
            )
        )
        if answer is False:
            return None
        return delay_s if answer is None else max(0.0, answer)

    def _awaits_signal(self, media: MediaType | None, error: RTMSError, now: float) -> bool:
        """Tell whether the server's word is needed, and has not come, before anything is tried."""
        closed = isinstance(error, ConnectionLost) and not isinstance(error, ConnectionSilent)
        if not (closed and self._policy.on_signals_only):
            return False
        news, at = self._signal
        lately = now - at < self._policy.media_window_s
        return media is None or not (lately and concerns(news, media))

    def _schedule(self, recovery: Recovery, now: float) -> None:
        recovery.schedule(recovery.delay_s, now)
        if recovery.due is not None and recovery.last_error is not None:
            self._intake.add(
                ReconnectScheduled(
                    sequence=self._intake.number(),
                    media=recovery.media,
                    attempt=recovery.attempts + 1,
                    delay_s=recovery.delay_s,
                    cause=recovery.last_error,
                )
            )

    @staticmethod
    def _final(recovery: Recovery, error: RTMSError, now: float) -> RTMSError:
        """Return a refusal as it is, and the end of many tries with their history."""
        tried = retry_kind(error) in {Retry.BACK_OFF, Retry.BRIEFLY, Retry.ONCE}
        if tried and recovery.attempts:
            return recovery.failure(Link.name_of(recovery.media), now)
        return error

    def signalled(self, news: MediaType | None, now: float) -> None:
        """Take note that the server confirms a loss: where a signal was awaited, plan the try."""
        self._signal = news, now
        for recovery in self._by_media.values():
            if recovery.waiting and recovery.due is None and concerns(news, recovery.media):
                self._schedule(recovery, now)

    def restart(self, now: float, *, established: bool) -> None:
        """Begin anew with signaling: the server moved the stream, the first try is at once."""
        cause = ConnectionLost("signaling", _RESTARTED, "stream moved")
        found = self._by_media.get(None)
        recovery = Recovery(None, self._policy, now, was_there=None in self._accepted)
        if found is not None and found.interrupted:
            recovery.interrupted, recovery.since = True, found.since
        self._by_media = {None: recovery}
        if established:
            self._interrupted(recovery, cause, now)
        recovery.note(cause, now)
        self._begin(recovery)

    def died(self, cause: RTMSError) -> None:
        """Forget everything: the server ended the stream, which may be started again."""
        self._by_media.clear()
        self._lost_at.clear()
        self._signal = None, _LONG_AGO
        self._intake.statistics.interruptions += 1
        self._intake.add(StreamInterrupted(sequence=self._intake.number(), media=None, cause=cause))

    def restarted(self, cause: RTMSError, since: float, now: float) -> None:
        """Begin with another stream as if it were this one: the first try is at once."""
        recovery = Recovery(None, self._policy, now)
        recovery.interrupted, recovery.since = True, since
        self._by_media = {None: recovery}
        recovery.note(cause, now)
        self._begin(recovery)

    def connected(self, media: MediaType | None, now: float) -> None:
        """Take note that a connection is there, again or for the first time."""
        self._accepted.add(media)
        recovery = self._by_media.get(media)
        if recovery is not None:
            recovery.connected()
            if media is not None:
                self._resumed(recovery, now)

    def whole(self, now: float) -> None:
        """Take note that signaling and all media are there again."""
        recovery = self._by_media.get(None)
        if recovery is not None:
            self._resumed(recovery, now)
            if recovery.flowed:
                del self._by_media[None]

    def _resumed(self, recovery: Recovery, now: float) -> None:
        if not recovery.interrupted:
            return  # the very first connection took several tries
        recovery.interrupted = False
        self._intake.statistics.reconnects += 1
        self._intake.add(
            StreamResumed(
                sequence=self._intake.number(),
                media=recovery.media,
                attempts=recovery.attempts,
                after_s=now - recovery.since,
            )
        )

    def flowed(self, media: MediaType | None) -> None:
        """Take note that media came: what is connected is whole, the waits start over."""
        for key in (media, None):
            recovery = self._by_media.get(key)
            if recovery is not None and recovery.back:
                recovery.flowed = True
                if not recovery.interrupted:
                    del self._by_media[key]

    def clear(self) -> None:
        """Give up everything: the stream is over."""
        self._by_media.clear()

    def due(self, now: float) -> list[Recovery]:
        """Return the recoveries whose next try is due; each counts as begun."""
        ready = [
            found for found in self._by_media.values() if found.due is not None and found.due <= now
        ]
        for recovery in ready:
            self._begin(recovery)
        return ready

    def _begin(self, recovery: Recovery) -> None:
        recovery.begin()
        self._intake.statistics.reconnect_attempts += 1

    def overdue(self, now: float) -> tuple[MediaType | None, RTMSError] | None:
        """Remove one recovery whose window has passed; return what and why."""
        for found in self._by_media.values():
            if found.waiting and found.due is None and found.window_end <= now:
                del self._by_media[found.media]
                return found.media, found.failure(Link.name_of(found.media), now)
        return None

    def deadlines(self) -> list[float]:
        """Return when each recovery wants attention."""
        times = (found.deadline() for found in self._by_media.values())
        return [time for time in times if time is not None]
