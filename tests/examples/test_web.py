"""The web applications in ``examples/web`` with their real frameworks: webhook in, captions out."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from rtms_client import NetworkOptions, RTMSClient, RTMSStarted, TranscriptParams
from rtms_client.testing import FakeRTMSServer, SignedWebhook, bulk_captions, sign_webhook
from rtms_client.webhooks import Notification, from_json, receive

pytestmark = pytest.mark.slow

WEB: Final = Path(__file__).parents[2] / "examples" / "web"
SECRET: Final = "test-secret-token"
UVICORN: Final = ["-m", "uvicorn", "--app-dir", str(WEB), "--no-access-log", "--port", "PORT"]
COMMANDS: Final[Mapping[str, list[list[str]]]] = {
    "starlette": [[*UVICORN, "starlette_app:app"]],
    "fastapi": [[*UVICORN, "fastapi_app:app"]],
    "aiohttp": [[str(WEB / "aiohttp_app.py")]],
    "flask": [[str(WEB / "flask_app.py")]],
    "django": [[str(WEB / "django_app.py")]],
    "lambda": [
        [str(Path(__file__).with_name("function_url.py"))],
        [str(WEB / "queue_worker.py")],
    ],
}
"""What to start for each; the last process joins the streams."""
CHALLENGE: Final = {
    "event": "endpoint.url_validation",
    "event_ts": 1790000000000,
    "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
}


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


class Application:
    """An example that runs: the process that joins the streams, and the port for webhooks."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self._port = port

    async def post(self, signed: SignedWebhook) -> tuple[int, bytes]:
        """Send a webhook as Zoom does; give status and body of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
        writer.write(
            f"POST /webhook HTTP/1.0\r\nhost: localhost\r\n{head}"
            f"content-length: {len(signed.body)}\r\n\r\n".encode()
            + signed.body
        )
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        status, _, rest = answer.partition(b"\r\n")
        return int(status.split()[1]), rest.partition(b"\r\n\r\n")[2]

    async def ready(self) -> None:
        """Wait until it listens."""
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def lines(self, count: int) -> list[str]:
        """Read so many lines of output."""
        assert self.process.stdout is not None
        async with asyncio.timeout(40):
            return [(await self.process.stdout.readline()).decode().strip() for _ in range(count)]


@asynccontextmanager
async def started(
    command: Sequence[str], env: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run Python; at the end it must obey SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **env},
    )
    try:
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
    finally:
        if process.returncode is None:  # pragma: no cover  # only when a test failed
            process.kill()
            await process.wait()


@asynccontextmanager
async def running(
    name: str, server: FakeRTMSServer, queue: Path, *, drain_s: int = 1
) -> AsyncIterator[Application]:
    """Run an example; `queue` is for those that have one."""
    port = free_port()
    env = {
        "ZOOM_CLIENT_ID": "test-client-id",
        "ZOOM_CLIENT_SECRET": "test-client-secret",
        "ZOOM_WEBHOOK_SECRET": SECRET,
        "FAKE_CA_FILE": str(server.ca_file),
        "PORT": str(port),
        "DRAIN_S": str(drain_s),
        "QUEUE_URL": str(queue),
        "PYTHONPATH": str(WEB),
    }
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                started([str(port) if word == "PORT" else word for word in command], env)
            )
            for command in COMMANDS[name]
        ]
        application = Application(processes[-1], port)
        await application.ready()
        yield application


def waiting(queue: Path) -> list[Notification]:
    """Read what a queue holds."""
    return [from_json(path.read_text("utf-8")) for path in queue.glob("*.json")]


@pytest.mark.parametrize("name", COMMANDS)
async def test_webhook_in_captions_out(name: str, tmp_path: Path) -> None:
    """The challenge is answered, forgeries are refused, and a started webhook joins its stream."""
    async with (
        FakeRTMSServer(bulk_captions(segments=3, terminate=False), pace=None) as server,
        running(name, server, tmp_path) as application,
    ):
        status, answer = await application.post(sign_webhook(CHALLENGE, SECRET))
        assert status == 200
        assert json.loads(answer) == {
            "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
            "encryptedToken": ("9c8ad56737c19db2904b301c0781e86857e999f39f07727668cf62a5e7e298c8"),
        }
        assert (await application.post(server.started_body("another secret")))[0] == 401
        for _ in range(2):  # Zoom may deliver twice
            assert (await application.post(server.started_body(SECRET)))[0] == 200
        assert [line.split(": ")[1] for line in await application.lines(3)] == [
            f"segment {number}" for number in range(3)
        ]
    assert len([one for one in server.connections if one.kind == "signaling"]) <= 1


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_hundred_webhooks_at_once(name: str, tmp_path: Path) -> None:
    """Each is answered within the three seconds that Zoom waits, and each stream is joined."""
    script = bulk_captions(segments=1, terminate=False)
    async with (
        FakeRTMSServer(script, pace=None) as server,
        running(name, server, tmp_path) as application,
    ):
        streams = [
            server.add_stream(script, rtms_stream_id=f"s-{number}", pace=None)
            for number in range(100)
        ]

        async def deliver(signed: SignedWebhook) -> float:
            began = time.monotonic()
            assert (await application.post(signed))[0] == 200
            return time.monotonic() - began

        signed = [server.started_body(SECRET, stream) for stream in streams]
        taken = await asyncio.gather(*(deliver(one) for one in signed))
        assert max(taken) < 3
        found = {line.split()[0] for line in await application.lines(100)}
        assert found == {f"s-{number}" for number in range(100)}


async def test_in_place_of_zoom() -> None:
    """The program posts a signed webhook of a meeting that can be joined with what it shows."""
    bodies: asyncio.Queue[Notification] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:-1]
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        bodies.put_nowait(receive(body, headers, secret=SECRET))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as site:
        port = site.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(str(WEB / "fake_zoom.py"), f"http://127.0.0.1:{port}/webhook"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        shown = [(await process.stdout.readline()).decode() for _ in range(2)]
        values = dict(pair.split("=") for line in shown for pair in line.split()[1:])
        notification = await bodies.get()
        assert isinstance(notification, RTMSStarted)
        assert values["ZOOM_WEBHOOK_SECRET"] == SECRET
        client = RTMSClient(
            values["ZOOM_CLIENT_ID"],
            values["ZOOM_CLIENT_SECRET"],
            transcript=TranscriptParams(),
            network=NetworkOptions(
                allowed_hosts=("localhost",), ca_file=values["FAKE_CA_FILE"], proxy=False
            ),
        )
        async with client.stream(notification) as stream:
            assert len([segment async for segment in stream.transcript()]) == 9
        rest, _ = await process.communicate()
    assert rest.decode().endswith("the application answered 200\n")
    assert process.returncode == 0


async def test_in_place_of_zoom_without_an_application() -> None:
    """It waits, also longer, and Ctrl-C ends it without a traceback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(WEB / "fake_zoom.py"), f"http://127.0.0.1:{free_port()}/webhook"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    shown = [await process.stdout.readline() for _ in range(3)]
    assert shown[-1] == b"set this and start the application; waiting for it, Ctrl-C ends\n"
    await asyncio.sleep(0.7)
    process.send_signal(signal.SIGINT)
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 130


