"""The book of one instrument of a venue, by order or by level, valid or waiting for a snapshot."""

from __future__ import annotations

from collections.abc import Sequence

from zenithd.domain.events import LevelChanged, OrderAdded, OrderChanged, OrderRemoved
from zenithd.domain.identifiers import InstrumentId
from zenithd.market.changes import BookOrder, InstrumentChanges, PriceLevel
from zenithd.market.level_book import LevelBook
from zenithd.market.order_book import OrderBook
from zenithd.market.security import SecurityRecord


class InstrumentBook:
    """Takes book events; which kind of book it is follows from the first event after it was empty.

    While `is_valid` is False (after a fault or a gap) everything up to the next snapshot is left out.
    Methods that apply an event return why it is a fault of the source, or None.
    """

    __slots__ = ("_best_ask", "_best_bid", "_book", "is_valid", "touched")

    def __init__(self) -> None:
        self._book: OrderBook | LevelBook = OrderBook()
        self.is_valid = True
        self.touched = False
        """True if something changed since `take`."""
        self._best_bid: PriceLevel | None = None
        self._best_ask: PriceLevel | None = None

    def add_order(self, event: OrderAdded) -> str | None:
        """Enter an order."""
        if not self.is_valid:
            return None
        book = self._book
        if type(book) is not OrderBook:
            if not book.is_empty():
                return "an order in a book by price level"
            book = OrderBook()
            self._replace(book)
        self.touched = True
        return book.add(event)

    def change_order(self, event: OrderChanged) -> str | None:
        """Give an order new values."""
        if not self.is_valid:
            return None
        self.touched = True
        book = self._book
        return book.change(event) if type(book) is OrderBook else "an order in a book by price level"

    def remove_order(self, event: OrderRemoved) -> str | None:
        """Take an order out."""
        if not self.is_valid:
            return None
        self.touched = True
        book = self._book
        return book.remove(event) if type(book) is OrderBook else "an order in a book by price level"

    def change_level(self, event: LevelChanged) -> str | None:
        """Set or remove a price level."""
        if not self.is_valid:
            return None
        book = self._book
        if type(book) is not LevelBook:
            if not book.is_empty():
                return "a price level in a book by order"
            book = LevelBook()
            self._replace(book)
        self.touched = True
        return book.change(event)

    def _replace(self, book: OrderBook | LevelBook) -> None:
        """Go on with an empty book of the other kind; what this batch emptied before is still told."""
        if self.touched:
            book.clear()
        self._book = book

    def clear(self, *, is_snapshot: bool) -> None:
        """Empty the book; where no snapshot follows now, it waits for the next one."""
        self._book.clear()
        self.touched = True
        self.is_valid = is_snapshot

    def take(self, changes: InstrumentChanges) -> None:
        """Add what changed since the last call to `changes`."""
        self.touched = False
        changes.depth, changes.levels = self._book.take()

    def show_best(self, record: SecurityRecord, changed: set[str]) -> None:
        """Bring the best prices of `record` up to date, after `take`; add the names of what changes."""
        ladder = self._book.ladder
        best = ladder.bids.best
        if best is not self._best_bid:
            self._best_bid = best
            record.show_best_bid(*best_values(best), changed)
        best = ladder.asks.best
        if best is not self._best_ask:
            self._best_ask = best
            record.show_best_ask(*best_values(best), changed)

    def orders(self) -> list[BookOrder]:
        """The orders in any order; empty for a book by level."""
        return self._book.orders()

    def levels(self) -> list[PriceLevel]:
        """The price levels in any order."""
        return self._book.levels()

    def restore(
        self, instrument: InstrumentId, orders: Sequence[BookOrder], levels: Sequence[PriceLevel]
    ) -> None:
        """Fill an empty book with stored orders, or with stored levels where there are no orders."""
        for event in book_events(instrument, orders, levels):
            if type(event) is OrderAdded:
                self.add_order(event)
            elif type(event) is LevelChanged:
                self.change_level(event)
        self.take(InstrumentChanges())
        self.show_best(SecurityRecord(), set())


def book_events(
    instrument: InstrumentId, orders: Sequence[BookOrder], levels: Sequence[PriceLevel]
) -> list[OrderAdded | LevelChanged]:
    """The events that rebuild a book: its orders, or its levels where there are no orders."""
    if orders:
        return [
            OrderAdded(
                instrument,
                order.order_id,
                order.side,
                order.price,
                order.quantity,
                order.position,
                order.has_undisclosed,
                order.broker,
                order.cross_reference,
                order.attributes,
            )
            for order in orders
        ]
    return [
        LevelChanged(
            instrument, level.side, level.price, level.volume or 0, level.count, level.has_undisclosed
        )
        for level in levels
        if level.price is not None
    ]


def best_values(level: PriceLevel | None) -> tuple[int | None, int, int, bool]:
    """Price, quantity, count and undisclosed mark of a best level as Security shows them."""
    if level is None:
        return None, 0, 0, False
    return level.price, level.volume or 0, level.count or 0, bool(level.has_undisclosed)
