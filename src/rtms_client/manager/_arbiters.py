"""Which of several streams of one meeting to keep."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from rtms_client.config import StreamInfo

__all__ = ["Arbiter", "keep_all", "keep_first", "prefer_original_host"]

Arbiter: TypeAlias = Callable[[Sequence[StreamInfo]], Iterable[StreamInfo]]
"""Gets the streams of one meeting, oldest first and the one that was just announced last; returns
those to keep. It decides at once: it must neither block nor be a coroutine function."""


def keep_all(streams: Sequence[StreamInfo]) -> Iterable[StreamInfo]:
    """Keep every stream, which is the default: one meeting may well have several."""
    return streams


def keep_first(streams: Sequence[StreamInfo]) -> Iterable[StreamInfo]:
    """Keep the stream that was announced first, and refuse all others."""
    return streams[:1]


def prefer_original_host(streams: Sequence[StreamInfo]) -> Iterable[StreamInfo]:
    """Keep the stream of the original host; as long as there is none, the first."""
    return [stream for stream in streams if stream.is_original_host][:1] or streams[:1]
