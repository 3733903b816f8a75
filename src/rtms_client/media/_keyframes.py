"""Pictures that a decoder can use."""

from rtms_client.frames import ShareFrame, UserId, VideoFrame

__all__ = ["KeyFrameGate"]


class KeyFrameGate:
    """Lets H.264 through from a key frame on; closes after a loss and when the source changes.

    Attributes:
        skipped: Frames that no decoder could have used.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._source: UserId | None = None
        self._waiting = True

    def close(self) -> None:
        """Let nothing through before the next key frame."""
        self._waiting = True

    def passes(self, frame: VideoFrame | ShareFrame) -> bool:
        """Tell whether a decoder can use a frame."""
        if frame.discontinuity or frame.user_id != self._source:
            self._source, self._waiting = frame.user_id, True
        if self._waiting and not frame.is_key_frame:
            self.skipped += 1
            return False
        self._waiting = False
        return True
