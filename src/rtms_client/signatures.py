"""The signatures of RTMS: of handshakes, which we make, and of webhooks, which Zoom makes.

Pure functions over text and bytes. Nothing here keeps, logs or shows a secret.
"""

import hashlib
import hmac

__all__ = ["handshake_signature", "url_validation_token", "webhook_signature"]


def handshake_signature(
    client_id: str, client_secret: str, product_id: str, rtms_stream_id: str
) -> str:
    """Sign the signaling and media handshakes of one stream.

    The signature has no time stamp and does not expire; all handshakes of a stream carry the same
    one (lifecycle notes, section 2).

    Args:
        client_id: Client id of the app, or the SDK key of Video SDK.
        client_secret: Client secret of the app, or the SDK secret of Video SDK.
        product_id: Id of the meeting, webinar, session, engagement or call, exactly as received.
        rtms_stream_id: Id of the stream, exactly as received.

    Returns:
        64 lower-case hexadecimal digits.
    """
    message = f"{client_id},{product_id},{rtms_stream_id}"
    return hmac.new(client_secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def webhook_signature(secret_token: str, timestamp: str, body: bytes) -> str:
    """Sign a webhook as Zoom does (webhook notes, section 7).

    To verify a webhook use `rtms_client.webhooks.receive`, which also compares in constant time and
    refuses replays.

    Args:
        secret_token: Secret token of the app's event subscription; not the client secret.
        timestamp: Header ``x-zm-request-timestamp``, exactly as received: Unix time in seconds.
        body: The raw body, exactly as received.

    Returns:
        What the header ``x-zm-signature`` should hold: ``v0=`` and 64 lower-case hexadecimal
        digits.
    """
    code = hmac.new(secret_token.encode(), b"v0:%b:" % timestamp.encode(), hashlib.sha256)
    code.update(body)  # apart, because the body may be large
    return f"v0={code.hexdigest()}"


def url_validation_token(secret_token: str, plain_token: str) -> str:
    """Answer the challenge that Zoom sends to a webhook address (webhook notes, section 6).

    Sign only tokens that cannot be mistaken for a webhook: an answer to ``v0:1790000000:{...}``
    would be a valid signature of that body. `rtms_client.webhooks.receive` sees to it.

    Args:
        secret_token: Secret token of the app's event subscription; not the client secret.
        plain_token: The challenge.

    Returns:
        The ``encryptedToken`` of the answer: 64 lower-case hexadecimal digits.
    """
    return hmac.new(secret_token.encode(), plain_token.encode(), hashlib.sha256).hexdigest()
