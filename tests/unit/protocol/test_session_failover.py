"""Who else has a say in reconnecting: the server, webhooks, the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from rtms_client import events as ev
from rtms_client import exceptions as ex
from rtms_client.config import ReconnectPolicy, Timeouts
from rtms_client.enums import MediaType, StatusCode
from rtms_client.protocol import Open, Send

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

    from rtms_client.config import VideoParams
    from rtms_client.protocol.reconnect import ReconnectAttempt

POLICY = ReconnectPolicy(jitter=0.0)
PATIENT = Timeouts(silence_s=1000.0)


@pytest.fixture
def streaming(join: Join) -> Wire:
    """Return a stream of audio and video that reconnects."""
    return join("audio", "video", reconnect=POLICY, timeouts=PATIENT).stream()


def brief_items(wire: Wire) -> list[str]:
    """Take the items, and return them in short."""
    found = []
    for item in wire.items():
        medium: MediaType | None = getattr(item, "media", None)
        found.append(f"{type(item).__name__} {medium.name if medium else '-'}")
    return found


def lose(wire: Wire, endpoint: str, code: int = 1006) -> None:
    """Let a connection break."""
    wire.session.lost(wire.number(endpoint), code, "", wire.now)


def fail(wire: Wire, endpoint: str) -> None:
    """Let a try fail."""
    error = ex.ConnectFailed(endpoint, "zoom.us:443", "refused")
    wire.session.failed(wire.number(endpoint), error, wire.now)


# --- what the server says ------------------------------------------------------------------------


def test_event_7_reopens_what_it_names(streaming: Wire) -> None:
    """The server lost a medium that we still hold: it is closed and reopened."""
    wire = streaming
    wire.hear("signaling", {"msg_type": 6, "event": {"event_type": 7, "media_type": 1}})
    assert wire.brief() == ["close audio 1000"]
    assert wire.phase() == "RECONNECTING_MEDIA"
    assert brief_items(wire) == [
        "MediaInterrupted AUDIO",
        "StreamInterrupted AUDIO",
        "ReconnectScheduled AUDIO",
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"msg_type": 6, "event": {"event_type": 7}},
        {"msg_type": 8, "state": 2, "reason": 14},
        {"msg_type": 8, "state": 2, "reason": 13},
        {"msg_type": 6, "event": {"event_type": 7, "media_type": 16}},
    ],
    ids=["event 7", "state with reason 14", "state with reason 13", "not ours"],
)
def test_unnamed_interruption_closes_nothing(streaming: Wire, message: dict[str, object]) -> None:
    """Which medium is meant is not said: the sockets that live are left alone."""
    wire = streaming
    wire.hear("signaling", message)
    assert wire.do() == []
    assert wire.phase() == "STREAMING"


def test_row_28_reconnect_on_signals_only(join: Join) -> None:
    """Who prefers to wait for the server's word gets no try before it."""
    wire = join(
        "audio",
        "video",
        reconnect=attrs.evolve(POLICY, on_signals_only=True),
        timeouts=PATIENT,
    ).stream()
    lose(wire, "audio")
    assert brief_items(wire) == ["StreamInterrupted AUDIO"]
    assert wire.session.next_deadline() == wire.now + 65.0
    wire.wait(20.0)
    assert wire.do() == []
    wire.hear("signaling", {"msg_type": 6, "event": {"event_type": 7}})
    assert brief_items(wire) == ["MediaInterrupted -", "ReconnectScheduled AUDIO"]
    wire.hear("signaling", {"msg_type": 6, "event": {"event_type": 7}})
    assert brief_items(wire) == ["MediaInterrupted -"]
    wire.wait(0.25)
    assert wire.brief() == ["open audio"]


def test_silence_needs_no_signal(join: Join) -> None:
    """A connection that we gave up ourselves is not waited for."""
    wire = join(
        reconnect=attrs.evolve(POLICY, on_signals_only=True), timeouts=Timeouts(silence_s=9.0)
    ).stream()
    wire.wait(5.0)
    wire.hear("signaling", {"msg_type": 12})
    wire.wait(4.0)
    assert brief_items(wire) == ["StreamInterrupted AUDIO", "ReconnectScheduled AUDIO"]


# --- webhooks ------------------------------------------------------------------------------------


def test_moved_stream_is_reopened_at_once(streaming: Wire) -> None:
    """Scenario 1: the new URLs, no wait, and the old sockets dropped."""
    wire = streaming
    wire.session.moved(("wss://new.zoom.us/s",), wire.now)
    actions = wire.do()
    assert actions[-1] == Open(4, "signaling", "wss://new.zoom.us/s")
    assert len(actions) == 4
    assert wire.phase() == "RECONNECTING_SIGNALING"
    assert brief_items(wire) == ["StreamInterrupted -"]


