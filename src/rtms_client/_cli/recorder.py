"""Everything that a stream delivers, as files in one folder."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TextIO, TypeAlias

import attrs

from rtms_client.enums import MediaCodec
from rtms_client.events import StreamItem
from rtms_client.frames import AudioFrame, ShareFrame, TranscriptSegment, UserId, VideoFrame

from .captions import CaptionFile
from .clock import SessionClock
from .jsonlines import ItemEncoder
from .outdir import SESSION_FILE
from .pictures import PictureWriter
from .text import slug
from .wav import Track, WavFile

__all__ = ["Recorder", "Speaker", "WrittenFile", "speaker_key"]

_MAX_SPEAKERS: Final = 200  # open files
Speaker: TypeAlias = tuple[str | None, UserId | None]
"""Channel and user: call parties have a channel each, everybody else none."""


def speaker_key(frame: AudioFrame) -> Speaker | None:
    """Return whom a packet is of; `None` when it holds everybody."""
    key = (frame.channel_id, frame.user_id)
    return None if key in {(None, 0), (None, None)} else key


@attrs.frozen
class WrittenFile:
    """One file of a recording."""

    path: Path
    what: str
    """What is in it, for people."""
    duration_ms: int | None = None


class Recorder:
    """Writes a recording; nothing but small buffers stays in memory.

    Args:
        folder: Where the files go; it exists.
        clock: Time of the session.
        old_files: Files of an earlier recording, to be deleted.
        now_ms: Local Unix time in milliseconds.

    Attributes:
        left_out: What could not be written, and how often.
    """

    def __init__(
        self,
        folder: Path,
        clock: SessionClock,
        *,
        old_files: Sequence[Path] = (),
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        for path in old_files:
            path.unlink()
        self.left_out: dict[str, int] = {}
        self._folder, self._clock, self._now_ms = folder, clock, now_ms
        self._encoder = ItemEncoder()
        # A lone surrogate, which JSON can express and UTF-8 cannot, becomes its JSON escape.
        self._lines: TextIO = (folder / SESSION_FILE).open(
            "w", encoding="utf-8", errors="backslashreplace", newline="\n"
        )
        self._count = 0
        self._captions: CaptionFile | None = None
        self._mixed: WavFile | None = None
        self._speakers: dict[Speaker | None, tuple[Track, WavFile | None]] = {}
        self._names: dict[Path, str] = {}
        self._video = PictureWriter(folder, "video")
        self._share = PictureWriter(folder, "share")

    def write(self, item: StreamItem, at_ms: int | None) -> str:
        """Take an item; returns its line of ``session.jsonl``.

        Args:
            item: The item.
            at_ms: Its time since the start of the session, if it has a plausible one.

        Raises:
            OSError: A file cannot be written.
        """
        file = None
        match item:
            case AudioFrame():
                file = self._audio(item, at_ms)
            case VideoFrame():
                file = self._video.write(item)
            case ShareFrame():
                file = self._share.write(item)
            case TranscriptSegment():
                file = self._caption(item, at_ms)
            case _:
                pass
        line = self._encoder.encode(item, at_ms=at_ms, received_ms=self._now_ms(), file=file)
        self._lines.write(f"{line}\n")
        self._count += 1
        return line

    def flush(self) -> None:
        """Make everything so far readable for others, even if the process is killed."""
        self._lines.flush()
        self._video.flush()
        self._share.flush()
        for wav in self._wavs():
            wav.flush()

    def close(self, *, length_ms: int = 0) -> None:
        """Complete all files; may be called more than once.

        Args:
            length_ms: Shortest length of audio, in milliseconds; the rest is silence.
        """
        length_ms = max(length_ms, self._clock.length_ms)
        longest_ms = max((wav.duration_ms for wav in self._wavs()), default=0)
        for wav in self._wavs():
            wav.pad(max(length_ms, longest_ms) * wav.rate_hz // 1000)
            wav.close()
        self._lines.close()
        self._video.close()
        self._share.close()
        if self._captions is not None:
            self._captions.close()

    def files(self) -> list[WrittenFile]:
        """Return what was written, complete after `close`."""
        found = [
            WrittenFile(wav.path, self._names.get(wav.path, "everybody, mixed"), wav.duration_ms)
            for wav in self._wavs()
        ]
        for stem, writer in (("video", self._video), ("share", self._share)):
            stream = self._folder / f"{stem}.h264"
            if stream.exists():
                found.append(WrittenFile(stream, f"{stem}, H.264"))
            if writer.stills:
                stills = sorted(self._folder.glob(f"{stem}-*"))
                found.append(WrittenFile(stills[0], f"{stem}, picture 1 of {len(stills)}"))
        if self._captions is not None:
            what = f"{self._captions.count} captions with speakers, WebVTT"
            found.append(WrittenFile(self._captions.path, what))
        what = f"all {self._count} items, media as sizes only, JSON lines"
        return [*found, WrittenFile(self._folder / SESSION_FILE, what)]

    def problems(self) -> dict[str, int]:
        """Return what is not in the files although it was received, and how often."""
        found = dict(self.left_out)
        for medium, writer in (("video", self._video), ("share", self._share)):
            if writer.skipped:
                found[f"{medium} frames before a key frame"] = writer.skipped
        repeated = sum(track.repeated for track, _ in self._speakers.values())
        if repeated:
            found["samples of audio that came twice"] = repeated
        return found

    # --- audio -----------------------------------------------------------------------------------

    def _audio(self, frame: AudioFrame, at_ms: int | None) -> str | None:
        sound = frame.format
        if sound.codec != MediaCodec.L16 or not sound.sample_rate_hz:
            return self._leave_out(f"audio packets in {sound.codec.name}, not L16")
        if at_ms is None:
            return self._leave_out("audio packets with an impossible time")
        mixed = self._mixed
        if mixed is None:
            mixed = self._mixed = WavFile(
                self._folder / "audio.wav",
                rate_hz=sound.sample_rate_hz,
                channels=sound.channels,
            )
        if (mixed.rate_hz, mixed.channels) != (sound.sample_rate_hz, sound.channels):
            return self._leave_out("audio packets after a change of the format")
        track, own = self._speaker(frame, mixed)
        position, data = track.place(at_ms, frame.data)
        if not mixed.fits(position + len(data)):
            return self._leave_out("audio packets beyond the 4 GiB of a WAV file")
        mixed.mix(position, data)
        if own is None:
            return mixed.path.name
        own.write(position, data)
        return own.path.name

    def _speaker(self, frame: AudioFrame, mixed: WavFile) -> tuple[Track, WavFile | None]:
        key = speaker_key(frame)
        known = self._speakers.get(key)
        if known is None:
            own = None
            if key is not None and len(self._speakers) < _MAX_SPEAKERS:
                path = self._speaker_path(frame)
                self._names[path] = frame.user_name or f"user {frame.user_id}"
                own = WavFile(path, rate_hz=mixed.rate_hz, channels=mixed.channels)
            track = Track(rate_hz=mixed.rate_hz, frame_bytes=2 * mixed.channels)
            known = self._speakers[key] = (track, own)
        return known

    def _speaker_path(self, frame: AudioFrame) -> Path:
        """Find a file name that nobody has; names and ids are strangers' text."""
        number = slug(str(frame.user_id or frame.channel_id or ""))
        name = slug(frame.user_name or "") or f"user-{number}"
        taken = {path.name for path in self._names}
        candidates = (name, f"{name}-{number}", f"{name}-{number}-{len(taken)}")
        free = (f"audio-{stem}.wav" for stem in candidates if f"audio-{stem}.wav" not in taken)
        return self._folder / next(free)

    def _wavs(self) -> list[WavFile]:
        wavs = (self._mixed, *(own for _, own in self._speakers.values()))
        return [wav for wav in wavs if wav is not None]

    # --- captions --------------------------------------------------------------------------------

    def _caption(self, segment: TranscriptSegment, at_ms: int | None) -> str | None:
        if at_ms is None or self._clock.start_ms is None:
            return self._leave_out("captions with an impossible time")
        if self._captions is None:
            self._captions = CaptionFile(self._folder / "captions.vtt")
        self._captions.add(segment, at_ms, self._clock.start_ms)
        return self._captions.path.name

    def _leave_out(self, what: str) -> str | None:
        """Count what is not written; returns that there is no file."""
        self.left_out[what] = self.left_out.get(what, 0) + 1
        return None
