"""What the codes of orders mean, in words (zenith-websocket 4.D and 4.E, and our own)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RETRY: Final = "nothing was done just now: try it again"
BAD_CODE: Final = "codes have no blanks, colons, slashes, commas and exclamation marks"

MEANINGS: Final[Mapping[str, str]] = {
    "Account": "there is no such account, or you may not use it",
    "Account.DailyNet": "the account has reached its net limit of the day",
    "Account.DailyGross": "the account has reached its gross limit of the day",
    "Authority": "you may not do this",
    "Connection": "trading needs a secure connection: wss://, or this machine's own loopback",
    "Details": "the order has no details",
    "Error": "the daemon failed; its log has the cause",
    "Exchange": "there is no such exchange",
    "Order": "this account has no such order",
    "Order.Status": "the order's present status does not allow it",
    "Order RequestID": "this request id was used for another request; take a new one",
    "Operation": "this is not supported",
    "Retry": RETRY,
    "Route": "the order names no route",
    "Route.Algorithm": "there is no such routing algorithm",
    "Route.Ambiguous": "more than one route fits",
    "Route.Market": "there is no such trading market",
    "Route.Symbol": "the symbol is not traded on this trading market",
    "Route.Tag": "account and trading market are of different environments (the tag in brackets)",
    "Status": "it cannot be changed any more",
    "Style": "the style is missing, or differs from the order's",
    "Submitted": "the connection to the exchange failed after it was sent: it may have been done; look with"
    ' "zenithd order list"',
    "Symbol": "there is no such symbol on this exchange",
    "Symbol.Authority": "you may not trade this symbol",
    "Symbol.Status": "the symbol is halted, suspended or closed",
    "Tag": "account and exchange are of different environments (the tag in brackets)",
    "TotalValue.Balance": "the account has not enough money",
    "TotalValue.Maximum": "the order is worth more than is allowed",
    "ExpiryDate": "the expiry date is wrong: it is past, or does not go with the validity",
    "ExpiryDate.Maximum": "the expiry date is too far away",
    "HiddenQuantity": "the hidden quantity is wrong",
    "HiddenQuantity.Symbol": "this symbol takes no hidden quantity",
    "LimitPrice": "the limit price is wrong",
    "LimitPrice.Distance": "the limit price is too far from the market",
    "LimitPrice.Given": "this type of order takes no limit price",
    "LimitPrice.Maximum": "the limit price is above the highest allowed",
    "LimitPrice.Minimum": "the limit price is below the lowest allowed",
    "LimitPrice.Missing": "this type of order needs a limit price",
    "LimitPrice.Step": "the limit price is no multiple of the tick size",
    "MinimumQuantity": "the minimum quantity is wrong",
    "MinimumQuantity.Invalid": "the minimum quantity does not go with the rest of the order",
    "MinimumQuantity.Symbol": "this symbol takes no minimum quantity",
    "OrderType": "there is no such type of order",
    "OrderType.Market": "the trading market does not take this type of order",
    "OrderType.Status": "this type of order is not taken in the symbol's present status",
    "OrderType.Symbol": "this symbol does not take this type of order",
    "Side": "the side is wrong",
    "Side.Maximum": "there are too many orders on this side",
    "TotalQuantity": "the quantity is wrong: it must be positive",
    "TotalQuantity.Maximum": "the quantity is above the largest allowed",
    "TotalQuantity.Minimum": "the quantity is below the smallest allowed",
    "TotalQuantity.Holdings": "the account holds not enough that is not reserved already",
    "TotalQuantity.Step": "the quantity is no multiple of the lot size",
    "TotalQuantity.Executed": "more than this quantity is executed already",
    "Validity": "there is no such validity",
    "Validity.Symbol": "this symbol does not take this validity",
    "VisibleQuantity": "the visible quantity is wrong",
    "UnitType": "the unit type of a managed fund is wrong",
    "UnitAmount": "the amount of a managed fund is wrong",
    "Currency": "the currency is wrong",
    "Flags.PDS": "the product disclosure statement was not accepted",
    "Internal": "the daemon failed; its log has the cause",
    "Internal.AccessDenied": "the daemon may not do this where it has to",
    "Internal.Authority": "the daemon may not do this where it has to",
    "Internal.Database": "the daemon's store failed; its log has the cause",
    "Internal.Error": "the daemon failed; its log has the cause",
    "Internal.NotFound": "the daemon does not find what it needs; its log has the cause",
    "Internal.Path": "no exchange takes orders for this trading market",
    "Internal.Service": "a service that the daemon needs failed",
    "Internal.Unavailable": "the exchange cannot be reached",
    "Timeout": "the exchange could not be reached in time",
    "Condition": "the condition is wrong",
    "Condition.Stop": "the stop price is missing or wrong",
    "Condition.Reference": "the reference price of the condition is wrong",
    "Condition.Direction": "the direction of the condition is wrong",
    "Condition.Type": "the type of the trailing condition is wrong",
    "Condition.Value": "the value of the trailing condition is wrong",
    "Condition.Limit": "the limit of the trailing condition is wrong",
    "ExpectedBalance": "another amount is unsettled than was expected",
    "Transaction.TransactionID": "this transaction id was used for something else; take a new one",
    "Account.OwnerID": BAD_CODE,
    "Account.AccountID": BAD_CODE,
    "Owner": "there is no such owner",
    "Feed": "there is no such feed",
    "Account.NotFound": "there is no such account, or you may not see it",
    "Operation.Timeout": "the daemon did not answer in time",
    "Limited": "you ask too often: wait a little",
}
"""By code, without the values that may follow it."""


def explain(error: str) -> str:
    """A code as it came, with what it means where that is known."""
    meaning = MEANINGS.get(error)
    if meaning is None:
        meaning = MEANINGS.get(error.partition(" ")[0])
    return error if meaning is None else f"{error}: {meaning}"
