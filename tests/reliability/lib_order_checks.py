"""What must hold of orders whatever has happened; raises Different."""

from __future__ import annotations

from collections import Counter

from tests.oms.desk import FEED, D
from tests.reliability.lib_order_process import ACCOUNTS, MONEY, SHARES, Outside
from tests.reliability.lib_order_venue import trades_twice
from zenithd.oms.lifecycle import OWN_STATUSES
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.orders import OrderState, Side
from zenithd.oms.model.requests import OrderMove, OrderNew, RequestStatus
from zenithd.oms.reserves import reserve
from zenithd.oms.state import OmsState

AGREED = ("account", "quantity", "price", "executed_quantity", "executed_value", "is_completed", "status")


class Different(AssertionError):
    """Something was lost, doubled, or is not what it should be."""


def require(holds: bool, difference: str) -> None:
    """Raises Different unless it holds."""
    if not holds:
        raise Different(difference)


def check(outside: Outside, state: OmsState) -> None:
    """Nothing acknowledged is lost, nothing doubled, every fill is booked once, and all ledgers agree."""
    orders = {order.order_id: order for held in state.orders.values() for order in held.values()}
    require(len(orders) == sum(map(len, state.orders.values())), "an order is in two accounts")
    _check_known(outside, state, orders)
    _check_sends(outside)
    _check_fills(outside, state, orders)
    different = outside.journal.ledger.differences(state)
    require(not different, "the naive ledger differs: " + "; ".join(different[:3]))


def _check_known(outside: Outside, state: OmsState, orders: dict[str, OrderState]) -> None:
    for (account, request_id), (order_id, _) in outside.acknowledged.items():
        require(state.digest_of(account, request_id) is not None, f"{account} {request_id}: lost")
        require(order_id in orders or not order_id, f"{account} {request_id}: its order is lost")
    placed = Counter(
        order_id for order_id, request in outside.acknowledged.values() if isinstance(request.body, OrderNew)
    )
    require(all(count == 1 for count in placed.values()), "two requests have one order")
    unanswered = sum(isinstance(request.body, OrderNew) for request in outside.pending.values())
    extra = orders.keys() - placed.keys()
    require(len(extra) <= unanswered, f"orders that nobody placed: {sorted(extra)[:3]}")
    for held in state.requests.values():
        for request in held.values():
            require(request.status in RequestStatus, f"{request.request.request_id}: {request.status}")


def _check_sends(outside: Outside) -> None:
    venue = outside.venue
    for key, count in venue.sent.items():
        require(count <= 1 + venue.given_back[key], f"{key}: sent again without evidence")
    require(not venue.repeated_arrivals(), f"arrived twice: {venue.repeated_arrivals()[:3]}")
    require(not list(trades_twice(venue)), "the venue used a trade id twice")


def _check_fills(outside: Outside, state: OmsState, orders: dict[str, OrderState]) -> None:
    """The venue's own trades, as far as they were heard of, are the money and the shares."""
    heard = state.positions.get(FEED, 0)
    executed, totals = outside.venue.executed(heard), outside.venue.totals(heard)
    for order_id, order in orders.items():
        require(order.executed_quantity == executed[order_id], f"{order_id}: executed otherwise")
    for account in ACCOUNTS:
        money, shares = totals[account]
        cash, holding = state.balance(account, "AUD"), state.holding(account, "XSX", "XS01")
        require(cash.balance + cash.unbooked_transactions == MONEY + money, f"{account}: other money")
        require(holding.quantity == SHARES + shares, f"{account}: other shares")
        require(cash.trading >= 0 and holding.available >= 0, f"{account}: more than there is")
        mine = [order for order in orders.values() if order.account == account]
        bought = sum((state.reserved_by(each) for each in mine if each.side is Side.BUY), D(0))
        sold = sum((state.reserved_by(each) for each in mine if each.side is not Side.BUY), D(0))
        coming = [orders[name] for name in _coming(state, account, orders)]
        bought += sum((reserve(each) for each in coming if each.side is Side.BUY), D(0))
        sold += sum((reserve(each) for each in coming if each.side is not Side.BUY), D(0))
        require((-cash.unfilled_buys, holding.unfilled_sells) == (bought, sold), f"{account}: reserves")


def _coming(state: OmsState, account: Account, orders: dict[str, OrderState]) -> set[str]:
    """Orders that requests in flight would bring to the account: what they need is reserved there too."""
    bodies = [request.request.body for request in state.requests.get(account, {}).values()]
    return {
        body.order_id
        for body in bodies
        if isinstance(body, OrderMove)
        and body.order_id in orders
        and orders[body.order_id].account == body.prev_account != account
    }


def check_after_start(outside: Outside, state: OmsState) -> None:
    """Before its feed is there: whatever may have been sent is unknown, and says so."""
    check(outside, state)
    for held in state.requests.values():
        for request in held.values():
            name = request.request.request_id
            require(request.status is not RequestStatus.SUBMITTED, f"{name}: nobody knows, and it says sent")
            order = state.order(request.request.account, request.order_id)
            is_new = isinstance(request.request.body, OrderNew)
            if is_new and order is not None and request.status is RequestStatus.UNKNOWN:
                known = order.status == "Unknown" or order.status not in OWN_STATUSES
                require(known, f"{name}: unknown, and its order is {order.status}")


def check_settled(outside: Outside, state: OmsState) -> None:
    """Everything was delivered, said and asked: nobody is in doubt, and venue and system agree."""
    check(outside, state)
    venue = outside.venue
    require(not outside.pending, f"without an answer: {list(outside.pending)[:3]}")
    require(state.positions.get(FEED, 0) == len(venue.said), "not everything was heard of")
    placed = {
        order_id for order_id, request in outside.acknowledged.values() if isinstance(request.body, OrderNew)
    }
    for held in state.requests.values():
        for request in held.values():
            order = state.order(request.request.account, request.order_id)
            waits = request.status is RequestStatus.QUEUED or (order is not None and order.status == "Held")
            require(waits, f"{request.request.request_id} is still {request.status.value}")
    there = {order.order_id: order for held in state.orders.values() for order in held.values()}
    require(there.keys() == placed, f"other orders: {sorted(there.keys() ^ placed)[:3]}")
    for order_id, order in there.items():
        theirs = venue.orders.get(order_id)
        if theirs is None:
            require(order.status in OWN_STATUSES, f"{order_id}: {order.status}, and the venue has it not")
            continue
        for name in AGREED:
            ours, other = getattr(order, name), getattr(theirs, name)
            require(ours == other, f"{order_id}: {name} {ours}, the venue has {other}")
    unknown = venue.orders.keys() - there.keys()
    require(not unknown, f"the venue has orders that are not known: {sorted(unknown)[:3]}")
