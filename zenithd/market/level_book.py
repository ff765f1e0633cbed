"""A book by price level, for venues that show no orders."""

from __future__ import annotations

from typing import Final

from zenithd.domain.events import LevelChanged
from zenithd.domain.market_data import Side
from zenithd.market.changes import BookOrder, DepthChange, LevelChange, Op, PriceLevel
from zenithd.market.ladder import Ladder

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_BID: Final = Side.BID
_CLEARED: Final = DepthChange(Op.CLEAR)


class LevelBook:
    """Levels as the venue gives them. Between batches every level has a positive quantity."""

    __slots__ = ("_cleared", "ladder")

    def __init__(self) -> None:
        self.ladder = Ladder()
        self._cleared = False

    def change(self, event: LevelChanged) -> str | None:
        """Set or remove a level. Removing a level that is not there does nothing.

        Returns why the event is a fault of the source, or None; after a fault nothing has changed.
        """
        quantity = event.quantity
        if quantity < 0:
            return f"level {event.side.value} {event.price} has quantity {quantity}"
        ladder = self.ladder
        side = ladder.bids if event.side is _BID else ladder.asks
        side.touched[event.price] = event if quantity else None
        return None

    def clear(self) -> None:
        """Empty the book."""
        self.ladder.clear()
        self._cleared = True

    def take(self) -> tuple[list[DepthChange], list[LevelChange]]:
        """What changed since the last call. Depth has nothing to show but C."""
        depth = [_CLEARED] if self._cleared else []
        self._cleared = False
        return depth, self.ladder.take()

    def is_empty(self) -> bool:
        """True if no level stands or was touched in this batch."""
        return self.ladder.is_empty()

    def orders(self) -> list[BookOrder]:
        """No orders: the venue does not show them."""
        return []

    def levels(self) -> list[PriceLevel]:
        """The levels in any order."""
        return self.ladder.levels()
