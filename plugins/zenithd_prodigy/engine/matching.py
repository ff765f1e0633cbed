"""Continuous matching: price, then time. Pure.

The best-priced resting order trades first; among equal prices the one that has waited longest. A match
occurs at the price of the resting order. Of an order with a hidden part only the visible part stands in
the queue; when that is used up, the next part is shown at the end of the queue of its price.
"""

from __future__ import annotations

from zenithd.domain.market_data import Side
from zenithd_prodigy.model.book import BookSide
from zenithd_prodigy.model.events import Event, Fill, OrderAmended, OrderClosed, OrderRested, Traded
from zenithd_prodigy.model.model import StandardModel
from zenithd_prodigy.model.orders import CloseReason, Order, SelfTrade, Standing, TimeInForce
from zenithd_prodigy.model.symbol import SymbolState

BID = Side.BID
BOOK = Standing.BOOK
OFF = SelfTrade.OFF


def crosses(side: Side, limit: int | None, price: int | None) -> bool:
    """True if an order with this limit (None: none) trades at a contra price (None: there is no contra)."""
    if price is None:
        return False
    return limit is None or (price <= limit if side is BID else price >= limit)


def executable(symbol: SymbolState, order: Order, limit: int | None, mode: SelfTrade, needed: int) -> bool:
    """True if an order would at once execute at least `needed`, the rules about self-trades included."""
    contra = symbol.asks if order.side is BID else symbol.bids
    if mode is not OFF:
        return _executable_guarded(contra, order, limit, mode, needed)
    for price, total in contra.levels():
        if not crosses(order.side, limit, price):
            return False
        needed -= total
        if needed <= 0:
            return True
    return False


def _executable_guarded(
    contra: BookSide, order: Order, limit: int | None, mode: SelfTrade, needed: int
) -> bool:
    """As above, where the entity's own resting orders are passed over or end the matching."""
    passes = mode is SelfTrade.CANCEL_OLDEST
    waiting = list(contra)
    own_prices = {each.price for each in waiting if each.party.entity == order.party.entity}
    for resting in waiting:
        if not crosses(order.side, limit, resting.price):
            return False
        if resting.party.entity == order.party.entity:
            if not passes:
                return False
            continue
        # Before an own order of the same price comes up, others show one part each.
        needed -= resting.visible if resting.price in own_prices and not passes else resting.leaves
        if needed <= 0:
            return True
    return False


def execute(
    model: StandardModel, symbol: SymbolState, order: Order, limit: int | None, now: int, events: list[Event]
) -> None:
    """Match an order that is not in the book, then do with the rest what its terms say."""
    if order.all_or_none or order.minimum or order.time_in_force is TimeInForce.FOK:
        needed = order.leaves if order.time_in_force is TimeInForce.FOK else order.required
        mode = model.definition.settings.self_trade
        if not executable(symbol, order, limit, mode, needed):
            _wait(model, symbol, order, limit, now, events)
            return
    if not match(model, symbol, order, limit, now, events) or not order.leaves:
        return
    if limit is None or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        close(model, symbol, order, CloseReason.UNFILLED, now, events)
    else:
        rest(model, symbol, order, limit, now, events)


def match(
    model: StandardModel,
    symbol: SymbolState,
    incoming: Order,
    limit: int | None,
    now: int,
    events: list[Event],
) -> bool:
    """Trade as long as there are contra orders within the limit; False if the order was closed meanwhile."""
    is_bid = incoming.side is BID
    contra = symbol.asks if is_bid else symbol.bids
    mode = model.definition.settings.self_trade
    while incoming.leaves:
        resting = contra.front()
        if resting is None:
            break
        price = resting.price
        assert price is not None  # it stands in the book
        if limit is not None and (price > limit if is_bid else price < limit):
            break
        if mode is not OFF and resting.party.entity == incoming.party.entity:
            if not _prevent(model, symbol, incoming, resting, mode, now, events):
                return False
            continue
        _trade(model, symbol, incoming, resting, price, now, events)
    return True


def rest(
    model: StandardModel, symbol: SymbolState, order: Order, price: int, now: int, events: list[Event]
) -> None:
    """Put what is left of an order into the book."""
    visible = order.leaves if order.display is None else min(order.display, order.leaves)
    event = OrderRested(
        now,
        symbol.definition.code,
        order.number,
        order.side,
        price,
        order.leaves,
        visible,
        symbol.next_priority,
        BOOK,
        order.party,
    )
    model.apply(event)
    events.append(event)


