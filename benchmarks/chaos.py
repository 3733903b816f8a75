"""Chaos: many streams, many random faults, and an account of every frame.

A fake server plays meetings into 20 streams over TLS while a seeded plan lets 1,000 things go
wrong: connections are refused, reset, closed, stalled, half open; messages are dropped, doubled,
swapped, spoilt; streams are moved and interrupted. Clocks are shortened where waiting is the point.
Then the books must balance:

* every frame that the server put on a socket arrived once, or lies inside an announced `Gap`;
* nothing arrived twice, out of nowhere, or with other content, and sequence numbers only grew;
* the server never saw two live connections for one purpose;
* no stream ended before its meeting did;
* no task, thread, socket or file descriptor is left, and memory stayed flat.

The exit status is 1 if they do not. The seed, which is printed, makes the same plan again.
"""

import argparse
import asyncio
import collections
import gc
import json
import logging
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from harness.meters import rss_bytes, tidy
from harness.tables import publish, table
from typing_extensions import override

from rtms_client import (
    AudioFrame,
    AudioParams,
    Gap,
    MediaType,
    NetworkOptions,
    RTMSClient,
    RTMSStream,
    Timeouts,
    TranscriptParams,
    TranscriptSegment,
    VideoFrame,
    VideoParams,
    parse_started,
)
from rtms_client.config import ReconnectPolicy
from rtms_client.enums import MediaCodec, MessageType, StopReason
from rtms_client.events import MediaUnavailable, StreamItem, StreamResumed
from rtms_client.exceptions import InvalidState, RTMSError
from rtms_client.frames import UserId
from rtms_client.protocol import Phase
from rtms_client.testing import (
    ADA,
    GRACE,
    AudioPacket,
    Caption,
    FakeConnection,
    FakeRTMSServer,
    FakeStream,
    FaultInjector,
    FaultPlan,
    MeetingItem,
    MeetingScript,
    Picture,
    StreamSettings,
    Timing,
)

_STEP_MS: Final = 100
_JPEG: Final = b"\xff\xd8\xff\xe0"
_MEDIA: Final = {
    MessageType.MEDIA_DATA_AUDIO: MediaType.AUDIO,
    MessageType.MEDIA_DATA_VIDEO: MediaType.VIDEO,
    MessageType.MEDIA_DATA_TRANSCRIPT: MediaType.TRANSCRIPT,
}
_HANDSHAKES: Final = frozenset(
    {MessageType.SIGNALING_HAND_SHAKE_REQ, MessageType.DATA_HAND_SHAKE_REQ}
)
_SOCKETS: Final = ("signaling", "audio", "video", "transcript")
_CALM_S: Final = 30.0
_LOOKS: Final = 32
_FLAT_BYTES: Final = 8 * 1024 * 1024
_OVERSIZE: Final = 2 * 1024 * 1024
_TIMING: Final = Timing(
    keep_alive_s=0.5, missed_keep_alives=3, signaling_window_s=25, media_window_s=25, linger_s=2
)
_WAITS: Final = Timeouts(connect_s=2, handshake_s=2, silence_s=3, request_s=1, close_s=2)
_POLICY: Final = ReconnectPolicy(
    first_delay_s=0.1,
    base_s=0.2,
    cap_s=2,
    signaling_window_s=25,
    media_window_s=25,
    duplicate_delays_s=(0.1, 0.2, 0.4),
)


@attrs.frozen(kw_only=True)
class Options:
    """What is run."""

    seed: int
    streams: int
    faults: int
    seconds: float


# --- the meeting ---------------------------------------------------------------------------------


def _content(stream: int, user_id: int, at_ms: int) -> bytes:
    return b"%d:%d:%d" % (stream, user_id, at_ms)


