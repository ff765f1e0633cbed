"""The Trading controller's queries (zenith-websocket 3.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from zenithd.authority.access import Access
from zenithd.controllers.interface import Answer
from zenithd.controllers.trading import records
from zenithd.controllers.trading.desk import DeskClosed, TradingDesk
from zenithd.controllers.trading.visible import find_account, seen_by
from zenithd.domain.identifiers import InvalidIdentifier, parse_market
from zenithd.oms.lifecycle import OWN_STATUSES
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ExchangeDetails, OrderStatusDetails
from zenithd.wire import errors
from zenithd.wire.errors import with_suffix
from zenithd.wire.numbers import number
from zenithd.wire.trading.directory import (
    order_status_payload,
    request_status_payload,
    trading_market_payloads,
)
from zenithd.wire.trading.orders import order_payload, request_payload
from zenithd.wire.trading.positions import PROVIDER, balance_payloads
from zenithd.wire.trading.requests import (
    AccountQuery,
    BadQuery,
    parse_account,
    read_account_query,
    read_provider_query,
)

Reply = Answer | Awaitable[Answer]


class OrderHistory(Protocol):
    """What has been, as far as it is kept. All raises DeskClosed while it cannot be read."""

    async def transactions(self, account: Account, query: AccountQuery) -> list[Any]:
        """Transaction of each trade, oldest first."""
        ...

    async def audit(self, account: Account, query: AccountQuery) -> list[Any]:
        """Audit of each change, oldest first."""
        ...


Limits = Callable[[str, str], Mapping[str, Decimal] | None]
"""Trading limits (4.G), for a code and market or, without these, for all; None: no such symbol."""


def statuses_of(exchange: ExchangeDetails) -> list[OrderStatusDetails]:
    """All that an order may have whose Exchange is this one: also before the exchange has told of it."""
    told = {status.code for status in exchange.order_statuses}
    return [*exchange.order_statuses, *(own for own in OWN_STATUSES.values() if own.code not in told)]


def _unavailable(account: Account) -> Answer:
    return Answer(errors=(with_suffix(errors.ACCOUNT_UNAVAILABLE, str(account)),))


class Queries:
    """Answers from the state of the order management system."""

    def __init__(self, desk: TradingDesk, history: OrderHistory, limits: Limits) -> None:
        self._desk = desk
        self._history = history
        self._limits = limits

    def accounts(self, data: Any, access: Access) -> Answer:
        """QueryAccounts."""
        return Answer(records.account_states(self._desk, seen_by(access).accounts(self._desk)))

    def balances(self, data: Any, access: Access) -> Reply:
        """QueryBalances."""
        return self._of_account(data, access, self._balances)

    def holdings(self, data: Any, access: Access) -> Reply:
        """QueryHoldings: plain Holding objects, which is what clients read (6.6).

        Real clients send QueryOrders under this name (6.7). One that names an order cannot mean holdings.
        """
        means_orders = isinstance(data, dict) and data.get("OrderID") and not data.get("Code")
        return self._of_account(data, access, self._orders if means_orders else self._holdings)

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

        def limits(account: Account, query: AccountQuery) -> Answer:
            return self._trading_limits(query, access)

        return self._of_account(data, access, limits)

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
        if parse_account(query.account) is None:
            return Answer(errors=(with_suffix(errors.ACCOUNT, query.account),))
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
            try:
                return Answer(await find(account, query))
            except DeskClosed:
                return _unavailable(account)

        return answer

    def _kept(self, account: Account, take: Callable[[], list[Any]]) -> Reply:
        """What is kept is told at once; what is being kept, once it is."""
        return Answer(take()) if self._desk.is_kept(account) else self._wait_kept(account, take)

    async def _wait_kept(self, account: Account, take: Callable[[], list[Any]]) -> Answer:
        try:
            return Answer(await self._desk.read(account, take))
        except DeskClosed:
            return _unavailable(account)

    # Answers

    def _balances(self, account: Account, query: AccountQuery) -> Reply:
        def take() -> list[Any]:
            held = self._desk.state.cash.get(account, {})
            return [record for currency in sorted(held) for record in balance_payloads(held[currency])]

        return self._kept(account, take)

    def _holdings(self, account: Account, query: AccountQuery) -> Reply:
        if query.code and not query.exchange:
            return Answer(errors=(errors.EXCHANGE,))

        def take() -> list[Any]:
            held = self._desk.state.assets.get(account, {})
            return [
                records.holding(self._desk.state, held[exchange, code])
                for exchange, code in sorted(held)
                if query.exchange in ("", exchange) and query.code in ("", code)
            ]

        return self._kept(account, take)

    def _orders(self, account: Account, query: AccountQuery) -> Reply:
        def take() -> list[Any]:
            held = self._desk.state.orders.get(account, {})
            if query.order_id:
                order = held.get(query.order_id)
                return [] if order is None else [order_payload(order)]
            return [order_payload(order) for order in held.values()]

        return self._kept(account, take)

    def _requests(self, account: Account, query: AccountQuery) -> Reply:
        def take() -> list[Any]:
            state = self._desk.state
            payloads = [
                request_payload(each, records.order_as_requested(state, each))
                for each in state.requests.get(account, {}).values()
                if query.order_id in ("", each.order_id)
            ]
            return [payload for payload in payloads if payload is not None]

        return self._kept(account, take)

    def _trading_limits(self, query: AccountQuery, access: Access) -> Answer:
        if bool(query.code) != bool(query.market):
            return Answer(errors=(errors.MARKET if query.code else errors.CODE,))
        try:
            is_visible = not query.market or access.view(parse_market(query.market).id) is not None
        except InvalidIdentifier:
            return Answer(errors=(with_suffix(errors.MARKET, query.market),))
        limits = self._limits(query.code, query.market) if is_visible else None
        if limits is None:
            symbol = f"{query.code}.{query.market}"
            return Answer(errors=(with_suffix(errors.SYMBOL_NOT_FOUND, symbol),))
        return Answer([{"Code": code, "Value": number(value)} for code, value in limits.items()])

    def _order_statuses(self, exchange: str) -> list[Any]:
        exchanges = self._desk.state.exchanges
        of_exchanges = [
            order_status_payload(status, code)
            for code in sorted(exchanges)
            if exchange in ("", code)
            for status in statuses_of(exchanges[code])
        ]
        own = [order_status_payload(status, "") for status in OWN_STATUSES.values()]
        return [*own, *of_exchanges]

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
