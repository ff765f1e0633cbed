"""Changes of many entities at once (platform A.5: Operation.Transform…)."""

from __future__ import annotations

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import Entity


class _Matching(Entity, frozen=True, kw_only=True):
    """Which orders: empty values match all."""

    transform_id: str
    exchange: str = ""
    group: str = ""
    code: str = ""
    not_after: int | None = None
    """Orders that were updated later are left alone."""
    text: str = ""
    timestamp: int = 0


class Restatement(_Matching, frozen=True, kw_only=True, tag="Restatement", tag_field="Transform"):
    """Give matching orders a status."""

    order_status: str
    remove_after: int | None = None


class Removal(_Matching, frozen=True, kw_only=True, tag="Remove", tag_field="Transform"):
    """Drop matching orders of a status."""

    order_status: str


class SymbolRename(Entity, frozen=True, kw_only=True, tag="RenameSymbol", tag_field="Transform"):
    """A symbol has another code; its exchange cannot change. Requests in flight stay untouched."""

    transform_id: str
    exchange: str
    code: str
    new_code: str
    text: str = ""
    timestamp: int = 0


class CurrencyRename(Entity, frozen=True, kw_only=True, tag="RenameCurrency", tag_field="Transform"):
    """A currency has another code; where both were held the values add up."""

    transform_id: str
    code: str
    new_code: str
    text: str = ""
    timestamp: int = 0


class AccountRename(Entity, frozen=True, kw_only=True, tag="RenameAccount", tag_field="Transform"):
    """Everything of an account goes under another key; history is not rewritten."""

    transform_id: str
    account: Account
    new_account: Account
    text: str = ""
    timestamp: int = 0


class OwnerRename(Entity, frozen=True, kw_only=True, tag="RenameOwner", tag_field="Transform"):
    """The same for all accounts of an owner."""

    transform_id: str
    owner_id: str
    new_owner_id: str
    text: str = ""
    timestamp: int = 0


Transform = Restatement | Removal | SymbolRename | CurrencyRename | AccountRename | OwnerRename
