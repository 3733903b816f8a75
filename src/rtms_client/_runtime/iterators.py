"""Iterators over a mailbox: classes, because an abandoned async generator is finalized late."""

from collections.abc import Callable, Sequence
from typing import Generic, Self, TypeVar, cast

from rtms_client._runtime.buffers import EndOfStream, Hub, Mailbox
from rtms_client.exceptions import InvalidState
from rtms_client.frames import Item

__all__ = ["ItemIterator"]

T_co = TypeVar("T_co", bound=Item, covariant=True)


class ItemIterator(Generic[T_co]):
    """Iterates over what a stream delivers; ends with the stream.

    Items that were received before the end are still delivered; then a normal end stops the loop
    and an abnormal one raises its error. Cancelling an iteration loses nothing. An iterator that is
    closed or forgotten gives back what it had not read, if nobody else reads the same medium.
    """

    __slots__ = ("_hub", "_mailbox", "_take")

    def __init__(self, hub: Hub, mailbox: Mailbox) -> None:
        self._hub = hub
        self._mailbox: Mailbox | None = mailbox
        self._take = cast("Callable[[], T_co | None]", mailbox.take)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """Return the next item.

        Raises:
            RTMSError: The stream ended abnormally.
            InvalidState: Another task is waiting on this iterator, or the stream was not opened.
        """
        while (item := self._take()) is None:  # nothing is left in a mailbox that was given back
            mailbox = self._mailbox
            if mailbox is None:
                raise StopAsyncIteration
            if not self._hub.opened:
                self._check(mailbox)
            try:
                await mailbox.ready()
            except EndOfStream:
                raise StopAsyncIteration from None
        return item

    async def batch(self) -> list[T_co]:
        """Return what waits, up to some thousand items or about 1 MiB; waits for the first one.

        For consumers that hand items on, to a thread for instance. Cancelling loses nothing.

        Returns:
            At least one item; an empty list after a normal end of the stream.

        Raises:
            RTMSError: The stream ended abnormally.
            InvalidState: Another task is waiting on this iterator, or the stream was not opened.
        """
        try:
            first = await self.__anext__()
        except StopAsyncIteration:
            return []
        return self._waiting(first)

    def _check(self, mailbox: Mailbox) -> None:
        """Refuse to wait for what cannot come before the stream is open.

        Raises:
            InvalidState: The stream was not opened.
        """
        if not (mailbox.ended or mailbox.holds_anything()):
            raise InvalidState(
                "wait for an item", "IDLE", "open the stream first: `async with client.stream(...)`"
            )

    def take(self) -> list[T_co]:
        """Return what waits, like `batch`, but without waiting.

        Raises:
            RTMSError: The stream ended abnormally and nothing waits.
        """
        items = self._waiting()
        if not items and self._mailbox is not None:
            self._mailbox.raise_error()
        return items

    def _waiting(self, *items: Item) -> list[T_co]:
        """Remove and return what waits, up to a bound, behind items that were removed before."""
        mailbox = self._mailbox
        return cast("list[T_co]", [*items] if mailbox is None else mailbox.batch(*items))

    def give_back(self, items: Sequence[Item]) -> None:
        """Give back items of `batch` or `take` that were not used, so that they come next.

        Args:
            items: The last ones that were returned, in order.
        """
        if self._mailbox is not None:
            self._mailbox.give_back(items)

    def close(self) -> None:
        """Stop reading; may be called more than once."""
        self._release()

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
