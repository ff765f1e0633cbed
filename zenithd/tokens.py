"""Access tokens: JSON Web Tokens signed with a key that never leaves the state folder (HS256, RFC 7519).

Only tokens of one algorithm, issuer and audience are read; a token says who and until when, the rights are
looked up anew at each login, so that a token never grants more than the user still has.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OctKey

from zenithd.config import ConfigError
from zenithd.files import write_private

ALGORITHM = "HS256"
AUDIENCE = "zenith"
ISSUER = "zenithd"
KEY_BYTES = 32
KEY_FILE = "token.key"
TOKEN_BYTES_MAX = 8192
CLOCK_SKEW_SECONDS = 5.0
"""How far in the future a token may claim to be issued: clocks are set back now and then."""

TOKENS_KNOWN_MAX = 1_024
"""Genuine tokens that are recognised without their signature being checked again: clients that come back."""

_NANOSECONDS = 1_000_000_000


class TokenFault(enum.Enum):
    """Why a token is refused."""

    MALFORMED = "it is not a token of this kind"
    SIGNATURE = "its signature is wrong"
    ISSUER = "it was issued by or for somebody else"
    NOT_YET = "it is not valid yet"
    EXPIRED = "it has expired"


class IssuedToken(msgspec.Struct, frozen=True):
    """A fresh token."""

    text: str
    expiry: int
    """Nanoseconds since the Unix epoch, UTC."""

    @property
    def base64_text(self) -> str:
        """As the wire's AccessToken (zenith-websocket 2.1)."""
        return base64.b64encode(self.text.encode()).decode()


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a valid token says. Times are nanoseconds since the Unix epoch, UTC."""

    user: str
    scopes: frozenset[str]
    """The scopes asked for at login; the user's present scopes limit them further."""
    issued: int
    expiry: int
    id: str


class _Payload(msgspec.Struct, frozen=True):
    """The claims as they stand in the token; times in seconds."""

    iss: str
    aud: str
    sub: str
    scope: str
    iat: float
    exp: float
    jti: str


class TokenSigner:
    """Issues and verifies tokens with one key."""

    def __init__(self, key: bytes, lifetime_seconds: int) -> None:
        self._key = OctKey.import_key(key)
        self._known: dict[bytes, _Genuine] = {}
        """By SHA-256 of the text. Whether a token is valid now is another question, asked each time."""
        self.lifetime_seconds = lifetime_seconds

    def issue(
        self, user: str, scopes: Iterable[str], now: int, lifetime_seconds: int | None = None
    ) -> IssuedToken:
        """Sign a token for a user; `now` is nanoseconds since the Unix epoch."""
        lifetime = self.lifetime_seconds if lifetime_seconds is None else lifetime_seconds
        issued = now // 1000 / 1e6  # microseconds: what a float holds exactly enough
        claims = _Payload(
            iss=ISSUER,
            aud=AUDIENCE,
            sub=user,
            scope=" ".join(sorted(scopes)),
            iat=issued,
            exp=now // _NANOSECONDS + lifetime,
            jti=secrets.token_hex(8),
        )
        text = jwt.encode({"alg": ALGORITHM}, msgspec.to_builtins(claims), self._key, algorithms=[ALGORITHM])
        return IssuedToken(text, int(claims.exp) * _NANOSECONDS)

    def verify(self, token: str, now: int) -> Claims | TokenFault:
        """Read a token as it is, or in base 64 (zenith-websocket 2.1); never raises for a bad one."""
        if len(token) > TOKEN_BYTES_MAX:
            return TokenFault.MALFORMED
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        genuine = self._known.get(digest)
        if genuine is None:
            read = self._read(token)
            if isinstance(read, TokenFault):
                return read
            if len(self._known) >= TOKENS_KNOWN_MAX:
                del self._known[next(iter(self._known))]
            genuine = self._known[digest] = read
        return _judge(genuine, now)

    def _read(self, token: str) -> _Genuine | TokenFault:
        """What depends on the text and the key alone, and so is the same each time."""
        try:
            decoded = jwt.decode(plain_token(token), self._key, algorithms=[ALGORITHM])
            payload = msgspec.convert(decoded.claims, _Payload)
            return _Genuine(payload, _claims(payload))
        except BadSignatureError:
            return TokenFault.SIGNATURE
        except (JoseError, msgspec.ValidationError, ValueError, TypeError, RecursionError, OverflowError):
            return TokenFault.MALFORMED  # whatever else a peer may have put together


class _Genuine(NamedTuple):
    """What stands in a token whose signature is right, whether it is valid now or not."""

    payload: _Payload
    claims: Claims


def _claims(payload: _Payload) -> Claims:
    return Claims(
        user=payload.sub,
        scopes=frozenset(payload.scope.split()),
        issued=round(payload.iat * 1e6) * 1000,
        expiry=int(payload.exp * _NANOSECONDS),
        id=payload.jti,
    )


def _judge(genuine: _Genuine, now: int) -> Claims | TokenFault:
    payload, seconds = genuine.payload, now / _NANOSECONDS
    if payload.iss != ISSUER or payload.aud != AUDIENCE:
        return TokenFault.ISSUER
    if payload.iat > seconds + CLOCK_SKEW_SECONDS:
        return TokenFault.NOT_YET
    if payload.exp <= seconds:
        return TokenFault.EXPIRED
    return genuine.claims


def plain_token(text: str) -> str:
    """The token inside base 64 if the text is that; else the text itself. A token has dots, base 64 none."""
    try:
        return base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return text


def load_key(state_directory: Path) -> bytes:
    """Read the signing key, made at first use and readable for the owner alone.

    Raises:
        ConfigError: the file cannot be read or written, or holds something else.
    """
    path = state_directory / KEY_FILE
    try:
        if not path.exists():
            fresh = secrets.token_bytes(KEY_BYTES)
            write_private(path, fresh.hex().encode() + b"\n", replace=False)  # another process may be first
        text = path.read_bytes()
    except OSError as error:
        expected = f"a file that the daemon may read and make, found: {error.strerror}"
        raise ConfigError(str(path), None, "", expected, "correct its owner or folder") from None
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        remedy = "restore it from a backup, or remove it: all tokens then become invalid"
        expected = f"a key of {KEY_BYTES} bytes in hexadecimal"
        raise ConfigError(str(path), None, "", expected, remedy)
    return key
