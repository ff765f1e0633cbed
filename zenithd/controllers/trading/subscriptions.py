"""The Trading controller's subscriptions: of all accounts of a user, or of one (zenith-websocket 3.5)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from zenithd.authority.access import Access
from zenithd.controllers.interface import Opened, Refusal
from zenithd.controllers.trading import records
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.controllers.trading.visible import find_account, visible_accounts
from zenithd.wire import errors
from zenithd.wire.errors import with_suffix

RECORDS: Mapping[str, records.Records] = {
    "Balances": records.balances,
    "Holdings": records.holdings,
    "Orders": records.orders,
    "Requests": records.requests,
    "Transactions": records.transactions,
    "Audit": records.audit,
}
"""What of an account each topic begins with."""


class TradingSubscriptions:
    """Opens them. Whoever publishes gives a subscriber the records of the accounts in its entitlement."""

    def __init__(self, desk: TradingDesk) -> None:
        self._desk = desk

    def open(self, topic: str, argument: str | None, access: Access) -> Opened | Refusal:
        """Resolve a subscription."""
        if topic in ("Accounts", "TradingAccounts"):
            snapshot = self._accounts if topic == "Accounts" else self._trading_accounts
            return Opened(topic, visible_accounts(self._desk, access), snapshot)
        render = RECORDS.get(topic)
        if render is None:
            return Refusal((errors.OPERATION_UNKNOWN,))
        if argument is None:
            return Opened(topic, visible_accounts(self._desk, access), self._snapshot(render))
        account = find_account(self._desk, argument, access)
        if account is None:
            return Refusal((with_suffix(errors.ACCOUNT_NOT_FOUND, argument),))
        return Opened(f"{topic}!{account}", (account,), self._snapshot(render))

    def _snapshot(self, render: records.Records) -> Any:
        def snapshot(entitlement: Hashable) -> list[Any]:
            assert isinstance(entitlement, tuple), "the entitlement that open() gave"
            return [[record for account in entitlement for record in render(self._desk, account)]]

        return snapshot

    def _accounts(self, entitlement: Hashable) -> list[Any]:
        assert isinstance(entitlement, tuple), "the entitlement that open() gave"
        return [records.account_states(self._desk, entitlement)]

    def _trading_accounts(self, entitlement: Hashable) -> list[Any]:
        assert isinstance(entitlement, tuple), "the entitlement that open() gave"
        states = records.account_states(self._desk, entitlement)
        return [[{"Operation": "Clear"}, *({"Operation": "Add", "Account": state} for state in states)]]
