"""The handler for AWS Lambda: events of payload format 2.0 in, answers and messages out."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest
from tests.examples import support

from rtms_client import RTMSStarted
from rtms_client.testing import SignedWebhook, sign_webhook
from rtms_client.webhooks import from_json

SECRET: Final = "test-secret-token"
STARTED: Final = {
    "event": "meeting.rtms_started",
    "event_ts": 1790000000000,
    "payload": {
        "meeting_uuid": "aBcDeFgHiJkLmNoPqRsTuA==",
        "rtms_stream_id": "the-id-of-the-stream",
        "server_urls": "wss://rtms.example.zoom.us:443",
    },
}


class Function:
    """The handler, loaded as Lambda does, and the queue that it writes to."""

    def __init__(self, queue: Path) -> None:
        self._module = support.load("web/lambda_handler")
        self._queue = queue

    def call(self, signed: SignedWebhook, **changes: object) -> dict[str, Any]:
        """Call it with the event of a request."""
        event = {"headers": dict(signed.headers), "body": signed.body.decode(), **changes}
        answer: dict[str, Any] = self._module.handler({"isBase64Encoded": False, **event}, None)
        return answer

    def messages(self) -> list[str]:
        """Read what is in the queue."""
        return [path.read_text("utf-8") for path in self._queue.glob("*.json")]


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Function:
    """Make a new instance of the function."""
    monkeypatch.syspath_prepend(support.EXAMPLES / "web")
    monkeypatch.setenv("ZOOM_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("QUEUE_URL", str(tmp_path))
    return Function(tmp_path)


@pytest.mark.parametrize("encoded", [False, True], ids=["text", "base64"])
def test_body(function: Function, *, encoded: bool) -> None:
    """The signature is that of the bytes of the request, however the event carries them."""
    signed = sign_webhook(STARTED, SECRET)
    body = base64.b64encode(signed.body).decode() if encoded else signed.body.decode()
    assert function.call(signed, body=body, isBase64Encoded=encoded) == {"statusCode": 200}
    [message] = function.messages()
    found = from_json(message)
    assert isinstance(found, RTMSStarted)
    assert found.stream.stream_id == "the-id-of-the-stream"


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title], ids=["lower", "upper", "title"])
def test_header_case(function: Function, case: Any) -> None:  # noqa: ANN401  # a method of str
    """Header names may be in any case."""
    signed = sign_webhook(STARTED, SECRET)
    headers = {case(name): value for name, value in signed.headers.items()}
    assert function.call(signed, headers=headers) == {"statusCode": 200}
    assert len(function.messages()) == 1


def test_challenge(function: Function) -> None:
    """The challenge is answered at once, and the queue does not see it."""
    challenge = {
        "event": "endpoint.url_validation",
        "event_ts": 1790000000000,
        "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
    }
    answer = function.call(sign_webhook(challenge, SECRET))
    assert answer["statusCode"] == 200
    assert answer["headers"] == {"content-type": "application/json"}
    assert json.loads(answer["body"]) == {
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": "9c8ad56737c19db2904b301c0781e86857e999f39f07727668cf62a5e7e298c8",
    }
    assert function.messages() == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"headers": {}}, 401), ({"body": "{}"}, 401), ({"body": None}, 401)],
    ids=["no signature", "another body", "no body"],
)
def test_refused(function: Function, changes: dict[str, object], status: int) -> None:
    """A request that is not Zoom's gets its status, and never reaches the queue."""
    assert function.call(sign_webhook(STARTED, SECRET), **changes) == {"statusCode": status}
    assert function.messages() == []
