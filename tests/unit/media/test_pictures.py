"""Cameras and screens as files."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.items import DELTA, GRACE, KEY, PNG, share, video

from rtms_client.config import PictureFormat
from rtms_client.enums import MediaCodec, Resolution
from rtms_client.media._pictures import PictureWriter


def test_h264_is_one_stream(tmp_path: Path) -> None:
    """Access units stand one behind the other, and are on disk after a flush."""
    writer = PictureWriter(tmp_path, "video")
    writer.flush()
    assert writer.write(video(data=KEY)) == "video.h264"
    assert writer.write(video(data=DELTA)) == "video.h264"
    writer.flush()
    assert (tmp_path / "video.h264").read_bytes() == KEY + DELTA
    writer.write(video(data=DELTA + b"2"))
    writer.close()
    writer.close()
    assert (tmp_path / "video.h264").read_bytes() == KEY + DELTA + DELTA + b"2"
    assert writer.skipped == 0
    assert writer.stream == tmp_path / "video.h264"
    assert writer.stills() == []


@pytest.mark.parametrize(
    "change",
    [{"user_id": GRACE}, {"discontinuity": True}],
    ids=["another-camera", "loss"],
)
def test_h264_starts_with_a_key_frame(tmp_path: Path, change: dict[str, Any]) -> None:
    """What no decoder can use is left out: at the start, after a loss, after a switch."""
    writer = PictureWriter(tmp_path, "video")
    assert writer.write(video(data=DELTA)) is None
    writer.write(video(data=KEY))
    assert writer.write(video(data=DELTA, **change)) is None
    user = {key: value for key, value in change.items() if key == "user_id"}
    assert writer.write(video(data=DELTA, **user)) is None
    writer.write(video(data=KEY + b"2", **user))
    writer.write(video(data=DELTA + b"2", **user))
    writer.close()
    assert (tmp_path / "video.h264").read_bytes() == KEY + KEY + b"2" + DELTA + b"2"
    assert writer.skipped == 3


def test_stills_are_files(tmp_path: Path) -> None:
    """Each still that differs from the one before is a file, named after its format."""
    writer = PictureWriter(tmp_path, "share")
    unknown = PictureFormat(fps=1, codec=MediaCodec(99), resolution=Resolution.HD)
    names = [
        writer.write(share(data=b"one")),
        writer.write(share(data=b"one")),
        writer.write(share(data=b"two", format=PNG)),
        writer.write(share(data=b"one")),
        writer.write(share(data=b"three", format=unknown)),
    ]
    writer.close()
    assert names == [
        "share-001.jpg",
        "share-001.jpg",
        "share-002.png",
        "share-003.jpg",
        "share-004.bin",
    ]
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents == {
        "share-001.jpg": b"one",
        "share-002.png": b"two",
        "share-003.jpg": b"one",
        "share-004.bin": b"three",
    }
    assert writer.count == 4
    assert [path.name for path in writer.stills()] == [*names[:1], *names[2:]]


def test_an_empty_still_is_a_file_too(tmp_path: Path) -> None:
    """What came is there, even if it is nothing."""
    writer = PictureWriter(tmp_path, "share")
    assert writer.write(share(data=b"")) == "share-001.jpg"
    assert (tmp_path / "share-001.jpg").read_bytes() == b""


def test_more_than_a_thousand_stills(tmp_path: Path) -> None:
    """They are in order, although their numbers have no longer the same length."""
    writer = PictureWriter(tmp_path, "share")
    names = [writer.write(share(data=bytes([number % 2]))) for number in range(1001)]
    assert [path.name for path in writer.stills()] == names
