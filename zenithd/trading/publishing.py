"""Tells subscribers of the Trading controller what changed (zenith-websocket 3.5).

Each topic exists twice: of one account (`Orders!XS:0001`) and of all accounts of a user (`Orders`, whose
entitlement says which those are).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from zenithd.bus import Bus
from zenithd.controllers.trading import records
from zenithd.controllers.trading.desk import TradingDesk
from zenithd.controllers.trading.subscriptions import RECORDS, cleared
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.events import (
    BalanceChanged,
    HoldingChanged,
    MetadataChanged,
    OrderChanged,
    RequestChanged,
    TransactionMade,
)
from zenithd.oms.model.updates import AccountDefined, AccountUndefined, OwnerUndefined, Transformed
from zenithd.trading.audit import audited
from zenithd.trading.desk import Told, accounts_of
from zenithd.wire.errors import ACCOUNT_NOT_FOUND, with_suffix
from zenithd.wire.trading.orders import REQUEST_TYPES, order_payload, request_payload
from zenithd.wire.trading.positions import (
    PROVIDER,
    account_payload,
    balance_payloads,
    holding_key,
    trading_feed,
)
from zenithd.wire.trading.transactions import transaction_payload

TRADING: Final = "Trading"

Payload = dict[str, Any]
Gathered = dict[tuple[str, Account], list[Payload]]
"""By topic and account."""


class TradingPublisher:
    """Turns the events of the order management system's views into frames for those who listen.

    A subscriber that came while something was being kept was told less than there is (`owe`): its topic is
    delivered anew once that is kept. So are all topics when the state was made again.
    """

    def __init__(self, bus: Bus, desk: TradingDesk) -> None:
        self._bus = bus
        self._desk = desk
        self._accounts: set[Account] = set()
        self._orders: dict[Account, set[str]] = {}
        """Orders that subscribers know of: others are added, not updated."""
        self._requests: dict[Account, set[str]] = {}
        self._holdings: dict[Account, set[tuple[str, str]]] = {}
        self._owed: set[str] = set()
        self._names: dict[Account, dict[str, tuple[str, str]]] = {}
        """Keys of each account's topics: asked for with every change, made once."""

    def begin(self) -> None:
        """Take what there is as known, and tell everybody all of it."""
        self._know()
        for topic in self._bus.topics_of(TRADING):
            topic.renew()

    def owe(self, topic: str) -> None:
        """Deliver a topic anew as soon as what is being kept is."""
        self._owed.add(topic)

    def publish(self, told: Sequence[Told]) -> None:
        """Tell what some updates changed, in their order."""
        owed, self._owed = self._owed, set()
        gathered: Gathered = {}
        for each in told:
            for event in each.events:
                if isinstance(event, OrderChanged):
                    self._order(event, gathered)
                elif isinstance(event, BalanceChanged):
                    if self._listens("Balances", event.position.account):
                        self._put(gathered, "Balances", event.position.account, *_balances(event))
                elif isinstance(event, HoldingChanged):
                    self._holding(event, gathered)
                elif isinstance(event, RequestChanged):
                    self._request(event, gathered)
                elif isinstance(event, TransactionMade):
                    self._transaction(event, gathered)
                elif isinstance(event, MetadataChanged):
                    self._metadata(event)
            self._audit(each, gathered)
        for (topic, account), payloads in gathered.items():
            self._send(topic, account, payloads, owed)
        for name in owed:
            if (topic_owed := self._bus.find(TRADING, name)) is not None:
                topic_owed.renew()

    def feed_status(self) -> None:
        """Tell the status of all accounts' feed, and of the feed itself."""
        entry = trading_feed(self._desk.feed_status())
        if (feeds := self._bus.find("Zenith", "Feeds")) is not None:
            feeds.publish(lambda visible: [entry] if PROVIDER in visible else None)
        status, desk = entry["Status"], self._desk
        if (topic := self._bus.find(TRADING, "Accounts")) is not None:
            topic.publish(
                lambda sees: [{"ID": str(each), "Feed": status} for each in sees.accounts(desk)] or None
            )
        if (topic := self._bus.find(TRADING, "TradingAccounts")) is not None:
            topic.publish(
                lambda sees: (
                    [
                        {"Operation": "Update", "Account": state}
                        for state in records.account_states(desk, sees.accounts(desk))
                    ]
                    or None
                )
            )

    def _know(self) -> None:
        state = self._desk.state
        self._accounts = set(state.accounts)
        self._orders = {account: set(held) for account, held in state.orders.items()}
        self._requests = {account: set(held) for account, held in state.requests.items()}
        self._holdings = {account: set(held) for account, held in state.assets.items()}
        self._owed.clear()

    # One event

    def _order(self, event: OrderChanged, gathered: Gathered) -> None:
        order = event.order
        if event.previous is not None and event.previous != order.account:
            self._orders.get(event.previous, set()).discard(order.order_id)
            self._put(gathered, "Orders", event.previous, _order_gone(order.order_id, event.previous))
        known = self._orders.setdefault(order.account, set())
        if event.removed:
            known.discard(order.order_id)
            self._put(gathered, "Orders", order.account, _order_gone(order.order_id, order.account))
            return
        operation = "U" if order.order_id in known else "A"
        known.add(order.order_id)
        if self._listens("Orders", order.account):
            payload = {"O": operation, "Order": order_payload(order)}
            self._put(gathered, "Orders", order.account, payload)

    def _holding(self, event: HoldingChanged, gathered: Gathered) -> None:
        position = event.position
        key, known = (position.exchange, position.code), self._holdings.setdefault(position.account, set())
        if event.removed:
            known.discard(key)
            gone = {"O": "R", "Holding": holding_key(position)}
            self._put(gathered, "Holdings", position.account, gone)
            return
        operation = "U" if key in known else "A"
        known.add(key)
        if self._listens("Holdings", position.account):
            payload = {"O": operation, "Holding": records.holding(self._desk.state, position)}
            self._put(gathered, "Holdings", position.account, payload)

    def _request(self, event: RequestChanged, gathered: Gathered) -> None:
        state = event.state
        account, request_id = state.request.account, state.request.request_id
        known = self._requests.setdefault(account, set())
        if event.removed:
            if request_id in known:
                known.discard(request_id)
                gone = {"O": "R", "Request": {"ID": request_id, "Account": str(account)}}
                self._put(gathered, "Requests", account, gone)
            return
        order = records.order_as_requested(self._desk.state, state)
        if order is None or type(state.request.body) not in REQUEST_TYPES:
            return  # of no order: the protocol has no record of it
        operation = "U" if request_id in known else "A"
        known.add(request_id)
        if self._listens("Requests", account):
            payload = request_payload(state, order)
            self._put(gathered, "Requests", account, {"O": operation, "Request": payload})

    def _transaction(self, event: TransactionMade, gathered: Gathered) -> None:
        transaction = event.transaction
        if not self._listens("Transactions", transaction.details.account):
            return
        payload = transaction_payload(transaction)
        if payload is not None:
            record = {"O": "A", "Transaction": payload}
            self._put(gathered, "Transactions", transaction.details.account, record)

    def _audit(self, each: Told, gathered: Gathered) -> None:
        if not any(self._listens("Audit", account) for account in accounts_of((each,))):
            return
        for entry in audited(each, self._desk.state):
            if self._listens("Audit", entry.account) and (payload := entry.payload()) is not None:
                self._put(gathered, "Audit", entry.account, {"O": "A", "Audit": payload})

    def _metadata(self, event: MetadataChanged) -> None:
        match event.update:
            case AccountDefined(details=details):
                self._account_defined(details.account)
            case AccountUndefined() | OwnerUndefined():
                for account in sorted(self._accounts - set(self._desk.state.accounts)):
                    self._account_gone(account)
            case Transformed():
                self.begin()
            case _:
                pass

    def _account_defined(self, account: Account) -> None:
        details = self._desk.state.accounts.get(account)
        if details is None:
            return  # a later update took it away again
        state = account_payload(details, self._desk.feed_status())
        is_new = account not in self._accounts
        self._accounts.add(account)
        self._send("Accounts", account, [state])
        operation = "Add" if is_new else "Update"
        self._send("TradingAccounts", account, [{"Operation": operation, "Account": state}])
        if is_new:  # whoever has all accounts has this one too
            for topic, render in RECORDS.items():
                self._send(topic, account, render(self._desk, account))

    def _account_gone(self, account: Account) -> None:
        self._accounts.discard(account)
        self._names.pop(account, None)
        self._send("Accounts", account, [records.account_gone(account)])
        gone = {"Operation": "Remove", "Account": {"ID": str(account)}}
        self._send("TradingAccounts", account, [gone])
        for topic in RECORDS:
            self._bus.end(TRADING, f"{topic}!{account}", with_suffix(ACCOUNT_NOT_FOUND, str(account)))
            self._send(topic, account, cleared(topic, account))

    # Sending

    def _put(self, gathered: Gathered, topic: str, account: Account, *payloads: Payload) -> None:
        gathered.setdefault((topic, account), []).extend(payloads)

    def _listens(self, topic: str, account: Account) -> bool:
        topics = self._bus.topics
        if (TRADING, topic) in topics:
            return True
        names = self._names.get(account)
        if names is None:
            names = self._names[account] = {each: (TRADING, f"{each}!{account}") for each in RECORDS}
        return names[topic] in topics

    def _send(
        self,
        name: str,
        account: Account,
        payloads: list[Payload],
        owed: frozenset[str] | set[str] = frozenset(),
    ) -> None:
        if not payloads:
            return
        for wanted in (f"{name}!{account}", name):
            topic = None if wanted in owed else self._bus.find(TRADING, wanted)
            if topic is not None:
                topic.publish(lambda accounts: payloads if account in accounts else None)


def _balances(event: BalanceChanged) -> list[Payload]:
    payloads = balance_payloads(event.position)
    if event.removed:
        return [{**payload, "Amount": 0} for payload in payloads]
    return payloads


def _order_gone(order_id: str, account: Account) -> Payload:
    return {"O": "R", "Order": {"ID": order_id, "Account": str(account)}}
