"""Continuous matching of one instrument: price, then time. Pure and deterministic.

The same calls in the same order give the same events. The best-priced resting order trades first; among
equal prices the one that has waited longest. A match occurs at the price of the resting order. Of an
order with a hidden part only the visible part stands in the queue; when that is used up, the next part is
shown at the end of the queue of its price.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from zenithd.domain.identifiers import InstrumentId
from zenithd.domain.market_data import Side
from zenithd_prodigy.orders import (
    CONTRA,
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


class Order(msgspec.Struct, gc=False):
    """An order as the engine holds it. Others read it, only the engine changes it."""

    order_id: str
    side: Side
    price: int | None
    """None for a market order, which never rests."""
    quantity: int
    leaves_quantity: int
    display_quantity: int | None
    """Most that is visible at a time; None: all."""
    visible_quantity: int
    priority: int
    time_in_force: TimeInForce
    party: Party

    @property
    def cumulative_quantity(self) -> int:
        """What has been executed."""
        return self.quantity - self.leaves_quantity

    def show(self) -> None:
        """Show the next part, at most the display quantity."""
        if self.display_quantity is None:
            self.visible_quantity = self.leaves_quantity
        else:
            self.visible_quantity = min(self.display_quantity, self.leaves_quantity)


class BookSide:
    """The resting orders of one side: queues by price, each in order of priority."""

    __slots__ = ("_keys", "_queues", "_sign")

    def __init__(self, side: Side) -> None:
        self._sign = 1 if side is Side.BID else -1
        # An ordered dictionary finds its first entry in constant time also after many removals at its
        # front, which a plain one does not.
        self._queues: dict[int, OrderedDict[str, Order]] = {}
        # Signed prices in ascending order, so that the best one is the last on both sides.
        self._keys: list[int] = []

    @property
    def best_price(self) -> int | None:
        """Price of the order that would trade first; None if the side is empty."""
        return self._keys[-1] * self._sign if self._keys else None

    def front(self) -> Order | None:
        """The order that would trade first."""
        if not self._keys:
            return None
        return next(iter(self._queues[self._keys[-1]].values()))

    def add(self, order: Order, price: int) -> None:
        """Put the order at the end of the queue of `price`."""
        key = price * self._sign
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = OrderedDict()
            insort(self._keys, key)
        queue[order.order_id] = order

    def remove(self, order_id: str, price: int) -> None:
        """Take the order out of the queue of `price`, where it must be."""
        key = price * self._sign
        queue = self._queues[key]
        del queue[order_id]
        if not queue:
            del self._queues[key]
            del self._keys[bisect_left(self._keys, key)]

    def move_to_end(self, order_id: str, price: int) -> None:
        """Put the order behind the others of its price."""
        self._queues[price * self._sign].move_to_end(order_id)

    def __iter__(self) -> Iterator[Order]:
        """All orders in the order in which they would trade."""
        for key in reversed(self._keys):
            yield from self._queues[key].values()


class MatchingEngine:
    """The order book of one instrument, and its rules.

    Who calls it has checked what concerns more than the book: trading state and price steps. A refusal is
    a `Rejected` event, and then the only one.
    """

    def __init__(self, instrument: InstrumentId, first_trade_id: int = 1) -> None:
        self.instrument = instrument
        self._sides = {Side.BID: BookSide(Side.BID), Side.ASK: BookSide(Side.ASK)}
        self._orders: dict[str, Order] = {}
        self._next_trade_id = first_trade_id
        self._next_priority = 1

    def __len__(self) -> int:
        """How many orders rest."""
        return len(self._orders)

    def find(self, order_id: str) -> Order | None:
        """The resting order with this id."""
        return self._orders.get(order_id)

    def orders(self, side: Side) -> Iterator[Order]:
        """The resting orders of a side in the order in which they would trade."""
        return iter(self._sides[side])

    def best_price(self, side: Side) -> int | None:
        """The best price of a side; None if it is empty."""
        return self._sides[side].best_price

    def place(self, order_id: str, command: PlaceOrder) -> list[OrderEvent]:
        """Enter an order: match it, then rest what is left of a limit order."""
        reason = self._refuse_place(order_id, command)
        if reason is not None:
            return [Rejected(reason, self.instrument, order_id)]
        order = Order(
            order_id=order_id,
            side=command.side,
            price=command.price,
            quantity=command.quantity,
            leaves_quantity=command.quantity,
            display_quantity=command.display_quantity,
            visible_quantity=0,
            priority=0,
            time_in_force=command.time_in_force,
            party=command.party,
        )
        events: list[OrderEvent] = [Accepted(self.instrument, order_id)]
        self._match(order, events)
        if order.leaves_quantity == 0:
            events.append(self._finished(order, FinishReason.FILLED, rested=False))
        elif order.price is None:
            events.append(self._finished(order, FinishReason.UNFILLED, rested=False))
        else:
            self._rest(order, order.price)
            events.append(self._rested(order, order.price))
        return events

    def amend(self, command: AmendOrder) -> list[OrderEvent]:
        """Change a resting order; see `AmendOrder` for what keeps its priority."""
        order = self._orders.get(command.order_id)
        if order is None or order.price is None:
            return [Rejected(RejectReason.UNKNOWN_ORDER, self.instrument, command.order_id)]
        price = order.price if command.price is None else command.price
        quantity = order.quantity if command.quantity is None else command.quantity
        if price <= 0:
            return [Rejected(RejectReason.PRICE, self.instrument, command.order_id)]
        if quantity <= order.cumulative_quantity:
            return [Rejected(RejectReason.QUANTITY, self.instrument, command.order_id)]
        events: list[OrderEvent] = [Accepted(self.instrument, order.order_id)]
        if price == order.price and quantity <= order.quantity:
            self._reduce(order, quantity)
            events.append(self._restated(order, price))
        else:
            self._requeue(order, price, quantity, events)
        return events

    def cancel(self, order_id: str) -> list[OrderEvent]:
        """Take a resting order out."""
        order = self._orders.get(order_id)
        if order is None:
            return [Rejected(RejectReason.UNKNOWN_ORDER, self.instrument, order_id)]
        return [self._withdraw(order, FinishReason.CANCELLED)]

    def expire_day_orders(self) -> list[OrderEvent]:
        """Take out the orders that are valid for the day, at its end: bids first, best prices first."""
        day_orders = [
            order
            for side in (Side.BID, Side.ASK)
            for order in self._sides[side]
            if order.time_in_force is TimeInForce.DAY
        ]
        return [self._withdraw(order, FinishReason.EXPIRED) for order in day_orders]

    def _refuse_place(self, order_id: str, command: PlaceOrder) -> RejectReason | None:
        if order_id in self._orders:
            return RejectReason.DUPLICATE_ORDER
        if command.order_type is OrderType.MARKET:
            if command.price is not None:
                return RejectReason.PRICE
        elif command.price is None or command.price <= 0:
            return RejectReason.PRICE
        if command.quantity <= 0:
            return RejectReason.QUANTITY
        display = command.display_quantity
        if display is not None and not 0 < display <= command.quantity:
            return RejectReason.DISPLAY_QUANTITY
        return None

    def _match(self, incoming: Order, events: list[OrderEvent]) -> None:
        contra = self._sides[CONTRA[incoming.side]]
        limit = incoming.price
        is_bid = incoming.side is Side.BID
        while incoming.leaves_quantity:
            price = contra.best_price
            if price is None:
                return
            if limit is not None and (price > limit if is_bid else price < limit):
                return
            resting = contra.front()
            assert resting is not None  # a side with a best price has orders
            self._trade(incoming, resting, price, events)

    def _trade(self, incoming: Order, resting: Order, price: int, events: list[OrderEvent]) -> None:
        quantity = min(incoming.leaves_quantity, resting.visible_quantity)
        incoming.leaves_quantity -= quantity
        resting.leaves_quantity -= quantity
        resting.visible_quantity -= quantity
        buy, sell = (incoming, resting) if incoming.side is Side.BID else (resting, incoming)
        events.append(
            Traded(
                self.instrument,
                self._next_trade_id,
                price,
                quantity,
                incoming.side,
                buy.order_id,
                sell.order_id,
                buy.party,
                sell.party,
            )
        )
        self._next_trade_id += 1
        if resting.leaves_quantity == 0:
            events.append(self._withdraw(resting, FinishReason.FILLED))
            return
        if resting.visible_quantity == 0:
            resting.show()
            resting.priority = self._take_priority()
            self._sides[resting.side].move_to_end(resting.order_id, price)
        events.append(self._restated(resting, price))

    def _reduce(self, order: Order, quantity: int) -> None:
        """Make the order smaller where it stands; the hidden part goes first."""
        order.leaves_quantity -= order.quantity - quantity
        order.quantity = quantity
        order.visible_quantity = min(order.visible_quantity, order.leaves_quantity)

    def _requeue(self, order: Order, price: int, quantity: int, events: list[OrderEvent]) -> None:
        """Enter the order anew with its new values: it may match, and what is left waits at the end."""
        assert order.price is not None  # it rests
        self._sides[order.side].remove(order.order_id, order.price)
        del self._orders[order.order_id]
        order.leaves_quantity += quantity - order.quantity
        order.quantity = quantity
        order.price = price
        self._match(order, events)
        if order.leaves_quantity == 0:
            events.append(self._finished(order, FinishReason.FILLED, rested=True))
        else:
            self._rest(order, price)
            events.append(self._restated(order, price))

    def _rest(self, order: Order, price: int) -> None:
        order.show()
        order.priority = self._take_priority()
        self._orders[order.order_id] = order
        self._sides[order.side].add(order, price)

    def _withdraw(self, order: Order, reason: FinishReason) -> Finished:
        assert order.price is not None  # it rests
        self._sides[order.side].remove(order.order_id, order.price)
        del self._orders[order.order_id]
        return self._finished(order, reason, rested=True)

    def _take_priority(self) -> int:
        priority = self._next_priority
        self._next_priority += 1
        return priority

    def _finished(self, order: Order, reason: FinishReason, *, rested: bool) -> Finished:
        return Finished(self.instrument, order.order_id, reason, order.leaves_quantity, rested)

    def _rested(self, order: Order, price: int) -> Rested:
        return Rested(
            self.instrument,
            order.order_id,
            order.side,
            price,
            order.leaves_quantity,
            order.visible_quantity,
            order.priority,
            order.time_in_force,
            order.party,
        )

    def _restated(self, order: Order, price: int) -> Restated:
        return Restated(
            self.instrument,
            order.order_id,
            price,
            order.leaves_quantity,
            order.visible_quantity,
            order.priority,
        )
