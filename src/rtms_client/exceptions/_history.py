"""What was tried before a stream was given up, as a few words for the text of an error."""

from collections.abc import Sequence
from typing import Final

__all__ = ["steps"]

_CAUSES: Final = 4
_LONGEST: Final = 160


def steps(history: Sequence[tuple[float, str]]) -> str:
    """Return what was tried, for the end of a text: each cause once, the last one always.

    Args:
        history: What happened, oldest first: seconds, and the failure.
    """
    times: dict[str, list[float]] = {}
    for when, what in history:
        times[what] = [*times.pop(what, ()), when]  # in the order of the last time
    parts = [_step(what, whens) for what, whens in times.items()]
    if len(parts) > _CAUSES:
        left_out = len(parts) - _CAUSES
        parts[_CAUSES - 1 : -1] = [f"{left_out} more in `history`"]
    return f" ({'; '.join(parts)})" if parts else ""


def _step(what: str, whens: Sequence[float]) -> str:
    if len(what) > _LONGEST:
        what = f"{what[:_LONGEST]}..."
    if len(whens) == 1:
        return f"+{whens[0]:.1f} s {what}"
    return f"+{whens[0]:.1f} s to +{whens[-1]:.1f} s, {len(whens)} times: {what}"
