"""The flow of operations that matching engines are measured with: made once, the same for all of them.

Of a hundred operations seventy are limit orders that rest, twenty are cancels of any order that rests, ten
are marketable: large enough to execute five orders of usual size, so that as much leaves the book as comes
into it. What strays is led back: the book that has grown meets larger marketable orders, and the side that
lacks orders gets most of the new ones.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from typing import NamedTuple

PRICE_LEVELS = 1_000
"""Half of them for buyers."""
MIDDLE = PRICE_LEVELS // 2
QUANTITY_MAX = 99
MARKETABLE_QUANTITY = 5 * (QUANTITY_MAX + 1) // 2
LEADING_BACK = 0.7
"""Share of the orders that go where they lead back to two equal sides."""
SHARES = (0.7, 0.9)
"""Up to the first: limit orders; up to the second: cancels; the rest: marketable."""


class Operation(NamedTuple):
    """One command. `order` numbers orders from 1 in the sequence in which they are entered."""

    order: int
    cancels: bool
    buys: bool
    price: int
    quantity: int


class Flow(NamedTuple):
    """What fills the book, and what is then measured."""

    filling: list[Operation]
    measured: list[Operation]


class _Book:
    """As much of a book as it takes to know which orders rest."""

    def __init__(self) -> None:
        self.levels: dict[tuple[bool, int], OrderedDict[int, int]] = {}
        self.resting: list[Operation] = []
        self.buyers = 0
        self._places: dict[int, int] = {}

    def add(self, operation: Operation) -> None:
        level = self.levels.setdefault((operation.buys, operation.price), OrderedDict())
        level[operation.order] = operation.quantity
        self.buyers += operation.buys
        self._places[operation.order] = len(self.resting)
        self.resting.append(operation)

    def remove(self, order: int) -> None:
        place = self._places.pop(order)
        operation = self.resting[place]
        self.buyers -= operation.buys
        last = self.resting.pop()
        if last.order != order:
            self.resting[place] = last
            self._places[last.order] = place
        level = self.levels[operation.buys, operation.price]
        del level[order]
        if not level:
            del self.levels[operation.buys, operation.price]

    def take(self, buys: bool, quantity: int) -> int:
        """Execute against the best contra orders; returns what is left."""
        prices = range(MIDDLE + 1, PRICE_LEVELS + 1) if buys else range(MIDDLE, 0, -1)
        for price in prices:
            level = self.levels.get((not buys, price))
            while level and quantity:
                order, left = next(iter(level.items()))
                if left > quantity:
                    level[order] = left - quantity
                    return 0
                quantity -= left
                self.remove(order)
            if not quantity:
                return 0
        return quantity


def make_flow(resting: int, operations: int, seed: int = 1) -> Flow:
    """A book of so many resting orders, and so many operations on it."""
    source = random.Random(seed)
    book = _Book()
    number = 0
    filling: list[Operation] = []
    for _ in range(resting):
        number += 1
        filling.append(_resting_order(source, number, book))
        book.add(filling[-1])
    measured: list[Operation] = []
    while len(measured) < operations:
        kind = source.random()
        if kind < SHARES[0]:
            number += 1
            measured.append(_resting_order(source, number, book))
            book.add(measured[-1])
        elif kind < SHARES[1]:
            found = source.choice(book.resting)
            measured.append(found._replace(cancels=True))
            book.remove(found.order)
        else:
            buys = _lacks_buyers(book) == (source.random() < LEADING_BACK)
            quantity = max(MARKETABLE_QUANTITY * len(book.resting) // resting, 1)
            number += 1
            measured.append(Operation(number, False, buys, PRICE_LEVELS if buys else 1, quantity))
            if book.take(buys, quantity):
                raise AssertionError("a marketable order found too little to execute")
    return Flow(filling, measured)


def _lacks_buyers(book: _Book) -> bool:
    return 2 * book.buyers < len(book.resting)


def _resting_order(source: random.Random, number: int, book: _Book) -> Operation:
    buys = _lacks_buyers(book) == (source.random() < LEADING_BACK)
    price = source.randint(1, MIDDLE) if buys else source.randint(MIDDLE + 1, PRICE_LEVELS)
    return Operation(number, False, buys, price, source.randint(1, QUANTITY_MAX))
