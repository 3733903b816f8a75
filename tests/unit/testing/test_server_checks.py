"""Which media parameters are granted, and which status refuses the others."""

from typing import Any

import pytest

from rtms_client.enums import MediaType, StatusCode
from rtms_client.testing import StreamSettings
from rtms_client.testing._server_checks import Refused, check_media_type, grant_params

AUDIO, VIDEO, SHARE = MediaType.AUDIO, MediaType.VIDEO, MediaType.SHARE
TRANSCRIPT, CHAT = MediaType.TRANSCRIPT, MediaType.CHAT

OPUS = {"codec": 4, "sample_rate": 3}
G711 = {"codec": 2, "sample_rate": 0}


@pytest.mark.parametrize(
    ("media", "params", "status"),
    [
        (AUDIO, [], 17),
        (AUDIO, {"audio": 1}, 18),
        (AUDIO, {"audio": {"content_type": 3}}, 19),
        (AUDIO, {"audio": {"content_type": "RAW_AUDIO"}}, 19),
        (AUDIO, {"audio": {"sample_rate": 4}}, 20),
        (AUDIO, {"audio": {"sample_rate": True}}, 20),
        (AUDIO, {"audio": {**OPUS, "sample_rate": 1}}, 20),
        (AUDIO, {"audio": {**G711, "sample_rate": 1}}, 20),
        (AUDIO, {"audio": {"codec": 3, "sample_rate": 0}}, 20),
        (AUDIO, {"audio": {"channel": 3}}, 21),
        (AUDIO, {"audio": {**G711, "channel": 2}}, 21),
        (AUDIO, {"audio": {"codec": 3, "channel": 2}}, 21),
        (AUDIO, {"audio": {"codec": 7}}, 22),
        (AUDIO, {"audio": {"content_type": 1, "codec": 1}}, 22),
        (AUDIO, {"audio": {"data_opt": 3}}, 23),
        (AUDIO, {"audio": {"send_rate": 30}}, 24),
        (AUDIO, {"audio": {"send_rate": 0}}, 24),
        (AUDIO, {"audio": {"send_rate": "20"}}, 24),
        (AUDIO, {"audio": {**OPUS, "send_rate": 40}}, 24),
        (VIDEO, {"video": 1}, 25),
        (VIDEO, {"video": {"content_type": 1}}, 26),
        (VIDEO, {"video": {"codec": 4}}, 27),
        (VIDEO, {"video": {"codec": 7, "fps": 5}}, 27),
        (VIDEO, {"video": {"resolution": 5}}, 28),
        (VIDEO, {"video": {"data_opt": 1}}, 29),
        (VIDEO, {"video": {"fps": 31}}, 30),
        (VIDEO, {"video": {"fps": 0}}, 30),
        (VIDEO, {"video": {"codec": 5, "fps": 6}}, 30),
        (SHARE, {"deskshare": 1}, 31),
        (SHARE, {"deskshare": {"content_type": 2}}, 32),
        (SHARE, {"deskshare": {"codec": 1}}, 33),
        (SHARE, {"deskshare": {"codec": 7, "fps": 1}}, 33),
        (SHARE, {"deskshare": {"resolution": 0}}, 34),
        (SHARE, {"deskshare": {"fps": 1.5}}, 35),
        (SHARE, {"deskshare": {"codec": 6, "fps": 6}}, 35),
        (TRANSCRIPT, {"transcript": 1}, 36),
        (TRANSCRIPT, {"transcript": {"enable_lid": 1}}, 36),
        (TRANSCRIPT, {"transcript": {"content_type": 2}}, 37),
        (TRANSCRIPT, {"transcript": {"src_language": 37}}, 43),
        (TRANSCRIPT, {"transcript": {"src_language": -2}}, 43),
        (CHAT, {"chat": 1}, 38),
        (CHAT, {"chat": {"content_type": 1}}, 39),
    ],
)
def test_forbidden_params_have_their_own_status(
    media: MediaType, params: object, status: int
) -> None:
    """The most specific status of the table refuses each forbidden value."""
    with pytest.raises(Refused) as caught:
        grant_params(params, media, StreamSettings())
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("params", "granted"),
    [
        ({"content_type": 1, **OPUS, "channel": 2}, {"content_type": 1, "channel": 2}),
        ({"content_type": 1, **G711}, {"codec": 2}),
        ({"content_type": 1, "codec": 3}, {"codec": 3}),
        ({"sample_rate": 0, "channel": 2, "send_rate": 1000}, {"sample_rate": 0}),
        ({"sample_rate": 3, "send_rate": 100}, {"send_rate": 100}),
        ({"send_rate": 2000}, {"send_rate": 1000}),
        (OPUS, {"channel": 1}),
        (G711, {"codec": 2}),
        ({"codec": 3}, {"codec": 3}),
    ],
)
def test_rows_of_the_audio_matrix_are_granted(
    params: dict[str, Any], granted: dict[str, Any]
) -> None:
    """Each row of the matrix works; the server uses at most 1000 ms."""
    audio = grant_params({"audio": params}, AUDIO, StreamSettings())["audio"]
    assert granted.items() <= audio.items()


