"""The demonstration as a subscriber sees it: the events fed into the daemon's own market state."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

import pytest

from zenithd.domain.events import (
    MarketEvent,
    MarketStateChanged,
    OrderAdded,
    OrderChanged,
    OrderRemoved,
    TradeReported,
    TradingDayStarted,
)
from zenithd.domain.identifiers import InstrumentId, MarketId, split_instrument
from zenithd.domain.market_data import Side
from zenithd.market.venue import VenueMarket
from zenithd_prodigy.demonstration import (
    Beginning,
    decorated,
    demonstration_markets,
    founding,
    withdrawal,
)
from zenithd_prodigy.engine.commands import AddEntity, PlaceOrder
from zenithd_prodigy.engine.refusals import Refused
from zenithd_prodigy.exchange import Market
from zenithd_prodigy.listings import AGENTS, COMPANIES_BY_CODE, MARKET_MAKERS
from zenithd_prodigy.model.definitions import CLOSE_REFERENCE, Entity
from zenithd_prodigy.model.events import Event
from zenithd_prodigy.model.orders import TimeInForce
from zenithd_prodigy.participants import InstrumentFlow, OrderEvent
from zenithd_prodigy.schedule import Schedule
from zenithd_prodigy.seats import make_seats, taken

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
XS01 = InstrumentId("XS01.XSX")
XSX = MarketId("XSX")
BOOK_EVENTS = (OrderAdded, OrderChanged, OrderRemoved)
SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
NOON = round(datetime(2026, 1, 5, 1, tzinfo=UTC).timestamp()) * SECOND_NS
"""Of Monday in Sydney."""


class Watched:
    """The demonstration's markets, its participants, and what subscribers see of them."""

    def __init__(self, *, seed: str = "1", second_market: bool = True, price_factor: float = 1.0) -> None:
        self.now = NOON
        self.events: list[MarketEvent] = []
        self.keep_events = True
        self.books_are_full = False
        self.prices = {code: round(one.price * price_factor) for code, one in COMPANIES_BY_CODE.items()}
        self.demonstrated = demonstration_markets("Australia/Sydney", second_market=second_market)
        self.exchange = {market.definition.id: Market() for market in self.demonstrated}
        self.markets: dict[MarketId, VenueMarket] = {}
        for market in self.demonstrated:
            beginnings = {
                each.id: Beginning(5_001, 8_400 if each.id == XS01 else None) for each in market.instruments
            }
            for command in founding(market, beginnings, self.now, "16:00"):
                self.carry_out(market.definition.id, command)
            translator = self.exchange[market.definition.id].translator
            definition = decorated(translator.definition(), market.definition.id)
            self.markets[definition.id] = VenueMarket(definition)
            self.markets[definition.id].redefine(definition, translator.instruments())
            self.see(translator.snapshot())
        self.flows = self.take_seats(seed)
        self.instruments = list(self.flows)

    def take_seats(self, seed: str) -> dict[InstrumentId, InstrumentFlow]:
        """Participants for what is listed now."""
        seats = make_seats(
            self.demonstrated, lambda instrument: self.prices[split_instrument(instrument)[0]], seed
        )
        models = {seat: self.exchange[split_instrument(seat)[1]].model for seat in seats}
        return taken(seats, models)

    def open(self) -> None:
        """Fill the books."""
        for instrument, flow in self.flows.items():
            self.enter(instrument, flow.fill())
        self.books_are_full = True

    def carry_out(self, market: MarketId, command: object) -> list[Event]:
        outcome = self.exchange[market].handle(command, self.now)
        assert not isinstance(outcome, Refused), f"{command}: {outcome}"
        return outcome

    def enter(self, instrument: InstrumentId, commands: Iterable[object]) -> None:
        """Carry out the commands of an instrument's participants, who learn of each before the next."""
        for command in commands:
            self.tell(
                split_instrument(instrument)[1], self.carry_out(split_instrument(instrument)[1], command)
            )

    def tell(self, market: MarketId, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, OrderEvent):
                self.flows[InstrumentId(f"{event.symbol}.{market}")].observe([event])
        self.see(self.exchange[market].translator.translate(events))

    def see(self, batch: Sequence[MarketEvent]) -> None:
        """Apply a batch and look whether the books that it concerns are proper ones."""
        concerned: set[InstrumentId] = set()
        for event in batch:
            if isinstance(event, TradingDayStarted | MarketStateChanged):
                market = self.markets[event.market]
            else:
                market = self.markets[split_instrument(event.instrument)[1]]
                concerned.add(event.instrument)
        assert market.apply(batch, self.now).faults == []
        for instrument in concerned if self.books_are_full else ():
            security = market.instruments[instrument].security
            assert security.best_bid is not None, instrument
            assert security.best_ask is not None, instrument
            assert security.best_bid < security.best_ask
        if self.keep_events:
            self.events += batch

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.now += SECOND_NS
            for instrument in self.instruments:
                self.enter(instrument, self.flows[instrument].step())

    def catch_up(self) -> None:
        """Do what the timetables want done by now, without a look at the books, which may be half empty."""
        self.books_are_full = False
        for market, exchange in self.exchange.items():
            for events in exchange.catch_up(self.now):
                self.tell(market, events)
        self.books_are_full = True

    def orders(self, instrument: InstrumentId, side: Side) -> list[int]:
        """Prices of the resting orders of a side."""
        market = self.markets[split_instrument(instrument)[1]]
        return [order.price for order in market.instruments[instrument].orders() if order.side is side]

    def order_ids(self, instrument: InstrumentId) -> set[str]:
        market = self.markets[split_instrument(instrument)[1]]
        return {order.order_id for order in market.instruments[instrument].orders()}


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
        assert market.definition.simulated
    symbols = watched.exchange[XSX].model.symbols
    assert symbols["XS01"].references == {CLOSE_REFERENCE: 8_400}
    assert symbols["XS02"].references == {}


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


