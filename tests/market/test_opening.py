"""A delayed market that opens for the very first time shows no trading that is not delayed."""

from __future__ import annotations

from datetime import date

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from venue_simulator import NOON, ORDER_MOVES, TRADE_MOVES, Move, VenueSimulator, moves

from zenithd.domain.events import (
    BestPricesChanged,
    MarketStateChanged,
    OrderAdded,
    SecurityChanged,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import BestPriceSource, Instrument, MarketDefinition
from zenithd.domain.market_data import Side, TradeFlag, Trend
from zenithd.market.changes import Changes
from zenithd.market.delayed_market import DelayedMarket
from zenithd.market.opening import opening_snapshot, present_events, todays_trades
from zenithd.market.venue import VenueMarket

DELAYED = MarketId("XSX[Delayed]")
XSX = MarketId("XSX")
XS01, XS02 = InstrumentId("XS01.XSX"), InstrumentId("XS02.XSX")
SHOWN = InstrumentId("XS01.XSX[Delayed]")
DELAY = 1_200_000_000_000
MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)


def source(tape_trades_max: int = 10_000) -> VenueMarket:
    definition = MarketDefinition(id=XSX)
    venue = VenueMarket(definition, tape_trades_max)
    venue.redefine(definition, [Instrument(code=code, market=XSX) for code in ("XS01", "XS02")])
    venue.apply([TradingDayStarted(XSX, MONDAY)], NOON)
    return venue


def trade(trade_id: int, time: int, price: int = 100, instrument: InstrumentId = XS01) -> TradeReported:
    return TradeReported(instrument, trade_id, price, 1, time)


def opened(venue: VenueMarket, now: int, stored: list[TradeReported] | None = None) -> DelayedMarket:
    delayed = DelayedMarket(DELAYED, venue.definition, DELAY, False, opening_snapshot(venue))
    delayed.recall(todays_trades(venue, stored or (), MONDAY), venue.trading_date)
    delayed.observe(present_events(venue), now)
    return delayed


def test_the_opening_state_has_states_but_neither_books_nor_trading() -> None:
    venue = source()
    events = [
        MarketStateChanged(XSX, "Open", {"XSX::A": "Auction"}),
        OrderAdded(XS01, "a", Side.BID, 99, 5, 1),
        SecurityChanged(
            instrument=XS01, close=97, last=101, value_traded=12.5, trading_state="Halt", auction_price=98
        ),
        trade(1, NOON),
        trade(2, NOON + 1, 105),
    ]
    venue.apply(events, NOON)
    before = venue.state_snapshot()
    delayed = opened(venue, NOON + 2)
    view, record = delayed.instruments[SHOWN], delayed.instruments[SHOWN].security
    assert (delayed.trading_date, delayed.trading_state) == (MONDAY, "Open")
    assert (record.close, record.trading_state) == (97, "Halt")
    assert (record.best_bid, record.bid_quantity, record.auction_price, view.orders()) == (None, 0, None, [])
    assert (record.open, record.high, record.low, record.last, record.vwap) == (None,) * 5
    assert (record.volume, record.number_of_trades, record.value_traded) == (0, 0, 0)
    assert (len(view.tape), view.tape.newest_id, view.tape.trading_date) == (0, 0, MONDAY)
    assert (view.chart.minutes(), view.last_traded) == ([], None)
    assert delayed.due(NOON + DELAY - 1) == Changes()
    assert venue.state_snapshot() == before, "the source is as it was"
    delayed.due(NOON + 2 + DELAY)
    # Against what a supplied price moved cannot be told afterwards.
    assert msgspec.structs.replace(record, trend=Trend.NONE) == venue.instruments[XS01].security
    assert view.orders() == venue.instruments[XS01].orders()
    assert view.chart.bars() == venue.instruments[XS01].chart.bars()


