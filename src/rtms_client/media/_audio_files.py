"""Audio as files: one for each speaker, and one with everybody, all on the clock of the session."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from rtms_client.config import AudioFormat
from rtms_client.frames import AudioFrame

from ._decoding import AudioDecoder
from ._files import RecordedFile
from ._speech import Speaker, speaker_key
from ._text import slug
from ._track import Track
from ._wav import WavFile

__all__ = ["AudioFiles"]

_MAX_SPEAKERS: Final = 200  # open files
_MAX_VOICES: Final = 2000  # in the mix; a server that makes up ids must not fill the memory


@attrs.define
class _Voice:
    track: Track
    file: WavFile | None
    """`None` of mixed audio, and of speakers that are too many."""
    decoder: AudioDecoder


class AudioFiles:
    """Writes ``audio.wav`` and ``audio-NAME.wav``.

    Args:
        folder: Where the files go.

    Attributes:
        mixed: The file with everybody; `None` before the first packet.
        problem: Why the last packet was left out.
    """

    def __init__(self, folder: Path) -> None:
        self.mixed: WavFile | None = None
        self.problem = ""
        self._folder = folder
        self._voices: dict[Speaker | None, _Voice] = {}
        self._names: dict[Path, str] = {}

    def begin(self, sound: AudioFormat) -> WavFile:
        """Return the file with everybody, made if there is none yet."""
        if self.mixed is None:
            self.mixed = WavFile(
                self._folder / "audio.wav",
                rate_hz=sound.sample_rate_hz or 16_000,
                channels=sound.channels,
            )
        return self.mixed

    def write(self, frame: AudioFrame, at_ms: int) -> str | None:
        """Write a packet; returns the name of its file, or `None` when it was left out.

        Raises:
            MissingExtra: The audio is coded, and its decoder is not installed.
            OSError: A file cannot be written.
        """
        sound = frame.format
        rate_hz, channels = sound.sample_rate_hz, sound.channels
        if not rate_hz:
            return self._leave_out("audio packets of an unknown sample rate")
        mixed = self.begin(sound)
        if (mixed.rate_hz, mixed.channels) != (rate_hz, channels):
            return self._leave_out("audio packets after a change of the format")
        voice = self._voice(frame, mixed)
        if voice is None:
            return self._leave_out("audio packets of too many speakers")
        data = voice.decoder.decode(frame)
        if data is None:
            return self._leave_out(f"audio packets in {sound.codec.name} that cannot be decoded")
        for position, piece in voice.track.place(at_ms, data):
            mixed.mix(position, piece)
            if voice.file is not None:
                voice.file.write(position, piece)
        return (voice.file or mixed).path.name

    def _voice(self, frame: AudioFrame, mixed: WavFile) -> _Voice | None:
        """Return what is known of a speaker; `None` when there are too many."""
        key = speaker_key(frame)
        known = self._voices.get(key)
        if known is None and len(self._voices) < _MAX_VOICES:
            own = None
            if key is not None and len(self._names) < _MAX_SPEAKERS:
                path = self._path(frame)
                self._names[path] = frame.user_name or f"user {frame.user_id}"
                own = WavFile(path, rate_hz=mixed.rate_hz, channels=mixed.channels)
            track = Track(rate_hz=mixed.rate_hz, frame_bytes=2 * mixed.channels)
            known = self._voices[key] = _Voice(track, own, AudioDecoder())
        return known

    def _path(self, frame: AudioFrame) -> Path:
        """Find a file name that nobody has; names and ids are strangers' text."""
        number = slug(str(frame.user_id or frame.channel_id or ""))
        name = slug(frame.user_name or "") or f"user-{number}"
        taken = {path.name for path in self._names}
        more = (f"{name}-{number}-{count}" for count in itertools.count(len(taken)))
        files = (f"audio-{stem}.wav" for stem in itertools.chain((name, f"{name}-{number}"), more))
        return self._folder / next(file for file in files if file not in taken)

    def _leave_out(self, problem: str) -> str | None:
        """Remember why a packet is not written; returns that there is no file."""
        self.problem = problem
        return None

    def _wavs(self) -> Iterator[WavFile]:
        if self.mixed is not None:
            yield self.mixed
        for voice in self._voices.values():
            if voice.file is not None:
                yield voice.file

    def flush(self) -> None:
        """Make all that was written playable, even if the process is killed."""
        for wav in self._wavs():
            wav.flush()

    def pad(self, length_ms: int) -> int:
        """Make all files as long as the longest, and at least so long; returns that length."""
        length_ms = max([length_ms, *(wav.duration_ms for wav in self._wavs())])
        for wav in self._wavs():
            wav.pad(length_ms * wav.rate_hz // 1000)
        return length_ms

    def close(self) -> None:
        """Complete the files; may be called more than once."""
        with contextlib.ExitStack() as closing:  # each one, whatever happens to the others
            for wav in self._wavs():
                closing.callback(wav.close)

    def files(self) -> list[RecordedFile]:
        """Return what was written."""
        return [
            RecordedFile(wav.path, self._names.get(wav.path, "everybody, mixed"), wav.duration_ms)
            for wav in self._wavs()
        ]

    def problems(self) -> Iterator[tuple[str, int]]:
        """Yield what of the packets is not in the files, and how often."""
        tracks = [voice.track for voice in self._voices.values()]
        yield "samples of audio that came twice", sum(track.repeated for track in tracks)
        yield "samples of audio that came too late", sum(track.late for track in tracks)
