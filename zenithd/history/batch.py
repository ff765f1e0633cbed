"""What waits to be written: gathered on the event loop, written as one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId


class Scales(msgspec.Struct, frozen=True):
    """The scales that the integers of an instrument's trades have."""

    price: int
    quantity: int


class DayKey(msgspec.Struct, frozen=True):
    """One instrument on one trading date, and the scales its numbers had when they were recorded."""

    instrument: InstrumentId
    trading_date: date
    scales: Scales | None
    """None: nobody has said; they are taken to be those of the rows that are there."""


class Batch(msgspec.Struct):
    """Trades and states in the order given."""

    trades: dict[DayKey, list[TradeReported]] = {}
    states: dict[str, bytes] = {}
    size: int = 0
    """Number of trades."""
    recorded: int = 0
    """How many trades had been recorded in all, over all runs, when this was handed over to be written."""

    def add(self, key: DayKey, trades: Sequence[TradeReported]) -> None:
        """Append trades of one instrument and day."""
        self.trades.setdefault(key, []).extend(trades)
        self.size += len(trades)

    def put_before(self, later: Batch) -> Batch:
        """Join with what was gathered after this."""
        joined = Batch(
            {key: list(trades) for key, trades in self.trades.items()}, dict(self.states), self.size
        )
        for key, trades in later.trades.items():
            joined.add(key, trades)
        joined.states.update(later.states)
        return joined

    def __bool__(self) -> bool:
        return bool(self.trades or self.states)
