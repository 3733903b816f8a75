"""Why there are no credentials for a stream."""

from typing_extensions import override

from ._base import RTMSError

__all__ = ["CredentialsUnavailable"]


class CredentialsUnavailable(RTMSError):
    """The function that finds the credentials of a stream failed; the cause says why.

    Args:
        stream_id: The stream.
        problem: Type of what the function raised.
    """

    retryable = True

    def __init__(self, stream_id: str, problem: str) -> None:
        super().__init__(stream_id, problem)
        self.stream_id = stream_id
        self.problem = problem

    @override
    def __str__(self) -> str:
        return (
            f"stream {self.stream_id}: expected credentials, got {self.problem}; check the "
            "function that was passed as credentials"
        )
