"""Movies: pictures as they came, and sound, in a file that plays at every moment."""

import io
import math
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

from rtms_client.enums import MediaCodec
from rtms_client.frames import ShareFrame, UserId, VideoFrame

from ._extras import load
from ._h264 import black_picture, parameter_sets, picture_size
from ._keyframes import KeyFrameGate
from ._video_decoder import MAX_PIXELS, VideoDecoder
from ._wav import WavFile

__all__ = ["Filler", "Movie", "MovieFormat", "size_of"]

MovieFormat: TypeAlias = Literal["mkv", "mp4"]
"""Matroska with PCM sound, or MP4 with AAC."""
Filler: TypeAlias = Literal["black", "last"]
"""What a movie shows while there is no picture: black, or the last picture."""

# Both are written in pieces of a second that stand for themselves.
_OPTIONS: Final = {
    ".mkv": {"cluster_time_limit": "1000"},
    ".mp4": {
        "movflags": "empty_moov+default_base_moof+delay_moov",
        "frag_duration": "1000000",
    },
}
_H264: Final = "h264"
_READERS: Final = {MediaCodec.H264: _H264, MediaCodec.JPG: "mjpeg", MediaCodec.PNG: "png_pipe"}
_STILLS: Final = {"mjpeg": ("mjpeg", "yuvj420p"), "png_pipe": ("png", "rgb24")}
"""Encoder and format of its pictures, by reader."""
_MS: Final = Fraction(1, 1000)
_CHUNK_MS: Final = 100
_PICTURE_MS: Final = 40
"""For the last one, as the next one ends all others; what pictures say of it may be anything."""
_BLACK_EVERY_MS: Final = 1000
_MAX_SOURCES: Final = 1000
_MAX_PENDING_BYTES: Final = 64 * 1024 * 1024
_OBJECT_BYTES: Final = 200
"""What a picture takes besides its data: object, times, header of the bytes, place in the queue."""


def size_of(frame: VideoFrame | ShareFrame) -> tuple[int, int] | None:
    """Return width and height of a picture; `None` when no movie can begin with it.

    Raises:
        MissingExtra: PyAV is not installed.
    """
    if frame.format.codec == MediaCodec.H264:
        return _size(frame.data) if frame.is_key_frame else None
    pictures = VideoDecoder().decode(frame)
    return (pictures[0].width, pictures[0].height) if pictures else None


def _size(data: bytes) -> tuple[int, int] | None:
    """Return the size of a key frame of H.264, unless black in that size would be too much."""
    size = picture_size(data)
    return size if size is not None and math.prod(size) <= MAX_PIXELS else None


@attrs.frozen
class _Picture:
    at_ms: int
    data: bytes
    """Empty when the camera was turned off."""
    is_key: bool

    @property
    def size(self) -> int:
        """Memory that it takes, in bytes."""
        return _OBJECT_BYTES + len(self.data)


