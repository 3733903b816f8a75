"""The WebSocket transport: opens connections, directly or through a proxy."""

import functools
import ssl

from websockets.exceptions import InvalidProxy, InvalidStatus, WebSocketException

from rtms_client._transport.base import Transport
from rtms_client._transport.channel import open_channel
from rtms_client.config import NetworkOptions
from rtms_client.exceptions import CertificateRejected, ConnectFailed, InvalidParameters, RTMSError
from rtms_client.protocol.addresses import origin

__all__ = ["WebSocketConnector"]


class WebSocketConnector:
    """Opens WebSocket connections.

    Args:
        network: How to reach the servers.
    """

    def __init__(self, network: NetworkOptions) -> None:
        self._network = network

    async def __call__(self, endpoint: str, url: str) -> Transport:
        """Open one connection; cancelling leaves nothing behind.

        Raises:
            CertificateRejected: TLS does not trust the server.
            ConnectFailed: The connection did not come about for another reason.
            InvalidParameters: `NetworkOptions` holds unusable TLS or proxy settings.
        """
        context = self._tls if url.startswith("wss:") else None
        size, proxy = self._network.max_message_bytes, self._network.proxy or None
        try:
            if proxy is None or (proxy is True and not _system_has_proxies()):
                return await open_channel(url, size, context)
            from rtms_client._transport.proxied import open_proxied  # noqa: PLC0415  # rarely needed

            return await open_proxied(url, size, context, proxy)
        except ImportError:
            raise InvalidParameters(
                "NetworkOptions.proxy",
                "expected the URL of an HTTP proxy, got a SOCKS proxy",
                "use http://host:port, or install python-socks",
            ) from None
        except InvalidProxy:
            raise _bad_proxy() from None
        except (OSError, WebSocketException, EOFError, UnicodeError) as error:
            raise _mapped(error, endpoint, origin(url)) from error
        except ValueError:  # a port that is none
            raise _bad_proxy() from None

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """TLS settings: TLS 1.2 or later, verified."""
        context = self._network.ssl_context
        if context is None:
            try:
                context = ssl.create_default_context(cafile=self._network.ca_file)
            except OSError as error:
                raise InvalidParameters(
                    "NetworkOptions.ca_file",
                    f"expected a PEM file with certificates, got: {error.strerror or error}",
                    "check path and content",
                ) from error
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        elif context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
            raise InvalidParameters(
                "NetworkOptions.ssl_context",
                "expected a context that verifies certificate and host name",
                "use ssl.create_default_context(cafile=...)",
            )
        elif context.minimum_version < ssl.TLSVersion.TLSv1_2:
            raise InvalidParameters(
                "NetworkOptions.ssl_context",
                "expected TLS 1.2 or later",
                "set minimum_version = ssl.TLSVersion.TLSv1_2",
            )
        return context


def _system_has_proxies() -> bool:
    """Tell whether there is a choice to make; websockets makes it, host by host."""
    from urllib.request import getproxies  # noqa: PLC0415  # takes long to import

    return bool(getproxies())


def _bad_proxy() -> InvalidParameters:
    """Make the error for a proxy URL; the text of its cause may hold a password."""
    return InvalidParameters(
        "NetworkOptions.proxy", "expected the URL of a proxy", "use http://host:port"
    )


def _mapped(error: Exception, endpoint: str, host: str) -> RTMSError:
    """Turn a foreign error into ours."""
    match error:
        case ssl.SSLCertVerificationError():
            return CertificateRejected(endpoint, host, error.verify_message)
        case InvalidStatus():
            return ConnectFailed(endpoint, host, f"HTTP status {error.response.status_code}")
        case OSError():
            return ConnectFailed(endpoint, host, error.strerror or str(error))
        case _:
            return ConnectFailed(endpoint, host, f"{type(error).__name__}: {error}")
