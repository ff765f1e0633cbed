"""An account, or all accounts of an owner, go under another key. Pure.

Everything that has the key gets the new one, whether anything is said of the account or not; transactions are
history, and stay as they were told. The new key must be free (see `checks`).
"""

from __future__ import annotations

import heapq
from typing import TypeVar

from zenithd.oms.ledger import replace
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import ActionTaken, MetadataChanged, OrderChanged, RequestChanged
from zenithd.oms.model.requests import OrderMove
from zenithd.oms.model.transforms import OwnerRename
from zenithd.oms.model.updates import AccountDefined, AccountUndefined, OwnerDefined, OwnerUndefined
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.held import Held
from zenithd.oms.state.moves import note_moves, release_for_moves, reserve_for_moves
from zenithd.oms.state.order_changes import restated

Value = TypeVar("Value")


def rename_owner(effects: Effects, transform: OwnerRename) -> None:
    """Operation TransformOwner."""
    old, new = transform.owner_id, transform.new_owner_id
    if old == new:
        return
    state = effects.state
    details = state.owners.pop(old, None)
    if details is not None:
        effects.events.append(MetadataChanged(OwnerUndefined(owner_id=old)))
        if new not in state.owners:
            state.owners[new] = replace(details, owner_id=new)
            effects.events.append(MetadataChanged(OwnerDefined(details=state.owners[new])))
    for account in sorted(state.accounts_of(old) | _moved_from(state)):
        if account.owner_id == old:
            rename_account(effects, account, replace(account, owner_id=new), transform.transform_id)


def rename_account(effects: Effects, old: Account, new: Account, transform_id: str) -> None:
    """Operation TransformAccount."""
    if old == new:
        return
    state = effects.state
    details = state.accounts.pop(old, None)
    if details is not None:
        state.accounts[new] = replace(details, account=new)
        effects.events.append(MetadataChanged(AccountUndefined(account=old)))
        effects.events.append(MetadataChanged(AccountDefined(details=state.accounts[new])))
    release_for_moves(effects)
    for cash in list(state.cash.get(old, {}).values()):
        effects.drop_cash(cash)
        effects.put_cash(replace(cash, account=new))
    for assets in list(state.assets.get(old, {}).values()):
        effects.drop_assets(assets)
        effects.put_assets(replace(assets, account=new))
    _rename_orders(effects, old, new, transform_id)
    _rename_requests(effects, old, new)
    _rename_trades(state, old, new)
    _move(state.transfers, old, new)
    _rename_keys(state.amendments, old, new)
    _rename_keys(state.requests_of_order, old, new)
    for linked in state.requests_of_order.values():
        _rename_keys(linked, old, new)
    note_moves(state)
    reserve_for_moves(effects)


def _rename_orders(effects: Effects, old: Account, new: Account, transform_id: str) -> None:
    state = effects.state
    _move(state.removed, old, new)
    orders = state.orders.pop(old, None)
    if orders is None:
        return
    state.orders[new] = orders
    for order_id, before in orders.items():
        order = orders[order_id] = replace(before, account=new)
        if order.remove_after is not None:
            heapq.heappush(state.removals, (order.remove_after, new, order_id))
        effects.events.append(OrderChanged(order, previous=old))
        effects.events.append(ActionTaken(restated(order, transform_id, previous_account=old)))


def _rename_requests(effects: Effects, old: Account, new: Account) -> None:
    state = effects.state
    _move(state.digests, old, new)
    _move(state.finished, old, new)
    _move(state.forgettable, old, new)
    for before in state.requests.pop(old, {}).values():
        effects.events.append(RequestChanged(before, removed=True))
        after = replace(before, request=replace(before.request, account=new))
        state.requests.setdefault(new, {})[before.request.request_id] = after
        effects.events.append(RequestChanged(after))
    for requests in state.requests.values():
        for request_id, before in requests.items():
            body = before.request.body
            if isinstance(body, OrderMove) and body.prev_account == old:
                moved = replace(before.request, body=replace(body, prev_account=new))
                requests[request_id] = replace(before, request=moved)
                effects.events.append(RequestChanged(requests[request_id]))


def _moved_from(state: Held) -> set[Account]:
    """Accounts that requests want orders taken from; nothing else need be known of them."""
    return {
        request.request.body.prev_account
        for requests in state.requests.values()
        for request in requests.values()
        if isinstance(request.request.body, OrderMove)
    }


def _rename_trades(state: Held, old: Account, new: Account) -> None:
    """Also of orders that went to other accounts: what they executed before stayed with this one."""
    _move(state.trades, old, new)
    for by_order in state.trades.values():
        for bookings in by_order.values():
            for trade_id, booking in bookings.items():
                if booking.account == old:
                    bookings[trade_id] = replace(booking, account=new)


def _move(by_account: dict[Account, Value], old: Account, new: Account) -> None:
    if old in by_account:
        by_account[new] = by_account.pop(old)


def _rename_keys(keyed: dict[tuple[Account, str], Value], old: Account, new: Account) -> None:
    for account, name in [key for key in keyed if key[0] == old]:
        keyed[new, name] = keyed.pop((account, name))
