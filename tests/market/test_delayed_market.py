"""A delayed market: what it shows when, how it is stored, and what bounds its memory."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strict_client import StrictClient
from venue_simulator import (
    LEVEL_MOVES,
    NOON,
    ORDER_MOVES,
    SECURITY_MOVES,
    TRADE_MOVES,
    Move,
    VenueSimulator,
    moves,
)

from zenithd.domain.events import (
    BookCleared,
    InstrumentListed,
    LevelChanged,
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderRemoved,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import BestPriceSource, Instrument, MarketDefinition
from zenithd.domain.market_data import DataKind, FeedStatus, Side
from zenithd.market.changes import Changes
from zenithd.market.delay_line import BLOCK_EVENTS, Delayed, DelayLine
from zenithd.market.delayed_market import EVENTS_PER_STEP, DelayedMarket
from zenithd.market.renaming import Renaming
from zenithd.market.snapshot import MarketSnapshot
from zenithd.market.venue import VenueMarket

DELAYED = MarketId("XSX[Delayed]")
XSX = MarketId("XSX")
XS01 = InstrumentId("XS01.XSX")
SHOWN = InstrumentId("XS01.XSX[Delayed]")
DELAY = 1_200_000_000_000
MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)


def source(**values: Any) -> VenueMarket:
    definition = MarketDefinition(id=XSX, boards=("XSX::A",), **values)
    venue = VenueMarket(definition)
    venue.redefine(
        definition, [Instrument(code="XS01", market=XSX, board="XSX::A", trading_markets=("XSX::A",))]
    )
    return venue


def delayed_of(venue: VenueMarket, **values: Any) -> DelayedMarket:
    asset_only = values.pop("asset_only", False)
    opening = values.pop("opening", venue.state_snapshot())
    return DelayedMarket(DELAYED, venue.definition, DELAY, asset_only, opening, **values)


def order(order_id: str, price: int, side: Side = Side.BID, position: int = 1) -> OrderAdded:
    return OrderAdded(XS01, order_id, side, price, 5, position)


def trade(trade_id: int, time: int = 0, price: int = 100) -> TradeReported:
    return TradeReported(XS01, trade_id, price, 1, time)


# The delay

streams = st.one_of(
    st.lists(st.lists(moves(kinds), min_size=1, max_size=4), max_size=25)
    for kinds in ((*ORDER_MOVES, *TRADE_MOVES, *SECURITY_MOVES), (*LEVEL_MOVES, "gap", *TRADE_MOVES))
)


@given(streams, st.integers(0, 10), st.integers(1, 4))
def test_it_equals_the_sources_state_of_a_delay_ago(stream: list[list[Move]], late: int, step: int) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    for batch in stream[:late]:
        venue.apply(simulator.play(batch), simulator.clock)
    delayed = delayed_of(venue)
    shown = InstrumentId(f"{simulator.instrument.code}.{DELAYED}")
    client = StrictClient(delayed.instruments[shown])
    history = [(0, renamed(venue))]
    for number, batch in enumerate(stream[late:], 1):
        events = simulator.play(batch)
        venue.apply(events, number)
        delayed.observe(events, number)
        history.append((number, renamed(venue)))
    assert delayed.due(DELAY) == Changes()
    for now in range(0, len(history), step):
        client.follow(delayed.instruments[shown], delayed.due(DELAY + now))
        client.agrees_with(delayed.instruments[shown])
        assert comparable(delayed.state_snapshot()) == comparable(history[now][1])
    delayed.due(2 * DELAY)
    assert (delayed.events_held, delayed.next_due()) == (0, None)


def renamed(venue: VenueMarket) -> MarketSnapshot:
    return Renaming(XSX, DELAYED).snapshot(venue.state_snapshot())


def comparable(snapshot: MarketSnapshot) -> MarketSnapshot:
    """Without what may differ: on tapes the market of trades, and when a supplied price was supplied."""
    for each in snapshot.instruments:
        each.orders.sort(key=lambda order: order.order_id)
        each.levels.sort(key=lambda level: level.id)
        each.last_traded = None
        each.trades.tape.trades = [
            msgspec.structs.replace(taped, trade=msgspec.structs.replace(taped.trade, instrument=SHOWN))
            for taped in each.trades.tape.trades
        ]
    return snapshot


def test_before_the_delay_it_shows_the_opening_state() -> None:
    venue = source()
    venue.apply([TradingDayStarted(XSX, MONDAY), order("a", 100), trade(1, NOON)], NOON)
    delayed = delayed_of(venue)
    events = [OrderRemoved(XS01, "a"), trade(2, NOON)]
    delayed.observe(events, NOON)
    view = delayed.instruments[SHOWN]
    for now in (NOON, NOON + DELAY - 1):
        assert delayed.due(now) == Changes()
        assert (len(view.orders()), len(view.tape), delayed.trading_date) == (1, 1, MONDAY)
    assert delayed.next_due() == NOON + DELAY
    changes = delayed.due(NOON + DELAY)
    assert set(changes.instruments) == {SHOWN}
    assert (len(view.orders()), len(view.tape)) == (0, 2)
    assert view.tape.select(1, None, None)[0].trade.instrument == SHOWN


def test_codes_are_those_of_the_delayed_market() -> None:
    venue = source(readiness=True)
    delayed = delayed_of(venue)
    delayed.observe(
        [MarketStateChanged(XSX, "Open", {"XSX::A": "Auction"}), TradingDayStarted(XSX, MONDAY)], 0
    )
    delayed.due(DELAY)
    instrument = delayed.instruments[SHOWN].instrument
    assert (instrument.id, instrument.market, instrument.issuer) == (SHOWN, DELAYED, "XSX")
    assert (instrument.board, instrument.trading_markets) == ("XSX::A[Delayed]", ("XSX::A[Delayed]",))
    assert delayed.definition.id == DELAYED
    assert delayed.definition.boards == ("XSX::A[Delayed]",)
    assert not delayed.definition.readiness
    assert delayed.board_states == {"XSX::A[Delayed]": "Auction"}
    assert (delayed.trading_state, delayed.trading_date, delayed.delay_ns) == ("Open", MONDAY, DELAY)
    assert delayed.instruments[SHOWN].security.trading_state == "Auction"


def test_a_clock_that_steps_back_keeps_the_order_of_events() -> None:
    delayed = delayed_of(source())
    delayed.observe([order("a", 100)], 1_000)
    delayed.observe([OrderRemoved(XS01, "a")], 500)
    assert delayed.due(DELAY + 999) == Changes()
    assert delayed.due(DELAY + 1_000).faults == []
    assert delayed.events_held == 0


def test_much_that_is_due_at_once_is_applied_in_steps() -> None:
    delayed = delayed_of(source())
    for number in range(EVENTS_PER_STEP + 10):
        delayed.observe([LevelChanged(XS01, Side.BID, number, 5)], number)
    delayed.due(2 * DELAY)
    assert delayed.events_held == 10
    assert delayed.next_due() == DELAY + EVENTS_PER_STEP
    delayed.due(2 * DELAY)
    assert len(delayed.instruments[SHOWN].levels()) == EVENTS_PER_STEP + 10


def test_the_status_of_the_feed_is_not_delayed() -> None:
    delayed = delayed_of(source())
    assert delayed.set_status(FeedStatus.IMPAIRED).market
    assert delayed.feed_status is FeedStatus.IMPAIRED


# Declarations


def test_without_an_opening_state_the_first_declaration_lists_at_once() -> None:
    venue = source()
    delayed = delayed_of(venue, opening=None)
    assert delayed.instruments == {}
    instruments = [state.instrument for state in venue.instruments.values()]
    assert len(delayed.declare(venue.definition, instruments, 0).symbols) == 1
    assert set(delayed.instruments) == {SHOWN}


def test_a_later_declaration_comes_after_the_delay_and_in_its_place() -> None:
    venue = source()
    delayed = delayed_of(venue)
    more = [*(state.instrument for state in venue.instruments.values()), Instrument(code="XS02", market=XSX)]
    delayed.observe([order("a", 100)], 1)
    assert delayed.declare(venue.definition, more, 2) == Changes()
    delayed.observe([OrderAdded(InstrumentId("XS02.XSX"), "a", Side.BID, 1, 1, 1)], 3)
    changes = delayed.due(DELAY + 9)
    assert set(changes.instruments) == {SHOWN}
    changes = delayed.due(DELAY + 9)
    assert [change.instrument.id for change in changes.symbols] == ["XS02.XSX[Delayed]"]
    assert delayed.due(DELAY + 9).faults == []
    assert delayed.next_due() is None
    assert len(delayed.instruments[InstrumentId("XS02.XSX[Delayed]")].orders()) == 1


def test_a_listing_by_event() -> None:
    delayed = delayed_of(source())
    delayed.observe([InstrumentListed(Instrument(code="XS02", market=XSX))], 0)
    assert [change.instrument.id for change in delayed.due(DELAY).symbols] == ["XS02.XSX[Delayed]"]


# Asset only


def test_asset_only_shows_the_security_alone() -> None:
    delayed = delayed_of(source(), asset_only=True)
    delayed.observe([order("a", 100), order("b", 101, Side.ASK), trade(1)], 0)
    changes = delayed.due(DELAY).instruments[SHOWN]
    view = delayed.instruments[SHOWN]
    assert (changes.depth, changes.levels, view.orders(), view.levels()) == ([], [], [], [])
    assert {"best_bid", "best_ask", "last"} < changes.security
    assert (view.security.best_bid, view.security.best_ask, view.security.last) == (100, 101, 100)
    assert view.instrument.subscription_data is DataKind.ASSET
    restored = delayed_of(source(), asset_only=True, opening=delayed.state_snapshot())
    assert restored.instruments[SHOWN].security.best_bid == 100
    assert restored.instruments[SHOWN].levels() == []


def test_asset_only_holds_no_book_where_best_prices_come_from_events() -> None:
    delayed = delayed_of(source(best_prices=BestPriceSource.EVENTS), asset_only=True)
    delayed.observe([order("a", 100), BookCleared(XS01), trade(1)], 0)
    assert delayed.events_held == 1


# Restarts


def test_after_a_restart_it_shows_what_was_stored() -> None:
    venue = source()
    before = delayed_of(venue)
    before.observe([TradingDayStarted(XSX, MONDAY), order("a", 100), trade(1, 10)], 10)
    before.due(DELAY + 10)
    stored = msgspec.msgpack.encode(before.state_snapshot())
    opening = msgspec.msgpack.decode(stored, type=MarketSnapshot)
    delayed = delayed_of(source(), opening=opening)
    view = delayed.instruments[SHOWN]
    assert delayed.feed_status is FeedStatus.INITIALISING
    assert (len(view.orders()), view.security.last, delayed.trading_date) == (1, 100, MONDAY)
    delayed.recall([trade(1, 10), trade(2, 20, 101)])
    # The source's book began anew; nothing of the old one is left once the new one is due.
    delayed.observe([order("a", 90)], DELAY)
    delayed.due(DELAY + 20)
    assert (view.security.last, view.security.volume) == (101, 2)
    assert [each.price for each in view.orders()] == [100]
    changes = delayed.due(2 * DELAY)
    assert changes.faults == []
    assert [each.price for each in view.orders()] == [90]


def test_recalled_trades_of_another_day_begin_it() -> None:
    before = delayed_of(source())
    before.observe([TradingDayStarted(XSX, MONDAY), trade(7, 10)], 10)
    before.due(DELAY + 10)
    delayed = delayed_of(source(), opening=before.state_snapshot())
    delayed.recall([trade(1, 20, 105), trade(2, 21, 106)], TUESDAY)
    assert delayed.due(DELAY + 20).new_day
    delayed.observe([TradingDayStarted(XSX, TUESDAY), trade(2, 21, 106)], 30)
    assert delayed.due(DELAY + 30).duplicate_trades == 1
    record = delayed.instruments[SHOWN].security
    assert (delayed.trading_date, record.close, record.open, record.volume) == (TUESDAY, 100, 105, 2)


def test_recalled_trades_that_the_opening_state_reached_are_left_out() -> None:
    before = delayed_of(source())
    before.observe([TradingDayStarted(XSX, MONDAY), trade(1, 10), trade(2, 11)], 11)
    before.due(DELAY + 11)
    delayed = delayed_of(source(), opening=before.state_snapshot(trades_max=1))
    delayed.recall([trade(3, 5), trade(2, 11), trade(4, 20), trade(1, 10)], MONDAY)
    assert delayed.events_held == 2
    assert delayed.due(DELAY + 20).faults == []
    assert delayed.instruments[SHOWN].security.volume == 4


# Memory


def test_packed_events_come_back_as_they_were() -> None:
    line = DelayLine()
    batches: list[list[MarketEvent]] = [
        [order(f"o{number}", number), trade(number)] for number in range(2 * BLOCK_EVENTS)
    ]
    for number, batch in enumerate(batches):
        line.add(Delayed(number, tuple(batch)))
    assert line.events_held == 4 * BLOCK_EVENTS
    taken = []
    while (delayed := line.take(10**9)) is not None:
        taken.append((delayed.due, list(delayed.events)))
    assert taken == list(enumerate(batches))
    assert (line.events_held, line.next_due()) == (0, None)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), max_size=60))
def test_the_line_is_first_in_first_out_and_never_early(steps: list[tuple[int, int]]) -> None:
    line = DelayLine()
    added = taken = 0
    now = 0
    for ahead, kind in steps:
        if kind:
            line.add(Delayed(now + ahead, (trade(added),) * 100))
            added += 1
            continue
        now += ahead
        while (delayed := line.take(now)) is not None:
            assert delayed.due <= now
            assert delayed.events[0] == trade(taken)
            taken += 1
        due = line.next_due()
        assert due is None or due > now


def test_beyond_the_limit_books_are_dropped_and_asked_for_again() -> None:
    venue = source()
    delayed = delayed_of(venue, events_max=100)
    view = delayed.instruments[SHOWN]
    client = StrictClient(view)
    for number in range(150):
        level = LevelChanged(XS01, Side.BID, number % 20, number + 1)
        venue.apply([level, trade(number + 1, number)], number)
        delayed.observe([level, trade(number + 1, number)], number)
    # 50 whole batches, the gap, and 100 trades.
    assert delayed.events_held == 201
    assert delayed.lost_books() == []
    client.follow(view, delayed.due(DELAY + 49))
    assert {level.volume for level in view.levels()} == set(range(31, 51))
    client.follow(view, delayed.due(DELAY + 120))
    assert view.levels() == []
    assert len(view.tape) == 121
    assert delayed.lost_books() == [XS01]
    delayed.observe(venue.book_snapshot(delayed.lost_books()), 1_000)
    assert delayed.lost_books() == []
    client.follow(view, delayed.due(DELAY + 1_000))
    client.agrees_with(view)
    assert {level.volume for level in view.levels()} == set(range(131, 151))


@pytest.mark.parametrize("tag", ["", "[Sample]"])
def test_boards_get_the_tag_of_the_delayed_market(tag: str) -> None:
    renaming = Renaming(MarketId(f"XSX{tag}"), MarketId("XSX[Late]"))
    assert renaming.board(f"XSX::A{tag}") == "XSX::A[Late]"
    assert renaming.id(InstrumentId(f"A.B.XSX{tag}")) == "A.B.XSX[Late]"
