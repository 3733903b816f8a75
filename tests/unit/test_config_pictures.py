"""Parameters of video and screen share: the rules that tie codec and frame rate."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import attrs
import pytest

from rtms_client.config import PictureFormat, ShareParams, VideoParams
from rtms_client.enums import ContentType, DataOption, MediaCodec, Resolution
from rtms_client.exceptions import InvalidParameters

JPG, PNG, H264 = MediaCodec.JPG, MediaCodec.PNG, MediaCodec.H264


def outcome(kind: type[VideoParams | ShareParams], fps: int, codec: MediaCodec) -> str:
    """Tell whether a combination is accepted, accepted with a warning, or refused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            kind(fps=fps, codec=codec)
        except InvalidParameters:
            return "refused"
    return "warned" if caught else "accepted"


def test_video_defaults() -> None:
    """The defaults are the active speaker as JPEG, HD, 5 frames a second."""
    params = VideoParams()
    assert (params.content_type, params.codec, params.resolution) == (3, 5, 2)
    assert (params.fps, params.data_opt) == (5, 3)


def test_share_defaults() -> None:
    """The defaults are JPEG, full HD, one frame a second, and no data option."""
    params = ShareParams()
    assert (params.content_type, params.codec, params.resolution) == (3, 5, 3)
    assert (params.fps, params.data_opt) == (1, None)


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (JPG, {"accepted": (1, 2, 3, 4, 5)}),
        (PNG, {"accepted": (1, 2, 3, 4, 5)}),
        (H264, {"accepted": tuple(range(6, 31))}),
        (MediaCodec.UNDEFINED, {}),
        (MediaCodec.L16, {}),
        (MediaCodec.OPUS, {}),
        (MediaCodec(99), {}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_video_rule(codec: MediaCodec, expected: dict[str, tuple[int, ...]]) -> None:
    """JPG and PNG up to 5 frames a second, H264 above, nothing else, up to 30."""
    accepted = expected.get("accepted", ())
    for fps in range(-1, 33):
        assert outcome(VideoParams, fps, codec) == ("accepted" if fps in accepted else "refused")


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (JPG, {"accepted": (1,), "warned": (2, 3, 4, 5)}),
        (PNG, {"accepted": (1,), "warned": (2, 3, 4, 5)}),
        (H264, {"accepted": tuple(range(2, 31))}),
        (MediaCodec.UNDEFINED, {}),
        (MediaCodec.G711, {}),
        (MediaCodec(99), {}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_share_rule(codec: MediaCodec, expected: dict[str, tuple[int, ...]]) -> None:
    """JPG and PNG at 1, with a warning up to 5; H264 above 1 (protocol notes, row 21)."""
    outcomes = {fps: verdict for verdict, rates in expected.items() for fps in rates}
    for fps in range(-1, 33):
        assert outcome(ShareParams, fps, codec) == outcomes.get(fps, "refused")


@pytest.mark.parametrize(("fps", "codec"), [(1, JPG), (5, JPG), (6, H264), (30, H264)])
def test_codec_of_video_follows_from_the_frame_rate(fps: int, codec: MediaCodec) -> None:
    """Who asks for motion gets the codec for motion."""
    assert VideoParams(fps=fps).codec == codec


@pytest.mark.parametrize(("fps", "codec"), [(1, JPG), (2, H264), (30, H264)])
def test_codec_of_share_follows_from_the_frame_rate(fps: int, codec: MediaCodec) -> None:
    """Who asks for motion gets the codec for motion."""
    assert ShareParams(fps=fps).codec == codec


def test_share_warning_points_to_the_caller() -> None:
    """The warning says what may happen, and shows the line that asked for it."""
    with pytest.warns(UserWarning, match="ShareParams: PNG at 4 frames a second") as caught:
        ShareParams(fps=4, codec=PNG)
    assert Path(caught[0].filename) == Path(__file__)
    assert str(caught[0].message) == (
        "ShareParams: PNG at 4 frames a second may be refused or reduced to 1 by the server; "
        "H264 is the documented codec above 1"
    )


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        (
            VideoParams,
            {"fps": 0},
            "VideoParams.fps: expected 1 to 30, got 0; the nearest allowed: fps=1",
        ),
        (
            ShareParams,
            {"fps": 31},
            "ShareParams.fps: expected 1 to 30, got 31; the nearest allowed: fps=30",
        ),
        (
            VideoParams,
            {"fps": 25, "codec": JPG},
            (
                "VideoParams.codec: JPG allows up to 5 frames a second, got 25; the nearest "
                "allowed: fps=5, or codec=MediaCodec.H264"
            ),
        ),
        (
            ShareParams,
            {"fps": 6, "codec": PNG},
            (
                "ShareParams.codec: PNG allows up to 5 frames a second, got 6; the nearest "
                "allowed: fps=5, or codec=MediaCodec.H264"
            ),
        ),
        (
            VideoParams,
            {"fps": 5, "codec": H264},
            (
                "VideoParams.codec: expected JPG or PNG at 5 frames a second, got H264; the "
                "nearest allowed: codec=MediaCodec.JPG, or H264 with fps=6"
            ),
        ),
        (
            ShareParams,
            {"fps": 1, "codec": H264},
            (
                "ShareParams.codec: expected JPG or PNG at 1 frames a second, got H264; the "
                "nearest allowed: codec=MediaCodec.JPG, or H264 with fps=2"
            ),
        ),
        (
            VideoParams,
            {"fps": 25, "codec": MediaCodec.OPUS},
            (
                "VideoParams.codec: expected H264 at 25 frames a second, got OPUS; the nearest "
                "allowed: codec=MediaCodec.H264"
            ),
        ),
        (
            VideoParams,
            {"resolution": 9},
            (
                "VideoParams: expected a known resolution and content_type RAW_VIDEO, got "
                "UNKNOWN_9 and RAW_VIDEO; use a member of Resolution and leave content_type "
                "alone"
            ),
        ),
        (
            ShareParams,
            {"content_type": ContentType.RTP},
            (
                "ShareParams: expected a known resolution and content_type RAW_VIDEO, got FHD "
                "and RTP; use a member of Resolution and leave content_type alone"
            ),
        ),
        (
            VideoParams,
            {"data_opt": DataOption.AUDIO_MIXED_STREAM},
            (
                "VideoParams.data_opt: expected a video option, got AUDIO_MIXED_STREAM; use "
                "VIDEO_SINGLE_ACTIVE_STREAM or VIDEO_SINGLE_INDIVIDUAL_STREAM"
            ),
        ),
        (
            VideoParams,
            {"fps": 5.0},
            "fps: expected an int, got 5.0; convert it with int()",
        ),
        (
            ShareParams,
            {"fps": True},
            "fps: expected an int, got True; convert it with int()",
        ),
    ],
)
def test_refusal_names_the_nearest_allowed(
    kind: type[VideoParams | ShareParams], values: dict[str, Any], text: str
) -> None:
    """The text says what was expected, what came, and what would do."""
    with pytest.raises(InvalidParameters) as caught:
        kind(**values)
    assert str(caught.value) == text


