"""What users pass: media parameters, limits, time-outs, credentials and the stream to join.

Values are checked when they are made, so that a mistake shows where it was made. What the server
grants is described by the ``...Format`` classes, which hold the same fields without the checks.
"""

import enum
import re
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from rtms_client.enums import (
    AudioChannel,
    ContentType,
    DataOption,
    Language,
    MediaCodec,
    Resolution,
    SampleRate,
)
from rtms_client.exceptions import InvalidParameters

from ._checks import not_empty, positive, texts, whole
from ._restart import RestartPolicy
from ._stream_info import StreamInfo

if TYPE_CHECKING:
    from os import PathLike
    from ssl import SSLContext

__all__ = [
    "AudioFormat",
    "AudioParams",
    "BufferLimits",
    "Buffers",
    "ChatParams",
    "Credentials",
    "CredentialsSource",
    "NetworkOptions",
    "OverflowPolicy",
    "PictureFormat",
    "ReconnectPolicy",
    "RestartPolicy",
    "ShareParams",
    "Signature",
    "StreamInfo",
    "Timeouts",
    "TranscriptFormat",
    "TranscriptParams",
    "VideoParams",
]

# --- audio ---------------------------------------------------------------------------------------

_HERTZ: Final[Mapping[int, int]] = {
    SampleRate.SR_8K: 8000,
    SampleRate.SR_16K: 16000,
    SampleRate.SR_32K: 32000,
    SampleRate.SR_48K: 48000,
}
_FROM_HERTZ: Final = {hertz: index for index, hertz in _HERTZ.items()}


def _to_sample_rate(value: int) -> SampleRate:
    """Widen the index, or hertz, to the enum; no index is as large as a rate in hertz."""
    return SampleRate(_FROM_HERTZ.get(value, value))


