"""Messages in, items out: what arrives for the application, numbered in order of arrival."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from rtms_client import events as ev
from rtms_client._wire import inbound
from rtms_client._wire.cipher import PayloadCipher
from rtms_client._wire.codec import Message
from rtms_client._wire.media import MEDIA_OF_MESSAGE, Format, granted_format, media_frame
from rtms_client._wire.shapes import CommonFrame, Shapes
from rtms_client.config import differences
from rtms_client.enums import MediaType, MessageType, Product
from rtms_client.exceptions import HandshakeRejected, RTMSError
from rtms_client.frames import MediaFrame
from rtms_client.protocol.duplicates import Seen
from rtms_client.protocol.gaps import Gaps
from rtms_client.protocol.outputs import CoreStatistics
from rtms_client.protocol.pauses import Pauses
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
        shapes: Reads common messages quickly, if the format of the messages allows it.

    Attributes:
        items: What arrived, in order; the shell empties the list.
        roster: What the events add up to.
        statistics: Counters.
        formats: Format of each requested medium.
    """

    __slots__ = (
        "_cipher",
        "_gaps",
        "_pauses",
        "_product",
        "_seen",
        "_sequence",
        "_shapes",
        "formats",
        "items",
        "roster",
        "statistics",
    )

    def __init__(
        self,
        product: Product,
        formats: Mapping[MediaType, Format],
        cipher: PayloadCipher | None,
        shapes: Shapes | None = None,
    ) -> None:
        self.items: list[Item] = []
        self.roster: Roster = Roster()
        self.formats: dict[MediaType, Format] = dict(formats)
        self.statistics: CoreStatistics = CoreStatistics(frames=dict.fromkeys(formats, 0))
        self._seen = {medium: Seen() for medium in formats}
        self._gaps = {medium: Gaps(medium) for medium in formats}
        self._pauses = Pauses()
        self._product = product
        self._cipher = cipher
        self._shapes = shapes if cipher is None else None
        self._sequence = 0

    def number(self) -> int:
        """Return the next sequence number; it is used up when an item with it is added."""
        return self._sequence + 1

    def add(self, event: ev.SessionEvent) -> None:
        """Take an event that the library itself has something to say with."""
        self._sequence = event.sequence
        self.items.append(event)
        self.roster.apply(event)
        self.statistics.gaps += isinstance(event, ev.Gap)

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
        flaws = self.statistics.flaws
        self._take(medium, media_frame(kind, message, self.number(), granted, flaws))

    def common_media(
        self, messages: Sequence[bytes], start: int, carried: MediaType | None
    ) -> tuple[list[CommonFrame], list[int]]:
        """Take messages as long as they are new common ones of audio, video or share.

        Args:
            messages: The messages, in order.
            start: Index of the first one to take.
            carried: What the connection carries: a medium, `MediaType.ALL`, or nothing.

        Returns:
            The frames of the messages from there on, one for each, all of one medium and with no
            gap in front, and the sizes of these messages; what follows must be read in full.
        """
        frames: list[CommonFrame] = []
        sizes: list[int] = []
        if self._shapes is None or carried is None:
            return frames, sizes
        read, formats, medium = self._shapes.read, self.formats, carried
        sequence = self._sequence
        for at in range(start, len(messages)):
            message = messages[at]
            found = read(message, sequence + 1, formats)
            if found is None:
                break
            kind, frame = found
            if kind is not medium:
                if frames or carried is not MediaType.ALL:
                    break
                medium = kind
            if self._gaps[medium].interrupted or not self._seen[medium].add(frame):
                break
            sequence += 1
            frames.append(frame)
            sizes.append(len(message))
        if frames:
            self._sequence = sequence
            self._gaps[medium].follow(frames)
            self.statistics.frames[medium] += len(frames)
            self.statistics.messages += len(frames)
            self.statistics.bytes += sum(sizes)
        return frames, sizes

    def _take(self, medium: MediaType, frame: MediaFrame) -> None:
        """Take a frame, unless it came before, and the gap in front of it."""
        if not self._seen[medium].add(frame):
            self.statistics.duplicates += 1
            return
        gap = self._gaps[medium].take(frame)
        if gap is not None:
            self.add(attrs.evolve(gap, sequence=frame.sequence))
            frame = attrs.evolve(frame, sequence=self.number(), discontinuity=True)
        self._sequence = frame.sequence
        self.items.append(frame)
        self.statistics.frames[medium] += 1

    def interrupt(self, media: Iterable[MediaType]) -> None:
        """Take note that the connections of some media broke."""
        for medium in media:
            if medium in self._gaps:
                self._gaps[medium].interrupt()

    def begin_anew(self) -> None:
        """Take note that what follows comes from a stream that was started again."""
        self.interrupt(self.formats)
        self.roster.begin_anew()
        self._add_gap(self._pauses.end())  # the new one is not paused

    def finish(self) -> None:
        """Announce the gaps of interruptions that nothing followed, and of a pause."""
        for gaps in self._gaps.values():
            self._add_gap(gaps.unfinished())
        self._add_gap(self._pauses.end())

    def _add_gap(self, gap: ev.Gap | None) -> None:
        if gap is not None:
            self.add(attrs.evolve(gap, sequence=self.number()))

    @property
    def paused(self) -> bool:
        """Whether the server says that nothing is sent now."""
        return self._pauses.paused

    def granted(
        self,
        medium: MediaType,
        requested: Format,
        params: Mapping[str, object],
        *,
        encrypted: bool,
    ) -> tuple[str, ...]:
        """Keep what the server granted; announce and return differences that are news."""
        granted = granted_format(requested, medium, params)
        changes = differences(requested, granted)
        if encrypted:  # version 1 servers say so and send plain base64 (messages notes, 2.4)
            changes += ("payload_encrypted: False → True",)
        known = self.formats[medium]
        self.formats[medium] = granted
        if not changes or known == granted:  # a reconnect brings no news
            return ()
        self.add(ev.ParametersChanged(sequence=self.number(), media=medium, differences=changes))
        return changes

    def unavailable(self, medium: MediaType, error: RTMSError) -> None:
        """Announce that a medium will not come."""
        status = error.status if isinstance(error, HandshakeRejected) else None
        self.add(
            ev.MediaUnavailable(
                sequence=self.number(), media=medium, status=status, reason=str(error)
            )
        )

    def metadata(self, kind: MessageType, message: Message) -> None:
        """Take message 23 to 27 as it is: its body is not documented (messages notes, 10)."""
        self.add(ev.MediaMetadata(sequence=self.number(), message_type=kind, content=message))

    def event(self, message: Message) -> ev.SessionEvent:
        """Take message 6.

        Raises:
            RemoteProtocolError: It holds no event of a known type.
        """
        event = self.roster.named(inbound.session_event(message, self._product, self.number()))
        self.add(event)
        return event

    def stream_state(self, message: Message) -> ev.StreamStateChanged:
        """Take message 8.

        Raises:
            RemoteProtocolError: It holds no state.
        """
        event = inbound.stream_state(message, self.number())
        self.add(event)
        self._add_gap(self._pauses.stream(event))
        return event

    def session_state(self, message: Message) -> None:
        """Take message 9.

        Raises:
            RemoteProtocolError: It holds no state.
        """
        event = inbound.session_state(message, self.number())
        self.add(event)
        self._add_gap(self._pauses.session(event, self.roster.sessions.values()))

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
