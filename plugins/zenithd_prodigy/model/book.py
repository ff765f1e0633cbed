"""The resting orders of one side of one symbol: queues by price, each in order of priority. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from zenithd.domain.market_data import Side
from zenithd_prodigy.model.orders import Order

HOLES_MAX = 64
"""Removals after which a queue is laid out anew, if they are more than what is left of it."""


class Level:
    """The orders of one price; `total` is what is left of all of them, hidden quantity included."""

    __slots__ = ("holes", "orders", "total")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.total = 0
        self.holes = 0

    def removed(self) -> None:
        """Take note that an order was deleted from the queue.

        A dictionary walks over the places of what was deleted to find its first entry. Laid out anew now and
        then it does so in constant time on average, and is faster than an ordered dictionary.
        """
        self.holes += 1
        if self.holes > HOLES_MAX and self.holes > len(self.orders):
            self.orders = dict(list(self.orders.items()))
            self.holes = 0


class BookSide:
    """One side of a book. Only applied events change it."""

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, side: Side) -> None:
        self._sign = 1 if side is Side.BID else -1
        self._levels: dict[int, Level] = {}
        # Signed prices in ascending order, so that the best one is the last on both sides.
        self._keys: list[int] = []

    @property
    def best_price(self) -> int | None:
        """Price of the order that would trade first; None if the side is empty."""
        keys = self._keys
        return keys[-1] * self._sign if keys else None

    def front(self) -> Order | None:
        """The order that would trade first."""
        keys = self._keys
        if not keys:
            return None
        for order in self._levels[keys[-1]].orders.values():
            return order
        return None

    def add(self, order: Order, price: int) -> None:
        """Put the order at the end of the queue of `price`."""
        key = price * self._sign
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = Level()
            insort(self._keys, key)
        level.orders[order.number] = order
        level.total += order.leaves

    def remove(self, order: Order, price: int) -> None:
        """Take the order, with the `leaves` that it has, out of the queue of `price`, where it must be."""
        key = price * self._sign
        level = self._levels[key]
        del level.orders[order.number]
        if level.orders:
            level.total -= order.leaves
            level.removed()
            return
        del self._levels[key]
        keys = self._keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]

    def shrink(self, price: int, quantity: int) -> None:
        """An order of the level has so much less left."""
        self._levels[price * self._sign].total -= quantity

    def move_to_end(self, order: Order, price: int) -> None:
        """Put the order behind the others of its price."""
        level = self._levels[price * self._sign]
        del level.orders[order.number]
        level.orders[order.number] = order
        level.removed()

    def levels(self) -> Iterator[tuple[int, int]]:
        """Prices with their totals, best first."""
        for key in reversed(self._keys):
            yield key * self._sign, self._levels[key].total

    def __iter__(self) -> Iterator[Order]:
        """All orders in the order in which they would trade."""
        for key in reversed(self._keys):
            yield from self._levels[key].orders.values()
