"""Draw a reconnect over time, from a run of the core itself with a hand-moved clock."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from rtms_client.config import AudioParams, ReconnectPolicy, StreamInfo, TranscriptParams
from rtms_client.enums import MediaType
from rtms_client.events import Gap, ReconnectScheduled, StreamInterrupted, StreamResumed
from rtms_client.exceptions import ConnectFailed
from rtms_client.protocol import Close, Open, Send, SessionOptions, StreamSession
from svg import Canvas

__all__ = ["Run", "run", "timeline"]

_LANES: Final = ("signaling", "audio", "transcript")
_LOST_S: Final = 2.0
_BACK_S: Final = 8.0
_END_S: Final = 15.0
_STEP_MS: Final = 40
_EPOCH_MS: Final = 1790000000000
_URL: Final = "wss://rtms.zoom.us"
_ANSWERS: Final[Mapping[str, Mapping[str, object]]] = {
    "signaling": {
        "msg_type": 2,
        "status_code": 0,
        "media_server": {"server_urls": {name: f"{_URL}/{name}" for name in _LANES[1:]}},
    },
    **{name: {"msg_type": 4, "status_code": 0} for name in _LANES[1:]},
}


@attrs.define
class Run:
    """What happened, in seconds from the beginning."""

    up: dict[str, list[tuple[float, float]]] = attrs.field(
        factory=lambda: {lane: [] for lane in _LANES}
    )
    """When each connection was there."""
    refused: list[float] = attrs.field(factory=list)
    """Tries that failed."""
    told: list[tuple[float, str]] = attrs.field(factory=list)
    """What the application was told."""


class _World:
    """A stream, and a server that nobody reaches for some time."""

    def __init__(self) -> None:
        info = StreamInfo(product_id="meeting", stream_id="stream", server_urls=(_URL,))
        options = SessionOptions(
            params={
                MediaType.AUDIO: AudioParams(send_rate_ms=_STEP_MS),
                MediaType.TRANSCRIPT: TranscriptParams(),
            },
            sign=lambda _: "0" * 64,
            reconnect=ReconnectPolicy(jitter=0),
        )
        self.session = StreamSession(info, options)
        self.now = 0.0
        self.seen = Run()
        self._since: dict[int, tuple[str, float]] = {}
        self._kept: list[int] = []

    def act(self) -> None:
        """Carry out what the core asks for, and note what it has to tell."""
        while self.session.actions:
            action = self.session.actions.pop(0)
            match action:
                case Open(connection=number, endpoint=lane):
                    self._open(number, lane)
                case Send(connection=number, endpoint=lane, data=data):
                    if json.loads(data)["msg_type"] in {1, 3}:
                        answer = json.dumps(_ANSWERS[lane]).encode()
                        self.session.receive(number, answer, self.now)
                case Close(connection=number):
                    self._down(number)
                case _:  # nothing was asked for
                    continue
        items, self.session.intake.items = self.session.intake.items, []
        self.seen.told += [(self.now, text) for item in items for text in _told(item)]

    def _open(self, number: int, lane: str) -> None:
        if _LOST_S <= self.now < _BACK_S:
            self.seen.refused.append(self.now)
            error = ConnectFailed(lane, _URL, "connection refused")
            self.session.failed(number, error, self.now)
        else:
            self._since[number] = lane, self.now
            self.session.opened(number, self.now)

    def _down(self, number: int) -> None:
        lane, since = self._since.pop(number)
        self.seen.up[lane].append((since, self.now))

    def lose_signaling(self) -> None:
        """Let the signaling connection break."""
        [number] = [one for one, (lane, _) in self._since.items() if lane == "signaling"]
        self._down(number)
        self.session.lost(number, 1006, "", self.now)

    def speak(self) -> None:
        """Let the server send what is said at this moment, and audio that it kept."""
        now_ms = round(1000 * self.now)
        self._kept += [now_ms]
        for number, (lane, _) in list(self._since.items()):
            if lane == "audio":
                self._say(number, 14, self._kept)
                self._kept = []
            elif lane == "transcript":
                self._say(number, 17, [now_ms])

    def _say(self, number: int, kind: int, times_ms: list[int]) -> None:
        for at_ms in times_ms:
            content = {"user_id": 1, "data": "", "timestamp": _EPOCH_MS + at_ms}
            message = json.dumps({"msg_type": kind, "content": content}).encode()
            self.session.receive(number, message, self.now)

    def finish(self) -> Run:
        """Return what happened."""
        for number in list(self._since):
            self._down(number)
        return self.seen


def _told(item: object) -> Iterator[str]:
    match item:
        case StreamInterrupted():
            yield "StreamInterrupted"
        case ReconnectScheduled(attempt=number, delay_s=delay_s):
            yield f"ReconnectScheduled: try {number} in {delay_s:g} s"
        case StreamResumed(attempts=attempts):
            yield f"StreamResumed after {attempts} tries"
        case Gap(media=MediaType() as medium):
            yield f"Gap of {str(medium.name).lower()}"
        case _:
            pass


def run() -> Run:
    """Let a stream lose signaling, fail to come back twice, and succeed."""
    world = _World()
    world.session.start(world.now)
    world.act()
    for now_ms in range(_STEP_MS, round(1000 * _END_S), _STEP_MS):
        world.now = now_ms / 1000
        if world.now == _LOST_S:
            world.lose_signaling()
        world.session.timer(world.now)
        world.act()
        world.speak()
        world.act()
    return world.finish()


# --- the picture ---------------------------------------------------------------------------------

_LEFT: Final = 96
_SECOND: Final = 40
_LANE: Final = 34
_TOP: Final = 34


def _x(at_s: float) -> float:
    return _LEFT + at_s * _SECOND


def timeline() -> str:
    """Draw the run."""
    seen = run()
    canvas = Canvas("timeline", "A reconnect over time: connections, tries, and what you are told")
    bottom = _TOP + len(_LANES) * _LANE
    canvas.box(_x(_LOST_S), 8, _x(seen.up["signaling"][-1][0]) - _x(_LOST_S), bottom - 4, "dg-zone")
    for place, lane in enumerate(_LANES):
        y = _TOP + place * _LANE
        canvas.text(8, y + 17, lane, "dg-name")
        for since, until in seen.up[lane]:
            canvas.box(_x(since), y, _x(until) - _x(since), 24, "dg-start")
    for at_s in seen.refused:
        canvas.text(_x(at_s), _TOP + 17, "✗", "dg-name", "middle")
    for second in range(round(_END_S) + 1):
        canvas.line([(_x(second), bottom), (_x(second), bottom + 5)], head=False)
        if second % 2 == 0:
            label = f"{second - _LOST_S:+g} s" if second != _LOST_S else "loss"
            canvas.text(_x(second), bottom + 20, label, "dg-small", "middle")
    lines = [bottom + 46 + 20 * number for number in range(len(seen.told))]
    for y, (at_s, _) in zip(lines, seen.told, strict=True):
        canvas.line([(_x(at_s), bottom + 26), (_x(at_s), y - 4)], "dg-life", head=False)
    for y, (at_s, text) in zip(lines, seen.told, strict=True):
        canvas.text(_x(at_s) + 6, y, text, "dg-small dg-halo")
    return canvas.svg(_x(_END_S) + 30, lines[-1] + 20)
