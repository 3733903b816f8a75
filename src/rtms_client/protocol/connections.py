"""The connections of one stream: opening, sending, closing, and the times they are due."""

from typing import TYPE_CHECKING, Final

from rtms_client._wire.codec import Codec, Message
from rtms_client.config import Timeouts
from rtms_client.enums import MediaType
from rtms_client.exceptions import ConnectionSilent, RTMSError
from rtms_client.protocol.links import Link, LinkInput
from rtms_client.protocol.outputs import Action, Close, Open, Send

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Connections"]

_NORMAL, _GOING_AWAY = 1000, 1001  # RFC 6455, section 7.4.1
_DOUBT_S: Final = 15.0  # the server sends keep-alives every 10 s (lifecycle notes, section 6)


class Connections:
    """What is open or being opened.

    A number that is not known any more belongs to a connection that was given up: whatever is
    still heard of it is void, so that nothing late can disturb its successor.

    Args:
        actions: Where to put what the shell has to do.
        codec: Format of the messages.
        timeouts: How long to wait.

    Attributes:
        get: Returns the connection of a number; `None` when it was given up.
        signaling: The signaling connection, if any.
    """

    __slots__ = (
        "_actions",
        "_codec",
        "_doubts",
        "_last_number",
        "_late",
        "_links",
        "_timeouts",
        "get",
        "signaling",
    )

    def __init__(self, actions: list[Action], codec: Codec, timeouts: Timeouts) -> None:
        self.signaling: Link | None = None
        self._actions = actions
        self._codec = codec
        self._timeouts = timeouts
        self._links: dict[int, Link] = {}
        self.get: Callable[[int], Link | None] = self._links.get
        self._doubts: dict[int, tuple[float, float]] = {}
        """Connections that may be dead as far as the server says: since when, and for how long."""
        self._late: dict[int, Link] = {}
        self._last_number = 0

    def heard(self, number: int, now: float) -> None:
        """Take note of a sign of life without a message."""
        if link := self._links.get(number):
            link.heard = now

    def media(self) -> list[Link]:
        """Return the media connections."""
        return [link for link in self._links.values() if link.media is not None]

    def open(self, media: MediaType | None, url: str, now: float) -> None:
        """Begin to open a connection; `None` stands for signaling."""
        self._last_number += 1
        link = Link(self._last_number, media, url)
        link.machine.feed(LinkInput.CONNECT)
        link.began = now
        link.deadline = now + self._timeouts.connect_s
        self._links[link.number] = link
        if media is None:
            self.signaling = link
        self._actions.append(Open(link.number, link.endpoint, url))

    def send(self, link: Link, message: Message) -> None:
        """Send a message."""
        self._actions.append(Send(link.number, link.endpoint, self._codec.encode(message)))

    def forget(self, link: Link) -> None:
        """Give up a connection that is gone."""
        del self._links[link.number]
        self._doubts.pop(link.number, None)
        if link is self.signaling:
            self.signaling = None

    def close(self, link: Link, *, expired: bool = False) -> None:
        """Give up a connection and close it."""
        self.forget(link)
        code, reason = (_GOING_AWAY, "time-out") if expired else (_NORMAL, "")
        self._actions.append(Close(link.number, code, reason, drain=link.number in self._late))

    def close_all(self, *, late: bool = False) -> None:
        """Give up all connections, media first (lifecycle notes, section 9).

        Args:
            late: Media that are still under way may be taken: the server ended the stream.
        """
        if late:
            self._late |= {link.number: link for link in self.media() if link.settled}
        for link in sorted(self._links.values(), key=lambda link: link.media is None):
            self.close(link)

    def forget_late(self) -> None:
        """Take nothing more from the connections of a stream that has ended."""
        self._late.clear()

    def drained(self, number: int) -> Link | None:
        """Give up and return a media connection that was closed at the end of the stream."""
        return self._late.pop(number, None)

    def late(self, number: int) -> Link | None:
        """Return a media connection that was closed at the end of the stream."""
        return self._late.get(number)

    def close_mute_signaling(self, link: Link) -> Link | None:
        """Close and return signaling if it has said nothing since a connection was begun."""
        signaling = self.signaling
        if signaling is None or signaling.heard >= link.began:
            return None
        self.close(signaling)
        return signaling

    def doubt(self, link: Link, now: float, wait_s: float = _DOUBT_S) -> None:
        """Give a connection little time to prove that it is alive; any message is a proof."""
        self._doubts[link.number] = now, wait_s

    def _doubted(self, link: Link) -> tuple[float, float] | None:
        found = self._doubts.get(link.number)
        return None if found is None or link.heard > found[0] else found

    def _expires(self, link: Link) -> float:
        doubted = self._doubted(link)
        expires = link.expires(self._timeouts)
        return expires if doubted is None else min(expires, sum(doubted))

    def expired(self, now: float) -> list[Link]:
        """Return the connections whose time is up."""
        return [link for link in self._links.values() if self._expires(link) <= now]

    def expiry(self, link: Link) -> RTMSError:
        """Make the error for a connection whose time is up."""
        doubted = self._doubted(link)
        if doubted is None:
            return link.expiry(self._timeouts)
        return ConnectionSilent(link.endpoint, doubted[1])

    def deadlines(self) -> list[float]:
        """Return when each connection expires."""
        return [self._expires(link) for link in self._links.values()]
