"""What holds for a venue's market whatever its source sends."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from strict_client import StrictClient
from venue_simulator import (
    LEVEL_MOVES,
    ORDER_MOVES,
    SECURITY_MOVES,
    TRADE_MOVES,
    Move,
    VenueSimulator,
    batches,
)

from zenithd.domain.events import BookCleared, TradeReported
from zenithd.domain.market_data import Affects, Side, TradeFlag
from zenithd.market.changes import BookOrder, PriceLevel
from zenithd.market.snapshot import MarketSnapshot
from zenithd.market.venue import VenueMarket

ALL_MOVES = (*ORDER_MOVES, *LEVEL_MOVES, *TRADE_MOVES, *SECURITY_MOVES)
# A venue is either by order or by level; both kinds in one stream are faults and tested elsewhere.
BY_ORDER = (*ORDER_MOVES, *TRADE_MOVES, *SECURITY_MOVES)
BY_LEVEL = (*LEVEL_MOVES, "clear", "gap", *TRADE_MOVES, *SECURITY_MOVES)
streams = st.one_of(batches(BY_ORDER), batches(BY_LEVEL))


def summed(orders: list[BookOrder]) -> set[PriceLevel]:
    """The levels that orders add up to, worked out the slow way."""
    levels = set()
    for side, price in {(order.side, order.price) for order in orders}:
        there = [order for order in orders if (order.side, order.price) == (side, price)]
        levels.add(
            PriceLevel(
                f"{'B' if side is Side.BID else 'A'}{price}",
                side,
                price,
                sum(order.quantity for order in there if order.quantity is not None),
                len(there),
                any(order.quantity is None or order.has_undisclosed for order in there),
            )
        )
    return levels


@given(streams)
def test_a_strict_client_reproduces_book_trades_and_security(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    client = StrictClient(view)
    for batch in stream:
        client.follow(view, venue.apply(simulator.play(batch), simulator.clock))
        client.agrees_with(view)


@given(batches(ORDER_MOVES, count=40))
def test_the_book_is_that_of_the_venue_and_levels_equal_the_sum_of_orders(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
        assert {order.order_id for order in view.orders()} == set(simulator.orders)
        for order in view.orders():
            sent = simulator.orders[order.order_id]
            assert (order.price, order.quantity, order.position) == (sent.price, sent.quantity, sent.position)
        levels = view.levels()
        assert len(levels) == len(set(levels))
        assert set(levels) == summed(view.orders())


@given(batches((*LEVEL_MOVES, "clear", "gap"), count=40))
def test_levels_are_those_of_a_venue_by_level(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
        found = {(level.side, level.price): (level.volume, level.count) for level in view.levels()}
        assert found == {key: (sent.quantity, sent.count) for key, sent in simulator.levels.items()}
        assert view.orders() == []


@given(batches(("add", "move", "remove", "snapshot", "fault", "gap"), count=40))
def test_never_crossed_where_the_source_is_not(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
        record = view.security
        bids = [order.price for order in view.orders() if order.side is Side.BID]
        asks = [order.price for order in view.orders() if order.side is Side.ASK]
        assert record.best_bid == max(bids, default=None)
        assert record.best_ask == min(asks, default=None)
        assert record.best_bid is None or record.best_ask is None or record.best_bid < record.best_ask


@given(streams)
def test_best_prices_are_those_of_the_levels(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
        record = view.security
        bid = max((level for level in view.levels() if level.side is Side.BID), key=price_of, default=None)
        ask = min((level for level in view.levels() if level.side is Side.ASK), key=price_of, default=None)
        assert (record.best_bid, record.bid_quantity, record.bid_count, record.bid_undisclosed) == best_of(
            bid
        )
        assert (record.best_ask, record.ask_quantity, record.ask_count, record.ask_undisclosed) == best_of(
            ask
        )


def price_of(level: PriceLevel) -> int:
    assert level.price is not None
    return level.price


def best_of(level: PriceLevel | None) -> tuple[int | None, int, int, bool]:
    if level is None:
        return None, 0, 0, False
    return level.price, level.volume or 0, level.count or 0, bool(level.has_undisclosed)


@given(streams)
def test_a_rebuilt_book_equals_the_incremental_one(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
    rebuilt = VenueSimulator().venue()
    events = venue.book_snapshot([simulator.id])
    assert simulator.is_waiting == (events == [])
    rebuilt.apply(events, 0)
    again = rebuilt.instruments[simulator.id]
    assert sorted(again.orders(), key=order_id) == sorted(view.orders(), key=order_id)
    assert set(again.levels()) == set(view.levels())
    assert again.security.best_bid == view.security.best_bid
    assert again.security.ask_quantity == view.security.ask_quantity


def order_id(order: BookOrder) -> str:
    return order.order_id


@given(batches(("trade", "amend", "cancel", "repeat", "day"), count=40))
def test_statistics_and_bars_are_those_of_the_trades_that_stand(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
        assert [taped.trade for taped in view.tape] == simulator.trades
        check_statistics(venue, simulator)
        check_bars(venue, simulator)


def standing(simulator: VenueSimulator, affects: Affects) -> list[TradeReported]:
    void = {TradeFlag.CANCEL, TradeFlag.PLACE_HOLDER}
    return [trade for trade in simulator.trades if affects in trade.affects and void.isdisjoint(trade.flags)]


def check_statistics(venue: VenueMarket, simulator: VenueSimulator) -> None:
    record = venue.instruments[simulator.id].security
    prices = [trade.price for trade in standing(simulator, Affects.PRICE)]
    counted = standing(simulator, Affects.VOLUME)
    averaged = standing(simulator, Affects.VWAP)
    assert record.open == (prices[0] if prices else None)
    assert record.high == max(prices, default=None)
    assert record.low == min(prices, default=None)
    assert record.last == (prices[-1] if prices else None)
    assert record.trend.value == trend_of(prices)
    assert record.number_of_trades == len(counted)
    assert record.volume == sum(trade.quantity for trade in counted)
    assert record.value_traded == sum(trade.price * trade.quantity for trade in counted)
    volume = sum(trade.quantity for trade in averaged)
    value = sum(trade.price * trade.quantity for trade in averaged)
    assert record.vwap == (
        floor(Fraction(value, volume) * 10**4 + Fraction(1, 2)) / 10**6 if volume else None
    )


def trend_of(prices: list[int]) -> str:
    if len(prices) < 2 or prices[-1] == prices[-2]:
        return "None"
    return "Up" if prices[-1] > prices[-2] else "Down"


def check_bars(venue: VenueMarket, simulator: VenueSimulator) -> None:
    minute = 60_000_000_000
    priced = standing(simulator, Affects.PRICE)
    counted = standing(simulator, Affects.VOLUME)
    bars = venue.instruments[simulator.id].chart.bars()
    assert [bar.time for bar in bars] == sorted({trade.time // minute * minute for trade in priced})
    for bar in bars:
        prices = [trade.price for trade in priced if trade.time // minute * minute == bar.time]
        traded = [trade for trade in counted if trade.time // minute * minute == bar.time]
        assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert (bar.volume, bar.trades) == (sum(trade.quantity for trade in traded), len(traded))


@given(batches(("trade", "amend", "cancel", "trades_gap"), count=40))
def test_trends_on_the_tape_are_against_the_price_before(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
    prices: list[int] = []
    priced = {trade.trade_id for trade in standing(simulator, Affects.PRICE)}
    for taped in venue.instruments[simulator.id].tape:
        if taped.trade.trade_id in priced:
            prices.append(taped.trade.price)
            assert taped.trend.value == trend_of(prices)
        else:
            assert taped.trend.value == "None"


@given(streams)
def test_trade_ids_ascend(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    view = venue.instruments[simulator.id]
    for batch in stream:
        venue.apply(simulator.play(batch), 0)
        ids = [taped.trade.trade_id for taped in view.tape]
        assert ids == sorted(set(ids))
        assert view.tape.newest_id == (ids[-1] if ids else 0)


@given(streams)
def test_a_stored_market_goes_on_as_if_nothing_had_happened(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    half = len(stream) // 2
    for batch in stream[:half]:
        venue.apply(simulator.play(batch), simulator.clock)
    stored = msgspec.msgpack.encode(venue.state_snapshot())
    restored = VenueMarket.from_snapshot(msgspec.msgpack.decode(stored, type=MarketSnapshot))
    assert restored.state_snapshot() == venue.state_snapshot()
    for batch in stream[half:]:
        events = simulator.play(batch)
        # A different batching, so that a difference in what was stored would show.
        for event in events:
            restored.apply([event], simulator.clock)
        venue.apply(events, simulator.clock)
        one, other = venue.instruments[simulator.id], restored.instruments[simulator.id]
        assert one.security == other.security
        assert sorted(one.orders(), key=order_id) == sorted(other.orders(), key=order_id)
        assert set(one.levels()) == set(other.levels())
        assert list(one.tape) == list(other.tape)
        assert one.chart.bars() == other.chart.bars()


@given(streams)
def test_faults_are_told_once_until_the_next_snapshot(stream: list[list[Move]]) -> None:
    simulator = VenueSimulator()
    venue = simulator.venue()
    for batch in stream:
        for move in batch:
            was_waiting = simulator.is_waiting
            for event in simulator.events(*move):
                if isinstance(event, BookCleared):
                    was_waiting = False
                changes = venue.apply([event], 0)
                if was_waiting:
                    assert changes.faults == []
