"""The throw-away certificates of the fake server."""

import ssl

import pytest

from rtms_client.testing._certificates import loopback_certificates


def test_they_are_made_once() -> None:
    """Making a key takes milliseconds, so a process makes its certificates once."""
    assert loopback_certificates() is loopback_certificates()


def test_the_key_is_not_shown() -> None:
    """A private key does not belong into a test report, even a worthless one."""
    assert "PRIVATE KEY" not in repr(loopback_certificates())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_strict_client_trusts_the_server(name: str) -> None:
    """A TLS handshake in memory succeeds for every name of the loopback."""
    certificates = loopback_certificates()
    client_context = certificates.client_context()
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = certificates.server_context().wrap_bio(to_server, to_client, server_side=True)

    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    server.do_handshake()

    assert client.version() == "TLSv1.3"


def test_tls_1_1_is_refused() -> None:
    """Both sides demand TLS 1.2."""
    certificates = loopback_certificates()
    assert certificates.server_context().minimum_version is ssl.TLSVersion.TLSv1_2
    assert certificates.client_context().minimum_version is ssl.TLSVersion.TLSv1_2
