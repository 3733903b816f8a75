"""The signature that proves a handshake comes from the owner of the client secret.

Pure functions over text and bytes. Nothing here keeps, logs or shows a secret.
"""

import hashlib
import hmac

__all__ = ["handshake_signature"]


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
