"""WebVTT, written out."""

from pathlib import Path

import pytest
from tests.unit.cli.items import GRACE, T0, caption

from rtms_client._cli.captions import CaptionFile
from rtms_client.enums import DataAttribute


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the captions go."""
    return tmp_path / "captions.vtt"


def test_captions(path: Path) -> None:
    """Cues have times since the start, the speaker as voice, and nothing that is markup."""
    file = CaptionFile(path)
    file.add(caption(600, "Hello.", start_ms=T0 + 600, end_ms=T0 + 2850), 600, T0)
    text = "1 < 2 && 3 --> 4\nand more"
    file.add(caption(3_723_004, text, user_name="A <b>\nC", end_ms=T0 + 3_724_000), 3_723_004, T0)
    file.add(caption(3_725_000, "No name", user_id=7, end_ms=T0 + 3_726_000), 3_725_000, T0)
    file.close()
    assert path.read_text("utf-8") == (
        "WEBVTT\n"
        "\n"
        "00:00:00.600 --> 00:00:02.850\n"
        "<v Ada>Hello.\n"
        "\n"
        "01:02:03.004 --> 01:02:04.000\n"
        "<v A &lt;b&gt; C>1 &lt; 2 &amp;&amp; 3 --&gt; 4 and more\n"
        "\n"
        "01:02:05.000 --> 01:02:06.000\n"
        "No name\n"
        "\n"
    )
    assert file.count == 3


@pytest.mark.parametrize(
    ("text", "end_ms", "end"),
    [
        ("Hi", None, "00:00:02.000"),
        ("x" * 50, None, "00:00:04.000"),
        ("x" * 500, None, "00:00:08.000"),
        ("Hi", T0 + 1000, "00:00:02.000"),
        ("Hi", T0 + 1001, "00:00:01.001"),
    ],
    ids=["short", "middle", "long", "empty", "given"],
)
def test_an_end_is_estimated_from_the_text(
    path: Path, text: str, end_ms: int | None, end: str
) -> None:
    """Without a usable end, a cue lasts 60 ms per character, 1 s to 7 s."""
    file = CaptionFile(path)
    file.add(caption(1000, text, end_ms=end_ms), 1000, T0)
    file.close()
    assert path.read_text("utf-8").splitlines()[2] == f"00:00:01.000 --> {end}"


def test_relative_times(path: Path) -> None:
    """Some servers count from the start of the stream."""
    file = CaptionFile(path)
    segment = caption(9000, start_ms=500, end_ms=1500, relative_times=True)
    file.add(segment, 9000, T0)
    file.close()
    assert path.read_text("utf-8").splitlines()[2] == "00:00:00.500 --> 00:00:01.500"


def test_a_start_before_the_session_is_its_start(path: Path) -> None:
    """Times are never negative."""
    file = CaptionFile(path)
    file.add(caption(0, start_ms=T0 - 100, end_ms=T0 + 400), 0, T0)
    file.close()
    assert path.read_text("utf-8").splitlines()[2] == "00:00:00.000 --> 00:00:00.400"


def texts(path: Path) -> list[str]:
    """Return the texts of the cues in the order of the file."""
    return [line.partition(">")[2] for line in path.read_text("utf-8").splitlines() if "<v" in line]


def test_cues_are_in_the_order_of_their_starts(path: Path) -> None:
    """A long utterance, which arrives later, stands before a short one inside it."""
    file = CaptionFile(path)
    file.add(caption(5000, "inside", user_id=GRACE), 5000, T0)
    file.add(caption(1000, "long"), 1000, T0)
    file.add(caption(5000, "together"), 5000, T0)
    assert texts(path) == ["long", "inside", "together"]
    file.close()


def test_only_the_last_cues_are_open(path: Path) -> None:
    """What is long settled is not written again; what comes far too late stands after it."""
    file = CaptionFile(path)
    for number in range(70):
        file.add(caption(1000 * number, str(number)), 1000 * number, T0)
    file.add(caption(5500, "late"), 5500, T0)
    file.add(caption(500, "too late"), 500, T0)
    file.close()
    numbers = [str(number) for number in range(70)]
    assert texts(path) == [*numbers[:6], "late", "too late", *numbers[6:]]


def test_nothing_twice(path: Path) -> None:
    """A segment that is delivered again is not written again, a different one is."""
    file = CaptionFile(path)
    for text in ("one", "one", "two"):
        file.add(caption(1000, text), 1000, T0)
    file.close()
    assert texts(path) == ["one", "two"]
    assert file.count == 2


def test_updates_and_deletions(path: Path) -> None:
    """An update replaces what began at the same moment; a deletion removes it."""
    file = CaptionFile(path)
    file.add(caption(1000, "helo", attribute=DataAttribute.NEW), 1000, T0)
    file.add(caption(2000, "bye"), 2000, T0)
    file.add(caption(1000, "hello", attribute=DataAttribute.UPDATE), 1000, T0)
    file.add(caption(3000, "new", attribute=DataAttribute.UPDATE), 3000, T0)
    file.add(caption(2000, "", attribute=DataAttribute.DELETE), 2000, T0)
    file.add(caption(9000, "", attribute=DataAttribute.DELETE), 9000, T0)
    file.close()
    file.close()
    assert texts(path) == ["hello", "new"]
    assert file.count == 2
