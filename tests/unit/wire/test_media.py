"""Media messages 14 to 17 as frames."""

from __future__ import annotations

import base64

import pytest

from rtms_client._wire.media import MEDIA_OF_MESSAGE, Flaws, Format, media_frame
from rtms_client.config import AudioFormat, PictureFormat, TranscriptFormat
from rtms_client.enums import (
    DataAttribute,
    Language,
    MediaCodec,
    MediaType,
    MessageType,
    Resolution,
)
from rtms_client.exceptions import RemoteProtocolError
from rtms_client.frames import (
    AudioFrame,
    ChatMessage,
    MediaFrame,
    ShareFrame,
    TranscriptSegment,
    VideoFrame,
)

AUDIO = AudioFormat()
PICTURES = PictureFormat(fps=5, codec=MediaCodec.JPG, resolution=Resolution.HD)
TRANSCRIPT = TranscriptFormat()
FORMATS: dict[int, Format] = {14: AUDIO, 15: PICTURES, 16: PICTURES, 17: TRANSCRIPT}
NOW = 1790000000020


def read(message: dict[str, object], flaws: Flaws | None = None) -> MediaFrame:
    """Read a message of the given type, with sequence number 7."""
    kind = MessageType(message["msg_type"])  # type: ignore[arg-type]  # an int in all examples
    return media_frame(kind, message, 7, FORMATS[kind], flaws or Flaws())


def read_audio(content: object, flaws: Flaws | None = None, **beside: object) -> AudioFrame:
    """Read an audio message."""
    frame = read({"msg_type": 14, "content": content, **beside}, flaws)
    assert isinstance(frame, AudioFrame)
    return frame


def test_messages_of_media() -> None:
    """Five types of message carry the five media."""
    assert MEDIA_OF_MESSAGE == {
        14: MediaType.AUDIO,
        15: MediaType.VIDEO,
        16: MediaType.SHARE,
        17: MediaType.TRANSCRIPT,
        18: MediaType.CHAT,
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {
                "msg_type": 14,
                "content": {
                    "user_id": 16778240,
                    "user_name": "Ada",
                    "data": "AAAAAA==",
                    "length": 4,
                    "timestamp": 1790000000020,
                },
            },
            AudioFrame(
                sequence=7,
                data=b"\0\0\0\0",
                timestamp_ms=1790000000020,
                user_id=16778240,
                user_name="Ada",
                format=AUDIO,
            ),
        ),
        (
            {
                "msg_type": 14,
                "content": {
                    "user_id": 0,
                    "data": "AAAAAA==",
                    "length": 4,
                    "timestamp": 1790000000020,
                },
            },
            AudioFrame(
                sequence=7,
                data=b"\0\0\0\0",
                timestamp_ms=1790000000020,
                user_id=0,
                format=AUDIO,
            ),
        ),
        (
            {
                "msg_type": 14,
                "content": {
                    "user_id": 0,
                    "channel_id": "ch-1",
                    "data": "AAAAAA==",
                    "length": 4,
                    "timestamp": 1790000000020,
                },
            },
            AudioFrame(
                sequence=7,
                data=b"\0\0\0\0",
                timestamp_ms=1790000000020,
                user_id=0,
                channel_id="ch-1",
                format=AUDIO,
            ),
        ),
        (
            {
                "msg_type": 15,
                "content": {
                    "user_id": 16778240,
                    "user_name": "Ada",
                    "data": "/9j/4AAQ",
                    "length": 6,
                    "timestamp": 1790000000200,
                },
            },
            VideoFrame(
                sequence=7,
                data=b"\xff\xd8\xff\xe0\x00\x10",
                timestamp_ms=1790000000200,
                user_id=16778240,
                user_name="Ada",
                format=PICTURES,
            ),
        ),
        (
            {
                "msg_type": 16,
                "content": {
                    "user_id": 16778240,
                    "user_name": "Ada",
                    "data": "/9j/4AAQ",
                    "length": 6,
                    "timestamp": 1790000001000,
                },
            },
            ShareFrame(
                sequence=7,
                data=b"\xff\xd8\xff\xe0\x00\x10",
                timestamp_ms=1790000001000,
                user_id=16778240,
                user_name="Ada",
                format=PICTURES,
            ),
        ),
        (
            {
                "msg_type": 17,
                "content": {
                    "user_id": 16778240,
                    "user_name": "Ada",
                    "start_time": 1790000000100,
                    "end_time": 1790000002300,
                    "timestamp": 1790000000100,
                    "language": 9,
                    "attribute": 1,
                    "data": "Hello there.",
                },
            },
            TranscriptSegment(
                sequence=7,
                text="Hello there.",
                timestamp_ms=1790000000100,
                user_id=16778240,
                user_name="Ada",
                start_ms=1790000000100,
                end_ms=1790000002300,
                language=Language.ENGLISH,
                attribute=DataAttribute.NEW,
                format=TRANSCRIPT,
            ),
        ),
        (
            {
                "msg_type": 14,
                "content": "AAAAAA==",
                "user_name": "Ada",
                "timestamp": 1790000000020,
            },
            AudioFrame(
                sequence=7,
                data=b"\0\0\0\0",
                timestamp_ms=1790000000020,
                user_name="Ada",
                format=AUDIO,
            ),
        ),
    ],
    ids=["audio", "mixed audio", "channel", "video", "share", "transcript", "bare string"],
)
def test_documented_message(message: dict[str, object], expected: MediaFrame) -> None:
    """Each documented example is one typed frame, and nothing is wrong with it."""
    flaws = Flaws()
    assert read(message, flaws) == expected
    assert flaws == Flaws(length_mismatch=0, bad_base64=0)


