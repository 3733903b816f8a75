"""The error of optional parts of the library whose requirements are not installed."""

from typing_extensions import override

from ._base import RTMSError

__all__ = ["MissingExtra"]


class MissingExtra(RTMSError, ImportError):
    """A part of the library needs a package that a plain installation does not have.

    Args:
        what: What was asked for.
        package: Name of the missing package.
        extra: The extra of this library that installs it.
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(what, package, extra)
        self.what = what
        self.package = package
        self.extra = extra

    @override
    def __str__(self) -> str:
        return (
            f"{self.what}: expected the package {self.package}, which is not installed; "
            f"pip install 'rtms_client[{self.extra}]'"
        )
