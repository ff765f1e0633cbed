"""Everything that the order management system holds, and the few ways to change a position. Pure.

Positions carry what open orders reserve as running sums: an order that changes costs the difference between
what it needed and what it needs now, however many orders its account has.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from zenithd.oms.ledger import Booking
from zenithd.oms.model.accounts import Account, AccountDetails, AssetPosition, CashPosition
from zenithd.oms.model.directory import ExchangeDetails, FeedDetails, OwnerDetails, RequestStatusDetails
from zenithd.oms.model.orders import OrderState, OrderTrade
from zenithd.oms.model.requests import ClientRequestState
from zenithd.oms.model.transactions import ClientTransaction
from zenithd.oms.model.updates import OMS
from zenithd.oms.reserves import Amendment, reserve
from zenithd.oms.state.finished import Finished

Symbol = tuple[str, str]
"""Exchange and code."""


class Limits(msgspec.Struct, frozen=True):
    """How much of what is over is kept, by account. With other limits the same updates make another state."""

    finished_requests: int = 10_000
    """Finished requests whose orders are removed (or that had none), for repeated ones to be recognised."""
    removed_orders: int = 10_000
    """Ids of orders that are gone, so that what is only said again of them is not taken for news."""
    transactions: int = 200
    """The newest transactions of all kinds."""
    transfers: int = 10_000
    """The newest transfers and adjustments, for repeated ones to be recognised."""


class Held:
    """The state's attributes. Others read them; only applied updates change them.

    A dictionary by account has no entry for an account that has nothing of the kind.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.positions: dict[str, int] = {OMS: 0}
        """Last sequence of each feed; of "oms" the UpdateID."""
        self.update_id = 0
        self.time = 0
        """That of the last update."""
        self.owners: dict[str, OwnerDetails] = {}
        self.accounts: dict[Account, AccountDetails] = {}
        self.exchanges: dict[str, ExchangeDetails] = {}
        self.request_statuses: dict[str, RequestStatusDetails] = {}
        self.feeds: dict[str, FeedDetails] = {}
        self.orders: dict[Account, dict[str, OrderState]] = {}
        self.removed: dict[Account, dict[str, None]] = {}
        """Ids of orders that were removed, or that went to another account; the oldest first."""
        self.requests: dict[Account, dict[str, ClientRequestState]] = {}
        """Active ones."""
        self.digests: dict[Account, dict[str, str]] = {}
        """Of the active ones, as they were asked for: see `request_digest`."""
        self.finished: dict[Account, dict[str, Finished]] = {}
        """Those that are over."""
        self.forgettable: dict[Account, dict[str, None]] = {}
        """Of the finished ones, those whose order is no more, the oldest first; bounded by `limits`."""
        self.requests_of_order: dict[tuple[Account, str], dict[tuple[Account, str], None]] = {}
        """By account and order id: the requests that concerned an order that is held."""
        self.amendments: dict[tuple[Account, str], dict[str, Amendment]] = {}
        """By account and order id: those in flight, by request id."""
        self.moves: dict[tuple[Account, str], dict[tuple[Account, str], None]] = {}
        """By account and order id: the requests in flight that are to take the order to another account;
        follows from `requests`."""
        self.cash: dict[Account, dict[str, CashPosition]] = {}
        self.assets: dict[Account, dict[Symbol, AssetPosition]] = {}
        self.trades: dict[Account, dict[str, dict[str, Booking]]] = {}
        """By order id and trade id, for the orders that are held."""
        self.transactions: dict[Account, dict[str, ClientTransaction]] = {}
        """The newest, by id; the oldest first."""
        self.transfers: dict[Account, dict[str, ClientTransaction]] = {}
        """Of these, and of older ones, those that are no trades."""
        self.refusals: dict[str, int] = {}
        """By feed: its updates that the rules refused."""
        self.orders_created = 0
        """Orders that clients ever asked for."""
        self.removals: list[tuple[int, Account, str]] = []
        """A heap of when orders are to be removed; may hold some that no longer are."""

    def order(self, account: Account, order_id: str) -> OrderState | None:
        """The order; None if it is not held."""
        orders = self.orders.get(account)
        return orders.get(order_id) if orders else None

    def order_before(self, order: OrderState, previous_account: Account | None) -> OrderState | None:
        """The order as it is held before an update of it: where it comes from, or where it is already."""
        before = None
        if previous_account is not None:
            before = self.order(previous_account, order.order_id)
        return before if before is not None else self.order(order.account, order.order_id)

    def booking(self, order: OrderState | None, trade: OrderTrade) -> Booking | None:
        """What a trade of a held order did; None if it is not known."""
        if order is None:
            return None
        return self.trades.get(order.account, {}).get(order.order_id, {}).get(trade.trade_id)

    def request(self, account: Account, request_id: str) -> ClientRequestState | None:
        """The active request; None if it is unknown or over."""
        requests = self.requests.get(account)
        return requests.get(request_id) if requests else None

    def digest_of(self, account: Account, request_id: str) -> str | None:
        """What was asked for under this id, active or over; None if nothing that is still known."""
        digest = self.digests.get(account, {}).get(request_id)
        if digest is not None:
            return digest
        finished = self.finished.get(account, {}).get(request_id)
        return finished.digest if finished else None

    def balance(self, account: Account, currency: str) -> CashPosition:
        """What the account has of the currency, if only nothing."""
        position = self.cash.get(account, {}).get(currency)
        return position or CashPosition(account=account, currency=currency)

    def holding(self, account: Account, exchange: str, code: str) -> AssetPosition:
        """What the account holds of the symbol, if only nothing."""
        position = self.assets.get(account, {}).get((exchange, code))
        return position or AssetPosition(account=account, exchange=exchange, code=code)

    def knows(self, account: Account) -> bool:
        """Whether anything is held, or said, of the account."""
        return any(account in held for held in self.by_account())

    def accounts_of(self, owner_id: str) -> set[Account]:
        """All of the owner's of which anything is held or said."""
        return {account for held in self.by_account() for account in held if account.owner_id == owner_id}

    def by_account(self) -> tuple[dict[Account, Any], ...]:
        """Every dictionary whose key is an account, but for transactions, which are history."""
        return (
            self.accounts, self.orders, self.removed, self.trades, self.requests, self.digests, self.finished,
            self.forgettable, self.cash, self.assets, self.transfers,
        )  # fmt: skip

    def amendments_of(self, order: OrderState) -> Iterable[Amendment]:
        """Those in flight."""
        amendments = self.amendments.get((order.account, order.order_id))
        return amendments.values() if amendments else ()

    def reserved_by(self, order: OrderState) -> Decimal:
        """What the order reserves: money in its currency for a buyer, units for a seller."""
        return reserve(order, self.amendments_of(order))

    def destinations_of(self, order: OrderState) -> list[Account]:
        """Other accounts that moves in flight are to take it to: each reserves what the order needs."""
        moves = self.moves.get((order.account, order.order_id))
        return sorted({account for account, _ in moves} - {order.account}) if moves else []

    def next_removal(self) -> int | None:
        """When the next order is to be removed; None if none is."""
        while self.removals:
            time, account, order_id = self.removals[0]
            order = self.order(account, order_id)
            if order is not None and order.remove_after == time:
                return time
            heapq.heappop(self.removals)
        return None

    def removable(self, now: int) -> list[tuple[Account, str]]:
        """Orders whose time to be removed has come, in the order of these times."""
        due: dict[tuple[Account, str], int] = {}
        while self.removals and self.removals[0][0] <= now:
            time, account, order_id = heapq.heappop(self.removals)
            order = self.order(account, order_id)
            if order is not None and order.remove_after == time:
                due[account, order_id] = time
        for (account, order_id), time in due.items():
            heapq.heappush(self.removals, (time, account, order_id))  # until they are removed
        return list(due)
