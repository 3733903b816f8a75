"""Folders of recordings: made, accepted, refused."""

import contextlib
from pathlib import Path

import pytest

from rtms_client._cli.failures import CommandError
from rtms_client._cli.outdir import folder_for_recording

RECORDING = (
    "audio-ada.wav",
    "audio-zoë-16778240.wav",
    "audio.wav",
    "captions.vtt",
    "session.jsonl",
    "share-001.jpg",
    "share-1000.png",
    "video.h264",
)


def fill(folder: Path, *names: str) -> None:
    """Make files."""
    for name in names:
        (folder / name).write_bytes(b"")


def refusal(folder: Path, *, replace: bool = True) -> str:
    """Return why a folder is refused."""
    with pytest.raises(CommandError) as caught, contextlib.ExitStack() as stack:
        stack.enter_context(folder_for_recording(folder, replace=replace))
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    """Folders above it too."""
    folder = tmp_path / "a" / "b"
    with folder_for_recording(folder, replace=False):
        assert folder.is_dir()


def test_folders_that_were_made_and_are_empty_go_away(tmp_path: Path) -> None:
    """A failure leaves nothing behind; what was there or is used stays."""
    there = tmp_path / "there"
    there.mkdir()
    with (
        pytest.raises(ZeroDivisionError),
        folder_for_recording(there, replace=True),
        folder_for_recording(there / "a" / "b", replace=False),
    ):
        raise ZeroDivisionError
    assert list(tmp_path.rglob("*")) == [there]
    with folder_for_recording(there / "a" / "b", replace=False):
        fill(there / "a" / "b", "session.jsonl")
    assert (there / "a" / "b" / "session.jsonl").exists()


def test_an_empty_folder_is_fine(tmp_path: Path) -> None:
    """There is nothing to lose in it."""
    with folder_for_recording(tmp_path, replace=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_recording_is_named_not_deleted(tmp_path: Path) -> None:
    """Its files go when the new recording begins, and not when it cannot be joined."""
    fill(tmp_path, *RECORDING)
    with folder_for_recording(tmp_path, replace=True):
        pass
    assert len(list(tmp_path.iterdir())) == len(RECORDING)


def test_an_earlier_recording_needs_consent(tmp_path: Path) -> None:
    """A real recording is not replaced by accident."""
    fill(tmp_path, *RECORDING)
    assert refusal(tmp_path, replace=False) == (
        f"{tmp_path} holds an earlier recording; choose another folder with --out, or replace the "
        "recording with --overwrite"
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("session.jsonl", "notes.txt"), "notes.txt"),
        (("audio.wav",), "audio.wav"),
        (("a", "b", "c", "d"), "a, b, c, ..."),
        (("session.jsonl", "share-01.jpg"), "share-01.jpg"),
    ],
    ids=["one-more", "not-complete", "many", "not-ours"],
)
def test_other_files_are_left_alone(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    """What may be somebody's work is never replaced."""
    fill(tmp_path, *names)
    assert refusal(tmp_path) == (
        f"{tmp_path} holds files that are not an earlier recording ({said}); choose another folder "
        "with --out, or empty it"
    )


def test_a_folder_with_one_of_our_names_is_not_ours(tmp_path: Path) -> None:
    """Only files are replaced."""
    fill(tmp_path, "session.jsonl")
    (tmp_path / "audio.wav").mkdir()
    assert "(audio.wav)" in refusal(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """The text says so."""
    fill(tmp_path, "a")
    assert refusal(tmp_path / "a") == (
        f"{tmp_path / 'a'} is not a folder; choose another one with --out"
    )


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """What the system says is passed on."""
    fill(tmp_path, "a")
    assert refusal(tmp_path / "a" / "b") == (
        f"cannot use {tmp_path / 'a' / 'b'}: Not a directory; choose another folder with --out"
    )
