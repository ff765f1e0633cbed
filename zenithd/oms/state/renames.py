"""A symbol or a currency has another code. Pure.

What is held goes to the new code with what is reserved of it, and adds to what is there; of the requests only
queued ones follow, those in flight are with their exchange.
"""

from __future__ import annotations

from collections.abc import Callable

from zenithd.oms.ledger import Booking, merged, merged_cash, replace
from zenithd.oms.model.events import ActionTaken, OrderChanged, RequestChanged
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestBody,
    RequestStatus,
)
from zenithd.oms.model.transforms import CurrencyRename, SymbolRename
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.held import Held
from zenithd.oms.state.order_changes import restated


def rename_symbol(effects: Effects, transform: SymbolRename) -> None:
    """Operation Transform RENAME_SYMBOL; the exchange stays."""
    exchange, old, new = transform.exchange, transform.code, transform.new_code
    if old == new:
        return

    def renamed_order(order: OrderState) -> OrderState | None:
        return replace(order, code=new) if (order.exchange, order.code) == (exchange, old) else None

    def renamed_booking(booking: Booking) -> Booking | None:
        return replace(booking, code=new) if (booking.exchange, booking.code) == (exchange, old) else None

    def renamed_body(body: RequestBody) -> RequestBody | None:
        if not isinstance(body, OrderNew | OrderAmend | OrderCancel | OrderMove):
            return None
        return replace(body, code=new) if (body.exchange, body.code) == (exchange, old) else None

    for symbols in list(effects.state.assets.values()):
        position = symbols.get((exchange, old))
        if position is not None:
            effects.drop_assets(position)
            effects.put_assets(merged(effects.state.holding(position.account, exchange, new), position))
    _rename_orders(effects, renamed_order, transform.transform_id)
    _rename_bookings(effects.state, renamed_booking)
    _rename_queued(effects, renamed_body)


def rename_currency(effects: Effects, transform: CurrencyRename) -> None:
    """Operation Transform RENAME_CURRENCY: also that of average prices."""
    old, new = transform.code, transform.new_code
    if old == new:
        return

    def renamed_order(order: OrderState) -> OrderState | None:
        return replace(order, currency=new) if order.currency == old else None

    def renamed_booking(booking: Booking) -> Booking | None:
        if old not in (booking.currency, booking.currency_before):
            return None
        return replace(
            booking,
            currency=new if booking.currency == old else booking.currency,
            currency_before=new if booking.currency_before == old else booking.currency_before,
        )

    def renamed_body(body: RequestBody) -> RequestBody | None:
        is_it = isinstance(body, ClientCashTransfer) and body.currency == old
        return replace(body, currency=new) if is_it else None

    for currencies in list(effects.state.cash.values()):
        cash = currencies.get(old)
        if cash is not None:
            effects.drop_cash(cash)
            effects.put_cash(merged_cash(effects.state.balance(cash.account, new), cash))
    for symbols in list(effects.state.assets.values()):
        for position in list(symbols.values()):
            if position.currency == old:
                effects.put_assets(replace(position, currency=new))
    _rename_orders(effects, renamed_order, transform.transform_id)
    _rename_bookings(effects.state, renamed_booking)
    _rename_queued(effects, renamed_body)


def _rename_orders(
    effects: Effects, rename: Callable[[OrderState], OrderState | None], transform_id: str
) -> None:
    """What they reserve has gone with the positions already."""
    for orders in effects.state.orders.values():
        for order_id, order in orders.items():
            after = rename(order)
            if after is not None:
                orders[order_id] = after
                effects.events.append(OrderChanged(after))
                effects.events.append(ActionTaken(restated(after, transform_id)))


def _rename_bookings(state: Held, rename: Callable[[Booking], Booking | None]) -> None:
    for by_order in state.trades.values():
        for bookings in by_order.values():
            for trade_id, booking in bookings.items():
                bookings[trade_id] = rename(booking) or booking


def _rename_queued(effects: Effects, rename: Callable[[RequestBody], RequestBody | None]) -> None:
    for requests in effects.state.requests.values():
        for request_id, before in requests.items():
            if before.status is not RequestStatus.QUEUED:
                continue
            body = rename(before.request.body)
            if body is not None:
                after = replace(before, request=replace(before.request, body=body), timestamp=effects.time)
                requests[request_id] = after
                effects.events.append(RequestChanged(after))
