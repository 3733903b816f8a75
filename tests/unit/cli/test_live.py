"""The live view, as it looks on a terminal of a given size."""

import pytest
from rich.console import Console
from tests.unit.cli.items import ADA, GRACE, START, audio, caption, pcm, video
from tests.unit.cli.terminal import Terminal

from rtms_client._cli.live import LiveView, meter
from rtms_client._cli.tally import Line, Tally
from rtms_client.enums import MediaType, StreamState
from rtms_client.events import ActiveSpeakerChanged, Gap, GapCause, StreamItem, StreamStateChanged
from rtms_client.media._clock import SessionClock

HALF = pcm(16422, -16422, count=160)  # -6 dBFS


class Scene:
    """A view on a terminal, with a clock that stands still."""

    def __init__(
        self,
        columns: int = 80,
        rows: int = 24,
        *,
        total_ms: int | None = 20_000,
        colour: bool = False,
        kind: type[Terminal] = Terminal,
    ) -> None:
        self.now = 100.0

        def now() -> float:
            return self.now

        self.terminal = kind(columns, rows)
        self.tally, self.clock = Tally(now), SessionClock()
        console = Console(
            file=self.terminal,
            width=columns,
            height=rows,
            color_system="standard" if colour else None,
            legacy_windows=False,
            _environ={},
        )
        self.view = LiveView(
            console, self.tally, self.clock, title="demo", total_ms=total_ms, now=now
        )

    def show(self, *items: StreamItem) -> None:
        """Let items arrive."""
        for item in items:
            at_ms = self.clock.place(item)
            self.view.show(at_ms, self.tally.add(item), "")

    def tick(self, seconds: float = 1.0) -> list[str]:
        """Let time pass; returns what is on the screen."""
        self.now += seconds
        self.view.tick()
        return self.terminal.screen()


def test_a_meeting() -> None:
    """Captions scroll by; below them stand progress, meters and counters."""
    scene = Scene()
    scene.view.say("joining")
    scene.show(START, StreamStateChanged(state=StreamState.ACTIVE))
    scene.show(ActiveSpeakerChanged(user_id=ADA), caption(600, "Good morning."))
    scene.now += 1
    scene.show(audio(10_000, HALF), audio(10_000, pcm(0, count=320), user_id=GRACE), video())
    assert scene.tick(0) == [
        "joining",
        "  00:00.6  Ada: Good morning.",
        "",
        "demo · active · Ada speaks  ━━━━━━━━━━━━━━━━╸                  00:10.0 / 00:20.0",
        "▶ Ada   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸       -6 dB 00:00.0",
        "  Grace                                           silent 00:00.0",
        "  audio 2  video 1 (Ada)  transcript 1  lost 0  1.3 kB",
    ]


def test_the_block_is_drawn_anew_in_its_place() -> None:
    """What happens meanwhile is inserted above it; there is one write per drawing."""
    scene = Scene(total_ms=None)
    scene.show(START)
    scene.tick()
    assert scene.terminal.screen() == [
        "",
        "demo · waiting                                                           00:00.0",
        "  nothing yet  lost 0  0 B",
    ]
    scene.show(caption(600, "One."), caption(700, "Two."))
    before = scene.terminal.writes
    scene.tick()
    assert scene.terminal.writes == before + 1
    scene.show(caption(800, "Three."))
    assert scene.tick() == [
        "  00:00.6  Ada: One.",
        "  00:00.7  Ada: Two.",
        "  00:00.8  Ada: Three.",
        "",
        "demo · waiting                                                           00:00.8",
        "  transcript 3  lost 0  14 B",
    ]


def test_long_captions_wrap() -> None:
    """They stand above the block, between words."""
    scene = Scene(40, total_ms=None)
    scene.show(START, caption(600, "This is longer than the terminal is wide."))
    scene.tick()
    assert scene.tick() == [
        "  00:00.6  Ada: This is longer than the",
        "terminal is wide.",
        "",
        "demo · waiting                   00:01.6",
        "  transcript 1  lost 0  41 B",
    ]


def test_ten_drawings_a_second() -> None:
    """More often would only cost time."""
    scene = Scene()
    scene.tick()
    drawn = scene.terminal.writes
    scene.tick(0.0625)
    assert scene.terminal.writes == drawn
    scene.tick(0.0625)
    assert scene.terminal.writes == drawn + 1


def test_the_cursor_comes_back() -> None:
    """At the end the block is gone, and what happened stays."""
    scene = Scene()
    scene.show(START, caption(600, "Bye."))
    scene.tick()
    hidden = not scene.terminal.cursor_visible
    assert hidden
    scene.show(caption(700, "Last."))
    scene.view.close()
    screen = "\n".join(scene.terminal.screen()).rstrip("\n")
    assert screen == "  00:00.6  Ada: Bye.\n  00:00.7  Ada: Last."
    assert scene.terminal.cursor_visible
    written = scene.terminal.writes
    scene.view.close()
    assert scene.terminal.writes == written


def test_closing_what_was_never_drawn() -> None:
    """Nothing is written to the terminal then."""
    scene = Scene()
    scene.view.close()
    assert scene.terminal.getvalue() == ""


