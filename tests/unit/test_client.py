"""The client: where credentials come from, what is refused at once, and what is shown."""

from typing import Any

import pytest

from rtms_client import (
    AudioParams,
    ChatParams,
    Credentials,
    InvalidParameters,
    InvalidState,
    NetworkOptions,
    Product,
    RTMSClient,
    RTMSStarted,
    RTMSStream,
    Signature,
    StreamInfo,
    TranscriptParams,
    parse_started,
)
from rtms_client.enums import EventType
from rtms_client.protocol.restart import RestartRequest

VARIABLES = ("ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "ZM_RTMS_CLIENT", "ZM_RTMS_SECRET")
INFO = StreamInfo(
    product=Product.MEETING,
    product_id="uuid==",
    stream_id="stream-1",
    server_urls=["wss://rtms.zoom.us"],
)


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take credentials out of the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def credentials_of(client: RTMSClient) -> object:
    """Return where a client has its credentials from."""
    return client._settings.credentials  # noqa: SLF001  # nothing public shows a secret


@pytest.mark.parametrize("value", [True, AudioParams, ChatParams()], ids=repr)
def test_parameters_of_a_medium_are_its_own(value: object) -> None:
    """Anything but an instance of the right class is refused where it is written."""
    values: dict[str, Any] = {"audio": value}
    with pytest.raises(InvalidParameters, match=r"write audio=AudioParams\(\)"):
        RTMSClient("id", "secret", **values)


def test_id_and_secret() -> None:
    """Client id and secret are enough."""
    expected = Credentials(client_id="id", client_secret="secret")
    assert credentials_of(RTMSClient("id", "secret")) == expected


@pytest.mark.parametrize(
    ("client_id", "client_secret"), [(None, None), ("id", None), (None, "secret")]
)
def test_no_credentials(client_id: str | None, client_secret: str | None) -> None:
    """Without credentials the client says where to put them, and reads no environment."""
    with pytest.raises(InvalidParameters, match="expected client_id and client_secret") as caught:
        RTMSClient(client_id, client_secret)
    assert "RTMSClient.from_env()" in str(caught.value)
    assert "secret" not in str(caught.value).replace("client_secret", "").replace("SECRET", "")


@pytest.mark.parametrize(
    ("client_id", "client_secret"), [("id", None), (None, "secret"), ("id", "secret")]
)
def test_two_kinds_of_credentials(client_id: str | None, client_secret: str | None) -> None:
    """Id and secret beside other credentials are a mistake."""
    with pytest.raises(InvalidParameters, match="pass one of the two"):
        RTMSClient(client_id, client_secret, credentials=Signature(value="00"))


async def _start_again(_: RestartRequest) -> None: ...


def test_a_ready_signature_cannot_sign_what_is_restarted() -> None:
    """It is for one stream id, and the next one has another; a function finds one for each."""
    signature = Signature(value="00")
    with pytest.raises(InvalidParameters, match="pass a function that finds a Signature for each"):
        RTMSClient(credentials=signature, restart=_start_again)
    RTMSClient(credentials=lambda _: signature, restart=_start_again)


@pytest.mark.parametrize(("client_id", "client_secret"), [("", "secret"), ("id", "")])
def test_empty_credentials(client_id: str, client_secret: str) -> None:
    """Empty texts are no credentials."""
    with pytest.raises(InvalidParameters, match="non-empty"):
        RTMSClient(client_id, client_secret)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zoom's names come first, then those of Zoom's own SDK; half a pair does not count."""
    monkeypatch.setenv("ZM_RTMS_CLIENT", "sdk-id")
    monkeypatch.setenv("ZM_RTMS_SECRET", "sdk-secret")
    sdk = Credentials(client_id="sdk-id", client_secret="sdk-secret")
    assert credentials_of(RTMSClient.from_env()) == sdk
    monkeypatch.setenv("ZOOM_CLIENT_ID", "id")
    assert credentials_of(RTMSClient.from_env()) == sdk
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "")
    assert credentials_of(RTMSClient.from_env()) == sdk
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "secret")
    expected = Credentials(client_id="id", client_secret="secret")
    assert credentials_of(RTMSClient.from_env()) == expected


def test_empty_environment() -> None:
    """Without the variables `from_env` names them."""
    with pytest.raises(InvalidParameters, match="ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET"):
        RTMSClient.from_env(audio=AudioParams())


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explicit arguments win, always."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "environment")
    explicit = RTMSClient.from_env(client_id="id", client_secret="secret")
    assert credentials_of(explicit) == Credentials(client_id="id", client_secret="secret")
    signature = Signature(value="00")
    assert credentials_of(RTMSClient.from_env(credentials=signature)) is signature
    with pytest.raises(InvalidParameters, match="expected client_id and client_secret"):
        RTMSClient.from_env(client_id="id")


def test_options_of_from_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other options pass through."""
    monkeypatch.setenv("ZOOM_CLIENT_ID", "id")
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "secret")
    client = RTMSClient.from_env(audio=AudioParams(), chat=ChatParams())
    assert repr(client) == "<RTMSClient audio, chat, 0 open>"


