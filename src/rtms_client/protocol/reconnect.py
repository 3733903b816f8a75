"""Bringing a broken connection back: which failures are final, when to try again, when to give up.

Rules: lifecycle notes, section 10. Nothing here opens a connection or reads a clock.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

import attrs

from rtms_client.codes import Retry, explain_status
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import MediaType
from rtms_client.events import ReconnectScheduled, StreamInterrupted, StreamResumed
from rtms_client.exceptions import (
    CertificateRejected,
    ConnectionLost,
    ConnectionSilent,
    HandshakeRejected,
    LocalProtocolError,
    MediaNotAvailable,
    RTMSError,
    StreamLost,
)
from rtms_client.protocol.intake import Intake

__all__ = [
    "ReconnectAttempt",
    "ReconnectHook",
    "Recoveries",
    "Recovery",
    "retry_kind",
    "suspicious",
]

_HISTORY: Final = 100
_LATE_S: Final = 30.0
"""Webhooks may be late; a server notices a new loss after three keep-alives of 10 s."""


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


def suspicious(error: RTMSError) -> bool:
    """Tell whether a refusal calls the message itself faulty, which was accepted before.

    Then the server may have lost the signaling connection, on which media depend, without a word.
    """
    return type(error) is HandshakeRejected and retry_kind(error) is Retry.FINAL


class Recovery:
    """One broken connection, from its first loss until media flow again.

    Args:
        media: The medium; `None` for signaling.
        policy: How to try.
        since: Time of the first loss.

    Attributes:
        attempts: Tries so far.
        due: When the next try is due; `None` while one is under way or a signal is awaited.
        trying: Whether a try is under way.
        window_end: When the server gives us up.
        connected_at: When the handshake succeeded; `None` while the connection is not there.
        announced: Whether the application knows that the connection is back.
        flowed: Whether media came since.
        last_error: The newest failure.
    """

    __slots__ = (
        "_duplicates",
        "_history",
        "_policy",
        "_tried_unknown",
        "announced",
        "attempts",
        "connected_at",
        "due",
        "flowed",
        "last_error",
        "media",
        "since",
        "trying",
        "window_end",
    )

    def __init__(self, media: MediaType | None, policy: ReconnectPolicy, since: float) -> None:
        self.media, self.since = media, since
        window = policy.signaling_window_s if media is None else policy.media_window_s
        self.window_end = since + window
        self.attempts = 0
        self.due: float | None = None
        self.trying = False
        self.announced = self.flowed = False
        self.connected_at: float | None = None
        self.last_error: RTMSError | None = None
        self._policy = policy
        self._duplicates = 0
        self._tried_unknown = False
        self._history: list[tuple[float, str]] = []

    def plan(self, error: RTMSError, now: float, dice: float) -> float | None:
        """Return the wait before the next try after a failure; `None` when there is no next try."""
        self.connected_at = self.due = None
        self.trying = self.announced = False
        self.last_error = error
        if len(self._history) < _HISTORY:
            self._history.append((now - self.since, str(error)))
        kind = retry_kind(error)
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

    def connected(self, now: float) -> None:
        """Take note that the handshake succeeded; only media, or time, make the recovery whole."""
        self.connected_at = now
        self.due = None
        self.trying = False

    @property
    def waiting(self) -> bool:
        """Whether the connection is not there and no try is under way."""
        return self.connected_at is None and not self.trying

    @property
    def name(self) -> str:
        """Name of the connection, for errors."""
        return "signaling" if self.media is None else (self.media.name or "media").lower()

    def first_delay_s(self, dice: float) -> float:
        """Return the wait before the first try."""
        return self._policy.delay_s(1, dice)

    def healthy(self, now: float) -> bool:
        """Tell whether media came, or the connection has held for as long as its window."""
        return self.connected_at is not None and (
            self.flowed or now - self.connected_at >= self.window_end - self.since
        )

    def deadline(self) -> float | None:
        """Return when the next try or the end of the window is due."""
        if not self.waiting:
            return None
        return self.window_end if self.due is None else self.due

    def failure(self, endpoint: str, now: float) -> StreamLost:
        """Make the error for giving up."""
        error = StreamLost(endpoint, now - self.since, tuple(self._history))
        error.__cause__ = self.last_error
        return error


class Recoveries:
    """All broken connections of one stream.

    Args:
        policy: How to try; `None` for never.
        hook: Asked before a try is planned.
        dice: Random numbers for the jitter.
        intake: Where interruptions, tries and resumptions are announced.
        media: All media of the stream.
    """

    __slots__ = ("_by_media", "_dice", "_hook", "_intake", "_media", "_repaired_at", "policy")

    def __init__(
        self,
        policy: ReconnectPolicy | None,
        hook: ReconnectHook | None,
        dice: Callable[[], float],
        intake: Intake,
        media: Iterable[MediaType],
    ) -> None:
        self.policy = policy
        self._hook = hook
        self._dice = dice
        self._intake = intake
        self._media = tuple(media)
        self._by_media: dict[MediaType | None, Recovery] = {}
        self._repaired_at: float | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is broken, or has not proved to be whole again."""
        return bool(self._by_media)

    def absent(self) -> set[MediaType | None]:
        """Return the media whose connection is not there."""
        return {media for media, found in self._by_media.items() if found.connected_at is None}

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
        if self.policy is None:
            return error
        recovery = self._recovery(media, self.policy, now)
        if established:
            self._interrupted(media, error)
        delay_s = self._ask(recovery, recovery.plan(error, now, self._dice()), error)
        if delay_s is None:
            del self._by_media[media]
            return self._final(recovery, error, now)
        closed = isinstance(error, ConnectionLost) and not isinstance(error, ConnectionSilent)
        if not (closed and established and self.policy.on_signals_only):
            self._schedule(recovery, delay_s, now)
        return None

    def _recovery(self, media: MediaType | None, policy: ReconnectPolicy, now: float) -> Recovery:
        """Return the recovery under way, or begin one; its window starts with the first loss."""
        found = self._by_media.get(media)
        if found is None or found.healthy(now):
            whole = self._by_media.get(None)
            since = now if whole is None or whole.healthy(now) else whole.since
            found = self._by_media[media] = Recovery(media, policy, since)
        if media is None:  # everything is redone: single media have no story of their own
            self._by_media = {None: found}
        return found

    def _interrupted(self, media: MediaType | None, error: RTMSError) -> None:
        intake = self._intake
        intake.statistics.interruptions += 1
        intake.interrupt(self._media if media is None or media == MediaType.ALL else [media])
        intake.add(StreamInterrupted(sequence=intake.number(), media=media, cause=error))

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

    def _schedule(self, recovery: Recovery, delay_s: float, now: float) -> None:
        recovery.schedule(delay_s, now)
        if recovery.due is not None and recovery.last_error is not None:
            self._intake.add(
                ReconnectScheduled(
                    sequence=self._intake.number(),
                    media=recovery.media,
                    attempt=recovery.attempts + 1,
                    delay_s=delay_s,
                    cause=recovery.last_error,
                )
            )

    @staticmethod
    def _final(recovery: Recovery, error: RTMSError, now: float) -> RTMSError:
        """Return a refusal as it is, and the end of many tries with their history."""
        if recovery.attempts == 0 or retry_kind(error) in {Retry.FINAL, Retry.MEDIUM}:
            return error
        return recovery.failure(recovery.name, now)

    def signalled(self, media: MediaType | None, now: float) -> None:
        """Take note that the server confirms a loss: where a signal was awaited, plan the try."""
        for recovery in self._by_media.values():
            if recovery.waiting and recovery.due is None and media in {None, recovery.media}:
                self._schedule(recovery, recovery.first_delay_s(self._dice()), now)

    def restart(self, cause: RTMSError, now: float) -> None:
        """Begin anew with signaling: the server moved the stream, the first try is at once."""
        self._by_media.clear()
        self._interrupted(None, cause)
        if self.policy is not None:
            recovery = self._by_media[None] = Recovery(None, self.policy, now)
            recovery.last_error = cause
            recovery.begin()

    def connected(self, media: MediaType | None, now: float) -> None:
        """Take note that a connection is there again."""
        recovery = self._by_media.get(media)
        if recovery is not None and recovery.connected_at is None:
            recovery.connected(now)
            if media is None:
                self._repaired_at = now
            else:
                self._resumed(recovery, now)

    def repaired(self, now: float) -> bool:
        """Tell whether signaling was brought back so recently that word of the loss may come."""
        return self._repaired_at is not None and now - self._repaired_at < _LATE_S

    def whole(self, now: float) -> None:
        """Take note that signaling and all media are there again."""
        recovery = self._by_media.get(None)
        if recovery is not None and recovery.connected_at is not None and not recovery.announced:
            recovery.announced = True
            self._resumed(recovery, now)

    def _resumed(self, recovery: Recovery, now: float) -> None:
        if self._intake.statistics.interruptions == 0:
            return  # the very first connection took several tries; nothing had been interrupted
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
        """Take note that media came: what is connected is whole, the waits start over.

        After a loss of signaling some media flow before the others are there.
        """
        for key in (media, None):
            recovery = self._by_media.get(key)
            if recovery is None or recovery.connected_at is None:
                continue
            if key is not None or recovery.announced:
                del self._by_media[key]
            else:
                recovery.flowed = True

    def clear(self) -> None:
        """Give up everything: the stream is over."""
        self._by_media.clear()

    def due(self, now: float) -> list[Recovery]:
        """Return the recoveries whose next try is due; each counts as begun."""
        ready = [
            found
            for found in self._by_media.values()
            if found.waiting and found.due is not None and found.due <= now
        ]
        for recovery in ready:
            recovery.begin()
        return ready

    def overdue(self, now: float) -> list[tuple[MediaType | None, RTMSError]]:
        """Remove the recoveries whose window has passed; return what and why."""
        over = [
            found
            for found in self._by_media.values()
            if found.waiting and found.due is None and found.window_end <= now
        ]
        for recovery in over:
            del self._by_media[recovery.media]
        return [(found.media, found.failure(found.name, now)) for found in over]

    def deadlines(self) -> list[float]:
        """Return when each recovery wants attention."""
        times = (found.deadline() for found in self._by_media.values())
        return [time for time in times if time is not None]
