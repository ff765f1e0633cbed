"""TLS of the listener: a certificate that can be renewed while connections are open."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

RENEW_BEFORE_SECONDS = 14 * 86_400
"""So long before its end a certificate should have been renewed: automatic ones are after two thirds of
their 47 to 90 days."""


class BadCertificate(Exception):
    """The certificate or key cannot be used. Blame: the operator."""


class Certificate(msgspec.Struct, frozen=True):
    """PEM files of a certificate chain and its private key."""

    chain: Path
    key: Path


class Tls:
    """What new connections are shown.

    Each certificate has a context of its own: a context into which a second one is loaded would be left
    with the new certificate and the old key if the files change between the two.

    Attributes:
        context: for connections made from now on; those that exist keep theirs.
        expires: when the certificate ends.

    Raises (when built):
        BadCertificate: a file is missing, not PEM, encrypted, or the two do not belong together.
    """

    def __init__(self, certificate: Certificate) -> None:
        self.context: ssl.SSLContext
        self.expires: datetime
        self.load(certificate)

    def load(self, certificate: Certificate) -> None:
        """Read the files again.

        Raises:
            BadCertificate: as above; everything stays as it was.
        """
        context = make_context(certificate)
        self.expires = expiry(certificate.chain)
        self.context = context


def make_context(certificate: Certificate) -> ssl.SSLContext:
    """Make a server's context: TLS 1.2 and newer, HTTP/1.1.

    Raises:
        BadCertificate: a file is missing, not PEM, encrypted, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])

    def refuse_to_ask() -> str:
        # OpenSSL would ask for it on the terminal, and hold the whole daemon meanwhile.
        raise BadCertificate(f"{certificate.key} is encrypted; store the key without a password")

    try:
        context.load_cert_chain(certificate.chain, certificate.key, password=refuse_to_ask)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(f"{certificate.chain}, {certificate.key}: {error}") from None
    return context


def expiry(chain: Path) -> datetime:
    """When the first certificate of a PEM file ends: the one that is the server's own.

    Raises:
        BadCertificate: there is none in it.
    """
    try:
        return x509.load_pem_x509_certificates(chain.read_bytes())[0].not_valid_after_utc
    except (OSError, ValueError) as error:
        raise BadCertificate(f"{chain}: {error}") from None


def expiry_reason(expires: datetime, now: float) -> str | None:
    """One line on a certificate that has ended or soon will; `now` is seconds since 1970."""
    left = expires.timestamp() - now
    if left >= RENEW_BEFORE_SECONDS:
        return None
    when = expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"it ended on {when}" if left <= 0 else f"it ends on {when}"
