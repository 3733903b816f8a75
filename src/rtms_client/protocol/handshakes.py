"""What handshakes ask for, and what their answers grant."""

from typing import Final

from rtms_client._wire import inbound, outbound
from rtms_client._wire.codec import Message
from rtms_client.enums import MediaType
from rtms_client.exceptions import ParametersDowngraded, RemoteProtocolError, RTMSError
from rtms_client.protocol.connections import Connections
from rtms_client.protocol.intake import Intake
from rtms_client.protocol.links import Link, LinkState
from rtms_client.protocol.options import SessionOptions
from rtms_client.protocol.outputs import Granted

__all__ = ["carried", "compare", "granted", "handshake"]

_V2: Final = 2


def handshake(identity: outbound.Identity, options: SessionOptions, link: Link) -> Message:
    """Return the handshake of a connection."""
    if link.media is None:
        return outbound.signaling_handshake(identity, buffer_data=options.buffer_data)
    return outbound.media_handshake(identity, link.media, carried(link, options))


def carried(link: Link, options: SessionOptions) -> dict[MediaType, outbound.MediaParams]:
    """Return what was asked for of the media that a connection carries."""
    return {one: how for one, how in options.params.items() if link.carries(one)}


def compare(
    link: Link,
    answer: inbound.MediaAnswer,
    options: SessionOptions,
    intake: Intake,
    *,
    readable: bool,
) -> RTMSError | None:
    """Keep the granted parameters and make differences visible (messages notes, 2.4).

    Args:
        link: The connection.
        answer: The server's answer.
        options: What was asked for.
        intake: Where to keep what was granted.
        readable: Whether encrypted payloads can be read.

    Returns:
        The error that ends the stream, if the difference is too large.
    """
    encrypted = answer.encrypted and not readable
    if encrypted and (answer.protocol_version or 1) >= _V2:
        return RemoteProtocolError("readable media", "encrypted media and no cipher")
    for medium, requested in carried(link, options).items():
        changes = intake.granted(medium, requested, answer.params, encrypted=encrypted)
        if changes and options.strict:
            return ParametersDowngraded(Link.name_of(medium), changes)
    return None


def granted(connections: Connections, intake: Intake, protocol_version: int | None) -> Granted:
    """Return what the server gave to the media that stream now."""
    settled = [link for link in connections.media() if link.settled]
    return Granted.of(
        {
            medium: granted
            for medium, granted in intake.formats.items()
            if any(link.carries(medium) for link in settled)
        },
        protocol_version,
        certain=all(link.machine.state is LinkState.READY for link in settled),
    )
