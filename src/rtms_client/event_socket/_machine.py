"""The event WebSocket without a socket: when to connect, with which token, and what came.

A connection is one number from its token to its end. While it is renewed there are two: the old one
delivers until the new one is open, and for a moment more, because what is on its way to the old one
is not sent again (webhook notes, 8).
"""

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn, TypeAlias, cast
from urllib.parse import quote

import attrs

from rtms_client.config import NetworkOptions
from rtms_client.exceptions import (
    CertificateRejected,
    ConnectionLost,
    ConnectionSilent,
    ConnectTimeout,
    EventSocketLost,
    InvalidParameters,
    LocalProtocolError,
    RTMSError,
    TokenUnavailable,
    WebhookNotObject,
    WebhookUnreadable,
)
from rtms_client.protocol.addresses import check_url, origin
from rtms_client.protocol.machine import Machine, MachineInput
from rtms_client.protocol.outputs import Close, Open, Send
from rtms_client.webhooks import Notification, parse
from rtms_client.webhooks._json import decode

from ._options import EventSocketOptions, EventSocketStatistics

__all__ = [
    "ENDPOINT",
    "TRANSITIONS",
    "Cause",
    "EventSocketMachine",
    "FetchToken",
    "State",
]

ENDPOINT: Final = "event socket"
_HEARTBEAT: Final = b'{"module":"heartbeat"}'
_REMEMBERED: Final = 4096
_ANSWERS: Final = 2  # one may confirm the connection; the second one answers a heartbeat
_NORMAL: Final = 1000
_RETIRE_S: Final = 5.0
_NEVER: Final = float("inf")


@attrs.frozen
class FetchToken:
    """Ask the application for a token, then report ``token``, or ``failed``."""

    connection: int


Action: TypeAlias = FetchToken | Open | Send | Close


class State(enum.Enum):
    """Where the newest connection stands."""

    IDLE = "idle"
    FETCHING_TOKEN = "fetching token"  # noqa: S105  # no secret
    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


class Cause(MachineInput):
    """What moves the machine."""

    START = "start", False
    TOKEN = "token found", False  # no secret
    OPENED = "connection opened", False
    FAILED = "token or connection failed", False
    LOST = "connection lost", False
    DUE = "wait over", False
    RENEW = "token old", False
    END = "end", False


TRANSITIONS: Final[Mapping[State, Mapping[Cause, State]]] = MappingProxyType(
    {
        State.IDLE: {Cause.START: State.FETCHING_TOKEN, Cause.END: State.CLOSED},
        State.FETCHING_TOKEN: {
            Cause.TOKEN: State.CONNECTING,
            Cause.FAILED: State.WAITING,
            Cause.END: State.CLOSED,
        },
        State.CONNECTING: {
            Cause.OPENED: State.OPEN,
            Cause.FAILED: State.WAITING,
            Cause.END: State.CLOSED,
        },
        State.OPEN: {
            Cause.LOST: State.WAITING,
            Cause.RENEW: State.FETCHING_TOKEN,
            Cause.END: State.CLOSED,
        },
        State.WAITING: {Cause.DUE: State.FETCHING_TOKEN, Cause.END: State.CLOSED},
        State.CLOSED: {},
    }
)


