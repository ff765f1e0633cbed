"""Signed tokens: what they say comes back, and nothing else is believed."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from zenithd.config import ConfigError
from zenithd.tokens import TOKENS_KNOWN_MAX, Claims, TokenFault, TokenSigner, load_key

KEY = bytes(range(32))
NOW = 1_790_000_000_123_456_789
SECOND = 1_000_000_000
SIGNER = TokenSigner(KEY, lifetime_seconds=3600)


def claims(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "iss": "zenithd",
        "aud": "zenith",
        "sub": "demo",
        "scope": "Zenith/Market",
        "iat": NOW // SECOND,
        "exp": NOW // SECOND + 60,
        "jti": "1",
    }
    return good | changes


def sign(payload: dict[str, object], algorithm: str = "HS256", key: bytes = KEY) -> str:
    return jwt.encode({"alg": algorithm}, payload, OctKey.import_key(key), algorithms=[algorithm])


def test_a_token_says_who_what_and_until_when() -> None:
    issued = SIGNER.issue("anna", {"Zenith/News", "Zenith/Market"}, NOW)
    found = SIGNER.verify(issued.text, NOW)
    assert isinstance(found, Claims)
    assert found.user == "anna"
    assert found.scopes == {"Zenith/Market", "Zenith/News"}
    assert found.issued == NOW // 1000 * 1000
    assert found.expiry == issued.expiry == (NOW // SECOND + 3600) * SECOND


def test_tokens_differ_in_their_ids() -> None:
    first, second = (SIGNER.verify(SIGNER.issue("a", (), NOW).text, NOW) for _ in range(2))
    assert isinstance(first, Claims)
    assert isinstance(second, Claims)
    assert first.id != second.id


def test_base64_of_a_token_is_read_too() -> None:
    issued = SIGNER.issue("anna", (), NOW)
    assert base64.b64decode(issued.base64_text).decode() == issued.text
    assert isinstance(SIGNER.verify(issued.base64_text, NOW), Claims)


def test_own_lifetime() -> None:
    assert SIGNER.issue("a", (), NOW, lifetime_seconds=5).expiry == (NOW // SECOND + 5) * SECOND


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (claims(iss="somebody"), TokenFault.ISSUER),
        (claims(aud="others"), TokenFault.ISSUER),
        (claims(exp=NOW // SECOND), TokenFault.EXPIRED),
        (claims(iat=NOW // SECOND + 60, exp=NOW // SECOND + 90), TokenFault.NOT_YET),
        (claims(sub=5), TokenFault.MALFORMED),
        (claims(exp="never"), TokenFault.MALFORMED),
        (claims(aud=["zenith"]), TokenFault.MALFORMED),
        ({key: value for key, value in claims().items() if key != "exp"}, TokenFault.MALFORMED),
    ],
)
def test_well_signed_tokens_that_are_refused(payload: dict[str, object], fault: TokenFault) -> None:
    assert SIGNER.verify(sign(payload), NOW) is fault


def test_expiry_is_the_first_moment_of_refusal() -> None:
    issued = SIGNER.issue("a", (), NOW)
    assert isinstance(SIGNER.verify(issued.text, issued.expiry - SECOND // 100), Claims)
    assert SIGNER.verify(issued.text, issued.expiry) is TokenFault.EXPIRED


def test_other_keys_and_algorithms_are_refused() -> None:
    assert SIGNER.verify(sign(claims(), key=bytes(32)), NOW) is TokenFault.SIGNATURE
    assert SIGNER.verify(sign(claims(), "HS384"), NOW) is TokenFault.MALFORMED
    rsa = RSAKey.generate_key(2048)
    assert SIGNER.verify(jwt.encode({"alg": "RS256"}, claims(), rsa), NOW) is TokenFault.MALFORMED


def unsecured(payload: dict[str, object], algorithm: str, signature: str = "") -> str:
    parts = [json.dumps({"alg": algorithm, "typ": "JWT"}), json.dumps(payload)]
    return (
        ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        + f".{signature}"
    )


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", "RS256", "EdDSA", "dir"])
def test_unsigned_tokens_are_refused(algorithm: str) -> None:
    assert isinstance(SIGNER.verify(unsecured(claims(), algorithm), NOW), TokenFault)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "....",
        "a.b.c",
        "\ud800.b.c",
        "é" * 20,
        "A" * 100_000,
        unsecured({}, "[" * 3000),
        "W1tbW1tb" * 900 + ".e30.x",
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"a.b.c").decode(),
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    assert isinstance(SIGNER.verify(text, NOW), TokenFault)


@given(st.text(max_size=200) | st.lists(st.text(max_size=20), min_size=3, max_size=5).map(".".join))
def test_no_text_makes_it_raise(text: str) -> None:
    assert isinstance(SIGNER.verify(text, NOW), TokenFault)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_flipped_bit_goes_unnoticed(position: int, mask: int) -> None:
    token = bytearray(SIGNER.issue("anna", ["Zenith/Market"], NOW).text.encode())
    position %= len(token) - 1  # the last character of base 64 has bits that mean nothing
    token[position] ^= mask
    assert isinstance(SIGNER.verify(token.decode("latin-1"), NOW), TokenFault)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    key = load_key(folder)
    assert len(key) == 32
    assert load_key(folder) == key
    assert stat.S_IMODE((folder / "token.key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["token.key"]


@pytest.mark.parametrize("content", [b"", b"abcd", b"zz" * 32, b"\xff" * 64])
def test_a_damaged_key_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token.key").write_bytes(content)
    with pytest.raises(ConfigError, match="expected a key of 32 bytes in hexadecimal; restore it"):
        load_key(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(ConfigError, match="expected a file that the daemon may read and make"):
        load_key(tmp_path / "var")


def test_a_token_that_is_known_ends_at_the_same_moment() -> None:
    signer = TokenSigner(KEY, lifetime_seconds=60)
    issued = signer.issue("anna", (), NOW)
    for moment in (NOW, issued.expiry - SECOND):
        assert isinstance(signer.verify(issued.text, moment), Claims)
    assert signer.verify(issued.text, issued.expiry) is TokenFault.EXPIRED
    assert signer.verify(issued.text, NOW - 6 * SECOND) is TokenFault.NOT_YET
    assert isinstance(signer.verify(issued.text, NOW), Claims)


def test_more_tokens_than_are_remembered() -> None:
    signer = TokenSigner(KEY, lifetime_seconds=60)
    first = signer.issue("first", (), NOW).text
    assert isinstance(signer.verify(first, NOW), Claims)
    for number in range(TOKENS_KNOWN_MAX):
        found = signer.verify(signer.issue(f"user{number}", (), NOW).text, NOW)
        assert isinstance(found, Claims)
        assert found.user == f"user{number}"
    assert len(signer._known) == TOKENS_KNOWN_MAX
    found = signer.verify(first, NOW)
    assert isinstance(found, Claims)
    assert found.user == "first"
