"""Iterators over a mailbox: classes, because an abandoned async generator is finalized late."""

from typing import Generic, Self, TypeVar, cast

from rtms_client._runtime.buffers import EndOfStream, Hub, Mailbox
from rtms_client.frames import Item

__all__ = ["ItemIterator"]

T_co = TypeVar("T_co", bound=Item, covariant=True)


class ItemIterator(Generic[T_co]):
    """Iterates over what a stream delivers; ends with the stream.

    Items that were received before the end are still delivered; then a normal end stops the loop
    and an abnormal one raises its error. Cancelling an iteration loses nothing. An iterator that is
    closed or forgotten gives back what it had not read, if nobody else reads the same medium.
    """

    __slots__ = ("_hub", "_mailbox")

    def __init__(self, hub: Hub, mailbox: Mailbox) -> None:
        self._hub = hub
        self._mailbox: Mailbox | None = mailbox

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """Return the next item.

        Raises:
            RTMSError: The stream ended abnormally.
            InvalidState: Another task is waiting on this iterator.
        """
        mailbox = self._mailbox
        if mailbox is None:
            raise StopAsyncIteration
        item = mailbox.take()
        if item is not None:
            return cast("T_co", item)
        try:
            return cast("T_co", await mailbox.get())
        except EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Stop reading; may be called more than once."""
        self._release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def __del__(self) -> None:
        self._release()

    def _release(self) -> None:
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            self._hub.release(mailbox)
