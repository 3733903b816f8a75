"""Rules of the media handshake: which parameters are granted, which status refuses the others.

Pure functions over parsed messages (messages notes, section 3).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from rtms_client.enums import ContentType, DataOption, MediaCodec, MediaType, SampleRate, StatusCode

from ._server_json import as_object
from ._server_settings import EVERY_MEDIUM, StreamSettings

__all__ = ["PARAMS_DEFAULTS", "PARAMS_KEYS", "Refused", "check_media_type", "grant_params"]

Params: TypeAlias = Mapping[str, Any]

PARAMS_KEYS: Final[Mapping[MediaType, str]] = {
    MediaType.AUDIO: "audio",
    MediaType.VIDEO: "video",
    MediaType.SHARE: "deskshare",
    MediaType.TRANSCRIPT: "transcript",
    MediaType.CHAT: "chat",
}
"""Key of each medium in ``media_params``."""

PARAMS_DEFAULTS: Final[Mapping[MediaType, Mapping[str, int | bool]]] = {
    MediaType.AUDIO: {
        "content_type": 2,
        "sample_rate": 1,
        "channel": 1,
        "codec": 1,
        "data_opt": 1,
        "send_rate": 20,
    },
    MediaType.VIDEO: {"content_type": 3, "codec": 5, "resolution": 2, "fps": 5, "data_opt": 3},
    MediaType.SHARE: {"content_type": 3, "codec": 5, "resolution": 3, "fps": 1},
    MediaType.TRANSCRIPT: {"content_type": 5, "src_language": 9, "enable_lid": True},
    MediaType.CHAT: {"content_type": 5},
}

_NOT_SUPPORTED: Final = (
    (MediaType.AUDIO, StatusCode.MEDIA_TYPE_AUDIO_NOT_SUPPORT),
    (MediaType.VIDEO, StatusCode.MEDIA_TYPE_VIDEO_NOT_SUPPORT),
    (MediaType.SHARE, StatusCode.MEDIA_TYPE_DESKSHARE_NOT_SUPPORT),
    (MediaType.TRANSCRIPT, StatusCode.MEDIA_TYPE_TRANSCRIPT_NOT_SUPPORT),
    (MediaType.CHAT, StatusCode.MEDIA_TYPE_CHAT_NOT_SUPPORT),
)

_MATRIX: Final[Mapping[MediaCodec, frozenset[SampleRate]]] = {
    MediaCodec.L16: frozenset(SampleRate),
    MediaCodec.G711: frozenset({SampleRate.SR_8K}),
    MediaCodec.G722: frozenset({SampleRate.SR_16K}),
    MediaCodec.OPUS: frozenset({SampleRate.SR_48K}),
}
"""Sample rates of each audio codec."""

_STEREO: Final = frozenset({MediaCodec.L16, MediaCodec.OPUS})
_MAX_SEND_RATE_MS: Final = 1000
_PICTURE_FPS: Final = 5
_MAX_FPS: Final = 30


class Refused(Exception):
    """A handshake is refused with a status."""

    def __init__(self, status: StatusCode, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


def _require(condition: object, status: StatusCode, reason: str) -> None:
    if not condition:
        raise Refused(status, reason)


def check_media_type(value: object, settings: StreamSettings) -> MediaType:
    """Return the media that a handshake asks for.

    Raises:
        Refused: The value is malformed (7), out of range (14) or not available (9 to 13).
    """
    if type(value) is not int:
        raise Refused(StatusCode.INVALID_MEDIA_TYPE, "media_type must be an integer")
    _require(
        0 < value <= MediaType.ALL, StatusCode.MEDIA_TYPE_INVALID_VALUE, "media_type out of range"
    )
    if value == MediaType.ALL:
        _require(settings.unified, StatusCode.INVALID_MEDIA_TYPE, "no socket for all media")
        return settings.available
    media = MediaType(value)
    for medium, status in _NOT_SUPPORTED:
        if medium in media and medium not in settings.available:
            raise Refused(
                status if settings.status_without_scope else StatusCode.INVALID_MEDIA_TYPE,
                f"the app has no scope for {PARAMS_KEYS[medium]}",
            )
    return media & EVERY_MEDIUM


def grant_params(
    params: object, media: MediaType, settings: StreamSettings
) -> dict[str, dict[str, Any]]:
    """Return the negotiated ``media_params`` for the media of one socket.

    Raises:
        Refused: The parameters break a rule; the status is the most specific one.
    """
    parts = _object(params, StatusCode.INVALID_MEDIA_PARAMS, "media_params")
    granted: dict[str, dict[str, Any]] = {}
    for medium, key in PARAMS_KEYS.items():
        if medium in media:
            status, check = _CHECKS[medium]
            asked = _object(parts.get(key), status, key)
            granted[key] = {**check(asked, settings), **settings.grant.get(key, {})}
    return granted


def _object(value: object, status: StatusCode, name: str) -> Params:
    if value is None:
        return {}
    fields = as_object(value)
    if fields is None:
        raise Refused(status, f"{name} must be an object")
    return fields


def _check_audio(asked: Params, _settings: StreamSettings) -> dict[str, Any]:
    params = _with_defaults(asked, MediaType.AUDIO)
    rules = (
        ("content_type", (1, 2), StatusCode.INVALID_MEDIA_AUDIO_CONTENT_TYPE),
        ("codec", (1, 2, 3, 4), StatusCode.INVALID_MEDIA_AUDIO_CODEC),
        ("sample_rate", (0, 1, 2, 3), StatusCode.INVALID_MEDIA_AUDIO_SAMPLE_RATE),
        ("channel", (1, 2), StatusCode.INVALID_MEDIA_AUDIO_CHANNEL),
        ("data_opt", (1, 2), StatusCode.INVALID_MEDIA_AUDIO_DATA_OPT),
    )
    for key, allowed, status in rules:
        _require(_is_one_of(params[key], allowed), status, f"audio {key} must be one of {allowed}")
    codec = MediaCodec(params["codec"])
    _require(
        codec != MediaCodec.L16 or params["content_type"] == ContentType.RAW_AUDIO,
        StatusCode.INVALID_MEDIA_AUDIO_CODEC,
        "L16 needs content type 2",
    )
    _require(
        params["sample_rate"] in _MATRIX[codec],
        StatusCode.INVALID_MEDIA_AUDIO_SAMPLE_RATE,
        f"sample rate does not fit {codec.name}",
    )
    _require(
        params["channel"] == 1 or codec in _STEREO,
        StatusCode.INVALID_MEDIA_AUDIO_CHANNEL,
        f"{codec.name} is mono",
    )
    rate = params["send_rate"]
    _require(
        type(rate) is int and rate >= 20 and rate % 20 == 0,  # noqa: PLR2004  (20 ms packets)
        StatusCode.INVALID_MEDIA_AUDIO_SEND_RATE,
        "send_rate must be a multiple of 20",
    )
    params["send_rate"] = min(rate, _MAX_SEND_RATE_MS)
    _require(
        codec == MediaCodec.L16 or rate == 20,  # noqa: PLR2004
        StatusCode.INVALID_MEDIA_AUDIO_SEND_RATE,
        f"{codec.name} has a send_rate of 20",
    )
    return params


def _check_video(asked: Params, _settings: StreamSettings) -> dict[str, Any]:
    params = _with_defaults(asked, MediaType.VIDEO)
    options = (DataOption.VIDEO_SINGLE_ACTIVE_STREAM, DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM)
    _require(
        _is_one_of(params["data_opt"], options),
        StatusCode.INVALID_MEDIA_VIDEO_DATA_OPT,
        "video data_opt must be 3 or 4",
    )
    _check_pictures(
        asked,
        params,
        picture_fps=_PICTURE_FPS,
        fallback_fps=_PICTURE_FPS,
        statuses=(
            StatusCode.INVALID_MEDIA_VIDEO_CONTENT_TYPE,
            StatusCode.INVALID_MEDIA_VIDEO_CODEC,
            StatusCode.INVALID_MEDIA_VIDEO_RESOLUTION,
            StatusCode.INVALID_MEDIA_VIDEO_FPS,
        ),
    )
    return params


def _check_share(asked: Params, settings: StreamSettings) -> dict[str, Any]:
    params = _with_defaults(asked, MediaType.SHARE)
    _check_pictures(
        asked,
        params,
        picture_fps=settings.share_picture_fps,
        fallback_fps=1,
        statuses=(
            StatusCode.INVALID_MEDIA_DESKSHARE_CONTENT_TYPE,
            StatusCode.INVALID_MEDIA_DESKSHARE_CODEC,
            StatusCode.INVALID_MEDIA_DESKSHARE_RESOLUTION,
            StatusCode.INVALID_MEDIA_DESKSHARE_FPS,
        ),
    )
    return params


def _check_pictures(
    asked: Params,
    params: dict[str, Any],
    *,
    picture_fps: int,
    fallback_fps: int,
    statuses: tuple[StatusCode, StatusCode, StatusCode, StatusCode],
) -> None:
    """Check what video and share have in common; without a codec a high rate falls back to JPG."""
    bad_content, bad_codec, bad_resolution, bad_fps = statuses
    _require(_is_one_of(params["content_type"], (3,)), bad_content, "content_type must be 3")
    _require(_is_one_of(params["codec"], (5, 6, 7)), bad_codec, "codec must be 5, 6 or 7")
    _require(
        _is_one_of(params["resolution"], (1, 2, 3, 4)), bad_resolution, "resolution must be 1 to 4"
    )
    fps = params["fps"]
    _require(type(fps) is int and 1 <= fps <= _MAX_FPS, bad_fps, "fps must be 1 to 30")
    if asked.get("codec") is None:
        params["fps"] = min(fps, fallback_fps)
    elif params["codec"] == MediaCodec.H264:
        _require(fps > fallback_fps, bad_codec, f"H264 needs more than {fallback_fps} fps")
    else:
        _require(fps <= picture_fps, bad_fps, f"pictures come at {picture_fps} fps at most")


def _check_transcript(asked: Params, _settings: StreamSettings) -> dict[str, Any]:
    params = _with_defaults(asked, MediaType.TRANSCRIPT)
    _require(
        _is_one_of(params["content_type"], (5,)),
        StatusCode.INVALID_MEDIA_TRANSCRIPT_CONTENT_TYPE,
        "content_type must be 5",
    )
    _require(
        _is_one_of(params["src_language"], range(-1, 37)),
        StatusCode.INVALID_MEDIA_TRANSCRIPT_SOURCE_LANGUAGE,
        "src_language must be -1 to 36",
    )
    _require(
        type(params["enable_lid"]) is bool,
        StatusCode.INVALID_MEDIA_TRANSCRIPT_PARAMS,
        "enable_lid must be a boolean",
    )
    return params


def _check_chat(asked: Params, _settings: StreamSettings) -> dict[str, Any]:
    params = _with_defaults(asked, MediaType.CHAT)
    _require(
        _is_one_of(params["content_type"], (5,)),
        StatusCode.INVALID_MEDIA_CHAT_CONTENT_TYPE,
        "content_type must be 5",
    )
    return params


def _with_defaults(asked: Params, medium: MediaType) -> dict[str, Any]:
    return {
        key: default if asked.get(key) is None else asked[key]
        for key, default in PARAMS_DEFAULTS[medium].items()
    }


def _is_one_of(value: object, allowed: Any) -> bool:  # noqa: ANN401  (any container of numbers)
    return type(value) is int and value in allowed  # neither True nor 1.0 nor "1"


_CHECKS: Final[
    Mapping[MediaType, tuple[StatusCode, Callable[[Params, StreamSettings], dict[str, Any]]]]
] = {
    MediaType.AUDIO: (StatusCode.INVALID_MEDIA_AUDIO_PARAMS, _check_audio),
    MediaType.VIDEO: (StatusCode.INVALID_MEDIA_VIDEO_PARAMS, _check_video),
    MediaType.SHARE: (StatusCode.INVALID_MEDIA_DESKSHARE_PARAMS, _check_share),
    MediaType.TRANSCRIPT: (StatusCode.INVALID_MEDIA_TRANSCRIPT_PARAMS, _check_transcript),
    MediaType.CHAT: (StatusCode.INVALID_MEDIA_CHAT_PARAMS, _check_chat),
}