@attrs.frozen(kw_only=True)
class AudioFormat:
    """Audio as the server sends it (messages notes, 3.1)."""

    content_type: ContentType = attrs.field(default=ContentType.RAW_AUDIO, converter=ContentType)
    codec: MediaCodec = attrs.field(default=MediaCodec.L16, converter=MediaCodec)
    """L16 is little-endian signed 16-bit PCM, interleaved when stereo."""
    sample_rate: SampleRate = attrs.field(default=SampleRate.SR_16K, converter=_to_sample_rate)
    """An index on the wire; hertz (16000) are accepted too. See `sample_rate_hz`."""
    channel: AudioChannel = attrs.field(default=AudioChannel.MONO, converter=AudioChannel)
    data_opt: DataOption = attrs.field(default=DataOption.AUDIO_MULTI_STREAMS, converter=DataOption)
    """One packet per speaker and interval (default), or one mixed packet."""
    send_rate_ms: int = attrs.field(default=20, validator=whole)
    """Duration of one packet in milliseconds."""

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate in hertz; 0 when the server granted one that this version does not know."""
        return _HERTZ.get(self.sample_rate, 0)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.channel)


@attrs.frozen(kw_only=True)
class _AudioRow:
    """One row of the matrix of supported audio combinations."""

    content_type: ContentType
    codec: MediaCodec
    sample_rates: tuple[SampleRate, ...]
    channels: tuple[AudioChannel, ...]
    send_rates_ms: range

    def nearest(self, asked: AudioFormat) -> AudioFormat:
        """Return the combination in this row that is closest to what was asked."""
        return AudioFormat(
            content_type=self.content_type,
            codec=self.codec,
            sample_rate=min(self.sample_rates, key=lambda rate: abs(rate - asked.sample_rate)),
            channel=min(self.channels, key=lambda count: abs(count - asked.channel)),
            send_rate_ms=min(self.send_rates_ms, key=lambda ms: abs(ms - asked.send_rate_ms)),
            data_opt=asked.data_opt,
        )


_MONO, _BOTH = (AudioChannel.MONO,), (AudioChannel.MONO, AudioChannel.STEREO)
_20_MS: Final = range(20, 21)
AUDIO_MATRIX: Final = tuple(
    _AudioRow(
        content_type=content,
        codec=codec,
        sample_rates=rates,
        channels=channels,
        send_rates_ms=send_rates,
    )
    for content, codec, rates, channels, send_rates in (
        (ContentType.RTP, MediaCodec.OPUS, (SampleRate.SR_48K,), _BOTH, _20_MS),
        (ContentType.RTP, MediaCodec.G711, (SampleRate.SR_8K,), _MONO, _20_MS),
        (ContentType.RTP, MediaCodec.G722, (SampleRate.SR_16K,), _MONO, _20_MS),
        (ContentType.RAW_AUDIO, MediaCodec.L16, tuple(SampleRate), _BOTH, range(20, 1001, 20)),
        (ContentType.RAW_AUDIO, MediaCodec.OPUS, (SampleRate.SR_48K,), _BOTH, _20_MS),
        (ContentType.RAW_AUDIO, MediaCodec.G711, (SampleRate.SR_8K,), _MONO, _20_MS),
        (ContentType.RAW_AUDIO, MediaCodec.G722, (SampleRate.SR_16K,), _MONO, _20_MS),
    )
)
"""Supported combinations of `AudioParams`; anything else is refused (messages notes, 3.1)."""


def differences(asked: attrs.AttrsInstance, given: attrs.AttrsInstance) -> tuple[str, ...]:
    """Name the fields in which two values differ, as ``name: asked → given``.

    Args:
        asked: What was requested.
        given: What was granted or is allowed; its fields are compared.
    """
    return tuple(
        f"{name}: {_show(getattr(asked, name))} → {_show(getattr(given, name))}"
        for name in attrs.fields_dict(type(given))
        if getattr(asked, name) != getattr(given, name)
    )


def _show(value: object) -> str:
    return value.name if isinstance(value, enum.Enum) else str(value)


@attrs.frozen(kw_only=True)
class AudioParams(AudioFormat):
    """Audio to ask for; the defaults are raw 16 kHz mono PCM, one stream per speaker, 20 ms.

    Raises:
        InvalidParameters: The combination is not one of the supported ones; the text names the
            nearest one that is.
    """

    def __attrs_post_init__(self) -> None:
        if self.data_opt not in {DataOption.AUDIO_MIXED_STREAM, DataOption.AUDIO_MULTI_STREAMS}:
            raise InvalidParameters(
                "AudioParams.data_opt",
                f"expected an audio option, got {self.data_opt.name}",
                "use AUDIO_MIXED_STREAM or AUDIO_MULTI_STREAMS",
            )
        nearest = min(
            (row.nearest(self) for row in AUDIO_MATRIX),
            key=lambda row: (
                4 * (row.codec != self.codec)
                + 2 * (row.content_type != self.content_type)
                + len(differences(self, row))
            ),
        )
        if changes := differences(self, nearest):
            raise InvalidParameters(
                "AudioParams",
                "this combination is not supported by RTMS",
                f"the nearest that is: {', '.join(changes)}",
            )


# --- pictures ------------------------------------------------------------------------------------

_STILLS: Final = frozenset({MediaCodec.JPG, MediaCodec.PNG})
_MAX_FPS: Final = 30
_VIDEO_STILLS_FPS: Final = 5
_SHARE_STILLS_FPS: Final = 1  # documented twice: 1 in the handshake table, 5 in the enum comment
_SHARE_STILLS_FPS_TOLERATED: Final = 5


@attrs.frozen(kw_only=True)
class PictureFormat:
    """Video or screen share as the server sends it (messages notes, 3.2 and 3.3)."""

    fps: int = attrs.field(validator=whole)
    """Frames a second at most."""
    codec: MediaCodec = attrs.field(converter=MediaCodec)
    """H264 is one Annex B access unit per frame, JPG and PNG one picture per frame."""
    resolution: Resolution = attrs.field(converter=Resolution)
    """Upper bound; the size may change during the stream."""
    content_type: ContentType = attrs.field(default=ContentType.RAW_VIDEO, converter=ContentType)
    data_opt: DataOption | None = attrs.field(
        default=None, converter=attrs.converters.optional(DataOption)
    )
    """Whose video is sent; `None` for screen share."""


def _check_pictures(params: PictureFormat, stills_fps: int, motion_from_fps: int) -> None:
    """Check the rules that tie codec and frame rate (messages notes, 3.2 and 3.3)."""
    kind = type(params).__name__
    if not 1 <= params.fps <= _MAX_FPS:
        raise InvalidParameters(
            f"{kind}.fps",
            f"expected 1 to {_MAX_FPS}, got {params.fps}",
            f"the nearest allowed: fps={1 if params.fps < 1 else _MAX_FPS}",
        )
    if not params.resolution.known or params.content_type != ContentType.RAW_VIDEO:
        raise InvalidParameters(
            kind,
            "expected a known resolution and content_type RAW_VIDEO, "
            f"got {params.resolution.name} and {params.content_type.name}",
            "use a member of Resolution and leave content_type alone",
        )
    if params.codec in _STILLS:
        if params.fps > stills_fps:
            raise InvalidParameters(
                f"{kind}.codec",
                f"{params.codec.name} allows up to {stills_fps} frames a second, got {params.fps}",
                f"the nearest allowed: fps={stills_fps}, or codec=MediaCodec.H264",
            )
    elif params.codec != MediaCodec.H264 or params.fps < motion_from_fps:
        expected, nearest = "H264", "codec=MediaCodec.H264"
        if params.fps <= stills_fps:
            expected = "JPG or PNG"
            nearest = f"codec=MediaCodec.JPG, or H264 with fps={motion_from_fps}"
        raise InvalidParameters(
            f"{kind}.codec",
            f"expected {expected} at {params.fps} frames a second, got {params.codec.name}",
            f"the nearest allowed: {nearest}",
        )


@attrs.frozen(kw_only=True)
class VideoParams(PictureFormat):
    """Camera video to ask for; the default is the active speaker as JPEG, HD, 5 frames a second.

    The codec follows from the frame rate when it is not given: JPEG up to 5, H.264 above.

    Raises:
        InvalidParameters: JPG or PNG above 5 frames a second, H264 at 5 or below, or a value out of
            range.
    """

    fps: int = attrs.field(default=_VIDEO_STILLS_FPS, validator=whole)
    codec: MediaCodec = attrs.field(
        default=attrs.Factory(
            lambda self: MediaCodec.H264 if self.fps > _VIDEO_STILLS_FPS else MediaCodec.JPG,
            takes_self=True,
        ),
        converter=MediaCodec,
    )
    resolution: Resolution = attrs.field(default=Resolution.HD, converter=Resolution)
    data_opt: DataOption = attrs.field(
        default=DataOption.VIDEO_SINGLE_ACTIVE_STREAM, converter=DataOption
    )
    """Active speaker (default), or one participant chosen with `RTMSStream.subscribe_video`."""

    def __attrs_post_init__(self) -> None:
        _check_pictures(self, _VIDEO_STILLS_FPS, _VIDEO_STILLS_FPS + 1)
        if self.data_opt not in {
            DataOption.VIDEO_SINGLE_ACTIVE_STREAM,
            DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM,
        }:
            raise InvalidParameters(
                "VideoParams.data_opt",
                f"expected a video option, got {self.data_opt.name}",
                "use VIDEO_SINGLE_ACTIVE_STREAM or VIDEO_SINGLE_INDIVIDUAL_STREAM",
            )


@attrs.frozen(kw_only=True)
class ShareParams(PictureFormat):
    """Screen share to ask for; the default is JPEG, full HD, 1 frame a second.

    The codec follows from the frame rate when it is not given: JPEG at 1, H.264 above. Zoom's
    texts disagree on the limit for JPEG and PNG (1 or 5): up to 5 is accepted with a warning.

    Raises:
        InvalidParameters: JPG or PNG above 5 frames a second, H264 at 1, or a value out of range.

    Warns:
        UserWarning: JPG or PNG at 2 to 5 frames a second.
    """

    fps: int = attrs.field(default=_SHARE_STILLS_FPS, validator=whole)
    codec: MediaCodec = attrs.field(
        default=attrs.Factory(
            lambda self: MediaCodec.H264 if self.fps > _SHARE_STILLS_FPS else MediaCodec.JPG,
            takes_self=True,
        ),
        converter=MediaCodec,
    )
    resolution: Resolution = attrs.field(default=Resolution.FHD, converter=Resolution)
    data_opt: None = attrs.field(  # pyright: ignore[reportIncompatibleVariableOverride]  # no choice
        default=None, init=False
    )

    def __attrs_post_init__(self) -> None:
        _check_pictures(self, _SHARE_STILLS_FPS_TOLERATED, _SHARE_STILLS_FPS + 1)
        if self.codec in _STILLS and self.fps > _SHARE_STILLS_FPS:
            warnings.warn(
                f"ShareParams: {self.codec.name} at {self.fps} frames a second may be refused or "
                "reduced to 1 by the server; H264 is the documented codec above 1",
                stacklevel=3,
            )


# --- text ----------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class TranscriptFormat:
    """Transcript as the server sends it (messages notes, 3.4)."""

    content_type: ContentType = attrs.field(default=ContentType.TEXT, converter=ContentType)
    language: Language = attrs.field(default=Language.ENGLISH, converter=Language)
    """Language of the first 30 seconds, and of the rest when identification is off."""
    language_identification: bool = True
    """After 30 seconds the detected language takes over."""


@attrs.frozen(kw_only=True)
class TranscriptParams(TranscriptFormat):
    """Transcript to ask for; the default is English, with language identification.

    Raises:
        InvalidParameters: The language or content type is unknown.
    """

    def __attrs_post_init__(self) -> None:
        if not self.language.known or self.content_type != ContentType.TEXT:
            raise InvalidParameters(
                "TranscriptParams",
                "expected a known language and content_type TEXT, "
                f"got {self.language.name} and {self.content_type.name}",
                "use a member of Language and leave content_type alone",
            )


@attrs.frozen(kw_only=True)
class ChatParams:
    """Chat to ask for; it has no choices yet (messages notes, 3.5)."""


# --- reconnection --------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class ReconnectPolicy:
    """When to try again after a connection broke (lifecycle notes, section 10).

    The first try waits `first_delay_s`, the second `base_s`, each further one `factor` times as
    long, `cap_s` at most; jitter shortens every wait. The default first try is prompt, because the
    server's own window is running. The waits start over when media flow again.
    """

    first_delay_s: float = attrs.field(default=0.25, validator=positive)
    """Wait before the first try, in seconds."""
    base_s: float = attrs.field(default=3.0, validator=positive)
    """Wait before the second try, in seconds."""
    factor: float = attrs.field(default=2.0, validator=positive)
    cap_s: float = attrs.field(default=30.0, validator=positive)
    """Longest wait, in seconds."""
    jitter: float = 1.0
    """Share of each wait that is left to chance: 0 is none, 1 is full jitter."""
    attempts: int | None = None
    """Tries at most; `None` for as many as the window allows."""
    signaling_window_s: float = attrs.field(default=60.0, validator=positive)
    """How long the server waits for us after it lost signaling, counted from the first loss."""
    join_window_s: float = attrs.field(default=20.0, validator=positive)
    """How long a server that was never reached is tried, counted from the first failure."""
    media_window_s: float = attrs.field(default=65.0, validator=positive)
    """How long the server waits for us after it lost a media connection."""
    duplicate_delays_s: tuple[float, ...] = attrs.field(
        default=(1.5, 3.0, 6.0), converter=tuple[float, ...]
    )
    """Waits after the server refused us because it has not noticed the loss (status 8, 15, 16)."""
    on_signals_only: bool = False
    """Wait for the server's event or webhook instead of reacting to a closed connection."""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.jitter <= 1:
            raise InvalidParameters(
                "jitter", f"expected 0 to 1, got {self.jitter}", "1 is full jitter"
            )
        if self.attempts is not None and not self.attempts >= 0:
            raise InvalidParameters(
                "attempts",
                f"expected None or 0 and more, got {self.attempts}",
                "None tries as often as the window allows",
            )
        if any(not delay_s >= 0 for delay_s in self.duplicate_delays_s):
            raise InvalidParameters(
                "duplicate_delays_s",
                f"expected waits of 0 s and more, got {self.duplicate_delays_s}",
                "() leaves these waits out",
            )

    @classmethod
    def documented(cls) -> "ReconnectPolicy":
        """Return the policy of Zoom's documentation: 3, 6, 12, 24, 30, 30 ... seconds."""
        return cls(first_delay_s=3.0, base_s=6.0, jitter=0.1)

    def delay_s(self, attempt: int, dice: float) -> float:
        """Return the wait before a try, in seconds.

        Args:
            attempt: Number of the try, from 1.
            dice: Random number from 0 to 1.
        """
        if attempt <= 1:
            wait = self.first_delay_s
        else:
            try:
                wait = min(self.cap_s, self.base_s * float(self.factor) ** (attempt - 2))
            except OverflowError:
                wait = self.cap_s
        return wait * (1 - self.jitter * dice)


