"""What is said at the end: what came, what was lost, which files there are."""

from collections.abc import Iterator
from typing import Final, TextIO

from rtms_client.enums import MediaType
from rtms_client.media import SessionClock

from .failures import CommandError
from .session import Outcome
from .tally import Tally
from .text import clean, clip, clock_time, counted, volume

__all__ = ["report", "summary"]

_UNITS: Final = {
    MediaType.AUDIO: "packet",
    MediaType.VIDEO: "frame",
    MediaType.SHARE: "frame",
    MediaType.TRANSCRIPT: "caption",
    MediaType.CHAT: "message",
}
_MAX_VOICES: Final = 10
_MAX_FILES: Final = 20


def report(outcome: Outcome, tally: Tally, clock: SessionClock, out: TextIO) -> int:
    """Write the summary; returns the exit code.

    Raises:
        CommandError: The stream ended abnormally.
    """
    for line in summary(outcome, tally, clock):
        print(line, file=out)
    if outcome.error is not None:
        raise CommandError(outcome.exit_code, outcome.error)
    return outcome.exit_code


def summary(outcome: Outcome, tally: Tally, clock: SessionClock) -> Iterator[str]:
    """Yield the lines of the summary.

    Args:
        outcome: How the session ended.
        tally: What arrived.
        clock: Time of the session.
    """
    yield ""
    yield f"{outcome.ending}, {clock_time(clock.length_ms)} of the session"
    yield ""
    yield from _received(tally)
    yield from _losses(outcome, tally)
    yield ""
    files = outcome.recorder.files()
    yield f"{files[-1].path.parent}:"
    width = max(len(file.path.name) for file in files[:_MAX_FILES]) + 1
    for file in files if len(files) <= _MAX_FILES else [*files[: _MAX_FILES - 1], files[-1]]:
        size = volume(file.path.stat().st_size)
        length = "" if file.duration_ms is None else f", {clock_time(file.duration_ms)}"
        yield f"  {clip(file.path.name, width)} {size:>8}  {clean(file.what)}{length}"
    if len(files) > _MAX_FILES:
        yield f"  and {len(files) - _MAX_FILES} more"


def _received(tally: Tally) -> Iterator[str]:
    if not tally.counters:
        yield "  nothing was received"
    for medium, counter in sorted(tally.counters.items()):
        name = str(medium.name).lower()
        number, _, unit = counted(counter.items, _UNITS[medium]).partition(" ")
        yield f"  {name:<10} {number:>9} {unit:<8} {volume(counter.size):>8}"
    voices = list(tally.voices.values())
    if voices:
        spoke = [f"{voice.name} {clock_time(voice.spoken_ms)}" for voice in voices[:_MAX_VOICES]]
        more = f" and {len(voices) - _MAX_VOICES} more" if len(voices) > _MAX_VOICES else ""
        yield f"  spoken     {', '.join(spoke)}{more}"


def _losses(outcome: Outcome, tally: Tally) -> Iterator[str]:
    yield f"  lost       {tally.losses()}"
    for what, count in outcome.recorder.problems().items():
        yield f"  left out   {what}: {count:,}"
