"""From coded pictures to pixels."""

from typing import TYPE_CHECKING, Any, Final

from rtms_client.enums import MediaCodec
from rtms_client.exceptions import InvalidParameters
from rtms_client.frames import ShareFrame, VideoFrame

from ._extras import load
from ._keyframes import KeyFrameGate

if TYPE_CHECKING:
    import av
    from PIL.Image import Image

__all__ = ["MAX_PIXELS", "VideoDecoder", "to_image"]

MAX_PIXELS: Final = 4096 * 2304
"""Of a picture: the limit of level 5.2 of H.264, and more than twice QHD, the largest of RTMS."""

_DECODERS: Final = {MediaCodec.H264: "h264", MediaCodec.JPG: "mjpeg", MediaCodec.PNG: "png"}


class VideoDecoder:
    """Decodes the pictures of one stream, JPEG and PNG as well as H.264, with PyAV.

    Of H.264, nothing is decoded before a key frame: at the start, after a gap or a discontinuity,
    when somebody else is shown, and after a picture that cannot be decoded. So no picture has the
    grey and smeared parts that a decoder makes when it lacks what came before.

    A picture that claims to have more than 4096 x 2304 pixels, which is more than twice what RTMS
    has (enums notes, MEDIA_RESOLUTION), is not decoded: it could take gigabytes of memory.

    Attributes:
        failed: Pictures that could not be decoded.

    Raises:
        MissingExtra: PyAV is not installed.
    """

    def __init__(self) -> None:
        self._av = load("av", "decoding video", "av")
        self.failed: int = 0
        self._gate = KeyFrameGate()
        self._kind: MediaCodec | None = None
        self._codec: Any = None
        self._source: object = None

    @property
    def skipped(self) -> int:
        """Pictures that came before a key frame, and were not decoded."""
        return self._gate.skipped

    def decode(self, frame: VideoFrame | ShareFrame) -> "list[av.VideoFrame]":
        """Decode a picture.

        Args:
            frame: The next frame of the stream.

        Returns:
            Mostly one picture, which has ``to_ndarray(format="rgb24")`` and ``to_image()``. None
            when it was skipped, cannot be decoded, is too large, or has an unknown codec.
        """
        if not self._gate.passes(frame):
            return []
        kind = frame.format.codec
        name = _DECODERS.get(kind)
        if name is None or not frame.data:  # no data would end the decoder
            self.failed += 1
            self._gate.close()
            return []
        if kind != self._kind or frame.user_id != self._source or frame.discontinuity:
            self._kind, self._source = kind, frame.user_id
            self._codec = self._av.CodecContext.create(name, "r")
            self._codec.options = {"max_pixels": str(MAX_PIXELS)}
            self._codec.thread_type = "SLICE"  # threads for pictures would delay them
            self._codec.flags |= self._av.codec.context.Flags.low_delay
        try:
            found: list[av.VideoFrame] = self._codec.decode(self._av.Packet(frame.data))
        except self._av.FFmpegError:
            self.failed += 1
            self._gate.close()
            return []
        return found


def to_image(frame: VideoFrame | ShareFrame) -> "Image":
    """Return a picture as an image of Pillow.

    For JPEG, PNG, and key frames of H.264. Other frames of H.264 need those before them:
    `VideoDecoder`.

    Args:
        frame: The frame.

    Raises:
        InvalidParameters: The frame is no key frame, too large, or cannot be decoded.
        MissingExtra: PyAV or Pillow is not installed.
    """
    load("PIL.Image", "rtms_client.media.to_image", "pillow")
    if not frame.is_key_frame:
        raise InvalidParameters("frame", "needs the frames before it", "use a VideoDecoder")
    found = VideoDecoder().decode(frame)
    if not found:
        raise InvalidParameters("frame", "cannot be decoded", "leave it out")
    picture: Any = found[0]
    image: Image = picture.to_image()
    return image
