"""QueryTrades: today, past days, mixes and delayed markets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.controllers.market_support import (
    NOON,
    PLAIN,
    SECOND,
    TODAY,
    Delayed,
    World,
    midnight,
    sample_markets,
    trade,
    venue,
    yesterday,
)
from zenithd.controllers.slices import SLICE_RECORDS
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.wire.answer import ABSENT, Answer

XS01 = {"Market": "XSX", "Code": "XS01"}


def ids(answer: Answer) -> list[int]:
    assert all(change["O"] == "A" for change in answer.data)
    return [change["Trade"]["ID"] for change in answer.data]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, [1, 2, 3]),
        ({"Count": 2}, [2, 3]),
        ({"Count": 0}, []),
        ({"LastTradeID": 0}, []),
        ({"LastTradeID": 2}, [1, 2]),
        ({"LastTradeID": 2, "Count": 1}, [2]),
        ({"FirstTradeID": 2}, [2, 3]),
        ({"FirstTradeID": 1, "Count": 2}, [1, 2]),
        ({"FirstTradeID": 1, "LastTradeID": 2}, [1, 2]),
        ({"FirstTradeID": 3, "LastTradeID": 1}, []),
        ({"TradingDate": TODAY.isoformat()}, [1, 2, 3]),
        ({"TradingDate": f"{TODAY.isoformat()}T00:00:00.000Z"}, [1, 2, 3]),
    ],
)
async def test_today_is_on_the_tape(data: dict[str, Any], expected: list[int]) -> None:
    world = World()
    assert ids(await world.ask("QueryTrades", {**XS01, **data})) == expected
    assert world.history.calls == []


async def test_a_record_is_complete_and_parties_are_by_right() -> None:
    world = World()
    answer = await world.ask("QueryTrades", {**XS01, "Count": 3})
    first, second, _ = (change["Trade"] for change in answer.data)
    assert first == {
        "ID": 1,
        "Price": 10.0,
        "Quantity": 100,
        "Time": "2026-11-20T12:00:00Z",
        "BuyBroker": "B1",
    }
    assert second["Trend"] == "Up"
    plain = await world.ask("QueryTrades", {**XS01, "Count": 3}, PLAIN)
    assert "BuyBroker" not in plain.data[0]["Trade"]


def past_world(**more: Any) -> World:
    world = World(**more)
    for back in (1, 2):
        time = midnight(yesterday(back)) + 3600 * SECOND
        trades = [trade("XS01", "XSX", n, 900 + n, time + n * 1_000) for n in range(1, 5)]
        world.history.put(yesterday(back), *trades)
        world.history.put(yesterday(back), trade("XS01", "XSY", 9, 9015, time + 2_000, buy_order_id="x"))
    return world


async def test_past_days_are_in_the_store() -> None:
    world = past_world()
    for data, expected in (
        ({}, [1, 2, 3, 4]),
        ({"Count": 2}, [3, 4]),
        ({"FirstTradeID": 2, "Count": 2}, [2, 3]),
        ({"LastTradeID": 2}, [1, 2]),
    ):
        answer = await world.ask("QueryTrades", {**XS01, "TradingDate": yesterday().isoformat(), **data})
        assert ids(answer) == expected
    answer = await world.ask("QueryTrades", {**XS01, "TradingDate": "2020-01-01"})
    assert answer == Answer([])
    tomorrow = (TODAY + timedelta(days=1)).isoformat()
    assert await world.ask("QueryTrades", {**XS01, "TradingDate": tomorrow}) == Answer([])


async def test_what_the_tape_let_go_is_in_the_store() -> None:
    trades = [trade("XS01", "XSX", n, 1000, NOON + n) for n in range(1, 101)]
    market = venue("XSX", [Instrument(code="XS01", market=MarketId("XSX"))], trades, tape_trades_max=10)
    world = World([market])
    world.history.put(TODAY, *trades, trade("XS01", "XSX", 101, 1, NOON))
    assert not market.instruments["XS01.XSX"].tape.complete  # type: ignore[index]
    assert ids(await world.ask("QueryTrades", XS01)) == list(range(1, 101))
    assert ids(await world.ask("QueryTrades", {**XS01, "LastTradeID": 5})) == [1, 2, 3, 4, 5]
    assert ids(await world.ask("QueryTrades", {**XS01, "FirstTradeID": 3, "Count": 2})) == [3, 4]
    asked = len(world.history.calls)
    assert ids(await world.ask("QueryTrades", {**XS01, "Count": 3})) == [98, 99, 100]
    assert len(world.history.calls) == asked
    world.history.is_broken = True
    answer = await world.ask("QueryTrades", XS01)
    assert answer.errors == ("Symbol.Fault XS01.XSX",)
    assert ids(answer)[-1] == 100


async def test_a_long_day_is_made_in_slices() -> None:
    number = SLICE_RECORDS * 2 + 1
    trades = [trade("XS01", "XSX", n, 1000, NOON + n) for n in range(1, number + 1)]
    market = venue("XSX", [Instrument(code="XS01", market=MarketId("XSX"))], trades, tape_trades_max=5_000)
    assert ids(await World([market]).ask("QueryTrades", XS01)) == list(range(1, number + 1))


async def test_a_store_that_cannot_answer() -> None:
    world = past_world()
    world.history.is_broken = True
    answer = await world.ask("QueryTrades", {**XS01, "TradingDate": yesterday().isoformat()})
    assert (answer.data, answer.errors) == (ABSENT, ("Symbol.Fault XS01.XSX",))


async def test_the_most_recent_day_is_meant_while_the_market_has_none() -> None:
    world = past_world()
    market = world.directory.markets[MarketId("XSX")]
    market.trading_date = None  # type: ignore[misc]
    answer = await world.ask("QueryTrades", XS01)
    assert answer.data[0]["Trade"]["Time"].startswith(yesterday().isoformat())


class TestMixes:
    async def test_today(self) -> None:
        answer = await World().ask("QueryTrades", {"Market": "XSX+XSY", "Code": "XS01"})
        assert [change["Trade"]["Market"] for change in answer.data] == ["XSX", "XSX", "XSY", "XSX"]
        assert [change["Trade"]["Price"] for change in answer.data] == [10.0, 10.05, 10.02, 10.05]
        assert ids(answer) == sorted(set(ids(answer)))

    async def test_a_past_day_is_blended_by_time(self) -> None:
        world = past_world()
        data = {"Market": "XSX+XSY", "Code": "XS01", "TradingDate": yesterday().isoformat()}
        answer = await world.ask("QueryTrades", data)
        assert [change["Trade"]["Market"] for change in answer.data] == ["XSX", "XSX", "XSY", "XSX", "XSX"]
        assert ids(answer) == sorted(set(ids(answer)))
        trends = [change["Trade"].get("Trend") for change in answer.data]
        assert trends == [None, "Up", "Up", "Down", "Up"]
        assert all(call[2] == yesterday() for call in world.history.calls)
        newest = await world.ask("QueryTrades", {**data, "Count": 2})
        assert ids(newest) == ids(answer)[-2:]
        after = await world.ask("QueryTrades", {**data, "FirstTradeID": ids(answer)[1], "Count": 2})
        assert ids(after) == ids(answer)[1:3]

    async def test_a_code_that_one_source_lists_is_passed_through(self) -> None:
        world = World()
        world.history.put(yesterday(), trade("XS.03", "XSX", 77, 100, midnight(yesterday())))
        data = {"Market": "XSX+XSY", "Code": "XS.03", "TradingDate": yesterday().isoformat()}
        answer = await world.ask("QueryTrades", data)
        assert ids(answer) == [77]
        assert answer.data[0]["Trade"]["Market"] == "XSX"


DELAYED = {"Market": "XSX[Delayed]", "Code": "XS01"}


class TestDelayedMarkets:
    def world(self, trading_date: Any) -> World:
        source = sample_markets()[0]
        world = past_world(markets=[source, Delayed(source, trading_date)])
        world.history.put(TODAY, trade("XS01", "XSX", 1, 1000, NOON))
        return world

    async def test_past_days_are_those_of_the_source(self) -> None:
        world = self.world(TODAY)
        answer = await world.ask("QueryTrades", {**DELAYED, "TradingDate": yesterday().isoformat()})
        assert ids(answer) == [1, 2, 3, 4]
        assert "Market" not in answer.data[0]["Trade"]

    async def test_nothing_of_today_comes_from_the_source(self) -> None:
        world = self.world(TODAY)
        assert await world.ask("QueryTrades", DELAYED) == Answer([])
        assert await world.ask("QueryTrades", {**DELAYED, "TradingDate": TODAY.isoformat()}) == Answer([])

    @pytest.mark.parametrize("own_date", [yesterday(), None])
    async def test_a_day_that_has_not_begun_for_it_is_hidden(self, own_date: Any) -> None:
        world = self.world(own_date)
        assert await world.ask("QueryTrades", {**DELAYED, "TradingDate": TODAY.isoformat()}) == Answer([])
        assert await world.ask("QueryTrades", DELAYED) == Answer([])
