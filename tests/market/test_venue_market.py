"""Tables of events for one venue's market: books, faults, trades, securities, days, listings."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from strict_client import StrictClient

from zenithd.domain.events import (
    BestPricesChanged,
    BookCleared,
    GapDetected,
    InstrumentListed,
    InstrumentUnlisted,
    LevelChanged,
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    SecurityChanged,
    Stream,
    TradeAmended,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import BestPriceSource, Instrument, MarketDefinition
from zenithd.domain.market_data import Affects, FeedStatus, Side, TradeFlag, Trend
from zenithd.market.changes import Changes, DepthChange, Op, SourceFault, SymbolChange
from zenithd.market.venue import VenueMarket

XSX = MarketId("XSX")
XS01 = InstrumentId("XS01.XSX")
XS02 = InstrumentId("XS02.XSX")
BID, ASK = Side.BID, Side.ASK
MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
MINUTE = 60_000_000_000


def listing(code: str, **values: Any) -> Instrument:
    return Instrument(code=code, market=XSX, **values)


def market(**values: Any) -> VenueMarket:
    definition = MarketDefinition(id=XSX, **values)
    venue = VenueMarket(definition)
    venue.redefine(definition, [listing("XS01"), listing("XS02")])
    return venue


def apply(venue: VenueMarket, *events: MarketEvent) -> Changes:
    return venue.apply(events, 0)


def order(
    order_id: str, side: Side, price: int, quantity: int | None, position: int = 1, **values: Any
) -> OrderAdded:
    return OrderAdded(XS01, order_id, side, price, quantity, position, **values)


def trade(trade_id: int, price: int = 100, quantity: int = 1, time: int = 0, **values: Any) -> TradeReported:
    return TradeReported(XS01, trade_id, price, quantity, time, **values)


def depth(changes: Changes) -> list[tuple[str, str | None]]:
    return [
        (change.op.value, change.order.order_id if change.order else None)
        for change in changes.instruments[XS01].depth
    ]


def levels(changes: Changes) -> list[tuple[str, str | None, int | None]]:
    return [
        (change.op.value, change.level and change.level.id, change.level and change.level.volume)
        for change in changes.instruments[XS01].levels
    ]


def trades(changes: Changes) -> list[tuple[str, int | None]]:
    return [
        (change.op.value, change.trade.trade.trade_id if change.trade else change.newest_id)
        for change in changes.instruments[XS01].trades
    ]


# Books


def test_orders_make_levels_and_best_prices() -> None:
    venue = market()
    changes = apply(
        venue,
        order("a", BID, 100, 5, 1),
        order("b", BID, 100, None, 2),
        order("c", BID, 99, 7, 1),
        order("d", ASK, 103, 4, 1, has_undisclosed=True),
    )
    assert depth(changes) == [("A", "a"), ("A", "b"), ("A", "c"), ("A", "d")]
    assert levels(changes) == [("A", "B100", 5), ("A", "B99", 7), ("A", "A103", 4)]
    record = venue.instruments[XS01].security
    assert (record.best_bid, record.bid_quantity, record.bid_count, record.bid_undisclosed) == (
        100,
        5,
        2,
        True,
    )
    assert (record.best_ask, record.ask_quantity, record.ask_count, record.ask_undisclosed) == (
        103,
        4,
        1,
        True,
    )
    assert changes.instruments[XS01].security == {
        "best_bid", "bid_quantity", "bid_count", "bid_undisclosed",
        "best_ask", "ask_quantity", "ask_count", "ask_undisclosed",
    }  # fmt: skip


def test_a_level_is_told_of_once_per_batch() -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5))
    changes = apply(
        venue,
        order("b", BID, 100, 3, 2),
        OrderChanged(XS01, "a", 100, 4, 1),
        order("gone", BID, 98, 1, 1),
        OrderRemoved(XS01, "gone"),
    )
    assert levels(changes) == [("U", "B100", 7)]
    assert depth(changes) == [("A", "b"), ("U", "a"), ("A", "gone"), ("R", "gone")]


def test_a_level_that_ends_as_it_was_is_not_told_of() -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5))
    changes = apply(venue, OrderChanged(XS01, "a", 100, 9, 1), OrderChanged(XS01, "a", 100, 5, 1))
    assert levels(changes) == []
    assert changes.instruments[XS01].security == set()


def test_an_order_that_only_hides_something_changes_its_level() -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5))
    changes = apply(venue, OrderChanged(XS01, "a", 100, 5, 1, has_undisclosed=True))
    assert levels(changes) == [("U", "B100", 5)]
    assert changes.instruments[XS01].security == {"bid_undisclosed"}


def test_a_change_to_the_same_values_is_no_change() -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5))
    assert apply(venue, OrderChanged(XS01, "a", 100, 5, 1)) == Changes()


@pytest.mark.parametrize(
    ("changed", "price_changed", "position_changed"),
    [
        (OrderChanged(XS01, "a", 100, 6, 1), False, False),
        (OrderChanged(XS01, "a", 101, 5, 1), True, False),
        (OrderChanged(XS01, "a", 100, 5, 9), False, True),
        (OrderChanged(XS01, "a", 101, None, 9), True, True),
    ],
)
def test_an_update_says_what_changed(
    changed: OrderChanged, price_changed: bool, position_changed: bool
) -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5, 1, broker="B1", attributes=("C",)))
    (change,) = apply(venue, changed).instruments[XS01].depth
    assert (change.price_changed, change.position_changed) == (price_changed, position_changed)
    assert change.order is not None
    assert (change.order.broker, change.order.attributes) == ("B1", ("C",))


def test_an_order_that_moves_away_and_back_leaves_other_levels_right() -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5, 1), order("b", BID, 100, 2, 2))
    assert levels(apply(venue, OrderChanged(XS01, "a", 99, 5, 1))) == [("U", "B100", 2), ("A", "B99", 5)]
    changes = apply(venue, OrderChanged(XS01, "a", 100, 5, 1))
    assert levels(changes) == [("R", "B99", 5), ("U", "B100", 7)]
    levels_now = venue.instruments[XS01].levels()
    assert {(level.id, level.volume, level.count) for level in levels_now} == {("B100", 7, 2)}


def test_emitted_records_do_not_change_later() -> None:
    venue = market()
    (added,) = apply(venue, order("a", BID, 100, 5)).instruments[XS01].depth
    before = msgspec.msgpack.encode(added)
    apply(venue, OrderChanged(XS01, "a", 101, 6, 2))
    apply(venue, OrderRemoved(XS01, "a"))
    assert msgspec.msgpack.encode(added) == before


FAULTS = [
    ([order("a", BID, 101, 5, 3)], "order a was added twice"),
    ([order("c", BID, 100, 5, 1)], "order c takes the position of another one"),
    ([order("c", BID, 100, -5, 7)], "order c has quantity -5"),
    ([OrderRemoved(XS01, "x")], "order x is not in the book"),
    ([OrderChanged(XS01, "x", 100, 5, 1)], "order x is not in the book"),
    ([OrderChanged(XS01, "a", 100, -1, 1)], "order a has quantity -1"),
    ([OrderChanged(XS01, "a", 100, 5, 2)], "order a takes the position of another one"),
    ([LevelChanged(XS01, BID, 100, 5)], "a price level in a book by order"),
]


@pytest.mark.parametrize(("events", "reason"), FAULTS)
def test_a_broken_rule_empties_the_book_and_the_rest_of_the_batch_is_applied(
    events: list[MarketEvent], reason: str
) -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5, 1), order("b", BID, 100, 5, 2))
    changes = apply(venue, *events, order("z", BID, 90, 1, 1), trade(1))
    assert changes.faults == [SourceFault(XS01, reason)]
    assert depth(changes) == [("C", None)]
    assert levels(changes) == [("C", None, None)]
    assert trades(changes) == [("A", 1)]
    view = venue.instruments[XS01]
    assert (view.orders(), view.levels(), view.security.best_bid) == ([], [], None)


def test_after_a_fault_the_book_waits_for_a_snapshot() -> None:
    venue = market()
    apply(venue, OrderRemoved(XS01, "x"))
    assert apply(venue, OrderRemoved(XS01, "x"), order("a", BID, 100, 5)) == Changes()
    assert apply(venue, order("b", BID, 99, 5)) == Changes()
    changes = apply(venue, BookCleared(XS01), order("a", BID, 100, 5))
    assert depth(changes) == [("C", None), ("A", "a")]
    assert levels(changes) == [("C", None, None), ("A", "B100", 5)]


def test_a_fault_of_one_instrument_leaves_another_alone() -> None:
    venue = market()
    apply(venue, OrderAdded(XS02, "a", BID, 100, 5, 1), OrderRemoved(XS01, "x"))
    assert len(venue.instruments[XS02].orders()) == 1


def test_a_gap_empties_the_book_until_its_snapshot() -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5))
    gap = GapDetected(XS01, Stream.BOOK, "sequence 5 after 3")
    changes = apply(venue, gap, order("b", BID, 99, 5))
    assert changes.gaps == [gap]
    assert depth(changes) == [("C", None)]
    assert venue.instruments[XS01].security.best_bid is None
    assert changes.faults == []


def test_a_snapshot_replaces_what_the_batch_did_before() -> None:
    venue = market()
    changes = apply(venue, order("a", BID, 100, 5), BookCleared(XS01), order("a", BID, 98, 4))
    assert depth(changes) == [("C", None), ("A", "a")]
    assert levels(changes) == [("C", None, None), ("A", "B98", 4)]


def test_levels_of_a_venue_by_level() -> None:
    venue = market()
    changes = apply(
        venue,
        LevelChanged(XS01, BID, 100, 5, 2),
        LevelChanged(XS01, ASK, 101, 0),
        LevelChanged(XS01, BID, 99, 3),
        LevelChanged(XS01, BID, 99, 0),
    )
    assert levels(changes) == [("A", "B100", 5)]
    assert depth_of(changes) == []
    assert levels(apply(venue, LevelChanged(XS01, BID, 100, 0))) == [("R", "B100", 5)]
    assert venue.instruments[XS01].security.best_bid is None


def depth_of(changes: Changes) -> list[DepthChange]:
    return changes.instruments[XS01].depth


def test_a_book_may_become_one_of_the_other_kind_with_a_snapshot() -> None:
    venue = market()
    view = venue.instruments[XS01]
    client = StrictClient(view)
    for events in (
        [LevelChanged(XS01, BID, 100, 5)],
        [BookCleared(XS01), order("a", BID, 99, 5)],
        [BookCleared(XS01), LevelChanged(XS01, ASK, 101, 5)],
    ):
        client.follow(view, apply(venue, *events))
        client.agrees_with(view)
    assert apply(venue, order("a", BID, 99, 5)).faults[0].reason == "an order in a book by price level"


def test_best_prices_from_events() -> None:
    venue = market(best_prices=BestPriceSource.EVENTS)
    changes = apply(venue, LevelChanged(XS01, BID, 100, 5), BestPricesChanged(XS01, 101, 2, None, 9))
    record = venue.instruments[XS01].security
    assert (record.best_bid, record.bid_quantity, record.best_ask, record.ask_quantity) == (101, 2, None, 0)
    assert changes.instruments[XS01].security == {"best_bid", "bid_quantity"}


def test_best_prices_from_the_book_ignore_events() -> None:
    venue = market()
    assert apply(venue, BestPricesChanged(XS01, 101, 2, 102, 9)) == Changes()


def test_an_event_for_an_unknown_instrument_is_a_fault_once_per_batch() -> None:
    unknown = InstrumentId("XS99.XSX")
    changes = apply(market(), OrderRemoved(unknown, "a"), BookCleared(unknown), TradeAmended(trade(1)))
    assert changes.faults[0] == SourceFault(unknown, "not listed")
    assert len(changes.faults) == 2


# Trades


def test_a_repeated_trade_is_counted_and_an_older_one_is_a_fault() -> None:
    venue = market()
    apply(venue, trade(5), trade(7))
    changes = apply(venue, trade(5), trade(7), trade(6))
    assert changes.duplicate_trades == 2
    assert changes.faults == [SourceFault(XS01, "trade 6 came after trade 7")]
    assert venue.instruments[XS01].security.number_of_trades == 2


def test_a_cancelled_trade_is_undone() -> None:
    venue = market()
    apply(venue, trade(1, 100, 5), trade(2, 120, 7, MINUTE), trade(3, 90, 1, 2 * MINUTE))
    changes = apply(venue, TradeAmended(trade(2, 120, 7, MINUTE, flags=(TradeFlag.CANCEL,))))
    assert trades(changes) == [("U", 2)]
    record = venue.instruments[XS01].security
    assert (record.open, record.high, record.low, record.last) == (100, 100, 90, 90)
    assert (record.number_of_trades, record.volume, record.value_traded) == (2, 6, 590)
    assert record.vwap == pytest.approx(590 / 600)
    assert [bar.time for bar in venue.instruments[XS01].chart.bars()] == [0, 2 * MINUTE]


def test_an_amendment_of_an_unknown_trade_is_a_fault() -> None:
    venue = market()
    apply(venue, trade(5))
    for trade_id in (3, 9):
        changes = apply(venue, TradeAmended(trade(trade_id)))
        assert changes.faults == [SourceFault(XS01, f"amends trade {trade_id}, which is not on today's tape")]


def test_an_amendment_of_a_trade_that_was_let_go_is_passed_on() -> None:
    definition = MarketDefinition(id=XSX)
    venue = VenueMarket(definition, tape_trades_max=8)
    venue.redefine(definition, [listing("XS01")])
    apply(venue, *(trade(number, 100, 2) for number in range(1, 31)))
    changes = apply(venue, TradeAmended(trade(1, flags=(TradeFlag.CANCEL,))))
    assert (trades(changes), changes.faults) == ([("U", 1)], [])
    assert venue.instruments[XS01].security.volume == 60


def test_statistics_stay_exact_when_the_tape_is_short() -> None:
    definition = MarketDefinition(id=XSX)
    venue = VenueMarket(definition, tape_trades_max=8)
    venue.redefine(definition, [listing("XS01")])
    apply(venue, *(trade(number, 100 + number % 7, 2, number * MINUTE // 4) for number in range(1, 101)))
    record = venue.instruments[XS01].security
    assert (record.volume, record.high, record.low, record.open) == (200, 106, 100, 101)
    apply(venue, TradeAmended(trade(100, 500, 3, 25 * MINUTE)))
    assert (record.volume, record.high, record.last, record.open) == (201, 500, 500, 101)
    apply(venue, TradeAmended(trade(100, 102, 2, 25 * MINUTE)))
    assert (record.volume, record.high, record.last) == (200, 106, 102)


def test_a_bar_whose_trades_were_let_go_is_not_narrowed() -> None:
    definition = MarketDefinition(id=XSX)
    venue = VenueMarket(definition, tape_trades_max=8)
    venue.redefine(definition, [listing("XS01")])
    apply(venue, trade(1, 900), *(trade(number, 100, 2) for number in range(2, 31)), trade(31, 950))
    apply(venue, TradeAmended(trade(31, 90, 3)))
    apply(venue, TradeAmended(trade(30, 80, 2)))
    (bar,) = venue.instruments[XS01].chart.bars()
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (900, 950, 80, 90, 62)


def test_a_gap_in_the_trades_begins_the_tape_anew_for_subscribers() -> None:
    venue = market()
    apply(venue, trade(5))
    changes = apply(venue, GapDetected(XS01, Stream.TRADES, "lost"))
    assert trades(changes) == [("I", 5)]
    assert not venue.instruments[XS01].tape.complete
    assert len(changes.gaps) == 1


def test_stored_trades_come_back_after_a_restart() -> None:
    venue = market()
    changes = venue.restore_day(MONDAY, {XS01: [trade(1, 100, 5), trade(4, 110, 5, MINUTE)]})
    assert trades(changes) == [("I", 4)]
    assert (venue.trading_date, changes.market) == (MONDAY, True)
    assert apply(venue, TradingDayStarted(XSX, MONDAY)) == Changes()
    record = venue.instruments[XS01].security
    assert (record.last, record.volume, record.trend) == (110, 10, Trend.UP)
    assert len(venue.instruments[XS01].chart.bars()) == 2
    assert venue.instruments[XS01].tape.trading_date == MONDAY


def test_a_backfill_counts_only_what_is_newer_and_of_today() -> None:
    venue = market()
    apply(venue, TradingDayStarted(XSX, MONDAY), trade(5))
    assert venue.restore_day(TUESDAY, {XS01: [trade(9)]}) == Changes()
    venue.restore_day(MONDAY, {XS01: [trade(4), trade(5), trade(6)]})
    assert [taped.trade.trade_id for taped in venue.instruments[XS01].tape] == [5, 6]


# Securities


def test_what_the_venue_supplies_wins_for_the_day() -> None:
    venue = market()
    apply(venue, SecurityChanged(instrument=XS01, high=500, volume=1_000, value_traded=12.5, last=400))
    changes = apply(venue, trade(1, 300, 2))
    record = venue.instruments[XS01].security
    assert (record.open, record.high, record.low, record.last) == (300, 500, 300, 400)
    assert (record.volume, record.value_traded, record.number_of_trades) == (1_000, 1_250, 1)
    assert changes.instruments[XS01].security == {"open", "low", "number_of_trades", "vwap"}
    apply(venue, TradingDayStarted(XSX, TUESDAY), trade(1, 200, 3))
    assert (record.high, record.volume, record.last, record.close) == (200, 3, 200, 400)


def test_a_withdrawn_statistic_is_derived_again() -> None:
    venue = market()
    apply(venue, trade(1, 300), SecurityChanged(instrument=XS01, high=500, last=400))
    record = venue.instruments[XS01].security
    assert (record.last, record.trend) == (400, Trend.UP)
    apply(venue, SecurityChanged(instrument=XS01, high=None, last=None))
    assert (record.high, record.last, record.trend) == (300, 300, Trend.NONE)


def test_values_only_the_venue_knows() -> None:
    venue = market()
    changes = apply(
        venue,
        SecurityChanged(
            instrument=XS01,
            close=99,
            settlement=101,
            auction_price=100,
            open_interest=7,
            status_note=("XD",),
            extended={"High52": 1.5},
        ),
    )
    assert changes.instruments[XS01].security == {
        "close", "settlement", "auction_price", "open_interest", "status_note", "extended",
    }  # fmt: skip
    assert apply(venue, SecurityChanged(instrument=XS01, close=99)) == Changes()
    apply(venue, SecurityChanged(instrument=XS01, settlement=None))
    assert venue.instruments[XS01].security.settlement is None


def test_off_market_volume_does_not_touch_prices() -> None:
    venue = market()
    apply(venue, trade(1, 100, 5), trade(2, 900, 7, flags=(TradeFlag.OFF_MARKET,), affects=Affects.VOLUME))
    record = venue.instruments[XS01].security
    assert (record.high, record.last, record.volume, record.vwap) == (100, 100, 12, 1.0)


def test_a_state_of_the_market_is_one_change_among_the_others_of_its_batch() -> None:
    venue = market()
    changes = apply(venue, MarketStateChanged(XSX, "Open"), trade(1))
    assert {"trading_state", "last"} <= changes.instruments[XS01].security
    assert changes.instruments[XS02].security == {"trading_state"}
    there_and_back = (MarketStateChanged(XSX, "Closed"), MarketStateChanged(XSX, "Open"))
    assert apply(venue, *there_and_back).instruments == {}
    changes = apply(venue, *there_and_back, trade(2, 101))
    assert "trading_state" not in changes.instruments[XS01].security
    changes = apply(venue, MarketStateChanged(XSX, "Closed"), InstrumentUnlisted(XS02))
    assert list(changes.instruments) == [XS01]


def test_of_several_best_prices_in_a_batch_the_last_counts() -> None:
    venue = market(best_prices=BestPriceSource.EVENTS)
    best = BestPricesChanged(XS01, 99, 1, 101, 1)
    other = BestPricesChanged(XS01, 98, 1, None, 5)
    assert apply(venue, other, best).instruments[XS01].security == {
        "best_bid", "bid_quantity", "best_ask", "ask_quantity"
    }  # fmt: skip
    assert apply(venue, other, best).instruments == {}
    record = venue.instruments[XS01].security
    assert (record.best_bid, record.best_ask, record.ask_quantity) == (99, 101, 1)


def test_the_trading_state_is_its_own_or_the_boards_or_the_markets() -> None:
    definition = MarketDefinition(id=XSX)
    venue = VenueMarket(definition)
    venue.redefine(definition, [listing("XS01", board="XSX::A"), listing("XS02")])
    states = [state.security for state in venue.instruments.values()]
    changes = apply(venue, MarketStateChanged(XSX, "Open"))
    assert changes.market
    assert [state.trading_state for state in states] == ["Open", "Open"]
    changes = apply(venue, MarketStateChanged(XSX, "Open", {"XSX::A": "Auction"}))
    assert list(changes.instruments) == [XS01]
    assert [state.trading_state for state in states] == ["Auction", "Open"]
    apply(venue, SecurityChanged(instrument=XS01, trading_state="Halt"))
    apply(venue, MarketStateChanged(XSX, "Closed", {"XSX::A": "Closed"}))
    assert [state.trading_state for state in states] == ["Halt", "Closed"]
    apply(venue, SecurityChanged(instrument=XS01, trading_state=None))
    assert states[0].trading_state == "Closed"
    assert apply(venue, MarketStateChanged(XSX, "Closed")) == Changes()
    assert venue.board_states == {"XSX::A": "Closed"}


# Days


def test_a_new_day() -> None:
    venue = market()
    apply(venue, TradingDayStarted(XSX, MONDAY), order("a", BID, 100, 5), trade(7, 100, 5, MINUTE))
    apply(venue, SecurityChanged(instrument=XS01, settlement=101, auction_price=3, open_interest=9))
    changes = apply(venue, TradingDayStarted(XSX, TUESDAY))
    assert changes.new_day
    assert changes.market
    assert {one.security_full for one in changes.instruments.values()} == {True}
    assert set(changes.instruments) == {XS01, XS02}
    assert trades(changes) == [("I", 0)]
    view = venue.instruments[XS01]
    record = view.security
    assert (record.close, record.last, record.open, record.volume, record.vwap) == (100, None, None, 0, None)
    assert (record.settlement, record.auction_price, record.open_interest) == (None, None, 9)
    assert record.best_bid == 100
    assert (len(view.tape), view.chart.bars(), view.last_traded) == (0, [], None)
    assert apply(venue, TradeAmended(trade(7, 1))).faults != []
    assert trades(apply(venue, trade(1))) == [("A", 1)]


def test_a_day_without_trades_keeps_the_close() -> None:
    venue = market()
    apply(venue, TradingDayStarted(XSX, MONDAY), SecurityChanged(instrument=XS01, close=95))
    apply(venue, TradingDayStarted(XSX, TUESDAY))
    assert venue.instruments[XS01].security.close == 95


def test_trades_of_the_old_day_do_not_leak_from_one_batch() -> None:
    venue = market()
    apply(venue, TradingDayStarted(XSX, MONDAY))
    changes = apply(venue, trade(1, 100), TradingDayStarted(XSX, TUESDAY), trade(2, 105))
    assert trades(changes) == [("I", 0), ("A", 2)]
    record = venue.instruments[XS01].security
    assert (record.close, record.open, record.volume) == (100, 105, 1)


# Listings and the market


def test_a_declaration_lists() -> None:
    definition = MarketDefinition(id=XSX)
    changes = VenueMarket(definition).redefine(definition, [listing("XS01")])
    assert changes.symbols == [SymbolChange(Op.ADD, listing("XS01"))]


def test_a_new_declaration_says_what_changed() -> None:
    venue = market()
    apply(venue, order("a", BID, 100, 5), trade(1))
    renamed = listing("XS01", name="New name")
    changes = venue.redefine(MarketDefinition(id=XSX, name="Renamed"), [renamed, listing("XS03")])
    assert changes.market
    assert changes.symbols == [
        SymbolChange(Op.REMOVE, listing("XS02")),
        SymbolChange(Op.UPDATE, renamed),
        SymbolChange(Op.ADD, listing("XS03")),
    ]
    assert changes.instruments[XS01].security_full
    view = venue.instruments[XS01]
    assert view.instrument is renamed
    assert (len(view.orders()), len(view.tape)) == (1, 1)
    assert venue.redefine(venue.definition, [renamed, listing("XS03")]) == Changes()


def test_other_scales_void_everything() -> None:
    venue = market()
    client = StrictClient(venue.instruments[XS01])
    client.follow(venue.instruments[XS01], apply(venue, order("a", BID, 100, 5), trade(1)))
    changes = apply(venue, InstrumentListed(listing("XS01", price_scale=4)))
    assert (depth(changes), trades(changes)) == ([("C", None)], [("I", 0)])
    client.follow(venue.instruments[XS01], changes)
    client.agrees_with(venue.instruments[XS01])


def test_listing_and_unlisting_by_events() -> None:
    venue = market()
    added = listing("XS03")
    changes = apply(venue, InstrumentListed(added), InstrumentUnlisted(XS01), order("a", BID, 1, 1))
    assert changes.symbols == [SymbolChange(Op.ADD, added), SymbolChange(Op.REMOVE, listing("XS01"))]
    assert changes.faults == [SourceFault(XS01, "not listed")]
    assert XS01 not in changes.instruments
    assert set(venue.instruments) == {XS02, added.id}


def test_what_belongs_to_another_market_is_a_fault() -> None:
    other = MarketId("XSY")
    events: list[MarketEvent] = [
        InstrumentListed(Instrument(code="XS01", market=other)),
        InstrumentUnlisted(InstrumentId("XS01.XSY")),
        MarketStateChanged(other, "Open"),
        TradingDayStarted(other, MONDAY),
    ]
    venue = market()
    for event in events:
        assert len(apply(venue, event).faults) == 1
    with pytest.raises(ValueError, match="another market"):
        venue.redefine(MarketDefinition(id=other), [])
    with pytest.raises(ValueError, match="another market"):
        venue.redefine(venue.definition, [Instrument(code="A", market=other)])


def test_the_status_of_the_feed() -> None:
    venue = market()
    assert venue.feed_status is FeedStatus.INITIALISING
    assert venue.set_status(FeedStatus.ACTIVE).market
    assert not venue.set_status(FeedStatus.ACTIVE).market


def test_a_reset_voids_everything_but_the_listing() -> None:
    venue = market()
    view = venue.instruments[XS01]
    client = StrictClient(view)
    events = [
        TradingDayStarted(XSX, MONDAY),
        MarketStateChanged(XSX, "Open"),
        order("a", BID, 100, 5),
        trade(1),
    ]
    client.follow(view, apply(venue, *events))
    broken = [order("b", BID, 99, 5), order("c", BID, "98", 1)]  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        apply(venue, *broken)
    changes = venue.reset()
    client.follow(view, changes)
    client.agrees_with(view)
    assert (view.orders(), view.levels(), len(view.tape)) == ([], [], 0)
    assert (venue.trading_date, venue.trading_state, changes.market) == (None, None, True)
    assert set(venue.instruments) == {XS01, XS02}
    client.follow(view, apply(venue, order("a", BID, 100, 5)))
    client.agrees_with(view)


def test_an_average_that_is_shown_the_same_has_not_changed() -> None:
    venue = market()
    apply(venue, trade(1, 100, 1_000_000_000))
    changes = apply(venue, trade(2, 101, 1))
    assert "vwap" not in changes.instruments[XS01].security
    assert venue.instruments[XS01].security.vwap == 1.0
    changes = apply(venue, SecurityChanged(instrument=XS01, vwap=1.00000001))
    assert changes.instruments == {}
    changes = apply(venue, SecurityChanged(instrument=XS01, vwap=1.0000101))
    assert changes.instruments[XS01].security == {"vwap"}
    assert venue.instruments[XS01].security.vwap == 1.00001


def test_a_field_that_ends_the_batch_as_it_began_has_not_changed() -> None:
    venue = market(best_prices=BestPriceSource.EVENTS)
    quote = BestPricesChanged(XS01, 100, 5, 101, 6)
    apply(venue, quote)
    assert apply(venue, BestPricesChanged(XS01, 99, 5, 101, 6), quote).instruments == {}
    changes = apply(
        venue, SecurityChanged(instrument=XS01, open=7, close=3), BestPricesChanged(XS01, 99, 5, 101, 6)
    )
    assert changes.instruments[XS01].security == {"open", "close", "best_bid"}
