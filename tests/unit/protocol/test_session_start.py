"""How a stream begins: the normal sequence byte by byte, and how it is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import pytest

from rtms_client import exceptions as ex
from rtms_client.config import NetworkOptions, StreamInfo
from rtms_client.enums import EventType, Product, StatusCode
from rtms_client.protocol import Open, Phase, Send, SessionOptions, StreamSession

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

IDENTITY = (
    b'"meeting_uuid":"aBcDeFgHiJkLmNoPqRsTuA==",'
    b'"rtms_stream_id":"11111111-2222-3333-4444-555555555555",'
    b'"signature":"300e7086fb3253dce64dcaf712adffcc30eaf20d24b2edb4de92f7a88baa88e9"'
)


def test_normal_sequence(join: Join) -> None:
    """From the first socket to the first frame, every byte that leaves."""
    wire = join("audio", "transcript", events=(EventType.PARTICIPANT_JOIN,))
    session = wire.session
    assert wire.phase() == "IDLE"
    session.start(wire.now)
    assert wire.do() == [Open(1, "signaling", "wss://rtms.zoom.us:443/s")]
    assert wire.phase() == "CONNECTING_SIGNALING"

    wire.opened("signaling")
    hello = b'{"msg_type":1,"protocol_version":1,"sequence":1,' + IDENTITY + b',"buffer_data":true}'
    assert wire.do() == [Send(1, "signaling", hello)]

    wire.accept_signaling({"audio": "wss://m.zoom.us/a", "transcript": "wss://m.zoom.us/t"})
    assert wire.do() == [
        Send(1, "signaling", b'{"msg_type":5,"events":[{"event_type":3,"subscribe":true}]}'),
        Open(2, "audio", "wss://m.zoom.us/a"),
        Open(3, "transcript", "wss://m.zoom.us/t"),
    ]
    assert wire.phase() == "CONNECTING_MEDIA"

    wire.opened("audio")
    wire.opened("transcript")
    start = b'{"msg_type":3,"protocol_version":1,"sequence":0,' + IDENTITY
    assert wire.do() == [
        Send(
            2,
            "audio",
            start + b',"media_type":1,"payload_encryption":false,"media_params":{"audio":'
            b'{"content_type":2,"sample_rate":1,"channel":1,"codec":1,"data_opt":2,'
            b'"send_rate":20}}}',
        ),
        Send(
            3,
            "transcript",
            start + b',"media_type":8,"payload_encryption":false,"media_params":{"transcript":'
            b'{"content_type":5,"src_language":9,"enable_lid":true}}}',
        ),
    ]

    ready = b'{"msg_type":7,"rtms_stream_id":"11111111-2222-3333-4444-555555555555"}'
    wire.accept_media("transcript")
    assert wire.do() == [Send(1, "signaling", ready)]
    assert wire.phase() == "CONNECTING_MEDIA"
    wire.accept_media("audio")
    assert wire.do() == [Send(1, "signaling", ready)]
    assert wire.phase() == "STREAMING"

    wire.media("audio")
    assert [item.sequence for item in wire.items()] == [1]
    assert wire.do() == []


def test_all_default_events_are_subscribed(join: Join) -> None:
    """Unless told otherwise, a meeting with all media subscribes all that belongs to them."""
    wire = join("audio", "video", "share", "transcript", "chat", events=None)
    wire.connect()
    actions = wire.do()
    assert isinstance(actions[2], Send)
    assert [event["event_type"] for event in json.loads(actions[2].data)["events"]] == [
        *range(2, 7),
        *range(8, 15),
    ]
    assert [action.endpoint for action in actions if isinstance(action, Open)] == [
        "signaling",
        "audio",
        "video",
        "share",
        "transcript",
        "chat",
    ]


def test_no_media_at_all(info: StreamInfo) -> None:
    """A stream of events only is streaming as soon as signaling is ready."""
    session = StreamSession(info, SessionOptions(params={}, sign=str))
    session.start(0.0)
    session.opened(1, 0.0)
    session.receive(1, b'{"msg_type":2,"status_code":0}', 0.0)
    assert session.phase is Phase.STREAMING


def test_buffered_audio_can_be_declined(join: Join) -> None:
    """Who wants no audio from before the connection says so in the handshake."""
    wire = join(buffer_data=False)
    wire.session.start(wire.now)
    wire.opened("signaling")
    assert sent(wire)["buffer_data"] is False


def test_protocol_version_is_echoed(join: Join) -> None:
    """The version is sent in both handshakes, and the server's is shown."""
    wire = join(protocol_version=2)
    wire.session.start(wire.now)
    wire.opened("signaling")
    assert sent(wire)["protocol_version"] == 2
    wire.accept_signaling()
    wire.opened("audio")
    assert sent(wire)["protocol_version"] == 2
    assert wire.session.granted.protocol_version == 1