async def test_in_place_of_zoom_without_an_address() -> None:
    """Who forgets it is told in one line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WEB / "fake_zoom.py"), stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert told == b"usage: fake_zoom.py URL-OF-THE-WEBHOOK\n"
    assert process.returncode == 1


async def test_worker_drains(tmp_path: Path) -> None:
    """On SIGTERM the worker leaves later messages alone, and follows its streams to their end."""
    (tmp_path / "0.json").write_text("not ours")  # which does not stop it
    script = bulk_captions(segments=1, terminate=False)
    async with (
        FakeRTMSServer(script, pace=None) as server,
        running("lambda", server, tmp_path, drain_s=30) as application,
    ):
        later = server.add_stream(script, rtms_stream_id="later", pace=None)
        await application.post(server.started_body(SECRET))
        assert (await application.lines(1))[0].endswith(": segment 0")
        application.process.send_signal(signal.SIGTERM)
        assert await application.lines(1) == ["draining"]
        await application.post(server.started_body(SECRET, later))
        await server.stream.send_transcript("the last word")
        assert (await application.lines(1))[0].endswith(": the last word")
        await server.stream.terminate()
        assert await asyncio.wait_for(application.process.wait(), 20) == 0
    [left] = waiting(tmp_path)
    assert isinstance(left, RTMSStarted)
    assert left.stream.stream_id == "later"
