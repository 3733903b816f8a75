"""Media that were under way when the server ended the stream are not lost."""

from rtms_client.config import AudioParams, StreamInfo
from rtms_client.enums import MediaType, StopReason
from rtms_client.frames import AudioFrame
from rtms_client.protocol import Phase, SessionOptions, StreamSession

SIGNALING, AUDIO = 1, 2
LATE = b'{"msg_type":14,"content":{"user_id":5,"data":"AAAA","timestamp":1790000000020}}'


def streaming() -> StreamSession:
    """Return a session that streams audio."""
    info = StreamInfo(product_id="id", stream_id="stream", server_urls=("wss://rtms.zoom.us",))
    session = StreamSession(
        info, SessionOptions(params={MediaType.AUDIO: AudioParams()}, sign=lambda _: "00")
    )
    session.start(0.0)
    session.opened(SIGNALING, 0.0)
    answer = (
        b'{"msg_type":2,"status_code":0,"media_server":{"server_urls":{"all":"wss://a.zoom.us"}}}'
    )
    session.receive(SIGNALING, answer, 0.0)
    session.opened(AUDIO, 0.0)
    session.receive(AUDIO, b'{"msg_type":4,"status_code":0}', 0.0)
    assert session.phase is Phase.STREAMING
    session.intake.items.clear()
    return session


def test_media_after_terminated() -> None:
    """Frames on a media connection count until it is closed, though TERMINATED came first."""
    session = streaming()
    session.receive(SIGNALING, b'{"msg_type":8,"state":4,"reason":6}', 1.0)
    session.intake.items.clear()
    session.receive(AUDIO, LATE, 1.0)
    assert session.phase is Phase.CLOSED
    assert [type(item) for item in session.intake.items] == [AudioFrame]


def test_media_after_a_stopped_webhook() -> None:
    """The same holds when the webhook comes first."""
    session = streaming()
    session.stopped(StopReason.MEETING_ENDED, 1.0)
    session.receive(AUDIO, LATE, 1.0)
    assert [type(item) for item in session.intake.items] == [AudioFrame]


def test_nothing_else_after_the_end() -> None:
    """Keep-alives and states that were under way mean nothing any more."""
    session = streaming()
    session.stopped(StopReason.MEETING_ENDED, 1.0)
    session.actions.clear()
    session.receive(AUDIO, b'{"msg_type":12,"timestamp":1}', 1.0)
    session.receive(AUDIO, b'{"msg_type":8,"state":2}', 1.0)
    session.receive(SIGNALING, b'{"msg_type":6,"event":{"event_type":2}}', 1.0)
    assert (session.actions, session.intake.items) == ([], [])


def test_media_after_our_own_close() -> None:
    """Who leaves does not wait for more."""
    session = streaming()
    session.abort()
    session.receive(AUDIO, LATE, 1.0)
    assert session.intake.items == []
