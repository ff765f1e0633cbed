from __future__ import annotations

import pytest

from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Side
from zenithd_prodigy.matching_engine import MatchingEngine
from zenithd_prodigy.orders import (
    Accepted,
    AmendOrder,
    Finished,
    FinishReason,
    OrderEvent,
    OrderType,
    Party,
    PlaceOrder,
    Rejected,
    RejectReason,
    Restated,
    Rested,
    TimeInForce,
    Traded,
)

ABC = InstrumentId("ABC.X")
BUYER, SELLER = Party("1", "client 7"), Party("2")


@pytest.fixture
def engine() -> MatchingEngine:
    return MatchingEngine(ABC)


def bid(quantity: int, price: int | None = None, display: int | None = None) -> PlaceOrder:
    return _order(Side.BID, quantity, price, display)


def ask(quantity: int, price: int | None = None, display: int | None = None) -> PlaceOrder:
    return _order(Side.ASK, quantity, price, display)


def _order(side: Side, quantity: int, price: int | None, display: int | None) -> PlaceOrder:
    return PlaceOrder(
        instrument=ABC,
        side=side,
        quantity=quantity,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        price=price,
        display_quantity=display,
        party=BUYER if side is Side.BID else SELLER,
    )


def amend(order_id: str, price: int | None = None, quantity: int | None = None) -> AmendOrder:
    return AmendOrder(instrument=ABC, order_id=order_id, price=price, quantity=quantity)


def traded(events: list[OrderEvent]) -> list[tuple[str, str, int, int]]:
    """(buy order, sell order, price, quantity) of the trades among the events."""
    return [
        (event.buy_order_id, event.sell_order_id, event.price, event.quantity)
        for event in events
        if isinstance(event, Traded)
    ]


def book(engine: MatchingEngine, side: Side) -> list[tuple[str, int | None, int]]:
    """(order, price, visible quantity) in the order in which they would trade."""
    return [(order.order_id, order.price, order.visible_quantity) for order in engine.orders(side)]


def test_a_limit_order_without_counterpart_rests(engine: MatchingEngine) -> None:
    events = engine.place("b", bid(100, 10))
    assert events == [
        Accepted(ABC, "b"),
        Rested(ABC, "b", Side.BID, 10, 100, 100, 1, TimeInForce.GTC, BUYER),
    ]
    assert book(engine, Side.BID) == [("b", 10, 100)]
    assert engine.best_price(Side.BID) == 10
    assert engine.best_price(Side.ASK) is None


def test_a_match_occurs_at_the_price_of_the_resting_order(engine: MatchingEngine) -> None:
    engine.place("a", ask(100, 10))
    events = engine.place("b", bid(100, 12))
    assert events == [
        Accepted(ABC, "b"),
        Traded(ABC, 1, 10, 100, Side.BID, "b", "a", BUYER, SELLER),
        Finished(ABC, "a", FinishReason.FILLED, 0, rested=True),
        Finished(ABC, "b", FinishReason.FILLED, 0, rested=False),
    ]
    assert len(engine) == 0


def test_the_resting_order_is_partly_filled(engine: MatchingEngine) -> None:
    engine.place("b", bid(100, 10))
    events = engine.place("a", ask(30, 10))
    assert events == [
        Accepted(ABC, "a"),
        Traded(ABC, 1, 10, 30, Side.ASK, "b", "a", BUYER, SELLER),
        Restated(ABC, "b", 10, 70, 70, 1),
        Finished(ABC, "a", FinishReason.FILLED, 0, rested=False),
    ]
    order = engine.find("b")
    assert order is not None
    assert (order.cumulative_quantity, order.leaves_quantity) == (30, 70)


def test_the_incoming_order_is_partly_filled_and_rests(engine: MatchingEngine) -> None:
    engine.place("a", ask(40, 10))
    events = engine.place("b", bid(100, 10))
    assert events[-1] == Rested(ABC, "b", Side.BID, 10, 60, 60, 2, TimeInForce.GTC, BUYER)
    assert book(engine, Side.ASK) == []


def test_the_better_price_trades_first(engine: MatchingEngine) -> None:
    engine.place("a1", ask(10, 12))
    engine.place("a2", ask(10, 11))
    engine.place("a3", ask(10, 13))
    assert traded(engine.place("b", bid(30, 12))) == [("b", "a2", 11, 10), ("b", "a1", 12, 10)]
    engine.place("b2", bid(10, 11))
    assert traded(engine.place("a4", ask(20, 11))) == [("b", "a4", 12, 10), ("b2", "a4", 11, 10)]


