"""Statistics of a UTC day: the venue's own day bar, carried on by each trade that the bar does not hold yet.

The bar comes every 0.25 to 2 seconds and names the last trade that it counts. So the trades that were seen
and stand above it are added, and what is published is exact at every trade and never lags behind one.
"""

from __future__ import annotations

from collections import deque

import msgspec

from zenithd.domain.events import SecurityChanged, TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Affects


class DayTotals(msgspec.Struct, frozen=True, kw_only=True):
    """A day bar in the instrument's scales; `value` is in units of 10**-(price_scale + quantity_scale)."""

    begin: int
    """Midnight, ns since the epoch."""
    last_id: int
    open: int
    high: int
    low: int
    last: int
    volume: int
    value: int
    trades: int


class DayStatistics:
    """Statistics of one instrument.

    Args:
        instrument: whose.
        price_scale: of its prices.
        quantity_scale: of its quantities.
        trades_max: newest trades kept above the bar; a bar that lags further behind counts too little.
    """

    def __init__(
        self, instrument: InstrumentId, price_scale: int, quantity_scale: int, trades_max: int = 20_000
    ) -> None:
        self.instrument = instrument
        self._price_unit = 10**price_scale
        self._value_unit = 10 ** (price_scale + quantity_scale)
        self._above: deque[_Counted] = deque(maxlen=trades_max)
        """The trades that the bar does not count, oldest first."""
        self._newest_id = -1
        self._bar: DayTotals | None = None
        self._totals: DayTotals | None = None
        """The bar and what is above it."""

    def begin_day(self) -> None:
        """Forget yesterday: nothing is published until the first bar of the new day."""
        self._bar = self._totals = None
        self._above.clear()

    def apply_bar(self, bar: DayTotals) -> SecurityChanged | None:
        """Take a bar of the current day; None if it is not newer than the one before it."""
        if self._bar is not None and (bar.last_id, bar.trades) <= (self._bar.last_id, self._bar.trades):
            return None
        self._bar = bar
        while self._above and self._above[0].last_id <= bar.last_id:
            self._above.popleft()
        totals = bar
        for counted in self._above:
            totals = _carried_on(totals, counted)
        self._totals = totals
        return self._changed(totals)

    def apply_trade(self, trade: TradeReported, last_id: int, fills: int) -> SecurityChanged | None:
        """Take a trade of the current day; None before the first bar, and if it is counted already.

        Args:
            trade: as it is published.
            last_id: the venue's id of its last fill.
            fills: how many fills it joins.
        """
        if trade.affects is not Affects.ALL or last_id <= self._newest_id:
            return None
        self._newest_id = last_id
        if self._bar is not None and last_id <= self._bar.last_id:
            return None
        counted = _Counted(last_id, fills, trade.price, trade.quantity)
        self._above.append(counted)
        if self._totals is None:
            return None
        self._totals = _carried_on(self._totals, counted)
        return self._changed(self._totals)

    def _changed(self, totals: DayTotals) -> SecurityChanged:
        if not totals.trades:  # the bar of a day without trades repeats yesterday's close as its prices
            return SecurityChanged(instrument=self.instrument, volume=0, value_traded=0.0, number_of_trades=0)
        return SecurityChanged(
            instrument=self.instrument,
            open=totals.open,
            high=totals.high,
            low=totals.low,
            last=totals.last,
            volume=totals.volume,
            value_traded=totals.value / self._value_unit,
            number_of_trades=totals.trades,
            vwap=totals.value / totals.volume / self._price_unit if totals.volume else None,
        )


class _Counted(msgspec.Struct, frozen=True, gc=False):
    """What the statistics need of a trade."""

    last_id: int
    fills: int
    price: int
    quantity: int


def _carried_on(totals: DayTotals, trade: _Counted) -> DayTotals:
    price = trade.price
    untraded = not totals.trades
    return DayTotals(
        begin=totals.begin,
        last_id=trade.last_id,
        open=price if untraded else totals.open,
        high=price if untraded or price > totals.high else totals.high,
        low=price if untraded or price < totals.low else totals.low,
        last=price,
        volume=totals.volume + trade.quantity,
        value=totals.value + price * trade.quantity,
        trades=totals.trades + trade.fills,
    )
