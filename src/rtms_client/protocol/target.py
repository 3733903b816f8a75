"""How a stream is named in handshakes, and where its servers are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rtms_client.config import StreamInfo
from rtms_client.enums import MediaType
from rtms_client.protocol.addresses import check_url, signaling_url
from rtms_client.protocol.options import SessionOptions, candidates

if TYPE_CHECKING:
    from rtms_client._wire.outbound import Identity

__all__ = ["Target"]


class Target:
    """What it takes to reach one stream.

    Args:
        info: The stream.
        options: How to join it.

    Attributes:
        identity: What the handshakes prove.
        server_urls: URLs of the signaling server.
        media_urls: URL of each medium, as the server told.
    """

    __slots__ = ("_candidates", "_info", "_options", "identity", "media_urls", "server_urls")

    def __init__(self, info: StreamInfo, options: SessionOptions) -> None:
        self._info = info
        self._options = options
        self._candidates = candidates(info, options.id_key)
        self.identity: Identity = self._candidates.pop(0).identity(info, options)
        self.server_urls: tuple[str, ...] = info.server_urls
        self.media_urls: dict[MediaType, str] = {}

    def signaling_url(self) -> str:
        """Return the first URL of the signaling server that may be opened.

        Raises:
            HostNotAllowed: None may.
        """
        return signaling_url(self.server_urls, self._options.network)

    def accepted(self) -> None:
        """Take note that the server knows the stream by this name."""
        self._candidates.clear()

    def refused(self, status: int | None) -> bool:
        """Take the next way to name the stream, if the refusal makes it worth a try."""
        for index, candidate in enumerate(self._candidates):
            if status in candidate.after:
                del self._candidates[: index + 1]
                self.identity = candidate.identity(self._info, self._options)
                return True
        return False

    def choose_media(self, urls: Mapping[MediaType, str]) -> Mapping[MediaType, str]:
        """Return where each medium comes from; without an URL it does not (lifecycle notes, 4)."""
        shared = urls.get(MediaType.ALL)
        if self._options.unified and shared is not None:
            return {MediaType.ALL: shared}
        return {medium: urls.get(medium, shared or "") for medium in self._options.params}

    def keep_media_url(self, medium: MediaType, url: str) -> None:
        """Remember the URL of a medium.

        Raises:
            HostNotAllowed: It may not be opened.
        """
        self.media_urls[medium] = check_url(url, self._options.network)