# --- limits --------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long to wait, in seconds."""

    connect_s: float = attrs.field(default=10.0, validator=positive)
    """TCP, proxy, TLS and WebSocket upgrade of one connection together."""
    handshake_s: float = attrs.field(default=10.0, validator=positive)
    """Answer to a signaling or media handshake."""
    silence_s: float = attrs.field(default=65.0, validator=positive)
    """Without any message or ping for so long, a connection counts as dead (lifecycle notes,
    section 6)."""
    request_s: float = attrs.field(default=5.0, validator=positive)
    """Answer to a request inside a running stream."""
    close_s: float = attrs.field(default=5.0, validator=positive)
    """Answer to our wish to end the stream; then the connections are closed all the same."""
    drain_s: float = attrs.field(default=5.0, validator=positive)
    """After the end: time for callbacks to work off what was received; ``close`` returns as soon as
    they have. What still runs then is cancelled."""
    blocked_s: float = attrs.field(default=1.0, validator=positive)
    """User code that keeps the event loop to itself for so long is named in a warning, because no
    keep-alive is answered meanwhile; twice as long is never missed. ``math.inf`` never looks."""


class OverflowPolicy(enum.Enum):
    """What a full buffer does with the next item."""

    DROP_OLDEST = "drop_oldest"
    """Make room by dropping the oldest items; H.264 up to the next key frame."""
    DROP_NEWEST = "drop_newest"
    """Drop what arrives until there is room."""
    CLOSE = "close"
    """End the stream with `BufferOverflow`."""


