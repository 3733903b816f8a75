"""The seam for payload encryption, which protocol version 2 has and version 1 has not."""

from typing import Protocol

from rtms_client._wire.codec import Message
from rtms_client.enums import MessageType

__all__ = ["PayloadCipher"]


class PayloadCipher(Protocol):
    """Turns encrypted content into plain content.

    The layout of encrypted content is not public (version 2 notes, section 5); an implementation
    that knows it plugs in here, between codec and state machine.
    """

    def decrypt(self, message_type: MessageType, message: Message) -> Message:
        """Return the message with plain content.

        Raises:
            RemoteProtocolError: The content is not authentic or not complete.
        """
        ...
