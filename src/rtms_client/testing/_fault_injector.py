"""Carries out a plan of faults on the connections of a fake server."""

import asyncio
import json
import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakSet

import attrs

from rtms_client.enums import MessageType, StopReason

from ._fault import BREAKS, Fault, FaultKind, FaultPlan, Occasion
from ._server_connection import FakeConnection, Frame
from ._server_json import as_object
from ._server_scope import TaskScope

if TYPE_CHECKING:
    from ._server import FakeRTMSServer
    from ._server_stream import FakeStream

__all__ = ["FaultInjector", "Struck"]

_HANDSHAKES: Final = {
    MessageType.SIGNALING_HAND_SHAKE_REQ: MessageType.SIGNALING_HAND_SHAKE_RESP,
    MessageType.DATA_HAND_SHAKE_REQ: MessageType.DATA_HAND_SHAKE_RESP,
}
_POLL_S: Final = 0.002
_KEPT_PACKETS: Final = 4096


@attrs.frozen(kw_only=True)
class Struck:
    """A fault that happened."""

    at_s: float
    """Seconds since the start of the server."""
    fault: Fault
    connection_id: int | None
    """`None` when it concerned no single connection."""

    @property
    def kind(self) -> FaultKind:
        """What went wrong."""
        return self.fault.kind


@attrs.define
class _Armed:
    """A fault, and how often it passed by and struck."""

    fault: Fault
    passed: int = 0
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times


