"""The read interface that every kind of market has: venue, mixed and delayed.

Controllers and translation use only this. Everything is as of the last applied batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Bar, FeedStatus
from zenithd.market.changes import BookOrder, PriceLevel
from zenithd.market.chart import Minute
from zenithd.market.security import SecurityRecord
from zenithd.market.trade_tape import TradeTape


class Chart(Protocol):
    """Minute bars of the current trading day."""

    def bars(self) -> list[Bar]:
        """The minutes in which a trade affected the price, oldest first."""
        ...

    def minutes(self) -> list[Minute]:
        """What the bars are made of, with the times of their first and last trades. Never change."""
        ...


class InstrumentView(Protocol):
    """One instrument of a market."""

    @property
    def instrument(self) -> Instrument:
        """The definition, with the id and the scales that all values here have."""
        ...

    @property
    def security(self) -> SecurityRecord:
        """The dynamic fields of Security. Live: read, do not keep; never change."""
        ...

    @property
    def tape(self) -> TradeTape:
        """Today's trades. Live: never change."""
        ...

    @property
    def chart(self) -> Chart:
        """Today's minute bars."""
        ...

    @property
    def last_traded(self) -> int | None:
        """When `security.last` was made: trade time, nanoseconds since the epoch; None: not today."""
        ...

    def orders(self) -> list[BookOrder]:
        """The order book in any order; empty for a venue that shows only levels."""
        ...

    def levels(self) -> list[PriceLevel]:
        """The price levels in any order."""
        ...


class MarketView(Protocol):
    """A market as subscribers see it."""

    @property
    def definition(self) -> MarketDefinition:
        """What was declared of it."""
        ...

    @property
    def instruments(self) -> Mapping[InstrumentId, InstrumentView]:
        """What it lists."""
        ...

    @property
    def feed_status(self) -> FeedStatus:
        """State of the feed."""
        ...

    @property
    def trading_date(self) -> date | None:
        """The current trading date; None until the source told it."""
        ...

    @property
    def trading_state(self) -> str | None:
        """Name of the market's trading state; None until the source told it."""
        ...

    @property
    def board_states(self) -> Mapping[str, str]:
        """Trading states of boards and trading markets, by board code."""
        ...

    @property
    def delay_ns(self) -> int:
        """How far this market is behind: its MarketTime is the wall clock minus this; 0 when live."""
        ...
