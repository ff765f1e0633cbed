"""What a subscriber of all its accounts, or of one, is told at first and when something changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from zenithd.controllers.trading.desk import TradingDesk
from zenithd.domain.market_data import FeedStatus
from zenithd.oms.model.accounts import Account, AssetPosition
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import ClientRequestState, OrderAmend, OrderMove
from zenithd.oms.state import OmsState
from zenithd.oms.words import amended_properties
from zenithd.wire.trading.orders import order_payload, request_payload
from zenithd.wire.trading.positions import (
    account_payload,
    balance_payloads,
    balances_cleared,
    holding_payload,
)

Payload = dict[str, Any]


class Holder(Protocol):
    """Whoever has a state."""

    @property
    def state(self) -> OmsState:
        """Only to be read."""
        ...


class _NothingKept:
    """A desk without anything: what an account's records are while they must not be told."""

    def __init__(self) -> None:
        self.state = OmsState()


NOTHING_KEPT = _NothingKept()

Records = Callable[[Holder, Account], list[Payload]]


def account_states(desk: TradingDesk, accounts: Iterable[Account]) -> list[Payload]:
    """AccountState of each; of those that are gone nothing."""
    status, known = desk.feed_status(), desk.state.accounts
    return [account_payload(known[each], status) for each in accounts if each in known]


def account_gone(account: Account) -> Payload:
    """What Accounts tells of an account that is not there any more."""
    return {"ID": str(account), "Feed": FeedStatus.IMPAIRED.value}


def balances(desk: Holder, account: Account) -> list[Payload]:
    """The record that clears them, then all balances of an account."""
    held = desk.state.cash.get(account, {})
    records = [balances_cleared(account)]
    for currency in sorted(held):
        records += balance_payloads(held[currency])
    return records


def holdings(desk: Holder, account: Account) -> list[Payload]:
    """The record that clears them, then all holdings of an account."""
    held = desk.state.assets.get(account, {})
    state = desk.state
    return [_cleared(account), *({"O": "A", "Holding": holding(state, held[key])} for key in sorted(held))]


def holding(state: OmsState, position: AssetPosition) -> Payload:
    """Holding; without a price in the currency of its account."""
    details = state.accounts.get(position.account)
    return holding_payload(position, "" if details is None else details.default_currency or "")


def orders(desk: Holder, account: Account) -> list[Payload]:
    """The record that clears them, then all orders of an account."""
    held = desk.state.orders.get(account, {})
    return [_cleared(account), *({"O": "A", "Order": order_payload(order)} for order in held.values())]


def requests(desk: Holder, account: Account) -> list[Payload]:
    """The record that clears them, then all active requests of an account."""
    held = desk.state.requests.get(account, {})
    payloads = (request_payload(each, order_as_requested(desk.state, each)) for each in held.values())
    return [_cleared(account), *({"O": "A", "Request": each} for each in payloads if each is not None)]


def transactions(desk: Holder, account: Account) -> list[Payload]:
    """Where transactions begin; earlier ones are to be queried."""
    return [{"O": "I", "Account": str(account)}]


def order_as_requested(held: OmsState, state: ClientRequestState) -> OrderState | None:
    """The order that a request brought or concerns, with the values that it asks for."""
    request, body = state.request, state.request.body
    order = held.order(request.account, state.order_id)
    if order is None and isinstance(body, OrderMove):
        order = held.order(body.prev_account, state.order_id)
    if order is None or not isinstance(body, OrderAmend):
        return order
    return msgspec.structs.replace(
        order,
        order_type=body.order_type,
        quantity=body.quantity,
        price=body.price,
        lifetime=body.lifetime,
        expiry_date=body.expiry_date,
        values=request.values,
        properties=amended_properties(order, request.properties),
    )


def _cleared(account: Account) -> Payload:
    return {"O": "C", "Account": str(account)}


def audit(desk: Holder, account: Account) -> list[Payload]:
    """The record that clears it; what has been is to be queried."""
    return [_cleared(account)]
