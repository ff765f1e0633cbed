"""Changes of many entities at once: operations Transform, TransformAccount and TransformOwner. Pure.

Consumers of the Updates view get them as actions on the orders that changed: a restatement of each, or its
removal. History stays as it was written.
"""

from __future__ import annotations

from zenithd.oms.ledger import replace
from zenithd.oms.model.events import ActionTaken
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.transforms import (
    AccountRename,
    CurrencyRename,
    OwnerRename,
    Removal,
    Restatement,
    SymbolRename,
)
from zenithd.oms.model.updates import OrderReplaced, Transformed
from zenithd.oms.state.account_renames import rename_account, rename_owner
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.held import Held
from zenithd.oms.state.order_changes import drop_order, put_order, restated
from zenithd.oms.state.renames import rename_currency, rename_symbol


def transformed(effects: Effects, update: Transformed) -> None:
    """Carry it out; one that matches nothing changes nothing."""
    transform = update.transform
    match transform:
        case Restatement():
            _restate(effects, transform)
        case Removal():
            _remove(effects, transform)
        case SymbolRename():
            rename_symbol(effects, transform)
        case CurrencyRename():
            rename_currency(effects, transform)
        case AccountRename():
            rename_account(effects, transform.account, transform.new_account, transform.transform_id)
        case OwnerRename():
            rename_owner(effects, transform)


def _matching(state: Held, transform: Restatement | Removal) -> list[OrderState]:
    """Orders of all accounts; an empty criterion matches every order."""
    return [
        order
        for orders in state.orders.values()
        for order in orders.values()
        if transform.exchange in ("", order.exchange)
        and transform.group in ("", order.group)
        and transform.code in ("", order.code)
        and (transform.not_after is None or order.timestamp <= transform.not_after)
    ]


def _restate(effects: Effects, transform: Restatement) -> None:
    for order in _matching(effects.state, transform):
        completed = _completes(effects.state, order.exchange, transform.order_status)
        after = replace(
            order,
            status=transform.order_status,
            is_completed=order.is_completed if completed is None else completed,
            remove_after=order.remove_after if transform.remove_after is None else transform.remove_after,
        )
        if after != order:
            after = put_order(effects, replace(after, timestamp=effects.time))
            effects.events.append(ActionTaken(restated(after, transform.transform_id)))


def _completes(state: Held, exchange: str, code: str) -> bool | None:
    """Whether an order of this status is completed; None if its exchange does not know the status."""
    details = state.exchanges.get(exchange)
    for status in details.order_statuses if details else ():
        if status.code == code:
            return status.is_completed
    return None


def _remove(effects: Effects, transform: Removal) -> None:
    for order in _matching(effects.state, transform):
        if order.status == transform.order_status:
            drop_order(effects, order)
            effects.events.append(ActionTaken(OrderReplaced(order=replace(order, remove_after=0))))
