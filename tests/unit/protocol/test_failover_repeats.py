"""What a reconnect repeats, message by message (lifecycle notes, section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.unit.protocol.failover_support import (
    DOCUMENTED,
    accept,
    fail,
    live,
    lose,
    refuse,
    sleep,
    told,
)

from rtms_client.enums import EventType, MediaType
from rtms_client.protocol import Close, Open, Send

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

    from rtms_client.config import VideoParams

IDENTITY: Final = (
    b'"meeting_uuid":"aBcDeFgHiJkLmNoPqRsTuA==",'
    b'"rtms_stream_id":"11111111-2222-3333-4444-555555555555",'
    b'"signature":"300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9"'
)
HELLO: Final = (
    b'{"msg_type":1,"protocol_version":1,"sequence":1,' + IDENTITY + b',"buffer_data":true}'
)
JOINS: Final = b'{"msg_type":5,"events":[{"event_type":3,"subscribe":true}]}'
START: Final = b'{"msg_type":3,"protocol_version":1,"sequence":0,' + IDENTITY
AUDIO: Final = START + (
    b',"media_type":1,"payload_encryption":false,"media_params":{"audio":{"content_type":2,'
    b'"sample_rate":1,"channel":1,"codec":1,"data_opt":2,"send_rate":20}}}'
)
VIDEO: Final = START + (
    b',"media_type":2,"payload_encryption":false,"media_params":{"video":{"content_type":3,'
    b'"codec":5,"resolution":2,"fps":5,"data_opt":4}}}'
)
READY: Final = b'{"msg_type":7,"rtms_stream_id":"11111111-2222-3333-4444-555555555555"}'


@pytest.fixture
def wire(join: Join, individual: dict[MediaType, VideoParams]) -> Wire:
    """Return a stream of audio and the video of one participant, with one event subscribed."""
    wire = live(join, "audio", params=individual, events=(EventType.PARTICIPANT_JOIN,))
    wire.session.control.subscribe_video(
        16778240, subscribe=True, timestamp_ms=1790000000000, now=wire.now
    )
    wire.hear("signaling", {"msg_type": 29, "user_id": 16778240, "status_code": 0})
    wire.forget()
    return wire


def test_signaling(wire: Wire) -> None:
    """Signaling repeats everything: 1, 5, 3 of all media, 7 for each, and 28."""
    lose(wire, "signaling")
    assert wire.do() == [Close(2, 1000, ""), Close(3, 1000, "")]
    wire.wait(3.0)
    assert wire.do() == [Open(4, "signaling", "wss://rtms.zoom.us:443/s")]
    wire.opened("signaling")
    assert wire.do() == [Send(4, "signaling", HELLO)]
    wire.accept_signaling({"audio": "wss://new.zoom.us/a", "video": "wss://new.zoom.us/v"})
    assert wire.do() == [
        Send(4, "signaling", JOINS),
        Open(5, "audio", "wss://new.zoom.us/a"),
        Open(6, "video", "wss://new.zoom.us/v"),
    ]
    wire.opened("video")
    wire.opened("audio")
    assert wire.do() == [Send(6, "video", VIDEO), Send(5, "audio", AUDIO)]
    wire.now += 0.5
    wire.accept_media("audio")
    assert wire.do() == [Send(4, "signaling", READY)]
    wire.accept_media("video")
    assert wire.do() == [
        Send(4, "signaling", READY),
        Send(
            4,
            "signaling",
            b'{"msg_type":28,"user_id":16778240,"subscribe":true,"timestamp":1790000003500}',
        ),
    ]


def test_audio(wire: Wire) -> None:
    """Audio repeats its own 3 and a 7."""
    lose(wire, "audio")
    assert wire.do() == []
    wire.wait(3.0)
    assert wire.do() == [Open(4, "audio", "wss://media.zoom.us/audio")]
    wire.opened("audio")
    assert wire.do() == [Send(4, "audio", AUDIO)]
    wire.accept_media("audio")
    assert wire.do() == [Send(1, "signaling", READY)]


def test_video(wire: Wire) -> None:
    """Video repeats its own 3, a 7, and the choice of the participant."""
    lose(wire, "video")
    wire.wait(3.0)
    assert wire.do() == [Open(4, "video", "wss://media.zoom.us/video")]
    wire.opened("video")
    assert wire.do() == [Send(4, "video", VIDEO)]
    wire.accept_media("video")
    assert wire.do() == [
        Send(1, "signaling", READY),
        Send(
            1,
            "signaling",
            b'{"msg_type":28,"user_id":16778240,"subscribe":true,"timestamp":1790000003000}',
        ),
    ]


def test_media_presumed(wire: Wire) -> None:
    """Media that come before message 4 are acknowledged once."""
    lose(wire, "audio")
    wire.wait(3.0)
    wire.opened("audio")
    wire.forget()
    wire.media("audio")
    wire.accept_media("audio")
    assert wire.do() == [Send(1, "signaling", READY)]


def test_everybody_s_video_is_not_chosen(join: Join) -> None:
    """Without individual video there is no 28."""
    wire = live(join, "video")
    lose(wire, "video")
    assert sleep(wire, 3.0) == ["3 open video"]
    accept(wire, "video")
    assert wire.brief() == ["video sends 3", "signaling sends 7"]


def test_nothing_subscribed(join: Join) -> None:
    """Where nothing is subscribed, nothing is subscribed again."""
    wire = live(join)
    lose(wire, "signaling")
    sleep(wire, 3.0)
    accept(wire, "signaling")
    assert wire.brief() == ["signaling sends 1", "open audio"]


def test_subscriptions_are_those_of_now(join: Join) -> None:
    """What was added is subscribed again, what was given up is not, also while disconnected."""
    wire = live(join, events=(EventType.PARTICIPANT_JOIN,))
    control = wire.session.control
    control.subscribe_events([EventType.ACTIVE_SPEAKER_CHANGE], subscribe=True)
    lose(wire, "signaling")
    wire.do()
    control.subscribe_events([EventType.SHARING_START], subscribe=True)
    control.subscribe_events([EventType.PARTICIPANT_JOIN], subscribe=False)
    assert wire.do() == []
    wire.wait(3.0)
    accept(wire, "signaling")
    assert wire.do()[2:3] == [
        Send(
            3,
            "signaling",
            b'{"msg_type":5,"events":[{"event_type":2,"subscribe":true},'
            b'{"event_type":5,"subscribe":true}]}',
        )
    ]


def test_choice_that_was_given_up(wire: Wire) -> None:
    """A video that was given up is not chosen again."""
    wire.session.control.subscribe_video(
        16778240, subscribe=False, timestamp_ms=1790000001000, now=wire.now
    )
    lose(wire, "video")
    wire.wait(3.0)
    wire.opened("video")
    wire.forget()
    wire.accept_media("video")
    assert wire.do() == [Send(1, "signaling", READY)]


def test_choice_of_another_is_given_up(wire: Wire) -> None:
    """To give up the video of one does not give up the video of another."""
    wire.session.control.subscribe_video(
        1, subscribe=False, timestamp_ms=1790000001000, now=wire.now
    )
    lose(wire, "video")
    wire.wait(3.0)
    wire.opened("video")
    wire.forget()
    wire.accept_media("video")
    assert wire.brief() == ["signaling sends 7", "signaling sends 28"]


def test_unified(join: Join) -> None:
    """The connection for all media repeats one 3 with all of them, and one 7."""
    wire = join("audio", "transcript", unified=True, reconnect=DOCUMENTED)
    wire.connect({"all": "wss://m.zoom.us/all"})
    accept(wire, "all")
    wire.forget()
    lose(wire, "all")
    assert sleep(wire, 3.0) == ["3 open all"]
    wire.opened("all")
    wire.accept_media("all")
    (start, ready) = wire.do()
    assert isinstance(start, Send)
    assert b'"media_type":32' in start.data
    assert b'"audio":{' in start.data
    assert b'"transcript":{' in start.data
    assert ready == Send(1, "signaling", READY)


# --- what is offered and refused -----------------------------------------------------------------


def test_refused_medium_is_not_asked_for_again(join: Join) -> None:
    """A medium that was refused stays out, also after signaling was redone."""
    wire = live(join, "audio", "transcript")
    lose(wire, "audio")
    sleep(wire, 3.0)
    wire.opened("audio")
    refuse(wire, "audio", 9)
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.forget()
    accept(wire, "signaling")
    assert wire.brief() == ["signaling sends 1", "open transcript"]


def test_medium_without_url_after_the_reconnect(join: Join) -> None:
    """A medium that the new answer does not offer is unavailable; the others go on."""
    wire = live(join, "audio", "transcript")
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.opened("signaling")
    wire.forget()
    wire.accept_signaling({"transcript": "wss://m.zoom.us/t"})
    assert wire.brief() == ["open transcript"]
    assert told(wire) == ["unavailable audio None"]


def test_new_url_of_a_medium_is_kept(join: Join) -> None:
    """A later loss of the medium alone leads to the newest URL."""
    wire = live(join)
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.opened("signaling")
    wire.accept_signaling({"audio": "wss://new.zoom.us/a"})
    accept(wire, "audio")
    wire.media("audio")
    lose(wire, "audio")
    wire.do()
    wire.wait(3.0)
    assert wire.do() == [Open(5, "audio", "wss://new.zoom.us/a")]


def test_forbidden_media_url_after_the_reconnect(join: Join) -> None:
    """The allow-list holds for every answer."""
    wire = live(join)
    lose(wire, "signaling")
    sleep(wire, 3.0)
    wire.opened("signaling")
    wire.accept_signaling({"audio": "wss://example.com/a"})
    assert wire.phase() == "CLOSED"
    assert "wss://example.com" in str(wire.session.error)


def test_same_parameters_are_no_news(join: Join) -> None:
    """What the server granted differently is told once, unless it changes."""
    wire = live(join)
    granted = [{"audio": {"sample_rate": rate}} for rate in (0, 0, 2)]
    lines: list[list[str]] = []
    for params in granted:
        lose(wire, "audio")
        sleep(wire, 3.0)
        wire.opened("audio")
        wire.forget()
        wire.accept_media("audio", media_params=params)
        wire.media("audio")
        lines.append([line for line in told(wire) if line.startswith("Param")])
    assert lines == [["ParametersChanged"], [], ["ParametersChanged"]]


def granted(wire: Wire) -> str:
    """Return which media are granted, and whether that is certain."""
    found = wire.session.granted
    media = [name for name in ("audio", "transcript") if getattr(found, name) is not None]
    return " ".join([*media, "" if found.certain else "?"]).strip()


def test_granted_during_a_reconnect(join: Join) -> None:
    """What is granted is what streams now."""
    wire = live(join, "audio", "transcript")
    assert granted(wire) == "audio transcript"
    lose(wire, "audio")
    assert granted(wire) == "transcript"
    sleep(wire, 3.0)
    wire.opened("audio")
    assert granted(wire) == "transcript"
    wire.media("audio")
    assert granted(wire) == "audio transcript ?"
    wire.accept_media("audio")
    assert granted(wire) == "audio transcript"
    lose(wire, "signaling")
    assert granted(wire) == ""
    assert wire.session.granted.protocol_version == 1


def test_requests_under_way_fail(join: Join) -> None:
    """A request whose connection is gone gets its answer, and new ones are refused."""
    wire = live(join)
    wire.session.control.request_stream_state(wire.now)
    wire.forget()
    lose(wire, "signaling")
    assert wire.brief() == ["close audio 1000", "answer 1 InvalidState"]
    assert wire.session.control.deadlines() == []


def test_failed_try_repeats_nothing(join: Join) -> None:
    """A try that does not come about sends nothing."""
    wire = live(join)
    lose(wire, "audio")
    wire.wait(3.0)
    fail(wire, "audio")
    assert wire.brief() == ["open audio"]
