"""Logins: what clients may send, tokens, and who they are then."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from zenithd.authority.access import NOBODY, Access
from zenithd.wire.commands import CheckLogin, Login, LoginKind
from zenithd.wire.identity import (
    NAME_LENGTH_MAX,
    TOKEN_LENGTH_MAX,
    Identity,
    InvalidLogin,
    decode_access_token,
    encode_access_token,
    parse_login,
)
from zenithd.wire.scopes import TradingOverPlain
from zenithd.wire.settings import SessionSettings, Transport


def identity() -> Identity:
    return Identity(SessionSettings(served=frozenset()), Transport(loopback=True))


@pytest.mark.parametrize(
    ("sent", "token"),
    [
        (base64.b64encode(b"a.b.c").decode(), "a.b.c"),
        ("eyJh.eyJi.c2ln", "eyJh.eyJi.c2ln"),
        ("demo", "demo"),  # decodes, but not to text
        ("", ""),
        ("YQ", "YQ"),  # padding is missing
        ("YQ==", "a"),
        (" YQ==", " YQ=="),
        ("é", "é"),
    ],
)
def test_decode_access_token(sent: str, token: str) -> None:
    assert decode_access_token(sent) == token


def test_tokens_round_trip() -> None:
    assert decode_access_token(encode_access_token("eyJh.eyJi.c2ln-_é")) == "eyJh.eyJi.c2ln-_é"


def test_auth_token() -> None:
    request = parse_login(LoginKind.TOKEN, {"Provider": "Bearer", "AccessToken": "YS5i", "More": 1})
    assert (request.provider, request.access_token, request.scopes) == ("Bearer", "a.b", None)


def test_auth_owner() -> None:
    request = parse_login(
        LoginKind.OWNER,
        {
            "Provider": "BasicAuth",
            "ClientID": "c",
            "ClientSecret": "s",
            "UserName": "u",
            "Password": "p",
            "Scope": ["Zenith/News"],
        },
    )
    assert (request.client_id, request.client_secret) == ("c", "s")
    assert (request.user_name, request.password) == ("u", "p")
    assert request.scopes == {"Zenith/News"}
    credentials_of_a_client = parse_login(LoginKind.OWNER, {"Provider": "P", "ClientID": "c"})
    assert (credentials_of_a_client.user_name, credentials_of_a_client.password) == (None, None)


def test_auth_code() -> None:
    request = parse_login(LoginKind.CODE, {"Provider": "Google", "ClientID": "c", "AuthGrant": "g"})
    assert request.grant == "g"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (LoginKind.TOKEN, None),
        (LoginKind.TOKEN, []),
        (LoginKind.TOKEN, {"AccessToken": "x"}),
        (LoginKind.TOKEN, {"Provider": "Bearer"}),
        (LoginKind.TOKEN, {"Provider": "Bearer", "AccessToken": 1}),
        (LoginKind.TOKEN, {"Provider": "Bearer", "AccessToken": "x" * (TOKEN_LENGTH_MAX + 1)}),
        (LoginKind.CODE, {"Provider": "Google", "ClientID": "c"}),
        (LoginKind.OWNER, {"Provider": 1}),
        (LoginKind.OWNER, {"Provider": "P", "Password": ["p"]}),
        (LoginKind.OWNER, {"Provider": "P", "Password": "p" * (NAME_LENGTH_MAX + 1)}),
        (LoginKind.OWNER, {"Provider": "P", "Scope": "Zenith/Market"}),
        (LoginKind.OWNER, {"Provider": "P", "Scope": [1]}),
        (LoginKind.OWNER, {"Provider": "P", "Scope": ["x"] * 101}),
    ],
)
def test_invalid_logins(kind: LoginKind, data: Any) -> None:
    with pytest.raises(InvalidLogin):
        parse_login(kind, data)


def test_secrets_do_not_show() -> None:
    request = parse_login(
        LoginKind.OWNER, {"Provider": "P", "UserName": "u", "Password": "hush", "ClientSecret": "hush"}
    )
    assert "hush" not in repr(CheckLogin(1, request))
    assert "hush" not in str(Login(access=Access(user="u"), access_token="hush"))


def test_nobody() -> None:
    nobody = identity()
    assert nobody.access is NOBODY
    assert nobody.result(0) == {"Result": "Rejected"}
    nobody.change(Access(user="x"))
    assert not nobody.known
    assert nobody.access is NOBODY


def test_result_of_a_success_always_has_a_token() -> None:
    somebody = identity()
    somebody.enter(Login(access=Access(user="u")), None, 0)
    assert somebody.result(0) == {
        "Result": "Success",
        "AccessToken": "",
        "DisplayName": "u",
        "UserID": "u",
        "Scope": [],
    }


def test_trading_over_plain_is_taken_away_from_who_is_here() -> None:
    somebody, access = identity(), Access(user="u", scopes=frozenset({"Zenith/Trading", "Zenith/Market"}))
    somebody.enter(Login(access=access), None, 0)
    assert somebody.access is access
    for policy, scopes in (
        (TradingOverPlain.NEVER, {"Zenith/Market"}),
        (TradingOverPlain.ALWAYS, access.scopes),
    ):
        somebody.use(SessionSettings(served=frozenset(), trading_over_plain=policy))
        somebody.change(access)
        assert somebody.access.scopes == scopes


def test_what_is_left_of_the_time() -> None:
    somebody = identity()
    somebody.enter(Login(access=Access(user="u"), expires_at=10**9, expires_in=30), None, 100)
    assert somebody.expires == 130
    assert somebody.result(110)["ExpiresIn"] == "00:00:20.0000000"
    assert somebody.result(110)["ExpiryDate"] == "1970-01-01T00:00:01Z"
    somebody.leave()
    assert somebody.result(110) == {"Result": "Rejected"}
