"""Tells subscribers of the Trading controller what changed (zenith-websocket 3.5).

Each topic exists twice: of one account (`Orders!XS:0001`) and of all accounts of a user (`Orders`, whose
entitlement is the tuple of the accounts that the user sees).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from zenithd.bus import Bus
from zenithd.controllers.trading import records
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import (
    BalanceChanged,
    HoldingChanged,
    MetadataChanged,
    OrderChanged,
    RequestChanged,
    TransactionMade,
    ViewEvent,
)
from zenithd.oms.model.updates import AccountDefined, AccountUndefined
from zenithd.wire.trading.orders import order_payload, request_payload
from zenithd.wire.trading.positions import (
    PROVIDER,
    account_payload,
    balance_payloads,
    holding_key,
    holding_payload,
    trading_feed,
)
from zenithd.wire.trading.transactions import transaction_payload

TRADING: Final = "Trading"

Payload = dict[str, Any]
Told = dict[tuple[str, Account], list[Payload]]
"""By topic and account."""


class TradingPublisher:
    """Turns the events of the order management system's views into frames for those who listen."""

    def __init__(self, bus: Bus, desk: TradingDesk) -> None:
        self._bus = bus
        self._desk = desk
        self._orders: dict[Account, set[str]] = {}
        """Orders that subscribers know of: others are added, not updated."""
        self._requests: dict[Account, set[str]] = {}
        self._holdings: dict[Account, set[tuple[str, str]]] = {}

    def begin(self) -> None:
        """Take what there is as known; what subscribers get first is a snapshot."""
        state = self._desk.state
        self._orders = {account: set(held) for account, held in state.orders.items()}
        self._requests = {account: set(held) for account, held in state.requests.items()}
        self._holdings = {account: set(held) for account, held in state.assets.items()}

    def publish(self, events: Iterable[ViewEvent]) -> None:
        """Tell what some updates changed, in their order."""
        told: Told = {}
        for event in events:
            if isinstance(event, OrderChanged):
                self._order(event, told)
            elif isinstance(event, BalanceChanged):
                self._put(told, "Balances", event.position.account, *_balances(event))
            elif isinstance(event, HoldingChanged):
                self._holding(event, told)
            elif isinstance(event, RequestChanged):
                self._request(event, told)
            elif isinstance(event, TransactionMade):
                self._transaction(event, told)
            elif isinstance(event, MetadataChanged):
                self._metadata(event)
        for (topic, account), payloads in told.items():
            self._send(topic, account, payloads)

    def feed_status(self) -> None:
        """Tell the status of all accounts' feed, and of the feed itself."""
        entry = trading_feed(self._desk.feed_status())
        if (feeds := self._bus.find("Zenith", "Feeds")) is not None:
            feeds.publish(lambda visible: [entry] if PROVIDER in visible else None)
        status = entry["Status"]
        topic = self._bus.find(TRADING, "Accounts")
        if topic is not None:
            topic.publish(lambda accounts: [{"ID": str(each), "Feed": status} for each in accounts] or None)
        topic = self._bus.find(TRADING, "TradingAccounts")
        if topic is not None:
            topic.publish(
                lambda accounts: (
                    [
                        {"Operation": "Update", "Account": state}
                        for state in records.account_states(self._desk, accounts)
                    ]
                    or None
                )
            )

    # One event

    def _order(self, event: OrderChanged, told: Told) -> None:
        order = event.order
        if event.previous is not None and event.previous != order.account:
            self._orders.get(event.previous, set()).discard(order.order_id)
            self._put(told, "Orders", event.previous, _order_gone(order.order_id, event.previous))
        known = self._orders.setdefault(order.account, set())
        if event.removed:
            known.discard(order.order_id)
            self._put(told, "Orders", order.account, _order_gone(order.order_id, order.account))
            return
        operation = "U" if order.order_id in known else "A"
        known.add(order.order_id)
        if self._listens("Orders", order.account):
            payload = order_payload(order)
            self._put(told, "Orders", order.account, {"O": operation, "Order": payload})
        if self._listens("Audit", order.account):
            audit = {
                "Version": str(self._desk.state.update_id),
                "OrderID": order.order_id,
                "Account": str(order.account),
                "Type": "Order",
                "Order": order_payload(order),
            }
            self._put(told, "Audit", order.account, {"O": "A", "Audit": audit})

    def _holding(self, event: HoldingChanged, told: Told) -> None:
        position = event.position
        key, known = (position.exchange, position.code), self._holdings.setdefault(position.account, set())
        if event.removed:
            known.discard(key)
            gone = {"O": "R", "Holding": holding_key(position)}
            self._put(told, "Holdings", position.account, gone)
            return
        operation = "U" if key in known else "A"
        known.add(key)
        self._put(told, "Holdings", position.account, {"O": operation, "Holding": holding_payload(position)})

    def _request(self, event: RequestChanged, told: Told) -> None:
        state = event.state
        account, request_id = state.request.account, state.request.request_id
        known = self._requests.setdefault(account, set())
        if event.removed:
            if request_id in known:
                known.discard(request_id)
                gone = {"O": "R", "Request": {"ID": request_id, "Account": str(account)}}
                self._put(told, "Requests", account, gone)
            return
        payload = request_payload(state, records.order_as_requested(self._desk, state))
        if payload is not None:
            operation = "U" if request_id in known else "A"
            known.add(request_id)
            self._put(told, "Requests", account, {"O": operation, "Request": payload})

    def _transaction(self, event: TransactionMade, told: Told) -> None:
        transaction = event.transaction
        payload = transaction_payload(transaction)
        if payload is not None:
            record = {"O": "A", "Transaction": payload}
            self._put(told, "Transactions", transaction.details.account, record)

    def _metadata(self, event: MetadataChanged) -> None:
        update = event.update
        if isinstance(update, AccountDefined):
            account = update.details.account
            state = account_payload(update.details, self._desk.feed_status())
            self._send("Accounts", account, [state])
            self._send("TradingAccounts", account, [{"Operation": "Update", "Account": state}])
        elif isinstance(update, AccountUndefined):
            gone = {"Operation": "Remove", "Account": {"ID": str(update.account)}}
            self._send("TradingAccounts", update.account, [gone])

    # Sending

    def _put(self, told: Told, topic: str, account: Account, *payloads: Payload) -> None:
        told.setdefault((topic, account), []).extend(payloads)

    def _listens(self, topic: str, account: Account) -> bool:
        find = self._bus.find
        return find(TRADING, f"{topic}!{account}") is not None or find(TRADING, topic) is not None

    def _send(self, name: str, account: Account, payloads: list[Payload]) -> None:
        for wanted in (f"{name}!{account}", name):
            topic = self._bus.find(TRADING, wanted)
            if topic is not None:
                topic.publish(lambda accounts: payloads if account in accounts else None)


def _balances(event: BalanceChanged) -> list[Payload]:
    payloads = balance_payloads(event.position)
    if event.removed:
        return [{**payload, "Amount": 0} for payload in payloads]
    return payloads


def _order_gone(order_id: str, account: Account) -> Payload:
    return {"O": "R", "Order": {"ID": order_id, "Account": str(account)}}
