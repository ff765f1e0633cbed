"""The trades of one instrument today: tape, chart and statistics kept in step."""

from __future__ import annotations

from datetime import date

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.market_data import Trend
from zenithd.market.changes import TapeTrade
from zenithd.market.chart import MinuteBars, minute_start
from zenithd.market.day_statistics import DayStatistics
from zenithd.market.security import SecurityRecord
from zenithd.market.snapshot import DayTradesSnapshot
from zenithd.market.trade_effect import trade_effect
from zenithd.market.trade_tape import TradeTape


class DayTrades:
    """Counts trades and corrects what was counted when a trade is amended."""

    __slots__ = ("chart", "statistics", "tape", "touched")

    def __init__(self, tape_trades_max: int, trading_date: date | None) -> None:
        self.tape = TradeTape(tape_trades_max, trading_date)
        self.chart = MinuteBars()
        self.statistics = DayStatistics()
        self.touched = False
        """True if the statistics changed since the owner last looked."""

    def restart(self, trading_date: date) -> None:
        """Begin a new day: nothing of the old one remains."""
        self.tape.restart(trading_date)
        self.chart.clear()
        self.statistics = DayStatistics()
        self.touched = False

    def count(self, trade: TradeReported) -> TapeTrade:
        """Count a trade with an id above all before (the caller has checked)."""
        effect = trade_effect(trade)
        taped = self.tape.add(trade)
        self.statistics.add(trade, effect, taped.trend)
        self.chart.add(trade, effect)
        self.touched = True
        return taped

    def amend(self, trade: TradeReported) -> list[TapeTrade]:
        """Replace a trade that is held; returns the tape records that changed, empty if it is not held.

        Volume, value and number are exact whatever happens. Prices are recomputed from the trades that
        are held; where those of its minute were let go already, a bar is only widened.
        """
        taped = self.tape.find(trade.trade_id)
        if taped is None:
            return []
        changed = self.tape.replace(trade)
        self._recount(taped.trade, trade)
        return changed

    def _recount(self, old: TradeReported, new: TradeReported) -> None:
        old_effect, new_effect = trade_effect(old), trade_effect(new)
        self.statistics.count(old, old_effect, -1)
        self.statistics.count(new, new_effect, 1)
        starts = (minute_start(old.time), minute_start(new.time))
        trades = (taped.trade for taped in self.tape)
        held = [(trade, trade_effect(trade)) for trade in trades if minute_start(trade.time) in starts]
        is_whole = self.tape.holds_since(min(starts))
        self.chart.amend((old, old_effect), (new, new_effect), held, is_whole)
        if old_effect.price or new_effect.price:
            self._recount_prices()
        self.touched = True

    def _recount_prices(self) -> None:
        statistics, tape = self.statistics, self.tape
        statistics.high, statistics.low = self.chart.extremes
        if tape.holds_since():
            statistics.open = next(
                (taped.trade.price for taped in tape if trade_effect(taped.trade).price), None
            )
        last = tape.last_priced()
        if last is not None:
            statistics.last, statistics.trend = last.trade.price, last.trend
            statistics.last_traded = last.trade.time
        elif tape.holds_since():
            statistics.last, statistics.trend, statistics.last_traded = None, Trend.NONE, None

    def values(self, price_scale: int) -> dict[str, object]:
        """The statistics as fields of a SecurityRecord."""
        statistics = self.statistics
        return {
            "open": statistics.open,
            "high": statistics.high,
            "low": statistics.low,
            "last": statistics.last,
            "trend": statistics.trend,
            "number_of_trades": statistics.number_of_trades,
            "volume": statistics.volume,
            "value_traded": statistics.value,
            "vwap": statistics.vwap(price_scale),
        }

    def show(self, record: SecurityRecord, price_scale: int, changed: set[str]) -> None:
        """Set all of `values` in a record; add the names of the fields that change to `changed`."""
        statistics = self.statistics
        if record.last != statistics.last:
            record.last = statistics.last
            changed.add("last")
        if record.trend is not statistics.trend:
            record.trend = statistics.trend
            changed.add("trend")
        if record.number_of_trades != statistics.number_of_trades:
            record.number_of_trades = statistics.number_of_trades
            changed.add("number_of_trades")
        if record.volume != statistics.volume:
            record.volume = statistics.volume
            changed.add("volume")
        if record.value_traded != statistics.value:
            record.value_traded = statistics.value
            changed.add("value_traded")
        vwap = statistics.vwap(price_scale)
        if record.vwap != vwap:
            record.vwap = vwap
            changed.add("vwap")
        if record.open != statistics.open:
            record.open = statistics.open
            changed.add("open")
        if record.high != statistics.high:
            record.high = statistics.high
            changed.add("high")
        if record.low != statistics.low:
            record.low = statistics.low
            changed.add("low")

    def snapshot(self, trades_max: int) -> DayTradesSnapshot:
        """The state with at most the newest `trades_max` trades."""
        minutes = [msgspec.structs.replace(minute) for minute in self.chart.minutes()]
        return DayTradesSnapshot(
            self.tape.snapshot(trades_max), minutes, msgspec.structs.replace(self.statistics)
        )

    def restore(self, snapshot: DayTradesSnapshot) -> None:
        """Be as the trades were that gave the snapshot."""
        self.tape.restore(snapshot.tape)
        self.chart = MinuteBars(msgspec.structs.replace(minute) for minute in snapshot.minutes)
        self.statistics = msgspec.structs.replace(snapshot.statistics)
