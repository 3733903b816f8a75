"""A session with a hand-moved clock, and the server's side of its wires written out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never

import pytest

from rtms_client.config import (
    AudioParams,
    ChatParams,
    ShareParams,
    StreamInfo,
    TranscriptParams,
    VideoParams,
)
from rtms_client.enums import DataOption, MediaType
from rtms_client.events import Unrecognized
from rtms_client.protocol import (
    Action,
    Answer,
    AskRestart,
    Close,
    Open,
    Send,
    SessionOptions,
    StreamSession,
)

if TYPE_CHECKING:
    from rtms_client._wire.outbound import MediaParams
    from rtms_client.frames import Item

STREAM_ID: Final = "11111111-2222-3333-4444-555555555555"
SIGNATURE: Final = "300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9"
INFO: Final = StreamInfo(
    product_id="aBcDeFgHiJkLmNoPqRsTuA==",
    stream_id=STREAM_ID,
    server_urls=("wss://rtms.zoom.us:443/s",),
)
PARAMS: Final[Mapping[str, tuple[MediaType, MediaParams]]] = {
    "audio": (MediaType.AUDIO, AudioParams()),
    "video": (MediaType.VIDEO, VideoParams()),
    "share": (MediaType.SHARE, ShareParams()),
    "transcript": (MediaType.TRANSCRIPT, TranscriptParams()),
    "chat": (MediaType.CHAT, ChatParams()),
}
INDIVIDUAL: Final = VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)
MEDIA_TYPES: Final = {"audio": 14, "video": 15, "share": 16, "transcript": 17, "chat": 18}

Message: TypeAlias = dict[str, object]


class Wire:
    """One session, what it asked of the shell, and what its server says."""

    def __init__(self, info: StreamInfo, options: SessionOptions, **seams: Any) -> None:  # noqa: ANN401  # passed on
        self.session = StreamSession(info, options, **seams)
        self.now = 100.0
        self._endpoints: dict[int, str] = {}

    def do(self) -> list[Action]:
        """Take what the shell has to do."""
        actions = list(self.session.actions)
        self.session.actions.clear()
        self._endpoints.update(
            (action.connection, action.endpoint) for action in actions if isinstance(action, Open)
        )
        return actions

    def brief(self) -> list[str]:
        """Take what the shell has to do, in short."""
        return [self._short(action) for action in self.do()]

    def _short(self, action: Action) -> str:
        match action:
            case Open(endpoint=endpoint):
                return f"open {endpoint}"
            case Send(connection=number, data=data):
                return f"{self._endpoints[number]} sends {json.loads(data)['msg_type']}"
            case Close(connection=number, code=code):
                return f"close {self._endpoints[number]} {code}"
            case AskRestart(request=request):
                return f"ask for restart {request.attempt}"
            case Answer(token=token, outcome=outcome):
                return f"answer {token} {type(outcome).__name__}"
            case _:
                assert_never(action)

    def items(self) -> list[Item]:
        """Take what arrived for the application."""
        items = list(self.session.intake.items)
        self.session.intake.items.clear()
        return items

    def phase(self) -> str:
        """Return where the stream stands."""
        return self.session.phase.name

    def problems(self) -> list[str]:
        """Take what arrived, and return what was not understood."""
        return [item.problem for item in self.items() if isinstance(item, Unrecognized)]

    def number(self, endpoint: str) -> int:
        """Return the number of the newest connection with a name."""
        self._endpoints.update(
            (action.connection, action.endpoint)
            for action in self.session.actions
            if isinstance(action, Open)
        )
        return max(number for number, name in self._endpoints.items() if name == endpoint)

    def opened(self, endpoint: str) -> None:
        """Let a connection come about."""
        self.session.opened(self.number(endpoint), self.now)

    def hear(self, endpoint: str, message: Message) -> None:
        """Let the server say something on a connection."""
        data = json.dumps(message).encode()
        self.session.receive(self.number(endpoint), data, self.now)

    def media(self, medium: str, timestamp: int = 1790000000020, **content: object) -> None:
        """Let the server send media on the connection of the medium."""
        content = {"user_id": 1, "data": "AAAA", "timestamp": timestamp, **content}
        self.hear(medium, {"msg_type": MEDIA_TYPES[medium], "content": content})

    def accept_signaling(self, urls: Mapping[str, str] | None = None) -> None:
        """Let the server accept the signaling handshake."""
        if urls is None:
            urls = {name: f"wss://media.zoom.us/{name}" for name in PARAMS}
        server: Message = {"server_urls": urls}
        answer: Message = {"msg_type": 2, "protocol_version": 1, "status_code": 0}
        self.hear("signaling", {**answer, "media_server": server})

    def accept_media(self, endpoint: str, **answer: object) -> None:
        """Let the server accept a media handshake."""
        self.hear(endpoint, {"msg_type": 4, "protocol_version": 1, "status_code": 0, **answer})

    def connect(self, urls: Mapping[str, str] | None = None) -> Wire:
        """Bring signaling to its end, without looking at it."""
        self.session.start(self.now)
        self.opened("signaling")
        self.accept_signaling(urls)
        return self

    def stream(self, *endpoints: str) -> Wire:
        """Bring the stream to the point where media flow, without looking at it."""
        self.connect()
        for endpoint in endpoints or self.requested():
            self.opened(endpoint)
            self.accept_media(endpoint)
        self.forget()
        return self

    def requested(self) -> Iterable[str]:
        """Return the names of the requested media."""
        return [
            name for name, (medium, _) in PARAMS.items() if medium in self.session.options.params
        ]

    def forget(self) -> None:
        """Look away from what was asked and what arrived."""
        self.do()
        self.items()

    def wait(self, seconds: float) -> None:
        """Let time pass, and tell the session."""
        self.now += seconds
        self.session.timer(self.now)


Join: TypeAlias = Callable[..., Wire]


@pytest.fixture
def join() -> Join:
    """Return a function that makes a session: names of media, stream and options."""

    def make(*media: str, info: StreamInfo = INFO, **options: Any) -> Wire:  # noqa: ANN401  # passed on
        params: dict[MediaType, MediaParams] = dict(PARAMS[name] for name in media or ("audio",))
        params.update(options.pop("params", {}))
        seams = {name: options.pop(name) for name in ("codec", "cipher") if name in options}
        options.setdefault("sign", lambda _: SIGNATURE)
        options.setdefault("events", ())
        return Wire(info, SessionOptions(params=params, **options), **seams)

    return make


@pytest.fixture
def info() -> StreamInfo:
    """Return the stream that sessions join by default."""
    return INFO


@pytest.fixture
def individual() -> dict[MediaType, VideoParams]:
    """Return the parameters that ask for one participant's video."""
    return {MediaType.VIDEO: INDIVIDUAL}
