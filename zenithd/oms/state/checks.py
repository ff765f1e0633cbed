"""Which updates the rules refuse, and why. Pure.

Refused is what would make the books wrong: numbers that are none, names that are missing, trades that are
known already or not at all. Whatever an exchange says happened is otherwise taken as it is, also what is
unusual (an order that executed more than was asked for).

These rules may become laxer, never stricter without a new kind of update: what was kept must stay applicable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderState, OrderTrade, OrderTradeType, OrderUpdate, OrderUpdateType
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientQueueReplace,
    OrderAmend,
    OrderCancel,
    OrderNew,
    RequestBody,
)
from zenithd.oms.model.transactions import SettlementStatus, TransactionDetails
from zenithd.oms.model.transforms import (
    AccountRename,
    CurrencyRename,
    OwnerRename,
    SymbolRename,
)
from zenithd.oms.numbers import DIGITS_MAX, PLACES_MAX, is_sound
from zenithd.oms.state.held import Held

Reason = str | None


def check(update: u.AnyUpdate, state: Held) -> Reason:
    """Why the update cannot be applied now, as "Field: what is wrong with it"; None if it can."""
    rule = _RULES.get(update.__class__)
    return rule(update, state) if rule is not None else None


def _order_updated(update: u.OrderUpdated, state: Held) -> Reason:
    order, previous_account = update.order, update.update.previous_account
    before = state.order_before(order, previous_account)
    return (
        _moved(order, previous_account, state)
        or _order(order, before)
        or _all_sound("Update.Values", update.update.values)
        or _said_again(order, update.update, before, state)
    )


def _order_replaced(update: u.OrderReplaced, state: Held) -> Reason:
    return _order(update.order, state.order(update.order.account, update.order.order_id))


def _moved(order: OrderState, previous_account: Account | None, state: Held) -> Reason:
    if previous_account is None or previous_account == order.account:
        return None
    if state.order(order.account, order.order_id) is None:
        return None
    if state.order(previous_account, order.order_id) is None:
        return None  # said again: it is where it was to go
    return f"Order.OrderID: {order.account} has another order {order.order_id}"


def _said_again(order: OrderState, said: OrderUpdate, before: OrderState | None, state: Held) -> Reason:
    """Of an order that was removed nothing is news; what it traded would be booked a second time."""
    if said.type is not OrderUpdateType.RESTATE or before is not None:
        return None
    if order.order_id in state.removed.get(order.account, ()):
        return f"Order.OrderID: {order.order_id} was removed"
    return None


def _order(order: OrderState, before: OrderState | None) -> Reason:
    if not (order.order_id and order.account.account_id and order.code and order.exchange and order.currency):
        return _missing(
            {
                "Order.OrderID": order.order_id,
                "Order.AccountID": order.account.account_id,
                "Order.Code": order.code,
                "Order.Exchange": order.exchange,
                "Order.Currency": order.currency,
            }
        )
    if before is not None:
        if before.side is not order.side:
            return f"Order.Side: it was {before.side.value}"
        if before.exchange != order.exchange:
            return f"Order.Exchange: it was {before.exchange}"
        if before.currency != order.currency:
            return f"Order.Currency: it was {before.currency}"
    return (
        _not_negative("Order.Quantity", order.quantity)
        or _not_negative("Order.ExecutedQuantity", order.executed_quantity)
        or (_not_negative("Order.Price", order.price) if order.price is not None else None)
        or _sound("Order.ExecutedValue", order.executed_value)
        or (_all_sound("Order.AdditionalFunds", order.additional_funds) if order.additional_funds else None)
        or (_values_of(order) if order.values else None)
        or _all_sound("Order.ExecutedAdditionalFunds", order.executed_additional_funds)
        or (_not_negative_time("Order.RemoveAfter", order.remove_after))
    )


def _values_of(order: OrderState) -> Reason:
    for name, value in order.values.items():
        reason = _not_negative(f"Order.Values.{name}", value)
        if reason is not None:
            return reason
    return None


def _order_traded(update: u.OrderTraded, state: Held) -> Reason:
    order, trade = update.order, update.trade
    before = state.order_before(order, update.update.previous_account)
    reason = _moved(order, update.update.previous_account, state) or _order(order, before) or _trade(trade)
    if reason is not None:
        return reason
    reason = _all_sound("Update.Values", update.update.values)
    reason = reason or _said_again(order, update.update, before, state)
    if reason is not None:
        return reason
    known = state.booking(before, trade)
    if update.update.type is OrderUpdateType.RESTATE:
        return None  # said again, or news that was missed: booked once
    if trade.type is OrderTradeType.TRADE:
        return f"Trade.TradeID: {trade.trade_id} is booked already" if known is not None else None
    if known is None:
        return f"Trade.TradeID: {trade.trade_id} is no trade of this order"
    return f"Trade.TradeID: {trade.trade_id} is cancelled" if known.is_cancelled else None


def _trade(trade: OrderTrade) -> Reason:
    if not trade.trade_id:
        return "Trade.TradeID: required"
    cancels = trade.type is OrderTradeType.CANCEL  # its figures do not matter
    return (
        (_not_negative if cancels else _positive)("Trade.Price", trade.price)
        or (_not_negative if cancels else _positive)("Trade.Quantity", trade.quantity)
        or _all_sound("Trade.AdditionalFunds", trade.additional_funds)
    )


def _order_expired(update: u.OrderExpired, state: Held) -> Reason:
    if state.order(update.account, update.order_id) is None:
        return f"OrderID: {update.account} has no order {update.order_id}"
    return None


def _cash_transferred(update: u.CashTransferred, state: Held) -> Reason:
    transfer = update.transfer
    reason = (
        _transaction(update.transaction)
        or _named("Transfer.Currency", transfer.currency)
        or _sound("Transfer.Value", transfer.value)
        or _all_sound("Transfer.AdditionalFunds", transfer.additional_funds)
        or _pool("Transfer", transfer.pool, transfer.settlement)
    )
    if reason is None and transfer.pool is not None and transfer.additional_funds:
        return "Transfer.AdditionalFunds: a pool has none"
    return reason


def _pool(what: str, pool: str | None, settlement: SettlementStatus) -> Reason:
    if pool is None:
        return None
    if not pool:
        return f"{what}.Pool: a name is required; leave it out for the balance"
    if settlement in (SettlementStatus.SETTLE, SettlementStatus.REVERSE):
        return f"{what}.Settlement: a pool knows no {settlement.value}"
    return None


def _asset_transferred(update: u.AssetTransferred, state: Held) -> Reason:
    transfer = update.transfer
    return (
        _transaction(update.transaction)
        or _named("Transfer.Code", transfer.code)
        or _named("Transfer.Exchange", transfer.exchange)
        or _sound("Transfer.Value", transfer.value)
    )


def _adjusted(update: u.Adjusted, state: Held) -> Reason:
    cash, asset = update.cash, update.asset
    if cash is None and asset is None:
        return "Cash: an adjustment needs cash, an asset or both"
    reason = _transaction(update.transaction)
    if reason is None and cash is not None:
        reason = (
            _named("Cash.Currency", cash.currency)
            or _sound("Cash.Value", cash.value)
            or _pool("Cash", cash.pool, cash.settlement)
        )
    if reason is None and asset is not None:
        reason = (
            _named("Asset.Code", asset.code)
            or _named("Asset.Exchange", asset.exchange)
            or _sound("Asset.Value", asset.value)
        )
    return reason


def _transaction(details: TransactionDetails) -> Reason:
    return (
        _named("Transaction.TransactionID", details.transaction_id)
        or _named("Transaction.AccountID", details.account.account_id)
        or _all_sound("Transaction.Values", details.values)
    )


def _requested(update: u.Requested, state: Held) -> Reason:
    request = update.request
    if not request.request_id:
        return "Request.RequestID: required"
    if not request.account.account_id:
        return "Request.AccountID: required"
    if state.digest_of(request.account, request.request_id) is not None:
        return f"Request.RequestID: {request.request_id} was used already"
    body = request.body
    if isinstance(body, ClientQueueReplace):
        if state.request(request.account, body.request_id) is None:
            return f"Request.Body.RequestID: {body.request_id} is no active request"
        body = body.body
    return (
        _numbers_of(body)
        or _all_sound("Request.Values", request.values)
        or (_not_negative("ReservePrice", update.reserve_price) if update.reserve_price is not None else None)
        or _all_sound("AdditionalFunds", update.additional_funds)
    )


def _numbers_of(body: RequestBody) -> Reason:
    match body:
        case OrderNew() | OrderAmend():
            reason = _not_negative("Request.Quantity", body.quantity)
            if reason is None and body.price is not None:
                reason = _not_negative("Request.Price", body.price)
            return reason
        case OrderCancel():
            return _sound("Request.Quantity", body.quantity)
        case ClientCashTransfer():
            return _sound("Request.Value", body.value)
        case _:
            return None


def _request_updated(update: u.RequestUpdated, state: Held) -> Reason:
    change = update.update
    if state.request(change.account, change.request_id) is None:
        return f"Update.RequestID: {change.account} has no active request {change.request_id}"
    return None


def _transformed(update: u.Transformed, state: Held) -> Reason:
    transform = update.transform
    match transform:
        case SymbolRename() | CurrencyRename():
            return _named("Transform.Code", transform.code) or _named("Transform.NewCode", transform.new_code)
        case AccountRename():
            if transform.account != transform.new_account and state.knows(transform.new_account):
                return f"Transform.NewAccount: {transform.new_account} exists"
            return _named("Transform.NewAccount", transform.new_account.account_id)
        case OwnerRename():
            return _owner_rename(transform, state)
        case _:
            return _named("Transform.OrderStatus", transform.order_status)


def _owner_rename(transform: OwnerRename, state: Held) -> Reason:
    if transform.owner_id == transform.new_owner_id:
        return None
    for account in state.accounts_of(transform.owner_id):
        renamed = type(account)(owner_id=transform.new_owner_id, account_id=account.account_id)
        if state.knows(renamed):
            return f"Transform.NewOwnerID: {renamed} exists"
    return None


def _owner_defined(update: u.OwnerDefined, state: Held) -> Reason:
    return _named("Details.OwnerID", update.details.owner_id)


def _account_defined(update: u.AccountDefined, state: Held) -> Reason:
    return _named("Details.AccountID", update.details.account.account_id)


def _exchange_defined(update: u.ExchangeDefined, state: Held) -> Reason:
    return _named("Details.Exchange", update.details.exchange)


def _request_status_defined(update: u.RequestStatusDefined, state: Held) -> Reason:
    return _named("Details.Code", update.details.code)


def _feed_changed(update: u.FeedChanged, state: Held) -> Reason:
    return _named("Details.FeedID", update.details.feed_id)


_RULES: Mapping[type, Callable[[Any, Held], Reason]] = {
    u.OrderUpdated: _order_updated,
    u.OrderReplaced: _order_replaced,
    u.OrderTraded: _order_traded,
    u.OrderExpired: _order_expired,
    u.CashTransferred: _cash_transferred,
    u.AssetTransferred: _asset_transferred,
    u.Adjusted: _adjusted,
    u.Requested: _requested,
    u.RequestUpdated: _request_updated,
    u.Transformed: _transformed,
    u.OwnerDefined: _owner_defined,
    u.AccountDefined: _account_defined,
    u.ExchangeDefined: _exchange_defined,
    u.RequestStatusDefined: _request_status_defined,
    u.FeedChanged: _feed_changed,
}
"""What is not here changes nothing where it matches nothing, and so is never refused."""


def _missing(fields: Mapping[str, str]) -> str:
    return next(f"{name}: required" for name, value in fields.items() if not value)


def _named(name: str, value: str) -> Reason:
    return None if value else f"{name}: required"


def _sound(name: str, value: Decimal) -> Reason:
    if is_sound(value):
        return None
    return f"{name}: not a number of at most {DIGITS_MAX} digits before the point and {PLACES_MAX} after it"


def _not_negative(name: str, value: Decimal) -> Reason:
    reason = _sound(name, value)
    return f"{name}: must not be negative" if reason is None and value < 0 else reason


def _positive(name: str, value: Decimal) -> Reason:
    reason = _sound(name, value)
    return f"{name}: must be positive" if reason is None and value <= 0 else reason


def _all_sound(name: str, values: Mapping[str, Decimal]) -> Reason:
    for key, value in values.items():
        reason = _sound(f"{name}.{key}", value)
        if reason is not None:
            return reason
    return None


def _not_negative_time(name: str, time: int | None) -> Reason:
    return f"{name}: must not be negative" if time is not None and time < 0 else None
