"""Orders and what describes them. Pure.

Quantities: `quantity` is the whole of an order (visible and hidden, executed and not), `leaves` what is still
to be executed, `visible` the part of it that the book shows. Prices and quantities are integers in the
symbol's scales, times nanoseconds since the Unix epoch.
"""

from __future__ import annotations

import enum
from datetime import date

import msgspec

from zenithd.domain.market_data import Side

CONTRA = {Side.BID: Side.ASK, Side.ASK: Side.BID}
"""The side against which an order of a side is matched."""


class OrderType(enum.Enum):
    """How an order is priced."""

    LIMIT = "Limit"
    MARKET = "Market"
    """Takes the best prices there are. It never rests: the rest is cancelled, or waits for the auction where
    orders are gathered."""
    MARKET_TO_LIMIT = "MarketToLimit"
    """Takes the best price there is and becomes a limit order of that price."""


class TimeInForce(enum.Enum):
    """How long an order rests."""

    DAY = "Day"
    """Until the trading day of its market ends."""
    GTC = "GTC"
    """Until it is cancelled."""
    GTD = "GTD"
    """Until the trading day of its expiry date ends."""
    IOC = "IOC"
    """Executes what it can at once; the rest is cancelled."""
    FOK = "FOK"
    """Executes at once and in full, or not at all."""


class Standing(enum.Enum):
    """Where an order is."""

    INCOMING = "incoming"
    """Being matched; only within one command."""
    BOOK = "book"
    """In the book, at its price."""
    UNPRICED = "unpriced"
    """A market or market-to-limit order that waits for the auction, beside the book."""
    CONDITIONAL = "conditional"
    """Waits beside the book until its condition (all-or-none, minimum quantity) can be met."""


class CloseReason(enum.Enum):
    """Why an order is out of the market although something of it was left."""

    CANCELLED = "cancelled by its owner"
    BULK_CANCELLED = "cancelled with others by the operator"
    MANUAL = "cancelled by the operator"
    EXPIRED = "its time in force ended"
    UNFILLED = "it does not rest, and found no more contra orders"
    CONDITION = "fill-or-kill or a minimum quantity could not be met"
    SELF_TRADE = "it would have traded with an order of the same entity"
    UNLISTED = "its symbol was unlisted"


class SelfTrade(enum.Enum):
    """What happens when an incoming order meets one of the same entity."""

    OFF = "off"
    CANCEL_NEWEST = "cancel newest"
    """What is left of the incoming order is cancelled."""
    CANCEL_OLDEST = "cancel oldest"
    """The resting order is cancelled and the incoming one goes on."""
    CANCEL_BOTH = "cancel both"
    REDUCE = "reduce"
    """Both become smaller by what would have traded; one of them is gone."""


class Party(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Whose order it is."""

    entity: str
    """Code of the executing firm."""
    account: str | None = None
    """The firm's own code of its client."""
    context: str | None = None
    """Free text of the client, given back as it came."""


class Order(msgspec.Struct, gc=False, array_like=True):
    """An order as the state holds it. Only applied events change it."""

    number: int
    side: Side
    order_type: OrderType
    price: int | None
    """None for an order that has no limit (yet)."""
    quantity: int
    leaves: int
    display: int | None
    """Most that is visible at a time; None: all."""
    visible: int
    minimum: int
    """Least that its first execution must be; 0 for none, and once it was met."""
    all_or_none: bool
    time_in_force: TimeInForce
    expiry: date | None
    priority: int
    """Ascending within the symbol: the smaller comes first at the same price."""
    standing: Standing
    party: Party
    placed: int
    updated: int
    value: int = 0
    """Executed: sum of price times quantity."""

    @property
    def executed(self) -> int:
        """What has been executed."""
        return self.quantity - self.leaves

    @property
    def required(self) -> int:
        """What its next execution must at least be; 0 for an order without a condition."""
        return self.leaves if self.all_or_none else self.minimum


_ID_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def order_id_text(number: int) -> str:
    """An order number as people read it out: capitals and digits without the easily confused I and O."""
    digits: list[str] = []
    while number:
        number, digit = divmod(number, len(_ID_DIGITS))
        digits.append(_ID_DIGITS[digit])
    return "".join(reversed(digits)) or "0"


def order_number(text: str) -> int | None:
    """The number that `order_id_text` shows so; None for any other text."""
    number = 0
    for digit in text:
        value = _ID_DIGITS.find(digit)
        if value < 0:
            return None
        number = number * len(_ID_DIGITS) + value
    return number if text and text == order_id_text(number) else None
