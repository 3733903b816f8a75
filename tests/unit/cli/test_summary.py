"""The summary at the end, written out."""

import io
from pathlib import Path

import pytest
from tests.unit.cli.items import DELTA, GRACE, START, audio, caption, share, video

from rtms_client._cli.failures import CommandError
from rtms_client._cli.session import Outcome
from rtms_client._cli.summary import report, summary
from rtms_client._cli.tally import Tally
from rtms_client.enums import MediaType
from rtms_client.events import Gap, GapCause, StreamItem
from rtms_client.media import Recorder, SessionClock


def recorded(folder: Path, *items: StreamItem) -> tuple[Outcome, Tally, SessionClock]:
    """Record items."""
    tally, clock = Tally(), SessionClock()
    recorder = Recorder(folder, now_ms=lambda: 1)
    for item in items:
        clock.place(item)
        recorder.write(item)
        tally.add(item)
    recorder.close()
    return Outcome(recorder, "the meeting is over"), tally, clock


def test_summary(tmp_path: Path) -> None:
    """What came, what was lost, what is where."""
    outcome, tally, clock = recorded(
        tmp_path,
        START,
        audio(0),
        audio(0, user_id=GRACE),
        video(0, DELTA),
        share(0),
        caption(5_000, "Hello"),
        Gap(media=MediaType.AUDIO, cause=GapCause.DROPPED, items=3),
    )
    lines = list(summary(outcome, tally, clock))
    assert lines[:-1] == [
        "",
        "the meeting is over, 00:05.0 of the session",
        "",
        "  audio              2 packets    1.3 kB",
        "  video              1 frame        10 B",
        "  share              1 frame         4 B",
        "  transcript         1 caption       5 B",
        "  spoken     Ada 00:00.0, Grace 00:00.0",
        "  lost       3 items in 1 gap",
        "  left out   video frames before a key frame: 1",
        "",
        f"{tmp_path}:",
        "  audio.wav          160 kB  everybody, mixed, 00:05.0",
        "  audio-ada.wav      160 kB  Ada, 00:05.0",
        "  audio-grace.wav    160 kB  Grace, 00:05.0",
        "  share-001.jpg         4 B  share, picture 1 of 1",
        "  captions.vtt         52 B  1 caption with speakers",
    ]
    assert lines[-1].startswith("  session.jsonl ")


def test_nothing_received(tmp_path: Path) -> None:
    """An empty recording is said to be empty."""
    outcome, tally, clock = recorded(tmp_path)
    lines = list(summary(outcome, tally, clock))
    assert lines[3:5] == ["  nothing was received", "  lost       0 items"]
    assert lines[-1] == "  session.jsonl       0 B  0 items, media as sizes only, JSON lines"


def test_many_speakers(tmp_path: Path) -> None:
    """Lists stay short."""
    people = [audio(0, user_id=number, user_name=f"P{number}") for number in range(1, 31)]
    outcome, tally, clock = recorded(tmp_path, START, *people)
    lines = list(summary(outcome, tally, clock))
    assert lines[4].startswith("  spoken     P1 00:00.0, P2 00:00.0,")
    assert lines[4].endswith("P10 00:00.0 and 20 more")
    assert len(lines) == 5 + 3 + 20 + 1
    assert lines[-2].startswith("  session.jsonl ")
    assert lines[-1] == "  and 12 more"


def test_the_exit_code_is_that_of_the_outcome(tmp_path: Path) -> None:
    """An interruption is no error."""
    outcome, tally, clock = recorded(tmp_path)
    outcome.exit_code = 130
    assert report(outcome, tally, clock, io.StringIO()) == 130


def test_an_abnormal_end_is_an_error(tmp_path: Path) -> None:
    """The summary comes all the same."""
    outcome, tally, clock = recorded(tmp_path)
    outcome.exit_code, outcome.error = 1, "connection lost"
    out = io.StringIO()
    with pytest.raises(CommandError, match="connection lost") as caught:
        report(outcome, tally, clock, out)
    assert caught.value.exit_code == 1
    assert "nothing was received" in out.getvalue()
