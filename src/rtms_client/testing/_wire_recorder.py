"""Writes down what a stream is told and what it answers, while it runs."""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import attrs
from typing_extensions import override

from rtms_client._wire.codec import JsonCodec
from rtms_client._wire.shapes import CommonFrame
from rtms_client.config import StreamInfo
from rtms_client.enums import StopReason
from rtms_client.exceptions import RemoteProtocolError, RTMSError
from rtms_client.media._files import write_all
from rtms_client.protocol import (
    Action,
    AskRestart,
    Close,
    EventSubscription,
    Open,
    Phase,
    Send,
    SessionOptions,
    StreamSession,
)
from rtms_client.protocol.control import Control
from rtms_client.protocol.reconnect import ReconnectAttempt, ReconnectHook
from rtms_client.stream import RTMSStream

from ._recording_values import error_values, event_value, info_values, options_values
from ._redaction import Redactor

if TYPE_CHECKING:
    from io import FileIO

__all__ = ["FORMAT", "WireRecorder"]

FORMAT: Final = 1
_BUFFERS_S: Final = 1.0
_LOG: Final = logging.getLogger("rtms_client.recording")
_CODEC: Final = JsonCodec()
_dumps: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class WireRecorder:
    """Records the wire of streams: pass it to `RTMSClient` as ``session_factory``.

    Every input of the protocol's state machines and every message out becomes a line of JSON, with
    time, connection and endpoint, as it happens; `Recording` reads and replays it. The file is
    complete at every moment, also after ``kill -9``, and nothing stays in memory. Client secret and
    signatures are never written, nor user, password and query values of URLs.

    A file that cannot be written is said in the log once and leaves the stream alone.

    Args:
        path: The file, for a single stream; or a folder that exists, in which each stream gets a
            file of its own, named by stream id and time.
        redact_media: Put filler of the same length in place of sound, pictures, captions and chat.
        redact_names: Put pseudonyms in place of names, and of all texts that are no ids; the same
            name is the same pseudonym throughout a recording.
        secrets: More texts that must not be written, in whatever form they come: as they are, in
            hexadecimal digits, in base64, in URLs. Texts of less than six characters do not count.
        max_bytes: Stop to record, with a warning in the log, before the file gets larger than this;
            `None` for no limit.

    Attributes:
        files: The files so far, oldest first.
        problem: What the disk said when a file could not be written; `None` if all is well.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        redact_media: bool = False,
        redact_names: bool = False,
        secrets: Iterable[str] = (),
        max_bytes: int | None = None,
    ) -> None:
        self.files: list[Path] = []
        self.problem: str | None = None
        self._path = Path(path)
        self._redact_media, self._redact_names = redact_media, redact_names
        self._secrets = tuple(secrets)
        self._max_bytes = max_bytes

    def __call__(self, stream: RTMSStream, options: SessionOptions) -> StreamSession:
        """Make the state machine of a stream, which records; called by the library."""
        redactor = Redactor(media=self._redact_media, names=self._redact_names)
        for secret in (*self._secrets, *options.secrets):
            redactor.learn(secret)
        path = self._path_for(stream.info)
        try:
            path.touch(exist_ok=False)
        except OSError as error:
            self._failed(error)
            return StreamSession(stream.info, options)
        self.files.append(path)
        journal = _Journal(stream, path, redactor, self._failed, self._max_bytes)
        return _RecordedSession(stream.info, options, journal)

    def _path_for(self, info: StreamInfo) -> Path:
        if not self._path.is_dir():
            return self._path
        name = "".join(letter if letter.isalnum() else "-" for letter in info.stream_id)[:80]
        return self._path / f"{name}-{time.time_ns() // 1_000_000}.jsonl"

    def _failed(self, error: OSError) -> None:
        self.problem = error.strerror or str(error)
        _LOG.warning("cannot record: %s; the stream goes on without", self.problem)


class _Journal:
    """The file of one stream.

    Args:
        stream: The stream.
        path: The file, which exists.
        redactor: Takes out what must not be written.
        failed: Told when the file cannot be written.
        max_bytes: Size at which to stop.
    """

    def __init__(
        self,
        stream: RTMSStream,
        path: Path,
        redactor: Redactor,
        failed: Callable[[OSError], None],
        max_bytes: int | None,
    ) -> None:
        self.redactor = redactor
        self._stream = stream
        self._path = path
        self._file: FileIO | None = None
        self._over = False
        self._failed = failed
        self._room = max_bytes
        self._depth = 0
        self._written = 0
        self._last_action: Action | None = None
        self._buffers_at = 0.0
        self._buffers: object = None

    def listen(self, options: SessionOptions) -> SessionOptions:
        """Return options whose dice, hook and signatures are noted."""
        hook = options.on_reconnect
        return attrs.evolve(
            options,
            sign=self.sign(options.sign),
            dice=self._dice(options.dice),
            on_reconnect=None if hook is None else self._hook(hook),
        )

    def begin(self, info: StreamInfo, options: SessionOptions) -> None:
        """Write the first line: what the stream is joined with."""
        self.write(
            {
                "rtms_recording": FORMAT,
                "began_ms": time.time_ns() // 1_000_000,
                "stream": info_values(info, self.redactor),
                "options": options_values(options, self.redactor),
            }
        )

    @contextlib.contextmanager
    def input(
        self, session: StreamSession, kind: str, now: float | None = None, **facts: object
    ) -> Generator[None, None, None]:
        """Write down an input, unless it comes from inside, and afterwards what follows from it."""
        self._depth += 1
        try:
            if self._depth == 1:
                time_s = {} if now is None else {"t": now}
                self.write({**time_s, "in": kind, **facts})
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._outputs(session, now)

    def write(self, line: Mapping[str, object]) -> None:
        """Write one line, whole."""
        if self._over:
            return
        text = f"{self.redactor.line(_dumps(line))}\n"
        data = text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes its JSON escape
        if self._room is not None:
            self._room -= len(data)
            if self._room < 0:
                self._over = True
                self.rest()
                _LOG.warning(
                    "%s has reached max_bytes; the stream goes on without a recording", self._path
                )
                return
        try:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            write_all(self._file, data)
        except OSError as error:
            self._over = True
            self.rest()
            self._failed(error)

    def rest(self) -> None:
        """Close the file; whatever still comes opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def message(self, data: bytes) -> dict[str, object]:
        """Return a message as it may be written."""
        try:
            return {"message": self.redactor.message(_CODEC.decode(data)), "size": len(data)}
        except (RemoteProtocolError, RecursionError):
            data = self.redactor.undecodable(data)
        try:
            return {"text": data.decode()}
        except UnicodeDecodeError:
            return {"bytes": data.decode("latin-1")}

    # --- what the core asks ----------------------------------------------------------------------

    def sign(self, sign: Callable[[str], str]) -> Callable[[str], str]:
        """Return a function whose signatures are noted, so that none is written."""

        def noted(product_id: str) -> str:
            signature = sign(product_id)
            self.redactor.learn(signature)
            return signature

        return noted

    def _dice(self, dice: Callable[[], float]) -> Callable[[], float]:
        def noted() -> float:
            value = dice()
            self.write({"in": "dice", "value": value})
            return value

        return noted

    def _hook(self, hook: ReconnectHook) -> ReconnectHook:
        def noted(attempt: ReconnectAttempt) -> float | Literal[False] | None:
            depth, self._depth = self._depth, 0  # what the hook does to the stream is an input
            try:
                answer = hook(attempt)
            finally:
                self._depth = depth
            self.write({"in": "on_reconnect", "answer": answer})
            return answer

        return noted

    # --- what follows ----------------------------------------------------------------------------

    def _outputs(self, session: StreamSession, now: float | None) -> None:
        actions = session.actions
        known = self._written
        if known and (len(actions) < known or actions[known - 1] is not self._last_action):
            known = 0  # the shell has cleared the list
        for action in actions[known:]:
            self.write({**({} if now is None else {"t": now}), **self._action(action)})
        self._written = len(actions)
        self._last_action = actions[-1] if actions else None
        if now is not None and now - self._buffers_at >= _BUFFERS_S:
            self._buffers_at = now
            self._note_buffers(now)
        if session.phase is Phase.CLOSED:  # what was sent before the end may still arrive
            self.rest()

    def _action(self, action: Action) -> dict[str, object]:
        match action:
            case Send(connection, endpoint, data):
                return {"out": "send", "c": connection, "e": endpoint, **self.message(data)}
            case Open(connection, endpoint, url):
                return {
                    "out": "open",
                    "c": connection,
                    "e": endpoint,
                    "url": self.redactor.url(url),
                }
            case Close(connection, code, reason):
                return {"out": "close", "c": connection, "code": code, "reason": reason}
            case AskRestart(request):
                return {"out": "ask_restart", "attempt": request.attempt}
            case _:
                refused = isinstance(action.outcome, RTMSError)
                return {"out": "answer", "token": action.token, "ok": not refused}

    def _note_buffers(self, now: float) -> None:
        """Write the fill of the buffers, when it has changed."""
        buffers = [
            {
                "medium": one.medium,
                "consumer": one.consumer,
                "items": one.items,
                "lag_ms": one.lag_ms,
                "high": one.high_water_items,
                "dropped": one.dropped,
            }
            for one in self._stream.statistics().buffers
        ]
        if buffers != self._buffers:
            self._buffers = buffers
            self.write({"t": now, "buffers": buffers})


