"""What has been, for QueryTransactions and QueryOrderAudit: read from the journal again (platform A.6)."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import trio

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import OrderChanged, RequestChanged, TransactionMade, ViewEvent
from zenithd.oms.model.updates import Kept, decode_updates
from zenithd.oms.state import OmsState
from zenithd.plugin.journal import JournalFeed
from zenithd.wire.trading.orders import order_payload, request_payload
from zenithd.wire.trading.requests import AccountQuery
from zenithd.wire.trading.transactions import transaction_payload

COUNT_DEFAULT = 1_000
"""Newest entries that are told when the client does not say how many."""
COUNT_MAX = 10_000
RECORDS_PER_STEP = 32
"""Records that are read before others have their turn."""

Entry = dict[str, Any]


class JournalHistory:
    """Implements `zenithd.controllers.trading.queries.OrderHistory`: the orders' state is made anew, and what
    it tells on the way is the answer."""

    def __init__(self, feed: JournalFeed) -> None:
        self._feed = feed

    async def transactions(self, account: Account, query: AccountQuery) -> list[Entry]:
        """Transaction of each trade, oldest first; the newest `Count` of them."""

        def select(event: ViewEvent, kept: Kept) -> Iterator[Entry]:
            if isinstance(event, TransactionMade) and event.transaction.details.account == account:
                payload = transaction_payload(event.transaction)
                if payload is not None and _matches(payload, query):
                    yield payload

        return await self._collect(query, select)

    async def audit(self, account: Account, query: AccountQuery) -> list[Entry]:
        """Audit of each change of an order or request, and each transaction, oldest first."""

        def select(event: ViewEvent, kept: Kept) -> Iterator[Entry]:
            for order_id, kind, content in _audited(event, account):
                if query.order_id in ("", order_id):
                    yield {
                        "Version": str(kept.time),
                        "OrderID": order_id,
                        "Account": str(account),
                        "Type": kind,
                        kind: content,
                    }

        return await self._collect(query, select)

    async def _collect(
        self, query: AccountQuery, select: Callable[[ViewEvent, Kept], Iterable[Entry]]
    ) -> list[Entry]:
        count = min(COUNT_DEFAULT if query.count is None else query.count, COUNT_MAX)
        found: deque[Entry] = deque(maxlen=count)
        state = OmsState()
        async for kept in self._updates():
            if query.to_date is not None and kept.time > query.to_date:
                break
            events = state.apply(kept)
            if query.from_date is None or kept.time >= query.from_date:
                for event in events:
                    found.extend(select(event, kept))
        return list(found)

    async def _updates(self) -> AsyncIterator[Kept]:
        records = 0
        async for _, body in self._feed.read():
            for kept in decode_updates(body):
                yield kept
            records += 1
            if records % RECORDS_PER_STEP == 0:
                await trio.lowlevel.checkpoint()


def _matches(transaction: Entry, query: AccountQuery) -> bool:
    wanted = {
        "TradingMarket": query.trading_market,
        "Exchange": query.exchange,
        "Code": query.code,
        "OrderID": query.order_id,
    }
    return all(value in ("", transaction[name]) for name, value in wanted.items())


def _audited(event: ViewEvent, account: Account) -> Iterator[tuple[str, str, Entry]]:
    match event:
        case OrderChanged(order) if order.account == account:
            yield order.order_id, "Order", order_payload(order)
        case RequestChanged(state) if state.request.account == account:
            payload = request_payload(state, None)
            if payload is not None:
                yield state.order_id, "Request", payload
        case TransactionMade(transaction) if transaction.details.account == account:
            payload = transaction_payload(transaction)
            if payload is not None:
                yield payload["OrderID"], "Transaction", payload
