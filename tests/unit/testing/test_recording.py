"""Recordings that nobody recorded: of other versions, damaged, or written by hand."""

import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest

from rtms_client import (
    AudioParams,
    ConnectFailed,
    EventType,
    MediaType,
    RTMSClient,
    RTMSError,
    ShareParams,
    StopReason,
    StreamInfo,
    StreamStopped,
)
from rtms_client.config import NetworkOptions, ReconnectPolicy, RestartPolicy
from rtms_client.enums import ContactCenterEventType, StatusCode, StreamState
from rtms_client.events import ReconnectScheduled, StreamResumed
from rtms_client.exceptions import InternalError, RequestFailed, StreamLost
from rtms_client.protocol import Phase, SessionOptions, StreamSession
from rtms_client.testing import (
    Hangup,
    RawMessage,
    Recording,
    RecordingUnreadable,
    StateChange,
    WireRecorder,
)
from rtms_client.testing._recording_values import error_from, error_values

INFO = StreamInfo(
    product_id="aBcDeFgHiJkLmNoPqRsTuA==",
    stream_id="11111111-2222-3333-4444-555555555555",
    server_urls=("wss://rtms.zoom.us/s",),
)


class Recorder(Protocol):
    """Begins a recording by hand."""

    def __call__(self, path: Path, **options: Any) -> StreamSession:  # noqa: ANN401  # passed on
        """Return what is to be fed."""
        ...


@pytest.fixture
def record() -> Iterator[Recorder]:
    """Begin recordings; at the end of the test their streams end."""
    sessions: list[StreamSession] = []

    def begin(path: Path, **options: Any) -> StreamSession:  # noqa: ANN401  # passed on
        client = RTMSClient("id", "the secret of the app", audio=AudioParams())
        options.setdefault("params", {MediaType.AUDIO: AudioParams()})
        options.setdefault("reconnect", ReconnectPolicy())
        chosen = SessionOptions(sign=lambda _: "the signature", **options)
        sessions.append(WireRecorder(path)(client.stream(INFO), chosen))
        return sessions[-1]

    yield begin
    for session in sessions:
        session.abort()


def hear(session: StreamSession, connection: int, now: float, **message: object) -> None:
    """Let a message arrive."""
    session.receive(connection, json.dumps(message).encode(), now)


def joined(session: StreamSession) -> None:
    """Join the stream with audio."""
    session.start(100.0)
    session.opened(1, 100.1)
    urls = {"audio": "wss://rtms.zoom.us/a"}
    hear(session, 1, 100.2, msg_type=2, status_code=0, media_server={"server_urls": urls})
    session.opened(2, 100.3)
    hear(session, 2, 100.4, msg_type=4, status_code=0)
    session.actions.clear()


def lines(path: Path) -> list[dict[str, Any]]:
    """Return what was written."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def rewritten(path: Path, found: list[Any]) -> Path:
    """Write a changed recording."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in found))
    return path