def close(
    model: StandardModel,
    symbol: SymbolState,
    order: Order,
    reason: CloseReason,
    now: int,
    events: list[Event],
    command_id: str = "",
) -> None:
    """Take an order out of the market, wherever it stands."""
    event = OrderClosed(
        now,
        symbol.definition.code,
        order.number,
        order.side,
        order.leaves,
        order.standing,
        reason,
        order.party,
        command_id,
    )
    model.apply(event)
    events.append(event)


def _wait(
    model: StandardModel, symbol: SymbolState, order: Order, limit: int | None, now: int, events: list[Event]
) -> None:
    """The condition cannot be met now: the order waits beside the book, if it may."""
    if limit is None or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        close(model, symbol, order, CloseReason.CONDITION, now, events)
        return
    event = OrderRested(
        now,
        symbol.definition.code,
        order.number,
        order.side,
        limit,
        order.leaves,
        0,
        symbol.next_priority,
        Standing.CONDITIONAL,
        order.party,
    )
    model.apply(event)
    events.append(event)


def _trade(
    model: StandardModel,
    symbol: SymbolState,
    incoming: Order,
    resting: Order,
    price: int,
    now: int,
    events: list[Event],
) -> None:
    quantity, visible = incoming.leaves, resting.visible
    if visible <= quantity:
        quantity = visible
        theirs = after_fill(symbol, resting, quantity, symbol.next_priority)
    else:
        left = resting.leaves - quantity
        theirs = Fill(resting.number, price, left, visible - quantity, resting.priority, BOOK, resting.party)
    ours = Fill(
        incoming.number,
        incoming.price,
        incoming.leaves - quantity,
        0,
        incoming.priority,
        incoming.standing,
        incoming.party,
    )
    buy, sell = (ours, theirs) if incoming.side is BID else (theirs, ours)
    event = Traded(
        now, symbol.definition.code, symbol.next_trade_id, price, quantity, incoming.side, buy, sell
    )
    model.apply(event)
    events.append(event)


def after_fill(symbol: SymbolState, order: Order, quantity: int, priority: int) -> Fill:
    """A waiting order as it is after it has traded so much.

    In an auction that may be more than is visible. When the visible part is used up the next one is shown,
    with `priority`: the last of its price.
    """
    leaves = order.leaves - quantity
    visible = max(order.visible - quantity, 0)
    kept = order.priority
    if leaves and not visible and order.standing is BOOK:
        visible = leaves if order.display is None else min(order.display, leaves)
        kept = priority
    return Fill(order.number, order.price, leaves, visible, kept, order.standing, order.party)


def _prevent(
    model: StandardModel,
    symbol: SymbolState,
    incoming: Order,
    resting: Order,
    mode: SelfTrade,
    now: int,
    events: list[Event],
) -> bool:
    """Keep an entity from trading with itself; False if that was the end of the incoming order."""
    if mode is SelfTrade.REDUCE:
        overlap = min(incoming.leaves, resting.visible)
        for order in (resting, incoming):
            if order.leaves == overlap:
                close(model, symbol, order, CloseReason.SELF_TRADE, now, events)
            else:
                _reduce(model, symbol, order, overlap, now, events)
        return incoming.number in symbol.orders
    if mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
        close(model, symbol, resting, CloseReason.SELF_TRADE, now, events)
    if mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
        close(model, symbol, incoming, CloseReason.SELF_TRADE, now, events)
        return False
    return True


def _reduce(
    model: StandardModel, symbol: SymbolState, order: Order, overlap: int, now: int, events: list[Event]
) -> None:
    """Make an order smaller by what it would have traded with its own entity, of the visible part."""
    after = after_fill(symbol, order, overlap, symbol.next_priority)
    event = OrderAmended(
        now,
        symbol.definition.code,
        order.number,
        order.side,
        order.price,
        order.quantity - overlap,
        order.display,
        after.leaves,
        after.visible,
        after.priority,
        order.standing,
        order.standing,
        order.party,
    )
    model.apply(event)
    events.append(event)
