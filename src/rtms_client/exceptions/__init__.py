"""Everything the library raises, as one tree.

::

    RTMSError
    ├── LocalProtocolError               our caller asked for something impossible
    │   ├── InvalidParameters            (a ValueError) forbidden value or combination
    │   ├── HostNotAllowed               server URL outside the allow-list
    │   ├── InvalidState                 not possible in this state of the stream
    │   └── StreamRefused                a stream that this client does not join
    ├── RemoteProtocolError              the server broke the protocol
    │   └── UnsupportedMessageFormat     a message that is not JSON, perhaps of a newer protocol
    ├── HandshakeRejected                the server said no
    │   ├── StreamNotFound               status 2
    │   ├── AuthenticationFailed         status 3
    │   ├── MediaNotAvailable            status 7, 9 to 14, or no URL for a medium
    │   ├── ParametersRejected           status 17 to 39, 43, 46
    │   ├── DuplicateConnection          status 8, 15, 16
    │   └── ServerFault                  status 45, 47
    ├── ParametersDowngraded             strict mode: granted differs from requested
    ├── ConnectFailed                    no connection came about
    │   ├── CertificateRejected          TLS did not trust the server
    │   └── ConnectTimeout
    ├── AnswerTimeout                    connected, but the server did not answer in time
    ├── ConnectionLost                   an open connection ended unexpectedly
    │   └── ConnectionSilent             nothing arrived for too long
    ├── StreamLost                       a broken connection could not be brought back
    ├── StreamStopped                    the server ended the stream for a technical reason
    ├── RequestFailed                    the server refused a request inside a running stream
    ├── BufferOverflow                   a buffer with policy "close" was full
    ├── CredentialsUnavailable           the function for the credentials of a stream failed
    ├── ControlRejected                  the REST API refused to start, stop, pause or resume
    │   └── ControlUnavailable           it could not do so now
    ├── EventSocketLost                  the event WebSocket could not be brought back
    ├── TokenUnavailable                 there is no access token for it
    ├── WebhookError                     a webhook was refused; has the HTTP status to answer
    │   ├── WebhookTooLarge              413: body over the limit
    │   ├── WebhookSignatureMissing      401: no signature or no timestamp
    │   ├── WebhookSignatureMalformed    401: signature or timestamp not in Zoom's form
    │   ├── WebhookTimestampRejected     401: too old, or from the future
    │   ├── WebhookSignatureMismatch     401: made with another secret or for another body
    │   └── WebhookUnreadable            400: (a RemoteProtocolError) no use can be made of it
    │       ├── WebhookNotUtf8
    │       ├── WebhookNotJson
    │       ├── WebhookDuplicateKeys
    │       ├── WebhookTooDeep
    │       ├── WebhookNotObject
    │       └── WebhookIncomplete        422: lacks what the notification cannot do without
    ├── MissingExtra                     (an ImportError) an optional package is not installed
    └── InternalError                    a fault of this library

Exceptions carry their facts as attributes and as ``args``, so that they pickle; the text is made on
demand, says what was expected, what came and what to do, and holds no secret, name or media.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from typing_extensions import override

from rtms_client.codes import explain_close, explain_status, explain_stop
from rtms_client.enums import StatusCode, StopReason

from ._base import RemoteProtocolError, RTMSError, quoted
from ._control import ControlRejected, ControlUnavailable
from ._credentials import CredentialsUnavailable
from ._door import claim
from ._event_socket import EventSocketLost, TokenUnavailable
from ._extras import MissingExtra
from ._history import steps
from ._webhooks import (
    WebhookDuplicateKeys,
    WebhookError,
    WebhookIncomplete,
    WebhookNotJson,
    WebhookNotObject,
    WebhookNotUtf8,
    WebhookSignatureMalformed,
    WebhookSignatureMismatch,
    WebhookSignatureMissing,
    WebhookTimestampRejected,
    WebhookTooDeep,
    WebhookTooLarge,
    WebhookUnreadable,
)

__all__ = [
    "AnswerTimeout",
    "AuthenticationFailed",
    "BufferOverflow",
    "CertificateRejected",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionLost",
    "ConnectionSilent",
    "ControlRejected",
    "ControlUnavailable",
    "CredentialsUnavailable",
    "DuplicateConnection",
    "EventSocketLost",
    "HandshakeRejected",
    "HostNotAllowed",
    "InternalError",
    "InvalidParameters",
    "InvalidState",
    "LocalProtocolError",
    "MediaNotAvailable",
    "MissingExtra",
    "ParametersDowngraded",
    "ParametersRejected",
    "RTMSError",
    "RemoteProtocolError",
    "RequestFailed",
    "ServerFault",
    "StreamLost",
    "StreamNotFound",
    "StreamRefused",
    "StreamStopped",
    "TokenUnavailable",
    "UnsupportedMessageFormat",
    "WebhookDuplicateKeys",
    "WebhookError",
    "WebhookIncomplete",
    "WebhookNotJson",
    "WebhookNotObject",
    "WebhookNotUtf8",
    "WebhookSignatureMalformed",
    "WebhookSignatureMismatch",
    "WebhookSignatureMissing",
    "WebhookTimestampRejected",
    "WebhookTooDeep",
    "WebhookTooLarge",
    "WebhookUnreadable",
]


class LocalProtocolError(RTMSError):
    """Our caller asked for something that the protocol or the options do not allow."""


class InvalidParameters(LocalProtocolError, ValueError):
    """A value or a combination of values is forbidden.

    Args:
        what: The value in question.
        problem: Why it is refused.
        suggestion: The nearest allowed choice, or what to do.
    """

    def __init__(self, what: str, problem: str, suggestion: str) -> None:
        super().__init__(what, problem, suggestion)
        self.what = what
        self.problem = problem
        self.suggestion = suggestion

    @override
    def __str__(self) -> str:
        return f"{self.what}: {self.problem}; {self.suggestion}"


class HostNotAllowed(LocalProtocolError):
    """A server URL names a host that is not on the allow-list, or is not ``wss``.

    Args:
        url: Scheme, host and port of the refused URL.
        problem: Why it is refused.
    """

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url = url
        self.problem = problem

    @override
    def __str__(self) -> str:
        return (
            f"{self.url}: {self.problem}; verify that the webhook is genuine, and if it is, "
            "extend NetworkOptions.allowed_hosts"
        )


class InvalidState(LocalProtocolError):
    """The call is not possible in the present state.

    Args:
        operation: What was asked for.
        state: State of the machine that refused it.
        hint: What to do instead.
        reason: Why it refused, where the state is not the reason.
    """

    def __init__(self, operation: str, state: str, hint: str, reason: str = "") -> None:
        super().__init__(operation, state, hint, reason)
        self.operation = operation
        self.state = state
        self.hint = hint
        self.reason = reason

    @override
    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else f" in state {self.state}"
        return f"cannot {self.operation}{why}; {self.hint}"


_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "arbiter": "expected a stream that the arbiter keeps, got another one of the same meeting; "
        "RTMSClient(arbiter=...) decides",
        "draining": "expected no new stream while the client is being drained; another process "
        "may join it",
        "limit": "expected at most {limit} streams at a time, got one more; raise "
        "RTMSClient(max_streams=...), or let another process join it",
    }
)


class StreamRefused(LocalProtocolError):
    """This client does not join a stream that was announced.

    Args:
        stream_id: The stream.
        reason: ``limit``, ``draining`` or ``arbiter``.
        limit: How many streams the client may have; `None` when that is not the reason.
    """

    def __init__(self, stream_id: str, reason: str, limit: int | None) -> None:
        super().__init__(stream_id, reason, limit)
        self.stream_id = stream_id
        self.reason = reason
        self.limit = limit

    @override
    def __str__(self) -> str:
        return f"stream {self.stream_id}: {_REFUSALS[self.reason].format(limit=self.limit)}"


class UnsupportedMessageFormat(RemoteProtocolError):
    """A message is neither JSON text nor JSON bytes; perhaps a format of a newer protocol."""


class HandshakeRejected(RTMSError):
    """The server refused a handshake.

    Subclasses exist for what a caller would handle differently; `for_status` picks one.

    Args:
        endpoint: Which connection: ``signaling`` or the name of a medium.
        status: The status code of the answer; `None` when it had none.
        reason: The server's own words, possibly empty.
    """

    def __init__(self, endpoint: str, status: StatusCode | None, reason: str) -> None:
        super().__init__(endpoint, status, reason)
        self.endpoint = endpoint
        self.status = status
        self.reason = reason

    @staticmethod
    def for_status(endpoint: str, status: StatusCode | None, reason: str) -> "HandshakeRejected":
        """Make the most specific subclass for a status code."""
        kind = HandshakeRejected if status is None else _REJECTIONS.get(status, HandshakeRejected)
        return kind(endpoint, status, reason)

    @override
    def __str__(self) -> str:
        if self.status is None:
            return (
                f"{self.endpoint} handshake: expected an answer with status_code, got one without; "
                "is this an RTMS server?"
            )
        known = explain_status(self.status)
        said = f" (server: {quoted(self.reason)})" if self.reason else ""
        return (
            f"{self.endpoint} handshake refused with status {int(self.status)} {known.name}: "
            f"{known.meaning}{said}; {known.advice}"
        )


class StreamNotFound(HandshakeRejected):
    """The server does not know the stream, or it is over."""


class AuthenticationFailed(HandshakeRejected):
    """The signature does not match: wrong client id, secret or product id."""


class MediaNotAvailable(HandshakeRejected):
    """The app has no access to the medium; a status of `None` means that no URL was offered."""

    @override
    def __str__(self) -> str:
        if self.status is None:
            return (
                f"{self.endpoint} is not available: expected a server URL for it, got none; "
                f"{explain_status(StatusCode.MEDIA_TYPE_AUDIO_NOT_SUPPORT).advice}"
            )
        return super().__str__()


class ParametersRejected(HandshakeRejected):
    """The server does not accept the media parameters."""


class DuplicateConnection(HandshakeRejected):
    """The stream has a connection of this kind already, perhaps in another process."""

    retryable = True


class ServerFault(HandshakeRejected):
    """The server has a problem of its own."""

    retryable = True


# Error classes of Zoom's own table: lifecycle notes, section 10, "Which failures are final".
_REJECTIONS: Final[Mapping[int, type[HandshakeRejected]]] = MappingProxyType(
    {
        2: StreamNotFound,
        3: AuthenticationFailed,
        **dict.fromkeys((7, *range(9, 15)), MediaNotAvailable),
        **dict.fromkeys((8, 15, 16), DuplicateConnection),
        **dict.fromkeys((*range(17, 40), 43, 46), ParametersRejected),
        **dict.fromkeys((45, 47), ServerFault),
    }
)


class ParametersDowngraded(RTMSError):
    """In strict mode: the server granted other parameters than requested.

    Args:
        endpoint: Name of the medium.
        differences: ``name: requested → granted`` for each parameter.
    """

    def __init__(self, endpoint: str, differences: tuple[str, ...]) -> None:
        super().__init__(endpoint, differences)
        self.endpoint = endpoint
        self.differences = differences

    @override
    def __str__(self) -> str:
        return (
            f"{self.endpoint}: expected the requested parameters, got "
            f"{', '.join(self.differences)}; ask for what the account allows, or drop strict=True "
            "and read stream.granted"
        )


class ConnectFailed(RTMSError):
    """No connection came about: DNS, TCP, proxy, TLS or the WebSocket upgrade failed.

    Args:
        endpoint: Which connection: ``signaling`` or the name of a medium.
        host: Host and port that was tried.
        problem: What the network said.
    """

    retryable = True

    def __init__(self, endpoint: str, host: str, problem: str) -> None:
        super().__init__(endpoint, host, problem)
        self.endpoint = endpoint
        self.host = host
        self.problem = problem

    @override
    def __str__(self) -> str:
        return (
            f"{self.endpoint}: expected a WebSocket connection to {self.host}, got: "
            f"{self.problem}; check network, proxy and firewall"
        )


class CertificateRejected(ConnectFailed):
    """TLS refused the server: its certificate is not trusted or is for another host."""

    retryable = False

    @override
    def __str__(self) -> str:
        return (
            f"{self.endpoint}: expected a trusted certificate of {self.host}, got: {self.problem}; "
            "pass the CA of your proxy or test server as NetworkOptions.ca_file, "
            "never switch verification off"
        )


class ConnectTimeout(ConnectFailed):
    """TCP, TLS and WebSocket upgrade together took too long."""


class AnswerTimeout(RTMSError):
    """The server took a request and did not answer it in time.

    Args:
        endpoint: Which connection: ``signaling`` or the name of a medium.
        waited_for: The missing answer.
        timeout_s: How long we waited, in seconds.
    """

    retryable = True

    def __init__(self, endpoint: str, waited_for: str, timeout_s: float) -> None:
        super().__init__(endpoint, waited_for, timeout_s)
        self.endpoint = endpoint
        self.waited_for = waited_for
        self.timeout_s = timeout_s

    @override
    def __str__(self) -> str:
        return (
            f"{self.endpoint}: expected {self.waited_for} within {self.timeout_s:g} s, got "
            "nothing; the server may be overloaded, or raise the value in Timeouts"
        )


class ConnectionLost(RTMSError):
    """An open connection ended although the stream had not.

    Args:
        endpoint: Which connection: ``signaling`` or the name of a medium.
        code: WebSocket close code; 1006 when there was no closing handshake.
        reason: The server's or the network's own words, possibly empty.
    """

    retryable = True

    def __init__(self, endpoint: str, code: int, reason: str) -> None:
        super().__init__(endpoint, code, reason)
        self.endpoint = endpoint
        self.code = code
        self.reason = reason

    @override
    def __str__(self) -> str:
        known = explain_close(self.code)
        said = f" ({quoted(self.reason)})" if self.reason else ""
        return (
            f"{self.endpoint} connection closed with {self.code} {known.name}: "
            f"{known.meaning}{said}; {known.advice}"
        )


class ConnectionSilent(ConnectionLost):
    """Nothing arrived on a connection for so long that it counts as dead.

    Args:
        endpoint: Which connection: ``signaling`` or the name of a medium.
        silence_s: How long nothing arrived, in seconds.
    """

    def __init__(self, endpoint: str, silence_s: float) -> None:
        super().__init__(endpoint, 1006, f"nothing arrived for {silence_s:g} s")
        Exception.__init__(self, endpoint, silence_s)  # what it takes to unpickle
        self.silence_s = silence_s

    @override
    def __str__(self) -> str:
        return (
            f"{self.endpoint}: expected a message or keep-alive within {self.silence_s:g} s, got "
            "nothing; check network, proxy and firewall time-outs"
        )


class StreamLost(RTMSError):
    """A connection did not come about, or not again, in time; the cause is the last failure.

    Args:
        endpoint: Which connection: ``signaling`` or the name of a medium.
        after_s: Time from the first loss to giving up, in seconds.
        history: What happened, oldest first: seconds since the first loss, and the failure.
        was_there: Whether there ever was a connection.
    """

    def __init__(
        self,
        endpoint: str,
        after_s: float,
        history: tuple[tuple[float, str], ...],
        was_there: bool = True,  # noqa: FBT001, FBT002  # positional, so that it can be unpickled
    ) -> None:
        super().__init__(endpoint, after_s, history, was_there)
        self.was_there = was_there
        self.endpoint = endpoint
        self.after_s = after_s
        self.history = history

    @override
    def __str__(self) -> str:
        if not self.was_there:
            return (
                f"{self.endpoint}: expected a connection, never had one, gave up after "
                f"{self.after_s:.1f} s; check server URL and network, and whether the stream still "
                f"lives{steps(self.history)}"
            )
        return (
            f"{self.endpoint}: expected the connection back, gave up after {self.after_s:.1f} s; "
            f"the server ends the stream by itself: wait for a new started webhook, or start RTMS "
            f"again over the REST API{steps(self.history)}"
        )


class StreamStopped(RTMSError):
    """The server ended the stream for a technical reason (stop reasons 10 to 19 and 24).

    Args:
        stop_reason: The server's reason.
        history: What was tried to have it started again: seconds since the end, and what failed.
    """

    def __init__(
        self, stop_reason: StopReason, history: tuple[tuple[float, str], ...] = ()
    ) -> None:
        super().__init__(stop_reason, history)
        self.stop_reason = stop_reason
        self.history = history

    @override
    def __str__(self) -> str:
        known = explain_stop(self.stop_reason)
        return (
            f"stream stopped with reason {int(self.stop_reason)} {known.name}: {known.meaning}; "
            f"{known.advice}{steps(self.history)}"
        )


class RequestFailed(RTMSError):
    """The server refused a request inside a running stream.

    Args:
        request: What was asked for.
        status: The status code of the answer; `None` when it had none.
        reason: The server's own words, possibly empty.
    """

    def __init__(self, request: str, status: StatusCode | None, reason: str) -> None:
        super().__init__(request, status, reason)
        self.request = request
        self.status = status
        self.reason = reason

    @override
    def __str__(self) -> str:
        if self.status is None:
            return f"{self.request}: expected an answer with status_code, got one without"
        known = explain_status(self.status)
        return (
            f"{self.request} refused with status {int(self.status)} {known.name}: {known.meaning}; "
            f"{known.advice}"
        )


class BufferOverflow(RTMSError):
    """A consumer was too slow for a buffer whose policy is to close the stream.

    Args:
        medium: Name of the medium.
        items: Items in the buffer.
        size: Bytes in the buffer.
    """

    def __init__(self, medium: str, items: int, size: int) -> None:
        super().__init__(medium, items, size)
        self.medium = medium
        self.items = items
        self.size = size

    @override
    def __str__(self) -> str:
        return (
            f"{self.medium}: expected the consumer to keep up, got {self.items} items "
            f"({self.size} bytes) waiting; consume faster, raise BufferLimits, or choose a policy "
            "that drops"
        )


class InternalError(RTMSError):
    """A fault of this library; the cause has the details.

    Args:
        problem: Type of the unexpected exception.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    @override
    def __str__(self) -> str:
        return f"unexpected {self.problem} inside the library; please report it with its traceback"


claim(__name__)
