"""Named invariants of matching, over random commands."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st
from prodigy_naive_matcher import NaiveMatcher

from zenithd.domain.events import BookCleared, MarketEvent
from zenithd.domain.identifiers import InstrumentId, MarketId
from zenithd.domain.instrument import Instrument, MarketDefinition
from zenithd.domain.market_data import Side
from zenithd.market.venue import VenueMarket
from zenithd_prodigy.matching_engine import MatchingEngine
from zenithd_prodigy.orders import (
    AmendOrder,
    Finished,
    OrderEvent,
    OrderType,
    PlaceOrder,
    Restated,
    Rested,
    TimeInForce,
    Traded,
)
from zenithd_prodigy.translator import Translator

ABC = InstrumentId("ABC.X")

Step = tuple[object, ...]
"""("place", side, price or None, quantity, display or None, validity), ("amend", which, price, quantity),
("cancel", which) or ("end day",); `which` counts the orders placed so far from the newest back."""

SMALL = st.integers(1, 8)

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("place"),
            st.sampled_from(Side),
            st.one_of(st.integers(95, 105), st.integers(95, 105), st.none()),
            st.integers(1, 20),
            st.one_of(st.none(), st.integers(1, 5)),
            st.sampled_from(TimeInForce),
        ),
        st.tuples(
            st.just("amend"),
            SMALL,
            st.one_of(st.none(), st.integers(95, 105)),
            st.one_of(st.none(), st.integers(1, 30)),
        ),
        st.tuples(st.just("cancel"), SMALL),
        st.tuples(st.just("end day")),
    ),
    max_size=60,
)


class Run:
    """An engine that carries out steps, with the naive matcher beside it."""

    def __init__(self) -> None:
        self.engine = MatchingEngine(ABC)
        self.naive = NaiveMatcher()
        self.events: list[OrderEvent] = []
        self.quantities: dict[str, int] = {}
        self._count = 0

    def take(self, step: Step) -> list[OrderEvent]:
        events = getattr(self, "_" + str(step[0]).replace(" ", "_"))(*step[1:])
        self.events += events
        return events

    def _place(
        self, side: Side, price: int | None, quantity: int, display: int | None, validity: TimeInForce
    ) -> list[OrderEvent]:
        self._count += 1
        order_id = f"{self._count}"
        display = None if display is None else min(display, quantity)
        self.quantities[order_id] = quantity
        self.naive.place(order_id, side, price, quantity, display, validity)
        return self.engine.place(
            order_id,
            PlaceOrder(
                instrument=ABC,
                side=side,
                quantity=quantity,
                order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
                price=price,
                display_quantity=display,
                time_in_force=validity,
            ),
        )

    def _amend(self, which: int, price: int | None, quantity: int | None) -> list[OrderEvent]:
        order_id = f"{self._count - which}"
        self.naive.amend(order_id, price, quantity)
        events = self.engine.amend(
            AmendOrder(instrument=ABC, order_id=order_id, price=price, quantity=quantity)
        )
        if quantity is not None and len(events) > 1:
            self.quantities[order_id] = quantity
        return events

    def _cancel(self, which: int) -> list[OrderEvent]:
        self.naive.cancel(f"{self._count - which}")
        return self.engine.cancel(f"{self._count - which}")

    def _end_day(self) -> list[OrderEvent]:
        self.naive.end_day()
        return self.engine.expire_day_orders()

    def trades(self) -> list[tuple[str, str, int, int, Side]]:
        return [
            (event.buy_order_id, event.sell_order_id, event.price, event.quantity, event.aggressor_side)
            for event in self.events
            if isinstance(event, Traded)
        ]


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_price_then_time_as_the_naive_matcher_does(steps: list[Step]) -> None:
    run = Run()
    for step in steps:
        run.take(step)
        for side in Side:
            assert [
                (order.order_id, order.price, order.leaves_quantity, order.visible_quantity)
                for order in run.engine.orders(side)
            ] == [(order.order_id, order.price, order.left, order.shown) for order in run.naive.queue(side)]
        assert run.trades() == run.naive.trades


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_book_is_never_crossed(steps: list[Step]) -> None:
    run = Run()
    for step in steps:
        run.take(step)
        bid, ask = run.engine.best_price(Side.BID), run.engine.best_price(Side.ASK)
        assert bid is None or ask is None or bid < ask


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_quantity_is_conserved(steps: list[Step]) -> None:
    run = Run()
    for step in steps:
        run.take(step)
    executed: defaultdict[str, int] = defaultdict(int)
    for buy, sell, _, quantity, _ in run.trades():
        assert quantity > 0
        executed[buy] += quantity
        executed[sell] += quantity
    leaves = {event.order_id: event.leaves_quantity for event in run.events if isinstance(event, Finished)}
    for order in (*run.engine.orders(Side.BID), *run.engine.orders(Side.ASK)):
        assert order.order_id not in leaves
        assert 0 < order.visible_quantity <= order.leaves_quantity
        leaves[order.order_id] = order.leaves_quantity
    for order_id, quantity in run.quantities.items():
        assert executed[order_id] + leaves[order_id] == quantity


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_a_replay_gives_the_same_events(steps: list[Step]) -> None:
    first, second = Run(), Run()
    for step in steps:
        first.take(step)
    for step in steps:
        second.take(step)
    assert first.events == second.events


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_events_alone_rebuild_the_book(steps: list[Step]) -> None:
    run = Run()
    resting: dict[str, tuple[int, int, int, int]] = {}
    for step in steps:
        for event in run.take(step):
            if isinstance(event, Rested | Restated):
                resting[event.order_id] = (
                    event.price,
                    event.leaves_quantity,
                    event.visible_quantity,
                    event.priority,
                )
            elif isinstance(event, Finished) and event.rested:
                del resting[event.order_id]
    held = {
        order.order_id: (order.price, order.leaves_quantity, order.visible_quantity, order.priority)
        for side in Side
        for order in run.engine.orders(side)
    }
    assert resting == held


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_subscribers_see_the_book_of_the_engine(steps: list[Step]) -> None:
    market = VenueMarket(MarketDefinition(id=MarketId("X")))
    market.redefine(market.definition, [Instrument(code="ABC", market=MarketId("X"))])
    translator = Translator({})
    run = Run()
    market.apply([BookCleared(ABC)], 0)
    for now, step in enumerate(steps):
        events: list[MarketEvent] = translator.translate(run.take(step), now)
        assert market.apply(events, now).faults == []
        seen = {
            order.order_id: (order.side, order.price, order.quantity, order.position, order.has_undisclosed)
            for order in market.instruments[ABC].orders()
        }
        assert seen == {
            order.order_id: (
                order.side,
                order.price,
                order.visible_quantity,
                order.priority,
                order.leaves_quantity > order.visible_quantity,
            )
            for side in Side
            for order in run.engine.orders(side)
        }
