"""WebVTT, written out."""

import html
import json
from pathlib import Path

import pytest
import srt  # type: ignore[import-untyped]  # has no types
import webvtt
from tests.unit.cli.items import ADA, GRACE, T0, caption

from rtms_client.enums import DataAttribute, Language
from rtms_client.exceptions import InvalidParameters
from rtms_client.media import CaptionFile, Cue, LiveCaptions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the captions go."""
    return tmp_path / "captions.vtt"


def test_captions(path: Path) -> None:
    """Cues have times since the start, the speaker as voice, and nothing that is markup."""
    file = CaptionFile(path)
    file.add(caption(600, "Hello.", start_ms=T0 + 600, end_ms=T0 + 2850), T0)
    text = "1 < 2 && 3 --> 4\nand more"
    file.add(caption(3_723_004, text, user_name="A <b>\nC", end_ms=T0 + 3_724_000), T0)
    file.add(caption(3_725_000, "No name", user_id=7, end_ms=T0 + 3_726_000), T0)
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
    file.add(caption(1000, text, end_ms=end_ms), T0)
    file.close()
    assert path.read_text("utf-8").splitlines()[2] == f"00:00:01.000 --> {end}"


def test_relative_times(path: Path) -> None:
    """Some servers count from the start of the stream."""
    file = CaptionFile(path)
    segment = caption(9000, start_ms=500, end_ms=1500, relative_times=True)
    file.add(segment, T0)
    file.close()
    assert path.read_text("utf-8").splitlines()[2] == "00:00:00.500 --> 00:00:01.500"


def test_a_start_before_the_session_is_its_start(path: Path) -> None:
    """Times are never negative."""
    file = CaptionFile(path)
    file.add(caption(0, start_ms=T0 - 100, end_ms=T0 + 400), T0)
    file.close()
    assert path.read_text("utf-8").splitlines()[2] == "00:00:00.000 --> 00:00:00.400"


def texts(path: Path) -> list[str]:
    """Return the texts of the cues in the order of the file."""
    return [line.partition(">")[2] for line in path.read_text("utf-8").splitlines() if "<v" in line]


def test_cues_are_in_the_order_of_their_starts(path: Path) -> None:
    """A long utterance, which arrives later, stands before a short one inside it."""
    file = CaptionFile(path)
    file.add(caption(5000, "inside", user_id=GRACE), T0)
    file.add(caption(1000, "long"), T0)
    file.add(caption(5000, "together"), T0)
    assert texts(path) == ["long", "inside", "together"]
    file.close()


def test_only_the_last_cues_are_open(path: Path) -> None:
    """What is long settled is not written again; what comes far too late stands after it."""
    file = CaptionFile(path)
    for number in range(70):
        file.add(caption(1000 * number, str(number)), T0)
    file.add(caption(5500, "late"), T0)
    file.add(caption(500, "too late"), T0)
    file.close()
    numbers = [str(number) for number in range(70)]
    assert texts(path) == [*numbers[:6], "late", "too late", *numbers[6:]]


def test_nothing_twice(path: Path) -> None:
    """A segment that is delivered again is not written again, a different one is."""
    file = CaptionFile(path)
    for text in ("one", "one", "two"):
        file.add(caption(1000, text), T0)
    file.close()
    assert texts(path) == ["one", "two"]
    assert file.count == 2


def test_updates_and_deletions(path: Path) -> None:
    """An update replaces what began at the same moment; a deletion removes it."""
    file = CaptionFile(path)
    file.add(caption(1000, "helo", attribute=DataAttribute.NEW), T0)
    file.add(caption(2000, "bye"), T0)
    file.add(caption(1000, "hello", attribute=DataAttribute.UPDATE), T0)
    file.add(caption(3000, "new", attribute=DataAttribute.UPDATE), T0)
    file.add(caption(2000, "", attribute=DataAttribute.DELETE), T0)
    file.add(caption(9000, "", attribute=DataAttribute.DELETE), T0)
    file.close()
    file.close()
    assert texts(path) == ["hello", "new"]
    assert file.count == 2


def test_an_update_of_what_is_settled(path: Path) -> None:
    """A correction that comes too late is counted, and a replay that comes so late is known."""
    file = CaptionFile(path)
    for number in range(70):
        file.add(caption(1000 * number, str(number)), T0)
    before = path.read_bytes()
    file.add(caption(1000, "one", attribute=DataAttribute.UPDATE), T0)
    file.add(caption(2000, "", attribute=DataAttribute.DELETE), T0)
    file.add(caption(3000, "3"), T0)
    file.close()
    assert path.read_bytes() == before
    assert (file.too_late, file.count) == (2, 70)


def test_settled_segments_are_forgotten_at_last(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: only so many of the last segments are known when they come again."""
    monkeypatch.setattr("rtms_client.media._captions._REMEMBERED", 100)  # it takes less to forget
    file = CaptionFile(path)
    for number in range(174):
        file.add(caption(1000 * number, "x"), T0)
    file.add(caption(10_000, "x"), T0)
    assert file.count == 174
    file.add(caption(9000, "x"), T0)
    assert file.count == 175
    file.close()


