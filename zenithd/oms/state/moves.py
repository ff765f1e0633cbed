"""Orders that are to go to other accounts: what each needs is reserved there too until it is decided. Pure.

From the request on the account that gets the order has what the order needs at any time, whatever of it is
executed meanwhile; when the order arrives that is the order's own reserve. Which requests these are follows
from the active requests; only what they reserve is in the positions.
"""

from __future__ import annotations

from zenithd.oms.model.accounts import Account
from zenithd.oms.model.requests import OrderMove
from zenithd.oms.state.effects import Effects
from zenithd.oms.state.held import Held


def begin_move(effects: Effects, account: Account, request_id: str, body: OrderMove) -> None:
    """A request to bring an order to `account` is in flight."""
    state = effects.state
    order = state.order(body.prev_account, body.order_id)
    before = state.destinations_of(order) if order is not None else ()
    _note(state, account, request_id, body)
    if order is not None:
        for destination in state.destinations_of(order):
            if destination not in before:
                effects.reserve_at(destination, order)


def end_move(effects: Effects, account: Account, request_id: str, body: OrderMove) -> None:
    """It is no longer; whether the order came is not its matter."""
    state, key = effects.state, (body.prev_account, body.order_id)
    order = state.order(*key)
    before = state.destinations_of(order) if order is not None else ()
    moves = state.moves.get(key)
    if moves is not None:
        moves.pop((account, request_id), None)
        if not moves:
            del state.moves[key]
    if order is not None:
        after = state.destinations_of(order)
        for destination in before:
            if destination not in after:
                effects.release_at(destination, order)


def note_moves(state: Held) -> None:
    """The index of all of them, from the active requests."""
    state.moves.clear()
    for account, requests in state.requests.items():
        for request_id, request in requests.items():
            if isinstance(request.request.body, OrderMove):
                _note(state, account, request_id, request.request.body)


def reserve_for_moves(effects: Effects) -> None:
    """All that they need, of which nothing is reserved yet."""
    for key in effects.state.moves:
        order = effects.state.order(*key)
        if order is not None:
            for destination in effects.state.destinations_of(order):
                effects.reserve_at(destination, order)


def release_for_moves(effects: Effects) -> None:
    """The opposite: for a change of many entities, after which it is reserved again."""
    for key in effects.state.moves:
        order = effects.state.order(*key)
        if order is not None:
            for destination in effects.state.destinations_of(order):
                effects.release_at(destination, order)


def _note(state: Held, account: Account, request_id: str, body: OrderMove) -> None:
    state.moves.setdefault((body.prev_account, body.order_id), {})[account, request_id] = None
