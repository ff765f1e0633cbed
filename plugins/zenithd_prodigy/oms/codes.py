"""Words of the order management system for what the exchange says, and names of its commands. Pure."""

from __future__ import annotations

from typing import Final

from zenithd.oms.abilities import AMENDS, TAKES_INSTRUCTIONS
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import OrderStatusDetails
from zenithd.oms.model.orders import OrderUpdateReason
from zenithd_prodigy.engine.commands import COMMAND_ID_LENGTH_MAX
from zenithd_prodigy.engine.refusals import Reason
from zenithd_prodigy.model.orders import CloseReason

FEED: Final = "Prodigy"
"""The feed that the adapter supplies."""

ON_MARKET: Final = "OnMarket"
PARTIAL_FILL: Final = "PartialFill"
FILLED: Final = "Filled"
CANCELLED: Final = "Cancelled"
EXPIRED: Final = "Expired"
REJECTED: Final = "Rejected"


def _working(code: str, name: str) -> OrderStatusDetails:
    return OrderStatusDetails(
        code=code,
        name=name,
        is_normal=True,
        can_amend=True,
        can_cancel=True,
        can_move=True,
        can_trade=True,
    )


ORDER_STATUSES: Final = (
    _working(ON_MARKET, "On market"),
    _working(PARTIAL_FILL, "Partly filled"),
    OrderStatusDetails(code=FILLED, name="Filled", is_normal=True, is_completed=True, can_move=True),
    OrderStatusDetails(code=CANCELLED, name="Cancelled", is_normal=True, is_completed=True),
    OrderStatusDetails(code=EXPIRED, name="Expired", is_normal=True, is_completed=True),
    OrderStatusDetails(code=REJECTED, name="Rejected", is_completed=True),
)
"""Statuses of the exchange's orders (platform A.7)."""

ABILITIES: Final = {AMENDS: "", TAKES_INSTRUCTIONS: ""}
"""Of an order in the market price and quantities alone can be amended; there are no order instructions."""

CLOSED: Final[dict[CloseReason, tuple[str, OrderUpdateReason]]] = {
    reason: (EXPIRED, OrderUpdateReason.STATUS)
    if reason is CloseReason.EXPIRED
    else (CANCELLED, OrderUpdateReason.CANCEL)
    for reason in CloseReason
}
"""What an order is that left the market unfilled, and why."""

ERROR_CODES: Final[dict[Reason, str]] = {
    **dict.fromkeys(Reason, "Error"),
    Reason.UNKNOWN_MARKET: "Route.Market",
    Reason.UNKNOWN_SYMBOL: "Symbol",
    Reason.UNKNOWN_ORDER: "Order.Status",
    Reason.UNKNOWN_ENTITY: "Authority",
    Reason.NOT_PERMITTED: "Authority",
    Reason.STATUS: "Symbol.Status",
    Reason.PRICE: "LimitPrice",
    Reason.PRICE_STEP: "LimitPrice",
    Reason.PRICE_LIMIT: "LimitPrice.Distance",
    Reason.PRICE_PRECISION: "LimitPrice",
    Reason.QUANTITY: "TotalQuantity.Maximum",
    Reason.QUANTITY_LOT: "TotalQuantity",
    Reason.QUANTITY_PRECISION: "TotalQuantity",
    Reason.DISPLAY_QUANTITY: "HiddenQuantity",
    Reason.MINIMUM_QUANTITY: "MinimumQuantity.Invalid",
    Reason.CONDITION: "Validity",
    Reason.TIME_IN_FORCE: "Validity",
    Reason.EXPIRY: "ExpiryDate",
    Reason.NOTHING_TO_CHANGE: "Details",
    Reason.ORDERS_MAX: "Retry",
}
"""Error codes (zenith-websocket 4.E) by the exchange's reasons; those that no order meets are `Error`.

An order that is not in the market (any more) has a status in which it cannot be changed: `Order.Status`.
"""


def command_id(account: Account, request_id: str) -> str | None:
    """The name of a request's command: the same at every try; None: it does not fit into one."""
    name = f"{account}/{request_id}"
    fits = len(name) <= COMMAND_ID_LENGTH_MAX and ":" not in account.owner_id and "/" not in str(account)
    return name if fits and not name.startswith(NAMED_PREFIX) else None


NAMED_PREFIX: Final = "#"
"""Begins the names of commands whose requests are told by a note (`notes.RequestNamed`)."""


def request_of(name: str) -> tuple[Account, str] | None:
    """The request whose command has this name; None: it was named otherwise, or is nobody's request."""
    text, slash, request_id = name.partition("/")
    owner_id, colon, account_id = text.partition(":")
    if not slash or not colon or not request_id or name.startswith(NAMED_PREFIX):
        return None
    return Account(owner_id=owner_id, account_id=account_id), request_id


def account_of(text: str | None) -> Account | None:
    """The account that a party's text names."""
    owner_id, colon, account_id = (text or "").partition(":")
    return Account(owner_id=owner_id, account_id=account_id) if colon and account_id else None
