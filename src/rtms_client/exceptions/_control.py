"""Why Zoom's REST API did not start, stop, pause or resume RTMS."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from typing_extensions import override

from ._base import RTMSError, quoted

__all__ = ["ControlRejected", "ControlUnavailable"]

# What HTTP says of these numbers; Zoom's own are in `code`.
_ADVICE: Final[Mapping[int, str]] = MappingProxyType(
    {
        401: "pass a valid access token: it may have expired",
        403: "add the scope of this call to the app that the access token is of, and re-authorise "
        "it",
        404: "take the id unchanged from the newest webhook; the meeting may be over",
    }
)


class ControlRejected(RTMSError):
    """Zoom's REST API refused to start, stop, pause or resume RTMS.

    Args:
        action: What was asked for: ``start``, ``stop``, ``pause`` or ``resume``.
        status: HTTP status of the answer.
        code: Zoom's own number in the body; `None` when there was none. 2308 and 2310 have been
            seen; what they stand for is not documented, so read the message.
        message: Zoom's own words in the body, possibly empty.
    """

    def __init__(self, action: str, status: int, code: int | None, message: str) -> None:
        super().__init__(action, status, code, message)
        self.action = action
        self.status = status
        self.code = code
        self.message = message

    @override
    def __str__(self) -> str:
        facts = [] if self.code is None else [f"code {self.code}"]
        if self.message:
            facts.append(quoted(self.message))
        said = f" ({': '.join(facts)})" if facts else ""
        return f"expected Zoom to {self.action} RTMS, got HTTP status {self.status}{said}; " + (
            self._advice()
        )

    def _advice(self) -> str:
        return _ADVICE.get(self.status, "check product, id, client id and what Zoom says")


class ControlUnavailable(ControlRejected):
    """Zoom's REST API could not do it now: too many requests, or a fault of the server."""

    retryable = True

    @override
    def _advice(self) -> str:
        return "wait and try again; if it stays, ask Zoom's support"
