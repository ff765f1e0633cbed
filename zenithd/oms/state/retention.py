"""What is forgotten, and when: requests and orders that are over, the oldest first. Pure."""

from __future__ import annotations

from zenithd.oms.model.accounts import Account
from zenithd.oms.state.held import Held


def link(state: Held, account: Account, request_id: str, order_id: str) -> None:
    """The request concerns the order: it is known for as long as the order is held."""
    if order_id:
        state.requests_of_order.setdefault((account, order_id), {})[account, request_id] = None


def forget_requests_of(state: Held, account: Account, order_id: str) -> None:
    """The order is no more: its requests that are over may be forgotten."""
    for owner, request_id in state.requests_of_order.pop((account, order_id), ()):
        if request_id in state.finished.get(owner, ()):
            _may_forget(state, owner, request_id)


def forget_if_alone(state: Held, account: Account, request_id: str, order_id: str) -> None:
    """A request is over: it may be forgotten unless its order is held."""
    if order_id and state.order(account, order_id) is not None:
        return
    linked = state.requests_of_order.get((account, order_id))
    if linked is not None:
        linked.pop((account, request_id), None)
        if not linked:
            del state.requests_of_order[account, order_id]
    _may_forget(state, account, request_id)


def note_removed(state: Held, account: Account, order_id: str) -> None:
    """The order is not held any more; known to have been, up to a limit."""
    removed = state.removed.setdefault(account, {})
    removed[order_id] = None
    if len(removed) > state.limits.removed_orders:
        del removed[next(iter(removed))]
        if not removed:
            del state.removed[account]


def _may_forget(state: Held, account: Account, request_id: str) -> None:
    forgettable = state.forgettable.setdefault(account, {})
    forgettable[request_id] = None
    if len(forgettable) > state.limits.finished_requests:
        oldest = next(iter(forgettable))
        del forgettable[oldest]
        finished = state.finished[account]
        del finished[oldest]
        if not finished:
            del state.finished[account]
