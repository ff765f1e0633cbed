"""AmendOrder: of orders that the hub still holds at once, of others by their exchange. Pure.

While an amendment is in flight the greater of both needs is reserved (`zenithd.oms.reserves`). At most one
amendment, move or cancellation of an order is in flight at a time: whoever comes in between is told to
`Retry`. A cancellation alone may overtake an amendment, and may follow one that is `Unknown`.
"""

from __future__ import annotations

from zenithd.oms.abilities import check_changes, check_instructions
from zenithd.oms.commands import Outcome, Submit
from zenithd.oms.conditions import arm, condition_of
from zenithd.oms.fields import check_account, check_distance, check_market, check_terms
from zenithd.oms.lifecycle import ORDER_HELD, ORDER_PENDING, ORDER_QUEUED, Signal
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.entity import ZERO
from zenithd.oms.model.orders import OrderState, OrderType, OrderUpdateReason
from zenithd.oms.model.requests import (
    ClientRequest,
    ClientRequestState,
    OrderAmend,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.updates import Requested
from zenithd.oms.placing import queue_for
from zenithd.oms.proposing import answer_of, lack, priced, refused, vet
from zenithd.oms.reference import Level, MarketView, Symbol
from zenithd.oms.refusals import Faults
from zenithd.oms.reserves import RESERVE_PRICE
from zenithd.oms.routing import (
    BEST_MARKET,
    best_of,
    dispatch,
    feed_of_order,
    find_destinations,
    market_of,
    route_of,
)
from zenithd.oms.turn import Turn, replace
from zenithd.oms.words import ALGORITHM, CONDITION, CONDITION_STOP, amended_properties, of_client

WITH_THE_HUB = frozenset({ORDER_QUEUED, ORDER_HELD})
"""Statuses of orders that no exchange has seen: the hub amends and cancels them itself."""


def amend(turn: Turn, command: Submit, body: OrderAmend) -> Outcome:
    """Change an order, or ask its exchange to, or say why not."""
    request = command.request
    faults = Faults()
    check_account(turn, request.account, faults)
    order = find_order(turn, request.account, body.order_id, faults)
    if order is None:
        return refused(request, faults)
    symbol = _check_same(turn, order, body, faults)
    _check_order(turn, order, body, faults)
    if symbol is None:
        return refused(request, faults)
    is_here = order.status in WITH_THE_HUB
    # What came as market order and rests is a limit order by now.
    rests = body.order_type is order.order_type is OrderType.MARKET_TO_LIMIT and order.price is not None
    check_terms(turn, request, body, symbol, faults, as_limit=rests and body.price is not None)
    check_instructions(turn, symbol.exchange, request, faults)
    ex_destination, market = _market_of(turn, order, request, body, symbol, faults)
    if market is None:
        faults.rejected("Internal.Unavailable")
        return refused(request, faults)
    check_distance(body, symbol, market, faults)
    if not is_here:
        check_changes(turn, order, request, body, faults)
        if not market.can_amend:
            faults.rejected("Status")
        check_market(body, market, faults)
    if faults:
        return refused(request, faults)
    wanted = amended(turn, order, request, symbol, market)
    if wanted is None:
        faults.rejected("OrderType.Status" if body.price is None else "Condition.Stop")
        return refused(request, faults)
    bound = replace(wanted, ex_destination=ex_destination)
    verdict = vet(turn, command, bound, order, (symbol, market))
    short = lack(turn, wanted, turn.state.reserved_by(order))
    if short is not None:
        faults.rejected(short)
    if verdict.level is Level.FAIL:
        faults.rejected(*verdict.codes)
    if faults or verdict.level is Level.FAIL:
        return refused(request, faults)
    if request.is_validate:
        return turn.accepted(answer_of(request, wanted))
    queue = None if order.status == ORDER_QUEUED else queue_for(turn, request, verdict)
    state = take(turn, replace(request, queue=queue), order, wanted)
    if queue is None:
        order = carry_out(turn, state, order)
    return turn.accepted(answer_of(request, order, wanted=wanted))


def find_order(turn: Turn, account: Account, order_id: str, faults: Faults) -> OrderState | None:
    """The order that a request concerns."""
    if not order_id:
        faults.absent("Order")
        return None
    order = turn.order(account, order_id)
    if order is None:
        faults.rejected("Order")
    return order


def in_flight(turn: Turn, order: OrderState) -> list[ClientRequestState]:
    """Requests that would change an order and of which it is not known yet whether they did."""
    return [
        each
        for each in turn.requests_of(order.account, order.order_id)
        if not isinstance(each.request.body, OrderNew)
    ]


def amended(
    turn: Turn, order: OrderState, request: ClientRequest, symbol: Symbol, market: MarketView
) -> OrderState | None:
    """The order as an amendment would have it; None if it has neither a price nor one to go by."""
    wanted = _with_terms(order, request, symbol, market)
    return priced(turn, wanted, market) if wanted is not None else None


def _with_terms(
    order: OrderState, request: ClientRequest, symbol: Symbol, market: MarketView
) -> OrderState | None:
    body = request.body
    assert isinstance(body, OrderAmend)
    values = of_client(request.values)
    if CONDITION_STOP in order.values:
        values[CONDITION_STOP] = order.values[CONDITION_STOP]
    wanted = replace(
        order,
        order_type=body.order_type,
        quantity=body.quantity,
        price=body.price,
        lifetime=body.lifetime,
        expiry_date=body.expiry_date,
        ex_destination=_destination(order, request, body),
        request_id=request.request_id,
        cfi_code=body.cfi_code or order.cfi_code,
        fee_codes=body.fee_codes or order.fee_codes,
        values=values,
        properties=amended_properties(order, request.properties),
    )
    condition = condition_of(wanted) if order.status in WITH_THE_HUB else None
    if condition is None:
        return wanted
    if CONDITION not in request.properties and order.values.get(CONDITION_STOP):
        condition = replace(condition, stop=order.values[CONDITION_STOP])
    return arm(wanted, condition, symbol, market)


def _destination(order: OrderState, request: ClientRequest, body: OrderAmend) -> str:
    """The trading market after an amendment: none any more for an order that is to go where it is best."""
    if order.status in WITH_THE_HUB and request.properties.get(ALGORITHM) == BEST_MARKET:
        return ""
    return body.ex_destination or order.ex_destination


def take(turn: Turn, request: ClientRequest, order: OrderState, wanted: OrderState) -> ClientRequestState:
    """An amendment is taken: from here on the greater of both needs is reserved."""
    deadline = turn.rules.after(turn.now, turn.rules.buffer_seconds)
    state = ClientRequestState(
        request=request,
        status=RequestStatus.PENDING if request.queue is None else RequestStatus.QUEUED,
        order_id=order.order_id,
        timestamp=turn.now,
        send_before=deadline if request.queue is None else None,
    )
    update = Requested(
        request=request,
        order_id=order.order_id,
        reserve_price=wanted.values.get(RESERVE_PRICE) if wanted.price is None else None,
        additional_funds=wanted.additional_funds,
        send_before=state.send_before,
    )
    return turn.take(state, update)


def carry_out(turn: Turn, state: ClientRequestState, order: OrderState) -> OrderState:
    """Nothing holds the request any more: change an order of the hub's own, or ask the exchange to."""
    request = state.request
    if order.status in WITH_THE_HUB and isinstance(request.body, OrderAmend):
        wanted = amended_by(turn, order, request)
        if wanted is None:
            turn.move(state, Signal.DENY)
            return order
        order = turn.put_order(wanted, OrderUpdateReason.REPLACE)
        turn.move(state, Signal.CONFIRM)
        return order
    dispatch(turn, state, order, feed_of_order(turn, order))
    return order


def amended_by(turn: Turn, order: OrderState, request: ClientRequest) -> OrderState | None:
    """The order after an amendment that was taken before, with what was estimated, and reserved, then."""
    symbol = turn.reference.symbol(order.exchange, order.code)
    if symbol is None:
        return None
    market = market_of(turn, order, symbol) or MarketView()
    amendments = turn.state.amendments.get((order.account, order.order_id), {})
    estimate = amendments.get(request.request_id)
    if estimate is None:
        return amended(turn, order, request, symbol, market)
    wanted = _with_terms(order, request, symbol, market)
    if wanted is None:
        return None
    values = dict(wanted.values)
    if wanted.price is None and estimate.reserve_price is not None:
        values[RESERVE_PRICE] = estimate.reserve_price
    return replace(wanted, values=values, additional_funds=estimate.additional_funds)


def wanted_by(turn: Turn, order: OrderState | None, request: ClientRequest) -> OrderState | None:
    """The order as an amendment in flight would have it; None of another request, or one that is done."""
    if order is None or not isinstance(request.body, OrderAmend) or order.request_id == request.request_id:
        return None
    return amended_by(turn, order, request)


def _check_same(turn: Turn, order: OrderState, body: OrderAmend, faults: Faults) -> Symbol | None:
    """An amendment repeats what cannot change."""
    for code, given, known in (
        ("Exchange", body.exchange, order.exchange),
        ("Symbol", body.code, order.code),
    ):
        if not given:
            faults.absent(code)
        elif given != known:
            faults.invalid(code)
    if body.side is not order.side:
        faults.invalid("Side")
    symbol = turn.reference.symbol(order.exchange, order.code)
    if symbol is None:
        faults.rejected("Symbol")
    return symbol


def _check_order(turn: Turn, order: OrderState, body: OrderAmend, faults: Faults) -> None:
    allowed = turn.status_of(order)
    if order.status == ORDER_PENDING:
        faults.rejected("Retry")  # on its way: clients try such a request again by themselves
    elif (
        allowed is None
        or not allowed.can_amend
        or order.is_completed
        or (body.prev_request_id and body.prev_request_id != order.request_id)
    ):
        faults.rejected("Order.Status")
    elif in_flight(turn, order):
        faults.rejected("Retry")
    if ZERO < body.quantity <= order.executed_quantity:
        faults.rejected("TotalQuantity.Executed")


def _market_of(
    turn: Turn, order: OrderState, request: ClientRequest, body: OrderAmend, symbol: Symbol, faults: Faults
) -> tuple[str, MarketView | None]:
    """Where the order is, or would go after the amendment: the trading market, and what is known of it."""
    if order.status not in WITH_THE_HUB:
        if body.ex_destination not in ("", order.ex_destination) or CONDITION in request.properties:
            faults.rejected("Operation")
        return order.ex_destination, turn.reference.market(symbol, order.ex_destination)
    wanted = body.ex_destination or order.ex_destination
    route = route_of(request.properties if request.properties.get(ALGORITHM) else order.properties, wanted)
    found = find_destinations(turn, order.account, symbol, route, faults)
    if not found:
        return wanted, MarketView()  # what is wrong with the route is known already
    best = best_of(turn, symbol, order.side, found).ex_destination
    return best, turn.reference.market(symbol, best)
