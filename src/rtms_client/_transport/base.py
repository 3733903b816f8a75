"""The transport seam: WebSocket today, others later."""

from typing import Protocol

__all__ = ["Connector", "Receiver", "Transport"]


class Receiver(Protocol):
    """Who hears from a connection. Called from the event loop, never concurrently."""

    def messages_received(self, messages: list[bytes]) -> None:
        """Take whole messages, in order: all that one read of the network brought."""
        ...

    def ping_received(self) -> None:
        """Take note of a sign of life that is no message: a ping."""
        ...

    def connection_lost(self, code: int, reason: str) -> None:
        """Take note of the end of the connection, once; nothing follows."""
        ...


class Transport(Protocol):
    """One open connection."""

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver; what came before is delivered first."""
        ...

    def send(self, data: bytes) -> None:
        """Send a text message, in order, without waiting; ignored once the connection is gone."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the server has said that nothing more comes (RFC 6455, section 5.5.1)."""
        ...

    async def close(self, code: int, reason: str, *, drain: bool = False) -> None:
        """Close within half a second, then cut, also when cancelled; may be repeated.

        Args:
            code: Close code.
            reason: Close reason.
            drain: Take more time, as long as something comes, but at most five seconds.
        """
        ...

    def abort(self) -> None:
        """Cut the connection at once."""
        ...


class Connector(Protocol):
    """Opens connections."""

    async def __call__(self, endpoint: str, url: str) -> Transport:
        """Open one connection; cancelling leaves nothing behind.

        Args:
            endpoint: What it is for; for error texts.
            url: Where it leads.

        Raises:
            ConnectFailed: It did not come about.
        """
        ...
