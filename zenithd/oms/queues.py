"""Queues: requests that wait for somebody who is authorised (platform A.7, 3 and 7). Pure.

Who may do this is the controller's to check. A queue operation is a request of its own: known by its id, and
over at once.
"""

from __future__ import annotations

from zenithd.oms.amending import amended, carry_out, wanted_by
from zenithd.oms.commands import Outcome, Submit
from zenithd.oms.fields import check_account, check_terms
from zenithd.oms.following import order_of
from zenithd.oms.lifecycle import Signal
from zenithd.oms.model.orders import OrderState, OrderUpdateReason
from zenithd.oms.model.requests import (
    ClientQueueReplace,
    ClientQueueUpdate,
    ClientRequestState,
    ClientRequestUpdate,
    OrderAmend,
    OrderNew,
    RequestBody,
    RequestStatus,
)
from zenithd.oms.model.updates import Requested
from zenithd.oms.placing import propose, reject_order, set_off
from zenithd.oms.proposing import answer_of, lack, refused
from zenithd.oms.reference import MarketView
from zenithd.oms.refusals import Faults
from zenithd.oms.reserves import RESERVE_PRICE
from zenithd.oms.routing import market_of
from zenithd.oms.turn import Turn, replace

REFUSED = ("Authority",)
"""What a refused request says unless whoever refused it said something else."""


def update_queued(turn: Turn, command: Submit, body: ClientQueueUpdate) -> Outcome:
    """Release, refuse, or hold a queued request elsewhere or longer.

    The request is named by its id, or by `order_id` for the one that is queued of that order.
    """
    request, update = command.request, body.update
    faults = Faults()
    check_account(turn, request.account, faults)
    state = _find(turn, request.account == update.account, update, faults)
    refuses = update.status is RequestStatus.REJECTED
    if not refuses and (update.target is None or update.status is not None):
        faults.invalid("Operation")
    if state is None or faults:
        return refused(request, faults)
    order = order_of(turn, state)
    if request.is_validate:
        return turn.accepted(answer_of(request, order))
    own = _take(turn, command, state)
    wanted = wanted_by(turn, order, state.request) if not refuses else None
    said = replace(update, request_id=state.request.request_id, order_id=None, external_id=None, route=None)
    if refuses:
        order = refuse(turn, state, order, said)
    elif said.target is not None and said.target.queue_id is not None:
        turn.move(state, Signal.HOLD, said)
    else:
        order = _release(turn, state, order, said)
    turn.move(own, Signal.CONFIRM)
    return turn.accepted(answer_of(request, order, wanted=wanted))


def replace_queued(turn: Turn, command: Submit, body: ClientQueueReplace) -> Outcome:
    """Give a queued request another body of the same kind: id, account, queue and authorities stay."""
    request = command.request
    faults = Faults()
    check_account(turn, request.account, faults)
    named = ClientRequestUpdate(request_id=body.request_id, account=request.account)
    state = _find(turn, True, named, faults)
    if state is None or faults:
        return refused(request, faults)
    before = state.request.body
    if type(before) is not type(body.body) or _concerned(before) != _concerned(body.body):
        faults.invalid("Operation")
        return refused(request, faults)
    order = order_of(turn, state)
    wanted = _wanted(turn, replace(state, request=replace(state.request, body=body.body)), order, faults)
    if faults:
        return refused(request, faults)
    if request.is_validate:
        return turn.accepted(answer_of(request, wanted or order))
    own = _take(turn, command, state, wanted)
    if wanted is not None and isinstance(body.body, OrderNew):
        order = turn.put_order(wanted, OrderUpdateReason.REPLACE)
    turn.move(own, Signal.CONFIRM)
    return turn.accepted(answer_of(request, order, wanted=wanted))


def refuse(
    turn: Turn, state: ClientRequestState, order: OrderState | None, update: ClientRequestUpdate
) -> OrderState | None:
    """A queued request is refused; with it the order that it was to bring."""
    errors = update.errors or REFUSED
    turn.move(state, Signal.REFUSE, replace(update, errors=errors, target=None))
    if order is not None and isinstance(state.request.body, OrderNew):
        return reject_order(turn, order, errors)
    return order


def _release(
    turn: Turn, state: ClientRequestState, order: OrderState | None, update: ClientRequestUpdate
) -> OrderState | None:
    deadline = turn.rules.after(turn.now, turn.rules.buffer_seconds)
    state = turn.move(state, Signal.RELEASE, replace(update, send_before=deadline))
    if order is None:
        return None
    if not isinstance(state.request.body, OrderNew):
        return carry_out(turn, state, order)
    symbol = turn.reference.symbol(order.exchange, order.code)
    return set_off(turn, state, order, market_of(turn, order, symbol) if symbol is not None else None)


def _find(
    turn: Turn, same_account: bool, update: ClientRequestUpdate, faults: Faults
) -> ClientRequestState | None:
    if not same_account:
        faults.invalid("Account")
        return None
    if update.request_id:
        found = [turn.request(update.account, update.request_id)]
    elif update.order_id:
        linked = turn.requests_of(update.account, update.order_id)
        found = [each for each in linked if each.request.account == update.account]
    else:
        faults.absent("Order")
        return None
    known = [each for each in found if each is not None]
    queued = [each for each in known if each.status is RequestStatus.QUEUED]
    if not queued:
        faults.rejected("Order.Status" if known or _has_order(turn, update) else "Order")
        return None
    return queued[0]


def _concerned(body: RequestBody) -> tuple[object, object]:
    """The order of a request, and where it is: what no replacement changes."""
    return getattr(body, "order_id", ""), getattr(body, "prev_account", None)


def _has_order(turn: Turn, update: ClientRequestUpdate) -> bool:
    return bool(update.order_id) and turn.order(update.account, update.order_id or "") is not None


def _wanted(
    turn: Turn, state: ClientRequestState, order: OrderState | None, faults: Faults
) -> OrderState | None:
    """The order as the replaced request would have it; None for a request that has no terms."""
    request, body = state.request, state.request.body
    if not isinstance(body, OrderNew | OrderAmend) or order is None:
        return None
    if (body.exchange, body.code, body.side) != (order.exchange, order.code, order.side):
        faults.invalid("Operation")
        return None
    symbol = turn.reference.symbol(order.exchange, order.code)
    if symbol is None:
        faults.rejected("Symbol")
        return None
    market = market_of(turn, order, symbol)
    check_terms(turn, request, body, symbol, faults)
    if faults:
        return None
    if isinstance(body, OrderNew):
        wanted = propose(turn, request, body, symbol, market or MarketView(), order)
    else:
        wanted = amended(turn, order, request, symbol, market or MarketView())
    if wanted is None:
        faults.rejected("OrderType.Status")
        return None
    short = lack(turn, wanted, turn.state.reserved_by(order))
    if short is not None:
        faults.rejected(short)
    return wanted


def _take(
    turn: Turn, command: Submit, target: ClientRequestState, wanted: OrderState | None = None
) -> ClientRequestState:
    request = replace(command.request, queue=None)
    state = ClientRequestState(
        request=request,
        status=RequestStatus.PENDING,
        order_id=target.order_id,
        timestamp=turn.now,
    )
    reserve_price = wanted.values.get(RESERVE_PRICE) if wanted is not None and wanted.price is None else None
    update = Requested(
        request=request,
        order_id=target.order_id,
        reserve_price=reserve_price,
        additional_funds=wanted.additional_funds if wanted is not None else {},
    )
    return turn.take(state, update)
