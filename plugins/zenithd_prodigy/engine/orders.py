"""Orders: place, amend, cancel. Pure."""

from __future__ import annotations

from zenithd.domain.market_data import Side
from zenithd_prodigy.engine.auction import refresh_indicative
from zenithd_prodigy.engine.commands import AmendOrder, BulkCancel, CancelOrder, PlaceOrder
from zenithd_prodigy.engine.matching import close, crosses, executable, execute
from zenithd_prodigy.engine.refusals import Reason, Refused
from zenithd_prodigy.engine.turn import Turn
from zenithd_prodigy.model.events import Event, OrderAmended, OrderClosed, OrderPlaced
from zenithd_prodigy.model.model import StandardModel
from zenithd_prodigy.model.orders import CloseReason, Order, OrderType, Party, Standing, TimeInForce
from zenithd_prodigy.model.statuses import Matching
from zenithd_prodigy.model.symbol import SymbolState

BID = Side.BID
LIMIT = OrderType.LIMIT
MARKET_TO_LIMIT = OrderType.MARKET_TO_LIMIT
DAY, GTC, GTD = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK
CONTINUOUS = Matching.CONTINUOUS
_OF_PARTS = "lots of {}: what is shown at a time trades by itself"
BOOK, INCOMING = Standing.BOOK, Standing.INCOMING

Outcome = list[Event] | Refused


def place(model: StandardModel, command: PlaceOrder, now: int) -> Outcome:
    """Enter an order: match it where that is allowed, then do with the rest what its terms say."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    entity = model.entities.get(command.entity)
    if entity is None:
        return Refused(Reason.UNKNOWN_ENTITY)
    if not entity.can_trade:
        return Refused(Reason.NOT_PERMITTED)
    rules = symbol.rules
    if not rules.place:
        return Refused(Reason.STATUS)
    refusal = _refuse_order(model, symbol, command)
    if refusal is not None:
        return refusal
    continuous = rules.matching is CONTINUOUS
    limit = command.price
    best_contra = (symbol.asks if command.side is BID else symbol.bids).best_price
    if command.order_type is MARKET_TO_LIMIT and continuous:
        limit = best_contra
    standing = _first_standing(command, best_contra, continuous)
    number, quantity, display = model.next_order, command.quantity, command.display_quantity
    event = OrderPlaced(
        now,
        command.symbol,
        number,
        command.side,
        command.order_type,
        command.price,
        quantity,
        display,
        0 if standing is not BOOK else quantity if display is None else display,
        command.minimum_quantity,
        command.all_or_none,
        command.time_in_force,
        command.expiry,
        0 if standing is INCOMING else symbol.next_priority,
        standing,
        Party(command.entity, command.account, command.context),
        command.command_id,
    )
    model.apply(event)
    events: list[Event] = [event]
    if standing is INCOMING or symbol.conditional or not continuous:
        turn = Turn(model, symbol, now, events)
        if standing is INCOMING:
            execute(turn, symbol.orders[number], limit)
        settle(turn)
    return events


def amend(model: StandardModel, command: AmendOrder, now: int) -> Outcome:
    """Change an order; see `AmendOrder` for what keeps its priority."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    order = symbol.orders.get(command.order)
    if order is None or order.party.entity != command.entity:
        return Refused(Reason.UNKNOWN_ORDER)
    if not model.entities[command.entity].can_trade:
        return Refused(Reason.NOT_PERMITTED)
    if not symbol.rules.amend:
        return Refused(Reason.STATUS)
    refusal = _refuse_amendment(model, symbol, order, command)
    if refusal is not None:
        return refusal
    price = order.price if command.price is None else command.price
    quantity = order.quantity if command.quantity is None else command.quantity
    display = order.display if command.display_quantity is None else command.display_quantity
    turn = Turn(model, symbol, now, [])
    _change(turn, order, (price, quantity, display), command.command_id)
    if order.standing is INCOMING:
        execute(turn, order, price)
    settle(turn)
    return turn.events