class EventSocketMachine:
    """Decides everything; the shell carries out `actions` and tells what happened.

    Args:
        subscription_id: Of the app's event subscription.
        url: Address without query.
        network: Which hosts are allowed.
        options: Times and limits.
        dice: Random numbers from 0 to 1, for the jitter of waits.

    Attributes:
        actions: What the shell must do, in order.
        notifications: What came, with its size in bytes.
        problems: What could not be read, for the log; nothing of the content.
        statistics: Counters.
        error: Why it ended; `None` while it lives and after `close`.
        live: Number of the connection that delivers; `None` when none does.
    """

    def __init__(
        self,
        subscription_id: str,
        url: str,
        network: NetworkOptions,
        options: EventSocketOptions,
        dice: Callable[[], float],
    ) -> None:
        if "?" in url:
            raise InvalidParameters("url", "expected a URL without query", "leave it out")
        self._address = f"{check_url(url, network)}?subscriptionId={quote(subscription_id, '')}"
        self._options = options
        self._dice = dice
        self._machine = Machine("event socket", TRANSITIONS, State.IDLE)
        self.actions: list[Action] = []
        self.notifications: list[tuple[Notification, int]] = []
        self.problems: list[str] = []
        self.statistics = EventSocketStatistics()
        self.error: RTMSError | None = None
        self.live: int | None = None
        self._newest = 0
        self._retiring: int | None = None
        self._attempts = 0
        self._failing_since = 0.0
        self._due = _NEVER  # of the newest connection: its time-out, the wait or the renewal
        self._opened_at = 0.0
        self._heartbeat_due = self._silence_due = _NEVER  # of the live connection
        self._retire_due = _NEVER
        self._answers = 0
        self._seen: dict[str, None] = {}

    @property
    def state(self) -> State:
        """Where the newest connection stands."""
        return self._machine.state

    def next_deadline(self) -> float | None:
        """Return when `timer` must be called at the latest."""
        due = min(self._due, self._heartbeat_due, self._silence_due, self._retire_due)
        return None if due == _NEVER else due

    # --- what happens ----------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin to connect."""
        self._failing_since = now
        self._begin(Cause.START, now)

    def close(self) -> None:
        """End; nothing is reported any more, except what was received."""
        self._end(None)

    def token(self, connection: int, token: object, now: float) -> None:
        """Take what the application's function found."""
        if self.state is not State.FETCHING_TOKEN or connection != self._newest:
            return
        if not isinstance(token, str) or not token:
            problem = f"an unusable {type(token).__name__}"
            self.failed(connection, TokenUnavailable(problem), now)
            return
        self._machine.feed(Cause.TOKEN)
        self._due = now + self._options.connect_s
        url = f"{self._address}&access_token={quote(token, '', errors='replace')}"
        self.actions.append(Open(connection, ENDPOINT, url))

    def opened(self, connection: int, now: float) -> None:
        """Take note that a connection is open: it delivers from now on."""
        if self.state is not State.CONNECTING or connection != self._newest:
            return
        self._machine.feed(Cause.OPENED)
        self._retire()
        if self.live is not None:
            self._retiring, self._retire_due = self.live, now + _RETIRE_S
        self.live = connection
        self.statistics.connections += 1
        self._answers = 0
        self._opened_at = now
        self._due = now + self._options.renew_after_s
        self._silence_due = _NEVER
        self._beat(connection, now)

    def failed(self, connection: int, error: RTMSError, now: float) -> None:
        """Take note that there is no token, or no connection."""
        if connection != self._newest or not self._machine.accepts(Cause.FAILED):
            return
        self._machine.feed(Cause.FAILED)
        self._again(error, now)

    def lost(self, connection: int, code: int, now: float) -> None:
        """Take note of the end of an open connection."""
        if connection == self._retiring:
            self._retire()
        elif connection == self.live:
            self._lost(connection, ConnectionLost(ENDPOINT, code, ""), now)

    def timer(self, now: float) -> None:
        """Do what is due."""
        if self.live is not None and now >= self._silence_due:
            self._lost(self.live, ConnectionSilent(ENDPOINT, self._options.silence_s), now)
        if self.live is not None and now >= self._heartbeat_due:
            self._beat(self.live, now)
        if now >= self._retire_due:
            self._retire()
        if now >= self._due:
            self._act(now)

    def receive(self, connection: int, data: bytes, now: float) -> None:
        """Read one message; what is not understood is counted and does no harm."""
        if connection not in {self.live, self._retiring}:
            return
        self.statistics.messages += 1
        try:
            event = _event(data)
            told = None if event is None else parse(event)
        except WebhookUnreadable as error:
            self.statistics.unreadable += 1
            self.problems.append(str(error))
            return
        self._answers += told is None
        if self._answers >= _ANSWERS:
            self._silence_due = now + self._options.silence_s
        if told is None:
            return
        if self._is_new(told):
            self._attempts = 0
            self.statistics.notifications += 1
            self.notifications.append((told, len(data)))
        else:
            self.statistics.duplicates += 1

    # --- what follows ----------------------------------------------------------------------------

    def _act(self, now: float) -> None:
        """Do what the newest connection waits for."""
        match self.state:
            case State.WAITING:
                self._begin(Cause.DUE, now)
            case State.OPEN:
                self._begin(Cause.RENEW, now)
            case State.FETCHING_TOKEN:
                self._abandon()
                problem = f"none within {self._options.token_s:g} s"
                self.failed(self._newest, TokenUnavailable(problem), now)
            case _:
                self._abandon()
                problem = f"nothing within {self._options.connect_s:g} s"
                error = ConnectTimeout(ENDPOINT, origin(self._address), problem)
                self.failed(self._newest, error, now)

    def _begin(self, cause: Cause, now: float) -> None:
        """Begin a new connection with a new token."""
        self._machine.feed(cause)
        if cause is Cause.RENEW:
            self._attempts = 0
        self._newest += 1
        self.statistics.attempts += 1
        self._due = now + self._options.token_s
        self.actions.append(FetchToken(self._newest))

    def _abandon(self) -> None:
        self.actions.append(Close(self._newest, _NORMAL, ""))

    def _retire(self) -> None:
        """Close the connection that was replaced, if there is one."""
        if self._retiring is not None:
            self.actions.append(Close(self._retiring, _NORMAL, ""))
        self._retiring, self._retire_due = None, _NEVER

    def _beat(self, connection: int, now: float) -> None:
        self.actions.append(Send(connection, ENDPOINT, _HEARTBEAT))
        self._heartbeat_due = now + self._options.heartbeat_s

    def _lost(self, connection: int, error: ConnectionLost, now: float) -> None:
        """Go on without the connection that delivered, perhaps with one that is under way."""
        self.actions.append(Close(connection, _NORMAL, ""))
        self.live = None
        self._heartbeat_due = self._silence_due = _NEVER
        self._failing_since = now
        if now - self._opened_at >= self._options.heartbeat_s:
            self._attempts = (
                0  # else two owners of a subscription would cut each other off for ever
            )
        if self.state is State.OPEN:
            self._machine.feed(Cause.LOST)
            self._again(error, now)

    def _again(self, error: RTMSError, now: float) -> None:
        """Wait for the next try, or give up."""
        self._attempts += 1
        policy = self._options.retry
        if isinstance(error, LocalProtocolError | CertificateRejected):
            self._end(error)
        elif self.live is None and policy.attempts is not None and self._attempts > policy.attempts:
            after_s = now - self._failing_since
            lost = EventSocketLost(self._attempts - 1, after_s, str(error))
            lost.__cause__ = error
            self._end(lost)
        else:
            self.problems.append(str(error))
            self._due = now + policy.delay_s(self._attempts, self._dice())

    def _end(self, error: RTMSError | None) -> None:
        if self.state is State.CLOSED:
            return
        self._machine.feed(Cause.END)
        self.error = error
        self._retire()
        self._due = self._heartbeat_due = self._silence_due = _NEVER
        for connection in {self.live, self._newest} - {None, 0}:
            self.actions.append(Close(cast("int", connection), _NORMAL, ""))
        self.live = None

    def _is_new(self, told: Notification) -> bool:
        """Tell whether it did not come before; without a time it cannot be told."""
        if told.event_ts_ms is None:
            return True
        key = told.idempotency_key
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True


def _event(data: bytes) -> str | dict[str, object] | None:
    """Return the event in a message, with or without a wrapper; `None` when there is none.

    Raises:
        WebhookUnreadable: It is no message, or its content is no event.
    """
    message = decode(data)
    if "module" not in message:
        return message if "event" in message else None
    if message["module"] != "message":
        return None
    content = message.get("content")
    if isinstance(content, str):
        return content
    return cast("dict[str, object]", content) if isinstance(content, dict) else _no_event(content)


def _no_event(content: object) -> NoReturn:
    kind = type(content).__name__
    raise WebhookNotObject("an event in the content of a message", f"a JSON {kind}")
