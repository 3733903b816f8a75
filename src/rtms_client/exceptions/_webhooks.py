"""Why a webhook was refused."""

from typing import ClassVar

from typing_extensions import override

from ._base import RemoteProtocolError, RTMSError

__all__ = [
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


class WebhookError(RTMSError):
    """A webhook was refused; nothing of its body, of a signature or of a secret is in the error."""

    http_status: ClassVar[int] = 400
    """HTTP status with which to answer the request."""


class WebhookTooLarge(WebhookError):
    """The body is larger than allowed; nothing of it was read.

    Args:
        size: Size of the body in bytes.
        limit: Largest size allowed, in bytes.
    """

    http_status = 413

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    @override
    def __str__(self) -> str:
        return (
            f"expected a body of at most {self.limit} bytes, got {self.size}; Zoom's webhooks are "
            "far smaller, so look at who sends this"
        )


class WebhookSignatureMissing(WebhookError):
    """A header is missing without which a webhook cannot be verified.

    Args:
        header: Name of the header.
    """

    http_status = 401

    def __init__(self, header: str) -> None:
        super().__init__(header)
        self.header = header

    @override
    def __str__(self) -> str:
        return (
            f"expected the header {self.header}, got none; the request is not Zoom's, or a proxy "
            "or the framework dropped the header"
        )


class WebhookSignatureMalformed(WebhookError):
    """A header is there, but cannot be what Zoom sends.

    Args:
        header: Name of the header.
        expected: What Zoom sends.
    """

    http_status = 401

    def __init__(self, header: str, expected: str) -> None:
        super().__init__(header, expected)
        self.header = header
        self.expected = expected

    @override
    def __str__(self) -> str:
        return (
            f"expected {self.expected} in the header {self.header}, got something else; the "
            "request is not Zoom's, or a proxy changed the header"
        )


class WebhookTimestampRejected(WebhookError):
    """The request was signed too long ago, or in the future: perhaps somebody replays it.

    Args:
        age_s: Age of the request in seconds; negative when it is from the future.
        window_s: Largest age allowed in either direction, in seconds.
    """

    http_status = 401

    def __init__(self, age_s: float, window_s: float) -> None:
        super().__init__(age_s, window_s)
        self.age_s = age_s
        self.window_s = window_s

    @override
    def __str__(self) -> str:
        return (
            f"expected a request signed within {self.window_s:g} s of now, got one "
            f"{abs(self.age_s):.0f} s {'ahead' if self.age_s < 0 else 'old'}; verify before any "
            "queue, and set this machine's clock"
        )


class WebhookSignatureMismatch(WebhookError):
    """No secret that was tried makes this signature for this body.

    Args:
        tried: Number of secrets tried.
    """

    http_status = 401

    def __init__(self, tried: int) -> None:
        super().__init__(tried)
        self.tried = tried

    @override
    def __str__(self) -> str:
        secrets = "the secret" if self.tried == 1 else f"one of {self.tried} secrets"
        return (
            f"expected a signature made with {secrets}, got another; pass the "
            "app's secret token (not the client secret) and the body exactly as received, not "
            "parsed and written again"
        )


class WebhookUnreadable(WebhookError, RemoteProtocolError):
    """The body is not what it should be, although its signature may be right.

    Args:
        expected: What would have been in order.
        got: What came, without anything of the body.
    """


class WebhookNotUtf8(WebhookUnreadable):
    """The body is not UTF-8."""


class WebhookNotJson(WebhookUnreadable):
    """The body is not JSON."""


class WebhookDuplicateKeys(WebhookUnreadable):
    """A JSON object has the same key twice, so that two readers may see two messages."""


class WebhookTooDeep(WebhookUnreadable):
    """The JSON is nested more deeply than any webhook of Zoom."""


class WebhookNotObject(WebhookUnreadable):
    """The body is JSON, but not an object."""


class WebhookIncomplete(WebhookUnreadable):
    """The webhook lacks a field that the notification cannot do without."""

    http_status = 422