def test_blank_segments_are_no_cues(path: Path) -> None:
    """A segment without text is nothing to show; an update to it removes what was there."""
    file = CaptionFile(path)
    file.add(caption(0, " \n"), T0)
    file.add(caption(1000, "gone"), T0)
    file.add(caption(1000, "", attribute=DataAttribute.UPDATE), T0)
    file.close()
    assert path.read_text("utf-8") == "WEBVTT\n\n"
    assert file.count == 0


@pytest.mark.parametrize("suffix", [".vtt", ".srt", ".txt", ".jsonl"])
def test_no_moment_leaves_half_a_cue(tmp_path: Path, suffix: str) -> None:
    """After each segment the file is what it would be if it were written at once."""
    file = CaptionFile(tmp_path / f"live{suffix}")
    segments = [caption(500 * number, "word " * (number % 7 + 1)) for number in (3, 1, 2, 0)]
    segments.append(caption(500, "x", attribute=DataAttribute.UPDATE))
    segments.append(caption(0, "", attribute=DataAttribute.DELETE))
    for number, segment in enumerate(segments):
        file.add(segment, T0)
        fresh = CaptionFile(tmp_path / f"fresh{suffix}")
        for one in sorted(segments[: number + 1], key=lambda one: one.timestamp_ms):
            fresh.add(one, T0)
        fresh.close()
        assert file.path.read_bytes() == fresh.path.read_bytes()
    file.close()


def test_every_format(tmp_path: Path) -> None:
    """The suffix says the format."""
    for suffix in (".srt", ".txt", ".jsonl"):
        file = CaptionFile(tmp_path / f"all{suffix}")
        file.add(caption(600, "a --> b\nc", end_ms=T0 + 2850, language=Language.ENGLISH), T0)
        file.add(caption(3_723_004, "\ud800", user_id=7, end_ms=T0 + 3_724_000), T0)
        file.close()
    assert (tmp_path / "all.srt").read_text("utf-8") == (
        "1\n00:00:00,600 --> 00:00:02,850\nAda: a -> b c\n\n"
        "2\n01:02:03,004 --> 01:02:04,000\n\ufffd\n\n"
    )
    assert (tmp_path / "all.txt").read_text("utf-8") == (
        "[00:00:00] Ada: a --> b c\n[01:02:03] \ufffd\n"
    )
    first, second = (tmp_path / "all.jsonl").read_text("utf-8").splitlines()
    assert json.loads(first) == {
        "start_ms": 600,
        "end_ms": 2850,
        "text": "a --> b\nc",
        "user_id": ADA,
        "user_name": "Ada",
        "language": "ENGLISH",
    }
    assert json.loads(second)["text"] == "\ud800"


def test_an_unknown_format(tmp_path: Path) -> None:
    """The error names the formats that there are, and no file is made."""
    with pytest.raises(InvalidParameters, match=r"got the suffix '.ass'; use .vtt, .srt"):
        CaptionFile(tmp_path / "captions.ass")
    assert not (tmp_path / "captions.ass").exists()


def test_published_readers_agree(tmp_path: Path) -> None:
    """Whatever people say, readers that others wrote find the cues with their times."""
    said = ["Hello.", "1 < 2 & 3 --> 4", "<v Eve>no</v>", "NOTE x", "WEBVTT", "7", "Zoë 世界 🎉"]
    for suffix in (".vtt", ".srt"):
        file = CaptionFile(tmp_path / f"all{suffix}")
        for number, text in enumerate(said):
            file.add(caption(1000 * number, text, end_ms=T0 + 1000 * number + 900), T0)
        file.close()
    cues = webvtt.read(str(tmp_path / "all.vtt")).captions
    assert [cue.start for cue in cues] == [f"00:00:0{number}.000" for number in range(7)]
    assert [cue.voice for cue in cues] == ["Ada"] * 7
    assert [html.unescape(cue.text) for cue in cues] == said
    subtitles = list(srt.parse((tmp_path / "all.srt").read_text("utf-8")))
    assert [one.content for one in subtitles] == [
        f"Ada: {text.replace('-->', '->')}" for text in said
    ]
    assert [one.end.total_seconds() for one in subtitles] == [number + 0.9 for number in range(7)]


def test_sentences_are_joined_by_pause(path: Path) -> None:
    """What one speaker says without a longer pause is one cue, of ten seconds at most."""
    file = CaptionFile(path, join_pause_ms=500)
    file.add(caption(0, "Good", end_ms=T0 + 400), T0)
    file.add(caption(900, "morning.", end_ms=T0 + 1500), T0)
    file.add(caption(2001, "Grace?", end_ms=T0 + 2500), T0)
    file.add(caption(2500, "Yes.", user_id=GRACE, end_ms=T0 + 2600), T0)
    file.add(caption(2700, "long", end_ms=T0 + 9000), T0)
    file.add(caption(9100, "longer", end_ms=T0 + 12_701), T0)
    file.close()
    assert texts(path) == ["Good morning.", "Grace?", "Yes.", "long", "longer"]
    assert file.count == 5
    assert "00:00:00.000 --> 00:00:01.500\n<v Ada>Good morning." in path.read_text("utf-8")