class _RecordedControl(Control):
    """Requests of the application, written down."""

    __slots__ = ("_journal", "_session")

    def __init__(self, session: "_RecordedSession", journal: _Journal) -> None:
        super().__init__(
            session.info, session.options, session.links, session.intake, session.actions
        )
        self._session, self._journal = session, journal

    @override
    def subscribe_events(self, events: Iterable[EventSubscription], *, subscribe: bool) -> None:
        events = tuple(events)
        written = [event_value(event, self._journal.redactor) for event in events]
        with self._input("subscribe_events", None, events=written, subscribe=subscribe):
            super().subscribe_events(events, subscribe=subscribe)

    @override
    def subscribe_video(
        self, user_id: int, *, subscribe: bool, timestamp_ms: int, now: float
    ) -> int:
        facts = {"user_id": user_id, "subscribe": subscribe, "timestamp_ms": timestamp_ms}
        with self._input("subscribe_video", now, **facts):
            return super().subscribe_video(
                user_id, subscribe=subscribe, timestamp_ms=timestamp_ms, now=now
            )

    @override
    def request_stream_state(self, now: float) -> int:
        with self._input("request_stream_state", now):
            return super().request_stream_state(now)

    @override
    def request_session_state(self, session_id: str | None, now: float) -> int:
        with self._input("request_session_state", now, session_id=session_id):
            return super().request_session_state(session_id, now)

    def _input(
        self, kind: str, now: float | None, **facts: object
    ) -> contextlib.AbstractContextManager[None]:
        return self._journal.input(self._session, kind, now, **facts)


