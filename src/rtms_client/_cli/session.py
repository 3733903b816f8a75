"""Join a stream, write and show what arrives, end it in order."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, Literal

import attrs

from rtms_client.client import RTMSClient
from rtms_client.codes import explain_stop
from rtms_client.config import BufferLimits, Buffers, StreamInfo
from rtms_client.events import StreamItem
from rtms_client.exceptions import (
    AnswerTimeout,
    CertificateRejected,
    HostNotAllowed,
    InvalidParameters,
    MissingExtra,
    RTMSError,
    StreamLost,
)
from rtms_client.media import Recorder, SessionClock
from rtms_client.media._extras import load
from rtms_client.media._movie import MovieFormat
from rtms_client.protocol.reconnect import ReconnectAttempt
from rtms_client.stream import RTMSStream

from .failures import (
    EXIT_ABNORMAL,
    EXIT_INTERRUPTED,
    EXIT_NOT_JOINED,
    EXIT_OK,
    EXIT_USAGE,
    CommandError,
)
from .interrupt import Interruption, interruptible
from .tally import Tally
from .text import clean
from .views import View

__all__ = ["BUFFERS", "Outcome", "Patience", "Session", "check_movie", "explained"]

_TICK_S: Final = 0.1
_FLUSH_S: Final = 1.0
_JOIN_ATTEMPTS: Final = 3
_OPTIONS: Final = {
    "NetworkOptions.ca_file": "--ca-file",
    "NetworkOptions.proxy": "--proxy",
    "allowed_hosts": "--allow-host",
}
_MIB: Final = 1024 * 1024
BUFFERS: Final = Buffers(
    audio=BufferLimits(max_items=50_000, max_bytes=128 * _MIB),
    video=BufferLimits(max_items=10_000, max_bytes=256 * _MIB),
    share=BufferLimits(max_items=10_000, max_bytes=256 * _MIB),
)
"""Room for a slow disk: a recording should rather take memory than have holes."""


@attrs.define
class Outcome:
    """How a session ended."""

    recorder: Recorder
    ending: str = ""
    """In a few words."""
    exit_code: int = EXIT_OK
    error: str | None = None
    """Why it ended abnormally, in one line."""


class Patience:
    """Decides how often a connection is tried: while joining a user waits, later nobody does.

    Attributes:
        joined: Whether the stream was joined.
        say: Shows a line.
    """

    def __init__(self) -> None:
        self.joined = False
        self.say: Callable[[str], None] = print

    def __call__(self, attempt: ReconnectAttempt) -> Literal[False] | None:
        """Agree to a try, or not."""
        if self.joined:
            return None
        if attempt.number > _JOIN_ATTEMPTS:
            return False
        self.say(f"{clean(str(attempt.cause))}; next try in {attempt.delay_s:.1f} s")
        return None


@attrs.define(kw_only=True)
class Session:
    """One stream that is recorded and shown."""

    client: RTMSClient
    info: StreamInfo
    folder: Path
    """Where the files go; it exists."""
    tally: Tally
    clock: SessionClock
    view: View
    stop_after_s: float | None = None
    """Leave after so many seconds."""
    length_ms: int = 0
    """Shortest length of audio files when the stream ends by itself."""
    movie: MovieFormat | None = None
    patience: Patience = attrs.field(factory=Patience)
    """Also the hook of the client, if it reconnects."""

    async def run(self) -> Outcome:
        """Do everything; the files are complete when this returns.

        Raises:
            CommandError: The stream cannot be joined, a file cannot be written, or what decodes the
                audio is not installed.
            BrokenPipeError: Nobody reads what is shown.
        """
        with contextlib.closing(self.view), interruptible() as interruption:
            stream = self.client.stream(self.info)
            await self._join(stream, interruption)
            try:
                with _writing_to(self.folder):
                    return await self._record(stream, interruption)
            finally:
                try:
                    await stream.close()
                except asyncio.CancelledError as error:  # once more: do not wait for the server
                    interruption.accept(error)

    async def _join(self, stream: RTMSStream, interruption: Interruption) -> None:
        self.patience.say = self.view.say
        try:
            await stream.open()
        except InvalidParameters as error:
            raise CommandError(EXIT_USAGE, explained(error)) from error
        except RTMSError as error:
            raise CommandError(EXIT_NOT_JOINED, f"cannot join: {explained(error)}") from error
        except asyncio.CancelledError as error:
            interruption.accept(error)
            raise CommandError(EXIT_INTERRUPTED, "interrupted before joining") from None
        self.patience.joined = True

    async def _record(self, stream: RTMSStream, interruption: Interruption) -> Outcome:
        recorder = Recorder(self.folder, replace=True, movie=self.movie)
        outcome = Outcome(recorder)
        length_ms = 0
        try:
            if await self._receive(stream, recorder):
                length_ms = self.length_ms
                reason = stream.stop_reason
                outcome.ending = (
                    "the stream ended" if reason is None else explain_stop(reason).meaning
                )
            else:
                outcome.ending = f"left after {self.stop_after_s:g} s as asked"
        except MissingExtra as error:
            raise CommandError(EXIT_USAGE, str(error)) from error
        except RTMSError as error:
            outcome.exit_code, outcome.ending = EXIT_ABNORMAL, "the stream ended abnormally"
            outcome.error = explained(error)
        except asyncio.CancelledError as error:
            interruption.accept(error)
            outcome.exit_code, outcome.ending = EXIT_INTERRUPTED, "interrupted"
        finally:
            recorder.close(length_ms=length_ms)
        return outcome

    async def _receive(self, stream: RTMSStream, recorder: Recorder) -> bool:
        """Take items until the end of the stream; returns whether it came."""
        now = asyncio.get_running_loop().time
        stop_at = math.inf if self.stop_after_s is None else now() + self.stop_after_s
        flush_at = now() + _FLUSH_S
        async with aiter(stream) as items:
            while (left_s := stop_at - now()) > 0:
                # Reading may be cancelled without loss, so one time-out serves many items.
                try:
                    async with asyncio.timeout(min(_TICK_S, left_s)):
                        async for item in items:
                            self._take(recorder, item)
                        return True
                except TimeoutError as error:
                    if error.errno is not None:  # of a file system, not of the clock
                        raise
                self.view.tick()
                if now() >= flush_at:
                    flush_at = now() + _FLUSH_S
                    recorder.flush()
        return False

    def _take(self, recorder: Recorder, item: StreamItem) -> None:
        self.clock.place(item)
        recorded = recorder.write(item)
        self.view.show(recorded.at_ms, self.tally.add(item), recorded.line)


@contextlib.contextmanager
def _writing_to(folder: Path) -> Generator[None, None, None]:
    """Turn what the disk says into an error of the command."""
    try:
        yield
    except BrokenPipeError:  # the output, not a file
        raise
    except OSError as error:
        raise CommandError(
            EXIT_ABNORMAL,
            f"cannot write to {folder}: {error.strerror or error}; "
            "make room or choose another folder with --out",
        ) from error


def check_movie(movie: MovieFormat | None) -> None:
    """Make sure that movies can be written, before anything is joined.

    Raises:
        CommandError: They are wanted, and what writes them is not installed.
    """
    if movie is None:
        return
    try:
        load("av", f"--movie {movie}", "av")
    except MissingExtra as error:
        raise CommandError(EXIT_USAGE, str(error)) from error


def explained(error: RTMSError) -> str:
    """Return the text of an error, with options of the command line where it names classes."""
    match error:
        case HostNotAllowed(url=url, problem=problem):
            text = (
                f"{url}: {problem}; verify that the webhook is genuine, and if it is, "
                "allow the host with --allow-host"
            )
        case CertificateRejected(endpoint=endpoint, host=host, problem=problem):
            text = (
                f"{endpoint}: expected a trusted certificate of {host}, got: {problem}; pass the "
                "CA of your proxy or test server with --ca-file"
            )
        case AnswerTimeout(endpoint=endpoint, waited_for=waited_for, timeout_s=timeout_s):
            text = (
                f"{endpoint}: expected {waited_for} within {timeout_s:g} s, got nothing; the "
                "server may be overloaded, try again"
            )
        case InvalidParameters(what=what, problem=problem, suggestion=suggestion):
            text = f"{_OPTIONS.get(what, what)}: {problem}; {suggestion}"
        case StreamLost(endpoint=endpoint, after_s=after_s, history=history):
            last = f", the last time: {history[-1][1]}" if history else ""
            text = f"{endpoint}: gave up after {after_s:.1f} s and {len(history)} failures{last}"
        case _:
            text = str(error)
    return clean(text)
