"""Minutes and days of the store, read in the thread. Days are worked out from minutes when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from zenithd.domain.identifiers import InstrumentId
from zenithd.history.batch import Scales
from zenithd.history.rows import STORED_MAX, row_minute
from zenithd.history.schema import transaction
from zenithd.history.series import Scaling, SeriesTable
from zenithd.market.chart import MINUTE_NS, Minute

DAY_NS = 86_400_000_000_000
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
TRADING_DAYS_APART_MAX = 7
"""How far a trade's time may lie from its trading date, in days (a Monday's session that opens on Friday)."""


class BarQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which bars are wanted: start <= time < end, and of trading dates before one."""

    start: int | None = None
    end: int | None = None
    before_day: date | None = None
    count: int
    """At most so many."""
    from_oldest: bool = False
    """Count from the oldest one; else from the newest."""


class BarTable:
    """Reads minutes and days of one file."""

    def __init__(self, connection: Any, series: SeriesTable) -> None:
        self._connection = connection
        self._series = series

    def minutes(self, instrument: InstrumentId, wanted: Scales | None, query: BarQuery) -> list[Minute]:
        """Give the minutes in which a trade affected the price, oldest first."""
        series = self._series.find(instrument)
        if series is None:
            return []
        low = 0 if query.start is None else _ordinal(query.start) - TRADING_DAYS_APART_MAX
        high = 2**31 if query.end is None else _ordinal(query.end) + TRADING_DAYS_APART_MAX
        if query.before_day is not None:
            high = min(high, query.before_day.toordinal())
        order = "ASC" if query.from_oldest else "DESC"
        rows = self._connection.execute(
            "SELECT time, opened, closed, open, high, low, close, volume, trades FROM minute "
            "WHERE series = ? AND day >= ? AND day < ? AND time >= ? AND time < ? AND open IS NOT NULL "
            f"ORDER BY day {order}, time {order} LIMIT ?",
            (
                series.id,
                low,
                high,
                -(2**62) if query.start is None else -(-query.start // MINUTE_NS),
                2**62 if query.end is None else -(-query.end // MINUTE_NS),
                query.count,
            ),
        ).fetchall()
        return _ordered(rows, query, Scaling.between(series.scales, wanted))

    def days(self, instrument: InstrumentId, wanted: Scales | None, query: BarQuery) -> list[Minute]:
        """Give the trading dates in which a trade affected the price, oldest first.

        A day's time is midnight UTC of its trading date; so are the bounds of the query.
        """
        series = self._series.find(instrument)
        if series is None:
            return []
        low = 0 if query.start is None else _ordinal(query.start + DAY_NS - 1)
        high = 2**31 if query.end is None else _ordinal(query.end + DAY_NS - 1)
        if query.before_day is not None:
            high = min(high, query.before_day.toordinal())
        self._refresh(series.id, high)
        order = "ASC" if query.from_oldest else "DESC"
        found = self._connection.execute(
            "SELECT day, opened, closed, open, high, low, close, volume, trades FROM day "
            f"WHERE series = ? AND day >= ? AND day < ? AND open IS NOT NULL ORDER BY day {order} LIMIT ?",
            (series.id, low, high, query.count),
        ).fetchall()
        rows = [((day - EPOCH_ORDINAL) * DAY_NS // MINUTE_NS, *rest) for day, *rest in found]
        return _ordered(rows, query, Scaling.between(series.scales, wanted))

    def _refresh(self, series: int, before: int) -> None:
        stale = self._connection.execute(
            "SELECT day FROM day WHERE series = ? AND day < ? AND is_stale", (series, before)
        ).fetchall()
        if stale:
            with transaction(self._connection):
                for (day,) in stale:
                    self._refresh_day(series, day)

    def _refresh_day(self, series: int, day: int) -> None:
        midnight = (day - EPOCH_ORDINAL) * DAY_NS
        rows = self._connection.execute(
            "SELECT time, opened, closed, open, high, low, close, volume, trades FROM minute "
            "WHERE series = ? AND day = ? ORDER BY time",
            (series, day),
        ).fetchall()
        bar = join_minutes(midnight, [row_minute(row) for row in rows])
        self._connection.execute(
            "UPDATE day SET is_stale = 0, opened = ?, closed = ?, open = ?, high = ?, low = ?, close = ?, "
            "volume = ?, trades = ? WHERE series = ? AND day = ?",
            (
                bar.opened - midnight,
                bar.closed - midnight,
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                min(bar.volume, STORED_MAX),
                bar.trades,
                series,
                day,
            ),
        )


def join_minutes(time: int, minutes: Sequence[Minute]) -> Minute:
    """Make one bar of the minutes of a trading date, oldest first; minutes without a price add volume."""
    priced = [minute for minute in minutes if minute.open is not None]
    joined = Minute(
        time,
        time,
        time,
        volume=sum(minute.volume for minute in minutes),
        trades=sum(minute.trades for minute in minutes),
    )
    if priced:
        joined.opened, joined.open = priced[0].opened, priced[0].open
        joined.closed, joined.close = priced[-1].closed, priced[-1].close
        joined.high = max(minute.high for minute in priced if minute.high is not None)
        joined.low = min(minute.low for minute in priced if minute.low is not None)
    return joined


def _ordinal(time: int) -> int:
    return min(max(time // DAY_NS + EPOCH_ORDINAL, 0), 2**31)


def _ordered(rows: Sequence[Any], query: BarQuery, scaling: Scaling) -> list[Minute]:
    minutes = [row_minute(row) for row in rows]
    if scaling.price_up * scaling.price_down * scaling.quantity_up * scaling.quantity_down != 1:
        for minute in minutes:
            _scale(minute, scaling)
    minutes.sort(key=_time)
    return minutes


def _time(minute: Minute) -> int:
    return minute.time


def _scale(minute: Minute, scaling: Scaling) -> None:
    if minute.open is not None and minute.high is not None:
        minute.open, minute.high = scaling.price(minute.open), scaling.price(minute.high)
    if minute.low is not None and minute.close is not None:
        minute.low, minute.close = scaling.price(minute.low), scaling.price(minute.close)
    minute.volume = scaling.quantity(minute.volume)