def test_old_trades_come_at_once_and_others_when_due() -> None:
    venue = source()
    now = NOON + 2 * DELAY
    venue.apply([trade(1, NOON), trade(2, now - DELAY), trade(3, now - DELAY + 1), trade(4, now)], now)
    delayed = opened(venue, now)
    tape = delayed.instruments[SHOWN].tape
    for moment, newest in ((now, 2), (now + 1, 3), (now + DELAY - 1, 3), (now + DELAY, 4)):
        assert delayed.due(moment).faults == []
        assert (tape.newest_id, len(tape), delayed.instruments[SHOWN].security.volume) == (newest,) * 3


def test_late_trades_stay_in_sequence_and_observed_ones_are_not_doubled() -> None:
    venue = source()
    venue.apply([trade(1, NOON + 9), trade(2, NOON), trade(5, NOON + 8, instrument=XS02)], NOON + 9)
    delayed = opened(venue, NOON + 9)
    again = [trade(2, NOON), trade(3, NOON + 9), trade(5, NOON + 8, instrument=XS02)]
    venue.apply(again, NOON + 9)
    delayed.observe(again, NOON + 9)
    assert [each.trade_id for each in todays_trades(venue)] == [5, 1, 2, 3]
    changes = delayed.due(NOON + 9 + DELAY)
    assert (changes.faults, changes.duplicate_trades) == ([], 2)
    view = delayed.instruments[SHOWN]
    assert [taped.trade.trade_id for taped in view.tape] == [1, 2, 3]
    assert view.security == venue.instruments[XS01].security


def test_trades_that_the_tape_let_go_come_from_the_store() -> None:
    venue = source(tape_trades_max=8)
    trades = [trade(number, NOON + number, 100 + number % 7) for number in range(1, 31)]
    venue.apply(trades, NOON + 30)
    cancelled = TradeReported(XS01, 30, 1, 1, NOON + 30, flags=(TradeFlag.CANCEL,))
    stored = [*reversed(trades[:25]), cancelled, trade(1, NOON, instrument=InstrumentId("GONE.XSX"))]
    assert todays_trades(venue, stored, MONDAY) == trades
    held = [taped.trade for taped in venue.instruments[XS01].tape]
    assert todays_trades(venue, stored, TUESDAY) == todays_trades(venue, stored) == held
    delayed = opened(venue, NOON + 30, stored)
    assert not delayed.instruments[SHOWN].tape.complete
    delayed.due(NOON + 30 + DELAY)
    assert delayed.instruments[SHOWN].security == venue.instruments[XS01].security


@given(
    st.lists(st.lists(moves((*ORDER_MOVES, *TRADE_MOVES, "supply")), min_size=1, max_size=4), max_size=20),
    st.integers(0, 20),
)
def test_after_the_delay_it_is_as_the_source(stream: list[list[Move]], late: int) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    for batch in stream[:late]:
        venue.apply(simulator.play(batch), simulator.clock)
    delayed = opened(venue, simulator.clock)
    for batch in stream[late:]:
        events = simulator.play(batch)
        venue.apply(events, simulator.clock)
        delayed.observe(events, simulator.clock)
    delayed.due(simulator.clock + DELAY)
    shown, record = delayed.instruments[SHOWN], venue.instruments[XS01].security
    assert (shown.security.volume, shown.security.number_of_trades) == (
        record.volume,
        record.number_of_trades,
    )
    assert (shown.security.last, shown.security.vwap) == (record.last, record.vwap)
    assert (shown.security.high, shown.security.low) == (record.high, record.low)
    assert shown.security.value_traded == record.value_traded
    ids = [taped.trade.trade_id for taped in venue.instruments[XS01].tape]
    assert [taped.trade.trade_id for taped in shown.tape] == ids == sorted(ids)


def test_best_prices_from_events_are_delayed_too() -> None:
    definition = MarketDefinition(id=XSX, best_prices=BestPriceSource.EVENTS)
    venue = VenueMarket(definition)
    venue.redefine(definition, [Instrument(code="XS01", market=XSX)])
    venue.apply([TradingDayStarted(XSX, MONDAY), BestPricesChanged(XS01, 99, 5, 101, 6)], NOON)
    delayed = opened(venue, NOON)
    record = delayed.instruments[SHOWN].security
    assert (record.best_bid, record.best_ask) == (None, None)
    delayed.due(NOON + DELAY)
    assert record == venue.instruments[XS01].security
