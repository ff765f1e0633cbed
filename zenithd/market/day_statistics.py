"""Statistics of a trading day, derived from its trades."""

from __future__ import annotations

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.market_data import Trend
from zenithd.market.security import VWAP_UNIT
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
            price = trade.price
            if self.open is None or self.high is None or self.low is None:
                self.open = self.high = self.low = price
            elif price > self.high:
                self.high = price
            elif price < self.low:
                self.low = price
            self.last = price
            self.last_traded = trade.time
            self.trend = trend
        self.count(trade, effect, 1)

    def count(self, trade: TradeReported, effect: Effect, sign: int) -> None:
        """Add (1) or take back (-1) what does not depend on the order of trades."""
        quantity = sign * trade.quantity
        value = trade.price * quantity
        if effect.volume:
            self.number_of_trades += sign
            self.volume += quantity
            self.value += value
        if effect.vwap:
            self.vwap_volume += quantity
            self.vwap_value += value

    def vwap(self, price_scale: int) -> float | None:
        """Volume-weighted average price in price units, rounded half up; None without volume."""
        volume = self.vwap_volume
        if not volume:
            return None
        # Exact, and in integers less than half as dear as rounding a float.
        rounded = (2 * VWAP_UNIT * self.vwap_value + volume) // (2 * volume)
        units: int = VWAP_UNIT * 10**price_scale
        return rounded / units
