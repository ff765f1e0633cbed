"""A state to play with: updates in few words, and what they came to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import (
    ActionTaken,
    BalanceChanged,
    HoldingChanged,
    OrderChanged,
    RequestChanged,
    TransactionMade,
    ViewEvent,
)
from zenithd.oms.model.orders import (
    OrderState,
    OrderTrade,
    OrderTradeType,
    OrderType,
    OrderUpdate,
    OrderUpdateReason,
    OrderUpdateType,
    Side,
)
from zenithd.oms.model.requests import (
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderNew,
    RequestBody,
    RequestStatus,
)
from zenithd.oms.model.transactions import CashTransfer, TransactionDetails
from zenithd.oms.state import Limits, OmsState

A = Account(owner_id="XS", account_id="0001")
B = Account(owner_id="XS", account_id="0002")

COLUMNS = {
    OrderChanged: "orders",
    ActionTaken: "updates",
    BalanceChanged: "balances",
    HoldingChanged: "holdings",
    RequestChanged: "requests",
    TransactionMade: "transactions",
}
"""The columns of the accounting table."""


def decimals(values: dict[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(str(value)) for name, value in values.items()}


def number(value: Any) -> Any:
    return value if value is None else Decimal(str(value))


def order(
    quantity: Any = 100,
    price: Any = 10,
    *,
    side: Side = Side.BUY,
    order_id: str = "o",
    account: Account = A,
    funds: dict[str, Any] | None = None,
    **more: Any,
) -> OrderState:
    return OrderState(
        order_id=order_id,
        account=account,
        code=more.pop("code", "BHP"),
        exchange="XSX",
        currency=more.pop("currency", "AUD"),
        side=side,
        order_type=OrderType.LIMIT if price is not None else OrderType.MARKET,
        quantity=number(quantity),
        price=number(price),
        additional_funds=decimals(funds or {}),
        **more,
    )


def updated(
    order: OrderState,
    previous_account: Account | None = None,
    reason: OrderUpdateReason = OrderUpdateReason.NEW,
) -> u.OrderUpdated:
    return u.OrderUpdated(order=order, update=OrderUpdate(reason=reason, previous_account=previous_account))


def traded(
    order: OrderState,
    quantity: Any,
    price: Any,
    *,
    trade_id: str = "t",
    type: OrderTradeType = OrderTradeType.TRADE,
    said: OrderUpdateType = OrderUpdateType.UPDATE,
    funds: dict[str, Any] | None = None,
) -> u.OrderTraded:
    """The order is as it is after the trade."""
    trade = OrderTrade(
        trade_id=trade_id,
        price=number(price),
        quantity=number(quantity),
        type=type,
        additional_funds=decimals(funds or {}),
    )
    update = OrderUpdate(reason=OrderUpdateReason.TRADE, type=said)
    return u.OrderTraded(order=order, update=update, trade=trade)


def executed(order: OrderState, quantity: Any, **more: Any) -> OrderState:
    """The order once so much of it is executed."""
    done = number(quantity)
    return msgspec.structs.replace(
        order, executed_quantity=done, is_completed=more.pop("is_completed", done == order.quantity), **more
    )


def deposit(value: Any, *, account: Account = A, **more: Any) -> u.CashTransferred:
    funds = decimals(more.pop("funds", {}))
    return u.CashTransferred(
        transaction=TransactionDetails(transaction_id=more.pop("id", "d"), account=account),
        transfer=CashTransfer(currency="AUD", value=number(value), additional_funds=funds, **more),
    )


def requested(body: RequestBody, request_id: str = "r", **more: Any) -> u.Requested:
    order_id = more.pop("order_id", "")
    estimates = {name: more.pop(name) for name in ("reserve_price", "additional_funds") if name in more}
    request = ClientRequest(request_id=request_id, account=more.pop("account", A), body=body, **more)
    return u.Requested(request=request, order_id=order_id, **estimates)


def placing(quantity: Any = 100, price: Any = 10) -> OrderNew:
    return OrderNew(
        code="BHP",
        exchange="XSX",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=number(quantity),
        price=number(price),
    )


def amending(quantity: Any, price: Any, order_id: str = "o", side: Side = Side.BUY) -> OrderAmend:
    return OrderAmend(
        order_id=order_id,
        code="BHP",
        exchange="XSX",
        side=side,
        order_type=OrderType.LIMIT,
        quantity=number(quantity),
        price=number(price),
    )


def answered(
    status: RequestStatus, request_id: str = "r", account: Account = A, **more: Any
) -> u.RequestUpdated:
    return u.RequestUpdated(
        update=ClientRequestUpdate(request_id=request_id, account=account, status=status, **more)
    )


class Books:
    """A state, one nanosecond older with each update."""

    def __init__(self, *updates: u.AnyUpdate, limits: Limits | None = None) -> None:
        self.state = OmsState(limits)
        self.kept: list[u.Kept] = []
        self.apply(*updates)

    def apply(self, *updates: u.AnyUpdate) -> list[ViewEvent]:
        """Returns what the last of them told."""
        events: list[ViewEvent] = []
        for update in updates:
            self.kept.append(u.Kept(time=self.state.time + 1, update=update))
            events = self.state.apply(self.kept[-1])
        return events

    def told(self, *updates: u.AnyUpdate) -> set[str]:
        """The columns of the views that the last of them told."""
        return {COLUMNS[type(event)] for event in self.apply(*updates)}

    def cash(self, account: Account = A, currency: str = "AUD") -> dict[str, Any]:
        """As the accounting table names it: B, U, R, M, and pools; what is nothing is left out."""
        held = self.state.balance(account, currency)
        parts = {
            "B": held.balance,
            "U": held.unbooked_transactions,
            "R": held.unfilled_buys,
            "M": held.margin,
            **held.values,
        }
        return {name: value for name, value in parts.items() if value}

    def assets(self, account: Account = A, code: str = "BHP") -> dict[str, Any]:
        """Q, S and the average price; what is nothing is left out."""
        held = self.state.holding(account, "XSX", code)
        parts = {"Q": held.quantity, "S": held.unfilled_sells, "average": held.average_price}
        return {name: value for name, value in parts.items() if value}
