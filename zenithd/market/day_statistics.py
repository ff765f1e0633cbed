"""Statistics of a trading day, derived from its trades."""

from __future__ import annotations

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.market_data import Trend
from zenithd.market.security import rounded_vwap
from zenithd.market.trade_effect import Effect


class DayStatistics(msgspec.Struct, gc=False):
    """Exact counters in ticks and units; value is price times quantity.

    Open, high, low and last come from trades that affect the price; number, volume and value from those
    that affect the volume; the average from those that affect the VWAP.
    """

    open: int | None = None
    high: int | None = None
    low: int | None = None
    last: int | None = None
    trend: Trend = Trend.NONE
    last_traded: int | None = None
    """Time of the trade that made `last`."""
    number_of_trades: int = 0
    volume: int = 0
    value: int = 0
    vwap_volume: int = 0
    vwap_value: int = 0

    def add(self, trade: TradeReported, effect: Effect, trend: Trend) -> None:
        """Count a trade that is newer in sequence than all before."""
        if effect.price:
            self.add_price(trade.price)
            self.last = trade.price
            self.last_traded = trade.time
            self.trend = trend
        self.count(trade, effect, 1)

    def add_price(self, price: int) -> None:
        """Widen the day's range to a price."""
        if self.open is None or self.high is None or self.low is None:
            self.open = self.high = self.low = price
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price

    def count(self, trade: TradeReported, effect: Effect, sign: int) -> None:
        """Add (1) or take back (-1) what does not depend on the order of trades."""
        quantity = trade.quantity
        if effect.volume:
            self.number_of_trades += sign
            self.volume += sign * quantity
            self.value += sign * trade.price * quantity
        if effect.vwap:
            self.vwap_volume += sign * quantity
            self.vwap_value += sign * trade.price * quantity

    def vwap(self, price_scale: int) -> float | None:
        """Volume-weighted average price in price units, rounded; None without volume."""
        if not self.vwap_volume:
            return None
        return rounded_vwap(self.vwap_value / (self.vwap_volume * 10**price_scale), price_scale)
