"""QueryChartHistory: periods, bounds, counts, and where bars come from."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.controllers.market_support import (
    MINUTE,
    NOON,
    SECOND,
    TODAY,
    Delayed,
    Remote,
    World,
    midnight,
    sample_markets,
    trade,
    venue,
    yesterday,
)
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Bar
from zenithd.wire.answer import ABSENT, Answer

XS01 = {"Market": "XSX", "Code": "XS01"}
MINUTES = {**XS01, "Period": "00:01:00"}


def dates(answer: Answer) -> list[str]:
    return [record["Date"] for record in answer.data]


def past_world(days: int = 3, **more: Any) -> World:
    """Make a market with trades at 1:00, 1:01 and 1:07 of each past day and at 12:00 and 12:01 today."""
    world = World(**more)
    for back in range(days, 0, -1):
        start = midnight(yesterday(back)) + 60 * MINUTE
        for number, minute in enumerate((0, 1, 7), start=1):
            price = 1000 + 10 * back + number
            world.history.put(
                yesterday(back), trade("XS01", "XSX", number, price, start + minute * MINUTE, quantity=10)
            )
    return world


async def test_days_are_newest_first_and_by_default() -> None:
    answer = await past_world().ask("QueryChartHistory", XS01)
    assert dates(answer) == [f"2026-11-{day}+00:00" for day in (20, 19, 18, 17)]
    today, last, *_ = answer.data
    assert today == {
        "Date": "2026-11-20+00:00",
        "Open": 10.0,
        "High": 10.05,
        "Low": 10.0,
        "Close": 10.05,
        "Volume": 300,
        "Trades": 3,
    }
    assert (last["Open"], last["Close"], last["Volume"], last["Trades"]) == (10.11, 10.13, 30, 3)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, [20, 19, 18, 17]),
        ({"FromDate": "2026-11-18"}, [20, 19, 18]),
        ({"ToDate": "2026-11-19T00:00:00.000Z"}, [18, 17]),
        ({"Count": 2}, [20, 19]),
        ({"FromDate": "2026-11-18T23:59:59+10:00", "Count": 2}, [19, 18]),
        ({"FromDate": "2026-11-18", "ToDate": "2026-11-20"}, [19, 18]),
        ({"ToDate": "2026-11-20", "Count": 2}, [19, 18]),
        ({"FromDate": "2026-11-17", "ToDate": "2026-11-20", "Count": 1}, [19]),
        ({"FromDate": "2026-11-20", "ToDate": "2026-11-18"}, []),
        ({"FromDate": "0001-01-01", "ToDate": "9999-12-31"}, [20, 19, 18, 17]),
        ({"Count": 0}, []),
    ],
)
async def test_every_row_of_the_table(bounds: dict[str, Any], expected: list[int]) -> None:
    answer = await past_world().ask("QueryChartHistory", {**XS01, **bounds})
    assert dates(answer) == [f"2026-11-{day}+00:00" for day in expected]


async def test_minutes_and_longer_periods() -> None:
    world = past_world(days=1)
    answer = await world.ask("QueryChartHistory", MINUTES)
    assert dates(answer) == [
        "2026-11-20T12:01:00Z",
        "2026-11-20T12:00:00Z",
        "2026-11-19T01:07:00Z",
        "2026-11-19T01:01:00Z",
        "2026-11-19T01:00:00Z",
    ]
    five = await world.ask("QueryChartHistory", {**XS01, "Period": "00:05:00"})
    assert [(record["Date"][11:16], record["Volume"]) for record in five.data] == [
        ("12:00", 300),
        ("01:05", 10),
        ("01:00", 20),
    ]
    half = await world.ask("QueryChartHistory", {**XS01, "Period": "00:30:00", "Count": 1})
    assert dates(half) == ["2026-11-20T12:00:00Z"]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"FromDate": "2026-11-19T01:01:00Z"}, ["12:01", "12:00", "01:07", "01:01"]),
        ({"FromDate": "20261119T010101Z"}, ["12:01", "12:00", "01:07"]),
        ({"ToDate": "2026-11-19T01:07:00Z"}, ["01:01", "01:00"]),
        ({"FromDate": "2026-11-19T11:01:00+10:00", "Count": 2}, ["01:07", "01:01"]),
        ({"ToDate": "2026-11-20T12:01:00Z", "Count": 2}, ["12:00", "01:07"]),
        ({"FromDate": "2026-11-19", "ToDate": "2026-11-20T12:01:00Z", "Count": 2}, ["12:00", "01:07"]),
    ],
)  # fmt: skip
async def test_bounds_within_days(bounds: dict[str, Any], expected: list[str]) -> None:
    answer = await past_world(days=1).ask("QueryChartHistory", {**MINUTES, **bounds})
    assert [text[11:16] for text in dates(answer)] == expected


async def test_a_bound_inside_a_period_does_not_cut_it() -> None:
    world = past_world(days=1)
    data = {
        **XS01,
        "Period": "00:15:00",
        "FromDate": "2026-11-19T01:01:00Z",
        "ToDate": "2026-11-20T12:00:30Z",
    }
    answer = await world.ask("QueryChartHistory", data)
    assert [(record["Date"][11:16], record["Volume"]) for record in answer.data] == [("12:00", 300)]


async def test_the_clock_of_the_market_counts() -> None:
    zone = "Australia/Sydney"
    instrument = Instrument(code="XS01", market=MarketId("XSX"))
    market = venue("XSX", [instrument], [trade("XS01", "XSX", 1, 1000, NOON)], zone=zone)
    world = World([market])
    world.history.put(yesterday(), trade("XS01", "XSX", 1, 900, midnight(yesterday()) + 3 * 3600 * SECOND))
    daily = await world.ask("QueryChartHistory", XS01)
    assert dates(daily) == ["2026-11-20+11:00", "2026-11-19+11:00"]
    answer = await world.ask("QueryChartHistory", {**MINUTES, "FromDate": "2026-11-19T14:00:00"})
    assert dates(answer) == ["2026-11-20T23:00:00+11:00", "2026-11-19T14:00:00+11:00"]


async def test_a_mix_is_blended() -> None:
    world = past_world(days=1)
    world.history.put(
        yesterday(), trade("XS01", "XSY", 1, 999, midnight(yesterday()) + 60 * MINUTE + 30 * SECOND)
    )
    answer = await world.ask("QueryChartHistory", {**MINUTES, "Market": "XSX+XSY"})
    assert len(answer.data) == 5
    oldest = answer.data[-1]
    assert (oldest["Open"], oldest["Low"], oldest["Close"], oldest["Volume"]) == (1.011, 0.999, 0.999, 110)
    daily = await world.ask("QueryChartHistory", {**XS01, "Market": "XSX+XSY"})
    assert [record["Trades"] for record in daily.data] == [4, 4]


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        (None, ("Data",)),
        ({}, ("Market", "Code")),
        ({**XS01, "Period": "00:02:00"}, ("Data.Deserialise",)),
        ({**XS01, "FromDate": "yesterday"}, ("Data.Deserialise",)),
        ({**XS01, "FromDate": "10000-01-01"}, ("Data.Deserialise",)),
        ({**XS01, "ToDate": 5}, ("Data.Deserialise",)),
        ({**XS01, "Count": -1}, ("Data.Deserialise",)),
        ({**XS01, "Code": "NO"}, ("Symbol.NotFound NO.XSX",)),
    ],
)
async def test_refusals(data: Any, errors: tuple[str, ...]) -> None:
    answer = await World().ask("QueryChartHistory", data)
    assert (answer.data, answer.errors) == (ABSENT, errors)


async def test_without_the_store_today_is_answered_and_the_fault_told() -> None:
    world = past_world()
    world.history.is_broken = True
    answer = await world.ask("QueryChartHistory", XS01)
    assert dates(answer) == ["2026-11-20+00:00"]
    assert answer.errors == ("Symbol.Fault XS01.XSX",)


def bar(time: int, volume: int, close: int = 500) -> Bar:
    return Bar(time, close, close, close, close, volume, None)


class TestHistorySources:
    async def test_days_that_nobody_saw_live(self) -> None:
        remote = Remote(
            [bar(midnight(date(2026, 11, day)), volume) for day, volume in ((16, 5), (19, 7), (20, 999))]
        )
        answer = await past_world(remote=remote).ask("QueryChartHistory", XS01)
        assert [(record["Date"][8:10], record["Volume"]) for record in answer.data] == [
            ("20", 999),
            ("19", 30),
            ("18", 30),
            ("17", 30),
            ("16", 5),
        ]
        assert "Trades" not in answer.data[-1]

    async def test_what_sources_are_asked(self) -> None:
        remote = Remote()
        world = past_world(remote=remote)
        await world.ask("QueryChartHistory", {**MINUTES, "Count": 10})
        await world.ask("QueryChartHistory", {**XS01, "FromDate": "2026-11-01", "ToDate": "2026-11-10"})
        await world.ask("QueryChartHistory", {**XS01, "FromDate": "2026-11-01", "Count": 2})
        assert remote.asked == [
            ("XS01.XSX", 60, None, None, 10),
            ("XS01.XSX", 86_400, midnight(date(2026, 11, 1)), midnight(date(2026, 11, 10)), 5_000),
            ("XS01.XSX", 86_400, midnight(date(2026, 11, 1)), midnight(date(2026, 11, 11)), 10),
        ]

    async def test_a_mix_is_nothing_that_a_source_has(self) -> None:
        remote = Remote([bar(NOON, 5)])
        await World(remote=remote).ask("QueryChartHistory", {**MINUTES, "Market": "XSX+XSY"})
        assert remote.asked == []

    async def test_a_zone_east_of_greenwich(self) -> None:
        opened = midnight(yesterday(5)) - 11 * 3600 * SECOND
        market = venue("XSX", [Instrument(code="XS01", market=MarketId("XSX"))], zone="Australia/Sydney")
        answer = await World([market], Remote([bar(opened, 5)])).ask("QueryChartHistory", XS01)
        assert dates(answer) == [f"{yesterday(5).isoformat()}+11:00"]


DELAYED = {"Market": "XSX[Delayed]", "Code": "XS01"}


class TestDelayedMarkets:
    def world(self, trading_date: Any, remote: Remote | None = None) -> World:
        source = sample_markets()[0]
        world = past_world(markets=[source, Delayed(source, trading_date)], remote=remote)
        world.history.put(TODAY, trade("XS01", "XSX", 1, 1000, NOON))
        return world

    async def test_past_days_are_those_of_the_source(self) -> None:
        answer = await self.world(TODAY).ask("QueryChartHistory", DELAYED)
        assert dates(answer) == [f"2026-11-{day}+00:00" for day in (19, 18, 17)]
        answer = await self.world(yesterday()).ask("QueryChartHistory", DELAYED)
        assert dates(answer) == [f"2026-11-{day}+00:00" for day in (18, 17)]

    async def test_nothing_is_shown_before_its_own_day_is_known(self) -> None:
        assert await self.world(None).ask("QueryChartHistory", DELAYED) == Answer([])

    async def test_sources_are_not_asked_for_what_is_not_due(self) -> None:
        remote = Remote()
        world = self.world(TODAY, remote)
        await world.ask("QueryChartHistory", DELAYED)
        await world.ask("QueryChartHistory", {**DELAYED, "Period": "00:30:00"})
        ends = [asked[3] for asked in remote.asked]
        assert ends == [midnight(TODAY), NOON]
        assert all(asked[0] == "XS01.XSX" for asked in remote.asked)
