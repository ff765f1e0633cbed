"""What translation reads of the market state: the shapes of its records, so that wire/ needs no market/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import FeedStatus, Side, Trend


class Op(Protocol):
    """Kind of a change; its letter is that of the short dialect (spec 1.5)."""

    letter: str
    """`A`, `U`, `R`, `C` or `I`."""


class Order(Protocol):
    """An order of a book, prices and quantities in the instrument's scales."""

    @property
    def order_id(self) -> str: ...  # noqa: D102
    @property
    def side(self) -> Side: ...  # noqa: D102
    @property
    def price(self) -> int: ...  # noqa: D102
    @property
    def quantity(self) -> int | None: ...  # noqa: D102
    @property
    def position(self) -> int: ...  # noqa: D102
    @property
    def has_undisclosed(self) -> bool: ...  # noqa: D102
    @property
    def broker(self) -> str | None: ...  # noqa: D102
    @property
    def cross_reference(self) -> str | None: ...  # noqa: D102
    @property
    def attributes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def market(self) -> MarketId | None: ...  # noqa: D102


class Level(Protocol):
    """A price level of a book."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def side(self) -> Side: ...  # noqa: D102
    @property
    def price(self) -> int | None: ...  # noqa: D102
    @property
    def volume(self) -> int | None: ...  # noqa: D102
    @property
    def count(self) -> int | None: ...  # noqa: D102
    @property
    def has_undisclosed(self) -> bool | None: ...  # noqa: D102
    @property
    def market(self) -> MarketId | None: ...  # noqa: D102


class Trade(Protocol):
    """A trade on a tape."""

    @property
    def trade(self) -> TradeReported: ...  # noqa: D102
    @property
    def trend(self) -> Trend: ...  # noqa: D102
    @property
    def market(self) -> MarketId | None: ...  # noqa: D102


class DepthChange(Protocol):
    """A change of an order book."""

    @property
    def op(self) -> Op: ...  # noqa: D102
    @property
    def order(self) -> Order | None: ...  # noqa: D102
    @property
    def price_changed(self) -> bool: ...  # noqa: D102
    @property
    def position_changed(self) -> bool: ...  # noqa: D102


class LevelChange(Protocol):
    """A change of the price levels."""

    @property
    def op(self) -> Op: ...  # noqa: D102
    @property
    def level(self) -> Level | None: ...  # noqa: D102


class TradeChange(Protocol):
    """A change of a tape."""

    @property
    def op(self) -> Op: ...  # noqa: D102
    @property
    def newest_id(self) -> int | None: ...  # noqa: D102
    @property
    def trade(self) -> Trade | None: ...  # noqa: D102


class SymbolChange(Protocol):
    """A change of what a market lists."""

    @property
    def op(self) -> Op: ...  # noqa: D102
    @property
    def instrument(self) -> Instrument: ...  # noqa: D102


class InstrumentView(Protocol):
    """One instrument of a market: its definition, and its record with an attribute per dynamic field."""

    @property
    def instrument(self) -> Instrument: ...  # noqa: D102
    @property
    def security(self) -> Any: ...  # noqa: D102
    def orders(self) -> Sequence[Order]: ...  # noqa: D102
    def levels(self) -> Sequence[Level]: ...  # noqa: D102


class MarketView(Protocol):
    """A market as subscribers see it."""

    @property
    def definition(self) -> MarketDefinition: ...  # noqa: D102
    @property
    def feed_status(self) -> FeedStatus: ...  # noqa: D102
    @property
    def trading_date(self) -> date | None: ...  # noqa: D102
    @property
    def trading_state(self) -> str | None: ...  # noqa: D102
    @property
    def board_states(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def delay_ns(self) -> int: ...  # noqa: D102
