"""Throw-away certificates for servers on loopback.

The keys live as long as the process and protect nothing; never use them outside tests.
"""

import datetime as dt
import functools
import ipaddress
import ssl
import tempfile
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["LoopbackCertificates", "loopback_certificates", "strange_context"]

_LIFETIME = dt.timedelta(days=2)


@attrs.frozen(kw_only=True)
class LoopbackCertificates:
    """A certificate authority and one server certificate for the names of this machine's loopback.

    The server certificate is valid for ``localhost``, ``127.0.0.1`` and ``::1``.
    """

    ca_pem: bytes
    """Certificate of the authority, PEM."""
    certificate_pem: bytes
    """Certificate of the server, PEM."""
    key_pem: bytes = attrs.field(repr=False)
    """Private key of the server, PEM, unencrypted."""

    def server_context(self) -> ssl.SSLContext:
        """Make a TLS context for the server side, TLS 1.2 or newer."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The ssl module loads certificates from files only.
        with tempfile.TemporaryDirectory(prefix="rtms-client-") as directory:
            chain = Path(directory, "server.pem")
            chain.touch(mode=0o600)
            chain.write_bytes(self.key_pem + self.certificate_pem)
            context.load_cert_chain(chain)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Make a TLS context for the client side that trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.ca_pem.decode("ascii"))
        return context


@functools.cache
def loopback_certificates() -> LoopbackCertificates:
    """Make the certificates once per process; later calls return the same ones."""
    return _make()


@functools.cache
def strange_context() -> ssl.SSLContext:
    """Make a TLS context for the server side that clients of `loopback_certificates` distrust."""
    return _make().server_context()


def _make() -> LoopbackCertificates:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("rtms_client throw-away test CA")
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
    )
    certificate = (
        _builder(_name("localhost"), ca_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        # Python 3.13 verifies strictly and demands the link to the authority's key.
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return LoopbackCertificates(
        ca_pem=ca.public_bytes(serialization.Encoding.PEM),
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
        key_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFETIME)  # tests may move the clock backwards a little
        .not_valid_after(now + _LIFETIME)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
