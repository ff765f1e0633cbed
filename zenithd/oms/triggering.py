"""Prices come in: stops trail, and orders whose condition is met go to their exchange, once. Pure.

An order that is sent is no longer `Held`, and that is kept in the same record: the next price, a restart or a
replay finds nothing to send.
"""

from __future__ import annotations

from zenithd.oms.commands import Outcome, Prices
from zenithd.oms.conditions import condition_of, with_stop
from zenithd.oms.lifecycle import ORDER_HELD
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderState, OrderUpdateReason
from zenithd.oms.model.requests import ClientRequestState, OrderNew
from zenithd.oms.placing import send
from zenithd.oms.proposing import priced
from zenithd.oms.reference import MarketView
from zenithd.oms.turn import Turn
from zenithd.oms.words import CONDITION_STOP


def move_prices(turn: Turn, command: Prices, held: list[tuple[Account, str]]) -> Outcome:
    """Let prices act on the held orders of their symbol, the oldest first."""
    for account, order_id in held:
        order = turn.order(account, order_id)
        if order is None or order.status != ORDER_HELD:
            continue
        if order.ex_destination in ("", command.ex_destination):
            _move(turn, order, command)
    return turn.accepted()


def new_request_of(turn: Turn, order: OrderState) -> ClientRequestState | None:
    """The request that is to bring an order to its exchange."""
    for state in turn.requests_of(order.account, order.order_id):
        if isinstance(state.request.body, OrderNew):
            return state
    return None


def _move(turn: Turn, order: OrderState, prices: Prices) -> None:
    condition, state = condition_of(order), new_request_of(turn, order)
    if condition is None or state is None:
        return
    price, stop = condition.price_of(prices), order.values[CONDITION_STOP]
    if price is None:
        return
    if condition.is_met(stop, price):
        send(turn, state, order)
        return
    if not condition.trails:
        return
    nearer = condition.trailed(stop, price)
    symbol = turn.reference.symbol(order.exchange, order.code)
    if nearer == stop or symbol is None:
        return
    trailed = with_stop(order, condition, nearer, symbol)
    if trailed is None:
        return
    view = MarketView(last_or_close=prices.last, best_bid=prices.best_bid, best_ask=prices.best_ask)
    if trailed.price is not None:
        trailed = priced(turn, trailed, view) or trailed
    turn.put_order(trailed, OrderUpdateReason.STATUS)
