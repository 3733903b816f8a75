"""Be Zoom for a web application on this machine: one meeting, and the webhook that announces it.

    python examples/web/fake_zoom.py http://127.0.0.1:8000/webhook

It shows what to set for the application, waits until that runs, and ends with the meeting.
"""

import asyncio
import sys
import urllib.error
import urllib.request
from http import HTTPStatus

from rtms_client.testing import FakeRTMSServer, SignedWebhook, sample_meeting

SECRET_TOKEN = "test-secret-token"  # noqa: S105  # of a fake account


def post(url: str, signed: SignedWebhook) -> int | None:
    """Send a webhook; returns the status of the answer, or `None` if nobody listens yet."""
    request = urllib.request.Request(url, signed.body, dict(signed.headers))  # noqa: S310  # yours
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # likewise
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return None
        raise


async def announce(url: str, server: FakeRTMSServer) -> int:
    """Send the webhook as soon as somebody listens; returns the status of the answer."""
    while True:
        status = await asyncio.to_thread(post, url, server.started_body(SECRET_TOKEN))
        if status is not None:
            return status
        await asyncio.sleep(0.5)


async def main(url: str) -> int:
    """Serve one meeting, five times as fast as life."""
    async with FakeRTMSServer(sample_meeting(), pace=5) as server:
        print("export ZOOM_CLIENT_ID=test-client-id ZOOM_CLIENT_SECRET=test-client-secret")
        print(f"export ZOOM_WEBHOOK_SECRET={SECRET_TOKEN} FAKE_CA_FILE={server.ca_file}")
        print("set this and start the application; waiting for it, Ctrl-C ends", flush=True)
        try:
            status = await announce(url, server)
        except OSError as error:
            print(f"{url}: {error}", file=sys.stderr)
            return 1
        print("the application answered", status)
        if status != HTTPStatus.OK:
            return 1
        try:
            await server.wait_until(lambda: server.stream.ended, timeout_s=60)
        except TimeoutError:
            print("the application did not join the meeting to its end", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("usage: fake_zoom.py URL-OF-THE-WEBHOOK")
    try:
        sys.exit(asyncio.run(main(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(130)