def test_what_is_written(record: Recorder, tmp_path: Path) -> None:
    """Inputs with their time and connection, and everything that was sent, opened and closed."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    joined(session)
    session.close(101.0)
    hear(session, 1, 101.1, msg_type=22, status_code=0)
    head, *found = lines(path)
    assert head["stream"]["server_urls"] == ["wss://rtms.zoom.us/s"]
    assert [
        (line.get("t"), line.get("in") or line.get("out"), line.get("c"), line.get("e"))
        for line in found
        if "buffers" not in line
    ] == [
        (100.0, "start", None, None),
        (100.0, "open", 1, "signaling"),
        (100.1, "opened", 1, "signaling"),
        (100.1, "send", 1, "signaling"),
        (100.2, "message", 1, "signaling"),
        (100.2, "send", 1, "signaling"),
        (100.2, "open", 2, "audio"),
        (100.3, "opened", 2, "audio"),
        (100.3, "send", 2, "audio"),
        (100.4, "message", 2, "audio"),
        (100.4, "send", 1, "signaling"),
        (101.0, "close", None, None),
        (101.0, "send", 1, "signaling"),
        (101.1, "message", 1, "signaling"),
        (101.1, "close", 2, None),
        (101.1, "close", 1, None),
    ]
    assert "secret of the app" not in path.read_text()


def test_steps_show_the_state_machine(record: Recorder, tmp_path: Path) -> None:
    """Each line with the time since the start and the state after it."""
    path = tmp_path / "wire.jsonl"
    joined(record(path))
    steps = list(Recording.load(path).steps())
    assert steps[-1].at_s == pytest.approx(0.4)
    assert steps[-1].session.phase is Phase.STREAMING
    assert steps[0].line["rtms_recording"] == 1


def test_all_that_can_be_asked_for(record: Recorder, tmp_path: Path) -> None:
    """Options, subscriptions and ends of all kinds survive the file."""
    path = tmp_path / "wire.jsonl"
    session = record(
        path,
        params={MediaType.AUDIO: AudioParams(), MediaType.SHARE: ShareParams()},
        events=(EventType.SHARING_START, ContactCenterEventType(9), {"event_code": 3}),
        network=NetworkOptions(allowed_hosts=("zoom.us", "localhost")),
        reconnect=None,
    )
    session.start(1.0)
    session.failed(1, ConnectFailed("signaling", "rtms.zoom.us", "no route"), 2.0)
    recording = Recording.load(path)
    options = recording.options()
    assert options.params == session.options.params
    assert options.events == session.options.events
    assert options.network.allowed_hosts == ("zoom.us", "localhost")
    assert options.reconnect is None
    assert options.sign("any") == "redacted"
    *_, last = recording.steps()
    assert str(last.session.error) == str(session.error)


def test_a_video_is_asked_for_again(record: Recorder, tmp_path: Path) -> None:
    """A request that was impossible is impossible again, and does not end the replay."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    joined(session)
    with pytest.raises(RTMSError):
        session.control.subscribe_video(1, subscribe=True, timestamp_ms=5, now=101.0)
    session.stopped(None, 102.0)
    *_, last = Recording.load(path).steps()
    assert last.session.phase is Phase.CLOSED


def test_a_hook_that_ends_the_stream(record: Recorder, tmp_path: Path) -> None:
    """What a hook does to the stream happens at the same moment of the replay."""
    path = tmp_path / "wire.jsonl"

    def hook(_: object) -> None:
        session.abort(InternalError("by the hook"))
        session.actions.clear()  # as the shell does

    session = record(path, on_reconnect=hook)
    joined(session)
    session.lost(2, 1006, "", 101.0)
    *_, last = Recording.load(path).steps()
    assert str(last.session.error) == str(session.error)
    assert [line["in"] for line in lines(path)[-4:] if "in" in line][-1] == "on_reconnect"


def test_dice_that_another_version_does_not_throw(record: Recorder, tmp_path: Path) -> None:
    """Without the noted dice and answers, the replay goes on as if they showed nothing."""
    path = tmp_path / "wire.jsonl"
    session = record(path, on_reconnect=lambda _: 7.0, dice=lambda: 0.5)
    joined(session)
    session.lost(2, 1006, "", 101.0)
    session.timer(108.0)
    [planned] = [
        one for one in Recording.load(path).replay() if isinstance(one, ReconnectScheduled)
    ]
    assert planned.delay_s == 7.0
    noted = ("dice", "on_reconnect")
    rewritten(path, [line for line in lines(path) if line.get("in") not in noted])
    found = list(Recording.load(path).replay())
    [planned] = [one for one in found if isinstance(one, ReconnectScheduled)]
    assert planned.delay_s == 0.25
    rewritten(path, [line for line in lines(path) if line.get("in") != "timer"])
    found = list(Recording.load(path).replay())
    assert [one.delay_s for one in found if isinstance(one, ReconnectScheduled)] == [0.25]


def test_dice_without_a_hook(record: Recorder, tmp_path: Path) -> None:
    """Each throw is noted."""
    path = tmp_path / "wire.jsonl"
    session = record(path, dice=lambda: 0.5)
    joined(session)
    session.lost(2, 1006, "", 101.0)
    session.timer(101.2)
    session.opened(3, 101.3)
    hear(session, 3, 101.4, msg_type=4, status_code=0)
    found = list(Recording.load(path).replay())
    assert [one.delay_s for one in found if isinstance(one, ReconnectScheduled)] == [0.125]
    assert [one.attempts for one in found if isinstance(one, StreamResumed)] == [1]


