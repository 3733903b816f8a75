"""Events that somebody has decoded to text already."""

from pathlib import Path
from typing import Any

import pytest

from rtms_client import webhooks
from rtms_client.exceptions import InvalidParameters, WebhookNotJson, WebhookNotUtf8

STARTED = (
    '{"event":"meeting.rtms_started","event_ts":1790000000000,"payload":{"meeting_uuid":"a==",'
    '"rtms_stream_id":"s-1","server_urls":"wss://rtms.zoom.us"}}'
)


def test_text_is_read_like_bytes() -> None:
    """A file read as text is as good as its bytes, where nothing is verified."""
    assert webhooks.parse_started(STARTED) == webhooks.parse_started(STARTED.encode())


def test_the_name_of_a_file_is_no_webhook() -> None:
    """The error says what is expected, and that this may be a name; it does not repeat the text."""
    with pytest.raises(WebhookNotJson) as caught:
        webhooks.parse_started("canary.json")
    assert str(caught.value) == (
        "expected the body of a webhook, which is JSON, got text that is not JSON, perhaps a "
        "file's name"
    )
    assert caught.value.__context__ is None


def test_broken_text_is_no_name() -> None:
    """What could be meant as JSON is told from a name."""
    with pytest.raises(WebhookNotJson) as caught:
        webhooks.parse_started(STARTED[:-1])
    assert "name" not in str(caught.value)


@pytest.mark.parametrize("event", [Path("canary.json"), [], None, 1])
def test_what_is_no_event_at_all(event: Any) -> None:  # noqa: ANN401  # the mistake
    """The error names the type that came."""
    with pytest.raises(InvalidParameters) as caught:
        webhooks.parse_started(event)
    assert str(caught.value) == (
        f"event: expected the body of a webhook as bytes, str or mapping, got "
        f"{type(event).__name__}; pass what the request brought, or what json.load read from a file"
    )


def test_text_that_no_utf8_can_hold() -> None:
    """A lone surrogate is what bytes that are not UTF-8 are."""
    with pytest.raises(WebhookNotUtf8):
        webhooks.parse('{"event":"\ud800"}')