class FaultInjector:
    """A plan at work; made by `FakeRTMSServer`.

    Subclasses may look at what passes by overriding `sending` and `received`.

    Args:
        plan: The plan.

    Attributes:
        struck: What happened, in order.
        server: Where the plan is at work; set by `start`.
    """

    server: "FakeRTMSServer"

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self.struck: list[Struck] = []
        self._armed: dict[Occasion, list[_Armed]] = {}
        for fault in sorted(plan.faults, key=_time_of):
            self._armed.setdefault(fault.on, []).append(_Armed(fault))
        self._dice = random.Random(plan.seed)
        self._scope = TaskScope()
        self._began = 0.0
        self._timing = asyncio.Event()
        self._timing_began = math.inf
        self._streams = WeakKeyDictionary[FakeConnection, str]()
        self._held = WeakKeyDictionary[FakeConnection, Frame]()
        self._late = WeakKeyDictionary[FakeConnection, float]()
        self._packets: dict[str, deque[tuple[float, Frame]]] = {}
        replays = [fault.for_s for fault in plan.faults if fault.kind is FaultKind.REPLAY]
        self._longest_replay_s = max(replays, default=0.0)
        self._heard = WeakSet[FakeConnection]()

    # Life

    def start(self, server: "FakeRTMSServer") -> None:
        """Begin to strike; with what happens at a time if the plan says so."""
        self.server = server
        self._began = asyncio.get_running_loop().time()
        for armed in self._armed.get("time", ()):
            self._scope.start(self._run(server, armed), f"fault {armed.fault.kind.name}")
        if self.plan.start_at_once:
            self.start_times()

    def start_times(self) -> None:
        """Let the times of the plan count from now; only the first call counts."""
        if not self._timing.is_set():
            self._timing_began = asyncio.get_running_loop().time()
            self._timing.set()

    async def aclose(self) -> None:
        """End all that is under way."""
        await self._scope.aclose()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start of the server."""
        return asyncio.get_running_loop().time() - self._began

    @property
    def _time_s(self) -> float:
        """Seconds on the clock of the plan; without end before it runs."""
        return asyncio.get_running_loop().time() - self._timing_began

    # What the server asks

    def impostor(self, endpoint: str) -> bool:
        """Tell whether the next TLS handshake shows a wrong certificate."""
        return self._take("tls", endpoint, None) is not None

    def upgrading(self, kind: str) -> int | None:
        """Return the HTTP status that refuses an upgrade, if any."""
        fault = self._take("upgrade", kind, None)
        return None if fault is None else fault.code

    async def accepted(self, connection: FakeConnection) -> None:
        """Look at a new connection before anything is read from it."""
        fault = self._take("open", connection.kind, connection)
        if fault is not None:
            await self._break(fault, connection)

    async def received(self, connection: FakeConnection, data: str | bytes) -> bool:
        """Tell whether a received message is processed at all."""
        message = _parsed(data)
        kind = message.get("msg_type")
        if kind in _HANDSHAKES:
            self._streams[connection] = str(message.get("rtms_stream_id"))
        fault = self._take("received", connection.kind, connection, kind)
        if fault is None:
            return True
        if fault.kind is FaultKind.REJECT:
            await self._reject(fault, connection, MessageType(kind or 0))
            return False
        if fault.kind is FaultKind.SLOW_READING:
            await connection.wait_closed(timeout_s=fault.for_s)
        elif fault.kind is FaultKind.FORGET:
            for stream in self._stream_of(connection):
                stream.delivery.forget()
        else:
            await self._break(fault, connection)
        return connection.open

    async def sending(self, connection: FakeConnection, frame: Frame) -> Sequence[Frame]:
        """Return what is written instead of one message; nothing drops it."""
        frames = await self._spoilt(connection, frame)
        if connection in self._late:
            await connection.wait_closed(timeout_s=self._late[connection])
        if not connection.open:
            return []
        held = self._held.pop(connection, None) if frames else None
        return frames if held is None else [*frames, held]

    async def _spoilt(self, connection: FakeConnection, frame: Frame) -> Sequence[Frame]:
        kind = _message_type(frame)
        fault = self._take("sent", connection.kind, connection, kind)
        if kind == MessageType.MEDIA_DATA_AUDIO and self._longest_replay_s:
            self._keep(connection, frame)
        if fault is None:
            return [frame]
        if fault.kind in BREAKS:
            await self._break(fault, connection)
            return [frame]
        return self._altered(fault, connection, frame)

    def _altered(self, fault: Fault, connection: FakeConnection, frame: Frame) -> Sequence[Frame]:
        match fault.kind:
            case FaultKind.DROP:
                return []
            case FaultKind.DUPLICATE:
                return [frame, frame]
            case FaultKind.REORDER:
                late = connection in self._held  # two in a row keep their order
                self._held.setdefault(connection, frame)
                return [frame] if late else []
            case FaultKind.OVERSIZE:
                text = b'{"msg_type": 14, "content": "%s"}' % (b"x" * fault.size)
                return [(text, True, None), frame]
            case FaultKind.REPLAY:
                return [*self._replay(connection, fault.for_s), frame]
            case _:
                return [self._damaged(fault.kind, frame)]

    # Which fault strikes

    def _take(
        self,
        occasion: Occasion,
        socket: str,
        connection: FakeConnection | None,
        message: object = None,
    ) -> Fault | None:
        """Return the fault that strikes on this occasion, if any does."""
        ready = self._armed.get(occasion)
        if not ready:
            return None
        time_s = self._time_s
        for index, armed in enumerate(ready):
            fault = armed.fault
            if fault.at_s is not None and time_s < fault.at_s:
                return None  # and so are all that follow
            if _covers(fault.socket, socket) and self._concerns(fault, connection, message):
                if armed.passed < fault.after:
                    armed.passed += 1
                    continue
                self._note(armed, connection)
                if armed.spent:
                    del ready[index]
                return fault
        return None

    def _concerns(self, fault: Fault, connection: FakeConnection | None, message: object) -> bool:
        if fault.message is not None and message != fault.message:
            return False
        if fault.kind is FaultKind.REJECT and message not in _HANDSHAKES:
            return False
        if fault.kind is FaultKind.FORGET and message != MessageType.CLIENT_READY_ACK:
            return False
        if fault.kind is FaultKind.REPLAY and not self._may_replay(connection, message):
            return False
        return (
            fault.stream_id is None
            or connection is None
            or self._streams.get(connection) == fault.stream_id
        )

    def _may_replay(self, connection: FakeConnection | None, message: object) -> bool:
        """Tell whether this is the first audio of a connection that had a predecessor."""
        if connection is None or message != MessageType.MEDIA_DATA_AUDIO:
            return False
        known = self._streams.get(connection, "")
        return connection not in self._heard and bool(self._packets.get(known))

    def _note(self, armed: _Armed, connection: FakeConnection | None) -> None:
        armed.struck += 1
        number = None if connection is None else connection.id
        self.struck.append(Struck(at_s=self.elapsed_s, fault=armed.fault, connection_id=number))

    # What happens at a time

    async def _run(self, server: "FakeRTMSServer", armed: _Armed) -> None:
        fault = armed.fault
        await self._timing.wait()
        await asyncio.sleep((fault.at_s or 0.0) - self._time_s)
        while not armed.spent:
            if fault.kind in BREAKS or fault.kind is FaultKind.INTERRUPT:
                connection = await self._victim(server, fault)
                self._note(armed, connection)
                await self._strike(fault, connection)
            else:
                self._note(armed, None)
                await self._strike_server(server, fault)
            if not armed.spent:
                await asyncio.sleep(fault.every_s)

    async def _victim(self, server: "FakeRTMSServer", fault: Fault) -> FakeConnection:
        """Wait for a connection of the right kind."""
        while True:
            found = [
                connection
                for stream in _streams(server, fault)
                for connection in (stream.signaling, *stream.media)
                if connection is not None
                and connection.open
                and connection.running
                and _covers(fault.socket, connection.kind)
            ]
            if found:
                return self._dice.choice(found)
            await asyncio.sleep(_POLL_S)

    async def _strike(self, fault: Fault, connection: FakeConnection) -> None:
        if fault.kind is FaultKind.INTERRUPT:
            for stream in self._stream_of(connection):
                is_signaling = connection is stream.signaling
                stream.interrupt_connection(connection, StopReason.AWAIT_RECONNECTION_TIMEOUT)
                if is_signaling:
                    self._send_webhook("interrupted", stream)
        elif fault.kind is FaultKind.DELAY:
            self._late[connection] = fault.for_s
            try:
                await connection.wait_closed(timeout_s=fault.for_s)
            finally:
                self._late.pop(connection, None)
        else:
            await self._break(fault, connection)

    async def _strike_server(self, server: "FakeRTMSServer", fault: Fault) -> None:
        match fault.kind:
            case FaultKind.REFUSE | FaultKind.MUTE:
                doors = [door for door in server.doors if _covers(fault.socket, door.endpoint)]
                for door in doors:
                    await door.shut(mute=fault.kind is FaultKind.MUTE)
                await asyncio.sleep(fault.for_s)
                for door in doors:
                    await door.open()
            case FaultKind.MOVE:
                server.move()
                self._send_webhook("started", self._one_of(server, fault))
            case _:
                self._send_webhook("interrupted", self._one_of(server, fault))

    def _one_of(self, server: "FakeRTMSServer", fault: Fault) -> "FakeStream":
        return self._dice.choice(list(_streams(server, fault)))

    def _send_webhook(self, what: str, stream: "FakeStream") -> None:
        if self.plan.on_webhook is None or stream.ended:
            return
        server = self.server
        build = server.started_webhook if what == "started" else server.interrupted_webhook
        self.plan.on_webhook(build(stream))

    # What happens to a connection

    def _stream_of(self, connection: FakeConnection) -> Iterator["FakeStream"]:
        """Yield the stream that counts on this connection, if there is one."""
        for stream in self.server.streams.values():
            if connection is stream.signaling or connection in stream.media:
                yield stream

    async def _break(self, fault: Fault, connection: FakeConnection) -> None:
        match fault.kind:
            case FaultKind.RESET:
                connection.drop()
            case FaultKind.CLOSE:
                await connection.close(fault.code, "fault", flush=False)
            case FaultKind.SILENCE:
                connection.keep_alives = False
            case FaultKind.DELAY:
                await connection.wait_closed(timeout_s=fault.for_s)
            case _:
                connection.stall()
                if fault.kind is FaultKind.HALF_OPEN:
                    for stream in self._stream_of(connection):
                        stream.gone(connection)
                if fault.for_s:
                    after = self._after_stall(fault, connection)
                    self._scope.start(after, f"{fault.kind.name} of {connection!r}")
                if fault.on != "time":
                    await connection.resumed()

    @staticmethod
    async def _after_stall(fault: Fault, connection: FakeConnection) -> None:
        await asyncio.sleep(fault.for_s)
        if fault.kind is FaultKind.HALF_OPEN:
            connection.drop()
        else:
            connection.resume()

    async def _reject(self, fault: Fault, connection: FakeConnection, kind: MessageType) -> None:
        answer = {
            "msg_type": int(_HANDSHAKES[kind]),
            "protocol_version": 1,
            "status_code": fault.code,
            "reason": "fault",
        }
        connection.put(json.dumps(answer).encode())
        await connection.close(reason="fault")

    # What happens to messages

    def _damaged(self, kind: FaultKind, frame: Frame) -> Frame:
        payload, text, _medium = frame
        if kind is FaultKind.TRUNCATE:
            return payload[: len(payload) // 2], text, None
        place = self._dice.randrange(len(payload))
        return payload[:place] + b"\xff" + payload[place + 1 :], text, None

    def _keep(self, connection: FakeConnection, frame: Frame) -> None:
        self._heard.add(connection)
        known = self._streams.get(connection, "")
        packets = self._packets.setdefault(known, deque(maxlen=_KEPT_PACKETS))
        packets.append((self.elapsed_s, frame))
        previous_s, _ = packets[max(0, len(packets) - 2)]  # before an interruption, perhaps
        while packets[0][0] < previous_s - self._longest_replay_s:
            packets.popleft()

    def _replay(self, connection: FakeConnection, for_s: float) -> Sequence[Frame]:
        """Return the audio of the last seconds before the newest packet."""
        *earlier, (_, newest) = self._packets[self._streams.get(connection, "")]
        since = max((at_s for at_s, _ in earlier), default=0.0) - for_s
        return [frame for at_s, frame in earlier if at_s >= since and frame is not newest]


def _time_of(fault: Fault) -> float:
    """Return the time of a fault; those without one come first."""
    return -math.inf if fault.at_s is None else fault.at_s


def _covers(wanted: str, socket: str) -> bool:
    """Tell whether a fault for one kind of socket strikes at another."""
    if wanted == "any":
        return True
    if wanted == "media" or socket == "media":
        return (wanted == "signaling") == (socket == "signaling")
    return wanted in socket.split("+")


def _streams(server: "FakeRTMSServer", fault: Fault) -> Iterator["FakeStream"]:
    return (stream for name, stream in server.streams.items() if fault.stream_id in {None, name})


def _message_type(frame: Frame) -> object:
    payload, _text, medium = frame
    return _parsed(payload).get("msg_type") if medium is None else medium


def _parsed(data: str | bytes) -> dict[str, Any]:
    try:
        return as_object(json.loads(data)) or {}
    except ValueError:
        return {}