def test_start_twice(join: Join) -> None:
    """A session is started once."""
    wire = join()
    wire.session.start(wire.now)
    with pytest.raises(ex.InvalidState, match="cannot take 'start' on stream in state CONNECTING"):
        wire.session.start(wire.now)
    assert wire.brief() == ["open signaling"]


def test_unsolicited_subscription_is_refused_at_once(join: Join) -> None:
    """A subscription that the documentation forbids fails where the session is made."""
    with pytest.raises(ex.InvalidParameters, match="comes unasked"):
        join(events=(EventType.FIRST_PACKET_TIMESTAMP,))


# --- addresses -----------------------------------------------------------------------------------


def test_first_allowed_url_is_opened(join: Join, info: StreamInfo) -> None:
    """A webhook may hold several URLs; the first usable one is taken, unchanged."""
    urls = ("srt://rtms.zoom.us", "wss://rtms.zoom.us:8443/a?b=c")
    wire = join(info=attrs.evolve(info, server_urls=urls))
    wire.session.start(wire.now)
    assert wire.do() == [Open(1, "signaling", "wss://rtms.zoom.us:8443/a?b=c")]


@pytest.mark.parametrize(
    "urls",
    [(), ("wss://evil.test/s",), ("ws://rtms.zoom.us/s",), ("wss://a@rtms.zoom.us",)],
    ids=str,
)
def test_url_that_is_not_allowed(join: Join, info: StreamInfo, urls: tuple[str, ...]) -> None:
    """Nothing is opened, the error is raised and stays."""
    wire = join(info=attrs.evolve(info, server_urls=urls))
    with pytest.raises(ex.HostNotAllowed) as caught:
        wire.session.start(wire.now)
    assert wire.phase() == "CLOSED"
    assert wire.session.error is caught.value
    assert wire.do() == []


def test_test_server_can_be_allowed(join: Join, info: StreamInfo) -> None:
    """The allow-list is the application's."""
    network = NetworkOptions(allowed_hosts=("127.0.0.1",), allow_plaintext=True)
    wire = join(info=attrs.evolve(info, server_urls=("ws://127.0.0.1:1/s",)), network=network)
    wire.session.start(wire.now)
    assert wire.brief() == ["open signaling"]


# --- refusals ------------------------------------------------------------------------------------


def sent(wire: Wire) -> dict[str, object]:
    """Return the only message that was sent, and forget the rest."""
    (message,) = [json.loads(action.data) for action in wire.do() if isinstance(action, Send)]
    assert isinstance(message, dict)
    return message


def refuse(wire: Wire, **answer: object) -> None:
    """Refuse the signaling handshake."""
    wire.opened("signaling")
    wire.do()
    wire.hear("signaling", {"msg_type": 2, "protocol_version": 1, **answer})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (1, ex.HandshakeRejected),
        (2, ex.StreamNotFound),
        (3, ex.AuthenticationFailed),
        (4, ex.HandshakeRejected),
        (8, ex.DuplicateConnection),
        (40, ex.HandshakeRejected),
        (45, ex.ServerFault),
        (4711, ex.HandshakeRejected),
    ],
)
def test_refused_meeting(join: Join, status: int, kind: type[ex.HandshakeRejected]) -> None:
    """A refusal closes the connection and ends the stream with the error for its status."""
    wire = join()
    wire.session.start(wire.now)
    refuse(wire, status_code=status, reason="because")
    assert wire.brief() == ["close signaling 1000"]
    assert wire.phase() == "CLOSED"
    error = wire.session.error
    assert type(error) is kind
    assert isinstance(error, ex.HandshakeRejected)
    assert (error.endpoint, error.status, error.reason) == ("signaling", status, "because")


