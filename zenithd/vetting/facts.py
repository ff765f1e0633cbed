"""What rules see of an order: read-only values that whoever asks for a vetting fills in.

Money, prices and quantities are `Decimal` (an int is taken too); None means that there is no such value, and
a rule that reads it without asking HAS first fails the order. What is costly to look up (account, balance,
holding, symbol, market) is given as a function, which is called once at most, only if a rule reads it, and
with decimal128 (34 digits) as decimal context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

T = TypeVar("T")

ZERO = Decimal(0)

Lookup = Callable[[], T | None]
"""Finds a value when it is wanted; None if there is none."""


class RequestFacts(msgspec.Struct, frozen=True, gc=False):
    """The request to vet: `type` is Place, Amend, Cancel or Move; `time` knows its zone."""

    id: str
    type: str
    time: datetime

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise ValueError(f"the time of request {self.id} has no zone")


class UserFacts(msgspec.Struct, frozen=True, gc=False):
    """Who sent the request."""

    id: str


class AccountFacts(msgspec.Struct, frozen=True, gc=False):
    """The trading account; `id` as clients write it (`XS:0001`)."""

    id: str
    active: bool | None = True
    advisor: str | None = None
    branch: str | None = None
    broker: str | None = None
    attributes: Mapping[str, str] = {}


class BalanceFacts(msgspec.Struct, frozen=True, gc=False):
    """Cash in the currency of the symbol: `amount` is booked, `trading` may be spent on new orders."""

    currency: str
    amount: Decimal | None = None
    trading: Decimal | None = None


class DetailsFacts(msgspec.Struct, frozen=True, gc=False):
    """The order as the request wants it; Place and Amend have this.

    Attributes:
        type: Limit, Best, Market or MarketToLimit.
        price: the limit price; None without one.
        value: what the whole order is worth, estimated where there is no limit price; None if it cannot be.
    """

    type: str
    visible: Decimal
    hidden: Decimal = ZERO
    price: Decimal | None = None
    value: Decimal | None = None

    @property
    def quantity(self) -> Decimal:
        """Visible and hidden together."""
        return self.visible + self.hidden


class OrderFacts(msgspec.Struct, frozen=True, gc=False):
    """The order before the request; of a new one only the side and the type, and zeros.

    Attributes:
        side: Bid or Ask.
        type: as in `DetailsFacts`; of a new order, the type that is asked for.
        price: average price of what was executed; None before the first trade.
        limit: the limit price; None without one.
        value: what the whole order is worth, as in `DetailsFacts`.
    """

    side: str
    type: str
    quantity: Decimal = ZERO
    executed: Decimal = ZERO
    value: Decimal | None = ZERO
    price: Decimal | None = None
    limit: Decimal | None = None

    @property
    def remainder(self) -> Decimal:
        """What is not executed."""
        return self.quantity - self.executed


class HoldingFacts(msgspec.Struct, frozen=True, gc=False):
    """What the account has of the symbol; `available` is not reserved by open orders."""

    quantity: Decimal
    available: Decimal
    price: Decimal | None = None
    cost: Decimal | None = None


class SymbolFacts(msgspec.Struct, frozen=True, gc=False):
    """The symbol; `market` is the trading market that the order goes to."""

    code: str
    exchange: str
    market: str
    symbol_class: str | None = None
    is_index: bool | None = None
    attributes: Mapping[str, str] = {}


class MarketFacts(msgspec.Struct, frozen=True, gc=False):
    """Prices of the symbol on its market, and the trading status of the market."""

    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    last: Decimal | None = None
    close: Decimal | None = None
    reference: Decimal | None = None
    status: str | None = None

    @property
    def last_or_close(self) -> Decimal | None:
        """The last price of today, before the first trade the close before."""
        return self.close if self.last is None else self.last


class Facts(msgspec.Struct, frozen=True):
    """Everything that the rules may ask for about one request."""

    request: RequestFacts
    user: UserFacts
    order: OrderFacts
    details: DetailsFacts | None
    account: Lookup[AccountFacts]
    balance: Lookup[BalanceFacts]
    holding: Lookup[HoldingFacts]
    symbol: Lookup[SymbolFacts]
    market: Lookup[MarketFacts]


def known(value: T | None) -> Lookup[T]:
    """A look-up of what is at hand anyway."""
    return lambda: value
