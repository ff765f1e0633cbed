"""Subscriptions and simple queries of the Market controller: what is shown, refused, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controllers.market_support import (
    EVERYTHING,
    LIMITED,
    NOBODY,
    NOON,
    ONLY_XSX,
    PLAIN,
    TODAY,
    World,
    sample_markets,
    venue,
)
from zenithd.authority.access import Access, View, Visibility
from zenithd.controllers.interface import Opened, Refusal
from zenithd.domain.events import (
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderRemoved,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.market_data import FeedStatus, Side
from zenithd.wire.answer import ABSENT
from zenithd.wire.topics import MARKET_RULES, Kind

XS01 = {"Market": "XSX", "Code": "XS01"}


def test_every_topic_of_the_table_is_served() -> None:
    world = World()
    for rule in MARKET_RULES:
        if rule.kind is Kind.QUERY and rule.served_by in ("", "Market"):
            answer = world.controller.query(rule.topic, None, EVERYTHING)
            codes = getattr(answer, "errors", ())
            assert codes != ("Operation.Unknown",), rule.topic
        if rule.kind is Kind.SUBSCRIPTION:
            refused = world.try_open(rule.topic + ("!Market.XSX" if rule.topic == "Symbols" else "!XS01.XSX"))
            assert isinstance(refused, Opened), rule.topic
    assert world.controller.query("Other", None, EVERYTHING).errors == ("Operation.Unknown",)  # type: ignore[union-attr]
    assert world.try_open("Other") == Refusal(("Operation.Unknown",))


class TestSubscriptions:
    def test_depth(self) -> None:
        opened = World().open("Depth!XS01.XSX")
        ((clear, first, second),) = opened.snapshot(opened.entitlement)
        assert clear == {"O": "C"}
        assert (first["O"], first["Order"]["Broker"], second["Order"]["Price"]) == ("A", "B1", 10.1)

    def test_levels(self) -> None:
        opened = World().open("Levels!XS01.XSX")
        (payload,) = opened.snapshot(opened.entitlement)
        assert [change["O"] for change in payload] == ["C", "A", "A"]

    def test_security(self) -> None:
        opened = World().open("Security!XS01.XSX")
        (security,) = opened.snapshot(opened.entitlement)
        assert (security["Market"], security["Code"], security["Last"]) == ("XSX", "XS01", 10.05)

    def test_trades_begin_with_the_newest_id(self) -> None:
        world = World()
        opened = world.open("Trades!XS01.XSX")
        assert opened.snapshot(opened.entitlement) == [[{"O": "I", "ID": 3}]]
        untraded = world.open("Trades!XS.03.XSX")
        assert untraded.snapshot(untraded.entitlement) == [[{"O": "I", "ID": 0}]]

    def test_symbols_of_a_class(self) -> None:
        world = World()
        opened = world.open("Symbols!ManagedFund.XSX")
        ((clear, added),) = opened.snapshot(opened.entitlement)
        assert (clear["O"], added["Symbol"]["Code"], added["Symbol"]["CFI"]) == ("C", "FUND", "EXXXXX")
        assert opened.topic == "Symbols!ManagedFund.XSX"
        market = world.open("Symbols!Market.XSX+XSY")
        ((_, *rest),) = market.snapshot(market.entitlement)
        assert {change["Symbol"]["Market"] for change in rest} == {"XSX+XSY"}

    def test_markets_are_those_visible_when_it_was_opened(self) -> None:
        world = World()
        world.directory.find(MarketId("XSX+XSY"))
        opened = world.open("Markets")
        assert opened.entitlement == ("XSX", "XSY", "XSX+XSY")
        world.directory.markets[MarketId("NEW")] = venue("NEW", [])
        (states,) = opened.snapshot(opened.entitlement)
        assert [state["Code"] for state in states] == ["XSX", "XSY", "XSX+XSY"]
        assert states[0]["TradingDate"] == TODAY.isoformat()
        assert states[0]["MarketTime"].endswith("Z")
        assert world.open("Markets", ONLY_XSX).entitlement == ("XSX",)
        nothing = world.open("Markets", NOBODY)
        assert nothing.snapshot(nothing.entitlement) == [[]]

    @pytest.mark.parametrize(
        ("topic", "canonical"),
        [
            ("Depth!XS01.XSX:[]", "Depth!XS01.XSX"),
            ("Trades!XS.03.XSX", "Trades!XS.03.XSX"),
            ("Security!XS01.any!XSX+XSY", "Security!XS01.XSX+XSY"),
            ("Symbols!Market.XSX[]", "Symbols!Market.XSX"),
        ],
    )
    def test_topics_are_canonical(self, topic: str, canonical: str) -> None:
        assert World().open(topic).topic == canonical

    @pytest.mark.parametrize(
        ("topic", "code"),
        [
            ("Depth!", "Symbol"),
            ("Depth!XS01", "Symbol XS01"),
            ("Depth!.XSX", "Symbol .XSX"),
            ("Depth!XS01.X+X", "Symbol XS01.X+X"),
            ("Depth!XS01.NONE", "Market.NotFound NONE"),
            ("Depth!NONE.XSX", "Symbol.NotFound NONE.XSX"),
            ("Depth!xs01.XSX", "Symbol.NotFound xs01.XSX"),
            ("Depth!XS02.XSX", "Symbol.Unavailable XS02.XSX"),
            ("Depth!LEVELS.XSX", "Symbol.Unavailable LEVELS.XSX"),
            ("Trades!LEVELS.XSX", "Symbol.Unavailable LEVELS.XSX"),
            ("Levels!XS02.XSX", "Symbol.Unavailable XS02.XSX"),
            ("Symbols!Equity.XSX", "Symbol Equity.XSX"),
            ("Symbols!Market.", "Market"),
            ("Symbols!Market.???", "Market ???"),
            ("Symbols!Market.NONE", "Market.NotFound NONE"),
            ("Depth!" + "x" * 500, "Symbol " + "x" * 200),
        ],
    )
    def test_refusals(self, topic: str, code: str) -> None:
        assert World().try_open(topic) == Refusal((code,))

    def test_what_is_offered_by_level_can_be_had(self) -> None:
        assert isinstance(World().try_open("Levels!LEVELS.XSX"), Opened)
        assert isinstance(World().try_open("Security!XS02.XSX"), Opened)

    def test_the_invisible_is_not_found(self) -> None:
        world = World()
        for topic in ("Depth!XS01.XSY", "Security!XS01.XSX+XSY", "Symbols!Market.XSY"):
            refusal = world.try_open(topic, ONLY_XSX)
            market = topic.rpartition(".")[2]
            assert refusal == Refusal((f"Market.NotFound {market}",))
            assert refusal == Refusal(world.try_open(topic.replace(market, market), NOBODY).errors)

    def test_a_limited_view_has_security_and_symbols_only(self) -> None:
        world = World()
        for topic in ("Depth", "Levels", "Trades"):
            assert world.try_open(f"{topic}!XS01.XSX", LIMITED) == Refusal(("Symbol.Authority XS01.XSX",))
        opened = world.open("Security!XS01.XSX", LIMITED)
        assert opened.entitlement == View(Visibility.LIMITED)
        (security,) = opened.snapshot(opened.entitlement)
        assert "Extended" not in security
        assert security["SubscriptionData"] == "Asset"

    @pytest.mark.parametrize(
        ("topic", "same"), [("Depth", False), ("Trades", False), ("Levels", True), ("Security", True)]
    )
    def test_who_shares_frames(self, topic: str, same: bool) -> None:
        world = World()
        all_rights = world.open(f"{topic}!XS01.XSX", EVERYTHING).entitlement
        plain = world.open(f"{topic}!XS01.XSX", PLAIN).entitlement
        assert (all_rights == plain) is same

    def test_parties_are_hidden_from_those_without_the_right(self) -> None:
        opened = World().open("Depth!XS01.XSX", PLAIN)
        ((_, first, _),) = opened.snapshot(opened.entitlement)
        assert not {"Broker", "CrossRef"} & first["Order"].keys()

    def test_an_instrument_is_wanted_while_somebody_listens(self) -> None:
        world = World()
        opened = world.open("Depth!XS01.XSX")
        assert world.directory.wanted == []
        assert opened.opened is not None
        assert opened.closed is not None
        opened.opened()
        assert world.directory.wanted == ["XS01.XSX"]
        opened.closed()
        assert world.directory.wanted == []

    def test_the_snapshot_is_of_the_moment_it_is_taken(self) -> None:
        world = World()
        opened = world.open("Trades!XS01.XSX")
        market = world.directory.markets[MarketId("XSX")]
        market.apply([TradingDayStarted(MarketId("XSX"), TODAY.replace(day=21))], NOON)  # type: ignore[attr-defined]
        assert opened.snapshot(opened.entitlement) == [[{"O": "I", "ID": 0}]]

    def test_nothing_is_left_of_what_was_unlisted(self) -> None:
        world = World()
        opened = world.open("Depth!XS01.XSX")
        listed = world.open("Symbols!Market.XSX")
        del world.directory.markets[MarketId("XSX")]
        assert opened.snapshot(opened.entitlement) == []
        assert listed.snapshot(listed.entitlement) == []

    @pytest.mark.parametrize("status", list(FeedStatus))
    def test_subscriptions_are_taken_whatever_the_feed(self, status: FeedStatus) -> None:
        world = World()
        world.directory.markets[MarketId("XSX")].set_status(status)  # type: ignore[attr-defined]
        assert isinstance(world.try_open("Depth!XS01.XSX"), Opened)


class TestQueries:
    async def test_books_and_security(self) -> None:
        world = World()
        depth = await world.ask("QueryDepthFull", XS01)
        assert [change["O"] for change in depth.data] == ["C", "A", "A"]
        levels = await world.ask("QueryDepthLevels", XS01)
        assert [change["O"] for change in levels.data] == ["C", "A", "A"]
        security = await world.ask("QuerySecurity", XS01)
        assert (security.data["Code"], security.errors) == ("XS01", ())
        assert world.directory.touched == ["XS01.XSX"] * 3
        assert world.directory.wanted == []

    async def test_a_large_book_is_made_once_between_two_changes(self) -> None:
        world, xsx = World(), MarketId("XSX")
        market = world.directory.markets[xsx]
        orders: list[MarketEvent] = [
            OrderAdded(InstrumentId("XS01.XSX"), f"large {number}", Side.BID, 1, 5, number)
            for number in range(1000, 1300)
        ]
        market.apply(orders, NOON)  # type: ignore[attr-defined]
        first = (await world.ask("QueryDepthFull", XS01)).data
        assert (await world.ask("QueryDepthFull", XS01)).data is first
        hidden = (await world.ask("QueryDepthFull", XS01, PLAIN)).data
        assert hidden is not first
        assert "Broker" not in str(hidden)
        removed = [OrderRemoved(InstrumentId("XS01.XSX"), "large 1000")]
        market.apply(removed, NOON)  # type: ignore[attr-defined]
        fresh = (await world.ask("QueryDepthFull", XS01)).data
        assert len(fresh) == len(first) - 1
        assert "large 1000" not in str(fresh)

    async def test_a_mix(self) -> None:
        depth = await World().ask("QueryDepthFull", {"Market": "XSX+XSY", "Code": "XS01"})
        assert {change["Order"]["Market"] for change in depth.data[1:]} == {"XSX", "XSY"}
        legacy = await World().ask("QueryDepthFull", {"Market": "XSX!XSX+XSY", "Code": "XS01"})
        assert legacy == depth

    @pytest.mark.parametrize("topic", ["QueryDepthFull", "QueryDepthLevels", "QuerySecurity", "QueryTrades"])
    @pytest.mark.parametrize(
        ("data", "codes"),
        [
            (None, ("Data",)),
            ([], ("Data.Deserialise",)),
            ({}, ("Market", "Code")),
            ({"Market": "XSX"}, ("Code",)),
            ({"Code": "XS01"}, ("Market",)),
            ({"Market": "X X X", "Code": "XS01"}, ("Market X X X",)),
            ({"Market": "XSY+XSX", "Code": "XS01"}, ("Market XSY+XSX",)),
            ({"Market": "NONE", "Code": "XS01"}, ("Market.NotFound NONE",)),
            ({"Market": "NONE+XSX", "Code": "XS01"}, ("Market.NotFound NONE+XSX",)),
            ({"Market": "XSX", "Code": "NONE"}, ("Symbol.NotFound NONE.XSX",)),
        ],
    )
    async def test_refusals(self, topic: str, data: Any, codes: tuple[str, ...]) -> None:
        answer = await World().ask(topic, data)
        assert (answer.data, answer.errors) == (ABSENT, codes)

    @pytest.mark.parametrize(
        ("topic", "access", "code"),
        [
            ("QueryDepthFull", LIMITED, "Symbol.Authority XS01.XSX"),
            ("QueryDepthLevels", LIMITED, "Symbol.Authority XS01.XSX"),
            ("QueryTrades", LIMITED, "Symbol.Authority XS01.XSX"),
            ("QueryTrades", NOBODY, "Market.NotFound XSX"),
            ("QueryChartHistory", NOBODY, "Market.NotFound XSX"),
        ],
    )
    async def test_rights(self, topic: str, access: Access, code: str) -> None:
        assert (await World().ask(topic, XS01, access)).errors == (code,)

    async def test_limited_users_have_securities_and_charts(self) -> None:
        world = World()
        assert (await world.ask("QuerySecurity", XS01, LIMITED)).errors == ()
        assert (await world.ask("QueryChartHistory", XS01, LIMITED)).errors == ()

    @pytest.mark.parametrize(
        ("status", "is_answered"),
        [
            (FeedStatus.ACTIVE, True),
            (FeedStatus.CLOSED, True),
            (FeedStatus.INACTIVE, True),
            (FeedStatus.IMPAIRED, True),
            (FeedStatus.INITIALISING, False),
            (FeedStatus.EXPIRED, False),
        ],
    )
    async def test_a_feed_without_state_is_unavailable(self, status: FeedStatus, is_answered: bool) -> None:
        world = World()
        world.directory.markets[MarketId("XSX")].set_status(status)  # type: ignore[attr-defined]
        for topic in ("QueryDepthFull", "QueryDepthLevels", "QuerySecurity"):
            answer = await world.ask(topic, XS01)
            assert answer.errors == (() if is_answered else ("Market.Unavailable XSX",))

    async def test_markets(self) -> None:
        world = World()
        answer = await world.ask("QueryMarkets", None)
        assert [state["Code"] for state in answer.data] == ["XSX", "XSY"]
        assert (await world.ask("QueryMarkets", {"anything": 1}, NOBODY)).data == []

    async def test_reference_data(self) -> None:
        world = World()
        for market in ("XSX", "XSX+XSY"):
            states = await world.ask("QueryTradingStates", {"Market": market})
            assert states.data == [{"Name": "Open", "Reason": "Normal", "Allows": "All"}]
            tables = await world.ask("QueryTickTables", {"Market": market})
            assert [table["Code"] for table in tables.data] == ["T"]
        assert (await world.ask("QueryTradingStates", {})).errors == ("Market",)
        assert (await world.ask("QueryTickTables", {"Market": "NO"})).errors == ("Market.NotFound NO",)

    async def test_brokers_are_for_those_who_see_them(self) -> None:
        world = World()
        assert (await world.ask("QueryBrokers", {"Market": "XSX"})).data == [{"Code": "B1", "Name": "One"}]
        assert (await world.ask("QueryBrokers", {"Market": "XSX"}, PLAIN)).data == []
        assert (await world.ask("QueryBrokers", {"Market": "XSX+XSY"})).errors == ("Market XSX+XSY",)
        assert (await world.ask("QueryBrokers", {"Market": "NO"})).errors == ("Market.NotFound NO",)


class TestMixedMarketCode:
    @pytest.mark.parametrize(
        ("data", "expected", "codes"),
        [
            ({"Markets": ["XSX", "XSY"]}, "XSX+XSY", ()),
            ({"Markets": ["XSY", "XSX", "XSX"]}, "XSX+XSY", ()),
            ({"Markets": ["XSX"]}, "XSX", ()),
            ({"Markets": ["XSX[]", "NONE"]}, "XSX", ()),
            ({"Markets": ["NONE"]}, None, ()),
            ({"Markets": []}, None, ()),
            ({"Markets": ["XSX", "XSY"], "Strategy": "Default"}, "XSX+XSY", ()),
            ({"Markets": ["XSX", "XSY"], "Strategy": "Other"}, None, ("Strategy Other",)),
            ({"Markets": ["XSX", "A B"]}, None, ("Market.Error A B",)),
            ({"Markets": ["XSX+XSY"]}, None, ("Market.Error XSX+XSY",)),
            ({"Markets": ["XSX", "XSY[Demo]"]}, None, ("Market.Tag",)),
            ({}, ABSENT, ("Data.Deserialise",)),
            ({"Markets": "XSX"}, ABSENT, ("Data.Deserialise",)),
            (None, ABSENT, ("Data",)),
        ],
    )
    async def test_answers(self, data: Any, expected: Any, codes: tuple[str, ...]) -> None:
        world = World([*sample_markets(), venue("XSY[Demo]", [])])
        answer = await world.ask("QueryMixedMarket", data)
        assert (answer.data, answer.errors) == (expected, codes)

    async def test_what_the_user_does_not_see_is_dropped(self) -> None:
        answer = await World().ask("QueryMixedMarket", {"Markets": ["XSX", "XSY"]}, ONLY_XSX)
        assert (answer.data, answer.errors) == ("XSX", ())


def test_a_trading_state_reaches_the_answer() -> None:
    world = World()
    market = world.directory.markets[MarketId("XSX")]
    market.apply([MarketStateChanged(MarketId("XSX"), "Open", {"XSX::XSX": "Open"})], NOON)  # type: ignore[attr-defined]
    opened = world.open("Markets")
    (states,) = opened.snapshot(opened.entitlement)
    assert states[0]["States"] == [{"Name": "XSX::XSX", "Status": "Open"}]
