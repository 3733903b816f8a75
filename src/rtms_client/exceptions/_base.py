"""The root of the tree, and the branch that others share."""

from typing import ClassVar, Final

from typing_extensions import override

__all__ = ["RTMSError", "RemoteProtocolError", "quoted"]

_LONGEST: Final = 500


def quoted(text: str) -> str:
    """Return the peer's words as they may stand in a log: on one line, visible, not too long."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode()
        for one in text
    )


class RTMSError(Exception):
    """Root of all errors of this library."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without a change on our side."""


class RemoteProtocolError(RTMSError):
    """The server sent something that the protocol does not allow at this point.

    The library reports such messages as `Unrecognized` items and goes on; the error is raised only
    where there is nothing to go on with.

    Args:
        expected: What would have been in order.
        got: What came, without payload.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got

    @override
    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"
