"""A simulated server with a hand-moved clock: it speaks, breaks, refuses, replays and keeps books.

It works on the core alone. What it knows of the protocol is what it needs to be a server; what
must hold at the end of a run is said in `Books.check`.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

import attrs

from rtms_client import events as ev
from rtms_client.config import AudioParams, ReconnectPolicy, StreamInfo, TranscriptParams
from rtms_client.enums import MediaType
from rtms_client.exceptions import ConnectFailed
from rtms_client.frames import AudioFrame, TranscriptSegment
from rtms_client.protocol import Action, Close, Open, Send, SessionOptions, StreamSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BASE_MS: Final = 1_790_000_000_000
TICK_S: Final = 0.5
_NOTICE_S: Final = 30.0
_URLS: Final = {"audio": "wss://m.zoom.us/audio", "transcript": "wss://m.zoom.us/transcript"}
_SAYS: Final = {
    "audio": b'{"msg_type":14,"content":{"user_id":%d,"data":"AAAA","timestamp":%d}}',
    "transcript": b'{"msg_type":17,"content":{"user_id":%d,"data":"%d","timestamp":%d}}',
}
_ENDPOINT: Final = {"signaling": None, "audio": MediaType.AUDIO, "transcript": MediaType.TRANSCRIPT}


@attrs.define
class Connection:
    """One connection, seen from the server."""

    number: int
    endpoint: str
    open: bool = False
    dead: bool = False
    """Bytes reach nobody, in both directions, and nobody noticed."""
    accepted: bool = False
    ready: bool = False
    """Accepted and acknowledged: media may be put on it."""


@attrs.define
class Books:
    """What was said, what arrived, and what was announced."""

    said: dict[str, list[tuple[int, int]]] = attrs.field(
        factory=lambda: {"audio": [], "transcript": []}
    )
    """User and time stamp of everything that somebody said, by medium."""
    arrived: dict[str, Counter[tuple[int | str | None, int]]] = attrs.field(
        factory=lambda: {"audio": Counter(), "transcript": Counter()}
    )
    gaps: dict[str, list[tuple[float, float]]] = attrs.field(
        factory=lambda: {"audio": [], "transcript": []}
    )
    told: Counter[str] = attrs.field(factory=Counter)
    """Number of items by type."""
    away: set[MediaType | None] = attrs.field(factory=set)
    """What was interrupted and not yet resumed."""
    unnoticed: set[str] = attrs.field(factory=set)
    """Media whose connection was dead at the end, when nobody could know."""
    sequence: int = 0
    put: int = 0
    """Media messages that reached the client."""
    messages: int = 0
    """Messages of any kind that reached the client."""

    def take(self, item: object) -> None:
        """Enter one item."""
        self.told[type(item).__name__] += 1
        match item:
            case AudioFrame(user_id=user, timestamp_ms=timestamp):
                self.arrived["audio"][user, timestamp] += 1
            case TranscriptSegment(user_id=user, timestamp_ms=timestamp):
                self.arrived["transcript"][user, timestamp] += 1
            case ev.Gap(media=media, cause=ev.GapCause.LOST) if media is not None:
                begin = -float("inf") if item.from_ms is None else item.from_ms
                end = float("inf") if item.to_ms is None else item.to_ms
                self.gaps[str(media.name).lower()].append((begin, end))
            case ev.StreamInterrupted(media=media):
                self.away = {media} if media is None else {*self.away, media}
            case ev.StreamResumed(media=media):
                assert media in self.away, "resumed, but not interrupted"
                self.away.remove(media)
            case _:
                pass

    def check(self, session: StreamSession) -> None:
        """Assert that everything arrived once or lies in an announced gap, and that sums agree."""
        for endpoint, said in self.said.items():
            arrived = self.arrived[endpoint]
            assert max(arrived.values(), default=1) == 1, "something came twice"
            missing = {time for user, time in said if (user, time) not in arrived}
            announced = covered(missing, self.gaps[endpoint])
            assert endpoint in self.unnoticed or missing <= announced, "unannounced loss"
            assert len(said) == len(set(said))
            assert arrived.keys() <= set(said), "something was never said"
        statistics = session.intake.statistics
        frames = {name: self.arrived[name].total() for name in self.arrived}
        assert statistics.frames == {
            MediaType.AUDIO: frames["audio"],
            MediaType.TRANSCRIPT: frames["transcript"],
        }
        assert statistics.duplicates == self.put - sum(frames.values())
        assert statistics.messages == self.messages
        assert statistics.interruptions == self.told["StreamInterrupted"]
        assert statistics.reconnects == self.told["StreamResumed"]
        assert statistics.unrecognized == self.told["Unrecognized"] == 0
        assert self.sequence == self.told.total()


def covered(times: Iterable[int], gaps: list[tuple[float, float]]) -> set[int]:
    """Return the times that lie in a gap."""
    ordered = sorted(gaps)
    begins = [begin for begin, _ in ordered]
    reach = list(itertools.accumulate((end for _, end in ordered), max))
    return {
        time for time in times if (index := bisect_right(begins, time)) and reach[index - 1] >= time
    }


class Simulation:
    """A server, the network and the clock of one stream.

    Args:
        seed: Decides everything that is left to chance.
        replay: Whether the server sends again what was missed while a medium was away.
    """

    def __init__(self, seed: int, *, replay: bool = True) -> None:
        self.dice = random.Random(seed)
        self.replay = replay
        self.books = Books()
        self.now = 1000.0
        self.timer_calls = 0
        self.session = StreamSession(
            StreamInfo(product_id="p", stream_id="s", server_urls=("wss://zoom.us/s",)),
            SessionOptions(
                params={
                    MediaType.AUDIO: AudioParams(send_rate_ms=500),
                    MediaType.TRANSCRIPT: TranscriptParams(),
                },
                sign=lambda _: "0" * 64,
                events=(),
                reconnect=ReconnectPolicy(),
                on_reconnect=lambda _: self.answer,
                dice=self.dice.random,
            ),
        )
        self.connections: dict[int, Connection] = {}
        self.refusals: list[int] = []
        """Statuses for the next handshakes; 0 for a connection that does not come about, -1 for
        no answer."""
        self.answer: float | Literal[False] | None = None
        """What the application says to a try."""
        self.paused = False
        self._voices: set[int] = {1}
        self._held: dict[str, list[tuple[int, int]]] = {"audio": [], "transcript": []}
        """What waits to be put on a connection."""
        self._recent: dict[str, list[tuple[int, int]]] = {"audio": [], "transcript": []}
        """What was put on connections last, to be sent again."""
        self._deadline = self.now
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []

    # --- time ------------------------------------------------------------------------------------

    def at(self, delay_s: float, what: Callable[[], None]) -> None:
        """Plan something."""
        heapq.heappush(self._agenda, (self.now + delay_s, next(self._order), what))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            self._settle()
            due = self._agenda[0][0] if self._agenda else float("inf")
            if min(due, self._deadline) > end:
                self.now = end
                return
            if self._deadline < due:
                self.now = max(self.now, self._deadline)
                self.timer_calls += 1
                self.session.timer(self.now)
                after = self.session.next_deadline()
                assert after is None or after > self.now, "a busy loop"
            else:
                self.now, _, what = heapq.heappop(self._agenda)
                what()

    def begin(self) -> None:
        """Open the stream, and let people speak."""
        self.session.start(self.now)
        self.run(2.0)
        assert self.session.phase.name == "STREAMING"
        self.at(TICK_S, self._tick)
        self.at(10.0, self._keep_alive)

    # --- the client ------------------------------------------------------------------------------

    def _settle(self) -> None:
        session = self.session
        while session.actions:
            actions = [*session.actions]
            session.actions.clear()
            for action in actions:
                self._act(action)
        if session.intake.items:
            for item in session.intake.items:
                self.books.sequence += 1
                assert item.sequence == self.books.sequence, "numbers are not in order"
                self.books.take(item)
            session.intake.items.clear()
        if session.changed or self._deadline <= self.now:
            session.changed = False
            self._deadline = session.next_deadline() or float("inf")

    def _act(self, action: Action) -> None:
        match action:
            case Open(connection=number, endpoint=endpoint):
                living = [one.endpoint for one in self.connections.values()]
                assert endpoint not in living, f"two connections of {endpoint}"
                connection = self.connections[number] = Connection(number, endpoint)
                self.at(self.dice.random(), lambda: self._come_about(connection))
            case Send(connection=number, data=data):
                if not self.connections[number].dead:
                    self._hear(self.connections[number], json.loads(data))
            case Close(connection=number):
                closed = self.connections.pop(number)
                if self.session.phase.name == "CLOSED":
                    self.books.unnoticed |= {closed.endpoint} if closed.dead else set()
                elif closed.accepted:
                    self.at(3.0 * self.dice.random(), lambda: self.tell(closed.endpoint))
            case _:  # an answer to a request
                pass

    def _come_about(self, connection: Connection) -> None:
        if connection.number not in self.connections:
            return
        if self.refusals[:1] == [0]:
            del self.refusals[0], self.connections[connection.number]
            error = ConnectFailed(connection.endpoint, "wss://zoom.us", "no route")
            self.session.failed(connection.number, error, self.now)
        else:
            connection.open = True
            self.session.opened(connection.number, self.now)

    def _hear(self, connection: Connection, message: dict[str, object]) -> None:
        match message["msg_type"]:
            case 1 | 3 as kind:
                status = self.refusals.pop(0) if self.refusals else None
                if status is not None and status <= 0:
                    return
                connection.accepted = status is None
                answer = {
                    "msg_type": 2 if kind == 1 else 4,
                    "status_code": status or 0,
                    "media_server": {"server_urls": _URLS},
                }
                self.say(connection, json.dumps(answer).encode())
            case 7:
                for one in self.connections.values():
                    if one.accepted and not one.ready and one.endpoint != "signaling":
                        self._ready(one)
            case 19:
                self.say(connection, b'{"msg_type":20,"state":1}')
            case 21:
                self.say(connection, b'{"msg_type":22,"status_code":0}')
            case _:
                pass

    def _ready(self, connection: Connection) -> None:
        connection.ready = True
        endpoint = connection.endpoint
        if self.replay:
            again = sorted(self._recent[endpoint], key=lambda said: said[1])[-10:]
            self._held[endpoint] = [*again, *self._held[endpoint]]
        else:
            self._held[endpoint].clear()

    def say(self, connection: Connection, data: bytes) -> None:
        """Put a message on a connection; it arrives unless the connection is dead."""
        if not connection.dead:
            self.books.messages += 1
            self.session.receive(connection.number, data, self.now)

    # --- what people say -------------------------------------------------------------------------

    def find(self, endpoint: str) -> Connection | None:
        """Return the connection that the server believes to have."""
        return next((one for one in self.connections.values() if one.endpoint == endpoint), None)

    def _tick(self) -> None:
        self.at(TICK_S, self._tick)
        if self.dice.random() < 0.05:
            self._voices ^= {self.dice.choice((1, 2, 3))}
        time = BASE_MS + round(self.now * 1000)
        if not self.paused and self.session.phase.name != "CLOSED":
            words = {min(self._voices, default=1)} if self.dice.random() < 0.1 else ()
            for endpoint, users in (("audio", self._voices), ("transcript", words)):
                said = [(user, time) for user in users]
                self.books.said[endpoint] += said
                self._held[endpoint] += said
        for endpoint in ("audio", "transcript"):
            self._put(endpoint)

    def _put(self, endpoint: str) -> None:
        connection = self.find(endpoint)
        if connection is None or not connection.ready:
            if not self.replay:
                self._held[endpoint].clear()
            return
        held = self._held[endpoint]
        if self.dice.random() < (0.3 if len(held) > len(self._voices) else 0.01):
            held[:] = [*reversed(held[-20:]), *held[:-20]]  # the newest comes first
        for user, time in held:
            self.books.put += not connection.dead
            place = (user, time) if endpoint == "audio" else (user, time, time)
            self.say(connection, _SAYS[endpoint] % place)
        self._recent[endpoint] = [*self._recent[endpoint], *held][-40:]
        held.clear()

    def _keep_alive(self) -> None:
        self.at(10.0, self._keep_alive)
        for connection in [*self.connections.values()]:
            if connection.accepted and connection.number in self.connections:
                self.say(connection, b'{"msg_type":12,"timestamp":1}')

    # --- what breaks -----------------------------------------------------------------------------

    def lose(self, endpoint: str, code: int = 1006) -> None:
        """Let both sides notice that a connection is gone; the server tells it, sooner or later."""
        connection = self.find(endpoint)
        if connection is not None:
            self.at(3.0 * self.dice.random(), lambda: self.tell(endpoint))
            del self.connections[connection.number]
            if connection.open:
                self.session.lost(connection.number, code, "", self.now)
            else:
                error = ConnectFailed(endpoint, "wss://zoom.us", "reset")
                self.session.failed(connection.number, error, self.now)

    def die(self, endpoint: str) -> None:
        """Let a connection die without a word; the server notices after three keep-alives."""
        connection = self.find(endpoint)
        if connection is not None and connection.open:
            connection.dead = True
            self.at(_NOTICE_S, lambda: self._notice(connection))

    def _notice(self, connection: Connection) -> None:
        """Take note of a dead connection, unless the client was faster."""
        if connection.number in self.connections:
            connection.ready = False
            self.tell(connection.endpoint)

    def tell(self, endpoint: str) -> None:
        """Tell the client that a connection was lost, which it may know already."""
        signaling = self.find("signaling")
        if endpoint == "signaling":
            self.session.interrupted([], self.now)
        elif signaling is not None and signaling.accepted:
            media = self.dice.choice((0, int(_ENDPOINT[endpoint] or 0)))
            message = b'{"msg_type":6,"event":{"event_type":7,"media_type":%d}}' % media
            self.say(signaling, message)

    def move(self) -> None:
        """Move the stream to another server; media are not put on the old connections any more."""
        self.session.moved([f"wss://s{next(self._order)}.zoom.us/s"], self.now)

    def pause(self, seconds: float) -> None:
        """Pause the stream for some time."""
        self.paused = True
        self.at(seconds, self._resume)

    def _resume(self) -> None:
        self.paused = False
