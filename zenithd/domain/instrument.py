"""Instruments and the markets that list them."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal

import msgspec

from zenithd.domain.identifiers import InstrumentId, MarketId, instrument_id
from zenithd.domain.market_data import Broker, DataKind, Side, TickTable, TradingState


class SecurityClass(enum.Enum):
    """Traded on a market, or a managed fund."""

    MARKET = "Market"
    MANAGED_FUND = "ManagedFund"


class ExerciseType(enum.Enum):
    """When an option may be exercised."""

    AMERICAN = "American"
    ASIAN = "Asian"
    EUROPEAN = "European"
    UNKNOWN = "Unknown"


class CallOrPut(enum.Enum):
    """Kind of an option."""

    CALL = "Call"
    PUT = "Put"


class Leg(msgspec.Struct, frozen=True):
    """One instrument of a combination."""

    code: str
    side: Side
    ratio: Decimal


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A code listed on a market (zenith-websocket 3.1.2, 3.1.8).

    Prices of its events are integers in units of 10**-price_scale, quantities in 10**-quantity_scale.
    """

    code: str
    market: MarketId
    name: str = ""
    exchange: str | None = None
    """Issuing exchange; None means the market itself."""
    security_class: SecurityClass = SecurityClass.MARKET
    cfi: str = "EXXXXX"
    currency: str | None = None
    price_scale: int = 2
    quantity_scale: int = 0
    trading_markets: tuple[str, ...] = ()
    board: str | None = None
    """The board whose state is the instrument's trading state while it has none of its own."""
    tick_table: str | None = None
    lot_size: Decimal | None = None
    contract_size: Decimal | None = None
    is_index: bool = False
    expiry_date: date | None = None
    strike_price: Decimal | None = None
    exercise_type: ExerciseType | None = None
    call_or_put: CallOrPut | None = None
    legs: tuple[Leg, ...] | None = None
    alternates: dict[str, str] = {}
    attributes: dict[str, str] = {}
    categories: tuple[str, ...] = ()
    subscription_data: DataKind = DataKind.ALL
    ask_below_bid: bool = False
    """True where depth is sorted the other way round (DepthDirection AskBelowBid)."""

    @property
    def id(self) -> InstrumentId:
        """`<code>.<market>`."""
        return instrument_id(self.code, self.market)

    @property
    def issuer(self) -> str:
        """The issuing exchange."""
        return self.exchange or self.market


class BestPriceSource(enum.Enum):
    """What the best prices of a market's instruments come from."""

    BOOK = "book"
    EVENTS = "events"
    """From BestPricesChanged, where a venue publishes the top of its book separately and sooner."""


class MarketDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """What a market source declares of one of its markets before it publishes."""

    id: MarketId
    name: str = ""
    time_zone: str = "UTC"
    """IANA name; MarketTime and trade times are shown in it."""
    currency: str | None = None
    trading_states: tuple[TradingState, ...] = ()
    boards: tuple[str, ...] = ()
    """Board and trading-market codes shown in Markets with their states."""
    tick_tables: tuple[TickTable, ...] = ()
    brokers: tuple[Broker, ...] = ()
    best_prices: BestPriceSource = BestPriceSource.BOOK
    simulated: bool = False
    """True for a market with no real participants; logs and the start-up banner say so."""
    readiness: bool = False
    """True if the daemon is ready only when this market is Active with two-sided books."""
    guarantees: tuple[str, ...] = ()
    """Sentences for operators: what the source promises (gaps detected, sequence checked …)."""
