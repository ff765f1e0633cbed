"""What operators ask for, out of a state: now, or as it was (platform A.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from zenithd.oms.model.accounts import Account, AccountDetails, AssetPosition, CashPosition
from zenithd.oms.model.orders import OrderState
from zenithd.oms.state import OmsState

Key = TypeVar("Key")
Value = TypeVar("Value")


class NotThere(Exception):
    """What the path names does not exist. `code` says of what kind it is."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def account_of(path: Mapping[str, str]) -> Account:
    """The account that a path names."""
    return Account(owner_id=path["owner"], account_id=path["account"])


def account(state: OmsState, path: Mapping[str, str]) -> AccountDetails:
    """One account's details. Raises NotThere."""
    return found(state.accounts, account_of(path), "Account")


def accounts_of_owner(state: OmsState, path: Mapping[str, str]) -> list[AccountDetails]:
    """Details of an owner's accounts. Raises NotThere."""
    owner = path["owner"]
    listed = [each for each in accounts(state) if each.account.owner_id == owner]
    if not listed and owner not in state.owners:
        raise NotThere("Owner")
    return listed


def accounts(state: OmsState) -> list[AccountDetails]:
    """Details of all accounts, in their order."""
    return [state.accounts[key] for key in sorted(state.accounts)]


def accounts_by_ids(state: OmsState, ids: Sequence[str]) -> list[AccountDetails]:
    """Details of the accounts of `owner/account` texts; those that are unknown are left out."""
    wanted = [
        Account(owner_id=owner, account_id=code) for owner, _, code in (id_.partition("/") for id_ in ids)
    ]
    return [state.accounts[each] for each in wanted if each in state.accounts]


def balances(state: OmsState, path: Mapping[str, str]) -> list[CashPosition]:
    """Balances of all accounts, of an owner's, or of one."""
    return [held[key] for held in _held(state.cash, path) for key in sorted(held)]


def holdings(state: OmsState, path: Mapping[str, str]) -> list[AssetPosition]:
    """Holdings of all accounts, of an owner's, or of one."""
    return [held[key] for held in _held(state.assets, path) for key in sorted(held)]


def orders(state: OmsState, path: Mapping[str, str], *, only_active: bool) -> list[OrderState]:
    """Orders of all accounts, of an owner's, or of one; with an exchange in the path, those on it.

    Raises:
        NotThere: nothing is known of the owner, account or exchange.
    """
    if "account" in path:
        if not state.knows(account_of(path)):
            raise NotThere("Account")
    elif "owner" in path and path["owner"] not in state.owners and not state.accounts_of(path["owner"]):
        raise NotThere("Owner")
    listed = [order for held in _held(state.orders, path) for order in held.values()]
    if "exchange" in path:
        listed = [order for order in listed if order.exchange == path["exchange"]]
        if not listed and path["exchange"] not in state.exchanges:
            raise NotThere("Exchange")
    return [order for order in listed if not (only_active and order.is_completed)]


def order(state: OmsState, path: Mapping[str, str]) -> OrderState:
    """One order. Raises NotThere."""
    return found(state.orders.get(account_of(path), {}), path["order"], "Order")


def found(things: Mapping[Key, Value], key: Key, code: str) -> Value:
    """One of several by its key. Raises NotThere with the code."""
    if key not in things:
        raise NotThere(code)
    return things[key]


def _held(by_account: Mapping[Account, Any], path: Mapping[str, str]) -> list[Any]:
    """What is held of the accounts that a path names, in the order of the accounts."""
    if "account" in path:
        held = by_account.get(account_of(path))
        return [] if held is None else [held]
    owner = path.get("owner")
    return [by_account[key] for key in sorted(by_account) if owner is None or key.owner_id == owner]