def test_at_equal_prices_the_older_trades_first(engine: MatchingEngine) -> None:
    engine.place("b1", bid(10, 10))
    engine.place("b2", bid(10, 10))
    assert traded(engine.place("a", ask(15, 10))) == [("b1", "a", 10, 10), ("b2", "a", 10, 5)]


def test_a_market_order_takes_what_there_is_and_never_rests(engine: MatchingEngine) -> None:
    engine.place("a1", ask(10, 11))
    engine.place("a2", ask(10, 99))
    events = engine.place("b", bid(25))
    assert traded(events) == [("b", "a1", 11, 10), ("b", "a2", 99, 10)]
    assert events[-1] == Finished(ABC, "b", FinishReason.UNFILLED, 5, rested=False)
    assert len(engine) == 0


def test_a_market_order_on_an_empty_book(engine: MatchingEngine) -> None:
    assert engine.place("b", bid(5))[-1] == Finished(ABC, "b", FinishReason.UNFILLED, 5, rested=False)


def test_the_hidden_part_is_shown_at_the_end_of_the_queue(engine: MatchingEngine) -> None:
    assert engine.place("ice", ask(50, 10, display=20))[-1] == Rested(
        ABC, "ice", Side.ASK, 10, 50, 20, 1, TimeInForce.GTC, SELLER
    )
    engine.place("a", ask(20, 10))
    events = engine.place("b", bid(30, 10))
    assert traded(events) == [("b", "ice", 10, 20), ("b", "a", 10, 10)]
    assert Restated(ABC, "ice", 10, 30, 20, 3) in events
    assert book(engine, Side.ASK) == [("a", 10, 10), ("ice", 10, 20)]


def test_one_order_may_take_all_parts_of_a_hidden_one(engine: MatchingEngine) -> None:
    engine.place("ice", ask(50, 10, display=20))
    assert traded(engine.place("b", bid(50, 10))) == [
        ("b", "ice", 10, 20),
        ("b", "ice", 10, 20),
        ("b", "ice", 10, 10),
    ]
    assert len(engine) == 0


def test_an_incoming_order_with_a_hidden_part_matches_with_all_of_it(engine: MatchingEngine) -> None:
    engine.place("a", ask(30, 10))
    events = engine.place("ice", bid(50, 10, display=15))
    assert traded(events) == [("ice", "a", 10, 30)]
    assert book(engine, Side.BID) == [("ice", 10, 15)]


def test_cancel(engine: MatchingEngine) -> None:
    engine.place("b", bid(100, 10))
    engine.place("a", ask(40, 10))
    assert engine.cancel("b") == [Finished(ABC, "b", FinishReason.CANCELLED, 60, rested=True)]
    assert engine.cancel("b") == [Rejected(RejectReason.UNKNOWN_ORDER, ABC, "b")]
    assert engine.best_price(Side.BID) is None


def test_a_smaller_quantity_keeps_the_priority(engine: MatchingEngine) -> None:
    engine.place("b1", bid(100, 10))
    engine.place("b2", bid(100, 10))
    assert engine.amend(amend("b1", quantity=60)) == [Accepted(ABC, "b1"), Restated(ABC, "b1", 10, 60, 60, 1)]
    assert book(engine, Side.BID) == [("b1", 10, 60), ("b2", 10, 100)]


@pytest.mark.parametrize("change", [{"quantity": 101}, {"price": 11}, {"price": 9}])
def test_every_other_amendment_loses_the_priority(engine: MatchingEngine, change: dict[str, int]) -> None:
    engine.place("b1", bid(100, 10))
    engine.place("b2", bid(100, change.get("price", 10)))
    engine.amend(amend("b1", **change))
    assert [order_id for order_id, _, _ in book(engine, Side.BID)] == ["b2", "b1"]


def test_an_amendment_of_nothing_restates(engine: MatchingEngine) -> None:
    engine.place("b", bid(100, 10))
    assert engine.amend(amend("b")) == [Accepted(ABC, "b"), Restated(ABC, "b", 10, 100, 100, 1)]


def test_an_amended_quantity_counts_what_is_executed(engine: MatchingEngine) -> None:
    engine.place("b", bid(100, 10))
    engine.place("a", ask(40, 10))
    assert engine.amend(amend("b", quantity=40)) == [Rejected(RejectReason.QUANTITY, ABC, "b")]
    assert engine.amend(amend("b", quantity=41))[-1] == Restated(ABC, "b", 10, 1, 1, 1)