# --- payload -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoded", "data", "bad"),
    [
        ("AAECAw==", b"\x00\x01\x02\x03", 0),
        ("", b"", 0),
        ("AAECAw", b"\x00\x01\x02\x03", 1),
        ("AAECAw=", b"\x00\x01\x02\x03", 1),
        ("AAECAw===", b"\x00\x01\x02\x03", 1),
        ("AAEC\r\nAw==", b"\x00\x01\x02\x03", 1),
        (" AAECAw== ", b"\x00\x01\x02\x03", 1),
        ("AA!EC?Aw==", b"\x00\x01\x02\x03", 1),
        ("AAECAw==é", b"\x00\x01\x02\x03", 1),
        ("AAEC李Aw==", b"\x00\x01\x02\x03", 1),
        ("AA\ud800ECAw==", b"\x00\x01\x02\x03", 1),
        ("AAECA", b"\x00\x01\x02", 1),
        ("A", b"", 1),
        ("====", b"", 1),
        ("\x00", b"", 1),
        ("é", b"", 1),
    ],
    ids=ascii,
)
def test_base64_is_decoded_as_far_as_it_goes(encoded: str, data: bytes, bad: int) -> None:
    """Junk and missing padding never prevent delivery, but they are counted."""
    flaws = Flaws()
    assert read_audio({"data": encoded, "timestamp": NOW}, flaws).data == data
    assert flaws.bad_base64 == bad


@pytest.mark.parametrize("size", [640, 3840, 192_000])
def test_large_payload(size: int) -> None:
    """Packets of every documented size arrive bit by bit."""
    data = bytes(index * 7 % 256 for index in range(size))
    content = {"data": base64.b64encode(data).decode(), "length": size, "timestamp": NOW}
    assert read_audio(content).data == data


@pytest.mark.parametrize(
    ("length", "mismatches"), [(4, 0), (None, 0), (5, 1), (0, 1), ("4", 1), ({}, 1)], ids=repr
)
def test_length_is_a_check_value(length: object, mismatches: int) -> None:
    """A wrong length is counted, and the decoded bytes are delivered all the same."""
    flaws = Flaws()
    content = {"data": "AAECAw==", "length": length, "timestamp": NOW}
    assert read_audio(content, flaws).data == b"\x00\x01\x02\x03"
    assert flaws.length_mismatch == mismatches


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ({}, "NoneType"),
        ({"data": None}, "NoneType"),
        ({"data": 7}, "int"),
        ({"data": ["AAAA"]}, "list"),
        (None, "NoneType"),
        ([], "list"),
        (7, "int"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [14, 15, 16])
def test_message_without_payload(kind: int, content: object, got: str) -> None:
    """Without base64 text there is nothing to deliver."""
    message = {"msg_type": kind, "content": content, "timestamp": NOW}
    with pytest.raises(RemoteProtocolError) as caught:
        read(message)
    assert str(caught.value) == f"expected base64 in content.data, got a {got}"


def test_refused_frame_counts_no_flaws() -> None:
    """Flaws are counts of delivered frames; one without time is not delivered."""
    flaws = Flaws()
    with pytest.raises(RemoteProtocolError):
        read_audio({"data": "AA!", "length": 9}, flaws)
    assert flaws == Flaws()


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1790000000020, 1790000000020),
        ("1790000000020", 1790000000020),
        (1790000000020.0, 1790000000020),
        (1790000000, 1790000000000),
        (10**15, 10**15),
        (0, 0),
        (-1, -1),
    ],
    ids=ascii,
)
def test_timestamp(timestamp: object, expected: int) -> None:
    """Milliseconds are taken as they are, seconds are recognised."""
    assert read_audio({"data": "", "timestamp": timestamp}).timestamp_ms == expected


@pytest.mark.parametrize("timestamp", [None, "now", True, 1.5, 2**64, {}], ids=ascii)
@pytest.mark.parametrize("kind", [14, 15, 16, 17])
def test_message_without_timestamp(kind: int, timestamp: object) -> None:
    """Media without time cannot be placed, so they are not understood."""
    with pytest.raises(RemoteProtocolError) as caught:
        read({"msg_type": kind, "content": {"data": "AAAA", "timestamp": timestamp}})
    assert str(caught.value) == "expected an integer timestamp, got a media message without one"


def test_start_time_stands_in() -> None:
    """A transcript says when the utterance began in two places; either will do."""
    segment = read({"msg_type": 17, "content": {"data": "x", "start_time": NOW}})
    assert segment.timestamp_ms == NOW