@attrs.frozen(kw_only=True)
class BufferLimits:
    """Bounds of one medium's buffer; each consumer has a buffer of its own."""

    max_items: int = attrs.field(validator=positive)
    max_bytes: int = attrs.field(validator=positive)
    """Media and text bytes; what Python needs around them is bounded by `max_items`."""
    policy: OverflowPolicy = attrs.field(
        default=OverflowPolicy.DROP_OLDEST, converter=OverflowPolicy
    )


_MIB: Final = 1024 * 1024


@attrs.frozen(kw_only=True)
class Buffers:
    """Bounds of all buffers.

    The audio default holds more than 60 s of five speakers at 20 ms, because the server replays up
    to 60 s in a burst (lifecycle notes, section 7).
    """

    audio: BufferLimits = BufferLimits(max_items=20_000, max_bytes=64 * _MIB)
    video: BufferLimits = BufferLimits(max_items=600, max_bytes=64 * _MIB)
    share: BufferLimits = BufferLimits(max_items=300, max_bytes=64 * _MIB)
    transcript: BufferLimits = BufferLimits(max_items=50_000, max_bytes=16 * _MIB)
    chat: BufferLimits = BufferLimits(max_items=50_000, max_bytes=16 * _MIB)
    events: BufferLimits = BufferLimits(max_items=50_000, max_bytes=16 * _MIB)


