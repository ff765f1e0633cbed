"""The demonstration as a subscriber sees it: the events fed into the daemon's own market state."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

import pytest

from zenithd.domain.events import (
    MarketEvent,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.domain.market_data import Side
from zenithd.market.venue import VenueMarket
from zenithd_prodigy.demonstration import Beginning, Demonstration, demonstration_markets
from zenithd_prodigy.listings import AGENTS, COMPANIES_BY_CODE, MARKET_MAKERS
from zenithd_prodigy.schedule import Schedule

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
XS01 = InstrumentId("XS01.XSX")
BOOK_EVENTS = (OrderAdded, OrderChanged, OrderRemoved)
SECOND_NS = 1_000_000_000


class Watched:
    """A demonstration and the markets that its subscribers see."""

    def __init__(self, *, seed: str = "1", second_market: bool = True, price_factor: float = 1.0) -> None:
        markets = demonstration_markets("Australia/Sydney", second_market=second_market)
        beginnings = {
            instrument.id: Beginning(round(COMPANIES_BY_CODE[instrument.code].price * price_factor), 5_001)
            for market in markets
            for instrument in market.instruments
        }
        self.demonstration = Demonstration(markets, beginnings, 1 << 40, seed)
        self.markets = {market.definition.id: VenueMarket(market.definition) for market in markets}
        for market in markets:
            self.markets[market.definition.id].redefine(market.definition, market.instruments)
        self.instruments = list(beginnings)
        self.events: list[MarketEvent] = []
        self.keep_events = True

    def open(self) -> None:
        self.see(self.demonstration.begin(MONDAY, 0), 0)
        self.see(self.demonstration.opening(0, {XS01: 8_400}), 0)

    def see(self, batches: Iterable[Sequence[MarketEvent]], now: int) -> None:
        for batch in batches:
            self.see_batch(batch, now)

    def see_batch(self, batch: Sequence[MarketEvent], now: int) -> None:
        """Apply a batch and look whether the book of its instrument is a proper one."""
        first = batch[0]
        if isinstance(first, TradingDayStarted):
            assert self.markets[first.market].apply(batch, now).faults == []
        else:
            (instrument,) = {event.instrument for event in batch if hasattr(event, "instrument")}
            market = self.markets[split_instrument(instrument)[1]]
            assert market.apply(batch, now).faults == []
            security = market.instruments[instrument].security
            assert security.best_bid is not None, instrument
            assert security.best_ask is not None, instrument
            assert security.best_bid < security.best_ask
        if self.keep_events:
            self.events += batch

    def steps(self, count: int) -> None:
        for number in range(count):
            for instrument in self.instruments:
                self.see_batch(self.demonstration.step(instrument, number), number)

    def orders(self, instrument: InstrumentId, side: Side) -> list[int]:
        """Prices of the resting orders of a side."""
        market = self.markets[split_instrument(instrument)[1]]
        return [order.price for order in market.instruments[instrument].orders() if order.side is side]


@pytest.fixture
def watched() -> Watched:
    one = Watched()
    one.open()
    return one


def test_every_book_opens_with_both_sides(watched: Watched) -> None:
    for instrument in watched.instruments:
        first_market = instrument.endswith("XSX")
        for side in Side:
            prices = watched.orders(instrument, side)
            assert 40 <= len(prices) <= 60 if first_market else 20 <= len(prices) <= 30
            assert len(set(prices)) >= (8 if first_market else 6)


def test_the_markets_open(watched: Watched) -> None:
    for market in watched.markets.values():
        assert (market.trading_state, market.trading_date) == ("Open", MONDAY)
        assert market.board_states == {f"{market.definition.id}::{market.definition.id}": "Open"}
        assert {view.security.trading_state for view in market.instruments.values()} == {"Open"}
    assert watched.markets[MarketId("XSX")].instruments[XS01].security.close == 8_400


def test_the_second_market_lists_shares_of_the_first(watched: Watched) -> None:
    listed = [view.instrument for view in watched.markets[MarketId("XSY")].instruments.values()]
    assert [(each.code, each.issuer) for each in listed] == [(f"XS0{n}", "XSX") for n in range(1, 6)]
    assert {each.board for each in listed} == {"XSY::XSY"}
    assert set(Watched(second_market=False).markets) == {"XSX"}


def test_all_that_is_published_follows_the_rules(watched: Watched) -> None:
    watched.steps(400)
    brokers = {broker.code for broker in MARKET_MAKERS + AGENTS}
    trades = [event for event in watched.events if isinstance(event, TradeReported)]
    added = [event for event in watched.events if isinstance(event, OrderAdded)]
    assert len({event.order_id for event in added}) == len(added)
    assert {trade.aggressor_side for trade in trades} == set(Side)
    assert {trade.buy_broker for trade in trades} | {trade.sell_broker for trade in trades} <= brokers
    assert {event.broker for event in added} == brokers
    assert any(event.has_undisclosed for event in added)
    assert any(event.cross_reference for event in added)
    orders = {event.order_id for event in added}
    assert all(trade.buy_order_id in orders or trade.sell_order_id in orders for trade in trades)
    for instrument in watched.instruments:
        ids = [trade.trade_id for trade in trades if trade.instrument == instrument]
        assert ids == list(range(5_001, 5_001 + len(ids)))


def test_the_same_seed_plays_the_same() -> None:
    runs = [Watched(seed=seed) for seed in ("1", "1", "2")]
    for run in runs:
        run.open()
        run.steps(50)
    assert runs[0].events == runs[1].events
    assert runs[0].events != runs[2].events


def test_day_orders_expire_and_the_makers_quote_anew(watched: Watched) -> None:
    watched.steps(20)
    before = {order.order_id for order in watched.markets[MarketId("XSX")].instruments[XS01].orders()}
    last = watched.markets[MarketId("XSX")].instruments[XS01].security.last or 8_450
    watched.see(watched.demonstration.start_day(TUESDAY, 99), 99)
    after = {order.order_id for order in watched.markets[MarketId("XSX")].instruments[XS01].orders()}
    assert len(before - after) > 30
    assert len(after) == 88
    assert {market.trading_date for market in watched.markets.values()} == {TUESDAY}
    assert watched.markets[MarketId("XSX")].instruments[XS01].security.close == last
    watched.steps(20)


@pytest.mark.parametrize("factor", [0.5, 1.16, 1.4, 2.0])
def test_the_flow_bears_prices_far_from_the_mean(factor: float) -> None:
    """XS08 crosses the first change of the step size on its way up, XS02 the second one."""
    one = Watched(price_factor=factor)
    one.open()
    one.steps(60)


def test_sixty_minutes() -> None:
    """Two-sided and uncrossed after every batch; every minute within the promised rates."""
    watched = Watched()
    watched.keep_events = False
    watched.open()
    schedule = Schedule(watched.demonstration.step_seconds, 0.0, random.Random(1))
    changes: Counter[tuple[InstrumentId, int]] = Counter()
    trades: Counter[tuple[InstrumentId, int]] = Counter()
    while (now := schedule.next_due) < 3600.0:
        instrument = schedule.take(now)
        assert instrument is not None
        batch = watched.demonstration.step(instrument, round(now * SECOND_NS))
        watched.see_batch(batch, round(now * SECOND_NS))
        minute = (instrument, int(now) // 60)
        changes[minute] += sum(isinstance(event, BOOK_EVENTS) for event in batch)
        trades[minute] += sum(isinstance(event, TradeReported) for event in batch)
    for instrument in watched.instruments:
        per_second = [changes[instrument, minute] / 60 for minute in range(60)]
        traded_per_second = [trades[instrument, minute] / 60 for minute in range(60)]
        if instrument.endswith("XSX"):
            assert 5 < min(per_second) <= max(per_second) < 20
            assert 0.5 < min(traded_per_second) <= max(traded_per_second) < 1.5
            assert 0.75 < sum(traded_per_second) / 60 < 1.05
            assert 40 <= sum(len(watched.orders(instrument, side)) for side in Side) <= 120
        else:
            assert 2 < min(per_second) <= max(per_second) < 6
            assert 0.1 < min(traded_per_second) <= max(traded_per_second) < 0.5
