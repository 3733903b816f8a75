"""Start, stop, pause or resume RTMS over Zoom's REST API, with httpx.

    pip install rtms_client httpx
    export ZOOM_CLIENT_ID=...
    export ZOOM_ACCOUNT_ID=... ZOOM_API_CLIENT_ID=... ZOOM_API_CLIENT_SECRET=...
    python examples/rest_control.py pause meeting 98765432101

``ZOOM_CLIENT_ID`` is the app that receives the stream; the others belong to the server-to-server
OAuth app whose access token allows the call.
"""

import argparse
import asyncio
import os
import sys

import httpx

from rtms_client import Product, RTMSError
from rtms_client.control import (
    API_URL,
    ControlAction,
    ControlAnswer,
    ControlRequest,
    ControlTarget,
    RTMSControl,
)

TOKEN_URL = "https://zoom.us/oauth/token"  # noqa: S105  # where tokens come from, not one
PRODUCTS = {
    "meeting": Product.MEETING,
    "session": Product.VIDEO_SDK,
    "engagement": Product.CONTACT_CENTER,
    "call": Product.PHONE,
}


class ZoomApi:
    """Makes the requests, each with a token of its own: they are rare, and tokens expire."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        account_id: str,
        app: tuple[str, str],
        *,
        api_url: str = API_URL,
        token_url: str = TOKEN_URL,
    ) -> None:
        self._http = http
        self._account_id = account_id
        self._app = app
        self._api_url = api_url
        self._token_url = token_url

    async def __call__(self, request: ControlRequest, /) -> ControlAnswer:
        """Send a request as it is."""
        answer = await self._http.request(
            request.method,
            self._api_url + request.path,
            json=request.body,
            headers={"Authorization": f"Bearer {await self._token()}"},
        )
        return ControlAnswer(status=answer.status_code, body=answer.content)

    async def _token(self) -> str:
        answer = await self._http.post(
            self._token_url,
            data={"grant_type": "account_credentials", "account_id": self._account_id},
            auth=self._app,
        )
        return str(answer.raise_for_status().json()["access_token"])


async def send(action: ControlAction, target: ControlTarget, urls: dict[str, str]) -> None:
    """Do one thing."""
    app = os.environ["ZOOM_API_CLIENT_ID"], os.environ["ZOOM_API_CLIENT_SECRET"]
    async with httpx.AsyncClient(timeout=10) as http:
        api = ZoomApi(http, os.environ["ZOOM_ACCOUNT_ID"], app, **urls)
        await RTMSControl(api, os.environ["ZOOM_CLIENT_ID"]).send(action, target)


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Start, stop, pause or resume RTMS.")
    parser.add_argument("action", choices=[action.value for action in ControlAction])
    parser.add_argument("what", choices=PRODUCTS)
    parser.add_argument("id", help="of the meeting, session, engagement or call")
    parser.add_argument("--fake", metavar="URL", help="ask a fake of Zoom's REST API instead")
    options = parser.parse_args()
    urls = {}
    if options.fake:
        urls = {"api_url": options.fake, "token_url": f"{options.fake}/oauth/token"}
    try:
        target = ControlTarget(product=PRODUCTS[options.what], id=options.id)
        asyncio.run(send(ControlAction(options.action), target, urls))
    except (RTMSError, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
