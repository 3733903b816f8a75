"""Captions appear in a real browser while people speak."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.examples.support import load
from tests.integration.support import client_for, until

from rtms_client import TranscriptParams
from rtms_client.testing import ADA, GRACE, FakeRTMSServer

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,500",
    "--remote-debugging-port=0",
)
DEADLINE_S = 40


class Page:
    """A tab of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """Do something in the tab."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while (answer := await self._socket.receive_json()).get("id") != number:
            pass  # an event
        result: dict[str, Any] = answer["result"]
        return result

    async def shows(self, expected: list[str]) -> None:
        """Wait until exactly this is on the page, line by line."""
        script = "document.body ? document.body.innerText : ''"
        lines: list[str] = []
        async with asyncio.timeout(DEADLINE_S):
            while lines != expected:
                result = await self.call("Runtime.evaluate", expression=script)
                text = result["result"]["value"]
                lines = [line for line in text.splitlines() if line]


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """Run a browser with one empty tab."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = folder / "DevToolsActivePort"
        async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
            await until(lambda: port.exists() and "\n" in port.read_text(), timeout_s=DEADLINE_S)
            url = f"http://127.0.0.1:{port.read_text().split()[0]}/json/list"
            async with session.get(url) as response:
                tabs = [one for one in json.loads(await response.text()) if one["type"] == "page"]
            async with session.ws_connect(tabs[0]["webSocketDebuggerUrl"]) as socket:
                page = Page(socket)
                await page.call("Page.enable")
                yield page
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.skipif(not CHROMIUM, reason="no chromium here")
async def test_captions_appear_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each caption is on the page without loading it again, and the end of the meeting is told."""
    example = load("captions_in_browser")
    async with FakeRTMSServer() as server, browser(tmp_path / "profile") as page:
        client = client_for(server, transcript=TranscriptParams())
        event = json.dumps(server.started_webhook()).encode()
        serving = asyncio.create_task(example.run(client, event, 0))
        await server.stream.media_ready.wait()
        await page.call("Page.navigate", url=capsys.readouterr().out.strip())
        await page.shows(["Live"])
        await server.stream.send_transcript("Shall we ship it?", person=ADA)
        await page.shows(["Live", "Ada: Shall we ship it?"])
        await server.stream.send_transcript("<b>Yes</b> & now!", person=GRACE)
        await page.shows(["Live", "Ada: Shall we ship it?", "Grace: <b>Yes</b> & now!"])
        await server.stream.terminate()
        await page.shows(
            ["The meeting is over", "Ada: Shall we ship it?", "Grace: <b>Yes</b> & now!"]
        )
        serving.cancel()
        await asyncio.wait([serving])
