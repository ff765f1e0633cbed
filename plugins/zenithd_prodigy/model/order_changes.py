"""What events of orders and trades change in the state. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from zenithd_prodigy.model.events import (
    Fill,
    IndicativeChanged,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderRested,
    TradeChanged,
    Traded,
)
from zenithd_prodigy.model.orders import Order, Standing
from zenithd_prodigy.model.symbol import BID, Indicative, SymbolState

if TYPE_CHECKING:
    from zenithd_prodigy.model.state import MarketState

BOOK = Standing.BOOK
INCOMING = Standing.INCOMING


def order_placed(state: MarketState, event: OrderPlaced) -> None:
    """A new order, where it stands."""
    symbol = state.symbols[event.symbol]
    standing, price, number = event.standing, event.price, event.order
    order = Order(
        number,
        event.side,
        event.order_type,
        price,
        event.quantity,
        event.quantity,
        event.display,
        event.visible,
        event.minimum,
        event.all_or_none,
        event.time_in_force,
        event.expiry,
        event.priority,
        standing,
        event.party,
        event.time,
        event.time,
    )
    symbol.orders[number] = order
    state.next_order = number + 1
    state.order_count += 1
    if standing is not INCOMING:
        symbol.next_priority = event.priority + 1
        if standing is BOOK and price is not None:
            (symbol.bids if event.side is BID else symbol.asks).add(order, price)
        else:
            _beside(symbol, standing)[number] = order
    if event.command_id:
        state.command_ids.add(event.command_id, number)


def order_amended(state: MarketState, event: OrderAmended) -> None:
    """Other values for an order, in place or at another one."""
    symbol = state.symbols[event.symbol]
    order = symbol.orders[event.order]
    if event.stood is BOOK:
        assert order.price is not None  # it stands in the book
        book = symbol.side(order.side)
        if event.standing is BOOK and event.priority == order.priority:
            book.shrink(order.price, order.leaves - event.leaves)
        else:
            book.remove(order, order.price)
    elif event.stood is not INCOMING and event.priority != order.priority:
        del _beside(symbol, event.stood)[order.number]
    moved = event.priority != order.priority
    order.price = event.price
    order.quantity = event.quantity
    order.display = event.display
    order.leaves = event.leaves
    order.visible = event.visible
    order.priority = event.priority
    order.standing = event.standing
    order.updated = event.time
    if moved and event.standing is not INCOMING:
        symbol.next_priority = event.priority + 1
        _put(symbol, order)
    if event.command_id:
        state.command_ids.add(event.command_id, order.number)


def order_rested(state: MarketState, event: OrderRested) -> None:
    """The order stands in the book, or waits for its condition."""
    symbol = state.symbols[event.symbol]
    order = symbol.orders[event.order]
    if order.standing is not INCOMING:
        del _beside(symbol, order.standing)[order.number]
    order.price = event.price
    order.visible = event.visible
    order.priority = event.priority
    order.standing = event.standing
    symbol.next_priority = event.priority + 1
    _put(symbol, order)


def order_closed(state: MarketState, event: OrderClosed) -> None:
    """The order is gone."""
    symbol = state.symbols[event.symbol]
    order = symbol.orders.pop(event.order)
    state.order_count -= 1
    if order.standing is BOOK:
        assert order.price is not None  # it stands in the book
        (symbol.bids if order.side is BID else symbol.asks).remove(order, order.price)
    elif order.standing is not INCOMING:
        del _beside(symbol, order.standing)[order.number]
    if event.command_id:
        state.command_ids.add(event.command_id, event.order)


def traded(state: MarketState, event: Traded) -> None:
    """Both orders have less left, or are filled and gone."""
    symbol = state.symbols[event.symbol]
    price, quantity, trade_id = event.price, event.quantity, event.trade_id
    symbol.next_trade_id = trade_id + 1
    symbol.last_price = price
    symbol.trades.add(trade_id, event)
    orders = symbol.orders
    for fill in (event.buy, event.sell):
        number, leaves, standing = fill.order, fill.leaves, fill.standing
        order = orders[number]
        if standing is BOOK:
            _fill_in_book(symbol, order, fill, quantity)
        elif not leaves and standing is not INCOMING:
            del _beside(symbol, standing)[number]
        order.leaves = leaves
        if not leaves:
            del orders[number]
            state.order_count -= 1
            continue
        order.visible = fill.visible
        order.value += price * quantity
        order.updated = event.time
        if standing is not BOOK:
            order.minimum = 0


def trade_changed(state: MarketState, event: TradeChanged) -> None:
    """The trade counts otherwise."""
    trade = event.trade
    state.symbols[trade.symbol].trades.replace(trade.trade_id, trade)
    if event.command_id:
        state.command_ids.add(event.command_id, 0)


def indicative_changed(state: MarketState, event: IndicativeChanged) -> None:
    """What an auction would bring."""
    state.symbols[event.symbol].indicative = Indicative(event.price, event.quantity, event.surplus)


def recode(order: Order, entity: str) -> None:
    """The order's firm has another code."""
    order.party = msgspec.structs.replace(order.party, entity=entity)


def _fill_in_book(symbol: SymbolState, order: Order, fill: Fill, quantity: int) -> None:
    """The order still has the `leaves` from before."""
    price = order.price
    assert price is not None  # it stands in the book
    book = symbol.bids if order.side is BID else symbol.asks
    if not fill.leaves:
        book.remove(order, price)
        return
    book.shrink(price, quantity)
    if fill.priority != order.priority:
        order.priority = fill.priority
        symbol.next_priority = fill.priority + 1
        book.move_to_end(order, price)


def _put(symbol: SymbolState, order: Order) -> None:
    if order.standing is BOOK:
        assert order.price is not None  # only orders with a price stand in the book
        symbol.side(order.side).add(order, order.price)
    else:
        _beside(symbol, order.standing)[order.number] = order


def _beside(symbol: SymbolState, standing: Standing) -> dict[int, Order]:
    return symbol.unpriced if standing is Standing.UNPRICED else symbol.conditional
