"""Webhook signatures and answers to challenges against published vectors."""

from __future__ import annotations

import pytest

from rtms_client.signatures import url_validation_token, webhook_signature

SECRET = "test-secret-token"
BODY = (
    b'{"event":"meeting.rtms_started","event_ts":1790000000000,"payload":{'
    b'"meeting_uuid":"aBcDeFgHiJkLmNoPqRsTuA==",'
    b'"rtms_stream_id":"11111111-2222-3333-4444-555555555555",'
    b'"server_urls":"wss://rtms.example.test:443"}}'
)


def test_signature_equals_the_vector() -> None:
    """Version, timestamp and raw body are joined by colons (webhook notes, section 7)."""
    assert len(BODY) == 211
    assert webhook_signature(SECRET, "1790000000", BODY) == (
        "v0=f91031a9f95da43d53e5383cb86fabe38d5b3f767343430fc31ad5f4e4538b97"
    )


@pytest.mark.parametrize(
    ("secret", "timestamp", "body"),
    [
        ("test-secret-tokem", "1790000000", BODY),
        (SECRET, "1790000001", BODY),
        (SECRET, "01790000000", BODY),
        (SECRET, "1790000000", BODY + b" "),
    ],
    ids=["secret", "time", "spelling", "body"],
)
def test_signature_depends_on_everything(secret: str, timestamp: str, body: bytes) -> None:
    """Each part is signed, byte by byte."""
    assert not webhook_signature(secret, timestamp, body).endswith("f4e4538b97")


def test_signature_takes_any_text_and_bytes() -> None:
    """Secrets are UTF-8, bodies are what they are, and nothing is a format."""
    assert webhook_signature("geheïm", "%s", b"\xff%b\x00") == (
        "v0=af98a536a2ae68ed04c13575886bffa439e8a6f2e7817af9c6969062c0636cd6"
    )


def test_token_equals_the_vector() -> None:
    """The challenge is signed as it is (webhook notes, section 6)."""
    assert url_validation_token(SECRET, "qgg8vlvZRS6UYooatFL8Aw") == (
        "9c8ad56737c19db2904b301c0781e86857e999f39f07727668cf62a5e7e298c8"
    )
