"""What is forgotten, and when: requests and orders that are over, the oldest first. Pure."""

from __future__ import annotations

from typing import TypeVar

from zenithd.oms.model.accounts import Account
from zenithd.oms.state.held import Held

Value = TypeVar("Value")


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


def keep_within_limits(state: Held) -> None:
    """Forget what is more than the limits allow: they were others when it was remembered."""
    limits = state.limits
    for account, request_ids in list(state.forgettable.items()):
        for request_id in list(request_ids)[: max(len(request_ids) - limits.finished_requests, 0)]:
            _take_out(state.forgettable, account, request_id)
            _take_out(state.finished, account, request_id)
    _keep_newest(state.removed, limits.removed_orders)
    _keep_newest(state.transactions, limits.transactions)
    _keep_newest(state.transfers, limits.transfers)


def forget_finished(state: Held, account: Account, request_id: str) -> None:
    """The id is used again: what it was before is forgotten, as it was when the id was taken.

    That happens only at replay, with larger limits than there were.
    """
    if request_id in state.finished.get(account, ()):
        _take_out(state.finished, account, request_id)
        _take_out(state.forgettable, account, request_id)


def _keep_newest(held: dict[Account, dict[str, Value]], most: int) -> None:
    for account, entries in list(held.items()):
        for name in list(entries)[: max(len(entries) - most, 0)]:
            _take_out(held, account, name)


def _take_out(held: dict[Account, dict[str, Value]], account: Account, name: str) -> None:
    entries = held.get(account)
    if entries is None:
        return
    entries.pop(name, None)
    if not entries:
        del held[account]


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
