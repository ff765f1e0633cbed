"""What the owner of the state has to find quickly: derived from the state, never kept. Pure.

Times stand in a heap, each with what it is for; a time that was overtaken is found out when it comes up.
"""

from __future__ import annotations

import heapq

from zenithd.oms.commands import DueKind, FallDue
from zenithd.oms.lifecycle import ORDER_HELD
from zenithd.oms.model import updates as u
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ConnectionStatus
from zenithd.oms.model.requests import ClientRequestState, RequestStatus
from zenithd.oms.rules import OmsRules
from zenithd.oms.state import OmsState

Key = tuple[Account, str]
_NOBODY = Account(owner_id="", account_id="")


class Agenda:
    """Indexes over the state.

    Attributes:
        by_feed: active requests by the feed that has them or is to get them, the oldest first.
        held: orders that wait for a price, by exchange and code.
    """

    def __init__(self, state: OmsState, rules: OmsRules) -> None:
        self._state = state
        self._rules = rules
        self.by_feed: dict[str, dict[Key, None]] = {}
        self.held: dict[tuple[str, str], dict[Key, None]] = {}
        self._times: list[tuple[int, str, str, Account]] = []
        self._routes: dict[Key, str] = {}
        self._held_as: dict[Key, tuple[str, str]] = {}
        self.rebuild()

    def rebuild(self) -> None:
        """From the state as it is."""
        for index in (self.by_feed, self.held, self._routes, self._held_as):
            index.clear()
        self._times.clear()
        for account, requests in self._state.requests.items():
            for request_id in requests:
                self._note_request(account, request_id)
        for account, orders in self._state.orders.items():
            for order_id in orders:
                self._note_order(account, order_id)
        for feed in self._state.feeds:
            self._note_feed(feed)

    def note(self, update: u.AnyUpdate) -> None:
        """An update was applied."""
        match update:
            case u.Requested():
                self._note_request(update.request.account, update.request.request_id)
            case u.RequestUpdated():
                self._note_request(update.update.account, update.update.request_id)
            case u.OrderUpdated() | u.OrderTraded():
                if update.update.previous_account is not None:
                    self._note_order(update.update.previous_account, update.order.order_id)
                self._note_order(update.order.account, update.order.order_id)
            case u.OrderReplaced():
                self._note_order(update.order.account, update.order.order_id)
            case u.OrderExpired():
                self._note_order(update.account, update.order_id)
            case u.FeedChanged():
                self._note_feed(update.details.feed_id)
            case u.Transformed():
                self.rebuild()
            case _:
                pass

    def next_due(self) -> int | None:
        """When something falls due; None: never. It may turn out that by then nothing does."""
        times = [time for time in (self._next_own(), self._state.next_removal()) if time is not None]
        return min(times, default=None)

    def due(self, now: int, most: int) -> list[FallDue]:
        """What has fallen due, in the order of its times, so many at most of each kind.

        Until it is carried out it is due again.
        """
        found: dict[tuple[int, str, str, Account], None] = {}
        while self._times and self._times[0][0] <= now and len(found) < most:
            entry = heapq.heappop(self._times)
            if self._time_of(entry) == entry[0]:
                found[entry] = None
        for entry in found:
            heapq.heappush(self._times, entry)
        due = [FallDue(DueKind(kind), key, account) for _, kind, key, account in found]
        return due + [
            FallDue(DueKind.ORDER, order_id, account)
            for account, order_id in self._state.removable(now)[:most]
        ]

    def time_of_request(self, state: ClientRequestState) -> int | None:
        """When something has to be done about a request; None: never."""
        feed = self._state.feeds.get(state.route)
        is_online = feed is not None and feed.status is ConnectionStatus.ONLINE
        if state.status is RequestStatus.SUBMITTED:
            return self._rules.after(state.timestamp, self._rules.answer_seconds if is_online else 0)
        if state.status is RequestStatus.QUEUED:
            queue = state.request.queue
            return queue.expire_after if queue is not None else None
        if state.status is not RequestStatus.PENDING:
            return None
        order = self._state.order(state.request.account, state.order_id)
        is_held = order is not None and order.status == ORDER_HELD
        if not is_held and is_online:
            again = self._rules.after(state.timestamp, self._rules.retry_seconds)
            return again if state.send_before is None else min(again, state.send_before)
        return state.send_before

    def _next_own(self) -> int | None:
        while self._times:
            entry = self._times[0]
            if self._time_of(entry) == entry[0]:
                return entry[0]
            heapq.heappop(self._times)
        return None

    def _time_of(self, entry: tuple[int, str, str, Account]) -> int | None:
        """When what this entry is about is due by now."""
        _, kind, key, account = entry
        if kind == DueKind.FEED.value:
            details = self._state.feeds.get(key)
            online = details is not None and details.status is not ConnectionStatus.DISCONNECTED
            return details.expire_after if details is not None and online else None
        state = self._state.request(account, key)
        return self.time_of_request(state) if state is not None else None

    def _note_request(self, account: Account, request_id: str) -> None:
        key = (account, request_id)
        state = self._state.request(account, request_id)
        route = state.route if state is not None else ""
        before = self._routes.get(key, "")
        if before != route:
            if before:
                del self.by_feed[before][key]
            if route:
                self.by_feed.setdefault(route, {})[key] = None
        if state is None:
            self._routes.pop(key, None)
            return
        self._routes[key] = route
        time = self.time_of_request(state)
        if time is not None:
            heapq.heappush(self._times, (time, DueKind.REQUEST.value, request_id, account))

    def _note_order(self, account: Account, order_id: str) -> None:
        key = (account, order_id)
        order = self._state.order(account, order_id)
        symbol = (order.exchange, order.code) if order is not None and order.status == ORDER_HELD else None
        before = self._held_as.pop(key, None)
        if before is not None:
            self._held_as[key] = before
            if before == symbol:
                return
            del self._held_as[key]
            self.held[before].pop(key, None)
            if not self.held[before]:
                del self.held[before]
        if symbol is not None:
            self.held.setdefault(symbol, {})[key] = None
            self._held_as[key] = symbol

    def _note_feed(self, feed: str) -> None:
        details = self._state.feeds.get(feed)
        if details is not None and details.expire_after is not None:
            heapq.heappush(self._times, (details.expire_after, DueKind.FEED.value, feed, _NOBODY))
        for account, request_id in self.by_feed.get(feed, ()):
            self._note_request(account, request_id)
