"""Receive webhooks with Django, and print what is said in every meeting.

    pip install rtms_client django waitress
    export ZOOM_CLIENT_ID=... ZOOM_CLIENT_SECRET=... ZOOM_WEBHOOK_SECRET=...
    PORT=8000 python examples/web/django_app.py

The whole project is in this file; in one of yours, `webhook` is a view and the portal is started in
the worker. The client runs in a thread of its own, and so does the function that follows a meeting.
One process with many threads serves all of them.
"""

import os
import signal
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from waitress import serve

from rtms_client import NetworkOptions, RTMSClient, TranscriptParams, webhooks
from rtms_client.exceptions import WebhookError
from rtms_client.portal import PortalStream

network = NetworkOptions()
if ca_file := os.environ.get("FAKE_CA_FILE"):  # a fake server on this machine
    network = NetworkOptions(allowed_hosts=("localhost",), ca_file=ca_file, proxy=False)
portal = RTMSClient.from_env(transcript=TranscriptParams(), network=network).in_background()


@portal.on_stream
def follow(stream: PortalStream) -> None:
    """Print the captions of one meeting."""
    for segment in stream.transcript():
        line = f"{stream.info.stream_id} {segment.user_name}: {segment.text}\n"
        print(line, end="", flush=True)  # in one piece, for many threads print


@csrf_exempt  # the signature is the proof of origin
def webhook(request: HttpRequest) -> HttpResponse:
    """Verify, answer at once, and let the client do the rest."""
    try:
        notification = webhooks.receive(
            request.body, request.headers, secret=os.environ["ZOOM_WEBHOOK_SECRET"]
        )
    except WebhookError as error:
        return HttpResponse(status=error.http_status)
    portal.notify(notification)
    return HttpResponse(notification.response_body, content_type="application/json")


urlpatterns = [path("webhook", webhook)]

if __name__ == "__main__":
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # leaves the block below
    with portal:
        try:
            port = int(os.environ.get("PORT", "8000"))
            serve(get_wsgi_application(), host="127.0.0.1", port=port, threads=8)
        finally:
            portal.drain(float(os.environ.get("DRAIN_S", "10")))