# --- people --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"user_id": 1, "user_name": "Ada"}, (1, "Ada")),
        ({"user_id": "16778240", "user_name": "李雷"}, (16778240, "李雷")),
        ({"user_id": "agent-7", "user_name": ""}, ("agent-7", None)),
        ({"userId": 2, "userName": "Ada"}, (2, "Ada")),
        ({"user_id": 0, "user_name": "Ada"}, (0, None)),
        ({"user_id": 1, "user_name": "A" * 2000}, (1, "A" * 1024)),
        ({"user_id": 1, "user_name": "\ud800"}, (1, "\ufffd")),
        ({"user_id": 2**63, "user_name": "Ada"}, (2**63, "Ada")),
        ({"user_id": -1, "user_name": "Ada"}, (-1, "Ada")),
        ({"user_id": True, "user_name": 5}, (None, None)),
        ({"user_id": 2**64}, (None, None)),
        ({}, (None, None)),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_user(content: dict[str, object], expected: tuple[object, object]) -> None:
    """Ids and names are read in all spellings; mixed audio has no name."""
    frame = read_audio({"data": "", "timestamp": NOW, **content})
    assert (frame.user_id, frame.user_name) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("ch-1", "ch-1"), (5, "5"), (None, None), ({}, None), ("", None)],
    ids=repr,
)
@pytest.mark.parametrize("kind", [14, 17])
def test_channel(kind: int, value: object, expected: str | None) -> None:
    """Channels of Contact Center are text, even where samples send integers."""
    content = {"data": "AAAA", "timestamp": NOW, "channel_id": value}
    frame = read({"msg_type": kind, "content": content})
    assert isinstance(frame, AudioFrame | TranscriptSegment)
    assert frame.channel_id == expected


# --- what is not known ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [14, 15, 16, 17])
def test_unknown_keys_are_kept(kind: int) -> None:
    """Later versions say more; it is passed on, wherever it stands."""
    frame = read(
        {
            "msg_type": kind,
            "rtms_stream_id": "s",
            "content": {"data": "AAAA", "timestamp": NOW, "is_final": True, "gain": [1]},
        }
    )
    assert not isinstance(frame, ChatMessage)
    assert frame.extra == {"rtms_stream_id": "s", "gain": [1]}


def test_known_keys_leave_no_extra() -> None:
    """A message as documented has nothing extra, in either form."""
    assert read_audio({"data": "AAAA", "timestamp": NOW}).extra == {}
    assert read_audio("AAAA", timestamp=NOW).extra == {}


# --- transcript ----------------------------------------------------------------------------------


def segment_of(**content: object) -> TranscriptSegment:
    """Read a transcript message."""
    frame = read({"msg_type": 17, "content": {"data": "x", "timestamp": NOW, **content}})
    assert isinstance(frame, TranscriptSegment)
    return frame


def test_text_is_not_base64() -> None:
    """Text that looks like base64 is text."""
    assert segment_of(data="AAAAAA==").text == "AAAAAA=="


def test_empty_text_is_delivered() -> None:
    """An update or deletion may have no text."""
    assert segment_of(data="", attribute=3).text == ""


@pytest.mark.parametrize("data", [None, 7, ["x"], {"text": "x"}], ids=repr)
def test_transcript_without_text(data: object) -> None:
    """Without text there is nothing to deliver."""
    with pytest.raises(RemoteProtocolError) as caught:
        segment_of(data=data)
    assert str(caught.value) == "expected text in content.data, got a transcript without text"


@pytest.mark.parametrize(
    ("start", "end", "relative"),
    [
        (1790000000100, 1790000002300, False),
        (100, 2300, True),
        (1790000000100, 2300, True),
        (0, None, True),
        (None, None, False),
        ("soon", 1790000002300, False),
    ],
)
def test_relative_times_are_flagged(start: object, end: object, relative: bool) -> None:  # noqa: FBT001  # data
    """Times too small for Unix times are passed on with a flag, not rejected."""
    segment = segment_of(start_time=start, end_time=end)
    assert segment.relative_times is relative
    assert segment.start_ms == (start if isinstance(start, int) else None)
    assert segment.end_ms == end


@pytest.mark.parametrize(
    ("values", "language", "attribute"),
    [
        ({"language": 0, "attribute": 0}, Language.ARABIC, DataAttribute.NONE),
        ({"language": -1, "attribute": 3}, Language.NONE, DataAttribute.DELETE),
        ({"language": 99, "attribute": 9}, Language(99), DataAttribute(9)),
        (
            {"language": "LANGUAGE_ID_GERMAN", "attribute": "ATTR_NEW"},
            Language.GERMAN,
            DataAttribute.NEW,
        ),
        ({"language": "Klingon", "attribute": None}, None, None),
        ({}, None, None),
    ],
    ids=["zero", "others", "unknown numbers", "names", "malformed", "absent"],
)
def test_language_and_attribute(
    values: dict[str, object], language: Language | None, attribute: DataAttribute | None
) -> None:
    """Zero is Arabic and absent is absent; unknown numbers survive."""
    segment = segment_of(**values)
    assert (segment.language, segment.attribute) == (language, attribute)