def test_no_order_number_stands_for_two_orders(watched: Watched) -> None:
    """Also not in both markets, whose books are mixed. An order that is added again after an amendment is
    still that of its instrument."""
    watched.steps(100)
    owners: dict[str, set[InstrumentId]] = {}
    for event in watched.events:
        if isinstance(event, OrderAdded):
            owners.setdefault(event.order_id, set()).add(event.instrument)
    assert all(len(instruments) == 1 for instruments in owners.values())


def test_the_same_seed_plays_the_same() -> None:
    runs = [Watched(seed=seed) for seed in ("1", "1", "2")]
    for run in runs:
        run.open()
        run.steps(50)
    assert runs[0].events == runs[1].events
    assert runs[0].events != runs[2].events


def test_day_orders_expire_and_the_makers_quote_anew(watched: Watched) -> None:
    watched.steps(20)
    before = watched.order_ids(XS01)
    symbol = watched.exchange[XSX].model.symbols["XS01"]
    good_till_cancelled = [o for o in symbol.orders.values() if o.time_in_force is TimeInForce.GTC]
    watched.now = NOON + 13 * HOUR_NS
    watched.catch_up()
    after = watched.order_ids(XS01)
    assert after < before
    assert {order.number for order in good_till_cancelled} >= set(symbol.orders)
    assert symbol.orders
    assert {market.trading_date for market in watched.markets.values()} == {TUESDAY}
    assert {market.trading_state for market in watched.markets.values()} == {"Open"}
    watched.books_are_full = False
    for instrument, flow in watched.flows.items():
        watched.enter(instrument, flow.fill())
    watched.books_are_full = True
    assert len(watched.order_ids(XS01)) == 88
    watched.steps(20)


def test_participants_trade_on_where_orders_are_gathered_and_after_the_auction(watched: Watched) -> None:
    watched.books_are_full = False  # it may be crossed until the auction
    watched.now = NOON + 4 * HOUR_NS - 30 * SECOND_NS
    watched.catch_up()
    watched.books_are_full = False
    assert watched.markets[XSX].trading_state == "PreAuction"
    traded = sum(isinstance(event, TradeReported) for event in watched.events)
    watched.steps(25)
    assert sum(isinstance(event, TradeReported) for event in watched.events) == traded
    watched.now = NOON + 4 * HOUR_NS
    watched.catch_up()
    assert watched.markets[XSX].trading_state == "Open"
    watched.steps(20)


def test_the_withdrawal_takes_the_participants_orders_and_no_others(watched: Watched) -> None:
    watched.carry_out(XSX, AddEntity(market="XSX", definition=Entity("GUEST")))
    guest = PlaceOrder(market="XSX", entity="GUEST", symbol="XS01", side=Side.BID, quantity=1, price=8_000)
    watched.carry_out(XSX, guest)
    model = watched.exchange[XSX].model
    for command in withdrawal(XSX, model.symbols):
        watched.carry_out(XSX, command)
    left = [order.party.entity for symbol in model.symbols.values() for order in symbol.orders.values()]
    assert left == ["GUEST"]


def test_participants_can_adopt_what_they_left() -> None:
    first = Watched()
    first.open()
    again = first.take_seats("other")
    for flow in again.values():
        assert list(flow.fill()) == []
    first.flows = again
    first.steps(30)


@pytest.mark.parametrize("factor", [0.5, 1.16, 1.4, 2.0])
def test_the_flow_bears_prices_far_from_the_mean(factor: float) -> None:
    """XS08 crosses the first change of the step size on its way up, XS02 the second one."""
    one = Watched(price_factor=factor)
    one.open()
    one.steps(60)


def test_eight_minutes() -> None:
    """Two-sided and uncrossed after every batch; every minute within the promised rates."""
    minutes = 8
    watched = Watched()
    watched.open()
    steps = {instrument: flow.step_seconds for instrument, flow in watched.flows.items()}
    schedule = Schedule(steps, 0.0, random.Random(1))
    changes: Counter[tuple[InstrumentId, int]] = Counter()
    trades: Counter[tuple[InstrumentId, int]] = Counter()
    while (now := schedule.next_due) < minutes * 60:
        instrument = schedule.take(now)
        assert instrument is not None
        watched.now = NOON + round(now * SECOND_NS)
        watched.events.clear()
        watched.enter(instrument, watched.flows[instrument].step())
        minute = (instrument, int(now) // 60)
        changes[minute] += sum(isinstance(event, BOOK_EVENTS) for event in watched.events)
        trades[minute] += sum(isinstance(event, TradeReported) for event in watched.events)
    for instrument in watched.instruments:
        per_second = [changes[instrument, minute] / 60 for minute in range(minutes)]
        traded_per_second = [trades[instrument, minute] / 60 for minute in range(minutes)]
        if instrument.endswith("XSX"):
            assert 5 < min(per_second) <= max(per_second) < 20
            assert 0.5 < min(traded_per_second) <= max(traded_per_second) < 1.5
            assert 0.75 < sum(traded_per_second) / minutes < 1.05
            assert 40 <= sum(len(watched.orders(instrument, side)) for side in Side) <= 120
        else:
            assert 2 < min(per_second) <= max(per_second) < 6
            assert 0.1 < min(traded_per_second) <= max(traded_per_second) < 0.5
