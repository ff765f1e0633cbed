"""PlaceOrder: from the client's wish to an order that reserves its money, and to its feed. Pure."""

from __future__ import annotations

from zenithd.oms.abilities import check_instructions
from zenithd.oms.commands import Outcome, Submit
from zenithd.oms.conditions import arm, condition_of
from zenithd.oms.fields import (
    check_account,
    check_distance,
    check_market,
    check_terms,
    date_of,
    find_symbol,
)
from zenithd.oms.lifecycle import ORDER_HELD, ORDER_PENDING, ORDER_QUEUED, Signal
from zenithd.oms.model.accounts import Account
from zenithd.oms.model.directory import ExchangeDestination
from zenithd.oms.model.orders import Lifetime, OrderState, OrderUpdateReason, Side
from zenithd.oms.model.requests import (
    ClientQueue,
    ClientRequest,
    ClientRequestState,
    ClientRequestUpdate,
    OrderNew,
    RequestStatus,
)
from zenithd.oms.model.updates import Requested
from zenithd.oms.proposing import answer_of, lack, priced, refused, vet
from zenithd.oms.reference import Level, MarketView, Symbol, Verdict
from zenithd.oms.refusals import Faults
from zenithd.oms.routing import MARKET, best_of, dispatch, feed_of, find_destinations, route_of
from zenithd.oms.turn import Turn, replace
from zenithd.oms.words import ALGORITHM, CONDITION, CONDITION_STOP, of_client

NEW = OrderUpdateReason.NEW


def place(turn: Turn, command: Submit, body: OrderNew) -> Outcome:
    """Take a new order, or say why not."""
    request = command.request
    faults = Faults()
    check_account(turn, request.account, faults)
    symbol = find_symbol(turn, request.account, body, faults)
    destination = market = None
    if symbol is not None:
        check_terms(turn, request, body, symbol, faults)
        check_instructions(turn, symbol.exchange, request, faults)
        route = route_of(request.properties, body.ex_destination)
        destination = _choose(turn, request.account, symbol, body.side, route, faults)
    if symbol is not None and destination is not None:
        market = turn.reference.market(symbol, destination.ex_destination)
        _check_market(request, body, symbol, market, faults)
    if faults or symbol is None or destination is None or market is None:
        return refused(request, faults)
    order = propose(turn, request, body, symbol, market)
    if order is None:
        faults.rejected("OrderType.Status" if body.price is None else "Condition.Stop")
        return refused(request, faults)
    bound = replace(order, ex_destination=destination.ex_destination)  # where it would go now
    verdict, short = vet(turn, command, bound, None, (symbol, market)), lack(turn, order)
    if short is not None:
        faults.rejected(short)
    if verdict.level is Level.FAIL:
        faults.rejected(*verdict.codes)
    if faults or verdict.level is Level.FAIL:
        return refused(request, faults)
    if request.is_validate:
        return turn.accepted(answer_of(request, order))
    return _take(turn, request, order, queue_for(turn, request, verdict), (symbol, market, destination))


def propose(
    turn: Turn,
    request: ClientRequest,
    body: OrderNew,
    symbol: Symbol,
    market: MarketView,
    known: OrderState | None = None,
) -> OrderState | None:
    """The order that a request asks for; None if it has neither a price nor one to go by.

    `known`: it has been taken already, and its request now has another body.
    """
    algorithm = request.properties.get(ALGORITHM, MARKET)
    order = OrderState(
        order_id=known.order_id if known is not None else "",
        account=request.account,
        code=body.code,
        exchange=body.exchange,
        currency=symbol.currency,
        side=body.side,
        order_type=body.order_type,
        quantity=body.quantity,
        price=body.price,
        lifetime=body.lifetime,
        expiry_date=body.expiry_date,
        ex_destination=body.ex_destination if algorithm == MARKET else "",
        request_id=request.request_id,
        cfi_code=body.cfi_code or symbol.cfi_code,
        values=of_client(request.values),
        properties=request.properties,
        ids=request.ids,
        fee_codes=body.fee_codes,
        created=known.created if known is not None else turn.now,
        status=known.status if known is not None else "",
    )
    condition = condition_of(order)
    if condition is not None:
        armed = arm(order, condition, symbol, market)
        if armed is None:
            return None
        order = armed
    return priced(turn, order, market)


def queue_for(turn: Turn, request: ClientRequest, verdict: Verdict) -> ClientQueue | None:
    """Where the request is held: where its client wants it, or where vetting sends it."""
    wanted = request.queue
    asked = wanted is not None and wanted.queue_id is not None
    if not asked and verdict.level is not Level.AUTH:
        return None
    expire_after = turn.rules.after(turn.now, turn.rules.queue_seconds)
    if wanted is not None and asked:
        return wanted if wanted.expire_after is not None else replace(wanted, expire_after=expire_after)
    return ClientQueue(
        queue_id=turn.rules.queue_id, expire_after=expire_after, reason=" ".join(verdict.codes)
    )