def cancel(model: StandardModel, command: CancelOrder, now: int) -> Outcome:
    """Take an order out: its owner where the status allows it, the operator at any time."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    order = symbol.orders.get(command.order)
    if order is None:
        return Refused(Reason.UNKNOWN_ORDER)
    reason = CloseReason.CANCELLED
    if not command.entity:
        reason = CloseReason.MANUAL
    elif order.party.entity != command.entity:
        return Refused(Reason.UNKNOWN_ORDER)  # whose it is, is not for others to know
    elif not symbol.rules.cancel:
        return Refused(Reason.STATUS)
    event = OrderClosed(
        now,
        command.symbol,
        order.number,
        order.side,
        order.leaves,
        order.standing,
        reason,
        order.party,
        command.command_id,
    )
    model.apply(event)
    events: list[Event] = [event]
    if symbol.conditional or symbol.rules.matching is not CONTINUOUS:
        settle(Turn(model, symbol, now, events))
    return events


def bulk_cancel(model: StandardModel, command: BulkCancel, now: int) -> Outcome:
    """Take many orders of a symbol out, by their number."""
    symbol = model.symbols.get(command.symbol)
    if symbol is None:
        return Refused(Reason.UNKNOWN_SYMBOL)
    if command.reason not in (CloseReason.BULK_CANCELLED, CloseReason.MANUAL):
        return Refused(Reason.MALFORMED, "reason: BULK_CANCELLED or MANUAL")
    if command.entity:
        if command.of not in (None, command.entity):
            return Refused(Reason.NOT_PERMITTED)
        if not symbol.rules.cancel:
            return Refused(Reason.STATUS)
    whose = command.entity or command.of
    chosen = [
        order for _, order in sorted(symbol.orders.items()) if whose is None or order.party.entity == whose
    ]
    if not chosen:
        return Refused(Reason.UNKNOWN_ORDER)
    turn = Turn(model, symbol, now, [])
    for order in chosen:
        close(turn, order, command.reason, "" if turn.events else command.command_id)
    settle(turn)
    return turn.events


def settle(turn: Turn) -> None:
    """What follows from any change of a book: orders that waited for it, or another indicative price."""
    if turn.symbol.rules.matching is CONTINUOUS:
        _try_conditional(turn)
    refresh_indicative(turn)


def _try_conditional(turn: Turn) -> None:
    """Execute the orders whose condition the book now meets, who waited longest first.

    Each enters as if it came in now, so it takes the prices that stand in the book. They trade with the book,
    not with each other.
    """
    symbol = turn.symbol
    tried_all = False
    while not tried_all:
        tried_all = True
        for order in list(symbol.conditional.values()):
            if executable(symbol, order, order.price, turn.self_trade, order.required):
                execute(turn, order, order.price)
                tried_all = False
                break


def _first_standing(command: PlaceOrder, best_contra: int | None, continuous: bool) -> Standing:
    price = command.price
    has_condition = command.all_or_none or command.minimum_quantity
    if price is None:
        return INCOMING if continuous else Standing.UNPRICED
    if not continuous:
        return Standing.CONDITIONAL if has_condition else BOOK
    if has_condition or command.time_in_force is IOC or command.time_in_force is FOK:
        return INCOMING
    if best_contra is None or (price < best_contra if command.side is BID else price > best_contra):
        return BOOK
    return INCOMING


def _change(turn: Turn, order: Order, values: tuple[int | None, int, int | None], command_id: str) -> None:
    """Give an order another price, quantity and display quantity, and the place that these leave it."""
    symbol, (price, quantity, display) = turn.symbol, values
    leaves = order.leaves + quantity - order.quantity
    keeps = price == order.price and display == order.display and quantity < order.quantity
    standing, priority, visible = order.standing, order.priority, order.visible
    if keeps:
        visible = min(visible, leaves)
    else:
        priority = symbol.next_priority
        if standing is BOOK:
            visible = leaves if display is None else min(display, leaves)
            contra = symbol.asks if order.side is BID else symbol.bids
            if symbol.rules.matching is CONTINUOUS and crosses(order.side, price, contra.best_price):
                standing, priority, visible = INCOMING, 0, 0
    turn.emit(
        OrderAmended(
            turn.now,
            turn.code,
            order.number,
            order.side,
            price,
            quantity,
            display,
            leaves,
            visible,
            priority,
            standing,
            order.standing,
            order.party,
            command_id,
        )
    )


def _refuse_order(model: StandardModel, symbol: SymbolState, command: PlaceOrder) -> Refused | None:
    quantity = command.quantity
    settings = model.definition.settings
    if not 0 < quantity <= settings.quantity_max:
        return Refused(Reason.QUANTITY)
    if quantity % symbol.definition.lot_size:
        return Refused(Reason.QUANTITY_LOT, f"lots of {symbol.definition.lot_size}")
    if model.order_count >= settings.orders_max:
        return Refused(Reason.ORDERS_MAX, f"{settings.orders_max}")
    price = command.price
    if command.order_type is LIMIT:
        if price is None or not 0 < price <= settings.price_max:
            return Refused(Reason.PRICE)
        if symbol.ladder is not None or symbol.limits is not None:
            refusal = _refuse_price(symbol, price)
            if refusal is not None:
                return refusal
    elif price is not None:
        return Refused(Reason.PRICE)
    if command.time_in_force is DAY or command.time_in_force is GTC:
        plain = command.display_quantity is None and not command.minimum_quantity and not command.all_or_none
        if plain and command.expiry is None:
            return None
    return _refuse_terms(model, symbol, command)


def _refuse_terms(model: StandardModel, symbol: SymbolState, command: PlaceOrder) -> Refused | None:
    """What only orders with special terms need to be asked."""
    display, minimum = command.display_quantity, command.minimum_quantity
    at_once = command.time_in_force in (IOC, FOK)
    if display is not None and (not 0 < display <= command.quantity or command.order_type is not LIMIT):
        return Refused(Reason.DISPLAY_QUANTITY)
    if display is not None and display % symbol.definition.lot_size:
        return Refused(Reason.QUANTITY_LOT, _OF_PARTS.format(symbol.definition.lot_size))
    if not 0 <= minimum <= command.quantity:
        return Refused(Reason.MINIMUM_QUANTITY)
    if (minimum or command.all_or_none) and (
        display is not None or (command.order_type is not LIMIT and not at_once)
    ):
        return Refused(Reason.CONDITION)
    if at_once and symbol.rules.matching is not CONTINUOUS:
        return Refused(Reason.TIME_IN_FORCE)
    if (command.time_in_force is GTD) != (command.expiry is not None):
        return Refused(Reason.EXPIRY)
    today = model.trading_date
    if command.expiry is not None and today is not None:
        over = command.expiry <= today if model.day_ended else command.expiry < today
        if over:
            return Refused(Reason.EXPIRY)
    return None


def _refuse_price(symbol: SymbolState, price: int) -> Refused | None:
    """Why an order of the symbol may not have this price above zero; None if it may."""
    ladder = symbol.ladder
    if ladder is not None and not ladder.allows(price):
        return Refused(Reason.PRICE_STEP)
    limits = symbol.limits
    if limits is None:
        return None
    if (limits.low is not None and price < limits.low) or (limits.high is not None and price > limits.high):
        return Refused(Reason.PRICE_LIMIT)
    if limits.reference is not None and limits.basis_points is not None:
        reference = symbol.references.get(limits.reference)
        if reference is not None and abs(price - reference) * 10_000 > reference * limits.basis_points:
            return Refused(Reason.PRICE_LIMIT)
    return None


def _refuse_amendment(
    model: StandardModel, symbol: SymbolState, order: Order, command: AmendOrder
) -> Refused | None:
    price, quantity, display = command.price, command.quantity, command.display_quantity
    if price is not None:
        if order.price is None or not 0 < price <= model.definition.settings.price_max:
            return Refused(Reason.PRICE)
        refusal = _refuse_price(symbol, price)
        if refusal is not None:
            return refusal
    new_quantity = order.quantity if quantity is None else quantity
    if not order.executed < new_quantity <= model.definition.settings.quantity_max:
        return Refused(Reason.QUANTITY)
    if quantity is not None and quantity % symbol.definition.lot_size:
        return Refused(Reason.QUANTITY_LOT, f"lots of {symbol.definition.lot_size}")
    if order.minimum > new_quantity:
        return Refused(Reason.MINIMUM_QUANTITY)
    if display is not None:
        if order.price is None or not 0 < display <= new_quantity:
            return Refused(Reason.DISPLAY_QUANTITY)
        if display % symbol.definition.lot_size:
            return Refused(Reason.QUANTITY_LOT, _OF_PARTS.format(symbol.definition.lot_size))
        if order.all_or_none or order.minimum:
            return Refused(Reason.CONDITION)
    if price in (None, order.price) and new_quantity == order.quantity and display in (None, order.display):
        return Refused(Reason.NOTHING_TO_CHANGE)
    return None
