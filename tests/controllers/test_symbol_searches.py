"""SearchSymbols, QuerySymbols and ScanSymbols over markets: which are searched, who sees what, how long."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.controllers.market_support import (
    LIMITED,
    NOBODY,
    ONLY_XSX,
    World,
    definition,
    sample_markets,
    venue,
)
from zenithd.controllers.symbol_index import SymbolIndex
from zenithd.controllers.symbols import COMPARISONS_PER_SLICE
from zenithd.domain.identifiers import MarketId
from zenithd.domain.instrument import Instrument
from zenithd.market.venue import VenueMarket
from zenithd.wire.answer import ABSENT, Answer


def codes(answer: Answer) -> list[str]:
    return [f"{symbol['Code']}.{symbol['Market']}" for symbol in answer.data]


def demo_world() -> World:
    demo = MarketId("XSX[Demo]")
    alternative = MarketId("XSX:PM")
    return World(
        [
            *sample_markets(),
            venue("XSX[Demo]", [Instrument(code="D", market=demo)]),
            venue("XSX:PM", [Instrument(code="P", market=alternative)]),
        ]
    )


XSX = ["FUND.XSX", "LEVELS.XSX", "XS.03.XSX", "XS01.XSX", "XS02.XSX"]


@pytest.mark.parametrize("topic", ["SearchSymbols", "QuerySymbols", "ScanSymbols"])
class TestMarkets:
    async def ask(self, topic: str, data: dict[str, Any], world: World, access: Any = None) -> Answer:
        body = {"SearchText": "", **data} if topic == "QuerySymbols" else data
        return await (world.ask(topic, body) if access is None else world.ask(topic, body, access))

    @pytest.mark.parametrize(
        ("data", "expected", "errors"),
        [
            ({}, [*XSX, "XS01.XSY", "D.XSX[Demo]", "P.XSX:PM"], ()),
            ({"Market": "XSX"}, [*XSX, "D.XSX[Demo]", "P.XSX:PM"], ()),
            ({"Market": "XSX:"}, [*XSX, "D.XSX[Demo]"], ()),
            ({"Market": "XSX[]"}, [*XSX, "P.XSX:PM"], ()),
            ({"Market": "XSX:[]"}, XSX, ()),
            ({"Market": "XSX:PM"}, ["P.XSX:PM"], ()),
            ({"Markets": ["XSX"]}, XSX, ()),
            ({"Markets": ["XSY", "NONE", "XSY[]"]}, ["XS01.XSY"], ("Market.NotFound NONE",)),
            ({"Markets": ["A B", "XSY"]}, ["XS01.XSY"], ("Market.NotFound A B",)),
            ({"Markets": [], "Market": "XSY"}, ["XS01.XSY"], ()),
            ({"Market": "XSY", "Markets": ["XSX:PM"]}, ["XS01.XSY", "P.XSX:PM"], ()),
        ],
    )
    async def test_scope(
        self, topic: str, data: dict[str, Any], expected: list[str], errors: tuple[str, ...]
    ) -> None:
        answer = await self.ask(topic, data, demo_world())
        assert codes(answer) == expected
        assert answer.errors == errors

    @pytest.mark.parametrize(
        ("data", "errors"),
        [
            ({"Market": ""}, ("Market",)),
            ({"Market": "?"}, ("Market ?",)),
            ({"Market": "NONE"}, ("Market.NotFound NONE",)),
            ({"Market": "XSX+ZZZ"}, ("Market.NotFound XSX+ZZZ",)),
            ({"Markets": ["X", "Y"]}, ("Market.NotFound X", "Market.NotFound Y")),
        ],
    )
    async def test_errors_alone_have_no_data(
        self, topic: str, data: dict[str, Any], errors: tuple[str, ...]
    ) -> None:
        answer = await self.ask(topic, data, demo_world())
        assert (answer.data, answer.errors) == (ABSENT, errors)

    async def test_mixes_are_searched_only_by_name(self, topic: str) -> None:
        world = World()
        for data in ({"Market": "XSX+XSY"}, {"Markets": ["XSX+XSY"]}):
            answer = await self.ask(topic, data, world)
            assert {symbol["Market"] for symbol in answer.data} == {"XSX+XSY"}
        assert "XSX+XSY" in world.directory.markets
        assert {symbol["Market"] for symbol in (await self.ask(topic, {}, world)).data} == {"XSX", "XSY"}

    async def test_the_invisible_is_not_searched(self, topic: str) -> None:
        assert codes(await self.ask(topic, {}, World(), ONLY_XSX)) == XSX
        assert (await self.ask(topic, {}, World(), NOBODY)) == Answer([])
        hidden = await self.ask(topic, {"Market": "XSY"}, World(), ONLY_XSX)
        assert hidden.errors == ("Market.NotFound XSY",)

    async def test_a_market_that_lists_nothing_yet_is_named(self, topic: str) -> None:
        world = World([*sample_markets(), VenueMarket(definition("NEW"))])
        answer = await self.ask(topic, {}, world)
        assert codes(answer) == [*XSX, "XS01.XSY"]
        assert answer.errors == ("Market.Unavailable NEW",)

    async def test_pages_are_alphabetical(self, topic: str) -> None:
        answer = await self.ask(topic, {"Count": 3, "StartIndex": 1}, World())
        assert codes(answer) == ["LEVELS.XSX", "XS.03.XSX", "XS01.XSX"]


async def test_details() -> None:
    world = World()
    typed = {"Conditions": [{"Text": "xs01", "Group": "--Common%%"}], "Markets": ["XSX"]}
    (full,) = (await world.ask("SearchSymbols", typed)).data
    assert (full["CFI"], full["Alternate"]) == ("EXXXXX", {"RIC": "XS01.X"})
    (basic,) = (await world.ask("SearchSymbols", {**typed, "FullSymbol": False})).data
    assert not {"CFI", "Alternate"} & basic.keys()
    (queried,) = (await world.ask("QuerySymbols", {"SearchText": "xs01", "Market": "XSX"})).data
    assert "Alternate" in queried
    assert "CFI" not in queried
    (shown,) = (
        await world.ask("QuerySymbols", {"SearchText": "xs01", "Market": "XSX", "ShowFull": True})
    ).data
    assert "CFI" in shown
    (limited,) = (await world.ask("SearchSymbols", typed, LIMITED)).data
    assert limited["SubscriptionData"] == "Asset"


async def test_what_the_front_end_asks_when_it_shows_an_order() -> None:
    condition = {
        "Field": "Code",
        "Group": "--Common%%",
        "IsCaseSensitive": True,
        "Match": "Exact",
        "Text": "XS01",
    }
    data = {"Conditions": [condition], "FullSymbol": False, "PreferExact": True, "Exchange": "XSX"}
    assert codes(await World().ask("SearchSymbols", data)) == ["XS01.XSX", "XS01.XSY"]


@pytest.mark.parametrize(
    ("topic", "data", "errors"),
    [
        ("SearchSymbols", None, ("Data",)),
        ("QuerySymbols", None, ("Data",)),
        ("QuerySymbols", {}, ("Data.Deserialise",)),
        ("QuerySymbols", {"SearchText": "x", "Account": "A1"}, ("Account.NotFound A1",)),
        ("SearchSymbols", {"Count": -1}, ("Data.Deserialise",)),
        ("ScanSymbols", {"Criteria": ["LastPrice", 1]}, ("Data.Deserialise",)),
        ("ScanSymbols", {"Criteria": ["Unknown"]}, ("Data.Deserialise",)),
        ("ScanSymbols", {"Criteria": [[[[]]]]}, ("Data.Deserialise",)),
        ("ScanSymbols", "x", ("Data.Deserialise",)),
    ],
)
async def test_refusals(topic: str, data: Any, errors: tuple[str, ...]) -> None:
    answer = await World().ask(topic, data)
    assert (answer.data, answer.errors) == (ABSENT, errors)


async def test_scans() -> None:
    world = World()
    assert codes(await world.ask("ScanSymbols", {"Criteria": ["Class", "ManagedFund"]})) == ["FUND.XSX"]
    assert len((await world.ask("ScanSymbols", None)).data) == 6


async def test_a_heavy_search_gives_way_to_others() -> None:
    xsx = MarketId("XSX")
    listed = [Instrument(code=f"A{number}", market=xsx) for number in range(2_000)]
    world = World([venue("XSX", listed)])
    nodes = 1 + COMPARISONS_PER_SLICE // 100
    criteria = ["And", *[["Not", ["Code", "Z"]]] * (nodes // 2)]
    others = 0

    async def count_turns() -> None:
        nonlocal others
        while True:
            others += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        answer = await world.ask("ScanSymbols", {"Criteria": criteria})
        nursery.cancel_scope.cancel()
    assert len(answer.data) == 1_000
    assert others > 3


def test_the_index_follows_what_is_listed() -> None:
    xsx = MarketId("XSX")
    market = venue("XSX", [Instrument(code="A", market=xsx), Instrument(code="B", market=xsx)])
    index = SymbolIndex()
    first = index.keys(market)
    assert index.keys(market)[0] is first[0]
    market.redefine(market.definition, [Instrument(code="A", market=xsx, name="New"), first[1].instrument])
    second = index.keys(market)
    assert second[0].name == "new"
    assert second[1] is first[1]
    market.redefine(market.definition, [Instrument(code="B", market=xsx)])
    assert [keys.code for keys in index.keys(market)] == ["b"]
