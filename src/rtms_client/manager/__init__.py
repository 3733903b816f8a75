"""Many streams from notifications: arbiters, hooks and counters of `RTMSClient.notify`."""

from rtms_client.manager._arbiters import Arbiter, keep_all, keep_first, prefer_original_host
from rtms_client.manager._hooks import (
    EndHook,
    HookMethods,
    NotificationHook,
    RefusedHook,
    StreamHandler,
)
from rtms_client.manager._statistics import ClientStatistics

__all__ = [
    "Arbiter",
    "ClientStatistics",
    "EndHook",
    "HookMethods",
    "NotificationHook",
    "RefusedHook",
    "StreamHandler",
    "keep_all",
    "keep_first",
    "prefer_original_host",
]
