"""The Trading controller: all its topics (spec zenith-websocket 3.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from zenithd.authority.access import Access
from zenithd.controllers.interface import Answer, Later, Opened, Refusal
from zenithd.controllers.trading.actions import Actions, Answered, MarketKnown
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.controllers.trading.queries import Limits, OrderHistory, Queries
from zenithd.controllers.trading.subscriptions import Owe, TradingSubscriptions
from zenithd.wire import errors


class TradingController:
    """Orders, and what accounts own. Who may use a topic at all was checked before; accounts are here."""

    name = "Trading"

    def __init__(
        self,
        desk: TradingDesk,
        history: OrderHistory,
        *,
        limits: Limits,
        lists: MarketKnown,
        new_request_id: Callable[[], str],
        answered: Answered,
        owe: Owe,
    ) -> None:
        actions = Actions(desk, lists, new_request_id, answered)
        queries = Queries(desk, history, limits)
        self.open: Callable[[str, str | None, Access], Opened | Refusal] = TradingSubscriptions(
            desk, owe
        ).open
        self._queries: Mapping[str, Callable[[Any, Access], Answer | Later | Awaitable[Answer]]] = {
            **{
                topic: partial(actions.submit, topic)
                for topic in ("PlaceOrder", "AmendOrder", "CancelOrder", "MoveOrder", "AuthoriseOrder")
            },
            "CalculateOrder": partial(actions.calculate, "CalculateOrder"),
            "RequestQuote": partial(actions.quote, "RequestQuote"),
            "QueryAccounts": queries.accounts,
            "QueryBalances": queries.balances,
            "QueryHoldings": queries.holdings,
            "QueryLimits": queries.trading_limits,
            "QueryOrderAudit": queries.audit,
            "QueryOrders": queries.orders,
            "QueryOrderStatuses": queries.order_statuses,
            "QueryRequests": queries.requests,
            "QueryRequestStatuses": queries.request_statuses,
            "QueryTradingMarkets": queries.trading_markets,
            "QueryTransactions": queries.transactions,
        }

    def query(self, topic: str, data: Any, access: Access) -> Answer | Later | Awaitable[Answer]:
        """Answer a request."""
        query = self._queries.get(topic)
        return Answer(errors=(errors.OPERATION_UNKNOWN,)) if query is None else query(data, access)
