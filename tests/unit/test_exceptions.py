"""The exception tree: its texts, its facts, and which class stands for which status."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from rtms_client import exceptions as ex
from rtms_client.enums import StatusCode, StopReason
from rtms_client.exceptions._door import HOMES
from rtms_client.testing import RecordingUnreadable

SAMPLES: tuple[ex.RTMSError, ...] = (
    ex.RTMSError("anything"),
    ex.LocalProtocolError("anything"),
    ex.InvalidParameters("AudioParams.codec", "expected a codec, got JPG", "use L16"),
    ex.HostNotAllowed("wss://evil.test", "expected a host of zoom.us or a subdomain"),
    ex.InvalidState("close", "IDLE", "start first"),
    ex.StreamRefused("stream-1", "draining", None),
    ex.RemoteProtocolError("a JSON object", "a JSON list"),
    ex.UnsupportedMessageFormat("a JSON object", "bytes that are not UTF-8"),
    ex.HandshakeRejected("signaling", StatusCode.INVALID_PAYLOAD, "no id"),
    ex.StreamNotFound("signaling", StatusCode.INVALID_RTMS_STREAM_ID, ""),
    ex.AuthenticationFailed("signaling", StatusCode.INVALID_SIGNATURE, ""),
    ex.MediaNotAvailable("audio", StatusCode.MEDIA_TYPE_AUDIO_NOT_SUPPORT, ""),
    ex.ParametersRejected("video", StatusCode.INVALID_MEDIA_VIDEO_FPS, ""),
    ex.DuplicateConnection("signaling", StatusCode.DUPLICATE_SIGNAL_REQUEST, ""),
    ex.ServerFault("audio", StatusCode.INTERNAL_EXCEPTION, ""),
    ex.ParametersDowngraded("video", ("fps: 25 → 5", "codec: H264 → JPG")),
    ex.ConnectFailed("signaling", "rtms.zoom.us:443", "connection refused"),
    ex.CertificateRejected("audio", "media.zoom.us:443", "self-signed certificate"),
    ex.ConnectTimeout("signaling", "rtms.zoom.us:443", "no connection within 10 s"),
    ex.AnswerTimeout("audio", "an answer to the handshake", 10.0),
    ex.ConnectionLost("audio", 1006, "reset by peer"),
    ex.ConnectionSilent("signaling", 65.0),
    ex.StreamLost("audio", 65.04, ((0.0, "reset by peer"), (3.25, "connection refused"))),
    ex.StreamStopped(StopReason.KEEP_ALIVE_TIMEOUT),
    ex.RequestFailed("stream state", StatusCode.INVALID_RTMS_SESSION_ID, ""),
    ex.BufferOverflow("audio", 20000, 12800000),
    ex.CredentialsUnavailable("stream-1", "KeyError"),
    ex.ControlRejected("start", 404, 3001, "Meeting does not exist."),
    ex.ControlUnavailable("pause", 429, None, ""),
    ex.EventSocketLost(10, 61.25, "no route"),
    ex.TokenUnavailable("an unusable NoneType"),
    ex.WebhookError("anything"),
    ex.WebhookTooLarge(10_485_760, 1_048_576),
    ex.WebhookSignatureMissing("x-zm-signature"),
    ex.WebhookSignatureMalformed("x-zm-signature", "v0= and 64 hexadecimal digits"),
    ex.WebhookTimestampRejected(301.0, 300.0),
    ex.WebhookSignatureMismatch(2),
    ex.WebhookUnreadable("a webhook", "nothing"),
    ex.WebhookNotUtf8("JSON in UTF-8", "other bytes"),
    ex.WebhookNotJson("JSON", "other text"),
    ex.WebhookDuplicateKeys("each key once", "a key twice"),
    ex.WebhookTooDeep("at most 32 levels of JSON", "more"),
    ex.WebhookNotObject("a JSON object", "a list"),
    ex.WebhookIncomplete("rtms_stream_id", "none"),
    ex.MissingExtra("rtms_client.otel", "opentelemetry-api", "otel"),
    ex.InternalError("KeyError"),
)

TEXTS = {
    ex.InvalidParameters: "AudioParams.codec: expected a codec, got JPG; use L16",
    ex.HostNotAllowed: (
        "wss://evil.test: expected a host of zoom.us or a subdomain; verify that the webhook is "
        "genuine, and if it is, extend NetworkOptions.allowed_hosts"
    ),
    ex.InvalidState: "cannot close in state IDLE; start first",
    ex.StreamRefused: (
        "stream stream-1: expected no new stream while the client is being drained; another "
        "process may join it"
    ),
    ex.RemoteProtocolError: "expected a JSON object, got a JSON list",
    ex.UnsupportedMessageFormat: "expected a JSON object, got bytes that are not UTF-8",
    ex.HandshakeRejected: (
        "signaling handshake refused with status 4 INVALID_PAYLOAD: malformed message body "
        "(server: no id); report it: the library sent something that the server refuses"
    ),
    ex.StreamNotFound: (
        "signaling handshake refused with status 2 INVALID_RTMS_STREAM_ID: stream id unknown or "
        "over; take the id and rtms_stream_id unchanged from the newest started webhook; the "
        "stream may be over"
    ),
    ex.AuthenticationFailed: (
        "signaling handshake refused with status 3 INVALID_SIGNATURE: signature does not match; "
        "check client id and secret: they must belong to the app that received the webhook, and "
        "the id must be signed exactly as received"
    ),
    ex.MediaNotAvailable: (
        "audio handshake refused with status 9 MEDIA_TYPE_AUDIO_NOT_SUPPORT: audio is not "
        "available to this app; add the scope of this medium to the app and re-authorise it, or "
        "do not ask for it"
    ),
    ex.ParametersRejected: (
        "video handshake refused with status 30 INVALID_MEDIA_VIDEO_FPS: bad video frame rate; "
        "choose a supported combination of parameters"
    ),
    ex.DuplicateConnection: (
        "signaling handshake refused with status 8 DUPLICATE_SIGNAL_REQUEST: a signaling "
        "connection of this stream exists; make sure that exactly one process owns the stream; "
        "the server may need some seconds to notice that an earlier connection is gone"
    ),
    ex.ServerFault: (
        "audio handshake refused with status 45 INTERNAL_EXCEPTION: fault in the server; wait and "
        "try again; if it stays, ask Zoom's support"
    ),
    ex.ParametersDowngraded: (
        "video: expected the requested parameters, got fps: 25 → 5, codec: H264 → JPG; ask for "
        "what the account allows, or drop strict=True and read stream.granted"
    ),
    ex.ConnectFailed: (
        "signaling: expected a WebSocket connection to rtms.zoom.us:443, got: connection refused; "
        "check network, proxy and firewall"
    ),
    ex.CertificateRejected: (
        "audio: expected a trusted certificate of media.zoom.us:443, got: self-signed "
        "certificate; pass the CA of your proxy or test server as NetworkOptions.ca_file, never "
        "switch verification off"
    ),
    ex.ConnectTimeout: (
        "signaling: expected a WebSocket connection to rtms.zoom.us:443, got: no connection "
        "within 10 s; check network, proxy and firewall"
    ),
    ex.AnswerTimeout: (
        "audio: expected an answer to the handshake within 10 s, got nothing; the server may be "
        "overloaded, or raise the value in Timeouts"
    ),
    ex.ConnectionLost: (
        "audio connection closed with 1006 ABNORMAL_CLOSURE: connection lost without a closing "
        "handshake (reset by peer); check network, proxy and firewall time-outs"
    ),
    ex.ConnectionSilent: (
        "signaling: expected a message or keep-alive within 65 s, got nothing; check network, "
        "proxy and firewall time-outs"
    ),
    ex.StreamLost: (
        "audio: expected the connection back, gave up after 65.0 s; the server ends the stream by "
        "itself: wait for a new started webhook, or start RTMS again over the REST API (+0.0 s "
        "reset by peer; +3.2 s connection refused)"
    ),
    ex.StreamStopped: (
        "stream stopped with reason 24 KEEP_ALIVE_TIMEOUT: three keep-alives stayed unanswered; "
        "start RTMS again over the REST API or from the Zoom client; a new stream follows"
    ),
    ex.RequestFailed: (
        "stream state refused with status 40 INVALID_RTMS_SESSION_ID: session id unknown; use a "
        "session id from a SessionStateChanged event of this stream"
    ),
    ex.BufferOverflow: (
        "audio: expected the consumer to keep up, got 20000 items (12800000 bytes) waiting; "
        "consume faster, raise BufferLimits, or choose a policy that drops"
    ),
    ex.CredentialsUnavailable: (
        "stream stream-1: expected credentials, got KeyError; check the function that was passed "
        "as credentials"
    ),
    ex.ControlRejected: (
        "expected Zoom to start RTMS, got HTTP status 404 (code 3001: Meeting does not exist.); "
        "take the id unchanged from the newest webhook; the meeting may be over"
    ),
    ex.ControlUnavailable: (
        "expected Zoom to pause RTMS, got HTTP status 429; wait and try again; if it stays, ask "
        "Zoom's support"
    ),
    ex.EventSocketLost: (
        "event socket: expected a connection, gave up after 10 tries in 61.2 s; the last one: no "
        "route; check subscription id, token and network, and ask for the state of your streams: "
        "nothing is delivered later"
    ),
    ex.TokenUnavailable: (
        "event socket: expected a non-empty access token, got an unusable NoneType; check the "
        "function that was passed as token"
    ),
    ex.WebhookTooLarge: (
        "expected a body of at most 1048576 bytes, got 10485760; Zoom's webhooks are far smaller, "
        "so look at who sends this"
    ),
    ex.WebhookSignatureMissing: (
        "expected the header x-zm-signature, got none; the request is not Zoom's, or a proxy or "
        "the framework dropped the header"
    ),
    ex.WebhookSignatureMalformed: (
        "expected v0= and 64 hexadecimal digits in the header x-zm-signature, got something else; "
        "the request is not Zoom's, or a proxy changed the header"
    ),
    ex.WebhookTimestampRejected: (
        "expected a request signed within 300 s of now, got one 301 s old; verify before any "
        "queue, and set this machine's clock"
    ),
    ex.WebhookSignatureMismatch: (
        "expected a signature made with one of 2 secrets, got another; pass the app's secret token "
        "(not the client secret) and the body exactly as received, not parsed and written again"
    ),
    ex.WebhookUnreadable: "expected a webhook, got nothing",
    ex.WebhookNotUtf8: "expected JSON in UTF-8, got other bytes",
    ex.WebhookNotJson: "expected JSON, got other text",
    ex.WebhookDuplicateKeys: "expected each key once, got a key twice",
    ex.WebhookTooDeep: "expected at most 32 levels of JSON, got more",
    ex.WebhookNotObject: "expected a JSON object, got a list",
    ex.WebhookIncomplete: "expected rtms_stream_id, got none",
    ex.MissingExtra: (
        "rtms_client.otel: expected the package opentelemetry-api, which is not installed; "
        "pip install 'rtms_client[otel]'"
    ),
    ex.InternalError: (
        "unexpected KeyError inside the library; please report it with its traceback"
    ),
}

RETRYABLE = {
    ex.CredentialsUnavailable,
    ex.ControlUnavailable,
    ex.EventSocketLost,
    ex.TokenUnavailable,
    ex.DuplicateConnection,
    ex.ServerFault,
    ex.ConnectFailed,
    ex.ConnectTimeout,
    ex.AnswerTimeout,
    ex.ConnectionLost,
    ex.ConnectionSilent,
}

# The class for each status code of a handshake answer, written out.
KINDS: dict[int, type[ex.HandshakeRejected]] = {
    1: ex.HandshakeRejected,
    2: ex.StreamNotFound,
    3: ex.AuthenticationFailed,
    4: ex.HandshakeRejected,
    5: ex.HandshakeRejected,
    6: ex.HandshakeRejected,
    7: ex.MediaNotAvailable,
    8: ex.DuplicateConnection,
    9: ex.MediaNotAvailable,
    10: ex.MediaNotAvailable,
    11: ex.MediaNotAvailable,
    12: ex.MediaNotAvailable,
    13: ex.MediaNotAvailable,
    14: ex.MediaNotAvailable,
    15: ex.DuplicateConnection,
    16: ex.DuplicateConnection,
    **dict.fromkeys(range(17, 40), ex.ParametersRejected),
    40: ex.HandshakeRejected,
    41: ex.HandshakeRejected,
    42: ex.HandshakeRejected,
    43: ex.ParametersRejected,
    44: ex.HandshakeRejected,
    45: ex.ServerFault,
    46: ex.ParametersRejected,
    47: ex.ServerFault,
    48: ex.HandshakeRejected,
    4711: ex.HandshakeRejected,
}

NAMES = [type(error).__name__ for error in SAMPLES]


def test_there_is_a_sample_of_every_exception() -> None:
    """The samples above cover the module."""
    defined = [name for name, _ in inspect.getmembers(ex, inspect.isclass) if name in ex.__all__]
    assert sorted(NAMES) == sorted(ex.__all__) == defined


@pytest.mark.parametrize("error", SAMPLES, ids=NAMES)
def test_every_exception_has_one_root(error: ex.RTMSError) -> None:
    """Whoever catches the root catches everything."""
    assert isinstance(error, ex.RTMSError)


@pytest.mark.parametrize("error", SAMPLES, ids=NAMES)
def test_text(error: ex.RTMSError) -> None:
    """The text says what was expected, what came and what to do."""
    assert str(error) == TEXTS.get(type(error), "anything")


@pytest.mark.parametrize("error", SAMPLES, ids=NAMES)
def test_retryable(error: ex.RTMSError) -> None:
    """Each class answers whether the same call may succeed later."""
    assert error.retryable is (type(error) in RETRYABLE)


def test_exceptions_name_the_module_that_users_import() -> None:
    """Tracebacks and pickles show no private module."""
    exported = {name: getattr(ex, name) for name in ex.__all__}
    exported["RecordingUnreadable"] = RecordingUnreadable
    private = {name: one.__module__ for name, one in exported.items() if "._" in one.__module__}
    assert private == {}
    assert RecordingUnreadable.__module__ == "rtms_client.testing"
    assert HOMES[ex.WebhookNotJson] == "rtms_client.exceptions._webhooks"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("error", SAMPLES, ids=NAMES)
def test_exception_pickles(error: ex.RTMSError, protocol: int) -> None:
    """Type, arguments, facts and text survive, so errors cross process boundaries."""
    copied = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  # our own
    assert type(copied) is type(error)
    assert copied.args == error.args
    assert vars(copied) == vars(error)
    assert str(copied) == str(error)


@pytest.mark.parametrize("error", SAMPLES, ids=NAMES)
def test_exception_copies(error: ex.RTMSError) -> None:
    """A copy says the same."""
    assert str(copy.copy(error)) == str(error)


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_class_for_status(status: int, kind: type[ex.HandshakeRejected]) -> None:
    """Each status code of a refused handshake has the class a caller would handle."""
    error = ex.HandshakeRejected.for_status("audio", StatusCode(status), "why")
    assert type(error) is kind
    assert (error.endpoint, error.status, error.reason) == ("audio", status, "why")


def test_class_for_missing_status() -> None:
    """A refusal without a status code is a refusal all the same (protocol notes, row 45)."""
    error = ex.HandshakeRejected.for_status("signaling", None, "whatever")
    assert type(error) is ex.HandshakeRejected
    assert str(error) == (
        "signaling handshake: expected an answer with status_code, got one without; "
        "is this an RTMS server?"
    )


def test_unknown_status_is_shown_with_its_number() -> None:
    """A status code of a later version is named in the text."""
    error = ex.HandshakeRejected.for_status("signaling", StatusCode(4711), "")
    assert str(error) == (
        "signaling handshake refused with status 4711 UNKNOWN_4711: status code unknown to this "
        "version; wait and try again; if it stays, ask Zoom's support"
    )


def test_medium_without_url_says_what_is_missing() -> None:
    """No status means that the server offered no URL: the scope is missing."""
    assert str(ex.MediaNotAvailable("chat", None, "")) == (
        "chat is not available: expected a server URL for it, got none; add the scope of this "
        "medium to the app and re-authorise it, or do not ask for it"
    )


def test_request_without_status_says_what_is_missing() -> None:
    """An answer without status code is told apart from a refusal."""
    assert str(ex.RequestFailed("stream close", None, "")) == (
        "stream close: expected an answer with status_code, got one without"
    )


def test_connection_lost_without_reason() -> None:
    """An empty reason leaves no empty brackets."""
    assert str(ex.ConnectionLost("signaling", 1000, "")) == (
        "signaling connection closed with 1000 NORMAL_CLOSURE: normal closure; not a proof that "
        "the stream ended: only TERMINATED and the stopped webhook are"
    )


def test_silence_is_a_loss() -> None:
    """A silent connection has all facts of a lost one."""
    error = ex.ConnectionSilent("audio", 65.0)
    assert isinstance(error, ex.ConnectionLost)
    assert (error.endpoint, error.code, error.reason, error.silence_s) == (
        "audio",
        1006,
        "nothing arrived for 65 s",
        65.0,
    )


# What a web framework answers, written out.
HTTP_STATUS: dict[type[ex.WebhookError], int] = {
    ex.WebhookError: 400,
    ex.WebhookTooLarge: 413,
    ex.WebhookSignatureMissing: 401,
    ex.WebhookSignatureMalformed: 401,
    ex.WebhookTimestampRejected: 401,
    ex.WebhookSignatureMismatch: 401,
    ex.WebhookUnreadable: 400,
    ex.WebhookNotUtf8: 400,
    ex.WebhookNotJson: 400,
    ex.WebhookDuplicateKeys: 400,
    ex.WebhookTooDeep: 400,
    ex.WebhookNotObject: 400,
    ex.WebhookIncomplete: 422,
}


def test_refused_webhooks_name_the_answer() -> None:
    """Each refusal of a webhook says with which status to answer."""
    refusals = [error for error in SAMPLES if isinstance(error, ex.WebhookError)]
    assert {type(error): error.http_status for error in refusals} == HTTP_STATUS


def test_unreadable_webhook_is_a_mistake_of_the_server() -> None:
    """Who reads webhooks without verifying them catches what other bad messages raise."""
    assert issubclass(ex.WebhookUnreadable, ex.RemoteProtocolError)
    assert not issubclass(ex.WebhookSignatureMismatch, ex.RemoteProtocolError)


def test_webhook_from_the_future() -> None:
    """A clock that is wrong shows by its direction."""
    assert str(ex.WebhookTimestampRejected(-301.5, 300.0)) == (
        "expected a request signed within 300 s of now, got one 302 s ahead; verify before any "
        "queue, and set this machine's clock"
    )


def test_invalid_parameters_is_a_value_error() -> None:
    """Callers that know nothing of the library catch it as what it is."""
    assert issubclass(ex.InvalidParameters, ValueError)


def test_missing_extra_is_an_import_error() -> None:
    """Whoever falls back when an import fails falls back here too."""
    assert issubclass(ex.MissingExtra, ImportError)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(ex.LocalProtocolError, ex.RemoteProtocolError), (ex.RemoteProtocolError, ex.InvalidState)],
)
def test_our_mistakes_are_apart_from_theirs(
    ours: type[ex.RTMSError], theirs: type[ex.RTMSError]
) -> None:
    """No class is both a mistake of the caller and of the server."""
    assert not issubclass(ours, theirs)
    assert not issubclass(theirs, ours)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "(plain)"),
        ("two\nlines\r", r"(two\nlines\r)"),
        ("\x1b[31mred\x7f", r"(\x1b[31mred\x7f)"),
        ("left\u202eright", r"(left\u202eright)"),
        ("half \ud800", r"(half \ud800)"),
        ("Grüße", "(Grüße)"),
        ("x" * 600, f"({'x' * 500}...)"),
    ],
    ids=["plain", "lines", "colour", "direction", "surrogate", "umlauts", "long"],
)
def test_the_words_of_the_server_are_harmless(said: str, shown: str) -> None:
    """What the server says can neither forge a line of a log nor fill it; the fact is unchanged."""
    lost = ex.ConnectionLost("audio", 1000, said)
    assert shown in str(lost)
    assert lost.reason == said
    refused = ex.HandshakeRejected("audio", StatusCode.INVALID_PAYLOAD, said)
    assert f"(server: {shown[1:]}" in str(refused)


def test_a_stream_that_was_never_there() -> None:
    """Whether there ever was a connection survives pickling, and makes another text."""
    error = ex.StreamLost("signaling", 20.0, ((0.0, "connection refused"),), was_there=False)
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert copied.was_there is False
    assert str(copied) == (
        "signaling: expected a connection, never had one, gave up after 20.0 s; check server URL "
        "and network, and whether the stream still lives (+0.0 s connection refused)"
    )


def test_a_cause_that_repeats_stands_once_in_the_text() -> None:
    """The text groups the tries by what they failed with; the attribute has each of them."""
    refused = tuple((3.0 * number, "connection refused") for number in range(1, 9))
    history = ((0.0, "reset by peer"), *refused, (27.5, "timed out"), (30.0, "connection refused"))
    error = ex.StreamLost("audio", 65.0, history)
    assert str(error).endswith(
        "REST API (+0.0 s reset by peer; +27.5 s timed out; "
        "+3.0 s to +30.0 s, 9 times: connection refused)"
    )
    assert error.history == history


def test_many_causes_do_not_make_a_long_text() -> None:
    """The first ones and the last one are shown, each not too long."""
    history = tuple((float(number), f"cause {number} {'x' * 1000}") for number in range(100))
    text = str(ex.StreamLost("audio", 65.0, history))
    assert len(text) < 1200
    assert "; 96 more in `history`; +99.0 s cause 99 x" in text
    assert "+2.0 s cause 2 x" in text
    assert "cause 3" not in text


def test_the_last_cause_is_shown_also_when_it_came_before() -> None:
    """It is the one that counts."""
    causes = "one", "two", "three", "four", "five", "six", "four"
    history = tuple((float(number), what) for number, what in enumerate(causes))
    text = str(ex.StreamLost("audio", 65.0, history))
    assert "; 2 more in `history`; +3.0 s to +6.0 s, 2 times: four)" in text


def test_one_secret_is_singular() -> None:
    """Who has one secret is not told of one of one."""
    assert str(ex.WebhookSignatureMismatch(1)).startswith(
        "expected a signature made with the secret, got another; "
    )
