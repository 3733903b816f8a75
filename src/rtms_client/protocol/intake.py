"""Messages in, items out: what arrives for the application, numbered in order of arrival."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rtms_client import events as ev
from rtms_client._wire import inbound
from rtms_client._wire.cipher import PayloadCipher
from rtms_client._wire.codec import Message
from rtms_client._wire.media import MEDIA_OF_MESSAGE, Format, media_frame
from rtms_client.enums import MediaType, MessageType, Product
from rtms_client.protocol.outputs import CoreStatistics
from rtms_client.protocol.roster import Roster

if TYPE_CHECKING:
    from rtms_client.frames import Item

__all__ = ["Intake"]

_RAW_LIMIT: Final = 4096


class Intake:
    """Everything that arrived for the application and was not taken yet.

    Args:
        product: Decides what event numbers mean.
        formats: Format of each requested medium; replaced when the server grants another.
        cipher: Decryption of payloads, if any.

    Attributes:
        items: What arrived, in order; the shell empties the list.
        roster: What the events add up to.
        statistics: Counters.
        formats: Format of each requested medium.
    """

    __slots__ = ("_cipher", "_product", "_sequence", "formats", "items", "roster", "statistics")

    def __init__(
        self, product: Product, formats: Mapping[MediaType, Format], cipher: PayloadCipher | None
    ) -> None:
        self.items: list[Item] = []
        self.roster = Roster()
        self.formats = dict(formats)
        self.statistics = CoreStatistics(frames=dict.fromkeys(formats, 0))
        self._product = product
        self._cipher = cipher
        self._sequence = 0

    def number(self) -> int:
        """Return the next sequence number."""
        self._sequence += 1
        return self._sequence

    def add(self, event: ev.SessionEvent) -> None:
        """Take an event that the library itself has something to say with."""
        self.items.append(event)
        self.roster.apply(event)

    def media(self, kind: MessageType, message: Message) -> None:
        """Take message 14 to 18.

        Raises:
            RemoteProtocolError: It holds no usable payload.
        """
        medium = MEDIA_OF_MESSAGE[kind]
        granted = self.formats.get(medium)
        if granted is None:  # a connection for all media also brings what nobody asked for
            self.statistics.unrequested += 1
            return
        if self._cipher is not None:
            message = self._cipher.decrypt(kind, message)
        number = self._sequence + 1
        frame = media_frame(kind, message, number, granted, self.statistics.flaws)
        self._sequence = number
        self.items.append(frame)
        self.statistics.frames[medium] += 1

    def metadata(self, kind: MessageType, message: Message) -> None:
        """Take message 23 to 27 as it is: its body is not documented (messages notes, 10)."""
        self.add(ev.MediaMetadata(sequence=self.number(), message_type=kind, content=message))

    def event(self, message: Message) -> None:
        """Take message 6.

        Raises:
            RemoteProtocolError: It holds no event of a known type.
        """
        self.add(inbound.session_event(message, self._product, self.number()))

    def stream_state(self, message: Message) -> ev.StreamStateChanged:
        """Take message 8.

        Raises:
            RemoteProtocolError: It holds no state.
        """
        event = inbound.stream_state(message, self.number())
        self.add(event)
        return event

    def session_state(self, message: Message) -> None:
        """Take message 9.

        Raises:
            RemoteProtocolError: It holds no state.
        """
        self.add(inbound.session_state(message, self.number()))

    def unrecognized(
        self, problem: str, raw: Message | bytes, kind: MessageType | None = None
    ) -> None:
        """Report a message that nobody can interpret; the stream goes on."""
        self.statistics.unrecognized += 1
        self.add(
            ev.Unrecognized(
                sequence=self.number(),
                problem=problem,
                message_type=kind,
                raw=raw[:_RAW_LIMIT] if isinstance(raw, bytes) else raw,
            )
        )
