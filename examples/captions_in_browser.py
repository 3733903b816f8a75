"""Show live captions of a meeting on a web page, by server-sent events.

    pip install aiohttp
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=...
    python examples/captions_in_browser.py started.json    # then open http://127.0.0.1:8080

``started.json`` is the body of the webhook ``meeting.rtms_started``. Without a Zoom account, run
``python -m rtms_client fake-server --event-file started.json --ca-file ca.pem`` in another
terminal, use the credentials that it shows, and add ``--fake ca.pem``.

The page listens on this machine only, for captions are confidential: put your own sign-in in front
before anybody else may see it.
"""

import argparse
import asyncio
import json
import sys
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from rtms_client import (
    NetworkOptions,
    RTMSClient,
    RTMSError,
    TranscriptParams,
    TranscriptSegment,
    parse_started,
)

KEPT = 100  # captions that somebody gets who comes later
BEHIND = 1000  # captions after which a browser that does not read is given up

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Live captions</title>
<style>
  :root { color-scheme: light dark; font: 1.25rem/1.5 system-ui, sans-serif; }
  body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1rem; font-weight: 600; opacity: .7; }
  p { margin: .5rem 0; }
</style>
<h1 id="state">Connecting …</h1>
<main id="captions" aria-live="polite"></main>
<script>
  const state = document.getElementById("state");
  const captions = document.getElementById("captions");
  const source = new EventSource("events");
  source.onopen = () => { state.textContent = "Live"; captions.replaceChildren(); };
  source.onerror = () => { state.textContent = "Connection lost, trying again …"; };
  source.addEventListener("caption", event => {
    const caption = JSON.parse(event.data);
    const line = document.createElement("p");
    const name = document.createElement("b");
    name.textContent = `${caption.name}: `;  // as text: names and captions are not ours
    line.append(name, caption.text);
    captions.append(line);
    line.scrollIntoView();
  });
  source.addEventListener("end", () => {
    state.textContent = "The meeting is over";
    source.close();
  });
</script>
</html>
"""


class Board:
    """Hands captions to every browser that looks, and keeps the newest for who comes later."""

    def __init__(self) -> None:
        self._newest: deque[str] = deque(maxlen=KEPT)
        self._browsers: set[asyncio.Queue[str | None]] = set()
        self._over = False

    def put(self, segment: TranscriptSegment) -> None:
        """Show a caption."""
        caption = {"name": segment.user_name or "somebody", "text": segment.text}
        self._newest.append(f"event: caption\ndata: {json.dumps(caption)}\n\n")
        for browser in tuple(self._browsers):
            if browser.qsize() < BEHIND:
                browser.put_nowait(self._newest[-1])
            else:
                self._browsers.discard(browser)
                browser.put_nowait(None)

    def end(self) -> None:
        """Tell every browser that the meeting is over."""
        self._over = True
        for browser in self._browsers:
            browser.put_nowait("event: end\ndata:\n\n")
            browser.put_nowait(None)

    async def events(self) -> AsyncIterator[str]:
        """Give what one browser gets."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        for caption in self._newest:
            queue.put_nowait(caption)
        if self._over:
            queue.put_nowait("event: end\ndata:\n\n")
            queue.put_nowait(None)
        self._browsers.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._browsers.discard(queue)


BOARD = web.AppKey("board", Board)


async def show_page(_request: web.Request) -> web.Response:
    """Answer with the page."""
    return web.Response(text=PAGE, content_type="text/html")


async def send_events(request: web.Request) -> web.StreamResponse:
    """Answer with captions as they come."""
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")  # the headers go out with the first bytes
    async for event in request.app[BOARD].events():
        await response.write(event.encode())
    return response


async def run(client: RTMSClient, event: bytes, port: int) -> None:
    """Serve the page, and put the captions of the meeting on it until somebody stops this."""
    app = web.Application()
    app[BOARD] = board = Board()
    app.add_routes([web.get("/", show_page), web.get("/events", send_events)])
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        async with client.stream(parse_started(event)) as stream:
            async for segment in stream.transcript():
                board.put(segment)
        board.end()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Show live captions on a web page.")
    parser.add_argument("event", type=Path, help="body of the started webhook")
    parser.add_argument("--port", type=int, default=8080, help="0 for any that is free")
    parser.add_argument("--fake", type=Path, metavar="CA", help="join the fake server instead")
    options = parser.parse_args()
    network = NetworkOptions()
    if options.fake:
        network = NetworkOptions(allowed_hosts=("localhost",), ca_file=options.fake, proxy=False)
    try:
        client = RTMSClient.from_env(transcript=TranscriptParams(), network=network)
        asyncio.run(run(client, options.event.read_bytes(), options.port))
    except RTMSError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
