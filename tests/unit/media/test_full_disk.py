"""Disks that get full: the error comes through, every file is closed, what is there can be read."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.cli.items import START, T0, audio, caption, video
from tests.unit.media.pictures import encode

from rtms_client.media import CaptionFile, MovieFormat, Recorder
from rtms_client.media._movie import Movie

KEY = encode([50])[0]


@contextlib.contextmanager
def room(size: int) -> Iterator[None]:
    """Limit the size of every file, as a full disk does: a part is written, then nothing.

    The test runner writes to files as well, so this is for a few lines of a test, not for all.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_captions(tmp_path: Path) -> None:
    """A caption that has no room is an error at once; when there is room again, it is written."""
    path = tmp_path / "captions.txt"
    captions = CaptionFile(path)
    captions.add(caption(0, "one"), T0)
    complete = path.read_bytes()
    with room(len(complete) + 5), pytest.raises(OSError, match="too large"):
        captions.add(caption(1000, "two"), T0)
    captions.add(caption(2000, "three"), T0)
    captions.close()
    assert path.read_text().splitlines() == [
        "[00:00:00] Ada: one",
        "[00:00:01] Ada: two",
        "[00:00:02] Ada: three",
    ]


@pytest.mark.parametrize("movie", ["mkv", "mp4", None])
def test_a_recording_closes_every_file(tmp_path: Path, movie: MovieFormat | None) -> None:
    """Also those whose rest cannot be written; open ones would be warned of."""
    now_ms = 0
    recorder = Recorder(tmp_path, movie=movie, now_ms=lambda: now_ms)
    for item in (START, caption(0), audio(0), video(0, data=KEY)):
        recorder.write(item)
    with room(900), pytest.raises(OSError, match="too large"):
        recorder.close(length_ms=1000)
    recorder.close()
    assert (tmp_path / "captions.vtt").read_text().endswith("<v Ada>Hello\n\n")


def test_a_movie_that_was_begun(tmp_path: Path) -> None:
    """Its container is closed as well."""
    now_ms = 0
    recorder = Recorder(tmp_path, movie="mkv", now_ms=lambda: now_ms)
    for at_ms in range(0, 10_000, 500):
        now_ms = at_ms
        recorder.write(START if not at_ms else video(at_ms, data=KEY))
        recorder.flush()
    with room(10), pytest.raises(OSError, match="too large"):
        recorder.close()
    recorder.close()


def test_a_movie_that_cannot_begin(tmp_path: Path) -> None:
    """There is nothing to complete."""
    movie = Movie(tmp_path / "missing" / "video.mkv", video(0, data=KEY), lambda: None)
    with pytest.raises(FileNotFoundError):
        movie.close(1000)
    assert list(tmp_path.iterdir()) == []


def test_discarding(tmp_path: Path) -> None:
    """What must be deleted is deleted, although it cannot be completed."""
    recorder = Recorder(tmp_path / "out")
    recorder.write(START)
    recorder.write(audio(0))
    with room(10):
        recorder.discard()
    assert not (tmp_path / "out").exists()