class Movie:
    """One movie of a camera or a screen, with the mixed audio of the session.

    Nothing is encoded but the sound of MP4 and the black filler of stills. All times are those of
    the session, so sound and pictures stay together although the server buffers sound, and not
    pictures, before the connection is there (lifecycle notes, 7). Pictures wait in memory until
    the sound that belongs to them cannot come any more; the caller says when, with `advance`.

    Args:
        path: The file; an existing one is replaced. The suffix says the format.
        first: The first picture, which says the codec. Its `size_of` is known.
        audio: Returns the mixed audio, `None` when there is none; asked when writing begins.

    Attributes:
        path: The file.
        position_ms: How far it is written.
        strangers: Pictures of another codec, which have no place here.
    """

    def __init__(
        self,
        path: Path,
        first: VideoFrame | ShareFrame,
        audio: Callable[[], WavFile | None],
    ) -> None:
        self.path = path
        self.strangers = 0
        self.position_ms = 0
        self._av = load("av", "movies", "av")
        self._reader = _READERS[first.format.codec]
        self._first, self._codec = first.data, first.format.codec
        self._size = size_of(first) or (0, 0)
        self._find_audio = audio
        self._audio: WavFile | None = None
        self._container: Any = None
        self._pictures: Any = None
        self._sounds: Any = None
        self._gate = KeyFrameGate()
        self._sets: dict[UserId | None, bytes] = {}
        self._pending: deque[_Picture] = deque()
        self._pending_bytes = 0
        self._black_at: int | None = 0
        self._dark = b""
        self._blacks = self._heard = 0
        self._shown_ms = -1

    def _open(self) -> None:
        options = {"flush_packets": "1", "max_interleave_delta": "1000000"}
        options |= _OPTIONS[self.path.suffix]
        self._container = self._av.open(str(self.path), "w", options=options)
        self._pictures, self._first = self._add_pictures(self._first), b""
        self._audio = self._find_audio()
        if self._audio is not None:
            self._sounds = self._add_sounds(self._audio)

    def _add_pictures(self, first: bytes) -> Any:  # noqa: ANN401  # of PyAV
        if self._reader == _H264:  # both parameter sets go to the head of the file
            first = black_picture(*self._size) + first
        with self._av.open(io.BytesIO(first), format=self._reader) as sample:
            track = self._container.add_stream_from_template(sample.streams.video[0])
        track.time_base = _MS
        return track

    def _add_sounds(self, audio: WavFile) -> Any:  # noqa: ANN401  # of PyAV
        name = "aac" if self.path.suffix == ".mp4" else "pcm_s16le"
        track = self._container.add_stream(name, rate=audio.rate_hz)
        track.layout = "stereo" if audio.channels > 1 else "mono"
        return track

    @property
    def skipped(self) -> int:
        """Pictures that no decoder could have used."""
        return self._gate.skipped

    def write(self, frame: VideoFrame | ShareFrame, at_ms: int) -> bool:
        """Take a picture; returns whether it will be shown."""
        if frame.format.codec != self._codec:
            self.strangers += 1
            return False
        if not self._gate.passes(frame):
            return False
        data, is_key = frame.data, frame.is_key_frame
        if is_key and self._reader == _H264:
            data = self._with_sets(frame)
        self._wait(_Picture(at_ms, data, is_key))
        return True

    def _with_sets(self, frame: VideoFrame | ShareFrame) -> bytes:
        """Give a key frame the parameter sets that came with an earlier one of the source."""
        own = parameter_sets(frame.data)
        if own:
            if len(self._sets) > _MAX_SOURCES:
                self._sets.clear()
            self._sets[frame.user_id] = own
            return frame.data
        return self._sets.get(frame.user_id, b"") + frame.data

    def darken(self, at_ms: int) -> None:
        """Show black from now on, until the next key frame."""
        self._gate.close()
        self._wait(_Picture(at_ms, b"", is_key=False))

    def _wait(self, picture: _Picture) -> None:
        self._pending.append(picture)
        self._pending_bytes += picture.size
        while self._pending_bytes > _MAX_PENDING_BYTES:
            self.advance(self._pending[0].at_ms)

    def advance(self, limit_ms: int) -> None:
        """Write everything up to a moment.

        Args:
            limit_ms: Time of the session, in milliseconds; all sound before it is in the audio.

        Raises:
            OSError: The file cannot be written.
        """
        if self._container is None:
            self._open()
        while self._pending and self._pending[0].at_ms <= limit_ms:
            picture = self._pending.popleft()
            self._pending_bytes -= picture.size
            self._fill(picture.at_ms)
            if picture.data:
                self._black_at = None
                self._show(picture.at_ms, picture.data, is_key=picture.is_key)
                if picture.is_key and self._reader == _H264:
                    self._size = _size(picture.data) or self._size
            else:
                self._black_at = picture.at_ms
        self._fill(limit_ms)
        self._sound(limit_ms)
        self.position_ms = max(self.position_ms, limit_ms)

    def _fill(self, until_ms: int) -> None:
        """Show black up to a moment, if nothing else is to be shown."""
        while self._black_at is not None and self._black_at < until_ms:
            self._show(self._black_at, self._black(), is_key=True)
            self._black_at += _BLACK_EVERY_MS

    def _black(self) -> bytes:
        if self._reader == _H264:
            self._blacks += 1
            return black_picture(*self._size, self._blacks % 2)
        if not self._dark:
            self._dark = self._encode_black()
        return self._dark

    def _encode_black(self) -> bytes:
        encoder, pixels = _STILLS[self._reader]
        frame = self._av.VideoFrame(*self._size, pixels)
        for plane, value in zip(frame.planes, (0, 128, 128), strict=False):
            plane.update(bytes([value]) * plane.buffer_size)
        context = self._av.CodecContext.create(encoder, "w")
        context.width, context.height = self._size
        context.pix_fmt, context.time_base = pixels, _MS
        return b"".join(map(bytes, [*context.encode(frame), *context.encode(None)]))

    def _show(self, at_ms: int, data: bytes, *, is_key: bool) -> None:
        self._sound(at_ms)
        self._shown_ms = max(at_ms, self._shown_ms + 1)
        packet = self._av.Packet(data)
        packet.stream, packet.time_base = self._pictures, _MS
        packet.pts = packet.dts = self._shown_ms
        packet.is_keyframe, packet.duration = is_key, _PICTURE_MS
        self._container.mux(packet)

    def _sound(self, until_ms: int) -> None:
        """Write the sound up to a moment, in whole chunks."""
        if self._audio is not None:
            chunk = self._audio.rate_hz * _CHUNK_MS // 1000
            end = until_ms * self._audio.rate_hz // 1000
            while self._heard + chunk <= end:
                self._hear(self._audio, chunk)

    def _hear(self, audio: WavFile, count: int) -> None:
        frame = self._av.AudioFrame("s16", self._sounds.layout.name, count)
        plane = frame.planes[0]
        plane.update(audio.read(self._heard, count).ljust(plane.buffer_size, b"\x00"))
        frame.sample_rate, frame.time_base = audio.rate_hz, Fraction(1, audio.rate_hz)
        frame.pts = self._heard
        self._heard += count
        self._container.mux(self._sounds.encode(frame))

    def close(self, length_ms: int) -> None:
        """Write the rest and complete the file.

        Args:
            length_ms: Length of the session, in milliseconds.
        """
        try:
            self.advance(max([length_ms, *(picture.at_ms for picture in self._pending)]))
            if self._audio is not None:
                rest = length_ms * self._audio.rate_hz // 1000 - self._heard
                if rest > 0:
                    self._hear(self._audio, rest)
                self._container.mux(self._sounds.encode(None))
        finally:
            if self._container is not None:  # pragma: no branch  # PyAV opens the file later
                self._container.close()