def test_a_stream_that_is_started_again(record: Recorder, tmp_path: Path) -> None:
    """The death, the question, its answer and the new stream are replayed; its secrets are not."""
    path = tmp_path / "wire.jsonl"
    policy = RestartPolicy(first_delay_s=1, jitter=0)
    session = record(path, restart=policy, reconnect=None)
    joined(session)
    session.stopped(StopReason.KEEP_ALIVE_TIMEOUT, 101.0)
    session.timer(102.0)
    session.restart_answered(1, None, 102.1)
    new = attrs.evolve(INFO, stream_id="again", extra={"note": "the secret of its app"})
    session.restarted(new, lambda _: "its signature", 102.2, ("the secret of its app",))
    session.opened(3, 102.3)
    asked, answered, again = [line for line in lines(path)[1:] if "restart" in str(line)]
    assert asked == {"t": 102.0, "out": "ask_restart", "attempt": 1}
    assert answered == {"t": 102.1, "in": "restart_answered", "attempt": 1, "problem": None}
    assert (again["t"], again["in"]) == (102.2, "restarted")
    recording = Recording.load(path)
    assert recording.options().restart == policy
    *_, last = recording.steps()
    assert last.session.info.stream_id == "again"
    assert last.session.phase is session.phase is Phase.RECONNECTING_SIGNALING
    assert "the secret of its app" not in path.read_text()
    assert "its signature" not in path.read_text()


@pytest.mark.parametrize(
    "error",
    [
        None,
        StreamLost("audio", 1.5, ((0.0, "a"), (1.0, "b"))),
        RequestFailed("stream state", StatusCode.INVALID_SIGNATURE, "no"),
        RequestFailed("stream state", None, ""),
        StreamStopped(StopReason.MEETING_ENDED),
        InternalError("ValueError"),
    ],
    ids=lambda error: type(error).__name__ + str(getattr(error, "status", "")),
)
def test_errors_survive(error: RTMSError | None) -> None:
    """Class and facts are the same after a round trip."""
    again = error_from(json.loads(json.dumps(error_values(error))))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_an_error_of_another_version() -> None:
    """A class that does not exist here becomes the root of all errors."""
    error = error_from({"error": "Nonsense", "facts": ["a"]})
    assert type(error) is RTMSError
    assert type(error_from({"error": "annotations", "facts": []})) is RTMSError


@pytest.mark.parametrize(
    ("head", "line"),
    [("", 1), ("[]\n", 1), ("no JSON\n", 1), ("{}\n", 1), ('{"rtms_recording": 2}\n', 1)],
    ids=["empty", "list", "text", "another object", "another format"],
)
def test_what_is_no_recording(tmp_path: Path, head: str, line: int) -> None:
    """The error names the file and the line, and says what to do."""
    path = tmp_path / "wire.jsonl"
    path.write_text(head)
    with pytest.raises(RecordingUnreadable) as caught:
        Recording.load(path)
    assert str(caught.value).startswith(f"wire.jsonl, line {line}: expected ")
    assert str(caught.value).endswith("pass a file that a WireRecorder wrote, unchanged")


@pytest.mark.parametrize(
    "damage", [{"stream": {}}, {"options": {}}, {"stream": {"product_id": ""}}]
)
def test_a_damaged_head(record: Recorder, tmp_path: Path, damage: dict[str, Any]) -> None:
    """It is refused at once."""
    path = tmp_path / "wire.jsonl"
    record(path)
    head, *rest = lines(path)
    with pytest.raises(RTMSError):
        Recording.load(rewritten(path, [{**head, **damage}, *rest]))


@pytest.mark.parametrize("bad", [{"t": "x", "in": "start"}, {"t": 1, "in": "lost", "c": 1}, []])
def test_a_damaged_line(record: Recorder, tmp_path: Path, bad: object) -> None:
    """The error tells which one; what came before was delivered."""
    path = tmp_path / "wire.jsonl"
    joined(record(path))
    count = len(lines(path))
    rewritten(path, [*lines(path), bad])
    steps = Recording.load(path).steps()
    with pytest.raises(RecordingUnreadable, match=f"line {count + 1}: "):
        list(steps)


