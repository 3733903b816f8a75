"""Everything that a stream delivers, as files in one folder."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import attrs

from rtms_client.enums import MediaCodec, StopReason
from rtms_client.events import SessionStateChanged, StreamItem, StreamStateChanged
from rtms_client.exceptions import InvalidState
from rtms_client.frames import AudioFrame, ShareFrame, TranscriptSegment, VideoFrame

from ._audio_files import AudioFiles
from ._captions import CaptionFile, caption_format
from ._clock import SessionClock
from ._files import SESSION_FILE, RecordedFile, clear_folder, delete
from ._jsonlines import ItemEncoder
from ._movie import Filler, MovieFormat
from ._movies import Movies
from ._pictures import PictureWriter
from ._text import counted

if TYPE_CHECKING:
    from rtms_client.stream import RTMSStream

__all__ = ["Recorded", "Recorder"]

_FLUSH_MS: Final = 500
_TICK_S: Final = 0.25


@attrs.frozen(kw_only=True)
class Recorded:
    """What a recorder did with one item."""

    at_ms: int | None
    """Its time since the start of the session; `None` when it has none, or an impossible one."""
    file: str | None
    """Name of the file that it was written to."""
    line: str = attrs.field(repr=False)
    """Its line of ``session.jsonl``, without the line end."""


class Recorder:
    """Writes what a stream delivers to a folder; nothing but small buffers stays in memory.

    ``audio.wav`` has everybody, ``audio-NAME.wav`` one speaker each, with silence where the server
    sent nothing; all have one zero, the start of the session, and one length. ``captions.vtt`` has
    the transcript, ``video.h264``, ``share-001.jpg`` and so on the pictures, ``session.jsonl`` one
    line for each item. All files can be read at every moment, at most half a second behind, even
    if the process is killed.

    Args:
        folder: Where the files go; made if needed.
        replace: Whether an earlier recording in the folder may be deleted. Other files stay.
        start_ms: Zero of all times, Unix time in milliseconds. `None` takes what the server says
            in `FirstPacket`, else the first medium.
        captions: Formats of the transcript: suffixes of `CaptionFile`.
        join_pause_ms: See `CaptionFile`.
        movie: Also write movies with the mixed audio, ``video.mkv`` and ``share.mkv`` or ``.mp4``
            (always for PNG). They take the place of ``video.h264``, ``share.h264`` and stills of
            the camera, begin with the session, and are two or three seconds behind; at the start
            and after an interruption five more.
        filler: What movies show while there is no picture: ``"black"`` or the ``"last"`` one.
        now_ms: Local Unix time in milliseconds.

    Attributes:
        folder: Where the files are.
        clock: The time of the session.
        revoked: Whether the stream ended because the permission was revoked. Zoom asks you to
            delete what you stored of it: `discard`.

    Raises:
        InvalidParameters: There is an earlier recording and `replace` is not set, or a format of
            captions is unknown.
        MissingExtra: Movies are wanted, and PyAV is not installed.
        OSError: The folder cannot be used.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        replace: bool = False,
        start_ms: int | None = None,
        captions: Collection[str] = (".vtt",),
        join_pause_ms: int | None = None,
        movie: MovieFormat | None = None,
        filler: Filler = "black",
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.folder: Path = Path(folder)
        self.clock: SessionClock = SessionClock(start_ms)
        self.revoked: bool = False
        self._caption_formats, self._join_pause_ms = tuple(captions), join_pause_ms
        for suffix in self._caption_formats:
            caption_format(suffix)
        self._audio = AudioFiles(self.folder)
        self._movies: Movies | None = None
        if movie is not None:
            self._movies = Movies(self.folder, movie, filler, lambda: self._audio.mixed)
        clear_folder(self.folder, replace=replace)
        self._now_ms = now_ms
        self._flushed_ms = now_ms()
        self._left_out: dict[str, int] = {}
        self._encoder = ItemEncoder()
        self._lines = (self.folder / SESSION_FILE).open("wb")
        self._count = 0
        self._captions: list[CaptionFile] = []
        self._video = PictureWriter(self.folder, "video")
        self._share = PictureWriter(self.folder, "share")

    # --- life ------------------------------------------------------------------------------------

    async def record(self, stream: "RTMSStream") -> None:
        """Write everything that a stream delivers, until it ends.

        Then look at `revoked`. Cancelling loses nothing of what was received before.

        Args:
            stream: An open stream.

        Raises:
            RTMSError: The stream ended abnormally; what was received is written.
            OSError: A file cannot be written.
        """
        if stream.granted.audio is not None:
            self._audio.begin(stream.granted.audio)  # movies need to know whether there is sound
        ended = False
        async with aiter(stream) as items:
            while not ended:
                # Reading may be cancelled without loss, so one time-out serves many items.
                try:
                    async with asyncio.timeout(_TICK_S):
                        async for item in items:
                            self.write(item)
                        ended = True
                except TimeoutError as error:
                    if error.errno is not None:  # of a file on a network, not of the tick
                        raise
                self.flush()
        self.revoked |= stream.stop_reason == StopReason.STREAM_REVOKED

    def write(self, item: StreamItem) -> Recorded:
        """Write an item.

        Args:
            item: Anything that a stream delivers, in the order of arrival.

        Raises:
            InvalidState: The recording is closed.
            MissingExtra: The audio is coded, and its decoder is not installed.
            OSError: A file cannot be written.
        """
        if self._lines.closed:
            raise InvalidState("record", "closed", "make a new Recorder")
        at_ms = self.clock.place(item)
        file = None
        match item:
            case AudioFrame():
                file = self._write_audio(item, at_ms)
            case VideoFrame() | ShareFrame():
                file = self._write_picture(item, at_ms)
            case TranscriptSegment():
                file = self._write_caption(item, at_ms)
            case StreamStateChanged(reason=reason) | SessionStateChanged(reason=reason):
                self.revoked |= reason == StopReason.STREAM_REVOKED
            case _:
                pass
        now_ms = self._now_ms()
        if self._movies is not None:
            self._movies.notice(item, at_ms)
        line = self._encoder.encode(item, at_ms=at_ms, received_ms=now_ms, file=file)
        # A lone surrogate, which JSON can express and UTF-8 cannot, becomes its JSON escape.
        self._lines.write(f"{line}\n".encode("utf-8", "backslashreplace"))
        self._count += 1
        if not 0 <= now_ms - self._flushed_ms < _FLUSH_MS:
            self.flush()
        return Recorded(at_ms=at_ms, file=file, line=line)

    def flush(self) -> None:
        """Make everything so far readable for others, even if the process is killed.

        `write` does so twice a second, and `record` also when nothing comes.

        Raises:
            OSError: A file cannot be written.
        """
        self._flushed_ms = self._now_ms()
        self._lines.flush()
        self._video.flush()
        self._share.flush()
        self._audio.flush()
        if self._movies is not None:
            self._movies.advance(self.clock.length_ms, self._flushed_ms)

    def close(self, *, length_ms: int = 0) -> None:
        """Complete all files; may be called more than once.

        Args:
            length_ms: Shortest length of audio, in milliseconds; the rest is silence.

        Raises:
            OSError: A file cannot be written.
        """
        with contextlib.ExitStack() as closing:  # each file, whatever happens to the others
            for captions in self._captions:
                closing.callback(captions.close)
            closing.callback(self._share.close)
            closing.callback(self._video.close)
            closing.callback(self._lines.close)
            closing.callback(self._audio.close)
            if not self._lines.closed:
                length_ms = max(length_ms, self.clock.length_ms)
                try:
                    length_ms = self._audio.pad(length_ms)
                finally:
                    if self._movies is not None:
                        self._movies.close(length_ms)

    def discard(self) -> None:
        """Delete everything that was recorded, and the folder if nothing else is in it.

        For streams whose permission was `revoked`, for example. May be called more than once.

        Raises:
            OSError: A file cannot be deleted.
        """
        files = [file.path for file in self.files()]
        files += [*self._video.stills(), *self._share.stills()]
        with contextlib.suppress(OSError):  # what cannot be completed can be deleted all the same
            self.close()
        delete(files)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- facts -----------------------------------------------------------------------------------

    def files(self) -> list[RecordedFile]:
        """Return what was written, complete after `close`; of stills the first one."""
        found = self._audio.files()
        if self._movies is not None:
            found += self._movies.files()
        for medium, writer in (("video", self._video), ("share", self._share)):
            if writer.stream is not None:
                found.append(RecordedFile(writer.stream, f"{medium}, H.264"))
            if stills := writer.stills():
                what = f"{medium}, picture 1 of {len(stills)}"
                found.append(RecordedFile(stills[0], what))
        for captions in self._captions:
            found.append(
                RecordedFile(captions.path, f"{counted(captions.count, 'caption')} with speakers")
            )
        what = f"{counted(self._count, 'item')}, media as sizes only, JSON lines"
        return [*found, RecordedFile(self.folder / SESSION_FILE, what)]

    def problems(self) -> dict[str, int]:
        """Return what is not in the files although it was received, and how often."""
        found = [
            *self._left_out.items(),
            ("video frames before a key frame", self._video.skipped),
            ("share frames before a key frame", self._share.skipped),
            *self._audio.problems(),
            *(self._movies.problems() if self._movies is not None else ()),
            ("corrections of captions that came too late", self._too_late()),
        ]
        return {what: count for what, count in found if count}

    def _too_late(self) -> int:
        return max((captions.too_late for captions in self._captions), default=0)

    # --- media -----------------------------------------------------------------------------------

    def _write_audio(self, frame: AudioFrame, at_ms: int | None) -> str | None:
        if at_ms is None:
            return self._leave_out("audio packets with an impossible time")
        if self._movies is not None:
            self._movies.hear(at_ms)
        return self._audio.write(frame, at_ms) or self._leave_out(self._audio.problem)

    def _write_picture(self, frame: VideoFrame | ShareFrame, at_ms: int | None) -> str | None:
        name = None
        if self._movies is not None:
            if at_ms is None:
                return self._leave_out("pictures with an impossible time")
            name = self._movies.write(frame, at_ms)
            if isinstance(frame, VideoFrame) or frame.format.codec == MediaCodec.H264:
                return name
        writer = self._video if isinstance(frame, VideoFrame) else self._share
        return writer.write(frame) or name

    def _write_caption(self, segment: TranscriptSegment, at_ms: int | None) -> str | None:
        start_ms = self.clock.start_ms
        if at_ms is None or start_ms is None:
            return self._leave_out("captions with an impossible time")
        if not self._captions:
            self._captions = [
                CaptionFile(self.folder / f"captions{suffix}", join_pause_ms=self._join_pause_ms)
                for suffix in self._caption_formats
            ]
        for captions in self._captions:
            captions.add(segment, start_ms)
        return self._captions[0].path.name if self._captions else None

    def _leave_out(self, what: str) -> str | None:
        """Count what is not written; returns that there is no file."""
        self._left_out[what] = self._left_out.get(what, 0) + 1
        return None
