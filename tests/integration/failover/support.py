"""What the failover tests share: a meeting that goes on and on, and a witness of what users see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, Final, Self, TypeVar

import attrs
from tests.integration.support import client_for, info_of, media_ready, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    Gap,
    MediaType,
    RTMSError,
    RTMSStream,
    Timeouts,
    TranscriptParams,
    VideoParams,
)
from rtms_client.config import ReconnectPolicy
from rtms_client.events import (
    GapCause,
    ReconnectScheduled,
    StreamInterrupted,
    StreamItem,
    StreamResumed,
)
from rtms_client.testing import (
    ADA,
    GRACE,
    AudioPacket,
    Caption,
    FakeRTMSServer,
    Fault,
    FaultKind,
    FaultPlan,
    LogEntry,
    MeetingItem,
    MeetingScript,
    Picture,
)

T = TypeVar("T")

QUICK: Final = ReconnectPolicy(
    first_delay_s=0.01,
    base_s=0.02,
    cap_s=0.1,
    jitter=0,
    signaling_window_s=10,
    media_window_s=10,
    duplicate_delays_s=(0.03, 0.06, 0.12),
)
"""The policy with a shortened clock, and without chance."""
WAITS: Final = Timeouts(connect_s=10, handshake_s=10, request_s=10, close_s=2, silence_s=30)
THREE_MEDIA: Final[dict[str, Any]] = {
    "audio": AudioParams(),
    "video": VideoParams(fps=25),
    "transcript": TranscriptParams(),
}
_REQUESTS: Final = frozenset({1, 3, 5, 7, 28})
_KEY_FRAME: Final = b"\0\0\0\1\x65"


def steady(*, seconds: int = 60) -> MeetingScript:
    """Make a meeting in real time: a packet each 20 ms, a picture and a caption each 40 ms."""

    def items() -> "list[MeetingItem]":
        found: list[MeetingItem] = []
        for turn in range(seconds * 50):
            at_ms, who = turn * 20, (ADA, GRACE)[turn // 25 % 2]
            found.append(AudioPacket(at_ms=at_ms, person=who, data=b"%016d" % turn))
            if turn % 2 == 0:
                found.append(Caption(at_ms=at_ms, person=who, text=f"segment {turn}"))
                data = _KEY_FRAME + b"%016d" % turn
                found.append(Picture(at_ms=at_ms, person=ADA, data=data))
        return found

    return MeetingScript(lambda: iter(items()))


def when_joined(*faults: Fault, **options: Any) -> FaultPlan:  # noqa: ANN401  # passed on
    """Make a plan whose times count from when the stream is joined, however long that takes."""
    return FaultPlan(faults, start_at_once=False, **options)


class Witness:
    """Reads everything that a stream delivers."""

    def __init__(self, stream: RTMSStream) -> None:
        self.seen: list[StreamItem] = []
        self.error: RTMSError | None = None
        self._task = asyncio.get_running_loop().create_task(self._read(stream), name="witness")

    async def _read(self, stream: RTMSStream) -> None:
        try:
            async for item in stream:
                self.seen.append(item)
        except RTMSError as error:
            self.error = error

    async def end(self) -> Self:
        """Wait for the end of the stream."""
        async with asyncio.timeout(30):
            await self._task
        return self

    async def aclose(self) -> None:
        """Stop reading."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def of(self, kind: type[T]) -> list[T]:
        """Return the items of a type."""
        return [item for item in self.seen if isinstance(item, kind)]

    async def first(self, kind: type[T], *, count: int = 1) -> T:
        """Wait until so many items of a type came; return the last of them."""
        await until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def more(self, kind: type[T], *, count: int = 3) -> None:
        """Wait for more items of a type."""
        await self.first(kind, count=len(self.of(kind)) + count)

    def after(self, kind: type[object], wanted: type[T]) -> list[T]:
        """Return the items of a type that came after the first one of another type."""
        index = next(n for n, item in enumerate(self.seen) if isinstance(item, kind))
        return [item for item in self.seen[index:] if isinstance(item, wanted)]

    def check_sequence(self) -> None:
        """Check that the numbers of the library only grow."""
        numbers = [item.sequence for item in self.seen]
        assert all(a < b for a, b in pairwise(numbers))

    def check_audio(self) -> None:
        """Check that each packet came at most once, and what is missing lies in a gap."""
        times = [frame.timestamp_ms for frame in self.of(AudioFrame)]
        assert len(set(times)) == len(times)
        if not times:
            return
        if any(gap.cause is GapCause.PAUSED for gap in self.of(Gap)):
            return
        gaps = [gap for gap in self.of(Gap) if gap.media == MediaType.AUDIO]
        for missing in set(range(min(times), max(times), 20)) - set(times):
            assert any((gap.from_ms or 0) <= missing <= (gap.to_ms or missing) for gap in gaps), (
                f"{missing - min(times)} ms is in no gap"
            )

    def story(self) -> list[tuple[str, str]]:
        """Return what was said about connections, in order: what, and which."""
        return [
            (type(item).__name__, "signaling" if item.media is None else (item.media.name or ""))
            for item in self.seen
            if isinstance(item, StreamInterrupted | ReconnectScheduled | StreamResumed)
        ]


@attrs.frozen
class Scene:
    """A stream in a running meeting."""

    server: FakeRTMSServer
    stream: RTMSStream
    witness: Witness

    def requests(self) -> list[LogEntry]:
        """Return what the client asked for and may have to repeat: messages 1, 3, 5, 7, 28."""
        return self.server.received(lambda entry: entry.msg_type in _REQUESTS)

    def since(self, mark: int) -> list[tuple[str, object]]:
        """Return socket and type of the requests after the first so many."""
        return [(entry.socket, entry.msg_type) for entry in self.requests()[mark:]]

    async def resumed(self, *, count: int = 1) -> StreamResumed:
        """Wait until the stream is whole again and media flow."""
        found = await self.witness.first(StreamResumed, count=count)
        await self.witness.more(AudioFrame)
        return found

    def statuses(self) -> list[object]:
        """Return the statuses of all handshakes that were refused."""
        return [
            entry.message["status_code"]
            for entry in self.server.log
            if entry.msg_type in {2, 4} and entry.message and entry.message["status_code"]
        ]

    def struck(self) -> list[FaultKind]:
        """Return the kinds of the faults that happened."""
        return [one.kind for one in self.server.struck]


@asynccontextmanager
async def scene(
    server: FakeRTMSServer,
    **options: Any,  # noqa: ANN401  # passed on
) -> AsyncIterator[Scene]:
    """Join a running meeting, watch it, and check at the end what holds in every scenario."""
    options.setdefault("audio", AudioParams())
    options.setdefault("reconnect", QUICK)
    options.setdefault("timeouts", WAITS)
    async with client_for(server, **options).stream(info_of(server)) as stream:
        witness = Witness(stream)
        try:
            await media_ready(server, stream)
            server.start_faults()
            yield Scene(server, stream, witness)
        finally:
            await witness.aclose()
    witness.check_sequence()
    witness.check_audio()
