"""Events that somebody has decoded to text already."""

import pytest

from rtms_client import webhooks
from rtms_client.exceptions import WebhookNotUtf8

STARTED = (
    '{"event":"meeting.rtms_started","event_ts":1790000000000,"payload":{"meeting_uuid":"a==",'
    '"rtms_stream_id":"s-1","server_urls":"wss://rtms.zoom.us"}}'
)


def test_text_is_read_like_bytes() -> None:
    """A file read as text is as good as its bytes, where nothing is verified."""
    assert webhooks.parse_started(STARTED) == webhooks.parse_started(STARTED.encode())


def test_text_that_no_utf8_can_hold() -> None:
    """A lone surrogate is what bytes that are not UTF-8 are."""
    with pytest.raises(WebhookNotUtf8):
        webhooks.parse('{"event":"\ud800"}')
