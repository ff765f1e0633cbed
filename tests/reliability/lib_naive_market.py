"""A market written from the rules alone: one list of orders, scanned whole for every question.

It shares nothing with the engine but the words for sides, types and the like. Where the engine reckons ahead
whether a condition can be met, this one tries it on a copy.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from zenithd.domain.market_data import Side
from zenithd_prodigy.model.orders import OrderType, SelfTrade, TimeInForce

ALLOWED = {
    "PreOpen": "place amend cancel",
    "Open": "place amend cancel match",
    "PreAuction": "place amend cancel",
    "Auction": "uncross",
    "PreClose": "cancel",
    "Closed": "",
    "Inquiry": "",
    "TradingHalt": "place amend cancel",
    "Suspend": "",
}
"""The table of the specification, typed a second time."""


@dataclass
class NaiveOrder:
    number: int
    owner: str
    side: Side
    kind: OrderType
    price: int | None
    whole: int
    shown_at_most: int | None
    least: int
    entire: bool
    validity: TimeInForce
    done: int = 0
    shown: int = 0
    queued_at: int = 0
    waits: bool = False
    """Beside the book, for its condition."""
    gone: bool = False

    @property
    def left(self) -> int:
        return self.whole - self.done

    @property
    def in_book(self) -> bool:
        return not self.waits and self.price is not None


Trade = tuple[int, int, int, int, Side | None]
"""Buy order, sell order, price, quantity, aggressor."""


@dataclass
class NaiveMarket:
    mode: SelfTrade = SelfTrade.OFF
    status: str = "Open"
    reference: int | None = None
    last: int | None = None
    orders: list[NaiveOrder] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    next_number: int = 1
    time: int = 0

    def may(self, what: str) -> bool:
        return what in ALLOWED[self.status].split()

    def place(self, order: NaiveOrder) -> bool:
        at_once = order.validity in (TimeInForce.IOC, TimeInForce.FOK)
        if not self.may("place") or (at_once and not self.may("match")):
            return False
        has_condition = bool(order.entire or order.least)
        if has_condition and (
            order.shown_at_most is not None or (order.kind is not OrderType.LIMIT and not at_once)
        ):
            return False
        if order.shown_at_most is not None and (
            order.shown_at_most > order.whole or order.kind is not OrderType.LIMIT
        ):
            return False
        if order.least > order.whole:
            return False
        order.number = self.next_number
        self.next_number += 1
        if self.may("match"):
            limit = order.price
            if order.kind is OrderType.MARKET_TO_LIMIT:
                limit = next((other.price for other in self.queue(self.contra(order))), None)
            self.enter(order, limit)
            self.try_waiting()
        else:
            order.waits = has_condition
            self.orders.append(order)
            self.to_end(order)
        return True

    def amend(
        self, number: int, owner: str, price: int | None, quantity: int | None, shown: int | None
    ) -> bool:
        order = self.find(number, owner)
        if order is None or not self.may("amend"):
            return False
        if price is not None and order.price is None:
            return False
        whole = order.whole if quantity is None else quantity
        if whole <= order.done or order.least > whole:
            return False
        if shown is not None and (order.price is None or shown > whole or order.entire or order.least):
            return False
        old = (order.price, order.whole, order.shown_at_most)
        new_price = order.price if price is None else price
        new_shown = order.shown_at_most if shown is None else shown
        if (new_price, whole, new_shown) == old:
            return False
        only_smaller = new_price == order.price and new_shown == order.shown_at_most and whole < order.whole
        order.price, order.whole, order.shown_at_most = new_price, whole, new_shown
        if only_smaller:
            order.shown = min(order.shown, order.left)
        elif self.may("match") and order.in_book:
            self.orders.remove(order)
            self.enter(order, order.price)
        else:
            self.to_end(order)
        if self.may("match"):
            self.try_waiting()
        return True

    def cancel(self, number: int, owner: str) -> bool:
        order = self.find(number, owner)
        if order is None or not self.may("cancel"):
            return False
        self.drop(order)
        if self.may("match"):
            self.try_waiting()
        return True

    def set_status(self, status: str) -> None:
        matched = self.may("match")
        self.status = status
        if self.may("uncross") or (self.may("match") and not matched):
            self.uncross()
        if self.may("match"):
            self.try_waiting()

    def end_day(self) -> None:
        for order in list(self.orders):
            if order.validity is TimeInForce.DAY:
                self.drop(order)
        if self.may("match"):
            self.try_waiting()

    # Continuous matching

    def enter(self, order: NaiveOrder, limit: int | None) -> None:
        """An order that comes in, or comes in again."""
        never_rests = limit is None or order.validity in (TimeInForce.IOC, TimeInForce.FOK)
        needed = order.least
        if order.entire or order.validity is TimeInForce.FOK:
            needed = order.left
        if needed and self.tried(order, limit) < needed:
            if never_rests:
                order.gone = True
            else:
                order.price, order.waits = limit, True
                self.orders.append(order)
                self.to_end(order)
            return
        self.take(order, limit)
        if order.left and not order.gone and not never_rests:
            order.price = limit
            order.waits = False
            self.orders.append(order)
            self.to_end(order)

    def tried(self, order: NaiveOrder, limit: int | None) -> int:
        """What it would execute before it meets an order of its own that it does not push aside."""
        other = copy.deepcopy(self)
        twin = copy.deepcopy(order)
        other.take(twin, limit, stops_at_own=self.mode is not SelfTrade.CANCEL_OLDEST)
        return twin.done - order.done

    def take(self, order: NaiveOrder, limit: int | None, *, stops_at_own: bool = False) -> None:
        while order.left and not order.gone:
            found = [
                other
                for other in self.queue(self.contra(order))
                if limit is None or (other.price <= limit if order.side is Side.BID else other.price >= limit)  # type: ignore[operator]
            ]
            if not found:
                return
            other = found[0]
            if self.mode is not SelfTrade.OFF and other.owner == order.owner:
                if stops_at_own:
                    return
                self.keep_apart(order, other)
                continue
            assert other.price is not None
            self.trade(order, other, other.price, min(order.left, other.shown), order.side)
            order.least = 0

    def keep_apart(self, order: NaiveOrder, other: NaiveOrder) -> None:
        if self.mode is SelfTrade.REDUCE:
            overlap = min(order.left, other.shown)
            order.whole -= overlap
            other.whole -= overlap
            self.show_next(other, overlap)
            if not order.left:
                order.gone = True
        if self.mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
            self.drop(other)
        if self.mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
            order.gone = True

    def trade(
        self, one: NaiveOrder, other: NaiveOrder, price: int, quantity: int, aggressor: Side | None
    ) -> None:
        buy, sell = (one, other) if one.side is Side.BID else (other, one)
        self.trades.append((buy.number, sell.number, price, quantity, aggressor))
        self.last = price
        for order in (one, other):
            order.done += quantity
            if order in self.orders:
                self.show_next(order, quantity)

    def show_next(self, order: NaiveOrder, quantity: int) -> None:
        """So much of a waiting order is gone: of the visible part first."""
        if not order.left:
            self.drop(order)
            return
        if not order.in_book:
            return
        order.shown = max(order.shown - quantity, 0)
        if not order.shown:
            self.to_end(order)

    def try_waiting(self) -> None:
        again = True
        while again:
            again = False
            for order in sorted((o for o in self.orders if o.waits), key=lambda o: o.queued_at):
                needed = order.left if order.entire else order.least
                if self.tried(order, order.price) >= needed:
                    self.orders.remove(order)
                    order.waits = False
                    self.enter(order, order.price)
                    again = True
                    break

    # Auction

    def auction(self) -> tuple[int | None, int, int]:
        """Price, quantity, surplus."""
        prices = sorted({o.price for o in self.orders if o.in_book and o.price is not None})
        reference = self.last if self.reference is None else self.reference
        if not prices and reference is not None:
            prices = [reference]
        found = []
        for price in prices:
            demand = supply = 0
            for order in self.orders:
                if order.waits:
                    continue
                if order.side is Side.BID and (order.price is None or order.price >= price):
                    demand += order.left
                if order.side is Side.ASK and (order.price is None or order.price <= price):
                    supply += order.left
            found.append((price, min(demand, supply), demand - supply))
        most = max((quantity for _, quantity, _ in found), default=0)
        if not most:
            return None, 0, 0
        found = [one for one in found if one[1] == most]
        least = min(abs(surplus) for _, _, surplus in found)
        found = [one for one in found if abs(one[2]) == least]
        if all(surplus > 0 for _, _, surplus in found):
            return max(found)
        if all(surplus < 0 for _, _, surplus in found):
            return min(found)
        wanted = (min(found)[0] + max(found)[0]) / 2 if reference is None else reference
        nearest = min(abs(price - wanted) for price, _, _ in found)
        return max(one for one in found if abs(one[0] - wanted) == nearest)

    def indicative(self) -> tuple[int | None, int, int]:
        return self.auction() if self.may("place") and not self.may("match") else (None, 0, 0)

    def uncross(self) -> None:
        price, quantity, _ = self.auction()
        if price is not None:
            lines = []
            for side, sign in ((Side.BID, -1), (Side.ASK, 1)):
                line = [o for o in self.orders if o.side is side and not o.waits]
                line = [o for o in line if o.price is None or sign * o.price <= sign * price]
                line.sort(key=lambda o: (o.price is not None, sign * (o.price or 0), o.queued_at))
                lines.append(line)
            while quantity:
                buy = next(o for o in lines[0] if o.left)
                sell = next(o for o in lines[1] if o.left)
                part = min(buy.left, sell.left, quantity)
                quantity -= part
                self.trade(buy, sell, price, part, None)
        for order in sorted((o for o in self.orders if o.price is None), key=lambda o: o.queued_at):
            if order.kind is OrderType.MARKET_TO_LIMIT and price is not None:
                order.price = price
                self.to_end(order)
            else:
                self.drop(order)

    # The list

    def queue(self, side: Side) -> list[NaiveOrder]:
        """The book of a side in the order in which it trades."""
        sign = -1 if side is Side.BID else 1
        return sorted(
            (o for o in self.orders if o.side is side and o.in_book),
            key=lambda o: (sign * (o.price or 0), o.queued_at),
        )

    def contra(self, order: NaiveOrder) -> Side:
        return Side.ASK if order.side is Side.BID else Side.BID

    def find(self, number: int, owner: str) -> NaiveOrder | None:
        return next((o for o in self.orders if o.number == number and o.owner == owner), None)

    def drop(self, order: NaiveOrder) -> None:
        self.orders = [o for o in self.orders if o is not order]
        order.gone = True

    def to_end(self, order: NaiveOrder) -> None:
        self.time += 1
        order.queued_at = self.time
        if order.in_book:
            order.shown = order.left if order.shown_at_most is None else min(order.left, order.shown_at_most)
        else:
            order.shown = 0
