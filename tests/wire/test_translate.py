"""Payloads of the wire, field by field, and every rule that real clients depend on."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from zenithd.authority.access import View, Visibility
from zenithd.domain.events import TradeReported
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import CallOrPut, ExerciseType, Instrument, Leg, MarketDefinition
from zenithd.domain.market_data import (
    Affects,
    Allows,
    Bar,
    Broker,
    DataKind,
    FeedStatus,
    Side,
    StateReason,
    TickStep,
    TickTable,
    TradeFlag,
    TradingState,
    Trend,
)
from zenithd.market.changes import (
    BookOrder,
    DepthChange,
    LevelChange,
    Op,
    PriceLevel,
    SymbolChange,
    TapeTrade,
    TradeChange,
)
from zenithd.market.security import SecurityRecord
from zenithd.wire import translate
from zenithd.wire.translate.groups import LIMITED_GROUPS, Group
from zenithd.wire.translate.security import _FIELDS, SECURITY_FIELDS

FULL = View()
LIMITED = View(Visibility.LIMITED)
PARTIES = View(brokers=True, cross_references=True)
XSX = MarketId("XSX")
XS01 = Instrument(code="XS01", market=XSX, name="Example One", currency="AUD")
WHOLE = Instrument(code="IDX", market=XSX, price_scale=0, is_index=True)
FINE = Instrument(code="BTC", market=XSX, price_scale=2, quantity_scale=5)


class FakeInstrument:
    def __init__(self, instrument: Instrument = XS01, **security: Any) -> None:
        self.instrument = instrument
        self.security = SecurityRecord(**{"trading_state": "Open", **security})
        self.order_list: list[BookOrder] = []
        self.level_list: list[PriceLevel] = []

    def orders(self) -> list[BookOrder]:
        return self.order_list

    def levels(self) -> list[PriceLevel]:
        return self.level_list


class FakeMarket:
    def __init__(self, **values: Any) -> None:
        self.definition = MarketDefinition(id=XSX, time_zone="Australia/Sydney")
        self.feed_status = FeedStatus.ACTIVE
        self.trading_date: date | None = date(2026, 11, 20)
        self.trading_state: str | None = "Open"
        self.board_states = {"XSX::XSX": "Open"}
        self.delay_ns = 0
        for name, value in values.items():
            setattr(self, name, value)


MARKET = FakeMarket()


def order(**values: Any) -> BookOrder:
    return BookOrder(
        **{"order_id": "7", "side": Side.BID, "price": 4205, "quantity": 300, "position": 5, **values}
    )


def level(**values: Any) -> PriceLevel:
    given = {
        "id": "B4205",
        "side": Side.BID,
        "price": 4205,
        "volume": 300,
        "count": 2,
        "has_undisclosed": False,
        **values,
    }
    return PriceLevel(**given)


class TestDepth:
    def test_a_snapshot_is_a_clear_and_an_add_for_each_order(self) -> None:
        view = FakeInstrument()
        view.order_list = [order(), order(order_id="8", side=Side.ASK, price=4210)]
        assert translate.depth_snapshot(view, FULL) == [
            {"O": "C"},
            {
                "O": "A",
                "Order": {"ID": "7", "Side": "Bid", "Price": 42.05, "Position": 5, "Quantity": 300},
            },
            {
                "O": "A",
                "Order": {"ID": "8", "Side": "Ask", "Price": 42.1, "Position": 5, "Quantity": 300},
            },
        ]

    @pytest.mark.parametrize(
        ("price_changed", "position_changed", "expected"),
        [
            (False, False, {"ID": "7", "Quantity": 300, "HasUndisclosed": False}),
            (True, False, {"ID": "7", "Quantity": 300, "HasUndisclosed": False, "Price": 42.05}),
            (False, True, {"ID": "7", "Quantity": 300, "HasUndisclosed": False, "Position": 5}),
        ],
    )
    def test_an_update_repeats_price_and_position_only_where_they_changed(
        self, price_changed: bool, position_changed: bool, expected: dict[str, Any]
    ) -> None:
        change = DepthChange(Op.UPDATE, order(), price_changed, position_changed)
        assert translate.depth_changes([change], XS01, FULL) == [{"O": "U", "Order": expected}]

    def test_a_removal_has_the_id_and_a_clear_nothing(self) -> None:
        changes = [DepthChange(Op.REMOVE, order()), DepthChange(Op.CLEAR)]
        assert translate.depth_changes(changes, XS01, FULL) == [{"O": "R", "Order": {"ID": "7"}}, {"O": "C"}]

    def test_an_undisclosed_order_has_quantity_null_and_no_more(self) -> None:
        added = DepthChange(Op.ADD, order(quantity=None, has_undisclosed=True))
        updated = DepthChange(Op.UPDATE, order(quantity=None, has_undisclosed=True))
        first, second = translate.depth_changes([added, updated], XS01, FULL)
        assert first["Order"]["Quantity"] is None
        assert second["Order"] == {"ID": "7", "Quantity": None}
        assert "HasUndisclosed" not in first["Order"]

    def test_an_iceberg_says_so(self) -> None:
        (change,) = translate.depth_changes([DepthChange(Op.ADD, order(has_undisclosed=True))], XS01, FULL)
        assert change["Order"]["HasUndisclosed"] is True

    def test_parties_are_seen_by_right_only(self) -> None:
        change = DepthChange(Op.ADD, order(broker="B1", cross_reference="X"))
        (seen,) = translate.depth_changes([change], XS01, PARTIES)
        (unseen,) = translate.depth_changes([change], XS01, FULL)
        (brokers_only,) = translate.depth_changes([change], XS01, View(brokers=True))
        assert (seen["Order"]["Broker"], seen["Order"]["CrossRef"]) == ("B1", "X")
        assert not {"Broker", "CrossRef"} & unseen["Order"].keys()
        assert "CrossRef" not in brokers_only["Order"]

    def test_source_market_and_attributes_are_told_in_adds(self) -> None:
        change = DepthChange(Op.ADD, order(market=MarketId("XSY"), attributes=("C",)))
        (added,) = translate.depth_changes([change], XS01, FULL)
        assert (added["Order"]["Market"], added["Order"]["Attributes"]) == ("XSY", ["C"])

    def test_scale_zero_gives_integers_and_others_exact_floats(self) -> None:
        (whole,) = translate.depth_changes([DepthChange(Op.ADD, order())], WHOLE, FULL)
        (fine,) = translate.depth_changes([DepthChange(Op.ADD, order(quantity=123456789))], FINE, FULL)
        assert whole["Order"]["Price"] == 4205
        assert isinstance(whole["Order"]["Price"], int)
        assert repr(fine["Order"]["Quantity"]) == "1234.56789"


class TestLevels:
    def test_a_snapshot_is_a_clear_and_an_add_for_each_level(self) -> None:
        view = FakeInstrument()
        view.level_list = [level()]
        assert translate.level_snapshot(view, FULL) == [
            {"O": "C"},
            {
                "O": "A",
                "Level": {
                    "ID": "B4205",
                    "Side": "Bid",
                    "Price": 42.05,
                    "Volume": 300,
                    "Count": 2,
                    "HasUndisclosed": False,
                },
            },
        ]

    def test_an_update_repeats_everything_but_side_and_price(self) -> None:
        change = LevelChange(Op.UPDATE, level(market=MarketId("XSY")))
        assert translate.level_changes([change], XS01, FULL) == [
            {
                "O": "U",
                "Level": {"ID": "B4205", "Volume": 300, "Count": 2, "HasUndisclosed": False, "Market": "XSY"},
            }
        ]

    def test_what_a_venue_does_not_tell_is_absent(self) -> None:
        change = LevelChange(Op.ADD, level(volume=None, count=None, has_undisclosed=None))
        (added,) = translate.level_changes([change], XS01, FULL)
        assert added["Level"].keys() == {"ID", "Side", "Price"}

    def test_the_remainder_has_price_null(self) -> None:
        (added,) = translate.level_changes([LevelChange(Op.ADD, level(price=None))], XS01, FULL)
        assert added["Level"]["Price"] is None

    def test_removal_and_clear(self) -> None:
        changes = [LevelChange(Op.REMOVE, level()), LevelChange(Op.CLEAR)]
        assert translate.level_changes(changes, XS01, FULL) == [
            {"O": "R", "Level": {"ID": "B4205"}},
            {"O": "C"},
        ]


TRADE = TradeReported(
    InstrumentId("XS01.XSX"),
    17,
    4205,
    300,
    1_763_604_130_250_000_000,
    aggressor_side=Side.ASK,
    affects=Affects.PRICE | Affects.VOLUME,
    flags=(TradeFlag.OFF_MARKET, TradeFlag.CANCEL),
    codes=("CX", "XT"),
    buy_order_id="b",
    sell_order_id="s",
    buy_broker="B1",
    sell_broker="B2",
    buy_cross_reference="X1",
    sell_cross_reference="X2",
    related_id=16,
    attributes=("S",),
)


class TestTrades:
    def test_every_field(self) -> None:
        record = translate.trade_record(
            TapeTrade(TRADE, Trend.UP, MarketId("XSY")), XS01, "Australia/Sydney", PARTIES
        )
        assert record == {
            "ID": 17,
            "Price": 42.05,
            "Quantity": 300,
            "Time": "2025-11-20T13:02:10.250+11:00",
            "Trend": "Up",
            "Side": "Ask",
            "Affects": "Price,Volume",
            "Flags": "OffMarket,Cancel",
            "Codes": "CX XT",
            "Buy": "b",
            "Sell": "s",
            "BuyBroker": "B1",
            "SellBroker": "B2",
            "BuyCrossRef": "X1",
            "SellCrossRef": "X2",
            "Market": "XSY",
            "RelatedID": 16,
            "Attributes": ["S"],
        }

    def test_a_plain_trade_has_only_what_is_required(self) -> None:
        trade = TradeReported(InstrumentId("XS01.XSX"), 1, 100, 1, 0)
        record = translate.trade_record(TapeTrade(trade), XS01, "UTC", PARTIES)
        assert record == {"ID": 1, "Price": 1.0, "Quantity": 1, "Time": "1970-01-01T00:00:00Z"}

    def test_parties_are_left_out_without_the_right(self) -> None:
        record = translate.trade_record(TapeTrade(TRADE), XS01, "UTC", FULL)
        assert not {"BuyBroker", "SellBroker", "BuyCrossRef", "SellCrossRef"} & record.keys()

    def test_a_trade_that_affects_nothing_says_none(self) -> None:
        trade = TradeReported(InstrumentId("XS01.XSX"), 1, 100, 1, 0, affects=Affects.NONE)
        assert translate.trade_record(TapeTrade(trade), XS01, "UTC", FULL)["Affects"] == "None"

    def test_a_time_that_no_calendar_has_is_left_out(self) -> None:
        trade = TradeReported(InstrumentId("XS01.XSX"), 1, 100, 1, 10**30)
        assert "Time" not in translate.trade_record(TapeTrade(trade), XS01, "UTC", FULL)

    def test_changes(self) -> None:
        trade = TapeTrade(TradeReported(InstrumentId("XS01.XSX"), 2, 100, 1, 0))
        changes = [
            TradeChange(Op.INITIALISE, newest_id=1),
            TradeChange(Op.ADD, trade=trade),
            TradeChange(Op.UPDATE, trade=trade),
        ]
        first, second, third = translate.trade_changes(changes, XS01, "UTC", FULL)
        assert first == {"O": "I", "ID": 1}
        assert (second["O"], second["Trade"]["ID"]) == ("A", 2)
        assert third["O"] == "U"

    @pytest.mark.parametrize("newest", [None, 0])
    def test_the_start_of_a_tape_always_has_a_numeric_id(self, newest: int | None) -> None:
        change = TradeChange(Op.INITIALISE, newest_id=newest)
        assert translate.trade_changes([change], XS01, "UTC", FULL) == [{"O": "I", "ID": 0}]
        assert translate.trade_snapshot(0) == [{"O": "I", "ID": 0}]


class TestSecurity:
    def test_a_full_state_has_every_field_of_the_protocol(self) -> None:
        names = """Code Market Exchange Name Class CFI TradingState TradingMarkets IsIndex ExpiryDate
            StrikePrice ExerciseType CallOrPut ContractSize LotSize Alternate Alternates Attributes Legs
            Categories SubscriptionData QuotationBasis Currency Open High Low Close Settlement Last
            Trend BestAsk AskCount AskQuantity AskUndisclosed BestBid BidCount BidQuantity
            BidUndisclosed NumberOfTrades Volume AuctionPrice AuctionQuantity AuctionRemainder VWAP
            ValueTraded OpenInterest ShareIssue StatusNote Extended TickTable Board"""
        assert translate.security_full(FakeInstrument(), MARKET, FULL).keys() == set(names.split())

    def test_fields_that_are_never_null_are_not(self) -> None:
        full = translate.security_full(
            FakeInstrument(trading_state=None), FakeMarket(trading_state=None), FULL
        )
        never_null = """Code Market Exchange Class CFI TradingState TradingMarkets IsIndex Attributes
            Alternate Categories SubscriptionData QuotationBasis Trend AskCount AskQuantity AskUndisclosed
            BidCount BidQuantity BidUndisclosed NumberOfTrades Volume ValueTraded StatusNote Extended"""
        assert [name for name in never_null.split() if full[name] is None] == []

    def test_values(self) -> None:
        definition = Instrument(
            code="OPT",
            market=XSX,
            exchange="XIS",
            name="An option",
            currency="AUD",
            trading_markets=("XSX::XSX",),
            board="XSX::XSX",
            tick_table="T1",
            lot_size=Decimal(100),
            contract_size=Decimal("0.5"),
            expiry_date=date(2026, 12, 17),
            strike_price=Decimal("42.05"),
            exercise_type=ExerciseType.EUROPEAN,
            call_or_put=CallOrPut.CALL,
            legs=(Leg("A", Side.BID, Decimal(2)),),
            alternates={"ISIN": "AU0"},
            attributes={"Sector": "1"},
            categories=("Yield",),
        )
        view = FakeInstrument(
            definition,
            last=4205,
            best_bid=4200,
            bid_quantity=7,
            value_traded=1_000_050,
            volume=238,
            vwap=42.018908,
            trend=Trend.UP,
            status_note=("Z",),
            extended={"Reference": 1.5},
        )
        full = translate.security_full(view, MARKET, FULL)
        expected = {
            "Exchange": "XIS",
            "LotSize": 100,
            "ContractSize": 0.5,
            "ExpiryDate": "2026-12-17",
            "StrikePrice": 42.05,
            "ExerciseType": "European",
            "CallOrPut": "Call",
            "Legs": [{"Code": "A", "Side": "Bid", "Ratio": 2}],
            "Alternate": {"ISIN": "AU0"},
            "Alternates": {"ISIN": "AU0"},
            "Last": 42.05,
            "BestBid": 42.0,
            "BidQuantity": 7,
            "ValueTraded": 10000.5,
            "Volume": 238,
            "VWAP": 42.018908,
            "Trend": "Up",
            "StatusNote": ["Z"],
            "Extended": {"Reference": 1.5},
            "SubscriptionData": "All",
            "Open": None,
        }
        assert {name: full[name] for name in expected} == expected

    def test_a_diff_has_what_changed_and_null_where_it_was_cleared(self) -> None:
        view = FakeInstrument(last=4205, best_bid=None)
        diff = translate.security_diff(view, MARKET, {"last", "best_bid"}, FULL)
        assert diff == {"Last": 42.05, "BestBid": None}

    def test_a_diff_of_an_index_repeats_that_it_is_one(self) -> None:
        assert translate.security_diff(FakeInstrument(WHOLE, last=5), MARKET, {"last"}, FULL) == {
            "Last": 5,
            "IsIndex": True,
        }

    def test_code_and_market_are_in_full_states_only(self) -> None:
        diff = translate.security_diff(FakeInstrument(), MARKET, SECURITY_FIELDS, FULL)
        assert not {"Code", "Market"} & diff.keys()

    @pytest.mark.parametrize(("of_market", "expected"), [("PreOpen", "PreOpen"), (None, "Unknown")])
    def test_the_trading_state_falls_back_to_the_market(self, of_market: str | None, expected: str) -> None:
        view = FakeInstrument(trading_state=None)
        market = FakeMarket(trading_state=of_market)
        assert translate.security_diff(view, market, {"trading_state"}, FULL) == {"TradingState": expected}

    def test_every_field_of_the_record_is_known(self) -> None:
        assert set(SecurityRecord.__struct_fields__) == SECURITY_FIELDS


class TestLimited:
    def test_hidden_fields_are_in_no_state_and_no_diff(self) -> None:
        view = FakeInstrument(open_interest=5, extended={"Reference": 1.0})
        full = translate.security_full(view, MARKET, LIMITED)
        assert not {"OpenInterest", "ShareIssue", "Extended"} & full.keys()
        assert translate.security_diff(view, MARKET, {"extended", "open_interest"}, LIMITED) == {}

    def test_only_asset_data_is_offered(self) -> None:
        assert translate.security_full(FakeInstrument(), MARKET, LIMITED)["SubscriptionData"] == "Asset"
        assert translate.symbol_detail(XS01, LIMITED)["SubscriptionData"] == "Asset"

    def test_the_decision_record_tells_the_groups_as_they_are(self) -> None:
        record = Path(__file__).parents[2] / "docs/decisions/010-limited-visibility.md"
        table = re.findall(r"^\| (\w+) \| ([^|]+) \| yes \| (yes|no) \|$", record.read_text(), re.MULTILINE)
        groups = {name: (set(re.findall(r"\w+", fields)), shown) for name, fields, shown in table}
        for group in Group:
            fields, shown = groups[group.value]
            dynamic = {field.wire for field in _FIELDS.values() if field.group is group}
            assert dynamic <= fields, group
            assert (shown == "yes") is (group in LIMITED_GROUPS), group
        told = set().union(*(groups[group.value][0] for group in Group))
        assert translate.security_full(FakeInstrument(), MARKET, FULL).keys() <= told


class TestSymbols:
    def test_basic_and_full(self) -> None:
        plain = Instrument(code="XS01", market=XSX, alternates={"RIC": "XS01.X"}, lot_size=Decimal("2.5"))
        basic = translate.symbol_detail(plain, FULL, translate.Detail.BASIC)
        assert basic == {
            "Market": "XSX",
            "Code": "XS01",
            "Name": None,
            "Class": "Market",
            "SubscriptionData": "All",
            "TradingMarkets": [],
        }
        assert translate.symbol_detail(plain, FULL, translate.Detail.BASIC_WITH_ALTERNATES) == {
            **basic,
            "Alternate": {"RIC": "XS01.X"},
        }
        full = translate.symbol_detail(plain, FULL)
        assert full == {**basic, "Alternate": {"RIC": "XS01.X"}, "CFI": "EXXXXX", "LotSize": 2.5}

    def test_the_exchange_is_told_where_it_differs(self) -> None:
        listed = Instrument(code="XS01", market=MarketId("XSY"), exchange="XSX")
        assert translate.symbol_detail(listed, FULL)["Exchange"] == "XSX"

    def test_rare_fields(self) -> None:
        rare = Instrument(
            code="C",
            market=XSX,
            is_index=True,
            ask_below_bid=True,
            call_or_put=CallOrPut.PUT,
            exercise_type=ExerciseType.ASIAN,
            legs=(),
            categories=("Q",),
            attributes={"a": "b"},
            expiry_date=date(2027, 1, 2),
            strike_price=Decimal(5),
            contract_size=Decimal(10),
        )
        full = translate.symbol_detail(rare, FULL)
        expected = {
            "IsIndex": True,
            "DepthDirection": "AskBelowBid",
            "CallOrPut": "Put",
            "ExerciseType": "Asian",
            "Legs": [],
            "Categories": ["Q"],
            "Attributes": {"a": "b"},
            "ExpiryDate": "2027-01-02",
            "StrikePrice": 5,
            "ContractSize": 10,
        }
        assert {name: full[name] for name in expected} == expected

    def test_lists_and_changes(self) -> None:
        snapshot = translate.symbol_snapshot([XS01], FULL)
        assert [change["O"] for change in snapshot] == ["C", "A"]
        added, removed = translate.symbol_changes(
            [SymbolChange(Op.UPDATE, XS01), SymbolChange(Op.REMOVE, XS01)], FULL
        )
        assert (added["O"], added["Symbol"]["CFI"]) == ("U", "EXXXXX")
        assert removed == {"O": "R", "Symbol": {"Market": "XSX", "Code": "XS01"}}

    @pytest.mark.parametrize(
        ("kinds", "text"),
        [
            (DataKind.ALL, "All"),
            (DataKind.ASSET, "Asset"),
            (DataKind.ASSET | DataKind.TRADES, "Asset,Trades"),
            (DataKind.ASSET | DataKind.DEPTH, "Asset,Depth"),
            (DataKind.ASSET | DataKind.DEPTH_FULL, "Asset,DepthFull"),
            (DataKind.TRADES | DataKind.DEPTH_SHORT, "Trades,DepthShort"),
            (DataKind.NONE, ""),
        ],
    )
    def test_subscription_data(self, kinds: DataKind, text: str) -> None:
        instrument = Instrument(code="A", market=XSX, subscription_data=kinds)
        assert translate.symbol_detail(instrument, FULL)["SubscriptionData"] == text


class TestMarkets:
    NOW = 1_763_604_130_000_000_000

    def test_a_state_is_complete(self) -> None:
        assert translate.market_state(MARKET, self.NOW) == {
            "Code": "XSX",
            "Feed": "Active",
            "TradingDate": "2026-11-20",
            "MarketTime": "2025-11-20T13:02:10+11:00",
            "Status": "Open",
            "States": [{"Name": "XSX::XSX", "Status": "Open"}],
        }

    def test_initialising_tells_nothing_else(self) -> None:
        market = FakeMarket(feed_status=FeedStatus.INITIALISING)
        assert translate.market_state(market, self.NOW) == {"Code": "XSX", "Feed": "Initialising"}

    def test_what_is_not_known_is_left_out(self) -> None:
        market = FakeMarket(trading_date=None, trading_state=None, board_states={})
        assert translate.market_state(market, self.NOW).keys() == {"Code", "Feed", "MarketTime"}

    def test_a_delayed_market_has_its_own_clock(self) -> None:
        market = FakeMarket(delay_ns=1200 * 10**9)
        assert translate.market_state(market, self.NOW)["MarketTime"] == "2025-11-20T12:42:10+11:00"

    def test_feed(self) -> None:
        assert translate.feed_entry(FakeMarket(feed_status=FeedStatus.IMPAIRED)) == {
            "Name": "XSX",
            "Class": "Market",
            "Status": "Impaired",
        }

    def test_reference_data(self) -> None:
        definition = MarketDefinition(
            id=XSX,
            trading_states=(
                TradingState("Open", StateReason.NORMAL, Allows.ALL),
                TradingState("PreOpen", StateReason.NORMAL, Allows.ORDERS_ONLY),
                TradingState("Halted", StateReason.TRADING_HALT, Allows.ORDER_CANCEL | Allows.MATCH),
                TradingState("Closed", StateReason.NORMAL, Allows.NONE),
            ),
            tick_tables=(TickTable("T", (TickStep(Decimal(0), Decimal("0.1"), Decimal("0.001")),)),),
            brokers=(Broker("1"), Broker("2", "Two", 22)),
        )
        assert [(state["Reason"], state["Allows"]) for state in translate.trading_states(definition)] == [
            ("Normal", "All"),
            ("Normal", "OrderPlace,OrderAmend,OrderMove,OrderCancel"),
            ("TradingHalt", "OrderCancel,Match"),
            ("Normal", "None"),
        ]
        assert translate.tick_tables(definition) == [
            {"Code": "T", "Steps": [{"Low": 0, "High": 0.1, "Size": 0.001}]}
        ]
        assert translate.brokers(definition) == [{"Code": "1"}, {"Code": "2", "Name": "Two", "ID": 22}]


class TestCharts:
    def test_bars_within_a_day(self) -> None:
        bar = Bar(1_763_604_120_000_000_000, 100, 120, 90, 110, 5000, 3)
        assert translate.chart_records([bar], XS01, "Australia/Sydney") == [
            {
                "Date": "2025-11-20T13:02:00+11:00",
                "Open": 1.0,
                "High": 1.2,
                "Low": 0.9,
                "Close": 1.1,
                "Volume": 5000,
                "Trades": 3,
            }
        ]

    @pytest.mark.parametrize(
        ("zone", "text"),
        [
            ("Australia/Sydney", "2016-01-20+11:00"),
            ("UTC", "2016-01-20+00:00"),
            ("America/New_York", "2016-01-20-05:00"),
        ],
    )
    def test_daily_bars_have_dates_with_an_offset(self, zone: str, text: str) -> None:
        bar = Bar(translate.day_time(date(2016, 1, 20)), 1, 1, 1, 1, 1, None)
        (record,) = translate.daily_records([bar], XS01, zone)
        assert record["Date"] == text
        assert "Trades" not in record

    def test_days_and_times_correspond(self) -> None:
        for day in (date.min, date(1969, 12, 31), date(1970, 1, 1), date.max):
            assert translate.trading_date(translate.day_time(day)) == day
