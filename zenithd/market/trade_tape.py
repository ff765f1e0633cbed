"""The trades of one instrument on one trading day, bounded in memory (zenith-websocket 3.1.5)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.market_data import Trend
from zenithd.market.changes import TapeTrade
from zenithd.market.trade_effect import trade_effect

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_NONE: Final = Trend.NONE
_UP: Final = Trend.UP
_DOWN: Final = Trend.DOWN


class TapeSnapshot(msgspec.Struct):
    """The stored state of a tape."""

    trading_date: date | None
    newest_id: int
    complete: bool
    last_price: int | None
    evicted_until: int
    trades: list[TapeTrade]


class TradeTape:
    """The newest trades of the day in ascending order of ids.

    At least the newest `trades_max` are held; older ones are let go in batches of an eighth of that.
    """

    __slots__ = (
        "_evicted_until",
        "_last_price",
        "_trades",
        "complete",
        "newest_id",
        "trades_max",
        "trading_date",
    )

    def __init__(self, trades_max: int, trading_date: date | None = None) -> None:
        self.trades_max = trades_max
        self.restart(trading_date)

    def restart(self, trading_date: date | None) -> None:
        """Begin an empty tape for a day."""
        self.trading_date = trading_date
        self.newest_id = 0
        """Id of the newest trade of the day; 0: no trade yet."""
        self.complete = True
        """True while every trade of the day is held: none let go, none lost in a gap."""
        self._trades: list[TapeTrade] = []
        self._last_price: int | None = None
        self._evicted_until = -1

    def snapshot(self, trades_max: int) -> TapeSnapshot:
        """The state with at most the newest `trades_max` trades."""
        left_out = self._trades[: max(0, len(self._trades) - trades_max)]
        return TapeSnapshot(
            self.trading_date,
            self.newest_id,
            self.complete and not left_out,
            self._last_price,
            max([self._evicted_until, *(taped.trade.time for taped in left_out)]),
            self._trades[len(left_out) :],
        )

    def restore(self, snapshot: TapeSnapshot) -> None:
        """Be as the tape was that gave the snapshot."""
        self.trading_date = snapshot.trading_date
        self.newest_id = snapshot.newest_id
        self.complete = snapshot.complete
        self._last_price = snapshot.last_price
        self._evicted_until = snapshot.evicted_until
        self._trades = list(snapshot.trades)

    def __len__(self) -> int:
        return len(self._trades)

    def __iter__(self) -> Iterator[TapeTrade]:
        return iter(self._trades)

    @property
    def oldest_id(self) -> int | None:
        """Id of the oldest trade that is held."""
        return self._trades[0].trade.trade_id if self._trades else None

    def add(self, trade: TradeReported) -> TapeTrade:
        """Append a trade whose id is above `newest_id` (the caller has checked) and give it its trend."""
        trend = _NONE
        if trade_effect(trade).price:
            trend = trend_between(self._last_price, trade.price)
            self._last_price = trade.price
        taped = TapeTrade(trade, trend)
        self.add_taped(taped)
        return taped

    def add_taped(self, taped: TapeTrade) -> None:
        """Append a trade that has its trend already."""
        trades = self._trades
        trades.append(taped)
        self.newest_id = taped.trade.trade_id
        if len(trades) >= self.trades_max + (slack := self.trades_max // 8 + 1):
            self._evicted_until = max(self._evicted_until, *(old.trade.time for old in trades[:slack]))
            del trades[:slack]
            self.complete = False

    def interrupt(self) -> None:
        """Mark that trades were lost in a gap."""
        self.complete = False

    def find(self, trade_id: int) -> TapeTrade | None:
        """The trade with an id, if it is held."""
        index = self._index(trade_id)
        return None if index is None else self._trades[index]

    def replace(self, trade: TradeReported) -> list[TapeTrade]:
        """Put a trade in the place of the one with the same id.

        Returns what changed: the trade, and the next one that affects the price if its trend is another
        now; empty if the id is not held.
        """
        index = self._index(trade.trade_id)
        if index is None:
            return []
        before = self._price_before(index)
        changed = [self._settle(index, trade, before)]
        if trade_effect(trade).price:
            before = trade.price
        for later in range(index + 1, len(self._trades)):
            follower = self._trades[later]
            if trade_effect(follower.trade).price:
                if trend_between(before, follower.trade.price) is not follower.trend:
                    changed.append(self._settle(later, follower.trade, before))
                break
        else:
            self._last_price = before
        return changed

    def replace_taped(self, taped: TapeTrade) -> bool:
        """Put a trade that has its trend in the place of the one with its id; False: not held."""
        index = self._index(taped.trade.trade_id)
        if index is None:
            return False
        self._trades[index] = taped
        return True

    def _settle(self, index: int, trade: TradeReported, before: int | None) -> TapeTrade:
        trend = trend_between(before, trade.price) if trade_effect(trade).price else _NONE
        taped = self._trades[index] = TapeTrade(trade, trend, self._trades[index].market)
        return taped

    def _price_before(self, index: int) -> int | None:
        """Price of the last trade before an index that affects the price."""
        for earlier in range(index - 1, -1, -1):
            trade = self._trades[earlier].trade
            if trade_effect(trade).price:
                return trade.price
        return None

    def last_priced(self) -> TapeTrade | None:
        """The newest trade that affects the price, if it is held."""
        for taped in reversed(self._trades):
            if trade_effect(taped.trade).price:
                return taped
        return None

    def holds_since(self, time: int = 0) -> bool:
        """True if no trade with this time or a later one was let go; by default, no trade at all."""
        return time > self._evicted_until

    def select(self, count: int | None, first: int | None, last: int | None) -> list[TapeTrade]:
        """Answer QueryTrades from what is held, oldest first.

        `first` and `last` are ids; both belong to the range, and neither needs to exist. With `first`,
        `count` takes the oldest of the range, otherwise the newest. None: no such bound.
        """
        low, high = self._range(first, last)
        if count is not None and count < high - low:
            if first is not None:
                high = low + count
            else:
                low = high - count
        return self._trades[low:high]

    def covers(self, count: int | None, first: int | None, last: int | None) -> bool:
        """True if `select` gives the same as a tape of the whole day would."""
        oldest = self.oldest_id
        if self.complete:
            return True
        if oldest is None:
            return False
        if first is not None:
            return first >= oldest
        low, high = self._range(first, last)
        return count is not None and count <= high - low

    def _range(self, first: int | None, last: int | None) -> tuple[int, int]:
        trades = self._trades
        low = 0 if first is None else bisect_left(trades, first, key=_trade_id)
        high = len(trades) if last is None else bisect_right(trades, last, key=_trade_id)
        return low, max(low, high)

    def _index(self, trade_id: int) -> int | None:
        index = bisect_left(self._trades, trade_id, key=_trade_id)
        if index < len(self._trades) and self._trades[index].trade.trade_id == trade_id:
            return index
        return None


def _trade_id(taped: TapeTrade) -> int:
    return taped.trade.trade_id


def trend_between(before: int | None, price: int) -> Trend:
    """Direction of a price against the one before it."""
    if before is None or before == price:
        return _NONE
    return _UP if price > before else _DOWN


def select_trades(
    trades: Sequence[TapeTrade], count: int | None, first: int | None, last: int | None
) -> list[TapeTrade]:
    """Apply the rules of `TradeTape.select` to the trades of a stored day, oldest first."""
    tape = TradeTape(max(1, len(trades)))
    for taped in trades:
        tape.add_taped(taped)
    return tape.select(count, first, last)
