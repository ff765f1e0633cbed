"""A venue that outlives the process which sends it orders, with a line that loses, repeats and delays.

It makes orders from requests alone: nothing of what the order management system holds comes here. What it
has traded is the third recomputation, beside the system's views and the naive ledger.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

from tests.oms.desk import FEED, D, replace
from tests.oms.venue import Key, Venue, key_of
from zenithd.oms.commands import Send
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderState, OrderUpdate, OrderUpdateReason, Side
from zenithd.oms.model.requests import (
    ClientRequest,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.updates import OrderTraded, OrderUpdated
from zenithd.oms.streaming import order_id_of


class RemoteVenue(Venue):
    """A venue on the other end of a line; everything of it survives the process.

    Attributes:
        released: so many of its updates have come over the line.
        sent: how often each request was put on the line.
        given_back: how often the venue's word was that a request never arrived.
    """

    def __init__(self) -> None:
        super().__init__()
        self.released = 0
        self.sent: Counter[Key] = Counter()
        self.given_back: Counter[Key] = Counter()

    def take(self, request: ClientRequest) -> None:
        """A request is on the line from here on, whatever becomes of who sent it."""
        self.sent[key_of(request)] += 1
        self.line.append(Send(FEED, request, order_of(request)))

    def arrive(self, place: int, how: int) -> None:
        """A send arrives; one that comes again is noticed, and not carried out again."""
        request = self.line[place].request
        key = key_of(request)
        if key in self.received:
            self.received[key] += 1
            self.line.pop(place)
        elif isinstance(request.body, OrderNew):
            super().arrive(place, how)
        else:
            self.received[key] = 0
            order = self.orders.get(request.body.order_id)
            wanted = request.body.prev_account if isinstance(request.body, OrderMove) else request.account
            if order is None or order.account != wanted:
                self._turn_away(place)
            elif isinstance(request.body, OrderMove):
                self._turn_away(place) if how % 4 == 0 else self._move(place, order)
            else:
                super().arrive(place, how)

    def arrive_all(self, how: int = 1) -> None:
        """Nothing is under way any more."""
        while self.line:
            self.arrive(0, how)

    def find_out(self, key: Key) -> bool:
        """Whether a request has arrived, once nothing of it is under way; the answer counts as given."""
        for place in reversed(range(len(self.line))):
            if key_of(self.line[place].request) == key:
                self.arrive(place, 1)
        has_arrived = key in self.received
        self.given_back[key] += not has_arrived
        return has_arrived

    def _turn_away(self, place: int) -> None:
        request = self.line.pop(place).request
        self.received[key_of(request)] += 1
        self._decide(request, RequestStatus.REJECTED, "Order.Status")

    def _move(self, place: int, order: OrderState) -> None:
        request = self.line.pop(place).request
        self.received[key_of(request)] += 1
        moved = replace(order, account=request.account, request_id=request.request_id)
        self.orders[order.order_id] = moved
        update = OrderUpdate(reason=OrderUpdateReason.STATUS, previous_account=order.account)
        self.said.append(OrderUpdated(order=moved, update=update))

    # What it knows of money and shares

    def totals(self, up_to: int) -> dict[Account, tuple[Decimal, Decimal]]:
        """What each account paid (negative) and received in shares, by the first so many updates."""
        found: dict[Account, tuple[Decimal, Decimal]] = defaultdict(lambda: (D(0), D(0)))
        for update in self.said[:up_to]:
            if isinstance(update, OrderTraded):
                sign = 1 if update.order.side is Side.BUY else -1
                money, shares = found[update.order.account]
                value = update.trade.price * update.trade.quantity
                found[update.order.account] = money - sign * value, shares + sign * update.trade.quantity
        return found

    def executed(self, up_to: int) -> Counter[str]:
        """What each order executed, by the first so many updates."""
        found: Counter[str] = Counter()
        for update in self.said[:up_to]:
            if isinstance(update, OrderTraded):
                found[update.order.order_id] += update.trade.quantity  # type: ignore[assignment]
        return found

    def repeated_arrivals(self) -> list[Key]:
        """Requests that came more than once."""
        return [key for key, count in self.received.items() if count > 1]


def order_of(request: ClientRequest) -> OrderState | None:
    """The order as the venue makes it of a new one; what only the other side knows is not in it."""
    body = request.body
    if not isinstance(body, OrderNew):
        assert isinstance(body, OrderAmend | OrderCancel | OrderMove)
        return None
    return OrderState(
        order_id=order_id_of(request),
        account=request.account,
        code=body.code,
        exchange=body.exchange,
        currency="AUD",
        side=body.side,
        order_type=body.order_type,
        quantity=body.quantity,
        price=body.price,
        lifetime=body.lifetime,
        ex_destination=body.ex_destination,
        request_id=request.request_id,
    )


def trades_twice(venue: RemoteVenue) -> Iterable[str]:
    """Trade ids that the venue itself used twice: then nothing that is compared means anything."""
    used = Counter(trade.trade_id for _, trade in venue.trades)
    return (trade_id for trade_id, count in used.items() if count > 1)