def test_a_damaged_line_after_a_question(record: Recorder, tmp_path: Path) -> None:
    """It is found also where an answer was expected."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    joined(session)
    session.lost(2, 1006, "", 101.0)
    found = [line for line in lines(path) if line.get("in") != "dice"]
    at = next(n for n, line in enumerate(found) if line.get("in") == "lost")
    rewritten(path, [*found[: at + 1], []])
    with pytest.raises(RecordingUnreadable, match=f"line {at + 2}: "):
        list(Recording.load(path).replay())


def test_a_meeting_of_strange_messages(record: Recorder, tmp_path: Path) -> None:
    """What was no JSON comes again as it was; answers and keep-alives are left to the server."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    joined(session)
    for data in (b"text", b"\xff bytes"):
        session.receive(1, data, 102.0)
    hear(session, 1, 102.0, msg_type=12)
    hear(session, 1, 102.0, msg_type=6, event={"event_type": 7})
    hear(session, 1, 102.0, msg_type=8, state=1)
    hear(session, 1, 102.0, msg_type=6, event="none")
    hear(session, 9, 102.0, msg_type=6)
    session.lost(1, 1006, "gone", 103.0)
    found = list(Recording.load(path).meeting())
    assert found == [
        RawMessage(at_ms=0, message="text", optional=True),
        RawMessage(at_ms=0, message=b"\xff bytes", optional=True),
        RawMessage(at_ms=0, message={"msg_type": 6, "event": "none"}, optional=True),
        Hangup(at_ms=0, code=1006, reason="gone"),
    ]
    server = Recording.load(path).server(pace=None)
    assert server is not None


def test_a_server_for_all_media(record: Recorder, tmp_path: Path) -> None:
    """One connection for all media stands for all that were asked for; none for none."""
    path = tmp_path / "wire.jsonl"
    session = record(path, unified=True)
    session.start(100.0)
    assert attrs.evolve(Recording.load(path)).info == INFO
    Recording.load(path).server()
    session.opened(1, 100.1)
    urls = {"all": "wss://rtms.zoom.us/all"}
    hear(session, 1, 100.2, msg_type=2, status_code=0, media_server={"server_urls": urls})
    session.opened(2, 100.3)
    hear(session, 2, 100.4, msg_type=4, status_code=7)
    hear(session, 2, 100.4, msg_type=4, status_code=0)
    Recording.load(path).server()


def test_a_full_disk(record: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and nothing more is written."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    session.abort()
    path.unlink()
    path.symlink_to("/dev/full")
    for _ in range(2):
        hear(session, 1, 101.0, msg_type=12)
    assert [one.getMessage() for one in caplog.records] == [
        "cannot record: No space left on device; the stream goes on without"
    ]


def test_a_disk_with_room_for_half_a_line(
    record: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends the file for good, because half a line can only be read at the end."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    hear(session, 1, 100.0, msg_type=12)
    complete = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(complete) + 10, hard))
    try:
        hear(session, 1, 100.1, msg_type=12)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    hear(session, 1, 100.2, msg_type=12)
    assert path.stat().st_size == len(complete) + 10
    assert list(Recording.load(path).replay()) == []
    assert [one.getMessage() for one in caplog.records] == [
        "cannot record: File too large; the stream goes on without"
    ]


def test_the_end_of_a_meeting_comes_last(record: Recorder, tmp_path: Path) -> None:
    """Media that were under way at the end are played before it; how to end the server knows."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    joined(session)
    hear(session, 1, 101.0, msg_type=6, event={"event_type": 1, "timestamp": 1790000000000})
    hear(session, 1, 102.0, msg_type=8, state=3, reason=6)
    hear(session, 1, 102.1, msg_type=8, state=4, reason=6)
    content = {"user_id": 0, "data": "AAAA", "timestamp": 1790000000000}
    hear(session, 2, 102.2, msg_type=14, content=content)
    found = list(Recording.load(path).meeting())
    assert [type(item).__name__ for item in found] == ["RawMessage", "StateChange"]


def test_a_meeting_ends_also_when_its_last_word_got_lost(record: Recorder, tmp_path: Path) -> None:
    """The server said that it would end; the sockets that it closed then are its own business."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    joined(session)
    hear(session, 1, 102.0, msg_type=8, state=3, reason=6)
    session.lost(2, 1000, "", 102.1)
    [end] = Recording.load(path).meeting()
    assert end == StateChange(at_ms=0, state=StreamState.TERMINATED, reason=StopReason(6))


async def test_the_server_has_the_clock_of_the_recording(record: Recorder, tmp_path: Path) -> None:
    """Otherwise the recorded media would lie before the start of the session."""
    path = tmp_path / "wire.jsonl"
    session = record(path)
    joined(session)
    hear(session, 1, 101.0, msg_type=6, event={"event_type": 1, "timestamp": 1790000000000})
    async with Recording.load(path).server() as server:
        assert server.stream.epoch_ms == 1790000000000
