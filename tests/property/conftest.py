"""A shell that does what sessions ask, checks what they promise, and knows nothing of the rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

from rtms_client.config import (
    AudioParams,
    ChatParams,
    ReconnectPolicy,
    StreamInfo,
    TranscriptParams,
    VideoParams,
)
from rtms_client.enums import DataOption, EventType, MediaType, Product
from rtms_client.events import Unrecognized
from rtms_client.exceptions import ConnectFailed, RTMSError
from rtms_client.protocol import (
    Answer,
    Close,
    Open,
    Phase,
    Send,
    SessionOptions,
    StreamSession,
)

if TYPE_CHECKING:
    from rtms_client._wire.outbound import MediaParams

CORPUS: Final[dict[str, list[dict[str, object]]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "messages.json").read_text("utf-8")
)
URLS: Final = ("wss://rtms.zoom.us:443/s", "wss://evil.test/s", "not a URL")
PARAMS: Final[dict[MediaType, MediaParams]] = {
    MediaType.AUDIO: AudioParams(),
    MediaType.VIDEO: VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM),
    MediaType.TRANSCRIPT: TranscriptParams(),
    MediaType.CHAT: ChatParams(),
}
MEDIA_MESSAGES: Final = range(14, 19)


class Shell:
    """Drives one session and checks after each step that it keeps its promises."""

    def __init__(
        self,
        *,
        product: Product = Product.MEETING,
        reconnect: ReconnectPolicy | None = None,
        unified: bool = False,
        strict: bool = False,
    ) -> None:
        info = StreamInfo(
            product=product,
            product_id="p",
            alternate_id="other",
            stream_id="s",
            server_urls=("wss://rtms.zoom.us/s",),
        )
        options = SessionOptions(
            params=PARAMS, sign=str, reconnect=reconnect, unified=unified, strict=strict
        )
        self.session = StreamSession(info, options)
        self.now = 0.0
        self.opening: dict[int, str] = {}
        self.open: dict[int, str] = {}
        self.waiting: set[int] = set()
        self._opened = 0
        self._last_sequence = 0
        self._ended = False

    # --- steps -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the session."""
        self.check()
        self.ask(lambda: self.session.start(self.now))

    def ask(self, call: Callable[[], int | None]) -> None:
        """Make a call of the application: it may raise documented errors only."""
        try:
            token = call()
        except RTMSError:
            token = None
        if token is not None:
            assert token not in self.waiting
            self.waiting.add(token)
        self.session.changed = True  # as documented: the shell looks by itself after a request
        self.check()

    def opened(self, number: int) -> None:
        """Let a connection come about."""
        self.open[number] = self.opening.pop(number)
        self.tell(lambda: self.session.opened(number, self.now))

    def failed(self, number: int) -> None:
        """Let a connection not come about."""
        endpoint = self.opening.pop(number)
        error = ConnectFailed(endpoint, "rtms.zoom.us:443", "refused")
        self.tell(lambda: self.session.failed(number, error, self.now))

    def lost(self, number: int, code: int) -> None:
        """Let a connection break."""
        del self.open[number]
        self.tell(lambda: self.session.lost(number, code, "", self.now))

    def receive(self, number: int, data: bytes) -> None:
        """Let a message arrive, perhaps late; one not understood must have changed nothing."""
        before = self.session.phase
        self.tell(lambda: self.session.receive(number, data, self.now), before)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as the shell does: with a call at each deadline."""
        until = self.now + seconds
        for _ in range(200):
            due = self.session.next_deadline()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.tell(lambda: self.session.timer(self.now))
        else:  # pragma: no cover  # a promise broken
            pytest.fail("the same deadline again and again")
        self.now = until

    def tell(self, call: Callable[[], None], unless_changed: Phase | None = None) -> None:
        """Report something to the session: nothing may escape."""
        before = self.session.next_deadline()
        call()
        after = self.session.next_deadline()
        if after is not None and (before is None or after < before):
            assert self.session.changed
        self.check(unless_changed)

    # --- promises --------------------------------------------------------------------------------

    def check(self, before: Phase | None = None) -> None:
        """Take actions and items, and compare them with the promises."""
        session = self.session
        session.changed = False
        refused = self._check_items()
        if refused and before is not None:
            assert (session.phase, session.actions) == (before, [])
        self._check_actions()
        roster = session.intake.roster
        assert max(len(roster.participants), len(roster.sessions)) <= 10_000
        if session.phase is Phase.CLOSED:
            assert session.next_deadline() is None
            assert (self.opening, self.open, self.waiting) == ({}, {}, set())
            self._ended = True
        elif session.phase is not Phase.IDLE:
            assert session.next_deadline() is not None
            assert session.error is None
        assert len(self.opening) + len(self.open) <= 1 + len(PARAMS)

    def _check_items(self) -> bool:
        """Numbers grow by one for ever; tell whether a message was not understood."""
        items = self.session.intake.items
        assert not items or not self._ended
        for item in items:
            assert item.sequence == self._last_sequence + 1
            self._last_sequence = item.sequence
        refused = len(items) == 1 and isinstance(items[0], Unrecognized)
        by_media = refused and getattr(items[0], "message_type", None) in MEDIA_MESSAGES
        items.clear()
        return refused and not by_media  # media, even unreadable, stand for acceptance (row 43)

    def _check_actions(self) -> None:
        """Connections open and close once, what is sent goes to open ones, answers come once."""
        for action in self.session.actions:
            assert not self._ended
            match action:
                case Open(connection=number, endpoint=endpoint, url=url):
                    assert number == self._opened + 1
                    assert ".zoom.us" in url.lower()
                    self._opened = number
                    self.opening[number] = endpoint
                case Send(connection=number, data=data):
                    assert number in self.open
                    assert type(json.loads(data)["msg_type"]) is int
                case Close(connection=number):
                    gone = self.opening.pop(number, None) or self.open.pop(number, None)
                    assert gone is not None or number <= self._opened
                case _:
                    assert isinstance(action, Answer)  # for nobody starts it again
                    self.waiting.discard(action.token)
        self.session.actions.clear()


MakeShell: TypeAlias = Callable[..., Shell]


@pytest.fixture
def make_shell() -> MakeShell:
    """Return what makes a shell around a new session."""
    return Shell


@pytest.fixture
def corpus() -> dict[str, list[dict[str, object]]]:
    """Return one valid message of each kind, by the kind of socket they come on."""
    return CORPUS


@pytest.fixture
def requests() -> list[Callable[[Shell], int | None]]:
    """Return everything that an application can ask of a session."""

    def subscribe(shell: Shell) -> None:
        shell.session.control.subscribe_events([EventType.SHARING_START], subscribe=True)

    def unsubscribe(shell: Shell) -> None:
        shell.session.control.subscribe_events([EventType.PARTICIPANT_JOIN], subscribe=False)

    return [
        subscribe,
        unsubscribe,
        lambda shell: shell.session.control.request_stream_state(shell.now),
        lambda shell: shell.session.control.request_session_state(None, shell.now),
        lambda shell: shell.session.control.request_session_state("sess-1", shell.now),
        lambda shell: shell.session.control.subscribe_video(
            16778240, subscribe=True, timestamp_ms=0, now=shell.now
        ),
        lambda shell: shell.session.control.subscribe_video(
            16778240, subscribe=False, timestamp_ms=0, now=shell.now
        ),
        lambda shell: shell.session.moved(URLS, shell.now),
        lambda shell: shell.session.moved(URLS[1:], shell.now),
        lambda shell: shell.session.interrupted((), shell.now),
        lambda shell: shell.session.interrupted(URLS[1:], shell.now),
    ]
