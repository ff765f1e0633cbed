"""An exchange with a line that loses, repeats and delays, for plays against an `Oms`. It is truthful."""

from __future__ import annotations

from tests.oms.desk import D, replace
from zenithd.oms.commands import Send
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderState, OrderTrade, OrderUpdate, OrderUpdateReason
from zenithd.oms.model.orders import OrderUpdateReason as R
from zenithd.oms.model.requests import (
    ClientRequest,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.updates import OrderTraded, OrderUpdated, RequestUpdated

Key = tuple[Account, str]


class Venue:
    """Carries out what reaches it, and numbers everything that it has to say.

    Attributes:
        line: sends that are on their way to it.
        said: its feed; the update with sequence n is at n - 1.
        received: how often each request reached it.
        trades: what was traded, by order.
    """

    def __init__(self) -> None:
        self.line: list[Send] = []
        self.said: list[OrderUpdated | OrderTraded | RequestUpdated] = []
        self.received: dict[Key, int] = {}
        self.orders: dict[str, OrderState] = {}
        self.trades: list[tuple[OrderState, OrderTrade]] = []

    def under_way(self, key: Key) -> bool:
        """Whether the request may still arrive."""
        return any(key_of(each.request) == key for each in self.line)

    def arrive(self, place: int, how: int) -> None:
        """A send arrives. `how`: what the venue says, and whether it takes it."""
        send = self.line.pop(place)
        request, key = send.request, key_of(send.request)
        self.received[key] = self.received.get(key, 0) + 1
        if isinstance(request.body, OrderNew):
            assert send.order is not None
            self._new(send.order, request, how)
        elif isinstance(request.body, OrderAmend):
            self._amend(request, request.body, how)
        elif isinstance(request.body, OrderMove):
            self._move(request, request.body, how)
        else:
            assert isinstance(request.body, OrderCancel)
            self._cancel(request, request.body, how)

    def fill(self, place: int, part: int) -> None:
        """One of the open orders trades, some or all of it, at its price or better for it."""
        order = self._open(place)
        if order is None:
            return
        quantity = min(order.remainder, D(1 + part % 60))
        price = order.price
        assert price is not None
        trade = OrderTrade(trade_id=f"T{len(self.said)}", price=price, quantity=quantity)
        executed = order.executed_quantity + quantity
        over = executed >= order.quantity
        order = replace(
            order,
            executed_quantity=executed,
            executed_value=order.executed_value + price * quantity,
            status="Filled" if over else "PartialFill",
            is_completed=over,
        )
        self.orders[order.order_id] = order
        self.trades.append((order, trade))
        self.said.append(OrderTraded(order=order, update=OrderUpdate(reason=R.TRADE), trade=trade))

    def end(self, place: int) -> None:
        """One of the open orders is over without anybody asking."""
        order = self._open(place)
        if order is not None:
            self._say(replace(order, status="Cancelled", is_completed=True), R.CANCEL)

    def restate(self) -> None:
        """Say of every order how it is."""
        for order in list(self.orders.values()):
            self._say(order, R.RESTATED)

    def _open(self, place: int) -> OrderState | None:
        found = [order for order in self.orders.values() if not order.is_completed]
        return found[place % len(found)] if found else None

    def _new(self, order: OrderState, request: ClientRequest, how: int) -> None:
        if how % 5 == 0:
            self._decide(request, RequestStatus.REJECTED, "Symbol.Status")
            return
        if how % 3 == 0:
            self._decide(request, RequestStatus.SUBMITTED)
        if how % 7 == 0:
            self._decide(request, RequestStatus.COMPLETED)
        order = replace(
            order, status="OnMarket", external_id=f"E{len(self.said)}", request_id=request.request_id
        )
        self._say(order, R.NEW)

    def _amend(self, request: ClientRequest, body: OrderAmend, how: int) -> None:
        order = self.orders[body.order_id]
        if order.is_completed or body.quantity <= order.executed_quantity or how % 4 == 0:
            self._decide(request, RequestStatus.REJECTED, "Order.Status")
            return
        if how % 3 == 0:
            self._decide(request, RequestStatus.COMPLETED)
        changed = replace(order, quantity=body.quantity, price=body.price, request_id=request.request_id)
        self._say(changed, R.REPLACE)

    def _cancel(self, request: ClientRequest, body: OrderCancel, how: int) -> None:
        order = self.orders[body.order_id]
        if order.is_completed:
            self._decide(request, RequestStatus.REJECTED, "Order.Status")
            return
        if how % 3 == 0:
            self._decide(request, RequestStatus.COMPLETED)
        over = replace(order, status="Cancelled", is_completed=True, request_id=request.request_id)
        self._say(over, R.CANCEL)

    def _move(self, request: ClientRequest, body: OrderMove, how: int) -> None:
        order = self.orders[body.order_id]
        is_filled = order.status == "Filled"
        if order.account != body.prev_account or (order.is_completed and not is_filled) or how % 4 == 0:
            self._decide(request, RequestStatus.REJECTED, "Order.Status")
            return
        if how % 3 == 0:
            self._decide(request, RequestStatus.COMPLETED)
        moved = replace(order, account=request.account, request_id=request.request_id)
        self._say(moved, R.REPLACE, body.prev_account)

    def _say(
        self, order: OrderState, reason: OrderUpdateReason, previous_account: Account | None = None
    ) -> None:
        self.orders[order.order_id] = order
        update = OrderUpdate(reason=reason, previous_account=previous_account)
        self.said.append(OrderUpdated(order=order, update=update))

    def _decide(self, request: ClientRequest, status: RequestStatus, *errors: str) -> None:
        update = ClientRequestUpdate(
            request_id=request.request_id, account=request.account, status=status, errors=errors
        )
        self.said.append(RequestUpdated(update=update))


def key_of(request: ClientRequest) -> Key:
    """What a request is known by."""
    return request.account, request.request_id
