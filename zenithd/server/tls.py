"""TLS of the listener: one context whose certificate can be renewed while connections are open."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec


class BadCertificate(Exception):
    """The certificate or key cannot be used. Blame: the operator."""


class Certificate(msgspec.Struct, frozen=True):
    """PEM files of a certificate chain and its private key."""

    chain: Path
    key: Path


def make_context(certificate: Certificate) -> ssl.SSLContext:
    """Make the server's context: TLS 1.2 and newer, HTTP/1.1.

    Raises:
        BadCertificate: a file is missing, not PEM, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load(context, certificate)
    return context


def load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Load a certificate into a context; connections made from now on present it.

    Raises:
        BadCertificate: as above; the context keeps what it had, since a trial context is loaded first.
    """
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        trial.load_cert_chain(certificate.chain, certificate.key)
        context.load_cert_chain(certificate.chain, certificate.key)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(f"{certificate.chain}, {certificate.key}: {error}") from None