def _meeting(stream: int, seconds: float) -> MeetingScript:
    """Make a meeting of which every frame is known: two speakers, captions, pictures."""

    def items() -> Iterator[MeetingItem]:
        for at_ms in range(0, int(seconds * 1000), _STEP_MS):
            for who in (ADA, GRACE):
                data = _content(stream, who.user_id, at_ms)
                yield AudioPacket(at_ms=at_ms, person=who, data=data)
            data = _content(stream, ADA.user_id, at_ms)
            if at_ms % 200 == 0:
                yield Picture(at_ms=at_ms, person=ADA, data=_JPEG + data, codec=MediaCodec.JPG)
            if at_ms % 500 == 0:
                yield Caption(at_ms=at_ms, person=ADA, text=data.decode())

    return MeetingScript(items)


# --- the books ------------------------------------------------------------------------------------


class Marks:
    """Which frames of a stream were seen: a byte for each, so that the books stay small.

    Attributes:
        seen: The bytes, by medium and user.
    """

    def __init__(self, seconds: float) -> None:
        self._length = int(seconds * 1000 / _STEP_MS) + 1
        self.seen: dict[tuple[MediaType, int], bytearray] = {}

    def add(self, medium: MediaType, user_id: int, at_ms: int) -> bool:
        """Mark a frame; tell whether it was new."""
        seen = self.seen.setdefault((medium, user_id), bytearray(self._length))
        place = at_ms // _STEP_MS
        new = not seen[place]
        seen[place] = 1
        return new

    def missing(self, arrived: "Marks") -> Iterator[tuple[MediaType, int]]:
        """Yield medium and time of what is marked here and not there."""
        for key, seen in self.seen.items():
            others = arrived.seen.get(key, bytes(self._length))
            for place, (here, there) in enumerate(zip(seen, others, strict=True)):
                if here and not there:
                    yield key[0], place * _STEP_MS

    def __len__(self) -> int:
        return sum(sum(seen) for seen in self.seen.values())


class Ledger(FaultInjector):
    """Carries out the plan, and writes down what the server put on sockets in the end."""

    def __init__(self, plan: FaultPlan, streams: Sequence[str], seconds: float) -> None:
        super().__init__(plan)
        self.sent = {name: Marks(seconds) for name in streams}
        self.overlaps: list[str] = []

    @override
    async def sending(self, connection: FakeConnection, frame: Any) -> Sequence[Any]:
        frames = await super().sending(connection, frame)
        for payload, _text, medium in frames:
            if medium is not None and connection.ready:
                content = json.loads(payload)["content"]
                stream = self.server.streams[self._streams[connection]]
                self.sent[stream.settings.rtms_stream_id].add(
                    _MEDIA[MessageType(medium)],
                    content["user_id"],
                    content["timestamp"] - stream.epoch_ms,
                )
        return frames

    @override
    async def received(self, connection: FakeConnection, data: str | bytes) -> bool:
        message = json.loads(data)
        if message["msg_type"] in _HANDSHAKES:
            stream = self.server.streams[message["rtms_stream_id"]]
            for other in (stream.signaling, *stream.media):
                if other is not None and _rivals(connection, other):
                    self.overlaps.append(
                        f"{self.elapsed_s:.2f} s: {connection!r} of stream "
                        f"{stream.settings.rtms_stream_id} beside {other!r}"
                    )
        return await super().received(connection, data)


def _rivals(new: FakeConnection, old: FakeConnection) -> bool:
    """Tell whether two live connections serve one purpose; a stalled one is as good as dead."""
    return new is not old and new.kind == old.kind and old.open and old.running


