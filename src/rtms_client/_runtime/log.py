"""Loggers that carry the stream."""

import logging
from typing import TypeAlias

__all__ = ["Log", "stream_log"]

Log: TypeAlias = "logging.LoggerAdapter[logging.Logger]"
"""Adds ``rtms_stream_id`` to every record."""


def stream_log(stream_id: str) -> Log:
    """Return the log of one stream."""
    return logging.LoggerAdapter(
        logging.getLogger("rtms_client.stream"), {"rtms_stream_id": stream_id}
    )
