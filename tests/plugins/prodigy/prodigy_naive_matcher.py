"""A matcher written from the rules alone: one list, scanned whole for every question."""

from __future__ import annotations

from dataclasses import dataclass

from zenithd.domain.market_data import Side
from zenithd_prodigy.orders import TimeInForce


@dataclass
class NaiveOrder:
    order_id: str
    side: Side
    price: int | None
    whole: int
    done: int
    shown_at_most: int | None
    shown: int
    queued_at: int
    is_day: bool

    @property
    def left(self) -> int:
        return self.whole - self.done


class NaiveMatcher:
    """`trades` are (buy order, sell order, price, quantity, aggressor side) in their order."""

    def __init__(self) -> None:
        self.resting: list[NaiveOrder] = []
        self.trades: list[tuple[str, str, int, int, Side]] = []
        self._time = 0

    def place(
        self,
        order_id: str,
        side: Side,
        price: int | None,
        quantity: int,
        shown_at_most: int | None,
        validity: TimeInForce,
    ) -> None:
        is_day = validity is TimeInForce.DAY
        self._enter(NaiveOrder(order_id, side, price, quantity, 0, shown_at_most, 0, 0, is_day))

    def amend(self, order_id: str, price: int | None, quantity: int | None) -> None:
        order = next((order for order in self.resting if order.order_id == order_id), None)
        if order is None or order.price is None:
            return
        price = order.price if price is None else price
        quantity = order.whole if quantity is None else quantity
        if quantity <= order.done:
            return
        if price == order.price and quantity <= order.whole:
            order.whole = quantity
            order.shown = min(order.shown, order.left)
        else:
            self.resting.remove(order)
            order.price, order.whole = price, quantity
            self._enter(order)

    def cancel(self, order_id: str) -> None:
        self.resting = [order for order in self.resting if order.order_id != order_id]

    def end_day(self) -> None:
        self.resting = [order for order in self.resting if not order.is_day]

    def queue(self, side: Side) -> list[NaiveOrder]:
        """The resting orders of a side in the order in which they trade."""
        sign = -1 if side is Side.BID else 1
        return sorted(
            (order for order in self.resting if order.side is side),
            key=lambda order: (sign * (order.price or 0), order.queued_at),
        )

    def _enter(self, order: NaiveOrder) -> None:
        while order.left and (other := self._counterpart(order)) is not None:
            assert other.price is not None
            quantity = min(order.left, other.shown)
            order.done += quantity
            other.done += quantity
            other.shown -= quantity
            buy, sell = (order, other) if order.side is Side.BID else (other, order)
            self.trades.append((buy.order_id, sell.order_id, other.price, quantity, order.side))
            if other.left == 0:
                self.resting.remove(other)
            elif other.shown == 0:
                self._queue(other)
        if order.left and order.price is not None:
            self.resting.append(order)
            self._queue(order)

    def _counterpart(self, order: NaiveOrder) -> NaiveOrder | None:
        if order.side is Side.BID:
            first = next(iter(self.queue(Side.ASK)), None)
            fits = first is not None and (order.price is None or (first.price or 0) <= order.price)
        else:
            first = next(iter(self.queue(Side.BID)), None)
            fits = first is not None and (order.price is None or (first.price or 0) >= order.price)
        return first if fits else None

    def _queue(self, order: NaiveOrder) -> None:
        self._time += 1
        order.queued_at = self._time
        order.shown = order.left if order.shown_at_most is None else min(order.left, order.shown_at_most)