def test_moved_while_reconnecting(streaming: Wire) -> None:
    """A move replaces whatever was planned; the old tries are void."""
    wire = streaming
    lose(wire, "signaling")
    wire.wait(0.25)
    fail(wire, "signaling")
    wire.forget()
    wire.session.moved(("wss://new.zoom.us/s",), wire.now)
    assert wire.brief() == ["open signaling"]
    wire.wait(5.0)
    assert wire.do() == []
    fail(wire, "signaling")
    wire.forget()
    wire.wait(3.0)
    assert wire.do() == [Open(6, "signaling", "wss://new.zoom.us/s")]


def test_interrupted_webhook(streaming: Wire) -> None:
    """Scenario 2: everything is redone, first try as planned, with the URLs of the webhook."""
    wire = streaming
    wire.session.interrupted(("wss://new.zoom.us/s",), wire.now)
    assert wire.brief() == [
        "close signaling 1000",
        "close audio 1000",
        "close video 1000",
    ]
    assert brief_items(wire) == ["StreamInterrupted -", "ReconnectScheduled -"]
    wire.wait(0.25)
    assert wire.do() == [Open(4, "signaling", "wss://new.zoom.us/s")]


def test_interrupted_webhook_after_the_loss(streaming: Wire) -> None:
    """The webhook does not restart what is under way, and may come without URLs."""
    wire = streaming
    lose(wire, "signaling")
    wire.forget()
    wire.session.interrupted((), wire.now)
    assert (wire.do(), wire.items()) == ([], [])
    wire.wait(0.25)
    assert wire.do() == [Open(4, "signaling", "wss://rtms.zoom.us:443/s")]
    wire.session.interrupted((), wire.now)
    assert wire.do() == []


@pytest.mark.parametrize("name", ["moved", "interrupted"])
def test_webhook_with_forbidden_urls(streaming: Wire, name: str) -> None:
    """A webhook that sends us elsewhere is refused where it is told, and changes nothing."""
    wire = streaming
    report: Any = getattr(wire.session, name)
    with pytest.raises(ex.HostNotAllowed):
        report(("wss://evil.test/s",), wire.now)
    assert (wire.do(), wire.items()) == ([], [])
    assert wire.phase() == "STREAMING"
    lose(wire, "signaling")
    wire.wait(0.25)
    assert wire.do()[-1] == Open(4, "signaling", "wss://rtms.zoom.us:443/s")


@pytest.mark.parametrize("name", ["moved", "interrupted"])
def test_webhooks_without_policy(join: Join, name: str) -> None:
    """A move is followed without a policy too; an interruption is then the end."""
    wire = join().stream()
    report: Any = getattr(wire.session, name)
    report(("wss://new.zoom.us/s",), wire.now)
    assert wire.phase() == ("RECONNECTING_SIGNALING" if name == "moved" else "CLOSED")
    lost = wire.session.error
    assert lost is None if name == "moved" else isinstance(lost, ex.ConnectionLost)


def test_moved_stream_is_not_ending_any_more(streaming: Wire) -> None:
    """What the old server announced does not hold for the new one."""
    wire = streaming
    wire.hear("signaling", {"msg_type": 8, "state": 3, "reason": 17})
    wire.session.moved(("wss://new.zoom.us/s",), wire.now)
    fail(wire, "signaling")
    assert wire.phase() == "RECONNECTING_SIGNALING"


# --- the application's word ----------------------------------------------------------------------


def test_hook_may_change_the_wait(join: Join) -> None:
    """The hook is told attempt, wait and cause, and answers with another wait."""
    asked: list[ReconnectAttempt] = []

    def hook(attempt: ReconnectAttempt) -> float | None:
        asked.append(attempt)
        return 7.0 if attempt.number == 1 else None

    wire = join(reconnect=POLICY, on_reconnect=hook, timeouts=PATIENT).stream()
    lose(wire, "audio")
    assert wire.session.next_deadline() == wire.now + 7.0
    wire.wait(7.0)
    fail(wire, "audio")
    assert wire.session.next_deadline() == wire.now + 3.0
    assert [(ask.media, ask.number, ask.delay_s) for ask in asked] == [
        (MediaType.AUDIO, 1, 0.25),
        (MediaType.AUDIO, 2, 3.0),
    ]
    assert isinstance(asked[1].cause, ex.ConnectFailed)