def is_waiting(order: OrderState, market: MarketView | None) -> bool:
    """Whether the order's condition is still to be met."""
    condition = condition_of(order)
    if condition is None:
        return False
    if market is None:
        return True
    price = condition.price_of(market)
    if condition.stop is None or price is None:
        return True
    return not condition.is_met(order.values[CONDITION_STOP], price)


def held_until(turn: Turn, order: OrderState) -> int | None:
    """Until when an order may wait for its condition; None: until somebody cancels it."""
    if order.lifetime is Lifetime.GOOD_TILL_CANCEL:
        return None
    day = turn.reference.trading_date(order.exchange, turn.now)
    if order.lifetime is Lifetime.GOOD_TILL_DATE and order.expiry_date is not None:
        day = date_of(order.expiry_date) or day
    return turn.reference.day_end(order.exchange, day)


def set_off(
    turn: Turn, state: ClientRequestState, order: OrderState, market: MarketView | None
) -> OrderState:
    """Nothing keeps a new order back any more but, maybe, its condition: hold it, or send it."""
    if is_waiting(order, market):
        order = turn.put_order(replace(order, status=ORDER_HELD), OrderUpdateReason.STATUS)
        _wait(turn, state, held_until(turn, order))
        return order
    return send(turn, state, order)


def send(turn: Turn, state: ClientRequestState, order: OrderState) -> OrderState:
    """Choose where a new order goes, and give it to that feed or let it wait for it."""
    symbol = turn.reference.symbol(order.exchange, order.code)
    exchange = turn.state.exchanges.get(order.exchange)
    faults = Faults()
    destination = None
    if symbol is not None and exchange is not None:
        route = route_of(order.properties, order.ex_destination)
        destination = _choose(turn, order.account, symbol, order.side, route, faults)
    if destination is None or exchange is None:
        turn.move(state, Signal.DENY, _errors(state, tuple(faults.errors) or ("Symbol",)))
        return reject_order(turn, order, tuple(faults.errors) or ("Symbol",))
    order = turn.put_order(
        replace(order, status=ORDER_PENDING, ex_destination=destination.ex_destination),
        OrderUpdateReason.STATUS,
    )
    deadline = turn.rules.after(turn.now, turn.rules.buffer_seconds)
    dispatch(turn, state, order, feed_of(exchange, destination), deadline)
    return order


def reject_order(
    turn: Turn, order: OrderState, errors: tuple[str, ...], status: str = "Rejected"
) -> OrderState:
    """The order never was on an exchange, and never will be."""
    reason = OrderUpdateReason.CANCEL if status != "Rejected" else OrderUpdateReason.REJECTED
    return turn.put_order(replace(order, status=status, errors=errors, is_completed=True), reason)


def _take(
    turn: Turn,
    request: ClientRequest,
    order: OrderState,
    queue: ClientQueue | None,
    where: tuple[Symbol, MarketView, ExchangeDestination],
) -> Outcome:
    symbol, market, destination = where
    order = replace(order, order_id=turn.around.identifiers.new_order_id())
    waits = queue is None and is_waiting(order, market)
    send_before = None
    if queue is None:
        deadline = turn.rules.after(turn.now, turn.rules.buffer_seconds)
        send_before = held_until(turn, order) if waits else deadline
    request = replace(request, queue=queue)
    status = ORDER_QUEUED if queue is not None else ORDER_HELD if waits else ORDER_PENDING
    if status == ORDER_PENDING:
        order = replace(order, ex_destination=destination.ex_destination)
    state = ClientRequestState(
        request=request,
        status=RequestStatus.PENDING if queue is None else RequestStatus.QUEUED,
        order_id=order.order_id,
        timestamp=turn.now,
        send_before=send_before,
    )
    turn.take(state, Requested(request=request, order_id=order.order_id, send_before=send_before))
    order = turn.put_order(replace(order, status=status), NEW)
    if status == ORDER_PENDING:
        dispatch(turn, state, order, feed_of(turn.state.exchanges[symbol.exchange], destination))
    return turn.accepted(answer_of(request, order))


def _choose(
    turn: Turn, account: Account, symbol: Symbol, side: Side, route: tuple[str, str], faults: Faults
) -> ExchangeDestination | None:
    found = find_destinations(turn, account, symbol, route, faults)
    return best_of(turn, symbol, side, found) if found else None


def _check_market(
    request: ClientRequest, body: OrderNew, symbol: Symbol, market: MarketView | None, faults: Faults
) -> None:
    if market is None:
        faults.rejected("Internal.Unavailable")
        return
    check_distance(body, symbol, market, faults)
    if CONDITION not in request.properties:
        if not market.can_place:
            faults.rejected("Symbol.Status")
        check_market(body, market, faults)


def _wait(turn: Turn, state: ClientRequestState, until: int | None) -> None:
    if until is None or state.send_before == until:
        return
    request = state.request
    update = ClientRequestUpdate(request_id=request.request_id, account=request.account, send_before=until)
    turn.note(state, update)


def _errors(state: ClientRequestState, errors: tuple[str, ...]) -> ClientRequestUpdate:
    request = state.request
    return ClientRequestUpdate(request_id=request.request_id, account=request.account, errors=errors)
