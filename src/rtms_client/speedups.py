"""Optional packages that make the library faster; installed by the extra ``fast``.

They are used when they are there, and change nothing but the time it takes:

* ``pybase64`` decodes base64 with the vector instructions of the processor.

``NetworkOptions(speedups=False)`` or ``RTMS_CLIENT_SPEEDUPS=0`` in the environment does without.
"""

import os
from collections.abc import Callable
from typing import Final

from rtms_client._wire.media import strict_base64

__all__ = ["active", "base64_decoder"]

_VARIABLE: Final = "RTMS_CLIENT_SPEEDUPS"
_OFF: Final = frozenset({"0", "no", "off", "false"})


def active() -> tuple[str, ...]:
    """Return the names of the packages that are used unless `NetworkOptions` says otherwise."""
    return () if base64_decoder() is strict_base64 else ("pybase64",)


def base64_decoder(*, wanted: bool = True) -> Callable[[bytes], bytes]:
    """Return the fastest decoder that there is; it raises `ValueError` where anything is wrong.

    Args:
        wanted: Whether optional packages may be used.
    """
    if not wanted or os.environ.get(_VARIABLE, "").lower() in _OFF:
        return strict_base64
    try:
        import pybase64  # noqa: PLC0415  # a plain import does without
    except ImportError:
        return strict_base64
    decode = pybase64.b64decode

    def strict(data: bytes) -> bytes:
        return decode(data, None, True)  # noqa: FBT003  # positional arguments are quicker

    return strict
