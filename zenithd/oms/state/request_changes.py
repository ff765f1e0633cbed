"""What requests and their updates do to the state: never to money, which the exchange's actions move. Pure.

One exception: an amendment or a move in flight reserves (see `zenithd.oms.reserves` and `moves`). A queue
operation that replaces a queued request's body takes effect with its `Requested`; one that updates a queued
request is only noted, its effect is the `RequestUpdated` that is kept with it.
"""

from __future__ import annotations

from typing import TypeVar

from zenithd.oms.ledger import replace
from zenithd.oms.lifecycle import is_sending
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.events import RequestChanged
from zenithd.oms.model.requests import (
    ClientQueueReplace,
    ClientRequestState,
    ClientRequestUpdate,
    OrderAmend,
    OrderCancel,
    OrderMove,
    OrderNew,
    RequestBody,
    RequestStatus,
)
from zenithd.oms.model.updates import Requested, RequestUpdated
from zenithd.oms.reserves import Amendment
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.finished import Finished, request_digest
from zenithd.oms.state.moves import begin_move, end_move
from zenithd.oms.state.retention import forget_finished, forget_if_alone, link

Value = TypeVar("Value")

_OVER = (RequestStatus.COMPLETED, RequestStatus.REJECTED)


def requested(effects: Effects, update: Requested) -> None:
    """A request is taken: `Queued` if it names a queue, else `Pending`."""
    state, request = effects.state, update.request
    account, request_id, body = request.account, request.request_id, request.body
    order_id = update.order_id or _order_id(body)
    queued = request.queue is not None and request.queue.queue_id is not None
    taken = ClientRequestState(
        request=request,
        status=RequestStatus.QUEUED if queued else RequestStatus.PENDING,
        order_id=order_id,
        timestamp=effects.time,
        send_before=update.send_before,
    )
    forget_finished(state, account, request_id)
    state.requests.setdefault(account, {})[request_id] = taken
    state.digests.setdefault(account, {})[request_id] = request_digest(request)
    link(state, account, request_id, order_id)
    if isinstance(body, OrderNew):
        state.orders_created += 1
    elif isinstance(body, OrderAmend):
        _reserve_amendment(effects, account, request_id, order_id, _amendment(body, update))
    elif isinstance(body, OrderMove):
        begin_move(effects, account, request_id, body)
    elif isinstance(body, ClientQueueReplace):
        _replace_body(effects, account, body, update)
    effects.events.append(RequestChanged(taken))


def request_updated(effects: Effects, update: RequestUpdated) -> None:
    """Something became of a request. One that is over leaves the view; its answer is still known."""
    change, state = update.update, effects.state
    before = state.request(change.account, change.request_id)
    if before is None:
        return
    after = _updated(before, change, effects.time)
    if after.order_id != before.order_id:
        link(state, change.account, change.request_id, after.order_id)
    if not after.is_completed:
        state.requests[change.account][change.request_id] = after
    else:
        _finish(effects, after)
    effects.events.append(RequestChanged(after, removed=after.is_completed))


def _updated(before: ClientRequestState, change: ClientRequestUpdate, time: int) -> ClientRequestState:
    """With what the change says; what it leaves out stays."""
    request = before.request
    if change.authorities:
        request = replace(request, authorities=request.authorities | change.authorities)
    if change.target is not None:
        request = replace(request, queue=change.target if change.target.queue_id is not None else None)
    return replace(
        before,
        request=request,
        status=before.status if change.status is None else change.status,
        external_id=before.external_id if change.external_id is None else change.external_id,
        order_id=before.order_id if change.order_id is None else change.order_id,
        timestamp=time,
        errors=change.errors or (() if change.status is RequestStatus.COMPLETED else before.errors),
        text=before.text if change.text is None else change.text,
        route=before.route if change.route is None else change.route,
        send_before=before.send_before if change.send_before is None else change.send_before,
        is_completed=change.is_completed or change.status in _OVER,
        sendings=before.sendings + is_sending(before.status, change.status),
    )


def _finish(effects: Effects, state: ClientRequestState) -> None:
    held, request = effects.state, state.request
    account, request_id = request.account, request.request_id
    _take_out(held.requests, account, request_id)
    digest = _take_out(held.digests, account, request_id)
    held.finished.setdefault(account, {})[request_id] = Finished(
        digest=digest,
        status=state.status,
        order_id=state.order_id,
        errors=state.errors,
        timestamp=effects.time,
    )
    forget_if_alone(held, account, request_id, state.order_id)
    if isinstance(request.body, OrderAmend):
        _reserve_amendment(effects, account, request_id, request.body.order_id, None)
    elif isinstance(request.body, OrderMove):
        end_move(effects, account, request_id, request.body)


def _take_out(by_account: dict[Account, dict[str, Value]], account: Account, request_id: str) -> Value:
    held = by_account[account]
    value = held.pop(request_id)
    if not held:
        del by_account[account]
    return value


def _amendment(body: OrderAmend, update: Requested) -> Amendment:
    return Amendment(
        quantity=body.quantity,
        price=body.price,
        reserve_price=update.reserve_price,
        additional_funds=update.additional_funds,
    )


def _reserve_amendment(
    effects: Effects, account: Account, request_id: str, order_id: str, amendment: Amendment | None
) -> None:
    """An amendment is in flight, or (None) no longer."""
    state = effects.state
    order = state.order(account, order_id)
    needed = state.reserved_by(order) if order is not None else ZERO
    amendments = state.amendments.setdefault((account, order_id), {})
    if amendment is not None:
        amendments[request_id] = amendment
    else:
        amendments.pop(request_id, None)
    if not amendments:
        del state.amendments[account, order_id]
    if order is not None:
        effects.reserve(order, needed, order)


def _replace_body(
    effects: Effects, account: Account, replacing: ClientQueueReplace, update: Requested
) -> None:
    """A queued request has another body; its id, account, queue and authorities stay."""
    state = effects.state
    before = state.request(account, replacing.request_id)
    if before is None:
        return
    body = replacing.body
    after = replace(before, request=replace(before.request, body=body), timestamp=effects.time)
    state.requests[account][replacing.request_id] = after
    if isinstance(before.request.body, OrderAmend):
        _reserve_amendment(effects, account, replacing.request_id, before.request.body.order_id, None)
    elif isinstance(before.request.body, OrderMove):
        end_move(effects, account, replacing.request_id, before.request.body)
    if isinstance(body, OrderAmend):
        amendment = _amendment(body, update)
        _reserve_amendment(effects, account, replacing.request_id, body.order_id, amendment)
    elif isinstance(body, OrderMove):
        begin_move(effects, account, replacing.request_id, body)
    effects.events.append(RequestChanged(after))


def _order_id(body: RequestBody) -> str:
    return body.order_id if isinstance(body, OrderAmend | OrderCancel | OrderMove) else ""
