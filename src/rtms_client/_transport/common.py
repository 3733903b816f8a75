"""What both ways to a WebSocket have in common."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State

from rtms_client._transport.base import Receiver

__all__ = [
    "ALIVE",
    "CLOSE_TIMEOUT_S",
    "DATA_OPCODES",
    "LOG",
    "WRITE_LIMIT",
    "report_end",
    "wait_gone",
]

CLOSE_TIMEOUT_S: Final = 0.5
_DRAIN_LIMIT_S: Final = 5.0  # for a server that never stops sending
WRITE_LIMIT: Final = 1024 * 1024  # we send a few small messages; more means that nobody reads
DATA_OPCODES: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
ALIVE: Final = frozenset({State.CONNECTING, State.OPEN})
_ABNORMAL: Final = 1006  # RFC 6455, section 7.1.5

# At DEBUG websockets logs whole messages: signatures, names, text and media. The level spares the
# time, the filter holds also when somebody sets all loggers to DEBUG.
LOG: Final = logging.getLogger("rtms_client.websockets")
LOG.setLevel(logging.INFO)
LOG.addFilter(lambda record: record.levelno > logging.DEBUG)


def report_end(protocol: ClientProtocol, receiver: Receiver, network_error: str) -> None:
    """Tell a receiver how a connection ended."""
    received, sent = protocol.close_rcvd, protocol.close_sent
    if sent is not None and not protocol.close_rcvd_then_sent:
        receiver.connection_lost(sent.code, sent.reason)  # the parser gave up
    elif received is not None:
        receiver.connection_lost(received.code, received.reason)
    else:
        receiver.connection_lost(_ABNORMAL, network_error)


async def wait_gone(
    gone: asyncio.Future[None], read_count: Callable[[], int], *, drain: bool
) -> None:
    """Wait half a second for the end of a connection that is being closed.

    Args:
        gone: Done when it has ended.
        read_count: Returns how often something was read.
        drain: Wait on as long as something comes, because half a second is not enough for much
            that the server has sent, or for a busy machine; at most five seconds.
    """
    now = asyncio.get_running_loop().time
    give_up = now() + (_DRAIN_LIMIT_S if drain else CLOSE_TIMEOUT_S)
    known = -1
    while (left := give_up - now()) > 0 and known != (known := read_count()):
        await asyncio.wait([gone], timeout=min(left, CLOSE_TIMEOUT_S))
        if gone.done():
            return