def test_row_45_answer_without_status(join: Join) -> None:
    """An answer without any status is a refusal."""
    wire = join()
    wire.session.start(wire.now)
    refuse(wire, reason="bad signature")
    assert wire.brief() == ["close signaling 1000"]
    assert isinstance(wire.session.error, ex.HandshakeRejected)
    assert wire.session.error.status is None


@pytest.mark.parametrize(
    ("product", "key"),
    [
        (Product.WEBINAR, "webinar_uuid"),
        (Product.VIDEO_SDK, "session_id"),
        (Product.CONTACT_CENTER, "engagement_id"),
        (Product.PHONE, "call_id"),
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [2, 3, 4])
def test_row_1_product_key_is_tried_once(
    join: Join, info: StreamInfo, product: Product, key: str, status: int
) -> None:
    """Refused under ``meeting_uuid``, the id is sent once more under the product's own key."""
    wire = join(info=attrs.evolve(info, product=product))
    wire.session.start(wire.now)
    wire.opened("signaling")
    assert "meeting_uuid" in sent(wire)
    wire.hear("signaling", {"msg_type": 2, "status_code": status})
    assert wire.brief() == ["close signaling 1000", "open signaling"]
    assert wire.phase() == "CONNECTING_SIGNALING"
    wire.opened("signaling")
    message = sent(wire)
    assert message[key] == "aBcDeFgHiJkLmNoPqRsTuA=="
    assert "meeting_uuid" not in message
    wire.hear("signaling", {"msg_type": 2, "status_code": status})
    assert wire.brief() == ["close signaling 1000"]
    assert isinstance(wire.session.error, ex.HandshakeRejected)
    assert wire.session.error.status == status


@pytest.mark.parametrize("status", [1, 5, 8, 14, 45, None])
def test_row_1_other_refusals_try_nothing(join: Join, info: StreamInfo, status: int | None) -> None:
    """Only refusals that may be about the id make another key worth a try."""
    wire = join(info=attrs.evolve(info, product=Product.PHONE))
    wire.session.start(wire.now)
    refuse(wire, status_code=status)
    assert wire.brief() == ["close signaling 1000"]
    assert wire.phase() == "CLOSED"


def test_row_1_working_key_is_used_for_media_too(join: Join, info: StreamInfo) -> None:
    """Both handshakes name the stream the same way."""
    wire = join(info=attrs.evolve(info, product=Product.VIDEO_SDK))
    wire.session.start(wire.now)
    refuse(wire, status_code=3)
    wire.opened("signaling")
    wire.accept_signaling()
    wire.do()
    wire.opened("audio")
    message = sent(wire)
    assert message["session_id"] == "aBcDeFgHiJkLmNoPqRsTuA=="
    assert "meeting_uuid" not in message


def test_row_1_key_may_be_chosen(join: Join, info: StreamInfo) -> None:
    """Who names a key gets it, and no other is tried."""
    wire = join(info=attrs.evolve(info, product=Product.PHONE), id_key="call_id")
    wire.session.start(wire.now)
    wire.opened("signaling")
    assert "call_id" in sent(wire)
    wire.hear("signaling", {"msg_type": 2, "status_code": 3})
    assert wire.brief() == ["close signaling 1000"]


@pytest.mark.parametrize(
    ("statuses", "tried"),
    [
        ((3, 3, 3), [("meeting_uuid", "web"), ("webinar_uuid", "web"), ("meeting_uuid", "meet")]),
        ((2, 3, 3), [("meeting_uuid", "web"), ("webinar_uuid", "web"), ("meeting_uuid", "meet")]),
        ((3, 2), [("meeting_uuid", "web"), ("webinar_uuid", "web")]),
        ((4, 4), [("meeting_uuid", "web"), ("webinar_uuid", "web")]),
    ],
    ids=str,
)
def test_row_2_other_id_of_a_webinar(
    join: Join, info: StreamInfo, statuses: tuple[int, ...], tried: list[tuple[str, str]]
) -> None:
    """The other id is tried once, after a refused signature, with a signature of its own."""
    webinar = attrs.evolve(info, product=Product.WEBINAR, product_id="web", alternate_id="meet")
    wire = join(info=webinar, sign=lambda product_id: f"signed {product_id}")
    wire.session.start(wire.now)
    seen = []
    for status in statuses:
        wire.opened("signaling")
        message = sent(wire)
        key = next(key for key in message if key.endswith("_uuid"))
        assert message["signature"] == f"signed {message[key]}"
        seen.append((key, message[key]))
        wire.hear("signaling", {"msg_type": 2, "status_code": status})
    assert seen == tried
    assert wire.phase() == "CLOSED"


def test_rows_1_and_2_late_answer_of_a_closed_connection(join: Join, info: StreamInfo) -> None:
    """What a refused connection still says does not reach its successor."""
    wire = join(info=attrs.evolve(info, product=Product.PHONE))
    wire.session.start(wire.now)
    refuse(wire, status_code=3)
    wire.do()
    wire.session.receive(1, b'{"msg_type":2,"status_code":0}', wire.now)
    wire.session.opened(1, wire.now)
    wire.session.lost(1, 1000, "", wire.now)
    wire.session.failed(1, ex.RTMSError(), wire.now)
    assert (wire.do(), wire.items()) == ([], [])
    assert wire.phase() == "CONNECTING_SIGNALING"


# --- order ---------------------------------------------------------------------------------------


def test_second_answer_is_not_understood(join: Join) -> None:
    """A handshake is answered once; another answer changes nothing."""
    wire = join()
    wire.connect()
    wire.forget()
    for status in (0, 3):
        wire.hear("signaling", {"msg_type": 2, "status_code": status})
    possible = (
        "expected signaling in state READY: keep-alive (12), event, state or metadata "
        "(6, 8, 9, 23 to 27), reply (11, 20, 22, 29)"
    )
    assert wire.problems() == [
        f"{possible}, got accepted handshake (2, 4)",
        f"{possible}, got refused handshake (2, 4)",
    ]
    assert wire.do() == []
    assert wire.phase() == "CONNECTING_MEDIA"


def test_message_before_the_connection_is_open(join: Join) -> None:
    """A shell that reports in the wrong order harms nothing."""
    wire = join()
    wire.session.start(wire.now)
    wire.do()
    wire.hear("signaling", {"msg_type": 12})
    assert wire.do() == []
    assert wire.session.intake.statistics.unrecognized == 1


def test_connection_opened_twice(join: Join) -> None:
    """A second report is the shell's mistake: it raises and changes neither state nor time."""
    wire = join()
    wire.session.start(wire.now)
    wire.opened("signaling")
    deadline = wire.session.next_deadline()
    wire.do()
    wire.now += 5.0
    with pytest.raises(ex.InvalidState, match="cannot take 'connection open' on signaling"):
        wire.opened("signaling")
    assert wire.session.next_deadline() == deadline
    assert wire.do() == []


def test_status_by_name_is_accepted(join: Join) -> None:
    """A server of the beta may answer with the name of the status (row 40)."""
    wire = join()
    wire.session.start(wire.now)
    wire.opened("signaling")
    wire.hear("signaling", {"msg_type": 2, "status_code": StatusCode.OK.name})
    assert wire.phase() == "CLOSED"  # accepted, but without URLs no medium is left
    assert isinstance(wire.session.error, ex.MediaNotAvailable)
