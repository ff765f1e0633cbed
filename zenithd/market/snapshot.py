"""The stored state of a market: what survives a restart and opens a delayed market."""

from __future__ import annotations

from datetime import date

import msgspec

from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.market.changes import BookOrder, PriceLevel
from zenithd.market.chart import Minute
from zenithd.market.day_statistics import DayStatistics
from zenithd.market.security import SecurityRecord
from zenithd.market.trade_tape import TapeSnapshot


class DayTradesSnapshot(msgspec.Struct):
    """The trades of an instrument today."""

    tape: TapeSnapshot
    minutes: list[Minute]
    statistics: DayStatistics


class InstrumentSnapshot(msgspec.Struct, kw_only=True):
    """One instrument: everything a `VenueInstrument` consists of."""

    instrument: Instrument
    security: SecurityRecord
    supplied: tuple[str, ...]
    """Statistics that the venue supplied and that win over the derived ones today."""
    own_state: str | None
    last_traded: int | None
    book_valid: bool
    orders: list[BookOrder]
    levels: list[PriceLevel]
    """Only for a book by price level; those of a book by order follow from its orders."""
    trades: DayTradesSnapshot


class MarketSnapshot(msgspec.Struct, kw_only=True):
    """A whole market; `msgspec.msgpack` encodes and decodes it.

    The feed status is not part of it: a restored market is Initialising until its source is there.
    """

    definition: MarketDefinition
    trading_date: date | None
    trading_state: str | None
    board_states: dict[str, str]
    instruments: list[InstrumentSnapshot]
