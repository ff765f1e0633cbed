"""CancelOrder and MoveOrder, and client cash transfers: requests without terms of an order. Pure."""

from __future__ import annotations

from zenithd.oms.amending import WITH_THE_HUB, find_order, in_flight
from zenithd.oms.commands import Outcome, Submit
from zenithd.oms.fields import check_account
from zenithd.oms.lifecycle import ORDER_CANCELLED, ORDER_PENDING, Signal
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import OrderState
from zenithd.oms.model.requests import (
    ClientCashTransfer,
    ClientRequest,
    ClientRequestState,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.updates import Requested
from zenithd.oms.placing import queue_for, reject_order
from zenithd.oms.proposing import answer_of, lack, refused, vet
from zenithd.oms.reference import Level, MarketView, Symbol, Verdict
from zenithd.oms.refusals import Faults
from zenithd.oms.routing import dispatch, feed_of_order, market_of
from zenithd.oms.turn import Turn, replace
from zenithd.oms.words import tag_of


def cancel(turn: Turn, command: Submit, body: OrderCancel) -> Outcome:
    """Take an order out, or ask its exchange to, or say why not."""
    request = command.request
    faults = Faults()
    check_account(turn, request.account, faults)
    order = find_order(turn, request.account, body.order_id, faults)
    if order is None:
        return refused(request, faults)
    allowed = turn.status_of(order)
    if order.status == ORDER_PENDING:
        faults.rejected("Retry")  # on its way: clients try such a request again by themselves
    elif (
        allowed is None
        or not allowed.can_cancel
        or order.is_completed
        or (body.quantity > 0 and body.quantity != order.quantity)
    ):
        faults.rejected("Order.Status")
    elif any(_hinders(each) for each in in_flight(turn, order)):
        faults.rejected("Retry")
    _check_same(body, order, faults)
    seen = _seen(turn, order)
    is_here = order.status in WITH_THE_HUB
    if not is_here and seen[1] is not None and not seen[1].can_cancel:
        faults.rejected("Status")
    if faults:
        return refused(request, faults)
    verdict = vet(turn, command, order, order, seen)
    if verdict.level is Level.FAIL:
        faults.rejected(*verdict.codes)
        return refused(request, faults)
    if request.is_validate:
        return turn.accepted(answer_of(request, order))
    if is_here:
        state = _take(turn, request, order)
        order = withdraw(turn, order)
        turn.move(state, Signal.CONFIRM)
    else:
        _take_and_send(turn, request, order, verdict)
    return turn.accepted(answer_of(request, order))


def withdraw(turn: Turn, order: OrderState) -> OrderState:
    """The client takes back an order that no exchange has seen."""
    for each in turn.requests_of(order.account, order.order_id):
        if isinstance(each.request.body, OrderNew):
            update = ClientRequestUpdate(
                request_id=each.request.request_id, account=each.request.account, text="cancelled"
            )
            turn.move(each, Signal.REFUSE, update)
        elif isinstance(each.request.body, OrderAmend):
            turn.move(each, Signal.DENY)
    return reject_order(turn, order, (), ORDER_CANCELLED)


def move(turn: Turn, command: Submit, body: OrderMove) -> Outcome:
    """Ask an exchange to give an order to the account of the request."""
    request = command.request
    faults = Faults()
    check_account(turn, request.account, faults)
    if tag_of(request.account.account_id) != tag_of(body.prev_account.account_id):
        faults.invalid("Route.Tag")
    order = find_order(turn, body.prev_account, body.order_id, faults)
    if order is None:
        return refused(request, faults)
    allowed = turn.status_of(order)
    is_there = request.account == body.prev_account
    if is_there:
        faults.invalid("Account")
    if order.status == ORDER_PENDING:
        faults.rejected("Retry")
    elif allowed is None or not allowed.can_move:
        faults.rejected("Order.Status")
    elif in_flight(turn, order) or turn.requests_of(request.account, order.order_id):
        faults.rejected("Retry")
    elif not is_there and turn.order(request.account, order.order_id) is not None:
        faults.rejected("Order")
    _check_same(body, order, faults)
    seen = _seen(turn, order)
    if faults:
        return refused(request, faults)
    moved = replace(order, account=request.account)
    verdict, short = vet(turn, command, moved, order, seen), lack(turn, moved)
    if short is not None:
        faults.rejected(short)
    if verdict.level is Level.FAIL:
        faults.rejected(*verdict.codes)
    if faults or verdict.level is Level.FAIL:
        return refused(request, faults)
    if not request.is_validate:
        _take_and_send(turn, request, order, verdict)
    return turn.accepted(answer_of(request, order))


def transfer_cash(turn: Turn, command: Submit, body: ClientCashTransfer) -> Outcome:
    """Ask the feed of the account's owner to bring or take money."""
    request = command.request
    faults = Faults()
    check_account(turn, request.account, faults)
    if not body.currency:
        faults.absent("Currency")
    if body.value == 0:
        faults.invalid("Details Value")
    elif -body.value > max(turn.state.balance(request.account, body.currency).trading, ZERO):
        faults.rejected("TotalValue.Balance")
    feed = _transfer_feed(turn, request, body)
    if not faults and feed not in turn.state.feeds:
        faults.rejected("Internal.Path")
    if faults:
        return refused(request, faults)
    if not request.is_validate:
        state = _take(turn, replace(request, queue=None), None)
        dispatch(turn, state, None, feed)
    return turn.accepted(answer_of(request, None))


def _take_and_send(turn: Turn, request: ClientRequest, order: OrderState, verdict: Verdict) -> None:
    queue = queue_for(turn, request, verdict)
    state = _take(turn, replace(request, queue=queue), order)
    if queue is None:
        dispatch(turn, state, order, feed_of_order(turn, order))


def _take(turn: Turn, request: ClientRequest, order: OrderState | None) -> ClientRequestState:
    deadline = turn.rules.after(turn.now, turn.rules.buffer_seconds) if request.queue is None else None
    state = ClientRequestState(
        request=request,
        status=RequestStatus.PENDING if request.queue is None else RequestStatus.QUEUED,
        order_id=order.order_id if order is not None else "",
        timestamp=turn.now,
        send_before=deadline,
    )
    return turn.take(state, Requested(request=request, order_id=state.order_id, send_before=deadline))


def _hinders(state: ClientRequestState) -> bool:
    """Whether a cancellation has to wait for this request: a queued amendment it overtakes, and one in
    flight; after a cancellation that was lost there may be another."""
    if isinstance(state.request.body, OrderAmend):
        return False
    return state.status is not RequestStatus.UNKNOWN


def _check_same(body: OrderCancel | OrderMove, order: OrderState, faults: Faults) -> None:
    """What a request repeats of its order, where it does, must be so."""
    if body.exchange not in ("", order.exchange):
        faults.invalid("Exchange")
    if body.code not in ("", order.code):
        faults.invalid("Symbol")
    if body.side is not order.side:
        faults.invalid("Side")
    if body.prev_request_id and body.prev_request_id != order.request_id:
        faults.rejected("Order.Status")


def _seen(turn: Turn, order: OrderState) -> tuple[Symbol, MarketView | None]:
    symbol = turn.reference.symbol(order.exchange, order.code)
    if symbol is not None:
        return symbol, market_of(turn, order, symbol)
    # Whoever unlists a symbol ends its orders; until then they can be taken out all the same.
    return Symbol(exchange=order.exchange, code=order.code, currency=order.currency), None


def _transfer_feed(turn: Turn, request: ClientRequest, body: ClientCashTransfer) -> str:
    owner = turn.state.owners.get(request.account.owner_id)
    for each in owner.destinations if owner is not None else ():
        if each.ex_destination == body.ex_destination:
            return each.route or request.account.owner_id
    return request.account.owner_id