def test_hook_may_veto(join: Join) -> None:
    """Who says no gets the loss as the end, as it is."""
    wire = join(reconnect=POLICY, on_reconnect=lambda _: False).stream()
    lose(wire, "signaling")
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.ConnectionLost)


def test_hook_is_not_asked_about_final_failures(join: Join) -> None:
    """There is nothing to decide."""
    asked: list[ReconnectAttempt] = []
    wire = join(reconnect=POLICY, on_reconnect=asked.append)
    wire.session.start(wire.now)
    error = ex.CertificateRejected("signaling", "zoom.us:443", "self-signed")
    wire.session.failed(wire.number("signaling"), error, wire.now)
    assert wire.session.error is error
    assert asked == []


def test_dice_shorten_the_wait(join: Join) -> None:
    """Chance is told from outside."""
    wire = join(reconnect=ReconnectPolicy(), dice=lambda: 0.6, timeouts=PATIENT).stream()
    lose(wire, "audio")
    assert wire.session.next_deadline() == pytest.approx(wire.now + 0.1)


# --- individual video ----------------------------------------------------------------------------


def test_chosen_video_is_chosen_again(join: Join, individual: dict[MediaType, VideoParams]) -> None:
    """The choice belongs to the connection, so it is repeated, with the time that has passed."""
    wire = join("video", params=individual, reconnect=POLICY).stream()
    control = wire.session.control
    control.subscribe_video(7, subscribe=True, timestamp_ms=1790000000000, now=wire.now)
    wire.hear("signaling", {"msg_type": 29, "user_id": 7, "status_code": 0})
    lose(wire, "video")
    wire.wait(0.25)
    wire.opened("video")
    wire.forget()
    wire.accept_media("video")
    request = b'{"msg_type":28,"user_id":7,"subscribe":true,"timestamp":1790000000250}'
    assert wire.do()[-1] == Send(1, "signaling", request)


def test_given_up_video_is_not_chosen_again(
    join: Join, individual: dict[MediaType, VideoParams]
) -> None:
    """Who unsubscribed is left alone."""
    wire = join("video", params=individual, reconnect=POLICY).stream()
    for subscribe in (True, False):
        wire.session.control.subscribe_video(7, subscribe=subscribe, timestamp_ms=0, now=wire.now)
    lose(wire, "video")
    wire.wait(0.25)
    wire.opened("video")
    wire.forget()
    wire.accept_media("video")
    assert wire.brief() == ["signaling sends 7"]


# --- closing meanwhile ---------------------------------------------------------------------------


def test_close_while_a_medium_is_away(streaming: Wire) -> None:
    """No further try is made, and the end is normal."""
    wire = streaming
    lose(wire, "audio")
    wire.forget()
    wire.session.close(wire.now)
    assert wire.brief() == ["signaling sends 21"]
    wire.wait(4.0)
    assert wire.do() == []
    wire.hear("signaling", {"msg_type": 22, "status_code": 0})
    assert wire.brief() == ["close video 1000", "close signaling 1000"]
    assert wire.session.error is None


def test_close_while_signaling_is_away(streaming: Wire) -> None:
    """There is nobody to ask, so the end is at once."""
    wire = streaming
    lose(wire, "signaling")
    wire.forget()
    wire.session.close(wire.now)
    assert wire.phase() == "CLOSED"
    assert wire.session.next_deadline() is None
    assert wire.session.error is None


@pytest.mark.parametrize("status", [0, 16])
def test_close_while_a_medium_comes_back(
    join: Join, individual: dict[MediaType, VideoParams], status: int
) -> None:
    """A handshake that ends after the close asks for nothing more and plans nothing more."""
    wire = join("video", params=individual, reconnect=POLICY).stream()
    wire.session.control.subscribe_video(7, subscribe=True, timestamp_ms=0, now=wire.now)
    lose(wire, "video")
    wire.wait(0.25)
    wire.opened("video")
    wire.session.close(wire.now)
    wire.forget()
    wire.hear("video", {"msg_type": 4, "status_code": status})
    assert wire.brief() == ([] if status == 0 else ["close video 1000"])
    assert wire.items() == []
    wire.wait(5.0)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is None


def test_refusal_without_policy_keeps_its_status(join: Join) -> None:
    """Without a policy a refused medium is gone for good, and the others go on."""
    wire = join("audio", "video").stream("video")
    wire.opened("audio")
    wire.hear("audio", {"msg_type": 4, "status_code": 45})
    (gone,) = wire.items()
    assert isinstance(gone, ev.MediaUnavailable)
    assert gone.status is StatusCode.INTERNAL_EXCEPTION
    assert wire.phase() == "STREAMING"
