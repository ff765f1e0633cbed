"""Minute bars of a trading day, their aggregation and selection (zenith-websocket 3.1.6)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from zenithd.domain.events import TradeReported
from zenithd.domain.market_data import Bar
from zenithd.market.trade_effect import Effect

MINUTE_NS: Final = 60_000_000_000
SECOND_NS: Final = 1_000_000_000
DAY_SECONDS: Final = 86_400
PERIODS: Final = (60, 300, 900, 1800, DAY_SECONDS)
"""The chart periods of the protocol, in seconds."""


class Minute(msgspec.Struct, gc=False):
    """One minute of trading while it may still change.

    `opened` and `closed` are the times of the trades that made open and close; a mix merges by them.
    The four prices are None while no trade of the minute affected the price.
    """

    time: int
    """Start of the minute, nanoseconds since the Unix epoch."""
    opened: int = 0
    closed: int = 0
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    volume: int = 0
    trades: int = 0

    def add_price(self, price: int, time: int) -> None:
        """Count the price of a trade that is newer than all before."""
        if self.open is None or self.high is None or self.low is None:
            self.open = self.high = self.low = price
            self.opened = time
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.closed = time


class MinuteBars:
    """Today's minutes of one instrument, kept up to date trade by trade.

    Prices come from the trades that affect the price; volume and number of trades from those that affect
    the volume. A minute without a price is not shown, so the chart's volume may be less than the day's.
    """

    __slots__ = ("_by_time", "_newest", "_times")

    def __init__(self, minutes: Iterable[Minute] = ()) -> None:
        self._by_time = {minute.time: minute for minute in minutes}
        self._times = sorted(self._by_time)
        self._newest = self._by_time[self._times[-1]] if self._times else None

    def clear(self) -> None:
        """Begin a new day."""
        self._by_time.clear()
        self._times.clear()
        self._newest = None

    def add(self, trade: TradeReported, effect: Effect) -> None:
        """Count a trade, newer in sequence than all before; its time may be older."""
        time = trade.time
        minute = self._newest
        if minute is None or not 0 <= time - minute.time < MINUTE_NS:
            minute = self._minute(minute_start(time))
        if effect.price:
            minute.add_price(trade.price, time)
        if effect.volume:
            minute.volume += trade.quantity
            minute.trades += 1

    def amend(
        self,
        old: tuple[TradeReported, Effect],
        new: tuple[TradeReported, Effect],
        held: Sequence[tuple[TradeReported, Effect]],
        is_whole: bool,
    ) -> None:
        """Correct the minutes of a trade that was replaced.

        `held` are the trades of the affected minutes that are known, oldest first, with `new` in place of
        `old`. If these are not all (`is_whole`), the range of a minute can be widened but not narrowed.
        """
        for (trade, effect), sign in ((old, -1), (new, 1)):
            if effect.volume:
                minute = self._minute(minute_start(trade.time))
                minute.volume += sign * trade.quantity
                minute.trades += sign
        if is_whole:
            for trade, _ in (old, new):
                minute = self._minute(minute_start(trade.time))
                minute.open = minute.high = minute.low = minute.close = None
        for trade, effect in held:
            if effect.price:
                self._minute(minute_start(trade.time)).add_price(trade.price, trade.time)

    def _minute(self, start: int) -> Minute:
        minute = self._by_time.get(start)
        if minute is None:
            minute = self._by_time[start] = Minute(start)
            if self._newest is None or start > self._newest.time:
                self._times.append(start)
                self._newest = minute
            else:
                self._times.insert(bisect_left(self._times, start), start)
        return minute

    def minutes(self) -> list[Minute]:
        """The minutes, oldest first, those without a price included. Live: never change."""
        by_time = self._by_time
        return [by_time[time] for time in self._times]

    def bars(self) -> list[Bar]:
        """The minutes in which a trade affected the price, oldest first."""
        return [bar for minute in self.minutes() if (bar := minute_bar(minute)) is not None]

    @property
    def extremes(self) -> tuple[int | None, int | None]:
        """Highest and lowest price of the day; None, None without a price."""
        highs = [minute.high for minute in self._by_time.values() if minute.high is not None]
        lows = [minute.low for minute in self._by_time.values() if minute.low is not None]
        return (max(highs), min(lows)) if highs else (None, None)


def minute_start(time: int) -> int:
    """Start of the minute that `time` is in (nanoseconds)."""
    return time - time % MINUTE_NS


def minute_bar(minute: Minute) -> Bar | None:
    """The bar of a minute; None if no trade affected the price."""
    if minute.open is None or minute.high is None or minute.low is None or minute.close is None:
        return None
    return Bar(minute.time, minute.open, minute.high, minute.low, minute.close, minute.volume, minute.trades)


def bar_minute(bar: Bar) -> Minute:
    """The minute of a stored bar, as far as a bar knows it: opened and closed at its start."""
    return Minute(
        bar.time, bar.time, bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades or 0
    )


def merge_minutes(charts: Sequence[Sequence[Minute]]) -> list[Minute]:
    """Blend charts of several markets in one scale, each oldest first.

    High and low are the widest; volume and trades are sums; open and close are those of the earliest and
    the latest trade. On equal times the open of the first chart and the close of the last chart count.
    """
    merged: dict[int, Minute] = {}
    for chart in charts:
        for minute in chart:
            blend = merged.get(minute.time)
            if blend is None:
                merged[minute.time] = msgspec.structs.replace(minute)
            else:
                _merge_into(blend, minute)
    return [merged[time] for time in sorted(merged)]


def _merge_into(blend: Minute, minute: Minute) -> None:
    blend.volume += minute.volume
    blend.trades += minute.trades
    if minute.open is None or minute.high is None or minute.low is None:
        return
    if blend.open is None or blend.high is None or blend.low is None:
        blend.open, blend.high, blend.low, blend.close = minute.open, minute.high, minute.low, minute.close
        blend.opened, blend.closed = minute.opened, minute.closed
        return
    blend.high = max(blend.high, minute.high)
    blend.low = min(blend.low, minute.low)
    if minute.opened < blend.opened:
        blend.open, blend.opened = minute.open, minute.opened
    if minute.closed >= blend.closed:
        blend.close, blend.closed = minute.close, minute.closed


def join_periods(bars: Iterable[Bar], period_seconds: int, time_zone: ZoneInfo) -> Iterator[Bar]:
    """Join minute bars (oldest first) to bars of a longer period one after the other, oldest first.

    Periods below a day begin at whole multiples since midnight on the market's clock; where the clock is
    set back, the repeated hour has bars of its own. A day is a calendar day of the market and its bar's
    time is the first instant of that day. Untraded periods are omitted.

    Raises:
        ValueError: a period that is not one of `PERIODS`.
    """
    if period_seconds not in PERIODS:
        raise ValueError(f"{period_seconds} s is not a chart period")
    return _joined(bars, _PeriodStarts(period_seconds, time_zone).start)


def _joined(bars: Iterable[Bar], start_of: Callable[[int], int]) -> Iterator[Bar]:
    gathered: list[Bar] = []
    current: int | None = None
    for bar in bars:
        start = start_of(bar.time)
        if start != current and current is not None:
            yield _join(current, gathered)
            gathered = []
        current = start
        gathered.append(bar)
    if current is not None:
        yield _join(current, gathered)


def _join(start: int, bars: Sequence[Bar]) -> Bar:
    counts = [bar.trades for bar in bars]
    return Bar(
        start,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        None if None in counts else sum(count for count in counts if count is not None),
    )


class _PeriodStarts:
    """Finds the start of the period an instant is in; remembers the clock's offset per quarter hour."""

    BLOCK_NS: Final = 900 * SECOND_NS
    """No zone changes its clock within a quarter hour of UTC."""

    def __init__(self, period_seconds: int, time_zone: ZoneInfo) -> None:
        self._period_ns = period_seconds * SECOND_NS
        self._is_day = period_seconds == DAY_SECONDS
        self._time_zone = time_zone
        self._offsets: dict[int, int] = {}
        self._days: dict[int, int] = {}

    def start(self, time: int) -> int:
        block = time // self.BLOCK_NS
        offset = self._offsets.get(block)
        if offset is None:
            offset = self._offsets[block] = utc_offset(block * self.BLOCK_NS, self._time_zone)
        local = time + offset
        if not self._is_day:
            return local - local % self._period_ns - offset
        day = local // self._period_ns
        start = self._days.get(day)
        if start is None:
            start = self._days[day] = self._day_start(day)
        return start

    def _day_start(self, day: int) -> int:
        midnight = datetime(1970, 1, 1, tzinfo=self._time_zone) + timedelta(days=day)
        return round(midnight.timestamp()) * SECOND_NS


def utc_offset(time: int, time_zone: ZoneInfo) -> int:
    """Offset of a zone's clock from UTC at an instant, nanoseconds."""
    offset = datetime.fromtimestamp(time // SECOND_NS, time_zone).utcoffset() or timedelta()
    return round(offset.total_seconds()) * SECOND_NS


def select_bars(bars: Sequence[Bar], start: int | None, end: int | None, count: int | None) -> list[Bar]:
    """Pick bars (oldest first) as the table of 3.1.6 says; the result is newest first.

    Bars with start <= time < end are between; `count` takes the newest of them, but the oldest if there
    is a start and no end. None: no such bound.
    """
    low = 0 if start is None else bisect_left(bars, start, key=_bar_time)
    high = len(bars) if end is None else bisect_left(bars, end, key=_bar_time)
    high = max(low, high)
    if count is not None and count < high - low:
        if start is not None and end is None:
            high = low + count
        else:
            low = high - count
    picked = list(islice(bars, low, high))
    picked.reverse()
    return picked


def _bar_time(bar: Bar) -> int:
    return bar.time
