"""Receive webhooks with Flask, and print what is said in every meeting.

    pip install rtms_client flask waitress
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=... ZOOM_WEBHOOK_SECRET=...
    PORT=8000 python examples/web/flask_app.py

The client runs in a thread of its own, and so does the function that follows a meeting. One process
with many threads serves all of them.
"""

import os
import signal
import sys

from flask import Flask, Response, request
from waitress import serve

from rtms_client import NetworkOptions, RTMSClient, TranscriptParams, webhooks
from rtms_client.exceptions import WebhookError
from rtms_client.portal import PortalStream

network = NetworkOptions()
if ca_file := os.environ.get("FAKE_CA_FILE"):  # a fake server on this machine
    network = NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False)
portal = RTMSClient.from_env(transcript=TranscriptParams(), network=network).in_background()
app = Flask(__name__)


@portal.on_stream
def follow(stream: PortalStream) -> None:
    """Print the captions of one meeting."""
    for segment in stream.transcript():
        line = f"{stream.info.stream_id} {segment.user_name}: {segment.text}\n"
        print(line, end="", flush=True)  # in one piece, for many threads print


@app.post("/webhook")
def webhook() -> Response:
    """Verify, answer at once, and let the client do the rest."""
    try:
        notification = webhooks.receive(
            request.get_data(), request.headers, secret=os.environ["ZOOM_WEBHOOK_SECRET"]
        )
    except WebhookError as error:
        return Response(status=error.http_status)
    portal.notify(notification)
    return Response(notification.response_body, mimetype="application/json")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # leaves the block below
    with portal:
        try:
            serve(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), threads=8)
        finally:
            portal.drain(float(os.environ.get("DRAIN_S", "10")))
