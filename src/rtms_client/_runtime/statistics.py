"""The counters of one stream, from all its parts."""

from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from rtms_client._runtime.buffers import BufferStatistics, Hub
from rtms_client._runtime.dispatch import CallbackRunner
from rtms_client.protocol import CoreStatistics

__all__ = ["StreamStatistics", "snapshot"]


@attrs.frozen(kw_only=True)
class StreamStatistics:
    """Counters of one stream; they only grow, except what the buffers hold now."""

    core: CoreStatistics
    buffers: tuple[BufferStatistics, ...]
    callback_errors: Mapping[str, int]
    """How often each callback raised."""


def snapshot(core: CoreStatistics, hub: Hub, runners: Iterable[CallbackRunner]) -> StreamStatistics:
    """Copy all counters; may be called from any thread."""
    errors: Counter[str] = Counter()
    for runner in tuple(runners):
        errors[runner.name] += runner.errors
    return StreamStatistics(
        core=attrs.evolve(core, frames=dict(core.frames), flaws=attrs.evolve(core.flaws)),
        buffers=hub.statistics(),
        callback_errors=errors,
    )
