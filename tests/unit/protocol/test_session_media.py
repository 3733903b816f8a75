"""Media of a session: which come, which do not, and with which parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import pytest

from rtms_client import events as ev
from rtms_client import exceptions as ex
from rtms_client.config import AudioFormat, ChatParams, PictureFormat, TranscriptFormat, VideoParams
from rtms_client.enums import MediaCodec, MediaType, MessageType, Resolution, StatusCode
from rtms_client.frames import AudioFrame
from rtms_client.protocol import Granted, Open, Send

if TYPE_CHECKING:
    from tests.unit.protocol.conftest import Join, Wire

    from rtms_client._wire.codec import Message

ALL_FIVE = ("audio", "video", "share", "transcript", "chat")
MEDIA = {
    "audio": MediaType.AUDIO,
    "video": MediaType.VIDEO,
    "share": MediaType.SHARE,
    "transcript": MediaType.TRANSCRIPT,
    "chat": MediaType.CHAT,
}


def urls(*names: str) -> dict[str, str]:
    """Make server URLs with these keys."""
    return {name: f"wss://media.zoom.us/{name}" for name in names}


def unavailable(wire: Wire) -> list[tuple[str | None, int | None]]:
    """Take the items, and return which media will not come, with the status."""
    return [
        (item.media.name, item.status)
        for item in wire.items()
        if isinstance(item, ev.MediaUnavailable)
    ]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("medium", "status"),
    [("audio", 9), ("video", 10), ("share", 11), ("transcript", 12), ("chat", 13)],
)
def test_refused_medium_leaves_the_others(join: Join, medium: str, status: int) -> None:
    """A medium without scope is reported and its connection closed; the others go on."""
    wire = join(*ALL_FIVE)
    wire.connect()
    for name in ALL_FIVE:
        wire.opened(name)
        if name != medium:
            wire.accept_media(name)
    wire.forget()
    assert wire.phase() == "CONNECTING_MEDIA"
    wire.hear(medium, {"msg_type": 4, "status_code": status, "reason": "no scope"})
    assert wire.brief() == [f"close {medium} 1000"]
    assert wire.phase() == "STREAMING"
    error = ex.MediaNotAvailable(medium, StatusCode(status), "no scope")
    assert wire.items() == [
        ev.MediaUnavailable(
            sequence=1, media=MEDIA[medium], status=StatusCode(status), reason=str(error)
        )
    ]
    assert getattr(wire.session.granted, medium) is None


@pytest.mark.parametrize("status", [1, 2, 3, 7, 8, 14, 16, 17, 24, 30, 43, 45, 46, 4711])
def test_any_refusal_is_about_its_medium_only(join: Join, status: int) -> None:
    """Whatever is wrong with one medium, the others go on."""
    wire = join("audio", "video")
    wire.connect()
    wire.opened("audio")
    wire.opened("video")
    wire.accept_media("audio")
    wire.hear("video", {"msg_type": 4, "status_code": status})
    assert wire.phase() == "STREAMING"
    assert unavailable(wire) == [("VIDEO", status)]


def test_row_45_media_answer_without_status(join: Join) -> None:
    """An answer without status is a refusal of the medium."""
    wire = join("audio", "video").connect()
    wire.opened("video")
    wire.hear("video", {"msg_type": 4, "reason": "bad"})
    assert unavailable(wire) == [("VIDEO", None)]
    assert wire.phase() == "CONNECTING_MEDIA"


def test_last_refusal_ends_the_stream_with_the_first_error(join: Join) -> None:
    """When no medium is left, the stream ends with what went wrong first."""
    wire = join("audio", "video").connect()
    wire.forget()
    for name, status in (("video", 30), ("audio", 9)):
        wire.opened(name)
        wire.hear(name, {"msg_type": 4, "status_code": status})
    assert wire.brief() == [
        "video sends 3",
        "close video 1000",
        "audio sends 3",
        "close audio 1000",
        "close signaling 1000",
    ]
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.ParametersRejected)
    assert [item.sequence for item in wire.items()] == [1, 2]


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ALL_FIVE)
def test_medium_without_url_leaves_the_others(join: Join, missing: str) -> None:
    """No URL means no scope: the medium is reported, whichever it is, and the others go on."""
    present = [name for name in ALL_FIVE if name != missing]
    wire = join(*ALL_FIVE).connect(urls(*present))
    assert wire.brief()[2:] == [f"open {name}" for name in present]
    assert wire.items() == [
        ev.MediaUnavailable(
            sequence=1,
            media=MEDIA[missing],
            reason=f"{missing} is not available: expected a server URL for it, got none; add the "
            "scope of this medium to the app and re-authorise it, or do not ask for it",
        )
    ]
    assert wire.phase() == "CONNECTING_MEDIA"


def test_no_url_at_all(join: Join) -> None:
    """Without any URL there is no stream."""
    wire = join("audio", "video").connect({})
    assert wire.phase() == "CLOSED"
    assert isinstance(wire.session.error, ex.MediaNotAvailable)
    assert wire.session.error.endpoint == "audio"
    assert unavailable(wire) == [("AUDIO", None), ("VIDEO", None)]
    assert wire.brief()[2:] == ["close signaling 1000"]


def test_row_6_missing_url_falls_back_to_all(join: Join) -> None:
    """A medium without URL of its own is asked for at the URL for all, under its own flag."""
    wire = join("audio", "chat").connect(urls("audio", "all"))
    assert [action for action in wire.do() if isinstance(action, Open)][1:] == [
        Open(2, "audio", "wss://media.zoom.us/audio"),
        Open(3, "chat", "wss://media.zoom.us/all"),
    ]
    wire.opened("chat")
    assert handshake(wire) == (16, {"chat": {"content_type": 5}})


@pytest.mark.parametrize("key", ["deskshare", "sharescreen", "share"])
def test_row_6_share_has_three_names(join: Join, key: str) -> None:
    """Screen share is found under any of its names."""
    wire = join("share").connect({key: "wss://media.zoom.us/s"})
    assert [action for action in wire.do() if isinstance(action, Open)][1:] == [
        Open(2, "share", "wss://media.zoom.us/s")
    ]


def test_media_url_that_is_not_allowed(join: Join) -> None:
    """A server that sends us elsewhere is not trusted any further: nothing stays open."""
    wire = join("audio", "video").connect(
        {"audio": "wss://media.zoom.us/a", "video": "wss://evil.test/v"}
    )
    assert wire.brief()[2:] == ["open audio", "close audio 1000", "close signaling 1000"]
    assert isinstance(wire.session.error, ex.HostNotAllowed)
    assert wire.session.error.url == "wss://evil.test"
    assert wire.items() == []


def handshake(wire: Wire) -> tuple[object, object]:
    """Return media type and parameters of the only message that was sent."""
    (data,) = [action.data for action in wire.do() if isinstance(action, Send)]
    message = json.loads(data)
    return message["media_type"], message["media_params"]


# --- one connection for all ----------------------------------------------------------------------


def test_unified_connection(join: Join) -> None:
    """One connection carries all media, under the flag that stands for all."""
    wire = join("audio", "chat", unified=True).connect(urls("audio", "chat", "all"))
    assert wire.brief()[2:] == ["open all"]
    wire.opened("all")
    media_type, params = handshake(wire)
    assert media_type == 32
    assert isinstance(params, dict)
    assert list(params) == ["audio", "chat"]
    wire.accept_media("all")
    assert wire.brief() == ["signaling sends 7"]
    assert wire.phase() == "STREAMING"
    for kind in (14, 18, 15):
        content = {"data": "AAAA", "timestamp": 1790000000020}
        wire.hear("all", {"msg_type": kind, "content": content})
    assert [type(item).__name__ for item in wire.items()] == ["AudioFrame", "ChatMessage"]
    assert wire.session.intake.statistics.unrequested == 1


def test_unified_without_url_for_all_is_split(join: Join) -> None:
    """Where the server offers no such connection there is one for each medium."""
    wire = join("audio", "chat", unified=True).connect(urls("audio", "chat"))
    assert wire.brief()[2:] == ["open audio", "open chat"]


def test_refused_unified_connection_refuses_all_media(join: Join) -> None:
    """With the only connection all media are gone, and the stream with them."""
    wire = join("audio", "chat", unified=True).connect(urls("all"))
    wire.opened("all")
    wire.hear("all", {"msg_type": 4, "status_code": 15})
    assert unavailable(wire) == [("AUDIO", 15), ("CHAT", 15)]
    assert isinstance(wire.session.error, ex.DuplicateConnection)


def test_media_of_another_connection_are_ignored(join: Join) -> None:
    """What comes on the wrong socket, or was not asked for, is counted and dropped."""
    wire = join("audio", "video").stream()
    content = {"data": "AAAA", "timestamp": 1790000000020}
    wire.hear("audio", {"msg_type": 15, "content": content})
    wire.hear("audio", {"msg_type": 17, "content": content})
    assert wire.items() == []
    assert wire.session.intake.statistics.unrequested == 2


# --- granted parameters --------------------------------------------------------------------------


def test_granted_as_requested(join: Join) -> None:
    """What the server does not echo counts as granted, and nothing is announced."""
    wire = join(*ALL_FIVE)
    assert wire.session.granted == Granted()
    wire.stream()
    assert wire.session.granted == Granted(
        audio=AudioFormat(),
        video=PictureFormat(
            fps=5, codec=MediaCodec.JPG, resolution=Resolution.HD, data_opt=VideoParams().data_opt
        ),
        share=PictureFormat(fps=1, codec=MediaCodec.JPG, resolution=Resolution.FHD),
        transcript=TranscriptFormat(),
        chat=ChatParams(),
        protocol_version=1,
        certain=True,
    )
    assert wire.items() == []


DOWNGRADE = {"media_params": {"video": {"codec": 5, "fps": 5}}}


def test_downgrade_is_announced(join: Join) -> None:
    """Other parameters than requested are an event, and frames carry what was granted."""
    wire = join("video", params={MediaType.VIDEO: VideoParams(fps=25)}).connect()
    wire.opened("video")
    wire.forget()
    wire.accept_media("video", **DOWNGRADE)
    wire.media("video")
    announced, frame = wire.items()
    assert announced == ev.ParametersChanged(
        sequence=1, media=MediaType.VIDEO, differences=("fps: 25 → 5", "codec: H264 → JPG")
    )
    granted = wire.session.granted.video
    assert granted is not None
    assert (granted.fps, granted.codec) == (5, MediaCodec.JPG)
    assert getattr(frame, "format", None) is granted
    assert wire.phase() == "STREAMING"


def test_downgrade_in_strict_mode(join: Join) -> None:
    """Who insists on the parameters gets an error that names the differences."""
    params = {MediaType.VIDEO: VideoParams(fps=25)}
    wire = join("audio", "video", params=params, strict=True).connect()
    wire.opened("video")
    wire.forget()
    wire.accept_media("video", **DOWNGRADE)
    assert wire.brief() == ["close audio 1000", "close video 1000", "close signaling 1000"]
    assert isinstance(wire.session.error, ex.ParametersDowngraded)
    assert wire.session.error.args == ("video", ("fps: 25 → 5", "codec: H264 → JPG"))


def test_refusal_in_strict_mode(join: Join) -> None:
    """Who insists on all media gets the refusal of one as the end."""
    wire = join("audio", "video", strict=True).connect()
    wire.opened("video")
    wire.forget()
    wire.hear("video", {"msg_type": 4, "status_code": 10})
    assert wire.brief() == ["close video 1000", "close audio 1000", "close signaling 1000"]
    assert isinstance(wire.session.error, ex.MediaNotAvailable)


def test_missing_urls_in_strict_mode(join: Join) -> None:
    """Every missing URL is announced, and the first one is the end."""
    wire = join("audio", "video", "chat", strict=True).connect(urls("chat"))
    assert unavailable(wire) == [("AUDIO", None), ("VIDEO", None)]
    assert wire.brief()[2:] == ["open chat", "close chat 1000", "close signaling 1000"]
    assert isinstance(wire.session.error, ex.MediaNotAvailable)


@pytest.mark.parametrize("key", ["payload_encrypted", "payload_encryption"])
def test_row_8_encryption_without_cipher_is_announced(join: Join, key: str) -> None:
    """Servers of version 1 say that media are encrypted and send plain base64 all the same."""
    wire = join().connect()
    wire.opened("audio")
    wire.accept_media("audio", **{key: True})
    wire.media("audio")
    announced, frame = wire.items()
    assert announced == ev.ParametersChanged(
        sequence=1, media=MediaType.AUDIO, differences=("payload_encrypted: False → True",)
    )
    assert isinstance(frame, AudioFrame)


def test_encryption_of_version_2_without_cipher_is_the_end(join: Join) -> None:
    """Nobody is served unreadable media: the error says what is missing."""
    wire = join(protocol_version=2).connect()
    wire.opened("audio")
    wire.forget()
    wire.accept_media("audio", payload_encrypted=True, protocol_version=2)
    assert wire.brief() == ["close audio 1000", "close signaling 1000"]
    assert isinstance(wire.session.error, ex.RemoteProtocolError)
    assert str(wire.session.error) == "expected readable media, got encrypted media and no cipher"


class Reverse:
    """A cipher for tests: the payload is written backwards; a payload of ``!`` is not genuine."""

    def decrypt(self, message_type: MessageType, message: Message) -> Message:
        """Turn the payload around."""
        assert message_type is MessageType.MEDIA_DATA_AUDIO
        content = message["content"]
        assert isinstance(content, dict)
        if content["data"] == "!":
            raise ex.RemoteProtocolError("authentic content", "content that was changed")
        return {**message, "content": {**content, "data": content["data"][::-1]}}


def test_cipher_makes_media_readable(join: Join) -> None:
    """With a cipher encrypted media are announced by nothing but their content."""
    wire = join(cipher=Reverse()).connect()
    wire.opened("audio")
    wire.accept_media("audio", payload_encrypted=True, protocol_version=2)
    wire.media("audio", data="==QQ")
    wire.media("audio", timestamp=1790000000040, data="!")
    frame, refused = wire.items()
    assert isinstance(frame, AudioFrame)
    assert frame.data == b"A"
    assert isinstance(refused, ev.Unrecognized)
    assert refused.problem == "expected authentic content, got content that was changed"


# --- media before their handshake is answered ----------------------------------------------------


def test_row_43_media_stand_for_acceptance(join: Join) -> None:
    """A server that never answers message 3 is taken at its media; the formats are uncertain."""
    wire = join().connect()
    wire.opened("audio")
    wire.forget()
    wire.media("audio")
    assert wire.brief() == ["signaling sends 7"]
    assert wire.phase() == "STREAMING"
    assert wire.session.granted == Granted(
        audio=wire.session.granted.audio, protocol_version=1, certain=False
    )
    assert len(wire.items()) == 1


def test_row_43_late_answer_is_welcome(join: Join) -> None:
    """The answer makes the formats certain; it is not acknowledged again."""
    wire = join().connect()
    wire.opened("audio")
    wire.media("audio")
    wire.forget()
    wire.accept_media("audio", media_params={"audio": {"send_rate": 40}})
    assert wire.do() == []
    assert wire.session.granted.certain
    assert [type(item) for item in wire.items()] == [ev.ParametersChanged]


def test_row_43_late_refusal_is_a_refusal(join: Join) -> None:
    """A medium that is refused after all is given up."""
    wire = join("audio", "video").stream("video")
    wire.opened("audio")
    wire.media("audio")
    assert wire.phase() == "STREAMING"
    wire.forget()
    wire.hear("audio", {"msg_type": 4, "status_code": 9})
    assert wire.brief() == ["close audio 1000"]
    assert wire.session.granted.audio is None
    assert wire.session.granted.video is not None
    assert wire.phase() == "STREAMING"


def test_second_media_answer_is_not_understood(join: Join) -> None:
    """A media handshake is answered once."""
    wire = join().stream()
    wire.accept_media("audio")
    (problem,) = wire.problems()
    assert problem.endswith("got accepted handshake (2, 4)")
    assert wire.do() == []


# --- what arrives --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", range(23, 28))
def test_metadata_are_passed_on(join: Join, kind: int) -> None:
    """Bodies that nobody documented are delivered as they are, and settle nothing."""
    wire = join().connect()
    wire.opened("audio")
    wire.forget()
    message: Message = {"msg_type": kind, "content": {"lid": 9}}
    wire.hear("audio", message)
    assert wire.items() == [
        ev.MediaMetadata(sequence=1, message_type=MessageType(kind), content=message)
    ]
    assert wire.phase() == "CONNECTING_MEDIA"


@pytest.mark.parametrize("kind", [1, 3, 5, 7, 10, 13, 19, 21, 28, 99, 0, -1])
@pytest.mark.parametrize("endpoint", ["signaling", "audio"])
def test_message_that_no_server_sends(join: Join, endpoint: str, kind: int) -> None:
    """Unknown types and requests of the client are reported, and change nothing."""
    wire = join().stream()
    wire.hear(endpoint, {"msg_type": kind})
    name = MessageType(kind).name
    assert wire.problems() == [f"expected a message for the {endpoint} connection, got type {name}"]
    assert wire.do() == []
    assert wire.phase() == "STREAMING"


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [*(("signaling", kind) for kind in (4, 14, 15, 16, 17, 18, 23, 27))]
    + [("audio", kind) for kind in (2, 6, 11, 20, 22, 29)],
)
def test_message_for_another_connection(join: Join, endpoint: str, kind: int) -> None:
    """A message on the wrong kind of socket is reported, and changes nothing."""
    wire = join().stream()
    message: Message = {"msg_type": kind, "status_code": 0, "content": "AAAA", "timestamp": 1}
    wire.hear(endpoint, message)
    (item,) = wire.items()
    assert isinstance(item, ev.Unrecognized)
    assert (item.message_type, item.raw) == (kind, message)
    assert wire.do() == []


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"{", b"[]", b"\x08\x01", b'{"msg_type": "x"}', b"{}"], ids=repr
)
def test_message_that_is_none(join: Join, data: bytes) -> None:
    """What cannot be read is reported with its beginning, and changes nothing."""
    wire = join().stream()
    wire.session.receive(wire.number("audio"), data, wire.now)
    (item,) = wire.items()
    assert isinstance(item, ev.Unrecognized)
    assert item.message_type is None
    assert wire.phase() == "STREAMING"


def test_unreadable_message_is_kept_in_part_only(join: Join) -> None:
    """16 MiB of junk are remembered as 4 KiB."""
    wire = join().stream()
    wire.session.receive(wire.number("audio"), b"\xff" * 16 * 1024 * 1024, wire.now)
    (item,) = wire.items()
    assert isinstance(item, ev.Unrecognized)
    assert item.raw == b"\xff" * 4096


def test_frame_without_payload_takes_no_number(join: Join) -> None:
    """Numbers are those of what is delivered: they grow by one."""
    wire = join().stream()
    wire.media("audio")
    wire.hear("audio", {"msg_type": 14, "content": {}})
    wire.hear("signaling", {"msg_type": 6, "event": {"event_type": 77}})
    wire.hear("signaling", {"msg_type": 8})
    wire.hear("signaling", {"msg_type": 9})
    wire.media("audio", timestamp=1790000000040)
    assert [item.sequence for item in wire.items()] == [1, 2, 3, 4, 5, 6]


def test_statistics_count_everything(join: Join) -> None:
    """Messages, bytes, frames, keep-alives and defects add up."""
    wire = join("audio", "chat").connect()
    wire.opened("audio")
    wire.accept_media("audio")
    before = attrs.evolve(wire.session.intake.statistics)
    wire.media("audio", data="AA!", length=9)
    wire.hear("audio", {"msg_type": 12})
    wire.session.receive(wire.number("audio"), b"junk", wire.now)
    after = wire.session.intake.statistics
    assert after.messages - before.messages == 3
    assert after.bytes - before.bytes == 99 + 16 + 4
    assert after.frames == {MediaType.AUDIO: 1, MediaType.CHAT: 0}
    assert (after.keep_alives, after.unrecognized, after.unrequested) == (1, 1, 0)
    assert (after.flaws.bad_base64, after.flaws.length_mismatch) == (1, 1)
