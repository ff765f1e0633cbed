"""Minute bars, their aggregation on the market's clock, and their selection (zenith-websocket 3.1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Affects, Bar
from zenithd.market.chart import (
    DAY_SECONDS,
    MINUTE_NS,
    PERIODS,
    Minute,
    MinuteBars,
    bar_minute,
    join_periods,
    merge_minutes,
    minute_bar,
    select_bars,
)
from zenithd.market.trade_effect import trade_effect

XS01 = InstrumentId("XS01.XSX")
SECOND = 1_000_000_000
SYDNEY = ZoneInfo("Australia/Sydney")


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """Nanoseconds of a date-time on a zone's clock."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(moment.timestamp()) * SECOND


def bar(time: int, price: int = 100, volume: int = 1, trades: int | None = 1) -> Bar:
    return Bar(time, price, price, price, price, volume, trades)


def add(chart: MinuteBars, time: int, price: int, quantity: int = 1, affects: Affects = Affects.ALL) -> None:
    trade = TradeReported(XS01, 1, price, quantity, time, affects=affects)
    chart.add(trade, trade_effect(trade))


# Minute bars


def test_trades_of_a_minute_make_a_bar() -> None:
    chart = MinuteBars()
    for second, price in ((0, 100), (10, 103), (20, 98), (59, 101)):
        add(chart, second * SECOND, price, 2)
    add(chart, 60 * SECOND, 105)
    assert chart.bars() == [Bar(0, 100, 103, 98, 101, 8, 4), Bar(MINUTE_NS, 105, 105, 105, 105, 1, 1)]


def test_a_late_trade_goes_into_its_own_minute() -> None:
    chart = MinuteBars()
    add(chart, 10 * MINUTE_NS, 100)
    add(chart, 5 * MINUTE_NS, 90)
    add(chart, 10 * MINUTE_NS, 101)
    assert chart.bars() == [bar(5 * MINUTE_NS, 90), Bar(10 * MINUTE_NS, 100, 101, 100, 101, 2, 2)]


def test_volume_without_price_shows_only_with_a_priced_minute() -> None:
    chart = MinuteBars()
    add(chart, 0, 100, 50, Affects.VOLUME)
    assert chart.bars() == []
    add(chart, SECOND, 99, 1, Affects.PRICE)
    assert chart.bars() == [Bar(0, 99, 99, 99, 99, 50, 1)]


# Aggregation


def aggregate(bars: Sequence[Bar], period_seconds: int, time_zone: ZoneInfo) -> list[Bar]:
    return list(join_periods(bars, period_seconds, time_zone))


def test_five_minutes() -> None:
    minutes = [
        Bar(at("2026-11-16T10:04"), 10, 12, 9, 11, 100, 3),
        Bar(at("2026-11-16T10:05"), 20, 22, 19, 21, 200, 4),
        Bar(at("2026-11-16T10:09"), 21, 25, 18, 19, 300, 5),
        Bar(at("2026-11-16T10:20"), 30, 30, 30, 30, 1, 1),
    ]
    assert aggregate(minutes, 300, ZoneInfo("UTC")) == [
        Bar(at("2026-11-16T10:00"), 10, 12, 9, 11, 100, 3),
        Bar(at("2026-11-16T10:05"), 20, 25, 18, 19, 500, 9),
        Bar(at("2026-11-16T10:20"), 30, 30, 30, 30, 1, 1),
    ]


def test_an_unknown_number_of_trades_stays_unknown() -> None:
    assert aggregate([bar(0), bar(MINUTE_NS, trades=None)], 300, ZoneInfo("UTC")) == [bar(0, 100, 2, None)]


@pytest.mark.parametrize(
    ("minute", "period", "zone", "start"),
    [
        ("2026-11-16T10:44", 1800, "UTC", "2026-11-16T10:30"),
        ("2026-11-16T10:44", 900, "UTC", "2026-11-16T10:30"),
        ("2026-11-16T10:45", 900, "UTC", "2026-11-16T10:45"),
        # A clock at +05:45: half hours begin at :15 and :45 of UTC.
        ("2026-11-16T10:44", 1800, "Asia/Kathmandu", "2026-11-16T10:30"),
        ("2026-11-16T23:59", DAY_SECONDS, "Australia/Sydney", "2026-11-16T00:00"),
        ("2026-11-16T00:00", DAY_SECONDS, "Australia/Sydney", "2026-11-16T00:00"),
        # Set forward at 02:00 on 2026-10-04: the day has 23 hours.
        ("2026-10-04T23:30", DAY_SECONDS, "Australia/Sydney", "2026-10-04T00:00"),
        # Set back at 03:00 on 2026-04-05: the day has 25 hours.
        ("2026-04-05T23:30", DAY_SECONDS, "Australia/Sydney", "2026-04-05T00:00"),
        ("2026-04-05T00:30", DAY_SECONDS, "Australia/Sydney", "2026-04-05T00:00"),
        # A change by half an hour.
        ("2026-10-04T12:29", 1800, "Australia/Lord_Howe", "2026-10-04T12:00"),
        ("1969-12-31T23:59", 300, "UTC", "1969-12-31T23:55"),
    ],
)
def test_periods_begin_on_the_clock_of_the_market(minute: str, period: int, zone: str, start: str) -> None:
    joined = aggregate([bar(at(minute, zone))], period, ZoneInfo(zone))
    assert [one.time for one in joined] == [at(start, zone)]


