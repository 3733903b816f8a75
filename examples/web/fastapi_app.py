"""Receive webhooks with FastAPI, and print what is said in every meeting.

    pip install rtms_client fastapi uvicorn
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=... ZOOM_WEBHOOK_SECRET=...
    uvicorn --app-dir examples/web fastapi_app:app

The function takes the request and no model of its body, because the signature is that of the bytes.
Uvicorn ends the lifespan on SIGTERM, which drains the streams.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

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


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Keep the client open as long as the server runs."""
    async with client:
        yield
        await client.drain(float(os.environ.get("DRAIN_S", "10")))


app = FastAPI(lifespan=lifespan)


@app.post("/webhook")
async def webhook(request: Request) -> Response:
    """Verify, answer at once, and let the client do the rest."""
    try:
        notification = webhooks.receive(
            await request.body(), request.headers, secret=os.environ["ZOOM_WEBHOOK_SECRET"]
        )
    except WebhookError as error:
        return Response(status_code=error.http_status)
    client.notify(notification)
    return Response(notification.response_body, media_type="application/json")