def test_defaults_of_all_media() -> None:
    """Without parameters the documented defaults apply to all media of the socket."""
    for params in (None, {}, {"audio": None}):
        assert grant_params(
            params, AUDIO | VIDEO | SHARE | TRANSCRIPT | CHAT, StreamSettings()
        ) == {
            "audio": {
                "content_type": 2,
                "sample_rate": 1,
                "channel": 1,
                "codec": 1,
                "data_opt": 1,
                "send_rate": 20,
            },
            "video": {"content_type": 3, "codec": 5, "resolution": 2, "fps": 5, "data_opt": 3},
            "deskshare": {"content_type": 3, "codec": 5, "resolution": 3, "fps": 1},
            "transcript": {"content_type": 5, "src_language": 9, "enable_lid": True},
            "chat": {"content_type": 5},
        }


@pytest.mark.parametrize(
    ("media", "key", "params", "codec", "fps"),
    [
        (VIDEO, "video", {"fps": 25}, 5, 5),
        (VIDEO, "video", {"codec": 7, "fps": 25}, 7, 25),
        (SHARE, "deskshare", {"fps": 5}, 5, 1),
        (SHARE, "deskshare", {"codec": 7, "fps": 2}, 7, 2),
        (SHARE, "deskshare", {"codec": 6, "fps": 5}, 6, 5),
    ],
)
def test_rates_and_codecs(
    media: MediaType, key: str, params: dict[str, Any], codec: int, fps: int
) -> None:
    """A high rate without a codec falls back to JPG; sources disagree on JPG share above 1 fps."""
    granted = grant_params({key: params}, media, StreamSettings())[key]
    assert (granted["codec"], granted["fps"]) == (codec, fps)


def test_strict_share_pictures() -> None:
    """The other reading of the share rule can be chosen."""
    settings = StreamSettings(share_picture_fps=1)
    with pytest.raises(Refused) as caught:
        grant_params({"deskshare": {"codec": 5, "fps": 2}}, SHARE, settings)
    assert caught.value.status == 35


def test_a_silent_downgrade() -> None:
    """What is granted can be forced, whatever was asked."""
    settings = StreamSettings(grant={"audio": {"data_opt": 1}})
    granted = grant_params({"audio": {"data_opt": 2}}, AUDIO, settings)
    assert granted["audio"]["data_opt"] == 1


@pytest.mark.parametrize("value", [None, "1", 1.0, True])
def test_media_type_must_be_an_integer(value: object) -> None:
    """Anything but an integer is an invalid media type."""
    with pytest.raises(Refused) as caught:
        check_media_type(value, StreamSettings())
    assert caught.value.status == 7


@pytest.mark.parametrize("value", [0, -1, 33, 64])
def test_media_type_must_be_in_range(value: int) -> None:
    """Unknown flags, and `ALL` with others, are out of range."""
    with pytest.raises(Refused) as caught:
        check_media_type(value, StreamSettings())
    assert caught.value.status == 14


@pytest.mark.parametrize(("value", "status"), [(1, 9), (2, 10), (4, 11), (8, 12), (16, 13)])
def test_each_medium_without_scope_has_a_status(value: int, status: int) -> None:
    """Status 9 to 13, or 7 when the server does not tell the reason."""
    with pytest.raises(Refused) as caught:
        check_media_type(value, StreamSettings(available=MediaType(31 - value)))
    assert caught.value.status == status

    settings = StreamSettings(available=MediaType(31 - value), status_without_scope=False)
    with pytest.raises(Refused) as caught:
        check_media_type(value, settings)
    assert caught.value.status == StatusCode.INVALID_MEDIA_TYPE


def test_media_types_are_granted() -> None:
    """One flag, several flags, or everything that is available."""
    settings = StreamSettings(available=AUDIO | CHAT)
    assert check_media_type(1, settings) == AUDIO
    assert check_media_type(17, settings) == AUDIO | CHAT
    assert check_media_type(32, settings) == AUDIO | CHAT


def test_no_unified_socket() -> None:
    """A server without a unified socket refuses `ALL`."""
    with pytest.raises(Refused) as caught:
        check_media_type(32, StreamSettings(unified=False))
    assert caught.value.status == 7
