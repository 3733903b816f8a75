"""What a client decides for its streams, and what follows from it for one of them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from rtms_client._runtime.hooks import StreamObserver, guarded, is_own_cancellation
from rtms_client._runtime.log import Log
from rtms_client._wire.outbound import MediaParams
from rtms_client.config import (
    Buffers,
    Credentials,
    CredentialsSource,
    NetworkOptions,
    ReconnectPolicy,
    RestartPolicy,
    Signature,
    StreamInfo,
    Timeouts,
)
from rtms_client.enums import MediaType
from rtms_client.exceptions import CredentialsUnavailable, InvalidParameters, RTMSError
from rtms_client.protocol import EventSubscription, SessionOptions, StreamSession
from rtms_client.protocol.reconnect import ReconnectHook
from rtms_client.protocol.restart import RestartHook
from rtms_client.signatures import handshake_signature
from rtms_client.speedups import base64_decoder

__all__ = ["StreamSettings", "find_signer", "session_options"]


@attrs.frozen(kw_only=True)
class StreamSettings:
    """Everything that a client decides for its streams."""

    credentials: CredentialsSource
    params: Mapping[MediaType, MediaParams]
    events: tuple[EventSubscription, ...] | None
    network: NetworkOptions
    timeouts: Timeouts
    buffers: Buffers
    unified: bool
    strict: bool
    buffer_data: bool
    protocol_version: int
    id_key: str | None
    reconnect: ReconnectPolicy | None
    on_reconnect: ReconnectHook | None
    restart: RestartHook | None
    restart_policy: RestartPolicy
    observers: list[Callable[[Any], StreamObserver]] = attrs.field(factory=list[Any])
    """What makes an observer for each stream; grows with `RTMSClient.observe`."""
    session_factory: Callable[[Any, SessionOptions], StreamSession] | None = None
    """Makes the state machine of each stream, to watch it."""

    def __attrs_post_init__(self) -> None:
        if self.restart is not None and isinstance(self.credentials, Signature):
            raise InvalidParameters(
                "credentials",
                "expected some for any stream, because what restart= starts again has another "
                "stream id, got a ready Signature, which is for one",
                "pass a function that finds a Signature for each stream",
            )


async def session_options(settings: StreamSettings, info: StreamInfo, log: Log) -> SessionOptions:
    """Return the options of one stream.

    Raises:
        CredentialsUnavailable: The function that finds its credentials failed.
        InvalidParameters: There are no credentials for it.
    """
    if not (settings.params or settings.events):
        log.warning("no medium was asked for, such as audio=AudioParams(): only events come")
    sign, secret = await find_signer(settings, info)
    return SessionOptions(
        params=settings.params,
        sign=sign,
        events=settings.events,
        network=settings.network,
        timeouts=settings.timeouts,
        unified=settings.unified,
        strict=settings.strict,
        buffer_data=settings.buffer_data,
        protocol_version=settings.protocol_version,
        id_key=settings.id_key,
        reconnect=settings.reconnect,
        decode_base64=base64_decoder(wanted=settings.network.speedups),
        on_reconnect=guarded(settings.on_reconnect, log),
        restart=None if settings.restart is None else settings.restart_policy,
        dice=random.random,
        secrets=(secret,),
    )


async def find_signer(
    settings: StreamSettings, info: StreamInfo
) -> tuple[Callable[[str], str], str]:
    """Return the function that signs for a product id, and what it keeps secret.

    Finding the credentials may take a while.

    Raises:
        CredentialsUnavailable: The function that finds them failed.
        InvalidParameters: What was passed, or looked up, are no credentials.
    """
    found = settings.credentials
    if callable(found):
        try:
            given = found(info)
            found = await given if isinstance(given, Awaitable) else given
        except RTMSError:
            raise  # such as a secret that is empty
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_own_cancellation():
                raise
            raise CredentialsUnavailable(info.stream_id, type(error).__name__) from error
    return _signer(found, info)


def _signer(found: object, info: StreamInfo) -> tuple[Callable[[str], str], str]:
    """Return the function that signs for a product id, and what it keeps secret.

    Raises:
        InvalidParameters: What was passed, or looked up, are no credentials.
    """
    match found:
        case Signature(value=value):
            return (lambda _: value), value
        case Credentials(client_id=client_id, client_secret=secret):
            return (
                lambda product_id: handshake_signature(
                    client_id, secret, product_id, info.stream_id
                )
            ), secret
        case _:
            raise InvalidParameters(
                "credentials",
                f"expected Credentials or a Signature, got {type(found).__name__}",
                "check what was passed, or what the function that was passed returns",
            )
