"""Recordings of the wire, read and replayed: an incident becomes a test."""

import contextlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, cast

import attrs

from rtms_client._wire.codec import JsonCodec
from rtms_client._wire.media import MEDIA_OF_MESSAGE
from rtms_client.config import StreamInfo
from rtms_client.enums import MediaType, MessageType, SessionState, StopReason, StreamState
from rtms_client.events import StreamItem
from rtms_client.exceptions import InvalidParameters, RTMSError
from rtms_client.protocol import SessionOptions, StreamSession
from rtms_client.protocol.reconnect import ReconnectAttempt

from ._meeting import Hangup, MeetingItem, MeetingScript, RawMessage, StateChange
from ._recording_values import error_from, event_from, info_from, options_from
from ._server import FakeRTMSServer
from ._wire_recorder import FORMAT

__all__ = ["Recording", "RecordingStep", "RecordingUnreadable"]

_Line: TypeAlias = Mapping[str, Any]
_CODEC: Final = JsonCodec()
_MAX_LINE: Final = 64 * 1024 * 1024
_SERVER_SAYS: Final = frozenset({2, 4, 11, 12, 20, 22, 29})
"""Messages that the fake server sends by itself: answers, and keep-alives."""
_ENDING: Final = frozenset({StreamState.TERMINATING, StreamState.TERMINATED})
_AUTOMATIC: Final = frozenset({1, 7})


class RecordingUnreadable(InvalidParameters):
    """A file is no recording, or holds a line that cannot be read."""


@attrs.frozen(kw_only=True)
class RecordingStep:
    """One line of a recording, and what the state machine made of it."""

    at_s: float
    """Time since the first input, in seconds."""
    line: Mapping[str, Any]
    """The line as it was written."""
    items: tuple[StreamItem, ...] = ()
    """What the application gets because of it."""
    session: StreamSession = attrs.field(repr=False)
    """The state machine after it; the same object in all steps of a replay."""


