"""Which accounts a user sees: the invisible is the same as the unknown."""

from __future__ import annotations

from zenithd.authority.access import Access
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.oms.model.accounts import Account
from zenithd.wire.trading.requests import parse_account


def visible_accounts(desk: TradingDesk, access: Access) -> tuple[Account, ...]:
    """All accounts that a user sees, in ascending order."""
    return tuple(sorted(each for each in desk.state.accounts if access.may_use_account(str(each))))


def find_account(desk: TradingDesk, text: str, access: Access) -> Account | None:
    """The account of an id as clients spell it; None if there is none, or the user does not see it."""
    account = parse_account(text)
    if account is None or account not in desk.state.accounts or not access.may_use_account(text):
        return None
    return account
