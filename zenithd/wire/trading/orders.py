"""Orders, their requests and the results of requests, for the wire (zenith-websocket 3.5.4 to 3.5.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from zenithd.oms.lifecycle import ORDER_HELD, ORDER_QUEUED
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import (
    ClientRequestState,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
)
from zenithd.oms.reserves import RESERVE_PRICE
from zenithd.oms.words import DEPTH_ORDER_ID
from zenithd.wire.dates import UTC_FORMATTER
from zenithd.wire.numbers import number
from zenithd.wire.trading.details import condition_payload, details_payload, route_payload

Payload = dict[str, Any]

NOT_ROUTED: Final = frozenset({ORDER_QUEUED, ORDER_HELD})
"""Statuses of orders that have not been given to a trading market, even if they name one."""

REQUEST_TYPES: Final = {OrderNew: "Place", OrderAmend: "Amend", OrderCancel: "Cancel", OrderMove: "Amend"}
"""Request.Type has no word for a move (3.5.7)."""


def order_payload(order: OrderState) -> Payload:
    """The full Order; what it does not have is left out."""
    payload: Payload = {
        "ID": order.order_id,
        "Account": str(order.account),
        "Status": order.status,
        "Currency": order.currency,
        "EstimatedValue": number(estimated_value(order)),
        "CurrentValue": number(order.executed_value),
        "CreatedDate": UTC_FORMATTER.format(order.created),
        "UpdatedDate": UTC_FORMATTER.format(order.timestamp),
        "Style": "Market",
        "Details": details_payload(order),
        "Route": route_payload(order),
        "ExecutedQuantity": number(order.executed_quantity),
    }
    if order.external_id:
        payload["ExternalID"] = order.external_id
    if depth := order.properties.get(DEPTH_ORDER_ID):
        payload["DepthOrderID"] = depth
    if order.ex_destination and order.status not in NOT_ROUTED:
        payload["Exchange"] = order.exchange
        payload["TradingMarket"] = order.ex_destination
    if order.additional_funds:
        payload["EstimatedFees"] = fees_payload(order.additional_funds)
    if order.executed_additional_funds:
        payload["CurrentFees"] = fees_payload(order.executed_additional_funds)
    if order.executed_quantity:
        payload["AveragePrice"] = number(order.executed_value / order.executed_quantity)
    condition = condition_payload(order.properties)
    if condition is not None:
        payload["Condition"] = condition
    return payload


def estimated_value(order: OrderState) -> Decimal:
    """Consideration of the whole order without fees: what is executed, and the rest at its price."""
    price = order.price if order.price is not None else order.values.get(RESERVE_PRICE, ZERO)
    return order.executed_value + max(order.quantity - order.executed_quantity, ZERO) * price


def fees_payload(fees: Mapping[str, Decimal]) -> Payload:
    """Fees by name."""
    return {name: number(amount) for name, amount in fees.items()}


def result_payload(
    result: str,
    request_id: str,
    *,
    errors: Iterable[str] = (),
    order: OrderState | None = None,
    fees: Mapping[str, Decimal] | None = None,
    value: Decimal | None = None,
) -> Payload:
    """OrderResult."""
    payload: Payload = {"Result": result, "RequestID": request_id}
    if order is not None:
        payload["Order"] = order_payload(order)
    if listed := list(errors):
        payload["Errors"] = listed
    if fees:
        payload["EstimatedFees"] = fees_payload(fees)
    if value is not None:
        payload["EstimatedValue"] = number(value)
    return payload


def request_payload(state: ClientRequestState, order: OrderState | None) -> Payload | None:
    """A Request, with the details of the order that it brought or concerns; None if it is about none.

    `order`: as the request would have it.
    """
    request = state.request
    kind = REQUEST_TYPES.get(type(request.body))
    if kind is None or order is None:
        return None
    payload: Payload = {
        "ID": request.request_id,
        "Account": str(request.account),
        "OrderID": state.order_id,
        "Type": kind,
        "CreatedDate": UTC_FORMATTER.format(request.timestamp),
        "UpdatedDate": UTC_FORMATTER.format(state.timestamp or request.timestamp),
        "Status": state.status.value,
        "Details": details_payload(order),
        "Route": route_payload(order),
    }
    condition = condition_payload(order.properties)
    if condition is not None:
        payload["Condition"] = condition
    return payload
