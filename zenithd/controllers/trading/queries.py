"""The Trading controller's queries (zenith-websocket 3.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from zenithd.authority.access import Access
from zenithd.controllers.interface import Answer
from zenithd.controllers.trading import records
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.controllers.trading.visible import find_account, visible_accounts
from zenithd.oms.lifecycle import OWN_STATUSES
from zenithd.oms.model.accounts import Account
from zenithd.wire import errors
from zenithd.wire.errors import with_suffix
from zenithd.wire.trading.directory import (
    order_status_payload,
    request_status_payload,
    trading_market_payloads,
)
from zenithd.wire.trading.orders import order_payload, request_payload
from zenithd.wire.trading.positions import PROVIDER, balance_payloads, holding_payload
from zenithd.wire.trading.requests import AccountQuery, BadQuery, read_account_query, read_provider_query

Reply = Answer | Awaitable[Answer]


class OrderHistory(Protocol):
    """What has been, as far as it is kept."""

    async def transactions(self, account: Account, query: AccountQuery) -> list[Any]:
        """Transaction of each trade, oldest first."""
        ...

    async def audit(self, account: Account, query: AccountQuery) -> list[Any]:
        """Audit of each change, oldest first."""
        ...


Limits = Callable[[Account, str, str], Mapping[str, float]]
"""Trading limits (4.G) of an account, for a symbol and market or, without these, for all."""


class Queries:
    """Answers from the state of the order management system."""

    def __init__(self, desk: TradingDesk, history: OrderHistory, limits: Limits) -> None:
        self._desk = desk
        self._history = history
        self._limits = limits

    def accounts(self, data: Any, access: Access) -> Answer:
        """QueryAccounts."""
        return Answer(records.account_states(self._desk, visible_accounts(self._desk, access)))

    def balances(self, data: Any, access: Access) -> Reply:
        """QueryBalances."""
        return self._of_account(data, access, self._balances)

    def holdings(self, data: Any, access: Access) -> Reply:
        """QueryHoldings: plain Holding objects, which is what clients read (6.6)."""
        return self._of_account(data, access, self._holdings)

    def orders(self, data: Any, access: Access) -> Reply:
        """QueryOrders."""
        return self._of_account(data, access, self._orders)

    def requests(self, data: Any, access: Access) -> Reply:
        """QueryRequests."""
        return self._of_account(data, access, self._requests)

    def transactions(self, data: Any, access: Access) -> Reply:
        """QueryTransactions."""
        return self._of_account(data, access, self._past(self._history.transactions))

    def audit(self, data: Any, access: Access) -> Reply:
        """QueryOrderAudit."""
        return self._of_account(data, access, self._past(self._history.audit))

    def trading_limits(self, data: Any, access: Access) -> Reply:
        """QueryLimits; `Code` and `Market` come together or not at all."""
        return self._of_account(data, access, self._trading_limits)

    def order_statuses(self, data: Any, access: Access) -> Answer:
        """QueryOrderStatuses: those of orders that are not routed yet, then of each exchange."""
        return self._of_provider(data, self._order_statuses)

    def request_statuses(self, data: Any, access: Access) -> Answer:
        """QueryRequestStatuses."""
        return self._of_provider(data, self._request_statuses)

    def trading_markets(self, data: Any, access: Access) -> Answer:
        """QueryTradingMarkets."""
        return self._of_provider(data, self._trading_markets)

    # What they have in common

    def _of_account(
        self, data: Any, access: Access, answer: Callable[[Account, AccountQuery], Reply]
    ) -> Reply:
        try:
            query = read_account_query(data)
        except BadQuery as bad:
            return Answer(errors=(bad.code,))
        account = find_account(self._desk, query.account, access)
        if account is None:
            return Answer(errors=(with_suffix(errors.ACCOUNT_NOT_FOUND, query.account),))
        return answer(account, query)

    def _of_provider(self, data: Any, answer: Callable[[str], list[Any]]) -> Answer:
        try:
            query = read_provider_query(data)
        except BadQuery as bad:
            return Answer(errors=(bad.code,))
        if query.provider != PROVIDER:
            return Answer(errors=(with_suffix(errors.AUTHORITY_NOT_FOUND, query.provider),))
        if query.exchange and query.exchange not in self._desk.state.exchanges:
            return Answer(errors=(with_suffix(errors.EXCHANGE_NOT_FOUND, query.exchange),))
        return Answer(answer(query.exchange))

    def _past(
        self, find: Callable[[Account, AccountQuery], Awaitable[list[Any]]]
    ) -> Callable[[Account, AccountQuery], Awaitable[Answer]]:
        async def answer(account: Account, query: AccountQuery) -> Answer:
            return Answer(await find(account, query))

        return answer

    # Answers

    def _balances(self, account: Account, query: AccountQuery) -> Answer:
        held = self._desk.state.cash.get(account, {})
        return Answer([record for currency in sorted(held) for record in balance_payloads(held[currency])])

    def _holdings(self, account: Account, query: AccountQuery) -> Answer:
        if query.code and not query.exchange:
            return Answer(errors=(errors.EXCHANGE,))
        return Answer(
            [
                holding_payload(position)
                for (exchange, code), position in sorted(self._desk.state.assets.get(account, {}).items())
                if query.exchange in ("", exchange) and query.code in ("", code)
            ]
        )

    def _orders(self, account: Account, query: AccountQuery) -> Answer:
        held = self._desk.state.orders.get(account, {})
        return Answer(
            [order_payload(order) for order in held.values() if query.order_id in ("", order.order_id)]
        )

    def _requests(self, account: Account, query: AccountQuery) -> Answer:
        held = self._desk.state.requests.get(account, {})
        payloads = [
            request_payload(state, records.order_as_requested(self._desk, state))
            for state in held.values()
            if query.order_id in ("", state.order_id)
        ]
        return Answer([payload for payload in payloads if payload is not None])

    def _trading_limits(self, account: Account, query: AccountQuery) -> Answer:
        if bool(query.code) != bool(query.market):
            return Answer(errors=(errors.MARKET if query.code else errors.CODE,))
        limits = self._limits(account, query.code, query.market)
        return Answer([{"Code": code, "Value": value} for code, value in limits.items()])

    def _order_statuses(self, exchange: str) -> list[Any]:
        exchanges = self._desk.state.exchanges
        of_exchanges = [
            order_status_payload(status, code)
            for code in sorted(exchanges)
            if exchange in ("", code)
            for status in exchanges[code].order_statuses
        ]
        return [*(order_status_payload(status, "") for status in OWN_STATUSES.values()), *of_exchanges]

    def _request_statuses(self, exchange: str) -> list[Any]:
        return [request_status_payload(status) for status in self._desk.state.request_statuses.values()]

    def _trading_markets(self, exchange: str) -> list[Any]:
        exchanges = self._desk.state.exchanges
        return [
            market
            for code in sorted(exchanges)
            if exchange in ("", code)
            for market in trading_market_payloads(exchanges[code])
        ]
