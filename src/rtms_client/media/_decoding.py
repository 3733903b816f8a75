"""From coded audio to samples."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rtms_client.enums import ContentType, MediaCodec
from rtms_client.frames import AudioFrame

from ._extras import load

if TYPE_CHECKING:
    from rtms_client.config import AudioFormat

__all__ = ["AudioDecoder"]

_DECODERS: Final[Mapping[MediaCodec, str]] = {
    MediaCodec.G711: "pcm_alaw",
    MediaCodec.G722: "g722",
    MediaCodec.OPUS: "libopus",
}
_BYTES_PER_MS: Final = {MediaCodec.G711: 8, MediaCodec.G722: 8}
_RTP_HEADER: Final = 12
_RTP_VERSION: Final = 2


class AudioDecoder:
    """Turns packets of one speaker into signed 16-bit little-endian samples, interleaved.

    L16 passes through unchanged and needs nothing. G.711 A-law, G.722 and Opus are decoded by
    PyAV. Use one decoder for each speaker: what comes depends on what came before.

    With ``content_type=RTP`` it is not documented whether packets begin with an RTP header. Where
    the length of the packet tells (G.711 and G.722), a header is taken off; Opus is decoded as it
    comes.
    """

    def __init__(self) -> None:
        self._codec: Any = None
        self._resampler: Any = None
        self._format: AudioFormat | None = None

    def decode(self, frame: AudioFrame) -> bytes | None:
        """Return the samples of a packet; `None` when it cannot be decoded.

        Raises:
            MissingExtra: The audio is coded, and PyAV is not installed.
        """
        codec = frame.format.codec
        if codec == MediaCodec.L16:
            return frame.data
        name = _DECODERS.get(codec)
        if name is None:
            return None
        av = load("av", f"decoding {codec.name}", "av")
        payload = _payload(frame)
        if not payload:  # which a decoder would take for the end of everything
            return b""
        if self._format != frame.format or frame.discontinuity:
            layout = "stereo" if frame.format.channels > 1 else "mono"
            self._format, self._codec = frame.format, av.CodecContext.create(name, "r")
            self._codec.sample_rate, self._codec.layout = frame.format.sample_rate_hz, layout
            self._resampler = av.AudioResampler("s16", layout, frame.format.sample_rate_hz)
        try:
            decoded = self._codec.decode(av.Packet(payload))
            ready = [out for one in decoded for out in self._resampler.resample(one)]
        except av.FFmpegError:
            return None
        width = 2 * frame.format.channels
        return b"".join(bytes(one.planes[0])[: one.samples * width] for one in ready)


def _payload(frame: AudioFrame) -> bytes:
    """Take off an RTP header, where it can be told that there is one."""
    length = _BYTES_PER_MS.get(frame.format.codec, 0) * frame.format.send_rate_ms
    has_header = (
        frame.format.content_type == ContentType.RTP
        and len(frame.data) == length + _RTP_HEADER
        and frame.data[0] >> 6 == _RTP_VERSION
    )
    return frame.data[_RTP_HEADER:] if has_header else frame.data