def test_live_captions() -> None:
    """Only what was said in the last seconds is there, corrected and once."""
    live = LiveCaptions(3)
    assert live.cues() == []
    assert live.add(caption(0, "first", end_ms=T0 + 1000))
    assert live.add(caption(3000, "secnd", end_ms=T0 + 4000))
    assert not live.add(caption(3000, "secnd", end_ms=T0 + 4000))
    assert [cue.text for cue in live.cues()] == ["first", "secnd"]
    assert live.add(caption(3000, "second", attribute=DataAttribute.UPDATE, end_ms=T0 + 4001))
    assert live.cues() == [
        Cue(start_ms=3000, end_ms=4001, text="second", user_id=ADA, user_name="Ada")
    ]
    assert live.add(caption(3000, "", attribute=DataAttribute.DELETE))
    assert live.cues() == []


def test_live_captions_are_bounded() -> None:
    """However much is said in the time, only the last cues are kept."""
    live = LiveCaptions(3600, start_ms=T0, join_pause_ms=0)
    for number in range(100):
        live.add(caption(number, str(number), user_id=number))
    assert [cue.text for cue in live.cues()] == [str(number) for number in range(36, 100)]


def test_live_captions_need_a_time() -> None:
    """No time at all is a mistake."""
    with pytest.raises(InvalidParameters, match="seconds: got 0; use a positive, finite number"):
        LiveCaptions(0)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1])
def test_live_captions_need_a_finite_time(seconds: float) -> None:
    """What is no time is said so, not some error of arithmetic."""
    with pytest.raises(InvalidParameters, match="use a positive, finite number"):
        LiveCaptions(seconds)


YEARS = 5 * 365 * 86_400_000


@pytest.mark.parametrize("wrong_ms", [-T0, -YEARS, 1_800_000, YEARS])
def test_live_captions_with_one_wrong_time(wrong_ms: int) -> None:
    """It does not hide what comes next, nor change its times."""
    live = LiveCaptions(10)
    for at_ms, text in ((0, "one"), (1000, "two"), (wrong_ms, "wrong"), (3000, "three")):
        assert live.add(caption(at_ms, text))
    assert [cue.text for cue in live.cues()][-1] == "three"
    live.add(caption(4000, "four"))
    assert [(cue.text, cue.start_ms) for cue in live.cues()][-2:] == [
        ("three", 3000),
        ("four", 4000),
    ]


@pytest.mark.parametrize("wrong_ms", [-T0, YEARS])
def test_live_captions_whose_first_time_is_wrong(wrong_ms: int) -> None:
    """Everything is shown when it comes, and times count from the first right one."""
    live = LiveCaptions(10)
    live.add(caption(wrong_ms, "wrong"))
    live.add(caption(0, "one"))
    assert "one" in [cue.text for cue in live.cues()]
    live.add(caption(1000, "two"))
    live.add(caption(2000, "three"))
    right = [(cue.text, cue.start_ms) for cue in live.cues() if cue.text != "wrong"]
    assert right[-2:] == [("two", 1000), ("three", 2000)]


def test_live_captions_that_begin_out_of_order() -> None:
    """Short ones may overtake a long one: all are shown."""
    live = LiveCaptions(10)
    for at_ms, text in ((10_000, "one"), (9500, "two"), (9800, "three")):
        live.add(caption(at_ms, text))
    assert {cue.text for cue in live.cues()} == {"one", "two", "three"}


@pytest.mark.parametrize("attribute", [None, DataAttribute.UPDATE, DataAttribute.DELETE])
def test_what_is_old_takes_no_live_caption_away(attribute: DataAttribute | None) -> None:
    """A correction of what was said long ago, or a repetition, does not tell the time."""
    live = LiveCaptions(300)
    for at_ms in range(0, 201_000, 20_000):
        live.add(caption(at_ms, f"at {at_ms}"))
    live.add(caption(20_000, "at 20000", attribute=attribute))
    assert [cue.text for cue in live.cues()][-1] == "at 200000"


def test_a_long_caption_hides_nothing() -> None:
    """What others said meanwhile came before it, and stays."""
    live = LiveCaptions(10, start_ms=T0)
    live.add(caption(170_000, "short", start_ms=T0 + 170_000, end_ms=T0 + 172_000))
    live.add(caption(41_500, "long", start_ms=T0 + 41_500, end_ms=T0 + 175_000))
    assert [cue.text for cue in live.cues()] == ["long", "short"]


def test_starts_and_ends_that_cannot_be_true(path: Path) -> None:
    """The time stamp counts instead, and the length of the text."""
    file = CaptionFile(path)
    file.add(caption(1000, "one", start_ms=T0 + YEARS, end_ms=T0 + YEARS + 500), T0)
    file.add(caption(3000, "two", start_ms=T0 + 3000, end_ms=T0 + YEARS), T0)
    file.close()
    assert [line for line in path.read_text("utf-8").splitlines() if "-->" in line] == [
        "00:00:01.000 --> 00:00:02.000",
        "00:00:03.000 --> 00:00:04.000",
    ]
