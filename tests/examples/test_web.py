"""The web applications in ``examples/web`` with their real frameworks: webhook in, captions out."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from rtms_client.testing import FakeRTMSServer, SignedWebhook, bulk_captions, sign_webhook

WEB: Final = Path(__file__).parents[2] / "examples" / "web"
SECRET: Final = "test-secret-token"
COMMANDS: Final[Mapping[str, list[str]]] = {
    "starlette": [
        "-m",
        "uvicorn",
        "--app-dir",
        str(WEB),
        "--no-access-log",
        "--port",
        "PORT",
        "starlette_app:app",
    ],
    "aiohttp": [str(WEB / "aiohttp_app.py")],
    "flask": [str(WEB / "flask_app.py")],
    "django": [str(WEB / "django_app.py")],
}
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
    """An example in a process of its own, and its port."""

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
async def running(name: str, server: FakeRTMSServer) -> AsyncIterator[Application]:
    """Run an example; at the end it must obey SIGTERM."""
    port = free_port()
    command = [str(port) if word == "PORT" else word for word in COMMANDS[name]]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            **os.environ,
            "ZOOM_CLIENT_ID": "test-client-id",
            "ZOOM_CLIENT_SECRET": "test-client-secret",
            "ZOOM_WEBHOOK_SECRET": SECRET,
            "FAKE_CA_FILE": str(server.ca_file),
            "PORT": str(port),
            "DRAIN_S": "1",
        },
    )
    application = Application(process, port)
    try:
        await application.ready()
        yield application
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
    finally:
        if process.returncode is None:  # pragma: no cover  # only when a test failed
            process.kill()
            await process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
async def test_webhook_in_captions_out(name: str) -> None:
    """The challenge is answered, forgeries are refused, and a started webhook joins its stream."""
    async with (
        FakeRTMSServer(bulk_captions(segments=3, terminate=False), pace=None) as server,
        running(name, server) as application,
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


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
async def test_a_hundred_webhooks_at_once(name: str) -> None:
    """Each is answered within the three seconds that Zoom waits, and each stream is joined."""
    script = bulk_captions(segments=1, terminate=False)
    async with FakeRTMSServer(script, pace=None) as server, running(name, server) as application:
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
