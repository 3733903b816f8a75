"""The movies of a recording, of camera and screen, written as far as their sound is certain."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs

from rtms_client.enums import MediaCodec, MediaType
from rtms_client.events import (
    ParticipantLeft,
    SharingStopped,
    StreamInterrupted,
    StreamItem,
    StreamResumed,
    VideoStopped,
)
from rtms_client.frames import ShareFrame, UserId, VideoFrame

from ._extras import load
from ._files import RecordedFile
from ._movie import Filler, Movie, MovieFormat, size_of
from ._wav import WavFile

__all__ = ["Movies"]

_WAIT_MS: Final = 2000
"""The connections of sound and pictures may differ by this."""
_REPLAY_MS: Final = 5000
"""What the server buffered comes within this, once the connection is there."""
_STALL_MS: Final = 600
"""Longer pauses between two calls do not count: nothing was read while the process stood still."""
_STEP_MS: Final = 30_000
"""Session time that is written at once, so that the event loop is not held up."""
_DARK_AFTER_MS: Final = 5000
_CONCERNS_SOUND: Final = (None, MediaType.AUDIO)


@attrs.define
class _Shown:
    """What is known of the pictures of one medium."""

    movie: Movie | None = None
    source: UserId | None = None
    last_ms: int = 0
    arrived_ms: int = 0
    """When the last picture came."""
    dark: bool = False
    unusable: int = 0
    """Pictures before a movie could begin."""


class Movies:
    """Writes ``video.mkv`` and ``share.mkv``, or ``.mp4``.

    Args:
        folder: Where the files go.
        suffix: The format.
        filler: What is shown while there is no picture.
        audio: Returns the mixed audio; `None` when there is none.

    Raises:
        MissingExtra: PyAV is not installed.
    """

    def __init__(
        self,
        folder: Path,
        suffix: MovieFormat,
        filler: Filler,
        audio: Callable[[], WavFile | None],
    ) -> None:
        load("av", "movies", "av")
        self._folder, self._suffix, self._audio = folder, suffix, audio
        self._filler: Filler = filler
        self._shown = {"video": _Shown(), "share": _Shown()}
        self._hold_until_ms: int | None = 0
        """In the terms of `_now_ms`; `None` while nobody knows."""
        self._began = False
        self._now_ms = self._called_ms = 0
        """Time that passed while items were read, and local time of the last call."""
        self._sound_ms = 0
        """Time of the newest sound in the session."""
        self._heard_ms = -_WAIT_MS
        """When sound came last."""
        self._lengths: deque[tuple[int, int]] = deque()
        """Times, with the length of the session then."""

    def write(self, frame: VideoFrame | ShareFrame, at_ms: int) -> str | None:
        """Take a picture; returns the name of its movie, or `None` when it is in none."""
        medium = "video" if isinstance(frame, VideoFrame) else "share"
        shown = self._shown[medium]
        if shown.movie is None:
            if size_of(frame) is None:
                shown.unusable += 1
                return None
            # Matroska has no PNG.
            suffix = "mp4" if frame.format.codec == MediaCodec.PNG else self._suffix
            path = self._folder / f"{medium}.{suffix}"
            shown.movie = Movie(path, frame, self._audio)
        if not shown.movie.write(frame, at_ms):
            return None
        shown.source, shown.dark = frame.user_id, False
        shown.last_ms, shown.arrived_ms = at_ms, self._now_ms
        return shown.movie.path.name

    def hear(self, at_ms: int) -> None:
        """Take note that sound came; while it flows, pictures do not overtake it."""
        self._sound_ms, self._heard_ms = max(self._sound_ms, at_ms), self._now_ms

    def notice(self, event: StreamItem, at_ms: int | None) -> None:
        """Take note of what happens to cameras, screens and the connection."""
        if not self._began:
            self._began, self._hold_until_ms = True, self._now_ms + _REPLAY_MS
        match event:
            case VideoStopped(participants=people) | ParticipantLeft(participants=people):
                if any(person.user_id == self._shown["video"].source for person in people):
                    self._darken(self._shown["video"], at_ms)
            case SharingStopped():
                self._darken(self._shown["share"], at_ms)
            case StreamInterrupted(media=media) if media in _CONCERNS_SOUND:
                self._hold_until_ms = None
            case StreamResumed(media=media) if media in _CONCERNS_SOUND:
                self._hold_until_ms = self._now_ms + _REPLAY_MS
            case _:
                pass

    def _darken(self, shown: _Shown, at_ms: int | None) -> None:
        if shown.movie is not None and at_ms is not None and not shown.dark:
            shown.dark = True
            if self._filler == "black":
                shown.movie.darken(max(at_ms, shown.last_ms + 1))

    def advance(self, length_ms: int, now_ms: int) -> None:
        """Write what is certain.

        Args:
            length_ms: From the start of the session to its newest item.
            now_ms: Local time.

        Raises:
            OSError: A file cannot be written.
        """
        self._now_ms += min(max(now_ms - self._called_ms, 0), _STALL_MS)
        self._called_ms = now_ms
        self._lengths.append((self._now_ms, length_ms))
        while len(self._lengths) > 1 and self._lengths[1][0] <= self._now_ms - _WAIT_MS:
            self._lengths.popleft()
        then_ms, limit_ms = self._lengths[0]
        if then_ms > self._now_ms - _WAIT_MS or not self._certain():
            return
        if self._now_ms - self._heard_ms < _WAIT_MS:
            limit_ms = min(limit_ms, self._sound_ms)
        camera = self._shown["video"]
        if min(limit_ms - camera.last_ms, self._now_ms - camera.arrived_ms) > _DARK_AFTER_MS:
            self._darken(camera, camera.last_ms + _DARK_AFTER_MS)
        for movie in self._movies():
            if limit_ms > movie.position_ms:
                movie.advance(min(limit_ms, movie.position_ms + _STEP_MS))

    def _certain(self) -> bool:
        """Tell whether what the server buffered must have come."""
        return self._hold_until_ms is not None and self._now_ms >= self._hold_until_ms

    def close(self, length_ms: int) -> None:
        """Complete the files."""
        with contextlib.ExitStack() as closing:  # each one, whatever happens to the other
            for movie in self._movies():
                closing.callback(movie.close, length_ms)

    def _movies(self) -> Iterator[Movie]:
        for shown in self._shown.values():
            if shown.movie is not None:
                yield shown.movie

    def files(self) -> list[RecordedFile]:
        """Return what was written."""
        return [
            RecordedFile(movie.path, f"{movie.path.stem} with sound", movie.position_ms)
            for movie in self._movies()
        ]

    def problems(self) -> Iterator[tuple[str, int]]:
        """Yield what of the pictures is not in the movies, and how often."""
        for medium, shown in self._shown.items():
            skipped = shown.unusable + (shown.movie.skipped if shown.movie else 0)
            yield f"{medium} frames before a key frame", skipped
        strangers = sum(movie.strangers for movie in self._movies())
        yield "pictures after a change of the codec", strangers
