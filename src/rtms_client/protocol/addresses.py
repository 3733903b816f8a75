"""Which server URLs may be opened: the allow-list of hosts, applied to every URL before its use."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from rtms_client.config import NetworkOptions
from rtms_client.exceptions import HostNotAllowed

__all__ = ["check_url", "origin", "signaling_url"]

_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*|[0-9a-f:.]*:[0-9a-f:.]*")
_UNPRINTABLE: Final = re.compile(r"[^!-~]")  # parsers disagree about white space and its kind
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{,19}")
_AUTHORITY_END: Final = re.compile(r"[/?#\\]")
_SHOWN_URL: Final = 100


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, for logs and errors: no path, no credentials."""
    scheme, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        scheme, rest = "(no scheme)", url
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{_UNPRINTABLE.sub('?', authority[:_SHOWN_URL])}"


def check_url(url: str, network: NetworkOptions) -> str:
    """Return the URL if it may be opened.

    Raises:
        HostNotAllowed: The scheme is not ``wss``, the host is not on the allow-list, or the URL
            holds something that no server URL needs.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise HostNotAllowed(origin(url), f"expected a URL, got: {error}") from None
    if parts.scheme != "wss" and not (parts.scheme == "ws" and network.allow_plaintext):
        raise HostNotAllowed(origin(url), "expected a wss URL")
    if (
        _UNPRINTABLE.search(url)
        or "@" in parts.netloc
        or parts.fragment
        or port == 0
        or not _HOST.fullmatch(host)
    ):
        raise HostNotAllowed(origin(url), "expected a URL of host, port, path and query only")
    if not any(
        host == allowed or host.endswith(f".{allowed}")
        for allowed in (name.lower().rstrip(".") for name in network.allowed_hosts)
    ):
        raise HostNotAllowed(
            origin(url), f"expected a host of {', '.join(network.allowed_hosts)} or a subdomain"
        )
    return url


def signaling_url(urls: Sequence[str], network: NetworkOptions) -> str:
    """Return the first signaling URL that may be opened (webhook notes, 3.4).

    Raises:
        HostNotAllowed: None may; the error is about the first.
    """
    first_error: HostNotAllowed | None = None
    for url in urls:
        try:
            return check_url(url, network)
        except HostNotAllowed as error:
            first_error = first_error or error
    raise first_error or HostNotAllowed("(none)", "expected a server URL, got none")
