"""``replay``, ``inspect`` and ``captions`` of recordings, and what they say of bad ones."""

import html.parser
import json
import sys
from pathlib import Path

import pytest
from tests.unit.cli.terminal import Terminal
from tests.unit.cli.wires import hear, incident, join, sound, wire
from typing_extensions import override

from rtms_client.__main__ import main
from rtms_client._cli.incident import Series, examine
from rtms_client.protocol import StreamSession
from rtms_client.testing import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Record an incident."""
    return wire(tmp_path / "wire.jsonl", incident)


def test_replay_says_what_happened(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each event, with its time, and a summary."""
    assert main(["replay", str(recording)]) == 0
    text = capsys.readouterr().out
    assert "  00:03.0  INTERRUPTED: audio: audio connection closed with 1011" in text
    assert "  00:03.0  audio: try 1 in 0.5 s" in text
    assert "audio resumed after 2.0 s" in text
    assert "ended: STREAM_CANCELED, after 00:08.0" in text
    assert "audio 200" in text


def test_replay_for_machines(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Items go to standard output, the summary does not."""
    assert main(["replay", str(recording), "--json"]) == 0
    out, err = capsys.readouterr()
    types = [json.loads(line)["type"] for line in out.splitlines()]
    assert types.count("AudioFrame") == 200
    assert "StreamInterrupted" in types
    assert "audio 200" in err


def test_replays_are_identical(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five of them, compared item by item."""
    assert main(["replay", str(recording), "--times", "5"]) == 0
    assert capsys.readouterr().out.startswith("5 replays, 2")


def test_replays_that_differ(
    recording: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes meanwhile is noticed."""
    from rtms_client._cli import replay  # noqa: PLC0415

    digests = iter(["a", "b"])
    monkeypatch.setattr(replay, "_digest", lambda _: (next(digests), 1))
    assert main(["replay", str(recording), "--times", "2"]) == 1
    assert "replay 2 differs from the first one" in capsys.readouterr().err


def test_replay_of_an_abnormal_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error of the stream is part of the summary; captions have their speakers."""

    def play(session: StreamSession) -> None:
        join(session)
        hear(session, 1, 101.0, msg_type=18, content={"data": "nobody asked"})
        session.lost(1, 1006, "", 101.0)
        session.timer(101.5)
        session.opened(3, 101.6)
        hear(session, 3, 101.7, msg_type=2, status_code=3)

    path = wire(tmp_path / "wire.jsonl", play)
    for command in ("replay", "inspect"):
        assert main([command, str(path)]) == 0
        assert "signaling handshake refused with status 3" in capsys.readouterr().out


def test_inspect_draws_lanes(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each connection, gap and rate has a lane over one axis."""
    assert main(["inspect", str(recording)]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line[:12].strip() for line in lines[5:12]]
    assert names == ["", "state", "signaling", "audio", "lost audio", "audio/s", "audio delay"]
    assert "✕" in lines[8]
    assert "audio       5 opened, 4 ended in trouble" in lines
    assert "  00:03.6  audio: expected a WebSocket connection" in "\n".join(lines)
    assert "  00:04.3  audio refused: INTERNAL_EXCEPTION" in lines


def test_inspect_on_a_terminal(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours, as wide as the terminal."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["inspect", str(recording)]) == 0
    assert "\x1b[32m" in terminal.getvalue()
    assert max(len(line) for line in terminal.screen()[5:11]) == 59


class Page(html.parser.HTMLParser):
    """Notes the elements of a page and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.references: list[str] = []
        self.open: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.references += [name for name, _ in attrs if name in {"src", "href", "srcset"}]
        if tag != "meta":
            self.open.append(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_inspect_writes_a_page(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is well-formed, shows what happened, and needs nothing from elsewhere."""
    target = tmp_path / "incident.html"
    assert main(["inspect", str(recording), "--html", str(target)]) == 0
    assert f"page: {target}; open it in any browser" in capsys.readouterr().out
    text = target.read_text("utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.references == []
    assert page.counts["svg"] == 1
    assert text.count('class="cross"') == 4
    assert "@import" not in text
    assert "url(" not in text
    for expected in (
        "lost audio",
        "audio frames",
        "audio delay",
        "audio refused",
        "closed with 1011",
    ):
        assert expected in text


def test_the_page_is_safe(tmp_path: Path) -> None:
    """What strangers say is text, never markup."""

    def play(session: StreamSession) -> None:
        join(session)
        session.lost(2, 1011, "<script>alert(1)</script>", 101.0)

    path = wire(tmp_path / "wire.jsonl", play)
    target = tmp_path / "page.html"
    assert main(["inspect", str(path), "--html", str(target)]) == 0
    assert "<script" not in target.read_text("utf-8")


def test_a_page_of_nothing(tmp_path: Path) -> None:
    """A recording without any input has a page, too."""
    path = wire(tmp_path / "wire.jsonl", lambda _: None)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    target = tmp_path / "page.html"
    assert main(["inspect", str(path), "--html", str(target)]) == 0
    assert "the recording ends before the stream" in target.read_text("utf-8")


def test_a_page_that_cannot_be_written(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the file."""
    target = tmp_path / "missing" / "page.html"
    assert main(["inspect", str(recording), "--html", str(target)]) == 1
    assert capsys.readouterr().err.endswith("No such file or directory; choose another file\n")


def test_inspect_for_machines(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything as one object."""
    assert main(["inspect", str(recording), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ending"] == "ended: STREAM_CANCELED"
    assert [one["endpoint"] for one in found["sockets"]].count("audio") == 5
    assert sum(found["frames"]["audio"]["values"]) == 200
    assert found["gaps"][0]["name"] == "audio"


def test_a_long_recording_has_wider_bins() -> None:
    """The number of bins is bounded."""
    series = Series(lambda first, second: first + second)
    for at_s in range(0, 5001, 10):
        series.add(at_s, 1.0)
    assert len(series.bins) <= 600
    assert series.width_s == 16
    assert sum(series.bins) == 501
    assert series.highest == 2


def test_the_last_bin_stands_for_a_whole_one() -> None:
    """Otherwise every rate would fall at the end."""
    series = Series(lambda first, second: first + second)
    for at_s in (0.1, 0.2, 0.6):
        series.add(at_s, 3.0)
    series.complete(0.8)
    assert series.bins == pytest.approx([6.0, 5.0])
    series.complete(0.6)
    assert series.bins == [6.0, 6.0]
    alone = Series(max)
    alone.add(0.1, 3.0)
    alone.complete(0.2)
    assert alone.bins == [3.0]


def test_too_much_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown is bounded, and what is left out is said."""
    from rtms_client._cli import incident as module  # noqa: PLC0415

    monkeypatch.setattr(module, "_MAX_MARKS", 1)
    monkeypatch.setattr(module, "_MAX_SOCKETS", 1)
    found = examine(Recording.load(wire(tmp_path / "wire.jsonl", incident)))
    assert len(found.marks) == len(found.phases) == len(found.gaps) == 1
    assert len(found.sockets) == 1
    assert found.left_out > 5
    target = tmp_path / "page.html"
    assert main(["inspect", str(tmp_path / "wire.jsonl"), "--html", str(target)]) == 0
    assert f"and {found.left_out} more" in target.read_text("utf-8")


def test_many_events_are_cut_in_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page has them all."""

    def play(session: StreamSession) -> None:
        join(session)
        for turn in range(100):
            session.receive(1, b"no JSON", 101.0 + turn)

    path = wire(tmp_path / "wire.jsonl", play)
    assert main(["inspect", str(path)]) == 0
    assert "more; `--html FILE` shows them, `replay` all of them" in capsys.readouterr().out


def test_a_pause_and_long_delays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gap of everything has a lane of its own; long delays are shown in seconds."""

    def play(session: StreamSession) -> None:
        join(session)
        sound(session, 2, 101.0, 0)
        hear(session, 1, 101.1, msg_type=8, state=5, timestamp=1790000000100)
        hear(session, 1, 102.1, msg_type=8, state=6, timestamp=1790000001100)
        sound(session, 2, 110.0, 2000)
        hear(session, 2, 111.0, msg_type=4, status_code=0)
        session.close(112.0)
        session.timer(117.0)

    path = wire(tmp_path / "wire.jsonl", play)
    target = tmp_path / "page.html"
    assert main(["inspect", str(path), "--html", str(target)]) == 0
    assert "lost all" in capsys.readouterr().out
    assert "peak 7.0 s" in target.read_text("utf-8")


def test_what_broke_stays_visible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cross is not painted over by the next connection, which opens within the same column."""

    def play(session: StreamSession) -> None:
        join(session)
        session.lost(2, 1011, "", 101.0)
        session.lost(77, 1011, "a connection that nobody knows", 101.1)
        session.timer(101.5)
        session.opened(3, 101.5)
        hear(session, 3, 101.5, msg_type=4, status_code=0)
        hear(session, 1, 1100.0, msg_type=12)

    path = wire(tmp_path / "wire.jsonl", play)
    target = tmp_path / "page.html"
    assert main(["inspect", str(path), "--html", str(target)]) == 0
    lines = capsys.readouterr().out.splitlines()
    lane = next(line for line in lines if line.startswith("audio "))
    assert lane[14:18] == "✕───"
    assert "connection 3: 1 message; " in target.read_text("utf-8")


def test_a_moment_has_ticks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recording of a few milliseconds has an axis, events and a curve that tell them apart."""

    def play(session: StreamSession) -> None:
        session.start(100.0)
        session.opened(1, 100.0)
        urls = {"audio": "wss://rtms.zoom.us/a"}
        hear(session, 1, 100.001, msg_type=2, status_code=0, media_server={"server_urls": urls})
        session.opened(2, 100.002)
        hear(session, 2, 100.003, msg_type=4, status_code=0)
        sound(session, 2, 100.003, 0)
        session.lost(2, 1011, "", 100.004)

    path = wire(tmp_path / "wire.jsonl", play)
    target = tmp_path / "page.html"
    assert main(["inspect", str(path), "--html", str(target)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[5].split() == ["0", "ms", "1", "ms", "2", "ms", "3", "ms", "4", "ms"]
    page = target.read_text("utf-8")
    assert [f">{tick}</text>" in page for tick in ("0 ms", "1.5 ms", "4 ms")] == [True] * 3
    assert '<td class="at">4 ms</td>' in page
    assert (
        len({point.split(",")[0] for point in page.split('points="')[2].split('"')[0].split()}) == 2
    )


def test_buffers_that_ran_over(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How full they were, and what was dropped, by consumer; quiet ones are left out."""
    lines = recording.read_text("utf-8").splitlines()
    slow = {"consumer": "iterator", "medium": "audio", "high": 40, "dropped": 3}
    idle = {"consumer": "callback", "medium": "audio", "high": 0, "dropped": 0}
    lines.insert(-1, json.dumps({"t": 107.0, "buffers": [slow, idle]}))
    recording.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = recording.with_name("page.html")
    assert main(["inspect", str(recording), "--html", str(target)]) == 0
    said = capsys.readouterr().out
    assert "buffer      iterator: audio: 40 items at most, 3 dropped" in said.splitlines()
    assert "callback" not in said
    assert "peak 40 waited" in target.read_text("utf-8")


def test_sockets_that_time_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A connection that was given up is in trouble, one without a status was refused."""

    def play(session: StreamSession) -> None:
        join(session)
        session.timer(170.0)
        session.timer(171.0)
        session.opened(3, 171.1)
        hear(session, 3, 171.2, msg_type=2)

    path = wire(tmp_path / "wire.jsonl", play)
    assert main(["inspect", str(path), "--json"]) == 0
    ends = [one["end"] for one in json.loads(capsys.readouterr().out)["sockets"]]
    assert "given up: time-out" in ends
    assert "refused: no status" in ends


@pytest.mark.parametrize("command", ["replay", "inspect", "captions"])
def test_files_that_are_no_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The error names the file and what is wrong."""
    assert main([command, str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err.endswith("missing: No such file or directory\n")
    (tmp_path / "text").write_text("hello\n")
    assert main([command, str(tmp_path / "text")]) == 2
    assert "text, line 1: expected a JSON object" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["replay", "inspect", "captions"])
def test_folders_are_no_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """What ``--out`` was given for is not what ``--wire`` was given for."""
    assert main([command, str(tmp_path)]) == 2
    assert "is a folder; pass the file that `record --wire FILE`" in capsys.readouterr().err


def test_captions_of_an_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever passes it as a recording hears where it goes."""
    (tmp_path / "started.json").write_text("{}\n")
    assert main(["captions", str(tmp_path / "started.json")]) == 2
    assert capsys.readouterr().err.endswith("; a started webhook goes to --event\n")


def test_captions_of_a_recording_without_any(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What interrupts them is shown all the same."""
    assert main(["captions", str(recording)]) == 0
    out, err = capsys.readouterr()
    assert "-- audio resumed after 2.0 s" in out
    assert err == "no captions in this recording: was the transcript asked for?\n"


@pytest.mark.parametrize("options", [[], ["wire.jsonl", "--event", "-"]], ids=["none", "both"])
def test_captions_of_what(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    """Either a recording or an event."""
    assert main(["captions", *options]) == 2
    assert "pass either a RECORDING or --event FILE" in capsys.readouterr().err


def test_a_reader_that_goes_away(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said when ``| head`` has enough."""

    class Closed(Terminal):
        @override
        def write(self, text: str) -> int:
            raise BrokenPipeError

        @override
        def fileno(self) -> int:
            raise ValueError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["replay", str(recording)]) == 130