@pytest.mark.parametrize("event", [EventType.FIRST_PACKET_TIMESTAMP, EventType(7)])
def test_events_that_come_unasked(event: EventType) -> None:
    """Events 1 and 7 must not be subscribed."""
    with pytest.raises(InvalidParameters, match="comes unasked"):
        RTMSClient("id", "secret", events=[EventType.PARTICIPANT_JOIN, event])


def test_callback_for_a_medium_that_is_not_asked_for() -> None:
    """A callback that would never be called is refused when it is registered."""
    client = RTMSClient("id", "secret", audio=AudioParams())
    with pytest.raises(InvalidState, match=r"pass RTMSClient\(video=VideoParams\(\)\)"):
        client.on_video(lambda _, __: None)


def test_decorators_return_the_function() -> None:
    """Every decorator gives back what it got."""
    client = RTMSClient(
        "id", "secret", audio=AudioParams(), transcript=TranscriptParams(), chat=ChatParams()
    )

    def callback(_: object, __: RTMSStream) -> None: ...

    for register in (client.on_audio, client.on_transcript, client.on_chat, client.on_event):
        assert register(callback) is callback


def test_repr() -> None:
    """Neither secrets nor streams are shown, only what matters."""
    client = RTMSClient("id", "s3cret")
    assert repr(client) == "<RTMSClient events only, 0 open>"
    assert "s3cret" not in repr(vars(client))


def test_stream_of_a_webhook_or_made_by_hand() -> None:
    """A stream is made from either, and opens nothing."""
    client = RTMSClient("id", "secret")
    body = {
        "event": "meeting.rtms_started",
        "event_ts": 1790000000000,
        "payload": {
            "meeting_uuid": "uuid==",
            "rtms_stream_id": "stream-2",
            "server_urls": "wss://rtms.zoom.us",
        },
    }
    started = parse_started(body)
    assert isinstance(started, RTMSStarted)
    assert client.stream(started).info.stream_id == "stream-2"
    assert client.stream(INFO).info is INFO
    assert client.streams == {}


@pytest.mark.parametrize("started", [{"event": "meeting.rtms_started"}, b"{}", None], ids=repr)
def test_stream_of_something_else(started: Any) -> None:  # noqa: ANN401  # that is the point
    """A webhook that was not read is refused, with a word on how to read it."""
    with pytest.raises(InvalidParameters, match=r"started: expected .*, got .*; pass what .*parse"):
        RTMSClient("id", "secret").stream(started)


def test_proxy_is_not_shown() -> None:
    """The proxy URL, which may hold a password, is in no ``repr``."""
    options = NetworkOptions(proxy="http://user:pr0xy-passw0rd@localhost:1")
    client = RTMSClient("id", "secret", network=options)
    assert "pr0xy-passw0rd" not in repr(options) + repr(vars(client))


async def test_close_without_streams() -> None:
    """A client without streams closes at once, twice."""
    async with RTMSClient("id", "secret") as client:
        await client.close()
