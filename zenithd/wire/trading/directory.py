"""Statuses and trading markets for the wire (zenith-websocket 3.5.7; platform D.4)."""

from __future__ import annotations

from typing import Any

from zenithd.oms.model.directory import ExchangeDetails, OrderStatusDetails, RequestStatusDetails

Payload = dict[str, Any]


def order_status_payload(status: OrderStatusDetails, exchange: str) -> Payload:
    """OrderStatus. An empty exchange: of orders that are not routed yet."""
    allowed = {
        "Trade": status.can_trade,
        "Amend": status.can_amend,
        "Move": status.can_move,
        "Cancel": status.can_cancel,
    }
    payload: Payload = {"Code": status.code, "Allows": _flags(allowed), "Reason": _reason(status)}
    if exchange:
        payload["Exchange"] = exchange
    return payload


def request_status_payload(status: RequestStatusDetails) -> Payload:
    """RequestStatus."""
    allowed = {"Amend": status.can_amend, "Cancel": status.can_cancel}
    return {"Code": status.code, "Allows": _flags(allowed), "Reason": _reason(status)}


def _flags(allowed: dict[str, bool]) -> str:
    """Join the names of what is so: `All` or `None` where it is all or nothing."""
    names = [name for name, is_so in allowed.items() if is_so]
    if not names:
        return "None"
    return "All" if len(names) == len(allowed) else ", ".join(names)


def _reason(status: OrderStatusDetails | RequestStatusDetails) -> str:
    names = ["Normal" if status.is_normal else "Abnormal"]
    if status.is_manual:
        names.append("Manual")
    if status.is_transition:
        names.append("Waiting")
    if status.is_completed:
        names.append("Completed")
    return ", ".join(names)


def trading_market_payloads(exchange: ExchangeDetails) -> list[Payload]:
    """TradingMarket of every destination."""
    payloads = []
    for destination in exchange.destinations:
        payload: Payload = {
            "Code": destination.ex_destination,
            "Exchange": exchange.exchange,
            "IsLit": destination.is_lit,
        }
        if destination.lit_source:
            payload["BestSource"] = destination.lit_source
        if destination.metadata:
            payload["Attributes"] = dict(destination.metadata)
        payloads.append(payload)
    return payloads
