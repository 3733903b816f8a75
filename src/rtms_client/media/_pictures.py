"""Pictures of cameras and screens: one H.264 byte stream, or one file for each still."""

from pathlib import Path
from typing import BinaryIO, Final

from rtms_client.enums import MediaCodec
from rtms_client.frames import ShareFrame, VideoFrame

from ._files import RECORDING_FILE
from ._keyframes import KeyFrameGate

__all__ = ["PictureWriter"]

_SUFFIXES: Final = {MediaCodec.JPG: "jpg", MediaCodec.PNG: "png"}


class PictureWriter:
    """Writes ``STEM.h264`` and ``STEM-001.jpg``, depending on what comes.

    H.264 begins with a key frame, and again after a loss or when somebody else is shown, so that
    every decoder plays the file. A still that is the same as the one before is not written again.

    Args:
        folder: Where the files go.
        stem: First part of their names.

    Attributes:
        stream: The byte stream; `None` before the first frame of H.264.
        count: How many stills were written.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self.count = 0
        self.stream: Path | None = None
        self._folder, self._stem = folder, stem
        self._file: BinaryIO | None = None
        self._gate = KeyFrameGate()
        self._last: bytes | None = None
        self._last_name = ""

    @property
    def skipped(self) -> int:
        """H.264 frames that could not be decoded and were left out."""
        return self._gate.skipped

    def write(self, frame: VideoFrame | ShareFrame) -> str | None:
        """Write a frame; returns the name of its file, or `None` when it was left out."""
        if frame.format.codec == MediaCodec.H264:
            return self._append(frame)
        if frame.data != self._last:
            self.count += 1
            suffix = _SUFFIXES.get(frame.format.codec, "bin")
            self._last = frame.data
            self._last_name = f"{self._stem}-{self.count:03}.{suffix}"
            (self._folder / self._last_name).write_bytes(frame.data)
        return self._last_name

    def _append(self, frame: VideoFrame | ShareFrame) -> str | None:
        if not self._gate.passes(frame):
            return None
        if self._file is None:
            self.stream = self._folder / f"{self._stem}.h264"
            self._file = self.stream.open("wb")
        self._file.write(frame.data)
        return f"{self._stem}.h264"

    def stills(self) -> list[Path]:
        """Return the stills that were written, the oldest first."""
        found = (
            path
            for path in self._folder.glob(f"{self._stem}-*")
            if self.count and RECORDING_FILE.fullmatch(path.name)
        )
        # Numbers have three digits or more; those with more are later.
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file; may be called more than once."""
        if self._file is not None:
            self._file.close()
