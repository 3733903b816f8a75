"""Receive webhooks with aiohttp, and print what is said in every meeting.

    pip install rtms_client aiohttp
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=... ZOOM_WEBHOOK_SECRET=...
    PORT=8000 python examples/web/aiohttp_app.py

aiohttp ends its cleanup contexts on SIGTERM, which drains the streams.
"""

import os
from collections.abc import AsyncIterator

from aiohttp import web

from rtms_client import NetworkOptions, RTMSClient, RTMSStream, TranscriptParams, webhooks
from rtms_client.exceptions import WebhookError

network = NetworkOptions()
if ca_file := os.environ.get("FAKE_CA_FILE"):  # a fake server on this machine
    network = NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False)
client = RTMSClient.from_env(transcript=TranscriptParams(), network=network)


@client.on_stream
async def follow(stream: RTMSStream) -> None:
    """Print the captions of one meeting."""
    async for segment in stream.transcript():
        print(f"{stream.info.stream_id} {segment.user_name}: {segment.text}", flush=True)


async def webhook(request: web.Request) -> web.Response:
    """Verify, answer at once, and let the client do the rest."""
    try:
        notification = webhooks.receive(
            await request.read(), request.headers, secret=os.environ["ZOOM_WEBHOOK_SECRET"]
        )
    except WebhookError as error:
        return web.Response(status=error.http_status)
    client.notify(notification)
    return web.Response(body=notification.response_body, content_type="application/json")


async def run_client(_app: web.Application) -> AsyncIterator[None]:
    """Keep the client open as long as the server runs."""
    async with client:
        yield
        await client.drain(float(os.environ.get("DRAIN_S", "10")))


app = web.Application()
app.router.add_post("/webhook", webhook)
app.cleanup_ctx.append(run_client)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), print=None)
