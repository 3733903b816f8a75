"""The example for Zoom's REST API, against one on loopback: what it sends, and what follows."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import pytest
from aiohttp import web
from tests.examples.support import load, run
from tests.integration.support import client_for, until

from rtms_client import (
    AudioFrame,
    AudioParams,
    RTMSClient,
    RTMSStream,
    StreamStopped,
    parse_started,
    webhooks,
)
from rtms_client.config import RestartPolicy
from rtms_client.control import RTMSControl
from rtms_client.enums import StopReason
from rtms_client.testing import FakeRTMSServer, FakeStream, tone_meeting

APP: Final = ("api-client-id", "api-client-secret")
BASIC: Final = f"Basic {base64.b64encode(':'.join(APP).encode()).decode()}"
SECRET_TOKEN: Final = "the secret token of the app"
NUMBER: Final = "98765432101"
QUICK: Final = RestartPolicy(attempts=2, first_delay_s=0.01, base_s=0.05, jitter=0)


class ZoomRest:
    """Zoom's token and REST servers: every token is good once.

    Attributes:
        asked: Method, path as it was on the wire, and body of each request.
        answers: Statuses and bodies of the next answers; 204 without any when there are no more.
        done: Called when a request was accepted.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: list[tuple[int, dict[str, object]]] = []
        self.done: Callable[[], None] = lambda: None
        self._tokens: set[str] = set()
        self._given = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve; give the URL."""
        app = web.Application()
        app.router.add_post("/oauth/token", self._token)
        app.router.add_route("*", "/v2/{path:.*}", self._control)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield "http://{}:{}".format(*runner.addresses[0])
        finally:
            await runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert dict(form) == {"grant_type": "account_credentials", "account_id": "account-id"}
        if request.headers["Authorization"] != BASIC:
            return web.json_response({"error": "invalid_client"}, status=400)
        self._given += 1
        token = f"token-{self._given}"
        self._tokens.add(token)
        return web.json_response({"access_token": token, "token_type": "bearer"})

    async def _control(self, request: web.Request) -> web.Response:
        self._tokens.remove(request.headers["Authorization"].removeprefix("Bearer "))
        self.asked.append((request.method, request.raw_path, await request.json()))
        if self.answers:
            status, body = self.answers.pop(0)
            return web.json_response(body, status=status)
        self.done()
        return web.Response(status=204)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the apps, and go to no proxy."""
    for name, value in {
        "ZOOM_ACCOUNT_ID": "account-id",
        "ZOOM_API_CLIENT_ID": APP[0],
        "ZOOM_API_CLIENT_SECRET": APP[1],
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        (("start", "meeting", NUMBER), "PATCH", f"/v2/live_meetings/{NUMBER}"),
        (("pause", "session", "a/b+c=="), "PATCH", "/v2/videosdk/sessions/a%2Fb%2Bc%3D%3D"),
        (("resume", "engagement", "//=="), "PUT", "/v2/contact_center/%252F%252F%253D%253D"),
        (("stop", "call", "7"), "PATCH", "/v2/phone/calls/7"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
async def test_requests(arguments: tuple[str, ...], method: str, path: str) -> None:
    """What is on the wire is what was built, whatever the HTTP client makes of encoded paths."""
    rest = ZoomRest()
    async with rest.serve() as url:
        result = await asyncio.to_thread(run, "rest_control.py", *arguments, "--fake", url)
    assert (result.returncode, result.stderr) == (0, "")
    body = {"action": arguments[0], "settings": {"client_id": "test-client-id"}}
    assert rest.asked == [(method, f"{path}/rtms_app/status", body)]


async def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what Zoom said."""
    rest = ZoomRest()
    rest.answers.append((400, {"code": 2308, "message": "Not now."}))
    command = ("rest_control.py", "start", "meeting", NUMBER)
    async with rest.serve() as url:
        refused = await asyncio.to_thread(run, *command, "--fake", url)
        monkeypatch.setenv("ZOOM_API_CLIENT_SECRET", "another")
        unknown = await asyncio.to_thread(run, *command, "--fake", url)
    assert refused.returncode == unknown.returncode == 1
    assert "got HTTP status 400 (code 2308: Not now.);" in refused.stderr
    assert "400 Bad Request" in unknown.stderr
    assert "Traceback" not in refused.stderr + unknown.stderr


@asynccontextmanager
async def restarting(server: FakeRTMSServer, rest: ZoomRest) -> AsyncIterator[RTMSClient]:
    """Open a client whose streams are started again by the example."""
    async with rest.serve() as url, httpx.AsyncClient(trust_env=False) as http:
        api = load("rest_control").ZoomApi(
            http, "account-id", APP, api_url=url, token_url=f"{url}/oauth/token"
        )
        control = RTMSControl(api, "test-client-id")
        client = client_for(
            server, audio=AudioParams(), restart=control.restart, restart_policy=QUICK
        )
        async with client:
            yield client


async def test_a_stream_goes_on_after_a_restart() -> None:
    """The server ends it, the API is asked, its webhook comes, and the same loop gets both."""
    rest = ZoomRest()
    rest.answers.append((503, {}))  # so the second try does it
    meeting = tone_meeting(seconds=1, terminate=False)
    async with FakeRTMSServer(meeting, pace=None) as server, restarting(server, rest) as client:
        webhook = server.started_webhook()
        webhook["payload"]["meeting_id"] = NUMBER
        frames: list[AudioFrame] = []
        ends: list[str] = []
        again: list[FakeStream] = []

        @client.on_stream
        async def handle(stream: RTMSStream) -> None:
            frames.extend([frame async for frame in stream.audio()])
            ends.append(stream.info.stream_id)

        def send_webhook() -> None:
            epoch_ms = server.stream.epoch_ms + 5000
            again.append(
                server.add_stream(meeting, rtms_stream_id="again", pace=None, epoch_ms=epoch_ms)
            )
            signed = server.started_body(SECRET_TOKEN, again[0])
            client.notify(webhooks.receive(signed.body, signed.headers, secret=SECRET_TOKEN))

        rest.done = send_webhook
        client.notify(parse_started(webhook))
        await server.stream.played.wait()
        await server.stream.terminate(reason=StopReason.SIGNAL_CONNECTION_INTERRUPTED)
        await until(lambda: again)
        await again[0].played.wait()
        await again[0].terminate(reason=StopReason.MEETING_ENDED)
        await until(lambda: ends)
    assert ends == ["again"]
    assert len(frames) == 100
    path = f"/v2/live_meetings/{NUMBER}/rtms_app/status"
    body = {"action": "start", "settings": {"client_id": "test-client-id"}}
    assert rest.asked == [("PATCH", path, body)] * 2
    assert server.violations == []


async def test_a_stream_that_may_not_be_started_again() -> None:
    """The history of the end says what Zoom answered."""
    rest = ZoomRest()
    rest.answers += [(404, {"code": 3001, "message": "Meeting does not exist."})] * 2
    async with (
        FakeRTMSServer() as server,
        restarting(server, rest) as client,
        client.stream(parse_started(server.started_webhook())) as stream,
    ):
        await server.stream.terminate(reason=StopReason.KEEP_ALIVE_TIMEOUT)
        with pytest.raises(StreamStopped, match="Meeting does not exist") as caught:
            await stream.wait_ended()
    assert [what.partition(";")[0] for _, what in caught.value.history] == [
        f"try {number}: the hook raised ControlRejected: expected Zoom to start RTMS, "
        "got HTTP status 404 (code 3001: Meeting does not exist.)"
        for number in (1, 2)
    ]
