"""Codes of errors and closes, and scopes."""

from __future__ import annotations

import pytest

from zenithd.wire import errors
from zenithd.wire.errors import CloseCode, base_code, with_suffix
from zenithd.wire.scopes import SCOPES, TRADING_SCOPES, TradingOverPlain, granted_scopes, parse_scopes

# Appendix 4.D and the three of QueryMixedMarket.
CODES = """
Account Account.Authority Account.Fault Account.NotFound Account.Unavailable
Authority Authority.Authority Authority.Fault Authority.NotFound Authority.Unavailable
Code Controller Data Data.Deserialise Exchange Exchange.NotFound Fault Limited
Market Market.NotFound Market.Unavailable
Operation.Unknown Operation.Abort Operation.Timeout Operation.NoResult Session
Source Source.Authority Source.Fault Source.NotFound Source.Unavailable
Symbol Symbol.Authority Symbol.Fault Symbol.NotFound Symbol.Unavailable
Strategy Market.Tag Market.Error
"""


def test_the_list_of_codes_is_complete() -> None:
    constants = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)}
    assert constants == set(CODES.split())


def test_suffix() -> None:
    assert with_suffix(errors.SYMBOL_NOT_FOUND, "XS99.XSX") == "Symbol.NotFound XS99.XSX"
    assert with_suffix("Strategy", "a b") == "Strategy a b"
    assert len(with_suffix("Market", "x" * 10_000)) < 300
    assert base_code("Market.Error a b") == "Market.Error"
    assert base_code("Limited") == "Limited"


def test_only_a_session_kick_stops_clients_from_reconnecting() -> None:
    assert [code for code in CloseCode if code >= 4000] == [CloseCode.SESSION]
    assert {int(code) for code in CloseCode} == {1000, 1001, 1002, 1007, 1008, 1009, 1011, 1012, 4000}


@pytest.mark.parametrize(
    ("names", "scopes"),
    [
        (["Zenith/Market", "Zenith/OrderPad"], {"Zenith/Market", "Zenith/OrderPad"}),
        (["Paritech.Zenith.Market", "Paritech.Zenith.Trading"], {"Zenith/Market", "Zenith/Trading"}),
        (["Paritech.Zenith.Market.Data", "Paritech.Zenith.Market.News"], {"Zenith/Market", "Zenith/News"}),
        (["Paritech.Zenith", "openid", "", "zenith/market"], set()),
    ],
)
def test_spellings(names: list[str], scopes: set[str]) -> None:
    assert parse_scopes(names) == scopes


@pytest.mark.parametrize("policy", list(TradingOverPlain))
@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("loopback", [True, False])
def test_trading_over_plain(policy: TradingOverPlain, secure: bool, loopback: bool) -> None:
    granted = granted_scopes(SCOPES, secure=secure, loopback=loopback, policy=policy)
    trading = secure or policy is TradingOverPlain.ALWAYS
    trading = trading or (loopback and policy is TradingOverPlain.LOOPBACK)
    assert granted == (SCOPES if trading else SCOPES - TRADING_SCOPES)


def test_a_code_without_suffix_has_no_blank() -> None:
    assert with_suffix("Controller", "") == "Controller"
