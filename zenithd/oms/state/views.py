"""The nine views (platform A.4), read from the held state. Pure.

A snapshot is the events that make an empty view the one that is held; what happens later comes as the events
of each update. `Targets` restrict both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import (
    ActionTaken,
    BalanceChanged,
    HoldingChanged,
    MetadataChanged,
    OrderChanged,
    RequestChanged,
    StatusChanged,
    TransactionMade,
    View,
    ViewEvent,
)
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.updates import (
    AccountDefined,
    AssetTransferred,
    CashTransferred,
    ExchangeDefined,
    OrderReplaced,
    OrderTraded,
    OrderUpdated,
    OwnerDefined,
    RequestStatusDefined,
)
from zenithd.oms.state.held import Held

VIEWS_OF: dict[type, frozenset[View]] = {
    StatusChanged: frozenset({View.STATUS}),
    ActionTaken: frozenset({View.UPDATES}),
    TransactionMade: frozenset({View.TRANSACTIONS}),
    HoldingChanged: frozenset({View.HOLDINGS}),
    BalanceChanged: frozenset({View.BALANCES}),
    RequestChanged: frozenset({View.REQUESTS, View.FEED}),
    OrderChanged: frozenset({View.ORDERS, View.FEED}),
    MetadataChanged: frozenset({View.METADATA}),
}
"""Which views an event belongs to; all of an account's go where the account is among the targets."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class Targets(msgspec.Struct, frozen=True):
    """What a subscription is aimed at (platform A.9): any of these; nothing at all means everything."""

    owners: frozenset[str] = frozenset()
    accounts: frozenset[Account] = frozenset()
    exchanges: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Not restricted."""
        return not (self.owners or self.accounts or self.exchanges or self.feeds)

    def names(self, account: Account) -> bool:
        """Whether an account is aimed at, by itself or with all of its owner's."""
        return account in self.accounts or account.owner_id in self.owners


EVERYTHING = Targets()


def snapshot(state: Held, view: View, targets: Targets = EVERYTHING) -> list[ViewEvent]:
    """What the view has now, as events; the position of the snapshot is `state.positions`."""
    return [event for event in _SNAPSHOTS[view](state, targets) if concerns(state, event, targets)]


def concerns(state: Held, event: ViewEvent, targets: Targets) -> bool:
    """Whether the event is for somebody who aims at this. Metadata and feed status are for everybody."""
    if targets.everything or isinstance(event, MetadataChanged):
        return True
    if isinstance(event, StatusChanged):
        return not targets.feeds or event.details.feed_id in targets.feeds
    accounts, exchange = _about(event)
    if any(targets.names(account) for account in accounts) or exchange in targets.exchanges:
        return True
    return bool(targets.feeds) and _feed_of(state, event) in targets.feeds


def feed_of_order(state: Held, order: OrderState) -> str:
    """The feed that carries an order: the route of its trading market, or the exchange's own name (A.7)."""
    details = state.exchanges.get(order.exchange)
    for destination in details.destinations if details else ():
        if destination.ex_destination == order.ex_destination:
            return destination.route or order.exchange
    return order.exchange


def _about(event: ViewEvent) -> tuple[tuple[Account, ...], str | None]:
    """The accounts that an event is about, and the exchange if it is about one."""
    match event:
        case BalanceChanged():
            return (event.position.account,), None
        case HoldingChanged():
            return (event.position.account,), event.position.exchange
        case OrderChanged():
            return _of_order(event.order, event.previous)
        case RequestChanged():
            return (event.state.request.account,), getattr(event.state.request.body, "exchange", None)
        case TransactionMade():
            assets = event.transaction.asset_transfer or event.transaction.asset_adjustment
            return (event.transaction.details.account,), assets.exchange if assets else None
        case ActionTaken(update=OrderUpdated() | OrderTraded() as update):
            return _of_order(update.order, update.update.previous_account)
        case ActionTaken(update=OrderReplaced() as update):
            return _of_order(update.order, None)
        case ActionTaken(update=CashTransferred() as update):
            return (update.transaction.account,), None
        case ActionTaken(update=AssetTransferred() as update):
            return (update.transaction.account,), update.transfer.exchange
        case _:
            return (), None


def _of_order(order: OrderState, previous: Account | None) -> tuple[tuple[Account, ...], str]:
    accounts = (order.account,) if previous is None else (order.account, previous)
    return accounts, order.exchange


def _feed_of(state: Held, event: ViewEvent) -> str | None:
    match event:
        case OrderChanged():
            return feed_of_order(state, event.order)
        case RequestChanged():
            return event.state.route
        case _:
            return None


def _status(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    return (StatusChanged(details) for details in state.feeds.values())


def _updates(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    orders = _of_accounts(state.orders, targets)
    return (ActionTaken(OrderReplaced(order=order)) for order in orders)


def _transactions(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    return (TransactionMade(transaction) for transaction in _of_accounts(state.transactions, targets))


def _holdings(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    return (HoldingChanged(position) for position in _of_accounts(state.assets, targets))


def _balances(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    return (BalanceChanged(position) for position in _of_accounts(state.cash, targets))


def _requests(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    return (RequestChanged(request) for request in _of_accounts(state.requests, targets))


def _orders(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    return (OrderChanged(order) for order in _of_accounts(state.orders, targets))


def _metadata(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    for owner in state.owners.values():
        yield MetadataChanged(OwnerDefined(details=owner))
    for account in state.accounts.values():
        yield MetadataChanged(AccountDefined(details=account))
    for exchange in state.exchanges.values():
        yield MetadataChanged(ExchangeDefined(details=exchange))
    for status in state.request_statuses.values():
        yield MetadataChanged(RequestStatusDefined(details=status))


def _feed(state: Held, targets: Targets) -> Iterator[ViewEvent]:
    """What an adapter needs to go on: open orders and outstanding requests."""
    for event in _orders(state, targets):
        if isinstance(event, OrderChanged) and not event.order.is_completed:
            yield event
    yield from _requests(state, targets)


def _of_accounts(held: dict[Account, dict[Key, Value]], targets: Targets) -> Iterator[Value]:
    """The values of one account after the other; of few accounts only theirs are looked at."""
    only_accounts = targets.accounts and not (targets.owners or targets.exchanges or targets.feeds)
    accounts: Iterable[Account] = sorted(targets.accounts) if only_accounts else held
    for account in accounts:
        yield from held.get(account, {}).values()


_SNAPSHOTS: dict[View, Callable[[Held, Targets], Iterator[ViewEvent]]] = {
    View.STATUS: _status,
    View.UPDATES: _updates,
    View.TRANSACTIONS: _transactions,
    View.HOLDINGS: _holdings,
    View.BALANCES: _balances,
    View.REQUESTS: _requests,
    View.ORDERS: _orders,
    View.METADATA: _metadata,
    View.FEED: _feed,
}
