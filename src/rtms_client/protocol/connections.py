"""The connections of one stream: opening, sending, closing, and the times they are due."""

from rtms_client._wire.codec import Codec, Message
from rtms_client.config import Timeouts
from rtms_client.enums import MediaType
from rtms_client.protocol.links import Link, LinkInput
from rtms_client.protocol.outputs import Action, Close, Open, Send

__all__ = ["Connections"]

_NORMAL, _GOING_AWAY = 1000, 1001  # RFC 6455, section 7.4.1


class Connections:
    """What is open or being opened.

    A number that is not known any more belongs to a connection that was given up: whatever is
    still heard of it is void, so that nothing late can disturb its successor.

    Args:
        actions: Where to put what the shell has to do.
        codec: Format of the messages.
        timeouts: How long to wait.
    """

    __slots__ = ("_actions", "_codec", "_last_number", "_links", "_timeouts", "signaling")

    def __init__(self, actions: list[Action], codec: Codec, timeouts: Timeouts) -> None:
        self.signaling: Link | None = None
        self._actions = actions
        self._codec = codec
        self._timeouts = timeouts
        self._links: dict[int, Link] = {}
        self._last_number = 0

    def get(self, number: int) -> Link | None:
        """Return a connection; `None` when it was given up."""
        return self._links.get(number)

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
        if link is self.signaling:
            self.signaling = None

    def close(self, link: Link, *, expired: bool = False) -> None:
        """Give up a connection and close it."""
        self.forget(link)
        code, reason = (_GOING_AWAY, "time-out") if expired else (_NORMAL, "")
        self._actions.append(Close(link.number, code, reason))

    def close_all(self) -> None:
        """Give up all connections, media first (lifecycle notes, section 9)."""
        for link in sorted(self._links.values(), key=lambda link: link.media is None):
            self.close(link)

    def close_mute_signaling(self, link: Link) -> bool:
        """Close signaling if it has said nothing since a connection was begun; tell whether."""
        signaling = self.signaling
        if signaling is None or signaling.heard >= link.began:
            return False
        self.close(signaling)
        return True

    def expired(self, now: float) -> list[Link]:
        """Return the connections whose time is up."""
        return [link for link in self._links.values() if link.expires(self._timeouts) <= now]

    def deadlines(self) -> list[float]:
        """Return when each connection expires."""
        return [link.expires(self._timeouts) for link in self._links.values()]
