"""Be Zoom for a web application on this machine: one meeting, and the webhook that announces it.

    python examples/web/fake_zoom.py http://127.0.0.1:8000/webhook

It shows what to set for the application, and waits until you have started it.
"""

import asyncio
import sys
import urllib.request

from rtms_client.testing import FakeRTMSServer, SignedWebhook, sample_meeting

SECRET_TOKEN = "test-secret-token"  # noqa: S105  # of a fake account


def post(url: str, signed: SignedWebhook) -> int:
    """Send a webhook; returns the status of the answer."""
    request = urllib.request.Request(url, signed.body, dict(signed.headers))  # noqa: S310  # yours
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return int(answer.status)


async def main(url: str) -> int:
    """Serve one meeting, five times as fast as life."""
    async with FakeRTMSServer(sample_meeting(), pace=5) as server:
        print("export ZOOM_CLIENT_ID=test-client-id ZOOM_CLIENT_SECRET=test-client-secret")
        print(f"export ZOOM_WEBHOOK_SECRET={SECRET_TOKEN} FAKE_CA_FILE={server.ca_file}")
        await asyncio.to_thread(input, "set this, start the application, and press Enter ")
        try:
            status = await asyncio.to_thread(post, url, server.started_body(SECRET_TOKEN))
        except OSError as error:
            print(f"{url}: {error}", file=sys.stderr)
            return 1
        print("the application answered", status)
        await server.wait_until(lambda: server.stream.ended, timeout_s=60)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
