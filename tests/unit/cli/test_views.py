"""Plain lines and JSON lines."""

import io

from tests.unit.cli.items import ADA, START, audio

from rtms_client._cli.tally import Line, Tally
from rtms_client._cli.views import JsonView, PlainView
from rtms_client.events import ActiveSpeakerChanged
from rtms_client.media._clock import SessionClock


def test_a_line_for_everything_that_happens() -> None:
    """Lines have the time of the session and who said it; what nobody reads has none."""
    out = io.StringIO()
    view = PlainView(out, Tally(), SessionClock())
    view.say("joining")
    view.show(2850, Line("Hello", "Ada"), "{}")
    view.show(None, Line("stream paused"), "{}")
    view.show(2900, None, "{}")
    view.tick()
    view.close()
    assert out.getvalue().splitlines() == [
        "joining",
        "  00:02.8  Ada: Hello",
        "           stream paused",
    ]


def test_counters_every_five_seconds() -> None:
    """A line with all counters shows that the program lives."""
    now = 100.0
    out, tally, clock = io.StringIO(), Tally(), SessionClock()
    view = PlainView(out, tally, clock, lambda: now)
    now = 104.9
    view.tick()
    assert out.getvalue() == ""
    now = 105.0
    view.tick()
    view.tick()
    for item in (START, audio(7_000), ActiveSpeakerChanged(user_id=ADA)):
        clock.place(item)
        tally.add(item)
    now = 110.0
    view.tick()
    assert out.getvalue().splitlines() == [
        "  00:00.0  -- waiting: nothing yet  lost 0",
        "  00:07.0  -- waiting, Ada speaks: audio 1  lost 0",
    ]


def test_json_and_nothing_else() -> None:
    """Items go to one output, words of the command to another."""
    out, messages = io.StringIO(), io.StringIO()
    view = JsonView(out, messages)
    view.say("joining")
    view.show(0, Line("Hello", "Ada"), '{"a":1}')
    view.show(None, None, '{"a":2}')
    view.tick()
    view.close()
    assert out.getvalue() == '{"a":1}\n{"a":2}\n'
    assert messages.getvalue() == "joining\n"