def test_a_reduction_takes_the_hidden_part_first(engine: MatchingEngine) -> None:
    engine.place("ice", bid(100, 10, display=30))
    assert engine.amend(amend("ice", quantity=50))[-1] == Restated(ABC, "ice", 10, 50, 30, 1)
    assert engine.amend(amend("ice", quantity=20))[-1] == Restated(ABC, "ice", 10, 20, 20, 1)
    assert engine.amend(amend("ice", quantity=90))[-1] == Restated(ABC, "ice", 10, 90, 30, 2)


def test_an_enlarged_order_without_display_quantity_shows_all(engine: MatchingEngine) -> None:
    engine.place("b", bid(100, 10))
    engine.amend(amend("b", quantity=50))
    assert engine.amend(amend("b", quantity=300))[-1] == Restated(ABC, "b", 10, 300, 300, 2)


def test_an_amended_price_may_match(engine: MatchingEngine) -> None:
    engine.place("a", ask(30, 12))
    engine.place("b", bid(100, 10))
    events = engine.amend(amend("b", price=12))
    assert traded(events) == [("b", "a", 12, 30)]
    assert events[-1] == Restated(ABC, "b", 12, 70, 70, 3)
    engine.place("a2", ask(70, 14))
    assert engine.amend(amend("b", price=15))[-1] == Finished(ABC, "b", FinishReason.FILLED, 0, rested=True)
    assert len(engine) == 0


def test_the_day_ends(engine: MatchingEngine) -> None:
    for order_id, side, price, validity in (
        ("b1", Side.BID, 9, TimeInForce.DAY),
        ("b2", Side.BID, 10, TimeInForce.DAY),
        ("b3", Side.BID, 10, TimeInForce.GTC),
        ("a1", Side.ASK, 12, TimeInForce.DAY),
    ):
        order = PlaceOrder(instrument=ABC, side=side, quantity=5, price=price, time_in_force=validity)
        engine.place(order_id, order)
    assert engine.expire_day_orders() == [
        Finished(ABC, order_id, FinishReason.EXPIRED, 5, rested=True) for order_id in ("b2", "b1", "a1")
    ]
    assert book(engine, Side.BID) == [("b3", 10, 5)]
    assert engine.expire_day_orders() == []


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (bid(0, 10), RejectReason.QUANTITY),
        (bid(-1, 10), RejectReason.QUANTITY),
        (bid(1, 0), RejectReason.PRICE),
        (bid(1, -3), RejectReason.PRICE),
        (bid(5, 10, display=0), RejectReason.DISPLAY_QUANTITY),
        (bid(5, 10, display=6), RejectReason.DISPLAY_QUANTITY),
        (PlaceOrder(instrument=ABC, side=Side.BID, quantity=1), RejectReason.PRICE),
        (
            PlaceOrder(instrument=ABC, side=Side.BID, quantity=1, order_type=OrderType.MARKET, price=1),
            RejectReason.PRICE,
        ),
    ],
)
def test_impossible_orders_are_refused(
    engine: MatchingEngine, order: PlaceOrder, reason: RejectReason
) -> None:
    assert engine.place("b", order) == [Rejected(reason, ABC, "b")]
    assert len(engine) == 0


def test_an_id_cannot_rest_twice(engine: MatchingEngine) -> None:
    engine.place("b", bid(1, 10))
    assert engine.place("b", ask(1, 10)) == [Rejected(RejectReason.DUPLICATE_ORDER, ABC, "b")]


def test_impossible_amendments_are_refused(engine: MatchingEngine) -> None:
    engine.place("b", bid(1, 10))
    assert engine.amend(amend("x", price=9)) == [Rejected(RejectReason.UNKNOWN_ORDER, ABC, "x")]
    assert engine.amend(amend("b", price=0)) == [Rejected(RejectReason.PRICE, ABC, "b")]
    assert engine.amend(amend("b", quantity=0)) == [Rejected(RejectReason.QUANTITY, ABC, "b")]
    assert book(engine, Side.BID) == [("b", 10, 1)]


def test_trade_ids_begin_where_told() -> None:
    engine = MatchingEngine(ABC, first_trade_id=7)
    engine.place("b", bid(2, 10))
    events = engine.place("a1", ask(1, 10)) + engine.place("a2", ask(1, 10))
    assert [event.trade_id for event in events if isinstance(event, Traded)] == [7, 8]
