"""Which accounts a user sees: the invisible is the same as the unknown."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from zenithd.authority.access import Access
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.oms.model.accounts import Account
from zenithd.wire.trading.requests import parse_account


class Visible(msgspec.Struct, frozen=True):
    """The accounts of a user, those included that are yet to be made: entitlement of “all accounts”."""

    patterns: tuple[str, ...]
    """Shell-style patterns of `OWNER:ACCOUNT`."""

    def __contains__(self, account: object) -> bool:
        text = str(account)
        return any(fnmatchcase(text, pattern) for pattern in self.patterns)

    def accounts(self, desk: TradingDesk) -> list[Account]:
        """Those that are there, in ascending order."""
        return sorted(each for each in desk.state.accounts if each in self)


class One(msgspec.Struct, frozen=True):
    """The entitlement of a topic of one account."""

    account: Account

    def __contains__(self, account: object) -> bool:
        return account == self.account

    def accounts(self, desk: TradingDesk) -> list[Account]:
        """The account, if it is there."""
        return [self.account] if self.account in desk.state.accounts else []


Entitlement = Visible | One


def seen_by(access: Access) -> Visible:
    """What a user sees."""
    return Visible(access.accounts)


def find_account(desk: TradingDesk, text: str, access: Access) -> Account | None:
    """The account of an id as clients spell it; None if there is none, or the user does not see it."""
    account = parse_account(text)
    if account is None or account not in desk.state.accounts or not access.may_use_account(text):
        return None
    return account
