"""From items of a meeting to media messages in the format that each socket negotiated."""

import array
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from rtms_client.enums import DataOption, MediaCodec, MediaType, MessageType

from ._meeting import SLICE_MS, AudioPacket, Caption, Chat, Person, Picture
from ._sample import is_key_frame
from ._server_wire import VOICE_PRODUCTS

if TYPE_CHECKING:
    from ._server_connection import FakeConnection
    from ._server_stream import FakeStream

__all__ = ["AudioFormat", "Delivery", "Slices"]

_SLICE_BYTES: Final = 640
_RATES_KHZ: Final = (8, 16, 32, 48)
_COMPRESSED_BYTES: Final[Mapping[MediaCodec, int]] = {
    MediaCodec.G711: 160,
    MediaCodec.G722: 160,
    MediaCodec.OPUS: 80,
}
"""Bytes of 20 ms per channel."""


@attrs.frozen(kw_only=True)
class Slices:
    """20 ms of speech of everybody who speaks at that moment."""

    at_ms: int
    voices: Sequence[tuple[Person, bytes]]


@attrs.define
class _Packet:
    """A packet in the making."""

    person: Person
    start_ms: int
    pcm: bytearray = attrs.field(factory=bytearray)


class AudioFormat:
    """Makes packets of the negotiated format out of slices of 16 kHz mono PCM.

    Args:
        params: Negotiated audio parameters.
        channels: Whether every party has a channel of its own, so that nobody is mixed.
        emit: Called with person, bytes and offset of each packet.
    """

    def __init__(
        self,
        params: dict[str, Any],
        *,
        channels: bool,
        emit: Callable[[Person, bytes, int], None],
    ) -> None:
        self._codec = MediaCodec(params["codec"])
        self._khz: int = _RATES_KHZ[params["sample_rate"]]
        self._stereo = params["channel"] == 2  # noqa: PLR2004  (a count)
        self._packet_bytes = params["send_rate"] // SLICE_MS * _SLICE_BYTES
        self._mixed = params["data_opt"] == DataOption.AUDIO_MIXED_STREAM and not channels
        self._emit = emit
        self._open: dict[int, _Packet] = {}

    def feed(self, slices: Slices) -> None:
        """Take 20 ms of speech."""
        voices = slices.voices
        if self._mixed:
            voices = [(voices[0][0], mix([pcm for _person, pcm in voices]))]
        for person, pcm in voices:
            key = 0 if self._mixed else person.user_id
            packet = self._open.get(key)
            if packet is not None and not self._follows(packet, slices.at_ms):
                self._close(key)
                packet = None
            if packet is None:
                packet = self._open[key] = _Packet(person, slices.at_ms)
            packet.pcm += pcm
            if len(packet.pcm) == self._packet_bytes:
                self._close(key)

    def flush(self) -> None:
        """Send what is left as shorter packets."""
        for key in list(self._open):
            self._close(key)

    @staticmethod
    def _follows(packet: _Packet, at_ms: int) -> bool:
        return packet.start_ms + len(packet.pcm) // _SLICE_BYTES * SLICE_MS == at_ms

    def _close(self, key: int) -> None:
        packet = self._open.pop(key)
        self._emit(packet.person, self._encoded(packet), packet.start_ms)

    def _encoded(self, packet: _Packet) -> bytes:
        if self._codec == MediaCodec.L16:
            return convert(packet.pcm, khz=self._khz, stereo=self._stereo)
        size = _COMPRESSED_BYTES[self._codec] * (2 if self._stereo else 1)
        mark = f"{self._codec.name}:{packet.person.user_id}:{packet.start_ms};".encode()
        return (mark * (size // len(mark) + 1))[:size]


class Delivery:
    """Sends media to the sockets of a stream that are ready for them.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: "FakeStream") -> None:
        self._stream = stream
        self._formats: dict[FakeConnection, AudioFormat] = {}
        self._next_picture_ms: dict[tuple[FakeConnection, MediaType], float] = {}
        self._buffer: deque[Slices | AudioPacket] = deque()
        self._first_camera: int | None = None
        self._sources: dict[tuple[FakeConnection, MediaType], int] = {}

    # Audio

    def slices(self, slices: Slices) -> None:
        """Deliver 20 ms of speech, or buffer them."""
        takers = self._stream.takers(MediaType.AUDIO)
        for connection in takers:
            self._format(connection).feed(slices)
        if not takers:
            self._keep(slices)

    def packet(self, packet: AudioPacket) -> None:
        """Deliver one ready-made audio packet, or buffer it."""
        takers = self._stream.takers(MediaType.AUDIO)
        for connection in takers:
            self._audio(connection, packet.person, packet.data, packet.at_ms)
        if not takers:
            self._keep(packet)

    def _keep(self, item: Slices | AudioPacket) -> None:
        self._buffer.append(item)
        horizon_ms = item.at_ms - self._stream.settings.timing.buffer_s * 1000
        while self._buffer[0].at_ms < horizon_ms:
            self._buffer.popleft()

    def forget(self) -> None:
        """Drop the buffered audio: the client did not want it."""
        self._buffer.clear()

    def connected(self, connection: "FakeConnection") -> None:
        """Deliver the buffered audio to a socket that became ready."""
        if MediaType.AUDIO not in connection.media:
            return
        while self._buffer:
            item = self._buffer.popleft()
            if isinstance(item, AudioPacket):
                self._audio(connection, item.person, item.data, item.at_ms)
            else:
                self._format(connection).feed(item)

    def disconnected(self, connection: "FakeConnection") -> None:
        """Forget a socket."""
        self._formats.pop(connection, None)
        for medium in (MediaType.VIDEO, MediaType.SHARE):
            self._next_picture_ms.pop((connection, medium), None)
            self._sources.pop((connection, medium), None)

    def flush(self) -> None:
        """Send incomplete audio packets."""
        for audio_format in self._formats.values():
            audio_format.flush()

    def _format(self, connection: "FakeConnection") -> AudioFormat:
        audio_format = self._formats.get(connection)
        if audio_format is None:
            audio_format = self._formats[connection] = AudioFormat(
                connection.granted["audio"],
                channels=self._stream.settings.product in VOICE_PRODUCTS,
                emit=lambda person, data, at_ms: self._audio(connection, person, data, at_ms),
            )
        return audio_format

    def _audio(self, connection: "FakeConnection", person: Person, data: bytes, at_ms: int) -> None:
        mixed = connection.granted["audio"]["data_opt"] == DataOption.AUDIO_MIXED_STREAM
        timestamp_ms = self._stream.epoch_ms + at_ms
        payload = self._stream.wire.media(
            MessageType.MEDIA_DATA_AUDIO, person, data, timestamp_ms, mixed=mixed
        )
        connection.put(payload, medium=MessageType.MEDIA_DATA_AUDIO)

    # Pictures

    def picture(self, picture: Picture) -> None:
        """Deliver one picture of camera or screen to those who negotiated its codec."""
        if picture.media == MediaType.VIDEO and self._first_camera is None:
            self._first_camera = picture.person.user_id
        for connection in self._stream.takers(picture.media):
            if self._wanted(connection, picture):
                self._picture(connection, picture)

    def _wanted(self, connection: "FakeConnection", picture: Picture) -> bool:
        is_video = picture.media == MediaType.VIDEO
        params = connection.granted["video" if is_video else "deskshare"]
        if params["codec"] != picture.codec:
            return False
        if is_video and not self._on_stage(params["data_opt"], picture.person.user_id):
            return False
        key = (connection, picture.media)
        if picture.codec == MediaCodec.H264:
            if self._sources.get(key) != picture.person.user_id:
                if is_delta_frame(picture.data):
                    return False  # nobody could decode it
                self._sources[key] = picture.person.user_id
            return True
        if picture.at_ms < self._next_picture_ms.get(key, 0):
            return False
        self._next_picture_ms[key] = picture.at_ms + 1000 / params["fps"]
        return True

    def _on_stage(self, data_opt: int, user_id: int) -> bool:
        if data_opt == DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM:
            return user_id == self._stream.video_user
        speaker = self._stream.active_speaker
        return user_id == (self._first_camera if speaker is None else speaker)

    def _picture(self, connection: "FakeConnection", picture: Picture) -> None:
        is_video = picture.media == MediaType.VIDEO
        msg_type = MessageType.MEDIA_DATA_VIDEO if is_video else MessageType.MEDIA_DATA_SHARE
        timestamp_ms = self._stream.epoch_ms + picture.at_ms
        payload = self._stream.wire.media(
            msg_type, picture.person, picture.data, timestamp_ms, mixed=False
        )
        connection.put(payload, medium=msg_type)

    # Text

    def caption(self, caption: Caption) -> None:
        """Deliver one transcript segment."""
        wire = self._stream.wire
        payload = wire.encode(wire.transcript(caption, self._stream.epoch_ms))
        for connection in self._stream.takers(MediaType.TRANSCRIPT):
            connection.put(payload, medium=MessageType.MEDIA_DATA_TRANSCRIPT)

    def chat(self, chat: Chat) -> None:
        """Deliver one chat message."""
        wire = self._stream.wire
        payload = wire.encode(wire.chat(chat, self._stream.epoch_ms))
        for connection in self._stream.takers(MediaType.CHAT):
            connection.put(payload, medium=MessageType.MEDIA_DATA_CHAT)


def mix(voices: Sequence[bytes]) -> bytes:
    """Add 16-bit signals, limited to the 16-bit range."""
    if len(voices) == 1:
        return voices[0]
    tracks = [_samples(voice) for voice in voices]
    total = array.array(
        "h", (max(-32768, min(32767, sum(values))) for values in zip(*tracks, strict=True))
    )
    return _bytes(total)


def convert(pcm: bytes | bytearray, *, khz: int, stereo: bool) -> bytes:
    """Convert 16 kHz mono to another rate and channel count by dropping or repeating samples."""
    samples = _samples(pcm)
    repeats = 1
    if khz < 16:  # noqa: PLR2004  (kHz of the script)
        samples = samples[::2]
    else:
        repeats = khz // 16
    if stereo:
        repeats *= 2
    if repeats > 1:
        samples = array.array("h", (sample for sample in samples for _ in range(repeats)))
    return _bytes(samples)


def _samples(pcm: bytes | bytearray) -> "array.array[int]":
    samples = array.array("h", bytes(pcm))
    if sys.byteorder == "big":  # pragma: no cover
        samples.byteswap()
    return samples


def _bytes(samples: "array.array[int]") -> bytes:
    if sys.byteorder == "big":  # pragma: no cover
        samples.byteswap()
    return samples.tobytes()


def is_delta_frame(data: bytes) -> bool:
    """Tell whether data are an H.264 access unit that needs earlier ones; opaque data are not."""
    return b"\0\0\1" in data and not is_key_frame(data)


def slice_speech(pcm: bytes) -> Iterable[bytes]:
    """Cut speech into 20 ms, the last piece padded with silence."""
    for start in range(0, len(pcm), _SLICE_BYTES):
        yield pcm[start : start + _SLICE_BYTES].ljust(_SLICE_BYTES, b"\0")
