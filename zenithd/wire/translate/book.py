"""Order books and price levels for the wire (spec zenith-websocket 3.1.3, 3.1.4, 6.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from zenithd.authority.access import View
from zenithd.domain.instrument import Instrument
from zenithd.domain.market_data import Side
from zenithd.wire.numbers import DIVISORS, scaled
from zenithd.wire.translate.shapes import DepthChange, InstrumentView, Level, LevelChange, Order

Payload = dict[str, Any]

# An attribute of an enumeration costs as much as a dict look-up and a call on Python 3.11.
_BID: Final = Side.BID


def depth_snapshot(instrument_view: InstrumentView, view: View) -> list[Payload]:
    """Give the whole order book: a clear, then an add for each order."""
    return depth_records([None, *instrument_view.orders()], instrument_view.instrument, view)


def depth_records(orders: Iterable[Order | None], instrument: Instrument, view: View) -> list[Payload]:
    """Give a part of an order book: an add for each order, a clear for None."""
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    return [
        {"O": "C"}
        if order is None
        else {"O": "A", "Order": _added_order(order, price_scale, quantity_scale, view)}
        for order in orders
    ]


def depth_changes(changes: Iterable[DepthChange], instrument: Instrument, view: View) -> list[Payload]:
    """Give changes of an order book.

    An update has Price and Position only where they changed: repeating an unchanged pair is a fault for
    clients. It always tells whether part of the order is undisclosed, since its absence means "as before".
    """
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    payload: list[Payload] = []
    for change in changes:
        order = change.order
        letter = change.op.letter
        if order is None:
            payload.append({"O": letter})
        elif letter == "U":
            values = _updated_order(order, price_scale, quantity_scale, change)
            payload.append({"O": "U", "Order": values})
        elif letter == "R":
            payload.append({"O": "R", "Order": {"ID": order.order_id}})
        else:
            payload.append({"O": "A", "Order": _added_order(order, price_scale, quantity_scale, view)})
    return payload


def _added_order(order: Order, price_scale: int, quantity_scale: int, view: View) -> Payload:
    price, quantity = order.price, order.quantity
    values: Payload = {
        "ID": order.order_id,
        "Side": "Bid" if order.side is _BID else "Ask",
        "Price": price / DIVISORS[price_scale] if price_scale else price,
        "Position": order.position,
        "Quantity": quantity,
    }
    if quantity is not None:
        if quantity_scale:
            values["Quantity"] = quantity / DIVISORS[quantity_scale]
        if order.has_undisclosed:
            values["HasUndisclosed"] = True
    if view.brokers and order.broker is not None:
        values["Broker"] = order.broker
    if view.cross_references and order.cross_reference is not None:
        values["CrossRef"] = order.cross_reference
    if order.market is not None:
        values["Market"] = order.market
    if order.attributes:
        values["Attributes"] = list(order.attributes)
    return values


def _updated_order(order: Order, price_scale: int, quantity_scale: int, change: DepthChange) -> Payload:
    quantity = order.quantity
    values: Payload = {"ID": order.order_id, "Quantity": quantity}
    if quantity is not None:
        if quantity_scale:
            values["Quantity"] = quantity / DIVISORS[quantity_scale]
        values["HasUndisclosed"] = order.has_undisclosed
    if change.price_changed:
        values["Price"] = order.price / DIVISORS[price_scale] if price_scale else order.price
    if change.position_changed:
        values["Position"] = order.position
    return values


def level_snapshot(instrument_view: InstrumentView, view: View) -> list[Payload]:
    """Give all price levels: a clear, then an add for each."""
    instrument = instrument_view.instrument
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    payload: list[Payload] = [{"O": "C"}]
    payload += [
        {"O": "A", "Level": _added_level(level, price_scale, quantity_scale)}
        for level in instrument_view.levels()
    ]
    return payload


def level_changes(changes: Iterable[LevelChange], instrument: Instrument, view: View) -> list[Payload]:
    """Give changes of the price levels; an update repeats Volume, Count, HasUndisclosed and Market."""
    price_scale, quantity_scale = instrument.price_scale, instrument.quantity_scale
    payload: list[Payload] = []
    for change in changes:
        level = change.level
        letter = change.op.letter
        if level is None:
            payload.append({"O": letter})
        elif letter == "U":
            values: Payload = {"ID": level.id}
            _put_level_state(values, level, quantity_scale)
            payload.append({"O": "U", "Level": values})
        elif letter == "R":
            payload.append({"O": "R", "Level": {"ID": level.id}})
        else:
            payload.append({"O": "A", "Level": _added_level(level, price_scale, quantity_scale)})
    return payload


def _added_level(level: Level, price_scale: int, quantity_scale: int) -> Payload:
    price = level.price
    values: Payload = {
        "ID": level.id,
        "Side": "Bid" if level.side is _BID else "Ask",
        "Price": None if price is None else scaled(price, price_scale),
    }
    _put_level_state(values, level, quantity_scale)
    return values


def _put_level_state(values: Payload, level: Level, quantity_scale: int) -> None:
    """Put what a level has besides its place; absent means unavailable, in adds and in updates."""
    volume = level.volume
    if volume is not None:
        values["Volume"] = volume / DIVISORS[quantity_scale] if quantity_scale else volume
    if level.count is not None:
        values["Count"] = level.count
    if level.has_undisclosed is not None:
        values["HasUndisclosed"] = level.has_undisclosed
    if level.market is not None:
        values["Market"] = level.market
