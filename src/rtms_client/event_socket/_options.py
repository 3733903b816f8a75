"""What users choose and see of the event WebSocket."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import attrs

from rtms_client.config import BufferLimits, OverflowPolicy, ReconnectPolicy
from rtms_client.config._checks import positive

__all__ = ["EventSocketOptions", "EventSocketStatistics", "TokenSource"]

TokenSource: TypeAlias = Callable[[], str | Awaitable[str]]
"""A function or coroutine function that finds an access token; called for every connection."""

_MIB: Final = 1024 * 1024
_RETRY: Final = ReconnectPolicy(first_delay_s=1.0, base_s=5.0, cap_s=60.0, jitter=0.2, attempts=10)
_BUFFER: Final = BufferLimits(max_items=10_000, max_bytes=16 * _MIB, policy=OverflowPolicy.CLOSE)


@attrs.frozen(kw_only=True)
class EventSocketOptions:
    """Times, in seconds, and limits of an event WebSocket (webhook notes, 8)."""

    token_s: float = attrs.field(default=30.0, validator=positive)
    """How long the function that finds the token may take."""
    connect_s: float = attrs.field(default=10.0, validator=positive)
    """TCP, proxy, TLS and WebSocket upgrade of one connection together."""
    heartbeat_s: float = attrs.field(default=30.0, validator=positive)
    """Time between two heartbeats; the first one is sent at once."""
    silence_s: float = attrs.field(default=95.0, validator=positive)
    """Without any message for so long, a connection counts as dead, if the server has answered a
    heartbeat on it before."""
    renew_after_s: float = attrs.field(default=3000.0, validator=positive)
    """Age at which a connection is replaced by one with a new token; tokens live about an hour."""
    retry: ReconnectPolicy = _RETRY
    """When to try again; `attempts` counts the tries in a row before giving up, `None` means never.
    The windows, which are about streams, do not count here."""
    buffer: BufferLimits = _BUFFER
    """How much may wait for the application; whatever the policy is, more is an error, because
    nothing is delivered twice."""


@attrs.define(kw_only=True)
class EventSocketStatistics:
    """Counters of an event WebSocket; they only grow."""

    attempts: int = 0
    """Connections that were begun."""
    connections: int = 0
    """Connections that were opened."""
    messages: int = 0
    """Messages received, of any kind."""
    notifications: int = 0
    """Notifications among them."""
    duplicates: int = 0
    """Notifications that had come before; removed."""
    unreadable: int = 0
    """Messages in which there was something else than what there should be."""