def test_individual_video_may_be_asked_for() -> None:
    """One participant, chosen later, is the other option of video."""
    params = VideoParams(data_opt=DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)
    assert params.data_opt == 4


def test_share_has_no_data_option() -> None:
    """Screen share has no choice of streams, so it cannot be given."""
    values: dict[str, Any] = {"data_opt": None}
    with pytest.raises(TypeError, match="unexpected keyword argument 'data_opt'"):
        ShareParams(**values)


@pytest.mark.parametrize("resolution", list(Resolution))
def test_every_resolution_constructs(resolution: Resolution) -> None:
    """All four sizes can be asked for."""
    assert VideoParams(resolution=resolution).resolution == resolution
    assert ShareParams(resolution=resolution).resolution == resolution


def test_granted_pictures_know_no_rules() -> None:
    """What the server grants is described as it is."""
    granted = PictureFormat(fps=60, codec=JPG, resolution=Resolution(9))
    assert (granted.fps, granted.codec, granted.resolution) == (60, 5, 9)
    assert granted.data_opt is None


@pytest.mark.parametrize("value", [VideoParams(), ShareParams()], ids=["video", "share"])
def test_pictures_are_values(value: VideoParams | ShareParams) -> None:
    """Parameters are frozen, can be keys, and cross process boundaries."""
    for name in attrs.fields_dict(type(value)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, 2)
    assert {value: "found"}[type(value)()] == "found"
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  # our own
