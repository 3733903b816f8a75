"""What the library keeps; resident memory itself is measured by ``benchmarks/memory.py``."""

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
from tests.integration.support import client_for, info_of, joined

import rtms_client
from rtms_client import AudioFrame, AudioParams, ItemIterator
from rtms_client.testing import FakeRTMSServer

_PACKAGE: Final = Path(rtms_client.__file__).parent
_EPOCH_MS: Final = 1_790_000_000_000
_WARM_UP: Final = 500
_FRAMES: Final = 2_000
_BATCH: Final = 50
_STREAMS: Final = 5


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace allocations while the test runs."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def _held_bytes() -> int:
    """Return the memory that lines of the library allocated and that is still in use."""
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [
            tracemalloc.Filter(inclusive=True, filename_pattern=f"{_PACKAGE}/*"),
            tracemalloc.Filter(inclusive=False, filename_pattern=f"{_PACKAGE}/testing/*"),
        ]
    )
    return sum(trace.size for trace in snapshot.traces)


async def _exchange(
    server: FakeRTMSServer, frames: ItemIterator[AudioFrame], numbers: range
) -> None:
    """Send frames and read them, a few at a time."""
    for first in numbers[::_BATCH]:
        for number in range(first, first + _BATCH):
            await server.stream.send_audio(bytes(640), timestamp_ms=_EPOCH_MS + 20 * number)
        for _ in range(_BATCH):
            await anext(frames)


@pytest.mark.usefixtures("traced")
async def test_frames_that_were_read_leave_nothing_behind() -> None:
    """Two thousand frames cost no more than what five hundred already did: not four bytes each."""
    async with (
        FakeRTMSServer(log_limit=10) as server,
        joined(server, audio=AudioParams()) as stream,
    ):
        frames = stream.audio()
        await _exchange(server, frames, range(_WARM_UP))
        before = _held_bytes()
        await _exchange(server, frames, range(_WARM_UP, _WARM_UP + _FRAMES))
        assert _held_bytes() - before < 4 * _FRAMES


@pytest.mark.usefixtures("traced")
async def test_idle_stream_is_small() -> None:
    """One more idle stream holds less than 64 kB in the library; its sockets are not counted."""
    async with FakeRTMSServer() as server, AsyncExitStack() as stack:
        client = client_for(server, audio=AudioParams())
        await stack.enter_async_context(client.stream(info_of(server)))
        before = _held_bytes()
        for number in range(_STREAMS):
            other = server.add_stream(rtms_stream_id=f"stream-{number}")
            await stack.enter_async_context(client.stream(info_of(server, other)))
        assert _held_bytes() - before < 64_000 * _STREAMS