# --- network -------------------------------------------------------------------------------------

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


def _host_names(
    _: object, attribute: "attrs.Attribute[tuple[str, ...]]", value: tuple[str, ...]
) -> None:
    """Validate names of hosts; what is none would allow nothing, or more than it says."""
    for host in value:
        if not _HOST_NAME.fullmatch(host):
            raise InvalidParameters(
                attribute.name,
                f"expected host names such as 'zoom.us', got {host!r}",
                "leave out scheme, port and wildcards: subdomains are included",
            )


def _allowed_hosts(values: Iterable[str]) -> tuple[str, ...]:
    return texts("allowed_hosts", values)


@attrs.frozen(kw_only=True)
class NetworkOptions:
    """How to reach the servers, and which servers."""

    allowed_hosts: tuple[str, ...] = attrs.field(
        validator=_host_names, default=("zoom.us", "zoomgov.com"), converter=_allowed_hosts
    )
    """Hosts that server URLs may name; each stands for itself and its subdomains."""
    ca_file: "str | PathLike[str] | None" = None
    """PEM file with the only authorities to trust; `None` means those of the system."""
    ssl_context: "SSLContext | None" = None
    """TLS settings of your own, instead of `ca_file`; must verify and allow TLS 1.2 or later."""
    proxy: str | bool = attrs.field(default=True, repr=False)  # may hold a password
    """URL of a proxy (``http``, ``https``; ``socks5`` if python-socks is installed); `True` takes
    the system's, `False` none."""
    max_message_bytes: int = attrs.field(default=16 * _MIB, validator=positive)
    """Largest message to accept; a larger one ends its connection with close code 1009."""
    allow_plaintext: bool = False
    """Accept ``ws`` URLs. For tests only: Zoom requires TLS."""
    speedups: bool = True
    """Use the packages of the extra ``fast`` where they are installed; see `rtms_client.speedups`.
    """


# --- who and what --------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Credentials:
    """Client id and secret of the Zoom app, or SDK key and secret of Video SDK."""

    client_id: str = attrs.field(validator=not_empty)
    client_secret: str = attrs.field(repr=False, validator=not_empty)
    """Key of the HMAC signatures; never logged, never shown."""


@attrs.frozen(kw_only=True)
class Signature:
    """A handshake signature made elsewhere, for applications that keep the secret elsewhere."""

    value: str = attrs.field(repr=False, validator=not_empty)
    """64 hexadecimal digits; see `handshake_signature`."""


CredentialsSource: TypeAlias = (
    Credentials
    | Signature
    | Callable[[StreamInfo], Credentials | Signature | Awaitable[Credentials | Signature]]
)
"""Credentials, a ready signature, or a (coroutine) function that finds either for a stream."""
