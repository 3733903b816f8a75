"""What the snippets of the documentation find when they run."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import pytest
from typing_extensions import override

import rtms_client
from rtms_client import (
    DataOption,
    MediaType,
    NetworkOptions,
    RTMSStarted,
    RTMSStream,
    StopReason,
    StreamInfo,
    parse_started,
)
from rtms_client.enums import StreamState
from rtms_client.testing import FakeRTMSServer, FakeStream, sample_meeting, sign_webhook

T = TypeVar("T")

SECRET_TOKEN: Final = "the secret token of the app"
STARTED: Final = {
    "event": "meeting.rtms_started",
    "event_ts": 1790000000000,
    "payload": {
        "account_id": "account-id",
        "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
        "rtms_stream_id": "the-id-of-the-stream",
        "server_urls": "wss://rtms.example.zoom.us:443",
    },
}
"""A started webhook as Zoom sends it."""
MEDIA: Final = ("audio", "video", "share", "transcript", "chat")
_NOTICE_S: Final = 0.1
_LEISURELY: Final = 2


class Zoom:
    """A fake server in a thread, because each document has an event loop of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake server")
        self._server = FakeRTMSServer(rtms_stream_id="nobody joins this one")
        self._ends: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._server.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def network(self) -> NetworkOptions:
        """How to reach it."""
        return NetworkOptions(
            allowed_hosts=("localhost",), ssl_context=self._server.ssl_context(), proxy=False
        )

    @property
    def ca_file(self) -> Path:
        """Its certificate authority."""
        return self._server.ca_file

    def open(self, media: MediaType, pace: float | None = None) -> dict[str, Any]:
        """Begin the sample meeting in a stream of its own, for somebody who wants these media.

        Returns:
            The started webhook.
        """
        return self._run(self._open(media, pace))

    async def _open(self, media: MediaType, pace: float | None) -> dict[str, Any]:
        stream = self._server.add_stream(
            sample_meeting(terminate=False),
            rtms_stream_id=f"stream-{len(self._ends)}",
            expected_media=media,
            pace=pace,
        )
        self._ends.append(asyncio.create_task(self._end(stream)))
        return self._server.started_webhook(stream)

    async def _end(self, stream: FakeStream) -> None:
        """Announce the end a moment before the sockets close."""
        await stream.played.wait()
        for connection in tuple(stream.media):
            await connection.flush()
        stream.change_state(StreamState.TERMINATING, StopReason.MEETING_ENDED)
        await asyncio.sleep(_NOTICE_S)
        await stream.terminate(announce=False)

    async def _close(self) -> None:
        for end in self._ends:
            end.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)
        await self._server.aclose()


@pytest.fixture(scope="session")
def zoom() -> Iterator[Zoom]:
    """Run one server for all documents."""
    with Zoom() as server:
        yield server


class Http:
    """What a snippet needs of ``httpx.AsyncClient``, in place of Zoom's token endpoint."""

    async def post(self, url: str, *, data: dict[str, str], auth: tuple[str, str]) -> Self:
        """Take a request for a token."""
        assert url == "https://zoom.us/oauth/token"
        assert data == {"grant_type": "account_credentials", "account_id": "account-id"}
        assert auth == ("test-client-id", "test-client-secret")
        return self

    def raise_for_status(self) -> Self:
        """Say that all is well."""
        return self

    def json(self) -> dict[str, object]:
        """Return what Zoom answers."""
        return {"access_token": "a token", "token_type": "bearer", "expires_in": 3599}


@pytest.fixture
def namespace(
    zoom: Zoom, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """Give each document its own global names and an empty working directory.

    A client that is not told about networks joins the sample meeting on the fake server, whatever
    server its webhook names; so documents can show webhooks as they come from Zoom.
    """

    class Client(rtms_client.RTMSClient):
        def __init__(self, *args: str, **options: Any) -> None:  # noqa: ANN401  # passed on
            self._away = "network" in options
            self._media = MediaType(0)
            for name in MEDIA:
                if options.get(name) is not None:
                    self._media |= MediaType[name.upper()]
            chosen = getattr(options.get("video"), "data_opt", None)
            self._pace = _LEISURELY if chosen == DataOption.VIDEO_SINGLE_INDIVIDUAL_STREAM else None
            super().__init__(*args, **{"network": zoom.network, **options})

        @override
        def stream(self, started: RTMSStarted | StreamInfo) -> RTMSStream:
            if not self._away:
                started = parse_started(zoom.open(self._media, self._pace))
            return super().stream(started)

    monkeypatch.setattr(rtms_client, "RTMSClient", Client)
    monkeypatch.setenv("ZOOM_CLIENT_ID", "test-client-id")
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "test-client-secret")
    monkeypatch.chdir(tmp_path_factory.mktemp("document"))
    signed = sign_webhook(STARTED, SECRET_TOKEN)
    return {
        "__name__": "__main__",
        "body": signed.body,
        "headers": signed.headers,
        "secret_token": SECRET_TOKEN,
        "client_id": "test-client-id",
        "client_secret": "test-client-secret",
        "account_id": "account-id",
        "http": Http(),
    }