class Guest:
    """The application's side of one stream: reads everything and keeps its books."""

    def __init__(self, number: int, fake: FakeStream, seconds: float) -> None:
        self.number = number
        self.fake = fake
        self.arrived = Marks(seconds)
        self.gaps: list[Gap] = []
        self.resumed_s: list[float] = []
        self.problems: list[str] = []
        self.stream: RTMSStream | None = None
        self.last_s: dict[MediaType, float] = {}
        self._sequence = 0

    async def run(self, client: RTMSClient, server: FakeRTMSServer) -> None:
        """Join, and read to the end."""
        info = parse_started(server.started_webhook(self.fake)).stream
        try:
            async with client.stream(info) as self.stream:
                async for item in self.stream:
                    self._take(item)
        except RTMSError as error:
            self.problems.append(f"ended with {error!r}")
        if not self.fake.ended:
            self.problems.append("ended before its meeting")

    def _take(self, item: StreamItem) -> None:
        if item.sequence <= self._sequence:
            self.problems.append(f"sequence {item.sequence} after {self._sequence}")
        self._sequence = item.sequence
        match item:
            case AudioFrame(user_id=user, timestamp_ms=time_ms, data=data):
                self._frame(MediaType.AUDIO, user, time_ms, data)
            case VideoFrame(user_id=user, timestamp_ms=time_ms, data=data):
                self._frame(MediaType.VIDEO, user, time_ms, data.removeprefix(_JPEG))
            case TranscriptSegment(user_id=user, timestamp_ms=time_ms, text=text):
                self._frame(MediaType.TRANSCRIPT, user, time_ms, text.encode())
            case Gap():
                self.gaps.append(item)
            case StreamResumed(after_s=after_s):
                self.resumed_s.append(after_s)
            case MediaUnavailable(media=media, reason=reason):
                self.problems.append(f"lost {media.name} for good: {reason}")
            case _:
                pass

    def _frame(
        self, medium: MediaType, user_id: UserId | None, timestamp_ms: int, data: bytes
    ) -> None:
        at_ms = timestamp_ms - self.fake.epoch_ms
        self.last_s[medium] = time.monotonic()
        if not isinstance(user_id, int) or data != _content(self.number, user_id, at_ms):
            self.problems.append(f"{medium.name} at {at_ms} ms holds something else")
        elif not self.arrived.add(medium, user_id, at_ms):
            self.problems.append(f"{medium.name} of {user_id} at {at_ms} ms came twice")

    @property
    def calm(self) -> bool:
        """Whether everything flows."""
        now = time.monotonic()
        return (
            self.stream is not None
            and self.stream.state is Phase.STREAMING
            and len(self.last_s) == len(_MEDIA)
            and all(now - at_s < 2.0 for at_s in self.last_s.values())
        )

    def balance(self, sent: Marks) -> tuple[int, int]:
        """Compare the books; return how many frames are in gaps, and in none."""
        inside = outside = 0
        for medium, at_ms in sent.missing(self.arrived):
            timestamp_ms = self.fake.epoch_ms + at_ms
            if any(_covers(gap, medium, timestamp_ms) for gap in self.gaps):
                inside += 1
            else:
                outside += 1
                self.problems.append(f"{medium.name} at {at_ms} ms is lost without a gap")
        for medium, at_ms in self.arrived.missing(sent):
            self.problems.append(f"{medium.name} at {at_ms} ms came out of nowhere")
        return inside, outside


def _covers(gap: Gap, medium: MediaType, timestamp_ms: int) -> bool:
    return (
        gap.media in {None, medium}
        and (gap.from_ms is None or gap.from_ms <= timestamp_ms)
        and (gap.to_ms is None or timestamp_ms <= gap.to_ms)
    )


# --- the run --------------------------------------------------------------------------------------


@attrs.define
class Census:
    """What the process holds at a moment."""

    tasks: set[str]
    threads: set[str]
    files: set[str]

    @classmethod
    def take(cls) -> "Census":
        """Count now."""
        gc.collect()
        tasks = {task.get_name() for task in asyncio.all_tasks()}
        threads = {one.name for one in threading.enumerate() if "asyncio" not in one.name}
        folder = Path("/proc/self/fd")
        names = [] if not folder.exists() else [entry.name for entry in folder.iterdir()]
        files = set()
        for name in names:
            try:
                files.add(f"{name} {(folder / name).readlink()}")
            except FileNotFoundError:
                continue
        return cls({name for name in tasks if name.startswith("rtms ")}, threads, files)

    def left(self, before: "Census") -> list[str]:
        """Return what is new since an earlier moment."""
        left = sorted({*(self.tasks - before.tasks), *(self.threads - before.threads)})
        if len(self.files) > len(before.files):  # the doors of the server may have new numbers
            left += sorted(self.files - before.files)
        return left


