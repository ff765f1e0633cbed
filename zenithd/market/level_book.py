"""A book by price level, for venues that show no orders."""

from __future__ import annotations

from typing import Final

from zenithd.domain.events import LevelChanged
from zenithd.market.changes import BookOrder, DepthChange, LevelChange, Op, PriceLevel
from zenithd.market.ladder import Ladder

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
        level = self.ladder.touch(event.side, event.price)
        level.volume = quantity
        level.count = event.count
        level.has_undisclosed = event.has_undisclosed
        level.is_live = quantity > 0
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
        return not self.ladder.bids.levels and not self.ladder.asks.levels

    def orders(self) -> list[BookOrder]:
        """No orders: the venue does not show them."""
        return []

    def levels(self) -> list[PriceLevel]:
        """The levels in any order."""
        return self.ladder.levels()
