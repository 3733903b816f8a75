"""Granted parameters of message 4, laid over the requested ones."""

from __future__ import annotations

import pytest

from rtms_client._wire.media import Format, granted_format
from rtms_client.config import (
    AudioFormat,
    AudioParams,
    ChatParams,
    PictureFormat,
    ShareParams,
    TranscriptFormat,
    TranscriptParams,
    VideoParams,
    differences,
)
from rtms_client.enums import (
    AudioChannel,
    ContentType,
    DataOption,
    Language,
    MediaCodec,
    MediaType,
    Resolution,
    SampleRate,
)

H264 = VideoParams(fps=25)


@pytest.mark.parametrize(
    ("media", "requested", "params", "expected"),
    [
        (
            MediaType.AUDIO,
            AudioParams(),
            {
                "audio": {
                    "content_type": 1,
                    "sample_rate": 3,
                    "channel": 2,
                    "codec": 4,
                    "data_opt": 1,
                    "send_rate": 40,
                }
            },
            AudioFormat(
                content_type=ContentType.RTP,
                sample_rate=SampleRate.SR_48K,
                channel=AudioChannel.STEREO,
                codec=MediaCodec.OPUS,
                data_opt=DataOption.AUDIO_MIXED_STREAM,
                send_rate_ms=40,
            ),
        ),
        (
            MediaType.VIDEO,
            H264,
            {"video": {"content_type": 3, "codec": 5, "resolution": 1, "fps": 5, "data_opt": 4}},
            PictureFormat(
                codec=MediaCodec.JPG,
                resolution=Resolution.SD,
                fps=5,
                data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM,
            ),
        ),
        (
            MediaType.SHARE,
            ShareParams(),
            {"deskshare": {"content_type": 3, "codec": 7, "resolution": 2, "fps": 10}},
            PictureFormat(codec=MediaCodec.H264, resolution=Resolution.HD, fps=10),
        ),
        (
            MediaType.TRANSCRIPT,
            TranscriptParams(),
            {"transcript": {"content_type": 5, "src_language": 0, "enable_lid": False}},
            TranscriptFormat(language=Language.ARABIC, language_identification=False),
        ),
        (MediaType.CHAT, ChatParams(), {"chat": {"content_type": 5}}, ChatParams()),
    ],
    ids=["audio", "video", "share", "transcript", "chat"],
)
def test_granted_parameters(
    media: MediaType, requested: Format, params: dict[str, object], expected: Format
) -> None:
    """What the server grants replaces what was requested."""
    assert granted_format(requested, media, params) == expected


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"audio": None},
        {"audio": []},
        {"audio": {}},
        {"audio": {"codec": None, "send_rate": "soon", "unknown": 1}},
        {"video": {"codec": 5}},
    ],
    ids=str,
)
def test_what_is_not_echoed_stays_as_requested(params: dict[str, object]) -> None:
    """Absent means "not echoed", not "refused"."""
    requested = AudioParams(codec=MediaCodec.OPUS, sample_rate=48000)
    granted = granted_format(requested, MediaType.AUDIO, params)
    assert type(granted) is AudioFormat
    assert differences(requested, granted) == ()


def test_zero_is_granted_as_zero() -> None:
    """8 kHz is zero, which is not absent."""
    granted = granted_format(AudioParams(), MediaType.AUDIO, {"audio": {"sample_rate": 0}})
    assert isinstance(granted, AudioFormat)
    assert granted.sample_rate_hz == 8000


def test_forbidden_combination_may_be_granted() -> None:
    """The server is not bound by the rules of what may be asked for."""
    granted = granted_format(H264, MediaType.VIDEO, {"video": {"codec": 99, "fps": 99}})
    assert granted == PictureFormat(
        codec=MediaCodec(99),
        fps=99,
        resolution=Resolution.HD,
        data_opt=DataOption.VIDEO_SINGLE_ACTIVE_STREAM,
    )


def test_row_6_share_under_other_keys() -> None:
    """Screen share has three names; the documented one wins."""
    for key in ("deskshare", "sharescreen", "share"):
        granted = granted_format(ShareParams(), MediaType.SHARE, {key: {"fps": 3}})
        assert isinstance(granted, PictureFormat)
        assert granted.fps == 3
    params: dict[str, object] = {"share": {"fps": 3}, "deskshare": {"fps": 4}}
    granted = granted_format(ShareParams(), MediaType.SHARE, params)
    assert isinstance(granted, PictureFormat)
    assert granted.fps == 4


def test_data_option_of_share_means_nothing() -> None:
    """Screen share has no choice of streams, so an echoed one is no difference."""
    params: dict[str, object] = {"deskshare": {"data_opt": 3}}
    granted = granted_format(ShareParams(), MediaType.SHARE, params)
    assert differences(ShareParams(), granted) == ()


def test_row_40_granted_parameters_as_names() -> None:
    """A server of the beta may grant names instead of numbers."""
    params: dict[str, object] = {"audio": {"codec": "OPUS", "sample_rate": "SR_48K"}}
    assert granted_format(AudioParams(), MediaType.AUDIO, params) == AudioFormat(
        codec=MediaCodec.OPUS, sample_rate=SampleRate.SR_48K
    )


def test_downgrade_is_visible() -> None:
    """Silent downgrades of the server become differences (messages notes, 2.4)."""
    granted = granted_format(H264, MediaType.VIDEO, {"video": {"codec": 5, "fps": 5}})
    assert differences(H264, granted) == ("fps: 25 → 5", "codec: H264 → JPG")