@attrs.frozen(kw_only=True)
class Recording:
    """What a `WireRecorder` wrote: one stream, from its start to its end, or to the last line.

    Lines are read when they are needed, so that a recording may be larger than the memory.
    """

    path: Path
    began_ms: int
    """When it began, local Unix time in milliseconds."""
    info: StreamInfo
    """What the stream was joined with."""
    recorded_options: Mapping[str, Any] = attrs.field(repr=False)
    """How the stream was joined, as it was written; see `options`."""

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read the head of a recording.

        Args:
            path: The file.

        Raises:
            RecordingUnreadable: It is no recording, or of another format.
            OSError: It cannot be read.
        """
        path = Path(path)
        nothing: _Line = {}
        head = next((line for _, line in _lines(path)), nothing)
        if head.get("rtms_recording") != FORMAT:
            raise _broken(path, 1, f"a recording of format {FORMAT}")
        with _checked(path, 1):
            info, began_ms, options = info_from(head["stream"]), head["began_ms"], head["options"]
            options_from(options, hook=_agree, dice=float)
        return cls(path=path, began_ms=began_ms, info=info, recorded_options=options)

    def options(self) -> SessionOptions:
        """Return how the stream was joined, without secrets, hook and dice."""
        return options_from(self.recorded_options, hook=_agree, dice=float)

    def replay(self) -> Iterator[StreamItem]:
        """Yield what the application got, by feeding the state machines with what was recorded.

        No sockets, no clock: every replay is the same, and the same as the recorded stream. What a
        consumer lost because it was too slow is not part of it.

        Raises:
            RecordingUnreadable: A line cannot be read.
        """
        for step in self.steps():
            yield from step.items

    def steps(self) -> Iterator[RecordingStep]:
        """Yield every line with what the state machines made of it.

        Raises:
            RecordingUnreadable: A line cannot be read.
        """
        return _Replay(self.path, self.info, self.recorded_options).steps()

    # --- as a meeting ----------------------------------------------------------------------------

    def server(
        self,
        *,
        pace: float | None = 1.0,
        port: int = 0,
        client_id: str = "test-client-id",
        client_secret: str = "test-client-secret",  # noqa: S107  # as made up as the server
        expected_wait_s: float = 3.0,
    ) -> FakeRTMSServer:
        """Return a fake server, to be entered, that does again what the real one did.

        Args:
            pace: Speed: 1 is real time, `None` as fast as the client reads.
            port: Port of the signaling endpoint; any free one when 0.
            client_id: Client id to accept.
            client_secret: Secret that signatures are made with.
            expected_wait_s: How long to wait for recorded media that a client does not ask for,
                before what was sent is sent again.
        """
        media, epoch_ms = self._scan()
        return FakeRTMSServer(
            self.meeting(),
            pace=pace,
            port=port,
            client_id=client_id,
            client_secret=client_secret,
            product=self.info.product,
            product_id=self.info.product_id,
            rtms_stream_id=self.info.stream_id,
            available=media,
            expected_media=media,
            expected_wait_s=expected_wait_s,
            epoch_ms=epoch_ms,
        )

    def meeting(self) -> MeetingScript:
        """Return what the server sent, and where it closed, as a meeting for `FakeRTMSServer`.

        Handshakes, answers and keep-alives are left out: they are the fake server's own.
        """
        return MeetingScript(self._meeting)

    def _scan(self) -> tuple[MediaType, int | None]:
        """Return the media that the server accepted, and when the meeting began for it."""
        asked = {name.lower(): MediaType[name] for name in self.recorded_options["params"]}
        asked["all"] = _all_of(asked.values())
        found, epoch_ms = MediaType(0), None
        for number, line in _lines(self.path):
            with _checked(self.path, number):
                message = line.get("message", {})
                if message.get("msg_type") == MessageType.DATA_HAND_SHAKE_RESP:
                    accepted = message.get("status_code", message.get("status")) == 0
                    endpoint = line.get("e") if accepted else None
                    found |= asked.get(str(endpoint), MediaType(0))
                elif message.get("msg_type") == MessageType.EVENT_UPDATE and epoch_ms is None:
                    epoch_ms = _first_packet_ms(message.get("event"))
                if found == asked["all"] and epoch_ms is not None:
                    break
        return found, epoch_ms

    def _meeting(self) -> Iterator[MeetingItem]:
        began: float | None = None
        end: StateChange | None = None
        at_ms = 0
        for number, line in _lines(self.path):
            with _checked(self.path, number):
                if began is None and line.get("message", {}).get("msg_type") in MEDIA_OF_MESSAGE:
                    began = line["t"]
                at_ms = 0 if began is None else int((line.get("t", began) - began) * 1000)
                item = _as_item(line, at_ms)
                if isinstance(item, StateChange):  # what was still under way comes first
                    end = item
                elif item is not None and (end is None or not isinstance(item, Hangup)):
                    yield item
        if end is not None:
            yield attrs.evolve(end, at_ms=at_ms)


def _all_of(media: Iterable[MediaType]) -> MediaType:
    found = MediaType(0)
    for medium in media:
        found |= medium
    return found


def _first_packet_ms(event: object) -> int | None:
    """Return when the media began, if an event says so."""
    if not isinstance(event, dict):
        return None
    fields = cast("_Line", event)
    at_ms: object = fields.get("timestamp") if fields.get("event_type") == 1 else None
    return at_ms if isinstance(at_ms, int) else None


def _agree(_: ReconnectAttempt) -> None:
    """Answer like an application without a hook."""


def _as_item(line: _Line, at_ms: int) -> MeetingItem | None:
    """Return what the server did at one line, if it did something of its own accord."""
    socket = line.get("e")
    if line.get("in") == "lost" and socket is not None:
        return Hangup(at_ms=at_ms, socket=socket, code=line["code"], reason=line["reason"])
    if line.get("in") != "message" or socket is None:
        return None
    message = line.get("message")
    if message is None:
        return RawMessage(at_ms=at_ms, message=_raw(line), socket=socket, optional=True)
    if message.get("msg_type") in _SERVER_SAYS or _is_automatic(message):
        return None
    kind, state = _state(message)
    if kind == MessageType.STREAM_STATE_UPDATE and state in _ENDING:
        reason = message.get("reason", message.get("stop_reason"))
        why = StopReason(reason) if isinstance(reason, int) else None
        return StateChange(at_ms=at_ms, state=StreamState.TERMINATED, reason=why)
    return RawMessage(at_ms=at_ms, message=message, socket=socket, optional=True)


def _state(message: _Line) -> tuple[object, object]:
    return message.get("msg_type"), message.get("state")


def _is_automatic(message: _Line) -> bool:
    """Tell whether the fake server says this by itself."""
    event = message.get("event")
    kind: object = cast("_Line", event).get("event_type") if isinstance(event, dict) else None
    return kind in _AUTOMATIC or _state(message) in {
        (MessageType.STREAM_STATE_UPDATE, StreamState.ACTIVE),
        (MessageType.SESSION_STATE_UPDATE, SessionState.STARTED),
    }


class _Replay:
    """One run of a recording through the state machines.

    Args:
        path: The file.
        info: What the stream was joined with.
        options: How, as it was written.
    """

    def __init__(self, path: Path, info: StreamInfo, options: Mapping[str, Any]) -> None:
        self._path = path
        self._lines = _lines(path)
        self._number = 0
        self._waiting: tuple[int, _Line] | None = None
        self._passed: list[_Line] = []
        self._now = 0.0
        self._session = StreamSession(
            info, options_from(options, hook=self._answer, dice=self._dice)
        )

    def steps(self) -> Iterator[RecordingStep]:
        """Yield all steps."""
        began: float | None = None
        while (line := self._next()) is not None:
            items = self._input(line)
            if began is None and "t" in line:
                began = line["t"]
            at_s = self._now - (self._now if began is None else began)
            for one, found in ((line, items), *((passed, ()) for passed in self._passed)):
                yield RecordingStep(at_s=at_s, line=one, items=found, session=self._session)
            self._passed.clear()

    def _next(self) -> _Line | None:
        """Return the next line, which is then the present one."""
        number, line = self._waiting or next(self._lines, (0, None))
        self._waiting = None
        self._number = number or self._number
        return line

    def _input(self, line: _Line) -> tuple[StreamItem, ...]:
        """Carry out a line, if it is an input; returns the items that come of it."""
        session = self._session
        with _checked(self._path, self._number):
            self._do(line)
        items = tuple(cast("list[StreamItem]", session.intake.items))
        session.intake.items = []
        session.actions.clear()
        return items

    def _do(self, line: _Line) -> None:
        self._now = float(line.get("t", self._now))
        act = _INPUTS.get(line.get("in", ""))
        if act is None:
            return
        try:
            act(self._session, line, self._now)
        except RecordingUnreadable:
            raise
        except RTMSError:  # the application got it then
            pass

    def _dice(self) -> float:
        """Return what the dice showed; another version of the library may throw them elsewhere."""
        return float(cast("float", self._reply("dice", "value") or 0.0))

    def _reply(self, kind: str, key: str) -> object:
        """Return what was noted next, if it is of this kind."""
        line = self._next()
        if line is not None and line.get("in") == kind:
            return line.get(key)
        self._waiting = None if line is None else (self._number, line)
        return None

    def _answer(self, _attempt: ReconnectAttempt) -> float | Literal[False] | None:
        """Answer like the hook did, after doing to the stream what it did."""
        while (line := self._next()) is not None:
            if line.get("in") == "on_reconnect":
                return cast("float | Literal[False] | None", line.get("answer"))
            self._do(line)
            self._passed.append(line)
        return None


def _data(line: _Line) -> bytes:
    """Return a message as it came, apart from white space and what was taken out."""
    if "message" in line:
        return _CODEC.encode(line["message"])
    raw = _raw(line)
    return raw.encode() if isinstance(raw, str) else raw


def _raw(line: _Line) -> str | bytes:
    """Return a message that is no JSON object."""
    if "text" in line:
        return cast("str", line["text"])
    return cast("str", line["bytes"]).encode("latin-1")


def _subscribe_video(session: StreamSession, line: _Line, now: float) -> None:
    session.control.subscribe_video(
        line["user_id"], subscribe=line["subscribe"], timestamp_ms=line["timestamp_ms"], now=now
    )


def _subscribe_events(session: StreamSession, line: _Line, _: float) -> None:
    events = [event_from(event) for event in line["events"]]
    session.control.subscribe_events(events, subscribe=line["subscribe"])


def _failed(session: StreamSession, line: _Line, now: float) -> None:
    session.failed(line["c"], error_from(line) or RTMSError(), now)


def _stopped(session: StreamSession, line: _Line, now: float) -> None:
    session.stopped(None if line["reason"] is None else StopReason(line["reason"]), now)


def _restarted(session: StreamSession, line: _Line, now: float) -> None:
    session.restarted(info_from(line["stream"]), session.options.sign, now)


_INPUTS: Final[Mapping[str, Callable[[StreamSession, _Line, float], object]]] = {
    "start": lambda session, _, now: session.start(now),
    "close": lambda session, _, now: session.close(now),
    "abort": lambda session, line, _: session.abort(error_from(line["error"])),
    "moved": lambda session, line, now: session.moved(line["urls"], now),
    "interrupted": lambda session, line, now: session.interrupted(line["urls"], now),
    "stopped": _stopped,
    "restarted": _restarted,
    "restart_answered": lambda session, line, now: session.restart_answered(
        line["attempt"], line["problem"], now
    ),
    "opened": lambda session, line, now: session.opened(line["c"], now),
    "message": lambda session, line, now: session.receive(line["c"], _data(line), now),
    "drained": lambda session, line, _: session.drained(line["c"], complete=line["complete"]),
    "lost": lambda session, line, now: session.lost(line["c"], line["code"], line["reason"], now),
    "failed": _failed,
    "timer": lambda session, _, now: session.timer(now),
    "subscribe_events": _subscribe_events,
    "subscribe_video": _subscribe_video,
    "request_stream_state": lambda session, _, now: session.control.request_stream_state(now),
    "request_session_state": lambda session, line, now: session.control.request_session_state(
        line["session_id"], now
    ),
}


def _lines(path: Path) -> Iterator[tuple[int, _Line]]:
    """Yield number and content of all lines; the last one may be incomplete, after a crash."""
    with path.open("rb") as file:
        number = 0
        while (data := file.readline(_MAX_LINE)).endswith(b"\n"):
            number += 1
            try:
                line: object = json.loads(data)
            except (ValueError, RecursionError):
                line = None
            if not isinstance(line, dict):
                raise _broken(path, number, "a JSON object")
            yield number, cast("dict[str, Any]", line)


@contextlib.contextmanager
def _checked(path: Path, number: int) -> Generator[None, None, None]:
    """Tell the line when what is in it makes no sense."""
    try:
        yield
    except RTMSError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise _broken(path, number, f"what a recording holds ({type(error).__name__})") from error


def _broken(path: Path, number: int, expected: str) -> RecordingUnreadable:
    return RecordingUnreadable(
        f"{path.name}, line {number}",
        f"expected {expected}, got something else",
        "pass a file that a WireRecorder wrote, unchanged",
    )
