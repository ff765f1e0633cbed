"""Scopes: the rights that open parts of the interface (zenith-websocket 1.1, 2.2)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

MARKET: Final = "Zenith/Market"
"""Symbols, securities, depth, trades, charts."""
NEWS: Final = "Zenith/News"
TRADING: Final = "Zenith/Trading"
"""See accounts, orders, holdings, balances, transactions."""
ORDER_PAD: Final = "Zenith/OrderPad"
"""Place, amend, move and cancel orders."""
AUTHORISE: Final = "Zenith/Authorise"
"""Release orders that wait for it."""

SCOPES: Final = frozenset({MARKET, NEWS, TRADING, ORDER_PAD, AUTHORISE})
TRADING_SCOPES: Final = frozenset({TRADING, ORDER_PAD, AUTHORISE})
"""Those that are not granted on unencrypted connections."""

_OLDER_SPELLINGS: Final = {
    "Paritech.Zenith.Market": MARKET,
    "Paritech.Zenith.Market.Data": MARKET,
    "Paritech.Zenith.News": NEWS,
    "Paritech.Zenith.Market.News": NEWS,
    "Paritech.Zenith.Trading": TRADING,
    "Paritech.Zenith.OrderPad": ORDER_PAD,
    "Paritech.Zenith.Authorise": AUTHORISE,
}


class TradingOverPlain(enum.Enum):
    """Where trading scopes are granted on connections without TLS: a switch of the operator."""

    NEVER = "never"
    LOOPBACK = "loopback"
    """Only to clients on the same machine."""
    ALWAYS = "always"
    """Because a proxy in front has done the TLS, or nobody cares."""


def parse_scopes(names: Iterable[str]) -> frozenset[str]:
    """Scopes in the current form `Zenith/<right>`, from any of the spellings; unknown names give nothing."""
    known = (_OLDER_SPELLINGS.get(name, name) for name in names)
    return frozenset(name for name in known if name in SCOPES)


def granted_scopes(
    scopes: frozenset[str], *, secure: bool, loopback: bool, policy: TradingOverPlain
) -> frozenset[str]:
    """What of a user's scopes this connection may have; those of other interfaces are not for it.

    `secure`: TLS, by us or by a trusted proxy. `loopback`: the client is on this machine.
    """
    scopes &= SCOPES
    if secure or policy is TradingOverPlain.ALWAYS:
        return scopes
    if loopback and policy is TradingOverPlain.LOOPBACK:
        return scopes
    return scopes - TRADING_SCOPES


def may_operate(*, secure: bool, loopback: bool, policy: TradingOverPlain) -> bool:
    """True if operators may be let in over this connection: the same rule as for trading."""
    return TRADING in granted_scopes(TRADING_SCOPES, secure=secure, loopback=loopback, policy=policy)
