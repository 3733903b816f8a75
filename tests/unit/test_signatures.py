"""Handshake signatures against published vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtms_client.signatures import handshake_signature

VECTORS: list[dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "data" / "signatures.json").read_text("utf-8")
)


@pytest.mark.parametrize("vector", VECTORS, ids=["general-app", "video-sdk"])
def test_signature_equals_the_vector(vector: dict[str, str]) -> None:
    """The parts are joined by commas and signed with the secret (protocol notes, row 33)."""
    assert (
        handshake_signature(
            vector["client_id"],
            vector["client_secret"],
            vector["product_id"],
            vector["stream_id"],
        )
        == vector["signature"]
    )


def test_signature_takes_ids_verbatim() -> None:
    """Slash, plus and equals signs of an id are not encoded, and text is UTF-8."""
    assert (
        handshake_signature("cliënt", "geheim", "/a+b/==", "s")
        == "7b836185a2b6343d281e447a697acea4d308b4e75ded2b86defb5f17d0edbf7b"
    )