class _RecordedSession(StreamSession):
    """The state machine of a stream, whose inputs and outputs are written down."""

    def __init__(self, info: StreamInfo, options: SessionOptions, journal: _Journal) -> None:
        self._journal = journal
        super().__init__(info, journal.listen(options))
        self.links = self._connections
        self.control = _RecordedControl(self, journal)
        journal.begin(info, options)

    @override
    def start(self, now: float) -> None:
        with self._journal.input(self, "start", now):
            super().start(now)

    @override
    def close(self, now: float) -> None:
        with self._journal.input(self, "close", now):
            super().close(now)

    @override
    def abort(self, error: RTMSError | None = None) -> None:
        if self.phase is not Phase.CLOSED:
            with self._journal.input(self, "abort", error=error_values(error)):
                super().abort(error)

    @override
    def moved(self, server_urls: Iterable[str], now: float) -> None:
        urls = tuple(server_urls)
        with self._journal.input(self, "moved", now, urls=self._urls(urls)):
            super().moved(urls, now)

    @override
    def interrupted(self, server_urls: Iterable[str], now: float) -> None:
        urls = tuple(server_urls)
        with self._journal.input(self, "interrupted", now, urls=self._urls(urls)):
            super().interrupted(urls, now)

    @override
    def stopped(self, reason: StopReason | None, now: float) -> None:
        with self._journal.input(self, "stopped", now, reason=reason):
            super().stopped(reason, now)

    @override
    def restart_answered(self, attempt: int, problem: str | None, now: float) -> None:
        facts = {"attempt": attempt, "problem": problem}
        with self._journal.input(self, "restart_answered", now, **facts):
            super().restart_answered(attempt, problem, now)

    @override
    def restarted(
        self,
        info: StreamInfo,
        sign: Callable[[str], str],
        now: float,
        secrets: tuple[str, ...] = (),
    ) -> None:
        for secret in secrets:
            self._journal.redactor.learn(secret)
        values = info_values(info, self._journal.redactor)
        with self._journal.input(self, "restarted", now, stream=values):
            super().restarted(info, self._journal.sign(sign), now, secrets)

    @override
    def opened(self, connection: int, now: float) -> None:
        with self._journal.input(self, "opened", now, **self._link(connection)):
            super().opened(connection, now)

    @override
    def receive(self, connection: int, data: bytes, now: float) -> None:
        facts = {**self._link(connection), **self._journal.message(data)}
        with self._journal.input(self, "message", now, **facts):
            super().receive(connection, data, now)

    @override
    def receive_media(
        self, connection: int, messages: Sequence[bytes], now: float, start: int
    ) -> tuple[list[CommonFrame], list[int]]:
        return [], []  # each message is an input of its own

    @override
    def lost(self, connection: int, code: int, reason: str, now: float) -> None:
        facts = {**self._link(connection), "code": code, "reason": reason}
        with self._journal.input(self, "lost", now, **facts):
            super().lost(connection, code, reason, now)

    @override
    def drained(self, connection: int, *, complete: bool) -> None:
        facts = {**self._link(connection), "complete": complete}
        with self._journal.input(self, "drained", None, **facts):
            super().drained(connection, complete=complete)

    @override
    def failed(self, connection: int, error: RTMSError, now: float) -> None:
        facts = {**self._link(connection), **(error_values(error) or {})}
        with self._journal.input(self, "failed", now, **facts):
            super().failed(connection, error, now)

    @override
    def timer(self, now: float) -> None:
        with self._journal.input(self, "timer", now):
            super().timer(now)

    def _link(self, connection: int) -> dict[str, object]:
        link = self._connections.get(connection) or self._connections.late(connection)
        return {"c": connection, "e": None if link is None else link.endpoint}

    def _urls(self, urls: Iterable[str]) -> list[str]:
        return [self._journal.redactor.url(url) for url in urls]
