"""Transactions for the wire (zenith-websocket 3.5.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.transactions import ClientTransaction, TransactionType
from zenithd.wire.dates import NANOSECONDS, UTC_FORMATTER
from zenithd.wire.numbers import number

Payload = dict[str, Any]

SETTLEMENT_DAYS: Final = 2
"""In week days after the trade: the protocol wants a date of settlement, the platform has none (D.2)."""
_WEEK_END: Final = (5, 6)
_DAY: Final = 86_400 * NANOSECONDS


def transaction_payload(transaction: ClientTransaction) -> Payload | None:
    """The Transaction of a trade; None for what is no trade, for which the protocol has no record."""
    cash, assets, details = transaction.cash_transfer, transaction.asset_transfer, transaction.details
    if transaction.type is not TransactionType.TRADE or cash is None or assets is None:
        return None
    quantity, net = abs(assets.value), cash.value - sum(cash.additional_funds.values(), ZERO)
    average = abs(cash.value) / quantity if quantity else ZERO
    return {
        "ID": details.transaction_id,
        "Exchange": assets.exchange,
        "Code": assets.code,
        "TradingMarket": assets.ex_destination,
        "Account": str(details.account),
        "Style": "Market",
        "TradeDate": UTC_FORMATTER.format(details.timestamp),
        "SettlementDate": UTC_FORMATTER.format(settlement_time(details.timestamp)),
        "GrossAmount": number(cash.value),
        "NetAmount": number(net),
        "SettlementAmount": number(net),
        "Currency": cash.currency,
        "OrderID": assets.order_id or "",
        "TotalQuantity": number(assets.value),
        "AveragePrice": number(average),
    }


def settlement_time(traded: int) -> int:
    """The same time of day, `SETTLEMENT_DAYS` week days later."""
    day = datetime.fromtimestamp(traded // NANOSECONDS, UTC).date()
    left, days = SETTLEMENT_DAYS, 0
    while left:
        days += 1
        left -= (day + timedelta(days=days)).weekday() not in _WEEK_END
    return traded + days * _DAY