def test_the_repeated_hour_has_bars_of_its_own() -> None:
    first, again = at("2026-04-05T02:30", "Australia/Sydney"), at("2026-04-05T02:30", "Australia/Sydney", 1)
    assert again - first == 3600 * SECOND
    assert [one.time for one in aggregate([bar(first), bar(again)], 1800, SYDNEY)] == [first, again]
    assert len(aggregate([bar(first), bar(again)], DAY_SECONDS, SYDNEY)) == 1


def test_days_are_those_of_the_market_not_of_utc() -> None:
    # 23:00 and 13:00 UTC are one day in Sydney.
    bars = [bar(at("2026-11-15T23:00")), bar(at("2026-11-16T12:59")), bar(at("2026-11-16T13:00"))]
    days = aggregate(bars, DAY_SECONDS, SYDNEY)
    assert [one.time for one in days] == [
        at("2026-11-16T00:00", "Australia/Sydney"),
        at("2026-11-17T00:00", "Australia/Sydney"),
    ]
    assert [one.volume for one in days] == [2, 1]


@pytest.mark.parametrize("period", [0, 1, 120, 3600, 2 * DAY_SECONDS])
def test_other_periods_are_refused(period: int) -> None:
    with pytest.raises(ValueError, match="not a chart period"):
        aggregate([], period, SYDNEY)


@given(
    st.lists(st.integers(0, 3 * 1440), max_size=60, unique=True),
    st.sampled_from(PERIODS),
    st.sampled_from(["UTC", "Australia/Sydney", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.sampled_from(["2026-04-04", "2026-10-03", "2026-03-07", "2026-11-01", "2026-06-10"]),
)
def test_aggregation_keeps_volume_range_and_order(
    numbers: list[int], period: int, zone: str, begin: str
) -> None:
    origin = at(begin + "T00:00")
    bars = [Bar(origin + n * MINUTE_NS, n, n + 5, n - 5, n + 1, n, 1) for n in sorted(numbers)]
    joined = aggregate(bars, period, ZoneInfo(zone))
    times = [one.time for one in joined]
    assert times == sorted(set(times))
    assert sum(one.volume for one in joined) == sum(one.volume for one in bars)
    assert sum(one.trades or 0 for one in joined) == len(bars)
    if bars:
        assert (joined[0].open, joined[-1].close) == (bars[0].open, bars[-1].close)
        assert max(one.high for one in joined) == max(one.high for one in bars)
    for one in joined:
        clock = datetime.fromtimestamp(one.time // SECOND, ZoneInfo(zone))
        assert (clock.hour * 3600 + clock.minute * 60) % period == 0
        assert any(one.time <= other.time < one.time + period * SECOND + 7200 * SECOND for other in bars)


# Selection

TEN = [bar(n, n) for n in range(10)]


@pytest.mark.parametrize(
    ("start", "end", "count", "expected"),
    [
        (None, None, None, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (6, None, None, [9, 8, 7, 6]),
        (None, 3, None, [2, 1, 0]),
        (None, None, 2, [9, 8]),
        (6, None, 2, [7, 6]),
        (3, 6, None, [5, 4, 3]),
        (None, 6, 2, [5, 4]),
        (3, 8, 2, [7, 6]),
        (3, 8, 99, [7, 6, 5, 4, 3]),
        (6, 3, None, []),
        (6, 6, 1, []),
        (99, None, 5, []),
        (None, None, 0, []),
        (2, None, 0, []),
    ],
)
def test_select_bars(start: int | None, end: int | None, count: int | None, expected: list[int]) -> None:
    assert [one.time for one in select_bars(TEN, start, end, count)] == expected


# Merging


def test_bars_of_several_markets_merge() -> None:
    one = [Minute(0, 5, 50, 100, 110, 95, 105, 10, 2), Minute(MINUTE_NS, 70, 70, 105, 105, 105, 105, 1, 1)]
    other = [Minute(0, 2, 40, 101, 120, 99, 102, 5, 1), Minute(2 * MINUTE_NS, 130, 130, 90, 90, 90, 90, 2, 1)]
    merged = [minute_bar(minute) for minute in merge_minutes([one, other])]
    assert merged == [
        Bar(0, 101, 120, 95, 105, 15, 3),
        Bar(MINUTE_NS, 105, 105, 105, 105, 1, 1),
        Bar(2 * MINUTE_NS, 90, 90, 90, 90, 2, 1),
    ]
    assert one[0].volume == 10


def test_stored_bars_merge_with_the_open_of_the_first_and_the_close_of_the_last() -> None:
    charts = [[bar_minute(Bar(0, 1, 9, 1, 2, 3, 1))], [bar_minute(Bar(0, 5, 7, 0, 6, 4, None))]]
    assert [minute_bar(minute) for minute in merge_minutes(charts)] == [Bar(0, 1, 9, 0, 6, 7, 1)]


def test_a_minute_without_price_adds_its_volume_alone() -> None:
    charts = [
        [Minute(0, volume=7, trades=1)],
        [Minute(0, 1, 1, 5, 5, 5, 5, 3, 1)],
        [Minute(0, volume=2, trades=1)],
    ]
    assert [minute_bar(minute) for minute in merge_minutes(charts)] == [Bar(0, 5, 5, 5, 5, 12, 3)]
