"""Continuous matching: price, then time. Pure.

The best-priced resting order trades first; among equal prices the one that has waited longest. A match
occurs at the price of the resting order. Of an order with a hidden part only the visible part stands in
the queue; when that is used up, the next part is shown at the end of the queue of its price.
"""

from __future__ import annotations

from zenithd.domain.market_data import Side
from zenithd_prodigy.engine.turn import Turn
from zenithd_prodigy.model.book import BookSide
from zenithd_prodigy.model.events import Fill, OrderAmended, OrderClosed, OrderRested, Traded
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


def execute(turn: Turn, order: Order, limit: int | None) -> None:
    """Match an order that is not in the book, then do with the rest what its terms say."""
    if order.all_or_none or order.minimum or order.time_in_force is TimeInForce.FOK:
        needed = order.leaves if order.time_in_force is TimeInForce.FOK else order.required
        if not executable(turn.symbol, order, limit, turn.self_trade, needed):
            _wait(turn, order, limit)
            return
    if not match(turn, order, limit) or not order.leaves:
        return
    if limit is None or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        close(turn, order, CloseReason.UNFILLED)
    else:
        rest(turn, order, limit)


def match(
    turn: Turn,
    incoming: Order,
    limit: int | None,
) -> bool:
    """Trade as long as there are contra orders within the limit; False if the order was closed meanwhile."""
    is_bid = incoming.side is BID
    contra = turn.symbol.asks if is_bid else turn.symbol.bids
    mode = turn.self_trade
    while incoming.leaves:
        resting = contra.front()
        if resting is None:
            break
        price = resting.price
        assert price is not None  # it stands in the book
        if limit is not None and (price > limit if is_bid else price < limit):
            break
        if mode is not OFF and resting.party.entity == incoming.party.entity:
            if not _prevent(turn, incoming, resting, mode):
                return False
            continue
        _trade(turn, incoming, resting, price)
    return True


def rest(turn: Turn, order: Order, price: int) -> None:
    """Put what is left of an order into the book."""
    visible = order.leaves if order.display is None else min(order.display, order.leaves)
    event = OrderRested(
        turn.now,
        turn.code,
        order.number,
        order.side,
        price,
        order.leaves,
        visible,
        turn.symbol.next_priority,
        BOOK,
        order.party,
    )
    turn.emit(event)


def close(turn: Turn, order: Order, reason: CloseReason, command_id: str = "") -> None:
    """Take an order out of the market, wherever it stands."""
    event = OrderClosed(
        turn.now,
        turn.code,
        order.number,
        order.side,
        order.leaves,
        order.standing,
        reason,
        order.party,
        command_id,
    )
    turn.emit(event)


def _wait(turn: Turn, order: Order, limit: int | None) -> None:
    """The condition cannot be met now: the order waits beside the book, if it may."""
    if limit is None or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        close(turn, order, CloseReason.CONDITION)
        return
    event = OrderRested(
        turn.now,
        turn.code,
        order.number,
        order.side,
        limit,
        order.leaves,
        0,
        turn.symbol.next_priority,
        Standing.CONDITIONAL,
        order.party,
    )
    turn.emit(event)


def _trade(turn: Turn, incoming: Order, resting: Order, price: int) -> None:
    symbol, quantity, visible = turn.symbol, incoming.leaves, resting.visible
    if visible <= quantity:
        quantity = visible
        theirs = after_fill(resting, quantity, symbol.next_priority)
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
    event = Traded(turn.now, turn.code, symbol.next_trade_id, price, quantity, incoming.side, buy, sell)
    turn.model.apply(event)
    turn.events.append(event)


def after_fill(order: Order, quantity: int, priority: int) -> Fill:
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


def _prevent(turn: Turn, incoming: Order, resting: Order, mode: SelfTrade) -> bool:
    """Keep an entity from trading with itself; False if that was the end of the incoming order."""
    if mode is SelfTrade.REDUCE:
        overlap = min(incoming.leaves, resting.visible)
        for order in (resting, incoming):
            if order.leaves == overlap:
                close(turn, order, CloseReason.SELF_TRADE)
            else:
                _reduce(turn, order, overlap)
        return incoming.number in turn.symbol.orders
    if mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
        close(turn, resting, CloseReason.SELF_TRADE)
    if mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
        close(turn, incoming, CloseReason.SELF_TRADE)
        return False
    return True


def _reduce(turn: Turn, order: Order, overlap: int) -> None:
    """Make an order smaller by what it would have traded with its own entity, of the visible part."""
    after = after_fill(order, overlap, turn.symbol.next_priority)
    event = OrderAmended(
        turn.now,
        turn.code,
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
    turn.emit(event)
