"""Receive webhooks with AWS Lambda, and forward them to a queue.

    pip install rtms_client boto3
    export ZOOM_WEBHOOK_SECRET=... QUEUE_URL=...

Deploy it with ``notification_queue.py``, name ``lambda_handler.handler`` as the handler, and add a
function URL or an HTTP API (payload format 2.0). A function cannot keep a stream open, so it
verifies, forwards and answers; ``queue_worker.py`` holds the streams.
"""

import base64
import os
from collections.abc import Mapping
from typing import Any

import notification_queue
from rtms_client import webhooks
from rtms_client.exceptions import WebhookError

queue = notification_queue.connect()  # once for all requests to this instance


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Verify, forward, answer.

    If the queue fails, so does the function: Lambda answers 502, and Zoom delivers again.
    """
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    try:
        notification = webhooks.receive(
            raw, event["headers"], secret=os.environ["ZOOM_WEBHOOK_SECRET"]
        )
    except WebhookError as error:
        return {"statusCode": error.http_status}
    if isinstance(notification, webhooks.UrlValidation):
        return {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": notification.response_body.decode(),
        }
    queue.put(notification.to_json())
    return {"statusCode": 200}
