"""Accounts, balances and holdings for the wire (zenith-websocket 3.5.1 to 3.5.3, 6.6; platform D.4)."""

from __future__ import annotations

from typing import Any, Final

from zenithd.domain.market_data import FeedStatus
from zenithd.oms.model.accounts import Account, AccountDetails, AssetPosition, CashPosition
from zenithd.wire.numbers import number

Payload = dict[str, Any]

PROVIDER: Final = "OMS"
"""Name of the Trading feed, and Provider of every account."""

SHOWN_CURRENCIES: Final = frozenset({"AUD", "USD", "MYR", "GBP"})
"""Clients refuse an account of any other; it is left out then (6.6)."""


AUTHORITY: Final = "TradingAuthority"
"""Name of the Authority feed, without which clients show no accounts (6.5)."""


def trading_feed(status: FeedStatus) -> Payload:
    """The entry of the order management system in Feeds."""
    return {"Name": PROVIDER, "Class": "Trading", "Status": status.value}


def authority_feed() -> Payload:
    """The entry of who may do what in Feeds: the daemon itself knows it."""
    return {"Name": AUTHORITY, "Class": "Authority", "Status": FeedStatus.ACTIVE.value}


def account_payload(details: AccountDetails, status: FeedStatus) -> Payload:
    """AccountState."""
    payload: Payload = {
        "ID": str(details.account),
        "Name": details.name or str(details.account),
        "Provider": PROVIDER,
        "Feed": status.value,
    }
    if details.default_currency in SHOWN_CURRENCIES:
        payload["Currency"] = details.default_currency
    if details.attributes:
        payload["Attributes"] = dict(details.attributes)
    if details.categories:
        payload["Categories"] = list(details.categories)
    return payload


def balance_payloads(position: CashPosition) -> list[Payload]:
    """The balances of one currency; an amount of zero removes the record."""
    account, currency = str(position.account), position.currency
    amounts = {
        "NetBalance": position.balance,
        "Trading": position.trading,
        "NonTrading": position.unbooked_transactions,
        "UnfilledBuys": position.unfilled_buys,
        "Margin": position.margin,
    }
    return [
        {"Account": account, "Type": kind, "Currency": currency, "Amount": number(amount)}
        for kind, amount in amounts.items()
    ]


def balances_cleared(account: Account) -> Payload:
    """The record before a full list of an account's balances."""
    return {"Account": str(account), "Type": "", "Currency": "", "Amount": 0}


def holding_payload(position: AssetPosition, currency: str) -> Payload:
    """Holding. `currency`: of one that was never traded, so that its price has none."""
    return {
        "Exchange": position.exchange,
        "Code": position.code,
        "Account": str(position.account),
        "Style": "Market",
        "Cost": number(position.quantity * position.average_price),
        "Currency": position.currency or currency,
        "TotalQuantity": number(position.quantity),
        "TotalAvailable": number(position.available),
        "AveragePrice": number(position.average_price),
    }


def holding_key(position: AssetPosition) -> Payload:
    """What names a holding that is gone."""
    return {"Exchange": position.exchange, "Code": position.code, "Account": str(position.account)}
