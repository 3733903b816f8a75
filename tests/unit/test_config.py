"""What users pass: forbidden values fail where they are made, secrets stay hidden."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from typing import Any

import attrs
import pytest

from rtms_client.config import (
    AudioFormat,
    AudioParams,
    BufferLimits,
    Buffers,
    ChatParams,
    Credentials,
    NetworkOptions,
    OverflowPolicy,
    PictureFormat,
    Signature,
    StreamInfo,
    Timeouts,
    TranscriptFormat,
    TranscriptParams,
    differences,
)
from rtms_client.enums import (
    AudioChannel,
    ContentType,
    DataOption,
    Language,
    MediaCodec,
    Product,
    Resolution,
    SampleRate,
)
from rtms_client.exceptions import InvalidParameters

# Supported audio, row by row: content type, codec, sample rates, channels, send rates.
EVERY_20_MS = tuple(range(20, 1001, 20))
MATRIX = (
    (1, 4, (3,), (1, 2), (20,)),
    (1, 2, (0,), (1,), (20,)),
    (1, 3, (1,), (1,), (20,)),
    (2, 1, (0, 1, 2, 3), (1, 2), EVERY_20_MS),
    (2, 4, (3,), (1, 2), (20,)),
    (2, 2, (0,), (1,), (20,)),
    (2, 3, (1,), (1,), (20,)),
)
ALLOWED = {
    (content, codec, rate, channel, send_rate)
    for content, codec, rates, channels, send_rates in MATRIX
    for rate, channel, send_rate in itertools.product(rates, channels, send_rates)
}
FORBIDDEN = sorted(
    set(itertools.product(range(6), range(8), range(4), (1, 2), (0, 19, 20, 30, 40, 1000, 1020)))
    - ALLOWED
)


def audio(combination: tuple[int, int, int, int, int]) -> AudioParams:
    """Make audio parameters from plain numbers."""
    content, codec, rate, channel, send_rate = combination
    return AudioParams(
        content_type=ContentType(content),
        codec=MediaCodec(codec),
        sample_rate=SampleRate(rate),
        channel=AudioChannel(channel),
        send_rate_ms=send_rate,
    )


# --- audio ---------------------------------------------------------------------------------------


def test_audio_defaults() -> None:
    """The defaults are those of the protocol notes: raw 16 kHz mono PCM, per speaker, 20 ms."""
    params = AudioParams()
    assert (params.content_type, params.codec, params.sample_rate, params.channel) == (2, 1, 1, 1)
    assert (params.data_opt, params.send_rate_ms) == (2, 20)
    assert (params.sample_rate_hz, params.channels) == (16000, 1)


def test_every_row_of_the_audio_matrix_constructs() -> None:
    """All 408 supported combinations are accepted and kept as they are."""
    assert len(ALLOWED) == 408
    for combination in ALLOWED:
        params = audio(combination)
        assert (
            params.content_type,
            params.codec,
            params.sample_rate,
            params.channel,
            params.send_rate_ms,
        ) == combination


def test_every_other_audio_combination_is_refused() -> None:
    """The rest of the product is refused, and following the advice leads to a supported one."""
    assert len(FORBIDDEN) == 2656
    for combination in FORBIDDEN:
        with pytest.raises(InvalidParameters, match="not supported by RTMS") as caught:
            audio(combination)
        advised = list(combination)
        changes = re.findall(r"(\w+): \S+ → (\w+)", caught.value.suggestion)
        for name, value in changes:
            advised[PLACES[name]] = int(value) if value.isdecimal() else NUMBERS[value]
        assert changes
        assert tuple(advised) in ALLOWED


PLACES = {"content_type": 0, "codec": 1, "sample_rate": 2, "channel": 3, "send_rate_ms": 4}
NUMBERS = {"RTP": 1, "RAW_AUDIO": 2, "L16": 1, "G711": 2, "G722": 3, "OPUS": 4} | {
    "SR_8K": 0,
    "SR_16K": 1,
    "SR_32K": 2,
    "SR_48K": 3,
    "MONO": 1,
    "STEREO": 2,
}


@pytest.mark.parametrize(
    ("combination", "nearest"),
    [
        ((2, 1, 1, 1, 30), "send_rate_ms: 30 → 20"),
        ((2, 1, 1, 1, 1020), "send_rate_ms: 1020 → 1000"),
        ((2, 4, 1, 1, 20), "sample_rate: SR_16K → SR_48K"),
        (
            (2, 2, 1, 2, 40),
            "sample_rate: SR_16K → SR_8K, channel: STEREO → MONO, send_rate_ms: 40 → 20",
        ),
        ((1, 1, 1, 1, 20), "content_type: RTP → RAW_AUDIO"),
        ((2, 7, 1, 1, 40), "codec: H264 → L16"),
        ((3, 4, 3, 2, 20), "content_type: RAW_VIDEO → RTP"),
    ],
)
def test_nearest_audio_combination_is_named(
    combination: tuple[int, int, int, int, int], nearest: str
) -> None:
    """The codec is kept if possible, then the content type, then as much as can be."""
    with pytest.raises(InvalidParameters) as caught:
        audio(combination)
    assert str(caught.value) == (
        f"AudioParams: this combination is not supported by RTMS; the nearest that is: {nearest}"
    )


@pytest.mark.parametrize("data_opt", [DataOption.UNDEFINED, *list(DataOption)[3:], DataOption(99)])
def test_audio_refuses_options_of_video(data_opt: DataOption) -> None:
    """Mixed or one stream per speaker: nothing else is an audio option."""
    with pytest.raises(InvalidParameters, match="use AUDIO_MIXED_STREAM or AUDIO_MULTI_STREAMS"):
        AudioParams(data_opt=data_opt)


def test_audio_accepts_mixed_stream() -> None:
    """One mixed stream may be asked for instead of one per speaker."""
    assert AudioParams(data_opt=DataOption.AUDIO_MIXED_STREAM).data_opt == 1


@pytest.mark.parametrize(
    ("hertz", "index"), [(8000, 0), (16000, 1), (32000, 2), (48000, 3)], ids=str
)
def test_sample_rate_may_be_given_in_hertz(hertz: int, index: int) -> None:
    """Hertz are widened to the index that is sent."""
    params = AudioParams(sample_rate=hertz)
    assert (params.sample_rate, params.sample_rate_hz) == (index, hertz)


def test_unknown_sample_rate_is_refused() -> None:
    """A rate that is neither index nor hertz is no combination of the matrix."""
    with pytest.raises(InvalidParameters, match="sample_rate: UNKNOWN_44100 → SR_48K"):
        AudioParams(sample_rate=44100)


def test_granted_format_knows_no_rules() -> None:
    """What the server grants is described as it is, even if nobody may ask for it."""
    granted = AudioFormat(codec=MediaCodec(99), sample_rate=SampleRate(9), send_rate_ms=7)
    assert (granted.codec, granted.sample_rate_hz, granted.send_rate_ms) == (99, 0, 7)


@pytest.mark.parametrize("value", [20.0, True, "20", None], ids=repr)
def test_send_rate_is_an_integer(value: object) -> None:
    """What is sent as a JSON integer must be one: 20.0 and true are something else."""
    values: dict[str, Any] = {"send_rate_ms": value}
    with pytest.raises(InvalidParameters, match="send_rate_ms: expected an int, got"):
        AudioParams(**values)


def test_differences_name_both_sides() -> None:
    """Enum members are shown by name, numbers as they are."""
    assert differences(
        AudioParams(), AudioFormat(codec=MediaCodec.OPUS, sample_rate=48000, send_rate_ms=40)
    ) == ("codec: L16 → OPUS", "sample_rate: SR_16K → SR_48K", "send_rate_ms: 20 → 40")


def test_equal_formats_have_no_differences() -> None:
    """Parameters that were granted as requested differ in nothing."""
    assert differences(AudioParams(), AudioFormat()) == ()


# --- text ----------------------------------------------------------------------------------------


def test_transcript_defaults() -> None:
    """The defaults are English with language identification."""
    params = TranscriptParams()
    assert (params.content_type, params.language, params.language_identification) == (5, 9, True)


@pytest.mark.parametrize("language", list(Language))
def test_every_language_constructs(language: Language) -> None:
    """All languages can be asked for, Arabic (0) and none (-1) included."""
    assert TranscriptParams(language=language).language == language


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ({"language": 99}, "got UNKNOWN_99 and TEXT"),
        ({"content_type": ContentType.RTP}, "got ENGLISH and RTP"),
    ],
)
def test_transcript_refuses_unknown_values(values: dict[str, Any], got: str) -> None:
    """Unknown languages and other content types are refused with advice."""
    with pytest.raises(InvalidParameters, match=got) as caught:
        TranscriptParams(**values)
    assert caught.value.suggestion == "use a member of Language and leave content_type alone"


def test_granted_transcript_knows_no_rules() -> None:
    """A language of a later version is described as it is."""
    assert TranscriptFormat(language=Language(99)).language == 99


# --- limits --------------------------------------------------------------------------------------


def test_timeout_defaults() -> None:
    """The defaults are those of the protocol notes, in seconds."""
    timeouts = Timeouts()
    assert (timeouts.connect_s, timeouts.handshake_s, timeouts.silence_s) == (10.0, 10.0, 65.0)
    assert (timeouts.request_s, timeouts.close_s) == (5.0, 5.0)


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Timeouts)])
@pytest.mark.parametrize("value", [0, -1, float("nan")], ids=repr)
def test_timeouts_are_positive(name: str, value: float) -> None:
    """Zero, negative numbers and NaN are no time-outs."""
    with pytest.raises(InvalidParameters, match=f"{name}: expected a number above 0, got {value}"):
        Timeouts(**{name: value})


@pytest.mark.parametrize("values", [(0, 1), (1, 0), (-1, 1)])
def test_buffer_limits_are_positive(values: tuple[int, int]) -> None:
    """A buffer without room is refused."""
    with pytest.raises(InvalidParameters, match="expected a number above 0"):
        BufferLimits(max_items=values[0], max_bytes=values[1])


def test_overflow_policy_may_be_given_as_text() -> None:
    """The value of a policy is widened to the policy."""
    limits = BufferLimits(max_items=1, max_bytes=1, policy="close")
    assert limits.policy is OverflowPolicy.CLOSE


def test_audio_buffer_holds_the_replay_of_five_speakers() -> None:
    """60 s of five speakers at 20 ms are 15,000 packets of 640 bytes: well within the default."""
    audio_limits = Buffers().audio
    assert audio_limits.max_items > 15_000
    assert audio_limits.max_bytes > 15_000 * 640
    assert audio_limits.policy is OverflowPolicy.DROP_OLDEST


# --- network -------------------------------------------------------------------------------------


def test_network_defaults() -> None:
    """Zoom's hosts, TLS only, the system's proxy, 16 MiB."""
    network = NetworkOptions()
    assert network.allowed_hosts == ("zoom.us", "zoomgov.com")
    assert network.max_message_bytes == 16 * 1024 * 1024
    assert network.proxy is True
    assert not network.allow_plaintext


def test_one_allowed_host_is_not_a_sequence_of_letters() -> None:
    """A text is not taken apart into characters, each of which would be a host."""
    with pytest.raises(InvalidParameters) as caught:
        NetworkOptions(allowed_hosts="zoom.us")
    assert str(caught.value) == (
        "allowed_hosts: expected a tuple of texts, got the text 'zoom.us'; write ('zoom.us',)"
    )


def test_allowed_hosts_may_be_any_sequence() -> None:
    """A list is widened to a tuple."""
    hosts = ["localhost", "127.0.0.1", "::1", "Example.TEST."]
    assert NetworkOptions(allowed_hosts=hosts).allowed_hosts == tuple(hosts)


@pytest.mark.parametrize(
    "host", ["", ".", ".zoom.us", "*.zoom.us", "https://zoom.us", "zoom.us:443", "zoom..us", "zöm"]
)
def test_allowed_hosts_are_names(host: str) -> None:
    """Anything but a name is refused: an empty one would allow every host with a final dot."""
    with pytest.raises(InvalidParameters, match="allowed_hosts: expected host names") as caught:
        NetworkOptions(allowed_hosts=("zoom.us", host))
    assert repr(host) in caught.value.problem


def test_message_limit_is_positive() -> None:
    """A limit of no bytes is refused."""
    with pytest.raises(InvalidParameters, match="max_message_bytes"):
        NetworkOptions(max_message_bytes=0)


# --- who and what --------------------------------------------------------------------------------

INFO = StreamInfo(product_id="p", stream_id="s", server_urls=("wss://rtms.zoom.us",))


def test_stream_info_defaults() -> None:
    """A stream made by hand is one of a meeting."""
    assert INFO.product is Product.MEETING
    assert (INFO.event_ts_ms, INFO.alternate_id, INFO.extra) == (None, None, {})


def test_product_may_be_given_by_its_key() -> None:
    """The key of the id is widened to the product."""
    info = attrs.evolve(INFO, product="call_id")
    assert info.product is Product.PHONE


def test_one_server_url_is_not_a_sequence_of_letters() -> None:
    """A text, which is what webhooks hold, is not taken apart into characters."""
    with pytest.raises(InvalidParameters, match=r"^server_urls: expected a tuple"):
        StreamInfo(product_id="p", stream_id="s", server_urls="wss://rtms.zoom.us:443/s")


@pytest.mark.parametrize("name", ["product_id", "stream_id"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "expected a non-empty str, got an empty one"),
        (None, "expected a non-empty str, got NoneType"),
        (7, "expected a non-empty str, got int"),
        ("\ud800", "expected text that UTF-8 can express, got lone surrogates"),
    ],
    ids=["empty", "none", "int", "surrogate"],
)
def test_ids_can_be_signed(name: str, value: object, problem: str) -> None:
    """An id that no signature can be made for is refused where it is given."""
    values: dict[str, Any] = {"product_id": "p", "stream_id": "s", name: value}
    with pytest.raises(InvalidParameters) as caught:
        StreamInfo(server_urls=(), **values)
    assert (caught.value.what, caught.value.problem) == (name, problem)


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
@pytest.mark.parametrize("value", ["", None, b"bytes", "\udfff"], ids=ascii)
def test_credentials_are_text(name: str, value: object) -> None:
    """A forgotten environment variable shows where the credentials are made."""
    values: dict[str, Any] = {"client_id": "id", "client_secret": "secret", name: value}
    with pytest.raises(InvalidParameters, match=name) as caught:
        Credentials(**values)
    assert "bytes" not in str(caught.value).replace("got bytes", "")


def test_secrets_are_never_shown() -> None:
    """No representation holds a secret, a signature or the password of a proxy."""
    canary = "canary-4711"
    for value in (
        Credentials(client_id="id", client_secret=canary),
        Signature(value=canary),
        NetworkOptions(proxy=f"http://user:{canary}@proxy:8080"),
        attrs.evolve(INFO, extra={"session_key": canary}),
    ):
        assert canary not in repr(value)
        assert canary not in str(value)


# --- all values ----------------------------------------------------------------------------------

VALUES: tuple[attrs.AttrsInstance, ...] = (
    AudioFormat(),
    AudioParams(),
    PictureFormat(fps=25, codec=MediaCodec.H264, resolution=Resolution.HD),
    TranscriptFormat(),
    TranscriptParams(),
    ChatParams(),
    Timeouts(),
    BufferLimits(max_items=1, max_bytes=1),
    Buffers(),
    NetworkOptions(),
    Credentials(client_id="id", client_secret="secret"),
    Signature(value="00"),
    attrs.evolve(INFO, extra={"unhashable": []}),
)
KINDS = [type(value).__name__ for value in VALUES]


@pytest.mark.parametrize("value", VALUES, ids=KINDS)
def test_values_are_frozen(value: attrs.AttrsInstance) -> None:
    """Nothing that was checked can be changed afterwards, nor anything be added."""
    for name in [*attrs.fields_dict(type(value)), "added"]:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, None)


@pytest.mark.parametrize("value", VALUES, ids=KINDS)
def test_values_hash_and_compare(value: attrs.AttrsInstance) -> None:
    """Equal values have equal hashes, so they can be keys."""
    assert {value: "found"}[copy.deepcopy(value)] == "found"


@pytest.mark.parametrize("value", VALUES, ids=KINDS)
def test_values_pickle(value: attrs.AttrsInstance) -> None:
    """Values cross process boundaries."""
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  # our own


@pytest.mark.parametrize("value", VALUES, ids=KINDS)
def test_values_take_keywords_only(value: attrs.AttrsInstance) -> None:
    """No field can be given by position, so fields may be added anywhere."""
    with pytest.raises(TypeError, match="positional argument"):
        type(value)(*[None] * (len(attrs.fields(type(value))) + 1))
