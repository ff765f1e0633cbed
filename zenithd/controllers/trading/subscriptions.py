"""The Trading controller's subscriptions: of all accounts of a user, or of one (zenith-websocket 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any

from zenithd.authority.access import Access
from zenithd.controllers.interface import Opened, Refusal
from zenithd.controllers.trading import records
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.controllers.trading.visible import Entitlement, One, Visible, find_account, seen_by
from zenithd.oms.model.accounts import Account
from zenithd.wire import errors
from zenithd.wire.errors import with_suffix

Payloads = list[records.Payload]

RECORDS: Mapping[str, records.Records] = {
    "Balances": records.balances,
    "Holdings": records.holdings,
    "Orders": records.orders,
    "Requests": records.requests,
    "Transactions": records.transactions,
    "Audit": records.audit,
}
"""What of an account each topic begins with: a record that clears it comes first."""

Owe = Callable[[str], None]
"""Told of a topic whose snapshot lacks what is not kept yet: it must be delivered anew once that is kept."""


class TradingSubscriptions:
    """Opens them. Whoever publishes gives a subscriber the records of the accounts in its entitlement."""

    def __init__(self, desk: TradingDesk, owe: Owe) -> None:
        self._desk = desk
        self._owe = owe

    def open(self, topic: str, argument: str | None, access: Access) -> Opened | Refusal:
        """Resolve a subscription."""
        everything = seen_by(access)
        if topic == "Accounts":
            lost = partial(self._accounts_lost, everything)
            return Opened(topic, everything, self._accounts, taken_away=lost)
        if topic == "TradingAccounts":
            return Opened(topic, everything, self._trading_accounts)
        render = RECORDS.get(topic)
        if render is None:
            return Refusal((errors.OPERATION_UNKNOWN,))
        if argument is None:
            lost = partial(self._lost, topic, everything)
            return Opened(topic, everything, self._snapshot(topic, render), taken_away=lost)
        account = find_account(self._desk, argument, access)
        if account is None:
            return Refusal((with_suffix(errors.ACCOUNT_NOT_FOUND, argument),))
        name = f"{topic}!{account}"
        return Opened(name, One(account), self._snapshot(name, render))

    def _snapshot(self, name: str, render: records.Records) -> Callable[[Hashable], list[Any]]:
        def snapshot(entitlement: Hashable) -> list[Any]:
            told: Payloads = []
            for account in _entitled(entitlement).accounts(self._desk):
                if self._desk.is_kept(account):
                    told += render(self._desk, account)
                else:
                    told += render(records.NOTHING_KEPT, account)
                    self._owe(name)
            return [told]

        return snapshot

    def _lost(self, topic: str, sees: Visible, held: Hashable) -> list[Any]:
        """Clear what the subscriber was told of accounts that it does not see any more."""
        gone = self._gone(sees, held)
        return _data([each for account in gone for each in cleared(topic, account)])

    def _gone(self, sees: Visible, held: Hashable) -> list[Account]:
        return [each for each in _entitled(held).accounts(self._desk) if each not in sees]

    def _accounts(self, entitlement: Hashable) -> list[Any]:
        return [records.account_states(self._desk, _entitled(entitlement).accounts(self._desk))]

    def _accounts_lost(self, sees: Visible, held: Hashable) -> list[Any]:
        """Their feed is impaired: no list of the protocol takes an account back from Accounts (1.5)."""
        return _data([records.account_gone(each) for each in self._gone(sees, held)])

    def _trading_accounts(self, entitlement: Hashable) -> list[Any]:
        states = records.account_states(self._desk, _entitled(entitlement).accounts(self._desk))
        return [[{"Operation": "Clear"}, *({"Operation": "Add", "Account": state} for state in states)]]


def cleared(topic: str, account: Account) -> Payloads:
    """What clears an account's records of a topic."""
    return RECORDS[topic](records.NOTHING_KEPT, account)


def _data(payloads: Payloads) -> list[Any]:
    return [payloads] if payloads else []


def _entitled(entitlement: Hashable) -> Entitlement:
    assert isinstance(entitlement, Visible | One), "the entitlement that open() gave"
    return entitlement
