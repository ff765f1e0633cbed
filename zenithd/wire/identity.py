"""Logging in: what a client may send, who it is then, and the AuthResult it gets (zenith-websocket 2.1)."""

from __future__ import annotations

import base64
import binascii
from math import inf
from typing import Any

import msgspec

from zenithd.authority.access import NOBODY, Access
from zenithd.wire.commands import Login, LoginKind, LoginRequest
from zenithd.wire.dates import UTC_FORMATTER, format_expires_in
from zenithd.wire.scopes import granted_scopes, parse_scopes
from zenithd.wire.settings import SessionSettings, Transport

TOKEN_LENGTH_MAX = 65_536
"""Longest access token, grant or client secret, in characters."""
NAME_LENGTH_MAX = 1_024
"""Longest provider, client, user name or password, in characters."""
SCOPES_MAX = 100
"""Most entries of a Scope list."""

REJECTED: dict[str, Any] = {"Result": "Rejected"}
"""AuthResult of a login that failed, and of a connection that is not logged in."""


class InvalidLogin(ValueError):
    """Data of a login request with a field that is missing, of the wrong type or too long."""


def parse_login(kind: LoginKind, data: Any) -> LoginRequest:
    """Check the Data of AuthToken, AuthCode or AuthOwner.

    Raises:
        InvalidLogin: not what 2.1 asks for. The client is told `Rejected`, never an Error: real clients
            hang on an Error to a login.
    """
    if not isinstance(data, dict):
        raise InvalidLogin("no Data")
    provider = _text(data, "Provider", NAME_LENGTH_MAX)
    if kind is LoginKind.TOKEN:
        token = decode_access_token(_text(data, "AccessToken", TOKEN_LENGTH_MAX))
        return LoginRequest(kind=kind, provider=provider, access_token=token)
    client_id = _optional_text(data, "ClientID", NAME_LENGTH_MAX) or ""
    client_secret = _optional_text(data, "ClientSecret", TOKEN_LENGTH_MAX) or ""
    scopes = _scopes(data.get("Scope"))
    if kind is LoginKind.CODE:
        return LoginRequest(
            kind=kind,
            provider=provider,
            client_id=client_id,
            client_secret=client_secret,
            grant=_text(data, "AuthGrant", TOKEN_LENGTH_MAX),
            scopes=scopes,
        )
    return LoginRequest(
        kind=kind,
        provider=provider,
        client_id=client_id,
        client_secret=client_secret,
        user_name=_optional_text(data, "UserName", NAME_LENGTH_MAX),
        password=_optional_text(data, "Password", NAME_LENGTH_MAX),
        scopes=scopes,
    )


def _optional_text(data: dict[str, Any], field: str, length_max: int) -> str | None:
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > length_max:
        raise InvalidLogin(f"{field} is not text of at most {length_max} characters")
    return value


def _text(data: dict[str, Any], field: str, length_max: int) -> str:
    value = _optional_text(data, field, length_max)
    if value is None:
        raise InvalidLogin(f"{field} is missing")
    return value


def _scopes(value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > SCOPES_MAX or not all(isinstance(s, str) for s in value):
        raise InvalidLogin("Scope is not a list of texts")
    return parse_scopes(value)


def decode_access_token(text: str) -> str:
    """The token in what a client sent, in AuthToken or in an Authorization header.

    If it decodes as Base-64 the decoded bytes are the token, otherwise it is the token itself. Bytes that
    are not text cannot be a token that anybody issued, so then the text is taken as it is: opaque tokens
    that happen to look like Base-64 survive.
    """
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text


def encode_access_token(token: str) -> str:
    """The token as it is sent to clients."""
    return base64.b64encode(token.encode()).decode()


class Identity:
    """Who a connection is logged in as, what it may do, and until when."""

    __slots__ = (
        "_login",
        "_policy",
        "_transport",
        "access",
        "expires",
    )

    def __init__(self, settings: SessionSettings, transport: Transport) -> None:
        self._policy = settings.trading_over_plain
        self._transport = transport
        self._login: Login | None = None
        self.access = NOBODY
        """The user's rights within those of the token and of the transport."""
        self.expires = inf
        """When the login ends, in monotonic seconds."""

    @property
    def known(self) -> bool:
        """True while logged in."""
        return self._login is not None

    @property
    def token(self) -> str:
        """The access token of the login, "" if there is none."""
        return "" if self._login is None else self._login.access_token

    def withholds(self, scope: str | None) -> bool:
        """True for a right of the login that this connection is not secure enough for."""
        login = self._login
        if login is None or scope is None or scope in self.access.scopes:
            return False
        return scope in login.access.scopes and (login.scopes is None or scope in login.scopes)

    def enter(self, login: Login, asked: frozenset[str] | None, now: float) -> None:
        """A login was accepted; `asked` are the scopes that the client wants, None for all."""
        if asked is not None:
            scopes = asked if login.scopes is None else asked & login.scopes
            login = msgspec.structs.replace(login, scopes=scopes)
        self._login = login
        self.expires = inf if login.expires_in is None else now + login.expires_in
        self.access = self._granted(login)

    def use(self, settings: SessionSettings) -> None:
        """Trading on plain sockets is allowed otherwise now; rights follow when `change` is told them."""
        self._policy = settings.trading_over_plain

    def change(self, access: Access) -> None:
        """The rights of the user are others now."""
        if self._login is not None:
            self._login = msgspec.structs.replace(self._login, access=access)
            self.access = self._granted(self._login)

    def leave(self) -> None:
        """The login has ended."""
        self._login = None
        self.access = NOBODY
        self.expires = inf

    def _granted(self, login: Login) -> Access:
        scopes = login.access.scopes
        if login.scopes is not None:
            scopes &= login.scopes
        scopes = granted_scopes(
            scopes,
            secure=self._transport.secure,
            loopback=self._transport.loopback,
            policy=self._policy,
        )
        if scopes == login.access.scopes:
            return login.access  # one for all connections of the user
        return msgspec.structs.replace(login.access, scopes=scopes)

    def result(self, now: float) -> dict[str, Any]:
        """AuthResult. AccessToken is always in a Success: real clients take its absence for a failure."""
        login, access = self._login, self.access
        if login is None:
            return REJECTED
        result: dict[str, Any] = {
            "Result": "Success",
            "AccessToken": encode_access_token(login.access_token),
            "DisplayName": access.display_name or access.user,
            "UserID": access.user,
            "Scope": sorted(access.scopes),
        }
        if login.expires_at is not None:
            result["ExpiryDate"] = UTC_FORMATTER.format(login.expires_at)
        if self.expires != inf:
            result["ExpiresIn"] = format_expires_in(self.expires - now)
        return result
