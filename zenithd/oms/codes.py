"""The order error codes of zenith-websocket 4.E, who finds each or why nobody does; and our own. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class Finder(enum.Enum):
    """Where a code comes from."""

    HUB = "the order management system"
    CONTROLLER = "the Trading controller, from the wire or from what the user may do"
    SHELL = "whoever keeps and sends, when that fails"
    NOBODY = "it cannot arise here"


HUB, CONTROLLER, SHELL, NOBODY = Finder.HUB, Finder.CONTROLLER, Finder.SHELL, Finder.NOBODY

DOCUMENTED: Final[Mapping[str, Finder]] = {
    "Account": HUB,
    "Account.DailyNet": NOBODY,
    "Account.DailyGross": NOBODY,
    "Authority": HUB,
    "Connection": CONTROLLER,
    "Details": HUB,
    "Error": NOBODY,
    "Exchange": HUB,
    "Order": HUB,
    "Order.Status": HUB,
    "Operation": HUB,
    "Retry": HUB,
    "Route": HUB,
    "Route.Algorithm": HUB,
    "Route.Ambiguous": HUB,
    "Route.Market": HUB,
    "Route.Symbol": HUB,
    "Route.Tag": HUB,
    "Status": HUB,
    "Style": HUB,
    "Submitted": HUB,
    "Symbol": HUB,
    "Symbol.Authority": CONTROLLER,
    "Symbol.Status": HUB,
    "Tag": HUB,
    "TotalValue.Balance": HUB,
    "TotalValue.Maximum": HUB,
    "ExpiryDate": HUB,
    "ExpiryDate.Maximum": HUB,
    "HiddenQuantity": HUB,
    "HiddenQuantity.Symbol": HUB,
    "LimitPrice": HUB,
    "LimitPrice.Distance": HUB,
    "LimitPrice.Given": HUB,
    "LimitPrice.Maximum": HUB,
    "LimitPrice.Minimum": HUB,
    "LimitPrice.Missing": HUB,
    "MinimumQuantity": HUB,
    "MinimumQuantity.Invalid": HUB,
    "MinimumQuantity.Symbol": HUB,
    "OrderType": HUB,
    "OrderType.Market": HUB,
    "OrderType.Status": HUB,
    "OrderType.Symbol": HUB,
    "Side": HUB,
    "Side.Maximum": NOBODY,
    "TotalQuantity": HUB,
    "TotalQuantity.Maximum": HUB,
    "TotalQuantity.Minimum": HUB,
    "TotalQuantity.Holdings": HUB,
    "Validity": HUB,
    "Validity.Symbol": HUB,
    "VisibleQuantity": HUB,
    "UnitType": NOBODY,
    "UnitAmount": NOBODY,
    "Currency": HUB,
    "Flags.PDS": NOBODY,
    "Internal.AccessDenied": NOBODY,
    "Internal.Authority": NOBODY,
    "Internal.Database": NOBODY,
    "Internal.Error": NOBODY,
    "Internal.NotFound": NOBODY,
    "Internal.Path": HUB,
    "Internal.Service": NOBODY,
    "Internal.Unavailable": HUB,
    "Timeout": HUB,
}
"""There are no managed funds (`Style` says so), no daily limits of an account, no limit on the orders of a
side; `Error` and most of `Internal` would say that it is our fault, and then the daemon stops."""

OF_MARKETS: Final = frozenset({"LimitPrice.Step", "TotalQuantity.Step", "TotalQuantity.Executed"})
"""Documented for one market only (zenith-websocket 5, MYX), and used for all."""

OWN: Final = frozenset(
    {
        "Condition",
        "Condition.Stop",
        "Condition.Reference",
        "Condition.Direction",
        "Condition.Type",
        "Condition.Value",
        "Condition.Limit",
        "ExpectedBalance",
        "Transaction.TransactionID",
    }
)
"""Ours: the protocol has none for conditions, and operators' transactions are not of the protocol."""


def without_values(code: str) -> str:
    """The code without the values that may follow it."""
    return code.partition(" ")[0]
