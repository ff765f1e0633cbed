"""Certificates that can be used, that cannot, and when they end."""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from zenithd.server.tls import BadCertificate, Certificate, Tls, expiry_reason

AUTHORITY = trustme.CA()
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def issue(folder: Path, not_after: datetime | None = None) -> Certificate:
    """Put a certificate and its key into a folder."""
    folder.mkdir(exist_ok=True)
    issued = AUTHORITY.issue_cert("localhost", not_after=not_after)
    certificate = Certificate(folder / "chain.pem", folder / "key.pem")
    certificate.chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    certificate.key.write_bytes(issued.private_key_pem.bytes())
    return certificate


def test_the_end_is_that_of_the_servers_own_certificate(tmp_path: Path) -> None:
    """The first of the chain: those after it belong to authorities."""
    certificate = issue(tmp_path, NOW)
    certificate.chain.write_bytes(certificate.chain.read_bytes() + AUTHORITY.cert_pem.bytes())
    assert Tls(certificate).expires == NOW


def encrypt(certificate: Certificate) -> None:
    key = serialization.load_pem_private_key(certificate.key.read_bytes(), None)
    certificate.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )


def of_another(certificate: Certificate) -> None:
    certificate.key.write_bytes(AUTHORITY.issue_cert("other").private_key_pem.bytes())


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (encrypt, "key.pem is encrypted; store the key without a password"),
        (of_another, "chain.pem, .*key.pem: .*"),
        (lambda one: one.key.write_text("no key"), "chain.pem, .*key.pem: .*"),
        (lambda one: one.chain.write_text("no certificate"), "chain.pem, .*key.pem: .*"),
        (lambda one: one.chain.unlink(), "chain.pem, .*key.pem: .*"),
    ],
)
def test_what_cannot_be_used_leaves_the_old_one(tmp_path: Path, spoil: object, told: str) -> None:
    good = issue(tmp_path / "good", NOW)
    bad = issue(tmp_path / "bad", NOW + timedelta(days=1))
    assert callable(spoil)
    spoil(bad)
    with pytest.raises(BadCertificate, match=told):
        Tls(bad)
    tls = Tls(good)
    context = tls.context
    with pytest.raises(BadCertificate, match=told):
        tls.load(bad)
    assert (tls.context, tls.expires) == (context, NOW)
    shake_hands(tls.context)


def test_a_renewed_one_is_for_new_connections(tmp_path: Path) -> None:
    certificate = issue(tmp_path, NOW + timedelta(days=1))
    tls = Tls(certificate)
    before = shake_hands(tls.context)
    issue(tmp_path, NOW + timedelta(days=90))
    tls.load(certificate)
    assert shake_hands(tls.context) != before
    assert tls.expires == NOW + timedelta(days=90)


def shake_hands(context: ssl.SSLContext) -> bytes:
    """Connect in memory; return the certificate (DER) that was shown."""
    client_context = ssl.create_default_context()
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    return shown


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(days=14), None),
        (timedelta(days=13), "it ends on 2026-12-04 00:00 UTC"),
        (timedelta(days=-1), "it ended on 2026-11-20 00:00 UTC"),
    ],
)
def test_when_to_renew(left: timedelta, told: str | None) -> None:
    assert expiry_reason(NOW + left, NOW.timestamp()) == told