def test_time_goes_on_in_silence() -> None:
    """While nothing arrives, the time runs on, up to the expected length."""
    scene = Scene(total_ms=20_000)
    scene.show(START, audio(9_980))
    assert "00:09.9 / 00:20.0" in scene.tick(0)[1]
    assert "00:12.4 / 00:20.0" in scene.tick(2.5)[1]
    assert "00:20.0 / 00:20.0" in scene.tick(60)[1]


@pytest.mark.parametrize("columns", [20, 40, 200])
def test_widths(columns: int) -> None:
    """No line is too long, whatever the width: an overlong one would break the drawing."""
    scene = Scene(columns)
    scene.show(START, ActiveSpeakerChanged(user_id=ADA), audio(10_000, HALF), audio(0, user_id=2))
    scene.show(caption(10_000, "Word " * 60))
    scene.tick()
    screen = scene.tick()
    assert max(map(len, screen)) <= columns
    assert screen[-1].startswith("  audio 2  transcr")


def test_a_low_terminal() -> None:
    """Rows that are not there are not used."""
    scene = Scene(40, 4)
    people = [audio(0, user_id=number, user_name=f"Person {number}") for number in range(1, 4)]
    scene.show(START, *people)
    scene.tick()
    screen = scene.tick()
    assert len(screen) == 4
    assert [line[:10] for line in screen[1:]] == ["demo · wai", "  Person 1", "  and 2 mo"]


def test_wide_names_do_not_break_the_columns() -> None:
    """Characters of two columns are counted as two."""
    scene = Scene(80)
    scene.show(START, audio(0, HALF, user_id=1, user_name="世界" * 9), audio(0, HALF, user_id=2))
    first, second = scene.tick(0)[2:4]
    assert first.startswith("  世界世界世界世 … ━")
    assert first.index("━") + 7 == second.index("━")


def test_names_are_no_markup() -> None:
    """What strangers call themselves has no effect."""
    scene = Scene()
    scene.show(
        START, caption(0, "[b]:smile:", user_name="[red]Eve"), audio(0, user_name="[red]Eve")
    )
    screen = scene.tick()
    assert screen[0] == "  00:00.0  [red]Eve: [b]:smile:"
    assert screen[3].startswith("  [red]Eve ")


def test_the_latest_speakers_are_shown() -> None:
    """When there are too many, those heard last are, in the order of their first word."""
    scene = Scene(80, 30)
    for number in range(1, 12):
        scene.now += 1
        scene.show(audio(0, user_id=number, user_name=f"Person {number}"))
    scene.now += 1
    scene.show(audio(20, user_id=1, user_name="Person 1"))
    names = [line[2:11].strip() for line in scene.tick(0)[2:-2]]
    assert names == ["Person 1", *(f"Person {number}" for number in range(5, 12))]
    assert scene.terminal.screen()[-2] == "  and 3 more"


@pytest.mark.parametrize(
    ("level_db", "share"),
    [(None, 0.0), (-70.0, 0.0), (-60.0, 0.0), (-30.0, 0.5), (0.0, 1.0), (1.0, 1.0)],
    ids=["silence", "below", "lowest", "half", "full", "above"],
)
def test_meter(level_db: float | None, share: float) -> None:
    """The bar goes from -60 dBFS to full scale."""
    assert meter(level_db).percentage_completed == pytest.approx(share * 100)


@pytest.mark.parametrize(
    ("level_db", "colour"),
    [(-20.0, "green"), (-11.0, "yellow"), (-2.0, "red"), (0.0, "red")],
    ids=["well", "loud", "too-loud", "full"],
)
def test_meter_colours(level_db: float, colour: str) -> None:
    """Green, yellow when loud, red when too loud."""
    bar = meter(level_db)
    assert bar.complete_style == bar.finished_style == colour


def test_without_unicode() -> None:
    """Terminals that know only ASCII get bars of ASCII."""

    class Ascii(Terminal):
        encoding = "ascii"

    scene = Scene(kind=Ascii)
    scene.show(START, ActiveSpeakerChanged(user_id=ADA), audio(10_000, HALF))
    screen = scene.tick(0)
    assert "----" in screen[1]
    assert screen[2].startswith("> Ada")
    assert "-----" in screen[2]


def test_colours() -> None:
    """Everybody has a colour, chat the same as speech; a loss is red."""
    scene = Scene(colour=True)
    scene.show(START, caption(0, "Hi"), caption(0, "Ho", user_id=GRACE))
    scene.view.show(None, Line("psst", "Ada (chat)"), "")
    scene.show(Gap(media=MediaType.AUDIO, cause=GapCause.DROPPED, items=3))
    scene.tick()
    written = scene.terminal.getvalue()
    assert "\x1b[36mAda\x1b[0m: Hi" in written
    assert "\x1b[35mGrace\x1b[0m: Ho" in written
    assert "\x1b[36mAda (chat)\x1b[0m: psst" in written
    assert "LOST: 3 of audio, dropped\x1b[0m\n" in written
    assert "\x1b[31m  transcript 2  lost 3" in written
