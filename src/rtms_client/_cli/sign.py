"""``sign``: the signature of a handshake, to compare it with the one of another program."""

import argparse
import json
import os

from rtms_client.signatures import handshake_signature

from .failures import EXIT_OK, EXIT_USAGE, CommandError
from .record import NO_CREDENTIALS, read_event
from .text import clean

__all__ = ["credentials", "run"]

_NAMES = (("ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET"), ("ZM_RTMS_CLIENT", "ZM_RTMS_SECRET"))


def credentials() -> tuple[str, str, str] | None:
    """Return client id and secret from the environment, and the name of the first variable."""
    for id_name, secret_name in _NAMES:
        client_id, secret = os.environ.get(id_name), os.environ.get(secret_name)
        if client_id and secret:
            return client_id, secret, id_name
    return None


def run(options: argparse.Namespace) -> int:
    """Print a signature; returns the exit code.

    Raises:
        CommandError: There are no credentials, or it is not clear what to sign.
    """
    by_hand = (options.product_id, options.stream_id)
    if options.event is not None:
        if any(by_hand):
            raise CommandError(
                EXIT_USAGE, "pass either --event or --product-id and --stream-id, not both"
            )
        info = read_event(options.event)
        product_id, stream_id = info.product_id, info.stream_id
    elif all(by_hand):
        product_id, stream_id = by_hand
    else:
        raise CommandError(
            EXIT_USAGE, "pass --event with the started webhook, or --product-id and --stream-id"
        )
    found = credentials()
    if found is None:
        raise CommandError(EXIT_USAGE, NO_CREDENTIALS)
    client_id, secret, _ = found
    signature = handshake_signature(client_id, secret, product_id, stream_id)
    if options.json:
        signed = f"{client_id},{product_id},{stream_id}"
        print(json.dumps({"signature": signature, "signed": signed}))
    else:
        print(clean(signature))
    return EXIT_OK
