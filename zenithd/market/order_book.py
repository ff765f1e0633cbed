"""A book by order, with its price levels kept alongside (zenith-websocket 3.1.3, 6.6)."""

from __future__ import annotations

from typing import Final

import msgspec

from zenithd.domain.events import OrderAdded, OrderChanged, OrderRemoved
from zenithd.domain.market_data import Side
from zenithd.market.changes import BookOrder, DepthChange, LevelChange, Op, PriceLevel
from zenithd.market.ladder import Ladder, LevelState

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_BID: Final = Side.BID
_ADD: Final = Op.ADD
_UPDATE: Final = Op.UPDATE
_REMOVE: Final = Op.REMOVE
_CLEARED: Final = DepthChange(Op.CLEAR)


class _Level(msgspec.Struct, gc=False):
    """The sum of the orders at one price: a `LevelState`."""

    positions: set[int]
    """Taken by its orders."""
    quantity: int = 0
    count: int = 0
    undisclosed: int = 0
    """How many of its orders have something undisclosed."""
    has_undisclosed: bool = False


class OrderBook:
    """Orders by id. Ids are unique, and positions within side and price.

    A level's volume is the sum of the visible quantities, its count is that of all orders, and it has
    something undisclosed if one of them has. Every method that applies an event returns why the event is a
    fault of the source, or None; after a fault nothing has changed.
    """

    __slots__ = ("_asks", "_bids", "_depth", "_orders", "ladder")

    def __init__(self) -> None:
        self.ladder = Ladder()
        self._bids: dict[int, _Level] = {}
        self._asks: dict[int, _Level] = {}
        self._orders: dict[str, BookOrder] = {}
        self._depth: list[DepthChange] = []

    def add(self, event: OrderAdded) -> str | None:
        """Enter an order."""
        order_id = event.order_id
        if order_id in self._orders:
            return f"order {order_id} was added twice"
        if event.quantity is not None and event.quantity < 0:
            return f"order {order_id} has quantity {event.quantity}"
        order = BookOrder(
            order_id,
            event.side,
            event.price,
            event.quantity,
            event.position,
            event.has_undisclosed,
            event.broker,
            event.cross_reference,
            event.attributes,
        )
        if not self._enter(order):
            return f"order {order_id} takes the position of another one"
        self._orders[order_id] = order
        self._depth.append(DepthChange(_ADD, order))
        return None

    def change(self, event: OrderChanged) -> str | None:
        """Give an order new values. Giving it those it has does nothing."""
        before = self._orders.get(event.order_id)
        if before is None:
            return f"order {event.order_id} is not in the book"
        if event.quantity is not None and event.quantity < 0:
            return f"order {event.order_id} has quantity {event.quantity}"
        order = BookOrder(
            before.order_id,
            before.side,
            event.price,
            event.quantity,
            event.position,
            event.has_undisclosed,
            before.broker,
            before.cross_reference,
            before.attributes,
        )
        if order == before:
            return None
        self._leave(before)
        if not self._enter(order):
            self._enter(before)
            return f"order {event.order_id} takes the position of another one"
        self._orders[order.order_id] = order
        self._depth.append(
            DepthChange(_UPDATE, order, order.price != before.price, order.position != before.position)
        )
        return None

    def remove(self, event: OrderRemoved) -> str | None:
        """Take an order out."""
        order = self._orders.pop(event.order_id, None)
        if order is None:
            return f"order {event.order_id} is not in the book"
        self._leave(order)
        self._depth.append(DepthChange(_REMOVE, order))
        return None

    def _enter(self, order: BookOrder) -> bool:
        """Count an order in its level; False if its position there is taken."""
        levels = self._bids if order.side is _BID else self._asks
        level = levels.get(order.price)
        if level is None:
            level = levels[order.price] = _Level(set())
        elif order.position in level.positions:
            return False
        level.positions.add(order.position)
        self._count(level, order, 1)
        return True

    def _leave(self, order: BookOrder) -> None:
        levels = self._bids if order.side is _BID else self._asks
        level = levels[order.price]
        level.positions.remove(order.position)
        if level.positions:
            self._count(level, order, -1)
        else:
            del levels[order.price]
            self._touched(order)[order.price] = None

    def _count(self, level: _Level, order: BookOrder, sign: int) -> None:
        quantity = order.quantity
        if quantity is not None:
            level.quantity += sign * quantity
        if quantity is None or order.has_undisclosed:
            level.undisclosed += sign
            level.has_undisclosed = level.undisclosed > 0
        level.count += sign
        self._touched(order)[order.price] = level

    def _touched(self, order: BookOrder) -> dict[int, LevelState | None]:
        ladder = self.ladder
        return (ladder.bids if order.side is _BID else ladder.asks).touched

    def clear(self) -> None:
        """Empty the book."""
        self.ladder.clear()
        self._bids.clear()
        self._asks.clear()
        self._orders.clear()
        self._depth = [_CLEARED]

    def take(self) -> tuple[list[DepthChange], list[LevelChange]]:
        """What changed since the last call: depth in sequence, levels once each."""
        depth = self._depth
        self._depth = []
        return depth, self.ladder.take()

    def is_empty(self) -> bool:
        """True if no order stands."""
        return not self._orders

    def orders(self) -> list[BookOrder]:
        """The orders in any order."""
        return list(self._orders.values())

    def levels(self) -> list[PriceLevel]:
        """The levels in any order."""
        return self.ladder.levels()
