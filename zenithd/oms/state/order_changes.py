"""What updates of orders and trades do to the state. Pure."""

from __future__ import annotations

import heapq
from typing import TypeVar

from zenithd.oms.ledger import Booking, CashChange, booking_of, replace, taken_back, traded
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.events import ActionTaken, OrderChanged
from zenithd.oms.model.orders import (
    OrderState,
    OrderTrade,
    OrderTradeType,
    OrderUpdate,
    OrderUpdateReason,
    OrderUpdateType,
)
from zenithd.oms.model.updates import OrderExpired, OrderReplaced, OrderTraded, OrderUpdated
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.held import Held
from zenithd.oms.state.retention import forget_requests_of, note_removed
from zenithd.oms.state.trade_transactions import trade_transaction

Value = TypeVar("Value")


def order_updated(effects: Effects, update: OrderUpdated) -> None:
    """Action Update."""
    put_order(effects, update.order, update.update.previous_account)
    effects.events.append(ActionTaken(update))


def order_replaced(effects: Effects, update: OrderReplaced) -> None:
    """Action Replace."""
    put_order(effects, update.order)
    effects.events.append(ActionTaken(update))


def order_traded(effects: Effects, update: OrderTraded) -> None:
    """Action Trade: the order as it is now, and what a trade, correction or cancellation books.

    No trade is booked twice, however often it is told (Restate).
    """
    order, trade = update.order, update.trade
    known = effects.state.booking(effects.state.order_before(order, update.update.previous_account), trade)
    order = put_order(effects, order, update.update.previous_account)
    effects.events.append(ActionTaken(update))
    if known is None:
        if trade.type is not OrderTradeType.CANCEL:
            _book(effects, order, trade)
    elif trade.type is not OrderTradeType.TRADE and not known.is_cancelled:
        _change_trade(effects, order, known, trade)


def order_expired(effects: Effects, update: OrderExpired) -> None:
    """The order is removed."""
    order = effects.state.order(update.account, update.order_id)
    if order is not None:
        drop_order(effects, order)


def put_order(effects: Effects, order: OrderState, previous_account: Account | None = None) -> OrderState:
    """The order is so now: held, reserved for and told. Returned as it is held.

    What it executed before a move stays with the account that it was booked on. One that is to be removed at
    once is told and gone.
    """
    state = effects.state
    before = state.order_before(order, previous_account)
    needed = state.reserved_by(before) if before is not None else ZERO
    order = _dated(order, before, effects.time)
    moved = before.account if before is not None and before.account != order.account else None
    if order.remove_after == 0:
        effects.reserve(before, needed, None)
        if before is not None:
            _unhold(state, before)
        note_removed(state, order.account, order.order_id)
        effects.events.append(OrderChanged(order, removed=True, previous=moved))
        return order
    if moved is not None and before is not None:
        _carry_over(state, before, order)
    state.orders.setdefault(order.account, {})[order.order_id] = order
    _pop(state.removed, order.account, order.order_id)
    _note_removal(state, before, order)
    effects.reserve(before, needed, order)
    effects.events.append(OrderChanged(order, previous=moved))
    return order


def drop_order(effects: Effects, order: OrderState) -> None:
    """A held order is gone, with its reserve and its trades; what they booked stays."""
    effects.reserve(order, effects.state.reserved_by(order), None)
    _unhold(effects.state, order)
    effects.events.append(OrderChanged(order, removed=True))


def restated(order: OrderState, transform_id: str, previous_account: Account | None = None) -> OrderUpdated:
    """The order as a transform made it, as an action."""
    return OrderUpdated(
        order=order,
        update=OrderUpdate(
            reason=OrderUpdateReason.RESTATED,
            update_id=transform_id,
            type=OrderUpdateType.RESTATE,
            previous_account=previous_account,
        ),
    )


def _dated(order: OrderState, before: OrderState | None, time: int) -> OrderState:
    """With the times that its source left to us."""
    created = order.created or (before.created if before is not None else 0) or time
    timestamp = order.timestamp or time
    if created == order.created and timestamp == order.timestamp:
        return order
    return replace(order, created=created, timestamp=timestamp)


def _note_removal(state: Held, before: OrderState | None, order: OrderState) -> None:
    time = order.remove_after
    if time is None:
        return
    if before is None or before.remove_after != time or before.account != order.account:
        heapq.heappush(state.removals, (time, order.account, order.order_id))


def _carry_over(state: Held, before: OrderState, order: OrderState) -> None:
    """Take what belongs to an order to its new account."""
    old, new, order_id = before.account, order.account, order.order_id
    _pop(state.orders, old, order_id)
    note_removed(state, old, order_id)
    trades = _pop(state.trades, old, order_id)
    if trades:
        state.trades.setdefault(new, {})[order_id] = trades
    requests = state.requests_of_order.pop((old, order_id), None)
    if requests:
        state.requests_of_order.setdefault((new, order_id), {}).update(requests)


def _unhold(state: Held, order: OrderState) -> None:
    _pop(state.orders, order.account, order.order_id)
    _pop(state.trades, order.account, order.order_id)
    forget_requests_of(state, order.account, order.order_id)
    note_removed(state, order.account, order.order_id)


def _pop(by_account: dict[Account, dict[str, Value]], account: Account, key: str) -> Value | None:
    """Take an entry out, and the account's dictionary when it was the last."""
    held = by_account.get(account)
    if held is None:
        return None
    value = held.pop(key, None)
    if not held:
        del by_account[account]
    return value


def _book(effects: Effects, order: OrderState, trade: OrderTrade) -> None:
    state = effects.state
    position = state.holding(order.account, order.exchange, order.code)
    booking = booking_of(order, trade, position)
    effects.put_assets(traded(position, booking))
    effects.change_cash(booking.account, booking.currency, CashChange(unbooked=booking.money))
    _keep(state, order, booking)
    effects.tell_transaction(trade_transaction(effects, order, booking))


def _change_trade(effects: Effects, order: OrderState, known: Booking, trade: OrderTrade) -> None:
    """Take the trade back; for a correction book it again with its new figures, where it was booked."""
    state = effects.state
    position = taken_back(state.holding(known.account, known.exchange, known.code), known)
    change = -known.money
    effects.tell_transaction(trade_transaction(effects, order, known, trade.type, taken_back=True))
    booking = replace(known, is_cancelled=True)
    if trade.type is OrderTradeType.CORRECTION:
        booking = replace(
            known,
            trade=trade,
            average_before=position.average_price,
            currency_before=position.currency,
        )
        position = traded(position, booking)
        change += booking.money
        effects.tell_transaction(trade_transaction(effects, order, booking, trade.type))
    effects.put_assets(position)
    effects.change_cash(known.account, known.currency, CashChange(unbooked=change))
    _keep(state, order, booking)


def _keep(state: Held, order: OrderState, booking: Booking) -> None:
    """For as long as its order is held."""
    if order.remove_after != 0:
        trades = state.trades.setdefault(order.account, {}).setdefault(order.order_id, {})
        trades[booking.trade.trade_id] = booking