@attrs.define
class Result:
    """What came out."""

    options: Options
    took_s: float = 0.0
    struck: "collections.Counter[str]" = attrs.field(factory=collections.Counter)
    sent: int = 0
    arrived: int = 0
    in_gaps: int = 0
    gaps: int = 0
    duplicates: int = 0
    interruptions: int = 0
    resumed_s: list[float] = attrs.field(factory=list)
    memory: list[int] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)

    @property
    def early(self) -> int:
        """Memory in the second quarter of the run; what comes and goes does not count."""
        return min(self.memory[len(self.memory) // 4 : len(self.memory) // 2])

    @property
    def late(self) -> int:
        """Memory in the last quarter of the run."""
        return min(self.memory[len(self.memory) * 3 // 4 :])


async def _until(condition: Callable[[], object], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def _client(server: FakeRTMSServer) -> RTMSClient:
    return RTMSClient(
        "test-client-id",
        "test-client-secret",
        audio=AudioParams(send_rate_ms=_STEP_MS),
        video=VideoParams(),
        transcript=TranscriptParams(),
        timeouts=_WAITS,
        reconnect=_POLICY,
        network=NetworkOptions(
            allowed_hosts=("localhost",),
            proxy=False,
            ssl_context=server.ssl_context(),
            max_message_bytes=_OVERSIZE // 2,
        ),
    )


def _notify(client: RTMSClient, webhook: dict[str, Any]) -> None:
    """Do what an application does with webhooks."""
    stream = client.streams.get(webhook["payload"]["rtms_stream_id"])
    if stream is None:
        return
    try:
        if webhook["event"].endswith("started"):
            stream.moved(parse_started(webhook).stream)
        else:
            stream.interrupted()
    except InvalidState:
        return  # not open yet


async def _run(options: Options) -> Result:
    result = Result(options)
    names = [f"stream-{number}" for number in range(options.streams)]
    length_s = options.seconds + 2 * _CALM_S + 10
    clients: list[RTMSClient] = []
    plan = FaultPlan.random(
        options.seed,
        options.faults,
        seconds=options.seconds,
        streams=names,
        sockets=_SOCKETS,
        size=_OVERSIZE,
    )
    plan = attrs.evolve(plan, on_webhook=lambda webhook: _notify(clients[0], webhook))
    ledger = Ledger(plan, names, length_s)
    settings = [_settings(name) for name in names]
    async with FakeRTMSServer(
        _meeting(0, length_s),
        fault=ledger,
        log_limit=100,
        **attrs.asdict(settings[0], recurse=False),
    ) as server:
        fakes = [server.stream]
        fakes += [
            server.add_stream(_meeting(number, length_s), settings=one)
            for number, one in enumerate(settings[1:], 1)
        ]
        before = Census.take()
        clients.append(_client(server))
        guests = [Guest(number, fake, length_s) for number, fake in enumerate(fakes)]
        started = time.monotonic()
        reading = [asyncio.create_task(guest.run(clients[0], server)) for guest in guests]
        await _watch(options, result, guests)
        result.took_s = time.monotonic() - started
        _account(result, clients[0], guests, ledger)
        for fake in fakes:
            await fake.terminate(StopReason.MEETING_ENDED)
        await asyncio.wait(reading)
        await clients[0].close()
        _balance(result, guests, ledger)
        await _until(lambda: not Census.take().left(before), 3.0)
        result.problems += [f"left: {one}" for one in Census.take().left(before)]
    return result


def _settings(name: str) -> StreamSettings:
    return StreamSettings(rtms_stream_id=name, timing=_TIMING)


async def _watch(options: Options, result: Result, guests: Sequence[Guest]) -> None:
    """Let the faults strike, look at the memory, and wait for calm."""
    for _ in range(_LOOKS):
        await asyncio.sleep(options.seconds / _LOOKS)
        tidy()
        result.memory.append(rss_bytes())
    await asyncio.sleep(1)
    if not await _until(lambda: all(guest.calm for guest in guests), _CALM_S):
        for guest in guests:
            if not guest.calm:
                result.problems.append(f"stream {guest.number} is not whole: {guest.stream!r}")


def _account(result: Result, client: RTMSClient, guests: Sequence[Guest], ledger: Ledger) -> None:
    result.struck.update(one.kind.name for one in ledger.struck)
    for stream in client.streams.values():
        core = stream.statistics().core
        result.duplicates += core.duplicates
        result.interruptions += core.interruptions
    result.problems += [f"two connections at {one}" for one in ledger.overlaps]
    growth = result.late - result.early
    if growth > _FLAT_BYTES:
        result.problems.append(f"memory grew by {growth / 2**20:.1f} MiB")
    for guest in guests:
        result.resumed_s += guest.resumed_s


def _balance(result: Result, guests: Sequence[Guest], ledger: Ledger) -> None:
    for guest in guests:
        sent = ledger.sent[guest.fake.settings.rtms_stream_id]
        inside, _ = guest.balance(sent)
        result.sent += len(sent)
        result.arrived += len(guest.arrived)
        result.in_gaps += inside
        result.gaps += len(guest.gaps)
        result.problems += [f"stream {guest.number}: {one}" for one in guest.problems]


# --- the report -----------------------------------------------------------------------------------


def _quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(values), values[int(len(values) * 0.95)], values[-1]


def _report(result: Result) -> list[str]:
    options = result.options
    resumed = sorted(result.resumed_s) or [0.0]
    facts = [
        ("seed", f"{options.seed}"),
        ("streams", f"{options.streams}"),
        ("faults planned, struck", f"{options.faults:,}, {result.struck.total():,}"),
        ("seconds", f"{result.took_s:.0f}"),
        ("connections lost, brought back", f"{result.interruptions:,}, {len(result.resumed_s):,}"),
        (
            "seconds to recovery: median, 95 %, longest",
            ", ".join(f"{one:.2f}" for one in _quantiles(resumed)),
        ),
        ("frames sent, arrived", f"{result.sent:,}, {result.arrived:,}"),
        ("frames missing, all in gaps", f"{result.in_gaps:,} in {result.gaps:,} gaps"),
        ("frames sent again and removed", f"{result.duplicates:,}"),
        (
            "memory in the second quarter, in the last",
            ", ".join(f"{one / 2**20:.1f} MiB" for one in (result.early, result.late)),
        ),
        ("problems", f"{len(result.problems)}"),
    ]
    kinds = [(name.lower().replace("_", " "), f"{n:,}") for name, n in result.struck.most_common()]
    return [table("Chaos", ("", "value"), facts), table("Faults", ("kind", "times"), kinds)]


def _arguments() -> tuple[Options, Path | None]:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Takes about 6 minutes.")
    parser.add_argument("--smoke", action="store_true", help="few and short, to see that it works")
    parser.add_argument("--seed", type=int, help="plan of an earlier run")
    parser.add_argument("--streams", type=int, default=20, help="%(default)s")
    parser.add_argument("--faults", type=int, default=1000, help="%(default)s")
    parser.add_argument("--seconds", type=float, default=330.0, help="%(default)s")
    parser.add_argument("--out", type=Path, help="file to write the tables to, as Markdown")
    given = parser.parse_args()
    seed = given.seed
    if seed is None:  # a gate must not depend on luck
        seed = 1 if given.smoke else random.SystemRandom().randrange(1_000_000)
    options = Options(seed=seed, streams=given.streams, faults=given.faults, seconds=given.seconds)
    if given.smoke:
        options = attrs.evolve(options, streams=4, faults=20, seconds=8.0)
    return options, given.out


def main() -> None:
    """Run, report, and say whether the books balance."""
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    logging.getLogger("rtms_client").setLevel(logging.CRITICAL)
    options, out = _arguments()
    print(f"seed {options.seed}", flush=True)
    result = asyncio.run(_run(options))
    publish(_report(result), out)
    for problem in result.problems[:100]:
        print(problem)
    if result.problems:
        sys.exit(f"the books do not balance; --seed {options.seed} makes the same plan again")


if __name__ == "__main__":
    main()
