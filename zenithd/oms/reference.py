"""What decisions need to know from outside: protocols, and the values that they give. Pure.

The shell implements them over the markets that it shows; tests over tables. Nothing here is asked twice for
the same thing within one decision with different answers: the implementation may read live state, but a
decision is one synchronous step.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Protocol

import msgspec

from zenithd.domain.market_data import TickStep
from zenithd.oms.model.accounts import AccountDetails, AssetPosition, CashPosition
from zenithd.oms.model.orders import Lifetime, OrderState, OrderType
from zenithd.oms.model.requests import ClientRequest

EVERY_TYPE = frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.MARKET_TO_LIMIT})
EVERY_LIFETIME = frozenset(Lifetime)


class Symbol(msgspec.Struct, frozen=True, kw_only=True):
    """What orders of a symbol must respect, whatever the market."""

    exchange: str
    code: str
    currency: str
    is_managed_fund: bool = False
    lot_size: Decimal = Decimal(1)
    quantity_minimum: Decimal | None = None
    quantity_maximum: Decimal | None = None
    tick_steps: tuple[TickStep, ...] = ()
    """Empty: any price."""
    price_minimum: Decimal | None = None
    price_maximum: Decimal | None = None
    price_distance: Decimal | None = None
    """Largest distance of a limit price from the last one, as a part of it: 0.5 is 50 %."""
    order_types: frozenset[OrderType] = EVERY_TYPE
    lifetimes: frozenset[Lifetime] = EVERY_LIFETIME
    allows_all_or_none: bool = True
    allows_hidden: bool = True
    allows_minimum: bool = True
    allows_short_sale: bool = False
    allows_best: bool = False
    symbol_class: str = "Market"
    cfi_code: str = ""


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol on one trading market now: what its status allows, and its prices."""

    status: str = "Open"
    can_place: bool = True
    can_amend: bool = True
    can_cancel: bool = True
    is_continuous: bool = True
    """Orders match as they come: only then are orders without a price, or at once, of use."""
    order_types: frozenset[OrderType] = EVERY_TYPE
    last: Decimal | None = None
    last_or_close: Decimal | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None


class Reference(Protocol):
    """Symbols, markets and calendars."""

    def symbol(self, exchange: str, code: str) -> Symbol | None:
        """The symbol; None if the exchange does not list it."""

    def market(self, symbol: Symbol, ex_destination: str) -> MarketView | None:
        """The symbol on a trading market; None if nothing is known of it there (yet)."""

    def trades(self, symbol: Symbol, ex_destination: str) -> bool:
        """Whether a trading market has the symbol; true while nothing is known of that market (yet)."""

    def trading_date(self, exchange: str, now: int) -> date:
        """The trading day that runs, or that comes next."""

    def day_end(self, exchange: str, day: date) -> int:
        """When a trading day ends (nanoseconds since the Unix epoch): orders for that day expire."""

    def next_day_end(self, exchange: str, now: int) -> int:
        """When the trading day after the one of `now` ends: completed orders are removed."""


class VettingCase(msgspec.Struct, frozen=True, kw_only=True):
    """All that a vetting rule may ask for (platform C.9)."""

    request: ClientRequest
    user: str
    now: int
    account: AccountDetails
    order: OrderState
    """As the request would have it."""
    existing: OrderState | None
    """Of an amendment or cancellation: the order as it is."""
    cash: CashPosition
    asset: AssetPosition
    symbol: Symbol
    market: MarketView | None


class Level(enum.IntEnum):
    """How vetting ends; the higher one wins."""

    PASS = 0
    AUTH = 1
    """Somebody who is authorised must release it."""
    FAIL = 2


class Verdict(msgspec.Struct, frozen=True):
    """The worst outcome of all rules, and all codes of that level."""

    level: Level = Level.PASS
    codes: tuple[str, ...] = ()
    record: Callable[[], bytes] | None = None
    """Encodes what the rules saw and said; called within the same decision if the request is taken, and kept
    with it. None: nothing is to be kept."""


class Vetting(Protocol):
    """The rules that apply. It never raises: a rule that cannot be evaluated never passes an order."""

    def __call__(self, case: VettingCase) -> Verdict:
        """Judge one request."""


class FeeSchedule(Protocol):
    """Fees by name, e.g. Brokerage and Tax."""

    def knows(self, schedule: str) -> bool:
        """True if there is a schedule of this name; the empty name is the account's usual one."""

    def fees(self, schedule: str, value: Decimal) -> dict[str, Decimal]:
        """The fees of an order that traded for `value`; nothing for a value of zero."""


class Identifiers(Protocol):
    """New identifiers: 22 alphanumeric characters, never given before."""

    def new_order_id(self) -> str:
        """For an order."""

    def new_request_id(self) -> str:
        """For a request that has none."""
